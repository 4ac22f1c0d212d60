//! The columns of a list: the row of headings is found, and each column is judged by its heading and by
//! what is in it. A column of numbers is one whatever its name; a column `WA` with yes and no is none.

use std::io;

use super::heading::{
    Asks, Meaning, NameKind, NumberKind, OptOut, asks_consent, meaning, meaning_with_numbers,
};
use super::problem::FoundColumns;
use super::records::Record;
use super::row::{number_among, numbers_in};
use super::source::Source;
use super::{Columns, FoundColumn, ImportRules, Means, Problem};
use crate::clock::Timestamp;
use crate::contacts::cell::{is_no_value, unguard};
use crate::contacts::export::{COLUMNS, MORE_ATTRIBUTES};
use crate::contacts::{KEY_CHARS_MAX, tidy};
use crate::recipient::{CountryCode, normalize_phone, shorten};
use crate::template::is_same_name;

/// More columns than any list of people has.
pub(super) const COLUMNS_MAX: usize = 500;
/// The headings are in one of so many rows; above them stand titles.
const TITLE_ROWS_MAX: usize = 20;
/// The column that `--rejects` adds to the rows that it writes; a corrected list may still have it.
pub(crate) const REASON_COLUMNS: [&str; 2] = ["refused because", "ditolak karena"];
/// The columns of our own table.
const TABLE: &str = "id name phone_number tags attributes opted_out_at created_at updated_at";
/// Columns of our own table that an import makes anew.
const OWN_COLUMNS: [&str; 3] = ["id", "created_at", "updated_at"];

/// The role of a column. Numbers and names are taken across columns: see [`Header`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Column {
    /// A part of the name that is nothing else.
    Name,
    /// A phone number; one that is not chosen becomes an attribute of this name.
    Number(String),
    Tags,
    OptOut(OptOut, String),
    EmailOptOut(OptOut, String),
    /// The reason of a former refusal, and what means nothing without its neighbour.
    Ignored,
    Attribute(String),
    /// A JSON object of attributes; what is none is an attribute of this name.
    Attributes(String),
}

#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) names: Vec<String>,
    pub(super) columns: Vec<Column>,
    /// The column with the country codes of the numbers.
    pub(super) code: Option<usize>,
    /// The columns with phone numbers, the surest first, and whether they say that they are WhatsApp's.
    pub(super) numbers: Vec<(usize, bool)>,
    /// Columns that make a name together; the first of them that gives one counts.
    pub(super) name_sources: Vec<Vec<usize>>,
    pub(super) delimiter: u8,
    pub(super) taken: Columns,
    pub(super) found: Vec<FoundColumn>,
}

fn found(names: &[String], samples: &[String], columns: &[Column]) -> Vec<FoundColumn> {
    let all = names.iter().zip(samples).zip(columns);
    all.map(|((heading, sample), column)| FoundColumn {
        heading: heading.clone(),
        sample: sample.clone(),
        means: match column {
            Column::Name => Means::Name,
            Column::Number(_) => Means::Number,
            Column::Tags => Means::Tags,
            Column::OptOut(OptOut::No | OptOut::Subscription | OptOut::Promotion, _) => {
                Means::Consent
            }
            Column::OptOut(OptOut::Yes | OptOut::Status, _) => Means::OptOut,
            Column::Ignored => Means::Ignored,
            Column::Attribute(_) | Column::Attributes(_) | Column::EmailOptOut(..) => {
                Means::Attribute
            }
        },
    })
    .collect()
}

/// Reads the headings, and leaves out the rows above them.
pub(super) fn read(
    source: &mut Source<'_>,
    rules: &ImportRules<'_>,
) -> io::Result<Result<Header, Problem>> {
    let records = source.sample()?;
    let mut rows: Vec<&Vec<String>> = Vec::new();
    for record in records {
        match record {
            Record::Row { cells, .. } => rows.push(cells),
            Record::Broken { .. } | Record::Endless { .. } if rows.is_empty() => {
                return Ok(Err(Problem::BrokenHeader));
            }
            Record::Broken { .. } | Record::Endless { .. } => {}
        }
    }
    if rows.first().is_some_and(|row| is_table_row(row)) {
        // `sqlite3 -csv` writes the rows of our table without headings.
        let names: Vec<String> = TABLE.split(' ').map(str::to_owned).collect();
        return Ok(Reading::new(&names, &rows, rules.country).header(rules));
    }
    let at = match heading_row(&rows, rules) {
        Ok(at) => at,
        Err(problem) => return Ok(Err(problem)),
    };
    let header = Reading::new(rows[at], &rows[at + 1..], rules.country).header(rules);
    let skipped: Vec<String> = rows[..at]
        .iter()
        .map(|cells| shorten(&filled(cells).collect::<Vec<_>>().join(" ")))
        .collect();
    // Broken rows may stand between the titles.
    let is_heading =
        |record: &Record| matches!(record, Record::Row { cells, .. } if cells == rows[at]);
    let count = records.iter().position(is_heading).map_or(0, |at| at + 1);
    source.skip(count);
    Ok(header.map(|mut header| {
        header.delimiter = source.delimiter();
        header.taken.skipped_above = skipped;
        header.taken.other_sheets = source.other_sheets().to_vec();
        header
    }))
}

/// Whether a row is one of our table, in the order of its columns.
fn is_table_row(cells: &[String]) -> bool {
    let is_time = |cell: &String| Timestamp::parse(cell).is_some();
    cells.len() == TABLE.split(' ').count()
        && cells[0].parse::<i64>().is_ok()
        && cells[3].starts_with('[')
        && cells[4].starts_with('{')
        && is_time(&cells[6])
        && is_time(&cells[7])
}

fn filled(cells: &[String]) -> impl Iterator<Item = &str> {
    cells.iter().map(|cell| cell.trim()).filter(|cell| !is_no_value(cell))
}

/// The row with the headings: the first with a known one; else the fullest above the first phone number.
fn heading_row(rows: &[&Vec<String>], rules: &ImportRules<'_>) -> Result<usize, Problem> {
    let Some(first) = rows.first() else { return Err(Problem::Empty) };
    if first.len() > COLUMNS_MAX {
        return Err(Problem::TooManyColumns { count: first.len(), max: COLUMNS_MAX });
    }
    let titled = &rows[..rows.len().min(TITLE_ROWS_MAX)];
    let read = |text: &str| normalize_phone(text, rules.country);
    let is_number = |cell: &str| numbers_in(cell, &read).iter().any(Result::is_ok);
    let position = |is_it: &dyn Fn(&Vec<String>) -> bool| titled.iter().position(|row| is_it(row));
    let named = |row: &Vec<String>| {
        [rules.number_column, rules.name_column]
            .into_iter()
            .flatten()
            .any(|wanted| row.iter().any(|cell| is_same_name(&tidy(cell), wanted.trim())))
    };
    let has_number_heading = |row: &Vec<String>| {
        filled(row).any(|cell| {
            matches!(meaning(cell), Meaning::Number(kind) if kind > NumberKind::Weak)
                && !is_number(cell)
                && !cell.contains(['{', '@', '='])
        })
    };
    let most = titled.iter().map(|row| filled(row).count()).max().unwrap_or_default();
    let is_full = |row: &Vec<String>| has_number_heading(row) && filled(row).count() >= most.min(2);
    if let Some(at) = position(&named).or_else(|| position(&is_full)) {
        return Ok(at);
    }
    let numbered = rows.iter().position(|row| row.iter().any(|cell| is_number(cell)));
    let is_whole = |row: &Vec<String>| filled(row).count() == most;
    match numbered {
        Some(0) if rules.number_column.is_none() => {
            let number = first.iter().find(|cell| is_number(cell)).map(|cell| shorten(cell));
            Err(Problem::NoHeader { number: number.unwrap_or_default() })
        }
        Some(below) => {
            let above = &titled[..below.min(titled.len())];
            let most = above.iter().map(|row| filled(row).count()).max().unwrap_or_default();
            Ok(above.iter().position(|row| filled(row).count() == most).unwrap_or_default())
        }
        None => {
            Ok(position(&has_number_heading).or_else(|| position(&is_whole)).unwrap_or_default())
        }
    }
}

/// What the cells of a column hold, as far as they were looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Content {
    filled: usize,
    numbers: usize,
    /// What looks like a number, right or wrong.
    like: usize,
}

/// A column while it is judged.
struct Reading {
    names: Vec<String>,
    meanings: Vec<Meaning>,
    contents: Vec<Content>,
    samples: Vec<String>,
    is_own: bool,
    has_number_among_attributes: bool,
}

impl Reading {
    fn new(headings: &[String], rows: &[&Vec<String>], country: &CountryCode) -> Self {
        let names: Vec<String> = headings.iter().map(|name| tidy(&unguard(name.trim()))).collect();
        // Our own export: what follows its columns are attributes, whatever they are called.
        let has = |name: &str| names.iter().any(|known| known == name);
        let is_table = has("phone_number") && has("attributes") && has("opted_out_at");
        let is_own = names.iter().take(COLUMNS.len()).eq(COLUMNS.iter()) || is_table;
        let mut contents = vec![Content::default(); names.len()];
        for row in rows {
            for (content, cell) in contents.iter_mut().zip(*row) {
                content.look_at(cell.trim(), country);
            }
        }
        let meanings = names.iter().enumerate();
        let meanings = meanings.map(|(at, name)| match name.as_str() {
            _ if !is_own => meaning(name),
            _ if is_table && OWN_COLUMNS.contains(&name.as_str()) => Meaning::Ignored,
            "attributes" if is_table => Meaning::Attributes,
            _ if at + 1 == names.len() && name == MORE_ATTRIBUTES => Meaning::Attributes,
            _ if COLUMNS.contains(&name.as_str()) && (is_table || at < COLUMNS.len()) => {
                meaning(name)
            }
            _ => Meaning::Unknown,
        });
        let mut meanings: Vec<Meaning> = meanings.collect();
        for (at, meaning) in meanings.iter_mut().enumerate().filter(|_| !is_own) {
            let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.trim());
            let cells: Vec<&str> = cells.filter(|cell| !is_no_value(cell)).collect();
            *meaning = by_cells(*meaning, &names[at], &cells, contents[at]);
        }
        let sample = |at: usize| {
            let mut cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.trim());
            shorten(cells.find(|cell| !is_no_value(cell)).unwrap_or_default())
        };
        let samples = (0..names.len()).map(sample).collect();
        let json = meanings.iter().position(|meaning| *meaning == Meaning::Attributes);
        let has_number_among_attributes = json.is_some_and(|at| {
            rows.iter().any(|row| row.get(at).is_some_and(|cell| number_among(cell).is_some()))
        });
        Self { names, meanings, contents, samples, is_own, has_number_among_attributes }
    }

    /// What a person says counts more than what the program finds.
    fn choose(&mut self, chosen: &[(usize, Means)]) {
        for (at, means) in chosen {
            let Some(meaning) = self.meanings.get_mut(*at) else { continue };
            *meaning = match means {
                Means::Number => Meaning::Number(NumberKind::WhatsApp),
                Means::Name => Meaning::Name(NameKind::Full),
                Means::Tags => Meaning::Tags,
                Means::OptOut => Meaning::OptOut(OptOut::Yes),
                Means::Consent => Meaning::OptOut(OptOut::No),
                Means::Attribute => Meaning::NoNumber,
                Means::Ignored => Meaning::Ignored,
            };
        }
    }

    /// The columns with phone numbers and those that make names: as a person chose, or as they are found.
    fn numbers_and_names(
        &self,
        rules: &ImportRules<'_>,
    ) -> Result<(Vec<usize>, Vec<Vec<usize>>), Problem> {
        let called =
            |wanted: Option<&str>| wanted.map(|wanted| self.column_called(wanted)).transpose();
        let chosen = |wanted: Means| -> Vec<usize> {
            let those = rules
                .chosen
                .iter()
                .filter(|(at, means)| *means == wanted && *at < self.names.len());
            those.map(|(at, _)| *at).collect()
        };
        let is_free = |at: &usize| !rules.chosen.iter().any(|(place, _)| place == at);
        let mut numbers = chosen(Means::Number);
        if let Some(at) = called(rules.number_column)? {
            numbers = vec![at];
        } else if numbers.is_empty() {
            numbers = self.numbers();
            numbers.retain(is_free);
        }
        let parts = chosen(Means::Name);
        let names = match called(rules.name_column)? {
            Some(at) => vec![vec![at]],
            None if !parts.is_empty() => vec![parts],
            None => self.name_sources(&numbers),
        };
        Ok((numbers, names))
    }

    fn header(mut self, rules: &ImportRules<'_>) -> Result<Header, Problem> {
        self.choose(rules.chosen);
        let (numbers, name_sources) = self.numbers_and_names(rules)?;
        let columns = self.columns(&numbers, &name_sources);
        let found = found(&self.names, &self.samples, &columns);
        if numbers.is_empty() && !self.has_number_among_attributes {
            return Err(Problem::NoPhoneColumn { found: FoundColumns(found) });
        }
        let code = self.meanings.iter().position(|meaning| *meaning == Meaning::CountryCode);
        let taken = self.taken(&columns, &numbers, &name_sources);
        let is_whatsapp = |at: usize| self.meanings[at] == Meaning::Number(NumberKind::WhatsApp);
        let numbers = numbers.into_iter().map(|at| (at, is_whatsapp(at))).collect();
        Ok(Header {
            names: self.names,
            columns,
            code,
            numbers,
            name_sources,
            delimiter: b',',
            taken,
            found,
        })
    }

    fn columns(&self, numbers: &[usize], name_sources: &[Vec<usize>]) -> Vec<Column> {
        let mut columns: Vec<Column> = Vec::with_capacity(self.names.len());
        for (at, written) in self.names.iter().enumerate() {
            let name = attribute_name(written, at, &columns);
            columns.push(match self.meanings[at] {
                _ if numbers.contains(&at) => Column::Number(name),
                _ if name_sources.first().is_some_and(|first| first.contains(&at)) => Column::Name,
                Meaning::Name(NameKind::First | NameKind::Middle | NameKind::Last)
                    if name_sources.iter().any(|source| source.contains(&at)) =>
                {
                    Column::Name
                }
                _ if REASON_COLUMNS.contains(&written.to_lowercase().as_str()) => Column::Ignored,
                Meaning::Ignored => Column::Ignored,
                Meaning::Tags => Column::Tags,
                Meaning::OptOut(out) => Column::OptOut(out, name),
                Meaning::EmailOptOut(out) => Column::EmailOptOut(out, name),
                Meaning::Attributes => Column::Attributes(name),
                Meaning::Number(_)
                | Meaning::NoNumber
                | Meaning::Name(_)
                | Meaning::CountryCode
                | Meaning::Unknown => Column::Attribute(name),
            });
        }
        columns
    }

    /// The column that a person named, by its heading or its place from 1.
    fn column_called(&self, wanted: &str) -> Result<usize, Problem> {
        let named = self.names.iter().position(|name| is_same_name(name, wanted.trim()));
        let counted = wanted.trim().parse::<usize>().ok().and_then(|place| place.checked_sub(1));
        named.or(counted.filter(|at| *at < self.names.len())).ok_or_else(|| Problem::NoSuchColumn {
            wanted: shorten(wanted),
            found: format!("`{}`", self.names.join("`, `")),
        })
    }

    /// The columns with phone numbers, the surest first and the best filled of alike ones.
    fn numbers(&self) -> Vec<usize> {
        let all = 0..self.names.len();
        let kind = |at: usize| match self.meanings[at] {
            Meaning::Number(kind) => Some(kind),
            _ => None,
        };
        let mut named: Vec<usize> = all.clone().filter(|at| kind(*at).is_some()).collect();
        named.sort_unstable_by_key(|at| {
            (std::cmp::Reverse((kind(*at), self.contents[*at].filled)), *at)
        });
        let holds = |at: &usize| {
            let Content { filled, numbers, like } = self.contents[*at];
            let is_weak = kind(*at) == Some(NumberKind::Weak);
            if is_weak { numbers * 2 >= filled } else { filled == 0 || like > 0 }
        };
        let (mut good, bad): (Vec<usize>, Vec<usize>) = named.into_iter().partition(holds);
        // Numbers that a spreadsheet has spoilt are no reason to take those of another column.
        if !good.iter().any(|at| self.contents[*at].like > 0) && !self.is_own {
            let unnamed = all.filter(|at| {
                let Content { filled, numbers, .. } = self.contents[*at];
                self.meanings[*at] != Meaning::NoNumber
                    && numbers > 0
                    && numbers * 10 >= filled * 6
                    && !good.contains(at)
            });
            let best = unnamed.max_by_key(|at| (self.contents[*at].numbers, usize::MAX - at));
            good.splice(0..0, best);
        }
        // The second half of a heading that was merged over two columns.
        let is_half = |at: &usize| {
            let Content { filled, numbers, .. } = self.contents[*at];
            self.names[*at].is_empty() && numbers > 0 && numbers * 10 >= filled * 6 && *at > 0
        };
        let halves = (0..self.names.len()).filter(is_half).filter(|at| good.contains(&(at - 1)));
        let halves: Vec<usize> = halves.filter(|at| !good.contains(at)).collect();
        good.extend(halves);
        // Then each row is refused, with its reason.
        if good.is_empty() { bad.into_iter().take(1).collect() } else { good }
    }

    fn name_sources(&self, numbers: &[usize]) -> Vec<Vec<usize>> {
        let of = |wanted: NameKind| {
            let is_it = move |at: &usize| self.meanings[*at] == Meaning::Name(wanted);
            (0..self.names.len()).filter(move |at| is_it(at) && !numbers.contains(at))
        };
        let joined: Vec<usize> = [NameKind::First, NameKind::Middle, NameKind::Last]
            .into_iter()
            .filter_map(|part| of(part).next())
            .collect();
        let each = |kind: NameKind| of(kind).map(|at| vec![at]);
        let mut sources: Vec<Vec<usize>> = each(NameKind::Full).collect();
        sources.extend(Some(joined).filter(|joined| !joined.is_empty()));
        for kind in [NameKind::Any, NameKind::Nick, NameKind::Company] {
            sources.extend(each(kind));
        }
        sources
    }

    fn taken(&self, columns: &[Column], numbers: &[usize], names: &[Vec<usize>]) -> Columns {
        let name = |at: &usize| match self.names[*at].as_str() {
            "" => format!("column {}", at + 1),
            name => name.to_owned(),
        };
        let is_a = |is_it: fn(&Column) -> bool| {
            let those = columns.iter().enumerate().filter(move |(_, column)| is_it(column));
            those.map(|(at, _)| name(&at)).collect::<Vec<_>>()
        };
        let chosen = numbers;
        let not_understood = |at: &usize| {
            matches!(self.meanings[*at], Meaning::Number(kind) if kind > NumberKind::Weak)
                && !chosen.contains(at)
                && !self.is_own
        };
        let attributes = columns.iter().enumerate().filter(|(at, column)| {
            matches!(column, Column::Attribute(_) | Column::Attributes(_))
                && self.contents[*at].filled > 0
        });
        let json = columns.iter().position(|column| matches!(column, Column::Attributes(_)));
        let json = json.filter(|_| numbers.is_empty());
        // Most programs export columns that nobody fills.
        let is_filled = |at: &&usize| self.contents[**at].filled > 0;
        let numbers_filled: Vec<&usize> = numbers.iter().filter(is_filled).collect();
        let numbers =
            if numbers_filled.is_empty() { numbers.iter().collect() } else { numbers_filled };
        let parts = names.iter().map(|parts| parts.iter().filter(is_filled).map(name));
        let joined = parts.map(|parts| parts.collect::<Vec<_>>().join(" + "));
        Columns {
            number: numbers.into_iter().chain(&json).map(name).collect(),
            name: joined.filter(|name| !name.is_empty()).collect(),
            tags: is_a(|column| *column == Column::Tags),
            opt_outs: is_a(|column| matches!(column, Column::OptOut(..))),
            attributes: attributes.map(|(at, _)| name(&at)).collect(),
            not_understood: (0..columns.len()).filter(not_understood).map(|at| name(&at)).collect(),
            ..Columns::default()
        }
    }
}

impl Content {
    fn look_at(&mut self, cell: &str, country: &CountryCode) {
        if is_no_value(cell) {
            return;
        }
        self.filled += 1;
        if numbers_in(cell, &|text| normalize_phone(text, country)).iter().any(Result::is_ok) {
            self.numbers += 1;
            self.like += 1;
        } else {
            let digits = cell.chars().filter(|c| c.is_numeric()).count();
            let letters = cell.chars().filter(|c| c.is_alphabetic()).count();
            self.like += usize::from(digits > letters);
        }
    }
}

/// As written; a column without a name is `column 3`, a second `kota` is `kota 2`.
fn attribute_name(written: &str, at: usize, before: &[Column]) -> String {
    let mut name: String = written.chars().take(KEY_CHARS_MAX).collect();
    if name.is_empty() {
        name = format!("column {}", at + 1);
    }
    let is_taken = |name: &str| {
        before.iter().any(|column| match column {
            Column::EmailOptOut(_, known) | Column::Attribute(known) => is_same_name(known, name),
            Column::Name
            | Column::Number(_)
            | Column::Tags
            | Column::OptOut(..)
            | Column::Ignored
            | Column::Attributes(_) => false,
        })
    };
    if !is_taken(&name) {
        return name;
    }
    // Among as many names as there are columns before, one is free.
    let mut free = (2..=before.len() + 2).map(|number| format!("{name} {number}"));
    free.find(|name| !is_taken(name)).unwrap_or(name)
}

/// What a column means by what is in it, too, where that decides on opt-outs; `cells` are those with a value.
fn by_cells(meaning: Meaning, name: &str, cells: &[&str], content: Content) -> Meaning {
    let Content { filled, numbers, like } = content;
    match meaning {
        // The numbers of `No HP blacklist` are of people who are to get nothing.
        Meaning::OptOut(OptOut::Yes) => return meaning,
        Meaning::OptOut(_) | Meaning::EmailOptOut(_) => {
            let is_numbers = numbers > 0 && numbers * 10 >= filled * 6;
            return meaning_with_numbers(name).filter(|_| is_numbers).unwrap_or(meaning);
        }
        _ => {}
    }
    let asked = match asks_consent(name) {
        Asks::No => return meaning,
        Asks::Yes => Some(OptOut::No),
        Asks::Perhaps => Some(OptOut::Promotion),
        Asks::Hardly => None,
    };
    let is_answered = |out: &OptOut| cells.iter().all(|cell| out.read(cell).is_some());
    let has_no = || cells.iter().any(|cell| OptOut::No.read(cell) == Some(true));
    let may_be_number = matches!(meaning, Meaning::Number(_)) && (like > 0 || filled == 0);
    if let Some(out) = asked.filter(|out| filled > 0 && is_answered(out)) {
        Meaning::OptOut(out)
    } else if !may_be_number && (filled == 0 || has_no()) {
        // A no among other answers may be one to messages: it is told.
        Meaning::OptOut(OptOut::Status)
    } else {
        meaning
    }
}
