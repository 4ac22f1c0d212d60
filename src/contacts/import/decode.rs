//! From the bytes of a file to UTF-8, as far as a whole file can be judged: byte order marks, and
//! UTF-16 with or without one. Cells that are no UTF-8 are read as Windows-1252, one by one: Excel in
//! Indonesia writes that, and says so nowhere.

use std::borrow::Cow;
use std::io::{self, Read};

const BUFFER_BYTES: usize = 32 * 1024;

/// A reader that gives UTF-8, or bytes as they are.
pub(super) struct Decoded<R> {
    input: R,
    encoding: Option<Encoding>,
    /// What was read and not decoded yet.
    raw: Vec<u8>,
    /// What is decoded and not given out yet, and how much of it was given out.
    ready: Vec<u8>,
    given: usize,
    is_end: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Bytes,
    Utf16 { is_big: bool },
}

impl<R: Read> Decoded<R> {
    pub(super) fn new(input: R) -> Self {
        let (raw, ready) = (Vec::new(), Vec::new());
        Self { input, encoding: None, raw, ready, given: 0, is_end: false }
    }

    /// Reads until there is something to decode.
    fn fill(&mut self) -> io::Result<()> {
        let start = self.raw.len();
        self.raw.resize(start + BUFFER_BYTES, 0);
        let read = loop {
            match self.input.read(&mut self.raw[start..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        let count = *read.as_ref().unwrap_or(&0);
        self.raw.truncate(start + count);
        self.is_end = read? == 0;
        Ok(())
    }

    fn detect(&mut self) -> io::Result<Encoding> {
        // A pipe may give its first bytes one by one.
        while self.raw.len() < 64 && !self.is_end {
            self.fill()?;
        }
        let (encoding, mark) = detect(&self.raw);
        self.raw.drain(..mark);
        self.encoding = Some(encoding);
        Ok(encoding)
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.given == self.ready.len() {
            self.ready.clear();
            self.given = 0;
            let encoding = match self.encoding {
                Some(encoding) => encoding,
                None => self.detect()?,
            };
            if self.raw.len() < 2 && !self.is_end {
                self.fill()?;
            }
            if self.raw.is_empty() && self.is_end {
                return Ok(0);
            }
            match encoding {
                Encoding::Bytes => std::mem::swap(&mut self.raw, &mut self.ready),
                Encoding::Utf16 { is_big } => {
                    decode_utf16(&mut self.raw, &mut self.ready, is_big, self.is_end);
                    if self.ready.is_empty() && !self.is_end {
                        self.fill()?; // Half a character.
                    }
                }
            }
        }
        let count = out.len().min(self.ready.len() - self.given);
        out[..count].copy_from_slice(&self.ready[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}

/// The encoding, and the length of its mark. Latin text in UTF-16 has a NUL in every second byte.
fn detect(start: &[u8]) -> (Encoding, usize) {
    match start {
        [0xef, 0xbb, 0xbf, ..] => return (Encoding::Bytes, 3),
        [0xff, 0xfe, ..] => return (Encoding::Utf16 { is_big: false }, 2),
        [0xfe, 0xff, ..] => return (Encoding::Utf16 { is_big: true }, 2),
        _ => {}
    }
    let start = &start[..start.len().min(64)];
    let nuls =
        |parity: usize| start.iter().skip(parity).step_by(2).filter(|byte| **byte == 0).count();
    let pairs = start.len() / 2;
    let (even, odd) = (nuls(0), nuls(1));
    let is_most =
        |some: usize, others: usize| pairs >= 2 && some * 4 >= pairs * 3 && others * 4 <= pairs;
    match (is_most(odd, even), is_most(even, odd)) {
        (true, _) => (Encoding::Utf16 { is_big: false }, 0),
        (_, true) => (Encoding::Utf16 { is_big: true }, 0),
        (false, false) => (Encoding::Bytes, 0),
    }
}

/// Decodes all whole characters, and leaves the rest unless it is the end.
fn decode_utf16(raw: &mut Vec<u8>, out: &mut Vec<u8>, is_big: bool, is_end: bool) {
    let unit = |pair: &[u8]| {
        if is_big {
            u16::from_be_bytes([pair[0], pair[1]])
        } else {
            u16::from_le_bytes([pair[0], pair[1]])
        }
    };
    let mut whole = raw.len() / 2 * 2;
    if !is_end && whole >= 2 && (0xd800..0xdc00).contains(&unit(&raw[whole - 2..whole])) {
        whole -= 2; // The first half of a pair.
    }
    let units = raw[..whole].chunks_exact(2).map(unit);
    for decoded in char::decode_utf16(units) {
        let c = decoded.unwrap_or(char::REPLACEMENT_CHARACTER);
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    raw.drain(..if is_end { raw.len() } else { whole });
}

/// A cell as text: UTF-8, or else Windows-1252, in which every byte is something.
pub(super) fn cell_text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|byte| windows_1252(*byte)).collect()),
    }
}

fn windows_1252(byte: u8) -> char {
    const FROM_80: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž',
        '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}',
        'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9f => FROM_80[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time.
    struct Trickle<'a>(&'a [u8]);

    impl Read for Trickle<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            (out[0], self.0) = (*first, rest);
            Ok(1)
        }
    }

    fn decoded(bytes: &[u8]) -> String {
        let mut text = Vec::new();
        Decoded::new(bytes).read_to_end(&mut text).unwrap();
        let mut trickled = Vec::new();
        Decoded::new(Trickle(bytes)).read_to_end(&mut trickled).unwrap();
        assert_eq!(text, trickled, "how the bytes come must not matter");
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn marks_and_utf16_are_recognised() {
        let text = "nama,hp\nBudi 😀,0812\n";
        let units: Vec<u16> = text.encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        for (mark, bytes) in [
            (&b"\xef\xbb\xbf"[..], text.as_bytes()),
            (b"", text.as_bytes()),
            (b"\xff\xfe", &little),
            (b"\xfe\xff", &big),
            (b"", &little),
            (b"", &big),
        ] {
            assert_eq!(decoded(&[mark, bytes].concat()), text);
        }
        assert_eq!(decoded(b""), "");
        assert_eq!(decoded(b"\xff\xfea"), "", "half a character");
    }

    #[test]
    fn what_is_no_utf8_is_windows_1252() {
        assert_eq!(cell_text(b"Caf\xe9 \x93Melati\x94 \x80"), "Café “Melati” €");
        assert_eq!(cell_text("Café".as_bytes()), "Café");
    }
}
