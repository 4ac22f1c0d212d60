//! Spellings of phone numbers.

use super::super::{CountryCode, normalize_phone, phone_to_chat};
use crate::reason::Reason;

fn country(code: &str) -> CountryCode {
    CountryCode::parse(code).unwrap()
}

fn assert_normalizes(code: &str, table: &[(&str, &str)]) {
    for (raw, expected) in table {
        assert_eq!(normalize_phone(raw, &country(code)).as_deref(), Ok(*expected), "{raw:?}");
    }
}

fn error(raw: &str, code: &str) -> Reason {
    match normalize_phone(raw, &country(code)) {
        Err(error) => error,
        Ok(digits) => panic!("{raw:?} became {digits}"),
    }
}

#[test]
fn every_spelling_of_an_indonesian_number_is_the_same_number() {
    for raw in [
        "081234567890",
        "81234567890",
        "6281234567890",
        "+6281234567890",
        "+62 812-3456-7890",
        "(0812) 3456.7890",
        "006281234567890",
        "6208 1234567890",
        "62081234567890",
        "+62 0812 3456 7890",
        "+62 (0)812 3456 7890",
        "0062 0812 3456 7890",
        "62(0)81234567890",
        "(0)812 3456 7890",
        "(+62) 812 3456 7890",
        "0812/3456/7890",
        "0812 – 3456 — 7890",
        "812-3456-7890",
        "62 812 3456 7890",
        "０８１２３４５６７８９０",
        "＋６２８１２３４５６７８９０",
        "٠٨١٢٣٤٥٦٧٨٩٠",
        "۰۸۱۲۳۴۵۶۷۸۹۰",
        "0812\u{a0}3456\u{202f}7890",
        "\u{202a}+62\u{a0}812\u{2011}3456\u{2011}7890\u{202c}",
        "\u{feff}0812\u{200b}34567890",
        "'081234567890",
        "’081234567890",
        "\"081234567890\"",
        " 081234567890\n",
        "081234567890,",
        "081234567890.",
        "tel:+6281234567890",
        "TEL:081234567890",
        "wa.me/6281234567890",
        "https://wa.me/6281234567890",
        "https://wa.me/+6281234567890?text=Halo%20Budi",
        "http://wa.me/081234567890/",
        "whatsapp:+6281234567890",
        "6281234567890@c.us",
        "081234567890@c.us",
        "6281234567890:7@s.whatsapp.net",
    ] {
        assert_normalizes("62", &[(raw, "6281234567890")]);
    }
    assert_eq!(
        phone_to_chat("0812-3456-7890", &country("62")).unwrap().as_str(),
        "6281234567890@c.us"
    );
}

#[test]
fn a_number_of_another_country_needs_its_plus() {
    assert_normalizes(
        "62",
        &[
            ("+65 8123 4567", "6581234567"),
            ("0065 8123 4567", "6581234567"),
            ("+1 (415) 555-2671", "14155552671"),
            ("001 415 555 2671", "14155552671"),
            ("+44 20 7946 0958", "442079460958"),
            ("+81 90 1234 5678", "819012345678"),
            ("https://wa.me/6581234567", "6581234567"),
            ("6581234567@c.us", "6581234567"),
            ("+39 06 1234567", "39061234567"),
            ("(021) 555-1234", "62215551234"),
        ],
    );
    for raw in [
        "6512345678",
        "14155552671",
        "442079460958",
        "84912345678",
        "8613812345678",
        "8001234567",
        "5551234",
        "62123456",
        "620812345",
        "001 62 812 3456 7890",
        "007 62 812 3456 7890",
        "wa.me/81234567890",
        "1.415.555.2671",
    ] {
        assert!(matches!(error(raw, "62"), Reason::NumberWithoutCountry { .. }), "{raw}");
    }
    for raw in ["12", "5", "1234"] {
        assert!(matches!(error(raw, "62"), Reason::NumberTooShort { .. }), "{raw}");
    }
    assert!(error("6512345678", "62").to_string().contains("write it with + and the country code"));
}

#[test]
fn each_country_has_its_own_national_form() {
    assert_normalizes(
        "1",
        &[
            ("(415) 555-2671", "14155552671"),
            ("1-415-555-2671", "14155552671"),
            ("1.415.555.2671", "14155552671"),
        ],
    );
    assert!(matches!(error("0415 555 2671", "1"), Reason::NumberWithForeignZero { .. }));
    assert!(matches!(error("115 555 2671", "1"), Reason::NumberWithoutCountry { .. }));
    assert!(matches!(error("+1 (0)415 555 2671", "1"), Reason::NumberWithBracketZero { .. }));
    assert_normalizes(
        "39",
        &[
            ("06 1234567", "39061234567"),
            ("+39 06 1234567", "39061234567"),
            ("0039 06 1234567", "39061234567"),
        ],
    );
    assert!(matches!(error("312 345 6789", "39"), Reason::NumberWithoutCountry { .. }));
    assert_normalizes(
        "44",
        &[
            ("020 7946 0958", "442079460958"),
            ("+44 (0)20 7946 0958", "442079460958"),
            ("44 20 7946 0958", "442079460958"),
        ],
    );
    assert_normalizes("65", &[("6581234567", "6581234567")]);
    assert!(matches!(error("65123456", "65"), Reason::NumberWithoutCountry { .. }));
    assert!(matches!(error("701 234 5678", "7"), Reason::NumberWithoutCountry { .. }));
}

#[test]
fn what_is_no_phone_number_is_refused_with_its_own_reason() {
    let shown = |raw: &str| error(raw, "62");
    for (raw, part) in [
        ("", "is empty"),
        (" '' ", "is empty"),
        ("8.12345E+11", "is how Excel writes a long number: digits are lost"),
        ("8,12345E+11", "is how Excel writes a long number: digits are lost"),
        ("6.28E12", "is how Excel writes a long number: digits are lost"),
        ("81234567890.0", "decimals"),
        ("81234567890,00", "decimals"),
        ("8.81234567890", "decimals"),
        ("0812 3456 7890 ext 12", "extension"),
        ("081234567890x12", "extension"),
        ("081234567890 # 12", "extension"),
        ("O81234567890", "letters"),
        ("0812xxxx7890", "letters"),
        ("Budi", "letters"),
        ("0812_3456", "`_`"),
        ("0812\u{0}3456", "`\\0`"),
        ("8) 81234567890", "`)`"),
        ("--", "no digits"),
        ("081234567890, 081234567891", "more than one"),
        ("081234567890\n081234567891", "more than one"),
        ("081234567890 081234567891", "more than one"),
        ("0812345/0812346", "more than one"),
        ("021-5551234/35", "more than one"),
        ("120363025246125486@g.us", "not the chat of one person"),
        ("++6281234567890", "two plus signs"),
        ("+62 +81234567890", "two plus signs"),
        ("62+81234567890", "plus sign in the middle"),
        ("+081234567890", "0 after the plus sign"),
        ("00081234567890", "too many zeros"),
        ("+62 00812345678", "too many zeros"),
        ("+44 (0)20 7946 0958", "0 in brackets"),
        ("062 812 3456 7890", "country code twice"),
        ("+62 62 812 3456 7890", "country code twice"),
        ("08123", "too few digits"),
        ("+1234567", "too few digits"),
        ("+1234567890123456", "too many digits"),
        ("0812345678901234", "too many digits"),
        ("99999999999999999999999", "too many digits"),
    ] {
        let words = shown(raw).to_string();
        assert!(words.contains(part), "{raw:?}: {words}");
    }
}

#[test]
fn eight_to_fifteen_digits_are_a_number() {
    assert_normalizes(
        "62",
        &[
            ("+12345678", "12345678"),
            ("+123456789012345", "123456789012345"),
            ("0812345", "62812345"),
        ],
    );
}

#[test]
fn a_country_code_is_one_to_three_digits() {
    assert_eq!(country("62"), country("+62"));
    assert_eq!(country(" +1 ").to_string(), "1");
    for text in ["", "+", "0", "062", "1234", "ID", "6 2", "++62", "-62", "６２"] {
        let words = CountryCode::parse(text).unwrap_err().to_string();
        assert!(words.contains("write 1 to 3 digits, such as 62"), "{words}");
    }
}

#[test]
fn digits_too_few_for_a_mobile_number_after_62_are_refused() {
    // Area code 0628 without its 0, or a mobile number cut short: two readings, and both reach somebody else.
    for raw in ["6282541098", "6285-1052-77"] {
        assert!(matches!(error(raw, "62"), Reason::NumberWithoutCountry { .. }), "{raw}");
    }
    assert_normalizes("62", &[("62811123456", "62811123456"), ("0628 254 1098", "626282541098")]);
}

#[test]
fn an_argentine_number_in_national_form_is_refused() {
    // Its 15 would have to become a 9 elsewhere in the number.
    assert!(matches!(error("011 15-2343-9767", "54"), Reason::NumberWithForeignZero { .. }));
    assert_normalizes("54", &[("+54 9 11 2343-9767", "5491123439767")]);
}
