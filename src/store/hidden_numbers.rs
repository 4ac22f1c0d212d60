//! The table `hidden_numbers`: people who asked to stop, by their hidden number (`…@lid`), their phone
//! number, or both.

use std::collections::HashMap;

use super::{SqlResult, Tx, params, read};
use crate::clock::Timestamp;

/// One whose other name WAHA is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HiddenNumber {
    pub(crate) id: i64,
    /// `<digits>@lid`; `None` when it is what is asked for.
    pub(crate) lid: Option<String>,
    /// E.164 digits; `None` when they are what is asked for.
    pub(crate) digits: Option<String>,
    pub(crate) session: String,
    /// What the writer calls himself.
    pub(crate) name: Option<String>,
    /// How often WAHA was asked.
    pub(crate) looks: u32,
}

/// People who asked to stop by a hidden number whose phone number is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unresolved {
    /// WAHA is asked again.
    pub(crate) asked: u64,
    /// WAHA was asked for the last time.
    pub(crate) given_up: u64,
}

impl Tx<'_> {
    /// Opts a hidden number out whose phone number is not known, and asks for that at once. Returns
    /// whether it was not opted out before.
    pub(crate) fn opt_out_hidden(
        &self,
        lid: &str,
        session: Option<&str>,
        name: Option<&str>,
        now: Timestamp,
    ) -> SqlResult<bool> {
        let was_out = self.is_hidden_opted_out(lid)?;
        let sql = "INSERT INTO hidden_numbers
                       (lid, session_name, name, opted_out_at, next_look_at, created_at)
                   VALUES (:lid, :session, :name, :now, CASE WHEN :session <> '' THEN :now END, :now)
                   ON CONFLICT (lid) DO UPDATE SET session_name = excluded.session_name,
                       name = coalesce(excluded.name, name),
                       opted_out_at = coalesce(opted_out_at, excluded.opted_out_at),
                       looks = 0, next_look_at = excluded.next_look_at";
        let session = self.session_to_ask(session)?;
        self.execute_sql(sql, params! { lid, name, now, session })?;
        Ok(!was_out)
    }

    pub(crate) fn is_hidden_opted_out(&self, lid: &str) -> SqlResult<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM hidden_numbers
                       WHERE lid = :lid AND opted_out_at IS NOT NULL)";
        self.query_value(sql, params! { lid })
    }

    /// Takes the opt-outs back that the hidden numbers of a phone number (E.164 digits) have by
    /// themselves. Returns whether there was one.
    pub(crate) fn opt_in_hidden_of(&self, digits: &str) -> SqlResult<bool> {
        let sql = "UPDATE hidden_numbers SET opted_out_at = NULL
                   WHERE phone_number = :digits AND opted_out_at IS NOT NULL";
        self.change(sql, params! { digits })
    }

    /// Takes the opt-out of a hidden number back. Returns whether there was one.
    pub(crate) fn opt_in_hidden(&self, lid: &str) -> SqlResult<bool> {
        let sql = "UPDATE hidden_numbers SET opted_out_at = NULL, next_look_at = NULL
                   WHERE lid = :lid AND opted_out_at IS NOT NULL";
        self.change(sql, params! { lid })
    }

    /// Notes that a hidden number and a phone number are one person. An opt-out that the hidden number
    /// has by itself stays until it is taken back, by either name: the contact may get another number.
    pub(crate) fn pair_hidden(
        &self,
        lid: &str,
        digits: &str,
        session: &str,
        now: Timestamp,
    ) -> SqlResult<()> {
        let asked = "DELETE FROM hidden_numbers WHERE lid IS NULL AND phone_number = :digits";
        self.execute_sql(asked, params! { digits })?;
        let sql = "INSERT INTO hidden_numbers (lid, phone_number, session_name, created_at)
                   VALUES (:lid, :digits, :session, :now)
                   ON CONFLICT (lid) DO UPDATE SET phone_number = excluded.phone_number,
                       next_look_at = NULL, error = NULL";
        self.execute_sql(sql, params! { lid, digits, session, now })
    }

    /// Asks for the hidden number of a phone number, unless one is known or asked for.
    pub(crate) fn ask_for_hidden(
        &self,
        digits: &str,
        session: Option<&str>,
        now: Timestamp,
    ) -> SqlResult<()> {
        let sql =
            "INSERT INTO hidden_numbers (phone_number, session_name, next_look_at, created_at)
                   SELECT :digits, :session, :now, :now
                   WHERE :session <> ''
                       AND NOT EXISTS (SELECT 1 FROM hidden_numbers WHERE phone_number = :digits)";
        self.execute_sql(sql, params! { digits, now, ":session": self.session_to_ask(session)? })
    }

    /// The session that somebody wrote to, else any that there is; empty for none.
    fn session_to_ask(&self, session: Option<&str>) -> SqlResult<String> {
        if let Some(session) = session {
            return Ok(session.to_owned());
        }
        let sql = "SELECT trim(session_name) FROM channels
                   WHERE is_active = 1 AND trim(session_name) <> '' ORDER BY id LIMIT 1";
        Ok(self.query_maybe(sql, &[])?.unwrap_or_default())
    }

    /// The phone number (E.164 digits) of a hidden one, when it is known.
    pub(crate) fn digits_of_hidden(&self, lid: &str) -> SqlResult<Option<String>> {
        let sql = "SELECT phone_number FROM hidden_numbers WHERE lid = :lid";
        self.query_maybe(sql, params! { lid })
    }

    /// The hidden numbers of a phone number (E.164 digits), as far as they are known.
    pub(crate) fn hidden_of_digits(&self, digits: &str) -> SqlResult<Vec<String>> {
        let sql = "SELECT lid FROM hidden_numbers WHERE phone_number = :digits AND lid IS NOT NULL";
        self.query_values(sql, params! { digits })
    }

    /// All hidden numbers, each with its phone number, or `None` when it is opted out by itself.
    pub(crate) fn hidden_numbers(&self) -> SqlResult<HashMap<String, Option<String>>> {
        let sql = "SELECT lid, CASE WHEN opted_out_at IS NULL THEN phone_number END
                   FROM hidden_numbers
                   WHERE lid IS NOT NULL AND coalesce(phone_number, opted_out_at) IS NOT NULL";
        self.query_rows(sql, &[], |row| Ok((row.get(0)?, row.get(1)?))).map(HashMap::from_iter)
    }

    /// At most `limit` of those about whom WAHA is to be asked at `now`.
    pub(crate) fn due_hidden(&self, now: Timestamp, limit: u32) -> SqlResult<Vec<HiddenNumber>> {
        let sql = "SELECT id, lid, phone_number, session_name, name, looks FROM hidden_numbers
                   WHERE next_look_at <= :now ORDER BY next_look_at LIMIT :limit";
        self.query_rows(sql, params! { now, limit }, |row| {
            read! { row => HiddenNumber {
                id, lid,
                digits: row.get("phone_number")?,
                session: row.get("session_name")?,
                name, looks,
            } }
        })
    }

    /// Notes what a look came to that found no name, and when the next one is; a phone number about
    /// which WAHA is not asked again is forgotten.
    pub(crate) fn postpone_hidden(
        &self,
        id: i64,
        next: Option<Timestamp>,
        error: &str,
    ) -> SqlResult<()> {
        let sql =
            "UPDATE hidden_numbers SET looks = looks + 1, next_look_at = :next, error = :error
                   WHERE id = :id";
        self.execute_sql(sql, params! { id, ":next": next.map(|at| at.to_string()), error })?;
        let over =
            "DELETE FROM hidden_numbers WHERE id = :id AND lid IS NULL AND next_look_at IS NULL";
        self.execute_sql(over, params! { id })
    }

    /// How many hidden numbers asked to stop since `since`, and have no phone number yet.
    pub fn unresolved_hidden(&self, since: Timestamp) -> SqlResult<Unresolved> {
        let sql = "SELECT count(next_look_at) AS asked, count(*) - count(next_look_at) AS given_up
                   FROM hidden_numbers
                   WHERE opted_out_at >= :since AND phone_number IS NULL";
        self.query_one(sql, params! { since }, |row| {
            Ok(Unresolved { asked: row.get("asked")?, given_up: row.get("given_up")? })
        })
    }
}
