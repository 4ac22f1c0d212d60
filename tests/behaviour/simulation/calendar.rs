//! Never twice and never lost, for what comes from a weekly rule: each local date and time goes out
//! once, in whatever zone it was worked out; none is left out; and a date that went out is done when
//! the rule becomes another.

use std::collections::{HashMap, HashSet};

use auto_message_scheduler::clock::Timestamp;
use auto_message_scheduler::schedule::Zone;
use serde_json::Value;

use crate::world::World;

/// What the people of the simulation write into `interval_config`.
pub const RULES: [&str; 4] = [
    r#"{"time":["08:10","09:30"],"weekDays":[0,1,2,3,4,5,6]}"#,
    r#"{"time":["08:40"],"weekDays":[0,1,2,3,4,5,6]}"#,
    r#"{"time":["09:30","12:00"],"weekDays":[0,2,4]}"#,
    r#"{"time":["08:10"],"weekDays":[0,1,2,3,4,5,6],"endDate":"2026-12-01"}"#,
];

/// The days that are looked at between one occurrence and the next.
const DAYS_MAX: i64 = 8;

/// What was planned of the weekly rules so far.
#[derive(Default)]
pub struct Calendar {
    seen: HashSet<(i64, String)>,
    /// By message and local time.
    planned: HashSet<(i64, String)>,
    /// By message and local date: the rule by which it went out last.
    rules: HashMap<(i64, String), String>,
    /// By message: the last one since somebody wrote its rule or its time.
    last: HashMap<i64, String>,
}

impl Calendar {
    /// Somebody wrote a message's rule or its time: what follows need not follow what was.
    pub fn note_edit(&mut self, id: i64) {
        self.last.remove(&id);
    }

    pub fn check(&mut self, world: &World, zone: &Zone) {
        let rows = world.rows(
            "SELECT DISTINCT m.id, d.due_at, m.interval_config FROM auto_messages m
             JOIN deliveries d ON d.auto_message_id = m.id
             WHERE m.interval_config IS NOT NULL AND NOT EXISTS (SELECT 1 FROM plannings p
                 WHERE p.auto_message_id = d.auto_message_id AND p.due_at = d.due_at)
             ORDER BY m.id, d.due_at",
        );
        for row in rows {
            let [id, due_at, rule] = row.splitn(3, '|').collect::<Vec<_>>()[..] else { panic!() };
            let id: i64 = id.parse().unwrap();
            if !self.seen.insert((id, due_at.to_owned())) {
                continue;
            }
            let local = zone.format_local(Timestamp::parse(due_at).unwrap());
            let is_whole_minute = due_at.ends_with(":00Z");
            if is_whole_minute && promises(rule, &local) {
                self.occurrence(id, &local, rule);
            }
        }
    }

    fn occurrence(&mut self, id: i64, local: &str, rule: &str) {
        let is_first = self.planned.insert((id, local.to_owned()));
        assert!(is_first, "twice: message {id} at {local}");
        let date = local[..10].to_owned();
        let before = self.rules.insert((id, date), rule.to_owned());
        let is_left = before.is_none_or(|before| before == rule || promises(&before, local));
        assert!(is_left, "twice on one date: message {id} at {local}, now by {rule}");
        if let Some(last) = self.last.insert(id, local.to_owned()) {
            let next = following(rule, &last);
            assert_eq!(next.as_deref(), Some(local), "lost: message {id} after {last}");
        }
    }
}

fn times(rule: &str) -> Vec<String> {
    let rule: Value = serde_json::from_str(rule).unwrap();
    rule["time"].as_array().unwrap().iter().map(|time| time.as_str().unwrap().to_owned()).collect()
}

/// Midnight of a local time's date as if it were UTC, in days since 1970.
fn day(local: &str) -> i64 {
    Timestamp::parse(&format!("{}T00:00:00Z", &local[..10])).unwrap().secs() / 86_400
}

fn promises(rule: &str, local: &str) -> bool {
    let value: Value = serde_json::from_str(rule).unwrap();
    let weekday = (day(local) + 4) % 7; // 1970-01-01 was a Thursday.
    let days = value["weekDays"].as_array().unwrap();
    days.iter().any(|named| named.as_i64() == Some(weekday))
        && value["endDate"].as_str().is_none_or(|end| &local[..10] <= end)
        && times(rule).iter().any(|time| *time == local[11..])
}

/// The first local time after `last` that a rule promises.
fn following(rule: &str, last: &str) -> Option<String> {
    let date = |days: i64| Timestamp::from_secs(days * 86_400).to_string()[..10].to_owned();
    let days = (0..DAYS_MAX).map(|after| date(day(last) + after));
    let all =
        days.flat_map(|date| times(rule).into_iter().map(move |time| format!("{date} {time}")));
    all.filter(|local| local.as_str() > last && promises(rule, local)).min()
}
