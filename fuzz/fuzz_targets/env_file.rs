//! An env file holds known keys or is refused, and no value of it breaks the settings.
#![no_main]

use std::path::Path;

use auto_message_scheduler::config::{Config, SETTINGS, parse_env_file};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(values) = parse_env_file(Path::new("x.env"), text) else { return };
    assert!(values.keys().all(|key| SETTINGS.iter().any(|setting| setting.key == key.as_str())));
    let Ok(config) = Config::from_values(values) else { return };
    let url = config.waha_base_url.unwrap_or_default();
    assert!(!url.contains(['@', '?', '#', '\\', ' ']) && !url.contains(char::is_control));
    for secret in [config.waha_api_key, config.cron_secret, config.waha_proxy].into_iter().flatten()
    {
        assert!(secret.reveal().bytes().all(|byte| byte.is_ascii_graphic()));
    }
});
