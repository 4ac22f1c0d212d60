//! The website's project: whether it answers, what is not sent of it, who sends for its channels.

use super::Findings;
use crate::clock::Timestamp;
use crate::config::{Config, absolute};
use crate::logging::in_one_line;
use crate::store::Store;
use crate::supabase::{self, AWAY_MAX, COUNTED_MAX, LinkStatus, Survey};

pub(super) fn examine(config: &Config, now: Timestamp, findings: &mut Findings) {
    if config.supabase.is_none() {
        return;
    }
    // A database that is not there, or damaged, is told elsewhere.
    let mut store = Store::open_as_is(&absolute(&config.database_path)).ok().flatten();
    match supabase::survey(config, store.as_mut(), now) {
        Ok(survey) => surveyed(&survey, config, findings),
        Err(error) => {
            let remedy = "look at SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY, and whether the project is paused";
            findings.wrong("link", in_one_line(&error), remedy);
        }
    }
    let status = store.as_mut().and_then(|store| supabase::status(store).ok().flatten());
    if let Some(status) = status.filter(|status| status.is_on) {
        own(&status, now, findings);
    }
}

fn surveyed(survey: &Survey, config: &Config, findings: &mut Findings) {
    let count = |number: usize| {
        let more = if number >= COUNTED_MAX { " or more" } else { "" };
        format!("{number}{more}")
    };
    if survey.is_on {
        let (mode, old) = (survey.mode, count(survey.old));
        let found =
            format!("on, mode {mode}; {old} rows from before {} stay untouched", survey.since);
        findings.ok("link", found);
    } else {
        let found = format!("the website has {} due rows, and the link is off", count(survey.due));
        findings.warning("link", found, "`link check` shows what would be sent, `link on` begins");
    }
    if survey.without_channel > 0 {
        let rows: Vec<String> =
            survey.without_channel_rows.iter().map(|row| row.in_words(&config.zone)).collect();
        let found = format!(
            "{} due rows of the website have no channel: {}",
            count(survey.without_channel),
            rows.join(", ")
        );
        findings.warning(
            "link",
            found,
            "choose a channel for them on the website: nobody sends them",
        );
    }
    if let Some(ahead) = survey.clock_ahead_secs.filter(|_| survey.has_skew()) {
        let found = format!("this machine's clock is {ahead} s ahead of Supabase's");
        findings.warning("link", found, "set the clock, best by NTP");
    }
    if survey.wants_index() {
        let remedy = "create index on auto_messages (scheduled_at, id) where status = 'scheduled'";
        findings.warning("link", "the website has very many scheduled rows", remedy);
    }
    for channel in survey.channels.iter().filter(|channel| channel.is_active && !channel.is_ours) {
        let found = match (&channel.owner, &channel.seen_at) {
            (Some(owner), Some(seen_at)) if survey.is_on => {
                findings
                    .ok("link", format!("channel `{}` is {owner}'s, seen {seen_at}", channel.name));
                continue;
            }
            (Some(_), _) => continue,
            (None, _) => format!("nobody sends for the website's channel `{}`", channel.name),
        };
        if survey.is_on {
            findings.warning("link", found, "`link on` takes it when this WAHA has its session");
        }
    }
}

fn own(status: &LinkStatus, now: Timestamp, findings: &mut Findings) {
    if let Some(alarm) = &status.alarm {
        findings.wrong("link", alarm.clone(), "when it is mended, `link on` clears this");
    }
    if status.refused > 0 {
        let found = format!("Supabase refuses {} results", status.refused);
        findings.wrong(
            "link",
            found,
            "see refused in link_claims, and correct the website's table",
        );
    }
    let is_away = status.trouble_since.is_some_and(|since| now.since(since) >= AWAY_MAX);
    if let Some(trouble) = status.trouble.as_ref().filter(|_| is_away) {
        let found =
            format!("no good answer since {}: {trouble}", status.trouble_since.unwrap_or(now));
        findings.wrong(
            "link",
            found,
            &format!("{} rows wait to be written; what is planned goes out", status.outbox),
        );
    }
    for channel in status.channels.iter().filter(|channel| channel.contains("(taken over by")) {
        findings.warning("link", format!("channel {channel}"), "`link take-over` takes it back");
    }
}
