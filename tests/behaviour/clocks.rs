//! Our clock and WAHA's.

use std::time::Duration;

use auto_message_scheduler::clock::{Clock, Timestamp};
use auto_message_scheduler::waha::{Waha, WahaTime};

use crate::world::{START, World};

#[test]
fn any_answer_of_waha_tells_its_time_and_a_clock_that_is_set_does_not_change_it() {
    let world = World::new();
    let clock = world.clock.clone();
    let waha = Waha::new(&world.url, None, Duration::from_secs(2)).noting_dates_by(clock.clone());
    assert_eq!(waha.time(clock.now()), WahaTime::Unheard);

    let theirs = Timestamp::parse("2026-12-01T04:00:00Z").unwrap();
    world.waha.set_date(Some(theirs));
    let _ = waha.clone().session("nosuch");
    let three_hours = 3 * 3_600_000;
    assert_eq!(waha.time(clock.now()).ahead_of(clock.wall()), Some(three_hours));

    clock.pass(Duration::from_mins(1));
    clock.set(START);
    assert_eq!(waha.time(clock.now()), WahaTime::Told(theirs.plus(Duration::from_mins(1))));
    assert_eq!(waha.time(clock.now()).ahead_of(clock.wall()), Some(three_hours + 60_000));

    world.waha.set_date(None);
    waha.ask_the_time();
    assert_eq!(waha.time(clock.now()), WahaTime::Untold);
}
