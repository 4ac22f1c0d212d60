//! What a message carries beside its text: the fields of a form for it, how a recipient sees it, and the picture
//! itself. What is right is `content`'s and `files`'s; here it is only asked.

use serde_json::{Map, Value, json};

use super::format::Choice;
use super::forms::Form;
use super::upload::{NotTaken, Taken};
use super::visit::Visit;
use super::words::Words;
use super::{Answered, reply};
use crate::content::{Content, Kind, KindName, MediaKind, Source};
use crate::files::{FileKind, Stored};
use crate::http::OpenFile;
use crate::language::Language;
use crate::reason::Reason;

/// Keys that the form has no field for, and keeps.
const KEPT: [&str; 3] = ["reply_to", "mentions", "link_preview"];
/// The same of a file.
const OF_FILE: [&str; 3] = ["file", "url", "filename"];
/// What WhatsApp takes of a picture; a larger one is none.
const PICTURE_BYTES_MAX: u64 = 16 << 20;

#[derive(Default)]
pub(super) struct Carried {
    /// Its kind, in a word; empty for a text alone.
    pub(crate) kind: &'static str,
    /// Where the picture is, when it can be shown.
    pub(crate) picture: String,
    /// The name of a file, a place or a person.
    pub(crate) name: String,
    /// Its size, its coordinates, its number.
    pub(crate) detail: String,
    /// The answers of a poll, which stand below its question.
    pub(crate) options: Vec<String>,
    pub(crate) problem: String,
}

#[derive(Default)]
pub(super) struct CarriedFields {
    pub(crate) place: String,
    pub(crate) name: String,
    pub(crate) phone: String,
    pub(crate) options: String,
    pub(crate) is_multiple: bool,
}

/// The column that a form stands for: what is filled in, and of the hidden one what it has no field for. What
/// cannot be right stays as it was typed, so that the form shows it again.
pub(super) fn column_of(form: &Form, taken: Option<&Result<Taken, NotTaken>>) -> String {
    let before = object(form.get("content").unwrap_or_default());
    let taken = taken.and_then(|taken| taken.as_ref().ok());
    let chosen = form.get("kind").and_then(KindName::from_word);
    let kind = match (chosen, taken) {
        // A form without the choice, or content of a kind that it does not know.
        (None, None) => return text_of(before),
        (None | Some(KindName::Text), Some(taken)) => kind_of(taken.stored.kind),
        (Some(kind), _) => kind,
    };
    let mut made = Map::new();
    let typed = |name: &str| form.filled(name).map(Value::from);
    match kind {
        KindName::Text => {}
        KindName::Image | KindName::File | KindName::Video | KindName::Voice => match taken {
            Some(Taken { stored, filename }) => {
                made.insert("file".to_owned(), json!(stored.name));
                set(&mut made, "filename", filename.clone().map(Value::from));
            }
            None => take(&mut made, &before, &OF_FILE),
        },
        KindName::Location => place(&mut made, form.filled("place").unwrap_or_default()),
        KindName::Contact => {
            set(&mut made, "name", typed("card_name"));
            set(&mut made, "phone", typed("card_phone"));
        }
        KindName::Poll => {
            let lines = form.get("options").unwrap_or_default().lines().map(str::trim);
            let options: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
            set(&mut made, "options", (!options.is_empty()).then(|| json!(options)));
            set(&mut made, "multiple", form.get("multiple").map(|_| Value::from(true)));
        }
    }
    if kind != KindName::Text {
        made.insert("kind".to_owned(), json!(kind.as_str()));
    }
    take(&mut made, &before, &KEPT);
    text_of(made)
}

/// A stored message's text and column, as the form has them: its words are the text, wherever they are stored.
pub(super) fn of_stored(message: &str, column: Option<&str>) -> (String, String) {
    let mut fields = object(column.unwrap_or_default());
    if fields.get("kind") == Some(&json!("text")) {
        fields.remove("kind");
    }
    let mut text = message.to_owned();
    if let Ok(content) = Content::read(column)
        && let Ok(words) = content.words(message)
    {
        words.clone_into(&mut text);
        for key in ["caption", "title", "question"] {
            fields.remove(key);
        }
    }
    (text, text_of(fields))
}

impl CarriedFields {
    pub(super) fn of(column: &str) -> Self {
        let fields = object(column);
        let text = |key: &str| match fields.get(key) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let options = fields.get("options").and_then(Value::as_array);
        let options = options.into_iter().flatten().filter_map(Value::as_str);
        let place = [text("latitude"), text("longitude")];
        Self {
            place: place.join(", ").trim_end_matches(", ").to_owned(),
            name: text("name"),
            phone: text("phone"),
            options: options.collect::<Vec<_>>().join("\n"),
            is_multiple: fields.get("multiple").is_some_and(|value| *value == json!(true)),
        }
    }
}

/// The kinds to choose from; one that the form does not know stays as it is.
pub(super) fn kinds(column: &str, w: &'static Words) -> Vec<Choice> {
    let chosen = object(column).get("kind").cloned().unwrap_or(json!("text"));
    let choice = |kind: &KindName| {
        let word = if *kind == KindName::Text { w.kind_text } else { word(*kind, w) };
        Choice::new(word, chosen == json!(kind.as_str()), kind.as_str())
    };
    let mut choices: Vec<Choice> = KindName::ALL.iter().map(choice).collect();
    if !choices.iter().any(|choice| choice.is_chosen) {
        choices.push(Choice::new(w.kind_other, true, ""));
    }
    choices
}

/// What is still to be filled in, or filled in otherwise: in the words of the form, not by the column's keys.
pub(super) fn lacks(column: &str, w: &'static Words) -> Option<&'static str> {
    let fields = object(column);
    let has = |key: &str| fields.get(key).is_some_and(|value| !value.is_null());
    if let Err(Reason::ContentValue { key, .. }) = Content::read(Some(column)) {
        match key.as_str() {
            "options" => return Some(w.needs_options),
            "latitude" | "longitude" => return Some(w.needs_place),
            _ => {}
        }
    }
    match KindName::from_word(fields.get("kind")?.as_str()?)? {
        KindName::Text => None,
        KindName::Image | KindName::File | KindName::Video | KindName::Voice => {
            (!has("file") && !has("url")).then_some(w.needs_file)
        }
        KindName::Location => (!has("latitude") || !has("longitude")).then_some(w.needs_place),
        KindName::Contact => (!has("name") || !has("phone")).then_some(w.needs_card),
        KindName::Poll => (!has("options")).then_some(w.needs_options),
    }
}

pub(super) fn not_taken(visit: &Visit<'_>) -> Option<String> {
    let (w, config) = (visit.words(), visit.config);
    let why = visit.taken.as_ref()?.as_ref().err()?;
    Some(match why {
        NotTaken::Empty => w.choose_a_file.to_owned(),
        NotTaken::TooLarge => w.upload_too_large.replace("{}", &config.media_max_mb.to_string()),
        NotTaken::Disk => w.upload_not_stored.to_owned(),
    })
}

impl Carried {
    /// What a column says; of a file also what is there.
    pub(super) fn of(visit: &Visit<'_>, column: Option<&str>) -> Self {
        let w = visit.words();
        let content = match Content::read(column) {
            Ok(content) => content,
            Err(reason) => {
                let problem = lacks(column.unwrap_or_default(), w).map(str::to_owned);
                let problem = problem.unwrap_or_else(|| reason.text(visit.language));
                return Self { kind: w.carries, problem, ..Self::default() };
            }
        };
        let kind = if content.name() == KindName::Text { "" } else { word(content.name(), w) };
        let seen = Self { kind, ..Self::default() };
        match &content.kind {
            Kind::Text => seen,
            Kind::Media(media) => {
                let name = media.filename.clone().unwrap_or_default();
                match &media.source {
                    Source::Url(url) => Self { name, detail: url.clone(), ..seen },
                    Source::File(file) => Self { name, ..seen }.with_file(visit, media.kind, file),
                }
            }
            // Its title is its words.
            Kind::Location { latitude, longitude, title: _ } => {
                Self { detail: format!("{latitude}, {longitude}"), ..seen }
            }
            Kind::Contact { name, phone } => {
                Self { name: name.clone(), detail: phone.clone(), ..seen }
            }
            Kind::Poll { options, .. } => Self { options: options.clone(), ..seen },
        }
    }

    fn with_file(self, visit: &Visit<'_>, kind: MediaKind, file: &str) -> Self {
        match visit.panel.files.look(file) {
            Err(reason) => Self { problem: reason.text(visit.language), ..self },
            Ok(stored) => {
                let is_shown = kind == MediaKind::Image && picture_type(&stored).is_some();
                let picture = if is_shown { format!("/panel/files/{file}") } else { String::new() };
                let detail = size(stored.bytes, visit.language);
                Self { picture, detail, ..self }
            }
        }
    }

    /// What a list has in place of a text.
    pub(super) fn in_a_line(&self) -> String {
        let all = [self.kind, &self.name];
        all.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(" ")
    }
}

/// The kind, in a word, and the name of a file, for a table; empty for a text alone.
pub(super) fn in_two_cells(column: Option<&str>, w: &'static Words) -> (&'static str, String) {
    let content = Content::read(column).unwrap_or_default();
    match &content.kind {
        Kind::Text => ("", String::new()),
        Kind::Media(media) => (word(content.name(), w), media.filename.clone().unwrap_or_default()),
        Kind::Location { .. } | Kind::Contact { .. } | Kind::Poll { .. } => {
            (word(content.name(), w), String::new())
        }
    }
}

/// A picture of the store, for whoever is logged in: only what browsers show as a picture and nothing else.
pub(super) fn picture(visit: &Visit<'_>, name: &str) -> Answered {
    let files = &visit.panel.files;
    let Some(content_type) = files.look(name).ok().as_ref().and_then(picture_type) else {
        return reply::not_found(visit);
    };
    match files.open(name) {
        Ok((file, bytes)) => {
            Ok(reply::picture(content_type, OpenFile { file: file.into(), bytes }))
        }
        Err(_) => reply::not_found(visit),
    }
}

fn picture_type(stored: &Stored) -> Option<&'static str> {
    let is_small = stored.bytes <= PICTURE_BYTES_MAX;
    let mimetype = stored.kind.mimetype;
    (is_small && matches!(mimetype, "image/jpeg" | "image/png")).then_some(mimetype)
}

/// What a file is sent as when nobody says.
fn kind_of(kind: FileKind) -> KindName {
    match kind.mimetype {
        "image/jpeg" | "image/png" => KindName::Image,
        "video/mp4" | "video/3gpp" => KindName::Video,
        _ => KindName::File,
    }
}

fn word(kind: KindName, w: &'static Words) -> &'static str {
    match kind {
        KindName::Text => w.text,
        KindName::Image => w.kind_image,
        KindName::File => w.kind_file,
        KindName::Video => w.kind_video,
        KindName::Voice => w.kind_voice,
        KindName::Location => w.kind_location,
        KindName::Contact => w.kind_contact,
        KindName::Poll => w.kind_poll,
    }
}

/// A place as maps give it: `-6.2, 106.8`. What is none stays as it was typed.
fn place(made: &mut Map<String, Value>, typed: &str) {
    let degrees =
        |text: &str| text.trim().parse::<f64>().ok().filter(|degrees| degrees.is_finite());
    let parts = typed.split_once([',', ';', ' ']);
    match parts.and_then(|(one, other)| Some((degrees(one)?, degrees(other)?))) {
        Some((latitude, longitude)) => {
            made.insert("latitude".to_owned(), json!(latitude));
            made.insert("longitude".to_owned(), json!(longitude));
        }
        None => set(made, "latitude", (!typed.is_empty()).then(|| json!(typed))),
    }
}

fn size(bytes: u64, language: Language) -> String {
    const UNIT: u64 = 1000;
    if bytes < UNIT * UNIT {
        return format!("{} kB", bytes.div_ceil(UNIT));
    }
    let tenths = bytes.div_ceil(UNIT * UNIT / 10);
    format!("{}{}{} MB", tenths / 10, language.pick('.', ','), tenths % 10)
}

fn object(column: &str) -> Map<String, Value> {
    serde_json::from_str(column).unwrap_or_default()
}

fn text_of(fields: Map<String, Value>) -> String {
    if fields.is_empty() { String::new() } else { Value::Object(fields).to_string() }
}

fn set(fields: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    if let Some(value) = value {
        fields.insert(key.to_owned(), value);
    }
}

fn take(fields: &mut Map<String, Value>, from: &Map<String, Value>, keys: &[&str]) {
    for key in keys {
        set(fields, key, from.get(*key).cloned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(pairs: &[(&str, &str)]) -> String {
        let mut form = Form::default();
        for (name, value) in pairs {
            form.note(name, (*value).to_owned());
        }
        column_of(&form, None)
    }

    #[test]
    fn a_form_makes_the_column_and_keeps_what_it_has_no_field_for() {
        let file = "ab".repeat(32);
        let before =
            format!(r#"{{"kind":"image","file":"{file}","filename":"a.jpg","reply_to":"3EB0"}}"#);
        for (pairs, wanted) in [
            (&[("kind", "text"), ("content", &before)][..], json!({"reply_to": "3EB0"})),
            (
                &[("kind", "file"), ("content", &before)],
                json!({"kind": "file", "file": file, "filename": "a.jpg", "reply_to": "3EB0"}),
            ),
            (&[("content", &before)], object(&before).into()),
            (
                &[("kind", "location"), ("place", " -6.2, 106.8 ")],
                json!({"kind": "location", "latitude": -6.2, "longitude": 106.8}),
            ),
            (
                &[("kind", "poll"), ("options", "Pagi\r\n\r\n Siang \r\n"), ("multiple", "1")],
                json!({"kind": "poll", "options": ["Pagi", "Siang"], "multiple": true}),
            ),
            (
                &[("kind", "contact"), ("card_name", "Toko"), ("card_phone", "0812")],
                json!({"kind": "contact", "name": "Toko", "phone": "0812"}),
            ),
        ] {
            let made = column(pairs);
            assert_eq!(Value::Object(object(&made)), wanted, "{pairs:?}");
        }
        assert_eq!(column(&[("kind", "text")]), "");
    }

    #[test]
    fn what_is_no_place_is_shown_again_as_it_was_typed() {
        for typed in ["di sana", "91", "-6.2,", "1, x", ""] {
            let fields = CarriedFields::of(&column(&[("kind", "location"), ("place", typed)]));
            assert_eq!(fields.place, typed, "{typed}");
        }
        let fields = CarriedFields::of(&column(&[("kind", "location"), ("place", "-6.2;106.8")]));
        assert_eq!(fields.place, "-6.2, 106.8");
    }

    #[test]
    fn the_words_of_a_stored_message_are_its_text() {
        let column = r#"{"kind":"image","url":"https://a/b","caption":"Promo","filename":"p.jpg"}"#;
        let (text, kept) = of_stored("lama", Some(column));
        assert_eq!((text.as_str(), object(&kept).contains_key("caption")), ("Promo", false));
        assert_eq!(of_stored("Halo", None), ("Halo".to_owned(), String::new()));
        let (text, kept) = of_stored("Halo", Some(r#"{"kind":"sticker"}"#));
        assert_eq!((text.as_str(), kept.as_str()), ("Halo", r#"{"kind":"sticker"}"#));
    }

    #[test]
    fn sizes_are_words() {
        assert_eq!(size(1, Language::English), "1 kB");
        assert_eq!(size(1_240_000, Language::Indonesian), "1,3 MB");
        assert_eq!(size(16 << 20, Language::English), "16.8 MB");
    }
}
