//! Faults of our own, thrown on purpose: the one request feels it, or the program ends; never a dead port.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use auto_message_scheduler::api::Api;
use auto_message_scheduler::clock::{Clock, Now, SystemClock, Wake};
use auto_message_scheduler::config::{Config, Secret};
use auto_message_scheduler::http::{FrontError, Limits, Server, ServerError};
use auto_message_scheduler::store::Store;
use auto_message_scheduler::trigger::Triggers;

use crate::guard::{rest, status};
use crate::site::until;

/// A clock that panics when it is asked while it is broken.
struct Brittle {
    clock: SystemClock,
    is_broken: AtomicBool,
}

impl Brittle {
    fn new() -> Arc<Self> {
        Arc::new(Self { clock: SystemClock::default(), is_broken: AtomicBool::new(false) })
    }
}

impl Clock for Brittle {
    fn now(&self) -> Now {
        assert!(!self.is_broken.load(Ordering::SeqCst), "broken on purpose");
        self.clock.now()
    }

    fn sleep(&self, wake: &Wake, seen: u64, max: Option<Duration>) {
        self.clock.sleep(wake, seen, max);
    }
}

struct Running {
    server: Server,
    triggers: Arc<Triggers>,
    _directory: tempfile::TempDir,
}

fn start(api_clock: Arc<dyn Clock>, guard_clock: Arc<dyn Clock>) -> Running {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("x.db")).unwrap();
    let triggers = Arc::new(Triggers::default());
    let secret = Secret::new("a-secret-for-tests-0123456789");
    let api =
        Api::new(store, Arc::clone(&triggers), api_clock, secret.into(), Duration::ZERO, None);
    let address = "127.0.0.1:0".parse().unwrap();
    let limits = Limits::production(Duration::ZERO);
    let directories = &[directory.path()];
    let config = Arc::<Config>::default();
    let server =
        Server::start(address, Arc::new(api), limits, config, guard_clock, directories).unwrap();
    Running { server, triggers, _directory: directory }
}

fn health(running: &Running) -> u16 {
    let mut stream = TcpStream::connect(running.server.address()).unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    status(&rest(&mut stream))
}

#[test]
fn a_panic_over_one_request_is_its_503_and_nobody_elses() {
    let clock = Brittle::new();
    let running = start(clock.clone(), Arc::new(SystemClock::default()));
    assert_eq!(health(&running), 200);
    clock.is_broken.store(true, Ordering::SeqCst);
    for _ in 0..5 {
        assert_eq!(health(&running), 503);
    }
    clock.is_broken.store(false, Ordering::SeqCst);
    assert_eq!(health(&running), 200);
    assert!(running.server.stop().is_ok());
}

#[test]
fn a_guard_that_panics_stops_the_program_and_tells_it() {
    let clock = Brittle::new();
    let running = start(Arc::new(SystemClock::default()), clock.clone());
    assert_eq!(health(&running), 200);
    clock.is_broken.store(true, Ordering::SeqCst);
    drop(TcpStream::connect(running.server.address()));
    until("everybody is told to stop", || running.triggers.is_stopping());
    let ended = running.server.stop();
    assert!(matches!(ended, Err(ServerError::Front(FrontError::Panic))), "{ended:?}");
}
