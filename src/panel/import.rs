//! A list of contacts: looked at first, stored only after a person's yes.

use std::io;
use std::time::Duration;

use askama::Template;

use super::visit::{Page, Visit};
use super::{Answered, PageError, format, reply};
use crate::contacts::export;
use crate::contacts::import::{
    self, Columns, ImportError, ImportRules, Imported, Refused, Row, Watch,
};
use crate::http::Response;
use crate::store::{PanelUpload, Store};

/// Where a file is sent to.
pub(super) const PATH: &str = "/panel/contacts/import";
/// A megabyte; with its form it must stay under what a page takes. A larger list goes through
/// `contact import`.
const FILE_BYTES_MAX: usize = 1_000_000;
/// How long a list waits for a yes.
const UPLOAD_LASTS: Duration = Duration::from_hours(1);
const REFUSED_SHOWN_MAX: usize = 10;
const ACCEPTED_SHOWN_MAX: usize = 10;

/// What was seen of a list.
#[derive(Default)]
struct Seen {
    headings: Vec<String>,
    taken_for: Columns,
    accepted: Vec<(u64, String, String)>,
    refused: Vec<Refused>,
}

impl Watch for Seen {
    fn header(&mut self, names: &[String]) -> io::Result<()> {
        self.headings = names.to_vec();
        Ok(())
    }

    fn columns(&mut self, columns: &Columns) {
        self.taken_for = columns.clone();
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

/// What a list would do, or did.
struct Preview {
    name: String,
    counts: Vec<(&'static str, String)>,
    /// What the columns were taken for.
    taken_for: String,
    opt_outs: String,
    headings: Vec<String>,
    /// The columns that the person chose; empty leaves it to the program.
    chosen: [String; 2],
    accepted: Vec<(u64, String, String)>,
    refused: Vec<Refused>,
    refused_more: u64,
    can_store: bool,
}

pub(super) fn form(visit: &Visit<'_>) -> Answered {
    show(visit, 200, String::new(), None)
}

/// Looks at a list and keeps it until the yes. Without a file it is the one that is kept, looked at
/// anew: with other columns.
pub(super) fn upload(visit: &Visit<'_>) -> Answered {
    let w = visit.words();
    let Some(known) = &visit.known else { return reply::not_found(visit) };
    let oldest = visit.now.minus(UPLOAD_LASTS);
    let upload = match visit.list.clone().filter(|(_, content)| !content.is_empty()) {
        Some((name, content)) => PanelUpload { name, content },
        None if visit.form.get("phone").is_none() => {
            return show(visit, 422, w.choose_a_file.to_owned(), None);
        }
        None => match visit.panel.read(|tx| tx.panel_upload(&known.id_hash, oldest))? {
            Some(upload) => upload,
            None => return show(visit, 409, w.upload_gone.to_owned(), None),
        },
    };
    if upload.content.len() > FILE_BYTES_MAX {
        return show(visit, 413, w.file_too_large.to_owned(), None);
    }
    let mut seen = Seen::default();
    let imported = match look(visit, &upload.content, true, &mut seen)? {
        Ok(imported) => imported,
        Err(problem) => return show(visit, 422, problem, None),
    };
    visit.panel.write(|tx| tx.keep_panel_upload(&known.id_hash, &upload, visit.now, oldest))?;
    let preview = preview(visit, upload.name, imported, seen);
    show(visit, 200, String::new(), Some(preview))
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
    let Some(known) = &visit.known else { return reply::not_found(visit) };
    let oldest = visit.now.minus(UPLOAD_LASTS);
    let Some(upload) = visit.panel.read(|tx| tx.panel_upload(&known.id_hash, oldest))? else {
        return show(visit, 409, w.upload_gone.to_owned(), None);
    };
    // A byte order mark, so that spreadsheets read it as UTF-8.
    let mut rows = RefusedRows { list: "\u{feff}".as_bytes().to_vec(), reason: w.reason };
    match look(visit, &upload.content, true, &mut rows)? {
        Ok(_) => Ok(reply::download("refused.csv", "text/csv; charset=utf-8", rows.list)),
        Err(problem) => show(visit, 422, problem, None),
    }
}

/// A list to begin with.
pub(super) fn sample(visit: &Visit<'_>) -> Response {
    let list = format!("\u{feff}{}", visit.words().sample_csv.replace('|', "\r\n"));
    reply::download("contacts.csv", "text/csv; charset=utf-8", list.into_bytes())
}

/// Stores the list that was looked at.
pub(super) fn confirm(visit: &Visit<'_>) -> Answered {
    let w = visit.words();
    let Some(known) = &visit.known else { return reply::not_found(visit) };
    if visit.is_second()? {
        return Ok(reply::done("/panel/contacts", "imported"));
    }
    let oldest = visit.now.minus(UPLOAD_LASTS);
    let Some(upload) = visit.panel.read(|tx| tx.panel_upload(&known.id_hash, oldest))? else {
        return show(visit, 409, w.upload_gone.to_owned(), None);
    };
    if let Err(problem) = look(visit, &upload.content, false, &mut Seen::default())? {
        return show(visit, 422, problem, None);
    }
    // A second press while the first is at work stores the same rows again, which changes nothing.
    visit.panel.write(|tx| {
        tx.drop_panel_upload(&known.id_hash)?;
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
) -> Result<Result<Imported, String>, PageError> {
    let tags: Vec<String> = visit.form.filled("tags").map(str::to_owned).into_iter().collect();
    let rules = ImportRules {
        country: &visit.panel.config.country,
        tags: &tags,
        language: visit.language,
        clock: &*visit.panel.clock,
        is_preview,
        number_column: visit.form.filled("phone"),
        name_column: visit.form.filled("name"),
    };
    // A connection of its own: an import widens its cache, and other pages need not wait for it.
    let path = visit.panel.with_store(|store| store.path().to_owned());
    let mut store = Store::open(&path)?;
    match import::import(&mut store, content, &rules, seen) {
        Ok(imported) => Ok(Ok(imported)),
        Err(ImportError::Store(error)) => Err(error.into()),
        Err(error) => Ok(Err(error.to_string())),
    }
}

fn preview(visit: &Visit<'_>, name: String, imported: Imported, seen: Seen) -> Preview {
    let w = visit.words();
    let count = |count| format::number(count, visit.language);
    Preview {
        name,
        counts: vec![
            (w.rows_new, count(imported.added)),
            (w.rows_merged, count(imported.merged)),
            (w.rows_unchanged, count(imported.unchanged)),
            (w.rows_refused, count(imported.refused)),
        ],
        taken_for: seen.taken_for.text(visit.language),
        opt_outs: imported.opt_outs_text(visit.language),
        headings: seen.headings,
        chosen: ["phone", "name"].map(|key| visit.form.filled(key).unwrap_or_default().to_owned()),
        accepted: seen.accepted,
        refused_more: imported.refused.saturating_sub(seen.refused.len() as u64),
        refused: seen.refused,
        can_store: imported.added + imported.merged > 0,
    }
}

fn show(visit: &Visit<'_>, status: u16, problem: String, preview: Option<Preview>) -> Answered {
    let tags = visit.form.get("tags").unwrap_or_default();
    reply::html(status, &ImportPage { p: visit.page("contacts"), problem, tags, preview })
}
