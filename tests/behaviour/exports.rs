//! Lists that go out, as a spreadsheet of any country reads them, and back again.

use auto_message_scheduler::contacts::Filter;
use auto_message_scheduler::contacts::export::{Format, export, write_row};
use auto_message_scheduler::contacts::import::{ImportRules, Refused, Watch, import};
use auto_message_scheduler::language::Language;
use auto_message_scheduler::recipient::CountryCode;
use auto_message_scheduler::store::Store;

use crate::world::World;

struct Nothing;

impl Watch for Nothing {
    fn refused(&mut self, refused: Refused) -> std::io::Result<()> {
        panic!("{refused:?}");
    }
}

fn exported(world: &World) -> String {
    let mut store = Store::open(&world.path).unwrap();
    let country = CountryCode::parse("62").unwrap();
    let mut list = Vec::new();
    export(Format::Plain, &mut store, &Filter::default(), &country, &mut list).unwrap();
    String::from_utf8(list).unwrap()
}

/// A second address book with the list of the first.
fn imported(list: &str) -> World {
    let other = World::new();
    let mut store = Store::open(&other.path).unwrap();
    let country = CountryCode::parse("62").unwrap();
    let rules = ImportRules {
        country: &country,
        tags: &[],
        language: Language::English,
        clock: &*other.clock,
        is_preview: false,
        number_column: None,
        name_column: None,
        chosen: &[],
    };
    import(&mut store, list.as_bytes(), &rules, &mut Nothing).unwrap();
    other
}

/// The cells that a spreadsheet sees whose separator is this one: quotes count at the begin of a cell.
fn cells(list: &str, separator: char) -> Vec<String> {
    let (mut cells, mut cell, mut is_open) = (Vec::new(), String::new(), false);
    let mut rest = list.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if is_open && rest.peek() == Some(&'"') => cell.push(rest.next().unwrap()),
            '"' if is_open => is_open = false,
            '"' if cell.is_empty() => is_open = true,
            _ if is_open => cell.push(c),
            _ if c == separator || c == '\n' || c == '\r' => cells.push(std::mem::take(&mut cell)),
            _ => cell.push(c),
        }
    }
    cells.push(cell);
    cells
}

const FORMULAS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

#[test]
fn no_separator_of_any_spreadsheet_makes_a_running_cell_and_the_list_comes_back_as_it_was() {
    let pieces =
        ["=cmd|' /C calc'!A0", "x", ";", ",", "\t", "|", "\"", "'", " ", "+1", "-", "@a", "＝1"];
    let random = fastrand::Rng::with_seed(14);
    let mut random = random;
    let world = World::new();
    let mut values =
        vec!["x;=cmd|' /C calc'!A0;y".to_owned(), "x;\"=1".to_owned(), "a; '=b".to_owned()];
    for _ in 0..3000 {
        let length = random.usize(1..7);
        values.push((0..length).map(|_| *random.choice(&pieces).unwrap()).collect());
    }
    for (at, value) in values.iter().enumerate() {
        // What an import would tidy or refuse is another matter.
        let tidy = value.split_whitespace().collect::<Vec<_>>().join(" ");
        if tidy.is_empty()
            || tidy.starts_with('=')
            || tidy.contains('!') && tidy.starts_with(['+', '-', '@'])
        {
            continue;
        }
        let attributes = serde_json::json!({ "catatan": tidy }).to_string();
        world.execute(&format!(
            "INSERT INTO contacts (phone_number, attributes) VALUES ('+62812{at:08}', '{}')",
            attributes.replace('\'', "''")
        ));
    }
    let list = exported(&world);
    for separator in [',', ';', '\t', '|'] {
        for cell in cells(&list, separator) {
            let text = cell.trim_start_matches([' ', '"']);
            assert!(!text.starts_with(FORMULAS), "with `{separator}`: {cell}");
        }
    }
    let columns = "SELECT phone_number, attributes FROM contacts ORDER BY phone_number";
    assert_eq!(imported(&list).rows(columns), world.rows(columns));
}

#[test]
fn a_line_end_in_a_cell_is_a_separator_too() {
    let mut row = Vec::new();
    write_row(&mut row, ["a\n=1+1\r\n@x", "Budi; Siti"]).unwrap();
    assert_eq!(String::from_utf8(row).unwrap(), "\"a\n'=1+1\r\n'@x\",\"Budi; Siti\"\r\n");
}

#[test]
fn a_refused_row_is_written_down_as_it_came_and_gains_no_apostrophes() {
    struct Rejects(Vec<u8>);
    impl Watch for Rejects {
        fn header(&mut self, names: &[String]) -> std::io::Result<()> {
            write_row(&mut self.0, names)
        }
        fn refused(&mut self, refused: Refused) -> std::io::Result<()> {
            write_row(&mut self.0, &refused.cells)
        }
    }
    let list = "'=nama,hp,\"catatan;'=1\"\r\n'-Budi,,\"x;'=cmd|' /C calc'!A0;y\"\r\n'''t,'+6,\"a;''=b\"\r\n";
    let world = World::new();
    let mut store = Store::open(&world.path).unwrap();
    let country = CountryCode::parse("62").unwrap();
    let rules = ImportRules {
        country: &country,
        tags: &[],
        language: Language::English,
        clock: &*world.clock,
        is_preview: false,
        number_column: None,
        name_column: None,
        chosen: &[],
    };
    let mut rejects = Rejects(Vec::new());
    import(&mut store, list.as_bytes(), &rules, &mut rejects).unwrap();
    assert_eq!(String::from_utf8(rejects.0).unwrap(), list);
}

#[test]
fn thousands_of_attribute_names_do_not_block_an_export_and_come_back() {
    let world = World::new();
    for at in 0..30 {
        let named: serde_json::Map<String, serde_json::Value> = (0..100)
            .map(|name| {
                (format!("kolom yang namanya panjang {:04}", at * 100 + name), "=x;=y".into())
            })
            .collect();
        world.execute(&format!(
            "INSERT INTO contacts (phone_number, attributes) VALUES ('+62812{at:08}', '{}')",
            serde_json::Value::Object(named)
        ));
    }
    // Somebody's own attribute has the name of the column.
    world.execute(
        "INSERT INTO contacts (phone_number, attributes) VALUES ('+628130000700', '{\"a more attributes\":\"x\"}')",
    );
    let list = exported(&world);
    let header = list.lines().next().unwrap();
    assert!(header.split(',').count() == 405 && header.ends_with(",more attributes"), "{header}");
    let columns = "SELECT phone_number, attributes FROM contacts ORDER BY phone_number";
    assert_eq!(imported(&list).rows(columns), world.rows(columns));
    // One whose own column is called so.
    let own = imported("hp,more attributes\n081200007001,dua\n");
    assert_eq!(own.rows("SELECT attributes FROM contacts"), ["{\"more attributes\":\"dua\"}"]);
}
