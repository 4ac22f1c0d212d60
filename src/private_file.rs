//! Files that only their owner may read: making them so from the first byte, whatever the umask,
//! and noticing that one is not. And files that another user of this machine put in our way: they are
//! neither read nor written, and no link of another user is followed.
//!
//! A file is trusted when it belongs to the user who runs this program, to root, or to the owner of a
//! directory in which nobody else can write: root may work in a user's directory, and a container may
//! get its env file from root, through links of root (as Kubernetes has it). A database may be shared
//! with a group.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// What SQLite keeps beside a database.
pub(crate) const SIDE_FILES: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Options that give a file that they make mode 0600. A umask can only take from it.
pub(crate) fn options() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "other systems have no modes"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Opens `path` with `options`, as long as nobody else can have put there what has the name.
pub(crate) fn open(path: &Path, options: &OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;

        let mut options = options.clone();
        if !is_trusted_link(path)? {
            // A link that is put there from now on is not followed.
            options.custom_flags(nix::fcntl::OFlag::O_NOFOLLOW.bits());
        }
        let file = options.open(path).map_err(|error| explained(path, error))?;
        let opened = file.metadata()?;
        if opened.is_file() {
            check_owner(&fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()), &opened)?;
        }
        Ok(file)
    }
    #[cfg(not(unix))]
    options.open(path)
}

/// Reads a text of at most `bytes_max`. Returns also the command that closes the file to others, when
/// it is open to them: by the mode of what is read, not of what has the name a moment before.
pub(crate) fn read(path: &Path, bytes_max: u64) -> io::Result<(String, Option<String>)> {
    let file = open(path, OpenOptions::new().read(true))?;
    let remedy = mend_command(path, &file.metadata()?);
    let mut text = String::new();
    file.take(bytes_max).read_to_string(&mut text)?;
    Ok((text, remedy))
}

/// `path` with `ending` after its name.
pub(crate) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

pub(crate) fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes what has the name `path` keep it: without this a power cut could undo a renaming. A system
/// that cannot open a directory has no such need.
pub(crate) fn sync_name(path: &Path) -> io::Result<()> {
    File::open(directory_of(path)).map_or(Ok(()), |directory| directory.sync_all())?;
    watch::note(&watch::Step::SyncedNames(directory_of(path)));
    Ok(())
}

/// Writes on.
pub(crate) fn write(mut file: &File, path: &Path, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    watch::note(&watch::Step::Wrote(path, bytes));
    Ok(())
}

/// Makes what was written so far durable.
pub(crate) fn sync(file: &File, path: &Path) -> io::Result<()> {
    file.sync_all()?;
    watch::note(&watch::Step::Synced(path));
    Ok(())
}

/// Gives a file another name, in place of what had it.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    watch::note(&watch::Step::Renamed(from, to));
    Ok(())
}

/// Removes a database with what SQLite puts beside it. What cannot be removed is in nobody's way: whoever
/// makes it anew says so.
pub(crate) fn remove_with_sides(path: &Path) {
    let _ = fs::remove_file(path);
    for ending in SIDE_FILES {
        let _ = fs::remove_file(with_ending(path, ending));
    }
}

/// The device and the inode of a file; `None` where files have none.
#[cfg_attr(unix, expect(clippy::unnecessary_wraps))]
pub(crate) fn identity(about: &Metadata) -> Option<(u64, u64)> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Some((about.dev(), about.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = about;
        None
    }
}

/// An error of the system about `path`, with the file or the directory that was denied, its owner and
/// the remedy, when that was the reason.
pub(crate) fn explained(path: &Path, error: io::Error) -> io::Error {
    match why_denied(path) {
        Some(why) if error.kind() == io::ErrorKind::PermissionDenied => {
            io::Error::new(io::ErrorKind::PermissionDenied, why)
        }
        Some(_) | None => error,
    }
}

/// Why this program may not read and write `path`, or make it: the file or the directory, its owner and
/// what to do; `None` when it may, or when that is not the reason.
pub(crate) fn why_denied(path: &Path) -> Option<String> {
    #[cfg(unix)]
    {
        use nix::unistd::{AccessFlags, Gid, Uid, User, access, geteuid};
        use std::os::unix::fs::MetadataExt;

        let directory = directory_of(path);
        let may_enter = AccessFlags::W_OK | AccessFlags::X_OK;
        let (what, word) = match path.try_exists() {
            Ok(true) if access(path, AccessFlags::R_OK | AccessFlags::W_OK).is_err() => {
                (path, "file")
            }
            Ok(false) | Err(_) if access(directory, may_enter).is_err() => (directory, "directory"),
            Ok(_) | Err(_) => return None,
        };
        let about = fs::metadata(what).ok()?;
        let (owner, me) = (Uid::from_raw(about.uid()), geteuid());
        let name = |user: Uid| match User::from_uid(user) {
            Ok(Some(known)) => format!("user {} ({user})", known.name),
            Ok(None) | Err(_) => format!("user {user}"),
        };
        let shown = quote(&what.to_string_lossy());
        if owner == me {
            let mode = if word == "file" { "600" } else { "700" };
            return Some(format!(
                "the {word} has mode {:o}: `chmod {mode} {shown}`",
                about.mode() & 0o777
            ));
        }
        let group = User::from_uid(me).ok().flatten().map_or(Gid::current(), |user| user.gid);
        Some(format!(
            "the {word} `{}` belongs to {}, and this program runs as {}: `chown {me}:{group} {shown}` as \
             root, or run it as its owner",
            what.display(),
            name(owner),
            name(me)
        ))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// Looks, without opening it, whether another user may have put there what has the name `path`. A
/// name that nothing has is fine. An error says that it is so.
pub(crate) fn check(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    is_trusted_link(path)?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// The same for a file that a group may share, as a website and this program share a database: any
/// file is fine, whoever of the group made it, where not everybody can make one.
pub(crate) fn check_shared(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;

        let is_file = fs::symlink_metadata(path).is_ok_and(|named| named.is_file());
        let directory = fs::metadata(directory_of(path));
        if is_file && directory.is_ok_and(|directory| directory.mode() & 0o002 == 0) {
            return Ok(());
        }
    }
    check(path)
}

/// Makes a directory that only its owner can look into. It must not exist yet.
pub(crate) fn make_directory(path: &Path) -> io::Result<()> {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "other systems have no modes"))]
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    watch::note(&watch::Step::MadeDirectory(path));
    Ok(())
}

/// Gives a file to whom `like` belongs.
pub(crate) fn give_to(file: &File, like: &Metadata) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        let own = file.metadata()?;
        if own.uid() == like.uid() {
            return Ok(());
        }
        fchown(file, Some(like.uid()), Some(like.gid()))
    }
    #[cfg(not(unix))]
    {
        let _ = (file, like);
        Ok(())
    }
}

/// Whether `path` is a link, after a look at its owner and at that of the file behind it.
#[cfg(unix)]
fn is_trusted_link(path: &Path) -> io::Result<bool> {
    // What cannot be looked at cannot be opened either, and the error is told then.
    let Ok(named) = fs::symlink_metadata(path) else { return Ok(false) };
    check_owner(path, &named)?;
    if !named.is_symlink() {
        return Ok(false);
    }
    if let (Ok(real), Ok(behind)) = (fs::canonicalize(path), fs::metadata(path))
        && behind.is_file()
    {
        check_owner(&real, &behind)?;
    }
    Ok(true)
}

#[cfg(unix)]
fn check_owner(path: &Path, about: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};

    let owner = about.uid();
    let is_ours = owner == 0 || is_own(owner) || is_in_own_directory(path, owner);
    // A terminal belongs to the person at it, and only root makes devices.
    if is_ours || about.file_type().is_char_device() {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!(
            "`{}` belongs to user {owner}, so another user of this machine may have put it there: remove it, or \
             `chown` it to the user that runs this program",
            path.display()
        ),
    ))
}

/// Whether this program runs as the user.
#[cfg(unix)]
pub(crate) fn is_own(user: u32) -> bool {
    nix::unistd::geteuid().as_raw() == user
}

/// Whether nobody but `owner` (and root) can have made a file in the directory of `path`.
#[cfg(unix)]
fn is_in_own_directory(path: &Path, owner: u32) -> bool {
    use std::os::unix::fs::MetadataExt;

    let Ok(directory) = fs::metadata(directory_of(path)) else { return false };
    // Many systems give each user a group of the same number, with nobody else in it.
    let is_group_closed = directory.mode() & 0o020 == 0 || directory.gid() == owner;
    directory.uid() == owner && directory.mode() & 0o002 == 0 && is_group_closed
}

/// The group that shares a database, as a website does: it may read and write the file, and nobody else may look.
pub(crate) fn sharing_group(database: &Path) -> Option<String> {
    #[cfg(unix)]
    {
        use nix::unistd::{Gid, Group};
        use std::os::unix::fs::MetadataExt;

        let about = fs::metadata(database).ok()?;
        let name = |group| match Group::from_gid(Gid::from_raw(group)) {
            Ok(Some(known)) => known.name,
            Ok(None) | Err(_) => group.to_string(),
        };
        (about.mode() & 0o067 == 0o060).then(|| name(about.gid()))
    }
    #[cfg(not(unix))]
    {
        let _ = database;
        None
    }
}

/// The command that closes a file to others, when it is open to them; `None` when it is not, or on
/// a system without modes.
pub(crate) fn mend_command(path: &Path, metadata: &Metadata) -> Option<String> {
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::MetadataExt::mode(metadata);
        (mode & 0o066 != 0).then(|| format!("chmod 600 {}", quote(&path.to_string_lossy())))
    }
    #[cfg(not(unix))]
    {
        let _ = (path, metadata);
        None
    }
}

/// A path as a shell takes it for one word.
#[cfg(unix)]
fn quote(path: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if !path.is_empty() && !path.starts_with('-') && path.chars().all(is_plain) {
        return path.to_owned();
    }
    let dashed = if path.starts_with('-') { "./" } else { "" };
    format!("'{dashed}{}'", path.replace('\'', r"'\''"))
}

/// What is done on the disk to files that are no database's, for a test that cuts the power in between. Nothing of
/// it is left in a release build.
pub mod watch {
    use std::cell::RefCell;
    use std::path::Path;

    /// One thing that was done, just after it was.
    pub enum Step<'a> {
        MadeDirectory(&'a Path),
        Wrote(&'a Path, &'a [u8]),
        Synced(&'a Path),
        Renamed(&'a Path, &'a Path),
        /// The names in this directory were made durable.
        SyncedNames(&'a Path),
    }

    type Watcher = Box<dyn Fn(&Step<'_>)>;

    thread_local! {
        static WATCHER: RefCell<Option<Watcher>> = const { RefCell::new(None) };
    }

    /// From now on `watcher` is told what this thread does.
    pub fn set(watcher: impl Fn(&Step<'_>) + 'static) {
        WATCHER.set(Some(Box::new(watcher)));
    }

    #[inline]
    pub(super) fn note(step: &Step<'_>) {
        if cfg!(debug_assertions) {
            WATCHER.with_borrow(|watcher| watcher.iter().for_each(|watcher| watcher(step)));
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_mended_when_anybody_else_may_read_or_change_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("my shop's.env");
        std::fs::write(&path, "").unwrap();
        for (mode, is_open) in [
            (0o600, false),
            (0o400, false),
            (0o700, false),
            (0o640, true),
            (0o604, true),
            (0o620, true),
        ] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let command = mend_command(&path, &std::fs::metadata(&path).unwrap());
            assert_eq!(command.is_some(), is_open, "{mode:o}");
            let Some(command) = command else { continue };
            assert!(command.ends_with(r"/my shop'\''s.env'"), "{command}");
            assert!(
                std::process::Command::new("sh").args(["-c", &command]).status().unwrap().success()
            );
            assert_eq!(mend_command(&path, &std::fs::metadata(&path).unwrap()), None);
        }
    }
}

/// How much a user without special rights can still write there; `None` where nobody tells.
#[cfg(unix)]
#[allow(clippy::useless_conversion, clippy::unnecessary_fallible_conversions)] // not on every system
pub(crate) fn room_bytes(directory: &Path) -> Option<u64> {
    let room = nix::sys::statvfs::statvfs(directory).ok()?;
    let blocks = u64::try_from(room.blocks_available()).ok()?;
    Some(blocks.saturating_mul(u64::try_from(room.fragment_size()).ok()?))
}

#[cfg(not(unix))]
pub(crate) fn room_bytes(_directory: &Path) -> Option<u64> {
    None
}
