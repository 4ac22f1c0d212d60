//! Lists as people really have them: a fixture for each program's layout, and what people do to sheets.

use std::fs;
use std::io;

use auto_message_scheduler::contacts::import::{
    Columns, ImportError, ImportRules, Imported, Refused, Row, Watch, import,
};
use auto_message_scheduler::language::Language;
use auto_message_scheduler::recipient::CountryCode;
use auto_message_scheduler::store::Store;

use crate::panel;
use crate::world::World;

mod bounded;
mod layouts;
mod random;
mod sheets;

#[derive(Default)]
pub struct Seen {
    pub refused: Vec<Refused>,
    pub columns: Columns,
    pub taken: Vec<Row>,
}

impl Watch for Seen {
    fn columns(&mut self, columns: &Columns) {
        self.columns = columns.clone();
    }

    fn taken(&mut self, row: &Row) {
        self.taken.push(row.clone());
    }

    fn refused(&mut self, refused: Refused) -> io::Result<()> {
        self.refused.push(refused);
        Ok(())
    }
}

/// Imports with the columns for numbers and names that a person chose.
fn import_with(
    world: &World,
    list: &[u8],
    number_column: Option<&str>,
    name_column: Option<&str>,
) -> Result<(Imported, Seen), ImportError> {
    let mut store = Store::open(&world.path).unwrap();
    let country = CountryCode::parse("62").unwrap();
    let rules = ImportRules {
        country: &country,
        tags: &[],
        language: Language::English,
        clock: &*world.clock,
        is_preview: false,
        number_column,
        name_column,
        chosen: &[],
    };
    let mut seen = Seen::default();
    let imported = import(&mut store, list, &rules, &mut seen)?;
    Ok((imported, seen))
}

fn take(world: &World, list: impl AsRef<[u8]>) -> (Imported, Seen) {
    import_with(world, list.as_ref(), None, None).unwrap()
}

pub fn fixture(name: &str) -> Vec<u8> {
    fs::read(format!("{}/tests/fixtures/lists/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Each contact as `name|number|tags`, and ` out` for one that opted out.
fn people(world: &World) -> Vec<String> {
    world.rows(
        "SELECT coalesce(name, '-') || '|' || phone_number || '|' ||
         (SELECT coalesce(group_concat(value, '+'), '') FROM json_each(tags)) ||
         iif(opted_out_at IS NULL, '', ' out') FROM contacts ORDER BY id",
    )
}

/// The people of a list, when it is imported by itself.
fn people_of(list: impl AsRef<[u8]>) -> Vec<String> {
    let world = World::new();
    take(&world, list);
    people(&world)
}

/// The same through the panel.
fn people_by_panel(list: impl AsRef<[u8]>) -> Vec<String> {
    let world = World::new();
    let panel = panel::panel(&world);
    let mut browser = panel::Browser::logged_in(&panel);
    let page = panel::contacts::upload(&mut browser, &panel, list.as_ref());
    assert_eq!(page.status, 200, "{}", panel::text(&page));
    assert_eq!(browser.post(&panel, "/panel/contacts/import/confirm", &[]).status, 303);
    people(&world)
}
