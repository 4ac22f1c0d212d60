//! What browsers send: queries, forms, cookies, uploaded files.

use std::io::{self, Read};

use sha2::{Digest, Sha256};

use crate::http::multipart::{Multipart, Part};
use crate::secret::to_hex;

/// More fields than any form or query of ours has.
const FIELDS_MAX: usize = 500;
/// The largest form without a file: a text and thousands of recipients.
pub(super) const BYTES_MAX: usize = 128 * 1024;
/// Fields that are about the sending of a form, not about what a person filled in.
const ABOUT_SENDING: [&str; 9] =
    ["csrf", "mark", "was", "sure", "again", "own", "like", "tag_search", "back"];

#[derive(Clone, Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a query or an urlencoded body. Whatever it is, it can be read; what is too large, or has
    /// too many fields, is none of ours, and has no field at all: half a form could mean something else.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let has_too_many = || bytes.split(|byte| *byte == b'&').nth(FIELDS_MAX).is_some();
        if bytes.len() > BYTES_MAX || has_too_many() {
            return Self::default();
        }
        Self(form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// Notes what a file is, as if it had been typed.
    pub(super) fn note(&mut self, name: &str, value: String) {
        self.0.push((name.to_owned(), value));
    }

    /// Every name with its value, but for these.
    pub(super) fn without<'a>(
        &'a self,
        names: &'a [&str],
    ) -> impl Iterator<Item = &'a (String, String)> {
        self.0.iter().filter(|(known, _)| !names.contains(&known.as_str()))
    }

    /// In place of what the form says for a name.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.0.retain(|(known, _)| known != name);
        self.note(name, value.to_owned());
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a name without the blanks around it; `None` when nothing is left.
    pub(super) fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).map(str::trim).filter(|value| !value.is_empty())
    }

    /// The values of the names that begin with `prefix`, without blanks around them; a name that is missing is empty.
    pub(super) fn values<const N: usize>(&self, prefix: &str, names: [&str; N]) -> [String; N] {
        let value = |name| self.get(&format!("{prefix}{name}")).unwrap_or_default().trim();
        names.map(|name| value(name).replace("\r\n", "\n"))
    }

    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// SHA-256 of what a person filled in, whichever page of ours the form is from.
    pub(super) fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for (name, value) in &self.0 {
            if !ABOUT_SENDING.contains(&name.as_str()) {
                // With their lengths: else a value could look like another field.
                digest.update(format!("{}:{name}{}:{value}", name.len(), value.len()));
            }
        }
        to_hex(&digest.finalize())
    }

    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.filled(name)?.parse().ok()
    }
}

pub(super) fn query(target: &str) -> Form {
    Form::read(target.split_once('?').map_or("", |(_, query)| query).as_bytes())
}

/// A query that says `pairs`, with its `?`; those without a value are left out.
pub(super) fn to_query(pairs: &[(&str, &str)]) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    text.extend_pairs(pairs.iter().filter(|(_, value)| !value.is_empty()));
    let text = text.finish();
    if text.is_empty() { text } else { format!("?{text}") }
}

pub(super) fn cookie<'a>(header: Option<&'a str>, name: &str) -> Option<&'a str> {
    header?
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(known, value)| (known == name).then_some(value))
}

/// Reads a `multipart/form-data` body while it comes; `take` gets its first file that is one, with its name and
/// the fields before it. `None` when it is no such body, or is cut.
pub(super) fn multipart<T>(
    content_type: &str,
    body: impl Read,
    mut take: impl FnMut(&Form, String, &mut dyn Read) -> io::Result<T>,
) -> Option<(Form, Option<T>)> {
    let mut parts = Multipart::of(content_type, body).ok()?;
    let (mut fields, mut file, mut bytes) = (Form::default(), None, 0);
    while let Some(Part { name, filename }) = parts.next().ok()? {
        match filename {
            None => {
                let mut value = Vec::new();
                (&mut parts).take(BYTES_MAX as u64).read_to_end(&mut value).ok()?;
                bytes += value.len();
                // Half a form could mean something else.
                if bytes >= BYTES_MAX {
                    return None;
                }
                fields.0.push((name, String::from_utf8_lossy(&value).into_owned()));
            }
            // A field where nothing was chosen comes with an empty name.
            Some(filename) if !filename.is_empty() && file.is_none() => {
                file = Some(take(&fields, filename, &mut parts).ok()?);
            }
            Some(_) => {}
        }
    }
    Some((fields, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_its_fields_and_its_first_file_and_is_whole() {
        let part = |rest: &str, value: &str| {
            format!("--XX\r\nContent-Disposition: form-data; name={rest}\r\n\r\n{value}\r\n")
        };
        let read = |body: &str| {
            let take = |fields: &Form, name: String, file: &mut dyn Read| {
                let mut content = String::new();
                file.read_to_string(&mut content)?;
                Ok((name, content, fields.get("csrf").map(str::to_owned)))
            };
            multipart("multipart/form-data; boundary=XX", body.as_bytes(), take)
        };
        let (csrf, none) = (part("csrf", "abc"), part("f; filename=\"\"", ""));
        let (file, other) = (part("f; filename=a.csv", "nama,hp\r\n"), part("f; filename=b", "x"));
        let (fields, taken) = read(&format!("{csrf}{none}{file}{other}--XX--")).unwrap();
        let wanted = ("a.csv".to_owned(), "nama,hp\r\n".to_owned(), Some("abc".to_owned()));
        assert_eq!((fields.get("csrf"), taken), (Some("abc"), Some(wanted)));
        assert!(read(&format!("{csrf}{file}")).is_none(), "it is cut");
        let large = part("text", &"a".repeat(BYTES_MAX));
        assert!(read(&format!("{csrf}{large}--XX--")).is_none());
    }

    #[test]
    fn cookies_and_queries_are_found_by_their_whole_name() {
        assert_eq!(cookie(Some("a=1; panel=xy; b=2"), "panel"), Some("xy"));
        assert_eq!(cookie(Some("xpanel=1"), "panel"), None);
        assert_eq!(query("/panel?q=a+b%26&x").get("q"), Some("a b&"));
        assert_eq!(to_query(&[("q", "a b&"), ("lang", ""), ("s", "1")]), "?q=a+b%26&s=1");
    }
}
