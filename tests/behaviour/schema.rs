//! The tables as people and other programs use them: the seed's own SQL, word for word.

use crate::world::World;

#[test]
fn the_seeds_monitoring_queries_work_word_for_word() {
    let world = World::new();
    world.message("081200007001");
    world.message("belum");
    world.run();
    let all = world.rows(
        "-- Cek status auto messages
SELECT id, title, status, scheduled_at, sent_at 
FROM auto_messages 
ORDER BY created_at DESC;",
    );
    assert_eq!(all.len(), 2);
    let failed = world.rows(
        "-- Cek auto messages yang gagal
SELECT * FROM auto_messages 
WHERE status = 'failed' 
ORDER BY created_at DESC;",
    );
    assert_eq!(failed.len(), 1);
}

#[test]
fn the_seeds_two_indexes_are_there_as_it_defines_them() {
    let world = World::new();
    for (name, columns) in [
        ("idx_auto_messages_status_scheduled_at", "status,scheduled_at"),
        ("idx_contacts_phone_number", "phone_number"),
    ] {
        let sql = format!("SELECT group_concat(name) FROM pragma_index_info('{name}')");
        assert_eq!(world.ask(&sql), columns);
        world.execute(&format!("DROP INDEX {name}"));
    }
    world.execute(
        "CREATE INDEX idx_auto_messages_status_scheduled_at 
ON auto_messages(status, scheduled_at);
CREATE INDEX idx_contacts_phone_number 
ON contacts(phone_number);",
    );
}

#[test]
fn what_people_write_as_a_time_becomes_utc() {
    let world = World::new();
    for (written, kept) in [
        ("2026-12-01 09:00", "2026-12-01T09:00:00Z"),
        ("2026-12-01 09:00:30", "2026-12-01T09:00:30Z"),
        ("2026-12-01T09:00:00Z", "2026-12-01T09:00:00Z"),
        ("2026-12-01 09:00+07:00", "2026-12-01T02:00:00Z"),
        ("2026-12-01T09:00:00.000Z", "2026-12-01T09:00:00Z"),
        ("2026-12-01 09:00:00+00", "2026-12-01T09:00:00Z"),
        ("2026-12-01 09:00:00.5+0700", "2026-12-01T02:00:00Z"),
        ("2026-12-01", "2026-12-01T00:00:00Z"),
    ] {
        let id = world.message("1");
        let change = format!("UPDATE auto_messages SET scheduled_at = '{written}' WHERE id = {id}");
        world.execute(&change);
        let sql = format!("SELECT scheduled_at FROM auto_messages WHERE id = {id}");
        assert_eq!(world.ask(&sql), kept, "{written}");
    }
}

#[test]
fn what_is_no_time_is_refused_and_says_how_to_write_one() {
    let world = World::new();
    for written in
        ["now", "besok", "12:00", "2026-02-31 08:00", "1796000000", "2026-12-01 25:00", ""]
    {
        let sql = "INSERT INTO auto_messages (message, scheduled_at) VALUES ('x', ?1)";
        let error = world.sql.execute(sql, [written]).unwrap_err().to_string();
        assert!(error.contains("scheduled_at is no time: write it as"), "{written}: {error}");
    }
    assert_eq!(world.ask("SELECT count(*) FROM auto_messages"), "0");
}

#[test]
fn a_status_that_does_not_exist_is_refused() {
    let world = World::new();
    world.message("1");
    let sql = "UPDATE auto_messages SET status = 'done'";
    assert!(world.sql.execute(sql, []).unwrap_err().to_string().contains("CHECK"));
}

#[test]
fn a_warm_up_begins_on_a_day_of_the_calendar() {
    let world = World::new();
    world.execute("UPDATE channels SET warmup_from = '2026-12-01'");
    for written in ["2026-02-31", "besok", "2026-12-01 08:00", "1-12-2026", ""] {
        let sql = "UPDATE channels SET warmup_from = ?1";
        let error = world.sql.execute(sql, [written]).unwrap_err().to_string();
        assert!(
            error.contains("warmup_from is the day on which a warm-up began"),
            "{written}: {error}"
        );
    }
    assert_eq!(world.ask("SELECT warmup_from FROM channels"), "2026-12-01");
}

#[test]
fn two_channels_cannot_share_a_whatsapp_number() {
    let world = World::new();
    for session in ["default", " default "] {
        let sql = "INSERT INTO channels (name, session_name) VALUES ('again', ?1)";
        let error = world.sql.execute(sql, [session]).unwrap_err().to_string();
        assert!(error.contains("UNIQUE"), "{error}");
    }
}

#[test]
fn a_message_on_its_way_is_not_moved_by_accident() {
    let world = World::new();
    world.message("081200007001, 081200007002");
    world.trigger();
    world.step_until_received(1);
    let sql = "UPDATE auto_messages SET scheduled_at = '2027-01-01 00:00'";
    let error = world.sql.execute(sql, []).unwrap_err().to_string();
    assert!(error.contains("set status = 'scheduled' in the same UPDATE"), "{error}");
}

#[test]
fn an_id_that_no_command_could_name_or_that_leaves_none_for_the_next_row_is_refused() {
    let world = World::new();
    for table in ["auto_messages", "contacts", "channels"] {
        let columns = match table {
            "auto_messages" => "(id, message, contact_ids) VALUES ({}, 'Halo', '[1]')",
            "contacts" => "(id, phone_number) VALUES ({}, '081200007001')",
            _ => "(id, name, session_name) VALUES ({}, 'lain', 'lain')",
        };
        let insert = |id: &str| format!("INSERT INTO {table} {}", columns.replace("{}", id));
        let small: &[&str] = if table == "auto_messages" { &["0", "-1"] } else { &[] };
        for id in [small, &["9007199254740992", "9223372036854775807"]].concat() {
            let error = world.sql.execute(&insert(id), []).unwrap_err().to_string();
            assert!(error.contains("id: leave it out"), "{table} {id}: {error}");
        }
        world.execute(&insert("NULL"));
        let update = format!("UPDATE {table} SET id = 9223372036854775807");
        let error = world.sql.execute(&update, []).unwrap_err().to_string();
        assert!(error.contains("id: leave it out"), "{table}: {error}");
        world.execute(&insert("77").replace("7001", "7002").replace("lain", "kedua"));
    }
}
