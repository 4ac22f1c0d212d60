//! Any bytes with a right HMAC are answered; without one they are refused.
#![no_main]

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use auto_message_scheduler::api::{Api, Webhook};
use auto_message_scheduler::clock::SystemClock;
use auto_message_scheduler::config::Secret;
use auto_message_scheduler::http::Request;
use auto_message_scheduler::store::Store;
use auto_message_scheduler::trigger::Triggers;
use hmac::{Hmac, KeyInit, Mac};
use libfuzzer_sys::fuzz_target;
use sha2::Sha512;

const KEY: &str = "my-secret-key";

/// One database for all inputs, in memory-backed storage where there is some.
static API: LazyLock<Api> = LazyLock::new(|| {
    let path: PathBuf =
        std::env::temp_dir().join(format!("webhook-body-fuzz-{}.db", std::process::id()));
    let open = || Store::open(&path).expect("the directory for temporary files can be written");
    let webhook = Webhook::new(open(), Secret::new(KEY), Arc::default());
    let secret = Secret::new("a-secret-for-tests-0123456789");
    let (triggers, clock) = (Arc::new(Triggers::default()), Arc::new(SystemClock::new()));
    Api::new(open(), triggers, clock, secret.into(), Duration::ZERO, Some(webhook))
});

fuzz_target!(|body: &[u8]| {
    let post = || {
        let mut request = Request::new("POST", "/api/waha-webhook");
        request.body = body.to_vec();
        request.with("X-Webhook-Hmac-Algorithm", "sha512")
    };
    assert_eq!(API.answer(&mut post(), true).status, 401);
    let mut mac = Hmac::<Sha512>::new_from_slice(KEY.as_bytes()).expect("HMAC takes any key");
    mac.update(body);
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut signed = post().with("X-Webhook-Hmac", &hex);
    assert!(matches!(API.answer(&mut signed, true).status, 200 | 400));
});
