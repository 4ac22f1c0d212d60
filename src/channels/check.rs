//! The turn of a channel's pace that a question to WhatsApp takes, whether a number is there: like a send, but for the
//! daily limit, which it does not count for.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::config::Config;
use crate::send_window::{Day, WindowError};
use crate::store::{Channel, CheckTurn};

/// The turn that `channel` takes at `now` for its session. `chance` in 0..=1 says how long of what is at random; with
/// it comes the time until the next turn.
pub(crate) fn check_turn<'a>(
    channel: &'a Channel,
    session: &'a str,
    config: &Config,
    now: Timestamp,
    chance: f64,
) -> Result<(CheckTurn<'a>, Duration), WindowError> {
    let allowance = channel.allowance(config.allowance, &config.zone)?;
    let (sends_since_rest, rests) = config.rest_after(channel.sends_since_rest);
    let gap = config.gap_after(rests, chance);
    let day = Day::of(&config.zone, now);
    let turn = CheckTurn {
        channel_id: channel.id,
        session,
        seen_ready_at: channel.ready_at,
        seen_warmup_from: channel.warmup_from.as_deref(),
        ready_at: now.plus(gap).ceil_to_second(),
        warmup_from: allowance.warmup.map(|warmup| warmup.first_day_as_of(day)),
        sends_since_rest,
        rests,
    };
    Ok((turn, gap))
}
