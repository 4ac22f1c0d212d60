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
    close(&path);
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
fn proxies_are_named_by_their_addresses() {
    let read = |text| load(&[("TRUSTED_PROXIES", text)]).map(|config| config.trusted_proxies);
    let address = |text: &str| text.parse::<std::net::IpAddr>().unwrap();
    assert!(read("").unwrap().is_empty());
    assert_eq!(read("127.0.0.1, ::1").unwrap(), [address("127.0.0.1"), address("::1")]);
    assert_eq!(read("::ffff:10.0.0.1").unwrap(), [address("10.0.0.1")]);
    for wrong in ["proxy.example.com", "10.0.0.0/8", "*", "127.0.0.1:80", ","] {
        assert!(read(wrong).unwrap_err().contains("TRUSTED_PROXIES"), "{wrong}");
    }
}

#[test]
fn a_weak_password_of_the_panel_is_known_as_such() {
    let is_open = |password, listen| {
        let set = [("ADMIN_PASSWORD", password), ("LISTEN_ADDR", listen)];
        load(&set).unwrap().is_panel_open_to_guesses()
    };
    for weak in [
        "rahasia1",
        "kopi susu",
        "passwordpassword",
        "123456789012",
        "Indonesia2026!",
        "aaaaaaaaaaaaaaaa",
    ] {
        assert_eq!(is_open(weak, "0.0.0.0:8787"), weak != "passwordpassword", "{weak}");
        assert!(!is_open(weak, "127.0.0.1:8787"), "{weak}");
    }
    assert!(!is_open("kuda baterai staples", "0.0.0.0:8787"));
    assert!(!load(&[("LISTEN_ADDR", "0.0.0.0:8787")]).unwrap().is_panel_open_to_guesses());
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
    let error = file("SUPABASE_PROJECT=x\n").unwrap_err();
    assert!(error.contains("there is no setting `SUPABASE_PROJECT`"), "{error}");
    assert!(file("just words\n").unwrap_err().contains("KEY=value"));
}

#[test]
fn plain_http_goes_to_this_machine_and_to_private_networks_only() {
    for host in [
        "127.0.0.1:3000",
        "127.8.8.8",
        "localhost:3000",
        "LOCALHOST",
        "[::1]:3000",
        "0.0.0.0:3000",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.254:3000/waha",
        "192.168.1.9:3000",
        "100.64.0.1",
        "100.127.9.9",
        "[fd12::1]:3000",
        "[::ffff:10.0.0.1]",
        "waha",
        "waha:3000",
        "my_waha:3000",
        "waha.local",
        "waha.toko.internal:3000",
        "nas.lan",
        "waha.home.arpa",
        "x.localhost",
        "waha.local.",
    ] {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}");
            let config = load(&[("WAHA_BASE_URL", &url)]);
            assert_eq!(config.unwrap().waha_base_url.as_deref(), Some(url.as_str()));
        }
    }
    for host in [
        "waha.example.com",
        "waha.example.com:3000/local",
        "8.8.8.8",
        "172.32.0.1",
        "172.15.0.1",
        "192.169.0.1",
        "100.128.0.1",
        "100.63.0.1",
        "11.0.0.1",
        "169.254.169.254",
        "[2001:db8::1]:3000",
        "[fe80::1]",
        "[::ffff:8.8.8.8]",
        "local.example.com",
        "waha.local.example.com",
        "notlocal.id",
        "waha.internal.com",
        "127.0.0.1.nip.io",
        "toko.id.",
    ] {
        assert!(load(&[("WAHA_BASE_URL", &format!("https://{host}"))]).is_ok(), "{host}");
        let error = load(&[("WAHA_BASE_URL", &format!("http://{host}"))]).unwrap_err();
        assert!(error.starts_with("WAHA_BASE_URL must begin with https://"), "{host}: {error}");
        assert!(error.contains("ssh -L"), "{error}");
    }
}

#[test]
fn a_url_that_two_programs_could_read_differently_is_refused() {
    for rest in [
        "",
        "/",
        ":3000",
        "waha:",
        "waha:0",
        "waha:+80",
        "waha:65536",
        "waha:3000x",
        "waha?x",
        "waha#x",
        "waha/?session=x",
        "waha/#x",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "0177.0.0.1",
        "8.8",
        "1.2.3.4.",
        "256.1.1.1",
        "waha/a b",
        "waha\\evil",
        "wa ha",
        "waha..local",
        ".local",
        "[::1",
        "[fe80::1%25eth0]",
        "::1",
        "wäha",
        "waha/ä",
        "[]",
        "[waha]",
        "waha,evil",
        "user:geheim@waha",
        "user@waha",
    ] {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{rest}");
            let error = load(&[("WAHA_BASE_URL", &url)]).map(|_| ()).expect_err(&url);
            assert!(
                error.starts_with("WAHA_BASE_URL must be") && !error.contains("geheim"),
                "{error}"
            );
        }
    }
    for url in ["ftp://waha", "HTTP://waha", "http:/waha", "//waha", "file:///etc/passwd"] {
        assert!(load(&[("WAHA_BASE_URL", url)]).is_err(), "{url}");
    }
}

#[test]
fn no_secret_is_shown_by_debug() {
    const MARK: &str = "Tanda-Rahasia-0123456789";
    let secrets = [
        "WAHA_API_KEY",
        "CRON_SECRET",
        "CRON_SECRET_PREVIOUS",
        "WEBHOOK_HMAC_KEY",
        "ADMIN_PASSWORD",
        "SUPABASE_SERVICE_ROLE_KEY",
    ];
    let proxy = format!("http://{MARK}:{MARK}@proxy:3128");
    let pairs: Vec<(&str, &str)> = secrets
        .iter()
        .map(|key| (*key, MARK))
        .chain([
            ("WAHA_PROXY", proxy.as_str()),
            ("SUPABASE_URL", "https://abcdefgh.supabase.co/rest/v1/"),
        ])
        .collect();
    let config = load(&pairs).unwrap();
    assert_eq!(config.cron_secret_previous.as_ref().unwrap().reveal(), MARK);
    for shown in [format!("{config:?}"), format!("{config:#?}")] {
        assert!(!shown.contains("Tanda") && shown.contains("Secret(…)"), "{shown}");
    }
    // A setting that is named like a secret is one of these: who adds another adds it here.
    // The hash of a password and the secret of callbacks are checked to be one, and held in the same way.
    let checked = ["ADMIN_PASSWORD_HASH", "CALLBACK_SECRET"];
    let named = SETTINGS.iter().map(|setting| setting.key).filter(|key| !checked.contains(key));
    let named: Vec<&str> = named
        .filter(|key| ["KEY", "SECRET", "TOKEN", "PASSWORD"].iter().any(|word| key.contains(word)))
        .collect();
    assert!(named.iter().all(|key| secrets.contains(key)), "{named:?}");
}

#[test]
fn a_project_is_reached_by_https_and_named_without_the_api_s_path() {
    let with = |url: &str| {
        let key = ("SUPABASE_SERVICE_ROLE_KEY", "sb_secret_0123456789");
        load(&[("SUPABASE_URL", url), key]).map(|config| config.supabase.unwrap().url)
    };
    for url in
        ["https://abc.supabase.co", "https://abc.supabase.co/", "https://abc.supabase.co/rest/v1/"]
    {
        assert_eq!(with(url).unwrap(), "https://abc.supabase.co");
    }
    assert!(with("http://127.0.0.1:54321").is_ok());
    for url in [
        "http://abc.supabase.co",
        "http://192.168.1.2:8000",
        "abc.supabase.co",
        "https://u:p@abc.supabase.co",
        "https://supabase.com/dashboard/project/abcdefgh",
        "https://App.Supabase.com/project/abcdefgh/",
    ] {
        let error = with(url).unwrap_err();
        assert!(error.contains("SUPABASE_URL") && !error.contains("u:p"), "{error}");
    }
    assert!(
        load(&[("SUPABASE_URL", "https://abc.supabase.co")])
            .unwrap_err()
            .contains("SUPABASE_SERVICE_ROLE_KEY")
    );
}

#[test]
fn the_panels_password_is_one_or_the_hash_of_one_and_never_repeated() {
    let hash = crate::password::hash("rahasia toko").unwrap();
    assert!(load(&[("ADMIN_PASSWORD", "rahasia toko")]).unwrap().admin_password.is_some());
    assert!(load(&[("ADMIN_PASSWORD_HASH", &hash)]).unwrap().admin_password.is_some());
    assert!(load(&[("ADMIN_PASSWORD", "")]).unwrap().admin_password.is_none());
    for bad in [
        &[("ADMIN_PASSWORD", "geheim")][..],
        &[("ADMIN_PASSWORD_HASH", "geheim geheim")],
        &[("ADMIN_PASSWORD", "geheim geheim"), ("ADMIN_PASSWORD_HASH", hash.as_str())],
    ] {
        let error = load(bad).map(|_| ()).unwrap_err();
        assert!(error.starts_with("ADMIN_PASSWORD") && !error.contains("geheim"), "{error}");
    }
}

#[test]
fn a_key_with_a_control_character_is_refused_wherever_it_stands() {
    for key in
        ["WAHA_API_KEY", "CRON_SECRET", "CRON_SECRET_PREVIOUS", "WEBHOOK_HMAC_KEY", "WAHA_PROXY"]
    {
        for odd in ["\r", "\n", "\r\nX-Evil: 1", "\0", "\t", "\u{7f}", "\u{1b}[2J", "\u{85}"] {
            for value in [
                format!("0123456789{odd}abcdef"),
                format!("{odd}0123456789abcdef"),
                format!("0123456789abcdef{odd}"),
            ] {
                let is_space_at_an_end = odd == "\t" && !value.contains("9\ta");
                if is_space_at_an_end {
                    continue;
                }
                let error = load(&[(key, &value)])
                    .map(|_| ())
                    .expect_err(&value.escape_debug().to_string());
                assert!(error.starts_with(key) && !error.contains("0123456789"), "{error}");
            }
        }
    }
    assert!(load(&[("DATABASE_PATH", "shop\0.db")]).is_err());
    assert!(load(&[("CRON_SECRET", &"x".repeat(1025))]).is_err());
}

#[test]
fn a_proxy_is_an_http_url_and_never_repeated() {
    for good in ["http://proxy:3128", "https://proxy.example.com", "http://a:b@10.0.0.1:8080/"] {
        assert_eq!(load(&[("WAHA_PROXY", good)]).unwrap().waha_proxy.unwrap().reveal(), good);
    }
    for bad in [
        "proxy:3128",
        "socks5://proxy",
        "http://",
        "http://geheim@",
        "http://a@b@geheim",
        "http://p/geheim",
    ] {
        let error = load(&[("WAHA_PROXY", bad)]).unwrap_err();
        assert!(error.starts_with("WAHA_PROXY must be") && !error.contains("geheim"), "{error}");
    }
}

#[test]
fn strangers_may_ask_only_where_a_secret_was_chosen() {
    let is_refused = |pairs: &[(&str, &str)]| {
        load(pairs).unwrap().require_secret_for_strangers().map_err(|error| error.to_string()).err()
    };
    for address in [
        "127.0.0.1:8787",
        "127.1.2.3:80",
        "[::1]:8787",
        "[::ffff:127.0.0.1]:8787",
        "localhost:8787",
    ] {
        assert_eq!(is_refused(&[("LISTEN_ADDR", address)]), None, "{address}");
    }
    for address in
        ["0.0.0.0:8787", "[::]:8787", "192.168.1.9:8787", "[fd12::1]:80", "[::ffff:10.0.0.1]:80"]
    {
        let error = is_refused(&[("LISTEN_ADDR", address)]).unwrap();
        assert!(
            error.starts_with("CRON_SECRET is not set") && error.contains("secret rotate"),
            "{error}"
        );
        let previous = ("CRON_SECRET_PREVIOUS", "0123456789abcdef");
        assert!(is_refused(&[("LISTEN_ADDR", address), previous]).is_some());
        assert_eq!(is_refused(&[("LISTEN_ADDR", address), ("CRON_SECRET", previous.1)]), None);
    }
    for bad in
        ["localhost", "localhost:", "localhost:x", "shop.example.com:80", ":8787", "::1:8787"]
    {
        assert!(
            load(&[("LISTEN_ADDR", bad)]).unwrap_err().contains("LISTEN_ADDR must be"),
            "{bad}"
        );
    }
}

#[cfg(unix)]
#[test]
fn an_env_file_that_others_may_read_is_refused_with_the_command_that_mends_it() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("my shop.env");
    for mode in [0o644, 0o640, 0o604, 0o620, 0o666] {
        std::fs::write(&path, "WAHA_API_KEY=geheim-geheim\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let error = env_file::read(&path).unwrap_err().to_string();
        assert!(!error.contains("geheim"), "{error}");
        let command = error.rsplit_once(": ").unwrap().1;
        assert!(std::process::Command::new("sh").args(["-c", command]).status().unwrap().success());
        assert_eq!(env_file::read(&path).unwrap()["WAHA_API_KEY"], "geheim-geheim");
    }
}

/// As `chmod 600`.
fn close(path: &Path) {
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(path, mode).unwrap();
    }
}
