//! `doctor`: what is wrong, and what to do about it.

use std::path::Path;

use clap::Args;
use serde_json::json;

use super::CliError;
use super::output::{Output, counted};
use super::table::wrapped;
use crate::clock::SystemClock;
use crate::config::{Config, DEFAULT_ENV_FILE};
use crate::doctor::{self, Finding, Verdict};

#[derive(Debug, Args)]
#[command(after_help = "\
Exit code 1 when something is wrong; warnings alone are 0.
Example, for a monitor:
  auto-message-scheduler doctor --json")]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    output: Output,
    /// Also send a test to ALERT_URL and HEARTBEAT_URL
    #[arg(long)]
    alert: bool,
}

pub(super) fn doctor(args: &DoctorArgs, env_file: Option<&Path>) -> Result<(), CliError> {
    let config = Config::load(env_file);
    let env_file = env_file.unwrap_or(Path::new(DEFAULT_ENV_FILE));
    let findings = doctor::examine(&config, env_file, &SystemClock::new(), args.alert);
    let count = |verdict| findings.iter().filter(|one| one.verdict == verdict).count();
    let (wrong, warnings) = (count(Verdict::Wrong), count(Verdict::Warning));
    let data = json!({ "findings": findings, "wrong": wrong, "warnings": warnings });
    args.output.print(&data, |_| {
        let lines: Vec<String> = findings.iter().map(text).collect();
        let warnings = counted(warnings as u64, "warning");
        format!("{}\n\n{wrong} wrong, {warnings}", lines.join("\n"))
    })?;
    if wrong == 0 {
        return Ok(());
    }
    Err(CliError::Refused(match wrong {
        1 => "one thing is wrong: see its remedy above".to_owned(),
        _ => format!("{wrong} things are wrong: see their remedies above"),
    }))
}

fn text(finding: &Finding) -> String {
    let verdict = match finding.verdict {
        Verdict::Ok => "ok",
        Verdict::Warning => "warning",
        Verdict::Wrong => "WRONG",
    };
    let found = wrapped(&format!("{verdict:<8} {:<9} {}", finding.subject, finding.found), 19);
    match &finding.remedy {
        None => found,
        Some(remedy) => format!("{found}\n{}", wrapped(&format!("{:<19}-> {remedy}", ""), 22)),
    }
}
