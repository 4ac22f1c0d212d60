//! Schedules that are edited and zones that change: an occurrence of a local date and time goes out
//! once, as the rule that was valid then says, and is never lost.

mod dates;
mod edits;
mod keys;
mod random;
mod zones;

use std::time::Duration;

use auto_message_scheduler::clock::Timestamp;
use auto_message_scheduler::config::Config;
use auto_message_scheduler::messages::{self, Draft, Timing, WeeklyTiming};
use auto_message_scheduler::schedule::Zone;

use crate::message_commands::store;
use crate::world::{World, config};

const JAKARTA: &str = "Asia/Jakarta"; // UTC+7
const MAKASSAR: &str = "Asia/Makassar"; // UTC+8

fn zone(name: &str) -> Zone {
    Zone::parse(name).unwrap()
}

fn config_in(zone_name: &str) -> Config {
    Config { zone: zone(zone_name), ..config() }
}

/// The program is started anew with another TIMEZONE.
fn move_to(world: &mut World, zone_name: &str) {
    world.config.zone = zone(zone_name);
    world.restart();
}

/// A program that has run in this zone before.
fn world_in(zone_name: &str) -> World {
    let mut world = World::new();
    move_to(&mut world, zone_name);
    world
}

fn weekly(days: &str, time: &str) -> Timing {
    Timing::Weekly(WeeklyTiming {
        days: days.to_owned(),
        times: vec![time.to_owned()],
        ..WeeklyTiming::default()
    })
}

/// `message add` in a shell with this TIMEZONE.
fn add_in(world: &World, zone_name: &str, timing: Timing) -> i64 {
    let draft = Draft {
        text: "Halo".to_owned(),
        to: vec!["081200007001".to_owned()],
        timing: Some(timing),
        ..Draft::default()
    };
    messages::add(&mut store(world), &draft, None, &config_in(zone_name), world.clock.wall())
        .unwrap()
        .id
}

/// A row that a person made with `sqlite3` now, with these columns.
fn insert(world: &World, columns: &str, values: &str) -> i64 {
    let now = world.clock.wall();
    world.execute(&format!(
        "INSERT INTO auto_messages (message, contact_ids, created_at, updated_at, {columns})
         VALUES ('Halo', '081200007001', '{now}', '{now}', {values})"
    ));
    world.sql.last_insert_rowid()
}

/// What a person changes with `sqlite3` now.
fn edit(world: &World, id: i64, set: &str) {
    let now = world.clock.wall();
    world.execute(&format!("UPDATE auto_messages SET {set}, updated_at = '{now}' WHERE id = {id}"));
}

fn rule(days: &str, time: &str) -> String {
    format!(r#"{{"time":"{time}","weekDays":[{days}]}}"#)
}

/// Lets time pass until `end`, with a trigger each half an hour.
fn run_until(world: &World, end: &str) {
    let end = Timestamp::parse(end).unwrap();
    loop {
        world.run();
        let left = end.since(world.clock.wall());
        if left.is_zero() {
            return;
        }
        world.clock.pass(left.min(Duration::from_mins(30)));
    }
}

/// When something went out, to the minute, in UTC.
fn sent(world: &World) -> Vec<String> {
    world.received().iter().map(|one| one.at.to_string()[..16].to_owned()).collect()
}

fn scheduled_at(world: &World, id: i64) -> String {
    world.ask(&format!("SELECT scheduled_at FROM auto_messages WHERE id = {id}"))
}
