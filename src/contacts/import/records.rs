//! From a stream of bytes to rows of cells, in bounded memory: `csv-core` takes lines apart, and
//! this decides which lines are one row.
//!
//! A line, and a row of several lines, have a greatest length. A quote that is opened and never
//! closed costs its own line, not the rest of the file.

use std::io::{self, Read};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::decode::{Decoded, cell_text};

/// The longest row, and the longest line, in bytes.
const RECORD_BYTES_MAX: usize = 256 * 1024;
/// The most lines that one row may have in its quotes.
const RECORD_LINES_MAX: u64 = 50;
/// A line that is longer than this has no end.
const ENDLESS_BYTES: u64 = 64 * 1024 * 1024;
const READ_BYTES: usize = 64 * 1024;
/// How much of a broken line is kept, to show it.
const SHOWN_BYTES: usize = 200;

/// The rows of a file.
pub(super) struct Records<R> {
    input: Decoded<R>,
    parser: Reader,
    delimiter: u8,
    /// What was read; from `start` on it is not given out yet.
    held: Vec<u8>,
    start: usize,
    is_end: bool,
    /// The number of the next line, from 1.
    next_line: u64,
    cells: Vec<u8>,
    ends: Vec<usize>,
    count: usize,
}

/// What comes next in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A row: [`Records::cell`] gives its cells.
    Row {
        line: u64,
    },
    Broken {
        line: u64,
        why: Broken,
        shown: String,
    },
    /// A line without an end: nothing can come after it.
    Endless {
        line: u64,
    },
    End,
}

/// Why a line is no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    TooLong,
    OpenQuote,
    Nul,
}

/// A line in what is held.
enum Line {
    Whole { end: usize },
    TooLong,
    None,
}

impl<R: Read> Records<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input: Decoded::new(input),
            parser: parser(b','),
            delimiter: b',',
            held: Vec::new(),
            start: 0,
            is_end: false,
            next_line: 1,
            cells: vec![0; 4096],
            ends: vec![0; 64],
            count: 0,
        }
    }

    /// What stands between cells.
    pub(super) fn set_delimiter(&mut self, delimiter: u8) {
        self.delimiter = delimiter;
        self.parser = parser(delimiter);
    }

    /// The first line that is not blank, without giving it out; `None` when it is too long or there
    /// is none.
    pub(super) fn peek_line(&mut self) -> io::Result<Option<&[u8]>> {
        loop {
            let Line::Whole { end } = self.line_from(self.start)? else { return Ok(None) };
            if !is_blank(&self.held[self.start..end]) {
                return Ok(Some(&self.held[self.start..end]));
            }
            self.advance(end, 1);
        }
    }

    /// Leaves the first line out.
    pub(super) fn skip_line(&mut self) -> io::Result<()> {
        if let Line::Whole { end } = self.line_from(self.start)? {
            self.advance(end, 1);
        }
        Ok(())
    }

    pub(super) fn next(&mut self) -> io::Result<Next> {
        loop {
            let line = self.next_line;
            let end = match self.line_from(self.start)? {
                Line::None => return Ok(Next::End),
                Line::TooLong => {
                    let shown = self.shown();
                    return Ok(if self.skip_long_line()? {
                        Next::Broken { line, why: Broken::TooLong, shown }
                    } else {
                        Next::Endless { line }
                    });
                }
                Line::Whole { end } => end,
            };
            if is_blank(&self.held[self.start..end]) {
                self.advance(end, 1);
                continue;
            }
            return self.record(line, end);
        }
    }

    /// How many cells the row has.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// A cell of the row that came last; empty when the row has fewer.
    pub(super) fn cell(&self, index: usize) -> std::borrow::Cow<'_, str> {
        cell_text(self.cell_bytes(index))
    }

    pub(super) fn cell_bytes(&self, index: usize) -> &[u8] {
        if index >= self.count {
            return &[];
        }
        let from = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.cells[from..self.ends[index]]
    }

    /// The row that begins with the line up to `end`, and goes on while a quote is open.
    fn record(&mut self, line: u64, first_end: usize) -> io::Result<Next> {
        self.parser.reset();
        let first_bytes = first_end - self.start;
        let (mut from, mut end, mut lines) = (self.start, first_end, 1);
        let (mut out, mut cells) = (0, 0);
        while !self.parse(from, end, &mut out, &mut cells) {
            let length = end - self.start;
            let next = if lines < RECORD_LINES_MAX && length < RECORD_BYTES_MAX {
                self.line_from(end)?
            } else {
                Line::None
            };
            let Line::Whole { end: next_end } = next else {
                let shown = self.shown();
                let first_end = self.start + first_bytes;
                self.advance(first_end, 1);
                return Ok(Next::Broken { line, why: Broken::OpenQuote, shown });
            };
            // What is held may have moved, all of it.
            (from, end) = (self.start + length, next_end);
            lines += 1;
        }
        self.count = cells;
        // A quote that was left open is closed by the next one, lines later, in the middle of a cell.
        if lines > 1 && !is_well_quoted(&self.held[self.start..end], self.delimiter) {
            let shown = self.shown();
            self.advance(self.start + first_bytes, 1);
            return Ok(Next::Broken { line, why: Broken::OpenQuote, shown });
        }
        if self.held[self.start..end].contains(&0) {
            let shown = self.shown();
            self.advance(end, lines);
            return Ok(Next::Broken { line, why: Broken::Nul, shown });
        }
        self.advance(end, lines);
        Ok(Next::Row { line })
    }

    /// Feeds a line; returns whether the row is complete.
    fn parse(&mut self, mut from: usize, end: usize, out: &mut usize, cells: &mut usize) -> bool {
        let last_is_open = !matches!(self.held.get(end - 1), Some(b'\n' | b'\r'));
        loop {
            let (result, read, written, ended) = self.parser.read_record(
                &self.held[from..end],
                &mut self.cells[*out..],
                &mut self.ends[*cells..],
            );
            from += read;
            *out += written;
            *cells += ended;
            match result {
                ReadRecordResult::Record => return true,
                ReadRecordResult::InputEmpty if last_is_open && from == end => break,
                ReadRecordResult::InputEmpty | ReadRecordResult::End => return false,
                ReadRecordResult::OutputFull => self.cells.resize(self.cells.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
            }
        }
        // The last line of a file may lack its end.
        loop {
            let (result, _, written, ended) =
                self.parser.read_record(b"\n", &mut self.cells[*out..], &mut self.ends[*cells..]);
            *out += written;
            *cells += ended;
            match result {
                ReadRecordResult::Record => return true,
                ReadRecordResult::InputEmpty | ReadRecordResult::End => return false,
                ReadRecordResult::OutputFull => self.cells.resize(self.cells.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
            }
        }
    }

    /// Finds the end of the line that begins at `from`, its line end included; reads more as needed.
    /// When it moves what is held, `start` moves along, and so must who holds other places.
    fn line_from(&mut self, from: usize) -> io::Result<Line> {
        let offset = from - self.start;
        let mut looked = 0;
        loop {
            let from = self.start + offset;
            let rest = &self.held[from + looked..];
            let found = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            if let Some(at) = found.map(|at| from + looked + at) {
                match (self.held[at], self.held.get(at + 1)) {
                    (b'\r', Some(b'\n')) => return Ok(Line::Whole { end: at + 2 }),
                    (b'\r', None) if !self.is_end => looked = at - from,
                    (_, _) => return Ok(Line::Whole { end: at + 1 }),
                }
            } else {
                looked = self.held.len() - from;
                if looked > RECORD_BYTES_MAX {
                    return Ok(Line::TooLong);
                }
            }
            if self.is_end {
                let end = self.held.len();
                return Ok(if end > from { Line::Whole { end } } else { Line::None });
            }
            self.read_more()?;
        }
    }

    fn read_more(&mut self) -> io::Result<()> {
        // Only when most of it was given out, so that each byte moves rarely.
        if self.start > READ_BYTES || self.start == self.held.len() {
            self.held.drain(..self.start);
            self.start = 0;
        }
        let length = self.held.len();
        self.held.resize(length + READ_BYTES, 0);
        let read = self.input.read(&mut self.held[length..]);
        self.held.truncate(length + *read.as_ref().unwrap_or(&0));
        self.is_end = read? == 0;
        Ok(())
    }

    /// Leaves a line out that is too long to be held. Returns whether it ended.
    fn skip_long_line(&mut self) -> io::Result<bool> {
        let mut skipped = 0_u64;
        loop {
            let rest = &self.held[self.start..];
            if let Some(at) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
                // The second half of `\r\n` is a blank line of its own, which counts for nothing.
                let end = self.start + at + 1;
                let is_pair = self.held[end - 1] == b'\r' && self.held.get(end) == Some(&b'\n');
                self.advance(end + usize::from(is_pair), 1);
                return Ok(true);
            }
            skipped += rest.len() as u64;
            self.start = self.held.len();
            if skipped > ENDLESS_BYTES {
                return Ok(false);
            }
            if self.is_end {
                self.next_line += 1;
                return Ok(true);
            }
            self.read_more()?;
        }
    }

    fn advance(&mut self, to: usize, lines: u64) {
        self.start = to;
        self.next_line += lines;
    }

    fn shown(&self) -> String {
        let line = &self.held[self.start..];
        cell_text(&line[..line.len().min(SHOWN_BYTES)]).lines().next().unwrap_or("").to_owned()
    }
}

/// A parser for what people and spreadsheets write.
pub(super) fn parser(delimiter: u8) -> Reader {
    ReaderBuilder::new().delimiter(delimiter).quote(b'"').double_quote(true).build()
}

/// Whether what follows each closing quote is the end of its cell.
fn is_well_quoted(record: &[u8], delimiter: u8) -> bool {
    let (mut is_start, mut is_open, mut bytes) = (true, false, record.iter().copied().peekable());
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' if is_open && bytes.peek() == Some(&b'"') => drop(bytes.next()),
            b'"' if is_open => {
                is_open = false;
                let next = bytes.peek().copied().unwrap_or(b'\n');
                if next != delimiter && !matches!(next, b'\n' | b'\r') {
                    return false;
                }
            }
            b'"' if is_start => is_open = true,
            _ => {}
        }
        is_start = !is_open && (byte == delimiter || matches!(byte, b'\n' | b'\r'));
    }
    true
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows as `line: cell|cell`, what is broken as `line! why`.
    fn read(text: &[u8]) -> Vec<String> {
        let mut records = Records::new(text);
        let mut found = Vec::new();
        loop {
            found.push(match records.next().unwrap() {
                Next::End => return found,
                Next::Endless { line } => format!("{line}! endless"),
                Next::Broken { line, why, .. } => format!("{line}! {why:?}"),
                Next::Row { line } => {
                    let cells: Vec<_> = (0..records.count()).map(|at| records.cell(at)).collect();
                    format!("{line}: {}", cells.join("|"))
                }
            });
        }
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
            assert_eq!(read(text.as_bytes()), ["1: a|b", "2! TooLong", "3: e|f"]);
        }
        let text = format!("a,b\n\"{}\",x\r\ne,f\n", "x\n".repeat(200_000));
        assert_eq!(read(text.as_bytes())[..2], ["1: a|b", "2! OpenQuote"]);
    }

    #[test]
    fn an_endless_line_ends_the_reading_in_bounded_memory() {
        let mut records = Records::new(io::repeat(b'x'));
        assert_eq!(records.next().unwrap(), Next::Endless { line: 1 });
        assert!(records.held.capacity() < 2 * 1024 * 1024);
    }

    #[test]
    fn a_nul_makes_a_row_no_text() {
        assert_eq!(read(b"a,b\nc\0,d\ne,f\n"), ["1: a|b", "2! Nul", "3: e|f"]);
    }
}
