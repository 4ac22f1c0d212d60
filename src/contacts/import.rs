//! Lists that come in: CSV as people and spreadsheets write it, in bounded memory.
//!
//! Rows are read in portions, without the database, and each portion is stored in one short
//! transaction: the sender never waits long for it, and a slow pipe never holds the database.
//! A strict import reads everything twice: first to see whether it is all right.

mod decode;
mod header;
mod records;
mod row;

use std::io::{self, Read, Seek, SeekFrom};
use std::time::Duration;

use super::export::unguard;
use crate::clock::Clock;
use crate::language::Language;
use crate::reason::Reason;
use crate::recipient::{CountryCode, shorten};
use crate::store::{SqlResult, Store, StoreError, Tx};

use header::Header;
pub(crate) use header::REASON_COLUMNS;
use records::{Record, Records};
use row::{Merged, Row};

/// The first portion; the next ones grow or shrink with the time that storing takes.
const PORTION_ROWS_FIRST: usize = 1_000;
const PORTION_ROWS_MAX: usize = 32_000;
/// About how much of the file is in memory as rows.
const PORTION_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long a portion may hold the database, about.
const PORTION_TIME: Duration = Duration::from_millis(200);
/// For the index of numbers, which is written all over.
const CACHE_KIB: u32 = 12 * 1024;

/// The options of an import.
#[derive(Clone, Copy)]
pub struct ImportRules<'a> {
    /// For numbers in national form.
    pub country: &'a CountryCode,
    /// Tags for everybody in the list.
    pub tags: &'a [String],
    pub language: Language,
    /// For `created_at`, and for the length of a portion.
    pub clock: &'a dyn Clock,
    /// Whether nothing is stored.
    pub is_preview: bool,
}

/// The counts of an import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Imported {
    /// Rows below the header, blank lines not counted.
    pub rows: u64,
    pub added: u64,
    /// Rows that changed a contact, which may be one of the same list.
    pub merged: u64,
    /// Rows that said nothing new.
    pub unchanged: u64,
    /// Rows that were refused.
    pub refused: u64,
}

/// A row that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Where it begins, from 1.
    pub line: u64,
    /// The cell that is wrong, at most 40 characters that can be printed.
    pub value: String,
    /// The reason in words, with the remedy.
    pub reason: String,
    /// Its cells, as far as they could be read.
    pub cells: Vec<String>,
}

/// An observer of an import. An error that it returns ends the import.
pub trait Watch {
    /// The names of the columns, before the first row.
    fn header(&mut self, names: &[String]) -> io::Result<()> {
        let _ = names;
        Ok(())
    }

    /// A row that is taken: its line, its name, and its number as it is stored.
    fn taken(&mut self, line: u64, name: Option<&str>, number: &str) {
        let _ = (line, name, number);
    }

    /// A row that is refused.
    fn refused(&mut self, refused: Refused) -> io::Result<()>;

    /// Rows so far, after each portion.
    fn progress(&mut self, rows: u64) {
        let _ = rows;
    }
}

/// An error that ends an import.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("failed to read the list")]
    Read(#[source] io::Error),
    /// The observer failed to write a refused row.
    #[error("failed to write down what was refused")]
    Watch(#[source] io::Error),
    /// The whole file is refused, in words.
    #[error("{0}")]
    File(String),
    /// The database failed; portions that were stored before stay, unless the import is strict.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The reason to refuse a whole file, or a row of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("the list is empty: its first line should name the columns, such as name,phone")]
    Empty,
    #[error(
        "the first line has the phone number `{number}` where the names of the columns should be: put a line such as name,phone above it"
    )]
    NoHeader { number: String },
    #[error(
        "no column is named as the one with the phone numbers (found: {found}): name it phone, nomor, no hp or whatsapp"
    )]
    NoPhoneColumn { found: String },
    #[error("the list has {count} columns, more than {max}: remove those that are not needed")]
    TooManyColumns { count: usize, max: usize },
    #[error(
        "the first line cannot be read (it is too long, has a quote that is never closed, or is no text): save the list as CSV UTF-8"
    )]
    BrokenHeader,
    #[error("line {line} has no end: this is no list of contacts")]
    Endless { line: u64 },
    #[error("the line is longer than 256 KiB: shorten its cells")]
    LineTooLong,
    #[error("a double quote is opened and not closed: close it or remove it")]
    OpenQuote,
    #[error("the line has a NUL character, so it is no text: save the list as CSV UTF-8")]
    Nul,
    #[error(transparent)]
    Phone(Reason),
    #[error("the row has no phone number")]
    NoNumber,
    #[error("a cell holds a formula: put the text itself there")]
    Formula,
    #[error("a cell has more than {0} characters: shorten it")]
    TooManyCharacters(usize),
    #[error("the row has more than {0} tags: remove some")]
    TooManyTags(usize),
    #[error("opted_out_at is no time: write it like 2026-12-01")]
    NoTime,
    #[error(
        "the attributes of contact {0}, who has this number, are no JSON object: correct them first"
    )]
    NoObject(i64),
}

/// Imports a list, portion by portion: each is stored for good when the next one is read.
pub fn import(
    store: &mut Store,
    input: impl Read,
    rules: &ImportRules<'_>,
    watch: &mut dyn Watch,
) -> Result<Imported, ImportError> {
    let mut import = Import::begin(store, input, rules, watch)?;
    let mut size = PORTION_ROWS_FIRST;
    loop {
        let portion = import.read_portion(size, watch)?;
        let began = rules.clock.now().monotonic;
        let merged = if rules.is_preview {
            store.read(|tx| import.store_all(tx, &portion))?
        } else {
            store.write(|tx| import.store_all(tx, &portion))?
        };
        size = next_size(size, rules.clock.now().monotonic.saturating_sub(began));
        import.count(&portion, merged, watch)?;
        if import.is_end {
            return Ok(import.counts);
        }
    }
}

/// Imports a whole list in one transaction, or nothing when a row is refused.
pub fn import_strictly(
    store: &mut Store,
    mut input: impl Read + Seek,
    rules: &ImportRules<'_>,
    watch: &mut dyn Watch,
) -> Result<Imported, ImportError> {
    let preview = ImportRules { is_preview: true, ..*rules };
    let looked = import(store, &mut input, &preview, watch)?;
    if looked.refused > 0 || rules.is_preview {
        return Ok(looked);
    }
    input.seek(SeekFrom::Start(0)).map_err(ImportError::Read)?;
    let mut import = Import::begin(store, input, rules, &mut Silent)?;
    let mut failed = None;
    store.write_all_or_nothing(|tx| {
        while !import.is_end {
            let portion = match import.read_portion(PORTION_ROWS_MAX, &mut Silent) {
                Ok(portion) => portion,
                Err(error) => {
                    failed = Some(error);
                    return Ok(None);
                }
            };
            let merged = import.store_all(tx, &portion)?;
            if let Err(error) = import.count(&portion, merged, watch) {
                failed = Some(error);
                return Ok(None);
            }
        }
        Ok((import.counts.refused == 0).then_some(()))
    })?;
    failed.map_or(Ok(import.counts), Err)
}

/// Nobody listens the second time.
struct Silent;

impl Watch for Silent {
    fn refused(&mut self, _: Refused) -> io::Result<()> {
        Ok(())
    }
}

struct Import<'a> {
    records: Records<'a>,
    header: Header,
    rules: ImportRules<'a>,
    /// As the table has it.
    now: String,
    /// Whether the table has numbers in spellings that only the noted numbers find.
    has_noted: bool,
    is_end: bool,
    counts: Imported,
}

impl<'a> Import<'a> {
    fn begin(
        store: &mut Store,
        input: impl Read + 'a,
        rules: &ImportRules<'a>,
        watch: &mut dyn Watch,
    ) -> Result<Self, ImportError> {
        let mut records = Records::new(input).map_err(ImportError::Read)?;
        let header = header::read(&mut records, rules.country)
            .map_err(ImportError::Read)?
            .map_err(|problem| ImportError::File(problem.text(rules.language)))?;
        watch.header(&header.names).map_err(ImportError::Watch)?;
        store.set_cache(CACHE_KIB)?;
        let has_noted = store.read(|tx| row::note_odd_numbers(tx, rules.country))?;
        let now = rules.clock.now().wall.to_string();
        let (is_end, counts) = (false, Imported::default());
        Ok(Self { records, header, rules: *rules, now, has_noted, is_end, counts })
    }

    /// Reads at most `size` good rows, and tells of the bad ones.
    fn read_portion(
        &mut self,
        size: usize,
        watch: &mut dyn Watch,
    ) -> Result<Vec<Row>, ImportError> {
        let mut rows = Vec::with_capacity(size);
        let mut bytes = 0;
        while rows.len() < size && bytes < PORTION_BYTES_MAX {
            let Some(record) = self.records.next().map_err(ImportError::Read)? else {
                self.is_end = true;
                break;
            };
            self.counts.rows += 1;
            match record {
                Record::Row { line, cells } => {
                    match Row::read(line, &cells, &self.header, &self.rules) {
                        Ok(row) => {
                            let row = Row { cells, ..row };
                            bytes += row.bytes();
                            rows.push(row);
                        }
                        Err((value, why)) => {
                            self.refuse(line, &value, &why, unguarded(&cells), watch)?;
                        }
                    }
                }
                Record::Broken { line, why, shown } => {
                    self.refuse(line, &shown, &why, vec![shown.clone()], watch)?;
                }
                Record::Endless { line } => {
                    let text = Problem::Endless { line }.text(self.rules.language);
                    return Err(ImportError::File(text));
                }
            }
        }
        Ok(rows)
    }

    fn refuse(
        &mut self,
        line: u64,
        value: &str,
        why: &Problem,
        cells: Vec<String>,
        watch: &mut dyn Watch,
    ) -> Result<(), ImportError> {
        self.counts.refused += 1;
        let reason = why.text(self.rules.language);
        let refused = Refused { line, value: shorten(value), reason, cells };
        watch.refused(refused).map_err(ImportError::Watch)
    }

    fn store_all(&self, tx: &Tx<'_>, rows: &[Row]) -> SqlResult<Vec<Merged>> {
        rows.iter().map(|row| self.store(tx, row)).collect()
    }

    fn count(
        &mut self,
        rows: &[Row],
        merged: Vec<Merged>,
        watch: &mut dyn Watch,
    ) -> Result<(), ImportError> {
        for (row, merged) in rows.iter().zip(merged) {
            match merged {
                Merged::Added => self.counts.added += 1,
                Merged::Changed => self.counts.merged += 1,
                Merged::Same => self.counts.unchanged += 1,
                Merged::Refused(why) => {
                    self.refuse(row.line, &row.number, &why, unguarded(&row.cells), watch)?;
                    continue;
                }
            }
            watch.taken(row.line, row.name.as_deref(), &row.number);
        }
        watch.progress(self.counts.rows);
        Ok(())
    }
}

/// The cells of a row without their guards, which a [`Watch`] sets anew when it writes them down.
fn unguarded(cells: &[String]) -> Vec<String> {
    cells.iter().map(|cell| unguard(cell).into_owned()).collect()
}

fn next_size(size: usize, took: Duration) -> usize {
    let size = match took {
        _ if took > PORTION_TIME => size / 2,
        _ if took < PORTION_TIME / 3 => size * 2,
        _ => size,
    };
    size.clamp(PORTION_ROWS_FIRST / 4, PORTION_ROWS_MAX)
}

impl Problem {
    fn text(&self, language: Language) -> String {
        match language {
            Language::English => self.to_string(),
            Language::Indonesian => self.in_indonesian(),
        }
    }

    fn in_indonesian(&self) -> String {
        let text = match self {
            Self::Empty => {
                "daftarnya kosong: baris pertama harus berisi nama kolom, misalnya nama,nomor"
            }
            Self::NoHeader { number } => &format!(
                "baris pertama berisi nomor telepon `{number}`, padahal harus berisi nama kolom: tambahkan baris seperti nama,nomor di atasnya"
            ),
            Self::NoPhoneColumn { found } => &format!(
                "tidak ada kolom nomor telepon (yang ada: {found}): beri nama kolomnya phone, nomor, no hp atau whatsapp"
            ),
            Self::TooManyColumns { count, max } => {
                &format!("daftarnya punya {count} kolom, lebih dari {max}: hapus yang tidak perlu")
            }
            Self::BrokenHeader => {
                "baris pertama tidak bisa dibaca (terlalu panjang, tanda kutip tidak ditutup, atau bukan teks): simpan daftarnya sebagai CSV UTF-8"
            }
            Self::Endless { line } => {
                &format!("baris {line} tidak ada akhirnya: ini bukan daftar kontak")
            }
            Self::LineTooLong => "baris ini lebih panjang dari 256 KiB: pendekkan selnya",
            Self::OpenQuote => "ada tanda kutip yang tidak ditutup: tutup atau hapus",
            Self::Nul => {
                "baris ini berisi karakter NUL, jadi bukan teks: simpan daftarnya sebagai CSV UTF-8"
            }
            Self::Phone(error) => &error.text(Language::Indonesian),
            Self::NoNumber => "baris ini tidak punya nomor telepon",
            Self::Formula => "ada sel yang berisi rumus: ganti dengan teksnya",
            Self::TooManyCharacters(max) => {
                &format!("ada sel dengan lebih dari {max} huruf: pendekkan")
            }
            Self::TooManyTags(max) => &format!("baris ini punya lebih dari {max} label: kurangi"),
            Self::NoTime => "opted_out_at bukan waktu: tulis seperti 2026-12-01",
            Self::NoObject(id) => &format!(
                "atribut kontak {id}, yang memakai nomor ini, bukan objek JSON: perbaiki dulu"
            ),
        };
        text.to_owned()
    }
}
