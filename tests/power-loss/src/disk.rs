//! A disk that can be watched and broken: a SQLite VFS over the real one.
//!
//! It writes down each write, truncation, deletion and sync of one database's files, in order, so
//! that [`crate::platter`] can tell what a power cut leaves. It breaks on demand. Locks and the
//! WAL's shared memory go to the real VFS: the one does not outlive the power, the other is made
//! anew from the WAL. Nothing is really synced: the platter decides what would have stayed.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char, c_int};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use auto_message_scheduler::private_file::watch::{self, Step};
use rusqlite::ffi;

use crate::io_methods;

/// One of the files of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    Database,
    Wal,
    /// The rollback journal.
    Journal,
    /// The directory of the files of messages, beside the database.
    Directory,
    /// One of those files, by its name.
    File(&'static str),
}

impl Role {
    /// The name of a file of messages.
    #[must_use]
    pub fn file_name(&self) -> Option<&'static str> {
        match self {
            Self::File(name) => Some(name),
            Self::Database | Self::Wal | Self::Journal | Self::Directory => None,
        }
    }
}

/// What happened, in order.
#[derive(Clone, Debug)]
pub enum Event {
    /// A file came to be.
    Create(Role),
    Write {
        role: Role,
        offset: u64,
        bytes: Vec<u8>,
    },
    Truncate {
        role: Role,
        size: u64,
    },
    /// All of the file is on the platter, with `directory` also the names of all files.
    Sync {
        role: Role,
        directory: bool,
    },
    /// A name was removed, durably with `directory`.
    Delete {
        role: Role,
        directory: bool,
    },
    /// A file of messages got another name.
    Rename {
        from: Role,
        to: Role,
    },
    /// All names are on the platter in the directory that holds the database, or in that of the files.
    SyncNames {
        of_files: bool,
    },
    /// A connection let go of the write lock: its transaction, if it wrote one, was reported as
    /// committed just before.
    Ended,
    /// WhatsApp got this message.
    Got(Message),
}

/// A message that reached WhatsApp, as far as it matters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Message {
    pub chat_id: String,
    pub text: String,
}

/// What is wrong with the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No room: half of a write is done, the rest is refused.
    Full,
    /// The file system was made read-only under a program that has files open, as Linux does after
    /// an error of the device.
    ReadOnly,
    /// The device fails to sync.
    Sync,
    /// Pages of the database and the WAL come back as noise; the first page is well.
    Noise,
}

/// One disk for one database. It lives until the test's process ends: SQLite keeps pointers to it.
pub struct Disk {
    name: CString,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    events: Vec<Event>,
    fault: Option<Fault>,
    on_sleep: Option<Box<dyn Fn(Duration) + Send>>,
}

fn file_role(path: &Path) -> Role {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap();
    Role::File(Box::leak(name.to_owned().into_boxed_str()))
}

/// What the VFS finds behind `pAppData`.
struct AppData {
    real: *mut ffi::sqlite3_vfs,
    disk: &'static Disk,
    /// Without shared memory SQLite refuses WAL, as on a network file system.
    has_shared_memory: bool,
}

impl Disk {
    /// A disk on which WAL works.
    #[must_use]
    pub fn new() -> &'static Self {
        Self::register(true)
    }

    /// A disk on which the database falls back to a rollback journal.
    #[must_use]
    pub fn without_shared_memory() -> &'static Self {
        Self::register(false)
    }

    fn register(has_shared_memory: bool) -> &'static Self {
        static DISKS: AtomicU64 = AtomicU64::new(0);
        let name = format!("disk-{}", DISKS.fetch_add(1, Ordering::SeqCst));
        let disk: &'static Self = Box::leak(Box::new(Self {
            name: CString::new(name).unwrap(),
            state: Mutex::default(),
        }));
        // SAFETY: SQLite's default VFS exists after initialisation and is never freed. The new one is
        // leaked, so that it outlives every connection.
        unsafe {
            assert_eq!(ffi::sqlite3_initialize(), ffi::SQLITE_OK);
            let real = ffi::sqlite3_vfs_find(std::ptr::null());
            assert!(!real.is_null(), "SQLite has no default VFS");
            let app_data = Box::leak(Box::new(AppData { real, disk, has_shared_memory }));
            let vfs = Box::leak(Box::new(ffi::sqlite3_vfs {
                iVersion: 2,
                szOsFile: io_methods::file_size((*real).szOsFile),
                zName: disk.name.as_ptr(),
                pAppData: std::ptr::from_mut(app_data).cast(),
                pNext: std::ptr::null_mut(),
                xOpen: Some(open),
                xDelete: Some(delete),
                xAccess: Some(access),
                xFullPathname: Some(full_pathname),
                xRandomness: Some(randomness),
                xSleep: Some(sleep),
                xCurrentTime: Some(current_time),
                xGetLastError: Some(last_error),
                xCurrentTimeInt64: Some(current_time_millis),
                ..*real
            }));
            assert_eq!(ffi::sqlite3_vfs_register(vfs, 0), ffi::SQLITE_OK);
        }
        disk
    }

    /// The name of its VFS.
    #[must_use]
    pub fn vfs(&self) -> &str {
        self.name.to_str().expect("it was made from text")
    }

    /// Writes an event down.
    pub fn note(&self, event: Event) {
        self.lock().events.push(event);
    }

    /// Notes what this thread does to the files of messages beside `database`.
    pub fn watch_files(&'static self, database: &Path) {
        let directory = PathBuf::from(format!("{}.files", database.display()));
        let lengths: RefCell<HashMap<PathBuf, (Role, u64)>> = RefCell::default();
        watch::set(move |step| {
            let mut lengths = lengths.borrow_mut();
            match step {
                Step::MadeDirectory(path) if *path == directory => {
                    self.note(Event::Create(Role::Directory));
                }
                Step::MadeDirectory(_) => {}
                Step::Wrote(path, bytes) => {
                    let (role, length) = lengths.entry(path.to_path_buf()).or_insert_with(|| {
                        let role = file_role(path);
                        self.note(Event::Create(role));
                        (role, 0)
                    });
                    self.note(Event::Write { role: *role, offset: *length, bytes: bytes.to_vec() });
                    *length += bytes.len() as u64;
                }
                Step::Synced(path) => {
                    let (role, _) = lengths[*path];
                    self.note(Event::Sync { role, directory: false });
                }
                Step::Renamed(from, to) => {
                    let (from, length) = lengths.remove(*from).unwrap();
                    let role = file_role(to);
                    lengths.insert(to.to_path_buf(), (role, length));
                    self.note(Event::Rename { from, to: role });
                }
                Step::SyncedNames(path) => {
                    self.note(Event::SyncNames { of_files: *path == directory });
                }
            }
        });
    }

    /// What happened so far.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.lock().events.clone()
    }

    /// Breaks the disk.
    pub fn break_with(&self, fault: Fault) {
        self.lock().fault = Some(fault);
    }

    /// Makes the disk whole again.
    pub fn mend(&self) {
        self.lock().fault = None;
    }

    /// Called instead of sleeping while SQLite waits for another connection's lock.
    pub fn on_sleep(&self, passed: impl Fn(Duration) + Send + 'static) {
        self.lock().on_sleep = Some(Box::new(passed));
    }

    pub(crate) fn fault(&self) -> Option<Fault> {
        self.lock().fault
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// SAFETY for all of the below: SQLite passes the VFS that was registered above, whose `pAppData` is
/// a leaked [`AppData`].
unsafe fn app_data<'a>(vfs: *mut ffi::sqlite3_vfs) -> &'a AppData {
    unsafe { &*(*vfs).pAppData.cast::<AppData>() }
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    flags_out: *mut c_int,
) -> c_int {
    let AppData { real, disk, has_shared_memory } = unsafe { app_data(vfs) };
    let role = [
        (ffi::SQLITE_OPEN_MAIN_DB, Role::Database),
        (ffi::SQLITE_OPEN_WAL, Role::Wal),
        (ffi::SQLITE_OPEN_MAIN_JOURNAL, Role::Journal),
    ]
    .into_iter()
    .find_map(|(flag, role)| (flags & flag != 0).then_some(role));
    let may_create = flags & ffi::SQLITE_OPEN_CREATE != 0;
    let is_new = role.is_some() && may_create && !unsafe { exists(*real, name) };
    let refused = match disk.fault() {
        Some(Fault::Full) if is_new => Some(ffi::SQLITE_FULL),
        Some(Fault::ReadOnly) if is_new => Some(ffi::SQLITE_CANTOPEN),
        _ => None,
    };
    if let Some(code) = refused {
        unsafe { (*file).pMethods = std::ptr::null() };
        return code;
    }
    let code = unsafe {
        let real_file = io_methods::prepare(file, disk, role, may_create, *has_shared_memory);
        (**real).xOpen.unwrap()(*real, name, real_file, flags, flags_out)
    };
    if code == ffi::SQLITE_OK {
        if let Some(role) = role.filter(|_| is_new) {
            disk.note(Event::Create(role));
        }
    } else {
        unsafe { io_methods::abandon(file) };
    }
    code
}

unsafe extern "C" fn delete(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    sync_directory: c_int,
) -> c_int {
    let AppData { real, disk, .. } = unsafe { app_data(vfs) };
    if disk.fault() == Some(Fault::ReadOnly) {
        return ffi::SQLITE_IOERR_DELETE;
    }
    let code = unsafe { (**real).xDelete.unwrap()(*real, name, sync_directory) };
    let path = unsafe { CStr::from_ptr(name) }.to_bytes();
    let role = [("-wal", Role::Wal), ("-journal", Role::Journal)]
        .into_iter()
        .find_map(|(end, role)| path.ends_with(end.as_bytes()).then_some(role));
    if let (ffi::SQLITE_OK, Some(role)) = (code, role) {
        disk.note(Event::Delete { role, directory: sync_directory != 0 });
    }
    code
}

unsafe fn exists(real: *mut ffi::sqlite3_vfs, name: *const c_char) -> bool {
    let mut found = 0;
    let code =
        unsafe { (*real).xAccess.unwrap()(real, name, ffi::SQLITE_ACCESS_EXISTS, &raw mut found) };
    code == ffi::SQLITE_OK && found != 0
}

unsafe extern "C" fn sleep(vfs: *mut ffi::sqlite3_vfs, micros: c_int) -> c_int {
    let AppData { real, disk, .. } = unsafe { app_data(vfs) };
    // Taken out while it is called: what it does may come back to this disk.
    let Some(passed) = disk.lock().on_sleep.take() else {
        return unsafe { (**real).xSleep.unwrap()(*real, micros) };
    };
    passed(Duration::from_micros(u64::try_from(micros).unwrap_or(0)));
    disk.lock().on_sleep.get_or_insert(passed);
    micros
}

unsafe extern "C" fn access(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    flags: c_int,
    found: *mut c_int,
) -> c_int {
    let real = unsafe { app_data(vfs) }.real;
    unsafe { (*real).xAccess.unwrap()(real, name, flags, found) }
}

unsafe extern "C" fn full_pathname(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    size: c_int,
    out: *mut c_char,
) -> c_int {
    let real = unsafe { app_data(vfs) }.real;
    unsafe { (*real).xFullPathname.unwrap()(real, name, size, out) }
}

unsafe extern "C" fn randomness(
    vfs: *mut ffi::sqlite3_vfs,
    size: c_int,
    out: *mut c_char,
) -> c_int {
    let real = unsafe { app_data(vfs) }.real;
    unsafe { (*real).xRandomness.unwrap()(real, size, out) }
}

unsafe extern "C" fn current_time(vfs: *mut ffi::sqlite3_vfs, out: *mut f64) -> c_int {
    let real = unsafe { app_data(vfs) }.real;
    unsafe { (*real).xCurrentTime.unwrap()(real, out) }
}

unsafe extern "C" fn current_time_millis(
    vfs: *mut ffi::sqlite3_vfs,
    out: *mut ffi::sqlite3_int64,
) -> c_int {
    let real = unsafe { app_data(vfs) }.real;
    unsafe { (*real).xCurrentTimeInt64.unwrap()(real, out) }
}

unsafe extern "C" fn last_error(
    vfs: *mut ffi::sqlite3_vfs,
    size: c_int,
    out: *mut c_char,
) -> c_int {
    let real = unsafe { app_data(vfs) }.real;
    unsafe { (*real).xGetLastError.unwrap()(real, size, out) }
}
