//! All channels at once: one press stops everything that this program would send, one lets it go on.

use super::ChannelError;
use crate::clock::Timestamp;
use crate::delivery::HoldKind;
use crate::reason::{Explanation, Reason};
use crate::store::{Channel, SqlResult, Store, StoreError, Tx};

/// Pauses every channel that could send, now or once a hold of the program ends by itself. Returns how many.
///
/// What a person holds, or only a person frees, stays as it is: it does not send, and its reason would be lost.
pub(crate) fn pause_all(store: &mut Store, now: Timestamp) -> Result<usize, ChannelError> {
    Ok(store.write(|tx| {
        let mut paused = 0;
        for channel in tx.channels()? {
            if let Some(reason) = reason_to_pause(tx, &channel)? {
                tx.pause_channel(channel.id, &reason.into(), now)?;
                paused += 1;
            }
        }
        Ok(paused)
    })?)
}

/// Lets those go on that [`pause_all`] paused, and no others. Returns how many.
pub(crate) fn resume_all(store: &mut Store, now: Timestamp) -> Result<usize, ChannelError> {
    Ok(store.write(|tx| {
        let paused: Vec<Channel> = tx.channels()?.into_iter().filter(is_paused_with_all).collect();
        for channel in &paused {
            tx.resume_channel(channel.id, now)?;
        }
        Ok(paused.len())
    })?)
}

/// How many of them [`resume_all`] lets go on.
pub(crate) fn count_paused_with_all(store: &mut Store) -> Result<usize, StoreError> {
    store.read(|tx| Ok(tx.channels()?.iter().filter(|one| is_paused_with_all(one)).count()))
}

fn reason_to_pause(tx: &Tx<'_>, channel: &Channel) -> SqlResult<Option<Reason>> {
    if !channel.is_active || channel.session_name.is_none() || tx.is_held_as_copy(channel.id)? {
        return Ok(None);
    }
    let Some(held) = &channel.held else { return Ok(Some(Reason::PausedWithAll)) };
    Ok(match held.kind {
        None | Some(HoldKind::OtherNumber | HoldKind::Breaker) => None,
        // WhatsApp's own no: to go on before its time needs a look of a person at this number.
        Some(HoldKind::Restricted | HoldKind::RateLimited) => {
            Some(Reason::PausedWhileHeld { why: Box::new(held.reason.clone()) })
        }
        Some(HoldKind::Session | HoldKind::Unreachable | HoldKind::Misconfigured) => {
            Some(Reason::PausedWithAll)
        }
    })
}

fn is_paused_with_all(channel: &Channel) -> bool {
    let mark = Explanation::from(Reason::PausedWithAll);
    channel.held.as_ref().is_some_and(|held| held.kind.is_none() && held.reason == mark)
}
