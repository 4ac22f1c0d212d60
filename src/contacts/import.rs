//! Lists that come in, as people, programs and spreadsheets write them, in bounded memory: CSV, vCard,
//! Excel workbooks.
//!
//! Rows are read in portions, without the database, and each portion is stored in one short
//! transaction: the sender never waits long for it, and a slow pipe never holds the database.
//! A strict import reads everything twice: first to see whether it is all right.

mod decode;
mod header;
mod heading;
mod problem;
mod records;
mod row;
#[cfg(feature = "xlsx")]
mod sheet;
mod source;
#[cfg(feature = "xlsx")]
mod unpacked;
mod vcard;

use std::io::{self, Read, Seek, SeekFrom};
use std::time::Duration;

use super::cell::unguard;
use crate::clock::Clock;
use crate::language::Language;
use crate::recipient::{CountryCode, shorten};
use crate::store::{SqlResult, Store, StoreError, Tx};
use crate::text_enum::text_enum;

use header::Header;
pub(crate) use header::REASON_COLUMNS;
use problem::Problem;
use records::Record;
use row::Merged;
pub use row::Row;
use source::Source;

/// The first portion; the next ones grow or shrink with the time that storing takes.
const PORTION_ROWS_FIRST: usize = 1_000;
const PORTION_ROWS_MAX: usize = 32_000;
/// About how much of the file is in memory as rows.
const PORTION_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long a portion may hold the database, about.
const PORTION_TIME: Duration = Duration::from_millis(200);
/// For the index of numbers, which is written all over.
const CACHE_KIB: u32 = 12 * 1024;
/// How many words that were not understood a sentence has.
const UNCLEAR_SHOWN_MAX: usize = 5;
/// How many columns a line names.
const NAMED_MAX: usize = 8;

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
    /// The column with the phone numbers, by its heading or its place from 1; `None` finds it.
    pub number_column: Option<&'a str>,
    pub name_column: Option<&'a str>,
    /// What a person says that columns mean, by their place from 0; the others are judged by the program.
    pub chosen: &'a [(usize, Means)],
}

text_enum! {
    /// What a column of a list means.
    pub enum Means {
        Number = "number",
        Name = "name",
        Tags = "tags",
        /// Yes says that the person wants no more messages.
        OptOut = "opt_out",
        /// Yes says that the person wants messages.
        Consent = "consent",
        Attribute = "attribute",
        Ignored = "ignore",
    }
}

/// A column of a list, and what it was taken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundColumn {
    pub heading: String,
    /// The first cell that has something in it, shortened.
    pub sample: String,
    pub means: Means,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Imported {
    /// Rows below the header, blank lines not counted.
    pub rows: u64,
    pub added: u64,
    /// Rows that changed a contact, which may be one of the same list.
    pub merged: u64,
    /// Rows that said nothing new.
    pub unchanged: u64,
    pub refused: u64,
    /// Rows that say that their person wants no more messages.
    pub opted_out: u64,
    /// Rows that say so of e-mail only: WhatsApp messages go on.
    pub out_of_email: u64,
    /// Columns that may say so in other words.
    pub unclear: Vec<Unclear>,
}

/// A column that says who wants no more messages, or something else: some of its words were not understood.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Unclear {
    pub column: String,
    /// The first of them.
    pub words: Vec<String>,
    /// How many rows have one.
    pub rows: u64,
}

/// What the columns of a list were taken for, by their headings.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Columns {
    /// The phone number: of the first that has one.
    pub number: Vec<String>,
    /// The name, of the first that has one; parts that are joined have a plus between them.
    pub name: Vec<String>,
    pub tags: Vec<String>,
    pub opt_outs: Vec<String>,
    /// Those that have a value in the first rows.
    pub attributes: Vec<String>,
    /// Named as phone numbers, without any in them.
    pub not_understood: Vec<String>,
    /// Rows above the headings, shortened.
    pub skipped_above: Vec<String>,
    /// Sheets of the workbook that were not read.
    pub other_sheets: Vec<String>,
}

impl Columns {
    /// One line for people.
    pub(crate) fn text(&self, language: Language) -> String {
        let quoted = |names: &[String], between: &str| {
            let shown = names.iter().take(NAMED_MAX).map(|name| format!("`{}`", shorten(name)));
            let more = match names.len().saturating_sub(NAMED_MAX) {
                0 => String::new(),
                more => language.pick(format!(" and {more} more"), format!(" dan {more} lagi")),
            };
            shown.collect::<Vec<_>>().join(between) + &more
        };
        let or = language.pick(", else ", ", kalau tidak ada ");
        let parts = [
            ("number", "nomor", &self.number, or),
            ("name", "nama", &self.name, or),
            ("tags", "label", &self.tags, ", "),
            ("opt-outs", "berhenti", &self.opt_outs, ", "),
            ("attributes", "atribut", &self.attributes, ", "),
            ("without phone numbers", "tanpa nomor telepon", &self.not_understood, ", "),
            (
                "skipped above the headings",
                "dilewati di atas judul kolom",
                &self.skipped_above,
                ", ",
            ),
            ("sheets not read", "lembar yang tidak dibaca", &self.other_sheets, ", "),
        ];
        let parts = parts.iter().filter(|(_, _, names, _)| !names.is_empty());
        let parts = parts.map(|(english, indonesian, names, between)| {
            format!("{}: {}", language.pick(english, indonesian), quoted(names, between))
        });
        parts.collect::<Vec<_>>().join("; ")
    }
}

impl Imported {
    /// What people should know of opt-outs, a sentence each; empty when there are none.
    pub(crate) fn opt_outs_text(&self, language: Language) -> Vec<String> {
        let (out, email) = (self.opted_out, self.out_of_email);
        let mut parts = Vec::new();
        if out > 0 {
            parts.push(language.pick(
                format!("People who want no more messages: {out}"),
                format!("Tidak mau dikirimi pesan lagi: {out} orang"),
            ));
        }
        if email > 0 {
            parts.push(language.pick(
                format!("Out of e-mail or SMS only, WhatsApp messages go on: {email}"),
                format!(
                    "Hanya menolak email atau SMS, pesan WhatsApp tetap dikirim: {email} orang"
                ),
            ));
        }
        for Unclear { column, words, rows } in &self.unclear {
            let column = shorten(column);
            let dots = if words.len() > UNCLEAR_SHOWN_MAX { ", …" } else { "" };
            let shown = &words[..words.len().min(UNCLEAR_SHOWN_MAX)];
            let words = format!("`{}`{dots}", shown.join("`, `"));
            parts.push(language.pick(
                format!(
                    "`{column}` may say who wants no messages, but these words were not understood in {rows} of its rows: {words}. \
                     Where they mean that, write `stop` instead and import the list again"
                ),
                format!(
                    "`{column}` mungkin berisi siapa yang tidak mau dikirimi pesan, tetapi kata ini tidak dimengerti di {rows} baris: \
                     {words}. Kalau artinya memang tidak mau, ganti dengan `berhenti` lalu impor lagi daftarnya"
                ),
            ));
        }
        parts
    }

    fn note_unclear(&mut self, column: &str, word: &str) {
        let at = self.unclear.iter().position(|one| one.column == column).unwrap_or_else(|| {
            self.unclear.push(Unclear { column: column.to_owned(), words: Vec::new(), rows: 0 });
            self.unclear.len() - 1
        });
        let unclear = &mut self.unclear[at];
        unclear.rows += 1;
        if unclear.words.len() <= UNCLEAR_SHOWN_MAX && !unclear.words.iter().any(|one| one == word)
        {
            unclear.words.push(word.to_owned());
        }
    }
}

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
    fn header(&mut self, _names: &[String]) -> io::Result<()> {
        Ok(())
    }

    /// What the columns were taken for, before the first row.
    fn columns(&mut self, _columns: &Columns) {}

    /// Each column, before the first row; also when the list is refused because none has phone numbers.
    fn found(&mut self, _columns: &[FoundColumn]) {}

    fn taken(&mut self, _row: &Row) {}

    fn refused(&mut self, refused: Refused) -> io::Result<()>;

    /// Rows so far, after each portion.
    fn progress(&mut self, _rows: u64) {}
}

#[derive(Debug, thiserror::Error)]
pub enum ImportError {
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

/// Imports a list, portion by portion: each is stored for good when the next one is read.
pub fn import(
    store: &mut Store,
    input: impl Read,
    rules: &ImportRules<'_>,
    watch: &mut dyn Watch,
) -> Result<Imported, ImportError> {
    import_boxed(store, Box::new(input), rules, watch)
}

/// The same, compiled once for all that a list may come from.
fn import_boxed<'a>(
    store: &mut Store,
    input: Box<dyn Read + 'a>,
    rules: &ImportRules<'a>,
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
    let looked = import_boxed(store, Box::new(&mut input), &preview, watch)?;
    if looked.refused > 0 || rules.is_preview {
        return Ok(looked);
    }
    input.seek(SeekFrom::Start(0)).map_err(ImportError::Read)?;
    let mut import = Import::begin(store, Box::new(input), rules, &mut Silent)?;
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
    source: Source<'a>,
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
        input: Box<dyn Read + 'a>,
        rules: &ImportRules<'a>,
        watch: &mut dyn Watch,
    ) -> Result<Self, ImportError> {
        let refused = |problem: Problem| ImportError::File(problem.text(rules.language));
        let source = Source::open(input, rules.country).map_err(ImportError::Read)?;
        let mut source = source.map_err(refused)?;
        let header = header::read(&mut source, rules).map_err(ImportError::Read)?;
        let header = header.map_err(|problem| {
            if let Problem::NoPhoneColumn { found } = &problem {
                watch.found(&found.0);
            }
            refused(problem)
        })?;
        watch.found(&header.found);
        watch.header(&header.names).map_err(ImportError::Watch)?;
        watch.columns(&header.taken);
        store.set_cache(CACHE_KIB)?;
        let has_noted = store.read(|tx| row::note_odd_numbers(tx, rules.country))?;
        let now = rules.clock.now().wall.to_string();
        let (is_end, counts) = (false, Imported::default());
        Ok(Self { source, header, rules: *rules, now, has_noted, is_end, counts })
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
            let Some(record) = self.source.next().map_err(ImportError::Read)? else {
                self.is_end = true;
                break;
            };
            self.counts.rows += 1;
            match record {
                Record::Row { line, cells } => {
                    match Row::read(line, cells, &self.header, &self.rules, &self.now) {
                        Ok(row) => {
                            bytes += row.bytes();
                            rows.push(row);
                        }
                        Err(refused) => {
                            let (cells, value, why) = *refused;
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
        let mut new = Vec::new();
        let merged = rows.iter().map(|row| self.store(tx, row, &mut new)).collect();
        self.add_all(tx, &mut new)?;
        merged
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
                    self.refuse(row.line, &row.number, &why, unguarded(&row.cells()), watch)?;
                    continue;
                }
            }
            self.counts.opted_out += u64::from(row.opted_out_at.is_some());
            self.counts.out_of_email += u64::from(row.is_out_of_email);
            for (column, word) in &row.unclear {
                self.counts.note_unclear(column, word);
            }
            watch.taken(row);
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
