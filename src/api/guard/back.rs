//! The back door: where the server behind the guard listens, out of strangers' reach, and a
//! connection to it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use mio::event::Source;
use mio::{Interest, Registry, Token};

#[cfg(unix)]
use crate::private_file;

const TOKEN_BYTES: usize = 16;
#[cfg(unix)]
const DIRECTORY_PREFIX: &str = "auto-message-scheduler-socket-";
/// Programs that listen in one directory, one beside the other; one more gets a name of its own.
#[cfg(unix)]
const NUMBERED: usize = 8;
#[cfg(unix)]
const SOCKET_NAME: &str = "http";

/// Where the server behind the guard is, and the word that it knows the guard by.
#[derive(Clone, Debug)]
pub struct BackDoor {
    pub address: BackAddress,
    /// Sent along with each request; of random hex digits.
    pub token: String,
}

/// An address that only this process, or this machine, can reach.
#[derive(Clone, Debug)]
pub enum BackAddress {
    /// A Unix socket in a directory of mode 0700.
    Socket(PathBuf),
    /// A port on loopback, where there are no Unix sockets.
    Loopback(SocketAddr),
}

/// Listens there.
pub enum BackListener {
    #[cfg(unix)]
    Socket(std::os::unix::net::UnixListener),
    /// On a loopback port.
    Loopback(TcpListener),
}

/// What listens behind the guard, until it is dropped.
pub struct Hideout {
    door: BackDoor,
    /// Where the socket is, and the lock that tells others that somebody listens there.
    #[cfg_attr(not(unix), expect(dead_code, reason = "there are no Unix sockets"))]
    directory: Option<(PathBuf, std::fs::File)>,
}

impl Hideout {
    /// Listens where strangers cannot reach: on a Unix socket in a private directory under one of
    /// `directories`, or, where there are no such sockets, on a loopback port.
    ///
    /// The directory is the first one with a number in its name that nobody has locked, so what a
    /// program that was killed left behind is used again, and nothing has to be swept.
    ///
    /// # Errors
    /// When no socket can be made, or the system has no random bytes.
    pub fn open(directories: &[&Path]) -> io::Result<(BackListener, Self)> {
        let token = random_hex()?;
        #[cfg(unix)]
        {
            let mut failed = io::Error::other("no directory was given");
            for directory in directories {
                let numbers = (0..NUMBERED).map(|number| number.to_string());
                for ending in numbers.chain([random_hex()?]) {
                    let path = directory.join(format!("{DIRECTORY_PREFIX}{ending}"));
                    match listen_in(&path) {
                        Ok((listener, lock)) => {
                            let socket = path.join(SOCKET_NAME);
                            let door = BackDoor { address: BackAddress::Socket(socket), token };
                            let hideout = Self { door, directory: Some((path, lock)) };
                            return Ok((BackListener::Socket(listener), hideout));
                        }
                        Err(error) => failed = error,
                    }
                }
            }
            Err(failed)
        }
        #[cfg(not(unix))]
        {
            let _ = directories;
            Self::on_loopback(token)
        }
    }

    /// On a loopback port, where only the token keeps other programs of this machine out.
    #[cfg(any(not(unix), test))]
    fn on_loopback(token: String) -> io::Result<(BackListener, Self)> {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
        let address = BackAddress::Loopback(listener.local_addr()?);
        let hideout = Self { door: BackDoor { address, token }, directory: None };
        Ok((BackListener::Loopback(listener), hideout))
    }

    /// The way to it.
    pub fn door(&self) -> &BackDoor {
        &self.door
    }
}

impl Drop for Hideout {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some((path, _lock)) = &self.directory {
            drop(std::fs::remove_file(path.join(SOCKET_NAME)));
            drop(std::fs::remove_dir(path)); // what is left is used again by a later start
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
fn listen_in(path: &Path) -> io::Result<(std::os::unix::net::UnixListener, std::fs::File)> {
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
    match std::os::unix::net::UnixListener::bind(&socket) {
        Ok(listener) => Ok((listener, lock)),
        Err(error) => {
            drop(std::fs::remove_dir(path));
            Err(error)
        }
    }
}

/// A connection to the server behind, without waiting.
#[derive(Debug)]
pub(super) enum BackStream {
    #[cfg(unix)]
    Socket(mio::net::UnixStream),
    Loopback(mio::net::TcpStream),
}

impl BackStream {
    pub(super) fn connect(address: &BackAddress) -> io::Result<Self> {
        match address {
            #[cfg(unix)]
            BackAddress::Socket(path) => Ok(Self::Socket(mio::net::UnixStream::connect(path)?)),
            #[cfg(not(unix))]
            BackAddress::Socket(_) => Err(io::ErrorKind::Unsupported.into()),
            BackAddress::Loopback(address) => {
                Ok(Self::Loopback(mio::net::TcpStream::connect(*address)?))
            }
        }
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        match self {
            #[cfg(unix)]
            Self::Socket(stream) => stream.register(registry, token, interest),
            Self::Loopback(stream) => stream.register(registry, token, interest),
        }
    }
}

impl Read for BackStream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            #[cfg(unix)]
            Self::Socket(stream) => stream.read(bytes),
            Self::Loopback(stream) => stream.read(bytes),
        }
    }
}

impl Write for BackStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            #[cfg(unix)]
            Self::Socket(stream) => stream.write(bytes),
            Self::Loopback(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn the_hideout_is_private_and_nothing_stays_of_it() {
        use std::os::unix::fs::PermissionsExt;

        let directory = tempfile::tempdir().unwrap();
        let gone = std::path::Path::new("/nowhere");
        let (listener, hideout) = Hideout::open(&[gone, directory.path()]).unwrap();
        let (path, _) = hideout.directory.as_ref().unwrap();
        let path = path.clone();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        BackStream::connect(&hideout.door().address).unwrap();
        drop((listener, hideout));
        assert!(!path.exists());
    }

    #[test]
    #[cfg(unix)]
    fn what_a_killed_program_left_is_used_again_and_what_lives_stays() {
        let directory = tempfile::tempdir().unwrap();
        let open = || Hideout::open(&[directory.path()]).unwrap();
        let path = |hideout: &Hideout| hideout.directory.as_ref().unwrap().0.clone();
        let (_first_listener, first) = open();
        let (_second_listener, second) = open();
        assert_ne!(path(&first), path(&second));
        BackStream::connect(&first.door().address).unwrap();
        // A program that is killed removes nothing, and the system frees its lock.
        let left = path(&first);
        let (_, lock) = { std::mem::ManuallyDrop::new(first).directory.take().unwrap() };
        drop(lock);
        let (_third_listener, third) = open();
        assert_eq!(path(&third), left);
        BackStream::connect(&third.door().address).unwrap();
        BackStream::connect(&second.door().address).unwrap();
        drop((second, third));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn without_unix_sockets_it_is_a_loopback_port() {
        let (listener, hideout) = Hideout::on_loopback("x".into()).unwrap();
        let BackListener::Loopback(listener) = listener else { panic!("no port") };
        assert!(listener.local_addr().unwrap().ip().is_loopback());
        BackStream::connect(&hideout.door().address).unwrap();
    }
}
