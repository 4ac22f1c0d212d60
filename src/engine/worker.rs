//! A worker's turn with a channel: look, claim, send, record; at most one delivery.
//!
//! The order is the promise. The claim is committed before the network is touched, so a crash at
//! any point leaves a row that says that a request may have gone out. The outcome is recorded in
//! one transaction with the pace, the hold, the counts and the settling of the message. No
//! transaction is open while WAHA is spoken to.

use std::time::Duration;

use super::channel_queue::{After, Memory};
use super::gaps::Next;
use super::media::{UPLOAD_REST, give_up_cuts};
use super::record::Unrecorded;
use super::{Answer, Core, DATABASE_REST, Done, Job};
use crate::channels::{self, Availability};
use crate::clock::{Now, Timestamp};
use crate::contacts::opt_out;
use crate::contacts::waiting::{self, Followed};
use crate::content::Content;
use crate::delivery::{Counts, Hold, HoldKind, Outcome, Status};
use crate::fail_point;
use crate::logging::in_one_line;
use crate::reason::Reason;
use crate::recipient::mask_numbers;
use crate::send_window::{Allowance, Day, DayCount};
use crate::store::{
    Channel, ClaimRequest, Claimed, Open, RecipientNow, Settled, SqlResult, Standing, StoreError,
    Tx,
};
use crate::waha::{IdOffer, Outgoing, SessionState};

/// So often a file is begun that does not get through.
pub(super) const CUTS_MAX: i64 = 3;

/// What became of claiming a delivery.
enum Claim {
    Made(Claimed),
    /// It is not to be claimed as it was seen.
    Changed,
    /// It cannot get its text or opted out, and its message may have settled by that.
    Skipped(Option<Settled>),
}

/// A worker's turn with one channel.
pub(super) struct Turn<'a> {
    pub(super) core: &'a Core,
    pub(super) memory: &'a mut Memory,
    pub(super) channel: &'a Channel,
    pub(super) session: &'a str,
    /// What the channel has sent today.
    counted: DayCount,
    /// Whether a warning of WhatsApp's has just halved its limit.
    is_limited_anew: bool,
}

impl Core {
    pub(super) fn work(&self, job: Job) -> Answer {
        match job {
            Job::Channel(id, mut memory) => {
                let after = self.turn(id, &mut memory);
                Answer::Channel(id, memory, after)
            }
            Job::LookUp(due) => Answer::LookUp(due.channel_id, self.look_up(due)),
            Job::HiddenNumber(hidden) => Answer::HiddenNumber(self.ask_other_name(&hidden)),
            Job::AskTheTime => {
                self.ask_the_time();
                Answer::AskedTheTime
            }
        }
    }

    /// Looks at a channel that is ready by the queue, and sends its next delivery.
    fn turn(&self, id: i64, memory: &mut Memory) -> Done<After> {
        let now = self.clock.now();
        if let Some(leftover) = memory.unrecorded.take() {
            return Ok(self.record(memory, leftover, now));
        }
        let late_before = now.wall.minus(self.config.late_limit);
        let day = Day::of(&self.config.zone, now.wall);
        let (channel, next, standing, count) = self.read(|tx| {
            let Some(channel) = tx.channel(id)? else {
                return Ok((None, Next::Nobody(None), Standing::Known, 0));
            };
            let next = self.next(tx, &channel, late_before, now.wall)?;
            let standing = self.standing(tx, &next, now.wall)?;
            Ok((Some(channel), next, standing, tx.day_count(id, day)?))
        })?;
        let Some(channel) = channel else { return Ok(After::Held) };
        let Some(session) = &channel.session_name else { return Ok(After::Held) };
        let counted = DayCount { day, count };
        if self.availability(&channel, counted, now.wall).is_shut() {
            return Ok(After::Held);
        }
        let ready = memory.ready_time(channel.ready_at, now, self.config.longest_gap());
        if ready > now.monotonic {
            return Ok(After::Ready(ready));
        }
        let turn = Turn {
            core: self,
            memory,
            channel: &channel,
            session,
            counted,
            is_limited_anew: false,
        };
        let open = match next {
            Next::Open(open) => open,
            Next::Nobody(until) => {
                turn.memory.waits_until = until;
                return turn.look_without_sending(After::Empty(ready));
            }
            Next::Waits if self.is_closed(turn.memory, &channel, counted, now.wall) => {
                return turn.look_without_sending(After::Held);
            }
            Next::Waits => {
                self.let_wait(&channel, late_before, now.wall)?;
                return Ok(After::Ready(ready));
            }
        };
        if self.is_changed(&open, now.wall)? {
            return Ok(After::Ready(ready));
        }
        if self.triggers.is_stopping() {
            return Ok(After::Held);
        }
        turn.send_next(&open, standing)
    }

    /// Whether a delivery is not to be sent as it was planned: it is ended, or addressed anew.
    fn is_changed(&self, open: &Open, now: Timestamp) -> Done<bool> {
        match open.recipient {
            RecipientNow::ContactChanged => self.follow_contact(open, now)?,
            RecipientNow::OptedOut => {
                self.end_unsendable(open, Status::Skipped, &Reason::OptedOut, now)?;
            }
            RecipientNow::AsPlanned if open.has_text => {
                let Err(why) = self.content_of(open.content.as_deref()) else { return Ok(false) };
                self.fail_pending(open, &why)?;
            }
            RecipientNow::AsPlanned => {
                self.end_unsendable(open, Status::Cancelled, &Reason::TextEmptied, now)?;
            }
        }
        Ok(true)
    }

    /// The content of a message, when it can be sent.
    fn content_of(&self, column: Option<&str>) -> Result<Content, Reason> {
        let content = Content::read(column)?;
        content.check(&self.config.country)?;
        self.files.check(&content, self.config.media_max_mb, true)?;
        Ok(content)
    }

    /// Whether WAHA's clock tells another time: nothing is sent before the two agree.
    pub(super) fn is_clock_wrong(&self, now: Now) -> bool {
        self.waha.time(now).is_not(now.wall)
    }

    /// Whether a channel may send at `at`. Its pace is the queue's: the wall clock may have been set.
    fn availability<'a>(
        &self,
        of: &'a Channel,
        counted: DayCount,
        at: Timestamp,
    ) -> Availability<'a> {
        channels::availability(Some(of), counted, &self.config, at, at)
    }

    /// Whether a channel is outside its hours or its day is full at `at`, whether or not it is held. It
    /// is noted, also in the log when that is news.
    pub(super) fn is_closed(
        &self,
        memory: &mut Memory,
        of: &Channel,
        counted: DayCount,
        at: Timestamp,
    ) -> bool {
        let free = Channel { held: None, ..of.clone() };
        let mut closed = None;
        if let Availability::ClosedUntil(until, why) = self.availability(&free, counted, at) {
            closed = Some((until, why));
        }
        let before = std::mem::replace(&mut memory.closed, closed);
        if let Some((until, why)) = closed
            && before != closed
        {
            log::info!("channel {}: waits until {until}: {why}", of.id);
        }
        closed.is_some()
    }

    /// The end of a gap that begins now, or of a rest: for the column, rounded up, and exactly.
    pub(super) fn next_ready(&self, now: Now, rests: bool) -> (Timestamp, Duration) {
        let gap = self.config.gap_after(rests, self.chance());
        (now.wall.plus(gap).ceil_to_second(), now.monotonic + gap)
    }
}

impl Turn<'_> {
    /// Sends the next delivery of the channel, if nothing is in the way now.
    fn send_next(mut self, open: &Open, standing: Standing) -> Done<After> {
        let (core, channel) = (self.core, self.channel);
        let now = core.clock.now();
        let allowance = match self.allowance() {
            Ok(allowance) => allowance,
            Err(hold) => return self.hold(&hold),
        };
        if let Some(hold) = channel.hold_for_displeasure(now.wall) {
            return self.hold(&hold);
        }
        if core.is_closed(self.memory, channel, self.counted, now.wall) {
            return self.look_without_sending(After::Held);
        }
        if let Some(hold) = self.session_trouble()? {
            return self.hold(&hold);
        }
        if core.is_clock_wrong(core.clock.now()) {
            return Ok(After::Held);
        }
        if channel.held.is_some() {
            self.free()?;
        }
        if self.is_limited_anew {
            return Ok(After::Ready(core.clock.now().monotonic)); // today may be full by that
        }
        if let Some(after) = self.number_first(&allowance, open, standing)? {
            return Ok(after);
        }
        let content = Content::read(open.content.as_deref());
        let mut upload = None;
        if content.is_ok_and(|content| content.needs_plus()) {
            if core.is_core() {
                core.fail_pending(open, &Reason::MediaOnlyPlus)?;
                return Ok(After::Ready(core.clock.now().monotonic));
            }
            upload = core.begin_upload();
            if upload.is_none() {
                return Ok(After::Ready(core.clock.now().monotonic + UPLOAD_REST));
            }
        }
        let reserved_id = match core.type_first(self.memory, self.session, open) {
            Ok(Some(until)) => return Ok(After::Ready(until)),
            // Other routes than that of texts know nothing of it.
            Ok(None) if open.content.is_some() => Ok(None),
            Ok(None) => self.reserve_id(),
            Err(hold) => Err(hold),
        };
        let after = match reserved_id {
            Ok(reserved_id) => self.claim_and_send(&allowance, open, reserved_id.as_deref()),
            Err(hold) => self.hold(&hold),
        };
        drop(upload);
        after
    }

    /// A channel without deliveries is looked at all the same, so that its row tells the truth.
    fn look_without_sending(mut self, after: After) -> Done<After> {
        if self.channel.held.is_some() {
            match self.session_trouble()? {
                Some(hold) => drop(self.hold(&hold)?),
                None => self.free()?,
            }
        } else if let Some(hold) = self.channel.hold_for_displeasure(self.core.clock.now().wall) {
            return self.hold(&hold);
        }
        Ok(after)
    }

    /// Why the session may not send for the channel, if it may not: its state, or its number. WORKING
    /// is believed for a short while, except of a held channel.
    fn session_trouble(&mut self) -> Done<Option<Hold>> {
        let Self { core, channel, session, .. } = *self;
        let now = core.clock.now();
        let is_free = channel.held.is_none();
        if is_free && self.memory.is_working(session, now) && !core.is_clock_wrong(now) {
            return Ok(None);
        }
        let (number, warning) = match core.waha.session(session) {
            SessionState::Working { number, warning } => (number, warning),
            SessionState::Held(hold) => return Ok(Some(hold)),
        };
        if let Some(number) = number.filter(|one| channel.phone_number.as_ref() != Some(one)) {
            let hold = core.write(|tx| channels::note_number(tx, channel, session, &number))?;
            if hold.is_some() {
                return Ok(hold);
            }
        }
        self.memory.note_working(session, now);
        if let Some(warning) = warning {
            let (zone, wall) = (&core.config.zone, now.wall);
            self.is_limited_anew =
                core.write(|tx| tx.note_warning(channel, warning, zone, wall))?;
            if self.is_limited_anew {
                log::warn!("channel {}: WhatsApp warns of its number: {warning}", channel.id);
            }
        }
        Ok(None)
    }

    /// The id for the next message, where WAHA offers one.
    fn reserve_id(&mut self) -> Result<Option<String>, Hold> {
        let now = self.core.clock.now();
        if !self.memory.may_offer_ids(self.session, now) {
            return Ok(None);
        }
        match self.core.waha.reserve_id(self.session) {
            IdOffer::Reserved(id) => Ok(Some(id)),
            IdOffer::NotNow => Ok(None),
            IdOffer::None => {
                self.memory.note_no_ids(self.session, now);
                Ok(None)
            }
            IdOffer::Held(hold) => Err(hold),
        }
    }

    pub(super) fn hold(&self, hold: &Hold) -> Done<After> {
        let (core, channel) = (self.core, self.channel);
        let now = core.clock.now().wall;
        if let Some(held) = &channel.held
            && held.kind == Some(hold.kind)
            && held.reason == hold.reason
            && held.until.is_some_and(|until| until > now)
        {
            return Ok(After::Held); // Nothing new: the hold that is there goes on.
        }
        let until = hold.until(now, channel.held_count, core.chance());
        let broke = core.write(|tx| tx.hold_channel(channel.id, hold, until, now))?;
        fail_point::reach("held");
        let until = until.filter(|_| broke.is_none());
        let broke = broke.map(|reason| Hold::new(HoldKind::Breaker, reason));
        let hold = broke.as_ref().unwrap_or(hold);
        // The same hold again is no news to whom errors are mailed.
        let is_news = channel.held.as_ref().is_none_or(|held| held.kind != Some(hold.kind));
        log_hold(channel.id, hold, until, is_news);
        Ok(After::Held)
    }

    fn free(&self) -> Done<()> {
        let (core, id) = (self.core, self.channel.id);
        let now = core.clock.now().wall;
        if core.write(|tx| tx.free_channel(id, now))? {
            fail_point::reach("freed");
            log::info!("channel {id}: free again");
        }
        Ok(())
    }

    /// What the channel is allowed; or the hold for one whose row says what cannot be followed. It must
    /// not send by a guess: a wrong one sends at night.
    fn allowance(&self) -> Result<Allowance, Hold> {
        let config = &self.core.config;
        self.channel.allowance(config.allowance, &config.zone).map_err(|error| {
            let reason = Reason::WindowUnreadable { cause: error.to_string() };
            Hold::new(HoldKind::Misconfigured, reason)
        })
    }

    fn claim_and_send(
        self,
        allowance: &Allowance,
        open: &Open,
        reserved_id: Option<&str>,
    ) -> Done<After> {
        let Self { core, channel, session, .. } = self;
        // The looks at the session and for an id may have taken long.
        if core.triggers.is_stopping() || core.is_over(core.clock.now()) {
            return Ok(After::Held);
        }
        fail_point::reach("before_claim");
        let mut began = Duration::ZERO;
        let claimed = core.write_few(|tx| {
            // Only here, with the database ours, has all waiting ended: the time of the claim.
            let now = core.clock.now();
            began = now.monotonic;
            let zone = &core.config.zone;
            if !allowance.window.contains(zone, now.wall) || core.is_clock_wrong(now) {
                return Ok((Claim::Changed, now.wall, now.monotonic));
            }
            let (sends_since_rest, rests) = core.config.rest_after(channel.sends_since_rest);
            let (next_ready_at, ready) = core.next_ready(now, rests);
            let day = Day::of(zone, now.wall);
            let request = ClaimRequest {
                delivery_id: open.id,
                channel_id: channel.id,
                session,
                seen_ready_at: channel.ready_at,
                seen_send_window: channel.send_window.as_deref(),
                seen_daily_limit: channel.daily_limit,
                seen_warmup_from: channel.warmup_from.as_deref(),
                warmup_from: allowance.warmup.map(|warmup| warmup.first_day_as_of(day)),
                sends_since_rest,
                rests,
                day,
                day_limit: allowance.limit_on(day),
                next_ready_at,
                reserved_id,
                rendered: None,
                seen_content: open.content.as_deref(),
                recipient_gap: core.recipient_gap(channel, open),
                seen_recipient_gaps: (open.recipient_gap_hours, channel.recipient_gap_hours),
            };
            let claim = core.claim(tx, open, &request, now.wall)?;
            fail_point::reach("claim_uncommitted");
            Ok((claim, next_ready_at, ready))
        });
        let (claim, next_ready_at, ready) = match claimed {
            Ok(claim) => claim,
            Err(error) => return core.fail_unreadable(open, error),
        };
        fail_point::reach("claimed");
        match claim {
            Claim::Made(claimed) => {
                self.memory.note_pace(next_ready_at, ready);
                Ok(self.send(claimed, began))
            }
            // Somebody changed a row in between, or the hours ended: look again, once a rest.
            Claim::Changed => Ok(After::Ready(core.clock.now().monotonic + DATABASE_REST)),
            Claim::Skipped(settled) => {
                core.note_ended(open, Status::Skipped, settled.as_ref());
                Ok(After::Ready(core.clock.now().monotonic))
            }
        }
    }

    /// The one place where messages leave: after the commit of the claim, before anything else.
    /// `began` is when it was claimed, on the monotonic clock.
    fn send(self, claimed: Claimed, began: Duration) -> After {
        let Self { core, memory, channel, session, .. } = self;
        log::debug!("delivery {}: claimed, attempt {}", claimed.delivery_id, claimed.attempt);
        let outcome = give_up_cuts(&claimed, core.send_claimed(session, &claimed));
        core.triggers.latency.note(core.clock.now().monotonic.saturating_sub(began));
        fail_point::reach("answered");
        let (delivery_id, held_count) = (claimed.delivery_id, channel.held_count);
        let result = Box::new(Unrecorded { claimed, outcome, held_count });
        let after = core.record(memory, result, core.clock.now());
        if let After::Unrecorded(error) = &after {
            let why = in_one_line(error);
            log::error!("delivery {delivery_id}: the outcome could not be recorded yet: {why}");
        }
        after
    }
}

impl Core {
    fn send_claimed(&self, session: &str, claimed: &Claimed) -> Outcome {
        let mut content = match self.content_of(claimed.content.as_deref()) {
            Ok(content) => content,
            Err(reason) => return Outcome::Failed { reason }, // it was read before the claim
        };
        if claimed.content.is_some() && claimed.recipients > 1 {
            // WAHA would fetch the page for each of them.
            content.link_preview.get_or_insert(false);
        }
        self.waha.send(&Outgoing {
            session,
            chat_id: &claimed.waha_chat_id,
            text: &claimed.text,
            content: &content,
            files: &self.files,
            config: &self.config,
            reserved_id: claimed.reserved_id.as_deref(),
            auto_message_id: claimed.auto_message_id,
            delivery_id: claimed.delivery_id,
            metadata: claimed.metadata.as_deref(),
        })
    }

    /// A row that nobody can read must not stop its channel.
    fn fail_unreadable(&self, open: &Open, error: StoreError) -> Done<After> {
        let Some(cause) = error.unreadable_row() else { return Err(error) };
        let now = self.clock.now();
        let why = Reason::DeliveryUnreadable { cause };
        self.end_unsendable(open, Status::Failed, &why, now.wall)?;
        Ok(After::Ready(now.monotonic))
    }

    /// Ends a delivery whose message cannot be sent any more, or whose recipient wants none.
    pub(super) fn end_unsendable(
        &self,
        open: &Open,
        status: Status,
        error: &Reason,
        now: Timestamp,
    ) -> Done<()> {
        let settled = self.write(|tx| self.end_in(tx, open, status, error, now))?;
        self.note_ended(open, status, settled.as_ref());
        Ok(())
    }

    pub(super) fn note_ended(&self, open: &Open, status: Status, settled: Option<&Settled>) {
        self.triggers.note_deliveries(open.auto_message_id, status, 1);
        self.triggers.note_settled(settled);
    }

    pub(super) fn end_in(
        &self,
        tx: &Tx<'_>,
        open: &Open,
        status: Status,
        error: &Reason,
        now: Timestamp,
    ) -> SqlResult<Option<Settled>> {
        tx.end_pending(open.id, status, error, now)?;
        let one = Counts::of_one(status);
        tx.settle_if_done(open.auto_message_id, open.due_at, one, &self.config.zone, now)
    }

    /// Lets a delivery follow its contact, who was removed or has another number.
    fn follow_contact(&self, open: &Open, now: Timestamp) -> Done<()> {
        if let Followed::Skipped(settled) =
            self.write(|tx| waiting::follow(tx, open.id, &self.config, now))?
        {
            self.note_ended(open, Status::Skipped, settled.as_ref());
        }
        Ok(())
    }

    /// Claims a delivery with its exact text, or skips it when its placeholders cannot be filled in
    /// any more: all of it in this transaction, so that nobody edits the text in between.
    fn claim(
        &self,
        tx: &Tx<'_>,
        open: &Open,
        request: &ClaimRequest<'_>,
        now: Timestamp,
    ) -> SqlResult<Claim> {
        let is_made = |claimed: Option<Claimed>| claimed.map_or(Claim::Changed, Claim::Made);
        let skip =
            |why: &Reason| self.end_in(tx, open, Status::Skipped, why, now).map(Claim::Skipped);
        if opt_out::is_out_by_odd_spelling(tx, &open.chat_id, &self.config.country)? {
            return skip(&Reason::OptedOut);
        }
        if !open.is_template {
            return tx.claim(request, now).map(is_made);
        }
        match tx.render(open.id)? {
            None => Ok(Claim::Changed),
            Some(Ok(text)) => tx
                .claim(&ClaimRequest { rendered: Some(&text), ..request.clone() }, now)
                .map(is_made),
            Some(Err(why)) => skip(&why),
        }
    }
}

pub(super) fn log_hold(channel: i64, hold: &Hold, until: Option<Timestamp>, is_news: bool) {
    let why = mask_numbers(&hold.reason.to_string());
    match until {
        None => log::error!("channel {channel}: held until a person frees it: {why}"),
        Some(until) if is_news && hold.kind.needs_a_person() => {
            log::error!("channel {channel}: held until {until}, please look: {why}");
        }
        Some(until) => log::warn!("channel {channel}: held until {until}: {why}"),
    }
}
