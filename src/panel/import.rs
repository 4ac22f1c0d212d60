//! A list of contacts: looked at first, stored only after a person's yes.
//!
//! The list waits in `panel_uploads`, one for each session. What a person says of its columns is in the address of
//! the page that shows it, so that a reload and the way back send nothing again and lose nothing.

use std::io;
use std::time::Duration;

use askama::Template;
use sha2::{Digest, Sha256};

use super::forms::{self, Form};
use super::visit::{Page, Visit};
use super::words::Words;
use super::{Answered, PageResult, format, reply};
use crate::contacts::export;
use crate::contacts::import::{
    self, Columns, FoundColumn, ImportError, ImportRules, Imported, Means, Refused, Row, Watch,
};
use crate::http::Response;
use crate::secret::to_hex;
use crate::store::{PanelUpload, Store};

/// Where a file is sent to.
pub(super) const PATH: &str = "/panel/contacts/import";
/// A megabyte; with its form it must stay under what a page takes. A larger list goes through
/// `contact import`.
const FILE_BYTES_MAX: usize = 1_000_000;
const UPLOAD_LASTS: Duration = Duration::from_hours(1);
const REFUSED_SHOWN_MAX: usize = 10;
const ACCEPTED_SHOWN_MAX: usize = 10;
/// Columns that a person can say the meaning of: more would make the page long, and its address.
const COLUMNS_SHOWN_MAX: usize = 100;

#[derive(Default)]
struct Seen {
    columns: Vec<FoundColumn>,
    taken_for: Columns,
    has_numbers: bool,
    accepted: Vec<(u64, String, String)>,
    refused: Vec<Refused>,
}

impl Watch for Seen {
    fn columns(&mut self, columns: &Columns) {
        self.taken_for = columns.clone();
        self.has_numbers = true;
    }

    fn found(&mut self, columns: &[FoundColumn]) {
        self.columns = columns.to_vec();
    }

    fn taken(&mut self, row: &Row) {
        if self.accepted.len() < ACCEPTED_SHOWN_MAX {
            let number = format::phone(&format!("{}@c.us", row.number.trim_start_matches('+')));
            self.accepted.push((row.line, row.name.clone().unwrap_or_default(), number));
        }
    }

    fn refused(&mut self, refused: Refused) -> io::Result<()> {
        if self.refused.len() < REFUSED_SHOWN_MAX {
            self.refused.push(refused);
        }
        Ok(())
    }
}

#[derive(Template)]
#[template(path = "import.html")]
struct ImportPage<'a> {
    p: Page<'a>,
    problem: String,
    tags: &'a str,
    preview: Option<Preview>,
}

struct Preview {
    name: String,
    counts: [(&'static str, String); 4],
    imported: Imported,
    columns: Vec<ColumnRow>,
    /// Why none of it can be stored as it is; empty when it can.
    problem: String,
    found: Seen,
    refused_more: u64,
    can_store: bool,
    /// What the person saw: see [`seen_as`].
    seen: String,
}

struct ColumnRow {
    field: String,
    heading: String,
    sample: String,
    /// The first leaves it to the program.
    means: Vec<format::Choice>,
}

impl Means {
    fn word(self, w: &'static Words) -> &'static str {
        match self {
            Self::Number => w.number,
            Self::Name => w.name,
            Self::Tags => w.tags,
            Self::OptOut => w.means_opt_out,
            Self::Consent => w.means_consent,
            Self::Attribute => w.means_attribute,
            Self::Ignored => w.means_ignored,
        }
    }
}

/// What the address or a form says of the columns, by their place.
fn chosen(asked: &Form) -> Vec<(usize, Means)> {
    let meant = |at: usize| Means::from_word(asked.filled(&field_of(at))?).map(|means| (at, means));
    (0..COLUMNS_SHOWN_MAX).filter_map(meant).collect()
}

fn field_of(at: usize) -> String {
    format!("column{}", at + 1)
}

/// What a person sees of a list: which list, and what its columns are taken for.
fn seen_as(upload: &PanelUpload, asked: &Form) -> (String, String) {
    let meant: Vec<String> = chosen(asked)
        .into_iter()
        .map(|(at, means)| format!("{}={}", at + 1, means.as_str()))
        .collect();
    (to_hex(&Sha256::digest(&upload.content)), meant.join(","))
}

/// The form, or the list that waits for a yes.
pub(super) fn form(visit: &Visit<'_>) -> Answered {
    let w = visit.words();
    if visit.query.get("look").is_none() {
        return show(visit, 200, String::new(), None);
    }
    let Some(upload) = waiting(visit)? else {
        return refuse(visit, 410, w.upload_gone);
    };
    let (list, meant) = seen_as(&upload, &visit.query);
    let mut seen = Seen::default();
    let (imported, problem) = match look(visit, &upload.content, true, &mut seen)? {
        Ok(imported) => {
            let problem = if imported.rows == 0 { w.no_rows } else { "" };
            (imported, problem.to_owned())
        }
        // With other columns it may be one.
        Err(_) if !seen.columns.is_empty() && !seen.has_numbers => {
            (Imported::default(), w.choose_columns.to_owned())
        }
        Err(problem) => return refuse(visit, 422, problem),
    };
    let count = |count| visit.number(count);
    let preview = Preview {
        name: upload.name,
        counts: [
            (w.rows_new, count(imported.added)),
            (w.rows_merged, count(imported.merged)),
            (w.rows_unchanged, count(imported.unchanged)),
            (w.rows_refused, count(imported.refused)),
        ],
        columns: rows_of_columns(visit, &seen.columns),
        problem,
        refused_more: imported.refused.saturating_sub(seen.refused.len() as u64),
        can_store: imported.added + imported.merged > 0,
        imported,
        found: seen,
        seen: format!("{list} {meant}"),
    };
    show(visit, 200, String::new(), Some(preview))
}

fn waiting(visit: &Visit<'_>) -> PageResult<Option<PanelUpload>> {
    let Some(known) = &visit.known else { return Ok(None) };
    let oldest = visit.now.minus(UPLOAD_LASTS);
    visit.read(|tx| tx.panel_upload(known, oldest))
}

/// Keeps a list until the yes, and leads to the page that looks at it.
pub(super) fn upload(visit: &Visit<'_>) -> Answered {
    let w = visit.words();
    let Some(known) = &visit.known else { return reply::not_found(visit) };
    let list = visit.list.clone().filter(|(_, content)| !content.is_empty());
    let Some((name, content)) = list else { return refuse(visit, 422, w.choose_a_file) };
    if content.len() > FILE_BYTES_MAX {
        return refuse(visit, 413, w.file_too_large);
    }
    let (upload, oldest) = (PanelUpload { name, content }, visit.now.minus(UPLOAD_LASTS));
    visit.write(|tx| tx.keep_panel_upload(known, &upload, visit.now, oldest))?;
    Ok(look_again(visit))
}

/// On to the list that waits, looked at with the meanings that the person chose.
pub(super) fn look_again(visit: &Visit<'_>) -> Response {
    let chosen = chosen(&visit.form);
    let chosen: Vec<(String, &str)> =
        chosen.into_iter().map(|(at, means)| (field_of(at), means.as_str())).collect();
    let tags = visit.form.filled("tags").unwrap_or_default();
    let mut pairs = vec![("look", "1"), ("tags", tags)];
    pairs.extend(chosen.iter().map(|(field, means)| (field.as_str(), *means)));
    reply::see_other(format!("{PATH}{}", forms::to_query(&pairs)))
}

/// The rows that are refused, all of them, as a list to correct and to import again: as they came, with the reason.
#[derive(Default)]
struct RefusedRows {
    list: Vec<u8>,
    reason: &'static str,
}

impl Watch for RefusedRows {
    fn header(&mut self, names: &[String]) -> io::Result<()> {
        let names = names.iter().map(String::as_str);
        export::write_row(&mut self.list, names.chain([self.reason]))
    }

    fn refused(&mut self, refused: Refused) -> io::Result<()> {
        export::write_row(&mut self.list, refused.cells.iter().chain([&refused.reason]))
    }
}

/// Those of the list that waits for a yes.
pub(super) fn refused(visit: &Visit<'_>) -> Answered {
    let w = visit.words();
    let Some(upload) = waiting(visit)? else { return refuse(visit, 409, w.upload_gone) };
    // A byte order mark, so that spreadsheets read it as UTF-8.
    let mut rows = RefusedRows { list: "\u{feff}".as_bytes().to_vec(), reason: w.reason };
    match look(visit, &upload.content, true, &mut rows)? {
        Ok(_) => Ok(reply::download("refused.csv", "text/csv; charset=utf-8", rows.list)),
        Err(problem) => refuse(visit, 422, problem),
    }
}

pub(super) fn sample(visit: &Visit<'_>) -> Response {
    let list = format!("\u{feff}{}", visit.words().sample_csv.replace('|', "\r\n"));
    reply::download("contacts.csv", "text/csv; charset=utf-8", list.into_bytes())
}

pub(super) fn confirm(visit: &Visit<'_>) -> Answered {
    let w = visit.words();
    let Some(known) = &visit.known else { return reply::not_found(visit) };
    if visit.is_second()? {
        return Ok(reply::done("/panel/contacts", "imported"));
    }
    let Some(upload) = waiting(visit)? else { return refuse(visit, 409, w.upload_gone) };
    if let Some(seen) = visit.form.filled("seen") {
        let (list, meant) = seen_as(&upload, &visit.form);
        if !seen.starts_with(&list) {
            return refuse(visit, 409, w.upload_gone); // another list came since
        }
        if seen.trim() != format!("{list} {meant}").trim() {
            return Ok(look_again(visit)); // nobody saw what these meanings would store
        }
    }
    if let Err(problem) = look(visit, &upload.content, false, &mut Seen::default())? {
        return refuse(visit, 422, problem);
    }
    // A second press while the first is at work stores the same rows again, which changes nothing.
    visit.write(|tx| {
        tx.drop_panel_upload(known)?;
        visit.mark().map_or(Ok(()), |mark| tx.keep_mark(mark, 0, visit.now))
    })?;
    Ok(reply::done("/panel/contacts", "imported"))
}

/// Goes through a list, to store it or only to see.
fn look(
    visit: &Visit<'_>,
    content: &[u8],
    is_preview: bool,
    seen: &mut dyn Watch,
) -> PageResult<Result<Imported, String>> {
    let asked = asked(visit);
    let tags: Vec<String> = asked.filled("tags").map(str::to_owned).into_iter().collect();
    let rules = ImportRules {
        country: &visit.config.country,
        tags: &tags,
        language: visit.language,
        clock: &*visit.panel.clock,
        is_preview,
        number_column: None,
        name_column: None,
        chosen: &chosen(asked),
    };
    // A connection of its own: an import widens its cache, and other pages need not wait for it.
    let path = visit.with_store(|store| store.path().to_owned());
    let mut store = Store::open(&path)?;
    match import::import(&mut store, content, &rules, seen) {
        Ok(imported) => Ok(Ok(imported)),
        Err(ImportError::Store(error)) => Err(error.into()),
        Err(ImportError::File(problem)) => Ok(Err(problem)),
        // A list in memory is always read, and written down into memory.
        Err(error @ (ImportError::Read(_) | ImportError::Watch(_))) => Ok(Err(error.to_string())),
    }
}

/// What the person says of the list: in the address of the page, or in a form.
fn asked<'a>(visit: &'a Visit<'_>) -> &'a Form {
    if visit.is_post { &visit.form } else { &visit.query }
}

fn rows_of_columns(visit: &Visit<'_>, found: &[FoundColumn]) -> Vec<ColumnRow> {
    let (w, asked) = (visit.words(), asked(visit));
    let row = |(at, column): (usize, &FoundColumn)| {
        let field = field_of(at);
        let chosen = asked.filled(&field).and_then(Means::from_word);
        let found = match chosen {
            None => w.means_found.replace("{}", column.means.word(w)),
            // What it would be taken for is not known now.
            Some(_) => w.column_found.to_owned(),
        };
        let own = Means::ALL
            .map(|means| format::Choice::new(means.word(w), chosen == Some(means), means.as_str()));
        let means = std::iter::once(format::Choice::new(found, chosen.is_none(), "")).chain(own);
        let heading = match column.heading.as_str() {
            "" => w.column_number.replace("{}", &(at + 1).to_string()),
            heading => heading.to_owned(),
        };
        ColumnRow { field, heading, sample: column.sample.clone(), means: means.collect() }
    };
    found.iter().take(COLUMNS_SHOWN_MAX).enumerate().map(row).collect()
}

fn refuse(visit: &Visit<'_>, status: u16, problem: impl Into<String>) -> Answered {
    show(visit, status, problem.into(), None)
}

fn show(visit: &Visit<'_>, status: u16, problem: String, preview: Option<Preview>) -> Answered {
    let tags = asked(visit).get("tags").unwrap_or_default();
    reply::html(status, &ImportPage { p: visit.page("contacts"), problem, tags, preview })
}
