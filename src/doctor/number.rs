//! The health of each number: what WhatsApp may think of it.

use super::Findings;
use crate::channels::{WarningView, WeekView, usable};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::forecast::bears;
use crate::send_window::Day;
use crate::store::{CHECK_COUNTS_FOR, Channel, EventsHeard, Store, StoreError, WeekCounts};

/// The breaker's holds are told for so long.
const BROKE_DAYS: i64 = 7;
/// With fewer sends in a week nobody need answer.
const ANSWERS_FROM: u64 = 100;
/// So many of 20 that WhatsApp refused are half of what the breaker takes.
const FAILED_FROM: usize = 3;
/// So many in a row without a tick are no chance.
const WITHOUT_TICK_FROM: u32 = 5;
/// Where events come, and after so many sends no tick ever did, that event is missing.
const NEVER_A_TICK_FROM: u32 = 20;

pub(super) fn examine(
    store: &mut Store,
    config: &Config,
    now: Timestamp,
    heard: &EventsHeard,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    if config.check_numbers {
        let since = now.minus(CHECK_COUNTS_FOR);
        let (there, missing) = store.read(|tx| tx.check_counts(since))?;
        let asked = there + missing;
        findings.ok(
            "number",
            format!("CHECK_NUMBERS is on: {asked} asked about in 30 days, {missing} of them not on WhatsApp"),
        );
    }
    let today = Day::of(&config.zone, now);
    let channels = store.read(|tx| {
        let all = tx.channels()?.into_iter().filter(|one| usable(Some(one)).is_ok());
        all.map(|one| Ok((tx.week_counts(one.id, today)?, WeekView::of(tx, &one, today)?, one)))
            .collect::<Result<Vec<_>, _>>()
    })?;
    for (counts, week, channel) in &channels {
        let health = Health { channel, counts: *counts, week: *week, config, now, today };
        let troubles = health.troubles(heard);
        if troubles.is_empty() {
            findings.ok("number", health.words());
        }
        for (found, remedy) in troubles {
            findings.warning("number", format!("channel `{}`: {found}", channel.name), &remedy);
        }
    }
    Ok(())
}

struct Health<'a> {
    channel: &'a Channel,
    counts: WeekCounts,
    week: WeekView,
    config: &'a Config,
    now: Timestamp,
    today: Day,
}

impl Health<'_> {
    fn words(&self) -> String {
        let Self { channel, config, today, .. } = *self;
        let allowance = channel.allowance(config.allowance, &config.zone).ok();
        let limit = allowance.as_ref().and_then(|allowance| allowance.limit_on(today));
        let limit = limit.map_or("no daily limit".to_owned(), |limit| format!("{limit} a day"));
        let warmup = allowance.and_then(|allowance| allowance.warmup);
        let warmup = warmup.map_or(String::new(), |warmup| {
            format!(", day {} of its warm-up", warmup.days_before(today) + 1)
        });
        format!(
            "channel `{}`: {} days old, {limit}{warmup}; seven days: {}; {} of the last {} refused",
            channel.name,
            channel.age(&config.zone, today),
            self.week.words(),
            self.refused(),
            channel.recent_outcomes.len()
        )
    }

    /// What is not well, each with its remedy.
    fn troubles(&self, heard: &EventsHeard) -> Vec<(String, String)> {
        let Self { channel, counts: WeekCounts { busiest, sent, .. }, week, .. } = *self;
        let zone = &self.config.zone;
        let (age, mut troubles) = (channel.age(zone, self.today), Vec::new());
        let mut trouble = |found: String, remedy: String| troubles.push((found, remedy));
        if let Some(warning) = WarningView::of(channel, zone, self.now) {
            let remedy = "send less, and to people who write to you".to_owned();
            trouble(warning.words(), remedy);
        }
        let bears = bears(age);
        if u64::from(busiest) > bears {
            let found = format!(
                "its busiest day of seven had {busiest} messages, and a number of {age} days bears about {bears}"
            );
            trouble(found, format!("`channel edit --daily-limit {bears}`, or `--warmup today`"));
        }
        let unanswered =
            week.received.filter(|received| sent >= ANSWERS_FROM && received * 20 < sent);
        if let Some(received) = unanswered {
            let found = format!("{sent} messages in seven days, and {received} answers");
            trouble(found, "write to people who know you, and ask them something".to_owned());
        }
        let broke =
            channel.broke_at.filter(|at| Day::of(zone, *at).days_until(self.today) < BROKE_DAYS);
        if let Some(at) = broke {
            let found = format!("the breaker stopped it at {}", zone.format_local(at));
            trouble(found, "docs/numbers.md says why it does; let the number rest".to_owned());
        }
        if self.refused() >= FAILED_FROM {
            let (refused, of) = (self.refused(), channel.recent_outcomes.len());
            let found = format!("WhatsApp refused {refused} of its last {of} messages");
            trouble(found, "take numbers out of the list that are not on WhatsApp".to_owned());
        }
        let missing = channel.sends_since_ack;
        if channel.acked_at.is_some() && missing >= WITHOUT_TICK_FROM {
            let found = format!("the last {missing} messages have no tick yet");
            trouble(found, "look at its phone, and restart the session".to_owned());
        } else if channel.acked_at.is_none()
            && missing >= NEVER_A_TICK_FROM
            && heard.taken_at.is_some()
        {
            let found = format!("events come, and of {missing} messages none has a tick");
            let remedy = "restart the session; if they did arrive, its webhook lacks message.ack";
            trouble(found, remedy.to_owned());
        }
        troubles
    }

    fn refused(&self) -> usize {
        self.channel.recent_outcomes.matches('x').count()
    }
}
