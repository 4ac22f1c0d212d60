//! One pass over the link: what was begun is ended first, what is new is found last.
//!
//! Every step may be cut off anywhere and done again: what is meant is written here before a request
//! leaves, and every request is safe to repeat. The first that gets no good answer ends the pass.

mod claims;
mod planning;
mod settling;

pub(super) use claims::tell_of_claims;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::key::Key;
use super::recipients::Off;
use super::remote::{Found, Remote};
use super::reply::{Kind, Trouble};
use super::tables::Tables;
use super::times;
use crate::clock::{Clock, Now, Timestamp};
use crate::config::{Config, Supabase};
use crate::fail_point;
use crate::logging::in_one_line;
use crate::reason::Reason;
use crate::store::{
    ClaimState, LinkAlarm, LinkChannel, LinkClaim, LinkState, SqlResult, Store, StoreError, Tx,
};
use crate::trigger::Triggers;

/// How often the project's tables, channels and open claims are looked at anew.
const LOOK_EVERY: Duration = Duration::from_mins(10);
/// A project without a good answer, or an appliance that was not seen, for so long is told of.
pub(crate) const AWAY_MAX: Duration = Duration::from_mins(15);
/// Waits after a failure, in units of five time limits of a request: 1, 2, 5 and 15 minutes.
const RETRY_UNITS: [u32; 4] = [1, 2, 5, 15];

pub struct Link {
    remote: Remote,
    settings: Supabase,
    config: Arc<Config>,
    store: Store,
    clock: Arc<dyn Clock>,
    triggers: Arc<Triggers>,
    tables: Option<Tables>,
    /// When everything was looked at last, on the monotonic clock.
    looked_at: Option<Duration>,
    /// The channels of the last whole look.
    channels: Vec<String>,
    /// Where the search for due rows stopped, by the instant from which a group of channels is sent.
    found_last: HashMap<String, Found>,
    /// How many due rows the project gave at once, at most.
    longest_page: usize,
    failures: usize,
    /// The last claim that the project was told of: see [`tell_of_claims`].
    told_until: i64,
}

struct Pass {
    state: LinkState,
    tables: Tables,
    channels: Vec<LinkChannel>,
    /// Channels that another appliance has: what was due before the instant is still sent from here.
    handed: Vec<(LinkChannel, String)>,
    /// Channels that are not sent from here any more, with what was taken of them before: that goes out.
    left: Vec<LinkChannel>,
    off: Off,
    now: Now,
}

/// Why a pass ended early.
enum Stop {
    Trouble(Trouble),
    Store(StoreError),
    /// The program shall end, or the link is off.
    Told,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    Off,
    /// Whether there is more to take, and whether anything is under way.
    Done {
        has_more: bool,
        has_open: bool,
    },
    /// The project did not answer well; it is tried again after so long.
    Failed {
        wait: Duration,
    },
}

type Step<T> = Result<T, Stop>;

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Pass {
    /// The channels that are sent from here, by the instant from which they are.
    fn channels_by_since(&self) -> BTreeMap<String, Vec<String>> {
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for channel in &self.channels {
            all.entry(channel.since.clone()).or_default().push(channel.remote_id.clone());
        }
        all
    }
}

impl Link {
    /// `None` without SUPABASE_URL; the error says what is wrong with the key.
    pub fn new(
        config: &Arc<Config>,
        store: Store,
        clock: &Arc<dyn Clock>,
        triggers: &Arc<Triggers>,
    ) -> Option<Result<Self, String>> {
        let settings = config.supabase.clone()?;
        Some(Key::read(&settings.key, clock.now().wall).map(|key| Self {
            remote: Remote::new(&settings, &key),
            settings,
            config: Arc::clone(config),
            store,
            clock: Arc::clone(clock),
            triggers: Arc::clone(triggers),
            tables: None,
            looked_at: None,
            channels: Vec::new(),
            found_last: HashMap::new(),
            longest_page: 0,
            failures: 0,
            told_until: 0,
        }))
    }

    /// Does all that can be done now; of a brief pass, no more than to write what ended here.
    pub fn pass(&mut self, is_brief: bool) -> Passed {
        match self.try_pass(is_brief) {
            Ok((has_more, has_open)) => {
                self.failures = 0;
                Passed::Done { has_more, has_open }
            }
            Err(Stop::Told) => Passed::Off,
            Err(Stop::Store(error)) => {
                log::error!("link: the database failed: {}", in_one_line(&error));
                Passed::Failed { wait: self.retry_wait(None) }
            }
            Err(Stop::Trouble(trouble)) => {
                self.note(&trouble);
                Passed::Failed { wait: self.retry_wait(Some(&trouble)) }
            }
        }
    }

    /// Whether a message ended whose result is to be written.
    pub fn has_ended_message(&mut self) -> bool {
        self.store.read(|tx| tx.ended_link_messages(1)).is_ok_and(|ended| !ended.is_empty())
    }

    fn try_pass(&mut self, is_brief: bool) -> Step<(bool, bool)> {
        let now = self.clock.now();
        let Some(state) = self.state_to_serve()? else { return Err(Stop::Told) };
        let channels = self.store.read(|tx| tx.link_channels(&state.project))?;
        let ids: Vec<String> = channels.iter().map(|channel| channel.remote_id.clone()).collect();
        let must_look = self.channels != ids
            || self.looked_at.is_none_or(|at| now.monotonic.saturating_sub(at) >= LOOK_EVERY);
        let is_new =
            self.tables.as_ref().is_some_and(|tables| state.is_shared && !tables.is_shared);
        let tables = self.tables(must_look || is_new)?;
        if state.is_shared && !tables.is_shared {
            let words =
                "the tables of the migration are gone: nothing new is claimed until they are back";
            return Err(Trouble::new(Kind::Schema, words).into());
        }
        let tables = Tables { is_shared: state.is_shared, ..tables };
        let (handed, left, off) = (Vec::new(), Vec::new(), Off::default());
        let mut pass = Pass { state, tables, channels, handed, left, off, now };
        self.notice_other_history(&mut pass)?;
        if is_brief && !must_look {
            self.write_results(&pass)?;
            self.settle_ended(&pass)?;
            return Ok((false, true));
        }
        if pass.state.is_on {
            self.keep_channels(&mut pass, must_look)?;
        }
        self.keep_handed(&mut pass)?;
        self.write_results(&pass)?;
        if (must_look || !pass.state.is_on) && self.looks_at_others(&pass)? {
            return Ok((true, true));
        }
        self.resolve_claims(&pass)?;
        self.plan_claimed(&pass)?;
        self.watch(&pass)?;
        self.settle_ended(&pass)?;
        if !pass.state.is_on {
            return Ok((false, self.note_answer()? > 0));
        }
        if must_look {
            self.take_due_of_handed(&pass)?;
            self.wake_old_series(&pass)?;
        }
        self.looked_at = self.looked_at.filter(|_| !must_look).or(Some(now.monotonic));
        self.channels = ids;
        let has_more = self.take_due(&pass)?;
        self.settle_ended(&pass)?;
        Ok((has_more, self.note_answer()? > 0))
    }

    /// How the link stands, when there is something to do: it is on, or it is off and what was taken
    /// before is still being sent or written back.
    fn state_to_serve(&mut self) -> Step<Option<LinkState>> {
        let (state, figures) = self.store.read(|tx| Ok((tx.link_state()?, tx.link_figures()?)))?;
        let Some(state) = state else { return Ok(None) };
        let is_same = state.project == self.settings.url;
        if state.is_on && !is_same {
            let words =
                "SUPABASE_URL names another project than the one that was linked: run `link on`";
            return Err(Trouble::new(Kind::Refused, words).into());
        }
        let is_left = is_same && figures.open + figures.outbox > 0;
        Ok(Some(state).filter(|state| state.is_on || is_left))
    }

    /// Notes that the project answered well, and what is over by that. Returns how many occurrences are open.
    fn note_answer(&mut self) -> Step<u64> {
        let wall = self.wall_now();
        let (open, is_over) = self.store.write(|tx| {
            tx.note_link_answer(wall)?;
            let figures = tx.link_figures()?;
            let mut is_over = false;
            for alarm in LinkAlarm::OF_ANSWERS {
                is_over |= tx.end_link_alarm(alarm, "Supabase answers again", wall)?;
            }
            if figures.refused == 0 {
                let words = "Supabase has taken what it refused";
                is_over |= tx.end_link_alarm(LinkAlarm::Refused, words, wall)?;
            }
            Ok((figures.open, is_over))
        })?;
        if is_over {
            self.triggers.pulse.ring();
        }
        Ok(open)
    }

    fn tables(&mut self, must_look: bool) -> Step<Tables> {
        if let Some(tables) = self.tables.as_ref().filter(|_| !must_look) {
            return Ok(tables.clone());
        }
        let tables = Tables::read(&self.remote.describe()?, &self.settings)
            .map_err(|words| Trouble::new(Kind::Schema, words))?;
        self.tables = Some(tables.clone());
        Ok(tables)
    }

    /// A backup that was put in place does not know what was sent after it. With others, the project
    /// tells; alone, nobody does: what was due until now is left alone.
    fn notice_other_history(&mut self, pass: &mut Pass) -> Step<()> {
        if !self.store.read(|tx| tx.is_link_of_other_history())? {
            return Ok(());
        }
        let wall = pass.now.wall;
        if pass.state.is_shared {
            return Ok(self.store.write(|tx| tx.begin_link_anew(None, wall))?);
        }
        // Without a date this machine's clock has to do: what was sent already must not go out again.
        let since = times::surely_past(self.remote.date().unwrap_or(wall)).to_string();
        let words = format!("the database was restored: rows due before {since} are left alone");
        self.store.write(|tx| {
            tx.begin_link_anew(Some(&since), wall)?;
            tx.begin_link_alarm(LinkAlarm::LostLedger, &words, wall)
        })?;
        log::error!("link: the database was restored: rows due before {since} are left alone");
        pass.channels = self.store.read(|tx| tx.link_channels(&pass.state.project))?;
        Ok(())
    }

    /// Says that this appliance lives, notices channels that were handed over, and now and then looks
    /// what the website's channels are called and whether they are on.
    fn keep_channels(&mut self, pass: &mut Pass, must_look: bool) -> Step<()> {
        if pass.state.is_shared {
            let mine = self.remote.seen(&pass.state.appliance)?;
            let is_gone = |channel: &&LinkChannel| {
                channel.handed_to.is_none() && !mine.contains(&channel.remote_id)
            };
            let gone: Vec<LinkChannel> = pass.channels.iter().filter(is_gone).cloned().collect();
            for channel in gone {
                self.hand_over(pass, channel)?;
            }
            for channel in &mut pass.channels {
                if mine.contains(&channel.remote_id) {
                    channel.handed_to = None; // It came back.
                }
            }
        }
        if must_look {
            let found = self.remote.channels(&pass.tables)?;
            for channel in &mut pass.channels {
                let now = found.iter().find(|found| found.id == channel.remote_id);
                channel.is_active = now.is_some_and(|found| found.is_active);
                let session = now.and_then(|found| found.session_name.clone());
                if let (Some(found), Some(session)) = (now, session) {
                    channel.name.clone_from(&found.name);
                    channel.session_name = session;
                }
            }
            let wall = pass.now.wall;
            let (project, channels) = (&pass.state.project, &mut pass.channels);
            self.store.write(|tx| {
                for channel in channels {
                    channel.channel_id =
                        tx.channel_of_session(&channel.name, &channel.session_name, wall)?;
                    tx.update_link_channel(project, channel)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Looks what other appliances have of this one's work. Returns whether the mode changed: then the next pass follows.
    fn looks_at_others(&mut self, pass: &Pass) -> Step<bool> {
        if pass.state.is_shared {
            if pass.state.is_on {
                self.reconcile(pass)?;
            }
            return Ok(false);
        }
        self.settle_ended(pass)?; // Whatever comes of the question.
        self.becomes_shared(pass)
    }

    /// Tells the channels that are sent from here from those that another appliance has. Of these something may be
    /// left to send: what was claimed, what was due while they were off, the next time of a series.
    fn keep_handed(&mut self, pass: &mut Pass) -> Step<()> {
        let project = &pass.state.project;
        let active = std::mem::take(&mut pass.channels).into_iter().filter(|it| it.is_active);
        let (ours, handed): (_, Vec<LinkChannel>) =
            active.partition(|channel| channel.handed_to.is_none());
        pass.channels = ours;
        pass.handed = self.store.read(|tx| {
            let at = |channel: LinkChannel| {
                let at = tx.link_handed_at(project, &channel.remote_id).transpose()?;
                Some(at.map(|at| (channel, at)))
            };
            handed.into_iter().filter_map(at).collect()
        })?;
        pass.left = self.store.read(|tx| tx.left_link_channels(project))?;
        Ok(())
    }

    /// A channel is another appliance's now. What was due before that one had it, it does not look at: it is
    /// taken here, as what is under way of it ends here.
    fn hand_over(&mut self, pass: &mut Pass, channel: LinkChannel) -> Step<()> {
        let owner = self.remote.own(&channel.remote_id, &pass.state.appliance)?;
        let Some(owner) = owner.filter(|owner| owner.appliance != pass.state.appliance) else {
            return self.is_still_wanted(pass, &channel); // Nobody had it any more.
        };
        let begin = owner.taken_at;
        if let Some(begin) = &begin {
            self.take_due_until(pass, &channel, begin)?;
        }
        let other = owner.appliance;
        log::warn!(
            "link: channel {} was taken over by {other}: nothing more of it is sent here",
            channel.name
        );
        let channel = LinkChannel { handed_to: Some(other), ..channel };
        let project = pass.state.project.clone();
        let id = channel.remote_id.clone();
        // Before it is noted: who ends in between, does all of it again.
        self.cancel_where(&Reason::HandedOver, |claim| {
            claim.remote_channel.as_ref() == Some(&id)
                && !begin.as_ref().is_some_and(|begin| times::is_before(&claim.due_at, begin))
        })?;
        self.store.write(|tx| {
            tx.update_link_channel(&project, &channel)?;
            begin.as_ref().map_or(Ok(()), |begin| tx.set_link_handed_at(&project, &id, begin))
        })?;
        fail_point::reach("link_handed_over");
        for one in &mut pass.channels {
            if one.remote_id == id {
                one.handed_to.clone_from(&channel.handed_to);
            }
        }
        Ok(())
    }

    /// A channel that nobody had is this appliance's again, unless a person gave it up after the pass began.
    fn is_still_wanted(&mut self, pass: &Pass, channel: &LinkChannel) -> Step<()> {
        let LinkState { project, appliance, .. } = &pass.state;
        let (is_on, known) = self.store.read(|tx| {
            Ok((tx.link_state()?.is_some_and(|state| state.is_on), tx.link_channels(project)?))
        })?;
        if is_on && known.iter().any(|one| one.remote_id == channel.remote_id) {
            return Ok(());
        }
        self.remote.give_up(&channel.remote_id, appliance)?;
        Err(Stop::Told)
    }

    /// Takes the claims in a state under way, `limit` at once.
    fn each_claims(
        &mut self,
        state: ClaimState,
        limit: usize,
        mut take: impl FnMut(&mut Self, Vec<LinkClaim>) -> Step<()>,
    ) -> Step<()> {
        let mut after = 0;
        loop {
            let claims = self.store.read(|tx| tx.link_claims_in(state, after, limit))?;
            let Some(last) = claims.last() else { return Ok(()) };
            after = last.id;
            take(self, claims)?;
        }
    }

    fn write<T>(&mut self, work: impl FnOnce(&Tx<'_>) -> SqlResult<T>) -> Step<T> {
        if self.triggers.is_stopping() {
            return Err(Stop::Told);
        }
        Ok(self.store.write(work)?)
    }

    fn note(&mut self, trouble: &Trouble) {
        if trouble.kind == Kind::Schema {
            self.tables = None;
        }
        let now = self.clock.now().wall;
        let words = &trouble.words;
        let noted = self.store.write(|tx| {
            let since = tx.note_link_trouble(words, now)?;
            if trouble.kind == Kind::Key {
                let words = format!("Supabase refuses the key: {words}");
                tx.begin_link_alarm(LinkAlarm::KeyRefused, &words, now)?;
            } else if now.since(since) >= AWAY_MAX {
                let words = format!("no good answer since {since}: {words}");
                tx.begin_link_alarm(LinkAlarm::Away, &words, now)?;
            }
            Ok(since == now)
        });
        self.triggers.pulse.ring();
        if noted.unwrap_or(true) {
            log::warn!("link: Supabase: {words}");
        }
    }

    /// Notes what a person should look at; tells it once.
    fn alarm(&mut self, alarm: LinkAlarm, words: &str) -> Step<()> {
        let now = self.wall_now();
        let is_news = self.write(|tx| tx.begin_link_alarm(alarm, words, now))?;
        if is_news {
            log::error!("link: {words}");
            self.triggers.pulse.ring();
        }
        Ok(())
    }

    fn retry_wait(&mut self, trouble: Option<&Trouble>) -> Duration {
        let step = RETRY_UNITS[self.failures.min(RETRY_UNITS.len() - 1)];
        self.failures += 1;
        let is_first = self.failures == 1;
        // What is new in the project is known there after a moment.
        let is_new = is_first && trouble.is_some_and(|trouble| trouble.kind == Kind::Schema);
        let wait =
            if is_new { self.settings.timeout / 2 } else { self.settings.timeout * 5 * step };
        let wait = wait.max(trouble.and_then(|trouble| trouble.wait).unwrap_or_default());
        wait.mul_f64(1.0 + fastrand::f64() / 10.0)
    }

    fn wall_now(&self) -> Timestamp {
        self.clock.now().wall
    }
}
