//! Alarms: the heartbeat that a dead-man's switch wants, alerts for a person, callbacks for another
//! program, and whether triggers have stopped coming.
//!
//! Nothing here may delay a send or fail a run: each receiver has a thread of its own, short time-outs
//! and a bounded backlog, and a receiver that fails is a line in the log. Nothing that is told has a
//! text or a whole phone number in it, unless CALLBACK_NUMBERS says so, and no URL is ever logged:
//! whoever knows it can write there.

mod alerts;
mod callbacks;
mod heartbeat;
mod stale;
mod telling;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::clock::{Clock, Now, Wake, lock};
use crate::config::Config;
use crate::http_client::HttpClient;
use crate::logging::in_one_line;
use crate::store::{Store, StoreError};
use crate::trigger::{RunReport, Triggers};

pub use alerts::Alerts;
pub use callbacks::Callbacks;
pub(crate) use callbacks::try_callback;
pub use heartbeat::Heartbeat;
pub use stale::Watch;
pub(crate) use telling::{NotTold, try_alert, try_heartbeat};

/// For one call, from the look-up of the name to the end of the answer.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the end of the program waits for what is still to be told.
const LAST_WORDS: Duration = Duration::from_secs(6);
/// Room for a TLS handshake.
const STACK_BYTES: usize = 512 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Done(RunReport),
    Failed,
    /// The program was told to stop, or had nothing to do.
    Stopped,
}

pub(crate) struct Alarms {
    clock: Arc<dyn Clock>,
    triggers: Arc<Triggers>,
    ending: Arc<Mutex<Option<Ending>>>,
    open: Arc<AtomicUsize>,
    ended: Wake,
    has_alerts: AtomicBool,
    has_callbacks: AtomicBool,
}

impl Alarms {
    /// Begins to tell HEARTBEAT_URL, when there is one.
    pub(crate) fn start(config: &Config, triggers: &Arc<Triggers>, clock: &Arc<dyn Clock>) -> Self {
        let alarms = Self {
            clock: Arc::clone(clock),
            triggers: Arc::clone(triggers),
            ending: Arc::default(),
            open: Arc::default(),
            ended: Wake::default(),
            has_alerts: AtomicBool::new(false),
            has_callbacks: AtomicBool::new(false),
        };
        if let Some(url) = &config.heartbeat_url {
            let mut heartbeat = Heartbeat::new(url.clone(), client());
            let triggers = Arc::clone(triggers);
            alarms.spawn("heartbeat", move |now, ending| match ending {
                None => heartbeat.step(&triggers, now),
                Some(ending) => {
                    heartbeat.end(&triggers, ending, now);
                    None
                }
            });
        }
        alarms
    }

    /// Begins to tell ALERT_URL and CALLBACK_URL, when they are set. Only the process that sends may:
    /// else something would be told twice. Nobody is kept from sending by it.
    pub(crate) fn start_alerts(&self, config: &Arc<Config>) {
        if let Err(error) = self.try_alerts(config) {
            log::warn!("alerts: the database cannot be used: {}", in_one_line(&error));
        }
        if let Err(error) = self.try_callbacks(config) {
            log::warn!("callbacks: the database cannot be used: {}", in_one_line(&error));
        }
    }

    fn try_callbacks(&self, config: &Config) -> Result<(), StoreError> {
        let mut store = Store::open(&config.database_path)?;
        let events = config.callback.as_ref().map_or(&[][..], |target| &target.events);
        if !store.read(|tx| tx.are_callbacks_wanted(events))? {
            store.write(|tx| tx.want_callbacks(events))?;
        }
        let Some(target) = &config.callback else { return Ok(()) };
        if self.has_callbacks.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        store.keep_little()?;
        let mut callbacks = Callbacks::new(store, target.clone(), callbacks::client());
        let clock = Arc::clone(&self.clock);
        self.spawn("callbacks", move |now, ending| {
            if ending.is_none() {
                return callbacks.step(now);
            }
            callbacks.last_words(&*clock, now.monotonic + LAST_WORDS);
            None
        });
        Ok(())
    }

    fn try_alerts(&self, config: &Arc<Config>) -> Result<(), StoreError> {
        let mut store = Store::open(&config.database_path)?;
        let is_on = config.alert_url.is_some();
        if store.read(|tx| Ok(tx.are_alerts_on()? != is_on))? {
            store.write(|tx| tx.set_alerts_on(is_on))?;
        }
        let Some(url) = &config.alert_url else { return Ok(()) };
        if self.has_alerts.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        let watch = Watch::new(config, self.clock.now());
        let mut alerts =
            Alerts::new(store, url.clone(), client(), watch, Arc::clone(&self.triggers));
        let clock = Arc::clone(&self.clock);
        self.spawn("alerts", move |now, ending| {
            if ending.is_none() {
                return alerts.step(now);
            }
            alerts.last_words(&*clock, now.monotonic + LAST_WORDS);
            None
        });
        Ok(())
    }

    /// Says how it ended, and waits a few seconds at most until that is told.
    pub(crate) fn finish(self, ending: Ending) {
        *lock(&self.ending) = Some(ending);
        self.triggers.pulse.ring();
        let until = self.clock.now().monotonic + LAST_WORDS;
        loop {
            let seen = self.ended.rings();
            let now = self.clock.now().monotonic;
            // Who is not done by then is left behind: the database bears a process that ends.
            if self.open.load(Ordering::SeqCst) == 0 || now >= until {
                return;
            }
            self.clock.sleep(&self.ended, seen, Some(until.saturating_sub(now)));
        }
    }

    /// Calls `step` until it was told how all ended; it says when it wants to be called again, if
    /// nothing happens before.
    fn spawn(
        &self,
        name: &'static str,
        mut step: impl FnMut(Now, Option<Ending>) -> Option<Duration> + Send + 'static,
    ) {
        let (clock, triggers) = (Arc::clone(&self.clock), Arc::clone(&self.triggers));
        let ending = Arc::clone(&self.ending);
        self.open.fetch_add(1, Ordering::SeqCst);
        let open = Open { count: Arc::clone(&self.open), ended: self.ended.clone() };
        let body = move || {
            let _open = open;
            loop {
                let seen = triggers.pulse.rings();
                let told = *lock(&ending);
                let is_over = told.is_some();
                let wait = step(clock.now(), told);
                if is_over {
                    return;
                }
                clock.sleep(&triggers.pulse, seen, wait);
            }
        };
        let builder = thread::Builder::new().name(name.to_owned());
        if let Err(error) = builder.stack_size(STACK_BYTES).spawn(body) {
            log::warn!("alarm: no thread for it: {}", in_one_line(&error));
        }
    }
}

/// A thread that runs; counted back however it ends.
struct Open {
    count: Arc<AtomicUsize>,
    ended: Wake,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::SeqCst);
        self.ended.ring();
    }
}

fn client() -> HttpClient {
    HttpClient::new(CALL_TIMEOUT).brief(CALL_TIMEOUT)
}

/// This machine and this database, for people who have several.
fn place(database: &Path) -> (String, String) {
    let file = database.file_name().map(|name| name.to_string_lossy().into_owned());
    (host_name(), file.unwrap_or_default())
}

/// This machine's name; empty when the system does not tell it.
pub(crate) fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("COMPUTERNAME").ok())
        .map_or_else(String::new, |name| name.trim().to_owned())
}
