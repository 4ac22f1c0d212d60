//! Time: [`Timestamp`] for what the tables say, [`Now`] for what a step is given, and [`Clock`],
//! the one thing in the program that asks the time or sleeps.
//!
//! A step is given one [`Now`] and passes it down; it reads the clock again only after the network.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const TEXT_FORMAT: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// The dates of HTTP, such as `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, IMF-fixdate).
const HTTP_FORMAT: &[BorrowedFormatItem<'static>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);

/// A point in time, UTC, in milliseconds since 1970.
///
/// Tables hold it as text in whole seconds, `YYYY-MM-DDTHH:MM:SSZ`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    millis: i64,
}

impl Timestamp {
    /// The earliest and the latest that the table format can hold: years 0000 to 9999.
    const MIN_MILLIS: i64 = -62_167_219_200_000;
    const MAX_MILLIS: i64 = 253_402_300_799_999;

    /// From milliseconds since 1970; years outside 0000 to 9999 become the nearest end.
    pub fn from_millis(millis: i64) -> Self {
        Self { millis: millis.clamp(Self::MIN_MILLIS, Self::MAX_MILLIS) }
    }

    /// From seconds since 1970; years outside 0000 to 9999 become the nearest end.
    pub fn from_secs(secs: i64) -> Self {
        Self::from_millis(secs.saturating_mul(1000))
    }

    pub fn millis(self) -> i64 {
        self.millis
    }

    /// Whole seconds since 1970, rounded down.
    pub fn secs(self) -> i64 {
        self.millis.div_euclid(1000)
    }

    /// Reads the table format, `YYYY-MM-DDTHH:MM:SSZ`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        Self::read(text, TEXT_FORMAT)
    }

    pub(crate) fn parse_http(text: &str) -> Option<Self> {
        Self::read(text, HTTP_FORMAT)
    }

    fn read(text: &str, format: &[BorrowedFormatItem<'static>]) -> Option<Self> {
        let at = time::PrimitiveDateTime::parse(text, format).ok()?;
        Some(Self::from_secs(at.assume_utc().unix_timestamp()))
    }

    pub(crate) fn to_http(self) -> String {
        self.written(HTTP_FORMAT).unwrap_or_default()
    }

    /// Within the years that the formats can write, as it always is.
    fn written(self, format: &[BorrowedFormatItem<'static>]) -> Option<String> {
        OffsetDateTime::from_unix_timestamp(self.secs()).ok()?.format(format).ok()
    }

    /// This instant rounded up to a whole second: what a pace column holds, so that a rounded
    /// `ready_at` is never earlier than the real one.
    pub(crate) fn ceil_to_second(self) -> Self {
        Self::from_secs(self.millis.saturating_add(999).div_euclid(1000))
    }

    /// Later by `duration`, at most the end of year 9999.
    pub fn plus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.millis.saturating_add(millis))
    }

    /// Earlier by `duration`, at least the start of year 0.
    pub fn minus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.millis.saturating_sub(millis))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        let millis = self.millis.saturating_sub(earlier.millis);
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }
}

/// The table format, rounded down to a whole second.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written(TEXT_FORMAT).ok_or(fmt::Error)?)
    }
}

#[cfg(test)]
impl utoipa::PartialSchema for Timestamp {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{KnownFormat, SchemaFormat, Type};
        let text = utoipa::openapi::ObjectBuilder::new().schema_type(Type::String);
        text.format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))).into()
    }
}

#[cfg(test)]
impl utoipa::ToSchema for Timestamp {}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One reading of the clock.
///
/// `wall` decides what is due. `monotonic` decides the pace inside a process: it never jumps, so a
/// clock that is set forward makes no burst and one that is set back makes no stall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    pub wall: Timestamp,
    /// Time that only passes; only differences mean something.
    pub monotonic: Duration,
}

/// Tells the time and sleeps. The system's in the program, a simulated one in tests.
pub trait Clock: Send + Sync {
    fn now(&self) -> Now;

    /// Sleeps until `wake` is rung or `max` has passed; `None` sleeps until it is rung. Returns at
    /// once when it was rung since `seen`.
    fn sleep(&self, wake: &Wake, seen: u64, max: Option<Duration>);
}

/// Sleeps for a few milliseconds of real time, on no clock: for SQLite, which asks whether to try again
/// while another program holds the database.
pub(crate) fn nap(duration: Duration) {
    std::thread::sleep(duration);
}

/// The monotonic time of the system's clock when it is made: what was ready before that has a time, too.
const UP_FOR: Duration = Duration::from_hours(24 * 365);

#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

/// A clock whose monotonic time starts now.
impl Default for SystemClock {
    fn default() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let nanos = OffsetDateTime::now_utc().unix_timestamp_nanos();
        let millis = i64::try_from(nanos.div_euclid(1_000_000)).unwrap_or(i64::MAX);
        Now { wall: Timestamp::from_millis(millis), monotonic: UP_FOR + self.started.elapsed() }
    }

    fn sleep(&self, wake: &Wake, seen: u64, max: Option<Duration>) {
        wake.wait(seen, max);
    }
}

/// A bell: sleepers wait for it, a trigger or a signal rings it. Cheap to clone; clones are one bell.
///
/// Rings are counted. A sleeper first notes [`Wake::rings`], then looks whether there is work, then
/// sleeps with that count: a ring in between is never missed.
#[derive(Clone, Debug, Default)]
pub struct Wake {
    bell: Arc<(Mutex<Bell>, Condvar)>,
}

#[derive(Debug, Default)]
struct Bell {
    rings: u64,
    /// How many wait now: a bell that nobody hears costs no call of the system.
    sleepers: usize,
}

impl Wake {
    pub(crate) fn ring(&self) {
        self.count_ring(Condvar::notify_all);
    }

    /// Wakes one sleeper, when there is one: for sleepers who can each do the same.
    pub(crate) fn ring_one(&self) {
        self.count_ring(Condvar::notify_one);
    }

    fn count_ring(&self, notify: fn(&Condvar)) {
        let (bell, condvar) = &*self.bell;
        let has_sleepers = {
            let mut bell = lock(bell);
            bell.rings += 1;
            bell.sleepers > 0
        };
        if has_sleepers {
            notify(condvar);
        }
    }

    /// Whether the other one is a clone of this bell.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.bell, &other.bell)
    }

    /// How often it was rung so far.
    pub fn rings(&self) -> u64 {
        lock(&self.bell.0).rings
    }

    /// Waits until the count is no longer `seen`, or `max` has passed on the real clock.
    pub(crate) fn wait(&self, seen: u64, max: Option<Duration>) {
        let (bell, condvar) = &*self.bell;
        let mut guard = lock(bell);
        guard.sleepers += 1;
        let is_quiet = |bell: &mut Bell| bell.rings == seen;
        guard = match max {
            Some(max) => {
                let waited = condvar.wait_timeout_while(guard, max, is_quiet);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => condvar.wait_while(guard, is_quiet).unwrap_or_else(PoisonError::into_inner),
        };
        guard.sleepers -= 1;
    }
}

/// Locks. A panic elsewhere leaves nothing half-changed behind any lock of ours: SQLite rolls back, and
/// the others are held only to change a few values. So a poisoned one is as good as any.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_format_survives_a_round_trip() {
        let text = "2026-12-01T09:00:00Z";
        assert_eq!(Timestamp::parse(text).unwrap().to_string(), text);
    }

    #[test]
    fn only_the_table_format_is_a_timestamp() {
        for text in ["", "now", "2026-12-01", "2026-12-01 09:00:00", "2026-13-01T00:00:00Z"] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn rounding_up_never_gives_an_earlier_second() {
        let at = Timestamp::from_millis(10_001);
        assert_eq!(at.ceil_to_second().secs(), 11);
        assert_eq!(Timestamp::from_secs(10).ceil_to_second().secs(), 10);
    }

    #[test]
    fn sleepers_hear_every_ring_and_a_ring_without_sleepers_is_counted() {
        let wake = Wake::default();
        wake.ring();
        assert_eq!(wake.rings(), 1);
        std::thread::scope(|scope| {
            let sleepers = [0, 1].map(|_| scope.spawn(|| wake.wait(1, None)));
            while lock(&wake.bell.0).sleepers < 2 {
                std::thread::yield_now();
            }
            wake.ring();
            for sleeper in sleepers {
                sleeper.join().unwrap();
            }
        });
        assert_eq!((wake.rings(), lock(&wake.bell.0).sleepers), (2, 0));
        wake.wait(2, Some(Duration::from_millis(1)));
        assert_eq!(lock(&wake.bell.0).sleepers, 0, "also after a wait that ended by itself");
    }

    #[test]
    fn a_ring_before_the_sleep_is_not_missed() {
        let (clock, wake) = (SystemClock::default(), Wake::default());
        let seen = wake.rings();
        wake.ring();
        clock.sleep(&wake, seen, None);
    }
}
