//! The address book in a browser.

use auto_message_scheduler::http::{Request, Response};
use auto_message_scheduler::panel::Panel;

use super::{Browser, header, panel, text};
use crate::world::World;

/// The page that looks at a list, or the refusal of the list.
pub fn upload(browser: &mut Browser, panel: &Panel, csv: &[u8]) -> Response {
    let reply = send_list(browser, panel, csv);
    match header(&reply, "Location").map(str::to_owned) {
        Some(there) => browser.get(panel, &there),
        None => reply,
    }
}

fn send_list(browser: &mut Browser, panel: &Panel, csv: &[u8]) -> Response {
    browser.get(panel, "/panel/contacts/import");
    let mut body = format!(
        "--XX\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{}\r\n--XX\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"kontak.csv\"\r\n\
         Content-Type: text/csv\r\n\r\n",
        browser.token
    )
    .into_bytes();
    body.extend_from_slice(csv);
    body.extend_from_slice(b"\r\n--XX--\r\n");
    let mut request = Request::new("POST", "/panel/contacts/import")
        .with("Content-Type", "multipart/form-data; boundary=XX");
    request.body = body;
    browser.send(panel, request)
}

#[test]
fn a_list_is_stored_only_after_it_was_looked_at_and_somebody_said_yes() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let csv = b"nama;no hp;label\nAni;0812 0000 1001;vip\nBudi;12;\nAni lagi;+62 812-0000-1001;\n";
    let page = text(&upload(&mut browser, &panel, csv));
    for part in
        ["kontak.csv", "+62 812-0000-1001", "Ani", "Belum disimpan", "kode negara", "sel kosong"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert_eq!(world.ask("SELECT count(*) FROM contacts"), "0");
    let reply = browser.post(&panel, "/panel/contacts/import/confirm", &[("tags", "impor")]);
    assert_eq!(header(&reply, "Location"), Some("/panel/contacts?done=imported"));
    let rows = world.rows("SELECT name || phone_number || tags FROM contacts");
    assert_eq!(rows, [r#"Ani lagi+6281200001001["vip","impor"]"#]);
    // The yes is used up.
    assert_eq!(browser.post(&panel, "/panel/contacts/import/confirm", &[]).status, 409);
    assert_eq!(world.ask("SELECT count(*) FROM panel_uploads"), "0");
}

#[test]
fn a_list_that_waits_for_its_yes_belongs_to_one_session_and_to_one_hour() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    upload(&mut browser, &panel, b"nama,hp\nAni,081200001001\n");
    let mut other = Browser::logged_in(&panel);
    assert_eq!(other.post(&panel, "/panel/contacts/import/confirm", &[]).status, 409);
    world.clock.pass(std::time::Duration::from_mins(61));
    assert_eq!(browser.post(&panel, "/panel/contacts/import/confirm", &[]).status, 409);
    assert_eq!(world.ask("SELECT count(*) FROM contacts"), "0");
}

#[test]
fn what_is_no_list_of_contacts_is_said_in_words() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for (content, status) in [
        (&b""[..], 422),
        (b"\x89PNG\r\n\x1a\n\0\0\0", 422),
        // Another column may have the numbers.
        (b"warna,ukuran\nmerah,2\n", 200),
        (b"nama,hp\n", 200),
        (&vec![b'a'; 1_000_001], 413),
    ] {
        let reply = upload(&mut browser, &panel, content);
        assert_eq!(reply.status, status, "{}", text(&reply));
        assert!(text(&reply).contains("class=\"problem"), "{}", text(&reply));
    }
    let reply =
        upload(&mut browser, &panel, format!("nama,hp\n{}", "Nama,12\n".repeat(5_000)).as_bytes());
    assert_eq!(reply.status, 200);
    assert!(reply.body.len() < 100_000, "{} bytes", reply.body.len());
}

#[test]
fn a_person_says_what_each_column_means_and_the_list_is_taken_so() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    // No heading that means anything, and a number that looks like an order.
    let list = b"A,B,C,D,E,F\nAni,Dewi,0812-0000-1001,mitra,tidak,rahasia\nBudi,Eka,0812-0000-1002,mitra,ya,rahasia\n";
    let there = send_list(&mut browser, &panel, list);
    assert_eq!(there.status, 303, "a reload sends nothing again");
    assert_eq!(header(&there, "Location"), Some("/panel/contacts/import?look=1"));
    let fields = [
        ("column1", "name"),
        ("column2", "name"),
        ("column3", "number"),
        ("column4", "tags"),
        ("column5", "consent"),
        ("column6", "ignore"),
    ];
    let query: Vec<String> = fields.iter().map(|(at, means)| format!("&{at}={means}")).collect();
    let look = format!("/panel/contacts/import?look=1{}", query.concat());
    for _ in 0..2 {
        let page = text(&browser.get(&panel, &look));
        assert!(
            page.contains("Ani Dewi") && page.contains("Tidak mau dikirimi pesan lagi: 1 orang"),
            "{page}"
        );
        let other = "column6=ignore&#38;lang=en";
        assert!(page.contains(other), "the other language keeps what was chosen: {page}");
    }
    let again = browser.press(&panel, "/panel/contacts/import/look", &fields);
    assert_eq!(header(&again, "Location"), Some(look.as_str()), "the form leads to the address");
    assert_eq!(world.ask("SELECT count(*) FROM contacts"), "0");
    // What nobody has seen is not stored: other meanings than those of the page, another list.
    let seen = |page: &str| {
        let rest = page.split("name=\"seen\" value=\"").nth(1).unwrap_or_else(|| panic!("{page}"));
        rest.split('"').next().unwrap().to_owned()
    };
    let confirm = "/panel/contacts/import/confirm";
    let unseen = seen(&text(&browser.get(&panel, "/panel/contacts/import?look=1&column3=number")));
    let press = [&fields[..], &[("seen", &unseen)]].concat();
    assert_eq!(header(&browser.press(&panel, confirm, &press), "Location"), Some(look.as_str()));
    let page = seen(&text(&browser.get(&panel, &look)));
    send_list(&mut browser, &panel, b"nama,hp\nCitra,081200001003\n");
    let press = [&fields[..], &[("seen", &page)]].concat();
    assert_eq!(browser.press(&panel, confirm, &press).status, 409);
    assert_eq!(world.ask("SELECT count(*) FROM contacts"), "0");
    send_list(&mut browser, &panel, list);
    browser.press(&panel, confirm, &press);
    assert_eq!(
        world.rows("SELECT name || tags || attributes || (opted_out_at IS NOT NULL) FROM contacts ORDER BY name"),
        [r#"Ani Dewi["mitra"]{}1"#, r#"Budi Eka["mitra"]{}0"#]
    );
}

#[test]
fn a_list_whose_numbers_are_not_found_can_be_told_where_they_are() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let page = text(&upload(&mut browser, &panel, b"nama,kode\nAni,x\n"));
    for part in ["Tidak ada kolom nomor telepon", "name=\"column2\"", "Pilih di bawah", ">x<"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("import/confirm"), "{page}");
    let page = text(&browser.get(&panel, "/panel/contacts/import?look=1&column2=number&lang=en"));
    assert!(page.contains("Rows that were refused") || page.contains("refused.csv"), "{page}");
    world.clock.pass(std::time::Duration::from_mins(61));
    let gone = browser.get(&panel, "/panel/contacts/import?look=1");
    assert!(gone.status == 410 && text(&gone).contains("has expired"), "{}", text(&gone));
}

#[test]
fn a_contact_is_added_and_only_what_was_changed_is_changed() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    let reply = browser.post(
        &panel,
        "/panel/contacts/new",
        &[
            ("name", "Ani"),
            ("number", "0812 0000 1001"),
            ("tags", "vip, lama"),
            ("attributes", "kota=Bandung\r\nhari: Senin"),
        ],
    );
    assert_eq!(
        header(&reply, "Location"),
        Some("/panel/contacts/1?done=contact_added"),
        "{}",
        text(&reply)
    );
    let row = "SELECT name || phone_number || tags || attributes FROM contacts";
    assert_eq!(
        world.ask(row),
        r#"Ani+6281200001001["vip","lama"]{"hari":"Senin","kota":"Bandung"}"#
    );
    let fields = [
        ("name", "Ani B."),
        ("number", "+6281200001001"),
        ("tags", "lama, baru"),
        ("attributes", "kota=Bogor"),
    ];
    let reply = browser.post(&panel, "/panel/contacts/1", &fields);
    assert_eq!(
        header(&reply, "Location"),
        Some("/panel/contacts/1?done=saved"),
        "{}",
        text(&reply)
    );
    assert_eq!(world.ask(row), r#"Ani B.+6281200001001["lama","baru"]{"kota":"Bogor"}"#);
    for (number, words) in
        [("12", "kode negara"), ("0812-0000-1001", "sudah dipakai kontak 1"), ("", "kosong")]
    {
        let reply = browser.post(&panel, "/panel/contacts/new", &[("number", number)]);
        assert_eq!(reply.status, 422);
        assert!(text(&reply).contains(words), "{number}: {}", text(&reply));
    }
}

#[test]
fn who_wants_no_more_gets_no_more() {
    let world = World::new();
    world.execute("INSERT INTO contacts (name, phone_number) VALUES ('Ani', '081200001001')");
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    assert_eq!(browser.post(&panel, "/panel/contacts/1/opt-out", &[]).status, 303);
    assert!(!world.ask("SELECT opted_out_at FROM contacts").is_empty());
    let page = text(&browser.get(&panel, "/panel/contacts/1"));
    assert!(page.contains("Tidak mau menerima pesan sejak"), "{page}");
    let preview =
        text(&browser.post(&panel, "/panel/messages/preview", &[("text", "x"), ("to", "1")]));
    assert!(preview.contains("minta berhenti"), "{preview}");
    assert_eq!(browser.post(&panel, "/panel/contacts/1/opt-in", &[]).status, 303);
    assert_eq!(world.ask("SELECT opted_out_at FROM contacts"), "");
}

#[test]
fn a_number_is_found_however_it_is_spelled_and_a_tag_in_any_case() {
    let world = World::new();
    world.execute(
        "INSERT INTO contacts (name, phone_number, tags) VALUES ('Ani', '+6281200001001', '[\"Pelanggan Baru\"]'),
         ('Budi 50%', '+6281300002002', '[\"pelanggan\"]')",
    );
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    for (query, ani, budi) in [
        ("q=0812+0000-1001", true, false),
        ("q=%2B62+812+0000", true, false),
        ("q=ani", true, false),
        ("q=50%25", false, true),
        ("q=5_%25", false, false),
        ("tag=pelanggan+baru", true, false),
        ("tag=PELANGGAN", false, true),
        ("tag=pelang", false, false),
        ("q=budi&tag=pelanggan", false, true),
    ] {
        let page = text(&browser.get(&panel, &format!("/panel/contacts?{query}")));
        assert_eq!(page.contains("<b>Ani</b>"), ani, "{query}");
        assert_eq!(page.contains("<b>Budi 50%</b>"), budi, "{query}");
    }
}

#[test]
fn a_channel_is_paused_and_released_by_its_buttons() {
    let world = World::new();
    let panel = panel(&world);
    let mut browser = Browser::logged_in(&panel);
    assert_eq!(browser.post(&panel, "/panel/channels/1/pause", &[]).status, 303);
    assert_eq!(
        world.ask("SELECT held_reason || coalesce(held_kind, '') FROM channels"),
        "paused in the panel"
    );
    let page = text(&browser.get(&panel, "/panel/channels"));
    assert!(page.contains("Dijeda") && page.contains("dijeda lewat panel"), "{page}");
    assert!(page.contains("/panel/channels/1/resume"), "{page}");
    assert_eq!(browser.post(&panel, "/panel/channels/1/resume", &[]).status, 303);
    assert_eq!(world.ask("SELECT held_reason FROM channels"), "");
    world.execute("UPDATE channels SET is_active = 0");
    let page = text(&browser.get(&panel, "/panel/channels"));
    assert!(page.contains("Nonaktif") && page.contains("Nomor ini dimatikan"), "{page}");
    assert_eq!(browser.post(&panel, "/panel/channels/9/resume", &[]).status, 404);
    assert_eq!(browser.post(&panel, "/panel/channels/x/resume", &[]).status, 404);
}
