//! What a person may do to messages, while time passes and deliveries are on their way: add, edit,
//! pause, resume, cancel, remove. `message_retry` has the retries, `message_binary` the real program.

use std::time::Duration;

use auto_message_scheduler::config::Config;
use auto_message_scheduler::delivery::MessageStatus;
use auto_message_scheduler::messages::{
    self, ComposeError, Composed, Draft, Edit, Edited, Resumed, Timing, WeeklyTiming,
};
use auto_message_scheduler::schedule::Zone;
use auto_message_scheduler::store::Store;

use crate::world::{World, config};

pub fn store(world: &World) -> Store {
    Store::open(&world.path).unwrap()
}

pub fn draft(text: &str, to: &[&str], at: &[&str]) -> Draft {
    Draft {
        text: text.to_owned(),
        to: to.iter().map(|who| (*who).to_owned()).collect(),
        timing: Some(Timing::At(at.iter().map(|at| (*at).to_owned()).collect())),
        ..Draft::default()
    }
}

fn weekly(days: &str, time: &str, until: Option<&str>) -> Timing {
    Timing::Weekly(WeeklyTiming {
        days: days.to_owned(),
        times: vec![time.to_owned()],
        from: None,
        until: until.map(str::to_owned),
        ..WeeklyTiming::default()
    })
}

pub fn add(world: &World, draft: &Draft) -> Result<Composed, String> {
    messages::add(&mut store(world), draft, None, &config(), world.clock.wall()).map_err(words)
}

#[allow(clippy::needless_pass_by_value)] // for map_err
pub fn words(error: ComposeError) -> String {
    error.to_string()
}

fn scheduled_at(world: &World, id: i64) -> String {
    world.ask(&format!("SELECT scheduled_at FROM auto_messages WHERE id = {id}"))
}

fn resume(world: &World, id: i64) -> Result<Resumed, String> {
    messages::resume(&mut store(world), id, &config(), world.clock.wall()).map_err(words)
}

fn pause(world: &World, id: i64) {
    messages::pause(&mut store(world), id, world.clock.wall()).unwrap();
}

/// The world begins on Tuesday 2026-12-01 at 08:00 in Jakarta.
fn hours(world: &World, hours: u64) {
    world.clock.pass(Duration::from_hours(hours));
}

#[test]
fn a_message_goes_out_at_each_of_the_times_that_were_typed() {
    let world = World::new();
    let two = draft("Halo", &["081200007001"], &["02/12/2026 8.30 PM", "+2h", "+2h"]);
    let composed = add(&world, &two).unwrap();
    assert_eq!(scheduled_at(&world, composed.id), "2026-12-01T03:00:00Z");
    assert_eq!(
        world.ask("SELECT schedules FROM auto_messages"),
        r#"[{"date":"2026-12-01","time":"10:00:00"},{"date":"2026-12-02","time":"20:30:00"}]"#
    );
    world.run();
    assert_eq!(world.received().len(), 0);
    for (passed, sent) in [(3, 1), (34, 2), (48, 2)] {
        hours(&world, passed);
        world.run();
        assert_eq!(world.received().len(), sent);
    }
    assert_eq!(world.status(composed.id), "sent");
}

#[test]
fn a_weekly_message_goes_out_on_its_days_until_its_last_date() {
    let world = World::new();
    let mut draft = draft("Halo", &["081200007001"], &[]);
    draft.timing = Some(weekly("senin,Thu", "8:00", Some("2026-12-08")));
    let composed = add(&world, &draft).unwrap();
    assert_eq!(composed.begins_at.unwrap().to_string(), "2026-12-03T01:00:00Z");
    for _ in 0..14 {
        hours(&world, 24);
        world.run();
    }
    let days = world.rows("SELECT due_at FROM deliveries ORDER BY id");
    assert_eq!(days, ["2026-12-03T01:00:00Z", "2026-12-07T01:00:00Z"]);
    draft.timing = Some(weekly("daily", "9 pm", None));
    let daily = add(&world, &draft).unwrap();
    assert_eq!(daily.begins_at.unwrap().to_string(), "2026-12-15T14:00:00Z");
}

#[test]
fn a_day_by_its_name_and_a_time_alone_mean_what_people_mean() {
    let world = World::new();
    for (text, wanted) in [
        ("besok 08:00", "2026-12-02T01:00:00Z"),
        ("Besok jam 8", "2026-12-02T01:00:00Z"),
        ("tomorrow at 9 pm", "2026-12-02T14:00:00Z"),
        ("lusa pukul 8.30", "2026-12-03T01:30:00Z"),
        ("besok lusa 08:00", "2026-12-03T01:00:00Z"),
        ("hari ini 17:00", "2026-12-01T10:00:00Z"),
        ("17:00", "2026-12-01T10:00:00Z"),
        ("07:00", "2026-12-02T00:00:00Z"),
        ("07:58", "2026-12-01T00:58:00Z"),
        ("1-12-2026 09:00", "2026-12-01T02:00:00Z"),
    ] {
        let composed = add(&world, &draft("Halo", &["081200007001"], &[text])).unwrap();
        assert_eq!(scheduled_at(&world, composed.id), wanted, "{text}");
    }
}

#[test]
fn a_time_alone_is_the_next_such_time_in_the_zone_that_is_written_with_it() {
    let world = World::new();
    for (now, text, wanted) in [
        // 23:00 in Jakarta; where WIT is the next day has begun.
        ("2026-12-03T16:00:00Z", "02:30 WIT", "2026-12-03T17:30:00Z"),
        // 00:30 in Jakarta; in New York it is the day before.
        ("2026-12-03T17:30:00Z", "23:00 America/New_York", "2026-12-04T04:00:00Z"),
        ("2026-12-03T17:30:00Z", "12:00 America/New_York", "2026-12-04T17:00:00Z"),
        // What passed a moment ago still means now, also when that was yesterday.
        ("2026-12-03T17:02:00Z", "23:59", "2026-12-03T16:59:00Z"),
        ("2026-12-03T17:02:00Z", "23:56", "2026-12-04T16:56:00Z"),
    ] {
        world.clock.set(now);
        let composed = add(&world, &draft("Halo", &["081200007001"], &[text])).unwrap();
        assert_eq!(scheduled_at(&world, composed.id), wanted, "{text}");
    }
}

#[test]
fn a_monthly_message_goes_out_on_its_days_and_on_the_last_of_each_month() {
    let world = World::new();
    let mut monthly = draft("Halo", &["081200007001"], &[]);
    monthly.timing = Some(Timing::Weekly(WeeklyTiming {
        month_days: "15,last".into(),
        times: vec!["9.00".into()],
        until: Some("28-02-2027".into()),
        ..WeeklyTiming::default()
    }));
    add(&world, &monthly).unwrap();
    for _ in 0..100 {
        hours(&world, 24);
        world.run();
    }
    let days = world.rows("SELECT substr(due_at, 1, 10) FROM deliveries ORDER BY id");
    let wanted =
        ["2026-12-15", "2026-12-31", "2027-01-15", "2027-01-31", "2027-02-15", "2027-02-28"];
    assert_eq!(days, wanted);
}

#[test]
fn what_would_fail_later_is_refused_at_once_with_the_remedy() {
    let world = World::new();
    world.execute(
        "INSERT INTO channels (id, name, session_name, is_active) VALUES
             (2, 'Toko', 'toko', 0), (3, 'Baru', NULL, 1), (4, 'Sama', 'a', 1), (5, 'sama', 'b', 1);
         INSERT INTO contacts (id, name, phone_number, opted_out_at) VALUES
             (1, 'Budi', '0812', NULL), (2, 'Siti', '081200007002', '2026-11-01')",
    );
    let ok = || draft("Halo", &["081200007001"], &["+1h"]);
    let text = |text: &str| Draft { text: text.to_owned(), ..ok() };
    let to = |to: &[&str]| draft("Halo", to, &["+1h"]);
    let at = |at: &str| draft("Halo", &["081200007001"], &[at]);
    let days = |timing| Draft { timing, ..ok() };
    let channel = |name: &str| Draft { channel: Some(name.to_owned()), ..ok() };
    for (draft, part) in [
        (text(" \n"), "it has no text"),
        (text("Halo {{name"), "`{{name` would go out as it is written"),
        (text("Halo {{name|a|b}}"), "two fallbacks"),
        (text(&"x".repeat(65_537)), "65537 characters"),
        (text("Halo {{kota}}"), "nobody can get it: `"),
        (to(&[]), "it has no recipients"),
        (to(&[" "]), "it has no recipients"),
        (to(&["081200007001", "7", "1"]), "get it: `contact 7` (there is no"),
        (to(&["Budi"]), "letters"),
        (to(&["2"]), "nobody can get it: `Siti` (opted out)"),
        (to(&["[1,2"]), "cannot be read"),
        (channel("9"), "there is no channel `9`: there are `default`, `Toko`"),
        (channel("toko"), "channel `Toko` is not active"),
        (channel("Baru"), "has no session_name"),
        (channel("SAMA"), "the name of channels 4, 5: give the id"),
        (at("2026-12-01 07:00"), "has passed (it is 2026-12-01 08:00 in Asia/Jakarta)"),
        (at("besok"), "`+10m`"),
        (at("hari ini 07:00"), "has passed"),
        (at("besok jam 25"), "hour"),
        (at("+10"), "`+10` is no time from now"),
        (at("+99999d"), "is no time from now"),
        (at(""), "is not a date"),
        (days(None), "it has no time"),
        (days(Some(weekly("senon", "08:00", None))), "`senon` is not a day"),
        (days(Some(weekly("", "08:00", None))), "name at least one day"),
        (days(Some(weekly("mon", "25:00", None))), "hour"),
        (days(Some(weekly("mon", "08:00", Some("2026-11-30")))), "no such day is left"),
    ] {
        let why = add(&world, &draft).unwrap_err();
        assert!(why.contains(part), "{part}: {why}");
    }
    assert_eq!(world.ask("SELECT count(*) FROM auto_messages"), "0");
}

#[test]
fn a_time_that_the_clock_skips_is_refused() {
    let world = World::new();
    let berlin = Config { zone: Zone::parse("Europe/Berlin").unwrap(), ..config() };
    for (zone, time) in [(berlin, "2027-03-28 02:30"), (config(), "2027-03-28 02:30 Europe/Berlin")]
    {
        let skipped = draft("Halo", &["081200007001"], &[time]);
        let why = messages::add(&mut store(&world), &skipped, None, &zone, world.clock.wall());
        let why = words(why.unwrap_err());
        assert!(why.contains("does not exist in Europe/Berlin") && why.contains("03:30"), "{why}");
    }
}

#[test]
fn recipients_that_cannot_get_it_are_left_out_when_asked_and_named() {
    let world = World::new();
    let mut some = draft("Halo", &["081200007001", "7", "0812-0000-7001"], &["now"]);
    assert!(add(&world, &some).is_err());
    some.skip_bad = true;
    let composed = add(&world, &some).unwrap();
    assert_eq!((composed.recipient_count, composed.skipped.len()), (1, 1));
    assert_eq!(composed.skipped[0].who, "contact 7");
    world.run();
    assert_eq!(world.recipients(), ["6281200007001@c.us"]);
    assert_eq!(world.status(composed.id), "sent");
}

#[test]
fn a_person_is_told_of_what_may_be_a_slip() {
    let world = World::new();
    world.execute("UPDATE channels SET held_reason = 'libur'");
    let many: Vec<String> = (0..1500).map(|number| format!("08120000{number:04}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let composed = add(&world, &draft("Hai {kota}, {{nmae|Kak}}", &many, &["now"])).unwrap();
    let warnings =
        composed.warnings.iter().map(|one| one.message.as_str()).collect::<Vec<_>>().join("\n");
    for part in ["`{kota}` goes out as it is", "{{nmae}}: all get the fallback", "libur"] {
        assert!(warnings.contains(part), "{part}: {warnings}");
    }
}

#[test]
fn a_draft_whose_dates_have_passed_says_so_when_it_is_resumed() {
    let world = World::new();
    world.execute(
        r#"INSERT INTO auto_messages (id, message, contact_ids, status, schedules)
           VALUES (5, 'Halo', '081200007001', 'draft', '[{"date":"2026-11-30","time":"08:00"}]')"#,
    );
    let why = resume(&world, 5).unwrap_err();
    assert!(why.starts_with("all times of its schedule had passed"), "{why}");
}

#[test]
fn a_draft_is_kept_until_it_is_resumed() {
    let world = World::new();
    let bare = Draft { is_draft: true, timing: None, to: vec![], ..draft("Halo", &[], &[]) };
    let id = add(&world, &bare).unwrap().id;
    assert_eq!(
        resume(&world, id).unwrap_err(),
        format!("it has no time: give it one with `message edit {id} --at …` or `--weekly …`")
    );
    let change = |edit: Edit| {
        messages::edit(&mut store(&world), id, &edit, &config(), world.clock.wall()).unwrap()
    };
    change(Edit { timing: Some(Timing::At(vec!["now".into()])), ..Edit::default() });
    assert!(resume(&world, id).unwrap_err().contains("it has no recipients"));
    change(Edit { to: Some(vec!["081200007001".into()]), ..Edit::default() });
    world.run();
    assert_eq!(world.received().len(), 0, "a draft stays at home");
    assert_eq!(resume(&world, id), Ok(Resumed::Scheduled { at: world.clock.wall() }));
    world.run();
    assert_eq!(world.status(id), "sent");
}

#[test]
fn a_pause_stops_it_at_once_and_resuming_goes_on_where_it_was() {
    let world = World::new();
    let all = ["081200007001", "081200007002", "081200007003"];
    let id = add(&world, &draft("Halo", &all, &["now"])).unwrap().id;
    world.trigger();
    world.step_until_received(1);
    pause(&world, id);
    hours(&world, 3);
    world.run();
    assert_eq!(world.received().len(), 1);
    assert_eq!(resume(&world, id), Ok(Resumed::GoesOn { pending: 2 }));
    world.run();
    assert_eq!(world.recipients().len(), 3);
    assert_eq!(world.rows("SELECT status, sent_count FROM auto_messages"), ["sent|3"]);
    assert!(resume(&world, id).unwrap_err().contains("already"));
}

#[test]
fn a_message_that_was_paused_over_its_time_goes_out_late_or_says_why_not() {
    let world = World::new();
    let one = |at: &str| add(&world, &draft("Halo", &["081200007001"], &[at])).unwrap().id;
    let (early, late) = (one("+1h"), one("+2h"));
    pause(&world, early);
    pause(&world, late);
    hours(&world, 24);
    assert!(matches!(resume(&world, early), Ok(Resumed::Scheduled { .. })));
    hours(&world, 3);
    let why = resume(&world, late).unwrap_err();
    assert!(why.contains("has passed: give it a new one with `message edit"), "{why}");
    let timing = Some(Timing::At(vec!["+1h".into()]));
    let edit = Edit { timing, ..Edit::default() };
    messages::edit(&mut store(&world), late, &edit, &config(), world.clock.wall()).unwrap();
    assert!(resume(&world, late).is_ok());
}

#[test]
fn a_weekly_message_that_was_paused_makes_up_for_nothing() {
    let world = World::new();
    let mut daily = draft("Halo", &["081200007001", "081200007002"], &[]);
    daily.timing = Some(weekly("daily", "09:00", None));
    let id = add(&world, &daily).unwrap().id;
    pause(&world, id);
    hours(&world, 100);
    let at = resume(&world, id).unwrap();
    let Resumed::Scheduled { at } = at else { panic!("{at:?}") };
    assert_eq!(at.to_string(), "2026-12-06T02:00:00Z", "the next one only");
    // And one that was paused in the middle of an occurrence: the rest of it has expired.
    hours(&world, 21);
    world.trigger();
    world.step_until_received(1);
    pause(&world, id);
    hours(&world, 30);
    let next = "2026-12-07T02:00:00Z";
    let resumed = resume(&world, id).unwrap();
    assert!(
        matches!(resumed, Resumed::Expired { count: 1, next: at } if at.to_string() == next),
        "{resumed:?}"
    );
    assert_eq!(world.rows("SELECT status FROM deliveries ORDER BY id"), ["sent", "expired"]);
    assert_eq!(scheduled_at(&world, id), next);
}

#[test]
fn a_cancelled_message_sends_no_more_and_says_what_went_out() {
    let world = World::new();
    let id = add(&world, &draft("Halo", &["081200007001", "081200007002"], &["now"])).unwrap().id;
    world.trigger();
    world.step_until_received(1);
    let stood = messages::cancel(&mut store(&world), id, world.clock.wall()).unwrap().unwrap();
    assert_eq!((stood.ended.sent, stood.ended.cancelled, stood.pending), (1, 1, 0));
    world.run();
    assert_eq!(world.received().len(), 1);
    let why = messages::cancel(&mut store(&world), id, world.clock.wall()).map_err(words);
    assert!(why.unwrap_err().contains("is `cancelled` already"));
}

#[test]
fn only_what_has_not_been_sent_can_be_edited() {
    let world = World::new();
    let id = add(&world, &draft("Satu", &["081200007001", "081200007002"], &["now"])).unwrap().id;
    let edit = |edit: &Edit| {
        messages::edit(&mut store(&world), id, edit, &config(), world.clock.wall()).map_err(words)
    };
    let text = Edit { text: Some("Dua".into()), ..Edit::default() };
    let to = Edit { to: Some(vec!["081200007003".into()]), ..Edit::default() };
    let later = Edit { timing: Some(Timing::At(vec!["+1h".into()])), ..Edit::default() };
    world.trigger();
    world.step_until_received(1);
    assert!(edit(&to).unwrap_err().contains("planned for its recipients already"));
    assert!(edit(&later).unwrap_err().contains("planned for its recipients already"));
    assert_eq!(edit(&text), Ok(Edited::default()));
    world.run();
    assert_eq!(world.rows("SELECT text FROM deliveries ORDER BY id"), ["Satu", "Dua"]);
    assert!(edit(&text).unwrap_err().contains("all who could get it did: make a new one"));
    assert!(edit(&Edit::default()).unwrap_err().contains("nothing to edit"));
}

#[test]
fn a_message_that_failed_for_all_can_be_corrected_and_goes_out() {
    let world = World::new();
    let id = world.message("[77]");
    world.run();
    assert_eq!(world.status(id), "failed");
    let edit = Edit {
        to: Some(vec!["081200007001".into()]),
        timing: Some(Timing::At(vec!["now".into()])),
        ..Edit::default()
    };
    messages::edit(&mut store(&world), id, &edit, &config(), world.clock.wall()).unwrap();
    assert_eq!(world.error(id), "");
    world.run();
    assert_eq!(world.status(id), "sent");
}

#[test]
fn a_change_is_made_only_to_the_row_that_was_seen() {
    let world = World::new();
    let id = world.message("081200007001");
    let seen = store(&world).read(|tx| tx.message(id)).unwrap().unwrap();
    world.run();
    let now = world.clock.wall();
    let mut store = store(&world);
    assert!(
        !store
            .write(|tx| tx.move_message(&seen, MessageStatus::Draft, seen.scheduled_at, now))
            .unwrap()
    );
    assert!(!store.write(|tx| tx.change_message(&seen, &seen, now)).unwrap());
    assert!(!store.write(|tx| tx.delete_message(id, MessageStatus::Draft)).unwrap());
    assert_eq!(world.status(id), "sent");
}

#[test]
fn only_what_has_ended_is_removed_and_unknown_ones_only_when_told_so() {
    let world = World::new();
    let (sent, unknown) = (world.message("081200007001"), world.message("081200000500"));
    let remove = |id, sure| messages::remove(&mut store(&world), id, sure).map_err(words);
    assert!(remove(sent, true).unwrap_err().contains("`message cancel"));
    world.run();
    remove(sent, false).unwrap();
    assert!(remove(unknown, false).unwrap_err().contains("`sending`"));
    world.clock.pass(Duration::from_mins(4));
    world.run();
    assert!(remove(unknown, false).unwrap_err().contains("(1), which may have gone out"));
    remove(unknown, true).unwrap();
    assert!(remove(unknown, true).unwrap_err().contains("there is no message"));
    assert_eq!(world.ask("SELECT count(*) FROM deliveries"), "0");
}

#[test]
fn the_same_message_a_second_time_is_said_to_be_the_second() {
    let world = World::new();
    let once = draft("Halo", &["081200007001"], &["+1h"]);
    assert!(add(&world, &once).unwrap().warnings.is_empty());
    assert!(add(&world, &draft("Halo", &["081200007002"], &["+1h"])).unwrap().warnings.is_empty());
    let warnings = add(&world, &once).unwrap().warnings;
    assert!(warnings[0].message.starts_with("message 1 says the same to the same"), "{warnings:?}");
    assert!(warnings[0].message.contains("`message cancel 3`"), "{warnings:?}");
    world.clock.pass(std::time::Duration::from_mins(11));
    assert!(add(&world, &once).unwrap().warnings.is_empty());
}
