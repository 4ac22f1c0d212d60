//! Keeping the database small: what ended long ago goes, and its room is given back to the disk.
//!
//! Works beside a server that sends: pieces of bounded size, each one durable commit, with a rest
//! as long as the work after each. It never takes the sender's lock to remove anything; killed
//! anywhere, it leaves rows that are whole, and the next one goes on. What may go is decided in
//! `store::prune`, and why nothing is sent twice for it.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::clock::{Clock, Timestamp, Wake};
use crate::config::Config;
use crate::engine::PRUNED_AGE_MIN;
use crate::files::{self, Files};
use crate::lock::{LockError, SenderLock};
use crate::store::{
    ACTS_KEPT, CHECK_COUNTS_FOR, Counted, Old, Side, SqlResult, Store, StoreError, Tx,
};

/// What ended less than so long ago stays: WAHA still repeats events of it, look-ups are under way.
pub(crate) const AGE_MIN: Duration = PRUNED_AGE_MIN;

/// Rows in one transaction: some 10 ms of work, that a sender may have to wait for.
const ROWS_PER_COMMIT: u64 = 250;
/// Messages that are looked at in one read.
const MESSAGES_PER_LOOK: u32 = 500;
/// Pages that are given back in one transaction: each one moved changes about three.
const PAGES_PER_COMMIT: u32 = 128;
/// The shortest rest between two transactions, and the longest.
const REST_MIN: Duration = Duration::from_millis(5);
const REST_MAX: Duration = Duration::from_secs(1);
/// What the work may keep of the file in memory, in KiB.
const CACHE_KIB: u32 = 8 * 1024;
/// So long somebody stays known who wrote or was sent something, whatever `age` says.
const NUMBERS_KEPT_MIN: Duration = Duration::from_hours(365 * 24);
/// A file that waits for a yes in the panel lasts an hour; a removal can be undone for a minute.
const UPLOADS_KEPT: Duration = Duration::from_hours(24);

const STATUSES: [&str; 6] = ["sent", "failed", "cancelled", "draft", "scheduled", "sending"];

/// What was removed, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pruned {
    /// What ended before this.
    pub(crate) cut: Timestamp,
    pub counted: Counted,
    /// Rows of other tables.
    pub sides: Vec<(Side, u64)>,
    /// People with whom nobody spoke for so long.
    pub numbers: u64,
    /// Files that no message refers to, and their bytes.
    pub files: u64,
    pub(crate) file_bytes: u64,
    /// The database with its WAL before it, in bytes.
    pub(crate) bytes_before: u64,
    pub(crate) bytes_after: u64,
    /// What became of the room.
    pub room: Room,
}

/// What became of the room that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Nothing was removed, because it was only counted.
    Untouched,
    /// The disk has it.
    GivenBack,
    /// The file keeps it for what comes: it was made by an older version, and somebody sends.
    Kept {
        /// How much, in bytes.
        bytes: u64,
    },
}

/// Nothing was removed, or not everything.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    #[error(
        "--older-than must be at least 7d: what ended within a week may still be corrected by WAHA"
    )]
    TooYoung,
    #[error("--older-than must be more than LATE_LIMIT_HOURS ({} hours): what is younger may still have to go out", .0.as_secs() / 3600)]
    WithinLateLimit(Duration),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error("what is old was removed, but `{}` could not be written anew to give its room back: that takes as much room again on the disk, meanwhile", path.display())]
    NotAnew { path: PathBuf, source: StoreError },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Removes what ended longer ago than `age`, in small pieces, and gives its room back.
/// On an error what was removed until then stays removed.
pub fn prune(
    store: &mut Store,
    age: Duration,
    is_dry: bool,
    config: &Config,
    clock: &dyn Clock,
) -> Result<Pruned, PruneError> {
    if age < AGE_MIN {
        return Err(PruneError::TooYoung);
    }
    // A day of room: clocks are set, and a message that is due at the limit takes its time.
    if age < config.late_limit + Duration::from_hours(24) {
        return Err(PruneError::WithinLateLimit(config.late_limit));
    }
    let now = clock.now().wall;
    let cut = now.minus(age);
    let bytes_before = store.bytes_on_disk();
    store.set_cache(CACHE_KIB)?;
    let mut work = Work { store, clock, cut, is_dry, counted: Counted::default() };
    for status in STATUSES {
        work.messages(status)?;
    }
    let mut sides = Vec::new();
    for side in Side::ALL {
        sides.push((side, work.side(side, side_cut(side, cut, now))?));
    }
    let numbers = work.numbers(now)?;
    let (files, file_bytes) = work.files(now)?;
    let counted = work.counted;
    let room = if is_dry { Room::Untouched } else { give_back(store, clock)? };
    let bytes_after = store.bytes_on_disk();
    Ok(Pruned { cut, counted, sides, numbers, files, file_bytes, bytes_before, bytes_after, room })
}

/// What nobody can use any more goes whatever its age.
fn side_cut(side: Side, cut: Timestamp, now: Timestamp) -> Timestamp {
    match side {
        Side::Runs | Side::Alerts | Side::Callbacks | Side::WebhookSessions | Side::ChannelDays => {
            cut
        }
        Side::Acts => now.minus(ACTS_KEPT),
        // Each of both is over after a week, unused.
        Side::WebhookEvents | Side::PanelSessions => now.minus(AGE_MIN),
        Side::PanelUploads | Side::PanelRemoved => now.minus(UPLOADS_KEPT),
    }
}

struct Work<'a> {
    store: &'a mut Store,
    clock: &'a dyn Clock,
    cut: Timestamp,
    is_dry: bool,
    counted: Counted,
}

impl Work<'_> {
    /// All messages of one status, page by page.
    fn messages(&mut self, status: &str) -> Result<(), StoreError> {
        let cut = self.cut;
        let mut after = i64::MIN;
        loop {
            let page =
                self.store.read(|tx| tx.look_for_old(status, after, cut, MESSAGES_PER_LOOK))?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = *last;
            self.page(&page)?;
        }
    }

    fn page(&mut self, page: &[(i64, bool)]) -> Result<(), StoreError> {
        let cut = self.cut;
        let mut found = VecDeque::new();
        for (id, _) in page.iter().filter(|(_, is_candidate)| *is_candidate) {
            // One read each: a message to very many takes a while, and a reader keeps the WAL.
            found.extend(self.store.read(|tx| tx.what_is_old(*id, cut))?);
        }
        if self.is_dry {
            for old in &found {
                self.counted.add(old.counted);
            }
            return Ok(());
        }
        while !found.is_empty() {
            self.piece(&mut found)?;
        }
        Ok(())
    }

    /// One transaction. What is done is taken from `found`.
    fn piece(&mut self, found: &mut VecDeque<Old>) -> Result<(), StoreError> {
        let cut = self.cut;
        let (done, counted) = self.write(|tx| {
            tx.note_pruned_before(cut)?;
            let (mut counted, mut done) = (Counted::default(), 0);
            let mut left = ROWS_PER_COMMIT;
            for old in found.iter() {
                let gone = tx.remove_deliveries(old, cut, left)?;
                counted.add(gone);
                left -= gone.deliveries;
                if left == 0 {
                    break;
                }
                if old.is_whole {
                    counted.messages += u64::from(tx.remove_message(old)?);
                    left -= 1;
                }
                done += 1;
                if left == 0 {
                    break;
                }
            }
            Ok((done, counted))
        })?;
        found.drain(..done);
        self.counted.add(counted);
        Ok(())
    }

    fn side(&mut self, side: Side, cut: Timestamp) -> Result<u64, StoreError> {
        if self.is_dry {
            return self.store.read(|tx| tx.count_old(side, cut));
        }
        let mut sum = 0;
        loop {
            let gone = self.write(|tx| tx.remove_old(side, cut, ROWS_PER_COMMIT))?;
            sum += gone;
            if gone == 0 {
                return Ok(sum);
            }
        }
    }

    /// People with whom nobody spoke for longer than the age, and for a year; what WhatsApp said of the others goes
    /// when it counts no more. By their key, so that the many who stay are looked at once.
    fn numbers(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        let old = (self.cut.min(now.minus(NUMBERS_KEPT_MIN)), now.minus(CHECK_COUNTS_FOR));
        let (mut after, mut sum) = (String::new(), 0);
        while let Some(last) = self.store.read(|tx| tx.last_of_numbers(&after, ROWS_PER_COMMIT))? {
            let range = (after.as_str(), last.as_str());
            sum += if self.is_dry {
                self.store.read(|tx| tx.count_old_numbers(range, old))?
            } else {
                self.write(|tx| tx.remove_old_numbers(range, old))?
            };
            after = last;
        }
        Ok(sum)
    }

    /// Files that no message refers to; what just came may be about to get one.
    fn files(&mut self, now: Timestamp) -> Result<(u64, u64), StoreError> {
        let files = Files::beside(self.store.path());
        files.sweep(now);
        let (mut count, mut bytes) = (0, 0);
        // What cannot be listed stays, and takes nothing from anybody.
        let is_old =
            |came_at: Option<SystemTime>| came_at.is_some_and(|at| files::age(at, now) >= AGE_MIN);
        for (name, came_at) in files.names().unwrap_or_default() {
            if !is_old(came_at) {
                continue;
            }
            let size = files.look(&name).map_or(0, |stored| stored.bytes);
            let is_dry = self.is_dry;
            let is_gone = self.write(|tx| {
                // It may have come once more since it was listed.
                let is_free =
                    tx.message_with_file(&name)?.is_none() && is_old(files.came_at(&name));
                Ok(is_free && (is_dry || files.remove(&name).is_ok()))
            })?;
            if is_gone {
                count += 1;
                bytes += size;
            }
        }
        Ok((count, bytes))
    }

    fn write<T>(&mut self, work: impl FnOnce(&Tx<'_>) -> SqlResult<T>) -> Result<T, StoreError> {
        let store = &mut *self.store;
        paced(self.clock, || store.write(work))
    }
}

/// Does `work`, and then rests as long as it took: a sender that waits for the database gets it.
fn paced<T>(clock: &dyn Clock, work: impl FnOnce() -> T) -> T {
    let began = clock.now().monotonic;
    let done = work();
    let took = clock.now().monotonic.saturating_sub(began);
    let wake = Wake::default();
    clock.sleep(&wake, wake.rings(), Some(took.clamp(REST_MIN, REST_MAX)));
    done
}

fn give_back(store: &Store, clock: &dyn Clock) -> Result<Room, PruneError> {
    let mut room = Room::GivenBack;
    if store.gives_back_in_steps()? {
        while paced(clock, || store.give_back(PAGES_PER_COMMIT))? {}
    // Held meanwhile, so that nobody begins to send and then waits for it.
    } else if let Some(_lock) = SenderLock::try_take(store.path())? {
        let path = store.path().to_owned();
        store.write_anew().map_err(|source| PruneError::NotAnew { path, source })?;
    } else {
        room = Room::Kept { bytes: store.free_bytes()? };
    }
    store.empty_wal()?;
    Ok(room)
}
