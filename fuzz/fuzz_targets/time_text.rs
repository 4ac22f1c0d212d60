//! A time that is read is written and read again as the same.
#![no_main]

use auto_message_scheduler::clock::Timestamp;
use auto_message_scheduler::schedule::{Zone, parse_local};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Some(at) = Timestamp::parse(text) {
        assert_eq!(Timestamp::parse(&at.to_string()), Some(at));
    }
    let zone = Zone::parse("Asia/Jakarta").expect("this is a zone");
    if let Ok(at) = parse_local(text, &zone) {
        assert_eq!(Timestamp::parse(&at.to_string()), Some(at));
    }
    drop(Zone::parse(text));
});
