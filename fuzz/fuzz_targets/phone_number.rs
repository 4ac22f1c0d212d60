//! A phone number that is read has 8 to 15 digits, and is read the same again.
#![no_main]

use auto_message_scheduler::recipient::{CountryCode, normalize_phone};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for code in ["62", "1", "39", "49", "852"] {
        let country = CountryCode::parse(code).expect("these are country codes");
        let Ok(digits) = normalize_phone(text, &country) else { continue };
        assert!((8..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()));
        assert_eq!(normalize_phone(&format!("+{digits}"), &country), Ok(digits));
    }
});
