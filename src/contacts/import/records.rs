//! From a stream of bytes to rows of cells, in bounded memory.
//!
//! A line, and a row of several lines, have a greatest length. A quote that is opened and never
//! closed costs its own line, not the rest of the file: no CSV library goes back to the line after it,
//! so rows are taken apart here.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};

use super::Problem;
use super::decode::cell_text;

/// The longest row, and the longest line, in bytes.
pub(super) const RECORD_BYTES_MAX: usize = 256 * 1024;
/// The most lines that one row may have in its quotes.
const RECORD_LINES_MAX: usize = 50;
/// A line that is longer than this has no end.
const ENDLESS_BYTES: u64 = 64 * 1024 * 1024;
const READ_BYTES: usize = 64 * 1024;
/// How much of a broken line is kept, to show it.
const SHOWN_BYTES: usize = 200;

/// How the cells of a file are parted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    /// Whether each line as a whole is in quotes.
    pub(super) is_wrapped: bool,
}

pub(super) struct Records<'r> {
    input: BufReader<Box<dyn Read + 'r>>,
    pub(super) dialect: Dialect,
    /// Lines that were read and are not given out yet.
    ahead: VecDeque<Line>,
    /// The number of the next line, from 1.
    next_line: u64,
}

/// A part of a file: a row, or a line that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record {
    Row {
        line: u64,
        cells: Vec<String>,
    },
    Broken {
        line: u64,
        why: Problem,
        shown: String,
    },
    /// A line without an end: nothing can come after it.
    Endless {
        line: u64,
    },
}

enum Line {
    /// With its line end.
    Whole(Vec<u8>),
    /// The beginning of a longer one.
    TooLong(Vec<u8>),
    Endless,
}

impl<'r> Records<'r> {
    /// Reads UTF-8, or bytes as they are.
    pub(super) fn new(input: Box<dyn Read + 'r>, dialect: Dialect) -> Self {
        let input = BufReader::with_capacity(READ_BYTES, input);
        Self { input, dialect, ahead: VecDeque::new(), next_line: 1 }
    }

    /// Leaves lines out that were looked at.
    pub(super) fn skip_lines(&mut self, count: usize) {
        self.ahead.drain(..count);
        self.next_line += count as u64;
    }

    /// Leaves out Excel's own first line, `sep=;`.
    pub(super) fn skip_sep_line(&mut self) -> io::Result<()> {
        self.line_ahead(0)?;
        self.skip_lines(self.ahead.len());
        Ok(())
    }

    /// The next row with anything in it; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Record>> {
        loop {
            let line = self.next_line;
            let first = match self.ahead.pop_front() {
                Some(first) => first,
                None => match self.read_line()? {
                    Some(first) => first,
                    None => return Ok(None),
                },
            };
            self.next_line += 1;
            match first {
                Line::Whole(first) if is_nothing(&first) => {}
                Line::Whole(first) => match self.record(line, &first)? {
                    Record::Row { cells, .. }
                        if cells.iter().all(|cell| cell.trim().is_empty()) => {}
                    record => return Ok(Some(record)),
                },
                Line::TooLong(start) => {
                    let (why, shown) = (Problem::LineTooLong, shown(&start));
                    return Ok(Some(Record::Broken { line, why, shown }));
                }
                Line::Endless => return Ok(Some(Record::Endless { line })),
            }
        }
    }

    /// The row that begins with the line `first`, and goes on while a quote is open.
    fn record(&mut self, line: u64, first: &[u8]) -> io::Result<Record> {
        let mut row = Row::new(self.dialect.delimiter);
        // Files that were joined have a byte order mark in the middle.
        let mut is_whole = row.add(first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first));
        let (mut more, mut bytes) = (0, first.len());
        while !is_whole && more + 1 < RECORD_LINES_MAX && bytes < RECORD_BYTES_MAX {
            let Some(Line::Whole(next)) = self.line_ahead(more)? else { break };
            is_whole = row.add(next);
            more += 1;
            bytes += next.len();
        }
        // A quote that was left open is closed by the next one, lines later, in the middle of a cell.
        let why = if is_whole && (more == 0 || row.is_well_quoted) {
            self.skip_lines(more);
            if !row.has_nul {
                let mut cells = row.cells;
                if self.dialect.is_wrapped && cells.len() == 1 {
                    cells = cells_of(cells[0].as_bytes(), self.dialect.delimiter);
                }
                return Ok(Record::Row { line, cells });
            }
            Problem::Nul
        } else {
            Problem::OpenQuote
        };
        Ok(Record::Broken { line, why, shown: shown(first) })
    }

    /// A line that is not given out yet, the first is 0.
    fn line_ahead(&mut self, at: usize) -> io::Result<Option<&Line>> {
        while self.ahead.len() <= at {
            let Some(line) = self.read_line()? else { return Ok(None) };
            self.ahead.push_back(line);
        }
        Ok(self.ahead.get(at))
    }

    /// Lines end with `\n`, `\r` or `\r\n`.
    fn read_line(&mut self) -> io::Result<Option<Line>> {
        let (mut line, mut length, mut has_return) = (Vec::new(), 0_u64, false);
        loop {
            let buffer = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                buffer => buffer?,
            };
            let end = match buffer.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
                _ if has_return => usize::from(buffer.first() == Some(&b'\n')),
                found => found.map_or(buffer.len(), |at| at + 1),
            };
            let part = &buffer[..end];
            if line.len() <= RECORD_BYTES_MAX {
                line.extend_from_slice(part);
            }
            let is_end = has_return || part.is_empty() || part.ends_with(b"\n");
            has_return = part.ends_with(b"\r");
            length += end as u64;
            self.input.consume(end);
            if is_end {
                break;
            }
            if length > ENDLESS_BYTES {
                return Ok(Some(Line::Endless));
            }
        }
        if line.len() > RECORD_BYTES_MAX {
            line.truncate(SHOWN_BYTES);
            return Ok(Some(Line::TooLong(line)));
        }
        Ok((length > 0).then_some(Line::Whole(line)))
    }
}

/// A row that is taken apart, line by line.
struct Row {
    delimiter: u8,
    cells: Vec<String>,
    /// The cell that is not at its end yet.
    cell: Vec<u8>,
    place: Place,
    /// Whether the end of its cell follows each closing quote.
    is_well_quoted: bool,
    has_nul: bool,
}

/// Where in a cell the next byte is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    Bare,
    Quoted,
    /// Behind a quote in quotes, which is the closing one or the first half of `""`.
    Closed,
}

impl Row {
    fn new(delimiter: u8) -> Self {
        let (cells, cell, place) = (Vec::with_capacity(32), Vec::new(), Place::Start);
        Self { delimiter, cells, cell, place, is_well_quoted: true, has_nul: false }
    }

    /// Adds a line; returns whether the row ends with it.
    fn add(&mut self, line: &[u8]) -> bool {
        self.has_nul |= line.contains(&0);
        if self.place == Place::Start && !line.contains(&b'"') {
            // Most are so: no byte needs to be looked at by itself.
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            self.cells.extend(line.split(|byte| *byte == self.delimiter).map(cell_text));
            return true;
        }
        for &byte in line {
            self.place = match (self.place, byte) {
                (Place::Start, b'"') => Place::Quoted,
                (Place::Quoted, b'"') | (Place::Closed, b' ') => Place::Closed,
                // `Sari, "a, b" ,x`
                (Place::Bare, b'"') if !self.cell.is_empty() && is_blank(&self.cell) => {
                    self.cell.clear();
                    Place::Quoted
                }
                (Place::Quoted, _) | (Place::Closed, b'"') => {
                    self.cell.push(byte);
                    Place::Quoted
                }
                (_, b'\n' | b'\r') => break,
                (_, _) if byte == self.delimiter => self.end_cell(),
                (place, _) => {
                    self.is_well_quoted &= place != Place::Closed;
                    self.cell.push(byte);
                    Place::Bare
                }
            };
        }
        let is_whole = self.place != Place::Quoted;
        if is_whole {
            self.place = self.end_cell();
        }
        is_whole
    }

    fn end_cell(&mut self) -> Place {
        self.cells.push(cell_text(&self.cell));
        self.cell.clear();
        Place::Start
    }
}

/// The cells of the row that begins with this line, as far as they are in it.
fn cells_of(line: &[u8], delimiter: u8) -> Vec<String> {
    let mut row = Row::new(delimiter);
    if !row.add(line) {
        row.end_cell();
    }
    row.cells
}

fn shown(line: &[u8]) -> String {
    let text = cell_text(&line[..line.len().min(SHOWN_BYTES)]);
    text.lines().next().unwrap_or_default().to_owned()
}

/// Whether a line has nothing but blanks and separators.
fn is_nothing(line: &[u8]) -> bool {
    line.iter().all(|byte| byte.is_ascii_whitespace() || matches!(byte, b',' | b';' | b'|'))
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMAS: Dialect = Dialect { delimiter: b',', is_wrapped: false };

    /// Rows as `line: cell|cell`, what is broken as `line! why`.
    fn read(text: &[u8]) -> Vec<String> {
        let mut records = Records::new(Box::new(text), COMMAS);
        std::iter::from_fn(|| records.next().unwrap())
            .map(|record| match record {
                Record::Endless { line } => format!("{line}! endless"),
                Record::Broken { line, why, .. } => format!("{line}! {why:?}"),
                Record::Row { line, cells } => format!("{line}: {}", cells.join("|")),
            })
            .collect()
    }

    #[test]
    fn rows_are_read_whatever_ends_their_lines() {
        let rows = ["1: a|b", "2: c|d"];
        for text in ["a,b\nc,d\n", "a,b\r\nc,d\r\n", "a,b\rc,d\r", "a,b\nc,d"] {
            assert_eq!(read(text.as_bytes()), rows, "{text:?}");
        }
        assert_eq!(read(b"\n\na,b\n\n \nc,d"), ["3: a|b", "6: c|d"]);
        assert!(read(b"").is_empty());
    }

    #[test]
    fn a_quoted_cell_may_have_lines_and_commas() {
        assert_eq!(read(b"\"a,\nb\",c\nd,\"e\"\"f\"\n"), ["1: a,\nb|c", "3: d|e\"f"]);
    }

    #[test]
    fn blanks_may_stand_around_quotes_and_whole_lines_in_quotes() {
        assert_eq!(read(b"a, \"b, c\" ,d\n"), ["1: a|b, c|d"]);
        assert_eq!(read(b"a, b \"c\"\n,,\n\"\",\"\"\nd,\n"), ["1: a| b \"c\"", "4: d|"]);
        let wrapped = Dialect { is_wrapped: true, ..COMMAS };
        let text: &[u8] = b"\"a,b\"\n\"c,\"\"d, e\"\"\"\n";
        let mut records = Records::new(Box::new(text), wrapped);
        let rows = std::iter::from_fn(|| records.next().unwrap());
        let cells = rows.map(|row| match row {
            Record::Row { cells, .. } => cells.join("|"),
            Record::Broken { .. } | Record::Endless { .. } => String::new(),
        });
        assert_eq!(cells.collect::<Vec<_>>(), ["a|b", "c|d, e"]);
    }

    #[test]
    fn an_open_quote_costs_its_own_line() {
        assert_eq!(read(b"a,b\n\"c,d\ne,f\n"), ["1: a|b", "2! OpenQuote", "3: e|f"]);
        let swallowed = b"a,b\n\"c,d\ne,f\ng,\"h\"\n";
        assert_eq!(read(swallowed), ["1: a|b", "2! OpenQuote", "3: e|f", "4: g|h"]);
        let many = format!("\"a,b\n{}", "c,d\n".repeat(500_000));
        let rows = read(many.as_bytes());
        assert_eq!((rows.len(), rows[0].as_str()), (500_001, "1! OpenQuote"));
    }

    #[test]
    fn a_line_that_is_too_long_costs_itself() {
        for size in [300_000, 10_000_000] {
            let text = format!("a,b\nc,{}\ne,f\n", "x".repeat(size));
            assert_eq!(read(text.as_bytes()), ["1: a|b", "2! LineTooLong", "3: e|f"]);
        }
        let text = format!("a,b\n\"{}\",x\r\ne,f\n", "x\n".repeat(200_000));
        assert_eq!(read(text.as_bytes())[..2], ["1: a|b", "2! OpenQuote"]);
    }

    #[test]
    fn an_endless_line_ends_the_reading() {
        let mut records = Records::new(Box::new(io::repeat(b'x')), COMMAS);
        assert_eq!(records.next().unwrap(), Some(Record::Endless { line: 1 }));
    }

    #[test]
    fn a_nul_makes_a_row_no_text() {
        assert_eq!(read(b"a,b\nc\0,d\ne,f\n"), ["1: a|b", "2! Nul", "3: e|f"]);
    }
}
