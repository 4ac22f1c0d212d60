//! The back door: where the server behind the guard listens, out of strangers' reach, and a
//! connection to it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use mio::event::Source;
use mio::{Interest, Registry, Token};

const TOKEN_BYTES: usize = 16;
#[cfg(unix)]
const DIRECTORY_PREFIX: &str = "auto-message-scheduler-";
/// A program that starts has its socket a moment before it listens there.
#[cfg(unix)]
const STARTING: std::time::Duration = std::time::Duration::from_mins(1);
#[cfg(unix)]
const SOCKET_NAME: &str = "http";

/// Where the server behind the guard is, and the word that it knows the guard by.
#[derive(Clone, Debug)]
pub struct BackDoor {
    /// The address.
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
    /// On a Unix socket.
    #[cfg(unix)]
    Socket(std::os::unix::net::UnixListener),
    /// On a loopback port.
    Loopback(TcpListener),
}

/// What listens behind the guard, until it is dropped.
pub struct Hideout {
    door: BackDoor,
    directory: Option<PathBuf>,
}

impl Hideout {
    /// Listens where strangers cannot reach: on a Unix socket in a new private directory under one of
    /// `directories`, or, where there are none, on a loopback port.
    ///
    /// # Errors
    /// When no socket can be made, or the system has no random bytes.
    pub fn open(directories: &[&Path]) -> io::Result<(BackListener, Self)> {
        let token = random_hex()?;
        #[cfg(unix)]
        {
            let mut failed = io::Error::other("no directory was given");
            for directory in directories {
                match listen_in(directory) {
                    Ok((listener, path)) => {
                        sweep(directory, &path);
                        let socket = path.join(SOCKET_NAME);
                        let door = BackDoor { address: BackAddress::Socket(socket), token };
                        let hideout = Self { door, directory: Some(path) };
                        return Ok((BackListener::Socket(listener), hideout));
                    }
                    Err(error) => failed = error,
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
    #[must_use]
    pub fn door(&self) -> &BackDoor {
        &self.door
    }
}

impl Drop for Hideout {
    fn drop(&mut self) {
        if let Some(directory) = &self.directory {
            drop(std::fs::remove_dir_all(directory)); // what is left is swept by a later start
        }
    }
}

fn random_hex() -> io::Result<String> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(format!("{:032x}", u128::from_le_bytes(bytes)))
}

#[cfg(unix)]
fn listen_in(directory: &Path) -> io::Result<(std::os::unix::net::UnixListener, PathBuf)> {
    use std::os::unix::fs::DirBuilderExt;

    let path = directory.join(format!("{DIRECTORY_PREFIX}{}", random_hex()?));
    // It must not exist yet: what somebody else made is not private.
    std::fs::DirBuilder::new().mode(0o700).create(&path)?;
    match std::os::unix::net::UnixListener::bind(path.join(SOCKET_NAME)) {
        Ok(listener) => Ok((listener, path)),
        Err(error) => {
            drop(std::fs::remove_dir(&path));
            Err(error)
        }
    }
}

/// Removes what programs that were killed left in `directory`: sockets where nobody listens. What is
/// not clearly older than `own` may belong to a program that starts just now.
#[cfg(unix)]
fn sweep(directory: &Path, own: &Path) {
    use std::os::unix::net::UnixStream;

    let made = |path: &Path| std::fs::metadata(path).and_then(|about| about.modified());
    let (Ok(entries), Ok(now)) = (std::fs::read_dir(directory), made(own)) else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(DIRECTORY_PREFIX);
        let socket = entry.path().join(SOCKET_NAME);
        let age = made(&socket).ok().and_then(|made| now.duration_since(made).ok());
        if !is_ours || age.is_none_or(|age| age < STARTING) {
            continue;
        }
        let connected = UnixStream::connect(&socket);
        if connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
            drop(std::fs::remove_file(&socket));
            drop(std::fs::remove_dir(entry.path()));
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
        let path = hideout.directory.clone().unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        BackStream::connect(&hideout.door().address).unwrap();
        drop((listener, hideout));
        assert!(!path.exists());
    }

    #[test]
    #[cfg(unix)]
    fn what_a_killed_program_left_is_swept_and_what_lives_or_starts_stays() {
        let directory = tempfile::tempdir().unwrap();
        let (dead, left) = listen_in(directory.path()).unwrap();
        let (_alive, living) = listen_in(directory.path()).unwrap();
        drop(dead);
        let own = directory.path().join("own");
        std::fs::create_dir(&own).unwrap();
        sweep(directory.path(), &own);
        assert!(left.exists(), "it may only be starting");
        let opened = std::fs::File::open(&own).unwrap();
        let later = opened.metadata().unwrap().modified().unwrap() + 2 * STARTING;
        opened.set_modified(later).unwrap();
        sweep(directory.path(), &own);
        assert!(!left.exists() && living.exists());
    }

    #[test]
    fn without_unix_sockets_it_is_a_loopback_port() {
        let (listener, hideout) = Hideout::on_loopback("x".into()).unwrap();
        let BackListener::Loopback(listener) = listener else { panic!("no port") };
        assert!(listener.local_addr().unwrap().ip().is_loopback());
        BackStream::connect(&hideout.door().address).unwrap();
    }
}
