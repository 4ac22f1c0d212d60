//! Each kind of message through each door, with two real programs: ours, and `fake-waha` as each engine of WAHA Plus.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use crate::api_v1::{Door, add_key};
use crate::media::{jpeg, opus, sha256};
use crate::site::{Server, Site, program, stderr, until, write_private};

/// The real `fake-waha`, and what it prints: a line for each message that reaches WhatsApp.
struct FarEnd {
    child: Child,
    url: String,
    lines: Arc<Mutex<Vec<String>>>,
}

impl FarEnd {
    fn start(engine: &str) -> Self {
        let mut command = Command::new(program());
        command.args(["fake-waha", "--listen", "127.0.0.1:0", "--engine", engine]);
        command.args(["--tier", "PLUS", "--api-key", "kunci-rahasia"]);
        let mut child = command.env_clear().stdout(Stdio::piped()).spawn().unwrap();
        let mut printed =
            BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let first = printed.next().unwrap();
        let url = first.split(' ').find(|word| word.starts_with("http://")).unwrap();
        let url = url.trim_end_matches(';').to_owned();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        thread::spawn(move || printed.for_each(|line| kept.lock().unwrap().push(line)));
        Self { child, url, lines }
    }

    /// What came for a number, in a line that names nothing else.
    fn got(&self, number: &str) -> Vec<String> {
        let lines = self.lines.lock().unwrap();
        let mark = format!(" -> 62{}@c.us: ", &number[1..]);
        lines.iter().filter_map(|line| Some(line.split_once(&mark)?.1.to_owned())).collect()
    }
}

impl Drop for FarEnd {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A kind of message, and the line that WhatsApp's side has of it.
struct Kind {
    content: Value,
    /// What `message add` takes for it, when it is not `--content`.
    option: Option<&'static str>,
    text: &'static str,
    arrives_as: String,
}

/// The files lie beside the program, as a person has them.
fn kinds(site: &Site) -> Vec<Kind> {
    let mut video = b"\0\0\0\x18ftypmp42".to_vec();
    video.resize(70_001, 7);
    let files = [
        ("image", "--image", "promo.jpg", jpeg(200_003), "image/jpeg", "sendImage"),
        (
            "file",
            "--document",
            "nota.pdf",
            b"%PDF-1.7 nota".to_vec(),
            "application/pdf",
            "sendFile",
        ),
        ("video", "--video", "toko.mp4", video, "video/mp4", "sendVideo"),
        ("voice", "--voice", "suara.ogg", opus(), "audio/ogg; codecs=opus", "sendVoice"),
    ];
    let mut kinds: Vec<Kind> = (files.into_iter())
        .map(|(kind, option, name, bytes, mimetype, route)| {
            fs::write(site.path(name), &bytes).unwrap();
            let sha256 = sha256(&bytes);
            let (text, caption) = match kind {
                "voice" => ("", ""),
                _ => ("Untuk {{name|Kakak}}", "Untuk Kakak"),
            };
            Kind {
                content: json!({ "kind": kind, "file": sha256, "filename": name }),
                option: Some(option),
                text,
                arrives_as: format!("[{route}] {mimetype} {sha256} {caption}"),
            }
        })
        .collect();
    let others = [
        (json!({}), "Halo {{name|Kakak}}", "Halo Kakak"),
        (
            json!({ "kind": "location", "latitude": -6.2, "longitude": 106.8 }),
            "Toko",
            "[sendLocation] Toko",
        ),
        (
            json!({ "kind": "contact", "name": "Sari", "phone": "0812-3456-7890" }),
            "",
            "[sendContactVcard] Sari +6281234567890",
        ),
        (json!({ "kind": "poll", "options": ["8", "9"] }), "Jam?", "[sendPoll] Jam?"),
        (
            json!({ "kind": "image", "url": "https://toko.example/promo.png" }),
            "",
            "[sendImage] image/png https://toko.example/promo.png ",
        ),
    ];
    for (content, text, arrives_as) in others {
        kinds.push(Kind { content, option: None, text, arrives_as: arrives_as.to_owned() });
    }
    kinds
}

/// The ways in, by the number that each gives its messages to.
const DOORS: [&str; 3] = ["SQL", "CLI", "API"];

fn number(door: usize, kind: usize) -> String {
    format!("0812000070{door}{kind}") // no fault of `fake-waha`
}

fn make(site: &Site, door: &Door, way: usize, kind: &Kind, to: &str) {
    let text = kind.content.to_string();
    match DOORS[way] {
        "SQL" => {
            let sql = "INSERT INTO auto_messages (message, contact_ids, content, scheduled_at)
                       VALUES (?1, ?2, ?3, datetime('now'))";
            site.sql().execute(sql, [kind.text, to, &text]).unwrap();
        }
        "CLI" => {
            let name = kind.content["filename"].as_str().unwrap_or_default();
            let carries = kind.option.map_or(["--content", text.as_str()], |option| [option, name]);
            let mut arguments = vec!["message", "add"];
            arguments.extend((!kind.text.is_empty()).then_some(kind.text));
            arguments.extend(carries);
            arguments.extend(["--to", to, "--at", "now"]);
            let output = site.run(&arguments);
            assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        }
        _ => {
            let new =
                json!({ "text": kind.text, "content": kind.content, "to": [to], "at": "now" });
            door.post("/messages", &new).expect(201);
        }
    }
}

#[test]
fn each_kind_by_sql_command_line_and_api_arrives_byte_for_byte_on_each_engine() {
    for engine in ["GOWS", "NOWEB", "WEBJS", "WPP"] {
        let far = FarEnd::start(engine);
        let site = Site::new();
        site.write_settings("SENDERS=1\n");
        let settings = site.path("auto-message-scheduler.env");
        let text = fs::read_to_string(&settings).unwrap();
        let text = text.replace(&site.waha.base_url(), &far.url);
        write_private(&settings, &text.replace("SEND_DELAY_SECONDS=1", "SEND_DELAY_SECONDS=0"));
        let door = Door::open(&site);
        let kinds = kinds(&site);
        for kind in &kinds {
            let Some(name) = kind.content["filename"].as_str() else { continue };
            let bytes = fs::read(site.path(name)).unwrap();
            let taken = door.ask_with("POST", "/files", &[], &bytes).unwrap().expect(200);
            assert_eq!(taken.body["file"], kind.content["file"], "{engine} {name}");
        }
        for way in 0..DOORS.len() {
            for (at, kind) in kinds.iter().enumerate() {
                make(&site, &door, way, kind, &number(way, at));
            }
        }
        door.server.post("/api/cron-auto-message");
        until("all have ended", || {
            let status = site.status();
            !status.contains("scheduled") && !status.contains("sending")
        });
        for (way, name) in DOORS.iter().enumerate() {
            for (at, kind) in kinds.iter().enumerate() {
                let got = far.got(&number(way, at));
                assert_eq!(got, [kind.arrives_as.as_str()], "{engine} {name} {}", kind.content);
            }
        }
        let sent =
            "SELECT count(*) FROM deliveries WHERE status = 'sent' AND waha_message_id <> ''";
        let all = (DOORS.len() * kinds.len()).to_string();
        assert_eq!(site.sqlite3(sent).trim(), all, "{engine}");
    }
}

/// A server that can write no file longer than `kib`, as on a disk with no more room than that.
fn serve_with_room_for(site: &Site, kib: u32) -> Server {
    let log = site.path("serve.log");
    let line = format!("trap '' XFSZ; ulimit -f {kib}; exec {} serve", program().display());
    let mut command = Command::new("bash");
    command.args(["-c", &line]).current_dir(site.directory.path()).env_clear();
    command.stderr(fs::File::create(&log).unwrap()).stdout(Stdio::null());
    let mut server = Server { child: command.spawn().unwrap(), log, address: String::new() };
    server.wait_until_ready();
    server
}

#[test]
fn an_upload_that_the_disk_does_not_take_leaves_nothing_and_the_server_goes_on() {
    let site = Site::new();
    let key = add_key(&site, &["toko"]);
    let door = Door::of(serve_with_room_for(&site, 4 * 1024), key);
    let upload = |bytes: &[u8]| door.ask_with("POST", "/files", &[], bytes).unwrap();
    let refused = upload(&jpeg(6 << 20));
    assert!((500..=599).contains(&refused.status), "{}: {}", refused.status, refused.body);
    let kept = fs::read_dir(site.path("shop.db.files")).unwrap().count();
    assert_eq!(kept, 0, "nothing half is left");
    let taken = upload(&jpeg(1 << 20)).expect(200).body;
    let content = json!({ "kind": "image", "file": taken["file"] });
    let new = json!({ "content": content, "to": ["081200007001"], "at": "now" });
    door.post("/messages", &new).expect(201);
    until("it arrives", || site.waha.received().len() == 1);
}

#[test]
fn a_file_of_sixty_megabytes_is_refused_at_each_door_with_the_limit() {
    let site = Site::new();
    let large = site.path("film.bin");
    fs::File::create(&large).unwrap().set_len(60 << 20).unwrap();
    for arguments in [
        &["file", "add", "film.bin"][..],
        &["message", "add", "--document", "film.bin", "--to", "081200007001", "--at", "now"],
    ] {
        let output = site.run(arguments);
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains("more than 35 MB"), "{}", stderr(&output));
    }
    let door = Door::open(&site);
    // The refusal may come while it is still being sent.
    if let Ok(refused) = door.ask_with("POST", "/files", &[], &vec![7; 60 << 20]) {
        assert_eq!(refused.status, 413);
    }
    assert_eq!(site.status(), "");
    let kept = fs::read_dir(site.path("shop.db.files")).map_or(0, Iterator::count);
    assert_eq!(kept, 0, "nothing half is left");
}
