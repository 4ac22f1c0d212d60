//! When the link works: after each tick and trigger, and when a message ended. In a thread of its own,
//! which the end of the program does not wait for: a request may take its whole time, and whatever it
//! leaves behind the next start goes on with.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::protocol::{Link, Passed};
use crate::clock::Clock;
use crate::config::Config;
use crate::logging::in_one_line;
use crate::store::{Store, StoreError};
use crate::trigger::Triggers;

/// Room for a TLS handshake and a page of rows.
const STACK_BYTES: usize = 512 * 1024;
/// Without a tick, what is under way is looked at so often.
const LOOK_WITHOUT_TICK: Duration = Duration::from_mins(1);
/// Between two passes that something local asked for.
const REST: Duration = Duration::from_millis(500);
/// Passes that a run without a server makes at most before it sends.
const PASSES_BEFORE_RUN: usize = 50;

/// Starts the link's thread, when SUPABASE_URL is set. What is wrong with the key is in the log, and nothing
/// is linked.
pub(crate) fn start(
    config: &Arc<Config>,
    clock: &Arc<dyn Clock>,
    triggers: &Arc<Triggers>,
) -> Result<(), StoreError> {
    let Some(mut link) = open(config, clock, triggers)? else { return Ok(()) };
    let tick = config.tick;
    let (clock, triggers) = (Arc::clone(clock), Arc::clone(triggers));
    let body = move || {
        let (mut is_brief, mut next) = (false, None);
        while !triggers.is_stopping() {
            let runs = triggers.count_runs();
            let passed = link.pass(is_brief);
            let began = clock.now().monotonic;
            let until = match passed {
                Passed::Off => tick.or(Some(LOOK_WITHOUT_TICK)),
                Passed::Done { has_more: true, .. } => {
                    is_brief = false;
                    continue;
                }
                Passed::Done { has_open, .. } => tick.or(has_open.then_some(LOOK_WITHOUT_TICK)),
                Passed::Failed { wait } => Some(wait),
            };
            // A brief pass puts the next whole one off by nothing.
            next = next.filter(|_| is_brief && matches!(passed, Passed::Done { .. }));
            next = next.or(until.map(|wait| began + wait));
            let may_wake = !matches!(passed, Passed::Failed { .. });
            is_brief = wait(&mut link, (&*clock, &triggers), next, (runs, may_wake));
        }
    };
    let builder = thread::Builder::new().name("link".to_owned()).stack_size(STACK_BYTES);
    if let Err(error) = builder.spawn(body) {
        log::error!("link: no thread for it: {}", in_one_line(&error));
    }
    Ok(())
}

/// Waits until it is time, a trigger came, or a message ended. Returns whether it is only the last.
fn wait(
    link: &mut Link,
    (clock, triggers): (&dyn Clock, &Triggers),
    until: Option<Duration>,
    (runs, may_wake): (u64, bool),
) -> bool {
    let began = clock.now().monotonic;
    loop {
        let seen = triggers.wake.rings();
        let now = clock.now().monotonic;
        if triggers.is_stopping() || until.is_some_and(|at| at <= now) {
            return false;
        }
        let is_rested = now.saturating_sub(began) >= REST;
        if may_wake && is_rested && triggers.count_runs() > runs {
            return false;
        }
        if may_wake && is_rested && link.has_ended_message() {
            return true;
        }
        let rest = (may_wake && !is_rested).then(|| REST.saturating_sub(now.saturating_sub(began)));
        let at_most = until.map(|at| at.saturating_sub(now)).into_iter().chain(rest).min();
        clock.sleep(&triggers.wake, seen, at_most);
    }
}

/// Before and after a run without a server: takes what is due, and writes what became of it. Ends at the
/// first failure. Nobody is triggered or stopped by it.
pub fn pass_once(config: &Arc<Config>, clock: &Arc<dyn Clock>) -> Result<(), StoreError> {
    let Some(mut link) = open(config, clock, &Arc::default())? else { return Ok(()) };
    for _ in 0..PASSES_BEFORE_RUN {
        if !matches!(link.pass(false), Passed::Done { has_more: true, .. }) {
            break;
        }
    }
    Ok(())
}

fn open(
    config: &Arc<Config>,
    clock: &Arc<dyn Clock>,
    triggers: &Arc<Triggers>,
) -> Result<Option<Link>, StoreError> {
    if config.supabase.is_none() {
        return Ok(None);
    }
    let mut store = Store::open(&config.database_path)?;
    store.keep_little()?;
    let link = Link::new(config, store, clock, triggers);
    Ok(link.and_then(|link| link.inspect_err(|why| log::error!("link: {why}")).ok()))
}
