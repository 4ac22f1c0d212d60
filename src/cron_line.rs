//! The line that a crontab needs for one installation: `run` without a server, or `curl` against one.
//!
//! A crontab is no shell: `%` ends the command there, also inside quotes, unless a backslash stands
//! before it. And what a command line holds, everybody on the host can read with `ps`: the secret is
//! read from its file by `sed` and goes to `curl` through a pipe, as a configuration (`-K -`), which
//! the `curl` of CentOS 7 understands too.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Minutes that divide an hour: with others the last gap of each hour would be a shorter one.
const MINUTES: [u32; 11] = [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30];
/// What the common crons take as one command.
const COMMAND_BYTES_MAX: usize = 998;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CronLineError {
    #[error(
        "cron cannot keep an even pace of {0} minutes: give one of 1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30"
    )]
    Minutes(u32),
    #[error("`{0}` cannot stand in a crontab: give it a name in UTF-8 without control characters")]
    Name(String),
    #[error("`{0}` is no URL of a server: give one such as https://shop.example.com")]
    Url(String),
    #[error("the line would be longer than cron takes: use shorter directory names")]
    TooLong,
}

/// What `run` needs to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunLine<'a> {
    pub(crate) program: &'a Path,
    /// Where it is started, absolute: relative paths in the settings begin there.
    pub(crate) directory: &'a Path,
    /// The env file, absolute, when it is not the one of the directory.
    pub(crate) env_file: Option<&'a Path>,
    /// After how many seconds the host kills.
    pub(crate) max_seconds: Option<u64>,
}

/// The file from which the line reads the secret.
#[derive(Debug)]
pub(crate) enum SecretFile {
    /// It holds nothing else.
    Alone(PathBuf),
    /// An env file with a line `CRON_SECRET=…`.
    Env(PathBuf),
}

/// A line that starts one `run` every `minutes`.
pub(crate) fn run(minutes: u32, line: &RunLine<'_>) -> Result<String, CronLineError> {
    let RunLine { program, directory, env_file, max_seconds } = line;
    let env_file = match env_file {
        Some(file) => format!(" --env-file {}", path(file)?),
        None => String::new(),
    };
    let limit = max_seconds.map(|seconds| format!(" --max-seconds {seconds}")).unwrap_or_default();
    let (directory, program) = (path(directory)?, path(program)?);
    crontab_line(minutes, &format!("cd {directory} && {program} run{env_file}{limit}"))
}

/// A line that triggers the server at `url` every `minutes`; without a path the URL gets that of
/// the endpoint for cron. It prints nothing unless it fails, so that cron sends no mail. A redirect is a
/// failure: nothing was triggered, and the secret belongs to no other place.
pub(crate) fn curl(minutes: u32, url: &str, secret: &SecretFile) -> Result<String, CronLineError> {
    let url = endpoint(url)?;
    let read = match secret {
        SecretFile::Alone(file) => {
            format!("sed 's/.*/header = \"Authorization: Bearer &\"/' {}", path(file)?)
        }
        SecretFile::Env(file) => {
            let pattern = r#"s/^CRON_SECRET=\(.*\)/header = "Authorization: Bearer \1"/p"#;
            format!("sed -n '{pattern}' {}", path(file)?)
        }
    };
    let command = format!(
        "{read} | curl -K - -fsSL --max-redirs 0 -o /dev/null -m 50 -X POST {}",
        word(&url)
    );
    crontab_line(minutes, &command)
}

/// Whether this text can be read by `sed` and understood by `curl` as it is.
pub(crate) fn is_plain_secret(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte))
}

/// Whether a secret would go to `url` readable for everybody on the way.
pub(crate) fn is_in_the_clear(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let has_port = |(_, port): &(&str, &str)| port.bytes().all(|byte| byte.is_ascii_digit());
    let host = authority.rsplit_once(':').filter(has_port).map_or(authority, |(host, _)| host);
    // The whole host: `127.example.com` is anybody's.
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    !host.eq_ignore_ascii_case("localhost") && !address.is_ok_and(|address| address.is_loopback())
}

fn endpoint(url: &str) -> Result<String, CronLineError> {
    let refused = || CronLineError::Url(url.to_owned());
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let rest = rest.ok_or_else(refused)?;
    let is_plain = rest.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_plain || rest.is_empty() || rest.starts_with(['/', ':', '-']) || rest.contains('@') {
        return Err(refused());
    }
    Ok(match rest.split_once('/') {
        None | Some((_, "")) => format!("{}/api/cron-auto-message", url.trim_end_matches('/')),
        Some(_) => url.to_owned(),
    })
}

fn crontab_line(minutes: u32, command: &str) -> Result<String, CronLineError> {
    if !MINUTES.contains(&minutes) {
        return Err(CronLineError::Minutes(minutes));
    }
    let command = command.replace('%', "\\%");
    if command.len() > COMMAND_BYTES_MAX {
        return Err(CronLineError::TooLong);
    }
    let when = if minutes == 1 { "*".to_owned() } else { format!("*/{minutes}") };
    Ok(format!("{when} * * * * {command}"))
}

fn path(path: &Path) -> Result<String, CronLineError> {
    let text = path.to_str().filter(|text| !text.contains(char::is_control));
    text.map(word).ok_or_else(|| CronLineError::Name(path.display().to_string()))
}

/// One word of a shell, in quotes when it needs them.
fn word(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+=:@,".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(directory: &str) -> String {
        let program = format!("{directory}/auto-message-scheduler");
        let line = RunLine {
            program: Path::new(&program),
            directory: Path::new(directory),
            env_file: None,
            max_seconds: None,
        };
        run(1, &line).unwrap()
    }

    #[test]
    fn plain_paths_are_written_as_they_are() {
        assert_eq!(
            line("/home/toko/wa"),
            "* * * * * cd /home/toko/wa && /home/toko/wa/auto-message-scheduler run"
        );
    }

    #[test]
    fn blanks_quotes_and_percent_signs_are_made_safe_for_shell_and_cron() {
        assert_eq!(
            line("/home/bu ani's 100%"),
            r"* * * * * cd '/home/bu ani'\''s 100\%' && '/home/bu ani'\''s 100\%/auto-message-scheduler' run"
        );
    }

    #[test]
    fn minutes_that_do_not_divide_an_hour_are_refused() {
        let url = "http://127.0.0.1:8787";
        let place = &SecretFile::Alone("/x.cron-secret".into());
        for (minutes, when) in [(1, "* *"), (5, "*/5 *"), (10, "*/10 *"), (30, "*/30 *")] {
            assert!(curl(minutes, url, place).unwrap().starts_with(when));
        }
        for minutes in [0, 7, 45, 60] {
            assert_eq!(curl(minutes, url, place), Err(CronLineError::Minutes(minutes)));
        }
    }

    #[test]
    fn a_url_without_a_path_gets_the_endpoint_and_one_with_a_path_keeps_it() {
        for (given, made) in [
            ("https://a.example", "https://a.example/api/cron-auto-message"),
            ("https://a.example/", "https://a.example/api/cron-auto-message"),
            ("http://127.0.0.1:8787", "http://127.0.0.1:8787/api/cron-auto-message"),
            (
                "https://a.example/wa/api/cron-auto-message",
                "https://a.example/wa/api/cron-auto-message",
            ),
        ] {
            assert_eq!(endpoint(given).unwrap(), made);
        }
        for refused in ["a.example", "ftp://a", "https://", "https://a b", "https://u:p@a.example"]
        {
            assert!(endpoint(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_name_with_a_line_end_is_refused() {
        let place = &SecretFile::Alone("/a\nb".into());
        assert!(matches!(curl(1, "https://a.example", place), Err(CronLineError::Name(_))));
    }

    #[test]
    fn only_the_own_host_may_get_a_secret_without_tls() {
        for open in [
            "http://shop.example.com/api",
            "http://127.example.com",
            "http://localhost.example.com:80",
        ] {
            assert!(is_in_the_clear(open), "{open}");
        }
        let own =
            ["http://127.0.0.1:8787", "http://localhost:1/x", "http://[::1]", "http://[::1]:80/x"];
        for safe in [&["https://shop.example.com"], &own[..]].concat() {
            assert!(!is_in_the_clear(safe), "{safe}");
        }
    }
}
