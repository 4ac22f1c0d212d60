//! Keys of a rule that nobody understands: they may mean "no more", so nothing is sent.

use super::*;

#[test]
fn a_key_that_is_not_understood_fails_the_message_and_is_named() {
    for (key, value) in [
        ("until", r#""2026-11-01""#),
        ("enabled", "false"),
        ("end", r#""2026-11-01""#),
        ("endsAt", r#""2026-11-01""#),
        ("count", "3"),
        ("start", r#""2027-01-01""#),
        ("timezone", r#""Asia/Makassar""#),
    ] {
        let with_key = |rule: String| rule.replace('}', &format!(r#","{key}":{value}}}"#));
        let weekly = format!("'{}'", with_key(rule("0,1,2,3,4,5,6", "09:00")));
        let entry = with_key(r#"{"date":"2026-12-01","time":"09:00"}"#.to_owned());
        for (columns, values) in [
            ("interval_config", weekly.clone()),
            ("interval_config, scheduled_at", format!("{weekly}, '2026-12-01 02:00'")),
            ("schedules", format!("'[{entry}]'")),
        ] {
            let world = world_in(JAKARTA);
            let id = insert(&world, columns, &values);
            world.run();
            assert_eq!(world.status(id), "failed", "{key} {columns}");
            let named = format!("`{key}` is not understood");
            assert!(world.error(id).contains(&named), "{}", world.error(id));
            run_until(&world, "2026-12-03T00:00:00Z");
            assert_eq!(sent(&world), [""; 0], "{key} {columns}");
        }
    }
}

#[test]
fn a_key_that_appears_while_the_message_waits_or_is_sent_ends_it() {
    let world = world_in(JAKARTA);
    let good = rule("0,1,2,3,4,5,6", "09:00");
    let bad = good.replace('}', r#","enabled":false}"#);
    let waits = insert(&world, "interval_config", &format!("'{good}'"));
    let is_sent = insert(&world, "interval_config", &format!("'{good}'"));
    edit(&world, is_sent, "contact_ids = '081200007002, 081200007003'");
    world.run();
    edit(&world, waits, &format!("interval_config = '{bad}'"));
    world.clock.set("2026-12-01T02:00:00Z");
    world.trigger();
    world.step();
    assert_eq!(world.status(is_sent), "sending");
    edit(&world, is_sent, &format!("interval_config = '{bad}'"));
    run_until(&world, "2026-12-03T00:00:00Z");
    assert_eq!(world.recipients(), ["6281200007002@c.us", "6281200007003@c.us"]);
    for (id, status) in [(waits, "failed"), (is_sent, "sent")] {
        assert_eq!(world.status(id), status);
        assert!(world.error(id).contains("`enabled` is not understood"), "{}", world.error(id));
    }
    // Corrected and scheduled again, it goes on from then.
    edit(&world, waits, &format!("interval_config = '{good}', status = 'scheduled'"));
    run_until(&world, "2026-12-03T03:00:00Z");
    assert_eq!(sent(&world).len(), 3);
}

#[test]
fn notes_beside_a_rule_and_fields_that_are_empty_are_let_pass() {
    let notes = r#","id":7,"name":"Promo","label":"x","note":"y","color":"red","created_at":"z","until":null,"count":"","end":[]}"#;
    let world = world_in(JAKARTA);
    let weekly = rule("2", "09:00").replace('}', notes);
    let entry = r#"{"date":"2026-12-01","time":"09:00"}"#.replace('}', notes);
    insert(&world, "interval_config", &format!("'{weekly}'"));
    insert(&world, "schedules", &format!("'[{entry}]'"));
    run_until(&world, "2026-12-01T03:00:00Z");
    assert_eq!(sent(&world).len(), 2);
}
