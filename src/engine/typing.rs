//! Typing: before a message, WhatsApp shows its recipient that somebody types.
//!
//! It comes before the claim: an edit or a cancellation meanwhile still counts, and a crash leaves
//! nothing unknown. It begins when the channel is ready and not earlier, so a gap only grows by it.
//! Whatever WAHA says of it changes no outcome; trouble with the session holds the channel as ever.

use std::time::Duration;

use super::Core;
use super::channel_queue::Memory;
use crate::delivery::Hold;
use crate::store::Open;
use crate::waha::Typing;

/// A person needs a moment for the shortest text, and types some 16 characters in a second.
const SHORTEST: Duration = Duration::from_secs(2);
const PER_CHARACTER: Duration = Duration::from_millis(60);
/// WhatsApp has long stopped showing it.
const STALE_AFTER: Duration = Duration::from_secs(20);

/// For whom a channel is typing.
#[derive(Debug)]
pub(super) struct Typist {
    delivery_id: i64,
    session: String,
    chat_id: String,
    /// On the monotonic clock.
    until: Duration,
}

impl Core {
    /// Types for the delivery that is next on a channel. Returns the monotonic time at which to come
    /// back; `None` when that is done. A hold says that the session may not send at all.
    pub(super) fn type_first(
        &self,
        memory: &mut Memory,
        session: &str,
        open: &Open,
    ) -> Result<Option<Duration>, Hold> {
        let Some(max) = self.config.typing_max else { return Ok(None) };
        let now = self.clock.now().monotonic;
        if let Some(before) = memory.typist.take() {
            let is_for_this = before.delivery_id == open.id && before.session == session;
            if is_for_this && now < before.until {
                return Ok(Some(memory.typist.insert(before).until));
            }
            self.waha.stop_typing(&before.session, &before.chat_id);
            if is_for_this && now < before.until + STALE_AFTER {
                return Ok(None);
            }
        }
        match self.waha.start_typing(session, &open.chat_id) {
            Typing::Held(hold) => Err(hold),
            Typing::NotShown => Ok(None),
            Typing::Shown => {
                let until =
                    self.clock.now().monotonic + typing_time(open.text_chars, max, self.chance());
                memory.typist = Some(Typist {
                    delivery_id: open.id,
                    session: session.to_owned(),
                    chat_id: open.chat_id.clone(),
                    until,
                });
                Ok(Some(until))
            }
        }
    }
}

/// How long a text of so many characters is typed: at most `max`, and `chance` in 0..=1 takes up to a
/// quarter away, for nobody types the same text in the same time.
fn typing_time(chars: u32, max: Duration, chance: f64) -> Duration {
    let whole = SHORTEST.saturating_add(PER_CHARACTER.saturating_mul(chars)).min(max);
    whole.mul_f64(1.0 - chance.clamp(0.0, 1.0) / 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_text_is_typed_longer_and_none_longer_than_the_setting() {
        let ten = Duration::from_secs(10);
        let millis = |chars, chance| typing_time(chars, ten, chance).as_millis();
        assert_eq!([millis(0, 0.0), millis(50, 0.0), millis(5000, 0.0)], [2000, 5000, 10_000]);
        assert_eq!(millis(u32::MAX, 1.0), 7500);
        assert_eq!(typing_time(50, Duration::from_secs(1), 0.0), Duration::from_secs(1));
    }
}
