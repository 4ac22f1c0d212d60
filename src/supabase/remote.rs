//! The project: one method for each request of the protocol. Whatever is given out is text as the
//! database wrote it; guards compare it unchanged.
//!
//! Nothing here decides. A simulated project can take the place of the real one behind the same HTTP.

use std::sync::Mutex;

use serde_json::{Value, json};

use super::filter::{Filter, encode};
use super::key::Key;
use super::reply::{self, Answer, Kind, Told, Trouble};
use super::tables::{CLAIMS, DELIVERIES, OWNERS, Table, Tables};
use crate::clock::{Timestamp, lock};
use crate::config::Supabase;
use crate::http_client::{HttpClient, Method, NoReply, Reply};

/// Of one reply; a page of messages with thousands of recipients each is large.
const REPLY_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Rows of one page; the server cuts longer ones at a number of its own, silently.
pub(super) const PAGE: usize = 100;
/// Ids in one filter: with 100 the reply's head is too long for some gateways.
pub(super) const IDS_MAX: usize = 50;
const ROWS: &str = "return=representation";
const NO_ROWS: &str = "return=minimal";
const COUNTED: &str = "count=exact";
const IGNORE: &str = "resolution=ignore-duplicates,return=representation";
const MERGE: &str = "resolution=merge-duplicates,return=representation";

/// A project of Supabase, and the way to it.
pub(super) struct Remote {
    client: HttpClient,
    base: String,
    headers: Vec<(&'static str, String)>,
    date: Mutex<Option<Timestamp>>,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct RemoteChannel {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) session_name: Option<String>,
    pub(crate) is_active: bool,
}

/// A row that is due: which one, and its instant as the database wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) id: String,
    pub(super) due_at: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RemoteRow {
    pub(super) id: String,
    pub(super) title: Option<String>,
    pub(super) message: String,
    pub(super) contact_ids: Value,
    pub(super) scheduled_at: String,
    pub(super) schedules: Option<String>,
    pub(super) interval_config: Option<String>,
    pub(super) status: String,
    pub(super) sent_at: Option<String>,
    pub(super) channel: Option<String>,
    pub(super) updated_at: Option<String>,
}

/// A row of `auto_message_claims`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RemoteClaim {
    pub(super) message: String,
    pub(super) due_at: String,
    pub(super) token: String,
    pub(super) claimed_at: String,
    /// Of its message, where that was asked for.
    pub(super) channel: Option<String>,
    pub(super) is_settled: bool,
    pub(super) status: Option<String>,
    pub(super) sent_count: i64,
}

impl Remote {
    pub(super) fn new(settings: &Supabase, key: &Key) -> Self {
        let mut headers = key.headers();
        headers.push(("Accept", "application/json".to_owned()));
        Self {
            client: HttpClient::new(settings.timeout).brief(settings.timeout),
            base: format!("{}/rest/v1/", settings.url),
            headers,
            date: Mutex::default(),
        }
    }

    /// What the server's clock said in the latest answer.
    pub(super) fn date(&self) -> Option<Timestamp> {
        *lock(&self.date)
    }

    fn ask(&self, method: Method, path: &str, prefer: &str, body: Option<&Value>) -> Answer {
        reply::rows(self.reply(method, path, prefer, body))
    }

    fn reply(
        &self,
        method: Method,
        path: &str,
        prefer: &str,
        body: Option<&Value>,
    ) -> Result<Reply, NoReply> {
        let url = format!("{}{path}", self.base);
        let mut headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        if !prefer.is_empty() {
            headers.push(("Prefer", prefer));
        }
        let json = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let replied = self.client.ask(method, &url, &headers, json, REPLY_BYTES_MAX);
        let date = replied
            .as_ref()
            .ok()
            .and_then(|reply| reply.date.as_deref())
            .and_then(Timestamp::parse_http);
        if date.is_some() {
            *lock(&self.date) = date;
        }
        replied
    }

    fn get(&self, table: &str, filter: &Filter, rest: &str) -> Answer {
        self.ask(Method::Get, &format!("{table}?{}{rest}", filter.text()), "", None)
    }

    /// The rows in which `column` is one of `values`. A page that the server cut says so, because it is to
    /// count the rows: what is not in it is asked for again, and never taken for gone.
    fn get_of(&self, table: &str, (column, values): (&str, &[&str]), rest: &str) -> Answer {
        let filter = Filter::one_of(column, values);
        let path = format!("{table}?{}{rest}", filter.text());
        let reply = self.reply(Method::Get, &path, COUNTED, None);
        let is_cut = reply.as_ref().is_ok_and(|reply| reply.status == 206);
        let answer = reply::rows(reply);
        let is_spoiled = matches!(&answer, Err(Trouble { kind: Kind::Filter, .. }));
        if values.len() < 2 || !(is_cut || is_spoiled) {
            return answer;
        }
        let (left, right) = values.split_at(values.len() / 2);
        let mut rows = self.get_of(table, (column, left), rest)?;
        rows.extend(self.get_of(table, (column, right), rest)?);
        Ok(rows)
    }

    /// All rows, page by page in the order of the column `id`. The server may cut a page at less.
    fn all_by(&self, id: &str, path: &str, rest: &str) -> Answer {
        let mut all: Vec<Value> = Vec::new();
        self.pages_by(id, path, rest, |rows| all.extend(rows))?;
        Ok(all)
    }

    fn pages_by(
        &self,
        id: &str,
        path: &str,
        rest: &str,
        mut take: impl FnMut(Vec<Value>),
    ) -> Told<()> {
        let mut after = String::new();
        loop {
            let rows = self.ask(Method::Get, &format!("{path}{after}{rest}"), "", None)?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = format!("&{id}=gt.{}", encode(&text(last, id).unwrap_or_default()));
            take(rows);
        }
    }

    fn patch(&self, table: &str, filter: &Filter, rest: &str, body: &Value) -> Answer {
        self.ask(Method::Patch, &format!("{table}?{}{rest}", filter.text()), ROWS, Some(body))
    }

    /// The project's description: see [`Tables`].
    pub(super) fn describe(&self) -> Told<Value> {
        reply::read(self.reply(Method::Get, "", "", None))
    }

    pub(super) fn channels(&self, tables: &Tables) -> Told<Vec<RemoteChannel>> {
        let table = &tables.channels;
        let select = table.select("id name session_name is_active");
        let path = format!("{}?select={select}&order=id&limit={PAGE}", table.name);
        let channel = |row: &Value| RemoteChannel {
            id: text(row, "id").unwrap_or_default(),
            name: text(row, "name").unwrap_or_default(),
            session_name: text(row, "session_name").filter(|name| !name.trim().is_empty()),
            is_active: is_on(row),
        };
        Ok(self.all_by("id", &path, "")?.iter().map(channel).collect())
    }

    /// Whether the website has all of these channels, and none of them off.
    pub(super) fn are_on(&self, tables: &Tables, channels: &[String]) -> Told<bool> {
        let ids: Vec<&str> = channels.iter().map(String::as_str).collect();
        let select = tables.channels.select("id is_active");
        let rest = format!("&select={select}&limit={PAGE}");
        let rows = self.get_of(&tables.channels.name, ("id", &ids), &rest)?;
        Ok(rows.len() == ids.len() && rows.iter().all(is_on))
    }

    /// A page of what is due since `since` on `channels`, after the row `after`. The database's clock
    /// decides. With the tables of `migration.sql`, what has an open claim is left out.
    pub(super) fn find(
        &self,
        tables: &Tables,
        channels: &[String],
        since: &str,
        after: Option<&Found>,
    ) -> Told<Vec<Found>> {
        let mut filter = Filter::equal("status", "scheduled")
            .and("scheduled_at", "lte", "now")
            .and("scheduled_at", "gte", since)
            .and_all(&Filter::one_of(&tables.channel_column, channels));
        if let Some(after) = after {
            filter = filter.and_after(("scheduled_at", &after.due_at), ("id", &after.id));
        }
        let (claims, open) = without_open_claims(tables);
        let rest =
            format!("&select=id,scheduled_at{claims}{open}&order=scheduled_at,id&limit={PAGE}");
        let rows = self.get(&tables.messages.name, &filter, &rest)?;
        Ok(rows.iter().filter_map(found).collect())
    }

    /// The first rows of a kind, at most `limit`, in the order of their times: for `link check` and
    /// `doctor`. Without text and recipients.
    pub(super) fn list(
        &self,
        tables: &Tables,
        what: Listed<'_>,
        limit: usize,
    ) -> Told<Vec<RemoteRow>> {
        let scheduled = Filter::equal("status", "scheduled");
        let due = scheduled.clone().and("scheduled_at", "lte", "now");
        let filter = match what {
            Listed::Before(before) => scheduled.and("scheduled_at", "lt", before),
            Listed::DueSince(since) => due.and("scheduled_at", "gte", since),
            Listed::ToSend(since, channels) => scheduled
                .and("scheduled_at", "gte", since)
                .and_all(&Filter::one_of(&tables.channel_column, channels)),
            Listed::DueOn(since, channels) => due
                .and("scheduled_at", "gte", since)
                .and_all(&Filter::one_of(&tables.channel_column, channels)),
            Listed::WithoutChannel(since) => {
                due.and("scheduled_at", "gte", since).and(&tables.channel_column, "is", "null")
            }
            Listed::SentSince(_) if !tables.messages.has("sent_at") => return Ok(Vec::new()),
            Listed::SentSince(since) => {
                Filter::equal("status", "sent").and("sent_at", "gte", since)
            }
        };
        let select = tables.messages.select("id title scheduled_at");
        let column = &tables.channel_column;
        let rest = format!("&select={select},{column}&order=scheduled_at,id&limit={limit}");
        let rows = self.get(&tables.messages.name, &filter, &rest)?;
        Ok(rows.iter().filter_map(|row| message(row, column)).collect())
    }

    /// Reads rows anew, whole. A row that is gone is left out.
    pub(super) fn read_again(&self, tables: &Tables, ids: &[&str]) -> Told<Vec<RemoteRow>> {
        let table = &tables.messages;
        let columns = "id title message contact_ids scheduled_at schedules interval_config status sent_at updated_at";
        let select = table.select(&format!("{columns} {}", tables.channel_column));
        let rest = format!("&select={select}&limit={PAGE}");
        let answer = self.get_of(&table.name, ("id", ids), &rest);
        // Rows can be megabytes.
        if let Err(Trouble { kind: Kind::Unknown, .. }) = &answer
            && ids.len() > 1
        {
            let (left, right) = ids.split_at(ids.len() / 2);
            let mut rows = self.read_again(tables, left)?;
            rows.extend(self.read_again(tables, right)?);
            return Ok(rows);
        }
        Ok(answer?.iter().filter_map(|row| message(row, &tables.channel_column)).collect())
    }

    /// Series with a time before `since` that were edited after it, and that no appliance is sending.
    pub(super) fn old_series(
        &self,
        tables: &Tables,
        channels: &[String],
        since: &str,
    ) -> Told<Vec<RemoteRow>> {
        let filter = Filter::equal("status", "scheduled")
            .and("scheduled_at", "lt", since)
            .and("updated_at", "gte", since)
            .and("schedules", "neq", "[]")
            .and_all(&Filter::one_of(&tables.channel_column, channels));
        let select = "id,status,scheduled_at,schedules,updated_at";
        let (claims, open) = without_open_claims(tables);
        let rest = format!("&select={select}{claims}{open}&limit={PAGE}");
        let rows = self.get(&tables.messages.name, &filter, &rest)?;
        Ok(rows.iter().filter_map(|row| message(row, &tables.channel_column)).collect())
    }

    /// Of rows under way: id with status, instants and channel.
    pub(super) fn watch(&self, tables: &Tables, ids: &[&str]) -> Told<Vec<RemoteRow>> {
        if !tables.messages.has("updated_at") {
            return self.read_again(tables, ids);
        }
        let select = tables.messages.select("id status scheduled_at sent_at updated_at");
        let rest = format!("&select={select},{}&limit={PAGE}", tables.channel_column);
        let rows = self.get_of(&tables.messages.name, ("id", ids), &rest)?;
        Ok(rows.iter().filter_map(|row| message(row, &tables.channel_column)).collect())
    }

    /// Contacts whose `column` (`id` or `phone_number`) is one of `values`.
    pub(super) fn contacts(&self, tables: &Tables, column: &str, values: &[&str]) -> Answer {
        let Some(table) = &tables.contacts else { return Ok(Vec::new()) };
        let mut rows = Vec::new();
        for page in values.chunks(IDS_MAX) {
            let select = table.select("id name phone_number is_active");
            let rest = format!("&select={select}&limit=1000");
            rows.extend(self.get_of(&table.name, (column, page), &rest)?);
        }
        Ok(rows)
    }

    /// Contacts that are off, page by page: only ids and numbers.
    pub(super) fn contacts_off(&self, table: &Table, take: impl FnMut(Vec<Value>)) -> Told<()> {
        let path = format!("{}?is_active=is.false", table.name);
        self.pages_by("id", &path, "&select=id,phone_number&order=id&limit=1000", take)
    }

    /// Claims occurrences; returns those that were won. None that is left out is lost for sure.
    pub(super) fn claim(&self, rows: &[Value]) -> Told<Vec<RemoteClaim>> {
        let path = format!("{CLAIMS}?on_conflict=auto_message_id,due_at");
        Ok(self.ask(Method::Post, &path, IGNORE, Some(&json!(rows)))?.iter().map(claim).collect())
    }

    pub(super) fn claims_of(&self, messages: &[&str]) -> Told<Vec<RemoteClaim>> {
        let of = ("auto_message_id", messages);
        let rows = self.get_of(CLAIMS, of, "&order=due_at.desc&limit=1000")?;
        Ok(rows.iter().map(claim).collect())
    }

    pub(super) fn open_claims(&self, appliance: &str) -> Told<Vec<RemoteClaim>> {
        let filter = Filter::equal("claimed_by", appliance).and("settled_at", "is", "null");
        self.claims(&filter, "")
    }

    /// All claims that fit, page by page: the server may cut pages at less.
    fn claims(&self, filter: &Filter, select: &str) -> Told<Vec<RemoteClaim>> {
        let rest = format!("{select}&order=due_at,auto_message_id&limit=1000");
        let mut all: Vec<RemoteClaim> = Vec::new();
        loop {
            let behind = all.last().map(|last| {
                let (at, id) = (("due_at", &*last.due_at), ("auto_message_id", &*last.message));
                filter.clone().and_after(at, id)
            });
            let rows = self.get(CLAIMS, behind.as_ref().unwrap_or(filter), &rest)?;
            if rows.is_empty() {
                return Ok(all);
            }
            all.extend(rows.iter().map(claim));
        }
    }

    pub(super) fn open_claims_of_others(
        &self,
        tables: &Tables,
        channels: &[String],
        appliance: &str,
    ) -> Told<Vec<RemoteClaim>> {
        let messages = &tables.messages.name;
        let column = format!("{messages}.{}", tables.channel_column);
        let filter = Filter::one_of(&column, channels).and("claimed_by", "neq", appliance).and(
            "settled_at",
            "is",
            "null",
        );
        self.claims(&filter, &format!("&select=*,{messages}!inner({})", tables.channel_column))
    }

    /// Gives a claim back, unless another appliance has settled it.
    pub(super) fn release(&self, message: &str, due_at: &str, token: &str) -> Answer {
        let filter = Filter::equal("auto_message_id", message)
            .and("due_at", "eq", due_at)
            .and("claim_token", "eq", token)
            .and("settled_at", "is", "null");
        self.ask(Method::Delete, &format!("{CLAIMS}?{}", filter.text()), ROWS, None)
    }

    /// Writes the same into claims, each named by its message and token. One that is gone is left out.
    pub(super) fn settle_claims(&self, claims: &[(&str, &str)], body: &Value) -> Answer {
        let filter = Filter::one_of("claim_token", claims.iter().map(|(_, token)| token))
            .and_all(&Filter::one_of("auto_message_id", claims.iter().map(|(id, _)| id)));
        self.patch(CLAIMS, &filter, "&select=due_at", body)
    }

    /// Makes `unknown` what another appliance may have sent of its occurrence: what is open there, and
    /// what was cancelled, because an edit takes such a recipient up again, and who it was sent to since
    /// may not be written yet. Returns the deliveries.
    pub(super) fn doubt_deliveries(&self, message: &str, due_at: &str, words: &str) -> Answer {
        let filter = Filter::equal("auto_message_id", message).and("due_at", "eq", due_at);
        let doubtful = Filter::one_of("status", ["pending", "sending", "cancelled"]);
        let doubtful = filter.clone().and_all(&doubtful);
        let body = json!({ "status": "unknown", "error": words });
        self.patch(DELIVERIES, &doubtful, "&select=chat_id", &body)?;
        let path = format!("{DELIVERIES}?{}", filter.text());
        self.all_by("chat_id", &path, "&select=chat_id,status&order=chat_id&limit=1000")
    }

    /// Writes results; a row that is older than what is there is dropped by the database.
    pub(super) fn results(&self, rows: &[Value]) -> Answer {
        let path =
            format!("{DELIVERIES}?on_conflict=auto_message_id,due_at,chat_id&select=chat_id");
        self.ask(Method::Post, &path, MERGE, Some(&json!(rows)))
    }

    /// Changes a message that is still as its guard says. Returns whether it was.
    pub(super) fn settle(
        &self,
        tables: &Tables,
        status: &str,
        guard: &Guard,
        body: &Value,
    ) -> Told<bool> {
        let filter = Filter::equal("status", status);
        let all = guard.columns().into_iter();
        let filter = all.fold(filter, |filter, (column, value)| filter.and(column, "eq", value));
        Ok(!self.patch(&tables.messages.name, &filter, "&select=id", body)?.is_empty())
    }

    /// Writes the same into scheduled messages, each still as its guard says. What came of it is to be
    /// read: asked for the rows, PostgREST would apply `or` to them again, as they are afterwards.
    pub(super) fn settle_all(&self, tables: &Tables, guards: &[Guard], body: &Value) -> Told<()> {
        let filter =
            Filter::equal("status", "scheduled").and_any_of(guards.iter().map(Guard::columns));
        let path = format!("{}?{}", tables.messages.name, filter.text());
        reply::done(self.reply(Method::Patch, &path, NO_ROWS, Some(body)))
    }

    /// Takes a channel that nobody owns. Returns who owns it now.
    pub(super) fn own(&self, channel: &str, appliance: &str) -> Told<Option<Owner>> {
        let row = json!([{ "channel_id": channel, "appliance_id": appliance,
            "version": env!("CARGO_PKG_VERSION") }]);
        self.ask(Method::Post, &format!("{OWNERS}?on_conflict=channel_id"), IGNORE, Some(&row))?;
        Ok(self.owners()?.into_iter().find(|owner| owner.channel == channel))
    }

    pub(super) fn owners(&self) -> Told<Vec<Owner>> {
        let owner = |row: &Value| Owner {
            channel: text(row, "channel_id").unwrap_or_default(),
            appliance: text(row, "appliance_id").unwrap_or_default(),
            taken_at: text(row, "taken_at"),
            seen_at: text(row, "seen_at"),
        };
        let path = format!("{OWNERS}?order=channel_id&limit=1000");
        let rows = self.all_by("channel_id", &path, "")?;
        Ok(rows.iter().map(owner).collect())
    }

    /// Says that this appliance lives. Returns the channels that are still its own.
    pub(super) fn seen(&self, appliance: &str) -> Told<Vec<String>> {
        let filter = Filter::equal("appliance_id", appliance);
        let body = json!({ "seen_at": "now", "version": env!("CARGO_PKG_VERSION") });
        let rows = self.patch(OWNERS, &filter, "&select=channel_id", &body)?;
        Ok(rows.iter().filter_map(|row| text(row, "channel_id")).collect())
    }

    /// Makes a channel ours that is `from`'s. Returns whether it was. Since when it is sent for stays: of
    /// several that had it, each may have left something.
    pub(super) fn take_over(&self, channel: &str, from: &str, to: &str) -> Told<bool> {
        let filter = Filter::equal("channel_id", channel).and("appliance_id", "eq", from);
        let body = json!({ "appliance_id": to, "seen_at": "now" });
        Ok(!self.patch(OWNERS, &filter, "", &body)?.is_empty())
    }

    /// Leaves one channel that is this appliance's to others.
    pub(super) fn give_up(&self, channel: &str, appliance: &str) -> Answer {
        let filter = Filter::equal("channel_id", channel).and("appliance_id", "eq", appliance);
        self.ask(Method::Delete, &format!("{OWNERS}?{}", filter.text()), ROWS, None)
    }

    pub(super) fn disown(&self, appliance: &str) -> Answer {
        let path = format!("{OWNERS}?{}", Filter::equal("appliance_id", appliance).text());
        self.ask(Method::Delete, &path, ROWS, None)
    }
}

#[derive(Clone, Copy)]
pub(super) enum Listed<'a> {
    /// Scheduled for a time before the link.
    Before(&'a str),
    DueSince(&'a str),
    /// Due or scheduled since then, on these channels.
    ToSend(&'a str, &'a [String]),
    /// Due since then, on these channels.
    DueOn(&'a str, &'a [String]),
    /// Due since then, on no channel.
    WithoutChannel(&'a str),
    SentSince(&'a str),
}

/// A row, and what it must still be for a change.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    pub(super) id: String,
    pub(super) scheduled_at: String,
    pub(super) updated_at: Option<String>,
}

impl Guard {
    /// That a row is still as it was read.
    pub(super) fn of(row: &RemoteRow) -> Self {
        let RemoteRow { id, scheduled_at, updated_at, .. } = row.clone();
        Self { id, scheduled_at, updated_at }
    }

    fn columns(&self) -> Vec<(&str, &str)> {
        let updated_at = self.updated_at.as_deref().map(|at| ("updated_at", at));
        let known = [("id", &*self.id), ("scheduled_at", &*self.scheduled_at)];
        known.into_iter().chain(updated_at).collect()
    }
}

/// A row of `auto_message_channel_owners`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) channel: String,
    pub(super) appliance: String,
    pub(super) taken_at: Option<String>,
    pub(super) seen_at: Option<String>,
}

/// A column as text: numbers too, and JSON as it is written.
pub(super) fn text(row: &Value, column: &str) -> Option<String> {
    match &row[column] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Whether a channel or contact is not off; where nothing says so, it is on.
pub(super) fn is_on(row: &Value) -> bool {
    row["is_active"].as_bool() != Some(false)
}

/// What a query of messages selects and filters by, to leave out those with an open claim: with the tables of
/// `migration.sql`.
fn without_open_claims(tables: &Tables) -> (String, String) {
    if !tables.is_shared {
        return Default::default();
    }
    (format!(",{CLAIMS}()"), format!("&{CLAIMS}.settled_at=is.null&{CLAIMS}=is.null"))
}

fn found(row: &Value) -> Option<Found> {
    Some(Found { id: text(row, "id")?, due_at: text(row, "scheduled_at")? })
}

fn claim(row: &Value) -> RemoteClaim {
    let text = |column| text(row, column).unwrap_or_default();
    RemoteClaim {
        message: text("auto_message_id"),
        due_at: text("due_at"),
        token: text("claim_token"),
        claimed_at: text("claimed_at"),
        channel: embedded(row),
        is_settled: !row["settled_at"].is_null(),
        status: self::text(row, "status"),
        sent_count: row["sent_count"].as_i64().unwrap_or(0),
    }
}

/// The one column of another table that was asked for.
fn embedded(row: &Value) -> Option<String> {
    let other = row.as_object()?.values().find(|value| value.is_object())?;
    text(other, other.as_object()?.keys().next()?)
}

fn message(row: &Value, channel_column: &str) -> Option<RemoteRow> {
    Some(RemoteRow {
        id: text(row, "id")?,
        title: text(row, "title"),
        message: text(row, "message").unwrap_or_default(),
        contact_ids: row["contact_ids"].clone(),
        scheduled_at: text(row, "scheduled_at").unwrap_or_default(),
        schedules: text(row, "schedules"),
        interval_config: text(row, "interval_config"),
        status: text(row, "status").unwrap_or_default(),
        sent_at: text(row, "sent_at"),
        channel: text(row, channel_column),
        updated_at: text(row, "updated_at"),
    })
}
