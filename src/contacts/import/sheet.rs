//! Excel workbooks (.xlsx): the first sheet with anything in it, as rows of cells.
//!
//! The library reads cells from a file that can be sought, and only while it is borrowed: so the
//! workbook goes into a temporary file, its rows into another, and an import takes them from there,
//! in bounded memory. Both files have no name and vanish with the process.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use calamine::{DataRef, Reader, Xlsx, XlsxError};

use super::header::COLUMNS_MAX;
use super::records::{RECORD_BYTES_MAX, Record};
use super::source::Kind;
use super::{Problem, unpacked};

pub(super) struct Sheet {
    /// A JSON array a line: the number of the row, and its cells.
    rows: BufReader<File>,
    /// The names of sheets that are not read.
    pub(super) others: Vec<String>,
}

impl Sheet {
    /// Reads a workbook. The inner error refuses it.
    pub(super) fn open(mut input: impl Read) -> io::Result<Result<Self, Problem>> {
        let mut file = tempfile::tempfile()?;
        let bytes = io::copy(&mut input, &mut file)?;
        file.seek(SeekFrom::Start(0))?;
        if !unpacked::is_bounded(BufReader::new(&file), bytes) {
            return Ok(Err(Problem::TooMuch));
        }
        file.seek(SeekFrom::Start(0))?;
        let mut book = match Xlsx::new(BufReader::new(file)) {
            Ok(book) => book,
            Err(XlsxError::Zip(_) | XlsxError::FileNotFound(_)) => {
                return Ok(Err(Problem::IsOther { kind: Kind::Zip }));
            }
            Err(error) => return Ok(Err(Problem::Workbook { cause: error.to_string() })),
        };
        let mut others = Vec::new();
        let mut found = None;
        for name in book.sheet_names() {
            if found.is_some() {
                others.push(name);
                continue;
            }
            found = match rows(&mut book, &name, unpacked::bytes_max(bytes))? {
                Ok(rows) => rows,
                Err(problem) => return Ok(Err(problem)),
            };
        }
        let Some(mut rows) = found else { return Ok(Err(Problem::Empty)) };
        rows.seek(SeekFrom::Start(0))?;
        Ok(Ok(Self { rows: BufReader::new(rows), others }))
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Record>> {
        let mut text = String::new();
        if self.rows.read_line(&mut text)? == 0 {
            return Ok(None);
        }
        Ok(Some(match serde_json::from_str(&text)? {
            (line, Some(cells)) => Record::Row { line, cells },
            (line, None) => {
                Record::Broken { line, why: Problem::LineTooLong, shown: String::new() }
            }
        }))
    }
}

/// The rows of a sheet in a temporary file of at most `bytes_max`; `None` for a sheet without any value.
fn rows(
    book: &mut Xlsx<BufReader<File>>,
    name: &str,
    bytes_max: u64,
) -> io::Result<Result<Option<File>, Problem>> {
    let unreadable = |error: XlsxError| Ok(Err(Problem::Workbook { cause: error.to_string() }));
    let mut cells = match book.worksheet_cells_reader(name) {
        Ok(cells) => cells,
        // A sheet of charts has no cells.
        Err(XlsxError::WorksheetNotFound(_) | XlsxError::NotAWorksheet(_)) => return Ok(Ok(None)),
        Err(error) => return unreadable(error),
    };
    let mut out = BufWriter::new(tempfile::tempfile()?);
    let (mut row, mut at, mut bytes, mut written) = (Vec::new(), 0, 0, 0);
    loop {
        let cell = match cells.next_cell() {
            Ok(cell) => cell,
            Err(error) => return unreadable(error),
        };
        let position = cell.as_ref().map(|cell| cell.get_position());
        if position.is_none_or(|(line, _)| line != at) && bytes > 0 {
            let is_short = bytes <= RECORD_BYTES_MAX;
            let line = serde_json::to_vec(&(u64::from(at) + 1, is_short.then_some(&row)))?;
            written += line.len() as u64 + 1;
            if written > bytes_max {
                return Ok(Err(Problem::TooMuch));
            }
            out.write_all(&line)?;
            out.write_all(b"\n")?;
            (row, bytes) = (Vec::new(), 0);
        }
        let (Some(cell), Some((line, column))) = (cell, position) else { break };
        at = line;
        let text = text(cell.get_value());
        if text.is_empty() {
            continue;
        }
        let column = column as usize;
        if column >= COLUMNS_MAX {
            return Ok(Err(Problem::TooManyColumns { count: column + 1, max: COLUMNS_MAX }));
        }
        bytes += text.len();
        if bytes <= RECORD_BYTES_MAX {
            row.resize(column.max(row.len()), String::new());
            row.truncate(column);
            row.push(text);
        }
    }
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok(Ok((written > 0).then_some(file)))
}

/// A cell as a person sees it, with all digits of a number.
fn text(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Empty => String::new(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(truth) => truth.to_string().to_uppercase(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            text.clone()
        }
        DataRef::Error(error) => error.to_string(),
        DataRef::DateTime(at) => match at.to_ymd_hms_milli() {
            (year, month, day, 0, 0, 0, _) => format!("{year:04}-{month:02}-{day:02}"),
            // Day 0: a time of day.
            (1899 | 1900, _, _, hour, minute, second, _) if at.as_f64() < 1.0 => {
                format!("{hour:02}:{minute:02}:{second:02}")
            }
            (year, month, day, hour, minute, second, _) => {
                format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
            }
        },
    }
}
