//! Entries that are JSON objects.

use super::{assert_reads, reason};

#[test]
fn an_object_names_a_contact_by_its_id() {
    assert_reads(&[
        (r#"[{"id":1}]"#, &["#1"]),
        (r#"{"id":1}"#, &["#1"]),
        (r#"[{"contact_id":1},{"contactId":"2"}]"#, &["#1", "#2"]),
        (r#"[{"id":12345678}]"#, &["#12345678"]),
        (r#"[{"id":"9223372036854775807"}]"#, &["#9223372036854775807"]),
        (r#"[{"id":9,"contact_id":3}]"#, &["#3"]),
        (r#"[{"id":1,"phone":null,"name":"Budi"}]"#, &["#1"]),
        (r#"[{"id":1,"phone":""}]"#, &["#1"]),
    ]);
}

#[test]
fn an_object_names_a_person_by_a_phone() {
    for key in [
        "phone",
        "phone_number",
        "phoneNumber",
        "number",
        "whatsapp",
        "wa",
        "no_hp",
        "Phone",
        "No HP",
    ] {
        assert_reads(&[(
            &format!(r#"[{{"{key}":"0812-3456","name":"Budi"}}]"#),
            &["0812-3456 Budi"],
        )]);
    }
    assert_reads(&[
        (r#"[{"phone":"081234567890","nama":" Budi "}]"#, &["081234567890 Budi"]),
        (r#"[{"phone":81234567890}]"#, &["81234567890"]),
        (r#"[{"phone":"62 812 3456 7890"}]"#, &["62 812 3456 7890"]),
        (r#"[{"id":1,"phone":"081234567890","name":"Budi"}]"#, &["#1 081234567890 Budi"]),
        (r#"[{"id":"a1b2-c3","phone":"081234567890"}]"#, &["081234567890"]),
        (r#"[{"id":0,"phone":"081234567890"}]"#, &["081234567890"]),
        (r#"[{"number":1,"phone":"081234567890"}]"#, &["081234567890"]),
        (r#"[{"phone":"0215551234","whatsapp":"081234567890"}]"#, &["081234567890"]),
        (r#"[{"phone":"081234567890","whatsapp":true}]"#, &["081234567890"]),
        (r#"[{"phone":"081234567890","phone_number":"+62 812-3456-7890"}]"#, &["081234567890"]),
    ]);
}

#[test]
fn an_object_names_a_chat() {
    assert_reads(&[
        (r#"[{"chat_id":"6281234567890@c.us","name":"Budi"}]"#, &["<6281234567890@c.us> Budi"]),
        (r#"[{"chatId":"120363025246125486@g.us"}]"#, &["<120363025246125486@g.us>"]),
        (r#"[{"id":"6281234567890@c.us","number":"6281234567890"}]"#, &["<6281234567890@c.us>"]),
        (r#"[{"phone":"6281234567890@s.whatsapp.net"}]"#, &["<6281234567890@c.us>"]),
        (r#"[{"id":1,"chat_id":"6281234567890@c.us"}]"#, &["#1 +6281234567890"]),
        (r#"[{"id":1,"chat_id":"081234567890@c.us"}]"#, &["#1 081234567890"]),
        (r#"[{"chat_id":"6281234567890"}]"#, &["6281234567890"]),
    ]);
}

#[test]
fn a_nested_contact_is_unwrapped_once() {
    assert_reads(&[
        (r#"[{"contact":{"id":3}}]"#, &["#3"]),
        (r#"[{"id":9,"contact":{"phone":"081234567890","name":"Budi"}}]"#, &["081234567890 Budi"]),
        (r#"[{"id":9,"contact_id":3,"contact":{"phone":"081234567890"}}]"#, &["#3 081234567890"]),
        (r#"[{"contact_id":3,"contact":{}}]"#, &["#3"]),
        (r#"[{"contact_id":3,"contact":null}]"#, &["#3"]),
    ]);
    assert!(reason(r#"[{"contact":{"contact":{"id":3}}}]"#).contains("names nobody"));
}

#[test]
fn an_object_that_names_nobody_or_two_says_so() {
    for (text, part) in [
        ("[{}]", "keys id, contact_id, phone, phone_number"),
        (r#"{"name":"Budi"}"#, "keys id, contact_id, phone, phone_number"),
        (r#"[{"phone":"","id":null}]"#, "names nobody"),
        (r#"[{"phone":true}]"#, "names nobody"),
        (r#"[{"phone":"081234567890","phone_number":"081234567899"}]"#, "differ"),
        (r#"[{"contact_id":1,"contactId":2}]"#, "differ"),
        (r#"[{"id":"007"}]"#, "without a 0 in front"),
        (r#"[{"id":-1}]"#, "from 1 on"),
        (r#"[{"id":[1]}]"#, "from 1 on"),
        (r#"[{"id":"9223372036854775808"}]"#, "from 1 on"),
        (r#"[{"phone":["081234567890"]}]"#, "neither text nor a number"),
        (r#"[{"phone":-81234567890}]"#, "negative"),
        (r#"[{"chat_id":"budi@example.com"}]"#, "must end in @c.us"),
    ] {
        let reason = reason(text);
        assert!(reason.contains(part), "{text}: {reason}");
    }
}

#[test]
fn a_tag_is_an_entry_in_every_form_and_never_hides_a_person() {
    assert_reads(&[
        (r#"{"tag":"pelanggan"}"#, &["tag pelanggan"]),
        (r#"[{"tag":" a "},{"Tag":"b c"},5]"#, &["tag a", "tag b c", "#5"]),
        (r#"[{"id":3,"tag":"vip"}]"#, &["#3"]),
        (r#"[{"tag":2024}]"#, &["tag 2024"]),
        ("tag:pelanggan", &["tag pelanggan"]),
        (
            "TAG: pelanggan lama , 081234567890;tag:b",
            &["tag pelanggan lama", "081234567890", "tag b"],
        ),
        (r#"["tag:a","tag:b"]"#, &["tag a", "tag b"]),
        ("{tag:a,tag:b}", &["tag a", "tag b"]),
        ("tag:", &["!tag:"]),
        ("all", &["all"]),
        (r#"["ALL", "tag:all", {"tag":"all"}]"#, &["all", "tag all", "tag all"]),
        ("{all}", &["all"]),
        (r#"[{"tag":""},{"tag":["a"]}]"#, &[r#"!{"tag":""}"#, r#"!{"tag":["a"]}"#]),
    ]);
}
