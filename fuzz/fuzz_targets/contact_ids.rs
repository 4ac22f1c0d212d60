//! Whatever `contact_ids` hold, each entry is somebody or says why not.
#![no_main]

use auto_message_scheduler::recipient::{Entry, mask_numbers, parse_contact_ids};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(entries) = parse_contact_ids(Some(text)) else { return };
    assert!(entries.len() <= text.chars().count() + 1);
    for entry in entries {
        match entry {
            Entry::Contact(id) => assert!(id > 0),
            Entry::Person { phone, .. } => assert!(!phone.trim().is_empty()),
            Entry::Chat { chat_id, .. } => assert!(chat_id.as_str().contains('@')),
            Entry::Tag(tag) => assert!(!tag.trim().is_empty()),
            Entry::All => {}
            Entry::Except(whom) => assert!(!matches!(*whom, Entry::Invalid { .. } | Entry::All)),
            Entry::Invalid { reason, .. } => {
                let masked = mask_numbers(&reason);
                assert!(masked.split(|c: char| !c.is_ascii_digit()).all(|run| run.len() < 7));
            }
        }
    }
});
