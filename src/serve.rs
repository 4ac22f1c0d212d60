//! Wiring: a store, a WAHA, the sending threads and the HTTP side become a server, or one run.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::alarm::{Alarms, Ending, Watch};
use crate::api::{Api, PAGES_ROOT, V1, Webhook};
use crate::channels::Sessions;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, ConfigError};
use crate::engine::{Engine, SendingError, TimeLimit};
use crate::http::{Limits, Server, ServerError};
use crate::http_client::TransportError;
use crate::instance::{self, Instance, InstanceError};
use crate::lock::{self, LockError, SenderLock};
use crate::panel::Panel;
use crate::private_file;
use crate::secret::{Accepted, SecretError};
use crate::store::{Store, StoreError, Trigger};
use crate::supabase;
use crate::trigger::{RunReport, Triggers};
use crate::waha::Waha;

/// How often a server that stands by looks whether the lock is free.
const STANDBY_LOOK: Duration = Duration::from_secs(2);

/// A server or a run came to an end that it should not have.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The key of the website's project.
    #[error("{0}")]
    Key(String),
    #[error(transparent)]
    Instance(#[from] InstanceError),
    /// The database was taken away under a server that stood by.
    #[error("the database file was replaced while this process stood by: start it again")]
    Replaced,
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Listen(#[from] ServerError),
    #[error(transparent)]
    Sending(#[from] SendingError),
}

/// Serves until `triggers` are stopped. `ready` is called with the address once requests are taken.
pub(crate) fn serve(
    config: &Arc<Config>,
    triggers: &Arc<Triggers>,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    let program = Program { config, triggers, clock: Arc::new(SystemClock::default()) };
    let clock = &program.clock;
    let waha = waha(config)?;
    config.require_secret_for_strangers()?;
    let store = Store::open(&config.database_path)?;
    let secrets = Accepted::new(
        config.cron_secret.clone(),
        config.cron_secret_previous.clone(),
        &config.database_path,
    )?;
    let webhook = match &config.webhook_hmac_key {
        Some(key) => Some(Webhook::new(open_small(config)?, key.clone(), Arc::clone(config))),
        None => None,
    };
    let api = Api::new(
        open_small(config)?,
        Arc::clone(triggers),
        Arc::clone(clock),
        secrets,
        config.trigger_wait,
        webhook,
    )
    .watching(Watch::new(config, clock.now()))
    .with_v1(
        V1::new(Arc::clone(config), Arc::clone(clock), Arc::clone(triggers)),
        &config.cors_origins,
    );
    let api = match program.panel()? {
        Some(panel) => api.with_pages(Arc::new(panel)),
        None => api,
    };
    let server = Server::start(
        config.listen_addr,
        Arc::new(api),
        Limits::production(config.trigger_wait),
        Arc::clone(config),
        Arc::clone(clock),
        &[private_file::directory_of(&config.database_path), &std::env::temp_dir()],
    )?;
    warn_of_dangers(config);
    if config.is_panel_open_to_guesses() {
        log::warn!(
            "panel: ADMIN_PASSWORD can be guessed, and other machines reach the panel: choose 12 characters or more"
        );
    }
    log::info!("serve: ready on http://{}", server.address());
    if config.admin_password.is_some() {
        log::info!("serve: the panel is at http://{}{PAGES_ROOT}", server.address());
    }
    ready(server.address());
    let alarms = Alarms::start(config, triggers, clock);
    let sent = program.send(waha, store, &alarms);
    triggers.stop();
    let ended = server.stop();
    let has_failed = sent.is_err() || ended.is_err();
    alarms.finish(if has_failed { Ending::Failed } else { Ending::Stopped });
    log::info!("serve: stopped");
    sent?;
    Ok(ended?)
}

/// The database for what answers requests: the system's cache has what they touch.
fn open_small(config: &Config) -> Result<Store, StoreError> {
    let mut store = Store::open(&config.database_path)?;
    store.keep_little()?;
    Ok(store)
}

/// Whether the settings are enough to serve, before any file is made.
pub(crate) fn check(config: &Config) -> Result<(), ServeError> {
    waha(config)?;
    check_link(config)?;
    Ok(config.require_secret_for_strangers()?)
}

/// Whether the key of the website's project is the right one.
fn check_link(config: &Config) -> Result<(), ServeError> {
    supabase::check(config, SystemClock::default().now().wall).map_err(ServeError::Key)
}

/// What one run came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunEnd {
    /// It sent what was due.
    Done(RunReport),
    /// Another process is sending.
    AlreadySending,
}

/// Sends what is due, paced, and returns. Stops early when `triggers` are stopped. With `max`, what
/// does not fit into that time is left for the next run: see [`TimeLimit`]. `began_by` is for `runs.remote`.
pub(crate) fn run_once(
    config: &Arc<Config>,
    triggers: &Arc<Triggers>,
    max: Option<Duration>,
    began_by: Option<&str>,
) -> Result<RunEnd, ServeError> {
    let program = Program { config, triggers, clock: Arc::new(SystemClock::default()) };
    let alarms = Alarms::start(config, triggers, &program.clock);
    let end = program.run(max, began_by, &alarms);
    alarms.finish(match &end {
        Ok(RunEnd::Done(report)) => Ending::Done(*report),
        Ok(RunEnd::AlreadySending) => Ending::Stopped,
        Err(_) => Ending::Failed,
    });
    end
}

/// What a server and a run have in common.
struct Program<'a> {
    config: &'a Arc<Config>,
    triggers: &'a Arc<Triggers>,
    clock: Arc<dyn Clock>,
}

impl Program<'_> {
    /// The panel, when it has a password.
    fn panel(&self) -> Result<Option<Panel>, ServeError> {
        let Some(password) = self.config.admin_password.clone() else { return Ok(None) };
        let (clock, triggers) = (Arc::clone(&self.clock), Arc::clone(self.triggers));
        let store = open_small(self.config)?;
        let panel = Panel::new(store, clock, triggers, Arc::clone(self.config), password);
        Ok(Some(panel.with_sessions(Sessions::new(waha(self.config)?))))
    }

    fn run(
        &self,
        max: Option<Duration>,
        began_by: Option<&str>,
        alarms: &Alarms,
    ) -> Result<RunEnd, ServeError> {
        let (config, began) = (self.config, self.clock.now().monotonic);
        let waha = waha(config)?;
        check_link(config)?;
        let store = Store::open(&config.database_path)?;
        let opened = Instance::of(&config.database_path)?;
        let Some(mut lock) = SenderLock::try_take(&config.database_path)? else {
            return Ok(RunEnd::AlreadySending);
        };
        lock.sign("run", self.clock.now().wall);
        warn_of_dangers(config);
        let mut engine = self.engine(waha, store, &opened, alarms)?;
        if let Some(max) = max {
            engine = engine.within(TimeLimit { began, max, request_max: config.waha_timeout });
        }
        engine.recover()?;
        let run = self.triggers.pull(Trigger::Cli, began_by.map(str::to_owned)).run;
        supabase::pass_once(config, &self.clock)?;
        supabase::start(config, &self.clock, self.triggers)?;
        let report = engine.send_one_run(config.senders, run)?;
        supabase::pass_once(config, &self.clock)?;
        Ok(RunEnd::Done(report))
    }

    /// Stands by until the lock is free, then sends until it is stopped.
    fn send(&self, waha: Waha, store: Store, alarms: &Alarms) -> Result<(), ServeError> {
        let opened = Instance::of(&self.config.database_path)?;
        let Some(_lock) = self.wait_for_lock()? else { return Ok(()) };
        let engine = self.engine(waha, store, &opened, alarms)?;
        supabase::start(self.config, &self.clock, self.triggers)?;
        if engine.recover_until_stopped() {
            engine.send_until_stopped(self.config.senders, self.config.tick)?;
        }
        Ok(())
    }

    /// With the lock held. Nothing is sent unless the open file is still the one with the database's
    /// name, and is where it was.
    fn engine(
        &self,
        waha: Waha,
        mut store: Store,
        opened: &Instance,
        alarms: &Alarms,
    ) -> Result<Engine, ServeError> {
        alarms.start_alerts(self.config);
        if !Instance::of(store.path())?.is_same_as(opened) {
            return Err(ServeError::Replaced);
        }
        instance::check(&mut store, self.clock.now().wall)?;
        Ok(Engine::new(
            Arc::new(Mutex::new(store)),
            waha,
            Arc::clone(&self.clock),
            Arc::clone(self.triggers),
            Arc::clone(self.config),
            fastrand::u64(..),
        ))
    }

    fn wait_for_lock(&self) -> Result<Option<SenderLock>, ServeError> {
        let Self { config, triggers, clock } = self;
        let mut is_standby = false;
        let mut stopped = None;
        loop {
            let seen = triggers.wake.rings();
            if triggers.is_stopping() {
                return Ok(None);
            }
            if let Some(mut lock) = SenderLock::try_take(&config.database_path)? {
                lock.sign("serve", clock.now().wall);
                triggers.set_standby(false);
                if is_standby {
                    log::info!("serve: the other process ended, this one sends now");
                }
                return Ok(Some(lock));
            }
            if !is_standby {
                is_standby = true;
                triggers.set_standby(true);
                log::info!("serve: another process is sending, this one stands by");
            }
            let holder = lock::holder(&config.database_path);
            if let Some(holder) = holder.filter(|holder| lock::is_stopped(holder.pid))
                && stopped.replace(holder.pid) != Some(holder.pid)
            {
                let (pid, since, remedy) = (holder.pid, holder.since, holder.remedy());
                log::error!(
                    "serve: process {pid} has the lock since {since} and is stopped, nothing is sent: {remedy}"
                );
            }
            clock.sleep(&triggers.wake, seen, Some(STANDBY_LOOK));
        }
    }
}

/// The WAHA of the settings.
pub(crate) fn waha(config: &Config) -> Result<Waha, ServeError> {
    Ok(Waha::of(config, config.require_waha()?)?)
}

fn warn_of_dangers(config: &Config) {
    if config.is_pace_dangerous() {
        log::warn!(
            "SEND_DELAY_SECONDS is {}: under 20 is for tests, a real number gets banned for it",
            config.gap.delay.as_secs()
        );
    }
    // Side files and backups get the mode that we give them; a database that somebody else made keeps
    // its own, and SQLite gives it to the WAL. One that a group shares is meant so.
    let path = &config.database_path;
    if private_file::sharing_group(path).is_some() {
        return;
    }
    let metadata = std::fs::metadata(path);
    if let Some(remedy) = metadata.ok().and_then(|it| private_file::mend_command(path, &it)) {
        log::warn!("database: other users of this machine can read or change it: {remedy}");
    }
}
