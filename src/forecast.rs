//! What will happen, before it does: who gets what and when, who is skipped and why, when it begins
//! and ends. Reads only.
//!
//! It asks the same questions as the planner ([`engine`]) about the same recipients, and takes the
//! deliveries of a channel in the sender's order: by due time, then by when they were planned. What
//! it cannot know is left out, and said by whoever shows it: how long WAHA takes for a send, when a
//! held channel is freed, when cron comes. Jitter counts with its mean. Of a message that comes again
//! and again only the next occurrence is looked at.

mod gaps;
mod risks;
mod split;
mod view;
mod walked;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use crate::channels::{self, Comer, Lines, Sent};
use crate::clock::Timestamp;
use crate::config::{Config, SendOrder};
use crate::contacts::waiting;
use crate::content::{Content, Kind, Source};
use crate::delivery::{MessageStatus, Status};
use crate::engine;
use crate::files::Files;
use crate::reason::{Explanation, Reason};
use crate::recipient;
use crate::recipients::{self, Recipient};
use crate::schedule;
use crate::store::{
    Delivery, Message, Number, Queued, RecipientNow, SqlResult, Standing, Store, StoreError, Tx,
};
use crate::template::{self, Template};

use gaps::{Before, Place, Places, WantedKind};
use risks::Counted;
pub use risks::Risk;
pub(crate) use risks::bears;
pub use split::split;
pub(crate) use split::{add_split, ways};
pub use view::{
    ChannelForecast, Fate, Forecast, MessageForecast, PlannedFile, RecipientForecast, Tally,
    Warning,
};
pub(crate) use walked::{SMALL_WALK_MAX, Walked, of_new, recipients_before};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Message(i64),
    /// All that are scheduled or on their way.
    All,
    /// All that a run would find now.
    DueNow,
}

impl Scope {
    fn shows(self, message: i64) -> bool {
        match self {
            Self::Message(id) => id == message,
            Self::All | Self::DueNow => true,
        }
    }
}

/// How much is looked at, at most. One message is always looked at whole.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub messages: u64,
    /// No further message is begun after so many recipients.
    pub recipients: u64,
}

const UNBOUNDED: Bounds = Bounds { messages: u64::MAX, recipients: u64::MAX };

/// What a forecast tells as it goes: of each message its recipients, then the message.
#[derive(Debug)]
pub enum Seen<'a> {
    Recipient(&'a RecipientForecast<'a>),
    /// One message, whose recipients were told before.
    Message(&'a MessageForecast),
}

/// Looks ahead from `now`, and tells `see` what comes. `None` when there is no such message.
pub fn forecast(
    store: &mut Store,
    scope: Scope,
    config: &Config,
    bounds: Bounds,
    now: Timestamp,
    see: &mut dyn FnMut(Seen<'_>),
) -> Result<Option<Forecast>, StoreError> {
    let files = Files::beside(store.path());
    store.read(|tx| Ahead::new(tx, (config, files), now, None, see)?.look(scope, bounds))
}

/// What becomes of one message, without its recipients. `None` when there is none with this id.
pub fn of_message(
    store: &mut Store,
    id: i64,
    config: &Config,
    now: Timestamp,
) -> Result<Option<MessageForecast>, StoreError> {
    let mut found = None;
    let mut see = keep_message(&mut found);
    forecast(store, Scope::Message(id), config, UNBOUNDED, now, &mut see)?;
    drop(see);
    Ok(found)
}

/// What would become of a message that is not stored, among all that are; one with the id of a message that is
/// stands in its place. `see` is told of its recipients. `None` while it has no time.
pub(crate) fn of_unsaved(
    store: &mut Store,
    message: &Message,
    config: &Config,
    now: Timestamp,
    see: &mut dyn FnMut(&RecipientForecast<'_>),
) -> Result<Option<MessageForecast>, StoreError> {
    if message.scheduled_at.is_none() {
        return Ok(None);
    }
    let message = as_last(message);
    let mut found = None;
    let mut see = |seen: Seen<'_>| match seen {
        Seen::Message(message) => found = Some(message.clone()),
        Seen::Recipient(recipient) => see(recipient),
    };
    let files = Files::beside(store.path());
    store.read(|tx| {
        let mut ahead = Ahead::new(tx, (config, files), now, Some(&message), &mut see)?;
        ahead.look(Scope::Message(message.id), UNBOUNDED)
    })?;
    Ok(found)
}

/// Made now, a message is the last of those that are due then.
fn as_last(message: &Message) -> Message {
    Message { id: if message.id == 0 { i64::MAX } else { message.id }, ..message.clone() }
}

/// Keeps what is told of a message in `found`.
fn keep_message(found: &mut Option<MessageForecast>) -> impl FnMut(Seen<'_>) {
    |seen| {
        if let Seen::Message(message) = seen {
            *found = Some(message.clone());
        }
    }
}

/// The file of a message, when it is one of ours that is there.
pub(crate) fn file_of(files: &Files, content: &Content, config: &Config) -> Option<PlannedFile> {
    let Kind::Media(media) = &content.kind else { return None };
    let Source::File(name) = &media.source else { return None };
    let stored = files.look(name).ok()?;
    Some(PlannedFile {
        filename: media.filename.clone(),
        bytes: stored.bytes,
        mimetype: stored.kind.mimetype_of(media.filename.as_deref()),
        upload_seconds_max: config.upload_timeout(stored.bytes).as_secs(),
    })
}

struct Ahead<'a> {
    tx: &'a Tx<'a>,
    config: &'a Config,
    files: Files,
    now: Timestamp,
    /// Whether anybody may have to wait for the end of a gap, or be checked before.
    has_gaps: bool,
    /// Those of the channels that were asked for so far.
    lines: Lines,
    /// By chat: through which channel it hears from us until any message is planned, and when. `None` while
    /// nobody asks.
    spoken: Option<HashMap<String, Vec<(Timestamp, i64)>>>,
    totals: Tally,
    /// A message that is looked at as if it were stored.
    unsaved: Option<&'a Message>,
    places: Places,
    /// How many recipients were looked at, without those that are shown; with gaps also these.
    looked_at: u64,
    /// The channels that have a part in what is shown.
    shown: BTreeSet<i64>,
    see: &'a mut dyn FnMut(Seen<'_>),
}

/// Where a message's recipients are told to.
struct Telling<'m> {
    forecast: &'m mut MessageForecast,
    /// Whether anybody wants to hear of it, or only its place in the queue matters.
    is_shown: bool,
}

impl<'a> Ahead<'a> {
    fn new(
        tx: &'a Tx<'a>,
        (config, files): (&'a Config, Files),
        now: Timestamp,
        unsaved: Option<&'a Message>,
        see: &'a mut dyn FnMut(Seen<'_>),
    ) -> SqlResult<Self> {
        let own_gap = unsaved.and_then(|message| message.recipient_gap_hours);
        let is_set = config.recipient_gap_hours > 0 || own_gap.is_some_and(|hours| hours > 0);
        let has_gaps = is_set || config.check_numbers || tx.has_recipient_gaps()?;
        Ok(Self {
            tx,
            config,
            files,
            now,
            has_gaps,
            lines: Lines::default(),
            spoken: None,
            totals: Tally::default(),
            unsaved,
            places: Places::default(),
            looked_at: 0,
            shown: BTreeSet::new(),
            see,
        })
    }

    fn look(&mut self, scope: Scope, bounds: Bounds) -> SqlResult<Option<Forecast>> {
        let has_gaps = self.has_gaps;
        let (queue, queued) = match scope {
            Scope::All => self.queue(Timestamp::from_millis(i64::MAX), bounds.messages)?,
            Scope::DueNow => self.queue(self.now, bounds.messages)?,
            Scope::Message(id) => match self.queue_up_to(id, has_gaps)? {
                Some(queue) => (queue, 1),
                None => return Ok(None),
            },
        };
        if queue.iter().any(|one| one.channel_ids.is_some()) {
            self.spoken = Some(HashMap::new());
        }
        if has_gaps {
            self.find_places(&queue, scope, bounds)?;
        }
        let (mut looked, mut recipients) = (0, 0);
        for one in queue {
            let is_shown = scope.shows(one.id);
            if is_shown && looked > 0 && recipients >= bounds.recipients {
                break;
            }
            let seen = self.message(&one, is_shown)?;
            if is_shown {
                looked += 1;
                recipients += seen;
            }
        }
        Ok(Some(Forecast {
            now: self.now,
            gap: self.config.gap,
            rest: self.config.rest,
            late_limit: self.config.late_limit,
            totals: self.totals,
            messages: looked,
            messages_left_out: queued.saturating_sub(looked),
            channels: self
                .lines
                .turns
                .iter()
                .filter(|(id, _)| self.shown.contains(id))
                .map(|(id, line)| ChannelForecast::new(*id, line, self.config))
                .collect(),
        }))
    }

    /// Walks through all of them once without a word, to find who waits for whom.
    fn find_places(&mut self, queue: &[Queued], scope: Scope, bounds: Bounds) -> SqlResult<()> {
        self.places = Places::Gathering(Box::default());
        let (mut looked, mut recipients, mut last, mut until) = (0, 0, None, self.now);
        for one in queue {
            let is_shown = scope.shows(one.id);
            if is_shown && looked > 0 && recipients >= bounds.recipients {
                break;
            }
            let seen = self.message(one, false)?;
            looked += u64::from(is_shown);
            recipients += if is_shown { seen } else { 0 };
            until = if is_shown { until.max(one.due_at) } else { until };
            last = Some(one);
        }
        // What is left out goes out all the same, while some of these wait.
        if let Some(last) = last {
            for one in self.queue(until.plus(self.config.late_limit), u64::MAX)?.0 {
                let is_stored = self.unsaved.is_none_or(|unsaved| unsaved.id != one.id);
                if one.place() > last.place() && is_stored {
                    self.message(&one, false)?;
                }
            }
        }
        let (config, now) = (self.config, self.now);
        if let Places::Gathering(gathered) = std::mem::take(&mut self.places) {
            self.looked_at = gathered.len();
            self.places = Places::Found(gathered.places(&mut self.lines, config, now).into_iter());
        }
        Ok(())
    }

    /// At most `limit` messages in the order in which they are sent, and how many there are.
    fn queue(&self, until: Timestamp, limit: u64) -> SqlResult<(Vec<Queued>, u64)> {
        let mut queue = self.tx.queued_messages(until, limit)?;
        let mut count = self.tx.count_queued(until)?;
        let ids_max = u32::try_from(limit).unwrap_or(u32::MAX);
        for id in self.tx.untimed_message_ids(ids_max)? {
            let Some(message) = self.tx.message(id)? else { continue };
            // What has no time at all fails at the next tick.
            let due_at = self.first_time(&message)?.unwrap_or(self.now);
            if due_at <= until {
                count += 1;
                queue.push(queued(&message, due_at));
            }
        }
        // The next tick moves what was worked out in another zone.
        for id in self.tx.message_ids_of_other_zones(&self.config.zone, ids_max)? {
            let Some(message) = self.tx.message(id)? else { continue };
            let (Some(at), Some(here)) = (message.scheduled_at, self.due_at(&message)?) else {
                continue;
            };
            queue.retain(|one| one.id != id);
            count = count.saturating_sub(u64::from(at <= until)) + u64::from(here <= until);
            if here <= until {
                queue.push(queued(&message, here));
            }
        }
        for one in &mut queue {
            self.skip_missed(one)?;
        }
        queue.sort_unstable_by_key(Queued::place);
        queue.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok((queue, count))
    }

    /// What is past the late limit expires, and of what is due since then something may go out: that is foretold.
    fn skip_missed(&self, one: &mut Queued) -> SqlResult<()> {
        if one.first_open.is_some() || !self.is_missed(one.due_at) {
            return Ok(());
        }
        let is_scheduled = |message: &Message| message.status == MessageStatus::Scheduled;
        let Some(message) = self.row(one.id)?.filter(is_scheduled) else { return Ok(()) };
        let missed_until = self.now.minus(self.config.late_limit).minus(Duration::from_secs(1));
        let next = self.next_of(&message, missed_until).filter(|next| *next <= self.now);
        one.due_at = next.filter(|next| !self.is_missed(*next)).unwrap_or(one.due_at);
        Ok(())
    }

    fn is_missed(&self, due_at: Timestamp) -> bool {
        channels::is_too_late(due_at, self.now, self.config.late_limit)
    }

    /// A message with all that goes out before it on its channel.
    fn queue_up_to(&self, id: i64, has_gaps: bool) -> SqlResult<Option<Vec<Queued>>> {
        let Some(message) = self.row(id)? else { return Ok(None) };
        let due_at = self.due_at(&message)?.unwrap_or(self.now);
        let mut queue = Vec::new();
        if !message.status.has_ended() {
            let waits = if has_gaps { self.config.late_limit } else { Duration::ZERO };
            (queue, _) = self.queue(due_at.max(self.now).plus(waits), u64::MAX)?;
        }
        // It stands where it would be, not where it is.
        queue.retain(|one| one.id != id || self.unsaved.is_none());
        if has_gaps {
            // Also what may go out while it waits, and let others wait.
            if !queue.iter().any(|one| one.id == id) {
                queue.push(queued(&message, due_at));
                queue.sort_unstable_by_key(Queued::place);
            }
            return Ok(Some(queue));
        }
        if let Some(place) = queue.iter().position(|one| one.id == id) {
            queue.truncate(place + 1);
        } else {
            let one = queued(&message, due_at);
            queue.retain(|other| {
                other.due_at < due_at || other.first_open.is_some() || other.id < id
            });
            queue.push(one);
        }
        // Other channels matter when one of them may send what this one else would, or the other way round: that goes by
        // whom they send to until then.
        let own = message.channel_id;
        let is_shared = |one: &Queued| {
            one.channel_ids.is_some() && (one.id == id || one.channels().contains(&own))
        };
        if !queue.iter().any(is_shared) {
            queue.retain(|one| one.id == id || one.first_open.is_some() || one.channel_id == own);
        }
        Ok(Some(queue))
    }

    /// A message as the table has it, or as it would be.
    fn row(&self, id: i64) -> SqlResult<Option<Message>> {
        match self.unsaved.filter(|unsaved| unsaved.id == id) {
            Some(unsaved) => Ok(Some(unsaved.clone())),
            None => self.tx.message(id),
        }
    }

    /// Its time: the one that it has, as it is in this zone, or the first of its schedule.
    fn due_at(&self, message: &Message) -> SqlResult<Option<Timestamp>> {
        let Some(at) = message.scheduled_at else {
            return Ok(if message.is_untimed() { self.first_time(message)?.ok() } else { None });
        };
        let has_begun = self.tx.has_deliveries(message.id, at)?;
        let is_here = has_begun || message.unreadable.is_some();
        Ok(Some(if is_here { at } else { message.timetable.at_in(at, &self.config.zone) }))
    }

    /// The planner's own question; `Err` is why nothing more of it is sent.
    fn first_time(&self, message: &Message) -> SqlResult<Result<Timestamp, Explanation>> {
        let past = self.tx.past(message.id)?;
        let first = engine::first_time(message, &past, &self.config.zone, self.now);
        Ok(first
            .and_then(|at| at.ok_or_else(|| message.timetable.why_over(true)))
            .map_err(Into::into))
    }

    /// Returns how many recipients it has.
    fn message(&mut self, one: &Queued, is_shown: bool) -> SqlResult<u64> {
        let Some(seen) = self.row(one.id)? else { return Ok(0) };
        let mut forecast = MessageForecast::new(one.id, &seen, one.due_at);
        forecast.is_missed = self.is_missed(one.due_at);
        if is_shown && seen.unreadable.is_none() {
            let content = Content::read(seen.content.as_deref()).unwrap_or_default();
            forecast.file = file_of(&self.files, &content, self.config);
        }
        let tell = &mut Telling { forecast: &mut forecast, is_shown };
        let is_planned = self.tx.has_deliveries(one.id, one.due_at)?;
        match seen.status {
            MessageStatus::Sent | MessageStatus::Failed | MessageStatus::Cancelled => {
                tell.forecast.due_at = seen.scheduled_at;
                self.planned(one, &seen, tell, false)?;
            }
            MessageStatus::Sending if is_planned => self.planned(one, &seen, tell, true)?,
            MessageStatus::Draft | MessageStatus::Scheduled | MessageStatus::Sending => {
                if seen.status == MessageStatus::Draft {
                    tell.forecast.remark = Some(
                        "a draft: nothing goes out until its status is `scheduled`".to_owned(),
                    );
                }
                match self.check(&seen)? {
                    Ok(entries) => {
                        self.unplanned((&seen, one.due_at), entries, tell, is_planned)?;
                        tell.forecast.falls_behind = is_shown
                            && tell.forecast.next_at.is_some()
                            && self.falls_behind(&seen, one.due_at, tell.forecast)?;
                    }
                    Err(why) => tell.forecast.fails = Some(why),
                }
            }
        }
        if is_shown {
            forecast.finish();
            self.totals.add(&forecast);
            (self.see)(Seen::Message(&forecast));
        }
        if !is_shown && !self.has_gaps {
            self.looked_at += forecast.recipients;
        }
        Ok(forecast.recipients)
    }

    /// What the planner asks before it looks at anybody.
    fn check(
        &self,
        message: &Message,
    ) -> SqlResult<Result<(Vec<recipient::Entry>, Content), Explanation>> {
        if message.is_untimed()
            && let Err(why) = self.first_time(message)?
        {
            return Ok(Err(why));
        }
        let channel = channels::sender_of(self.tx, message)?;
        let checked = engine::check(message, channel.as_ref(), self.config, (&self.files, false));
        Ok(checked.map_err(Into::into))
    }

    /// The deliveries that are there; `goes_on` says whether what is pending still goes out.
    fn planned(
        &mut self,
        one: &Queued,
        message: &Message,
        tell: &mut Telling<'_>,
        goes_on: bool,
    ) -> SqlResult<()> {
        let is_readable = message.unreadable.is_none();
        let content = Content::read(message.content.as_deref().filter(|_| is_readable));
        let content = content.unwrap_or_default();
        let text = if is_readable { message.message.as_str() } else { "" };
        let text = content.words(text).unwrap_or_default();
        let template = template_of(text);
        let words = Words::new(message, one.due_at, &content, (text, template.as_ref()));
        let next = message.timetable.following(&self.config.zone, one.due_at);
        tell.forecast.next_at = next.ok().flatten().filter(|_| is_readable);
        // Nobody hears of the others, and while places are gathered all count.
        let is_told = tell.is_shown || matches!(self.places, Places::Gathering(_));
        self.tx.each_delivery((one.id, one.due_at), goes_on && !is_told, |row| {
            if goes_on && row.status == Status::Pending {
                self.pending(&row, words, tell)
            } else {
                self.tell_ended(&row, tell);
                Ok(())
            }
        })
    }

    fn pending(
        &mut self,
        row: &Delivery,
        words: Words<'_>,
        tell: &mut Telling<'_>,
    ) -> SqlResult<()> {
        let not_before = row.next_attempt_at.unwrap_or(self.now);
        let due_at = Some(row.retry_of.unwrap_or(row.due_at));
        let (waits, has_gap) = (not_before > self.now, !self.tx.is_wanted_again(row)?);
        let words = Words { due_at, has_gap, waits, ..words };
        let mut now = vec![(None, Ok(row.chat_id.clone()))];
        // Nobody sees the others, and whoever was changed by SQL since is a rare one.
        if tell.is_shown || self.has_gaps {
            now = match self.tx.recipient_now(row.id)? {
                RecipientNow::AsPlanned => now,
                RecipientNow::OptedOut => vec![(None, Err(Reason::OptedOut))],
                RecipientNow::ContactChanged => {
                    waiting::foretell(self.tx, row, &self.config.country)?
                }
            };
        }
        for (instead, chat_id) in now {
            let mut recipient = planned_recipient(row);
            if let Some(other) = instead {
                (recipient.contact_id, recipient.name) = (Some(other.id), other.name);
            }
            match chat_id {
                Ok(chat_id) => recipient.chat_id = chat_id,
                Err(why) => recipient.skipped = Some(why),
            }
            self.recipient(&recipient, words, &[row.channel_id], not_before, tell)?;
        }
        Ok(())
    }

    /// A message that is still to be planned. It may have deliveries all the same: it was cancelled
    /// or paused, and is scheduled again.
    fn unplanned(
        &mut self,
        (message, due_at): (&Message, Timestamp),
        (entries, content): (Vec<recipient::Entry>, Content),
        tell: &mut Telling<'_>,
        has_deliveries: bool,
    ) -> SqlResult<()> {
        tell.forecast.next_at = self.next_of(message, due_at);
        let tx = self.tx;
        let (channels, from) = (message.channels(), due_at);
        let text = content.words(&message.message).unwrap_or_default();
        let template = template_of(text);
        let words = Words::new(message, due_at, &content, (text, template.as_ref()));
        let mut told = HashSet::new();
        if has_deliveries {
            let mut wanted = HashMap::new();
            let all = (entries.clone(), SendOrder::AsGiven);
            recipients::each_recipient(tx, all, self.config, |recipient| {
                wanted.entry(recipient.chat_id.clone()).or_insert(recipient);
                Ok(())
            })?;
            tx.each_delivery((message.id, due_at), false, |row| {
                let wanted = wanted.get(&row.chat_id);
                match (row.status, wanted) {
                    (Status::Pending, _) => self.pending(&row, words, tell)?,
                    (Status::Cancelled, Some(again)) => {
                        self.recipient(again, words, &channels, from, tell)?;
                    }
                    (Status::Cancelled, None) => return Ok(()),
                    (_, _) => self.tell_ended(&row, tell),
                }
                told.insert(row.chat_id);
                Ok(())
            })?;
        }
        let all = (entries, self.config.send_order);
        recipients::each_recipient(tx, all, self.config, |recipient| {
            if told.insert(recipient.chat_id.clone()) {
                self.recipient(&recipient, words, &channels, from, tell)?;
            }
            Ok(())
        })
    }

    /// Whether a message that comes again and again ends later each time: walked from now for two weeks, with as
    /// many recipients as now, and nothing else on its channel.
    fn falls_behind(
        &self,
        message: &Message,
        due_at: Timestamp,
        first: &MessageForecast,
    ) -> SqlResult<bool> {
        let (ids, config) = (message.channels(), self.config);
        // Not the lines of the forecast: with gaps these are past all that goes out later, too.
        let mut lines = Lines::default();
        for id in &ids {
            lines.line(self.tx, *id, config, self.now)?;
        }
        let week = Duration::from_hours(7 * 24);
        let mut ends: Vec<(Timestamp, Timestamp)> = Vec::new();
        let (mut next, until) = (Some(due_at), due_at.plus(week * 2));
        while let Some(due_at) = next.filter(|at| *at <= until) {
            next = self.next_of(message, due_at);
            let mut last = due_at;
            for _ in 0..first.tally.goes_out {
                let (from, own_gap) = (due_at, message.recipient_gap_hours);
                let who = Comer {
                    due_at,
                    from,
                    waits: false,
                    own_gap,
                    reached: None,
                    standing: Standing::Known,
                };
                let id = lines.choose(&ids, None, &who, config);
                let Some(line) = id.and_then(|id| lines.turns.get_mut(&id)) else {
                    return Ok(false);
                };
                let Ok(at) = line.next(config, due_at) else { return Ok(false) };
                if next.is_some_and(|next| at >= next) {
                    return Ok(true);
                }
                line.took(config, at);
                last = last.max(at);
            }
            let week_before = ends.iter().find(|(due, _)| due.plus(week) == due_at);
            // Days of the week differ in their hours and in how long they wait: so the same day.
            if week_before.is_some_and(|(_, end)| last > end.plus(week)) {
                return Ok(true);
            }
            ends.push((due_at, last));
        }
        Ok(false)
    }

    /// The occurrence that follows on `after`, when everything until then was planned.
    fn next_of(&self, message: &Message, after: Timestamp) -> Option<Timestamp> {
        let (timetable, zone) = (&message.timetable, &self.config.zone);
        let weekly = timetable.interval_config.as_deref();
        schedule::next_occurrence(timetable.schedules.as_deref(), weekly, zone, after).ok()?
    }

    /// Which of `channels`, whose lines are here, sends to somebody, as the planner would choose.
    fn choose(&self, channels: &[i64], chat_id: &str, who: &Comer) -> SqlResult<i64> {
        if let [one] = channels {
            return Ok(*one);
        }
        // Whoever is sent something before this is planned is spoken with through that channel.
        let spoke = match self.last_told(chat_id, who.from) {
            Some((_, id)) => Some(id),
            None => self.tx.spoke_through(chat_id)?,
        };
        Ok(self.lines.choose(channels, spoke, who, self.config).unwrap_or_default())
    }

    /// When a chat hears from us for the last time before `from`, and through which channel.
    fn last_told(&self, chat_id: &str, from: Timestamp) -> Option<(Timestamp, i64)> {
        let spoken = self.spoken.as_ref()?.get(chat_id)?;
        spoken.iter().filter(|(at, _)| *at < from).max().copied()
    }

    /// Somebody for `channels`, and makes the lines of these known.
    fn comer(
        &mut self,
        channels: &[i64],
        chat_id: &str,
        (due_at, from): (Timestamp, Timestamp),
        Words { own_gap, has_gap, waits, .. }: Words<'_>,
    ) -> SqlResult<Comer> {
        let (tx, config, now) = (self.tx, self.config, self.now);
        for id in channels {
            self.lines.line(tx, *id, config, now)?;
        }
        let mut reached = None;
        if self.has_gaps && has_gap {
            reached = self.lines.reached(tx, (channels, chat_id), own_gap, config, now)?;
            reached = reached
                .max(self.last_told(chat_id, Timestamp::from_millis(i64::MAX)).map(|(at, _)| at));
        }
        let standing = Standing::Known;
        Ok(Comer { due_at, from, waits, own_gap, reached, standing })
    }

    /// Finds the place of one recipient in the queue of its channel.
    fn recipient(
        &mut self,
        recipient: &Recipient,
        words: Words<'_>,
        channels: &[i64],
        not_before: Timestamp,
        tell: &mut Telling<'_>,
    ) -> SqlResult<()> {
        let rendered = match &recipient.skipped {
            Some(reason) => Err(reason.to_string()),
            None => render(self.tx, words, recipient)?,
        };
        let due_at = tell.forecast.due_at.unwrap_or(self.now);
        let waits;
        let mut channel = None;
        let fate = if let Err(reason) = &rendered {
            Fate::Skipped { reason }
        } else {
            let from = not_before.max(self.now);
            let (id, place) = self.place(channels, &recipient.chat_id, (due_at, from), words)?;
            channel = Some(id);
            if tell.is_shown {
                // Also those that were not chosen: what keeps them from sending is worth a line.
                self.shown.extend(channels);
            }
            match place {
                Ok(Place::At { sent, has_waited, is_checked }) => {
                    if tell.is_shown {
                        tell.forecast.wait_for_gap += u64::from(has_waited);
                        tell.forecast.checked_first += u64::from(is_checked);
                        self.count_risks((id, recipient, sent), words, tell)?;
                    }
                    Fate::GoesOut { at: sent.at }
                }
                Ok(Place::NotThere) => {
                    waits = Reason::NotOnWhatsapp.to_string();
                    Fate::Skipped { reason: &waits }
                }
                Ok(Place::TooSoon(gap)) => Fate::TooSoon { hours: gap.as_secs() / 3600 },
                Ok(Place::TooLate | Place::Blocked) => Fate::TooLate,
                Err(reason) => {
                    waits = reason;
                    Fate::Waits { reason: &waits }
                }
            }
        };
        self.tell(recipient, rendered.as_deref().ok(), (channel, fate), tell);
        Ok(())
    }

    /// The channel and the place of one who would get something; `Err` is why the channel cannot send.
    fn place(
        &mut self,
        channels: &[i64],
        chat_id: &str,
        (due_at, from): (Timestamp, Timestamp),
        words: Words<'_>,
    ) -> SqlResult<(i64, Result<Place, String>)> {
        let (tx, config, now) = (self.tx, self.config, self.now);
        if let Places::Found(places) = &mut self.places {
            let (id, place) = places.next().unwrap_or((0, Place::TooLate));
            let line = self.lines.line(tx, id, config, now)?;
            let is_blocked = place == Place::Blocked;
            let why = if is_blocked { line.next(config, from).err() } else { None };
            return Ok((id, why.map_or(Ok(place), Err)));
        }
        let who = self.comer(channels, chat_id, (due_at, from), words)?;
        let number = self.number(chat_id)?;
        if let Places::Gathering(gathered) = &mut self.places {
            let Words { message, own_gap, has_gap, .. } = words;
            let kind = WantedKind { message, channels: channels.to_vec(), own_gap, has_gap };
            let spoke = if channels.len() > 1 { tx.spoke_through(chat_id)? } else { None };
            let before = Before { reached: who.reached, spoke, number };
            gathered.push(kind, (due_at, from), before, chat_id);
            return Ok((0, Ok(Place::TooLate))); // nobody asks
        }
        let standing = number.map_or(who.standing, |number| number.standing(from));
        let who = Comer { standing, ..who };
        let id = self.choose(channels, chat_id, &who)?;
        let stood = self.lines.stand(id, &who, config);
        if let (Some(spoken), Ok(sent)) = (&mut self.spoken, &stood) {
            spoken.entry(chat_id.to_owned()).or_default().push((sent.at, id));
        }
        Ok((
            id,
            match stood {
                Ok(sent) => Ok(Place::At { sent, has_waited: false, is_checked: false }),
                Err(None) => Ok(Place::TooLate),
                Err(Some(reason)) => Err(reason),
            },
        ))
    }

    /// What is known of the number of a chat, when it is checked before anything is sent to it.
    fn number(&self, chat_id: &str) -> SqlResult<Option<Number>> {
        let is_checked = self.config.check_numbers && recipient::number_to_check(chat_id).is_some();
        if is_checked { self.tx.number(chat_id).map(Some) } else { Ok(None) }
    }

    /// Counts what may get the number of a channel banned, for one recipient that gets a message.
    fn count_risks(
        &self,
        (channel_id, recipient, sent): (i64, &Recipient, Sent),
        Words { text, .. }: Words<'_>,
        tell: &mut Telling<'_>,
    ) -> SqlResult<()> {
        let counted = match &mut tell.forecast.counted {
            Some(counted) => counted,
            none => none.insert(Counted::new(self.tx, text)?),
        };
        if let Some(channel) =
            self.lines.turns.get(&channel_id).and_then(|line| line.channel.as_ref())
        {
            counted.note_send(channel, &self.config.zone, sent);
        }
        if let Some(strangers) = &mut counted.strangers {
            *strangers += u64::from(!self.tx.has_written(&recipient.chat_id)?);
        }
        Ok(())
    }

    fn tell_ended(&mut self, row: &Delivery, tell: &mut Telling<'_>) {
        let error = row.error.as_ref().map(ToString::to_string);
        let fate = match row.status {
            Status::Skipped => Fate::Skipped { reason: error.as_deref().unwrap_or("skipped") },
            Status::Sending => Fate::InFlight,
            status => Fate::Ended { status, at: row.finished_at, error: error.as_deref() },
        };
        let fate = (Some(row.channel_id), fate);
        self.tell(&planned_recipient(row), row.text.as_deref(), fate, tell);
    }

    fn tell(
        &mut self,
        recipient: &Recipient,
        text: Option<&str>,
        (channel_id, fate): (Option<i64>, Fate<'_>),
        tell: &mut Telling<'_>,
    ) {
        tell.forecast.count(&fate);
        if tell.is_shown {
            let row = RecipientForecast {
                message_id: tell.forecast.id,
                contact_id: recipient.contact_id,
                name: recipient.name.as_deref(),
                chat_id: &recipient.chat_id,
                channel_id,
                text,
                fate,
            };
            (self.see)(Seen::Recipient(&row));
        }
    }
}

/// What a message says before placeholders are filled in, and what goes along with it.
#[derive(Clone, Copy)]
struct Words<'a> {
    text: &'a str,
    /// The text, when it has placeholders.
    template: Option<&'a Template>,
    content: &'a Content,
    /// When the occurrence was first due: choices go by it.
    due_at: Option<Timestamp>,
    message: i64,
    /// The message's own RECIPIENT_GAP_HOURS, and whether any gap counts.
    own_gap: Option<i64>,
    has_gap: bool,
    /// Whether a delivery waits already.
    waits: bool,
}

impl<'a> Words<'a> {
    const fn new(
        message: &Message,
        due_at: Timestamp,
        content: &'a Content,
        (text, template): (&'a str, Option<&'a Template>),
    ) -> Self {
        let (message, own_gap) = (message.id, message.recipient_gap_hours);
        let (due_at, has_gap, waits) = (Some(due_at), true, false);
        Self { text, template, content, due_at, message, own_gap, has_gap, waits }
    }
}

/// A message that is not planned yet, in the order of sending.
fn queued(message: &Message, due_at: Timestamp) -> Queued {
    let Message { id, channel_id, ref channel_ids, contact_count: recipients, .. } = *message;
    let channel_ids = channel_ids.clone();
    Queued { id, channel_id, channel_ids, recipients, due_at, first_open: None }
}

fn planned_recipient(row: &Delivery) -> Recipient {
    let (name, chat_id) = (row.name.clone(), row.chat_id.clone());
    Recipient { contact_id: row.contact_id, name, chat_id, ..Recipient::default() }
}

fn template_of(text: &str) -> Option<Template> {
    template::is_template(text).then(|| Template::parse(text))
}

/// The text that a recipient gets; `Err` is why it is skipped.
fn render(
    tx: &Tx<'_>,
    Words { text, template, content, due_at, .. }: Words<'_>,
    recipient: &Recipient,
) -> SqlResult<Result<String, String>> {
    if let Some(why) = content.why_not_to(&recipient.chat_id) {
        return Ok(Err(why.to_string()));
    }
    let Some(template) = template else { return Ok(Ok(text.to_owned())) };
    let rendered = recipients::render(tx, template, recipient, due_at)?;
    Ok(rendered.map_err(|why| why.to_string()))
}
