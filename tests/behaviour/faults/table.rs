//! All faults, and what must become of the recipient that each one hits.

use super::script::Move::{
    AwaitHealing, Drain, Drip, Flood, PeekAll, ReadAll, ReadHead, Reply, Write,
};
use super::script::{Fault, Trick, failed, held, sent, slow, unknown, unreachable};

const MIB: usize = 1024 * 1024;
const NO_ANSWER: &str = "no answer from WAHA after sending";
const NO_ID: &str = "without a message id";

const GOWS: &str = r#"{"id":"true_628@c.us_3EB0AA"}"#;
const NOWEB: &str = r#"{"key":{"remoteJid":"628@c.us","fromMe":true,"id":"3EB0AA"},
    "messageTimestamp":"1732300000","status":"PENDING"}"#;
const WEBJS: &str = r#"{"id":{"fromMe":true,"remote":"628@c.us","id":"3EB0AA",
    "_serialized":"true_628@c.us_3EB0AA"},"ack":0}"#;
const SCAN: &str = r#"{"error":"Session status is not as expected. Try again later",
    "session":"default","status":"SCAN_QR_CODE","expected":["WORKING"]}"#;
const NO_SESSION: &str = r#"{"statusCode":422,"message":"Session \"default\" does not exist"}"#;
const OLD_NO_SESSION: &str = r#"{"statusCode":404,"message":"We didn't find a session with name 'default'.",
    "error":"Not Found"}"#;
const RESTRICTED: &str = r#"{"statusCode":500,"exception":{"message":"send failed",
    "details":"server returned error 463"},"request":{"path":"/api/sendText"}}"#;
const TIMED_OUT: &str = r#"{"statusCode":500,"exception":{"message":"Timed Out"}}"#;
const HTML: &str = "<html><body><h1>502 Bad Gateway</h1><hr>nginx</body></html>";
const PLAIN_404: &str = r#"{"statusCode":404,"message":"Cannot POST /api/sendText"}"#;

const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";
const HEAD: &str = "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n";
const HEAD_29: &str =
    "HTTP/1.1 201 Created\r\nConnection: keep-alive\r\nContent-Length: 29\r\n\r\n";
const HEAD_OPEN: &str = "HTTP/1.1 201 Created\r\nConnection: keep-alive\r\n\r\n";
const HEAD_401: &str = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 59\r\n\r\n";
const CUT: &str =
    "HTTP/1.1 201 Created\r\nContent-Length: 60\r\n\r\n{\"id\":\"true_628@c.us_3EB0AA\"}";
const CHUNKED: &str = "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n\
    6\r\n{\"id\":\r\n16\r\n\"true_628@c.us_3EB0AA\"\r\n1\r\n}\r\n0\r\n\r\n";
const CHUNK_CUT: &str = "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n\
    1d\r\n{\"id\":\"true_628@c.us_3EB0AA\"}\r\n";
const ENDLESS_201: &str = "HTTP/1.1 201 Created\r\nContent-Length: 52428800\r\n\r\n\
    {\"id\":\"true_628@c.us_3EB0AA\",\"x\":\"";
const ENDLESS_500: &str = "HTTP/1.1 500 Error\r\nContent-Length: 52428800\r\n\r\n\
    {\"message\":\"error 463\",\"x\":\"";

/// What happens to the connection, and to the reply on its way.
pub const WIRE: &[Fault] = &[
    unreachable("connection refused", Trick::Refuses),
    slow(unreachable("connect timeout", Trick::FullBacklog)),
    slow(unknown("no answer until our timeout", &[ReadAll, AwaitHealing], NO_ANSWER)),
    slow(unknown("slow headers", &[ReadAll, Drip(HEAD)], NO_ANSWER)),
    slow(unknown("slow body", &[ReadAll, Write(HEAD_29), Drip(GOWS)], NO_ID)),
    slow(unknown(
        "reply after our timeout",
        &[ReadAll, AwaitHealing, Reply(201, "", GOWS)],
        NO_ANSWER,
    )),
    slow(unknown(
        "read only after our timeout",
        &[AwaitHealing, ReadAll, Reply(201, "", GOWS)],
        NO_ANSWER,
    )),
    unknown("closed without an answer", &[ReadAll], NO_ANSWER),
    unknown("reset after reading", &[PeekAll], NO_ANSWER),
    unknown("reset while reading", &[ReadHead], NO_ANSWER),
    unknown("reset during the reply", &[PeekAll, Write(CUT)], ""),
    unknown("cut in the status line", &[ReadAll, Write("HTTP/1.1 20")], NO_ANSWER),
    unknown("cut in the headers", &[ReadAll, Write(HEAD)], NO_ANSWER),
    unknown("cut in the body", &[ReadAll, Write(CUT)], NO_ID),
    unknown("cut in a chunk", &[ReadAll, Write(CHUNK_CUT)], NO_ID),
    unknown("no HTTP at all", &[ReadAll, Write("SSH-2.0-OpenSSH_9.2\r\n\r\n")], NO_ANSWER),
    unknown(
        "endless header",
        &[ReadAll, Write(HEAD), Flood("X-Padding: aaaaaaaaaaaaaaaa\r\n", 50 * MIB)],
        NO_ANSWER,
    ),
    unknown("50 MB body on 201", &[ReadAll, Write(ENDLESS_201), Flood("a", 50 * MIB)], NO_ID),
    unknown("50 MB body on 500", &[ReadAll, Write(ENDLESS_500), Flood("a", 50 * MIB)], "500"),
    sent("chunked reply", &[ReadAll, Write(CHUNKED)]),
    sent("100 before the reply", &[ReadAll, Write(CONTINUE), Reply(201, "", GOWS)]),
    sent("100 before our body is read", &[Write(CONTINUE), ReadAll, Reply(201, "", GOWS)]),
    sent(
        "103 before the reply",
        &[ReadAll, Write("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"), Reply(201, "", GOWS)],
    ),
    unknown("100 and then nothing", &[ReadAll, Write(CONTINUE)], NO_ANSWER),
    slow(unknown(
        "endless 1xx",
        &[ReadAll, Flood("HTTP/1.1 102 Processing\r\n\r\n", usize::MAX)],
        NO_ANSWER,
    )),
    sent("HTTP/1.0 reply", &[ReadAll, Write("HTTP/1.0 201 Created\r\n\r\n"), Write(GOWS)]),
    sent("connection kept alive", &[ReadAll, Write(HEAD_29), Write(GOWS), AwaitHealing]),
    sent("two replies to one request", &[ReadAll, Reply(201, "", GOWS), Reply(500, "", HTML)]),
    slow(unknown(
        "no length and left open",
        &[ReadAll, Write(HEAD_OPEN), Write(GOWS), AwaitHealing],
        NO_ID,
    )),
    sent("201 before our body is read", &[Reply(201, "", GOWS), ReadAll]),
    held(
        "401 before our body is read",
        &[Reply(401, "", ""), Drain],
        "misconfigured",
        "WAHA_API_KEY",
    ),
    failed("413 before our body is read", &[Reply(413, "", ""), Drain], "413"),
    Fault {
        ends: &["failed", "unknown"], // The reset may overtake the reply.
        ..failed("400 before our body, then reset", &[Reply(400, "", "")], "")
    },
    slow(held(
        "401 with a slow body",
        &[ReadAll, Write(HEAD_401), Drip(HTML)],
        "misconfigured",
        "WAHA_API_KEY",
    )),
];

/// What a whole reply says.
pub const REPLIES: &[Fault] = &[
    sent("201 of GOWS", &[ReadAll, Reply(201, "", GOWS)]),
    sent("201 of NOWEB", &[ReadAll, Reply(201, "", NOWEB)]),
    sent("201 of WEBJS", &[ReadAll, Reply(201, "", WEBJS)]),
    unknown("200 with garbage", &[ReadAll, Reply(200, "", "\u{1}\u{2}garbage")], NO_ID),
    unknown("200 with HTML", &[ReadAll, Reply(200, "", HTML)], NO_ID),
    unknown("201 without an id", &[ReadAll, Reply(201, "", r#"{"result":true}"#)], NO_ID),
    unknown("204", &[ReadAll, Write("HTTP/1.1 204 No Content\r\n\r\n")], NO_ID),
    unknown("101", &[ReadAll, Write("HTTP/1.1 101 Switching\r\n\r\n")], "101"),
    unknown("999", &[ReadAll, Reply(999, "", HTML)], "999"),
    redirected("302 to another host", &[ReadAll, Reply(302, "Location: ELSEWHERE\r\n", "")]),
    redirected("303 to another host", &[ReadAll, Reply(303, "Location: ELSEWHERE\r\n", "")]),
    redirected("307 to another host", &[ReadAll, Reply(307, "Location: ELSEWHERE\r\n", "")]),
    redirected("308 to another host", &[ReadAll, Reply(308, "Location: ELSEWHERE\r\n", HTML)]),
    failed("400", &[ReadAll, Reply(400, "", r#"{"message":"bad","statusCode":400}"#)], "400: bad"),
    held("401", &[ReadAll, Reply(401, "", "")], "misconfigured", "WAHA_API_KEY"),
    held("403", &[ReadAll, Reply(403, "", "")], "misconfigured", "has no right"),
    held("404", &[ReadAll, Reply(404, "", PLAIN_404)], "misconfigured", "WAHA_BASE_URL"),
    held("404 about the session", &[ReadAll, Reply(404, "", OLD_NO_SESSION)], "session", "default"),
    held("405", &[ReadAll, Reply(405, "Allow: GET\r\n", HTML)], "misconfigured", "405"),
    unknown("408", &[ReadAll, Reply(408, "", "")], "408"),
    failed("413", &[ReadAll, Reply(413, "", HTML)], "413"),
    held("422 about the session", &[ReadAll, Reply(422, "", SCAN)], "session", "scan the QR code"),
    held("422, no such session", &[ReadAll, Reply(422, "", NO_SESSION)], "session", "no session"),
    failed("422 about the message", &[ReadAll, Reply(422, "", r#"{"message":"bad"}"#)], "422: bad"),
    held("422 in HTML", &[ReadAll, Reply(422, "", HTML)], "session", "422"),
    limited("429", &[ReadAll, Reply(429, "", "")]),
    limited("429, Retry-After in seconds", &[ReadAll, Reply(429, "Retry-After: 120\r\n", "")]),
    limited(
        "429, Retry-After as a date",
        &[ReadAll, Reply(429, "Retry-After: Tue, 01 Dec 2026 03:00:00 GMT\r\n", HTML)],
    ),
    unknown("500", &[ReadAll, Reply(500, "", TIMED_OUT)], "500: Timed Out"),
    Fault {
        hold: "restricted",
        ..failed("500 with error 463", &[ReadAll, Reply(500, "", RESTRICTED)], "error 463")
    },
    unknown("502 in HTML", &[ReadAll, Reply(502, "", HTML)], "502"),
    unknown("503 with Retry-After", &[ReadAll, Reply(503, "Retry-After: 1\r\n", HTML)], "503"),
    unknown("504", &[ReadAll, Reply(504, "", "")], "504"),
];

/// The same fault for a picture, whose bytes leave only when WAHA asks for them: a request whose body never left
/// is not sent, and that is known. `None` for what needs the question for an id, which pictures have none of.
pub fn of_a_picture(fault: &Fault) -> Option<Fault> {
    let not_sent = Fault {
        ends: &["pending"],
        hold: "unreachable",
        because: "WAHA cannot be reached",
        ..*fault
    };
    match fault.name {
        _ if fault.trick.is_about_connecting() => None,
        "reset while reading" | "read only after our timeout" => Some(not_sent),
        "201 before our body is read" => {
            Some(Fault { ends: &["unknown"], because: "before it had all of it", ..*fault })
        }
        "400 before our body, then reset" => Some(Fault { ends: &["failed", "pending"], ..*fault }),
        _ => Some(*fault),
    }
}

const fn redirected(name: &'static str, moves: &'static [super::script::Move]) -> Fault {
    held(name, moves, "misconfigured", "redirect")
}

const fn limited(name: &'static str, moves: &'static [super::script::Move]) -> Fault {
    held(name, moves, "rate_limited", "too many requests")
}

/// What keeps the program from reaching WAHA at all, questions before the send included.
pub const REACH: &[(Fault, Reach)] = &[
    (unreachable("DNS", Trick::None), Reach::NoSuchName),
    (unreachable("TLS to a plain port", Trick::None), Reach::Tls),
    (unreachable("TLS alert", Trick::TlsAlert), Reach::Tls),
    (unreachable("closed during TLS", Trick::TlsClosed), Reach::Tls),
];

/// What is wrong with WAHA_BASE_URL.
#[derive(Clone, Copy)]
pub enum Reach {
    NoSuchName,
    Tls,
}

/// A label of DNS has at most 63 characters, so that no resolver is asked; `.invalid` for the rest.
pub fn url_without_address() -> String {
    format!("http://{}.invalid:3000", "a".repeat(64))
}
