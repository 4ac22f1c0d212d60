//! Random rules, zones and edits at random instants: what went out is what the rules that were valid
//! then say, each local date and time once. The cases are the same in each run.

use auto_message_scheduler::messages::Edit;
use auto_message_scheduler::schedule::Zone;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use time::{Date, Duration as Days, PrimitiveDateTime, Time, Weekday};

use super::*;

const CASES: u32 = 40;
const ZONES: [&str; 6] =
    [JAKARTA, MAKASSAR, "Asia/Jayapura", "Pacific/Kiritimati", "Etc/GMT+12", "America/New_York"];
/// How far ahead the model looks.
const DAYS: i64 = 40;

#[derive(Clone, Debug)]
enum Rule {
    /// The days from Monday on, and hours; ends so many days after the first.
    Weekly { days: Vec<u8>, hours: Vec<u8>, ends: Option<u8> },
    /// Days after the first, with an hour.
    Listed(Vec<(u8, u8)>),
}

#[derive(Clone, Debug)]
enum Event {
    Zone(&'static str),
    Rule(Rule),
}

fn first_day() -> Date {
    Date::from_calendar_date(2026, time::Month::December, 1).unwrap()
}

fn rules() -> impl Strategy<Value = Rule> {
    let sorted = |from: std::ops::Range<u8>, count| {
        proptest::collection::btree_set(from, count).prop_map(|set| set.into_iter().collect())
    };
    // Few hours, so that one rule often has those of another.
    let hours =
        sorted(0..6, 1..4).prop_map(|hours: Vec<u8>| hours.iter().map(|hour| hour * 4).collect());
    let weekly = (sorted(0..7, 1..6), hours, proptest::option::weighted(0.2, 0..15_u8));
    let weekly = weekly.prop_map(|(days, hours, ends)| Rule::Weekly { days, hours, ends });
    let listed = proptest::collection::btree_set((0..15_u8, 0..24_u8), 1..6);
    let listed = listed.prop_map(|entries| Rule::Listed(entries.into_iter().collect()));
    prop_oneof![3 => weekly, 1 => listed]
}

fn events() -> impl Strategy<Value = Vec<(u64, Event)>> {
    let event = prop_oneof![
        proptest::sample::select(&ZONES[..]).prop_map(Event::Zone),
        rules().prop_map(Event::Rule),
    ];
    // Minutes that are no whole hours, so that no edit is at the very instant of an occurrence.
    let event = (1..50_u64, event).prop_map(|(hours, event)| (hours * 60 + 17, event));
    proptest::collection::vec(event, 0..9)
}

impl Rule {
    fn columns(&self) -> String {
        match self.timing() {
            Timing::Interval(rule) => format!("interval_config = '{rule}', schedules = NULL"),
            Timing::Schedules(list) => format!("schedules = '{list}', interval_config = NULL"),
            other => panic!("{other:?}"),
        }
    }

    fn timing(&self) -> Timing {
        match self {
            Self::Weekly { days, hours, ends } => {
                let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
                let days: Vec<&str> = days.iter().map(|day| names[usize::from(*day)]).collect();
                let hours: Vec<String> = hours.iter().map(|hour| format!("{hour}:00")).collect();
                let mut rule = serde_json::json!({ "weekDays": days, "time": hours });
                if let Some(ends) = ends {
                    rule["endDate"] = (first_day() + Days::days((*ends).into())).to_string().into();
                }
                Timing::Interval(rule.to_string())
            }
            Self::Listed(entries) => {
                let entry = |(day, hour): &(u8, u8)| {
                    let date = (first_day() + Days::days((*day).into())).to_string();
                    serde_json::json!({ "date": date, "time": format!("{hour}:00") })
                };
                let list: serde_json::Value = entries.iter().map(entry).collect();
                Timing::Schedules(list.to_string())
            }
        }
    }

    /// Every local date and time that it promises.
    fn times(&self) -> Vec<PrimitiveDateTime> {
        let at = |date: Date, hour: u8| {
            PrimitiveDateTime::new(date, Time::from_hms(hour, 0, 0).unwrap())
        };
        match self {
            Self::Listed(entries) => entries
                .iter()
                .map(|(day, hour)| at(first_day() + Days::days((*day).into()), *hour))
                .collect(),
            Self::Weekly { days, hours, ends } => (-2..DAYS)
                .map(|day| first_day() + Days::days(day))
                .filter(|date| days.contains(&Weekday::number_days_from_monday(date.weekday())))
                .filter(|date| ends.is_none_or(|e| *date <= first_day() + Days::days(e.into())))
                .flat_map(|date| hours.iter().map(move |hour| at(date, *hour)))
                .collect(),
        }
    }

    fn is_weekly(&self) -> bool {
        matches!(self, Self::Weekly { .. })
    }
}

/// What is right, worked out by trying every local time.
struct Model {
    zone: Zone,
    rule: Rule,
    next: Option<PrimitiveDateTime>,
    /// What went out, and by which rule.
    sent: Vec<(PrimitiveDateTime, Rule)>,
}

impl Model {
    fn choose(&mut self, after: Option<Timestamp>) {
        let last = self.sent.last();
        let counts = |local: &PrimitiveDateTime| {
            let at = self.zone.to_utc(*local);
            after.is_none_or(|after| at > after)
                && last.is_none_or(|(last, by)| {
                    let is_left = !self.rule.is_weekly()
                        || local.date() != last.date()
                        || by.is_weekly() && by.times().contains(local);
                    at > self.zone.to_utc(*last) && is_left
                })
        };
        let times = self.rule.times().into_iter().filter(counts);
        self.next = times.min_by_key(|local| self.zone.to_utc(*local));
    }

    fn edit(&mut self, rule: &Rule, now: Timestamp) {
        self.rule = rule.clone();
        self.choose(Some(now.minus(Duration::from_mins(5))));
    }

    fn run_until(&mut self, end: Timestamp) {
        while let Some(next) = self.next.filter(|next| self.zone.to_utc(*next) <= end) {
            // The first rule of a date counts on it.
            let first = self.sent.last().filter(|(last, _)| last.date() == next.date());
            let by = first.map_or(&self.rule, |(_, by)| by).clone();
            self.sent.push((next, by));
            self.choose(None);
        }
    }
}

/// Lets the program run until `end`: at each time that it has noted for itself.
fn run_to(world: &World, id: i64, end: Timestamp, went: &mut Vec<PrimitiveDateTime>) {
    loop {
        world.run();
        let due = world.rows(&format!(
            "SELECT DISTINCT due_at FROM deliveries WHERE auto_message_id = {id} ORDER BY id"
        ));
        for due_at in &due[went.len()..] {
            went.push(world.config.zone.to_local(Timestamp::parse(due_at).unwrap()));
        }
        let next = Timestamp::parse(&scheduled_at(world, id)).filter(|next| *next <= end);
        match next.filter(|_| world.status(id) == "scheduled") {
            Some(next) => world.clock.set(&next.max(world.clock.wall()).to_string()),
            None => break,
        }
    }
    world.clock.set(&end.max(world.clock.wall()).to_string());
}

fn tell(
    first_zone: &'static str,
    first: &Rule,
    events: &[(u64, Event)],
) -> Result<(), TestCaseError> {
    let mut builder = World::builder();
    builder.in_memory = true;
    // Zones are 26 hours apart at most.
    builder.config.late_limit = Duration::from_hours(48);
    let mut world = builder.build();
    move_to(&mut world, first_zone);
    let now = world.clock.wall();
    let id = insert(&world, "status", "'draft'");
    edit(&world, id, &format!("{}, status = 'scheduled'", first.columns()));
    let mut model =
        Model { zone: zone(first_zone), rule: first.clone(), next: None, sent: Vec::new() };
    model.edit(first, now);
    let mut went = Vec::new();
    let last = (24 * 60, Event::Zone(first_zone));
    for (minutes, event) in events.iter().chain([&last]) {
        let at = world.clock.wall().plus(Duration::from_mins(*minutes));
        run_to(&world, id, at, &mut went);
        model.run_until(at);
        match event {
            Event::Zone(name) => {
                model.zone = zone(name);
                move_to(&mut world, name);
            }
            Event::Rule(rule) => {
                let now = world.clock.wall();
                model.edit(rule, now);
                // Of two edits one is by a command, which refuses a message that has ended.
                let by = Edit { timing: Some(rule.timing()), ..Edit::default() };
                let is_edited = minutes % 120 < 60
                    && messages::edit(&mut store(&world), id, &by, &world.config, now).is_ok();
                if !is_edited {
                    // One that has ended is set to go on.
                    edit(&world, id, &format!("{}, status = 'scheduled'", rule.columns()));
                }
            }
        }
    }
    let wanted: Vec<PrimitiveDateTime> = model.sent.iter().map(|(local, _)| *local).collect();
    prop_assert_eq!(&went, &wanted);
    prop_assert_eq!(world.received().len(), wanted.len());
    Ok(())
}

#[test]
fn each_local_date_and_time_of_the_rule_that_was_valid_then_goes_out_once() {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, rng);
    let stories = (proptest::sample::select(&ZONES[..]), rules(), events());
    let told = runner.run(&stories, |(zone, rule, events)| tell(zone, &rule, &events));
    told.unwrap();
}
