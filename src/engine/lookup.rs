//! Look-ups: what is `unknown` becomes `sent` or `failed` by asking WAHA, never by sending.
//!
//! WAHA is asked for the message by the id that was reserved for it; without one, for messages in
//! the chat with exactly the text, from around the claim, by WAHA's own clock. One match proves it.
//! None proves nothing: after a restart WAHA may have forgotten a message that it sent (recorded). So
//! a few look-ups with growing gaps, and then it stays `unknown` until a person decides.
//!
//! A WAHA that answers and does not tell was asked: that is a look like any other. One that cannot be
//! reached was not: it is asked again, ever more rarely, for a week. The first try of either kind ends
//! the wait of a message of which nothing else is known.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::{Core, Done};
use crate::clock::{Now, Timestamp};
use crate::contacts::opt_out::{self, Addressee, OptedOut};
use crate::delivery::{Counts, Status};
use crate::reason::{Explanation, Reason};
use crate::recipient::mask_phone;
use crate::store::{DueLookup, HiddenNumber, SqlResult, Tx, UnknownDelivery};
use crate::template::is_same_text;
use crate::waha::{ChatSearch, OtherName, Search, Sighting};

/// How many look-ups one run does.
pub(super) const LOOKUPS_PER_RUN: u32 = 50;
/// A message in the chat may carry a time from so much before the claim (clocks differ) …
const WINDOW_BEFORE: Duration = Duration::from_mins(2);
/// … to so much after it (WEBJS may take 300 s, and a queue before it some more).
const WINDOW_AFTER: Duration = Duration::from_mins(10);
/// When it is looked up again, counted from the claim; after the last one no more.
const AGAIN_AFTER: [Duration; 4] = [
    Duration::from_mins(10),
    Duration::from_hours(1),
    Duration::from_hours(6),
    Duration::from_hours(24),
];
/// While WAHA cannot be reached: after a quarter of the time since the claim, within these, …
const AWAY_GAP_MIN: Duration = Duration::from_mins(1);
const AWAY_GAP_MAX: Duration = Duration::from_hours(6);
/// … and no more after so long.
const AWAY_FOR_GOOD: Duration = Duration::from_hours(7 * 24);
/// A session that refuses so many look-ups is asked for no more of them in this run.
const REFUSALS_MAX: u32 = 3;
/// WAHA's `Date` has whole seconds, and its answer may have taken some.
const SKEW_SECS_SEEN: u64 = 60;

/// What is to be looked up in this run, and how that went.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    queue: VecDeque<DueLookup>,
    channels: HashMap<i64, Asked>,
}

#[derive(Debug, Default)]
pub(super) struct LookedUp {
    /// Why WAHA did not tell, if it did not, and whether it could not even be asked.
    trouble: Option<(Reason, bool)>,
    /// Whether it ended an occurrence whose message is due again.
    pub(super) has_made_due: bool,
}

#[derive(Debug, Default)]
struct Asked {
    /// Those that were refused in this run.
    refusals: u32,
    /// What the log says of the trouble with them.
    trouble: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Finding {
    /// It went out, or WhatsApp refused it: the sighting's ack tells.
    Proof { waha_message_id: String, ack: i64 },
    /// Nothing that proves anything, and why.
    Nothing(Reason),
    /// WAHA does not tell.
    Refused(Reason),
    /// WAHA could not be asked.
    Away(Reason),
}

impl Lookups {
    /// Notes what is `due` in this run.
    pub(super) fn gather(&mut self, due: Vec<DueLookup>) {
        self.channels.values_mut().for_each(|asked| asked.refusals = 0);
        for one in due {
            if !self.queue.contains(&one) {
                self.queue.push_back(one);
            }
        }
    }

    pub(super) fn next(&mut self) -> Option<DueLookup> {
        self.queue.pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Leaves what is not under way to the next run.
    pub(super) fn leave_the_rest(&mut self) {
        self.queue.clear();
    }

    /// What ails WAHA or the session ails the channel's other look-ups too: they stay due, and the
    /// next run asks again. The other channels go on.
    pub(super) fn note(&mut self, channel_id: i64, done: &LookedUp) {
        let asked = self.channels.entry(channel_id).or_default();
        // WAHA's own words come after a colon; who knows what they repeat.
        let said = done.trouble.as_ref().map(|(reason, _)| reason.headline());
        match (&said, &asked.trouble) {
            (Some(now), before) if Some(now) != before.as_ref() => {
                log::warn!("channel {channel_id}: no look-ups for now: {now}");
            }
            (None, Some(_)) => log::info!("channel {channel_id}: look-ups are answered again"),
            (None, None) | (Some(_), _) => {}
        }
        asked.trouble = said;
        asked.refusals += u32::from(done.trouble.is_some());
        let is_away = done.trouble.as_ref().is_some_and(|(_, is_away)| *is_away);
        if is_away || asked.refusals >= REFUSALS_MAX {
            self.queue.retain(|due| due.channel_id != channel_id);
        }
    }
}

impl Core {
    /// Looks one delivery up; `None` when nothing had to be asked.
    pub(super) fn look_up(&self, due: DueLookup) -> Done<Option<LookedUp>> {
        let id = due.delivery_id;
        let Some(unknown) = self.read(|tx| tx.unknown_delivery(id))? else {
            // It is known meanwhile, or was never claimed: there is no time at which to look.
            return self.write(|tx| tx.postpone_lookup(id, None, None)).map(|()| None);
        };
        let finding = self.find(&unknown)?;
        // The network was used: time has passed.
        let has_made_due = self.record_finding(&unknown, &finding, self.clock.now())?;
        let trouble = match finding {
            Finding::Proof { .. } | Finding::Nothing(_) => None,
            Finding::Refused(reason) => Some((reason, false)),
            Finding::Away(reason) => Some((reason, true)),
        };
        Ok(Some(LookedUp { trouble, has_made_due }))
    }

    fn find(&self, unknown: &UnknownDelivery) -> Done<Finding> {
        let Some(session) = &unknown.session else {
            return Ok(Finding::Refused(Reason::LookUpWithoutSession));
        };
        if !unknown.is_known_by_words() && unknown.reserved_id.is_none() {
            return Ok(Finding::Nothing(Reason::NoWordsToKnowItBy));
        }
        if let Some(id) = &unknown.reserved_id {
            match self.waha.find_by_id(session, &unknown.waha_chat_id, id) {
                Search::Done(sightings) if !sightings.is_empty() => return Ok(judge(sightings)),
                Search::Away(reason) => return Ok(Finding::Away(reason)),
                // Some versions have no such route: the chat may tell.
                Search::Done(_) | Search::Refused(_) => {}
            }
        }
        let (search, skew_secs) = self.search_chat(session, unknown);
        let sightings = match search {
            Search::Done(sightings) => sightings,
            Search::Refused(reason) => return Ok(Finding::Refused(reason)),
            Search::Away(reason) => return Ok(Finding::Away(reason)),
        };
        let finding = match &unknown.reserved_id {
            // An engine that offers ids uses them: a message with another id is another message.
            Some(id) => judge(sightings.into_iter().filter(|one| one.id == *id).collect()),
            None => self.judge_texts(unknown, sightings)?,
        };
        Ok(match finding {
            Finding::Nothing(why) if skew_secs != 0 => {
                let (found, secs) = (Box::new(why.into()), skew_secs.unsigned_abs());
                Finding::Nothing(if skew_secs < 0 {
                    Reason::ClockBehind { found, secs }
                } else {
                    Reason::ClockAhead { found, secs }
                })
            }
            finding => finding,
        })
    }

    /// The messages in the chat from around the claim, by WAHA's clock, and how many seconds that is
    /// ahead of ours; 0 when they agree. Its first answer tells how late it is there.
    fn search_chat(&self, session: &str, unknown: &UnknownDelivery) -> (Search, i64) {
        let search = |skew_secs: i64| -> ChatSearch {
            let at = |at: Timestamp| Timestamp::from_secs(at.secs().saturating_add(skew_secs));
            let from = at(unknown.claimed_at.minus(WINDOW_BEFORE));
            let until = at(unknown.claimed_at.plus(WINDOW_AFTER));
            self.waha.find_in_chat(session, &unknown.waha_chat_id, from, until)
        };
        let ChatSearch { search: found, clock } = search(0);
        let skew_secs = clock.map_or(0, |theirs| theirs.secs() - self.clock.now().wall.secs());
        if skew_secs.unsigned_abs() < SKEW_SECS_SEEN || matches!(found, Search::Away(_)) {
            return (found, 0);
        }
        (search(skew_secs).search, skew_secs)
    }

    fn judge_texts(&self, unknown: &UnknownDelivery, sightings: Vec<Sighting>) -> Done<Finding> {
        if self.read(|tx| tx.has_rival(unknown, WINDOW_BEFORE + WINDOW_AFTER))? {
            return Ok(Finding::Nothing(Reason::SentTwice));
        }
        let is_alike = |one: &Sighting| {
            one.has_media.is_none_or(|has_media| has_media == unknown.has_media())
                && one.text.as_deref().is_some_and(|text| is_same_text(text, &unknown.text))
        };
        let mut ours = Vec::new();
        for one in sightings.into_iter().filter(is_alike) {
            if !self.read(|tx| tx.is_id_of_another(&one.id, unknown.id))? {
                ours.push(one);
            }
        }
        Ok(judge(ours))
    }

    /// Returns whether that ended an occurrence whose message is due again.
    fn record_finding(&self, unknown: &UnknownDelivery, finding: &Finding, now: Now) -> Done<bool> {
        let claimed_at = unknown.claimed_at;
        let (why, next) = match finding {
            Finding::Proof { waha_message_id, ack } => {
                return self.record_proof(unknown, waha_message_id, *ack, now);
            }
            Finding::Nothing(why) | Finding::Refused(why) => {
                (why, next_lookup(claimed_at, now.wall))
            }
            Finding::Away(why) => (why, next_when_away(claimed_at, now.wall)),
        };
        // What the last look-up found makes room.
        let first = match &unknown.error {
            Explanation::Known(Reason::LookedUp { first, .. }) => first.clone(),
            first => Box::new(first.clone()),
        };
        let found = Box::new(why.clone().into());
        let error = Reason::LookedUp { first, at: now.wall, found };
        let id = unknown.id;
        let change = |tx: &Tx<'_>| tx.postpone_lookup(id, next, Some(&error));
        let ((), is_due) = self.change(unknown, now, change)?;
        match next {
            Some(next) => log::info!("delivery {id}: a look-up found nothing, next at {next}"),
            None => {
                log::warn!("delivery {id}: the last look-up found nothing, it stays unknown");
            }
        }
        Ok(is_due)
    }

    fn record_proof(
        &self,
        unknown: &UnknownDelivery,
        waha_message_id: &str,
        ack: i64,
        now: Now,
    ) -> Done<bool> {
        let (status, error) = if ack >= 0 {
            (Status::Sent, None)
        } else {
            (Status::Failed, Some(&Reason::RefusedByLookUp))
        };
        let (is_resolved, is_due) = self.change(unknown, now, |tx| {
            tx.resolve_unknown(unknown, status, waha_message_id, ack, error, now.wall)
        })?;
        if is_resolved {
            log::info!("delivery {}: a look-up found it: {}", unknown.id, status);
        }
        Ok(is_due)
    }

    /// Changes a delivery that was looked up, and settles its message when that is what it waited for.
    /// Returns whether the message is due again, too.
    fn change<T>(
        &self,
        unknown: &UnknownDelivery,
        now: Now,
        change: impl FnOnce(&Tx<'_>) -> SqlResult<T>,
    ) -> Done<(T, bool)> {
        let (id, due_at) = (unknown.auto_message_id, unknown.due_at);
        let (changed, settled) = self.write(|tx| {
            let changed = change(tx)?;
            let none = Counts::default();
            Ok((changed, tx.settle_if_done(id, due_at, none, &self.config.zone, now.wall)?))
        })?;
        self.triggers.note_settled(&settled);
        let next = settled.and_then(|settled| settled.next);
        Ok((changed, next.is_some_and(|next| next <= now.wall)))
    }
}

/// One sighting with an ack proves something; none, many, or one without an ack do not.
fn judge(mut sightings: Vec<Sighting>) -> Finding {
    match (sightings.pop(), sightings.len()) {
        (None, _) => Finding::Nothing(Reason::NotInChat),
        (Some(Sighting { id, ack: Some(ack), .. }), 0) => {
            Finding::Proof { waha_message_id: id, ack }
        }
        (Some(_), 0) => Finding::Nothing(Reason::WithoutAck),
        (Some(_), others) => Finding::Nothing(Reason::ManyFit { count: others as u64 + 1 }),
    }
}

/// The next of the growing gaps; `None` after the last.
fn next_lookup(claimed_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    AGAIN_AFTER.iter().map(|after| claimed_at.plus(*after)).find(|at| *at > now)
}

/// The next try to reach WAHA; `None` when it has been away for too long.
fn next_when_away(claimed_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let since = now.since(claimed_at);
    let gap = (since / 4).clamp(AWAY_GAP_MIN, AWAY_GAP_MAX);
    (since < AWAY_FOR_GOOD).then(|| now.plus(gap))
}

/// How many are asked for in one look at the table.
pub(super) const LOOKS_AT_ONCE: u32 = 20;
/// When WAHA is asked again, counted from the look before; after the last one no more.
const NAME_AGAIN_AFTER: [Duration; 5] = [
    Duration::from_mins(1),
    Duration::from_mins(10),
    Duration::from_hours(1),
    Duration::from_hours(6),
    Duration::from_hours(24),
];

const NOT_KNOWN: &str = "WAHA does not know it";

/// People who asked to stop have two names, a phone number and a hidden one (`…@lid`), and a message may
/// go to either: WAHA is asked for the one that is missing, and the opt-out becomes that of both. The
/// webhook stores the request and answers; the workers ask in a run: it survives a restart, and what WAHA
/// cannot tell is asked again with growing gaps.
impl Core {
    /// Asks for one name. Returns whether others may be asked for: what ails WAHA ails them too.
    pub(super) fn ask_other_name(&self, hidden: &HiddenNumber) -> Done<bool> {
        let HiddenNumber { lid, digits, session, .. } = hidden;
        let (answer, known) = match (lid, digits) {
            (Some(lid), _) => (self.waha.number_of_lid(session, lid), lid),
            (None, Some(digits)) => (self.waha.lid_of_number(session, digits), digits),
            (None, None) => return Ok(true), // the table has a CHECK
        };
        // The network was used: time has passed.
        let now = self.clock.now().wall;
        let (why, is_well) = match answer {
            OtherName::Known(other) => {
                if let Some(done) = self.write(|tx| self.take_name(tx, hidden, &other, now))? {
                    done.tell(&self.triggers);
                }
                return Ok(true);
            }
            OtherName::NotKnown => (NOT_KNOWN.to_owned(), true),
            OtherName::NotNow(why) => (why, false),
        };
        // Whether a phone number has a hidden one is asked until WAHA says something.
        let is_over = lid.is_none() && why == NOT_KNOWN;
        let looks = usize::try_from(hidden.looks).ok().filter(|_| !is_over);
        let next = looks.and_then(|looks| NAME_AGAIN_AFTER.get(looks));
        let next = next.map(|after| now.plus(*after));
        self.write(|tx| tx.postpone_hidden(hidden.id, next, &why))?;
        if next.is_none() && lid.is_some() {
            let who = mask_phone(known);
            log::warn!(
                "hidden number {who}: WAHA does not tell its phone number, asked no more: {why}"
            );
        }
        Ok(is_well)
    }

    /// Makes the opt-out that of both names, unless it was taken back meanwhile.
    fn take_name(
        &self,
        tx: &Tx<'_>,
        hidden: &HiddenNumber,
        other: &str,
        now: Timestamp,
    ) -> SqlResult<Option<OptedOut>> {
        let (lid, digits) = match &hidden.lid {
            Some(lid) => (lid.as_str(), other),
            None => (other, hidden.digits.as_deref().unwrap_or_default()),
        };
        let is_out = match &hidden.lid {
            Some(lid) => tx.is_hidden_opted_out(lid)?,
            None => opt_out::is_opted_out(tx, digits, &self.config.country)?,
        };
        tx.pair_hidden(lid, digits, &hidden.session, now)?;
        if !is_out {
            return Ok(None);
        }
        let person = Addressee::Number(digits.to_owned());
        opt_out::record(tx, &person, hidden.name.as_deref(), None, &self.config, now).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighting(ack: Option<i64>) -> Sighting {
        Sighting { id: "3EB0".into(), text: None, has_media: None, ack }
    }

    #[test]
    fn only_one_sighting_with_an_ack_is_proof() {
        let proof = |ack| Finding::Proof { waha_message_id: "3EB0".into(), ack };
        assert_eq!(judge(vec![sighting(Some(0))]), proof(0));
        assert_eq!(judge(vec![sighting(Some(-1))]), proof(-1));
        for doubtful in [vec![], vec![sighting(None)], vec![sighting(Some(1)), sighting(Some(1))]] {
            assert!(matches!(judge(doubtful), Finding::Nothing(_)));
        }
    }

    #[test]
    fn look_ups_come_a_few_times_with_growing_gaps() {
        let claimed_at = Timestamp::from_secs(0);
        let mut now = Timestamp::from_secs(150);
        let mut minutes = Vec::new();
        while let Some(next) = next_lookup(claimed_at, now) {
            minutes.push(next.secs() / 60);
            now = next;
        }
        assert_eq!(minutes, [10, 60, 360, 1440]);
    }

    #[test]
    fn a_waha_that_is_away_is_asked_ever_more_rarely_for_a_week() {
        let claimed_at = Timestamp::from_secs(0);
        let mut now = Timestamp::from_secs(150);
        let mut tries = 0;
        while let Some(next) = next_when_away(claimed_at, now) {
            let gap = next.since(now);
            assert!((AWAY_GAP_MIN..=AWAY_GAP_MAX).contains(&gap), "{gap:?}");
            tries += 1;
            now = next;
        }
        assert!((20..70).contains(&tries) && now.since(claimed_at) >= AWAY_FOR_GOOD, "{tries}");
    }
}
