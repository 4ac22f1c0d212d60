//! From the bytes of a file to UTF-8, as far as a whole file can be judged: byte order marks, and
//! UTF-16 with or without one. Cells that are no UTF-8 are read as Windows-1252, one by one: Excel in
//! Indonesia writes that, and says so nowhere.

use std::collections::VecDeque;
use std::io::{self, Read};

const BUFFER_BYTES: u64 = 32 * 1024;
/// So much is looked at to tell the encoding.
const LOOKED_AT_BYTES: u64 = 64;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Bytes,
    Utf16 { is_big: bool },
}

/// A reader that gives UTF-8, or bytes as they are.
pub(super) fn decoded<'r>(mut input: impl Read + 'r) -> io::Result<Box<dyn Read + 'r>> {
    let mut start = Vec::new();
    input.by_ref().take(LOOKED_AT_BYTES).read_to_end(&mut start)?;
    let (encoding, mark) = detect(&start);
    let input = io::Cursor::new(start.split_off(mark)).chain(input);
    Ok(match encoding {
        Encoding::Bytes => Box::new(input),
        Encoding::Utf16 { is_big } => {
            Box::new(Utf16 { input, is_big, raw: Vec::new(), ready: VecDeque::new() })
        }
    })
}

struct Utf16<R> {
    input: R,
    is_big: bool,
    /// Bytes that were read and not decoded yet: at most half a character.
    raw: Vec<u8>,
    /// Decoded bytes that were not given out yet.
    ready: VecDeque<u8>,
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() {
            let read = self.input.by_ref().take(BUFFER_BYTES).read_to_end(&mut self.raw)?;
            if self.raw.is_empty() {
                return Ok(0);
            }
            self.decode(read == 0);
        }
        self.ready.read(out)
    }
}

impl<R> Utf16<R> {
    /// Decodes all whole characters, and leaves the rest unless it is the end.
    fn decode(&mut self, is_end: bool) {
        let Self { is_big, raw, ready, .. } = self;
        let unit = |pair: &[u8]| {
            let bytes = [pair[0], pair[1]];
            if *is_big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
        };
        let mut whole = raw.len() / 2 * 2;
        if !is_end && whole >= 2 && (0xd800..0xdc00).contains(&unit(&raw[whole - 2..whole])) {
            whole -= 2; // The first half of a pair.
        }
        for decoded in
            char::decode_utf16(raw[..whole].as_chunks::<2>().0.iter().map(|pair| unit(pair)))
        {
            let c = decoded.unwrap_or(char::REPLACEMENT_CHARACTER);
            ready.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        raw.drain(..if is_end { raw.len() } else { whole });
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

/// A cell as text: UTF-8, or else Windows-1252, in which every byte is something.
pub(super) fn cell_text(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return String::new(); // most cells of an export
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| windows_1252(*byte)).collect(),
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
        super::decoded(bytes).unwrap().read_to_end(&mut text).unwrap();
        let mut trickled = Vec::new();
        super::decoded(Trickle(bytes)).unwrap().read_to_end(&mut trickled).unwrap();
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
