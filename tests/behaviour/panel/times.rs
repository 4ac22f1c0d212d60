//! The times of a message in its form: a form that is saved for another reason leaves them as they are, and one
//! that is saved for other times has exactly those.

use std::sync::Arc;

use auto_message_scheduler::clock::Timestamp;
use auto_message_scheduler::config::{AdminPassword, Config, Secret};
use auto_message_scheduler::messages::{self, Edit};
use auto_message_scheduler::panel::Panel;
use auto_message_scheduler::schedule::{Zone, next_occurrence};
use auto_message_scheduler::store::Store;

use super::{Browser, PASSWORD, header, panel, text};
use crate::world::{START, World, config};

/// Rules with what their form has of them: the way of timing, and its fields.
const RULES: &[(&str, &str)] = &[
    (r#"{"weekDays":["mon","thu"],"time":"08:00"}"#, "weekly mon thu 08:00"),
    (r#"{"weekDays":["senin","kamis"],"time":"8:00 PM"}"#, "weekly mon thu 20:00"),
    (r#"{"weekDays":["Senin","Thursday"],"time":"8.00"}"#, "weekly mon thu 08:00"),
    (r#"{"weekDays":["Jum'at","ahad","min"],"time":["12:00 AM"]}"#, "weekly fri sun 00:00"),
    (r#"{"weekDays":"senin, rabu","time":"08.05"}"#, "weekly mon wed 08:05"),
    (r#"{"weekDays":[0,6],"time":"08:00"}"#, "weekly sat sun 08:00"),
    (r#"{"daysOfWeek":"[1,\"5\"]","times":["08:00"]}"#, "weekly mon fri 08:00"),
    (r#"{"week_days":2,"time":"08:00:30"}"#, "weekly tue 08:00:30"),
    (r#"{"frequency":"daily","time":"08:00"}"#, "weekly mon tue wed thu fri sat sun 08:00"),
    (r#"{"freq":"harian","weekDays":[1],"time":"08:00","interval":1}"#, "weekly mon 08:00"),
    (
        r#"{"frequency":"weekly","start":"01/12/2026","time":"08:00"}"#,
        "weekly tue 08:00 2026-12-01",
    ),
    (
        r#"{"weekDays":[4],"time":"08:00","startDate":"2026-12-01T00:00:00.000Z","until":"31/12/2026"}"#,
        "weekly thu 08:00 2026-12-01 2026-12-31",
    ),
    (
        r#"{"weekDays":[4],"time":"08:00","endDate":null,"excludeDates":[],"enabled":true}"#,
        "weekly thu 08:00",
    ),
    (r#""{\"weekDays\":[4],\"time\":\"8 pm\"}""#, "weekly thu 20:00"),
    (r#"{"monthDays":"1,15","time":"09:00"}"#, "keep"),
    (r#"{"monthDays":[1,"last"],"time":"09:00"}"#, "keep"),
    (r#"{"frequency":"monthly","startDate":"2026-12-05","time":"09:00"}"#, "keep"),
    (r#"{"weekDays":[1],"time":["08:00","17:30"]}"#, "keep"),
    (r#"{"weekDays":[1],"time":"08:00","interval":2,"startDate":"2026-12-01"}"#, "keep"),
    (r#"{"frequency":"daily","time":"08:00","interval":3,"startDate":"2026-12-01"}"#, "keep"),
    (r#"{"weekDays":[1],"time":"08:00","count":3,"startDate":"2026-12-01"}"#, "keep"),
    (r#"{"weekDays":[1],"time":"08:00","excludeDates":["2026-12-07"]}"#, "keep"),
    (r#"{"weekDays":[1],"time":"08:00","timezone":"Asia/Makassar"}"#, "keep"),
    (r#"{"weekDays":[1],"time":"08:00","timezone":"Asia/Jakarta"}"#, "keep"),
    (r#"{"weekDays":[1],"time":"08:00","enabled":false}"#, "keep"),
    (r#"{"weekDays":[1],"time":"08:00","status":"paused"}"#, "keep"),
    (r#"{"weekDays":[1],"time":"08:00","startDate":"2026-12-01 09:00"}"#, "keep"),
    (r#"{"weekDays":[1],"time":"08:00","endDate":"2026-12-31T12:00"}"#, "keep"),
    (r#"{"weekDays":[1],"time":"08:00","note":"promo"}"#, "keep"),
    (r#"{"weekDays":[7],"time":"08:00"}"#, "keep"),
    (r#"{"weekDays":[1],"time":"08:00","onlyHolidays":true}"#, "keep"),
    ("besok", "keep"),
];

/// The same of lists.
const LISTS: &[(&str, &str)] = &[
    (r#"[{"date":"2026-12-02","time":"08:00"}]"#, "at 2026-12-02T08:00"),
    (
        r#"[{"date":"2026-12-03","time":"8:00 PM"},{"date":"4/12/2026","time":"8.00"}]"#,
        "at 2026-12-03T20:00 2026-12-04T08:00",
    ),
    (
        r#"{"date":"2026-12-03","time":["08:00","17:30:05"]}"#,
        "at 2026-12-03T08:00 2026-12-03T17:30:05",
    ),
    (
        r#"[{"Date":"2026-12-03T00:00:00Z","time":"08:00","enabled":"ya"},{"date":"2026-12-02","time":"9 am"}]"#,
        "at 2026-12-03T08:00 2026-12-02T09:00",
    ),
    (
        r#"[{"date":"2026-12-03","time":"08:00"},{"date":"2026-12-04","time":"08:00","enabled":false}]"#,
        "keep",
    ),
    (r#"[{"date":"2026-12-03","time":"08:00","enabled":false}]"#, "keep"),
    (r#"[{"date":"2026-12-03","time":"08:00","timezone":"WITA"}]"#, "keep"),
    (r#"[{"date":"2026-12-03","time":["08:00","17:00"],"endDate":"2026-12-03 12:00"}]"#, "keep"),
    (r#"[{"date":"2026-12-03","time":"08:00","label":"Natal"}]"#, "keep"),
    (r#"[{"date":"2026-12-03","time":"8"}]"#, "keep"),
    ("[1", "keep"),
];

#[test]
fn a_form_that_is_saved_for_its_text_leaves_the_times_byte_for_byte() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let mut store = Store::open(&world.path).unwrap();
    let both = r#"{"weekDays":[1],"time":"08:00"}"#;
    let both = ("keep", Some(LISTS[0].0), Some(both));
    let rules = RULES.iter().map(|(rule, shown)| (*shown, None, Some(*rule)));
    let lists = LISTS.iter().map(|(list, shown)| (*shown, Some(*list), None));
    let blank = [
        ("at 2026-12-05T08:00:37", Some("[]"), Some("{}")),
        ("at 2026-12-05T08:00:37", None, None),
    ];
    for (shown, list, rule) in rules.chain(lists).chain([both]).chain(blank) {
        for status in ["scheduled", "draft"] {
            make(&world, status, list, rule);
            let before = times(&world);
            let form = open(&mut browser, &panel, "/panel/messages/1/edit");
            assert_eq!(as_words(&form), shown, "{list:?} {rule:?}");
            let saved = post(&mut browser, &panel, "1/edit", &with(&form, &[("text", "Lain")]));
            assert_eq!(saved, Ok("/panel/messages/1?done=saved".to_owned()), "{list:?} {rule:?}");
            assert_eq!(times(&world), before, "{list:?} {rule:?}");
            assert_eq!(world.ask("SELECT message FROM auto_messages"), "Lain");
            // The same through the API, MCP and the command line.
            let edit = Edit { text: Some("Baru".to_owned()), ..Edit::default() };
            messages::edit(&mut store, 1, &edit, &config(), world.clock.wall()).unwrap();
            assert_eq!(times(&world), before, "{list:?} {rule:?}");
        }
    }
}

#[test]
fn what_the_form_shows_of_a_rule_or_a_list_means_the_same_when_it_is_written_anew() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let rules = RULES.iter().map(|(rule, shown)| (*shown, None, Some(*rule)));
    let lists = LISTS.iter().map(|(list, shown)| (*shown, Some(*list), None));
    for (shown, list, rule) in rules.chain(lists).filter(|(shown, ..)| *shown != "keep") {
        make(&world, "scheduled", list, rule);
        let form = open(&mut browser, &panel, "/panel/messages/1/edit");
        let made = post(&mut browser, &panel, "new", &with(&form, &[("text", shown)]));
        assert!(made.is_ok(), "{list:?} {rule:?}: {made:?}");
        let column = |name: &str| {
            let written =
                world.ask(&format!("SELECT coalesce({name}, '') FROM auto_messages WHERE id > 1"));
            Some(written).filter(|column| !column.is_empty())
        };
        let (written_list, written_rule) = (column("schedules"), column("interval_config"));
        let stored = upcoming(list, rule);
        let mut written = upcoming(written_list.as_deref(), written_rule.as_deref());
        if written.is_empty() {
            written.push(world.ask("SELECT scheduled_at FROM auto_messages WHERE id > 1"));
        }
        assert_eq!(written, stored, "{list:?} {rule:?}");
    }
}

#[test]
fn other_times_replace_those_that_the_form_cannot_show_only_when_they_are_chosen() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let monthly = r#"{"monthDays":"1,15","time":"09:00"}"#;
    for (chosen, columns) in [
        (
            &[("when", "weekly"), ("day", "tue"), ("time", "10:00")][..],
            r#"2026-12-01T03:00:00Z||{"time":"10:00","weekDays":["tue"]}"#,
        ),
        (&[("when", "at"), ("at", "2026-12-24T10:00")], "2026-12-24T03:00:00Z||"),
    ] {
        make(&world, "scheduled", None, Some(monthly));
        let form = open(&mut browser, &panel, "/panel/messages/1/edit");
        // A date beside the choice to leave the times could mean either.
        let before = times(&world);
        let unclear = post(&mut browser, &panel, "1/edit", &with(&form, &chosen[1..]));
        let page = unclear.expect_err("a date and no choice of it");
        assert!(page.contains("Anda memilih «Biarkan waktunya seperti sekarang»"), "{page}");
        assert_eq!(times(&world), before);
        let saved = post(&mut browser, &panel, "1/edit", &with(&form, chosen));
        assert_eq!(saved, Ok("/panel/messages/1?done=saved".to_owned()));
        assert_eq!(times(&world), columns);
    }
}

#[test]
fn the_choice_to_leave_the_times_comes_back_with_a_refusal_a_look_and_a_test() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    make(
        &world,
        "scheduled",
        None,
        Some(r#"{"monthDays":"1,15","time":"09:00","endDate":"2027-03-31"}"#),
    );
    let before = times(&world);
    let form = open(&mut browser, &panel, "/panel/messages/1/edit");
    for typed in [
        &[("text", "")][..],
        &[("to", "")],
        &[("do", "preview")],
        &[("do", "test"), ("own", "081200007009")],
    ] {
        let form = with(&form, typed);
        let page = post(&mut browser, &panel, "1/edit", &form).expect_err("it comes back");
        let words = "Biarkan waktunya seperti sekarang: setiap bulan, tanggal 1, 15, 09.00, sampai 31 Mar 2027";
        assert!(page.contains(words), "{typed:?}: {page}");
        assert_eq!(as_words(&fields(&page)), "keep", "{typed:?}");
        // The piece for the script knows the time as well.
        let piece =
            post(&mut browser, &panel, "preview?of=1", &with(&form, &[("to", "081200001001")]));
        let piece = piece.unwrap_err();
        assert!(piece.contains("waktunya tetap, berikutnya Sab, 5 Des 2026, 08.00"), "{piece}");
    }
    assert_eq!(times(&world), before);
    // Another choice that lacks something leaves the way back open.
    let page = post(&mut browser, &panel, "1/edit", &with(&form, &[("when", "weekly")]));
    let page = page.expect_err("no day is chosen");
    assert!(page.contains("Pilih hari-harinya") && page.contains("value=\"keep\""), "{page}");
}

#[test]
fn two_editors_of_times_that_the_form_cannot_show_are_told_of_each_other() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let monthly = r#"{"monthDays":"1,15","time":"09:00"}"#;
    for theirs in
        [r#"{"monthDays":"20","time":"09:00"}"#, r#"{"weekDays":["senin"],"time":"09:00"}"#]
    {
        make(&world, "scheduled", None, Some(monthly));
        let form = open(&mut browser, &panel, "/panel/messages/1/edit");
        let rule = |rule: &str| {
            let sql = "UPDATE auto_messages SET interval_config = ?1";
            world.sql.execute(sql, [rule]).unwrap();
        };
        rule(theirs);
        let before = times(&world);
        let other = [("when", "at"), ("at", "2026-12-24T10:00")];
        let page = post(&mut browser, &panel, "1/edit", &with(&form, &other)).unwrap_err();
        assert!(page.contains("diubah di tempat lain"), "{page}");
        let told = ["setiap bulan, tanggal 20, 09.00", "Sen 09:00"]
            .iter()
            .any(|words| page.contains(words));
        assert!(told, "{page}");
        assert_eq!(as_words(&fields(&page)), "at 2026-12-24T10:00", "what was typed stays");
        // Who leaves the times leaves those that the other one gave.
        let saved = post(&mut browser, &panel, "1/edit", &with(&form, &[("text", "Lain")]));
        assert_eq!(saved, Ok("/panel/messages/1?done=saved".to_owned()));
        assert_eq!(times(&world), before);
        // The next time of a rule moves on by itself: nobody changed that.
        rule(monthly);
        let form = open(&mut browser, &panel, "/panel/messages/1/edit");
        world.execute("UPDATE auto_messages SET scheduled_at = '2026-12-15T02:00:00Z'");
        let saved = post(&mut browser, &panel, "1/edit", &with(&form, &other));
        assert_eq!(saved, Ok("/panel/messages/1?done=saved".to_owned()));
    }
}

#[test]
fn a_copy_has_the_rule_that_the_form_cannot_show() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let monthly = r#"{"monthDays" : "1,15","time":"9.00","timezone":"WITA"}"#;
    make(&world, "scheduled", None, Some(monthly));
    let form = open(&mut browser, &panel, "/panel/messages/new?copy=1");
    assert_eq!(as_words(&form), "keep");
    // The form has it, whatever became of the message meanwhile, also when it comes back.
    world.execute("DELETE FROM auto_messages");
    let page = post(&mut browser, &panel, "new", &with(&form, &[("do", "preview")])).unwrap_err();
    let words = "Waktu yang sama dengan pesan yang disalin: setiap bulan, tanggal 1, 15, 09.00 (Asia/Makassar)";
    assert!(page.contains(words), "{page}");
    assert!(
        page.contains("Jadwalkan dengan waktu yang sama, mulai Sel, 15 Des 2026, 08.00"),
        "{page}"
    );
    let form = with(&fields(&page), &[("do", "save")]);
    let refused = post(&mut browser, &panel, "new", &with(&form, &[("do", "split-days")]));
    assert!(refused.unwrap_err().contains("pesan yang berulang tidak bisa dibagi"));
    for does in ["save", "draft"] {
        let made = post(&mut browser, &panel, "new", &with(&form, &[("do", does), ("text", does)]));
        assert!(made.is_ok(), "{made:?}");
        assert_eq!(times(&world), format!("2026-12-15T01:00:00Z||{monthly}"));
        world.execute("DELETE FROM auto_messages");
    }
    // One that is over, and dates, which have passed mostly, are not copied unseen.
    make(&world, "sent", None, Some(r#"{"monthDays":[1],"time":"7.00","until":"2026-12-01"}"#));
    let form = open(&mut browser, &panel, "/panel/messages/new?copy=1");
    let refused = post(&mut browser, &panel, "new", &form).unwrap_err();
    assert!(refused.contains("sudah lewat"), "{refused}");
    for (list, _) in LISTS {
        make(&world, "scheduled", Some(list), None);
        let form = open(&mut browser, &panel, "/panel/messages/new?copy=1");
        assert_eq!(as_words(&form), "at", "{list}");
    }
}

#[test]
fn a_messages_page_says_in_words_when_it_repeats() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for (list, rule, words) in [
        (
            None,
            Some(r#"{"monthDays":"1,15","time":"09:00"}"#),
            "setiap bulan, tanggal 1, 15, 09.00",
        ),
        (
            None,
            Some(r#"{"weekDays":["senin"],"time":"8 pm","endDate":"2026-12-31","enabled":false}"#),
            "setiap Sen, 20.00, sampai 31 Des 2026, dimatikan",
        ),
        (Some(LISTS[1].0), None, "3 Des 2026, 20.00; 4 Des 2026, 08.00"),
        (None, Some("<b>besok"), "&#60;b&#62;besok"),
    ] {
        make(&world, "scheduled", list, rule);
        let page = text(&browser.get(&panel, "/panel/messages/1"));
        assert!(page.contains(&format!("<dt>Waktu kirim</dt><dd>{words}</dd>")), "{words}: {page}");
        if let Some(rule) = rule.filter(|rule| rule.starts_with('{')) {
            let listed = text(&browser.get(&panel, "/panel/messages?status=scheduled"));
            assert!(
                listed.contains(&format!("<span class=\"rule\">{words}</span>")),
                "{rule}: {listed}"
            );
        }
    }
    make(&world, "scheduled", None, None);
    let page = text(&browser.get(&panel, "/panel/messages/1"));
    assert!(!page.contains("<dt>Waktu kirim</dt>"), "{page}");
}

#[test]
fn the_second_of_two_equal_hours_stays_the_second() {
    let world = World::new();
    let config = Config { zone: Zone::parse("Europe/Berlin").unwrap(), ..config() };
    let password = AdminPassword::Plain(Secret::new(PASSWORD));
    let store = Store::open(&world.path).unwrap();
    let triggers = Arc::clone(&world.triggers);
    let panel = Panel::new(store, world.clock.clone(), triggers, config.into(), password);
    let mut browser = Browser::logged_in(&panel);
    make(&world, "scheduled", None, None);
    world.execute("UPDATE auto_messages SET scheduled_at = '2027-10-31T01:30:00Z'");
    let form = open(&mut browser, &panel, "/panel/messages/1/edit");
    assert_eq!(as_words(&form), "keep");
    let saved = post(&mut browser, &panel, "1/edit", &with(&form, &[("text", "Lain")]));
    assert_eq!(saved, Ok("/panel/messages/1?done=saved".to_owned()));
    assert_eq!(times(&world), "2027-10-31T01:30:00Z||");
}

/// Message 1 with these columns, and a next time that nobody worked out from them.
fn make(world: &World, status: &str, list: Option<&str>, rule: Option<&str>) {
    world.execute("DELETE FROM auto_messages");
    let sql = "INSERT INTO auto_messages (id, message, contact_ids, status, scheduled_at, schedules, interval_config)
               VALUES (1, 'Halo', '[\"081200001001\"]', ?1, '2026-12-05T01:00:37Z', ?2, ?3)";
    world.sql.execute(sql, (status, list, rule)).unwrap();
}

fn times(world: &World) -> String {
    world.ask(
        "SELECT concat_ws('|', scheduled_at, coalesce(schedules, ''), coalesce(interval_config, '')) FROM auto_messages",
    )
}

/// The next times of both columns.
fn upcoming(list: Option<&str>, rule: Option<&str>) -> Vec<String> {
    let zone = Zone::parse("Asia/Jakarta").unwrap();
    let next = |after: &Timestamp| next_occurrence(list, rule, &zone, *after).unwrap();
    let start = Timestamp::parse(START).unwrap();
    std::iter::successors(next(&start), next).take(40).map(|at| at.to_string()).collect()
}

type Fields = Vec<(String, String)>;

fn open(browser: &mut Browser, panel: &Panel, path: &str) -> Fields {
    let page = text(&browser.get(panel, path));
    fields(&page)
}

/// Where a form leads, or the page that it comes back as.
fn post(
    browser: &mut Browser,
    panel: &Panel,
    path: &str,
    fields: &[(String, String)],
) -> Result<String, String> {
    let fields: Vec<_> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let reply = browser.post(panel, &format!("/panel/messages/{path}"), &fields);
    header(&reply, "Location").map(str::to_owned).ok_or_else(|| text(&reply))
}

/// The fields with these in place of those of the same names.
fn with(fields: &[(String, String)], typed: &[(&str, &str)]) -> Fields {
    let is_typed = |name: &str| typed.iter().any(|(known, _)| *known == name);
    let kept = fields.iter().filter(|(name, _)| !is_typed(name)).cloned();
    kept.chain(typed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
        .collect()
}

/// What the form has of the times: `weekly mon thu 08:00`.
fn as_words(form: &[(String, String)]) -> String {
    let names = ["when", "at", "day", "time", "from", "until"].into_iter();
    let all = names.flat_map(|name| form.iter().filter(move |(known, _)| known == name));
    let filled = all.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty());
    filled.collect::<Vec<_>>().join(" ")
}

/// The fields of the form as a browser sends it without its one-time mark: what is no date, no time or not both
/// in a field for that is empty.
fn fields(page: &str) -> Fields {
    let form = page.split("<form class=\"compose\"").nth(1).unwrap_or_else(|| panic!("{page}"));
    let form = form.split("</form>").next().unwrap();
    let plain = |text: &str| {
        let signs =
            [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
        signs.iter().fold(text.to_owned(), |text, (sign, is)| text.replace(sign, is))
    };
    let mut fields = Fields::new();
    let mut select = String::new();
    for tag in form.split('<') {
        let (tag, inner) = tag.split_once('>').unwrap_or((tag, ""));
        let value = |name: &str| {
            let value = tag.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?;
            Some(plain(value))
        };
        let is = |word: &str| tag.ends_with(word);
        let name = value("name").unwrap_or_default();
        match tag.split(' ').next().unwrap() {
            "select" => select = name,
            "option" if is(" selected") => fields.push((select.clone(), value("value").unwrap())),
            "textarea" => fields.push((name, plain(inner))),
            "input" if ["csrf", "mark"].contains(&name.as_str()) => {}
            "input" => match value("type").as_deref() {
                Some("radio" | "checkbox") if !is(" checked") => {}
                Some("file") => {}
                kind => {
                    let typed = value("value").unwrap_or_default();
                    let typed = if is_valid(kind, &typed) { typed } else { String::new() };
                    fields.push((name, typed));
                }
            },
            _ => {}
        }
    }
    fields
}

fn is_valid(kind: Option<&str>, value: &str) -> bool {
    let is_like = |text: &str, pattern: &str| {
        text.len() == pattern.len()
            && text.chars().zip(pattern.chars()).all(|(sign, like)| match like {
                '0' => sign.is_ascii_digit(),
                like => sign == like,
            })
    };
    let is_time = |time: &str| is_like(time, "00:00") || is_like(time, "00:00:00");
    match kind {
        Some("date") => is_like(value, "0000-00-00"),
        Some("time") => is_time(value),
        Some("datetime-local") => value
            .split_once('T')
            .is_some_and(|(date, time)| is_like(date, "0000-00-00") && is_time(time)),
        _ => true,
    }
}
