use super::*;

const BODY: &[u8] = br#"{"event":"message","session":"default","engine":"WEBJS"}"#;
/// From WAHA's documentation, for the key `my-secret-key`.
const HMAC: &str = "208f8a55dde9e05519e898b10b89bf0d0b3b0fdf11fdbf09b6b90476301b98d8\
                    097c462b2b17a6ce93b6b47a136cf2e78a33a63f6752c2c1631777076153fa89";

fn webhook(directory: &tempfile::TempDir) -> Webhook {
    let store = Store::open(&directory.path().join("x.db")).unwrap();
    Webhook::new(store, Secret::new("my-secret-key"), Arc::default())
}

fn status(webhook: &Webhook, posted: &Posted, body: &[u8]) -> u16 {
    let now = Now { wall: Timestamp::from_secs(1), monotonic: std::time::Duration::ZERO };
    let reply = webhook.take(posted, body, now, &Triggers::default());
    reply.status
}

fn posted(hmac: &str) -> Posted {
    Posted { hmac: Some(hmac.to_owned()), ..Posted::default() }
}

#[test]
fn the_documented_test_vector_is_right_in_both_cases() {
    let directory = tempfile::tempdir().unwrap();
    let webhook = webhook(&directory);
    assert_eq!(status(&webhook, &posted(HMAC), BODY), 200);
    assert_eq!(status(&webhook, &posted(&HMAC.to_uppercase()), BODY), 200);
    let named = Posted { algorithm: Some("sha512".to_owned()), ..posted(HMAC) };
    assert_eq!(status(&webhook, &named, BODY), 200);
}

#[test]
fn everything_but_the_right_hmac_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let webhook = webhook(&directory);
    let flipped = HMAC.replacen('2', "3", 1);
    for hmac in ["", "208f", &HMAC[..126], &format!("{HMAC}00"), &flipped, &"z".repeat(128)] {
        assert_eq!(status(&webhook, &posted(hmac), BODY), 401, "{hmac}");
    }
    assert_eq!(status(&webhook, &Posted::default(), BODY), 401);
    assert_eq!(status(&webhook, &posted(HMAC), b"{}"), 401, "another body");
    let weak = Posted { algorithm: Some("sha256".to_owned()), ..posted(HMAC) };
    assert_eq!(status(&webhook, &weak, BODY), 401);
}

#[test]
fn an_events_name_is_its_own_id_else_its_requests_else_none() {
    let request = Posted { request_id: Some("01H".to_owned()), ..Posted::default() };
    assert_eq!(event_id(&json!({"id": "evt_1"}), &request), Some("evt_1"));
    assert_eq!(event_id(&json!({"id": ""}), &request), Some("01H"));
    assert_eq!(event_id(&json!({"id": "x".repeat(500)}), &Posted::default()), None);
}
