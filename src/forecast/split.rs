//! What does not fit as one message, as several: each recipient in exactly one of them.

use std::collections::{HashMap, HashSet, VecDeque};

use serde_json::{Value, json};

use super::{Ahead, Words, render};
use crate::channels::{Comer, is_too_late};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::content::Content;
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
    each_parts(store, message, config, now, |parts| parts(by))
}

/// In how many parts all recipients of a message would get it in time on several days; and the first of some other
/// channels that would do as a second one.
pub(crate) fn ways(
    store: &mut Store,
    message: &Message,
    others: &[i64],
    config: &Config,
    now: Timestamp,
) -> Result<(Option<usize>, Option<i64>), StoreError> {
    let found = each_parts(store, message, config, now, |parts| {
        let days = parts(SplitBy::Days)?.map(|parts| parts.len());
        for other in others {
            if parts(SplitBy::Channel(*other))?.is_some() {
                return Ok(Some((days, Some(*other))));
            }
        }
        Ok(Some((days, None)))
    })?;
    Ok(found.unwrap_or_default())
}

type Divided = SqlResult<Option<Vec<Part>>>;

/// Lets `work` ask for the parts of a message, in several ways; its recipients are looked up once.
fn each_parts<T>(
    store: &mut Store,
    message: &Message,
    config: &Config,
    now: Timestamp,
    work: impl FnOnce(&mut dyn FnMut(SplitBy) -> Divided) -> SqlResult<Option<T>>,
) -> Result<Option<T>, StoreError> {
    let path = store.path().to_owned();
    store.read(|tx| {
        let files = || Files::beside(&path);
        let nobody = &mut |_: super::Seen<'_>| {};
        let ahead = Ahead::new(tx, (config, files()), now, Some(message), nobody)?;
        let wanted = ahead.wanted(message)?;
        let (Some(due_at), Some(wanted)) = (message.scheduled_at, wanted) else {
            return Ok(None);
        };
        work(&mut |by| {
            let (nobody, wanted) = (&mut |_: super::Seen<'_>| {}, wanted.clone());
            let mut ahead = Ahead::new(tx, (config, files()), now, Some(message), nobody)?;
            ahead.spoken = Some(HashMap::new());
            match by {
                SplitBy::Days => ahead.by_days(message, due_at.max(now), wanted),
                SplitBy::Channel(id) => ahead.by_channel(message, id, due_at.max(now), wanted),
            }
        })
    })
}

#[derive(Clone)]
struct Wanted {
    /// As the column has it.
    entry: Value,
    chat_id: String,
    /// Whether something goes out to it, and how its number stands.
    goes_out: bool,
    standing: Standing,
}

impl Ahead<'_> {
    /// The recipients in their order, each chat once; `None` when the message fails as a whole.
    fn wanted(&self, message: &Message) -> SqlResult<Option<Vec<Wanted>>> {
        let Ok((entries, content)) = self.check(message)? else { return Ok(None) };
        let text = content.words(&message.message).unwrap_or_default();
        let due_at = message.scheduled_at.unwrap_or(self.now);
        let template = super::template_of(text);
        let words = Words::new(message, due_at, &content, (text, template.as_ref()));
        let (mut chats, mut wanted) = (HashSet::new(), Vec::new());
        let all = (entries, self.config.send_order);
        recipients::each_recipient(self.tx, all, self.config, |recipient| {
            // Whoever is skipped or excepted now must not be a recipient without that tomorrow.
            if recipient.skipped.is_none() && chats.insert(recipient.chat_id.clone()) {
                let number = self.number(&recipient.chat_id)?;
                let standing = number.map_or(Standing::Known, |one| one.standing(self.now));
                let goes_out =
                    standing != Standing::NotThere && render(self.tx, words, &recipient)?.is_ok();
                let (entry, chat_id) = (entry(&recipient), recipient.chat_id);
                wanted.push(Wanted { entry, chat_id, goes_out, standing });
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
        let (mut parts, mut wanted) = (Vec::new(), VecDeque::from(wanted));
        // Those who get nothing wait for a day on which somebody does.
        let mut recipients = Vec::new();
        for days in 0..DAYS_MAX {
            let (due_at, next) = (if days == 0 { first } else { day(days) }, day(days + 1));
            self.go_before(&mut before, due_at)?;
            let (mut day_of_first, mut is_day_of_some) = (None, false);
            let mut another_day = VecDeque::new();
            while let Some(one) = wanted.pop_front() {
                if one.goes_out {
                    let Some((who, id)) = self.sends(message, &ids, &one, due_at)? else {
                        return Ok(None);
                    };
                    let Ok((at, waits)) = self.lines.place(id, &who, config) else {
                        return Ok(None);
                    };
                    // People mean days, though the limit of the next one would hold more by midnight.
                    let day_at = zone.to_local(at).date();
                    let day = match day_of_first {
                        None if waits => zone.to_local(due_at).date(),
                        _ => *day_of_first.get_or_insert(day_at),
                    };
                    let is_other_day = day_at != day;
                    if at >= next || is_other_day || is_too_late(due_at, at, late_limit) {
                        another_day.push_back(one);
                        if waits {
                            continue; // the others of that day do not
                        }
                        break;
                    }
                    let _ = self.lines.stand(id, &who, config);
                    is_day_of_some = true;
                }
                recipients.push(one.entry);
            }
            another_day.append(&mut wanted);
            wanted = another_day;
            if is_day_of_some {
                let recipients = std::mem::take(&mut recipients);
                parts.push(Part { channel_id: None, due_at, recipients });
            }
            if wanted.is_empty() {
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
        let mut parts = ids.map(|id| Part { channel_id: Some(id), due_at, recipients: Vec::new() });
        for one in wanted {
            let mut id = message.channel_id;
            if one.goes_out {
                let Some((who, chosen)) = self.sends(message, &ids, &one, due_at)? else {
                    return Ok(None);
                };
                if self.lines.stand(chosen, &who, config).is_err() {
                    return Ok(None);
                }
                id = chosen;
            }
            parts[usize::from(id == other)].recipients.push(one.entry);
        }
        let is_split = parts.iter().all(|part| !part.recipients.is_empty());
        Ok(is_split.then(|| parts.into()))
    }

    /// One of the recipients as somebody who comes at `due_at`, and the channel that is free first for it.
    fn sends(
        &mut self,
        message: &Message,
        ids: &[i64],
        one: &Wanted,
        due_at: Timestamp,
    ) -> SqlResult<Option<(Comer, i64)>> {
        let content = Content::default();
        let words = Words::new(message, due_at, &content, ("", None));
        let who = self.comer(ids, &one.chat_id, (due_at, due_at), words)?;
        let who = Comer { standing: one.standing, ..who };
        let id = self.lines.choose(ids, None, &who, self.config);
        Ok(id.map(|id| (who, id)))
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
