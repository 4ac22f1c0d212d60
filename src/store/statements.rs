//! The one door of all statements of a [`Tx`], and who looks over its shoulder.
//!
//! A query plan that a test copies from here proves nothing once the statement is another. So a test
//! says which database to watch, lets the program work on it, and reads which statements really ran,
//! where in the source they stand, and how SQLite goes about them. Only in builds with debug
//! assertions; in a release build the door is `prepare_cached` and nothing else.

use rusqlite::types::FromSql;
use rusqlite::{CachedStatement, Connection, Row, ToSql};

use super::{SqlResult, Tx};

/// What [`params!`] makes.
type Named<'a> = &'a [(&'a str, &'a dyn ToSql)];

/// Named parameters: `params! { id, seen.{ status }, ":first": first_at, why(reason) }` gives `:id`,
/// `:status` of `seen`, `:first`, and a reason or none as `:error`, `:code` and `:args`.
macro_rules! params {
    (@ [$($done:tt)*] $(,)?) => { &[$($done)*] as &[(&str, &dyn rusqlite::ToSql)] };
    (@ [$($done:tt)*] why($reason:expr), $($rest:tt)*) => {
        params!(@ [$($done)*] ":error": Option::<&Reason>::from($reason),
            ":code": Option::<&Reason>::from($reason).map(Reason::code),
            ":args": Option::<&Reason>::from($reason).and_then(Reason::args), $($rest)*)
    };
    (@ [$($done:tt)*] $key:literal: $value:expr, $($rest:tt)*) => {
        params!(@ [$($done)* ($key, &$value as &dyn rusqlite::ToSql),] $($rest)*)
    };
    (@ [$($done:tt)*] $($of:ident).+.{ $($field:ident),+ $(,)? }, $($rest:tt)*) => {
        params!(@@ [$($done)*] ($($of).+) { $($field)+ } $($rest)*)
    };
    (@ [$($done:tt)*] $name:ident, $($rest:tt)*) => {
        params!(@ [$($done)*
            (concat!(":", stringify!($name)), &$name as &dyn rusqlite::ToSql),
        ] $($rest)*)
    };
    (@@ [$($done:tt)*] $of:tt { $field:ident $($fields:ident)* } $($rest:tt)*) => {
        params!(@@ [$($done)*
            (concat!(":", stringify!($field)), &$of.$field as &dyn rusqlite::ToSql),
        ] $of { $($fields)* } $($rest)*)
    };
    (@@ [$($done:tt)*] $of:tt {} $($rest:tt)*) => { params!(@ [$($done)*] $($rest)*) };
    ($($all:tt)*) => { params!(@ [] $($all)*,) };
}
pub(super) use params;

/// Reads columns into the fields of the same names: `read! { row => Self { id, lossy name, ack: None } }`.
macro_rules! read {
    (@ $row:ident $of:ident [$($done:tt)*] $(,)?) => { Ok($of { $($done)* }) };
    (@ $row:ident $of:ident [$($done:tt)*] $name:ident: $value:expr, $($rest:tt)*) => {
        read!(@ $row $of [$($done)* $name: $value,] $($rest)*)
    };
    (@ $row:ident $of:ident [$($done:tt)*] $name:ident, $($rest:tt)*) => {
        read!(@ $row $of [$($done)* $name: $row.get(read!(@@ $row $name))?,] $($rest)*)
    };
    (@ $row:ident $of:ident [$($done:tt)*] explanation $name:ident, $($rest:tt)*) => {
        read!(@ $row $of [$($done)* $name: explanation($row, stringify!($name))?,] $($rest)*)
    };
    (@ $row:ident $of:ident [$($done:tt)*] $with:ident $name:ident, $($rest:tt)*) => {
        read!(@ $row $of [$($done)* $name: $with($row, read!(@@ $row $name))?,] $($rest)*)
    };
    (@@ $row:ident $name:ident) => {{
        static NEAR: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        $crate::store::columns::place($row, stringify!($name), &NEAR)?
    }};
    ($row:ident => $of:ident { $($all:tt)* }) => { read!(@ $row $of [] $($all)*,) };
}
pub(super) use read;

/// A transaction, rolled back unless it was committed. Its statements are kept prepared, unlike rusqlite's.
pub(super) struct Whole<'a>(&'a Connection);

impl<'a> Whole<'a> {
    pub(super) fn begin(connection: &'a Connection, begin: &str) -> SqlResult<Self> {
        connection.prepare_cached(begin)?.execute([])?;
        Ok(Self(connection))
    }

    pub(super) fn commit(self) -> SqlResult<()> {
        self.0.prepare_cached("COMMIT")?.execute([]).map(drop)
    }
}

impl Drop for Whole<'_> {
    fn drop(&mut self) {
        if !self.0.is_autocommit() {
            drop(self.0.execute_batch("ROLLBACK"));
        }
    }
}

/// A name that is given no value would be NULL, without a word.
fn assert_all_given(statement: &rusqlite::Statement<'_>, params: Named<'_>) {
    debug_assert_eq!(statement.parameter_count(), params.len(), "of {statement:?}");
}

impl Tx<'_> {
    /// Prepares a statement, or takes it from those that are kept.
    #[cfg_attr(debug_assertions, track_caller)]
    pub(super) fn prepare(&self, sql: &str) -> SqlResult<CachedStatement<'_>> {
        #[cfg(debug_assertions)]
        watching::note(self.transaction, sql, std::panic::Location::caller());
        self.transaction.prepare_cached(sql)
    }

    /// Calls `visit` with each row until it says `false`.
    // Not generic: every query has its loop here, and the program is smaller.
    #[cfg_attr(debug_assertions, track_caller)]
    pub(super) fn each_row(
        &self,
        sql: &str,
        params: Named<'_>,
        visit: &mut dyn FnMut(&Row<'_>) -> SqlResult<bool>,
    ) -> SqlResult<()> {
        let mut statement = self.prepare(sql)?;
        assert_all_given(&statement, params);
        let mut rows = statement.query(params)?;
        while let Some(row) = rows.next()? {
            if !visit(row)? {
                break;
            }
        }
        Ok(())
    }

    #[cfg_attr(debug_assertions, track_caller)]
    pub(super) fn query_rows<T>(
        &self,
        sql: &str,
        params: Named<'_>,
        mut read: impl FnMut(&Row<'_>) -> SqlResult<T>,
    ) -> SqlResult<Vec<T>> {
        let mut all = Vec::new();
        self.each_row(sql, params, &mut |row| {
            all.push(read(row)?);
            Ok(true)
        })?;
        Ok(all)
    }

    /// The first row that a statement gives; `None` when it gives none.
    #[cfg_attr(debug_assertions, track_caller)]
    pub(super) fn query_optional<T>(
        &self,
        sql: &str,
        params: Named<'_>,
        mut read: impl FnMut(&Row<'_>) -> SqlResult<T>,
    ) -> SqlResult<Option<T>> {
        let mut first = None;
        self.each_row(sql, params, &mut |row| {
            first = Some(read(row)?);
            Ok(false)
        })?;
        Ok(first)
    }

    /// The columns of the one row that a statement always gives.
    #[cfg_attr(debug_assertions, track_caller)]
    pub(super) fn query_one<T>(
        &self,
        sql: &str,
        params: Named<'_>,
        read: impl FnMut(&Row<'_>) -> SqlResult<T>,
    ) -> SqlResult<T> {
        self.query_optional(sql, params, read)?.ok_or(rusqlite::Error::QueryReturnedNoRows)
    }

    /// The first column of every row.
    #[cfg_attr(debug_assertions, track_caller)]
    pub(super) fn query_values<T: FromSql>(
        &self,
        sql: &str,
        params: Named<'_>,
    ) -> SqlResult<Vec<T>> {
        self.query_rows(sql, params, |row| row.get(0))
    }

    /// The first column of the one row that a statement always gives: a count, an EXISTS, a maximum.
    #[cfg_attr(debug_assertions, track_caller)]
    pub(super) fn query_value<T: FromSql>(&self, sql: &str, params: Named<'_>) -> SqlResult<T> {
        self.query_one(sql, params, |row| row.get(0))
    }

    /// The first column of the first row; `None` when there is none, or when it is NULL.
    #[cfg_attr(debug_assertions, track_caller)]
    pub(super) fn query_maybe<T: FromSql>(
        &self,
        sql: &str,
        params: Named<'_>,
    ) -> SqlResult<Option<T>> {
        self.query_optional(sql, params, |row| row.get(0)).map(Option::flatten)
    }

    #[cfg_attr(debug_assertions, track_caller)]
    pub(super) fn insert_row(&self, sql: &str, params: Named<'_>) -> SqlResult<i64> {
        self.prepare(sql)?.insert(params)
    }

    /// Changes, inserts or deletes rows. Returns how many that were.
    #[cfg_attr(debug_assertions, track_caller)]
    pub(super) fn change_rows(&self, sql: &str, params: Named<'_>) -> SqlResult<usize> {
        let mut statement = self.prepare(sql)?;
        assert_all_given(&statement, params);
        statement.execute(params)
    }

    /// The same. Returns whether any row was changed.
    #[cfg_attr(debug_assertions, track_caller)]
    pub(super) fn change(&self, sql: &str, params: Named<'_>) -> SqlResult<bool> {
        Ok(self.change_rows(sql, params)? > 0)
    }

    /// The same, where the number of rows says nothing.
    #[cfg_attr(debug_assertions, track_caller)]
    pub(super) fn execute_sql(&self, sql: &str, params: Named<'_>) -> SqlResult<()> {
        self.change_rows(sql, params).map(drop)
    }
}

#[cfg(debug_assertions)]
pub use watching::{Statement, noted_statements, watch_statements};

#[cfg(debug_assertions)]
mod watching {
    use std::collections::BTreeMap;
    use std::panic::Location;
    use std::path::{Path, PathBuf};
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};

    use rusqlite::Connection;

    /// A statement that was prepared on a watched database.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Statement {
        /// The source file that it stands in, from the package's root.
        pub file: &'static str,
        /// The line there at which it is prepared.
        pub line: u32,
        pub sql: String,
        /// The steps of its query plan, as `EXPLAIN QUERY PLAN` words them, without any value bound.
        pub plan: Vec<String>,
    }

    type Places = BTreeMap<(&'static str, u32, String), Vec<String>>;

    static IS_WATCHING: AtomicBool = AtomicBool::new(false);
    static WATCHED: Mutex<BTreeMap<PathBuf, Places>> = Mutex::new(BTreeMap::new());

    /// Notes from now on what is prepared on the database at `path`. For tests; not in release builds.
    pub fn watch_statements(path: &Path) {
        watched(|databases| {
            databases.entry(full(path)).or_default();
        });
        IS_WATCHING.store(true, Ordering::SeqCst);
    }

    /// What was noted of the database at `path` so far: each text once for each place that prepares
    /// it, in the order of the source. For tests; not in release builds.
    pub fn noted_statements(path: &Path) -> Vec<Statement> {
        let noted = watched(|databases| databases.get(&full(path)).cloned().unwrap_or_default());
        let statement = |((file, line, sql), plan)| Statement { file, line, sql, plan };
        noted.into_iter().map(statement).collect()
    }

    pub(super) fn note(connection: &Connection, sql: &str, place: &'static Location<'static>) {
        if !IS_WATCHING.load(Ordering::SeqCst) {
            return;
        }
        let Some(path) = connection.path().map(|path| full(Path::new(path))) else { return };
        let key = (place.file(), place.line(), sql.to_owned());
        let is_news = watched(|databases| {
            databases.get(&path).is_some_and(|places| !places.contains_key(&key))
        });
        if !is_news {
            return;
        }
        // One that SQLite refuses is told by whoever prepares it for its work.
        let Ok(plan) = plan(connection, sql) else { return };
        watched(|databases| {
            if let Some(places) = databases.get_mut(&path) {
                places.insert(key, plan);
            }
        });
    }

    fn plan(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
        let mut rows = statement.raw_query(); // no values: a plan needs none
        let mut steps = Vec::new();
        while let Some(row) = rows.next()? {
            steps.push(row.get("detail")?);
        }
        Ok(steps)
    }

    fn watched<T>(look: impl FnOnce(&mut BTreeMap<PathBuf, Places>) -> T) -> T {
        look(&mut crate::clock::lock(&WATCHED))
    }

    fn full(path: &Path) -> PathBuf {
        path.canonicalize().unwrap_or_else(|_| path.to_owned())
    }
}
