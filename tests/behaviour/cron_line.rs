//! `cron-line`: what it prints works when cron gives it to a shell, and keeps the secret out of `ps`.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::site::{SECRET, Site, stderr, until};

fn printed(site: &Site, arguments: &[&str]) -> String {
    let output = site.run(arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// The command as cron gives it to the shell.
fn command(printed: &str) -> String {
    let line = printed.lines().find(|line| !line.starts_with('#')).unwrap();
    line.splitn(6, ' ').nth(5).unwrap().replace("\\%", "%")
}

/// As cron does it: elsewhere, and with next to no environment.
fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).current_dir("/").env_clear().env("PATH", "/usr/bin:/bin");
    shell.stdin(Stdio::null());
    shell
}

fn output(command: &str) -> Output {
    shell(command).output().unwrap()
}

#[test]
fn the_line_for_a_run_works_from_anywhere_also_with_odd_names() {
    let site = Site::new();
    let odd = site.path("bu ani's 100% toko");
    fs::create_dir(&odd).unwrap();
    for name in ["auto-message-scheduler.env", "shop.db"] {
        fs::rename(site.path(name), odd.join(name)).unwrap();
    }
    for side in ["shop.db-wal", "shop.db-shm"] {
        drop(fs::rename(site.path(side), odd.join(side)));
    }
    let in_odd = |arguments: &[&str]| {
        let output = crate::site::command(&odd, arguments).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let sql = rusqlite::Connection::open(odd.join("shop.db")).unwrap();
    for (number, arguments) in [
        vec!["cron-line"],
        vec!["cron-line", "--max-seconds", "50"],
        vec!["cron-line", "--every", "5", "--env-file", "auto-message-scheduler.env"],
    ]
    .iter()
    .enumerate()
    {
        let insert = "INSERT INTO auto_messages (message, contact_ids, scheduled_at)
                      VALUES ('x', '081200007001', datetime('now'))";
        sql.execute(insert, []).unwrap();
        // The pace: the turn of the next one is a second later.
        sql.execute("UPDATE channels SET ready_at = NULL", []).unwrap();
        let ran = output(&command(&in_odd(arguments)));
        assert_eq!((ran.status.code(), stderr(&ran).as_str()), (Some(0), ""), "{arguments:?}");
        assert_eq!(site.waha.received().len(), number + 1, "{arguments:?}");
    }
}

#[test]
fn the_line_for_curl_triggers_the_server_wherever_the_secret_is_kept() {
    let site = Site::new();
    let server = site.serve();
    let url = format!("http://{}", server.address);
    let in_env_file = printed(&site, &["cron-line", "--curl", &url]);
    let ran = output(&command(&in_env_file));
    assert_eq!((ran.status.code(), stderr(&ran).as_str(), ran.stdout.len()), (Some(0), "", 0));
    // The answer comes before the row.
    let runs =
        || site.sqlite3("SELECT count(*) FROM runs WHERE trigger = 'cron'").trim().to_owned();
    until("the first trigger has its row", || runs() == "1");
    drop(server);

    let settings = fs::read_to_string(site.path("auto-message-scheduler.env")).unwrap();
    let settings = settings.replace(&format!("CRON_SECRET={SECRET}\n"), "");
    fs::write(site.path("auto-message-scheduler.env"), settings).unwrap();
    let server = site.serve();
    let url = format!("http://{}", server.address);
    let in_own_file = printed(&site, &["cron-line", "--curl", &url]);
    assert_ne!(in_own_file, in_env_file);
    let ran = output(&command(&in_own_file));
    assert_eq!((ran.status.code(), stderr(&ran).as_str()), (Some(0), ""));
    until("the second trigger has its row", || runs() == "2");

    let before = server.address.clone();
    drop(server);
    site.write_settings("");
    let server = site.serve(); // with another secret, in the env file
    let line = in_own_file.replace(&before, &server.address);
    let ran = output(&command(&line));
    assert!(!ran.status.success() && stderr(&ran).contains("401"), "{}", stderr(&ran));
}

#[test]
fn the_secret_is_in_no_command_line_and_no_environment_while_the_line_runs() {
    let site = Site::new();
    // One of its own: others may be running the same tests on this machine.
    let own_secret =
        format!("only-in-this-test-{}-{}", std::process::id(), site.waha.base_url().len());
    let settings = fs::read_to_string(site.path("auto-message-scheduler.env")).unwrap();
    let settings = settings.replace(SECRET, &own_secret);
    fs::write(site.path("auto-message-scheduler.env"), settings).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let line = printed(&site, &["cron-line", "--curl", &url]);
    assert!(!line.contains(&own_secret));
    let mut shell = shell(&command(&line)).spawn().unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    let mut request = [0; 2048];
    let length = stream.read(&mut request).unwrap();
    let request = String::from_utf8_lossy(&request[..length]).into_owned();
    assert!(request.contains(&format!("Authorization: Bearer {own_secret}\r\n")), "{request}");
    assert!(request.starts_with("POST /api/cron-auto-message "), "{request}");
    // curl waits for the answer now.
    let mut looked_at = 0;
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        for file in ["cmdline", "environ"] {
            let bytes = fs::read(entry.path().join(file)).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            looked_at += usize::from(text.contains(&url));
            assert!(!text.contains(&own_secret), "{}: {text}", entry.path().display());
        }
    }
    assert!(looked_at > 0, "curl itself was seen");
    stream.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n").unwrap();
    assert!(shell.wait().unwrap().success());
}

#[test]
fn what_cron_would_not_see_is_told() {
    let site = Site::new();
    let with_variable = |key: &str, value: &str, arguments: &[&str]| {
        let output = site.command(arguments).env(key, value).output().unwrap();
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr(&output),
        )
    };
    let (_, out, _) = with_variable("WAHA_API_KEY", "only-in-the-shell", &["cron-line"]);
    assert!(out.contains("# Cron does not see") && out.contains("WAHA_API_KEY"), "{out}");
    assert!(!out.contains("only-in-the-shell"));
    let secret = "0123456789abcdef-shell";
    let (code, _, error) = with_variable("CRON_SECRET", secret, &["cron-line", "--curl"]);
    assert!(code == Some(1) && error.contains("does not see CRON_SECRET"), "{error}");
    assert!(!error.contains(secret));

    let settings = fs::read_to_string(site.path("auto-message-scheduler.env")).unwrap();
    let quoted = settings.replace(SECRET, &format!("\"{SECRET}\""));
    fs::write(site.path("auto-message-scheduler.env"), quoted).unwrap();
    let refused = site.run(&["cron-line", "--curl"]);
    assert!(stderr(&refused).contains("without blanks or quotes"), "{}", stderr(&refused));
}

#[test]
fn the_sample_crontabs_have_the_lines_that_the_program_prints() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("dist/cron");
    let home = "/home/toko/scheduler";
    for (minutes, when) in [("1", "* * * * * "), ("5", "#*/5 * * * * "), ("10", "#*/10 * * * * ")] {
        let site = Site::new();
        let settings = fs::read_to_string(site.path("auto-message-scheduler.env")).unwrap();
        let settings = settings.replace(&format!("CRON_SECRET={SECRET}\n"), "");
        fs::write(site.path("auto-message-scheduler.env"), settings).unwrap();
        let as_sampled = |arguments: &[&str]| {
            let line = command(&printed(&site, arguments));
            line.replace(
                env!("CARGO_BIN_EXE_auto-message-scheduler"),
                &format!("{home}/auto-message-scheduler"),
            )
            .replace(site.directory.path().to_str().unwrap(), home)
            .replace("shop.db", "auto-message-scheduler.db")
        };
        let run = as_sampled(&["cron-line", "--every", minutes, "--max-seconds", "50"]);
        let url = "https://wa.example.com";
        let curl = as_sampled(&["cron-line", "--every", minutes, "--curl", url]);
        for (name, line) in [("run.crontab", run), ("curl.crontab", curl)] {
            let sample = fs::read_to_string(directory.join(name)).unwrap();
            assert!(sample.contains(&format!("\n{when}{line}\n")), "{name} lacks: {when}{line}");
        }
    }
}

#[test]
fn the_secret_file_that_it_makes_is_private() {
    let site = Site::new();
    let settings = fs::read_to_string(site.path("auto-message-scheduler.env")).unwrap();
    let settings = settings.replace(&format!("CRON_SECRET={SECRET}\n"), "");
    fs::write(site.path("auto-message-scheduler.env"), settings).unwrap();
    printed(&site, &["cron-line", "--curl"]);
    let mode = fs::metadata(site.path("shop.db.cron-secret")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
