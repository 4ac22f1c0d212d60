//! The website's project: whether it answers, what is not sent of it, who sends for its channels.

use super::{Findings, Said, Subject};
use crate::clock::Timestamp;
use crate::config::{Config, absolute};
use crate::logging::in_one_line;
use crate::store::Store;
use crate::supabase::{self, AWAY_MAX, COUNTED_MAX, LinkStatus, Survey, SurveyedRow};

pub(super) fn examine(config: &Config, now: Timestamp, findings: &mut Findings) {
    if config.supabase.is_none() {
        return;
    }
    // A database that is not there, or damaged, is told elsewhere.
    let mut store = Store::open_as_is(&absolute(&config.database_path)).ok().flatten();
    match supabase::survey(config, store.as_mut(), now) {
        Ok(survey) => surveyed(&survey, config, findings),
        Err(error) => {
            let found = Said::LinkFailed { cause: in_one_line(&error) };
            findings.wrong(Subject::Link, found, Said::LookAtLink);
        }
    }
    let status = store.as_mut().and_then(|store| store.read(LinkStatus::read).ok().flatten());
    if let Some(status) = status.filter(|status| status.state.is_on) {
        own(&status, now, findings);
    }
}

fn surveyed(survey: &Survey, config: &Config, findings: &mut Findings) {
    let count = |number: usize| {
        let more = if number >= COUNTED_MAX { " or more" } else { "" };
        format!("{number}{more}")
    };
    if survey.is_on {
        let (mode, since) = (survey.mode.to_owned(), survey.since.clone());
        findings.ok(Subject::Link, Said::LinkOn { mode, old: count(survey.old), since });
    } else {
        let found = Said::LinkOff { due: count(survey.due) };
        findings.warning(Subject::Link, found, Said::CheckLink);
    }
    let words = |rows: &[SurveyedRow]| {
        rows.iter().map(|row| row.in_words(&config.zone)).collect::<Vec<_>>().join(", ")
    };
    if survey.without_channel > 0 {
        let (count, rows) = (count(survey.without_channel), words(&survey.without_channel_rows));
        let found = Said::RowsWithoutChannel { count, rows };
        findings.warning(Subject::Link, found, Said::ChooseChannel);
    }
    if survey.unsent > 0 {
        let (count, rows) = (count(survey.unsent), words(&survey.unsent_rows));
        findings.warning(Subject::Link, Said::RowsUnsent { count, rows }, Said::SwitchChannelOn);
    }
    if let Some(secs) = survey.clock_ahead_secs.filter(|_| survey.has_skew()) {
        let found = Said::AheadOfSupabase { secs };
        findings.warning(Subject::Link, found, Said::SetClockByNtp);
    }
    if survey.wants_index() {
        findings.warning(Subject::Link, Said::ManyRows, Said::CreateIndex);
    }
    for channel in
        survey.channels.iter().filter(|channel| channel.on_website.is_active && !channel.is_ours)
    {
        let name = channel.on_website.name.clone();
        match (&channel.owner, &channel.seen_at) {
            (Some(owner), Some(seen)) if survey.is_on => {
                let (owner, seen) = (owner.clone(), seen.clone());
                findings.ok(Subject::Link, Said::ChannelOfOther { channel: name, owner, seen });
            }
            (None, _) if survey.is_on => {
                let found = Said::NobodySends { channel: name };
                findings.warning(Subject::Link, found, Said::LinkTakesIt);
            }
            (Some(_) | None, _) => {}
        }
    }
}

fn own(status: &LinkStatus, now: Timestamp, findings: &mut Findings) {
    let LinkStatus { state, figures, channels, .. } = status;
    if let Some(alarm) = &state.alarm {
        let found = Said::LinkAlarm { alarm: alarm.clone() };
        findings.wrong(Subject::Link, found, Said::ClearAlarm);
    }
    if figures.refused > 0 {
        let found = Said::ResultsRefused { count: figures.refused };
        findings.wrong(Subject::Link, found, Said::CorrectTable);
    }
    let is_away = state.trouble_since.is_some_and(|since| now.since(since) >= AWAY_MAX);
    if let Some(trouble) = state.trouble.as_ref().filter(|_| is_away) {
        let since = state.trouble_since.unwrap_or(now).to_string();
        let found = Said::LinkAway { since, trouble: trouble.clone() };
        findings.wrong(Subject::Link, found, Said::RowsWait { count: figures.outbox });
    }
    for channel in channels.iter().filter(|channel| channel.contains("(taken over by")) {
        let found = Said::ChannelTaken { channel: channel.clone() };
        findings.warning(Subject::Link, found, Said::TakeOver);
    }
}
