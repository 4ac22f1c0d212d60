use super::*;

fn load(pairs: &[(&str, &str)]) -> Result<Config, String> {
    let values =
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Config::from_values(values).map_err(|error| error.to_string())
}

fn file(text: &str) -> Result<HashMap<String, String>, String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.env");
    std::fs::write(&path, text).unwrap();
    env_file::read(&path).map_err(|error| error.to_string())
}

#[test]
fn the_defaults_are_those_of_the_table() {
    let config = load(&[]).unwrap();
    assert_eq!(config.gap.delay.as_secs(), 60);
    assert_eq!(config.gap.jitter.as_secs(), 15);
    assert_eq!(config.tick.unwrap().as_secs(), 60);
    assert_eq!(config.senders, 8);
    assert_eq!(config.zone.name(), "Asia/Jakarta");
    assert!(!config.is_pace_dangerous());
}

#[test]
fn a_bad_value_names_the_key_what_it_should_be_and_what_it_is() {
    for (key, value, part) in [
        ("SEND_DELAY_SECONDS", "soon", "a whole number from 0 to 86400, not `soon`"),
        ("SENDERS", "0", "from 1 to 256, not `0`"),
        ("TIMEZONE", "Jakarta", "such as Asia/Jakarta"),
        ("LISTEN_ADDR", "8787", "127.0.0.1:8787"),
        ("WAHA_BASE_URL", "waha.local:3000", "http://127.0.0.1:3000"),
        ("WAHA_BASE_URL", "http://", "a URL"),
        ("DEFAULT_COUNTRY_CODE", "Indonesia", "1 to 3 digits"),
        ("LOG_LEVEL", "loud", "error, warn, info or debug"),
    ] {
        let error = load(&[(key, value)]).unwrap_err();
        assert!(error.starts_with(key) && error.contains(part), "{error}");
    }
}

#[test]
fn a_secret_is_never_repeated() {
    for (key, value) in [
        ("CRON_SECRET", "tooshort"),
        ("WAHA_API_KEY", "with space"),
        ("WEBHOOK_HMAC_KEY", "tooshort"),
        ("WEBHOOK_HMAC_KEY", "with-a-non-ascii-\u{e9}"),
        ("WAHA_API_KEY", "with\nline"),
        ("WAHA_BASE_URL", "http://user:geheim@waha"),
    ] {
        let error = load(&[(key, value)]).unwrap_err();
        assert!(error.starts_with(key) && !error.contains(value), "{error}");
    }
    let config = load(&[("CRON_SECRET", "0123456789abcdef")]).unwrap();
    assert!(!format!("{config:?}").contains("0123456789abcdef"));
}

#[test]
fn the_jitter_of_a_short_delay_is_short_unless_it_is_set() {
    assert_eq!(load(&[("SEND_DELAY_SECONDS", "1")]).unwrap().gap.jitter.as_millis(), 250);
    let set = [("SEND_DELAY_SECONDS", "1"), ("SEND_JITTER_SECONDS", "15")];
    assert_eq!(load(&set).unwrap().gap.jitter.as_secs(), 15);
    assert_eq!(load(&[("SEND_DELAY_SECONDS", "600")]).unwrap().gap.jitter.as_secs(), 15);
}

#[test]
fn an_env_file_may_have_remarks_quotes_and_exports() {
    let values = file(
        "# remark\n\nexport SENDERS=4 # four\nWAHA_API_KEY='a$b#c'\r\nLOG_FILE=\"/var/log/x y\"\n",
    )
    .unwrap();
    assert_eq!(values["SENDERS"], "4");
    assert_eq!(values["WAHA_API_KEY"], "a$b#c");
    assert_eq!(values["LOG_FILE"], "/var/log/x y");
}

#[test]
fn an_unknown_key_in_the_file_is_an_error_with_its_line_and_a_guess() {
    let error = file("SENDERS=4\nSEND_DELAY=5\n").unwrap_err();
    assert!(error.contains("line 2") && error.contains("`SEND_DELAY_SECONDS`?"), "{error}");
    let error = file("SUPABASE_URL=x\n").unwrap_err();
    assert!(error.contains("there is no setting `SUPABASE_URL`"), "{error}");
    assert!(file("just words\n").unwrap_err().contains("KEY=value"));
}
