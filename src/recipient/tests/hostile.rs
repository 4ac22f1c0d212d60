//! Texts that nobody writes by hand: they are refused in good time, and nothing panics.

use super::super::{
    CountryCode, ENTRIES_MAX, RecipientError, TEXT_BYTES_MAX, mask_phone, normalize_phone,
    parse_contact_ids,
};

/// Long enough that work which grows with the square of it would be felt.
const LONG_BYTES: usize = 16 * 1024;

#[test]
fn a_long_text_of_anything_comes_to_an_end() {
    for part in [
        "[", "{", "\"", "]", "(", "9", " ", "1 ", "+1 ", "0812 ", "0 ", "@", "a@", "\u{feff}",
        "\0", "[[1],", "{\"", "\\\"", "x", ",,", "/1", "\n0",
    ] {
        let text = part.repeat(LONG_BYTES / part.len());
        for text in [
            text.clone(),
            format!("[\"{text}\"]"),
            format!("{{{text}}}"),
            format!("[{{\"id\":1,\"phone\":\"{text}\"}}]"),
        ] {
            let _ = parse_contact_ids(Some(&text));
            let _ = normalize_phone(&text, &CountryCode::parse("62").unwrap());
            let _ = mask_phone(&text);
        }
    }
}

#[test]
fn a_text_over_the_limit_is_refused_with_the_remedy() {
    let text = "[".repeat(TEXT_BYTES_MAX + 1);
    let error = parse_contact_ids(Some(&text)).unwrap_err();
    assert!(error.to_string().contains("split it into several messages"), "{error}");
}

#[test]
fn more_entries_than_the_limit_are_refused() {
    for text in [
        "1,".repeat(ENTRIES_MAX + 1),
        "1 ".repeat(ENTRIES_MAX + 1),
        format!("[{}1]", "1,".repeat(ENTRIES_MAX)),
    ] {
        assert_eq!(parse_contact_ids(Some(&text)), Err(RecipientError::TooMany));
    }
    assert_eq!(parse_contact_ids(Some(&"1,".repeat(ENTRIES_MAX))).unwrap().len(), ENTRIES_MAX);
}

#[test]
#[allow(clippy::too_many_lines)] // a table
fn no_input_panics() {
    const PARTS: [&str; 40] = [
        "[",
        "]",
        "{",
        "}",
        "\"",
        "\\",
        "'",
        ",",
        ";",
        " ",
        "\n",
        "\t",
        "+",
        "-",
        ".",
        "/",
        "(0)",
        "(",
        ")",
        "@c.us",
        "@g.us",
        ":7",
        "0",
        "62",
        "0812",
        "81234567890",
        "E+11",
        "null",
        "true",
        "\"id\":",
        "\"phone\":",
        "\0",
        "\u{feff}",
        "\u{a0}",
        "é",
        "８",
        "wa.me/",
        "tel:",
        "x",
        "😀",
    ];
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let countries = ["62", "1", "39", "7"].map(|code| CountryCode::parse(code).unwrap());
    for _ in 0..8_000 {
        let mut text = String::new();
        for _ in 0..state % 13 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            text.push_str(PARTS[usize::try_from(state % 40).unwrap()]);
        }
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1) | 1;
        let _ = parse_contact_ids(Some(&text));
        let _ = mask_phone(&text);
        for country in &countries {
            if let Ok(digits) = normalize_phone(&text, country) {
                assert!(
                    (8..=15).contains(&digits.len()) && !digits.starts_with('0'),
                    "{text:?}: {digits}"
                );
            }
        }
    }
}
