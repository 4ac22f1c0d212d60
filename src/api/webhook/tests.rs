use super::*;

const BODY: &[u8] = br#"{"event":"message","session":"default","engine":"WEBJS"}"#;
/// From WAHA's documentation, for the key `my-secret-key`.
const RIGHT: &str = "208f8a55dde9e05519e898b10b89bf0d0b3b0fdf11fdbf09b6b90476301b98d8\
                    097c462b2b17a6ce93b6b47a136cf2e78a33a63f6752c2c1631777076153fa89";

fn webhook(directory: &tempfile::TempDir) -> Webhook {
    let store = Store::open(&directory.path().join("x.db")).unwrap();
    Webhook::new(store, Secret::new("my-secret-key"), Arc::default())
}

fn status(webhook: &Webhook, mut request: Request, body: &[u8]) -> u16 {
    let now = Now { wall: Timestamp::from_secs(1), monotonic: std::time::Duration::ZERO };
    request.body = body.to_vec();
    webhook.take(&mut request, now, &Triggers::default()).status
}

fn unsigned() -> Request {
    Request::new("POST", "/api/waha-webhook")
}

fn posted(hmac: &str) -> Request {
    unsigned().with("X-Webhook-Hmac", hmac)
}

#[test]
fn the_documented_test_vector_is_right_in_both_cases() {
    let directory = tempfile::tempdir().unwrap();
    let webhook = webhook(&directory);
    assert_eq!(status(&webhook, posted(RIGHT), BODY), 200);
    assert_eq!(status(&webhook, posted(&RIGHT.to_uppercase()), BODY), 200);
    let named = posted(RIGHT).with("X-Webhook-Hmac-Algorithm", "sha512");
    assert_eq!(status(&webhook, named, BODY), 200);
}

#[test]
fn everything_but_the_right_hmac_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let webhook = webhook(&directory);
    let flipped = RIGHT.replacen('2', "3", 1);
    for hmac in ["", "208f", &RIGHT[..126], &format!("{RIGHT}00"), &flipped, &"z".repeat(128)] {
        assert_eq!(status(&webhook, posted(hmac), BODY), 401, "{hmac}");
    }
    assert_eq!(status(&webhook, unsigned(), BODY), 401);
    assert_eq!(status(&webhook, posted(RIGHT), b"{}"), 401, "another body");
    let weak = posted(RIGHT).with("X-Webhook-Hmac-Algorithm", "sha256");
    assert_eq!(status(&webhook, weak, BODY), 401);
}

#[test]
fn an_events_name_is_its_own_id_else_its_requests_else_none() {
    let request = unsigned().with("X-Webhook-Request-Id", "01H");
    assert_eq!(event_id(&json!({"id": "evt_1"}), &request), Some("evt_1"));
    assert_eq!(event_id(&json!({"id": ""}), &request), Some("01H"));
    assert_eq!(event_id(&json!({"id": "x".repeat(500)}), &unsigned()), None);
}

#[test]
fn what_is_refused_is_counted_with_one_write_a_minute() {
    let directory = tempfile::tempdir().unwrap();
    let webhook = webhook(&directory);
    let mut other = Store::open(&directory.path().join("x.db")).unwrap();
    let mut heard = |secs: u64, mut request: Request| {
        let wall = Timestamp::from_secs(100_000 + i64::try_from(secs).unwrap());
        request.body = BODY.to_vec();
        let now = Now { wall, monotonic: Duration::from_secs(secs) };
        let _ = webhook.take(&mut request, now, &Triggers::default());
        other.read(|tx| tx.events_heard(wall)).unwrap()
    };
    let wrong = || posted(&RIGHT.replacen('2', "3", 1));
    for (secs, request, refused, why) in [
        (0, unsigned(), 1, Unsigned::NoHmac),
        (1, unsigned(), 1, Unsigned::NoHmac),
        (59, wrong(), 1, Unsigned::NoHmac),
        (60, wrong(), 4, Unsigned::WrongHmac),
        (61, wrong(), 4, Unsigned::WrongHmac),
    ] {
        let seen = heard(secs, request);
        assert_eq!((seen.refused, seen.refusal.map(|(_, why)| why)), (refused, Some(why)));
        assert_eq!(seen.taken_at, None);
    }
    for (secs, noted) in [(70, 70), (100, 70), (130, 130)] {
        let taken_at = heard(secs, posted(RIGHT)).taken_at;
        assert_eq!(taken_at, Some(Timestamp::from_secs(100_000 + noted)), "{secs}");
    }
}
