//! The size of a workbook before it is read: a zip file of a megabyte may unpack to a gigabyte, and the library
//! that reads workbooks keeps all texts in memory, each cell whole, and as much as a workbook says it needs.
//!
//! Each part is unpacked once, into nothing, and its bytes are counted: what the file says of its sizes counts
//! for nothing. The tags are followed as far as it takes to know the longest piece that the library keeps.

use std::io::{Read, Seek};

use zip::ZipArchive;

const MIB: u64 = 1024 * 1024;
/// The most that all parts unpack to, and the most for each byte of the file: lists of people reach 30.
const UNPACKED_BYTES_MAX: u64 = 512 * MIB;
const UNPACKED_RATIO_MAX: u64 = 100;
/// The same for parts that the library keeps in memory: all but the sheets.
const KEPT_BYTES_MAX: u64 = 64 * MIB;
const KEPT_RATIO_MAX: u64 = 20;
/// What a small file may unpack to, whatever the ratio.
const SMALL_BYTES: u64 = 8 * MIB;
/// The longest tag, text between tags, or cell.
const PIECE_BYTES_MAX: usize = 1024 * 1024;
/// The least that a text takes in the part with the texts.
const TEXT_BYTES_MIN: u64 = 5;

/// How much a workbook may unpack to.
pub(super) fn bytes_max(file_bytes: u64) -> u64 {
    limit(UNPACKED_BYTES_MAX, file_bytes, UNPACKED_RATIO_MAX)
}

fn limit(most: u64, file_bytes: u64, ratio: u64) -> u64 {
    most.min(SMALL_BYTES + file_bytes.saturating_mul(ratio))
}

/// Whether a workbook is small enough to be read. What is no zip file, or broken, is for the library to refuse.
pub(super) fn is_bounded(file: impl Read + Seek, file_bytes: u64) -> bool {
    let mut left = bytes_max(file_bytes);
    let mut kept_left = limit(KEPT_BYTES_MAX, file_bytes, KEPT_RATIO_MAX);
    let Ok(mut archive) = ZipArchive::new(file) else { return true };
    let mut buffer = vec![0; 32 * 1024];
    for at in 0..archive.len() {
        let Ok(mut part) = archive.by_index(at) else { continue };
        let name = part.name().unwrap_or_default().to_ascii_lowercase();
        let (is_xml, is_kept) = (name.as_bytes().ends_with(b".xml"), !name.contains("worksheets/"));
        let (mut tags, mut bytes) = (Tags::default(), 0);
        while let Ok(length @ 1..) = part.read(&mut buffer) {
            bytes += length as u64;
            let is_within = bytes <= left && (!is_kept || bytes <= kept_left);
            if !is_within || is_xml && !buffer[..length].iter().all(|byte| tags.take(*byte)) {
                return false;
            }
        }
        if tags.texts > bytes / TEXT_BYTES_MIN {
            return false;
        }
        left -= bytes;
        kept_left -= if is_kept { bytes } else { 0 };
    }
    true
}

/// Where in XML the next byte is.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Text,
    /// In a tag, perhaps behind one of its quotes.
    Tag(Option<u8>),
    /// In a comment, or what else has an end of its own.
    Until(&'static [u8]),
}

/// The tags of a part, as far as they bound what is kept of it.
#[derive(Default)]
struct Tags {
    place: Place,
    /// The tag, or the end of the comment, without its `<`.
    tag: Vec<u8>,
    /// The bytes since a tag began, or since the cell did.
    piece: usize,
    is_in_cell: bool,
    /// How many texts the part says that it has.
    texts: u64,
}

impl Tags {
    /// Whether the part may go on like this. XML that hides its tags is refused: no program writes it.
    fn take(&mut self, byte: u8) -> bool {
        self.piece += 1;
        match (self.place, byte) {
            (_, 0) | (Place::Tag(_), b'<') => return false,
            (Place::Text, b'<') => {
                self.place = Place::Tag(None);
                self.tag.clear();
                self.piece = if self.is_in_cell { self.piece } else { 0 };
            }
            (Place::Text, _) => {}
            (Place::Tag(None), b'>') => {
                self.place = Place::Text;
                self.end_tag();
            }
            (Place::Tag(quote), _) => {
                self.tag.push(byte);
                self.place = match quote {
                    Some(quote) if quote == byte => Place::Tag(None),
                    None if matches!(byte, b'"' | b'\'') => Place::Tag(Some(byte)),
                    quote => Place::Tag(quote),
                };
                match self.tag.as_slice() {
                    b"?" => self.place = Place::Until(b"?>"),
                    b"!--" => self.place = Place::Until(b"-->"),
                    b"![CDATA[" => self.place = Place::Until(b"]]>"),
                    [b'!', b'-'] => {}
                    [b'!', rest @ ..] if !b"[CDATA[".starts_with(rest) => return false,
                    _ => {}
                }
            }
            (Place::Until(end), _) => {
                self.tag.push(byte);
                if self.tag.ends_with(end) {
                    self.place = Place::Text;
                }
            }
        }
        self.piece <= PIECE_BYTES_MAX
    }

    fn end_tag(&mut self) {
        let name = self.tag.split(|byte| byte.is_ascii_whitespace()).next().unwrap_or_default();
        let local = name.rsplit(|byte| *byte == b':').next().unwrap_or_default();
        match local {
            b"c" if !name.starts_with(b"/") => self.is_in_cell = !self.tag.ends_with(b"/"),
            b"c" | b"/c" => self.is_in_cell = false,
            _ => {}
        }
        for at in 0..self.tag.len() {
            if let Some(value) = self.tag[at..].strip_prefix(b"uniqueCount") {
                let digits = value.iter().skip_while(|byte| !byte.is_ascii_digit());
                let digits = digits.take_while(|byte| byte.is_ascii_digit());
                let count = digits.fold(0_u64, |count, byte| {
                    count.saturating_mul(10).saturating_add(u64::from(byte - b'0'))
                });
                self.texts = self.texts.max(count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_fine(xml: &str) -> bool {
        let mut tags = Tags::default();
        xml.bytes().all(|byte| tags.take(byte)) && tags.texts <= xml.len() as u64
    }

    #[test]
    fn a_piece_that_hides_in_xml_is_seen() {
        let many = |part: &str| part.repeat(PIECE_BYTES_MAX / part.len() + 2);
        let cell = |inside: &str| format!("<row r=\"1\"><c r='A1' t=\"s\">{inside}</c></row>");
        let good = [
            many(&cell("<v>1</v>")),
            format!(
                "<?xml version=\"1.0\"?><a b=\"1 > 0\"><!-- <c> --><![CDATA[<]]></a>{}",
                many("<x/>")
            ),
            cell("") + &many("<m:mergeCell ref='A1:B2'/>"),
            "<c/>".to_owned() + &many("<d/>"),
            "<sst uniqueCount='3'><si/></sst>".to_owned(),
        ];
        for xml in good {
            assert!(is_fine(&xml), "{}", &xml[..xml.len().min(80)]);
        }
        let bad = [
            cell(&format!("<is>{}</is>", many("<r><t>x</t></r>"))),
            many("x"),
            format!("<a b=\"{}\"/>", many("x")),
            format!("<a b=\"{}\"/>", many("<a>")),
            format!("<a><!-- {} --></a>", many("<a>")),
            format!("<a><![CDATA[{}]]></a>", many("<a>")),
            format!("<?x {}?>", many("> <a>")),
            format!("<!DOCTYPE a [{}]>", many("<a>")),
            "<sst  x='1' uniqueCount = \"99999999999999999999999\">".to_owned(),
            "<\0s\0s\0t\0".to_owned(),
        ];
        for xml in bad {
            assert!(!is_fine(&xml), "{}", &xml[..xml.len().min(80)]);
        }
    }
}
