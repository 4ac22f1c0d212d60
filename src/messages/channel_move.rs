//! Moving what waits of a message from one channel to another: the first is banned, held or too slow. Only what is
//! `pending` moves; whatever may have gone out stays, so that nobody gets it twice.

use serde::Serialize;

use super::{ComposeError, ComposeResult, own};
use crate::channels::{self, ChannelError};
use crate::clock::Timestamp;
use crate::delivery::Status;
use crate::store::{Channel, Store};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    pub(crate) from: Channel,
    pub(crate) to: Channel,
    /// How many recipients get it from the other channel now.
    pub moved: u64,
    /// How many of the first channel stay there, by status.
    pub stays: Vec<(Status, u64)>,
}

/// The same for programs.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = Moved))]
pub(crate) struct MovedView {
    pub(crate) message_id: i64,
    /// How many recipients get it from the other channel now.
    pub(crate) moved: u64,
    /// Those of the first channel that stay there.
    pub(crate) stays: Vec<StaysView>,
}

/// Recipients that stay with their channel.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = Stays))]
pub(crate) struct StaysView {
    pub(crate) status: Status,
    pub(crate) count: u64,
    /// Why, in words.
    pub(crate) message: &'static str,
}

impl MovedView {
    pub(crate) fn of(message_id: i64, moved: &Moved) -> Self {
        let stays = moved.stays.iter().map(|(status, count)| StaysView {
            status: *status,
            count: *count,
            message: why_it_stays(*status),
        });
        Self { message_id, moved: moved.moved, stays: stays.collect() }
    }
}

/// Moves the recipients of a message's latest occurrence that wait for channel `from` to channel `to`. Done twice,
/// the second moves nobody.
pub fn move_to_channel(
    store: &mut Store,
    id: i64,
    (from, to): (&str, &str),
    now: Timestamp,
) -> ComposeResult<Moved> {
    let row = own(store, id)?;
    let from = channel(store, from, "from")?;
    let to = channel(store, to, "to")?;
    if from.id == to.id {
        return Err(refused!("from channel `{}` to itself nothing moves", to.name).of("to"));
    }
    if channels::usable(Some(&to)).is_err() {
        return Err(refused!(
            "channel `{}` cannot send: it is not active, or has no session; choose another",
            to.name
        )
        .of("to"));
    }
    let (moved, stays) = store.write(|tx| {
        let Some((due_at, _)) = tx.occurrence_times(row.id, 1)?.first().copied() else {
            return Ok((0, Vec::new()));
        };
        let moved = tx.move_pending(row.id, due_at, (from.id, to.id), now)?;
        Ok((moved as u64, tx.count_on_channel(row.id, due_at, from.id)?))
    })?;
    Ok(Moved { from, to, moved, stays })
}

fn channel(store: &mut Store, named: &str, field: &'static str) -> ComposeResult<Channel> {
    channels::find(store, named).map_err(|error| match error {
        ChannelError::Refused(why) => ComposeError::refused(why).of(field),
        ChannelError::Store(error) => error.into(),
    })
}

pub(crate) const fn why_it_stays(status: Status) -> &'static str {
    match status {
        Status::Pending => "the message is not on its way: it moves once it is",
        Status::Sending => "it goes out now",
        Status::Sent => "it was sent",
        Status::Unknown => {
            "it may have gone out: look into WhatsApp; `message retry --unknown` sends it again"
        }
        Status::Failed => "it failed: `message retry` tries again",
        Status::Expired => "it came too late: `message retry` tries again",
        Status::Skipped => "it was skipped",
        Status::Cancelled => "it was cancelled",
    }
}
