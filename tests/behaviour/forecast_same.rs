//! What becomes of 200 random messages: the panel, the command line and the API say the same, and then it happens.

use std::collections::BTreeSet;
use std::time::Duration;

use auto_message_scheduler::clock::Timestamp;
use serde_json::{Value, json};

use crate::api_v1::Door;
use crate::panel::{Browser, panel, text};
use crate::site::{Site, stderr, write_private};
use crate::world::World;

/// So far away that it does not matter when the test runs.
const BEGINS: &str = "2035-01-02T01:00:00Z";
const WORLDS: u64 = 10;
const MESSAGES: usize = 20;

/// What becomes of a message, as each of them says it.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    goes_out: u64,
    too_late: u64,
    begins: String,
    ends: String,
}

/// Three numbers with hours and limits of their own.
fn numbers(random: &mut fastrand::Rng) -> String {
    let number = |id: u8| {
        let hours = random.choice(["NULL", "'08:00-17:00'", "'07:00-12:00'", "'20:00-23:30'"]);
        let limit = match random.u8(0..3) {
            0 => "NULL".to_owned(),
            _ => random.u8(3..40).to_string(),
        };
        let hours = hours.unwrap();
        format!(
            "INSERT OR IGNORE INTO channels (id, name, session_name) VALUES ({id}, 'nomor {id}', 'nomor{id}');
             UPDATE channels SET session_name = 'nomor{id}', send_window = {hours}, daily_limit = {limit} WHERE id = {id};"
        )
    };
    (1..=3).map(number).collect()
}

fn plan(site: &Site, id: i64) -> Said {
    let output = site.run(&["plan", &id.to_string(), "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let tally = &said["messages"][0]["tally"];
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Said {
        goes_out: tally["goes_out"].as_u64().unwrap(),
        too_late: tally["too_late"].as_u64().unwrap(),
        begins: word(&tally["begins_at"]),
        ends: word(&tally["ends_at"]),
    }
}

/// What a page of the panel says.
fn shown(page: &str) -> Said {
    let fact = |name: &str| {
        let rest =
            page.split(&format!("data-{name}=\"")).nth(1).unwrap_or_else(|| panic!("{page}"));
        rest.split('"').next().unwrap().to_owned()
    };
    Said {
        goes_out: fact("goes-out").parse().unwrap(),
        too_late: fact("too-late").parse().unwrap(),
        begins: fact("begins"),
        ends: fact("ends"),
    }
}

/// What the API says of a message that is not made yet.
fn previewed(door: &Door, new: &Value) -> (Said, u64) {
    let plan = door.post("/messages/preview", new).expect(200).body;
    let warned = plan["warnings"].as_array().unwrap().iter();
    let late = warned.filter(|one| one["code"] == "too_late").map(|one| {
        let words = one["message"].as_str().unwrap();
        let late = words.split(" recipients get it in time, ").nth(1).unwrap();
        late.split(' ').next().unwrap().parse::<u64>().unwrap()
    });
    let (too_late, recipients) = (late.sum::<u64>(), plan["recipients"].as_u64().unwrap());
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let said = Said {
        goes_out: recipients - too_late,
        too_late,
        begins: word(&plan["first"][0]["at"]),
        ends: word(&plan["last_at"]),
    };
    (said, recipients)
}

#[test]
fn panel_command_line_and_api_say_the_same_of_200_messages_and_then_it_happens() {
    let mut late = 0;
    for seed in 0..WORLDS {
        let mut random = fastrand::Rng::with_seed(seed);
        let site = Site::new();
        site.write_settings("");
        let settings = site.path("auto-message-scheduler.env");
        let slow = std::fs::read_to_string(&settings).unwrap();
        write_private(&settings, &slow.replace("DELAY_SECONDS=1\n", "DELAY_SECONDS=60\n"));
        site.sql().execute_batch(&numbers(&mut random)).unwrap();
        let door = Door::open(&site);
        let mut made = Vec::new();
        for place in 0..MESSAGES {
            let at =
                Timestamp::parse(BEGINS).unwrap().plus(Duration::from_mins(random.u64(0..3_000)));
            let to: Vec<String> = (0..random.usize(1..30))
                .map(|n| format!("08120{seed:02}{place:02}{n:04}"))
                .collect();
            let channel = random.i64(1..4);
            let new = json!({ "text": "Halo", "to": to, "at": at.to_string(), "channel": channel });
            let (before, _) = previewed(&door, &new);
            let id = door.post("/messages", &new).expect(201).body["id"].as_i64().unwrap();
            assert_eq!(before, plan(&site, id), "world {seed}, message {id}: API and plan");
            made.push((id, to, at, channel));
        }
        late += compare_and_send(&site, &made, seed);
    }
    assert!(late > 50, "only {late} of all came too late: the limits are no limits");
}

/// Compares what the panel says with the command line, and both with what is then sent. Returns how many came
/// too late.
fn compare_and_send(site: &Site, made: &[(i64, Vec<String>, Timestamp, i64)], seed: u64) -> u64 {
    let mut builder = World::builder();
    builder.in_memory = true;
    let world = builder.build();
    world.clock.set(BEGINS);
    let path = site.database();
    world.execute(&format!(
        "ATTACH '{}' AS site; DELETE FROM channels;
         INSERT INTO channels SELECT * FROM site.channels;
         INSERT INTO auto_messages SELECT * FROM site.auto_messages; DETACH site;",
        path.display()
    ));
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let list = text(&browser.get(&panel, "/panel/messages"));
    let mut all = Vec::new();
    let mut moments: BTreeSet<Timestamp> = BTreeSet::new();
    for (id, to, at, channel) in made {
        let said = plan(site, *id);
        let page = text(&browser.get(&panel, &format!("/panel/messages/{id}")));
        assert_eq!(shown(&page), said, "world {seed}, message {id}: its page");
        let local = world.config.zone.format_local(*at).replace(' ', "T");
        let (to, channel) = (to.join("\n"), channel.to_string());
        let fields =
            [("text", "Halo"), ("to", &to), ("when", "at"), ("at", &local), ("channel", &channel)];
        let there = format!("/panel/messages/preview?of={id}");
        let preview = text(&browser.post(&panel, &there, &fields));
        assert_eq!(shown(&preview), said, "world {seed}, message {id}: its form");
        let row = list.split(&format!("id=\"message-{id}\"")).nth(1).unwrap();
        let row = row.split("</li>").next().unwrap();
        let wanted = format!("{} sempat, {} tidak", said.goes_out, said.too_late);
        assert_eq!(row.contains(&wanted), said.too_late > 0, "world {seed}, message {id}: {row}");
        assert_eq!(row.contains("selesai sekitar"), said.too_late == 0, "message {id}: {row}");
        moments.extend([*at].into_iter().chain(Timestamp::parse(&said.begins)));
        all.push((*id, said));
    }
    for hour in 0..120 {
        moments.insert(Timestamp::parse(BEGINS).unwrap().plus(Duration::from_hours(hour)));
    }
    for moment in moments {
        world.work_until(moment);
        world.trigger();
    }
    for (id, said) in &all {
        let of = |what: &str| {
            world.ask(&format!("SELECT {what} FROM deliveries WHERE auto_message_id = {id}"))
        };
        let sent = of("sum(status = 'sent')");
        assert_eq!(sent, said.goes_out.to_string(), "world {seed}, message {id}: sent");
        assert_eq!(of("sum(status = 'expired')"), said.too_late.to_string(), "message {id}: late");
        for (what, said) in [("min", &said.begins), ("max", &said.ends)] {
            let really = of(&format!("{what}(iif(status = 'sent', claimed_at, NULL))"));
            assert_eq!(&really, said, "world {seed}, message {id}: {what}");
        }
    }
    all.iter().map(|(_, said)| said.too_late).sum()
}
