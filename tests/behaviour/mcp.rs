//! `mcp` as any JSON-RPC client meets it: one message a line, in and out, whatever is written.
//! tests/mcp does the same with the client of PyPI's `mcp`.

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::site::{Site, stderr};

/// What `mcp` answers to `input`, line by line.
fn answers(site: &Site, arguments: &[&str], input: &str) -> Vec<Value> {
    let mut command = site.command(&[&["mcp"], arguments].concat());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ask(site: &Site, arguments: &[&str], asked: &Value) -> Value {
    let all = answers(site, arguments, &format!("{asked}\n"));
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].clone()
}

/// What a tool answers: its JSON, and whether that is an error.
fn call(site: &Site, arguments: &[&str], name: &str, given: &Value) -> (Value, bool) {
    let params = json!({"name": name, "arguments": given});
    let asked = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    let result = ask(site, arguments, &asked)["result"].clone();
    let text = result["content"][0]["text"].as_str().unwrap();
    (serde_json::from_str(text).unwrap(), result["isError"] == true)
}

#[test]
fn whatever_is_written_the_answer_is_one_line_of_json_rpc_and_the_end_of_input_is_the_end() {
    let site = Site::new();
    let long = format!("{{\"id\":7,\"method\":\"ping\",\"x\":\"{}\"}}", "x".repeat(300 * 1024));
    for (line, expected) in [
        ("", None),
        ("Halo", Some((-32700, Value::Null))),
        ("{\"id\":1", Some((-32700, Value::Null))),
        ("7", Some((-32600, Value::Null))),
        ("[]", Some((-32600, Value::Null))),
        ("{\"id\":1,\"method\":7}", Some((-32600, json!(1)))),
        ("{\"id\":\"a\",\"method\":\"resources/list\"}", Some((-32601, json!("a")))),
        ("{\"id\":1,\"method\":\"tools/call\"}", Some((-32602, json!(1)))),
        (
            "{\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"show_message\",\"arguments\":[]}}",
            Some((-32602, json!(1))),
        ),
        ("{\"method\":\"notifications/initialized\"}", None),
        ("{\"id\":1,\"result\":{}}", None),
        (&long, Some((-32600, Value::Null))),
    ] {
        // It goes on after each of them.
        let all = answers(&site, &[], &format!("{line}\n{{\"id\":2,\"method\":\"ping\"}}"));
        let (last, first) = all.split_last().unwrap();
        assert_eq!(*last, json!({"jsonrpc": "2.0", "id": 2, "result": {}}), "{line:.80}");
        assert!(first.len() <= 1, "{line:.80}: {first:?}");
        let found =
            first.first().map(|one| (one["error"]["code"].as_i64().unwrap(), one["id"].clone()));
        assert_eq!(found, expected, "{line:.80}");
    }
    let batch =
        "[{\"id\":1,\"method\":\"ping\"},{\"method\":\"x\"},{\"id\":2,\"method\":\"ping\"}]\n";
    assert_eq!(answers(&site, &[], batch)[0].as_array().unwrap().len(), 2);
    assert!(answers(&site, &[], "").is_empty());
}

#[test]
fn it_speaks_the_version_that_is_asked_for_or_its_newest() {
    let site = Site::new();
    for (asked, spoken) in
        [("2024-11-05", "2024-11-05"), ("2025-06-18", "2025-06-18"), ("1999-01-01", "2025-11-25")]
    {
        let params = json!({"protocolVersion": asked, "capabilities": {}});
        let asked = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params});
        let result = &ask(&site, &[], &asked)["result"];
        assert_eq!(result["protocolVersion"], spoken);
        assert_eq!(result["capabilities"], json!({"tools": {}}));
    }
}

#[test]
fn what_it_schedules_is_a_draft_unless_it_may_send_and_without_the_right_to_write_nothing() {
    let site = Site::new();
    let message = json!({"text": "Halo", "to": ["081200007001"]});
    let asked = json!({"id": 1, "method": "tools/call", "params": {"name": "schedule_message", "arguments": message}});
    for arguments in [&[][..], &["--can", "read"]] {
        let refused = ask(&site, arguments, &asked);
        assert_eq!(refused["error"]["message"], "`schedule_message` needs `mcp --can write`");
    }
    assert_eq!(
        site.sql().query_row("SELECT count(*) FROM auto_messages", [], |row| row.get(0)),
        Ok(0)
    );
    for (arguments, status) in
        [(&["--can", "write"][..], "draft"), (&["--can", "write", "--may-send"], "scheduled")]
    {
        let (made, is_error) = call(&site, arguments, "schedule_message", &message);
        assert!(!is_error, "{made}");
        assert_eq!(made["status"], status);
        let (shown, _) = call(&site, &[], "show_message", &json!({"id": made["id"]}));
        assert_eq!(shown["status"], status);
    }
    // What it carries, without a text of its own.
    let poll = json!({"kind": "poll", "question": "Jam berapa?", "options": ["Pagi", "Siang"]});
    let carrying = json!({"content": poll, "to": ["081200007001"]});
    let (made, is_error) = call(&site, &["--can", "write"], "schedule_message", &carrying);
    assert!(!is_error, "{made}");
    let (shown, _) = call(&site, &[], "show_message", &json!({"id": made["id"]}));
    assert_eq!(shown["content"], poll);
    let wrong = json!({"content": {"kind": "sticker"}, "to": ["081200007001"]});
    let (refused, is_error) = call(&site, &[], "preview_message", &wrong);
    assert!(is_error && refused["code"] == "content_kind", "{refused}");
    let refused = site.run(&["mcp", "--may-send"]);
    assert!(stderr(&refused).contains("--may-send needs --can write"), "{}", stderr(&refused));
    assert!(site.run(&["run"]).status.success());
    assert_eq!(site.waha.received().len(), 1);
}

#[test]
fn a_database_that_is_not_there_is_not_made() {
    let site = Site::new();
    std::fs::remove_file(site.database()).unwrap();
    let refused = site.run(&["mcp"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("there is no database"), "{}", stderr(&refused));
    assert!(!site.database().exists());
}
