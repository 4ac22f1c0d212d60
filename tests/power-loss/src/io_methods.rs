//! The methods of a file on a [`Disk`]: refuse what is broken, let the real file do it, write it down.

use std::ffi::{c_int, c_void};

use rusqlite::ffi;

use crate::disk::{Disk, Event, Fault, Role};

/// An open file; the real one follows it in the same memory, which SQLite gives.
#[repr(C)]
struct File {
    base: ffi::sqlite3_file,
    disk: &'static Disk,
    role: Option<Role>,
    /// The next sync also syncs the directory: the real VFS does it once for a journal or WAL that
    /// was opened so that it may be made.
    syncs_directory: bool,
    /// The lock of the rollback mode.
    lock: c_int,
}

/// The `szOsFile` that both need.
pub(crate) fn file_size(real: c_int) -> c_int {
    c_int::try_from(size_of::<File>()).unwrap() + real
}

/// Fills in a file that is being opened; returns the place of the real one.
///
/// # Safety
/// `file` has [`file_size`] bytes.
pub(crate) unsafe fn prepare(
    file: *mut ffi::sqlite3_file,
    disk: &'static Disk,
    role: Option<Role>,
    may_create: bool,
    has_shared_memory: bool,
) -> *mut ffi::sqlite3_file {
    let methods = if has_shared_memory { &WITH_SHARED_MEMORY } else { &WITHOUT };
    let syncs_directory = may_create && matches!(role, Some(Role::Wal | Role::Journal));
    unsafe {
        file.cast::<File>().write(File {
            base: ffi::sqlite3_file { pMethods: methods },
            disk,
            role,
            syncs_directory,
            lock: ffi::SQLITE_LOCK_NONE,
        });
        real(file)
    }
}

/// The real file could not be opened: SQLite must not close it when it was left without methods.
///
/// # Safety
/// `file` was prepared.
pub(crate) unsafe fn abandon(file: *mut ffi::sqlite3_file) {
    unsafe {
        if (*real(file)).pMethods.is_null() {
            (*file).pMethods = std::ptr::null();
        }
    }
}

const WITHOUT: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 1,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(characteristics),
    xShmMap: None,
    xShmLock: None,
    xShmBarrier: None,
    xShmUnmap: None,
    // No memory mapping: it would write past this file's back.
    xFetch: None,
    xUnfetch: None,
};

const WITH_SHARED_MEMORY: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    ..WITHOUT
};

/// The WAL's write lock, `WAL_WRITE_LOCK` in SQLite's wal.c.
const WAL_WRITE_LOCK: c_int = 0;
/// Where the first page ends that [`Fault::Noise`] spares.
const FIRST_PAGE_END: i64 = 4096;
/// A read as long as this is one of a page, in the database or in the WAL.
const PAGE_MIN: c_int = 512;

// SAFETY of all of the below: SQLite passes a file that `prepare` filled in, behind which the real
// VFS opened its own. The buffers are as long as SQLite says.

unsafe fn real(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    unsafe { file.cast::<File>().add(1).cast() }
}

unsafe fn methods<'a>(file: *mut ffi::sqlite3_file) -> &'a ffi::sqlite3_io_methods {
    unsafe { &*(*real(file)).pMethods }
}

unsafe fn ours<'a>(file: *mut ffi::sqlite3_file) -> &'a mut File {
    unsafe { &mut *file.cast::<File>() }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    unsafe { methods(file).xClose.unwrap()(real(file)) }
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    buffer: *mut c_void,
    length: c_int,
    offset: i64,
) -> c_int {
    let File { disk, role, .. } = unsafe { ours(file) };
    let code = unsafe { methods(file).xRead.unwrap()(real(file), buffer, length, offset) };
    let is_page = match role {
        Some(Role::Database) => length >= PAGE_MIN && offset >= FIRST_PAGE_END,
        Some(Role::Wal) => length >= PAGE_MIN,
        Some(Role::Journal | Role::Directory | Role::File(_)) | None => false,
    };
    if is_page && disk.fault() == Some(Fault::Noise) {
        unsafe { buffer.cast::<u8>().write_bytes(0xA5, usize::try_from(length).unwrap()) };
    }
    code
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    buffer: *const c_void,
    length: c_int,
    offset: i64,
) -> c_int {
    let (disk, role) = (unsafe { ours(file) }.disk, unsafe { ours(file) }.role);
    let (written, refused) = match disk.fault() {
        Some(Fault::Full) => (length / 2, Some(ffi::SQLITE_FULL)),
        Some(Fault::ReadOnly) => (0, Some(ffi::SQLITE_IOERR_WRITE)),
        Some(Fault::Sync | Fault::Noise) | None => (length, None),
    };
    if written > 0 {
        let code = unsafe { methods(file).xWrite.unwrap()(real(file), buffer, written, offset) };
        if code != ffi::SQLITE_OK {
            return code;
        }
        if let Some(role) = role {
            let bytes = unsafe {
                std::slice::from_raw_parts(buffer.cast::<u8>(), usize::try_from(written).unwrap())
            };
            let offset = u64::try_from(offset).unwrap();
            disk.note(Event::Write { role, offset, bytes: bytes.to_vec() });
        }
    }
    refused.unwrap_or(ffi::SQLITE_OK)
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    let (disk, role) = (unsafe { ours(file) }.disk, unsafe { ours(file) }.role);
    if disk.fault() == Some(Fault::ReadOnly) {
        return ffi::SQLITE_IOERR_TRUNCATE;
    }
    let code = unsafe { methods(file).xTruncate.unwrap()(real(file), size) };
    if let (ffi::SQLITE_OK, Some(role)) = (code, role) {
        disk.note(Event::Truncate { role, size: u64::try_from(size).unwrap() });
    }
    code
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _flags: c_int) -> c_int {
    let File { disk, role, syncs_directory, .. } = unsafe { ours(file) };
    if matches!(disk.fault(), Some(Fault::Sync | Fault::ReadOnly)) {
        return ffi::SQLITE_IOERR_FSYNC;
    }
    if let Some(role) = *role {
        disk.note(Event::Sync { role, directory: std::mem::take(syncs_directory) });
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    let code = unsafe { methods(file).xLock.unwrap()(real(file), level) };
    if code == ffi::SQLITE_OK {
        let ours = unsafe { ours(file) };
        ours.lock = ours.lock.max(level);
    }
    code
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    let code = unsafe { methods(file).xUnlock.unwrap()(real(file), level) };
    let ours = unsafe { ours(file) };
    if ours.lock >= ffi::SQLITE_LOCK_RESERVED && level < ffi::SQLITE_LOCK_RESERVED {
        ours.disk.note(Event::Ended);
    }
    ours.lock = level;
    code
}

unsafe extern "C" fn shm_lock(
    file: *mut ffi::sqlite3_file,
    offset: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    let code = unsafe { methods(file).xShmLock.unwrap()(real(file), offset, count, flags) };
    let write_unlock = ffi::SQLITE_SHM_UNLOCK | ffi::SQLITE_SHM_EXCLUSIVE;
    if offset == WAL_WRITE_LOCK && flags == write_unlock {
        unsafe { ours(file) }.disk.note(Event::Ended);
    }
    code
}

unsafe extern "C" fn size(file: *mut ffi::sqlite3_file, out: *mut i64) -> c_int {
    unsafe { methods(file).xFileSize.unwrap()(real(file), out) }
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    unsafe { methods(file).xCheckReservedLock.unwrap()(real(file), out) }
}

unsafe extern "C" fn control(
    file: *mut ffi::sqlite3_file,
    operation: c_int,
    argument: *mut c_void,
) -> c_int {
    unsafe { methods(file).xFileControl.unwrap()(real(file), operation, argument) }
}

unsafe extern "C" fn sector_size(file: *mut ffi::sqlite3_file) -> c_int {
    unsafe { methods(file).xSectorSize.unwrap()(real(file)) }
}

unsafe extern "C" fn characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    unsafe { methods(file).xDeviceCharacteristics.unwrap()(real(file)) }
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    region: c_int,
    size: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    unsafe { methods(file).xShmMap.unwrap()(real(file), region, size, extend, out) }
}

unsafe extern "C" fn shm_barrier(file: *mut ffi::sqlite3_file) {
    unsafe { methods(file).xShmBarrier.unwrap()(real(file)) }
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, delete: c_int) -> c_int {
    unsafe { methods(file).xShmUnmap.unwrap()(real(file), delete) }
}
