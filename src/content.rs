//! What a message carries beside its text, or in place of it: the column `content`. Pure.
//!
//! One function reads it, [`Content::read`], and has a reason for every wrong form: a key that is not known
//! could change what the recipient sees, so it is refused by name. Its words (a caption, a question, the
//! name of a place) may have placeholders; nothing else may, and nobody gets a raw `{{name}}`.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::delivery::MessageId;
use crate::reason::Reason;
use crate::recipient::{CountryCode, STATUS_CHAT, normalize_phone};
use crate::text_enum::text_enum;

/// What WhatsApp takes of a poll.
const OPTIONS: std::ops::RangeInclusive<usize> = 2..=12;
const OPTION_CHARS_MAX: usize = 100;
/// Longer than any address, title or file's name that a person means.
const WORD_CHARS_MAX: usize = 255;
const URL_CHARS_MAX: usize = 2_048;
/// More people than a group has.
const MENTIONS_MAX: usize = 1_024;

/// Keys that every kind has.
const COMMON: [&str; 4] = ["kind", "reply_to", "mentions", "link_preview"];

/// The content of a message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Content {
    pub(crate) kind: Kind,
    /// The id of the message that this one answers, as WAHA writes it.
    pub(crate) reply_to: Option<String>,
    /// Chat ids, or `all` alone; the text has to hold `@` and the number.
    pub(crate) mentions: Vec<String>,
    /// Whether WAHA fetches the first page that the text names, to show it; `None` when nobody says.
    pub(crate) link_preview: Option<bool>,
}

/// What a recipient sees.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Kind {
    #[default]
    Text,
    Media(Media),
    Location {
        latitude: f64,
        longitude: f64,
        title: Option<String>,
    },
    /// A contact card.
    Contact {
        name: String,
        /// As written.
        phone: String,
    },
    Poll {
        question: Option<String>,
        options: Vec<String>,
        /// Whether more than one may be chosen.
        multiple: bool,
    },
}

/// A file, with or without words.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Media {
    pub(crate) kind: MediaKind,
    pub(crate) source: Source,
    caption: Option<String>,
    /// What the recipient sees as its name. Never a path of ours.
    pub(crate) filename: Option<String>,
}

/// Where a file is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    /// Beside the database, by its SHA-256: see `files`.
    File(String),
    /// Elsewhere: WAHA fetches it.
    Url(String),
}

text_enum! {
    /// How a recipient sees a file.
    pub(crate) enum MediaKind {
        Image = "image",
        File = "file",
        Video = "video",
        Voice = "voice",
    }
}

text_enum! {
    /// The word in `kind`.
    pub(crate) enum KindName {
        Text = "text",
        Image = "image",
        File = "file",
        Video = "video",
        Voice = "voice",
        Location = "location",
        Contact = "contact",
        Poll = "poll",
    }
}

impl Content {
    /// Reads the column; without one it is a text.
    pub fn read(column: Option<&str>) -> Result<Self, Reason> {
        let Some(column) = column else { return Ok(Self::default()) };
        let Ok(Keys { object, twice }) = serde_json::from_str(column) else {
            return Err(Reason::ContentUnreadable);
        };
        if let Some(key) = twice {
            return Err(Reason::ContentTwice { key: shortened(&key) });
        }
        let name = match object.get("kind") {
            None | Some(Value::Null) => KindName::Text,
            Some(written) => written
                .as_str()
                .and_then(KindName::from_word)
                .ok_or_else(|| Reason::ContentKind { kind: shown(written) })?,
        };
        let fields = Fields { object: &object, kind: name };
        let kind = match name {
            KindName::Text => Kind::Text,
            KindName::Image | KindName::File | KindName::Video | KindName::Voice => {
                fields.media()?
            }
            KindName::Location => Kind::Location {
                latitude: fields.degrees("latitude", 90.0, "-6.2")?,
                longitude: fields.degrees("longitude", 180.0, "106.8")?,
                title: fields.words("title")?,
            },
            KindName::Contact => Kind::Contact {
                name: fields.needed("name", "\"Sari\"")?,
                phone: fields.needed("phone", "\"0812-3456-7890\"")?,
            },
            KindName::Poll => Kind::Poll {
                question: fields.words("question")?,
                options: fields.options()?,
                multiple: fields.truth("multiple")?.unwrap_or(false),
            },
        };
        let content = Self {
            kind,
            reply_to: fields.reply_to()?,
            mentions: fields.mentions()?,
            link_preview: fields.truth("link_preview")?,
        };
        fields.no_others()?;
        Ok(content)
    }

    pub(crate) fn name(&self) -> KindName {
        match &self.kind {
            Kind::Text => KindName::Text,
            Kind::Media(media) => match media.kind {
                MediaKind::Image => KindName::Image,
                MediaKind::File => KindName::File,
                MediaKind::Video => KindName::Video,
                MediaKind::Voice => KindName::Voice,
            },
            Kind::Location { .. } => KindName::Location,
            Kind::Contact { .. } => KindName::Contact,
            Kind::Poll { .. } => KindName::Poll,
        }
    }

    /// What a person knows it by when it has no words.
    pub(crate) fn label(&self) -> String {
        let own = match &self.kind {
            Kind::Text => return String::new(),
            Kind::Media(media) => media.filename.as_ref().or(media.caption.as_ref()),
            Kind::Location { title, .. } => title.as_ref(),
            Kind::Contact { name, .. } => Some(name),
            Kind::Poll { question, .. } => question.as_ref(),
        };
        let own = own.map(|own| format!(" {own}")).unwrap_or_default();
        format!("[{}{own}]", self.name())
    }

    /// The words that recipients read, before placeholders are filled in: its own, or else `message`.
    /// May be blank where the kind needs none.
    pub(crate) fn words<'a>(&'a self, message: &'a str) -> Result<&'a str, Reason> {
        let kind = self.name();
        let own = match &self.kind {
            Kind::Text => None,
            Kind::Media(media) if media.kind != MediaKind::Voice => media.caption.as_deref(),
            Kind::Location { title, .. } => title.as_deref(),
            Kind::Poll { question, .. } => question.as_deref(),
            Kind::Contact { .. } | Kind::Media(_) if message.trim().is_empty() => return Ok(""),
            Kind::Contact { .. } | Kind::Media(_) => {
                return Err(Reason::ContentWithoutText { kind: kind.to_string() });
            }
        };
        let words = own.unwrap_or(message);
        match &self.kind {
            Kind::Text if words.trim().is_empty() => Err(Reason::NoText),
            Kind::Poll { .. } if words.trim().is_empty() => {
                Err(missing(kind, "question", "\"Jam berapa?\""))
            }
            Kind::Text
            | Kind::Media(_)
            | Kind::Location { .. }
            | Kind::Contact { .. }
            | Kind::Poll { .. } => Ok(words),
        }
    }

    /// Whether the words are what WAHA gives back as the text of the message, so that it can be known by them.
    pub(crate) fn is_known_by_words(&self, words: &str) -> bool {
        match self.kind {
            Kind::Text | Kind::Media(_) => !words.trim().is_empty(),
            Kind::Location { .. } | Kind::Contact { .. } | Kind::Poll { .. } => false,
        }
    }

    /// Whether only WAHA Plus can send it.
    pub(crate) fn needs_plus(&self) -> bool {
        matches!(self.kind, Kind::Media(_))
    }

    /// What is wrong with it that only the settings tell.
    pub(crate) fn check(&self, country: &CountryCode) -> Result<(), Reason> {
        match &self.kind {
            Kind::Contact { phone, .. } => normalize_phone(phone, country).map(drop),
            Kind::Text | Kind::Media(_) | Kind::Location { .. } | Kind::Poll { .. } => Ok(()),
        }
    }

    /// Why it cannot go to this chat, if it cannot.
    pub(crate) fn why_not_to(&self, chat_id: &str) -> Option<Reason> {
        let is_text = matches!(self.kind, Kind::Text);
        (chat_id == STATUS_CHAT && !is_text).then_some(Reason::StatusOnlyText)
    }
}

/// The object as it is written. SQLite takes the first of two keys and JSON's readers the last one, so that
/// another file might be sent than is kept: which one is meant, nobody can know.
struct Keys {
    object: Map<String, Value>,
    /// A key that is there more than once.
    twice: Option<String>,
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Keys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                let mut keys = Keys { object: Map::new(), twice: None };
                while let Some((key, value)) = map.next_entry::<String, Value>()? {
                    if keys.object.insert(key.clone(), value).is_some() {
                        keys.twice.get_or_insert(key);
                    }
                }
                Ok(keys)
            }
        }

        deserializer.deserialize_map(Reader)
    }
}

/// The keys of the object, read one by one. A key that is `null` is as good as none.
struct Fields<'a> {
    object: &'a Map<String, Value>,
    kind: KindName,
}

impl Fields<'_> {
    fn get(&self, key: &str) -> Option<&Value> {
        self.object.get(key).filter(|value| !value.is_null())
    }

    fn number(&self, key: &'static str, example: &str) -> Result<f64, Reason> {
        let value = self.get(key).ok_or_else(|| missing(self.kind, key, example))?;
        let written = value.as_str().and_then(|text| text.trim().parse().ok());
        value.as_f64().or(written).ok_or_else(|| wrong(key, example))
    }

    fn degrees(&self, key: &'static str, most: f64, example: &str) -> Result<f64, Reason> {
        let number = self.number(key, example)?;
        if (-most..=most).contains(&number) { Ok(number) } else { Err(wrong(key, example)) }
    }

    fn truth(&self, key: &'static str) -> Result<Option<bool>, Reason> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Bool(truth)) => Ok(Some(*truth)),
            // What SQLite makes of `true` in json_object().
            Some(Value::Number(number)) if matches!(number.as_i64(), Some(0 | 1)) => {
                Ok(Some(number.as_i64() == Some(1)))
            }
            Some(_) => Err(wrong(key, "true")),
        }
    }

    /// Words that may have placeholders; blank ones are none.
    fn words(&self, key: &'static str) -> Result<Option<String>, Reason> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => {
                Ok(Some(text.clone()).filter(|text| !text.trim().is_empty()))
            }
            Some(_) => Err(wrong(key, "\"…\"")),
        }
    }

    /// A short text on one line, without placeholders.
    fn word(&self, key: &'static str, example: &str) -> Result<Option<String>, Reason> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let text = value.as_str().map(str::trim).ok_or_else(|| wrong(key, example))?;
        without_placeholders(key, text)?;
        let is_fit = !text.is_empty()
            && text.chars().count() <= WORD_CHARS_MAX
            && !text.contains(|c: char| c.is_control() || turns_around(c));
        if is_fit { Ok(Some(text.to_owned())) } else { Err(wrong(key, example)) }
    }

    fn media(&self) -> Result<Kind, Reason> {
        const NAME: &str = "\"9f86d081…\", as `file add` prints it";
        const URL: &str = "\"https://toko.example/promo.jpg\"";
        let (file, url) = (self.word("file", NAME)?, self.get("url"));
        let source = match (file, url) {
            (Some(name), None) if is_sha256(&name) => Source::File(name),
            (Some(_), None) => return Err(wrong("file", NAME)),
            (None, Some(url)) => {
                let url = url.as_str().map(str::trim).ok_or_else(|| wrong("url", URL))?;
                without_placeholders("url", url)?;
                let host =
                    ["https://", "http://"].iter().find_map(|scheme| url.strip_prefix(scheme));
                let is_url = host.is_some_and(|host| host.starts_with(char::is_alphanumeric))
                    && url.chars().count() <= URL_CHARS_MAX
                    && !url.contains(|c: char| c.is_whitespace() || c.is_control());
                is_url.then(|| Source::Url(url.to_owned())).ok_or_else(|| wrong("url", URL))?
            }
            (Some(_), Some(_)) | (None, None) => {
                return Err(Reason::ContentSource { kind: self.kind.to_string() });
            }
        };
        let filename = self.word("filename", "\"promo.jpg\"")?;
        if filename.as_ref().is_some_and(|name| name.contains(['/', '\\'])) {
            return Err(wrong("filename", "\"promo.jpg\""));
        }
        let kind = MediaKind::from_word(self.kind.as_str()).unwrap_or(MediaKind::File);
        Ok(Kind::Media(Media { kind, source, caption: self.words("caption")?, filename }))
    }

    fn needed(&self, key: &'static str, example: &str) -> Result<String, Reason> {
        self.word(key, example)?.ok_or_else(|| missing(self.kind, key, example))
    }

    fn options(&self) -> Result<Vec<String>, Reason> {
        const EXAMPLE: &str = "[\"Pagi\",\"Siang\"]";
        let value = self.get("options").ok_or_else(|| missing(self.kind, "options", EXAMPLE))?;
        let unfit = || wrong("options", EXAMPLE);
        let list =
            value.as_array().filter(|list| OPTIONS.contains(&list.len())).ok_or_else(unfit)?;
        let mut options: Vec<String> = Vec::new();
        for option in list {
            let option = option.as_str().map(str::trim).ok_or_else(unfit)?;
            without_placeholders("options", option)?;
            let is_fit = !option.is_empty()
                && option.chars().count() <= OPTION_CHARS_MAX
                && !option.contains(char::is_control)
                && !options.iter().any(|other| other == option);
            options.push(is_fit.then(|| option.to_owned()).ok_or_else(unfit)?);
        }
        Ok(options)
    }

    /// A bare id or a full one; WAHA answers 500 to one that is neither.
    fn reply_to(&self) -> Result<Option<String>, Reason> {
        const EXAMPLE: &str = "\"true_6281234567890@c.us_3EB0C0FFEE\"";
        let Some(value) = self.get("reply_to") else { return Ok(None) };
        let id = value.as_str().map(str::trim).ok_or_else(|| wrong("reply_to", EXAMPLE))?;
        let is_full = id.starts_with("true_") || id.starts_with("false_");
        let is_id = MessageId::parse(id).is_some() && (is_full || !id.contains('_'));
        if is_id { Ok(Some(id.to_owned())) } else { Err(wrong("reply_to", EXAMPLE)) }
    }

    fn mentions(&self) -> Result<Vec<String>, Reason> {
        const EXAMPLE: &str = "[\"6281234567890@c.us\"]";
        let unfit = || wrong("mentions", EXAMPLE);
        let Some(value) = self.get("mentions") else { return Ok(Vec::new()) };
        let list = value.as_array().filter(|list| list.len() <= MENTIONS_MAX).ok_or_else(unfit)?;
        let mut mentions = Vec::new();
        for one in list {
            let one = one.as_str().map(str::trim).ok_or_else(unfit)?;
            let is_person = one.split_once('@').is_some_and(|(digits, suffix)| {
                matches!(suffix, "c.us" | "lid")
                    && !digits.is_empty()
                    && digits.bytes().all(|byte| byte.is_ascii_digit())
            });
            // WAHA refuses `all` beside others.
            if !(is_person || one == "all" && list.len() == 1) {
                return Err(unfit());
            }
            mentions.push(one.to_owned());
        }
        Ok(mentions)
    }

    /// Refuses a key that means nothing to this kind.
    fn no_others(&self) -> Result<(), Reason> {
        let own: &[&str] = match self.kind {
            KindName::Text => &[],
            KindName::Image | KindName::File | KindName::Video => {
                &["file", "url", "caption", "filename"]
            }
            KindName::Voice => &["file", "url", "filename"],
            KindName::Location => &["latitude", "longitude", "title"],
            KindName::Contact => &["name", "phone"],
            KindName::Poll => &["question", "options", "multiple"],
        };
        let is_known = |key: &str| COMMON.contains(&key) || own.contains(&key);
        match self.object.keys().find(|key| !is_known(key)) {
            None => Ok(()),
            Some(key) => {
                Err(Reason::ContentKey { kind: self.kind.to_string(), key: shortened(key) })
            }
        }
    }
}

/// What a recipient sees as the name of a file that somebody calls `path`: its last part, on one line, shortened
/// before its ending.
pub(crate) fn filename_of(path: &str) -> Option<String> {
    let last = path.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut name = String::new();
    for c in last.trim().chars().filter(|c| !c.is_control() && !turns_around(*c)) {
        // Two braces would be a placeholder.
        if c != '{' || !name.ends_with('{') {
            name.push(c);
        }
    }
    let count = name.chars().count();
    if count > WORD_CHARS_MAX {
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        let ending = (1..=9).contains(&ending.len()).then(|| format!(".{ending}"));
        let ending = ending.unwrap_or_default();
        name = name.chars().take(WORD_CHARS_MAX - ending.chars().count()).collect();
        name.push_str(&ending);
    }
    Some(name).filter(|name| !name.is_empty() && name != "." && name != "..")
}

/// Whether it is the name of a file of ours: a SHA-256, and so never a path.
pub(crate) fn is_sha256(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// What lets `promo\u{202e}gpj.exe` be read as `promoexe.jpg`.
fn turns_around(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn without_placeholders(key: &str, text: &str) -> Result<(), Reason> {
    if text.contains("{{") {
        return Err(Reason::ContentPlaceholder { key: key.to_owned() });
    }
    Ok(())
}

fn missing(kind: KindName, key: &str, example: &str) -> Reason {
    let (kind, key, example) = (kind.to_string(), key.to_owned(), example.to_owned());
    Reason::ContentMissing { kind, key, example }
}

fn wrong(key: &str, example: &str) -> Reason {
    Reason::ContentValue { key: key.to_owned(), example: example.to_owned() }
}

fn shown(value: &Value) -> String {
    shortened(&value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(column: &str) -> &'static str {
        Content::read(Some(column)).unwrap_err().code()
    }

    /// What people write who do not know the page; SHA and LONG stand for what is too long to read here.
    const WRONG: &[(&str, &str)] = &[
        (r#"{"kind":7}"#, "content_kind"),
        (r#"{"kind":"text","caption":"x"}"#, "content_key"),
        (r#"{"kind":"location","latitude":-6.2}"#, "content_missing"),
        (r#"{"kind":"location","latitude":-96,"longitude":1}"#, "content_value"),
        (r#"{"kind":"location","latitude":"x","longitude":1}"#, "content_value"),
        (r#"{"kind":"contact","name":"Sari"}"#, "content_missing"),
        (r#"{"kind":"contact","name":"{{name}}","phone":"1"}"#, "content_placeholder"),
        (r#"{"kind":"poll","question":"?","options":["a"]}"#, "content_value"),
        (r#"{"kind":"poll","question":"?","options":["a","a"]}"#, "content_value"),
        (r#"{"kind":"poll","question":"?","options":["a","{{b}}"]}"#, "content_placeholder"),
        (r#"{"kind":"poll","question":"?","options":["a","b"],"multiple":"no"}"#, "content_value"),
        (r#"{"reply_to":"true_x"}"#, "content_value"),
        (r#"{"reply_to":"a_b"}"#, "content_value"),
        (r#"{"mentions":["all","6281@c.us"]}"#, "content_value"),
        (r#"{"mentions":"6281@c.us"}"#, "content_value"),
        (r#"{"link_preview":"no"}"#, "content_value"),
        (r#""{\"kind\":\"image\"}""#, "content_unreadable"),
        (r#"{"caption":"\ud800"}"#, "content_unreadable"),
        (r#"{"kind":"Image"}"#, "content_kind"),
        (r#"{"kind":["image"]}"#, "content_kind"),
        (r#"{"kind":"image","kind":"file"}"#, "content_twice"),
        (r#"{"kind":"image","file":"promo.jpg"}"#, "content_value"),
        (r#"{"kind":"image","file":""}"#, "content_value"),
        (r#"{"kind":"image","file":7}"#, "content_value"),
        (r#"{"kind":"image","file":null}"#, "content_source"),
        (r#"{"kind":"image","url":"www.toko.example/a.jpg"}"#, "content_value"),
        (r#"{"kind":"image","url":"ftp://x.example/a.jpg"}"#, "content_value"),
        (r#"{"kind":"image","url":"https://x.example/a b.jpg"}"#, "content_value"),
        (r#"{"kind":"image","url":"https:///a.jpg"}"#, "content_value"),
        (r#"{"kind":"image","url":"data:image/png;base64,AA=="}"#, "content_value"),
        (r#"{"kind":"image","url":"https://x.example/{{kota}}.jpg"}"#, "content_placeholder"),
        (r#"{"kind":"image","url":["https://x.example/a.jpg"]}"#, "content_value"),
        (r#"{"kind":"contact","phone":"0812-3456-7890"}"#, "content_missing"),
        (r#"{"kind":"contact","name":"Sari","phone":6281234567890}"#, "content_value"),
        (r#"{"kind":"contact","name":"a\u202eb","phone":"0812-3456-7890"}"#, "content_value"),
        (r#"{"reply_to":7}"#, "content_value"),
        (r#"{"mentions":[6281]}"#, "content_value"),
        (r#"{"mentions":["+6281@c.us"]}"#, "content_value"),
        (r#"{"link_preview":"true"}"#, "content_value"),
        ("[]", "content_unreadable"),
        ("{", "content_unreadable"),
        ("{kind:'image'}", "content_unreadable"),
        (r#"{"kind":"image","file":"SHA","url":"https://x.example/a.jpg"}"#, "content_source"),
        (r#"{"kind":"image","file":"SHA","type":"image"}"#, "content_key"),
        (r#"{"kind":"image","file":"SHA","Caption":"x"}"#, "content_key"),
        (r#"{"kind":"image","file":"SHA","text":"x"}"#, "content_key"),
        (r#"{"kind":"image","file":"SHA","caption":7}"#, "content_value"),
        (r#"{"kind":"image","file":"SHA","caption":["x"]}"#, "content_value"),
        (r#"{"kind":"image","file":"SHA","filename":""}"#, "content_value"),
        (r#"{"kind":"image","file":"SHA","filename":7}"#, "content_value"),
        (r#"{"kind":"image","file":"SHA","filename":"a\u0000b.jpg"}"#, "content_value"),
        (r#"{"kind":"image","file":"SHA","filename":"a\nb.jpg"}"#, "content_value"),
        (r#"{"kind":"image","file":"SHA","filename":"..\\..\\x.jpg"}"#, "content_value"),
        (r#"{"kind":"image","file":"SHA","filename":"promo\u202egpj.exe"}"#, "content_value"),
        (r#"{"kind":"image","file":"SHA","filename":"{{name}}.jpg"}"#, "content_placeholder"),
        (r#"{"kind":"poll","question":"?","options":["a","b"],"multiple":2}"#, "content_value"),
        (r#"{"kind":"poll","question":"?","options":"Pagi,Siang"}"#, "content_value"),
        (r#"{"kind":"poll","question":"?","options":[8,9]}"#, "content_value"),
        (r#"{"kind":"poll","question":"?","options":["a"," "]}"#, "content_value"),
        (r#"{"kind":"poll","question":"?","options":["a"," a "]}"#, "content_value"),
        (r#"{"kind":"poll","question":"?","answers":["a","b"]}"#, "content_missing"),
        (r#"{"kind":"location","latitude":"-6,2","longitude":1}"#, "content_value"),
        (r#"{"kind":"location","latitude":"NaN","longitude":1}"#, "content_value"),
        (r#"{"kind":"location","latitude":1e999,"longitude":1}"#, "content_unreadable"),
        (r#"{"kind":"location","latitude":1,"longitude":181}"#, "content_value"),
        (r#"{"kind":"location","lat":1,"lng":2}"#, "content_missing"),
        (r#"{"kind":"location","latitude":1,"longitude":2,"title":7}"#, "content_value"),
        (r#"{"kind":"image","file":"SHA","file":"SHA"}"#, "content_twice"),
        (r#"{"kind":"image","file":"SHA","filename":"LONG"}"#, "content_value"),
        (r#"{"kind":"image","file":"SHA0"}"#, "content_value"),
        (r#"{"kind":"image","file":"ASHA"}"#, "content_value"),
        (r#"{"kind":"voice","file":"SHA","caption":"x"}"#, "content_key"),
        (r#"{"kind":"poll","question":"?","options":["a","LONG"]}"#, "content_value"),
        (
            r#"{"kind":"poll","question":"?","options":["0","1","2","3","4","5","6","7","8","9","10","11","12"]}"#,
            "content_value",
        ),
    ];

    #[test]
    fn each_wrong_form_has_a_reason_of_its_own() {
        for (column, code) in WRONG {
            let column = column.replace("SHA", &"0".repeat(64)).replace("LONG", &"a".repeat(4_096));
            assert_eq!(why(&column), *code, "{column}");
        }
    }

    #[test]
    fn a_null_column_and_an_empty_object_are_a_text() {
        assert_eq!(Content::read(None).unwrap(), Content::default());
        assert_eq!(Content::read(Some("{}")).unwrap(), Content::default());
        let full = r#"{"kind":"text","reply_to":"3EB0C0FFEE","mentions":["all"],"link_preview":0}"#;
        assert_eq!(Content::read(Some(full)).unwrap().link_preview, Some(false));
    }

    #[test]
    fn a_name_of_a_file_is_no_path_and_always_fits() {
        let long = format!("{}.jpg", "a".repeat(4096));
        for (path, name) in [
            ("promo.jpg", "promo.jpg"),
            ("../../etc/passwd", "passwd"),
            ("C:\\fakepath\\nota \u{1}1.pdf", "nota 1.pdf"),
            ("{{{name}}.pdf", "{name}}.pdf"),
            ("promo\u{202e}gpj.exe", "promogpj.exe"),
            (&long, &format!("{}.jpg", "a".repeat(251))),
        ] {
            assert_eq!(filename_of(path).as_deref(), Some(name), "{path}");
            let column =
                serde_json::json!({"kind": "file", "url": "https://a/b", "filename": name});
            assert!(Content::read(Some(&column.to_string())).is_ok(), "{name}");
        }
        for path in ["", "..", "a/..", "/", "\u{7f}"] {
            assert_eq!(filename_of(path), None, "{path}");
        }
    }

    #[test]
    fn its_own_words_come_before_those_of_the_message() {
        let words = |column: &str, message: &str| {
            let content = Content::read(Some(column)).unwrap();
            content.words(message).map(str::to_owned).map_err(|reason| reason.code())
        };
        let poll = r#"{"kind":"poll","options":["a","b"]}"#;
        assert_eq!(words(poll, "Jam berapa?"), Ok("Jam berapa?".to_owned()));
        assert_eq!(words(poll, " "), Err("content_missing"));
        let place = r#"{"kind":"location","latitude":1,"longitude":"2.5","title":"Toko"}"#;
        assert_eq!(words(place, "x"), Ok("Toko".to_owned()));
        let card = r#"{"kind":"contact","name":"Sari","phone":"0812-3456-7890"}"#;
        assert_eq!(words(card, " "), Ok(String::new()));
        assert_eq!(words(card, "Halo"), Err("content_without_text"));
        assert_eq!(words("{}", ""), Err("no_text"));
    }
}
