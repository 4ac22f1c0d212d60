//! Sending: claim, send, record; one delivery per [`Sender::step`].
//!
//! The order is the promise. The claim is committed before the network is touched, so a crash at
//! any point leaves a row that says that a request may have gone out. The outcome is recorded in
//! one transaction with the pace, the hold, the counts and the settling of the message. No
//! transaction is open while WAHA is spoken to.
//!
//! Senders are identical threads over one [`Sender`]; the board gives each channel to one at a time.

mod claiming;
mod recording;
mod sessions;
mod turn;
mod typing;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::channels::{Availability, HoldEnds};
use crate::clock::{Clock, Now, Timestamp};
use crate::config::Config;
use crate::delivery::{Counts, Hold, Status};
use crate::fail_point;
use crate::pace::{Board, Turn};
use crate::recipient::mask_numbers;
use crate::send_window::{Day, DayCount};
use crate::store::{
    Channel, Claimed, OPTED_OUT, Open, RecipientNow, Recovered, SqlResult, Store, StoreError,
};
use crate::trigger::{DatabaseUser, Triggers};
use crate::waha::{IdOffer, SessionState, TextMessage, Waha};

use recording::Unrecorded;
use sessions::Sessions;
use turn::Waits;
use typing::{TypeFirst, Typists};

/// How long a sender lets the database rest after it failed.
const DATABASE_REST: Duration = Duration::from_secs(1);

/// What the sender threads share.
pub(crate) struct Sender {
    store: Arc<Mutex<Store>>,
    waha: Waha,
    clock: Arc<dyn Clock>,
    triggers: Arc<Triggers>,
    config: Arc<Config>,
    board: Mutex<Board>,
    sessions: Mutex<Sessions>,
    waits: Mutex<Waits>,
    typists: Mutex<Typists>,
    random: Mutex<fastrand::Rng>,
    /// Outcomes that the database did not take yet.
    unrecorded: Mutex<Vec<Unrecorded>>,
    has_unrecorded: AtomicBool,
    /// The last moment, on the monotonic clock, at which a claim may be made.
    last_claim: Option<Duration>,
}

/// What a step did, and when to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Something; come back at once.
    Worked,
    /// Nothing is ready for so long.
    Wait(Duration),
    /// Nothing is waiting: come back when the bell rings.
    Nothing,
}

/// What becomes of a lane after a look at its channel.
enum Lane {
    /// Ready again at this monotonic time.
    Ready(Duration),
    /// Nothing to do; ready at this time if it is offered again.
    Empty(Duration),
    /// The channel may not send now.
    Held,
    /// It is outside its hours, or its day is full: noted in `waits`.
    Closed,
    /// A request is out whose outcome the database has not taken: nobody may use the channel.
    Unrecorded,
}

impl Sender {
    /// Senders that find their work in `store` and send it through `waha`. `seed` is for the jitter.
    pub(crate) fn new(
        store: Arc<Mutex<Store>>,
        waha: Waha,
        clock: Arc<dyn Clock>,
        triggers: Arc<Triggers>,
        config: Arc<Config>,
        seed: u64,
    ) -> Self {
        Self {
            store,
            waha,
            clock,
            triggers,
            config,
            board: Mutex::default(),
            sessions: Mutex::default(),
            waits: Mutex::default(),
            typists: Mutex::default(),
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            unrecorded: Mutex::default(),
            has_unrecorded: AtomicBool::new(false),
            last_claim: None,
        }
    }

    /// No claim shall be made after `last_claim` on the monotonic clock: a program that is killed
    /// some time later must not leave a request without its outcome.
    pub(crate) fn set_last_claim(&mut self, last_claim: Duration) {
        self.last_claim = Some(last_claim);
    }

    /// Makes what another process left `sending` `unknown`, and lets its channels rest a whole gap:
    /// the requests may have gone out just now. Returns how many stay `unknown`: an event of WAHA's
    /// may have proved what became of the others. Only for the process that holds the sender's lock, before its first step.
    ///
    /// From here on the monotonic clock keeps every pace: a wall clock that is set later, even before
    /// a channel is first looked at, changes none.
    pub(crate) fn recover(&self) -> Result<usize, StoreError> {
        let Now { wall: now, .. } = self.clock.now();
        let ready_at = now.plus(self.config.gap.longest()).ceil_to_second();
        let (recovered, settled, paced) = lock(&self.store).write(|tx| {
            let recovered = tx
                .recover_sending(now)?
                .into_iter()
                .map(|one| {
                    let proven = tx.weigh_kept_events(one.delivery_id, now)?;
                    Ok((one, proven.unwrap_or(Status::Unknown)))
                })
                .collect::<SqlResult<Vec<(Recovered, Status)>>>()?;
            let mut settled = Vec::new();
            for (one, status) in &recovered {
                tx.set_channel_ready_at(one.channel_id, ready_at, false, now)?;
                let Recovered { auto_message_id, due_at, .. } = *one;
                let mut ended = Counts::default();
                ended.of(*status).into_iter().for_each(|count| *count = 1);
                let zone = &self.config.zone;
                settled.extend(tx.settle_if_done(auto_message_id, due_at, ended, zone, now)?);
            }
            fail_point::reach("recover_uncommitted");
            Ok((recovered, settled, tx.paced_channels()?))
        })?;
        for channel in &paced {
            self.ready_time(channel, self.clock.now());
        }
        fail_point::reach("recovered");
        for (Recovered { delivery_id, .. }, status) in &recovered {
            log::warn!(
                "delivery {delivery_id}: unknown, the program ended while it was being sent"
            );
            if *status != Status::Unknown {
                recording::log_proven(*delivery_id, *status);
            }
        }
        for settled in &settled {
            self.triggers.note_settled(settled);
        }
        Ok(recovered.iter().filter(|(_, status)| *status == Status::Unknown).count())
    }

    /// Puts a channel on the board: it may have something to do.
    pub(crate) fn offer(&self, channel: &Channel, now: Now) {
        let mut board = lock(&self.board);
        let ready = board.ready_time(channel.id, channel.ready_at, now, self.config.gap.longest());
        board.offer(channel.id, ready);
    }

    /// Whether no channel waits for its turn, none is being worked on, and every outcome is recorded.
    pub(crate) fn is_idle(&self) -> bool {
        lock(&self.board).is_idle() && !self.has_unrecorded.load(Ordering::SeqCst)
    }

    /// Does one bounded piece of work: at most one delivery.
    pub(crate) fn step(&self) -> Step {
        let now = self.clock.now();
        if self.has_unrecorded.load(Ordering::SeqCst) && !self.record_leftovers(now) {
            return Step::Wait(DATABASE_REST);
        }
        if self.last_claim.is_some_and(|last| lock(&self.board).drop_after(last, now)) {
            self.triggers.wake.ring(); // The run may be at its end.
        }
        let turn = lock(&self.board).take(now, thread::current().id());
        self.find_lookout();
        let id = match turn {
            Turn::Channel(id) => id,
            Turn::Wait(wait) => return Step::Wait(wait),
            Turn::Nothing => return Step::Nothing,
        };
        let lane = match self.work_on(id, now) {
            // The trouble is noted already, and lasts until the outcome is recorded.
            Ok(Lane::Unrecorded) => Lane::Unrecorded,
            Ok(lane) => {
                self.triggers.note_database(DatabaseUser::Channel(id), None);
                lane
            }
            Err(error) => {
                self.triggers.note_database(DatabaseUser::Channel(id), Some(&error));
                Lane::Ready(self.clock.now().monotonic + DATABASE_REST)
            }
        };
        self.return_lane(id, &lane);
        Step::Worked
    }

    /// This thread does something else than [`Sender::step`] now, and may take long.
    pub(crate) fn step_aside(&self) {
        lock(&self.board).step_aside(thread::current().id());
        self.find_lookout();
    }

    /// Wakes a sender when nobody would come back for the lane that is ready first.
    fn find_lookout(&self) {
        if lock(&self.board).needs_lookout() {
            self.triggers.turns.ring_one();
        }
    }

    /// Looks at a channel that is ready by the board, and sends its next delivery.
    fn work_on(&self, id: i64, now: Now) -> Result<Lane, StoreError> {
        let late_before = now.wall.minus(self.config.late_limit);
        let day = Day::of(&self.config.zone, now.wall);
        let (channel, open, count) = lock(&self.store).read(|tx| {
            let open = tx.next_open_delivery(id, now.wall, late_before)?;
            Ok((tx.channel(id)?, open, tx.day_count(id, day)?))
        })?;
        let Some(channel) = channel else { return Ok(Lane::Held) };
        let Some(session) = channel.session_name.clone() else { return Ok(Lane::Held) };
        let counted = DayCount { day, count };
        match self.availability(&channel, counted, now.wall) {
            Availability::Off(_) | Availability::Held(_, HoldEnds::At(_) | HoldEnds::ByPerson) => {
                return Ok(Lane::Held);
            }
            Availability::Held(_, HoldEnds::ByLook)
            | Availability::Unreadable(_)
            | Availability::ClosedUntil(..)
            | Availability::PacedUntil(_)
            | Availability::Ready => {}
        }
        let ready = self.ready_time(&channel, now);
        if ready > now.monotonic {
            return Ok(Lane::Ready(ready));
        }
        let Some(open) = open else { return self.look_without_sending(&channel, &session, ready) };
        if self.is_changed(&open, now.wall)? {
            return Ok(Lane::Ready(ready));
        }
        if self.triggers.is_stopping() {
            return Ok(Lane::Held);
        }
        let allowance = match self.allowance(&channel) {
            Ok(allowance) => allowance,
            Err(hold) => return self.hold(&channel, &hold).map(|()| Lane::Held),
        };
        if self.is_closed(&channel, counted, now.wall) {
            self.look_without_sending(&channel, &session, ready)?;
            return Ok(Lane::Closed);
        }
        if let Some(hold) = self.session_trouble(&channel, &session)? {
            self.hold(&channel, &hold)?;
            return Ok(Lane::Held);
        }
        if self.is_clock_wrong(self.clock.now()) {
            return Ok(Lane::Held);
        }
        if channel.held.is_some() {
            self.free(&channel)?;
        }
        match self.type_first(&channel, &session, &open) {
            TypeFirst::Done => {}
            TypeFirst::Until(until) => return Ok(Lane::Ready(until)),
            TypeFirst::Held(hold) => return self.hold(&channel, &hold).map(|()| Lane::Held),
        }
        match self.reserve_id(&session) {
            Ok(reserved_id) => {
                let channel = (&channel, session.as_str());
                self.claim_and_send(channel, &allowance, &open, reserved_id.as_deref())
            }
            Err(hold) => self.hold(&channel, &hold).map(|()| Lane::Held),
        }
    }

    /// Whether a delivery is not to be sent as it was planned: it is ended, or addressed anew.
    fn is_changed(&self, open: &Open, now: Timestamp) -> Result<bool, StoreError> {
        match open.recipient {
            RecipientNow::ContactChanged => self.follow_contact(open, now)?,
            RecipientNow::OptedOut => {
                self.end_unsendable(open, Status::Skipped, OPTED_OUT, now)?;
            }
            RecipientNow::AsPlanned if open.has_text => return Ok(false),
            RecipientNow::AsPlanned => {
                let why = "the message has no text: fill in `message` and set status to scheduled";
                self.end_unsendable(open, Status::Cancelled, why, now)?;
            }
        }
        Ok(true)
    }

    /// A held channel without deliveries is looked at all the same, so that its row tells the truth.
    fn look_without_sending(
        &self,
        channel: &Channel,
        session: &str,
        ready: Duration,
    ) -> Result<Lane, StoreError> {
        if channel.held.is_some() {
            match self.session_trouble(channel, session)? {
                Some(hold) => self.hold(channel, &hold)?,
                None => self.free(channel)?,
            }
        }
        Ok(Lane::Empty(ready))
    }

    /// Why the session may not send for the channel, if it may not: its state, or its number. WORKING
    /// is believed for a short while, except of a held channel.
    fn session_trouble(
        &self,
        channel: &Channel,
        session: &str,
    ) -> Result<Option<Hold>, StoreError> {
        let now = self.clock.now();
        if channel.held.is_none()
            && lock(&self.sessions).is_working(session, now)
            && !self.is_clock_wrong(now)
        {
            return Ok(None);
        }
        let number = match self.waha.session(session) {
            SessionState::Working { number } => number,
            SessionState::Held(hold) => return Ok(Some(hold)),
        };
        if let Some(number) = &number {
            if let Some(hold) = channel.hold_for_number(session, number) {
                lock(&self.store).write(|tx| tx.note_other_number(channel.id, number))?;
                return Ok(Some(hold));
            }
            if channel.phone_number.is_none() {
                lock(&self.store).write(|tx| tx.adopt_number(channel.id, number))?;
            }
        }
        lock(&self.sessions).note_working(session, now);
        Ok(None)
    }

    /// Whether WAHA's clock tells another time: nothing is sent before the two agree.
    fn is_clock_wrong(&self, now: Now) -> bool {
        self.waha.time(now).is_not(now.wall)
    }

    /// The id for the next message, where WAHA offers one.
    fn reserve_id(&self, session: &str) -> Result<Option<String>, Hold> {
        let now = self.clock.now();
        if !lock(&self.sessions).may_offer_ids(session, now) {
            return Ok(None);
        }
        match self.waha.reserve_id(session) {
            IdOffer::Reserved(id) => Ok(Some(id)),
            IdOffer::NotNow => Ok(None),
            IdOffer::None => {
                lock(&self.sessions).note_no_ids(session, now);
                Ok(None)
            }
            IdOffer::Held(hold) => Err(hold),
        }
    }

    fn hold(&self, channel: &Channel, hold: &Hold) -> Result<(), StoreError> {
        let now = self.clock.now().wall;
        if let Some(held) = &channel.held
            && held.kind == Some(hold.kind)
            && held.reason == hold.reason
            && held.until.is_some_and(|until| until > now)
        {
            return Ok(()); // Nothing new: the hold that is there goes on.
        }
        let until = hold.until(now, channel.held_count, self.chance());
        lock(&self.store).write(|tx| tx.hold_channel(channel.id, hold, until, now))?;
        fail_point::reach("held");
        // The same hold again is no news to whom errors are mailed.
        let is_news = channel.held.as_ref().is_none_or(|held| held.kind != Some(hold.kind));
        log_hold(channel.id, hold, until, is_news);
        Ok(())
    }

    fn free(&self, channel: &Channel) -> Result<(), StoreError> {
        let now = self.clock.now().wall;
        if lock(&self.store).write(|tx| tx.free_channel(channel.id, now))? {
            fail_point::reach("freed");
            log::info!("channel {}: free again", channel.id);
        }
        Ok(())
    }

    fn ready_time(&self, channel: &Channel, now: Now) -> Duration {
        let longest = self.config.gap.longest();
        lock(&self.board).ready_time(channel.id, channel.ready_at, now, longest)
    }

    /// The end of a gap that begins now: for the column, rounded up, and exactly.
    fn next_ready(&self, now: Now) -> (Timestamp, Duration) {
        let gap = self.config.gap.with_jitter(self.chance());
        (now.wall.plus(gap).ceil_to_second(), now.monotonic + gap)
    }

    fn chance(&self) -> f64 {
        lock(&self.random).f64()
    }

    fn return_lane(&self, id: i64, lane: &Lane) {
        let mut board = lock(&self.board);
        match lane {
            Lane::Ready(ready) => board.put_back(id, *ready),
            Lane::Empty(ready) => board.drop_lane(id, *ready),
            Lane::Held | Lane::Closed => board.drop_held(id),
            Lane::Unrecorded => {}
        }
        let is_idle = board.is_idle();
        drop(board);
        // The caller looks for its next lane itself. The run may be at its end, or has to know when a
        // channel may send again.
        if is_idle || matches!(lane, Lane::Closed) {
            self.triggers.wake.ring();
        }
    }
}

fn text_message<'a>(session: &'a str, claimed: &'a Claimed) -> TextMessage<'a> {
    TextMessage {
        session,
        chat_id: &claimed.chat_id,
        text: &claimed.text,
        reserved_id: claimed.reserved_id.as_deref(),
        auto_message_id: claimed.auto_message_id,
        delivery_id: claimed.delivery_id,
        metadata: claimed.metadata.as_deref(),
    }
}

fn log_hold(channel: i64, hold: &Hold, until: Option<Timestamp>, is_news: bool) {
    let why = mask_numbers(&hold.reason);
    match until {
        None => log::error!("channel {channel}: held until a person frees it: {why}"),
        Some(until) if is_news && hold.kind.needs_a_person() => {
            log::error!("channel {channel}: held until {until}, please look: {why}");
        }
        Some(until) => log::warn!("channel {channel}: held until {until}: {why}"),
    }
}

/// Nothing is left half-changed under these locks: SQLite rolls back, and the board's steps are
/// single assignments.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
