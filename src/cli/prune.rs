//! `prune`.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::output::{Output, counted};
use super::{CliResult, Desk};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::prune::{self, Pruned, Room};

const DAY: Duration = Duration::from_hours(24);
/// Longer ago than this was no WhatsApp.
const DAYS_MAX: u64 = 36_500;

#[derive(Debug, Args)]
pub(super) struct PruneArgs {
    /// What ended longer ago: 365d (days), 52w (weeks), 12m (months of 30 days) or 1y (365 days);
    /// at least 7d
    #[arg(long, value_name = "AGE", value_parser = age)]
    older_than: Duration,
    /// Remove nothing: count what would be removed
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: Output,
}

pub(super) fn prune(args: &PruneArgs, config: &Config) -> CliResult {
    let mut store = Desk::open_existing(config)?.store;
    let clock = SystemClock::default();
    let pruned = prune::prune(&mut store, args.older_than, args.dry_run, config, &clock)?;
    let mut removed = json!({
        "messages": pruned.counted.messages, "deliveries": pruned.counted.deliveries,
        "unknown_deliveries": pruned.counted.unknown, "numbers": pruned.numbers, "files": pruned.files,
    });
    for (side, rows) in &pruned.sides {
        removed[side.as_str()] = json!(rows);
    }
    let data = json!({
        "before": pruned.cut.to_string(),
        "dry_run": args.dry_run,
        "removed": removed,
        "bytes_before": pruned.bytes_before,
        "bytes_after": pruned.bytes_after,
        "bytes_kept_free": match pruned.room {
            Room::Kept { bytes } => bytes,
            Room::Untouched | Room::GivenBack => 0,
        },
    });
    args.output.print(&data, |_| text(&pruned, config))
}

fn text(pruned: &Pruned, config: &Config) -> String {
    let zone = &config.zone;
    let verb = if pruned.room == Room::Untouched { "would be removed" } else { "removed" };
    let all = pruned.counted;
    let mut text = format!(
        "{verb}, ended before {} ({}): {}, {}",
        zone.format_local(pruned.cut),
        zone.name(),
        counted(all.messages, "message"),
        counted(all.deliveries, "delivery"),
    );
    if all.unknown > 0 {
        let _ = write!(text, " ({} of them unknown)", all.unknown);
    }
    let rows: Vec<String> = pruned
        .sides
        .iter()
        .filter(|(_, rows)| *rows > 0)
        .map(|(side, rows)| format!("{}: {rows}", side.as_str()))
        .chain((pruned.numbers > 0).then(|| format!("numbers: {}", pruned.numbers)))
        .collect();
    if !rows.is_empty() {
        let _ = write!(text, "\nother rows {verb}: {}", rows.join(", "));
    }
    if pruned.files > 0 {
        let files = counted(pruned.files, "file");
        let _ = write!(text, "\n{files} of no message {verb}: {}", size(pruned.file_bytes));
    }
    match pruned.room {
        Room::Untouched => {
            let _ = write!(text, "\nthe database has {}", size(pruned.bytes_before));
        }
        Room::GivenBack => {
            let (before, after) = (size(pruned.bytes_before), size(pruned.bytes_after));
            let _ = write!(text, "\nthe database had {before}, it has {after} now");
        }
        Room::Kept { bytes } => {
            let _ = write!(
                text,
                "\nthe database has {}, of which {} are free for what comes. It was made by an older version, which \
                 cannot give them back to the disk while it is used to send: stop `serve` (and cron's `run`), run \
                 `prune` again, and start it; once is enough",
                size(pruned.bytes_after),
                size(bytes)
            );
        }
    }
    text
}

/// `312.4 MB`.
pub(super) fn size(bytes: u64) -> String {
    let tenths = bytes.saturating_add(50_000) / 100_000;
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

/// How long ago, in whole days at least.
fn age(text: &str) -> Result<Duration, String> {
    let wrong = || {
        "write it as 365d (days), 52w (weeks), 12m (months of 30 days) or 1y (365 days)".to_owned()
    };
    let text = text.trim();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let days = match unit.to_ascii_lowercase() {
        'd' => 1,
        'w' => 7,
        'm' => 30,
        'y' => 365,
        _ => return Err(wrong()),
    };
    let digits = &text[..text.len() - unit.len_utf8()];
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let number: u64 = digits.parse().unwrap_or(u64::MAX);
    let days = number.saturating_mul(days).min(DAYS_MAX);
    let age = DAY * u32::try_from(days).unwrap_or(u32::MAX);
    if age < prune::AGE_MIN {
        return Err(
            "at least 7d: what ended within a week may still be corrected by WAHA".to_owned()
        );
    }
    Ok(age)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_days_weeks_months_or_years_and_at_least_a_week() {
        let days = |days: u64| Ok(Duration::from_hours(24 * days));
        for (text, wanted) in [
            ("7d", days(7)),
            ("365d", days(365)),
            (" 52w ", days(364)),
            ("12m", days(360)),
            ("1Y", days(365)),
            ("99999999999999999999y", days(DAYS_MAX)),
        ] {
            assert_eq!(age(text), wanted, "{text}");
        }
        for text in ["6d", "0y", "d", "", "1", "-8d", "+8d", "8 d", "1.5y", "8días", "١٠d"] {
            assert!(age(text).is_err(), "{text}");
        }
    }
}
