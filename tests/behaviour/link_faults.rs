//! The link when something goes wrong: each request with each fault, and SIGKILL at every place. Real
//! parts behind a proxy that spoils one request. All combinations: `LINK_FAULTS=all`.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::project::{Kind, Project};
use crate::receiver::{Mood, Receiver};
use crate::site::Site;

/// After failures the link waits a few times its limit, and machines are busy.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(90), "never: {what}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// What happens to a request, and whether it reaches the project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Refused,
    SilentBefore,
    SilentAfter,
    HeadCut,
    BodyCut,
    Applied504,
    Html502,
    TooMany,
    Unauthorized,
    NoBody,
    Braces,
    Huge,
    Drip,
}

const FAULTS: [Fault; 13] = [
    Fault::Refused,
    Fault::SilentBefore,
    Fault::SilentAfter,
    Fault::HeadCut,
    Fault::BodyCut,
    Fault::Applied504,
    Fault::Html502,
    Fault::TooMany,
    Fault::Unauthorized,
    Fault::NoBody,
    Fault::Braces,
    Fault::Huge,
    Fault::Drip,
];

/// The requests of the protocol: a name, how the request line begins, and what it holds.
const REQUESTS: [(&str, &str, &str); 13] = [
    ("describe", "GET /rest/v1/ ", ""),
    ("channels", "GET /rest/v1/chanels", ""),
    ("seen", "PATCH /rest/v1/auto_message_channel_owners", ""),
    ("open claims", "GET /rest/v1/auto_message_claims", "claimed_by"),
    ("find", "GET /rest/v1/auto_messages", "lte.now"),
    ("claim", "POST /rest/v1/auto_message_claims", ""),
    ("read again", "GET /rest/v1/auto_messages", "contact_ids"),
    ("watch", "GET /rest/v1/auto_messages", "select=id,status,"),
    ("results", "POST /rest/v1/auto_message_deliveries", ""),
    ("settle the row", "PATCH /rest/v1/auto_messages", ""),
    ("settle the claim", "PATCH /rest/v1/auto_message_claims", ""),
    ("still on", "GET /rest/v1/chanels", "id=in."),
    ("contacts that are off", "GET /rest/v1/contacts", "is_active=is.false"),
];

/// Before the gateway; spoils one kind of request so many times.
struct Proxy {
    url: String,
    spoiled: Arc<AtomicUsize>,
    plan: Arc<Mutex<Option<(usize, Fault, usize)>>>,
}

impl Proxy {
    fn start(gateway: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let gateway = gateway.trim_start_matches("http://").to_owned();
        let plan: Arc<Mutex<Option<(usize, Fault, usize)>>> = Arc::default();
        let spoiled = Arc::new(AtomicUsize::new(0));
        let (of_thread, count) = (Arc::clone(&plan), Arc::clone(&spoiled));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (gateway, plan, count) =
                    (gateway.clone(), Arc::clone(&of_thread), Arc::clone(&count));
                thread::spawn(move || serve(stream.unwrap(), &gateway, &plan, &count));
            }
        });
        Self { url, spoiled, plan }
    }

    /// From now on the next `times` requests of a kind are spoiled.
    fn spoil(&self, request: usize, fault: Fault, times: usize) {
        *self.plan.lock().unwrap() = Some((request, fault, times));
    }
}

fn serve(
    mut stream: TcpStream,
    gateway: &str,
    plan: &Mutex<Option<(usize, Fault, usize)>>,
    count: &AtomicUsize,
) {
    let Some(request) = read_request(&mut stream) else { return };
    let line = request.lines().next().unwrap_or_default().to_owned();
    let mut fault = None;
    {
        let mut plan = plan.lock().unwrap();
        if let Some((number, planned, times)) = &mut *plan {
            let (_, begin, part) = REQUESTS[*number];
            if *times > 0 && line.starts_with(begin) && line.contains(part) {
                *times -= 1;
                fault = Some(*planned);
                count.fetch_add(1, Ordering::SeqCst);
            }
        }
    }
    let html = |status: &str| {
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>"
        )
    };
    let json = |status: &str, body: &str| {
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    };
    let hold = || thread::sleep(Duration::from_secs(1));
    let forward = || ask(gateway, &request);
    let answer: Vec<u8> = match fault {
        None => forward(),
        Some(Fault::Refused) => return,
        Some(Fault::SilentBefore) => return hold(),
        Some(Fault::SilentAfter) => {
            forward();
            return hold();
        }
        Some(Fault::HeadCut) => forward()[..20].to_vec(),
        Some(Fault::BodyCut) => {
            let all = forward();
            all[..all.len() - 1].to_vec()
        }
        Some(Fault::Applied504) => {
            forward();
            html("504 Gateway Time-out").into_bytes()
        }
        Some(Fault::Html502) => html("502 Bad Gateway").into_bytes(),
        Some(Fault::TooMany) => json("429 Too Many Requests\r\nRetry-After: 1", "{}").into_bytes(),
        Some(Fault::Unauthorized) => {
            json("401 Unauthorized", "{\"message\":\"Invalid API key\"}").into_bytes()
        }
        Some(Fault::NoBody) => {
            forward();
            json("200 OK", "").into_bytes()
        }
        Some(Fault::Braces) => {
            forward();
            json("200 OK", "{}").into_bytes()
        }
        Some(Fault::Huge) => {
            forward();
            json("200 OK", &" ".repeat(10 << 20)).into_bytes()
        }
        Some(Fault::Drip) => {
            for byte in forward() {
                if stream.write_all(&[byte]).is_err() {
                    return;
                }
                thread::sleep(Duration::from_millis(20));
            }
            return;
        }
    };
    drop(stream.write_all(&answer));
}

fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some(end) = text.find("\r\n\r\n") {
            let head = text[..end].to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1).map_or(0, |rest| {
                rest.lines().next().unwrap_or_default().trim().parse::<usize>().unwrap()
            });
            if bytes.len() >= end + 4 + length {
                return Some(text.into_owned());
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

/// The gateway's whole answer, after which the connection ends.
fn ask(gateway: &str, request: &str) -> Vec<u8> {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let lines = head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let head = lines.collect::<Vec<_>>().join("\r\n");
    let mut stream = TcpStream::connect(gateway).unwrap();
    stream.write_all(format!("{head}\r\nConnection: close\r\n\r\n{body}").as_bytes()).unwrap();
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    answer
}

/// A site behind a proxy, with a channel of its own.
fn linked(project: &Project, number: usize) -> (Site, Proxy, String) {
    let (proxy, session) = (Proxy::start(&project.url), format!("sesi{number}"));
    let channel = project.channel(&format!("Kasir {number}"), &session);
    let site = Site::new();
    let settings = project.settings_at(&proxy.url);
    site.write_settings(&format!("{settings}SUPABASE_TIMEOUT_SECONDS=12\n"));
    let output = site.run(&["link", "on", "--yes", "--channels", &format!("Kasir {number}")]);
    assert!(output.status.success(), "{}", crate::site::stderr(&output));
    site.write_settings(&format!("{settings}SUPABASE_TIMEOUT_SECONDS=0.6\n"));
    (site, proxy, channel)
}

/// Each recipient has it once, and the project says so.
fn converges(project: &Project, site: &Site, id: &str, what: &str) {
    until(&format!("{what}: the row is sent"), || project.status(id) == "sent");
    until(&format!("{what}: nothing is left to do"), || {
        site.sqlite3("SELECT count(*) FROM link_claims WHERE state <> 'settled'").trim() == "0"
    });
    if project.is_shared {
        let open = format!(
            "select count(*) from auto_message_claims where auto_message_id = '{id}' and settled_at is null"
        );
        until(&format!("{what}: the claim is settled"), || project.sql(&open) == "0");
        let results = format!(
            "select count(*) from auto_message_deliveries where auto_message_id = '{id}' and status = 'sent'"
        );
        until(&format!("{what}: the results are written"), || project.sql(&results) == "2");
    }
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for one in site.waha.received() {
        *times.entry(one.chat_id).or_default() += 1;
    }
    assert_eq!(times.into_values().collect::<Vec<_>>(), [1, 1], "{what}");
    let count = format!("select contact_count from auto_messages where id = '{id}'");
    assert_eq!(project.sql(&count), "2", "{what}");
}

fn spoiled(project: &Project, number: usize, request: usize, fault: Fault) {
    let what = format!("{} {fault:?}", REQUESTS[request].0);
    let (site, proxy, channel) = linked(project, number);
    proxy.spoil(request, fault, 1);
    let _server = site.serve();
    let id = project.message(&channel, "now()", &["6281200007001", "6281200007002"]);
    converges(project, &site, &id, &what);
    assert_eq!(proxy.spoiled.load(Ordering::SeqCst), 1, "{what}: it was not met");
}

/// Does each of `works` once, some at a time.
fn side_by_side<T: Send>(works: Vec<T>, work: impl Fn(usize, T) + Sync) {
    let works = Mutex::new(works.into_iter().enumerate());
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let next = works.lock().unwrap().next();
                    let Some((number, one)) = next else { return };
                    work(number, one);
                }
            });
        }
    });
}

#[test]
fn whatever_happens_to_a_request_each_recipient_gets_it_once_and_the_project_says_so() {
    spoil_each(&Project::shared(), &(0..REQUESTS.len()).collect::<Vec<_>>());
}

#[test]
fn whatever_happens_to_a_request_of_an_appliance_that_is_alone_its_recipients_get_it_once() {
    let alone = [0, 1, 4, 6, 7, 9, 11, 12]; // Without claims, results and owners.
    spoil_each(&Project::alone(), &alone);
}

fn spoil_each(project: &Project, requests: &[usize]) {
    let is_all = std::env::var("LINK_FAULTS").is_ok_and(|value| value == "all");
    let pairs =
        requests.iter().flat_map(|request| (0..FAULTS.len()).map(move |fault| (*request, fault)));
    // Each request and each fault a few times.
    let chosen =
        pairs.filter(|(request, fault)| is_all || (request * 5 + fault) % 6 == 0).collect();
    side_by_side(chosen, |number, (request, fault)| {
        spoiled(project, number, request, FAULTS[fault]);
    });
}

#[test]
fn a_claim_whose_reply_and_whose_look_up_are_lost_is_still_ours() {
    let project = Project::shared();
    let (site, proxy, channel) = linked(&project, 0);
    proxy.spoil(5, Fault::SilentAfter, 3); // Both tries of a pass, and one of the next.
    let _server = site.serve();
    let id = project.message(&channel, "now()", &["6281200007001", "6281200007002"]);
    converges(&project, &site, &id, "lost claims");
}

#[test]
fn a_take_over_whose_answer_is_lost_leaves_no_row_behind() {
    let project = Project::shared();
    let channel = project.channel("Toko", "default");
    let _gone = project.site();
    let id = project.message(&channel, "now()", &["6281200007001", "6281200007002"]);
    let (site, proxy, _) = linked(&project, 1);
    site.write_settings(&format!(
        "{}SUPABASE_TIMEOUT_SECONDS=12\n",
        project.settings_at(&proxy.url)
    ));
    proxy.spoil(2, Fault::HeadCut, 1); // It is done, and nobody hears of it.
    assert!(!site.run(&["link", "take-over", "Toko", "--yes"]).status.success());
    thread::sleep(Duration::from_secs(2));
    let _server = site.serve();
    converges(&project, &site, &id, "a lost take-over");
}

/// The places of the link, and those of a delivery in the middle of it.
pub const PLACES: [&str; 10] = [
    "link_intended",
    "link_claim_sent",
    "link_claimed",
    "link_read_again",
    "link_planned",
    "recorded",
    "link_ended",
    "link_row_settled",
    "link_settled",
    "link_results_sent",
];

fn kill_at_each(project: &Project, places: Vec<&'static str>) {
    side_by_side(places, |number, place| {
        let (site, _proxy, channel) = linked(project, number);
        let mut killed = site.start("serve", "killed.log", Some(place));
        let id = project.message(&channel, "now()", &["6281200007001", "6281200007002"]);
        killed.wait_for_log(&format!("fail point: {place}"));
        assert!(killed.kill());
        let _server = site.serve();
        converges(project, &site, &id, place);
    });
}

#[test]
fn a_program_that_is_alone_and_killed_anywhere_in_the_link_goes_on_where_it_was() {
    let not_alone = ["link_claim_sent", "link_claimed", "link_results_sent"];
    let places = PLACES.into_iter().filter(|place| !not_alone.contains(place));
    kill_at_each(&Project::alone(), places.collect());
}

#[test]
fn a_program_that_is_killed_anywhere_in_the_link_goes_on_where_it_was() {
    kill_at_each(&Project::shared(), PLACES.to_vec());
    let source = ["claims", "planning", "settling"].map(|name| {
        let path = format!("{}/src/supabase/protocol/{name}.rs", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap()
    });
    let source = source.concat();
    for found in source.split("reach(\"").skip(1) {
        let name = found.split('"').next().unwrap();
        assert!(PLACES.contains(&name), "{name} is not tried");
    }
}

/// Nobody looks at a claim that is settled: if the database is lost then, what the project has stays.
#[test]
fn before_a_claim_is_settled_the_project_has_what_became_of_each_of_its_deliveries() {
    let project = Project::shared();
    let channel = project.channel("Toko", "default");
    let site = project.site();
    site.write_settings(&format!("{}SEND_DELAY_SECONDS=600\n", project.settings_at(&project.url)));
    let mut stopped = site.start("serve", "stopped.log", Some("link_settled"));
    let id = project.message(&channel, "now()", &["6281200007001", "6281200007002"]);
    let results = "select string_agg(status, ',' order by chat_id) from auto_message_deliveries";
    until("the first is sent", || project.sql(results) == "sent,pending");
    project.sql(&format!("update auto_messages set status = 'cancelled' where id = '{id}'"));
    stopped.wait_for_log("fail point: link_settled");
    assert_eq!(project.sql(results), "sent,cancelled");
}

/// Half of the time it is gone, half of it takes requests and never answers. The hour with the limits
/// that people have, and 50 recipients a minute apart: `LINK_AWAY_SECONDS=3600`.
#[test]
fn while_supabase_is_away_what_is_planned_goes_out_at_its_pace_and_is_written_afterwards() {
    let given = std::env::var("LINK_AWAY_SECONDS").ok().and_then(|text| text.parse::<u64>().ok());
    let away = Duration::from_secs(given.unwrap_or(12));
    let is_long = away >= Duration::from_hours(1);
    let (pace, limit, count) = if is_long { (60, "12", 50) } else { (1, "0.3", 8) };
    let project = Project::shared();
    let channel = project.channel("Toko", "default");
    let (site, alerts) = (project.site(), Receiver::new(Mood::Answers(200)));
    site.write_settings(&format!(
        "{}SEND_DELAY_SECONDS={pace}\nSUPABASE_TIMEOUT_SECONDS={limit}\nALERT_URL={}\n",
        project.settings_at(&project.url),
        alerts.url("/x")
    ));
    let mut server = site.serve();
    let phones: Vec<String> = (0..count).map(|number| format!("62812000{number:02}777")).collect();
    let phones: Vec<&str> = phones.iter().map(String::as_str).collect();
    let id = project.message(&channel, "now()", &phones);
    until("the first is sent", || !site.waha.received().is_empty());
    project.postgrest("STOP");
    let began = std::time::Instant::now();
    thread::sleep(away / 2);
    project.postgrest("CONT");
    project.verb("stop");
    thread::sleep((away / 2).saturating_sub(Duration::from_secs(1)));
    assert_eq!(site.waha.received().len(), count, "all are sent while it is away");
    let status = String::from_utf8(site.run(&["link", "status", "--json"]).stdout).unwrap();
    assert!(status.contains("\"trouble\": \"") && server.is_alive(), "{status}");
    let told = alerts.take().iter().filter(|(_, body)| body.contains("link_trouble")).count();
    assert_eq!(told, usize::from(is_long), "a person hears of it once");
    thread::sleep(away.saturating_sub(began.elapsed()));
    project.verb("start");
    let is_sent = || project.status(&id) == "sent";
    // The longest wait after failures is 15 minutes.
    let back = std::time::Instant::now();
    while !is_sent() && back.elapsed() < away.max(Duration::from_secs(90)) {
        thread::sleep(Duration::from_millis(200));
    }
    assert!(is_sent(), "never: the row is sent");
    let results = "select count(*) from auto_message_deliveries where status = 'sent'";
    until("the results are written", || project.sql(results) == count.to_string());
    let claim = "select status, sent_count, settled_at is not null from auto_message_claims";
    until("the claim is settled", || project.sql(claim) == format!("sent|{count}|t"));
    let at: Vec<i64> = site.waha.received().iter().map(|one| one.at.millis()).collect();
    let gaps: Vec<i64> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let (least, most) = (gaps.iter().min().unwrap(), gaps.iter().max().unwrap());
    assert!(*least >= pace * 1000 && site.waha.received().len() == count, "{gaps:?}");
    let (away, back) = (away.as_secs(), back.elapsed().as_secs());
    println!(
        "away for {away} s, {count} sent {least} to {most} ms apart, written {back} s afterwards"
    );
    if is_long {
        alerts.wait(|told| told.iter().any(|(_, body)| body.contains("link_over")));
    }
}

/// The backup was made between the claim and the planning; the disk died after the first recipient.
#[test]
fn a_backup_that_is_restored_sends_nothing_that_the_lost_database_may_have_sent() {
    for project in [Project::shared(), Project::alone()] {
        let channel = project.channel("Toko", "default");
        let site = project.site();
        let settings = format!("{}SEND_DELAY_SECONDS=30\n", project.settings_at(&project.url));
        site.write_settings(&settings);
        let mut stopped = site.start("serve", "stopped.log", Some("link_read_again"));
        let id = project.message(&channel, "now()", &["6281200007001", "6281200007002"]);
        stopped.wait_for_log("fail point: link_read_again");
        assert!(site.run(&["backup", "salinan.db"]).status.success());
        assert!(stopped.kill());
        let mut lost = site.serve();
        until("the first is sent", || site.waha.received().len() == 1);
        assert!(lost.kill());
        for side in ["", "-wal", "-shm"] {
            drop(std::fs::remove_file(site.path(&format!("shop.db{side}"))));
        }
        let restored = site.run(&["restore", "salinan.db"]);
        assert!(restored.status.success(), "{}", crate::site::stderr(&restored));
        site.write_settings(&format!("{settings}SEND_DELAY_SECONDS=0\n"));
        let mut server = site.serve();
        if !project.is_shared {
            server.wait_for_log("link: the database was restored");
        }
        let later = project.message(&channel, "now() + interval '2 seconds'", &["6281200007003"]);
        until("what is due afterwards is sent", || project.status(&later) == "sent");
        if project.is_shared {
            until("what is unknown has ended", || project.status(&id) != "scheduled");
            let open = "select count(*) from auto_message_claims where settled_at is null";
            until("its claim is settled", || project.sql(open) == "0");
        } else {
            assert_eq!(project.status(&id), "scheduled", "it is left alone");
        }
        let chats: Vec<String> = site.waha.received().into_iter().map(|one| one.chat_id).collect();
        assert_eq!(chats, ["6281200007001@c.us", "6281200007003@c.us"]);
    }
}

#[test]
fn while_postgrest_alone_is_dead_or_cancels_what_is_asked_nothing_is_lost() {
    let project = Project::shared();
    let channel = project.channel("Toko", "default");
    let site = project.site();
    site.write_settings(&format!(
        "{}SEND_DELAY_SECONDS=1\nSUPABASE_TIMEOUT_SECONDS=0.6\n",
        project.settings_at(&project.url)
    ));
    let _server = site.serve();
    let id = project.message(&channel, "now()", &["6281200007001", "6281200007002"]);
    until("the first is sent", || !site.waha.received().is_empty());
    project.postgrest("KILL");
    until("all are sent", || site.waha.received().len() == 2);
    let trouble = || String::from_utf8(site.run(&["link", "status", "--json"]).stdout).unwrap();
    until("it is told", || trouble().contains("\"trouble\": \"502"));
    project.verb("stop");
    project.verb("start");
    converges_beside(&project, &id);
    // A statement that waits too long for a row is cancelled: 57014, and not done.
    project.sql(
        "alter role service_role set statement_timeout = '300ms'; notify pgrst, 'reload config'",
    );
    let id = project.message(&channel, "now()", &["6281200007003", "6281200007004"]);
    until("the third is sent", || site.waha.received().len() == 3);
    let lock = format!(
        "begin; select 1 from auto_messages where id = '{id}' for update; select pg_sleep(6); commit"
    );
    thread::scope(|scope| {
        scope.spawn(|| project.sql(&lock));
        until("it is told", || trouble().contains("57014"));
    });
    until("the row is sent", || project.status(&id) == "sent");
    assert_eq!(site.waha.received().len(), 4);
}

/// PostgREST cuts longer answers, and says nothing.
#[test]
fn a_project_that_answers_with_few_rows_at_once_loses_none() {
    for is_shared in [true, false] {
        let project = Project::start(Kind { is_shared, max_rows: 3, ..Kind::default() });
        let channel = project.channel("Toko", "default");
        for number in 0..8 {
            project.channel(&format!("Lain {number}"), "");
        }
        let site = project.site();
        site.write_settings(&format!(
            "{}SUPABASE_TIMEOUT_SECONDS=12\n",
            project.settings_at(&project.url)
        ));
        project.sql("insert into contacts (name, phone_number) select 'n', '62812000077' || lpad(n::text, 2, '0') from generate_series(1, 9) n");
        project.sql(&format!(
            "insert into auto_messages (title, message, contact_ids, scheduled_at, chanel_id)
             select 'x', 'y', (select jsonb_agg(id) from contacts), now(), '{channel}' from generate_series(1, 8)"
        ));
        let _server = site.serve();
        let left = "select count(*) from auto_messages where status <> 'sent'";
        until("all rows are sent", || project.sql(left) == "0");
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for one in site.waha.received() {
            *times.entry(one.chat_id).or_default() += 1;
        }
        assert_eq!(times.into_values().collect::<Vec<_>>(), [8; 9]);
    }
}

fn converges_beside(project: &Project, id: &str) {
    until("the row is sent", || project.status(id) == "sent");
    until("the results are written", || {
        project.sql("select count(*) from auto_message_deliveries where status = 'sent'") == "2"
    });
}

/// `LINK_ROWS=1000 LINK_APPLIANCES=10` is the long one.
#[test]
fn appliances_that_are_killed_at_any_moment_send_each_row_once() {
    let number = |name: &str, default: usize| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (rows, appliances) = (number("LINK_ROWS", 24), number("LINK_APPLIANCES", 3));
    let project = Project::shared();
    let linked: Vec<_> = (0..appliances).map(|number| linked(&project, number)).collect();
    let channels: Vec<&str> = linked.iter().map(|(_, _, channel)| channel.as_str()).collect();
    for (number, channel) in channels.iter().enumerate() {
        // By the last four digits the simulated WAHA would make faults.
        project.sql(&format!(
            "insert into auto_messages (title, message, contact_ids, scheduled_at, chanel_id)
             select 'x', 'y', jsonb_build_array(jsonb_build_object('phone', '62812' || lpad((n * {appliances} + {number})::text, 5, '0') || '7771')),
                 now(), '{channel}' from generate_series(1, {}) n",
            rows / appliances
        ));
    }
    let total = rows / appliances * appliances;
    let done = || {
        project.sql("select count(*) from auto_messages where status <> 'scheduled'")
            == total.to_string()
    };
    let mut random = fastrand::Rng::with_seed(7);
    let mut servers: Vec<_> =
        linked.iter().map(|(site, ..)| site.start("serve", "serve.log", None)).collect();
    let began = std::time::Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_mins(15), "never: all rows are sent");
        thread::sleep(Duration::from_millis(random.u64(300..2000)));
        let unlucky = random.usize(0..appliances);
        servers[unlucky].kill();
        servers[unlucky] = linked[unlucky].0.start("serve", "serve.log", None);
    }
    until("all claims are settled", || {
        project.sql("select count(*) from auto_message_claims where settled_at is null") == "0"
    });
    until("all results are written", || {
        project.sql(
            "select count(*) from auto_message_deliveries where status in ('pending', 'sending')",
        ) == "0"
    });
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for (site, ..) in &linked {
        for one in site.waha.received() {
            *times.entry(one.chat_id).or_default() += 1;
        }
    }
    assert!(times.values().all(|times| *times == 1), "somebody got it twice");
    let unknown: usize = project
        .sql("select count(*) from auto_message_deliveries where status = 'unknown'")
        .parse()
        .unwrap();
    assert!(
        times.len() + unknown >= total,
        "{} arrived, {unknown} unknown of {total}",
        times.len()
    );
    assert_eq!(project.sql("select count(*) from auto_message_claims"), total.to_string());
    println!("{total} rows, {appliances} appliances: {} arrived, {unknown} unknown", times.len());
}
