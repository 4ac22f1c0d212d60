//! What might reach the wrong person, and what names nobody.

use super::{assert_reads, read, reason};

#[test]
fn spaces_that_could_mean_two_things_are_refused_with_the_remedy() {
    for text in [
        "812 3456 7890",
        "62 812 3456 7890",
        "6 2812 34567",
        "8 9 10 11 12 13",
        "65 8123 4567",
        "1 415 555 2671",
        "62 81234567890",
        "6 281234567890@c.us",
        "081234567890 5",
        "5 081234567890",
        "0812 3456 7890 5",
        "0812 3456 7890 0813 4567 8901",
        "+6281234567890 5",
        "0812345 6789012",
    ] {
        let reason = reason(text);
        assert!(reason.contains("commas between contact ids, and write +"), "{text}: {reason}");
    }
}

#[test]
fn a_phone_broken_over_lines_makes_no_contacts() {
    assert_reads(&[
        ("0812\n3456\n7890", &["!0812", "!3456", "!7890"]),
        ("+62\n812\n3456\n5,6", &["!+62", "!812", "!3456", "!5", "#6"]),
        ("007,5", &["!007", "#5"]),
    ]);
}

#[test]
fn an_excel_number_is_refused_because_digits_are_lost() {
    for text in [
        "8.12345E+11",
        "8,12345E+11",
        "8, 12345E+11",
        "6.28E12",
        "8E+11",
        "\"8.12345E+11\"",
        "[\"8,12345E+11\"]",
        "[8.12345E+11]",
        "[6.28e12]",
        "[1.5]",
        "8.12345e11",
        "８.12345E+11",
        "{8.12345E+11}",
        "[62812345678901234567890]",
        "[{\"id\":1.5}]",
        "[{\"phone\":8.12345E+11}]",
    ] {
        let reason = reason(text);
        assert!(
            reason.contains("digits are lost; format the column as text and type it again"),
            "{text}: {reason}"
        );
    }
    assert_reads(&[("1,8,12345E+11,5", &["#1", "!8,12345E+11", "#5"])]);
}

#[test]
fn every_invalid_entry_says_why() {
    for (text, part) in [
        ("0", "1 or more"),
        ("[0]", "1 or more"),
        ("[-5]", "1 or more"),
        ("-5", "never negative"),
        ("007", "starts with 0 but is too short"),
        ("[\"007\"]", "starts with 0 but is too short"),
        ("+62812", "too short for a phone number"),
        ("1-3", "too short for a phone number"),
        ("1/2/3", "too short for a phone number"),
        ("[true]", "neither a contact id nor a phone"),
        ("true", "letters"),
        ("[null]", "empty entry"),
        ("[\"\"]", "empty entry"),
        ("[\"null\"]", "empty entry"),
        ("{NULL}", "empty entry"),
        ("Budi", "letters"),
        ("Budi 081234567890", "letters"),
        ("0812 3456 7890 ext 12", "extension"),
        ("0812 3456 7890 x12", "extension"),
        ("0812|3456", "`|`"),
        ("[\"[1,2\"]", "cannot be read"),
        ("[[[[[1]]]]]", "4 lists deep"),
        ("81234567890.0", "decimals"),
        ("8.81234567890", "decimals"),
        ("6281234567890@broadcast", "broadcast list"),
        ("budi@example.com", "must end in @c.us"),
        ("6281234567890@c.us/x", "must end in @c.us"),
        ("123@c.us", "8 to 15 digits"),
        ("1234567890123456@c.us", "8 to 15 digits"),
        ("@c.us", "empty"),
        ("budi@c.us", "letters"),
        ("abc@g.us", "not an id"),
        ("1-2-3@g.us", "not an id"),
        ("@lid", "not an id"),
        ("a1@newsletter", "not an id"),
    ] {
        let reason = reason(text);
        assert!(reason.contains(part), "{text}: {reason}");
    }
}

#[test]
fn one_bad_entry_leaves_the_others() {
    assert_reads(&[
        ("[1,null,true,\"x\",2.5,-1,2]", &["#1", "!null", "!true", "!x", "!2.5", "!-1", "#2"]),
        ("1,Budi,081234567890", &["#1", "!Budi", "081234567890"]),
        ("[1,[[[[2]]]],3]", &["#1", "![2]", "#3"]),
    ]);
}

#[test]
fn json_strings_are_unwrapped_four_times_and_no_more() {
    let wrap = |times: usize| {
        (0..times).fold("[7]".to_owned(), |text, _| serde_json::Value::String(text).to_string())
    };
    assert_eq!(read(&wrap(4)), ["#7"]);
    assert!(reason(&wrap(5)).contains("more than 4 times"));
}

#[test]
fn a_long_raw_text_is_cut_to_forty_characters() {
    assert_eq!(read(&"é".repeat(41)), [format!("!{}…", "é".repeat(39))]);
    assert_eq!(read(&"é".repeat(40)), [format!("!{}", "é".repeat(40))]);
    assert_eq!(read("a\0b"), ["!a\u{fffd}b"]);
}
