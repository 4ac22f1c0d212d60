//! What WAHA's events prove about a delivery ([`weigh`]). Pure.
//!
//! Events come in any order and again and again, so what they do must not depend on the order: a
//! delivery keeps the highest [`Ack`] that was ever reported, and its status follows from that alone.

use super::Status;

/// How far a message got, in the order in which one report overrides another.
///
/// ERROR stands between PENDING and SERVER. It says more than PENDING; but once WhatsApp's server,
/// a phone or a reader has the message, an ERROR is noise (one of the recipient's devices failed, or
/// the report is late), and it stays noise when the two come the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ack {
    /// 0: WAHA has it.
    Pending,
    /// -1: WhatsApp refused it.
    Error,
    /// 1: WhatsApp's server has it.
    Server,
    /// 2: a device of the recipient has it.
    Device,
    /// 3: it was read.
    Read,
    /// 4: it was played.
    Played,
}

impl Ack {
    pub(crate) const ALL: [Self; 6] =
        [Self::Pending, Self::Error, Self::Server, Self::Device, Self::Read, Self::Played];

    /// The number in `deliveries.ack` and in WAHA's events.
    pub fn number(self) -> i64 {
        match self {
            Self::Error => -1,
            Self::Pending => 0,
            Self::Server => 1,
            Self::Device => 2,
            Self::Read => 3,
            Self::Played => 4,
        }
    }

    /// The ack with this number; `None` for a number that WAHA does not have.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|ack| ack.number() == number)
    }
}

/// A delivery's status and ack after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weighed {
    pub(crate) status: Status,
    pub(crate) ack: Option<Ack>,
}

/// What a delivery becomes when an event names its id. `known` is its ack so far; `reported` is the
/// event's, or none when it only shows that the message exists (our own echo).
///
/// An event that names the id of an unknown delivery proves that WAHA had it. Only a delivery that
/// an ERROR made `failed` comes back from there: any other `failed` is somebody else's word. What
/// is `sending` is left to its sender, who weighs the events when it records the outcome.
pub fn weigh(status: Status, known: Option<Ack>, reported: Option<Ack>) -> Weighed {
    let ack = known.max(reported);
    match status {
        Status::Sent | Status::Unknown => {
            let was_refused = ack == Some(Ack::Error);
            Weighed { status: if was_refused { Status::Failed } else { Status::Sent }, ack }
        }
        Status::Failed if known == Some(Ack::Error) => {
            let is_refuted = ack > known;
            Weighed { status: if is_refuted { Status::Sent } else { Status::Failed }, ack }
        }
        Status::Failed
        | Status::Pending
        | Status::Sending
        | Status::Skipped
        | Status::Expired
        | Status::Cancelled => Weighed { status, ack: known },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(status: Status, reports: &[Option<Ack>]) -> Weighed {
        let first = Weighed { status, ack: None };
        reports.iter().fold(first, |so_far, reported| weigh(so_far.status, so_far.ack, *reported))
    }

    #[test]
    fn any_order_and_any_repeat_of_events_come_to_the_same() {
        let all: Vec<Option<Ack>> = Ack::ALL.into_iter().map(Some).chain([None]).collect();
        let mut random = fastrand::Rng::with_seed(3);
        for round in 0..2000 {
            let reports: Vec<_> = all.iter().copied().filter(|_| random.bool()).collect();
            for status in [Status::Sent, Status::Unknown, Status::Failed, Status::Sending] {
                let expected = after(status, &reports);
                let mut again = reports.clone();
                again.extend(reports.iter().copied().filter(|_| random.bool()));
                random.shuffle(&mut again);
                assert_eq!(after(status, &again), expected, "{round}: {reports:?} {again:?}");
            }
        }
    }

    #[test]
    fn an_error_fails_what_nobody_has_got() {
        for status in [Status::Sent, Status::Unknown] {
            for reports in [&[Some(Ack::Error)][..], &[Some(Ack::Pending), Some(Ack::Error), None]]
            {
                assert_eq!(after(status, reports).status, Status::Failed);
            }
        }
    }

    #[test]
    fn an_error_is_noise_once_the_server_or_a_device_has_it() {
        for higher in [Ack::Server, Ack::Device, Ack::Read, Ack::Played] {
            for reports in [[Some(higher), Some(Ack::Error)], [Some(Ack::Error), Some(higher)]] {
                let weighed = after(Status::Sent, &reports);
                assert_eq!(weighed, Weighed { status: Status::Sent, ack: Some(higher) });
            }
        }
    }

    #[test]
    fn what_waha_refused_or_never_got_is_not_moved_by_an_event() {
        for status in [Status::Failed, Status::Pending, Status::Skipped, Status::Cancelled] {
            let weighed = after(status, &[Some(Ack::Error), Some(Ack::Read)]);
            assert_eq!(weighed, Weighed { status, ack: None });
        }
    }
}
