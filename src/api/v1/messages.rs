//! `messages` and their deliveries.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::call::{Answered, ApiResult, Call, Page, Problem, etag, json};
#[cfg(test)]
use super::tests::document;
use crate::channels::{self, OwnGap};
use crate::clock::{Timestamp, lock};
use crate::content::Content;
use crate::delivery::{MessageStatus, Status};
use crate::files::Files;
use crate::forecast::{self, Fate, MessageForecast, PlannedFile};
use crate::http::Response;
use crate::messages::{
    self, ComposeResult, DeliveryView, Draft, Edit, MessageView, MovedView, Retry, Skipped,
    SplitBy, SplitPart, Timing, Warned,
};
use crate::schedule;
use crate::store::{Message, PageFrom, SqlResult, Store, Tx, Wanted};

/// Rows that a search looks at before it says what it found: it never takes long, however much was sent.
const LOOKED_AT_MAX: i64 = 20_000;
const SKIPPED_MAX: usize = 100;

/// A message to be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(example = json!({"text": "Halo {{name|Kak}}", "to": ["0812-0000-7001", "tag:vip"], "at": "+2h"})))]
pub(super) struct NewMessage {
    /// The text; `{{name}}`, `{{phone_number}}` and attributes of the contact are filled in.
    /// With `content` it may be left out.
    #[cfg_attr(test, schema(min_length = 1, max_length = 65536))]
    text: Option<String>,
    /// What it carries beside its text, or in place of it, as docs/media.md has it.
    content: Option<Map<String, Value>>,
    /// Who gets it; only a draft may have nobody.
    #[cfg_attr(test, schema(value_type = Option<To>))]
    to: Option<Value>,
    /// When. Without `at`, `schedules` and `interval` it goes out now.
    at: Option<At>,
    /// Local dates and times, in place of `at`, as `[{"date":"2026-12-01","time":"08:00"}]`.
    #[cfg_attr(test, schema(value_type = Option<Vec<document::LocalTime>>))]
    schedules: Option<Vec<Value>>,
    /// Days of the week, in place of `at`, as `{"time":"08:00","weekDays":[1,4],"endDate":"2026-12-31"}`.
    #[cfg_attr(test, schema(value_type = Option<document::Interval>))]
    interval: Option<Map<String, Value>>,
    title: Option<String>,
    /// The channel that sends it, or several that share its recipients; the channel 1 when none is given.
    channel: Option<Through>,
    /// Kept with the message, and given back with it.
    metadata: Option<Map<String, Value>>,
    /// Hours since each recipient's last message, from whatever message: it waits, up to LATE_LIMIT_HOURS. 0 for
    /// none; the channel's when it is left out.
    #[cfg_attr(test, schema(minimum = 0, maximum = 168))]
    recipient_gap_hours: Option<u32>,
    /// Whether nothing is sent before `resume`.
    #[serde(default)]
    draft: bool,
}

/// A change of a message; what is left out stays.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(example = json!({"at": "2026-12-01 08:00"})))]
#[expect(clippy::option_option, reason = "left out, and null")]
pub(super) struct MessageChange {
    #[cfg_attr(test, schema(min_length = 1, max_length = 65536))]
    text: Option<String>,
    /// In place of all that it had; `null` makes it a text alone.
    #[serde(default, deserialize_with = "given")]
    #[cfg_attr(test, schema(value_type = Option<Map<String, Value>>))]
    content: Option<Option<Map<String, Value>>>,
    /// The recipients, in place of all that it had.
    #[cfg_attr(test, schema(value_type = Option<To>))]
    to: Option<Value>,
    at: Option<At>,
    #[cfg_attr(test, schema(value_type = Option<Vec<document::LocalTime>>))]
    schedules: Option<Vec<Value>>,
    #[cfg_attr(test, schema(value_type = Option<document::Interval>))]
    interval: Option<Map<String, Value>>,
    /// `null` takes it away.
    #[serde(default, deserialize_with = "given")]
    #[cfg_attr(test, schema(value_type = Option<String>))]
    title: Option<Option<String>>,
    /// The channel that sends it, or several that share its recipients.
    channel: Option<Through>,
    /// In place of all that it had; `null` takes it away.
    #[serde(default, deserialize_with = "given")]
    #[cfg_attr(test, schema(value_type = Option<Map<String, Value>>))]
    metadata: Option<Option<Map<String, Value>>>,
    /// `null` for the channel's.
    #[serde(default, deserialize_with = "given")]
    #[cfg_attr(test, schema(value_type = Option<u32>, minimum = 0, maximum = 168))]
    recipient_gap_hours: Option<Option<u32>>,
}

/// Recipients: one of these, or a text such as `tag:vip`, `all` or `1,2,3`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[expect(dead_code, reason = "it says what may be given; the column keeps it as it came")]
pub(super) enum To {
    Some(Vec<Recipient>),
    Words(String),
    Number(i64),
}

/// A contact's id, a phone number in any spelling, a chat id, `tag:vip`, `all`, or an object with one of these;
/// `except:tag:staff`, `except:12` and the like get nothing, by whatever name the others have for them.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[expect(dead_code, reason = "as `To`")]
pub(super) enum Recipient {
    Number(i64),
    Words(String),
    #[cfg_attr(test, schema(value_type = Object))]
    Object(Map<String, Value>),
}

/// A time: `2026-12-01 08:00` in TIMEZONE, with an offset or `Z`, `+10m`, `+2h`, `+1d` or `now`; or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) enum At {
    One(String),
    Several(Vec<String>),
}

/// An id, or a name.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) enum ByIdOrName {
    Id(i64),
    Name(String),
}

/// A channel, or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) enum Through {
    One(ByIdOrName),
    Several(Vec<ByIdOrName>),
}

/// From which channel to which what waits of a message moves.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(example = json!({"from": 1, "to": 2})))]
pub(super) struct Move {
    from: ByIdOrName,
    to: ByIdOrName,
}

/// Whom to send a message again.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct RetryOf {
    /// Also to those who may have got it: they may get it twice.
    unknown: bool,
}

/// How a message becomes several: one a day, or two at the same time.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct SplitOf {
    /// The second channel, for two at the same time; without it one a day.
    channel: Option<ByIdOrName>,
}

/// The messages that it became; the first is the message itself. Each recipient is in exactly one.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct SplitMessage {
    parts: Vec<SplitPart>,
}

/// A message that was made.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct MadeMessage {
    #[cfg_attr(test, schema(minimum = 1))]
    id: i64,
    status: MessageStatus,
    /// How many will get it, as it stands now.
    recipients: u64,
    skipped_count: u64,
    /// The first 100 of those who will not get it.
    skipped: Vec<SkippedView>,
    /// When it goes out first, UTC; `null` for a draft without a time.
    next_at: Option<Timestamp>,
    /// About when the last recipient gets it, after all that waits for the channel before it, UTC; `null` when
    /// nobody gets it, for a draft without a time, and with the warning `end_not_counted`.
    last_at: Option<Timestamp>,
    warnings: Vec<Warned>,
}

/// What a message would be.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct MessagePlan {
    /// How many would get it.
    recipients: u64,
    /// The first 20 of them.
    first: Vec<PlannedView>,
    skipped_count: u64,
    /// The first 100 of those who would not get it.
    skipped: Vec<SkippedView>,
    /// When it would go out first, UTC.
    next_at: Option<Timestamp>,
    /// About when the last recipient would get it, after all that waits for the channel before it, UTC.
    last_at: Option<Timestamp>,
    /// The file that it carries, when that is in the store.
    file: Option<PlannedFile>,
    warnings: Vec<Warned>,
}

/// Somebody who would get a message.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
struct PlannedView {
    to: String,
    name: Option<String>,
    /// With its placeholders filled in.
    text: String,
    /// About when, UTC.
    at: Option<Timestamp>,
    /// The channel that sends it.
    channel_id: Option<i64>,
}

/// Somebody who does not get a message.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = Skipped))]
struct SkippedView {
    /// The chat, or what was written.
    to: String,
    /// As docs/reasons.md lists them.
    code: Option<&'static str>,
    message: String,
}

/// A value that was given, `null` too.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

fn gap(hours: Option<u32>) -> ApiResult<OwnGap> {
    let text = hours.map_or("default".to_owned(), |hours| hours.to_string());
    text.parse().map_err(|why: String| Problem::invalid("recipient_gap_hours", "invalid", why))
}

/// The column `contact_ids` for what was given.
fn column(to: &Value) -> ApiResult<String> {
    let wrong = |field: &str| {
        let words = "a recipient is a contact's id, a phone number, a chat id, `tag:vip`, `all`, or \
                     `except:` before one of them";
        Problem::invalid(field, "invalid", words)
    };
    match to {
        Value::String(text) => Ok(text.clone()),
        Value::Array(list) => {
            for (place, one) in list.iter().enumerate() {
                if Recipient::deserialize(one).is_err() {
                    return Err(wrong(&format!("to[{place}]")));
                }
            }
            Ok(to.to_string())
        }
        _ if To::deserialize(to).is_ok() => Ok(to.to_string()),
        _ => Err(wrong("to")),
    }
}

/// When, of the three ways to say so.
fn timing(
    at: Option<At>,
    schedules: Option<Vec<Value>>,
    interval: Option<Map<String, Value>>,
) -> ApiResult<Option<Timing>> {
    let at = at.map(|at| match at {
        At::One(time) => Timing::At(vec![time]),
        At::Several(times) => Timing::At(times),
    });
    let schedules = schedules.map(|list| Timing::Schedules(Value::Array(list).to_string()));
    let interval = interval.map(|rule| Timing::Interval(Value::Object(rule).to_string()));
    let given = [("at", at), ("schedules", schedules), ("interval", interval)];
    let mut given = given.into_iter().filter_map(|(name, timing)| Some((name, timing?)));
    let first = given.next();
    if let Some((name, _)) = given.next() {
        let words = "give one of `at`, `schedules` and `interval`";
        return Err(Problem::invalid(name, "invalid", words));
    }
    Ok(first.map(|(_, timing)| timing))
}

impl ByIdOrName {
    fn text(self) -> String {
        match self {
            Self::Id(id) => id.to_string(),
            Self::Name(name) => name,
        }
    }
}

impl Through {
    fn text(self) -> String {
        match self {
            Self::One(one) => one.text(),
            Self::Several(all) => {
                all.into_iter().map(ByIdOrName::text).collect::<Vec<_>>().join(",")
            }
        }
    }
}

impl NewMessage {
    fn draft(self) -> ApiResult<Draft> {
        let timing = timing(self.at, self.schedules, self.interval)?;
        let now = || Timing::At(vec!["now".to_owned()]);
        let content = self.content.map(|object| Value::Object(object).to_string());
        let text = self.text.or_else(|| content.is_some().then(String::new));
        let missing = || Problem::invalid("text", "invalid", "missing field `text`");
        Ok(Draft {
            text: text.ok_or_else(missing)?,
            content,
            title: self.title,
            contact_ids: self.to.as_ref().map(column).transpose()?,
            channel: self.channel.map(Through::text),
            timing: if self.draft { timing } else { timing.or_else(|| Some(now())) },
            metadata: self.metadata.map(|object| Value::Object(object).to_string()),
            recipient_gap: self.recipient_gap_hours.map(|hours| gap(Some(hours))).transpose()?,
            is_draft: self.draft,
            skip_bad: true,
            created_by: "api",
            ..Draft::default()
        })
    }
}

impl MessageChange {
    fn edit(self) -> ApiResult<Edit> {
        let metadata = |object: Option<Map<String, Value>>| {
            object.map(|object| Value::Object(object).to_string()).unwrap_or_default()
        };
        Ok(Edit {
            text: self.text,
            content: self.content.map(metadata),
            title: self.title.map(Option::unwrap_or_default),
            contact_ids: self.to.as_ref().map(column).transpose()?,
            channel: self.channel.map(Through::text),
            timing: timing(self.at, self.schedules, self.interval)?,
            metadata: self.metadata.map(metadata),
            recipient_gap: self.recipient_gap_hours.map(gap).transpose()?,
            skip_bad: true,
            ..Edit::default()
        })
    }
}

impl SkippedView {
    fn some(skipped: &[Skipped]) -> Vec<Self> {
        let view = |one: &Skipped| Self {
            to: one.to.clone(),
            code: one.reason.code(),
            message: one.reason.to_string(),
        };
        skipped.iter().take(SKIPPED_MAX).map(view).collect()
    }
}

pub(super) fn create(call: &Call<'_>) -> Answered {
    let draft = call.body::<NewMessage>()?.draft()?;
    let config = &call.v1.config;
    let (ready, foreseen) = call.with_store(|store| {
        let mut ready = messages::check(store, &draft, config, call.now)?;
        let when = (&*call.v1.clock, call.now);
        let mut walked = lock(&call.v1.walked);
        let foreseen = forecast::of_new(store, &ready.message, config, when, &mut walked)?;
        ready.warnings.extend(foreseen.warned());
        Ok((ready, foreseen))
    })?;
    let is_due = ready.message.status == MessageStatus::Scheduled
        && ready.message.scheduled_at.is_some_and(|at| at <= call.now);
    let answer = call.once(|store| {
        let made = store.write_few(|tx| ready.insert(tx, call.now))?;
        let body = MadeMessage {
            id: made.id,
            status: made.status,
            recipients: made.recipient_count,
            skipped_count: made.skipped.len() as u64,
            skipped: SkippedView::some(&made.skipped),
            next_at: made.begins_at,
            last_at: foreseen.ends_at(),
            warnings: made.warnings,
        };
        Ok(json(201, &body).with("Location", format!("/api/v1/messages/{}", made.id)))
    })?;
    if is_due {
        call.v1.wake();
    }
    Ok(answer)
}

pub(super) fn preview(call: &Call<'_>) -> Answered {
    let draft = call.body::<NewMessage>()?.draft()?;
    let config = &call.v1.config;
    let (ready, ahead, times) = call.with_store(|store| {
        let mut ready = messages::check(store, &draft, config, call.now)?;
        let first = &ready.recipients.first;
        // When they get it, and from which channel.
        let mut times = vec![None; first.len()];
        let ahead = forecast::of_unsaved(store, &ready.message, config, call.now, &mut |one| {
            if let Fate::GoesOut { at } = one.fate
                && let Some(place) = first.iter().position(|first| first.to == one.chat_id)
            {
                times[place] = Some((at, one.channel_id.unwrap_or_default()));
            }
        })?;
        ready.warnings.extend(ahead.iter().flat_map(MessageForecast::warned));
        Ok((ready, ahead, times))
    })?;
    let content = Content::read(ready.message.content.as_deref()).unwrap_or_default();
    let file = forecast::file_of(&Files::beside(&config.database_path), &content, config);
    let recipients = ready.recipients;
    let first = recipients.first.into_iter().zip(times).map(|(one, time)| {
        let (at, channel_id) = time.unzip();
        PlannedView { to: one.to, name: one.name, text: one.text, at, channel_id }
    });
    let body = MessagePlan {
        recipients: recipients.count,
        first: first.collect(),
        skipped_count: recipients.skipped.len() as u64,
        skipped: SkippedView::some(&recipients.skipped),
        next_at: ready.message.scheduled_at,
        last_at: ahead.and_then(|ahead| ahead.tally.ends_at),
        file,
        warnings: ready.warnings,
    };
    Ok(json(200, &body))
}

fn view(tx: &Tx<'_>, row: Message) -> SqlResult<MessageView> {
    let mut channels = Vec::new();
    for id in row.channels() {
        channels.extend(tx.channel(id)?);
    }
    let expired = if row.counts.failed > 0 { tx.count_expired(row.id)? } else { 0 };
    Ok(MessageView::of(row, &channels, expired))
}

/// The message of the path.
fn existing(call: &Call<'_>, store: &mut Store) -> ApiResult<Message> {
    match store.read(|tx| tx.message(call.id))? {
        Some(row) => Ok(row),
        None => Err(Problem::not_found(messages::no_such_message(store, call.id)?)),
    }
}

fn shown(call: &Call<'_>, store: &mut Store) -> Answered {
    let row = existing(call, store)?;
    let stamp = messages::stamp(&row);
    let view = store.read(|tx| view(tx, row))?;
    Ok(json(200, &view).with("ETag", etag(&stamp)))
}

pub(super) fn show(call: &Call<'_>) -> Answered {
    call.with_store(|store| shown(call, store))
}

pub(super) fn list(call: &Call<'_>) -> Answered {
    let (limit, cursor) = (call.limit()?, call.cursor()?);
    let json_path = |key: &str| format!("$.\"{}\"", key.replace('"', ""));
    let wanted = Wanted {
        status: call.parsed("status", "a status of messages", MessageStatus::from_word)?,
        channel_id: None,
        from: time(call, "from")?,
        until: time(call, "until")?,
        search: call.parameter("search").map(str::to_owned),
        metadata: call
            .parameter_after("metadata.")
            .map(|(key, value)| (json_path(key), value.to_owned())),
        above: None,
    };
    call.with_store(|store| {
        let mut wanted = wanted;
        if let Some(channel) = call.parameter("channel") {
            let found = channels::find(store, channel);
            let wrong = |error: channels::ChannelError| match error {
                channels::ChannelError::Refused(why) => {
                    Problem::invalid("channel", "invalid", why.to_string())
                }
                channels::ChannelError::Store(error) => error.into(),
            };
            wanted.channel_id = Some(found.map_err(wrong)?.id);
        }
        let by_status = Wanted { status: wanted.status, ..Wanted::default() };
        let is_searched = wanted != by_status;
        let page = store.read(|tx| {
            let below = match cursor {
                Some(below) => below,
                None => tx.newest_message_id()?.saturating_add(1),
            };
            let above = if is_searched { below.saturating_sub(LOOKED_AT_MAX).max(0) } else { 0 };
            let wanted = Wanted { above: Some(above), ..wanted };
            let mut rows =
                tx.page_of_messages(&wanted, PageFrom::OlderThan(below), limit + 1, true)?;
            let is_full = rows.len() > limit as usize;
            rows.truncate(limit as usize);
            let next = match rows.last() {
                Some(last) if is_full => Some(last.id),
                _ => Some(above + 1).filter(|below| *below > 1),
            };
            let data = rows.into_iter().map(|row| view(tx, row)).collect::<SqlResult<Vec<_>>>()?;
            Ok(Page { data, next_cursor: next.map(|next| next.to_string()) })
        })?;
        Ok(json(200, &page))
    })
}

/// A time as `at` has it, or a date.
fn time(call: &Call<'_>, name: &str) -> ApiResult<Option<Timestamp>> {
    let zone = &call.v1.config.zone;
    call.parsed(
        name,
        "a time such as 2026-12-01, 2026-12-01 08:00 or 2026-12-01T01:00:00Z",
        |text| {
            let read = |text: &str| schedule::read_typed(text, zone).ok().map(|typed| typed.at);
            read(text).or_else(|| read(&format!("{text} 00:00")))
        },
    )
}

pub(super) fn edit(call: &Call<'_>) -> Answered {
    let edit = call.body::<MessageChange>()?.edit()?;
    call.with_store(|store| {
        let stamp = messages::stamp(&existing(call, store)?);
        call.check_seen(&stamp)?;
        let is_empty = edit == Edit { skip_bad: true, ..Edit::default() };
        if !is_empty {
            let edit = Edit { seen: Some(stamp), ..edit };
            messages::edit(store, call.id, &edit, &call.v1.config, call.now)?;
        }
        shown(call, store)
    })
    .inspect(|_| call.v1.wake())
}

pub(super) fn remove(call: &Call<'_>) -> Answered {
    let with_unknown = call.flag("forget_unknown")?;
    call.with_store(|store| {
        existing(call, store)?;
        messages::remove(store, call.id, with_unknown)?;
        Ok(Response { status: 204, ..Response::default() })
    })
}

/// Changes the message of the path once, and shows it.
fn moved(call: &Call<'_>, change: &mut dyn FnMut(&mut Store) -> ComposeResult<()>) -> Answered {
    call.once(|store| {
        existing(call, store)?;
        change(store)?;
        shown(call, store)
    })
}

pub(super) fn cancel(call: &Call<'_>) -> Answered {
    moved(call, &mut |store| messages::cancel(store, call.id, call.now).map(drop))
}

pub(super) fn pause(call: &Call<'_>) -> Answered {
    moved(call, &mut |store| messages::pause(store, call.id, call.now).map(drop))
}

pub(super) fn resume(call: &Call<'_>) -> Answered {
    let config = &call.v1.config;
    moved(call, &mut |store| messages::resume(store, call.id, config, call.now).map(drop))
        .inspect(|_| call.v1.wake())
}

pub(super) fn retry(call: &Call<'_>) -> Answered {
    let retry = Retry { with_unknown: call.body_or_default::<RetryOf>()?.unknown };
    let config = &call.v1.config;
    moved(call, &mut |store| {
        messages::retry(store, call.id, retry, None, config, call.now).map(drop)
    })
    .inspect(|_| call.v1.wake())
}

pub(super) fn move_to(call: &Call<'_>) -> Answered {
    let Move { from, to } = call.body()?;
    let (from, to) = (from.text(), to.text());
    call.once(|store| {
        existing(call, store)?;
        let moved = messages::move_to_channel(store, call.id, (&from, &to), call.now)?;
        Ok(json(200, &MovedView::of(call.id, &moved)))
    })
    .inspect(|_| call.v1.wake())
}

pub(super) fn split(call: &Call<'_>) -> Answered {
    let channel = call.body_or_default::<SplitOf>()?.channel;
    call.once(|store| {
        existing(call, store)?;
        let by = match channel {
            Some(channel) => SplitBy::Channel(channels::find(store, &channel.text())?.id),
            None => SplitBy::Days,
        };
        let parts = forecast::split(store, call.id, by, &call.v1.config, call.now)?;
        Ok(json(200, &SplitMessage { parts }))
    })
    .inspect(|_| call.v1.wake())
}

pub(super) fn deliveries(call: &Call<'_>) -> Answered {
    let limit = call.limit()?;
    let status = call.parsed("status", "a status of deliveries", Status::from_word)?;
    let due_at = time(call, "due_at")?;
    let after = call.parameter("cursor").unwrap_or_default();
    call.with_store(|store| {
        existing(call, store)?;
        let page = store.read(|tx| {
            let latest = tx.occurrence_times(call.id, 1)?.first().map(|(at, _)| *at);
            let Some(due_at) = due_at.or(latest) else {
                return Ok(Page { data: Vec::new(), next_cursor: None });
            };
            let statuses = status.as_slice();
            let mut rows =
                tx.page_of_deliveries(call.id, due_at, statuses, None, (after, limit + 1))?;
            let is_full = rows.len() > limit as usize;
            rows.truncate(limit as usize);
            let next_cursor = rows.last().filter(|_| is_full).map(|last| last.chat_id.clone());
            Ok(Page { data: rows.into_iter().map(DeliveryView::of).collect(), next_cursor })
        })?;
        Ok(json(200, &page))
    })
}

pub(super) fn delivery(call: &Call<'_>) -> Answered {
    call.with_store(|store| match store.read(|tx| tx.delivery(call.id))? {
        Some(row) => Ok(json(200, &DeliveryView::of(row))),
        None => Err(Problem::not_found(format!("there is no delivery {}", call.id))),
    })
}
