//! What a plan does not show: the statements inside triggers, and the look for children when a parent
//! is deleted.

use super::is_slow;
use super::work::fill_and_analyze;
use crate::world::World;

/// The statements of a trigger as they can be explained: what is of the row that fires it is a value,
/// and a refusal gives nothing.
fn statements(trigger: &str) -> Vec<String> {
    let body = trigger.split_once("BEGIN").unwrap().1.trim_end().strip_suffix("END").unwrap();
    let mut body = body.replace("NEW.", ":new_").replace("OLD.", ":old_");
    while let Some(from) = body.find("RAISE(ABORT, '") {
        let words = &body[from + "RAISE(ABORT, '".len()..];
        let inner = words.replace("''", "__");
        let until = from + "RAISE(ABORT, '".len() + inner.find("')").unwrap() + 2;
        body.replace_range(from..until, "NULL");
    }
    body.split(';').map(str::trim).filter(|sql| !sql.is_empty()).map(str::to_owned).collect()
}

#[test]
fn no_trigger_goes_through_a_growing_table() {
    assert_swift(&World::new());
}

#[test]
fn nor_does_one_when_somebody_ran_analyze_on_a_large_table() {
    let world = World::new();
    fill_and_analyze(&world);
    assert_swift(&world);
}

fn assert_swift(world: &World) {
    let triggers =
        world.rows("SELECT name || char(9) || sql FROM sqlite_schema WHERE type = 'trigger'");
    let mut wrong = Vec::new();
    let mut count = 0;
    for (name, sql) in triggers.iter().map(|row| row.split_once('\t').unwrap()) {
        for statement in statements(sql) {
            let mut explained =
                world.sql.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
            let mut rows = explained.raw_query();
            while let Some(row) = rows.next().unwrap() {
                let step: String = row.get("detail").unwrap();
                if is_slow(&step, &statement) {
                    wrong.push(format!("{name}: {step}\n{statement}"));
                }
            }
            count += 1;
        }
    }
    assert!(count >= 40, "{count}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn children_are_found_by_an_index_when_their_parent_is_deleted() {
    let world = World::new();
    let children = world.rows(
        "SELECT t.name, k.\"from\" FROM sqlite_schema t, pragma_foreign_key_list(t.name) k WHERE t.type = 'table'",
    );
    assert!(children.contains(&"deliveries|auto_message_id".to_owned()), "{children:?}");
    for (table, column) in children.iter().map(|row| row.split_once('|').unwrap()) {
        let plan =
            world.rows(&format!("EXPLAIN QUERY PLAN SELECT 1 FROM {table} WHERE {column} = 1"));
        assert!(plan.iter().all(|step| step.contains("SEARCH")), "{table}.{column}: {plan:?}");
    }
}

/// The children that no foreign key says, because they stay when a channel or a contact goes.
#[test]
fn to_delete_a_parent_is_no_search_for_what_stays() {
    let world = World::new();
    for parent in ["auto_messages", "channels", "contacts", "deliveries", "runs"] {
        let plan = world.rows(&format!("EXPLAIN QUERY PLAN DELETE FROM {parent} WHERE id = 1"));
        let steps = plan.iter().map(|row| row.rsplit('|').next().unwrap());
        for step in steps {
            assert!(step.starts_with("SEARCH ") && step.contains(" USING "), "{parent}: {step}");
        }
    }
}
