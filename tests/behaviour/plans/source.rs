//! The store's source: which function a line is in, and that nothing goes past the door.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::tables::NOT_RUN;

/// The ways in: each prepares a statement at the line where it is called.
const DOORS: [&str; 12] = [
    ".prepare(",
    ".query_rows(",
    ".query_optional(",
    ".query_values(",
    ".query_value(",
    ".query_one(",
    ".query_maybe(",
    ".each_row(",
    ".insert_row(",
    ".change_rows(",
    ".change(",
    ".execute_sql(",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `file::function` for a line.
pub fn function(file: &str, line: u32) -> String {
    let text = fs::read_to_string(root().join(file)).unwrap();
    let before: Vec<&str> = text.lines().take(line as usize).collect();
    let head = before.iter().rev().find_map(|line| line.split_once("fn ").map(|(_, rest)| rest));
    let name = head.unwrap_or_default().split(['(', '<']).next().unwrap();
    format!("{}::{name}", Path::new(file).file_stem().unwrap().to_str().unwrap())
}

/// The store's lines of code, without comments and unit tests: file, line, text.
fn lines() -> Vec<(String, u32, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join("src/store")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let file = format!("src/store/{name}");
        let text = fs::read_to_string(root().join(&file)).unwrap();
        let code = text.lines().take_while(|line| *line != "mod tests {").zip(1..);
        let code = code.filter(|(line, _)| !line.trim_start().starts_with("//"));
        found.extend(code.map(|(line, number)| (file.clone(), number, line.to_owned())));
    }
    found
}

#[test]
fn every_statement_of_the_store_goes_through_the_door_and_runs_in_the_test_of_the_plans() {
    let ran: BTreeSet<(String, u32)> = super::noted(|_| {})
        .into_iter()
        .map(|noted| (noted.statement.file.replace('\\', "/"), noted.statement.line))
        .collect();
    let mut wrong = Vec::new();
    let mut excused: BTreeSet<&str> = NOT_RUN.iter().map(|(name, _)| *name).collect();
    for (file, number, line) in lines() {
        let function = function(&file, number);
        let is_past = line.contains(".prepare_cached(") || line.contains("self.transaction");
        let is_statement = DOORS.iter().any(|door| line.contains(door));
        let is_unknown = is_statement && !ran.contains(&(file.clone(), number));
        if NOT_RUN.iter().any(|(name, _)| *name == function) {
            if is_past || is_unknown {
                excused.remove(function.as_str());
            }
            continue;
        }
        if file.ends_with("/statements.rs") {
            continue;
        }
        if is_past {
            wrong.push(format!("{function} goes past the door: {}", line.trim()));
        }
        if is_unknown {
            wrong.push(format!("{function} prepares what never runs here, line {number}"));
        }
    }
    let needless = excused.iter().map(|name| format!("{name} is excused and needs no excuse"));
    wrong.extend(needless);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
