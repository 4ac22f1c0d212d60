//! The tables `link_*`, and the link's part of `meta`: what is known here of a website's project. What
//! the protocol does with them is in `supabase`.

use rusqlite::Row;

use super::messages::read_message_counts;
use super::{Message, SqlResult, Tx, params, read};
use crate::clock::Timestamp;
use crate::delivery::{Counts, MessageStatus, Status};
use crate::reason::Reason;
use crate::text_enum::text_enum;

text_enum! {
    /// How far an occurrence of the project's came here: see `V19__link.sql`.
    pub enum ClaimState {
        Claiming = "claiming",
        Claimed = "claimed",
        Planned = "planned",
        Ended = "ended",
        Settled = "settled",
        Lost = "lost",
        Released = "released",
    }
}

/// How the link stands, as the database has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct LinkState {
    pub(crate) is_on: bool,
    /// The URL of the project that was linked.
    #[serde(skip)]
    pub(crate) project: String,
    /// Nothing that was due before is sent; as the project's clock had it.
    pub(crate) since: String,
    /// Whether several appliances share the project.
    #[serde(skip)]
    pub(crate) is_shared: bool,
    pub(crate) appliance: String,
    pub(crate) answered_at: Option<Timestamp>,
    /// What it said instead, and since when.
    pub(crate) trouble: Option<String>,
    pub(crate) trouble_since: Option<Timestamp>,
    /// What a person should look at: the website's own cron, a lost ledger.
    pub(crate) alarm: Option<String>,
}

/// Why a person is told of the link; once each, until it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkAlarm {
    /// No good answer for long.
    Away,
    KeyRefused,
    /// The project does not take how a message ended.
    Refused,
    /// Nor the result of a delivery.
    ResultRefused,
    /// The website, or somebody else, sends too.
    OtherSender,
    /// This database was lost or restored.
    LostLedger,
}

impl LinkAlarm {
    /// Over when the project answers well again.
    pub(crate) const OF_ANSWERS: [Self; 2] = [Self::Away, Self::KeyRefused];

    fn key(self) -> String {
        format!("link_told:{self:?}")
    }
}

/// A channel of the project that this machine sends for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkChannel {
    pub(crate) remote_id: String,
    pub(crate) name: String,
    pub(crate) session_name: String,
    pub(crate) channel_id: i64,
    pub(crate) is_active: bool,
    /// What was due before is left alone; kept when the channel is taken again.
    pub(crate) since: String,
    /// The appliance that took it over.
    pub(crate) handed_to: Option<String>,
}

/// An occurrence of the project's: see `V19__link.sql`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkClaim {
    pub(crate) id: i64,
    pub(crate) remote_id: String,
    /// As the project's database writes it.
    pub(crate) due_at: String,
    pub(crate) local_due_at: Timestamp,
    pub(crate) token: String,
    pub(crate) state: ClaimState,
    pub(crate) remote_channel: Option<String>,
    pub(crate) auto_message_id: Option<i64>,
    pub(crate) row_mark: Option<String>,
    pub(crate) next_at: Option<Timestamp>,
    pub(crate) ending: Option<LinkEnding>,
}

/// How an occurrence ended, as it is written to the project. Taken once, so that a repeat is the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkEnding {
    /// `sent`, `failed` or `cancelled`.
    pub(crate) status: MessageStatus,
    pub(crate) sent_at: Option<Timestamp>,
    pub(crate) counts: Counts,
    pub(crate) error: Option<String>,
}

/// What the planner is given of a row of the project's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkedRow<'a> {
    pub(crate) title: Option<&'a str>,
    pub(crate) message: &'a str,
    pub(crate) contact_ids: &'a str,
    pub(crate) channel_id: i64,
    pub(crate) row_mark: &'a str,
    pub(crate) next_at: Option<Timestamp>,
}

/// A delivery that is to be written to the project, as it stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkResult {
    pub(crate) seq: i64,
    /// The occurrence's row and instant there; `None` when there is nothing to write any more.
    pub(crate) occurrence: Option<(String, String)>,
    pub(crate) chat_id: String,
    pub(crate) name: Option<String>,
    pub(crate) status: Option<Status>,
    pub(crate) attempts: i64,
    pub(crate) waha_message_id: Option<String>,
    pub(crate) ack: Option<i64>,
    pub(crate) error: Option<String>,
    pub(crate) claimed_at: Option<String>,
    pub(crate) finished_at: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct LinkFigures {
    /// Occurrences that are claimed, sent or to be written.
    pub(crate) open: u64,
    /// Rows that wait to be written.
    pub(crate) outbox: u64,
    /// Results that the project did not take.
    pub(crate) refused: u64,
}

const CLAIM: &str = "id, remote_id, due_at, local_due_at, claim_token, state, remote_channel,
    auto_message_id, row_mark, next_at, status, sent_at, sent_count, failed_count, skipped_count,
    unknown_count, error";

impl LinkClaim {
    fn from_row(row: &Row<'_>) -> SqlResult<Self> {
        let status: Option<MessageStatus> = row.get("status")?;
        let ending = |status| -> SqlResult<LinkEnding> {
            let counts = read_message_counts(row)?;
            read! { row => LinkEnding { status: status, sent_at, counts: counts, error } }
        };
        read! { row => Self {
            id, remote_id, due_at, local_due_at, token: row.get("claim_token")?, state, remote_channel,
            auto_message_id, row_mark, next_at, ending: status.map(ending).transpose()?,
        } }
    }
}

impl Tx<'_> {
    /// How the link stands; `None` when it was never on.
    pub(crate) fn link_state(&self) -> SqlResult<Option<LinkState>> {
        let Some(project) = self.meta("link_project")? else { return Ok(None) };
        let trouble = self.meta("link_trouble")?.zip(self.meta_time("link_trouble_since")?);
        let (trouble, trouble_since) = trouble.unzip();
        Ok(Some(LinkState {
            is_on: self.meta("link_on")?.is_some(),
            project,
            since: self.meta("link_since")?.unwrap_or_default(),
            is_shared: self.meta("link_mode")?.as_deref() == Some("shared"),
            appliance: self.meta("link_appliance")?.unwrap_or_default(),
            answered_at: self.meta_time("link_answered_at")?,
            trouble,
            trouble_since,
            alarm: self.meta("link_alarm")?,
        }))
    }

    /// The id of this appliance: its name and something random that stays, because two may have one name.
    pub(crate) fn link_appliance(&self, name: &str) -> SqlResult<String> {
        if self.meta("link_random")?.is_none() {
            let random: String = self.query_value("SELECT lower(hex(randomblob(4)))", &[])?;
            self.set_meta("link_random", &random)?;
        }
        let id = format!("{name}.{}", self.meta("link_random")?.unwrap_or_default());
        // The name may change; claims and channels are under the first one.
        if self.meta("link_appliance")?.is_none() {
            self.set_meta("link_appliance", &id)?;
        }
        Ok(self.meta("link_appliance")?.unwrap_or(id))
    }

    /// Turns the link on. What was due before `since` is left alone; that stays as it was when the
    /// project was linked before and its history is this database's own. Returns it.
    pub(crate) fn set_link_on(
        &self,
        project: &str,
        since: &str,
        is_shared: bool,
        now: Timestamp,
    ) -> SqlResult<String> {
        let is_same = self.meta("link_project")?.as_deref() == Some(project);
        if is_same && self.is_link_of_other_history()? {
            // Of what was sent while it was alone, the project tells nothing.
            let was_alone = self.meta("link_mode")?.as_deref() == Some("alone");
            self.begin_link_anew((!is_shared || was_alone).then_some(since), now)?;
        } else if !is_same {
            self.set_meta("link_project", project)?;
            self.set_meta("link_history", &self.meta("history_id")?.unwrap_or_default())?;
            self.set_meta("link_since", since)?;
        }
        self.set_meta("link_mode", if is_shared { "shared" } else { "alone" })?;
        self.remove_meta("link_alarm")?;
        for alarm in [LinkAlarm::ResultRefused, LinkAlarm::OtherSender, LinkAlarm::LostLedger] {
            self.remove_meta(&alarm.key())?;
        }
        self.set_meta("link_on", "1")?;
        Ok(self.meta("link_since")?.unwrap_or_default())
    }

    /// What was due before `since` is left alone, on every channel.
    pub(crate) fn set_link_since(&self, since: &str) -> SqlResult<()> {
        self.execute_sql("UPDATE link_channels SET since = :since", params! { since })?;
        self.set_meta("link_since", since)
    }

    /// Of the link with `project`; of one that is off, what was due before `since` is left alone. It may be off or on, or
    /// with another one, by now. Returns whether it is not.
    pub(crate) fn set_link_shared(&self, project: &str, since: Option<&str>) -> SqlResult<bool> {
        let is_so = self.meta("link_on")?.is_none() == since.is_some()
            && self.meta("link_project")?.as_deref() == Some(project);
        if is_so {
            self.set_meta("link_mode", "shared")?;
            since.map_or(Ok(()), |since| self.set_link_since(since))?;
        }
        Ok(is_so)
    }

    pub(crate) fn set_link_off(&self) -> SqlResult<bool> {
        self.remove_meta("link_on")
    }

    /// Whether the database was restored or copied since the link was turned on: what was due before
    /// may have been sent by the one that it comes from.
    pub(crate) fn is_link_of_other_history(&self) -> SqlResult<bool> {
        let history = self.meta("history_id")?.unwrap_or_default();
        Ok(self.meta("link_history")?.is_some_and(|linked| linked != history))
    }

    /// Goes on with a database that was restored or copied. The one that it comes from may have sent
    /// what was not planned yet: that is forgotten, and what the project has of it is nobody's here. What
    /// ended, by the restoration, ends in the project by what it knows itself. With `since`, what was due
    /// before is left alone.
    pub(crate) fn begin_link_anew(&self, since: Option<&str>, now: Timestamp) -> SqlResult<()> {
        self.set_meta("link_history", &self.meta("history_id")?.unwrap_or_default())?;
        let last: Option<i64> = self.query_value("SELECT max(id) FROM link_claims", &[])?;
        self.set_meta("link_lost_until", &last.unwrap_or(0).to_string())?;
        let unplanned = "DELETE FROM link_claims
                         WHERE state IN ('claiming', 'claimed', 'released', 'lost')";
        self.execute_sql(unplanned, &[])?;
        if let Some(since) = since {
            return self.set_link_since(since);
        }
        let foreign = "UPDATE link_claims INDEXED BY idx_link_claims_open SET state = 'ended', status = NULL
             WHERE state IN ('planned', 'ended') AND state IN ('claiming', 'claimed', 'planned', 'ended')
                 AND NOT EXISTS (SELECT 1 FROM auto_messages m
                     WHERE m.id = link_claims.auto_message_id AND m.scheduled_at = link_claims.local_due_at
                         AND m.status = 'scheduled')
                 AND NOT EXISTS (SELECT 1 FROM deliveries d
                     WHERE d.auto_message_id = link_claims.auto_message_id
                         AND d.due_at = link_claims.local_due_at AND d.status IN ('pending', 'sending'))";
        self.execute_sql(foreign, &[])?;
        let written = "DELETE FROM link_outbox WHERE auto_message_id IN
             (SELECT auto_message_id FROM link_claims INDEXED BY idx_link_claims_open
              WHERE state = 'ended' AND status IS NULL
                  AND state IN ('claiming', 'claimed', 'planned', 'ended'))";
        self.execute_sql(written, &[])?;
        // Of two writes the project keeps the one with the higher number, and there are some that this
        // database does not know of; fewer than milliseconds.
        let by = now.millis();
        let ahead = "UPDATE link_outbox SET seq = seq + :by";
        self.execute_sql(ahead, params! { by })?;
        let ahead = "UPDATE sqlite_sequence SET seq = seq + :by WHERE name = 'link_outbox'";
        if !self.change(ahead, params! { by })? {
            let first = "INSERT INTO sqlite_sequence (name, seq) VALUES ('link_outbox', :by)";
            self.execute_sql(first, params! { by })?;
        }
        Ok(())
    }

    /// Whether a claim is from before a restoration: the database that was lost may have sent it to people whom
    /// an edit added, so nobody is added to it any more.
    pub(crate) fn is_claim_of_lost_ledger(&self, claim_id: i64) -> SqlResult<bool> {
        Ok(self.meta_number("link_lost_until")?.is_some_and(|until: i64| claim_id <= until))
    }

    pub(crate) fn note_link_answer(&self, now: Timestamp) -> SqlResult<()> {
        self.remove_meta("link_trouble")?;
        self.remove_meta("link_trouble_since")?;
        self.set_meta("link_answered_at", &now.to_string())
    }

    /// Notes what went wrong. Returns since when it does.
    pub(crate) fn note_link_trouble(&self, words: &str, now: Timestamp) -> SqlResult<Timestamp> {
        let since = self.meta_time("link_trouble_since")?;
        if since.is_none() {
            self.set_meta("link_trouble_since", &now.to_string())?;
        }
        self.set_meta("link_trouble", words)?;
        Ok(since.unwrap_or(now))
    }

    /// Makes an alert of the link, once until [`Self::end_link_alarm`]. What does not pass by itself stays a
    /// person's to look at. Returns whether it is the first.
    pub(crate) fn begin_link_alarm(
        &self,
        alarm: LinkAlarm,
        words: &str,
        now: Timestamp,
    ) -> SqlResult<bool> {
        if !LinkAlarm::OF_ANSWERS.contains(&alarm) {
            self.set_meta("link_alarm", words)?;
        }
        if self.meta(&alarm.key())?.is_some() {
            return Ok(false);
        }
        self.set_meta(&alarm.key(), &now.to_string())?;
        self.tell_of_link("link_trouble", words, now)?;
        Ok(true)
    }

    /// It is over. Returns whether it had been told.
    pub(crate) fn end_link_alarm(
        &self,
        alarm: LinkAlarm,
        words: &str,
        now: Timestamp,
    ) -> SqlResult<bool> {
        let was_told = self.remove_meta(&alarm.key())?;
        if was_told {
            self.tell_of_link("link_over", words, now)?;
        }
        Ok(was_told)
    }

    fn tell_of_link(&self, event: &str, reason: &str, now: Timestamp) -> SqlResult<()> {
        if !self.are_alerts_on()? {
            return Ok(());
        }
        let sql = "INSERT INTO alerts (event, reason, created_at) VALUES (:event, :reason, :now)";
        self.execute_sql(sql, params! { event, reason, now })
    }

    pub(crate) fn link_channels(&self, project: &str) -> SqlResult<Vec<LinkChannel>> {
        let sql = "SELECT remote_id, name, session_name, channel_id, is_active, since, handed_to
                   FROM link_channels WHERE project = :project ORDER BY remote_id";
        self.query_rows(sql, params! { project }, |row| {
            read! { row => LinkChannel {
                remote_id, name, session_name, channel_id, is_active, since, handed_to,
            } }
        })
    }

    /// The channels of which something is under way that was planned before they were forgotten.
    pub(crate) fn left_link_channels(&self, project: &str) -> SqlResult<Vec<LinkChannel>> {
        let sql = "SELECT c.remote_channel AS remote_id, m.channel_id FROM link_claims c INDEXED BY idx_link_claims_open
                   JOIN auto_messages m ON m.id = c.auto_message_id
                   WHERE c.state IN ('claiming', 'claimed', 'planned', 'ended') AND c.project = :project
                       AND c.remote_channel NOT IN
                           (SELECT remote_id FROM link_channels WHERE project = :project)";
        let mut left = self.query_rows(sql, params! { project }, |row| {
            read! { row => LinkChannel {
                remote_id, channel_id, name: String::new(), session_name: String::new(),
                is_active: true, since: String::new(), handed_to: None,
            } }
        })?;
        left.dedup(); // A row for each that is under way.
        Ok(left)
    }

    /// The channel with this session, made when there is none.
    pub(crate) fn channel_of_session(
        &self,
        name: &str,
        session: &str,
        now: Timestamp,
    ) -> SqlResult<i64> {
        let sql = "SELECT id FROM channels WHERE trim(session_name) <> '' AND trim(session_name) = :session";
        let session = session.trim();
        let known = self.query_optional(sql, params! { session }, |row| row.get(0))?;
        if let Some(id) = known {
            return Ok(id);
        }
        let sql = "INSERT INTO channels (name, session_name, created_at, updated_at)
                   VALUES (:name, :session, :now, :now)";
        self.insert_row(sql, params! { name, session, now })
    }

    pub(crate) fn set_link_channel(&self, project: &str, channel: &LinkChannel) -> SqlResult<()> {
        let sql = "INSERT INTO link_channels
                       (project, remote_id, name, session_name, channel_id, is_active, since, handed_to)
                   VALUES (:project, :remote_id, :name, :session_name, :channel_id, :is_active, :since, :handed_to)
                   ON CONFLICT (project, remote_id) DO UPDATE SET name = excluded.name,
                       session_name = excluded.session_name, channel_id = excluded.channel_id,
                       is_active = excluded.is_active, handed_to = excluded.handed_to";
        let params = params! {
            project, channel.{ remote_id, name, session_name, channel_id, is_active, since, handed_to },
        };
        self.execute_sql(sql, params)
    }

    /// The same of one that may have been forgotten meanwhile: it stays so.
    pub(crate) fn update_link_channel(
        &self,
        project: &str,
        channel: &LinkChannel,
    ) -> SqlResult<()> {
        let sql = "UPDATE link_channels SET name = :name, session_name = :session_name,
                       channel_id = :channel_id, is_active = :is_active, handed_to = :handed_to
                   WHERE project = :project AND remote_id = :remote_id";
        let params = params! {
            project, channel.{ remote_id, name, session_name, channel_id, is_active, handed_to },
        };
        self.execute_sql(sql, params)
    }

    /// Of a channel that is taken anew: since when it is sent from here is another instant.
    pub(crate) fn forget_link_channel(&self, project: &str, remote_id: &str) -> SqlResult<()> {
        self.remove_meta(&format!("link_handed_at:{project} {remote_id}"))?;
        let sql = "DELETE FROM link_channels WHERE project = :project AND remote_id = :remote_id";
        self.execute_sql(sql, params! { project, remote_id })
    }

    /// Since when another appliance has a channel that was sent from here, as the project's database writes it.
    pub(crate) fn link_handed_at(&self, project: &str, id: &str) -> SqlResult<Option<String>> {
        self.meta(&format!("link_handed_at:{project} {id}"))
    }

    pub(crate) fn set_link_handed_at(&self, project: &str, id: &str, at: &str) -> SqlResult<()> {
        self.set_meta(&format!("link_handed_at:{project} {id}"), at)
    }

    pub(crate) fn link_claim(
        &self,
        project: &str,
        remote_id: &str,
        due_at: &str,
    ) -> SqlResult<Option<LinkClaim>> {
        let sql = format!(
            "SELECT {CLAIM} FROM link_claims
             WHERE project = :project AND remote_id = :remote_id AND due_at = :due_at"
        );
        self.query_optional(&sql, params! { project, remote_id, due_at }, LinkClaim::from_row)
    }

    /// Whether an occurrence of a row is under way here.
    pub(crate) fn has_open_link_claim(&self, project: &str, remote_id: &str) -> SqlResult<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM link_claims
                   WHERE project = :project AND remote_id = :remote_id
                       AND state IN ('claiming', 'claimed', 'planned', 'ended'))";
        self.query_value(sql, params! { project, remote_id })
    }

    /// Writes that an occurrence is to be sent, before anybody is asked. One that was given back keeps its token.
    pub(crate) fn intend(
        &self,
        project: &str,
        remote_id: &str,
        (due_at, local_due_at): (&str, Timestamp),
        now: Timestamp,
    ) -> SqlResult<()> {
        let sql = "INSERT INTO link_claims
                       (project, remote_id, due_at, local_due_at, claim_token, state, created_at)
                   VALUES (:project, :remote_id, :due_at, :local_due_at, lower(hex(randomblob(16))), 'claiming', :now)
                   ON CONFLICT (project, remote_id, due_at) DO UPDATE SET state = 'claiming'
                       WHERE state IN ('released', 'lost')";
        self.execute_sql(sql, params! { project, remote_id, due_at, local_due_at, now })
    }

    /// The claims in a state under way, oldest first, after the claim `after`.
    pub(crate) fn link_claims_in(
        &self,
        state: ClaimState,
        after: i64,
        limit: usize,
    ) -> SqlResult<Vec<LinkClaim>> {
        let sql = format!(
            "SELECT {CLAIM} FROM link_claims INDEXED BY idx_link_claims_open
             WHERE state = :state AND state IN ('claiming', 'claimed', 'planned', 'ended')
                 AND id > :after ORDER BY id LIMIT :limit"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.query_rows(&sql, params! { state, after, limit }, LinkClaim::from_row)
    }

    /// The claims of what was taken, whatever became of it, oldest first, after the claim `after`.
    pub(crate) fn taken_link_claims(
        &self,
        project: &str,
        after: i64,
        limit: usize,
    ) -> SqlResult<Vec<LinkClaim>> {
        let sql = format!(
            "SELECT {CLAIM} FROM link_claims
             WHERE id > :after AND +project = :project
                 AND state IN ('claimed', 'planned', 'ended', 'settled') ORDER BY id LIMIT :limit"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.query_rows(&sql, params! { project, after, limit }, LinkClaim::from_row)
    }

    pub(crate) fn set_claim_state(&self, id: i64, state: ClaimState) -> SqlResult<()> {
        let sql = "UPDATE link_claims SET state = :state WHERE id = :id";
        self.execute_sql(sql, params! { id, state })
    }

    /// Notes how the row stood when it was read last, and which occurrence follows.
    pub(crate) fn set_claim_row(
        &self,
        id: i64,
        row_mark: &str,
        next_at: Option<Timestamp>,
    ) -> SqlResult<()> {
        let sql = "UPDATE link_claims SET row_mark = :mark, next_at = :next WHERE id = :id";
        self.execute_sql(sql, params! { id, ":mark": row_mark, ":next": next_at })
    }

    pub(crate) fn set_claim_channel(&self, id: i64, remote_channel: &str) -> SqlResult<()> {
        let sql = "UPDATE link_claims SET remote_channel = :channel WHERE id = :id";
        self.execute_sql(sql, params! { id, ":channel": remote_channel })
    }

    /// How far the wall-clock of a row's list is ahead of UTC, when it was told before.
    pub(crate) fn link_offset(&self, project: &str, remote_id: &str) -> SqlResult<Option<i64>> {
        let sql = "SELECT offset_secs FROM link_offsets
                   WHERE project = :project AND remote_id = :remote_id";
        self.query_optional(sql, params! { project, remote_id }, |row| row.get(0))
    }

    pub(crate) fn set_link_offset(
        &self,
        project: &str,
        remote_id: &str,
        offset_secs: i64,
    ) -> SqlResult<()> {
        let sql = "INSERT INTO link_offsets (project, remote_id, offset_secs)
                   VALUES (:project, :remote_id, :offset)
                   ON CONFLICT (project, remote_id) DO UPDATE SET offset_secs = excluded.offset_secs";
        self.execute_sql(sql, params! { project, remote_id, ":offset": offset_secs })
    }

    /// Whether an occurrence of a row went out from here, or was ended here.
    pub(crate) fn has_settled_link_claim(
        &self,
        project: &str,
        remote_id: &str,
        local_due_at: Timestamp,
    ) -> SqlResult<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM link_claims
                   WHERE project = :project AND remote_id = :remote_id
                       AND local_due_at = :due_at AND state = 'settled')";
        self.query_value(sql, params! { project, remote_id, ":due_at": local_due_at })
    }

    /// Makes a row of the project's a message that the planner takes, at the occurrence's time. What is
    /// pending of the occurrence is cancelled first: planning takes up again what is still wanted.
    pub(crate) fn plan_linked(
        &self,
        project: &str,
        claim: &LinkClaim,
        row: &LinkedRow<'_>,
        now: Timestamp,
    ) -> SqlResult<()> {
        let due_at = claim.local_due_at;
        let id = if let Some(id) = self.linked_message(project, &claim.remote_id)? {
            let edited = (Status::Cancelled, &Reason::WebsiteEdited);
            self.end_all_pending(id, due_at, edited, now)?;
            let sql = "UPDATE auto_messages SET title = :title, message = :message,
                           channel_id = :channel_id, channel_ids = NULL,
                           contact_ids = :contact_ids, scheduled_at = :due_at, scheduled_local = NULL, scheduled_zone = NULL,
                           status = 'scheduled', error = NULL, error_code = NULL, error_args = NULL,
                           updated_at = :now
                       WHERE id = :id";
            let params =
                params! { id, due_at, now, row.{ title, message, channel_id, contact_ids } };
            self.execute_sql(sql, params)?;
            id
        } else {
            let message = Message {
                title: row.title.map(str::to_owned),
                message: row.message.to_owned(),
                channel_id: row.channel_id,
                contact_ids: Some(row.contact_ids.to_owned()),
                scheduled_at: Some(due_at),
                status: MessageStatus::Scheduled,
                ..Message::default()
            };
            let id = self.insert_message(&message, "supabase", now)?;
            let sql = "INSERT INTO link_messages (auto_message_id, project, remote_id)
                       VALUES (:id, :project, :remote_id)";
            self.execute_sql(sql, params! { id, project, claim.{ remote_id } })?;
            id
        };
        let sql = "UPDATE link_claims SET state = 'planned', auto_message_id = :message,
                       row_mark = :row_mark, next_at = :next_at
                   WHERE id = :id";
        let params = params! { claim.{ id }, ":message": id, row.{ row_mark, next_at } };
        self.execute_sql(sql, params)
    }

    /// Our message of a row of the project's.
    pub(crate) fn linked_message(&self, project: &str, remote_id: &str) -> SqlResult<Option<i64>> {
        let sql = "SELECT auto_message_id FROM link_messages
                   WHERE project = :project AND remote_id = :remote_id";
        self.query_optional(sql, params! { project, remote_id }, |row| row.get(0))
    }

    /// Whether a message is a row of a project's.
    pub(crate) fn is_linked(&self, id: i64) -> SqlResult<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM link_messages WHERE auto_message_id = :id)";
        self.query_value(sql, params! { id })
    }

    /// Ends what is left of an occurrence because the website wants it so: pending deliveries are
    /// cancelled; a request that is under way goes on.
    pub(crate) fn cancel_linked(
        &self,
        claim: &LinkClaim,
        reason: &Reason,
        now: Timestamp,
    ) -> SqlResult<()> {
        let Some(id) = claim.auto_message_id else { return Ok(()) };
        self.end_all_pending(id, claim.local_due_at, (Status::Cancelled, reason), now)?;
        let sql = "UPDATE auto_messages SET status = 'cancelled', error = :error, error_code = :code,
                       error_args = NULL, updated_at = :now
                   WHERE id = :id AND scheduled_at = :due_at AND status IN ('scheduled', 'sending', 'draft')";
        let due_at = claim.local_due_at;
        self.execute_sql(sql, params! { id, due_at, now, ":error": reason, ":code": reason.code() })
    }

    /// How an occurrence ended here; `None` while something of it is left to do.
    pub(crate) fn link_ending(&self, claim: &LinkClaim) -> SqlResult<Option<LinkEnding>> {
        let Some(id) = claim.auto_message_id else { return Ok(None) };
        let due_at = claim.local_due_at;
        // The row here was deleted: what went out of it is not known any more.
        let Some(message) = self.message(id)? else {
            let error = Some("deleted on the appliance".to_owned());
            let (status, counts) = (MessageStatus::Failed, Counts::default());
            return Ok(Some(LinkEnding { status, sent_at: None, counts, error }));
        };
        let status = message.status;
        match status {
            MessageStatus::Sent | MessageStatus::Failed | MessageStatus::Cancelled => {}
            MessageStatus::Draft | MessageStatus::Scheduled | MessageStatus::Sending => {
                return Ok(None);
            }
        }
        if self.has_open_deliveries(id, due_at)? {
            return Ok(None); // A request that was under way when it was cancelled.
        }
        let sql = "SELECT max(finished_at) FROM deliveries
                   WHERE auto_message_id = :id AND due_at = :due_at AND status = 'sent'";
        let sent_at: Option<Timestamp> = self.query_value(sql, params! { id, due_at })?;
        let sent_at = sent_at.or_else(|| Timestamp::parse(message.sent_at.as_deref()?));
        let counts = self.count_occurrence(id, due_at)?;
        let error = message.error.map(|error| error.to_string());
        // Also of one that was cut off: what became of its row may be that it was sent.
        let has_sent = match status {
            MessageStatus::Cancelled => counts.sent > 0,
            status => status == MessageStatus::Sent,
        };
        Ok(Some(LinkEnding { status, sent_at: sent_at.filter(|_| has_sent), counts, error }))
    }

    /// Notes how an occurrence ended: it is to be written to the project.
    pub(crate) fn end_claim(&self, id: i64, ending: &LinkEnding) -> SqlResult<()> {
        let sql = "UPDATE link_claims SET state = 'ended', status = :status, sent_at = :sent_at,
                       sent_count = :sent, failed_count = :failed, skipped_count = :skipped,
                       unknown_count = :unknown, error = :error
                   WHERE id = :id";
        let params = params! {
            id, ending.{ status, sent_at, error }, ending.counts.{ sent, skipped, unknown },
            ":failed": ending.counts.failed + ending.counts.expired,
        };
        self.execute_sql(sql, params)
    }

    pub(crate) fn end_claim_if_planned(&self, id: i64, ending: &LinkEnding) -> SqlResult<()> {
        let sql = "SELECT EXISTS (SELECT 1 FROM link_claims WHERE id = :id AND state = 'planned')";
        if self.query_value(sql, params! { id })? {
            self.end_claim(id, ending)?;
        }
        Ok(())
    }

    /// Notes why the project does not take the result; it is tried again.
    pub(crate) fn refuse_link_claim(&self, id: i64, words: &str) -> SqlResult<()> {
        let sql = "UPDATE link_claims SET refused = :words WHERE id = :id";
        self.execute_sql(sql, params! { id, words })
    }

    /// Notes that the project has the result.
    pub(crate) fn settle_link_claim(&self, id: i64) -> SqlResult<()> {
        let sql = "UPDATE link_claims SET state = 'settled', refused = NULL WHERE id = :id";
        self.execute_sql(sql, params! { id })
    }

    /// Keeps a claim whose token this database does not know: nothing of it is sent here.
    pub(crate) fn keep_foreign_claim(
        &self,
        project: &str,
        remote_id: &str,
        (due_at, local_due_at): (&str, Timestamp),
        token: &str,
        now: Timestamp,
    ) -> SqlResult<()> {
        self.intend(project, remote_id, (due_at, local_due_at), now)?;
        let sql = "UPDATE link_claims SET claim_token = :token, state = 'ended'
                   WHERE project = :project AND remote_id = :remote_id AND due_at = :due_at";
        self.execute_sql(sql, params! { project, remote_id, due_at, token })
    }

    /// Messages that ended since their result was written: their outbox rows, oldest first.
    pub(crate) fn ended_link_messages(&self, limit: u32) -> SqlResult<Vec<(i64, i64)>> {
        let sql = "SELECT seq, auto_message_id FROM link_outbox INDEXED BY idx_link_outbox_ended
                   WHERE delivery_id = 0 ORDER BY seq LIMIT :limit";
        self.query_rows(sql, params! { limit }, |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// The latest claim of a message's occurrences, also of one that was tried again.
    pub(crate) fn latest_claim_of(&self, id: i64) -> SqlResult<Option<LinkClaim>> {
        let Some(due_at) = self.message(id)?.and_then(|message| message.scheduled_at) else {
            return Ok(None);
        };
        let first = self.first_of(id, due_at)?;
        let sql = format!(
            "SELECT {CLAIM} FROM link_claims WHERE auto_message_id = :id AND local_due_at = :due_at
             ORDER BY id DESC LIMIT 1"
        );
        self.query_optional(&sql, params! { id, ":due_at": first }, LinkClaim::from_row)
    }

    /// The deliveries that are to be written, oldest change first. While an occurrence is not wholly
    /// planned, its pending rows may still be removed. With `only_ended`, what is not over stays here.
    pub(crate) fn link_results(&self, limit: u32, only_ended: bool) -> SqlResult<Vec<LinkResult>> {
        let sql = "SELECT o.seq, d.chat_id, d.name, d.status, d.attempts, d.waha_message_id, d.ack,
                       d.error, d.claimed_at, d.finished_at, l.remote_id,
                       (SELECT c.due_at FROM link_claims c
                           WHERE c.auto_message_id = d.auto_message_id
                               AND c.local_due_at = coalesce(d.retry_of, d.due_at)
                           ORDER BY c.id DESC LIMIT 1) AS remote_due_at
                   FROM link_outbox o
                   LEFT JOIN deliveries d ON d.id = o.delivery_id
                   LEFT JOIN link_messages l ON l.auto_message_id = o.auto_message_id
                   WHERE o.delivery_id <> 0
                       AND NOT (:only_ended AND coalesce(d.status, '') IN ('pending', 'sending'))
                       AND NOT (d.status IS 'pending' AND EXISTS
                           (SELECT 1 FROM plannings p
                            WHERE p.auto_message_id = o.auto_message_id AND p.due_at = d.due_at))
                   ORDER BY o.seq LIMIT :limit";
        self.query_rows(sql, params! { limit, only_ended }, |row| {
            let (id, due_at): (Option<String>, Option<String>) =
                (row.get("remote_id")?, row.get("remote_due_at")?);
            read! { row => LinkResult {
                seq, occurrence: id.zip(due_at), name, status,
                chat_id: row.get::<_, Option<String>>("chat_id")?.unwrap_or_default(),
                attempts: row.get::<_, Option<i64>>("attempts")?.unwrap_or(0),
                waha_message_id, ack, error, claimed_at, finished_at,
            } }
        })
    }

    /// Takes rows out of the outbox; one that changed meanwhile has another number, and stays.
    pub(crate) fn drop_link_results(&self, seqs: &[i64]) -> SqlResult<()> {
        for seq in seqs {
            self.execute_sql("DELETE FROM link_outbox WHERE seq = :seq", params! { seq })?;
        }
        Ok(())
    }

    pub(crate) fn link_figures(&self) -> SqlResult<LinkFigures> {
        let sql = "SELECT (SELECT count(*) FROM link_claims
                       WHERE state IN ('claiming', 'claimed', 'planned', 'ended')) AS open,
                   (SELECT count(*) FROM link_outbox)
                       + (SELECT count(*) FROM link_claims WHERE state = 'ended'
                           AND state IN ('claiming', 'claimed', 'planned', 'ended')) AS outbox,
                   (SELECT count(*) FROM link_claims WHERE refused IS NOT NULL) AS refused";
        self.query_one(sql, &[], |row| read! { row => LinkFigures { open, outbox, refused } })
    }
}
