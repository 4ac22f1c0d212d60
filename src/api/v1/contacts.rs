//! `contacts`, their opt-outs, and lists that come in.

use std::io;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::call::{Answered, ApiResult, Call, Page, Problem, etag, json};
use super::keys;
use crate::contacts::import::{self, Columns, ImportRules, Imported, Refused, Watch};
use crate::contacts::{self, Changes, Filter, Person, tags};
use crate::http::Response;
use crate::language::Language;
use crate::recipient::{Entry, normalize_phone};
use crate::store::{PageFrom, Store};

const REFUSED_MAX: usize = 100;

/// A contact to be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(example = json!({"name": "Budi", "phone_number": "0812-0000-7001", "tags": ["vip"], "attributes": {"kota": "Solo"}})))]
pub(super) struct NewContact {
    name: Option<String>,
    /// In any spelling.
    phone_number: String,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    attributes: Map<String, Value>,
}

/// A change of a contact; what is left out stays.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(example = json!({"tags": ["vip", "solo"], "attributes": {"kota": null}})))]
pub(super) struct ContactChange {
    name: Option<String>,
    phone_number: Option<String>,
    /// In place of all that it had.
    tags: Option<Vec<String>>,
    /// Values to set; `null` takes one away.
    attributes: Map<String, Value>,
}

/// What a list came to.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct ImportOf {
    /// Rows below the header.
    rows: u64,
    added: u64,
    /// Rows that changed a contact.
    merged: u64,
    unchanged: u64,
    refused: u64,
    /// Whether anything was stored.
    stored: bool,
    /// What each column was taken for, by its heading, and which rows above the headings were left out.
    columns: Columns,
    /// What the list says of opt-outs, and columns that may say so in words that were not understood.
    opt_outs: Vec<String>,
    /// The first 100 rows that were refused.
    refused_rows: Vec<RefusedRow>,
}

/// A row that was refused.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
struct RefusedRow {
    line: u64,
    value: String,
    reason: String,
}

fn found(call: &Call<'_>, store: &mut Store) -> ApiResult<Person> {
    Ok(contacts::find(store, call.id, &call.v1.config.country)?)
}

fn stamp(person: &Person) -> String {
    let text = serde_json::to_vec(person).unwrap_or_default();
    keys::hex(&text)[..24].to_owned()
}

fn answer(status: u16, person: &Person) -> Response {
    json(status, person).with("ETag", etag(&stamp(person)))
}

pub(super) fn show(call: &Call<'_>) -> Answered {
    call.with_store(|store| Ok(answer(200, &found(call, store)?)))
}

pub(super) fn list(call: &Call<'_>) -> Answered {
    let (limit, cursor) = (call.limit()? as usize, call.cursor()?);
    let opted_out = call.parsed("opted_out", "true or false", |text| text.parse().ok())?;
    let country = &call.v1.config.country;
    let digits = call.parameter("phone").map(|phone| normalize_phone(phone, country));
    let digits =
        digits.transpose().map_err(|why| Problem::invalid("phone", why.code(), why.to_string()))?;
    call.with_store(|store| {
        if let Some(digits) = digits {
            let ids = store.read(|tx| contacts::with_number(tx, &digits, country))?;
            let data = ids.into_iter().map(|id| contacts::find(store, id, country));
            let data = data.collect::<Result<Vec<_>, _>>()?;
            return Ok(json(200, &Page { data, next_cursor: None }));
        }
        let text = |name| call.parameter(name).map(str::to_owned);
        let filter = Filter { search: text("search"), tag: text("tag"), opted_out };
        let from = cursor.map_or(PageFrom::Newest, PageFrom::OlderThan);
        let mut data = contacts::page(store, &filter, from, limit + 1, country)?;
        let is_full = data.len() > limit;
        data.truncate(limit);
        let next_cursor = data.last().filter(|_| is_full).map(|last| last.id.to_string());
        Ok(json(200, &Page { data, next_cursor }))
    })
}

/// Attributes as `--set` has them.
fn attribute(name: &str, value: &Value) -> ApiResult<(String, String)> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            let words = "an attribute is a text, a number, true or false";
            return Err(Problem::invalid(&format!("attributes.{name}"), "invalid", words));
        }
    };
    Ok((name.to_owned(), text))
}

pub(super) fn create(call: &Call<'_>) -> Answered {
    let new = call.body::<NewContact>()?;
    let set = new.attributes.iter().map(|(name, value)| attribute(name, value));
    let changes = Changes {
        name: new.name,
        number: Some(new.phone_number),
        add_tags: new.tags,
        set: set.collect::<Result<_, _>>()?,
        ..Changes::default()
    };
    let country = &call.v1.config.country;
    call.once(|store| {
        let id = contacts::add(store, &changes, None, country, call.now)?;
        let person = contacts::find(store, id, country)?;
        Ok(answer(201, &person).with("Location", format!("/api/v1/contacts/{id}")))
    })
}

pub(super) fn edit(call: &Call<'_>) -> Answered {
    let change = call.body::<ContactChange>()?;
    let is_set =
        |(name, value): (&String, &Value)| (!value.is_null()).then(|| attribute(name, value));
    let set = change.attributes.iter().filter_map(is_set).collect::<Result<Vec<_>, _>>()?;
    call.with_store(|store| {
        // In one transaction: nobody changes it between the look and the change.
        store.together(|store| {
            let before = found(call, store)?;
            call.check_seen(&stamp(&before))?;
            let has =
                |name: &String| contacts::attribute_called(&before.attributes, name).is_some();
            let gone =
                change.attributes.iter().filter(|(name, value)| value.is_null() && has(name));
            let wanted = change.tags.iter().flatten().map(|tag| tags::fold(tag));
            let wanted: Vec<String> = wanted.collect();
            let is_left =
                |tag: &&String| change.tags.is_some() && !wanted.contains(&tags::fold(tag));
            let changes = Changes {
                name: change.name.clone(),
                number: change.phone_number.clone(),
                remove_tags: before.tags.iter().filter(is_left).cloned().collect(),
                add_tags: change.tags.clone().unwrap_or_default(),
                set,
                unset: gone.map(|(name, _)| name.clone()).collect(),
            };
            if changes != Changes::default() {
                contacts::edit(store, call.id, &changes, &call.v1.config, call.now)?;
            }
            Ok(answer(200, &found(call, store)?))
        })
    })
}

pub(super) fn remove(call: &Call<'_>) -> Answered {
    let forgets = call.flag("forget_opt_out")?;
    call.with_store(|store| {
        contacts::remove(store, &[call.id], forgets, &call.v1.config, call.now)?;
        Ok(Response { status: 204, ..Response::default() })
    })
}

pub(super) fn opt_out(call: &Call<'_>) -> Answered {
    let mut told = None;
    let answer = call.once(|store| {
        let config = &call.v1.config;
        found(call, store)?;
        let done = contacts::opt_out::opt_out(store, &Entry::Contact(call.id), config, call.now)?;
        told = Some(done);
        Ok(answer(200, &found(call, store)?))
    })?;
    if let Some(done) = told {
        done.tell(&call.v1.triggers);
    }
    Ok(answer)
}

pub(super) fn opt_in(call: &Call<'_>) -> Answered {
    call.once(|store| {
        found(call, store)?;
        let (entry, country) = (Entry::Contact(call.id), &call.v1.config.country);
        contacts::opt_out::opt_in(store, &entry, country, call.now)?;
        Ok(answer(200, &found(call, store)?))
    })
}

#[derive(Default)]
struct Kept {
    columns: Columns,
    refused: Vec<RefusedRow>,
}

impl Watch for Kept {
    fn columns(&mut self, columns: &Columns) {
        self.columns = columns.clone();
    }

    fn refused(&mut self, refused: Refused) -> io::Result<()> {
        let Refused { line, value, reason, .. } = refused;
        if self.refused.len() < REFUSED_MAX {
            self.refused.push(RefusedRow { line, value, reason });
        }
        Ok(())
    }
}

/// Types of lists. The bytes say which it is: programs are often wrong about it.
pub(super) const LISTS: [&str; 4] = [
    "text/csv",
    "text/vcard",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/octet-stream",
];

pub(super) fn import(call: &Call<'_>) -> Answered {
    let content_type = call.request.header("Content-Type").unwrap_or(LISTS[0]);
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !LISTS.contains(&kind.as_str()) {
        let words = format!("send the list as it is, and say so: `Content-Type: {}`", LISTS[0]);
        return Err(Problem::new(415, "not_csv", words));
    }
    let (is_strict, is_preview) = (call.flag("strict")?, call.flag("dry_run")?);
    let tags: Vec<String> = call.parameter("tag").map(str::to_owned).into_iter().collect();
    let rules = ImportRules {
        country: &call.v1.config.country,
        tags: &tags,
        language: Language::English,
        clock: &*call.v1.clock,
        is_preview,
        number_column: None,
        name_column: None,
        chosen: &[],
    };
    call.once(|store| {
        let (mut kept, list) = (Kept::default(), io::Cursor::new(&call.request.body));
        let imported = if is_strict {
            import::import_strictly(store, list, &rules, &mut kept)?
        } else {
            import::import(store, list, &rules, &mut kept)?
        };
        let opt_outs = imported.opt_outs_text(Language::English);
        let Imported { rows, added, merged, unchanged, refused, .. } = imported;
        let stored = !(is_preview || is_strict && refused > 0);
        let Kept { columns, refused: refused_rows } = kept;
        let body = ImportOf {
            rows,
            added,
            merged,
            unchanged,
            refused,
            stored,
            columns,
            opt_outs,
            refused_rows,
        };
        Ok(json(200, &body))
    })
}
