//! What the project calls its tables and columns, from PostgREST's own description of it.
//!
//! The website in the wild spells `chanels` and `chanel_id`; others do not. Only columns that exist are
//! asked for, and ids stay text, whatever their type is.

use serde_json::{Map, Value};

use crate::config::Supabase;

/// The three tables of `migration.sql`, with which several appliances share a project.
pub(super) const CLAIMS: &str = "auto_message_claims";
pub(super) const DELIVERIES: &str = "auto_message_deliveries";
pub(super) const OWNERS: &str = "auto_message_channel_owners";

/// Without these a message cannot be sent.
const NEEDED: [&str; 5] = ["id", "message", "contact_ids", "scheduled_at", "status"];

/// The tables of a project, as it names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tables {
    pub(super) messages: Table,
    pub(super) channels: Table,
    /// Messages may name their contacts without a table of contacts.
    pub(super) contacts: Option<Table>,
    pub(super) channel_column: String,
    /// Whether the tables of `migration.sql` are there.
    pub(super) is_shared: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: String,
    columns: Vec<(String, String)>,
}

impl Table {
    pub(super) fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|(name, _)| name == column)
    }

    /// Those of the `wanted` words that exist, as `select` wants them.
    pub(super) fn select(&self, wanted: &str) -> String {
        wanted.split(' ').filter(|column| self.has(column)).collect::<Vec<_>>().join(",")
    }

    /// Whether a column is one of truth values, which the server can filter by.
    pub(super) fn has_truth(&self, column: &str) -> bool {
        self.format(column) == Some("boolean")
    }

    fn format(&self, column: &str) -> Option<&str> {
        let found = self.columns.iter().find(|(name, _)| name == column);
        found.map(|(_, format)| format.as_str())
    }

    /// A value of a column as the database writes it, however it is spelled; `None` for what cannot be
    /// one: it would spoil a whole page.
    pub(super) fn value(&self, column: &str, spelled: &str) -> Option<String> {
        let number = |max: i64| {
            let number = spelled.trim().parse::<i64>().ok();
            number.filter(|number| (-max..=max).contains(number)).map(|number| number.to_string())
        };
        match self.format(column) {
            Some("uuid") => uuid(spelled),
            Some("bigint") => number(i64::MAX),
            Some("integer") => number(i32::MAX.into()),
            Some("smallint") => number(i16::MAX.into()),
            Some(_) | None => {
                (!spelled.is_empty() && spelled.len() <= 100).then(|| spelled.to_owned())
            }
        }
    }
}

/// A uuid in small letters with its dashes: large letters, other dashes and braces make no other.
fn uuid(spelled: &str) -> Option<String> {
    let digits: String = spelled
        .trim_matches(|c: char| c.is_whitespace() || matches!(c, '{' | '}'))
        .chars()
        .filter(|c| *c != '-')
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let is_one = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_one.then(|| {
        let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
        parts.join("-")
    })
}

impl Tables {
    /// Reads the description, an OpenAPI document. The error says what is missing, and what to set.
    pub(super) fn read(description: &Value, settings: &Supabase) -> Result<Self, String> {
        let Some(definitions) = description["definitions"].as_object() else {
            return Err(
                "Supabase's answer is no description of tables: is SUPABASE_URL right?".into()
            );
        };
        let table = |name: &str| table(definitions, name);
        let messages = table(&settings.messages_table).ok_or_else(|| {
            let name = &settings.messages_table;
            format!("the project has no table `{name}`: set SUPABASE_MESSAGES_TABLE")
        })?;
        if let Some(missing) = NEEDED.iter().find(|column| !messages.has(column)) {
            return Err(format!(
                "the project's table `{}` has no column `{missing}`",
                messages.name
            ));
        }
        let column = settings.channel_column.as_deref();
        let channel_column = [column, Some("chanel_id"), Some("channel_id")]
            .into_iter()
            .flatten()
            .find(|column| messages.has(column))
            .filter(|found| column.is_none_or(|wanted| wanted == *found))
            .ok_or_else(|| {
                format!(
                    "no column of `{}` names a channel: set SUPABASE_CHANNEL_COLUMN",
                    messages.name
                )
            })?
            .to_owned();
        // Where both spellings exist, the foreign key tells which one counts.
        let target = foreign_table(definitions, &messages.name, &channel_column);
        let channels = match &settings.channels_table {
            Some(name) => table(name),
            None => target
                .as_deref()
                .and_then(table)
                .or_else(|| table("chanels"))
                .or_else(|| table("channels")),
        };
        let channels = channels
            .filter(|channels| channels.has("id") && channels.has("session_name"))
            .ok_or("the project has no table of channels with the columns `id` and `session_name`: set SUPABASE_CHANNELS_TABLE")?;
        Ok(Self {
            contacts: table(&settings.contacts_table)
                .filter(|contacts| contacts.has("id") && contacts.has("phone_number")),
            is_shared: [CLAIMS, DELIVERIES, OWNERS]
                .iter()
                .all(|name| definitions.contains_key(*name)),
            messages,
            channels,
            channel_column,
        })
    }
}

fn table(definitions: &Map<String, Value>, name: &str) -> Option<Table> {
    let properties = definitions.get(name)?["properties"].as_object()?;
    let format = |column: &Value| column["format"].as_str().unwrap_or_default().to_owned();
    let columns = properties.iter().map(|(name, column)| (name.clone(), format(column))).collect();
    Some(Table { name: name.to_owned(), columns })
}

/// `<fk table='chanels' column='id'/>` in a column's description.
fn foreign_table(definitions: &Map<String, Value>, table: &str, column: &str) -> Option<String> {
    let text = definitions.get(table)?["properties"][column]["description"].as_str()?;
    let (_, rest) = text.split_once("<fk table='")?;
    Some(rest.split_once('\'')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn settings() -> Supabase {
        Supabase {
            url: "http://127.0.0.1".into(),
            key: Secret::new("x"),
            appliance_name: None,
            messages_table: "auto_messages".into(),
            contacts_table: "contacts".into(),
            channels_table: None,
            channel_column: None,
            timeout: std::time::Duration::from_secs(12),
        }
    }

    #[test]
    fn names_are_found_in_the_recorded_description_or_taken_from_the_settings() {
        let text = include_str!("../../tests/fixtures/supabase/openapi.json");
        let mut description: Value = serde_json::from_str(text).unwrap();
        let table = |columns: &[&str]| {
            let column =
                |name: &&str| ((*name).to_owned(), serde_json::json!({ "format": "uuid" }));
            serde_json::json!({ "properties": columns.iter().map(column).collect::<Map<_, _>>() })
        };
        let definitions = description["definitions"].as_object_mut().unwrap();
        definitions.insert("chanels".into(), table(&["id", "session_name"]));
        definitions.insert("contacts".into(), table(&["id", "phone_number"]));
        for ours in [CLAIMS, DELIVERIES, OWNERS] {
            definitions.insert(ours.into(), table(&["auto_message_id"]));
        }
        let tables = Tables::read(&description, &settings()).unwrap();
        let found =
            (tables.channels.name.as_str(), tables.channel_column.as_str(), tables.is_shared);
        assert_eq!(found, ("chanels", "chanel_id", true));
        assert!(tables.messages.has("updated_at") && !tables.messages.has("metadata"));
        let contacts = tables.contacts.unwrap();
        assert!(contacts.value("id", "d64f7a2e-3f1b-4c1e-9d5c-0a1b2c3d4e5f").is_some());
        assert!(contacts.value("id", "contact1").is_none() && contacts.value("id", "7").is_none());
        for (set, words) in [
            (Supabase { messages_table: "pesan".into(), ..settings() }, "SUPABASE_MESSAGES_TABLE"),
            (
                Supabase { channel_column: Some("kanal".into()), ..settings() },
                "SUPABASE_CHANNEL_COLUMN",
            ),
            (
                Supabase { channels_table: Some("kanal".into()), ..settings() },
                "SUPABASE_CHANNELS_TABLE",
            ),
        ] {
            assert!(Tables::read(&description, &set).unwrap_err().contains(words));
        }
    }

    #[test]
    fn an_id_is_the_same_one_however_it_is_spelled_and_what_the_database_would_refuse_is_none() {
        let id = "d64f7a2e-3f1b-4c1e-9d5c-0a1b2c3d4e5f";
        let (upper, bare) = (id.to_uppercase(), id.replace('-', ""));
        let (braced, spaced) = (format!("{{{id}}}"), format!(" {id} "));
        let too_long = format!("{id}0");
        for (format, spelled, wanted) in [
            ("uuid", &*upper, Some(id)),
            ("uuid", &bare, Some(id)),
            ("uuid", &braced, Some(id)),
            ("uuid", &spaced, Some(id)),
            ("uuid", &too_long, None),
            ("uuid", "contact1", None),
            ("bigint", "+007", Some("7")),
            ("bigint", "6281200007001", Some("6281200007001")),
            ("integer", "6281200007001", None),
            ("smallint", "40000", None),
            ("text", "Contact1", Some("Contact1")),
            ("text", "", None),
        ] {
            let columns = vec![("id".to_owned(), format.to_owned())];
            let table = Table { name: "contacts".into(), columns };
            assert_eq!(table.value("id", spelled).as_deref(), wanted, "{format} {spelled}");
        }
    }
}
