//! `contact` as a person types it, and STOP as WAHA tells of it.

use std::fs;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::site::{Site, stderr, until};
use crate::webhook::Shop;

fn out(site: &Site, arguments: &[&str]) -> String {
    let output = site.run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(output: &Output, part: &str) {
    assert_eq!(output.status.code(), Some(1), "{}", stderr(output));
    assert!(stderr(output).contains(part), "{}", stderr(output));
}

#[test]
fn a_contact_is_added_found_changed_and_removed() {
    let site = Site::new();
    let added = out(
        &site,
        &["contact", "add", "Budi", "0812-0000-7001", "--tag", "vip", "--set", "kota=Solo"],
    );
    assert_eq!(added, "contact 1: Budi, +6281200007001\n");
    let again = site.run(&["contact", "add", "B", "+62 812 0000 7001"]);
    refused(&again, "contact 1 has this number already: `contact edit 1` changes it");
    refused(&site.run(&["contact", "add", "B", "6.28E+12"]), "how Excel writes a long number");
    out(&site, &["contact", "add", "Siti", "081300007002"]);
    let table = out(&site, &["contact", "list"]);
    assert!(table.contains("Budi") && table.contains("+6281300007002") && table.contains("vip"));
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    assert!(!out(&site, &["contact", "list", "--search", "bud"]).contains("Siti"));
    assert!(!out(&site, &["contact", "list", "--search", "0813 0000"]).contains("Budi"));
    assert!(!out(&site, &["contact", "list", "--tag", "VIP"]).contains("Siti"));
    let one: Value =
        serde_json::from_str(&out(&site, &["contact", "list", "--limit", "1", "--json"])).unwrap();
    assert_eq!((one.as_array().unwrap().len(), &one[0]["digits"]), (1, &json!("6281200007001")));
    assert!(
        out(&site, &["contact", "list", "--limit", "1"]).contains("1 of 2: --all shows them all")
    );
    out(
        &site,
        &[
            "contact", "edit", "1", "--name", "Budi S", "--untag", "VIP", "--tag", "lama",
            "--unset", "kota",
        ],
    );
    let shown: Value =
        serde_json::from_str(&out(&site, &["contact", "show", "1", "--json"])).unwrap();
    assert_eq!(shown["name"], "Budi S");
    assert_eq!((&shown["tags"], &shown["attributes"]), (&json!(["lama"]), &json!({})));
    refused(
        &site.run(&["contact", "edit", "1", "--number", "081300007002"]),
        "contact 2 has this number",
    );
    refused(&site.run(&["contact", "edit", "1"]), "nothing to change");
    for command in ["show", "remove"] {
        let missing = site.run(&["contact", command, "7"]);
        refused(&missing, "there is no contact 7: `contact list` shows them");
    }
    assert_eq!(out(&site, &["contact", "remove", "1", "2"]), "2 contacts removed\n");
    assert!(out(&site, &["contact", "list"]).starts_with("no contacts"));
}

#[test]
fn a_contact_that_is_changed_while_messages_wait_says_what_becomes_of_them() {
    let site = Site::new();
    for (name, number) in [("Budi", "081200007001"), ("Siti", "081200007002")] {
        out(&site, &["contact", "add", name, number]);
    }
    site.sql().execute("UPDATE channels SET held_reason = 'libur'", []).unwrap();
    site.message("[1, 2]");
    out(&site, &["run", "--max-seconds", "5"]);
    let edited = out(&site, &["contact", "edit", "1", "--number", "081200008001"]);
    assert!(edited.ends_with("\n1 waiting message goes to the new number\n"), "{edited}");
    let edited = out(&site, &["contact", "edit", "1", "--number", "081200008002", "--json"]);
    let edited: Value = serde_json::from_str(&edited).unwrap();
    assert_eq!(edited["on_its_way"], json!({"moved": 1, "skipped": 0, "in_flight": 0}));
    assert_eq!(edited["phone_number"], "+6281200008002");
    site.sql().execute("UPDATE channels SET held_reason = NULL", []).unwrap();
    let removed = out(&site, &["contact", "remove", "2"]);
    assert_eq!(removed, "1 contact removed; 1 waiting message skipped\n");
    out(&site, &["run", "--max-seconds", "5"]);
    let chats: Vec<String> = site.waha.received().into_iter().map(|one| one.chat_id).collect();
    assert_eq!(chats, ["6281200008002@c.us"]);
}

#[test]
fn an_attribute_is_one_whatever_its_case_and_the_newest_value_wins() {
    let site = Site::new();
    fs::write(site.path("list.csv"), "nama,nomor,Kota\nBudi,081200007001,Solo\n").unwrap();
    let attributes = |site: &Site| -> Value {
        let shown = out(site, &["contact", "show", "1", "--json"]);
        serde_json::from_str::<Value>(&shown).unwrap()["attributes"].clone()
    };
    out(&site, &["contact", "import", "list.csv"]);
    out(&site, &["contact", "edit", "1", "--set", "kota=Medan"]);
    assert_eq!(attributes(&site), json!({"Kota": "Medan"}));
    let again = out(&site, &["contact", "import", "list.csv"]);
    assert!(again.contains("1 merged"), "{again}");
    assert_eq!(attributes(&site), json!({"Kota": "Solo"}));
    // As SQL or an older version wrote it.
    let two = r#"UPDATE contacts SET attributes = '{"Kota":"Solo","kota":"Bogor"}'"#;
    site.sql().execute(two, []).unwrap();
    assert_eq!(attributes(&site), json!({"Kota": "Bogor"}));
    out(&site, &["contact", "export", "out.csv"]);
    let list = fs::read_to_string(site.path("out.csv")).unwrap();
    assert!(list.contains("opted_out_at,Kota\r\n") && list.contains("Bogor"), "{list}");
    out(&site, &["contact", "edit", "1", "--unset", "KOTA"]);
    assert_eq!(attributes(&site), json!({}));
}

#[test]
fn an_import_of_a_missing_list_leaves_the_rejects_of_the_last_one_alone() {
    let site = Site::new();
    fs::write(site.path("rejects.csv"), "nama,nomor\n").unwrap();
    let missing = site.run(&["contact", "import", "nope.csv", "--rejects", "rejects.csv"]);
    refused(&missing, "failed to open `nope.csv`");
    assert_eq!(fs::read_to_string(site.path("rejects.csv")).unwrap(), "nama,nomor\n");
}

#[test]
fn an_opt_out_is_only_forgotten_when_somebody_says_so() {
    let site = Site::new();
    out(&site, &["contact", "add", "Budi", "081200007001"]);
    let said = out(&site, &["contact", "opt-out", "1", "0813-0000-7002"]);
    assert_eq!(
        said,
        "contact 1: opted out; 0 waiting messages skipped\n\
         contact 2: opted out; 0 waiting messages skipped\n"
    );
    refused(&site.run(&["contact", "remove", "1"]), "--forget-opt-out");
    out(&site, &["contact", "remove", "1", "--forget-opt-out"]);
    assert_eq!(
        out(&site, &["contact", "opt-in", "+62 813 0000 7002"]),
        "contact 2: gets messages again\n"
    );
    refused(&site.run(&["contact", "opt-out", "tag:vip"]), "is not one person");
}

#[test]
fn an_import_tells_what_it_did_and_writes_down_what_it_refused() {
    let site = Site::new();
    fs::write(
        site.path("list.csv"),
        "nama;hp;kota\nBudi;081200007001;=1\nSiti;6.28E+12;Solo\nAda;081200007003;\n",
    )
    .unwrap();
    let arguments = ["contact", "import", "list.csv", "--rejects", "bad.csv", "--tag", "baru"];
    let output = site.command(&arguments).env("LC_ALL", "id_ID.UTF-8").output().unwrap();
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "3 baris: 1 ditambahkan, 0 digabung, 0 tidak berubah, 2 ditolak\n\
         nomor: `hp`; nama: `nama`; atribut: `kota`\n"
    );
    let told = stderr(&output);
    assert!(told.contains("baris 2: `=1`: ada sel yang berisi rumus"), "{told}");
    assert!(told.contains("baris 3: `6.28E+12` adalah cara Excel"), "{told}");
    let bad = fs::read_to_string(site.path("bad.csv")).unwrap();
    assert!(bad.starts_with("nama,hp,kota,ditolak karena\r\nBudi,081200007001,'=1,"), "{bad}");
    // What was mended is taken, and the column with the reasons is no attribute.
    fs::write(site.path("bad.csv"), bad.replace("'=1", "Solo").replace("6.28E+12", "081200007002"))
        .unwrap();
    assert!(out(&site, &["contact", "import", "bad.csv"]).starts_with("2 rows: 2 added"));
    let attributes = "SELECT group_concat(attributes, ' ') FROM contacts";
    assert_eq!(site.sqlite3(attributes).trim(), r#"{} {"kota":"Solo"} {"kota":"Solo"}"#);
}

#[test]
fn ten_refused_rows_are_told_and_the_rest_is_counted() {
    let site = Site::new();
    let rows: Vec<String> = (0..25).map(|at| format!("Orang {at},{at}")).collect();
    let rows = rows.join("\n");
    fs::write(site.path("list.csv"), format!("nama,hp\n{rows}\nSari,081200007001\n")).unwrap();
    let output = site.run(&["contact", "import", "list.csv"]);
    let told = stderr(&output);
    assert_eq!(told.lines().filter(|line| line.starts_with("line ")).count(), 10, "{told}");
    assert!(told.contains("and 15 more: `--rejects FILE` writes all of them down"), "{told}");
    let shown = out(&site, &["contact", "import", "list.csv", "--dry-run", "--name", "nama"]);
    let expected = "26 rows: 0 added, 0 merged, 1 unchanged, 25 refused; nothing was stored\n\
                    number: `hp`; name: `nama`\nline 27: Sari, +6281200007001\n";
    assert_eq!(shown, expected);
    let other = site.run(&["contact", "import", "list.csv", "--phone", "WA"]);
    refused(&other, "there is no column `WA`: there are `nama`, `hp`");
}

#[test]
fn an_export_for_excel_has_semicolons_and_comes_back() {
    let site = Site::new();
    let list = "nama,hp,kode,tags\nSari,081200007001,00123,\"[\"\"solo, kota\"\"]\"\n";
    fs::write(site.path("list.csv"), list).unwrap();
    out(&site, &["contact", "import", "list.csv"]);
    let exported = out(&site, &["contact", "export", "--for", "excel"]);
    let expected = "\u{feff}name;phone_number;tags;opted_out_at;kode\r\n\
                    Sari;'+6281200007001;\"[\"\"solo, kota\"\"]\";;'00123\r\n";
    assert_eq!(exported, expected);
    fs::write(site.path("back.csv"), exported).unwrap();
    let again = out(&site, &["contact", "import", "back.csv"]);
    assert!(again.contains("0 merged, 1 unchanged"), "{again}");
}

#[test]
fn a_strict_import_from_a_pipe_stores_nothing_when_a_row_is_refused() {
    let site = Site::new();
    let feed = |list: &str, arguments: &[&str]| {
        let mut child = site.command(arguments);
        child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = child.spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), list.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let strict = feed("hp\n081200007001\nx\n", &["contact", "import", "-", "--strict", "--json"]);
    refused(&strict, "nothing was stored: 1 row refused");
    let told: Value = serde_json::from_slice(&strict.stdout).unwrap();
    assert_eq!((&told["stored"], &told["refused_rows"][0]["line"]), (&json!(false), &json!(3)));
    assert_eq!(site.sqlite3("SELECT count(*) FROM contacts").trim(), "0");
    assert!(feed("hp\n081200007001\n", &["contact", "import", "-", "--strict"]).status.success());
    assert!(feed("hp\n081200007002\n", &["contact", "import", "-", "--dry-run"]).status.success());
    assert!(feed("hp\n081200007003\n", &["contact", "import", "-"]).status.success());
    assert_eq!(site.sqlite3("SELECT count(*) FROM contacts").trim(), "2");
}

#[test]
fn the_database_the_settings_and_the_list_are_never_written_over() {
    let site = Site::new();
    fs::write(site.path("list.csv"), "hp\nx\n").unwrap();
    let settings = "auto-message-scheduler.env";
    refused(&site.run(&["contact", "export", settings]), "has the settings");
    let rejects = ["contact", "import", "list.csv", "--rejects", settings];
    refused(&site.run(&rejects), "has the settings");
    refused(&site.run(&["contact", "export", "shop.db"]), "belongs to the database");
    for (log, what) in [("shop.db", "belongs to the database"), (settings, "has the settings")] {
        let status = site.command(&["status"]).env("LOG_FILE", log).output().unwrap();
        let why = format!("LOG_FILE must name another file, because `{log}` {what}");
        assert!(stderr(&status).contains(&why), "{}", stderr(&status));
    }
    refused(&site.run(&["contact", "import", "shop.db"]), "belongs to the database");
    let over = site.run(&["contact", "import", "list.csv", "--rejects", "list.csv"]);
    refused(&over, "is the list itself");
    refused(&site.run(&["contact", "import", "none.csv"]), "failed to open `none.csv`");
    refused(&site.run(&["contact", "import", "."]), "failed to open `.`");
}

#[test]
fn numbers_are_checked_one_after_the_other() {
    let site = Site::new();
    fs::write(site.path("list.csv"), "hp\n081200007001\n081200000404\n").unwrap();
    out(&site, &["contact", "import", "list.csv"]);
    let output = site.run(&["contact", "check"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let told = stderr(&output);
    assert!(told.contains("2 to look at"), "{told}");
    assert!(told.contains("2/2: contact 2 +6281200000404: not on WhatsApp"), "{told}");
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("+6281200000404") && !table.contains("7001"), "{table}");
    let kept = "SELECT chat_id || ' ' || \"exists\" FROM numbers ORDER BY chat_id";
    assert_eq!(site.sqlite3(kept), "6281200000404@c.us 0\n6281200007001@c.us 1\n");
    // The pace is the channel's: after each there is a gap, and the second one came after the first one's.
    assert_ne!(site.sqlite3("SELECT ready_at FROM channels"), "\n");
    let asked = "SELECT count(DISTINCT checked_at) FROM numbers";
    assert_eq!(site.sqlite3(asked), "2\n");
    let again = site.run(&["contact", "check"]);
    assert!(again.status.success(), "{}", stderr(&again));
    assert_eq!(String::from_utf8(again.stdout).unwrap(), table);
    assert_eq!(site.waha.checks_from(0).len(), 2, "what was said is not asked again");
    site.sqlite3("UPDATE channels SET held_reason = 'libur'; UPDATE numbers SET checked_at = NULL");
    refused(&site.run(&["contact", "check"]), "is held: libur");
}

fn said(from: &str, text: &str, id: &str) -> Value {
    json!({"event": "message", "session": "default", "payload": {
        "id": format!("false_{from}_{id}"), "from": from, "fromMe": false, "body": text,
        "timestamp": 1_795_343_769, "_data": {"notifyName": "Budi Santoso"}}})
}

#[test]
fn who_writes_stop_while_a_message_is_under_way_gets_no_more() {
    let site = Site::new();
    site.write_settings("WEBHOOK_HMAC_KEY=my-secret-key\nSEND_DELAY_SECONDS=60\n");
    let shop = Shop { server: site.serve(), site };
    shop.site.message("081200007001, 081200007002, 081200007003");
    shop.server.post("/api/cron-auto-message");
    let sent = "SELECT count(*) FROM deliveries WHERE status = 'sent'";
    until("the first is recorded", || shop.ask(sent) == "1");
    assert_eq!(shop.event(&said("6281200007002@c.us", " Stop! ", "A")), "taken");
    let waiting =
        "SELECT status || ' ' || error FROM deliveries WHERE chat_id = '6281200007002@c.us'";
    assert_eq!(shop.ask(waiting), "skipped opted out");
    let contact =
        "SELECT name || ' ' || phone_number || ' ' || (opted_out_at IS NOT NULL) FROM contacts";
    assert_eq!(shop.ask(contact), "Budi Santoso +6281200007002 1");
    // What settles the message also ends its run.
    assert_eq!(shop.event(&said("6281200007003@c.us", "BERHENTI", "B")), "taken");
    assert_eq!(shop.message_status(), "sent");
    let log = shop.server.log();
    assert!(log.contains("contact 1: opted out by a message, 1 deliveries skipped"), "{log}");
    assert!(!log.contains("81200007002"), "{log}");
    // A repeat, in whatever event, does not undo what was taken back since.
    out(&shop.site, &["contact", "opt-in", "1"]);
    assert_eq!(shop.event(&said("6281200007002@c.us", "stop", "A")), "taken before");
    assert_eq!(shop.ask("SELECT opted_out_at FROM contacts WHERE id = 1"), "");
}

#[test]
fn only_a_private_message_that_says_nothing_else_is_an_opt_out() {
    let shop = Shop::new();
    let mut own = said("6281200007001@c.us", "stop", "A");
    own["payload"]["fromMe"] = json!(true);
    own["payload"]["id"] = json!("true_6281200007001@c.us_A");
    let mut elsewhere = said("6281200007001@c.us", "stop", "C");
    elsewhere["session"] = json!("somebody-elses");
    for event in [
        own,
        elsewhere,
        said("120363000000000001@g.us", "stop", "D"),
        said("status@broadcast", "stop", "G"),
    ] {
        assert_eq!(shop.event(&event), "of no use here", "{event}");
    }
    // Somebody wrote, and that is all that is noted.
    assert_eq!(shop.event(&said("6281200007001@c.us", "stop, besok saja", "E")), "taken");
    assert_eq!(shop.ask("SELECT count(*) FROM contacts"), "0");
    for (at, key) in ["remoteJidAlt", "senderPn"].into_iter().enumerate() {
        let mut hidden = said("123456789012@lid", "unsub", key);
        hidden["payload"]["_data"] =
            json!({"key": {(key): format!("628120000700{at}:3@s.whatsapp.net")}, "pushName": "X"});
        assert_eq!(shop.event(&hidden), "taken", "{hidden}");
    }
    let numbers = "SELECT group_concat(phone_number) FROM contacts WHERE opted_out_at IS NOT NULL";
    assert_eq!(shop.ask(numbers), "+6281200007000,+6281200007001");
}
