//! What is refused, and that the words say where and what.

use super::*;

const LIST_EXAMPLE: &str = r#"write it like `[{"date":"2026-12-01","time":"08:00"}]`"#;

#[test]
fn an_error_names_the_column_the_entry_what_is_wrong_and_the_right_form() {
    let good = r#"{"date":"2026-12-01","time":"08:00"}"#;
    let bad = r#"{"date":"2026-12-01","time":"24:00"}"#;
    assert_eq!(
        refusal(Some(&format!("[{good},{bad}]")), None),
        format!(
            "`schedules`: entry 2: `time`: `24:00`: a day ends at 23:59, so write `00:00` and the next day; {LIST_EXAMPLE}"
        )
    );
    assert_eq!(
        refusal(None, Some(r#"{"time":"08:00"}"#)),
        r#"`interval_config`: `weekDays` is empty: name at least one day, such as 1 or `mon` for Monday; write it like `{"startDate":"2026-12-01","time":"08:00","weekDays":[1,4],"endDate":"2026-12-31"}`"#
    );
}

#[test]
fn one_bad_entry_is_an_error_even_when_it_is_in_the_past_or_the_other_column_is_good() {
    let bad = r#"[{"date":"2030-12-01","time":"08:00"},{"date":"1999-02-30","time":"08:00"}]"#;
    let good = r#"{"time":"08:00","weekDays":[1]}"#;
    assert!(refusal(Some(bad), Some(good)).contains("entry 2: `date`: `1999-02-30`: there is no"));
    assert!(refusal(Some(TWO_DATES), Some("{")).starts_with("`interval_config`: it is not valid"));
}

#[test]
fn a_wrong_list_says_what_is_wrong_with_it() {
    for (column, expected) in [
        ("oops", "`schedules`: it is not valid JSON (at line 1, column 1)"),
        ("[{]", "it is not valid JSON"),
        ("7", "it must be a list of entries, not a number"),
        ("true", "it must be a list of entries, not true or false"),
        (r#""tomorrow""#, "it is not valid JSON"),
        ("[null]", "entry 1: it must be an object with `date` and `time`, not nothing"),
        (
            r#"["2026-12-01 08:00"]"#,
            "entry 1: it must be an object with `date` and `time`, not text",
        ),
        ("[[]]", "entry 1: it must be an object with `date` and `time`, not a list"),
        (r#"[{"time":"08:00"}]"#, "entry 1: `date` is missing"),
        (r#"[{"date":"2026-12-01"}]"#, "entry 1: `time` is missing"),
        (r#"[{"date":"2026-12-01","time":""}]"#, "entry 1: `time` is missing"),
        (r#"[{"date":"2026-12-01","time":[]}]"#, "entry 1: `time` is missing"),
        (r#"[{"date":"2026-12-01","time":8}]"#, "`time` must be text in quotes, not a number"),
        (r#"[{"date":20261201,"time":"08:00"}]"#, "`date` must be text in quotes, not a number"),
        (r#"[{"date":"2026-12-01","DATE":"2026-12-02","time":"8 am"}]"#, "`date` is given twice"),
    ] {
        let words = refusal(Some(column), None);
        assert!(words.contains(expected), "{column}\n{words}");
        assert!(words.ends_with(LIST_EXAMPLE), "{words}");
    }
}

#[test]
fn a_wrong_weekly_rule_says_what_is_wrong_with_it() {
    for (column, expected) in [
        (r#"[{"time":"08:00","weekDays":[1]}]"#, "it must be one object, not a list"),
        (r#"{"weekDays":[1]}"#, "`time` is missing"),
        (r#"{"time":"08:00","weekDays":[]}"#, "name at least one day"),
        (r#"{"time":"08:00","weekDays":" , "}"#, "name at least one day"),
        (r#"{"time":"08:00","weekDays":null}"#, "name at least one day"),
        (r#"{"time":"08:00","weekDays":[7]}"#, "`7` is not a day: write 0 (Sunday) to 6"),
        (r#"{"time":"08:00","weekDays":[1,-1]}"#, "`-1` is not a day"),
        (r#"{"time":"08:00","weekDays":[1.5]}"#, "`1.5` is not a day"),
        (r#"{"time":"08:00","weekDays":[null]}"#, "`null` is not a day"),
        (r#"{"time":"08:00","weekDays":["someday"]}"#, "`someday` is not a day"),
        (r#"{"time":"08:00","weekDays":"mon-fri"}"#, "`mon-fri` is not a day"),
        (r#"{"time":"08:00","weekDays":{"mon":true}}"#, "must be a list of days, not an object"),
        (r#"{"time":"08:00","weekDays":[1],"week_days":[2]}"#, "`weekDays` is given twice"),
        (r#"{"time":"08:00","weekDays":[1],"endDate":"soon"}"#, "`endDate`: `soon` is not a date"),
        (r#"{"time":"08:00","weekDays":[1],"startDate":5}"#, "`startDate` must be text in quotes"),
        (r#"{"time":"08:00","weekDays":[1],"count":3}"#, "`count` needs a `startDate`"),
        (r#"{"time":"08:00","weekDays":[1],"interval":2}"#, "`interval` needs a `startDate`"),
        (r#"{"time":"08:00","weekDays":[1],"count":0,"from":"2026-12-01"}"#, "from 1 to 1000"),
        (r#"{"time":"08:00","frequency":"yearly"}"#, "must be daily, weekly or monthly"),
        (r#"{"time":"08:00","frequency":"monthly"}"#, "`monthDays` is missing"),
        (r#"{"time":"08:00","monthDays":[32]}"#, "`monthDays`: `32` must be 1 to 31 or last"),
        (r#"{"time":"08:00","weekDays":[1],"timezone":"Mars"}"#, "`timezone`: `Mars` is not"),
        (
            r#"{"time":"08:00","weekDays":[1],"status":"maybe"}"#,
            "`status`: `maybe` is not understood",
        ),
        (
            r#"{"time":"08:00","weekDays":[1],"until":"2026-12-01","end":"2026-12-02"}"#,
            "given twice",
        ),
        (
            r#"{"startDate":"2026-12-02","time":"08:00","weekDays":[1],"endDate":"2026-12-01"}"#,
            "`endDate` 2026-12-01 is before `startDate` 2026-12-02",
        ),
    ] {
        let words = refusal(None, Some(column));
        assert!(words.contains(expected), "{column}\n{words}");
    }
}

#[test]
fn a_wrong_instant_says_what_is_wrong_with_it() {
    for (text, expected) in [
        ("", "`` is not a date"),
        ("tomorrow at 8", "`tomorrow at 8` is not a date"),
        ("08:00", "`08:00` is not a date"),
        ("2026-12-01", "`2026-12-01` has no time of day"),
        ("2026-12-01T", "`2026-12-01T` has no time of day"),
        ("2026-12-01 PM", "`PM` is not a time of day"),
        ("2026-12-01 8:5", "`8:5`: write the minutes with two digits"),
        ("2026-12-01 24:00", "a day ends at 23:59"),
        ("2026-12-01 08.00-10.00", "`-10.00` is not a time zone"),
        ("2026-12-01 08:00 Mars", "`Mars` is not a time zone"),
        ("2026-12-01 08:00+15:00", "`+15:00` is not a time zone"),
    ] {
        let words = parse_local(text, &zone("WIB")).unwrap_err().to_string();
        assert!(words.contains(expected), "{text}\n{words}");
        assert!(words.ends_with("; write date and time like `2026-12-01 08:00`"), "{words}");
    }
}

#[test]
fn absurd_input_is_refused_in_few_words_and_never_panics() {
    let long = "9".repeat(500_000);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let quoted = (0..6).fold("7".to_owned(), |text, _| serde_json::to_string(&text).unwrap());
    let texts = [
        "x".repeat(10_000_000),
        "[".repeat(1_000_000),
        long.clone(),
        "1e999999".to_owned(),
        deep,
        quoted,
        "\0".to_owned(),
        "[\0]".to_owned(),
        "\u{feff}[]".to_owned(),
        format!(r#"[{{"date":"{long}","time":"08:00"}}]"#),
        format!(r#"[{{"date":"2026-12-01","time":"{long}:00"}}]"#),
        r#"[{"date":"2026-12-01\u0000","time":"\u0000"}]"#.to_owned(),
        r#"[{"date":"２０２６-12-01","time":"é"}]"#.to_owned(),
        r#"[{"date":"2026-12-01","time":"08:0é"}]"#.to_owned(),
        r#"{"time":"08:00","weekDays":[1e308,99999999999999999999]}"#.to_owned(),
        format!(r#"{{"time":"08:00","weekDays":"{}"}}"#, "mon,".repeat(20_000) + "?"),
    ];
    for text in &texts {
        for words in [refusal(Some(text), None), refusal(None, Some(text))] {
            assert!(words.len() < 400 && !words.contains('\0'), "{words}");
        }
        assert!(parse_local(text, &zone("WIB")).is_err());
        assert!(Zone::parse(text).is_err());
    }
}
