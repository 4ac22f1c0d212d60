//! An occurrence is strictly after `after`. Input: seconds (8 bytes), then both columns, apart by a NUL.
#![no_main]

use auto_message_scheduler::clock::Timestamp;
use auto_message_scheduler::schedule::{Zone, has_schedule, next_occurrence};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((secs, text)) = bytes.split_first_chunk::<8>() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let (schedules, interval) = match text.split_once('\0') {
        Some((schedules, interval)) => (Some(schedules), Some(interval)),
        None => (Some(text), None),
    };
    let after = Timestamp::from_secs(i64::from_le_bytes(*secs));
    for zone in ["Asia/Jakarta", "America/New_York", "Australia/Lord_Howe"] {
        let zone = Zone::parse(zone).expect("these are zones");
        let Ok(Some(at)) = next_occurrence(schedules, interval, &zone, after) else { continue };
        assert!(at > after && has_schedule(schedules, interval));
    }
});
