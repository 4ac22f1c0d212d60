//! A `multipart/form-data` body, part by part while it comes: as browsers and curl send a form with a file in
//! it. Nothing of a part is kept but a piece, however large it is.

use std::io::{self, ErrorKind, Read};

const PIECE_BYTES: usize = 16 * 1024;
/// Names and types of a part; a name may be long, and is cut by whoever takes it.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// More parts than any form of ours has fields.
const PARTS_MAX: usize = 500;

/// Reads the content of the part that [`Multipart::next`] gave last.
pub(crate) struct Multipart<R> {
    source: R,
    /// With the line end before it.
    delimiter: Vec<u8>,
    bytes: Vec<u8>,
    used: usize,
    is_inside: bool,
    parts: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: String,
    /// As the sender called the file. It may be anything, a path too; empty when nothing was chosen.
    pub(crate) filename: Option<String>,
}

impl<R: Read> Multipart<R> {
    /// The body again when its type is another.
    pub(crate) fn of(content_type: &str, source: R) -> Result<Self, R> {
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        let is_form = kind.eq_ignore_ascii_case("multipart/form-data");
        let boundary = parameter(content_type, "boundary").filter(|text| !text.is_empty());
        let Some(boundary) = boundary.filter(|_| is_form) else { return Err(source) };
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        // The first delimiter has no line end before it.
        Ok(Self { source, delimiter, bytes: b"\r\n".to_vec(), used: 0, is_inside: true, parts: 0 })
    }

    /// Goes to the next part, past what is left of the one before. A body that is cut is an error.
    pub(crate) fn next(&mut self) -> io::Result<Option<Part>> {
        io::copy(self, &mut io::sink())?;
        while self.rest().len() < 2 {
            self.more()?;
        }
        if self.rest().starts_with(b"--") {
            return Ok(None);
        }
        self.parts += 1;
        if !self.rest().starts_with(b"\r\n") || self.parts > PARTS_MAX {
            return Err(malformed());
        }
        self.used += 2;
        loop {
            let mut headers = [httparse::EMPTY_HEADER; 8];
            match httparse::parse_headers(self.rest(), &mut headers).map_err(|_| malformed())? {
                httparse::Status::Complete((length, headers)) => {
                    let part = described(headers).ok_or_else(malformed)?;
                    self.used += length;
                    self.is_inside = true;
                    return Ok(Some(part));
                }
                httparse::Status::Partial if self.rest().len() > HEAD_BYTES_MAX => {
                    return Err(malformed());
                }
                httparse::Status::Partial => self.more()?,
            }
        }
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.used..]
    }

    fn more(&mut self) -> io::Result<()> {
        self.bytes.drain(..self.used);
        self.used = 0;
        let had = self.bytes.len();
        self.bytes.resize(had + PIECE_BYTES, 0);
        let read = self.source.read(&mut self.bytes[had..]);
        self.bytes.truncate(had + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() != ErrorKind::Interrupted => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

impl<R: Read> Read for Multipart<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.is_inside && !buffer.is_empty() {
            let found = find(self.rest(), &self.delimiter);
            // What may be the beginning of a delimiter waits for more.
            let safe = self.rest().len().saturating_sub(self.delimiter.len() - 1);
            let count = found.unwrap_or(safe).min(buffer.len());
            if count > 0 {
                buffer[..count].copy_from_slice(&self.rest()[..count]);
                self.used += count;
                return Ok(count);
            }
            if found.is_some() {
                self.used += self.delimiter.len();
                self.is_inside = false;
            } else {
                self.more()?;
            }
        }
        Ok(0)
    }
}

fn malformed() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "the form is malformed")
}

fn described(headers: &[httparse::Header<'_>]) -> Option<Part> {
    let disposition =
        headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-disposition"))?;
    let disposition = String::from_utf8_lossy(disposition.value);
    let name = parameter(&disposition, "name")?;
    Some(Part { name, filename: parameter(&disposition, "filename") })
}

/// A parameter behind the first `;`, such as `name="x"`. Browsers write a quote inside as `%22`, curl as `\"`.
fn parameter(text: &str, wanted: &str) -> Option<String> {
    let (_, mut rest) = text.split_once(';')?;
    while let Some((name, after)) = rest.split_once('=') {
        let (value, next) = if let Some(quoted) = after.trim_start().strip_prefix('"') {
            let is_end = |at: &usize| !quoted[..*at].ends_with('\\');
            let mut ends = quoted.match_indices('"').map(|(at, _)| at);
            let end = ends.find(is_end).unwrap_or(quoted.len());
            let value = quoted[..end].replace("\\\"", "\"").replace("%22", "\"");
            (value, quoted[end..].split_once(';').map_or("", |(_, next)| next))
        } else {
            let (value, next) = after.split_once(';').unwrap_or((after, ""));
            (value.trim().to_owned(), next)
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = next;
    }
    None
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

    type Parts = Vec<(String, Option<String>, Vec<u8>)>;

    /// A source that gives a few bytes at a time.
    struct Drips<'a>(&'a [u8], usize);

    impl Read for Drips<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn read(content_type: &str, body: &[u8], step: usize) -> Option<Parts> {
        let mut form = Multipart::of(content_type, Drips(body, step)).ok()?;
        let mut parts = Vec::new();
        while let Some(part) = form.next().ok()? {
            let mut content = Vec::new();
            form.read_to_end(&mut content).ok()?;
            parts.push((part.name, part.filename, content));
        }
        Some(parts)
    }

    #[test]
    fn a_form_with_a_file_is_read_as_browsers_send_it_in_whatever_pieces_it_comes() {
        let file = b"\r\n--X\r\n--XXx\r\n".repeat(3000);
        let body = [
            b"--XXX\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\nabc\r\n--XXX\r\n\
              Content-Disposition: form-data; name=\"file\"; filename=\"a;b%22.jpg\"\r\n\
              Content-Type: image/jpeg\r\n\r\n",
            &file[..],
            b"\r\n--XXX\r\nContent-Disposition: form-data; name=\"e\"; filename=\"\"\r\n\r\n\r\n--XXX--\r\n",
        ]
        .concat();
        let wanted = [
            ("csrf".to_owned(), None, b"abc".to_vec()),
            ("file".to_owned(), Some("a;b\".jpg".to_owned()), file),
            ("e".to_owned(), Some(String::new()), Vec::new()),
        ];
        for step in [1, 7, 100, 100_000] {
            let parts = read("multipart/form-data; boundary=\"XXX\"", &body, step).unwrap();
            assert!(parts == wanted, "{step}");
        }
    }

    #[test]
    fn what_is_cut_or_no_form_is_none() {
        let cut = "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx";
        for (kind, body) in [
            ("text/plain", "--XX--"),
            ("multipart/form-data", "--XX--"),
            ("multipart/form-data; boundary=", "----"),
            ("multipart/form-data; boundary=XX", ""),
            ("multipart/form-data; boundary=XX", cut),
            ("multipart/form-data; boundary=XX", "--XX\r\n\r\nx\r\n--XX--"),
            ("multipart/form-data; boundary=XX", "--XX\r\nx"),
            ("multipart/form-data; boundary=XX", &"--XX\r\n".repeat(20)),
        ] {
            assert!(read(kind, body.as_bytes(), 100).is_none(), "{kind} {body}");
        }
    }

    #[test]
    fn a_part_without_an_end_to_its_head_and_parts_without_number_are_refused() {
        let kind = "multipart/form-data; boundary=XX";
        let head = format!("--XX\r\nX: {}", "a".repeat(HEAD_BYTES_MAX * 2));
        assert!(read(kind, head.as_bytes(), 5000).is_none());
        let part = "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n";
        assert!(read(kind, (part.repeat(PARTS_MAX + 1) + "--XX--").as_bytes(), 5000).is_none());
        assert!(read(kind, (part.repeat(PARTS_MAX) + "--XX--").as_bytes(), 5000).is_some());
    }
}
