//! `contact check`: whether WhatsApp has the numbers of contacts, by the rules of CHECK_NUMBERS.

use std::time::Duration;

use serde_json::json;

use super::super::stopped_by_signals;
use super::super::table::table;
use super::super::{CliError, CliResult, Desk, refuse};
use super::CheckArgs;
use crate::channels::{self, Availability};
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::config::Config;
use crate::contacts::{self, Filter};
use crate::send_window::{Day, DayCount};
use crate::serve;
use crate::store::{Channel, SendEnd};
use crate::trigger::Triggers;
use crate::waha::{Existence, Waha};

/// One who asks for all contacts, with the channel that it has for that.
struct Asking<'a, 'desk> {
    desk: &'a mut Desk<'desk>,
    waha: Waha,
    channel_id: i64,
    clock: SystemClock,
    triggers: std::sync::Arc<Triggers>,
}

/// How long another one's question is waited for.
const BEING_ASKED_REST: Duration = Duration::from_secs(2);

enum Turn {
    /// It is taken: the channel's session, and whether it rests afterwards.
    Taken(String, bool),
    /// It is not needed: WhatsApp said meanwhile whether the number is there; nothing, because a person stopped the
    /// command.
    Needless(Option<bool>),
}

pub(super) fn check(args: &CheckArgs, desk: &mut Desk<'_>) -> CliResult {
    let config = desk.config;
    let waha = serve::waha(config)?;
    let channel = channels::find(&mut desk.store, &args.channel)?;
    for id in &args.ids {
        contacts::find(&mut desk.store, *id, &config.country)?;
    }
    let filter = Filter { tag: args.tag.clone(), ..Filter::default() };
    let mut chosen = Vec::new();
    contacts::each(&mut desk.store, &filter, &config.country, |person| {
        if args.ids.is_empty() || args.ids.contains(&person.id) {
            chosen.push((person.id, person.digits));
        }
    })?;
    let pause = config.gap.longest().as_secs();
    eprintln!(
        "{} to look at; what WhatsApp did not say in 30 days is asked, one every {pause} s",
        chosen.len()
    );
    let (triggers, clock) = (stopped_by_signals()?, SystemClock::default());
    let mut asking = Asking { desk, waha, channel_id: channel.id, clock, triggers };
    let mut found = Vec::new();
    for (at, (id, digits)) in chosen.iter().enumerate() {
        let told = digits.as_ref().map(|digits| asking.tell(digits)).transpose();
        let word = match told {
            Ok(None) => "no phone number",
            Ok(Some(Some(true))) => "on WhatsApp",
            Ok(Some(Some(false))) => "not on WhatsApp",
            Ok(Some(None)) => {
                eprintln!("stopped after {at} of {}", chosen.len());
                break;
            }
            Err(CliError::Refused(why)) => {
                return refuse(format!("stopped after {at} of {}: {why}", chosen.len()));
            }
            Err(error) => return Err(error),
        };
        let number = digits.as_ref().map(|digits| format!("+{digits}")).unwrap_or_default();
        eprintln!("{}/{}: contact {id} {number}: {word}", at + 1, chosen.len());
        found.push(json!({"id": id, "number": number, "result": word}));
    }
    args.output.print(&found, |found| {
        let absent = found.iter().filter(|one| one["result"] != "on WhatsApp");
        let rows = absent.map(|one| {
            let text = |key: &str| one[key].as_str().map_or(one[key].to_string(), str::to_owned);
            ["id", "number", "result"].map(text).to_vec()
        });
        let rows: Vec<_> = rows.collect();
        if rows.is_empty() {
            format!("all {} are on WhatsApp", found.len())
        } else {
            table(&["id", "number", "result"], rows)
        }
    })
}

impl Asking<'_, '_> {
    /// Whether WhatsApp has a number, as it says or said within 30 days; `None` when a person stopped the command.
    fn tell(&mut self, digits: &str) -> CliResult<Option<bool>> {
        let chat_id = format!("{digits}@c.us");
        let (session, rests) = match self.take_turn(&chat_id)? {
            Turn::Taken(session, rests) => (session, rests),
            Turn::Needless(exists) => return Ok(exists),
        };
        let found = self.waha.check_exists(&session, digits);
        let (config, now) = (self.desk.config, self.clock.now().wall);
        let ready_at = now.plus(config.gap_after(rests, fastrand::f64())).ceil_to_second();
        let id = self.channel_id;
        self.desk.store.write(|tx| {
            tx.set_channel_ready_at(id, ready_at, SendEnd::default(), now)?;
            match &found {
                Existence::There { chat_id: other } => {
                    tx.note_check(&chat_id, true, other.as_deref(), now)
                }
                Existence::NotThere => tx.note_check(&chat_id, false, None, now),
                Existence::Untold(_) | Existence::Held(_) => tx.forget_check(&chat_id),
            }
        })?;
        match found {
            Existence::There { .. } => Ok(Some(true)),
            Existence::NotThere => Ok(Some(false)),
            Existence::Untold(reason) => refuse(reason.to_string()),
            Existence::Held(hold) => refuse(hold.reason.to_string()),
        }
    }

    /// Waits until the channel may be used and takes its turn, also beside a server that sends: one gap for both.
    fn take_turn(&mut self, chat_id: &str) -> CliResult<Turn> {
        let (config, id) = (self.desk.config, self.channel_id);
        while !self.triggers.is_stopping() {
            let now = self.clock.now().wall;
            let (number, channel) =
                self.desk.store.read(|tx| Ok((tx.number(chat_id)?, tx.channel(id)?)))?;
            if let Some(exists) = number.answer(now) {
                return Ok(Turn::Needless(Some(exists)));
            }
            let channel = usable(channel.as_ref(), config, now)?;
            let mut wait = channels::ready_at(&channel, config, now).since(now);
            if number.is_being_asked(now) {
                wait = wait.max(BEING_ASKED_REST);
            }
            if !wait.is_zero() {
                self.clock.sleep(&self.triggers.wake, self.triggers.wake.rings(), Some(wait));
                continue;
            }
            let session = channel.session_name.clone().unwrap_or_default();
            let chance = fastrand::f64();
            let (turn, _) = channels::check_turn(&channel, &session, config, now, chance)
                .map_err(|error| CliError::Refused(error.to_string()))?;
            if self.desk.store.write(|tx| tx.begin_check((chat_id, number), &turn, now))? {
                let rests = turn.rests;
                return Ok(Turn::Taken(session, rests));
            }
        }
        Ok(Turn::Needless(None))
    }
}

/// The channel, when it is not held and has a session. Hours and limits are of messages.
fn usable(channel: Option<&Channel>, config: &Config, now: Timestamp) -> CliResult<Channel> {
    let counted = DayCount { day: Day::of(&config.zone, now), count: 0 };
    match (channels::availability(channel, counted, config, now, now), channel) {
        (Availability::Held(held, _), Some(channel)) => {
            refuse(format!("channel `{}` is held: {}", channel.name, held.reason))
        }
        (Availability::Off(_), Some(channel)) => refuse(format!(
            "channel `{}` is not active or has no session: `channel edit` gives it one",
            channel.name
        )),
        (_, Some(channel)) => Ok(channel.clone()),
        (_, None) => refuse("the channel was removed"),
    }
}
