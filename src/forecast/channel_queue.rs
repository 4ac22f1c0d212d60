//! One channel of a forecast: when it may send next, as the sender would find it.

use crate::channels::{self, Availability, HoldEnds, Off, WarningView};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::send_window::{Day, DayCount};
use crate::store::{Channel, Held, SqlResult, Tx};

/// One channel, moving through the time of the forecast.
#[derive(Clone, Debug)]
pub struct ChannelQueue<'a> {
    /// The channel as if it were free; `None` when there is none with this id.
    pub(crate) channel: Option<Channel>,
    /// Why it is held.
    pub(super) held: Option<Held>,
    /// When its gap is over.
    pub(super) ready: Timestamp,
    counted: DayCount,
    config: &'a Config,
    /// Why it could not send when the forecast began.
    pub(crate) closed_at_first: Option<String>,
    /// WhatsApp's warning of its number, while it lasted then.
    pub(super) warning: Option<WarningView>,
}

impl<'a> ChannelQueue<'a> {
    /// The channel as its row says at `now`. A hold that lasts its time is waited for; what frees the
    /// others nobody knows, so they count as free, and the forecast says so.
    pub(crate) fn new(
        tx: &Tx<'_>,
        mut channel: Option<Channel>,
        config: &'a Config,
        now: Timestamp,
    ) -> SqlResult<Self> {
        let (mut ready, mut counted) =
            (now, DayCount { day: Day::of(&config.zone, now), count: 0 });
        if let Some(channel) = &channel {
            let found = channels::look(tx, channel, config, now)?;
            ready = channels::ready_at(channel, config, now);
            if let Availability::Held(_, HoldEnds::At(until)) = found.0 {
                ready = ready.max(until);
            }
            counted = found.1;
        }
        let held = channel.as_mut().and_then(|channel| channel.held.take());
        let warning = channel.as_ref().and_then(|one| WarningView::of(one, &config.zone, now));
        let closed_at_first = None;
        let mut queue = Self { channel, held, ready, counted, config, closed_at_first, warning };
        if let Availability::ClosedUntil(_, closed) = queue.availability(now) {
            queue.closed_at_first = Some(closed.to_string());
        }
        Ok(queue)
    }

    /// Whether the next send may begin at `at`.
    pub(crate) fn availability(&self, at: Timestamp) -> Availability<'_> {
        channels::availability(self.channel.as_ref(), self.counted, self.config, self.ready, at)
    }

    /// When the next send begins, not before `from`; or why nothing goes out here at all.
    pub(crate) fn next(&self, from: Timestamp) -> Result<Timestamp, String> {
        let availability = self.availability(from);
        let name = self.channel.as_ref().map(|channel| channel.name.as_str()).unwrap_or_default();
        match availability {
            Availability::Ready => Ok(from),
            Availability::PacedUntil(at) | Availability::ClosedUntil(at, _) => Ok(at),
            Availability::Held(held, _) => {
                Err(format!("channel `{name}` is held: {}", held.reason))
            }
            Availability::Unreadable(error) => Err(format!("channel `{name}`: {error}")),
            Availability::Off(Off::Missing) => Err("there is no such channel".to_owned()),
            Availability::Off(Off::Inactive) => Err(format!("channel `{name}` is not active")),
            Availability::Off(Off::NoSession) => {
                Err(format!("channel `{name}` has no session_name"))
            }
        }
    }

    /// A send began at `at`: the next one waits a gap or a rest, with the mean of what is at random.
    pub(crate) fn took(&mut self, at: Timestamp) {
        let zone = &self.config.zone;
        self.counted.note(zone, at);
        let mut rests = false;
        if let Some(channel) = &mut self.channel {
            let warmup = channel.allowance(self.config.allowance, zone).ok();
            if let Some(warmup) = warmup.and_then(|allowance| allowance.warmup) {
                channel.warmup_from = Some(warmup.first_day_as_of(Day::of(zone, at)).to_string());
            }
            (channel.sends_since_rest, rests) = self.config.rest_after(channel.sends_since_rest);
        }
        self.ready = at.plus(self.config.gap_after(rests, 0.5));
        if let Some(channel) = &mut self.channel {
            channel.ready_at = Some(self.ready);
        }
    }
}
