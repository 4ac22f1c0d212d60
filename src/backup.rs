//! Backups, and restoring one without sending anything twice.
//!
//! A backup is a whole database in one file: copied from the live one while it is used, checked,
//! durable, and only then given its name. Restoring prepares the new database in a file of its own,
//! where everything that may have been sent since the backup is decided (see `store::restore`), and
//! puts it in place in one step: whatever ends the program, the database is the old one or the new.

mod partial;

use std::fs::File;
use std::io::ErrorKind;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::clock::{Timestamp, lock};
use crate::config::Config;
use crate::content::is_sha256;
use crate::engine::Planner;
use crate::fail_point;
use crate::files::{FileError, Files};
use crate::instance::{Instance, InstanceError};
use crate::lock::{LockError, SenderLock};
use crate::private_file::{SIDE_FILES, remove_with_sides, with_ending};
use crate::store::{Contents, DataVersion, Marked, Restoration, Store, StoreError};
use crate::trigger::Triggers;

use partial::Partial;

/// Messages that are looked at in one round of a restore: as many as the planner takes.
const MESSAGES_PER_ROUND: u32 = 100;
/// For a file that does not say when it was made: nothing is too old to have been sent since.
const FOR_EVER: Duration = Duration::from_hours(24 * 366 * 10_000);
/// What a restore adds to the name of the database until then, before the time.
const BEFORE: &str = ".before-restore";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    pub path: PathBuf,
    pub contents: Contents,
    pub bytes: u64,
    pub(crate) removed: usize,
    /// How many files of messages are beside it, in `<path>.files`, and how many were not there.
    pub files: usize,
    pub missing_files: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    pub made_at: Option<Timestamp>,
    /// Where the database until now is; `None` when there was none.
    pub before: Option<PathBuf>,
    /// Whether the database until now could tell what was sent since the backup.
    pub has_evidence: bool,
    pub marked: Marked,
    /// How many deliveries are pending, and will be sent.
    pub pending: u64,
    /// Messages that failed before they were planned, but may have been sent before.
    pub failed_messages: u64,
    /// Messages that only the database until now has.
    pub lost_messages: u64,
    /// Whether the backup was made of a database in another place.
    pub is_from_elsewhere: bool,
    /// Files of messages that are neither here nor beside the backup.
    pub missing_files: usize,
}

/// A backup or a restore failed. Neither the database nor an older backup was touched.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("there is no database `{}`: correct DATABASE_PATH", .0.display())]
    NoDatabase(PathBuf),
    #[error("`{}` is the database itself, or a file beside it that belongs to it: give another name", .0.display())]
    Itself(PathBuf),
    #[error("`{}` is no backup: it is not replaced; give another name", .0.display())]
    NotABackup(PathBuf),
    #[error("`{}` is a database in use (there is a `{}` beside it): it is not replaced; give another name", .0.display(), .1.display())]
    InUse(PathBuf, PathBuf),
    #[error("`{}` is no database of this program: give a file that `backup` made", .0.display())]
    NotOurs(PathBuf),
    #[error("`{}` is damaged and was not used: {complaint}", path.display())]
    Damaged { path: PathBuf, complaint: String },
    #[error("`{}` is being used to send: stop `serve` and wait for the end of `run`, then try again", .0.display())]
    Sending(PathBuf),
    /// What was sent in between cannot be told from what is not due yet.
    #[error("the clock says {now}, and `{}` was made at {made_at}: set the clock. If it was ahead when the backup was made, `--clock-is-right` takes what is due until then for sent", path.display())]
    ClockBehind { path: PathBuf, now: Timestamp, made_at: Timestamp },
    #[error("failed to {action} `{}`", path.display())]
    File { action: &'static str, path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Files(#[from] FileError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Instance(#[from] InstanceError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Copies `database` into `target` while others use it. With `keep`, `target` is a base name: the
/// time is added to it, and all but the newest `keep` of such files are removed.
/// On an error the file that was there is as it was.
pub fn backup(
    database: &Path,
    target: &Path,
    keep: Option<NonZeroUsize>,
    now: Timestamp,
) -> Result<Backup, BackupError> {
    let path = path_of(target, keep, now);
    check_target(database, &path)?;
    let store = if database.exists() { Store::open_as_is(database)? } else { None };
    let store = store.ok_or_else(|| BackupError::NoDatabase(database.to_owned()))?;
    // Before the files: where they lie beside it, the next backup knows them for those of one that was killed.
    let partial = Partial::beside(&path, target)?;
    // Before the copy has its name, so that it is never there without its files.
    let (files, beside) = (Files::beside(database), Files::beside(&path));
    let before: Vec<String> =
        beside.names().unwrap_or_default().into_iter().map(|(name, _)| name).collect();
    let copied = names_in(database)
        .and_then(|names| bring_files(&names, &files, &beside))
        .and_then(|_| snapshot(&store, partial, path.clone(), now));
    // Files of a backup that there is not would only take the room of the next one.
    let (mut made, _) = copied.inspect_err(|_| {
        if !path.exists() {
            beside.keep_only(&before);
        }
    })?;
    let names = names_in(&made.path)?;
    made.missing_files = bring_files(&names, &files, &beside)?;
    made.files = names.len() - made.missing_files;
    // The others are of an older backup of this name.
    beside.sweep(now);
    beside.keep_only(&names);
    if let Some(keep) = keep {
        made.removed = partial::remove_older(target, &made.path, keep.get())?;
    }
    Ok(made)
}

/// A checked copy of `database` as it is at `now`, for somebody who takes it away: the file has no name any more,
/// and is gone once it is closed. The files of messages are not in it.
pub(crate) fn copy_to_take(database: &Path, now: Timestamp) -> Result<(File, u64), BackupError> {
    // Two at once would have the same name, and twice the work.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _one = lock(&ONE_AT_A_TIME);
    let path = with_ending(database, ".taken");
    let store = if database.exists() { Store::open_as_is(database)? } else { None };
    let store = store.ok_or_else(|| BackupError::NoDatabase(database.to_owned()))?;
    let (made, _) = snapshot(&store, Partial::beside(&path, &path)?, path.clone(), now)?;
    let opened = File::open(&path).map_err(failed_to("open", &path));
    remove_with_sides(&path);
    Ok((opened?, made.bytes))
}

/// The files that the messages of a database refer to.
fn names_in(database: &Path) -> Result<Vec<String>, BackupError> {
    let Some(mut store) = Store::open_as_is(database)? else { return Ok(Vec::new()) };
    let mut names = store.read(|tx| tx.files_of_messages())?;
    names.retain(|name| is_sha256(name));
    Ok(names)
}

/// Brings files from one place to another; one that was changed is none. Returns how many are in neither.
fn bring_files(names: &[String], from: &Files, to: &Files) -> Result<usize, BackupError> {
    let mut missing = 0;
    if !names.is_empty() {
        to.make_directory()?;
    }
    for name in names {
        if to.verify(name).is_ok() {
            continue;
        }
        if from.verify(name).is_err() {
            missing += 1;
            continue;
        }
        match to.take_from(from, name) {
            // It was pruned meanwhile.
            Err(FileError::Read { source, .. }) if source.kind() == ErrorKind::NotFound => {
                missing += 1;
            }
            taken => taken?,
        }
    }
    Ok(missing)
}

/// The file that [`backup`] writes.
pub(crate) fn path_of(target: &Path, keep: Option<NonZeroUsize>, now: Timestamp) -> PathBuf {
    if keep.is_some() { with_time(target, now) } else { target.to_owned() }
}

/// Whether files lie beside a backup, or where one will be.
pub(crate) fn has_files(path: &Path) -> bool {
    Files::beside(path).directory().exists()
}

/// Removes what a [`backup`] of this process to `path` has written so far: the process is about to
/// end. Files that lay there before (`had_files`) may be all that is left of another backup: then they stay.
pub(crate) fn abandon(path: &Path, had_files: bool) {
    drop(partial::abandon(path));
    if !had_files && !path.exists() {
        let files = Files::beside(path);
        // Also one on its way to its name. The backup goes on meanwhile, and fails once its directory is gone.
        for _ in 0..100 {
            let _ = std::fs::remove_dir_all(files.directory());
            if !files.directory().exists() {
                break;
            }
        }
    }
}

/// Makes the content of `file` the database. Everything that may have been sent since it was made
/// becomes `unknown`, except what the database until now knows better.
///
/// # Errors
/// Also when `now` is before the moment of the backup: with [`BackupError::ClockBehind`]'s `made_at` as
/// `now`, all that was due until then counts as sent.
/// On an error the database is as it was.
pub fn restore(
    database: &Path,
    file: &Path,
    config: &Config,
    now: Timestamp,
) -> Result<Restored, BackupError> {
    let Some(_lock) = SenderLock::try_take(database)? else {
        return Err(BackupError::Sending(database.to_owned()));
    };
    if partial::is_same_file(database, file) {
        return Err(BackupError::Itself(file.to_owned()));
    }
    let prepared = Partial::make(Store::restoring_path(database))?;
    take_copy(file, &prepared)?;
    let files = Files::beside(database);
    let names = names_in(prepared.path())?;
    let beside = Files::beside(file);
    let missing_files = bring_files(&names, &beside, &files)?;
    let present = Present::look(database)?;
    let before_path = before_path(database, now);
    let mut new = Store::open_copy(prepared.path())?;
    if let Some(made_at) = new.write(|tx| tx.backup_made_at())?.filter(|made_at| *made_at > now) {
        return Err(BackupError::ClockBehind { path: file.to_owned(), now, made_at });
    }
    let (instance, has_evidence) = match &present {
        Present::Well(store, _) => {
            let partial = Partial::beside(&before_path, &with_ending(database, BEFORE))?;
            let (_, sent_last) = snapshot(store, partial, before_path.clone(), now)?;
            // What only that one refers to, the next `prune` takes from here.
            let before = Files::beside(&before_path);
            for name in names_in(&before_path)? {
                before.make_directory()?;
                let _ = before.link_from(&files, &name);
            }
            let here = Instance::of(database)?;
            // A copy that nobody confirmed cannot tell what the other one sent.
            let is_same = sent_last.is_some_and(|one| one.is_same_as(&here));
            (here, is_same && new.attach_evidence(&before_path)?)
        }
        // The prepared file itself takes the name, and stays the same instance.
        Present::Damaged | Present::Missing => (Instance::of(prepared.path())?, false),
    };
    let (mut restored, new) = decide(new, files.clone(), config, has_evidence, &instance, now)?;
    fail_point::reach("restore_prepared");
    restored.before = (!matches!(present, Present::Missing)).then_some(before_path);
    match present {
        Present::Well(store, version) => store.replace_content(&new, version)?,
        Present::Damaged | Present::Missing => {
            new.close_as_one_file()?;
            put_in_place(prepared, database, restored.before.as_deref(), now)?;
        }
    }
    // A `prune` beside this one takes what only the new database refers to, until now.
    restored.missing_files = bring_files(&names, &beside, &files).unwrap_or(missing_files);
    Ok(restored)
}

/// The database until now.
enum Present {
    /// It can be read, and was so at this moment.
    Well(Store, DataVersion),
    /// It cannot be read, or only by a newer program.
    Damaged,
    Missing,
}

impl Present {
    fn look(database: &Path) -> Result<Self, BackupError> {
        if !database.exists() {
            return Ok(Self::Missing);
        }
        let store = match Store::open_as_is(database) {
            Ok(Some(store)) => store,
            Ok(None) => return Ok(Self::Missing),
            Err(StoreError::NotADatabase { .. } | StoreError::Newer { .. }) => {
                return Ok(Self::Damaged);
            }
            Err(error) if error.is_damage() => return Ok(Self::Damaged),
            Err(error) => return Err(error.into()),
        };
        let version = store.data_version()?;
        Ok(if store.find_damage()?.is_none() { Self::Well(store, version) } else { Self::Damaged })
    }
}

/// A checked copy of `store` under its final name, and the instance that last sent.
fn snapshot(
    store: &Store,
    partial: Partial,
    path: PathBuf,
    now: Timestamp,
) -> Result<(Backup, Option<Instance>), BackupError> {
    let contents = store.copy_to(partial.path())?;
    fail_point::reach("backup_copied");
    check(partial.path(), &path)?;
    let mut copy = Store::open_copy(partial.path())?;
    let sent_last = copy.write(|tx| {
        tx.set_backup_made_at(now)?;
        tx.instance()
    })?;
    copy.close_as_one_file()?;
    fail_point::reach("backup_checked");
    let bytes = partial.finish(&path)?;
    let made = Backup { path, contents, bytes, removed: 0, files: 0, missing_files: 0 };
    Ok((made, sent_last.as_deref().map(Instance::parse)))
}

/// Copies `file` into `prepared`, when it is well and ours.
fn take_copy(file: &Path, prepared: &Partial) -> Result<(), BackupError> {
    let not_ours = || BackupError::NotOurs(file.to_owned());
    std::fs::metadata(file).map_err(failed_to("read", file))?;
    let store = match Store::open_as_is(file) {
        Ok(store) => store.ok_or_else(not_ours)?,
        Err(StoreError::NotADatabase { .. } | StoreError::Foreign { .. }) => return Err(not_ours()),
        Err(error) => return Err(error.into()),
    };
    store.copy_to(prepared.path())?;
    check(prepared.path(), file)
}

/// Checks the database at `path`; `name` is what a person knows it by.
fn check(path: &Path, name: &Path) -> Result<(), BackupError> {
    let damaged = |complaint| BackupError::Damaged { path: name.to_owned(), complaint };
    let complaint = match Store::open_as_is(path)? {
        Some(store) => store.find_damage()?,
        None => Some("it has no tables".to_owned()),
    };
    complaint.map_or(Ok(()), |complaint| Err(damaged(complaint)))
}

/// Decides what became of everything that was unsent when the backup was made: plans what has come
/// due since, with the planner itself, and marks it before anybody can send it.
fn decide(
    mut new: Store,
    files: Files,
    config: &Config,
    has_evidence: bool,
    instance: &Instance,
    now: Timestamp,
) -> Result<(Restored, Store), BackupError> {
    let restoration = Restoration { has_evidence, zone: config.zone.clone(), now };
    let ready_at = now.plus(config.longest_gap());
    let (made_at, sent_last, lost_messages) = new.write(|tx| {
        let made_at = tx.backup_made_at()?;
        let sent_last = tx.instance()?;
        tx.confirm_instance(&instance.to_string(), now)?;
        tx.take_over_channels(&restoration, ready_at)?;
        let lost = if has_evidence { tx.count_lost_messages()? } else { 0 };
        Ok((made_at, sent_last, lost))
    })?;
    // Only what was too late when the backup was made is expired; the rest may have been sent in time.
    let late_limit = made_at.map_or(FOR_EVER, |at| config.late_limit + now.since(at));
    let config = Arc::new(Config { late_limit, ..config.clone() });
    let store = Arc::new(Mutex::new(new));
    // Nobody sends meanwhile.
    let mut planner = Planner::new(Arc::clone(&store), Arc::new(Triggers::default()), config);
    planner.set_portion(usize::MAX);
    planner.set_files(files);
    let (mut marked, failed_messages, pending) = decide_all(&mut planner, &store, &restoration)?;
    if has_evidence {
        lock(&store).write(|tx| {
            tx.take_over_retries(&restoration, &mut marked)?;
            tx.take_over_times(now)
        })?;
    }
    drop(planner);
    let mut new = Arc::into_inner(store)
        .and_then(|store| store.into_inner().ok())
        .expect("the planner was the only other owner, and did not panic");
    if has_evidence {
        new.detach_evidence()?;
    }
    let is_from_elsewhere =
        sent_last.is_some_and(|text| !Instance::parse(&text).is_same_as(instance));
    let restored = Restored {
        made_at,
        before: None,
        has_evidence,
        marked,
        pending,
        failed_messages,
        lost_messages,
        is_from_elsewhere,
        missing_files: 0,
    };
    Ok((restored, new))
}

/// Round by round, because a weekly message may have been due many times since. Returns what became
/// of deliveries, how many messages failed without any, and how many deliveries are pending.
fn decide_all(
    planner: &mut Planner,
    store: &Mutex<Store>,
    restoration: &Restoration,
) -> Result<(Marked, u64, u64), BackupError> {
    let now = restoration.now;
    let (mut marked, mut failed) = (Marked::default(), 0);
    loop {
        let due = lock(store).read(|tx| {
            let mut ids = tx.due_message_ids(now, MESSAGES_PER_ROUND)?;
            ids.extend(tx.untimed_message_ids(MESSAGES_PER_ROUND)?);
            Ok(ids)
        })?;
        planner.pass(now)?;
        lock(store).write(|tx| {
            for id in &due {
                failed += u64::from(tx.note_maybe_sent(*id)?);
            }
            tx.mark_restored(restoration, &mut marked)
        })?;
        let (due, untimed, pending) = lock(store).read(|tx| {
            Ok((tx.due_message_ids(now, 1)?, tx.untimed_message_ids(1)?, tx.count_pending()?))
        })?;
        if due.is_empty() && untimed.is_empty() {
            return Ok((marked, failed, pending));
        }
    }
}

/// Where nobody can use the old file: moves it and what belongs to it aside, and gives its name to
/// the new one. In between there is no database, and the next start says so.
fn put_in_place(
    prepared: Partial,
    database: &Path,
    before: Option<&Path>,
    now: Timestamp,
) -> Result<(), BackupError> {
    let stale = before_path(database, now);
    let move_aside = |from: &Path, to: &Path| match std::fs::rename(from, to) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed_to("move", from)(error)),
        Ok(()) | Err(_) => Ok(()),
    };
    if let Some(before) = before {
        move_aside(database, before)?;
    }
    for ending in SIDE_FILES {
        move_aside(&with_ending(database, ending), &with_ending(&stale, ending))?;
    }
    fail_point::reach("restore_moved_aside");
    prepared.finish(database).map(drop)
}

/// A backup must not end up over something that is none.
fn check_target(database: &Path, path: &Path) -> Result<(), BackupError> {
    let belongs = SIDE_FILES.iter().chain(&[".lock", ".cron-secret", ".restoring", ".files"]);
    let mut own = belongs.map(|ending| with_ending(database, ending)).chain([database.to_owned()]);
    if own.any(|file| file == path || partial::is_same_file(&file, path)) {
        return Err(BackupError::Itself(path.to_owned()));
    }
    if !partial::may_be_replaced(path)? {
        return Err(BackupError::NotABackup(path.to_owned()));
    }
    let sides = SIDE_FILES.map(|ending| with_ending(path, ending));
    match sides.into_iter().find(|side| side.exists()) {
        Some(side) => Err(BackupError::InUse(path.to_owned(), side)),
        None => Ok(()),
    }
}

fn failed_to(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::File { action, path, source }
}

/// `<path>.2026-12-01T010000Z`.
fn with_time(path: &Path, now: Timestamp) -> PathBuf {
    with_ending(path, &format!(".{}", time_in_name(now)))
}

fn before_path(database: &Path, now: Timestamp) -> PathBuf {
    with_ending(database, &format!("{BEFORE}-{}", time_in_name(now)))
}

/// Sorts by time, and has no colon.
fn time_in_name(now: Timestamp) -> String {
    now.to_string().replace(':', "")
}
