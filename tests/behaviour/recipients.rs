//! Every form of `contact_ids`, from the row to the chat.

use crate::world::World;

fn world() -> World {
    let world = World::new();
    world.execute(
        "INSERT INTO contacts (id, name, phone_number) VALUES
             (1, 'Budi', '0812-0000-7001'), (2, 'Siti', '+62 813 0000 7002'), (3, 'Agus', 'rusak');
         INSERT INTO contacts (id, name, phone_number, opted_out_at)
             VALUES (4, 'Dewi', '081200007004', '2026-11-01 00:00')",
    );
    world
}

#[test]
fn numbers_in_the_text_of_a_link_are_nobody() {
    let link = "https://wa.me/6281200007001?text=Pesan";
    let other = "https://api.whatsapp.com/send?phone=6281300007002&text=2";
    for (contact_ids, gets_it) in [
        (format!("{link} 1,2"), &[][..]),
        (format!("{link},2"), &["6281200007001@c.us"]),
        (format!(r#"["{link};2"]"#), &["6281200007001@c.us"]),
        (format!("{link}, hubungi 081300007002, 0813 0000 7002"), &["6281200007001@c.us"]),
        (format!("{link},{other}"), &["6281200007001@c.us", "6281300007002@c.us"]),
        (format!("{link}, all"), &["6281200007001@c.us"]),
        (format!("{link}, tag:Karyawan, 5\n2"), &["6281200007001@c.us", "6281300007002@c.us"]),
        (format!("Budi {link} 1,2"), &[]),
        (format!("{},2", link.replace("text", "TEXT")), &["6281200007001@c.us"]),
        ("https://api.whatsapp.com/send?text=Pesan,2".to_owned(), &[]),
        (format!("{link}\n2"), &["6281200007001@c.us", "6281300007002@c.us"]),
        // What a new line begins is no text of the link above, with a comma before it or without.
        (format!("{link},\n081300007002"), &["6281200007001@c.us", "6281300007002@c.us"]),
        (
            "https://wa.me/6281200007001, 2".to_owned(),
            &["6281200007001@c.us", "6281300007002@c.us"],
        ),
    ] {
        let world = world();
        world.message(&contact_ids);
        world.run();
        assert_eq!(world.recipients(), gets_it, "{contact_ids}");
    }
}

#[test]
fn every_form_of_contact_ids_goes_out_once_to_each() {
    let both = ["6281200007001@c.us", "6281300007002@c.us"];
    for contact_ids in [
        "[1,2]",
        r#"["1","2"]"#,
        r#"[{"id":1},{"id":2}]"#,
        r#"[{"contact_id":1},{"contact_id":"2"}]"#,
        r#"[{"phone":"081200007001","name":"Budi"},{"phone_number":"+62 813-0000-7002"}]"#,
        r#"["081200007001","+62 813-0000-7002"]"#,
        r#"["6281200007001@c.us","6281300007002@s.whatsapp.net"]"#,
        "1,2",
        "1;2",
        "1 2",
        "1\n2",
        "0812 0000 7001, 0813 0000 7002",
        r#""[1,2]""#,
        "{1,2}",
        "[1, 2, 1, \"081200007001\", \"(0812) 0000.7001\"]",
    ] {
        let world = world();
        let id = world.message(contact_ids);
        world.run();
        assert_eq!(world.recipients(), both, "{contact_ids}");
        assert_eq!(world.status(id), "sent", "{contact_ids}");
    }
    for (contact_ids, chat) in [
        ("1", "6281200007001@c.us"),
        ("6281200007001", "6281200007001@c.us"),
        ("0062812 0000 7001", "6281200007001@c.us"),
        ("６２８１２００００７００１", "6281200007001@c.us"),
        ("120363000000000001@g.us", "120363000000000001@g.us"),
    ] {
        let world = world();
        world.message(contact_ids);
        world.run();
        assert_eq!(world.recipients(), [chat], "{contact_ids}");
    }
}

#[test]
fn invalid_recipients_are_skipped_with_a_reason_and_the_rest_is_sent() {
    let world = world();
    let id = world.message(r#"[1, 3, 4, 77, "8.12345E+11", null, "08-belum"]"#);
    world.run();
    assert_eq!(world.status(id), "sent");
    let skipped = world.rows(
        "SELECT chat_id, contact_id, error FROM deliveries WHERE status = 'skipped' ORDER BY id",
    );
    let expected = [
        ("rusak|3|", "letters"),
        ("081200007004|4|", "opted out"),
        ("contact 77||", "there is no contact 77"),
        ("8.12345E+11||", "Excel"),
        ("null||", ""),
        ("08-belum||", "letters"),
    ];
    assert_eq!(skipped.len(), expected.len(), "{skipped:?}");
    for (row, (start, part)) in skipped.iter().zip(expected) {
        assert!(row.starts_with(start) && row.contains(part), "{row}");
    }
    assert_eq!(world.ask("SELECT contact_count || '/' || skipped_count FROM auto_messages"), "7/6");
}

#[test]
fn two_entries_that_are_wrong_in_the_same_words_are_two_rows() {
    let world = world();
    world.message(r#"[1, "belum", "belum"]"#);
    world.run();
    let rows = world.rows("SELECT chat_id FROM deliveries WHERE status = 'skipped' ORDER BY id");
    assert_eq!(rows, ["belum", "belum (2)"]);
}

#[test]
fn a_contact_that_gets_nothing_is_one_recipient_however_often_it_is_named() {
    let world = world();
    world.execute("UPDATE contacts SET tags = '[\"vip\"]' WHERE id IN (1, 3, 4)");
    world.message(r#"["tag:vip", 3, 4, "4", {"id": 3}, 1]"#);
    world.run();
    let rows = world.rows("SELECT contact_id, status FROM deliveries ORDER BY id");
    assert_eq!(rows, ["1|sent", "3|skipped", "4|skipped"]);
    assert_eq!(world.ask("SELECT contact_count || '/' || skipped_count FROM auto_messages"), "3/2");
    // Who makes a message is told as many as it then has.
    let site = crate::site::Site::new();
    site.sqlite3(
        "INSERT INTO contacts (id, name, phone_number, opted_out_at, tags) VALUES
             (4, 'Dewi', '+6281200007004', '2026-11-01 00:00', '[\"vip\"]')",
    );
    let to = ["--to", "tag:vip", "4", "081200007001", "081200007004", "4"];
    let add = [&["message", "add", "Hai", "--at", "now", "--json"][..], &to].concat();
    let made: serde_json::Value = serde_json::from_slice(&site.run(&add).stdout).unwrap();
    assert_eq!(
        made["skipped"].as_array().map(Vec::len),
        Some(2),
        "the contact, and a number: {made}"
    );
    site.run(&["run"]);
    assert_eq!(site.sqlite3("SELECT contact_count, skipped_count FROM auto_messages"), "3|2\n");
}

#[test]
fn a_delivery_remembers_the_contact_and_the_name() {
    let world = world();
    world.message("[1]");
    world.run();
    assert_eq!(world.rows("SELECT contact_id, name FROM deliveries"), ["1|Budi"]);
}

#[test]
fn an_exception_gets_nothing_by_whatever_name_the_others_have_for_it() {
    let tagged = || {
        let world = world();
        world.execute(
            "UPDATE contacts SET tags = '[\"vip\"]' WHERE id IN (1, 2);
             UPDATE contacts SET tags = '[\"vip\",\"Karyawan\"]' WHERE id = 2;
             INSERT INTO contacts (id, name, phone_number) VALUES (5, 'Siti lagi', '081300007002')",
        );
        world
    };
    for contact_ids in [
        r#"["tag:vip","except:tag:karyawan"]"#,
        r#"["tag:vip","except:2"]"#,
        r#"["tag:vip","EXCEPT:0813-0000-7002"]"#,
        r#"["tag:vip","except:6281300007002@c.us"]"#,
        "tag:vip, except:tag:karyawan",
        "all\nexcept:tag:karyawan\nexcept:5",
        r#"{"ids":[1,2,5],"except":[2]}"#,
        r#"{"tag":"vip","exclude":["tag:karyawan"]}"#,
        r#"[1,5,{"id":2,"selected":false}]"#,
        r#"{"ids":[1,2,5],"exclude":[{"id":2,"status":"unsubscribed"}]}"#,
        r#"{"ids":[1,2,5],"exclude":["except:2"],"excluded":0,"type":"contacts","success":true}"#,
        r#"[{"id":1,"deleted_at":"0000-00-00 00:00:00"},5,{"id":2,"status":"tidak aktif"}]"#,
        r#"[1,5,{"id":2,"consent":"denied"}]"#,
        r#"[1,5,{"id":2,"unsubscribe":true}]"#,
        r#"[1,5,{"id":2,"wa_opt_out":1}]"#,
        r#"[1,5,{"id":2,"is_opted_in":false}]"#,
        // As Postgres has them in a text.
        r#"[1,5,{"id":2,"selected":"f"}]"#,
        r#"[{"id":1,"opted_out":"f"},5,{"id":2,"opted_out":"t"}]"#,
        r#"{"ids":[1,2,5],"excluded_contact_ids":[2]}"#,
        r#"[1,5,{"id":2,"subscription_status":"unsubscribed"}]"#,
        r#"[1,5,{"id":2,"marketing_consent":false}]"#,
        // The same person, named by a number, a chat and another contact.
        r#"[1,"0813 0000 7002","6281300007002@c.us",5,{"phone":"081300007002"},"except:tag:Karyawan"]"#,
    ] {
        let world = tagged();
        let id = world.message(contact_ids);
        world.run();
        assert_eq!(world.recipients(), ["6281200007001@c.us"], "{contact_ids}");
        assert_eq!(world.status(id), "sent", "{contact_ids}");
    }
}

#[test]
fn an_exception_gets_nothing_by_its_hidden_number_either() {
    for contact_ids in [
        r#"[1,"998855500010@lid","except:2"]"#,
        r#"[1,"998855500010@lid","except:081300007002"]"#,
        r#"[1,"998855500010@lid","except:6281300007002@c.us"]"#,
        r#"[1,2,"081300007002","except:998855500010@lid"]"#,
    ] {
        let world = world();
        world.execute(
            "INSERT INTO hidden_numbers (lid, phone_number, session_name)
                 VALUES ('998855500010@lid', '6281300007002', 'default')",
        );
        let id = world.message(contact_ids);
        world.run();
        assert_eq!(world.recipients(), ["6281200007001@c.us"], "{contact_ids}");
        assert_eq!(world.status(id), "sent", "{contact_ids}");
    }
}

#[test]
fn an_exception_that_cannot_be_read_lets_nobody_get_anything() {
    for contact_ids in [
        r#"["all","except:tag:"]"#,
        r#"["all","except:"]"#,
        r#"["all","except:all"]"#,
        r#"["all","except:8.12E+11"]"#,
        r#"["all","except:except:1"]"#,
        // Is 2 an exception or a recipient?
        "all, except:1, 2",
        r#"["all","except:1,2"]"#,
        r#"{"ids":[1,2],"except":["budi"]}"#,
    ] {
        let world = world();
        let id = world.message(contact_ids);
        world.run();
        assert_eq!(world.recipients(), [""; 0], "{contact_ids}");
        assert_eq!(world.status(id), "failed", "{contact_ids}");
        let why = world.ask("SELECT error FROM auto_messages");
        assert!(why.contains("exception"), "{contact_ids}: {why}");
    }
}

#[test]
fn a_message_of_which_everybody_is_an_exception_is_not_called_sent() {
    let world = world();
    let id = world.message(r#"[1,"except:1"]"#);
    world.run();
    assert_eq!(world.recipients(), [""; 0]);
    assert_ne!(world.status(id), "sent");
    assert_eq!(world.ask("SELECT error_code FROM deliveries"), "nobody_left");
}

#[test]
fn a_key_of_a_list_that_is_not_understood_lets_nobody_get_anything() {
    let world = world();
    let id = world.message(r#"{"ids":[1,2],"only":[1]}"#);
    world.run();
    assert_eq!((world.recipients(), world.status(id)), (Vec::new(), "failed".to_owned()));
    let why = world.ask("SELECT error FROM auto_messages");
    assert!(why.contains("its key `only` is not understood"), "{why}");
}
