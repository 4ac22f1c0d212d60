//! The upstream: where it listens, out of strangers' reach (a Unix socket in a private directory, or a port
//! on loopback where there are none), and the connections to it, a few at a time.

use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};

use crate::clock::lock;
#[cfg(unix)]
use crate::private_file;

#[cfg(not(unix))]
pub use std::net::{SocketAddr as Address, TcpListener as Listener, TcpStream as Stream};
#[cfg(unix)]
pub use std::os::unix::net::{UnixListener as Listener, UnixStream as Stream};
#[cfg(unix)]
pub use std::path::PathBuf as Address;

/// tiny_http keeps four threads that read requests, and dies when it needs one more and gets none.
const TURNS: usize = 4;
/// Descriptors that must be free: a request takes one of us and three of tiny_http, which dies without.
const SPARE: usize = 4 * TURNS;
/// Connections that failed one after the other before the upstream is believed to be gone.
const FAILURES_MAX: u32 = 3;

pub(super) struct Connector {
    upstream: Upstream,
    state: Mutex<State>,
    turn_ended: Condvar,
}

#[derive(Default)]
struct State {
    turns: usize,
    /// Requests that wait for a turn, without those of clients that do not wait for their answers.
    waiting: usize,
    failures: u32,
}

/// A request's turn; held until the upstream has had the time to read it.
pub(super) struct Turn<'a>(&'a Connector);

impl Connector {
    pub(super) fn new(upstream: Upstream) -> Self {
        Self { upstream, state: Mutex::default(), turn_ended: Condvar::new() }
    }

    pub(super) fn token(&self) -> &str {
        &self.upstream.token
    }

    /// Waits for a turn. A hasty request, whose client does not wait for its answer, comes last.
    pub(super) fn turn(&self, is_hasty: bool) -> Turn<'_> {
        let mut state = lock(&self.state);
        let own = usize::from(!is_hasty);
        state.waiting += own;
        let waits = |state: &mut State| state.turns >= TURNS || is_hasty && state.waiting > 0;
        let waited = self.turn_ended.wait_while(state, waits);
        state = waited.unwrap_or_else(PoisonError::into_inner);
        state.waiting -= own;
        state.turns += 1;
        Turn(self)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).turns -= 1;
        self.0.turn_ended.notify_all();
    }
}

impl Turn<'_> {
    /// Connects. `client` is any connection. An error passes, unless the upstream [`is_gone`](Turn::is_gone).
    pub(super) fn connect(&self, client: &TcpStream) -> io::Result<Stream> {
        let stream = has_spare(client).and_then(|()| Stream::connect(&self.0.upstream.address));
        let is_refused = |kind| matches!(kind, ErrorKind::ConnectionRefused | ErrorKind::NotFound);
        let mut state = lock(&self.0.state);
        match &stream {
            Err(error) if is_refused(error.kind()) => state.failures += 1,
            Ok(_) | Err(_) => state.failures = 0,
        }
        stream
    }

    pub(super) fn is_gone(&self) -> bool {
        lock(&self.0.state).failures >= FAILURES_MAX
    }
}

/// Whether the system gives some more descriptors; an error when it does not. `client` is any connection.
pub(super) fn has_spare(client: &TcpStream) -> io::Result<()> {
    let spare: Vec<_> = (0..SPARE).map(|_| client.try_clone()).collect::<Result<_, _>>()?;
    drop(spare);
    Ok(())
}

const TOKEN_BYTES: usize = 16;
#[cfg(unix)]
const DIRECTORY_PREFIX: &str = "auto-message-scheduler-socket-";
/// Programs that listen in one directory, one beside the other; one more gets a name of its own.
#[cfg(unix)]
const NUMBERED: usize = 8;
#[cfg(unix)]
const SOCKET_NAME: &str = "http";

/// Where the upstream is, and the word that it knows the front by.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Only this process, or this machine, can reach it.
    pub address: Address,
    /// Sent along with each request; of random hex digits.
    pub token: String,
}

/// The upstream's socket, until it is dropped.
pub struct PrivateSocket {
    upstream: Upstream,
    /// The lock on its directory tells others that somebody listens there.
    #[cfg(unix)]
    _lock: std::fs::File,
}

impl PrivateSocket {
    /// Listens in a private directory under one of `directories`: the first one with a number in its
    /// name that nobody has locked. So what a program that was killed left behind is used again, and
    /// nothing has to be swept.
    #[cfg(unix)]
    pub fn open(directories: &[&Path]) -> io::Result<(Listener, Self)> {
        let mut failed = io::Error::other("no directory was given");
        for directory in directories {
            let numbers = (0..NUMBERED).map(|number| number.to_string());
            for ending in numbers.chain([random_hex()?]) {
                let path = directory.join(format!("{DIRECTORY_PREFIX}{ending}"));
                match listen_in(&path) {
                    Ok((listener, lock)) => {
                        let address = path.join(SOCKET_NAME);
                        let upstream = Upstream { address, token: random_hex()? };
                        return Ok((listener, Self { upstream, _lock: lock }));
                    }
                    Err(error) => failed = error,
                }
            }
        }
        Err(failed)
    }

    /// Listens on a loopback port, where only the token keeps other programs of this machine out.
    #[cfg(not(unix))]
    pub fn open(_: &[&Path]) -> io::Result<(Listener, Self)> {
        let listener = Listener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
        let upstream = Upstream { address: listener.local_addr()?, token: random_hex()? };
        Ok((listener, Self { upstream }))
    }

    #[must_use]
    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }
}

#[cfg(unix)]
impl Drop for PrivateSocket {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.upstream.address));
        if let Some(directory) = self.upstream.address.parent() {
            drop(std::fs::remove_dir(directory)); // what is left is used again by a later start
        }
    }
}

fn random_hex() -> io::Result<String> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(format!("{:032x}", u128::from_le_bytes(bytes)))
}

/// Listens in the directory `path`, which is made, or is ours and not in use.
#[cfg(unix)]
fn listen_in(path: &Path) -> io::Result<(Listener, std::fs::File)> {
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

    let is_new = match private_file::make_directory(path) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
        Err(error) => return Err(error),
    };
    // Neither a link, nor a pipe that would keep us waiting.
    let flags = nix::fcntl::OFlag::O_DIRECTORY | nix::fcntl::OFlag::O_NOFOLLOW;
    let lock = std::fs::OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    let about = lock.metadata()?;
    if !private_file::is_own(about.uid()) || about.mode() & 0o077 != 0 {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    match lock.try_lock() {
        Ok(()) => {}
        // A file system without such locks: what is new is nobody else's, what is not may be.
        Err(std::fs::TryLockError::Error(_)) if is_new => {}
        Err(error) => return Err(error.into()),
    }
    // The program that had it until now may have removed it just before it let go of the lock.
    if std::fs::symlink_metadata(path)?.ino() != about.ino() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let socket = path.join(SOCKET_NAME);
    drop(std::fs::remove_file(&socket)); // of a program that was killed
    match Listener::bind(&socket) {
        Ok(listener) => Ok((listener, lock)),
        Err(error) => {
            drop(std::fs::remove_dir(path));
            Err(error)
        }
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn directory_of(socket: &PrivateSocket) -> std::path::PathBuf {
        socket.upstream().address.parent().unwrap().to_owned()
    }

    #[test]
    fn the_socket_is_private_and_nothing_stays_of_it() {
        let directory = tempfile::tempdir().unwrap();
        let gone = std::path::Path::new("/nowhere");
        let (listener, socket) = PrivateSocket::open(&[gone, directory.path()]).unwrap();
        let path = directory_of(&socket);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        Stream::connect(&socket.upstream().address).unwrap();
        drop((listener, socket));
        assert!(!path.exists());
    }

    #[test]
    fn what_a_killed_program_left_is_used_again_and_what_lives_stays() {
        let directory = tempfile::tempdir().unwrap();
        let open = || PrivateSocket::open(&[directory.path()]).unwrap();
        // A program that is killed removes nothing, and the system frees its lock.
        let left = directory.path().join(format!("{DIRECTORY_PREFIX}0"));
        drop(listen_in(&left).unwrap());
        let (_first_listener, first) = open();
        let (_second_listener, second) = open();
        assert_eq!(directory_of(&first), left);
        assert_ne!(directory_of(&second), left);
        for socket in [&first, &second] {
            Stream::connect(&socket.upstream().address).unwrap();
        }
        drop((first, second));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
