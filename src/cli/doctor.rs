//! `doctor`: what is wrong, and what to do about it.

use std::path::Path;

use clap::Args;
use serde_json::json;

use super::output::{Output, counted};
use super::table::{NARROW, width, wrapped};
use super::{CliResult, refuse};
use crate::clock::SystemClock;
use crate::config::{Config, DEFAULT_ENV_FILE};
use crate::doctor::{self, Finding, Verdict};
use crate::terminal::one_line;

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

pub(super) fn doctor(args: &DoctorArgs, env_file: Option<&Path>) -> CliResult {
    let config = Config::load(env_file);
    let env_file = env_file.unwrap_or(Path::new(DEFAULT_ENV_FILE));
    let findings = doctor::examine(&config, env_file, &SystemClock::default(), args.alert);
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
    refuse(match wrong {
        1 => "one thing is wrong: see its remedy above".to_owned(),
        _ => format!("{wrong} things are wrong: see their remedies above"),
    })
}

fn text(finding: &Finding) -> String {
    let verdict = match finding.verdict {
        Verdict::Ok => "ok",
        Verdict::Warning => "warning",
        Verdict::Wrong => "WRONG",
    };
    let indent = if width() < NARROW { 4 } else { 19 };
    let found = wrapped(&format!("{verdict:<8} {:<9} {}", finding.subject, finding.found), indent);
    let Some(remedy) = &finding.remedy else { return found };
    let blank = " ".repeat(indent);
    let mut text = format!("{found}\n{}", wrapped(&format!("{blank}-> {remedy}"), indent + 3));
    for line in &finding.lines {
        // Whole and at the beginning, so that a mouse takes nothing else with it.
        text = format!("{text}\n{}", one_line(line));
    }
    text
}
