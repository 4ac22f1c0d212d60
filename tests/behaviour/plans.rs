//! How SQLite goes about the statements that the program really runs: by an index, whatever has been
//! sent before. The door of the store notes them, while `work` does all that a shop does.

mod linked;
mod source;
mod tables;
mod triggers;
mod work;

use std::collections::{BTreeMap, BTreeSet};

use auto_message_scheduler::store::Statement;

use self::tables::{ALLOWED, Allowed, GROWING, HOT, Why};
use crate::world::World;

/// A statement with the function that runs it, `file::function`.
struct Noted {
    function: String,
    statement: Statement,
}

fn noted(prepared: impl Fn(&World)) -> Vec<Noted> {
    let named = |statement: Statement| {
        let function = source::function(statement.file, statement.line);
        Noted { function, statement }
    };
    let of_link = linked::STATEMENTS.iter().filter(|one| one.file.ends_with("link.rs")).cloned();
    work::statements(prepared).into_iter().chain(of_link).map(named).collect()
}

/// The tables that a step of a plan may mean: it has the alias, and one alias may be of two.
fn tables_of<'a>(step: &str, sql: &str) -> Vec<&'a str> {
    let name = step.split(' ').nth(1).unwrap_or_default();
    let name = name.strip_prefix("main.").unwrap_or(name);
    let words: Vec<&str> = sql
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .collect();
    let is_alias = |table: &str| {
        words.windows(3).any(|w| w[0] == table && (w[1] == name || w[1] == "AS" && w[2] == name))
            || words.windows(2).any(|w| w[0] == table && w[1] == name)
    };
    GROWING.iter().copied().filter(|table| *table == name || is_alias(table)).collect()
}

/// A step that may become slower with each row: it goes through a table or an index of it without a
/// bound, sorts, or makes an index of its own first.
fn is_slow(step: &str, sql: &str) -> bool {
    let has_no_bound =
        step.starts_with("SCAN ") || step.starts_with("SEARCH ") && !step.contains(" USING ");
    has_no_bound && !tables_of(step, sql).is_empty()
        || step.contains("AUTOMATIC")
        || step.contains("TEMP B-TREE")
}

/// The index by which a step finds its rows.
fn index(step: &str) -> Option<String> {
    let (_, by) = step.split_once(" USING ")?;
    let by = by.strip_prefix("COVERING ").unwrap_or(by);
    let by = by.strip_prefix("INDEX ").unwrap_or(by);
    Some(by.split(" (").next()?.to_owned())
}

/// What is wrong with the plans, each with the whole plan.
fn wrong(noted: &[Noted]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for Noted { function, statement } in noted {
        let is_hot = HOT.iter().any(|(name, _)| name == function);
        for step in &statement.plan {
            if !is_slow(step, &statement.sql) {
                continue;
            }
            let allowed = ALLOWED
                .iter()
                .position(|allowed| allowed.function == function && step.starts_with(allowed.step));
            let is_fit = |why: Why| !is_hot || !matches!(why, Why::Asked(_));
            match allowed {
                Some(at) if is_fit(ALLOWED[at].why) => drop(used.insert(at)),
                _ => wrong
                    .push(format!("{function}: {step}\n{}\n{:#?}", statement.sql, statement.plan)),
            }
        }
    }
    let unused = ALLOWED.iter().enumerate().filter(|(at, _)| !used.contains(at));
    wrong.extend(unused.map(|(_, Allowed { function, step, why })| {
        format!("{function}: `{step}` ({}) is allowed and is no step any more", why.words())
    }));
    wrong
}

#[test]
fn no_statement_becomes_slower_with_what_was_sent_before() {
    let wrong = wrong(&noted(|_| {}));
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn nor_does_one_when_somebody_ran_analyze_on_a_large_table() {
    let noted = noted(work::fill_and_analyze);
    let mut wrong = wrong(&noted);
    // A handful of channels may well be looked through.
    wrong.extend(other_indexes(noted, &["idx_channels_session_name", "INTEGER PRIMARY KEY"]));
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_hot_statements_find_their_rows_by_these_indexes() {
    let wrong = other_indexes(noted(|_| {}), &[]);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The hot statements that do not run or do not use exactly the indexes of the table, `but` these.
fn other_indexes(noted: Vec<Noted>, but: &[&str]) -> Vec<String> {
    let mut indexes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for Noted { function, statement } in noted {
        let found = indexes.entry(function).or_default();
        let steps = statement.plan.iter().filter_map(|step| index(step));
        found.extend(steps.filter(|name| !but.contains(&name.as_str())));
    }
    let mut wrong = Vec::new();
    for (function, expected) in HOT {
        let expected = expected.iter().filter(|name| !but.contains(name));
        let expected: BTreeSet<String> = expected.map(|name| (*name).to_owned()).collect();
        match indexes.get(*function) {
            None => wrong.push(format!("{function} did not run")),
            Some(found) if *found != expected => {
                wrong.push(format!("{function} uses {found:?}, not {expected:?}"));
            }
            Some(_) => {}
        }
    }
    wrong
}
