//! What browsers send: queries, forms, cookies, uploaded files.

use sha2::{Digest, Sha256};

use crate::secret::to_hex;

/// More fields than any form or query of ours has.
const FIELDS_MAX: usize = 500;
/// The largest form without a file: a text and thousands of recipients.
pub(super) const BYTES_MAX: usize = 128 * 1024;
/// Fields that are about the sending of a form, not about what a person filled in.
const ABOUT_SENDING: [&str; 5] = ["csrf", "mark", "was", "sure", "again"];

/// Names and values in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

/// A form with at most one file in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Upload {
    /// The fields that are no file.
    pub(crate) fields: Form,
    /// The file's name and bytes.
    pub(crate) file: Option<(String, Vec<u8>)>,
}

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

    /// The first value of a name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a name without the blanks around it; `None` when nothing is left.
    pub(super) fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).map(str::trim).filter(|value| !value.is_empty())
    }

    /// Every value of a name.
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

    /// A value as a number.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.filled(name)?.parse().ok()
    }
}

/// The query of a request's target.
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

/// The value of a cookie.
pub(super) fn cookie<'a>(header: Option<&'a str>, name: &str) -> Option<&'a str> {
    header?
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(known, value)| (known == name).then_some(value))
}

/// Reads a `multipart/form-data` body; `None` when it is none.
pub(super) fn multipart(content_type: &str, body: &[u8]) -> Option<Upload> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameter(parameters, "boundary").filter(|text| !text.is_empty())?;
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    // The first delimiter has no line end before it.
    let mut rest = body.strip_prefix(&delimiter[2..])?;
    let mut upload = Upload::default();
    // `--` after a delimiter is the end; a line end begins a part.
    let mut parts = 0..FIELDS_MAX;
    while let Some(part) = rest.strip_prefix(b"\r\n") {
        parts.next()?;
        let end = find(part, &delimiter)?;
        take_part(&part[..end], &mut upload)?;
        rest = &part[end + delimiter.len()..];
    }
    rest.starts_with(b"--").then_some(upload)
}

fn take_part(part: &[u8], upload: &mut Upload) -> Option<()> {
    let mut headers = [httparse::EMPTY_HEADER; 8];
    let httparse::Status::Complete((length, headers)) =
        httparse::parse_headers(part, &mut headers).ok()?
    else {
        return None;
    };
    let disposition =
        headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-disposition"))?;
    let disposition = String::from_utf8_lossy(disposition.value);
    let name = parameter(&disposition, "name")?;
    let content = &part[length..];
    match parameter(&disposition, "filename") {
        Some(file) => upload.file = Some((file, content.to_vec())),
        None => upload.fields.0.push((name, String::from_utf8_lossy(content).into_owned())),
    }
    Some(())
}

/// A parameter such as `name="x"`; browsers write a quote inside as `%22`.
fn parameter(text: &str, wanted: &str) -> Option<String> {
    text.split(';').filter_map(|pair| pair.trim().split_once('=')).find_map(|(name, value)| {
        name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches('"').to_owned())
    })
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    // A line end is rare in a file next to a boundary: look for its first byte, then compare.
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == wanted[0]) {
        if bytes[from + at..].starts_with(wanted) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_with_a_file_is_read_as_browsers_send_it() {
        let body = b"--XX\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\nabc\r\n--XX\r\n\
                     Content-Disposition: form-data; name=\"file\"; filename=\"kontak.csv\"\r\n\
                     Content-Type: text/csv\r\n\r\nnama,hp\r\nBudi,0812\r\n\r\n--XX--\r\n";
        let upload = multipart("multipart/form-data; boundary=XX", body).unwrap();
        assert_eq!(upload.fields.get("csrf"), Some("abc"));
        let (name, content) = upload.file.unwrap();
        assert_eq!(
            (name.as_str(), content.as_slice()),
            ("kontak.csv", &b"nama,hp\r\nBudi,0812\r\n"[..])
        );
    }

    #[test]
    fn what_is_cut_or_no_form_is_none() {
        for (kind, body) in [
            ("text/plain", "--XX--"),
            ("multipart/form-data", "--XX--"),
            ("multipart/form-data; boundary=", "----"),
            ("multipart/form-data; boundary=XX", ""),
            (
                "multipart/form-data; boundary=XX",
                "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx",
            ),
            ("multipart/form-data; boundary=XX", "--XX\r\n\r\nx\r\n--XX--"),
            ("multipart/form-data; boundary=XX", "--XX\r\nx"),
        ] {
            assert!(multipart(kind, body.as_bytes()).is_none(), "{kind} {body}");
        }
    }

    #[test]
    fn cookies_and_queries_are_found_by_their_whole_name() {
        assert_eq!(cookie(Some("a=1; panel=xy; b=2"), "panel"), Some("xy"));
        assert_eq!(cookie(Some("xpanel=1"), "panel"), None);
        assert_eq!(query("/panel?q=a+b%26&x").get("q"), Some("a b&"));
        assert_eq!(to_query(&[("q", "a b&"), ("lang", ""), ("s", "1")]), "?q=a+b%26&s=1");
    }
}
