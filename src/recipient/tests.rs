use crate::language::Language;

use super::{Entry, RecipientError, mask_numbers, mask_phone, parse_contact_ids};

mod doubts;
mod forms;
mod hostile;
mod objects;
mod phones;

/// Entries in short: `#1` a contact, `0812…` a person, `#1 0812… Budi` one with everything, `<id>` a
/// chat, `!raw` what is invalid.
fn read(text: &str) -> Vec<String> {
    let entries = parse_contact_ids(Some(text)).unwrap_or_else(|error| panic!("{text}: {error}"));
    entries.into_iter().map(short).collect()
}

fn short(entry: Entry) -> String {
    match entry {
        Entry::Contact(id) => format!("#{id}"),
        Entry::Person { contact_id, phone, name } => {
            let id = contact_id.map(|id| format!("#{id} ")).unwrap_or_default();
            let name = name.map(|name| format!(" {name}")).unwrap_or_default();
            format!("{id}{phone}{name}")
        }
        Entry::Chat { chat_id, name } => {
            format!("<{chat_id}>{}", name.map(|name| format!(" {name}")).unwrap_or_default())
        }
        Entry::Tag(tag) => format!("tag {tag}"),
        Entry::All => "all".to_owned(),
        Entry::Except(whom) => format!("-{}", short(*whom)),
        Entry::Invalid { raw, .. } => format!("!{raw}"),
    }
}

/// The reason of the only entry, which must be invalid.
fn reason(text: &str) -> String {
    match parse_contact_ids(Some(text)).as_deref() {
        Ok([Entry::Invalid { reason, .. }]) => reason.to_string(),
        other => panic!("{text}: {other:?}"),
    }
}

fn assert_reads(table: &[(&str, &[&str])]) {
    for (text, expected) in table {
        assert_eq!(read(text), *expected, "{text:?}");
    }
}

#[test]
fn a_masked_phone_keeps_its_ends_and_its_suffix() {
    let table = [
        ("6281234567890@c.us", "6281*******90@c.us"),
        ("6281234567890", "6281*******90"),
        ("+62 812-3456-7890", "+62 ***********90"),
        ("120363025246125486@g.us", "1203************86@g.us"),
        ("6281234567890@s.whatsapp.net", "6281*******90@s.whatsapp.net"),
        ("123456@lid", "******@lid"),
        ("", ""),
        ("@c.us", "@c.us"),
        ("x@6281234567890", "x@62*********90"),
        ("0812\n3456\n78\n", "0812*******8 "),
        ("０８１２３４５６", "０８１２**５６"),
    ];
    for (text, expected) in table {
        assert_eq!(mask_phone(text), expected, "{text:?}");
    }
    assert_eq!(mask_phone(&"9".repeat(1_000_000)).len(), 38);
}

#[test]
fn an_unreadable_text_says_what_to_write() {
    for text in [
        "[1,2",
        "[1,2]]",
        "[1 2]",
        "[081234567890]",
        "[+6281234567890]",
        "['1','2']",
        "{1,2",
        "{1,2}}",
        "{1,2} 3",
        "{\"id\":1",
        "{\"id\":1}{\"id\":2}",
        "\"[1,2\"",
        "\"[1,2",
        "{\"a",
        "[1e999]",
        "[1:2]={1,2}",
        "{{1},2{3}}",
    ] {
        match parse_contact_ids(Some(text)) {
            Err(error @ RecipientError::Unreadable { .. }) => {
                let words = error.to_string();
                assert!(words.contains("write it like [1,2] or [\"081234567890\"]"), "{words}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn an_entry_that_a_person_mistyped_is_refused_in_indonesian() {
    for (text, theirs) in [
        ("+1 555", "terlalu pendek untuk nomor telepon"),
        ("0812", "diawali 0 tetapi terlalu pendek"),
        ("812345 81234", "bisa satu nomor atau beberapa: tulis satu nomor per baris, tanpa spasi"),
        ("budi@toko.com", "ini alamat email"),
        ("1@broadcast", "daftar siaran"),
        ("tag:", "labelnya belum ditulis"),
        ("0", "nomor urut kontak adalah"),
        ("-5", "nomor urut kontak adalah"),
    ] {
        let read = parse_contact_ids(Some(text)).unwrap();
        let [Entry::Invalid { reason, .. }] = &read[..] else { panic!("{text}: {read:?}") };
        let words = reason.text(Language::Indonesian);
        assert!(words.contains(theirs), "{text}: {words}");
    }
}

#[test]
fn a_sentence_for_the_log_shows_no_whole_number() {
    let masked = mask_numbers("`6281234567890@c.us` and 2026-12-01, 12 of 081200007001");
    assert_eq!(masked, "`6281*******90@c.us` and 2026-12-01, 12 of 0812******01");
    assert_eq!(mask_numbers(""), "");
}
