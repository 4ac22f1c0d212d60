//! `contact import` and `contact export`.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::super::output::{Output, counted, say};
use super::super::progress::Progress;
use super::super::{CliError, CliResult, Desk, refuse};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::contacts::export::{self, Format};
use crate::contacts::import::{
    self, Columns, ImportRules, Imported, REASON_COLUMNS, Refused, Row, Watch,
};
use crate::contacts::{ContactError, Filter};
use crate::language::Language;
use crate::private_file;
use crate::terminal::one_line;

/// How many refused rows `--json` prints; `--rejects` has them all.
const JSON_REFUSED_MAX: usize = 1_000;
const SHOWN_REFUSED_MAX: u64 = 10;
/// How many rows `--dry-run` shows as they would be stored.
const SHOWN_ROWS_MAX: usize = 3;

#[derive(Debug, Args)]
pub(in crate::cli) struct ImportArgs {
    /// The file, or - for standard input
    file: PathBuf,
    /// Give every contact of the list this tag (repeat it for more)
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Store nothing when a row is refused
    #[arg(long)]
    strict: bool,
    /// Say what would be stored, and store nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// The column with the phone numbers, by its heading or its place from 1
    #[arg(long, value_name = "COLUMN")]
    phone: Option<String>,
    /// The column with the names
    #[arg(long, value_name = "COLUMN")]
    name: Option<String>,
    /// Write the refused rows into this file, with the reason as one more column
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ExportArgs {
    /// The file to write; standard output when left out
    file: Option<PathBuf>,
    /// Only contacts with this tag
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// The program that will open the list: semicolons, and digits that Excel keeps
    #[arg(long = "for", value_name = "PROGRAM", value_parser = ["excel"])]
    program: Option<String>,
}

pub(super) fn import(args: &ImportArgs, desk: &mut Desk<'_>) -> CliResult {
    let Desk { config, store, .. } = desk;
    let language = Language::of_environment(|name| std::env::var(name).ok());
    let clock = SystemClock::default();
    let rules = ImportRules {
        country: &config.country,
        tags: &args.tags,
        language,
        clock: &clock,
        is_preview: args.dry_run,
        number_column: args.phone.as_deref(),
        name_column: args.name.as_deref(),
        chosen: &[],
    };
    let is_stdin = args.file.as_os_str() == "-";
    refuse_taken(&args.file, config, None)?;
    if let Some(rejects) = &args.rejects {
        refuse_taken(rejects, config, Some(&args.file))?;
    }
    // Before the rejects: a list that cannot be read leaves those of the last one alone.
    let file = match (is_stdin, args.strict) {
        (true, false) => None,
        (true, true) => Some(spool()?),
        (false, _) => Some(open(&args.file)?),
    };
    let mut told = Told::begin(args, language)?;
    let imported = match file {
        None => import::import(store, io::stdin().lock(), &rules, &mut told),
        Some(file) => {
            told.bar.set_length(file.metadata()?.len());
            let input = Counted { file, bar: Arc::clone(&told.bar) };
            if args.strict {
                import::import_strictly(store, input, &rules, &mut told)
            } else {
                import::import(store, input, &rules, &mut told)
            }
        }
    };
    told.end()?;
    let imported = imported?;
    let is_stored = !(args.dry_run || args.strict && imported.refused > 0);
    show(args, &imported, &told, is_stored)?;
    if args.strict && imported.refused > 0 {
        let refused = imported.refused;
        return refuse(language.pick(
            format!(
                "nothing was stored: {} refused, and --strict wants all",
                counted(refused, "row")
            ),
            format!("tidak ada yang disimpan: {refused} baris ditolak, dan --strict mau semuanya"),
        ));
    }
    Ok(())
}

fn show(args: &ImportArgs, imported: &Imported, told: &Told, is_stored: bool) -> CliResult {
    let Imported { rows, added, merged, unchanged, refused, .. } = *imported;
    let data = json!({
        "rows": rows,
        "added": added,
        "merged": merged,
        "unchanged": unchanged,
        "refused": refused,
        "opted_out": imported.opted_out,
        "out_of_email": imported.out_of_email,
        "unclear": imported.unclear,
        "stored": is_stored,
        "columns": told.taken_for,
        "refused_rows": told.kept,
    });
    args.output.print(&data, |_| {
        let counts = told.language.pick(
            format!("{}: {added} added, {merged} merged, {unchanged} unchanged, {refused} refused", counted(rows, "row")),
            format!("{rows} baris: {added} ditambahkan, {merged} digabung, {unchanged} tidak berubah, {refused} ditolak"),
        );
        let stored = told.language.pick("; nothing was stored", "; tidak ada yang disimpan");
        let mut lines = vec![format!("{counts}{}", if is_stored { "" } else { stored })];
        lines.push(one_line(&told.taken_for.text(told.language)).into_owned());
        let said = imported.opt_outs_text(told.language);
        lines.extend(said.iter().map(|text| one_line(text).into_owned()));
        lines.extend(told.rows.iter().filter(|_| args.dry_run).cloned());
        lines.retain(|line| !line.is_empty());
        lines.join("\n")
    })
}

fn open(path: &Path) -> CliResult<File> {
    let opened = File::open(path).and_then(|file| {
        if file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(file)
    });
    opened
        .map_err(|error| CliError::Refused(format!("failed to open `{}`: {error}", path.display())))
}

/// A strict import reads twice, and a pipe can be read once: it goes through a file without a name.
fn spool() -> CliResult<File> {
    let mut file = tempfile::tempfile()?;
    io::copy(&mut io::stdin().lock(), &mut file)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

/// A file that moves a bar when it is read.
struct Counted {
    file: File,
    bar: Arc<Progress>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.bar.advance(count as u64);
        Ok(count)
    }
}

impl Seek for Counted {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bar.set_position(0);
        self.file.seek(to)
    }
}

/// Where a person sees how it goes.
struct Told {
    language: Language,
    bar: Arc<Progress>,
    rejects: Option<BufWriter<File>>,
    columns: usize,
    is_json: bool,
    kept: Vec<serde_json::Value>,
    refused: u64,
    taken_for: Columns,
    /// The first rows as they would be stored.
    rows: Vec<String>,
}

impl Told {
    fn begin(args: &ImportArgs, language: Language) -> CliResult<Self> {
        let rejects = args.rejects.as_deref().map(create).transpose()?.map(BufWriter::new);
        let bar = Arc::new(Progress::new());
        let is_json = args.output.json;
        let (columns, kept, refused, taken_for, rows) = Default::default();
        Ok(Self { language, bar, rejects, columns, is_json, kept, refused, taken_for, rows })
    }

    fn end(&mut self) -> io::Result<()> {
        self.bar.clear();
        let more = self.refused.saturating_sub(SHOWN_REFUSED_MAX);
        if more > 0 && !self.is_json {
            let text = self.language.pick(
                format!("and {more} more: `--rejects FILE` writes all of them down"),
                format!("dan {more} lagi: `--rejects FILE` mencatat semuanya"),
            );
            writeln!(io::stderr(), "{text}")?;
        }
        self.rejects.as_mut().map_or(Ok(()), |rejects| rejects.flush())
    }
}

impl Watch for Told {
    fn header(&mut self, names: &[String]) -> io::Result<()> {
        self.columns = names.len();
        let reason = self.language.pick(REASON_COLUMNS[0], REASON_COLUMNS[1]);
        let Some(rejects) = &mut self.rejects else { return Ok(()) };
        export::write_row(rejects, names.iter().map(String::as_str).chain([reason]))
    }

    fn columns(&mut self, columns: &Columns) {
        self.taken_for = columns.clone();
    }

    fn taken(&mut self, row: &Row) {
        if self.rows.len() < SHOWN_ROWS_MAX {
            let Row { line, number, name, tags, attributes, opted_out_at, .. } = row;
            let word = self.language.pick("line", "baris");
            let mut parts =
                vec![format!("{word} {line}: {}, {number}", name.as_deref().unwrap_or("-"))];
            if !tags.is_empty() {
                let word = self.language.pick("tags", "label");
                parts.push(format!("{word}: {}", tags.join(", ")));
            }
            parts.extend(attributes.iter().map(|(key, value)| format!("{key}: {value}")));
            let out = self.language.pick("opted out", "berhenti");
            parts.extend(opted_out_at.iter().map(|at| format!("{out} {at}")));
            self.rows.push(one_line(&parts.join("; ")).into_owned());
        }
    }

    fn refused(&mut self, refused: Refused) -> io::Result<()> {
        self.refused += 1;
        let Refused { line, value, reason, mut cells } = refused;
        if let Some(rejects) = &mut self.rejects {
            cells.resize(self.columns, String::new());
            let cells = cells.iter().map(String::as_str).chain([reason.as_str()]);
            export::write_row(rejects, cells)?;
        }
        if self.is_json {
            if self.kept.len() < JSON_REFUSED_MAX {
                self.kept.push(json!({"line": line, "value": value, "reason": reason}));
            }
            return Ok(());
        }
        if self.refused > SHOWN_REFUSED_MAX {
            return Ok(());
        }
        let word = self.language.pick("line", "baris");
        // Most reasons about a number show it already.
        let text = if value.is_empty() || reason.contains(&value) {
            format!("{word} {line}: {reason}")
        } else {
            format!("{word} {line}: `{value}`: {reason}")
        };
        self.bar.clear();
        writeln!(io::stderr(), "{}", one_line(&text))
    }

    fn progress(&mut self, rows: u64) {
        self.bar.draw(&self.language.pick(format!("{rows} rows"), format!("{rows} baris")));
    }
}

/// Makes a file that only its owner can read: it holds people's numbers.
fn create(path: &Path) -> CliResult<File> {
    let mut options = private_file::options();
    private_file::open(path, options.write(true).create(true).truncate(true)).map_err(|error| {
        CliError::Refused(format!("failed to write `{}`: {error}", path.display()))
    })
}

pub(super) fn export(args: &ExportArgs, desk: &mut Desk<'_>) -> CliResult {
    let Desk { config, store, .. } = desk;
    let filter = Filter { tag: args.tag.clone(), ..Filter::default() };
    let format = if args.program.is_some() { Format::Excel } else { Format::Plain };
    let Some(path) = &args.file else {
        let mut out = BufWriter::new(io::stdout().lock());
        return match export::export(format, store, &filter, &config.country, &mut out)
            .and_then(|_| Ok(out.flush()?))
        {
            Err(export::ExportError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                Ok(())
            }
            done => Ok(done?),
        };
    };
    refuse_taken(path, config, None)?;
    let mut out = BufWriter::new(create(path)?);
    let count = export::export(format, store, &filter, &config.country, &mut out)?;
    out.flush()?;
    say(&format!("{}: {}", path.display(), counted(count, "contact")))
}

/// Opening the database's own files would drop SQLite's locks on them, besides erasing them; a
/// list that is written over itself is lost, and without its settings the program sends nothing any more.
fn refuse_taken(path: &Path, config: &Config, list: Option<&Path>) -> Result<(), ContactError> {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    let is_list = real(path).is_some_and(|path| list.and_then(real) == Some(path));
    match config.own_file(path).or(is_list.then_some("is the list itself")) {
        None => Ok(()),
        Some(what) => {
            let reason = format!("`{}` {what}: name another file", path.display());
            Err(ContactError::Refused(reason))
        }
    }
}
