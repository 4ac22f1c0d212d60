//! What does not fit as one message, as several: each recipient in exactly one of them.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{Ahead, Tally, Words, render};
use crate::channels::{Line, Lines, is_too_late};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::files::Files;
use crate::messages::{self, ComposeError, Draft, Part, SplitBy, SplitPart};
use crate::recipients::{self, Recipient};
use crate::store::{FormMark, Message, Queued, SqlResult, Standing, Store, StoreError};

/// More messages than a person would make.
const DAYS_MAX: u16 = 60;

/// Splits a message that is there: it keeps the first part, the others are new messages.
pub fn split(
    store: &mut Store,
    id: i64,
    by: SplitBy,
    config: &Config,
    now: Timestamp,
) -> Result<Vec<SplitPart>, ComposeError> {
    let find = |store: &mut Store, message: &Message, by| parts(store, message, by, config, now);
    messages::split(store, id, by, &find, now)
}

/// Adds a message in parts, and keeps the mark of the form with the first of them. Returns its id.
pub(crate) fn add_split(
    store: &mut Store,
    made: (&Draft, Option<FormMark<'_>>),
    by: SplitBy,
    config: &Config,
    now: Timestamp,
) -> Result<i64, ComposeError> {
    let find = |store: &mut Store, message: &Message, by| parts(store, message, by, config, now);
    messages::add_split(store, made, by, &find, config, now)
}

/// The parts in which all recipients of a message would get it in time; `None` when there are none.
pub(crate) fn parts(
    store: &mut Store,
    message: &Message,
    by: SplitBy,
    config: &Config,
    now: Timestamp,
) -> Result<Option<Vec<Part>>, StoreError> {
    let files = Files::beside(store.path());
    store.read(|tx| {
        let (lines, totals, spoken) = (Lines::default(), Tally::default(), None);
        let (unsaved, see) = (None, &mut |_: super::Seen<'_>| {});
        let (places, shown) = Default::default();
        let mut ahead =
            Ahead { tx, config, files, now, lines, spoken, totals, unsaved, places, shown, see };
        let (Some(due_at), Some(wanted)) = (message.scheduled_at, ahead.wanted(message)?) else {
            return Ok(None);
        };
        match by {
            SplitBy::Days => ahead.by_days(message, due_at.max(now), wanted),
            SplitBy::Channel(other) => ahead.by_channel(message, other, due_at.max(now), wanted),
        }
    })
}

/// A recipient as the column has it, and what it takes of a channel's pace; `None` when nothing goes out to it.
type Wanted = (Value, Option<Turns>);

/// Whether its number is checked before something goes out to it.
#[derive(Clone, Copy)]
struct Turns {
    is_checked: bool,
}

impl Turns {
    /// Lets its number be checked on this channel.
    fn ask(self, line: &mut Line, config: &Config, from: Timestamp) {
        if self.is_checked
            && let Ok(at) = line.next(config, from)
        {
            line.asked(config, at);
        }
    }
}

impl Ahead<'_> {
    /// The recipients in their order, each chat once; `None` when the message fails as a whole.
    fn wanted(&self, message: &Message) -> SqlResult<Option<Vec<Wanted>>> {
        let Ok((entries, content)) = self.check(message)? else { return Ok(None) };
        let text = content.words(&message.message).unwrap_or_default();
        let (due_at, own_gap) = (message.scheduled_at, message.recipient_gap_hours);
        let words = Words { text, content: &content, due_at, own_gap, has_gap: true };
        let (mut chats, mut wanted) = (HashSet::new(), Vec::new());
        recipients::each_in_order(self.tx, entries, self.config, |recipient| {
            // Whoever is skipped or excepted now must not be a recipient without that tomorrow.
            if recipient.skipped.is_none() && chats.insert(recipient.chat_id.clone()) {
                let number = self.number(&recipient.chat_id)?;
                let standing = number.map(|number| number.standing(self.now));
                let goes_out = standing != Some(Standing::NotThere)
                    && render(self.tx, words, &recipient)?.is_ok();
                let is_checked = standing == Some(Standing::Unknown);
                wanted.push((entry(&recipient), goes_out.then_some(Turns { is_checked })));
            }
            Ok(())
        })?;
        Ok(Some(wanted))
    }

    fn by_days(
        &mut self,
        message: &Message,
        first: Timestamp,
        wanted: Vec<Wanted>,
    ) -> SqlResult<Option<Vec<Part>>> {
        let (zone, late_limit) = (&self.config.zone, self.config.late_limit);
        let local = zone.to_local(first);
        let day = |days: u16| {
            let date = local.date().checked_add(time::Duration::days(days.into()));
            date.map_or(first, |date| zone.to_utc(date.with_time(local.time())))
        };
        let (config, ids) = (self.config, message.channels());
        let mut before = self.others(message, day(DAYS_MAX), &ids)?;
        let (mut parts, mut wanted) = (Vec::new(), wanted.into_iter().peekable());
        // Those who get nothing wait for a day on which somebody does.
        let mut recipients = Vec::new();
        for days in 0..DAYS_MAX {
            let (due_at, next) = (if days == 0 { first } else { day(days) }, day(days + 1));
            self.go_before(&mut before, due_at)?;
            self.ask_for(&ids)?;
            let (mut day_of_first, mut is_day_of_some) = (None, false);
            while let Some((_, turns)) = wanted.peek() {
                if let Some(turns) = turns {
                    let id = self.lines.choose(&ids, None, (due_at, due_at), config);
                    let line = id.and_then(|id| self.lines.0.get_mut(&id));
                    let Some(line) = line else { return Ok(None) };
                    turns.ask(line, config, due_at);
                    let Ok(at) = line.next(config, due_at) else { return Ok(None) };
                    // People mean days, though the limit of the next one would hold more by midnight.
                    let day = *day_of_first.get_or_insert(zone.to_local(at).date());
                    let is_other_day = zone.to_local(at).date() != day;
                    if at >= next || is_other_day || is_too_late(due_at, at, late_limit) {
                        break;
                    }
                    line.took(config, at);
                    is_day_of_some = true;
                }
                recipients.extend(wanted.next().map(|(entry, _)| entry));
            }
            if is_day_of_some {
                let recipients = std::mem::take(&mut recipients);
                parts.push(Part { channel_id: None, due_at, recipients });
            }
            if wanted.peek().is_none() {
                if let Some(Part { recipients: of_last, .. }) = parts.last_mut() {
                    of_last.append(&mut recipients);
                }
                return Ok(Some(parts).filter(|parts| parts.len() > 1));
            }
        }
        Ok(None)
    }

    fn by_channel(
        &mut self,
        message: &Message,
        other: i64,
        due_at: Timestamp,
        wanted: Vec<Wanted>,
    ) -> SqlResult<Option<Vec<Part>>> {
        let (config, ids) = (self.config, [message.channel_id, other]);
        let mut before = self.others(message, due_at, &ids)?;
        self.go_before(&mut before, due_at)?;
        self.ask_for(&ids)?;
        let mut parts = ids.map(|id| Part { channel_id: Some(id), due_at, recipients: Vec::new() });
        for (entry, turns) in wanted {
            let mut id = message.channel_id;
            if let Some(turns) = turns {
                id = self.lines.choose(&ids, None, (due_at, due_at), config).unwrap_or(id);
                let line = self.lines.line(self.tx, id, config, self.now)?;
                turns.ask(line, config, due_at);
                if line.stand(config, due_at, due_at).is_err() {
                    return Ok(None);
                }
            }
            parts[usize::from(id == other)].recipients.push(entry);
        }
        let is_split = parts.iter().all(|part| !part.recipients.is_empty());
        Ok(is_split.then(|| parts.into()))
    }

    /// Makes the lines of these channels known.
    fn ask_for(&mut self, ids: &[i64]) -> SqlResult<()> {
        for id in ids {
            self.lines.line(self.tx, *id, self.config, self.now)?;
        }
        Ok(())
    }

    /// What else goes out on these channels, in the order of sending.
    fn others(
        &self,
        message: &Message,
        until: Timestamp,
        channels: &[i64],
    ) -> SqlResult<std::iter::Peekable<std::vec::IntoIter<Queued>>> {
        let (mut queue, _) = self.queue(until, u64::MAX)?;
        queue.retain(|one| {
            let shares = || one.channels().iter().any(|id| channels.contains(id));
            one.id != message.id && (one.first_open.is_some() || shares())
        });
        Ok(queue.into_iter().peekable())
    }

    /// Lets go out what is due until then.
    fn go_before(
        &mut self,
        queue: &mut std::iter::Peekable<std::vec::IntoIter<Queued>>,
        until: Timestamp,
    ) -> SqlResult<()> {
        while let Some(one) = queue.next_if(|one| one.due_at <= until) {
            self.message(&one, false)?;
        }
        Ok(())
    }
}

/// Whom a recipient is, so that it is nobody else tomorrow.
fn entry(recipient: &Recipient) -> Value {
    let Recipient { contact_id, contact_number, name, chat_id, .. } = recipient;
    match (contact_id, name) {
        // It goes to whatever number the contact has then.
        (Some(id), _) if contact_number.is_some() => json!(id),
        (None, None) => json!(chat_id),
        (Some(id), None) => json!({ "contact_id": id, "chat_id": chat_id }),
        (None, Some(name)) => json!({ "chat_id": chat_id, "name": name }),
        (Some(id), Some(name)) => json!({ "contact_id": id, "chat_id": chat_id, "name": name }),
    }
}
