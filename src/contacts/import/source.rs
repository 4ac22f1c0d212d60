//! A file of any kind becomes rows of cells: CSV, vCard, or a workbook. What else it is gets named.

use std::collections::VecDeque;
use std::io::{self, Cursor, Read};

use super::Problem;
use super::decode::decoded;
use super::heading::{Meaning, meaning};
use super::records::{Dialect, Record, Records};
#[cfg(feature = "xlsx")]
use super::sheet::Sheet;
use super::vcard::Cards;
use crate::language::Language;
use crate::recipient::{CountryCode, normalize_phone};

/// So much of a file is looked at to tell what it is and how its cells are parted.
const HEAD_BYTES: u64 = 64 * 1024;
/// So many rows are looked at to tell how cells are parted.
const DIALECT_ROWS: usize = 40;
/// So many rows, and about so many bytes of them, are looked at to tell what the columns hold.
const SAMPLE_ROWS: usize = 500;
const SAMPLE_BYTES: usize = 512 * 1024;

/// A kind of file that holds no list that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Xls,
    #[cfg(not(feature = "xlsx"))]
    Xlsx,
    Html,
    Pdf,
    Zip,
    Gzip,
    Rtf,
    Image,
    Sqlite,
    Json,
    Xml,
}

impl Kind {
    /// Tells a kind by the first bytes of a file. A workbook is a zip file too: that is for `sheet`.
    fn of(start: &[u8]) -> Option<Self> {
        let text = start.trim_ascii_start();
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii_start();
        let begins = |with: &str| {
            text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with.as_bytes()))
        };
        Some(match start {
            [0xd0, 0xcf, 0x11, 0xe0, ..] => Self::Xls,
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x89, b'P', b'N', b'G', ..]
            | [0xff, 0xd8, 0xff, ..]
            | [b'G', b'I', b'F', b'8', ..] => Self::Image,
            _ if start.starts_with(b"%PDF") => Self::Pdf,
            _ if start.starts_with(b"SQLite format 3\0") => Self::Sqlite,
            _ if start.starts_with(b"{\\rtf") => Self::Rtf,
            _ if begins("<?xml") => Self::Xml,
            _ if ["<!doctype", "<html", "<table", "<head", "<body", "<meta", "<div", "<style"]
                .iter()
                .any(|tag| begins(tag)) =>
            {
                Self::Html
            }
            _ if begins("[{") || begins("{\"") || begins("{\n") => Self::Json,
            _ => return None,
        })
    }

    /// What it is, and what to do about it.
    pub(super) fn text(self, language: Language) -> String {
        let (is, ini) = match self {
            Self::Xls => {
                ("an old Excel or Word file (.xls, .doc)", "file Excel atau Word lama (.xls, .doc)")
            }
            #[cfg(not(feature = "xlsx"))]
            Self::Xlsx => ("an Excel workbook (.xlsx)", "file Excel (.xlsx)"),
            Self::Html => (
                "a web page (HTML), perhaps saved as .xls",
                "halaman web (HTML), mungkin disimpan sebagai .xls",
            ),
            Self::Pdf => ("a PDF", "PDF"),
            Self::Zip => ("a zip file", "file zip"),
            Self::Gzip => ("a gzip file", "file gzip"),
            Self::Rtf => ("a document (RTF)", "dokumen (RTF)"),
            Self::Image => ("a picture", "gambar"),
            Self::Sqlite => ("an SQLite database", "database SQLite"),
            Self::Json => ("JSON", "JSON"),
            Self::Xml => ("XML", "XML"),
        };
        let (xlsx, atau_xlsx) =
            if cfg!(feature = "xlsx") { (" or XLSX", " atau XLSX") } else { ("", "") };
        language.pick(
            format!("{is}, not a list: open it, and save the list as CSV UTF-8{xlsx}"),
            format!(
                "{ini}, bukan daftar: buka, lalu simpan daftarnya sebagai CSV UTF-8{atau_xlsx}"
            ),
        )
    }
}

/// The rows of a file, the first of them perhaps looked at already.
pub(super) struct Source<'r> {
    rows: Rows<'r>,
    /// Rows that were looked at and are not given out yet.
    ahead: VecDeque<Record>,
}

enum Rows<'r> {
    Csv(Records<'r>),
    Cards(Cards<'r>),
    #[cfg(feature = "xlsx")]
    Sheet(Sheet),
}

impl<'r> Source<'r> {
    /// Tells what the file is. The inner error refuses it.
    pub(super) fn open(
        mut input: impl Read + 'r,
        country: &CountryCode,
    ) -> io::Result<Result<Self, Problem>> {
        let start = head(&mut input)?;
        if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") {
            #[cfg(feature = "xlsx")]
            return Ok(Sheet::open(Cursor::new(start).chain(input))?
                .map(|sheet| Self::of(Rows::Sheet(sheet))));
            #[cfg(not(feature = "xlsx"))]
            let kind =
                if start.windows(3).any(|part| part == b"xl/") { Kind::Xlsx } else { Kind::Zip };
            #[cfg(not(feature = "xlsx"))]
            return Ok(Err(Problem::IsOther { kind }));
        }
        if let Some(kind) = Kind::of(&start) {
            return Ok(Err(Problem::IsOther { kind }));
        }
        let mut text = decoded(Cursor::new(start).chain(input))?;
        let start = head(&mut text)?;
        // UTF-16 hides what it is until here.
        if let Some(kind) = Kind::of(&start) {
            return Ok(Err(Problem::IsOther { kind }));
        }
        let is_vcard = start
            .trim_ascii_start()
            .get(..11)
            .is_some_and(|begin| begin.eq_ignore_ascii_case(b"BEGIN:VCARD"));
        let first = start.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
        let sep = sep_line(first);
        let dialect = match sep {
            Some(delimiter) => Dialect { delimiter, is_wrapped: false },
            None => dialect(&start, country),
        };
        let text: Box<dyn Read + 'r> = Box::new(Cursor::new(start).chain(text));
        if is_vcard {
            return Ok(Ok(Self::of(Rows::Cards(Cards::new(text)))));
        }
        let mut records = Records::new(text, dialect);
        if sep.is_some() {
            records.skip_sep_line()?;
        }
        Ok(Ok(Self::of(Rows::Csv(records))))
    }

    fn of(rows: Rows<'r>) -> Self {
        Self { rows, ahead: VecDeque::new() }
    }

    /// The first rows, without giving them out.
    pub(super) fn sample(&mut self) -> io::Result<&VecDeque<Record>> {
        let mut bytes = 0;
        while self.ahead.len() < SAMPLE_ROWS && bytes < SAMPLE_BYTES {
            let Some(record) = self.read()? else { break };
            if let Record::Row { cells, .. } = &record {
                bytes += cells.iter().map(|cell| cell.len() + 24).sum::<usize>();
            }
            self.ahead.push_back(record);
        }
        Ok(&self.ahead)
    }

    /// Leaves rows out that were looked at.
    pub(super) fn skip(&mut self, count: usize) {
        self.ahead.drain(..count);
    }

    /// The next row with anything in it; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Record>> {
        match self.ahead.pop_front() {
            Some(record) => Ok(Some(record)),
            None => self.read(),
        }
    }

    fn read(&mut self) -> io::Result<Option<Record>> {
        match &mut self.rows {
            Rows::Csv(records) => records.next(),
            Rows::Cards(cards) => cards.next(),
            #[cfg(feature = "xlsx")]
            Rows::Sheet(sheet) => sheet.next(),
        }
    }

    /// What stands between the cells, or may stand there.
    pub(super) fn delimiter(&self) -> u8 {
        match &self.rows {
            Rows::Csv(records) => records.dialect.delimiter,
            Rows::Cards(_) => b',',
            #[cfg(feature = "xlsx")]
            Rows::Sheet(_) => b',',
        }
    }

    pub(super) fn other_sheets(&self) -> &[String] {
        match &self.rows {
            #[cfg(feature = "xlsx")]
            Rows::Sheet(sheet) => &sheet.others,
            Rows::Csv(_) | Rows::Cards(_) => &[],
        }
    }
}

fn head(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    input.by_ref().take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok(head)
}

/// Excel's own first line, `sep=;`, perhaps in quotes.
fn sep_line(line: &[u8]) -> Option<u8> {
    let is_around = |byte: &u8| matches!(byte, b' ' | b'"');
    let start = line.iter().position(|byte| !is_around(byte))?;
    let end = line.iter().rposition(|byte| !is_around(byte))? + 1;
    match line[start..end].split_at_checked(4)? {
        (sep, [] | [b'\t']) if sep.eq_ignore_ascii_case(b"sep=") => Some(b'\t'),
        (sep, [delimiter @ (b',' | b';' | b'|')]) if sep.eq_ignore_ascii_case(b"sep=") => {
            Some(*delimiter)
        }
        _ => None,
    }
}

/// The way of parting cells with the most known headings in a row, then rows with numbers, then cells.
fn dialect(head: &[u8], country: &CountryCode) -> Dialect {
    let score = |dialect: &Dialect| {
        let mut records = Records::new(Box::new(head), *dialect);
        let (mut known, mut numbers, mut most) = (0, 0, 0);
        for _ in 0..DIALECT_ROWS {
            let Ok(Some(record)) = records.next() else { break };
            let Record::Row { cells, .. } = record else { continue };
            let is_known =
                |cell: &&String| !matches!(meaning(cell), Meaning::Unknown | Meaning::NoNumber);
            known = known.max(cells.iter().take(100).filter(is_known).count());
            numbers += usize::from(
                cells.iter().take(100).any(|cell| normalize_phone(cell, country).is_ok()),
            );
            most = most.max(cells.len());
        }
        (known, numbers, most)
    };
    let all = [true, false]
        .into_iter()
        .flat_map(|is_wrapped| (*b"|\t;,").map(|delimiter| Dialect { delimiter, is_wrapped }));
    // Of equals, `max_by_key` takes the last.
    all.max_by_key(score).unwrap_or(Dialect { delimiter: b',', is_wrapped: false })
}
