//! Entries that are JSON objects.

use super::{assert_reads, reason};
use crate::recipient::parse_contact_ids;

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

#[test]
fn an_object_leaves_out_whom_it_excepts() {
    assert_reads(&[
        (r#"{"ids":[1,2],"except":[2]}"#, &["#1", "#2", "-#2"]),
        (r#"{"ids":[1,2],"exclude":2}"#, &["#1", "#2", "-#2"]),
        (r#"{"excluded_ids":["2","3"],"ids":[1]}"#, &["#1", "-#2", "-#3"]),
        (r#"{"contacts":[1],"kecuali":"tag:staff, 2"}"#, &["#1", "-tag staff", "-#2"]),
        (
            r#"{"ids":[1],"except":[{"id":2},{"phone":"081234567890"}]}"#,
            &["#1", "-#2", "-081234567890"],
        ),
        (r#"{"tag":"vip","except":["tag:staff"]}"#, &["tag vip", "-tag staff"]),
        (
            r#"[{"tag":"vip","exclude":[2]},{"tag":"staff","excluded":true}]"#,
            &["tag vip", "-#2", "-tag staff"],
        ),
        (r#"{"0":1,"1":2,"except":[2]}"#, &["#1", "#2", "-#2"]),
        (r#"["tag:vip",{"except":[{"id":2}]}]"#, &["tag vip", "-#2"]),
        (r#""{\"ids\":[1,2],\"except\":[2]}""#, &["#1", "#2", "-#2"]),
        (r#"{"id":1,"except":[2]}"#, &["#1", "-#2"]),
        (r#"{"ids":[1],"except":[],"exclude":null,"excluded":"","kecuali":false}"#, &["#1"]),
    ]);
}

#[test]
fn an_entry_that_is_not_selected_is_an_exception() {
    for off in [
        r#""selected":false"#,
        r#""checked":0"#,
        r#""isActive":"false""#,
        r#""enabled":"tidak""#,
        r#""is_included":false"#,
        r#""aktif":"0""#,
        r#""excluded":true"#,
        r#""exclude":1"#,
        r#""except":"ya""#,
        r#""disabled":true"#,
        r#""skip":true"#,
        r#""opted_out":"1""#,
        r#""opted_out_at":"2026-11-01T00:00:00Z""#,
        r#""deleted_at":"2026-11-01""#,
        r#""status":"unsubscribed""#,
        r#""consent":"no""#,
    ] {
        assert_reads(&[(&format!(r#"[{{"id":1,{off}}},2]"#), &["-#1", "#2"])]);
        assert_reads(&[(&format!(r#"[{{"contact":{{"id":1,{off}}}}}]"#), &["-#1"])]);
    }
    for on in [
        r#""selected":true"#,
        r#""checked":1"#,
        r#""isActive":null"#,
        r#""enabled":"ya""#,
        r#""excluded":false"#,
        r#""exclude":0"#,
        r#""except":[]"#,
        r#""opted_out_at":null"#,
        r#""deleted_at":"""#,
        r#""skip":false"#,
        r#""status":"active""#,
        r#""city":"Solo""#,
        r#""is_new":false"#,
    ] {
        assert_reads(&[(&format!(r#"[{{"id":1,{on}}}]"#), &["#1"])]);
    }
}

#[test]
fn what_may_leave_somebody_out_and_is_not_understood_fails_the_message_by_its_name() {
    for (text, part) in [
        (r#"{"ids":[1,2],"filter":"vip"}"#, "its key `filter` is not understood"),
        (r#"{"ids":[1,2],"selected":[1]}"#, "`selected`"),
        (r#"{"ids":[1,2],"enabled":false}"#, "`enabled`"),
        (r#"{"ids":[1,2],"limit":1}"#, "`limit`"),
        (r#"{"ids":[1,2],"except":true}"#, "`except`"),
        (r#"{"to":"081234567890","items":[1]}"#, "`to`"),
        (r#"[5,{"ids":[1],"mode":"exclude"}]"#, "`mode`"),
        (r#"["{\"ids\":[1],\"mode\":\"exclude\"}",5]"#, "`mode`"),
        (r#"{"tag":"vip","city":"Solo"}"#, "`city`"),
        (r#"{"ids":[1],"tag":"vip"}"#, "`tag`"),
        (r#"{"tag":"vip","except":1}"#, "`except`"),
        (r#"{"ids":[1],"except":["budi"]}"#, "the exception `budi`"),
        (r#"{"ids":[1],"except":"all"}"#, "an exception names"),
        (r#"{"ids":[1],"except":{"nama":"Budi"}}"#, "names nobody"),
    ] {
        let error = parse_contact_ids(Some(text)).expect_err(text).to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
    assert_reads(&[
        (
            r#"{"ids":[1],"name":"VIP","count":1,"created_at":"x","all":false,"filter":null,"x":[]}"#,
            &["#1"],
        ),
        (r#"{"tag":"vip","label":"VIP","color":"red","selected":true}"#, &["tag vip"]),
    ]);
}
