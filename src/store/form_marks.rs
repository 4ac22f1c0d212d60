//! The table `panel_marks`: the one-time marks of forms, each with what its form made.

use std::time::Duration;

use rusqlite::{OptionalExtension, Row, named_params};

use super::{SqlResult, Tx};
use crate::clock::Timestamp;

/// How long a mark is kept: longer than a browser keeps a form that nobody sends.
const MARKS_LAST: Duration = Duration::from_hours(7 * 24);
/// How many marks are kept at most.
const MARKS_MAX: u32 = 2_000;

/// A form that is sent.
#[derive(Clone, Copy, Debug)]
pub struct FormMark<'a> {
    /// Random, from the form, with the path that it was sent to.
    pub(crate) mark: &'a str,
    /// SHA-256 of what was filled in.
    pub(crate) form: &'a str,
}

/// What a form made when it came before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeBefore {
    /// The id of the row.
    pub(crate) id: i64,
    /// SHA-256 of what was filled in then.
    pub(crate) form: String,
}

impl Tx<'_> {
    /// What the form with this mark made, when it came before.
    pub(crate) fn made_by_mark(&self, mark: &str) -> SqlResult<Option<MadeBefore>> {
        let sql = "SELECT made, form FROM panel_marks WHERE mark = :mark";
        self.prepare(sql)?.query_row(named_params! { ":mark": mark }, read).optional()
    }

    /// The last thing that another form with the same content made since `since`.
    pub(crate) fn made_by_same_form(
        &self,
        mark: FormMark<'_>,
        since: Timestamp,
    ) -> SqlResult<Option<i64>> {
        let sql = "SELECT made FROM panel_marks
                   WHERE form = :form AND mark <> :mark AND kept_at >= :since
                   ORDER BY kept_at DESC LIMIT 1";
        let params = named_params! {
            ":form": mark.form,
            ":mark": mark.mark,
            ":since": since.to_string(),
        };
        self.prepare(sql)?.query_row(params, |row| row.get("made")).optional()
    }

    /// Makes something once: `make` runs, and its id is kept with the mark, unless the mark is kept
    /// already. Returns the new id, or what the form made before.
    pub(crate) fn make_once(
        &self,
        mark: Option<FormMark<'_>>,
        now: Timestamp,
        make: impl FnOnce() -> SqlResult<i64>,
    ) -> SqlResult<Result<i64, MadeBefore>> {
        let Some(mark) = mark else { return make().map(Ok) };
        if let Some(before) = self.made_by_mark(mark.mark)? {
            return Ok(Err(before));
        }
        let id = make()?;
        self.keep_mark(mark, id, now)?;
        Ok(Ok(id))
    }

    /// Keeps a mark with the id of what its form made or changed; a mark that is kept already stays.
    /// Drops the marks that are old or too many.
    pub(crate) fn keep_mark(&self, mark: FormMark<'_>, made: i64, now: Timestamp) -> SqlResult<()> {
        self.prepare("DELETE FROM panel_marks WHERE kept_at < :oldest")?
            .execute(named_params! { ":oldest": now.minus(MARKS_LAST).to_string() })?;
        let too_many = "DELETE FROM panel_marks WHERE kept_at <=
                            (SELECT kept_at FROM panel_marks ORDER BY kept_at DESC LIMIT 1 OFFSET :max)";
        self.prepare(too_many)?.execute(named_params! { ":max": MARKS_MAX - 1 })?;
        let sql = "INSERT OR IGNORE INTO panel_marks (mark, form, made, kept_at)
                   VALUES (:mark, :form, :made, :now)";
        self.prepare(sql)?.execute(named_params! {
            ":mark": mark.mark,
            ":form": mark.form,
            ":made": made,
            ":now": now.to_string(),
        })?;
        Ok(())
    }
}

fn read(row: &Row<'_>) -> SqlResult<MadeBefore> {
    Ok(MadeBefore { id: row.get("made")?, form: row.get("form")? })
}
