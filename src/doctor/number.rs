//! The health of each number: what WhatsApp may think of it.

use super::{Examined, Findings, Said, Subject};
use crate::channels::{WarningView, WeekView, usable};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::forecast::bears;
use crate::send_window::Day;
use crate::store::{CHECK_COUNTS_FOR, Channel, EventsHeard, Store, WeekCounts};

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
) -> Examined {
    if config.check_numbers {
        let since = now.minus(CHECK_COUNTS_FOR);
        let (there, missing) = store.read(|tx| tx.check_counts(since))?;
        let asked = there + missing;
        findings.ok(Subject::Number, Said::ChecksNumbers { asked, missing });
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
            findings.ok(Subject::Number, health.told());
        }
        for (trouble, remedy) in troubles {
            let (channel, trouble) = (channel.name.clone(), trouble.into());
            findings.warning(Subject::Number, Said::NumberTrouble { channel, trouble }, remedy);
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
    fn told(&self) -> Said {
        let Self { channel, config, today, .. } = *self;
        let allowance = channel.allowance(config.allowance, &config.zone).ok();
        let limit = allowance.as_ref().and_then(|allowance| allowance.limit_on(today));
        let limit = limit.map_or(Said::NoDailyLimit, |limit| Said::DailyLimit { limit });
        let warmup = allowance.and_then(|allowance| allowance.warmup);
        let day = warmup.map(|warmup| warmup.days_before(today) + 1);
        Said::NumberHealth {
            channel: channel.name.clone(),
            days: channel.age(&config.zone, today),
            limit: limit.into(),
            warmup: day.map(|day| Said::WarmupDay { day }.into()),
            week: self.week,
            refused: self.refused(),
            of: channel.recent_outcomes.len(),
        }
    }

    /// What is not well, each with its remedy.
    fn troubles(&self, heard: &EventsHeard) -> Vec<(Said, Said)> {
        let Self { channel, counts: WeekCounts { busiest, sent, .. }, week, .. } = *self;
        let zone = &self.config.zone;
        let (age, mut troubles) = (channel.age(zone, self.today), Vec::new());
        let mut trouble = |found: Said, remedy: Said| troubles.push((found, remedy));
        if let Some(warning) = WarningView::of(channel, zone, self.now) {
            trouble(Said::WhatsappWarned { warning }, Said::SendLess);
        }
        let bears = bears(age);
        if u64::from(busiest) > bears {
            trouble(Said::BusiestDay { busiest, age, bears }, Said::LimitOrWarmup { bears });
        }
        let unanswered =
            week.received.filter(|received| sent >= ANSWERS_FROM && received * 20 < sent);
        if let Some(received) = unanswered {
            trouble(Said::FewAnswers { sent, received }, Said::AskPeople);
        }
        let broke =
            channel.broke_at.filter(|at| Day::of(zone, *at).days_until(self.today) < BROKE_DAYS);
        if let Some(at) = broke {
            let local = zone.format_local(at);
            trouble(Said::BreakerStopped { local }, Said::LetItRest);
        }
        if self.refused() >= FAILED_FROM {
            let (refused, of) = (self.refused(), channel.recent_outcomes.len());
            trouble(Said::ManyRefused { refused, of }, Said::CleanList);
        }
        let missing = channel.sends_since_ack;
        if channel.acked_at.is_some() && missing >= WITHOUT_TICK_FROM {
            trouble(Said::NoTicks { missing }, Said::LookAtPhone);
        } else if channel.acked_at.is_none()
            && missing >= NEVER_A_TICK_FROM
            && heard.taken_at.is_some()
        {
            trouble(Said::NeverATick { missing }, Said::RestartSession);
        }
        troubles
    }

    fn refused(&self) -> usize {
        self.channel.recent_outcomes.matches('x').count()
    }
}
