//! What people do to sheets: headings, emptiness, quotes, titles.

use super::*;

#[test]
fn a_number_column_is_one_by_what_is_in_it() {
    assert_eq!(
        people_of(fixture("two-number-columns.csv")),
        [
            "Sari|+6281200007001|",
            "Budi|+6281200007002|",
            "Joko|+6281200007003|",
            "Tini|+6281200007009|"
        ]
    );
    // No list of ours has these headings.
    for heading in [
        "Siapa yang dihubungi",
        "Kolom B",
        "Ditelepon ke",
        "Reach me at",
        "Sel",
        "Nmr Plg",
        "HandyNr",
        "Kontak Person 1",
        "🐱",
        "Numéro",
        "電話",
        "Buat kirim info",
    ] {
        let list = format!(
            "Nama,{heading},Kota,NIK\nSari,0812-0000-7001,Solo,3372010101900001\nBudi,+62 812 0000 7002,,\n"
        );
        let expected = ["Sari|+6281200007001|", "Budi|+6281200007002|"];
        assert_eq!(people_of(&list), expected, "{heading}");
        assert_eq!(people_by_panel(list), expected, "{heading} through the panel");
    }
    // What a spreadsheet has spoilt is refused, and no other column takes its place.
    let spoilt = "Nama,No HP,Ref\nSari,6.28E+12,081200007001\nBudi,8.12E+11,081200007002\n";
    assert_eq!(people_of(spoilt), [""; 0]);
    // Yes and no are no numbers.
    let world = World::new();
    let (_, seen) =
        take(&world, "Nama,WA,Telepon\nSari,ya,081200007001\nBudi,tidak,081200007002\n");
    assert_eq!(people(&world), ["Sari|+6281200007001|", "Budi|+6281200007002|"]);
    assert_eq!(
        (seen.columns.number, seen.columns.not_understood),
        (vec!["Telepon".to_owned()], vec!["WA".to_owned()])
    );
    assert_eq!(world.ask("SELECT attributes FROM contacts WHERE id = 2"), r#"{"WA":"tidak"}"#);
}

#[test]
fn a_person_overrules_what_the_columns_are_taken_for() {
    let list = b"Nama,Nama Anak,HP Ibu,HP Ayah\nSari,Tini,081200007001,081200007002\n";
    for (number, name, expected) in [
        (None, None, "Sari|+6281200007001|"),
        (Some("hp ayah"), None, "Sari|+6281200007002|"),
        (Some("4"), Some("Nama Anak"), "Tini|+6281200007002|"),
    ] {
        let world = World::new();
        import_with(&world, list, number, name).unwrap();
        assert_eq!(people(&world), [expected]);
    }
    let error = import_with(&World::new(), list, Some("WA"), None).err().unwrap().to_string();
    assert_eq!(
        error,
        "there is no column `WA`: there are `Nama`, `Nama Anak`, `HP Ibu`, `HP Ayah`"
    );
}

#[test]
fn the_panel_takes_the_columns_that_a_person_chose() {
    let world = World::new();
    let panel = panel::panel(&world);
    let mut browser = panel::Browser::logged_in(&panel);
    let list = b"Nama,Nama Anak,HP Ibu,HP Ayah\nSari,Tini,081200007001,081200007002\n";
    let page = panel::text(&panel::contacts::upload(&mut browser, &panel, list));
    assert!(page.contains("+62 812-0000-7001") && page.contains("Otomatis: Nomor"), "{page}");
    let chosen = [("column4", "number"), ("column2", "name"), ("tags", "kelas 1")];
    let query = "look=1&column4=number&column2=name&tags=kelas+1";
    let page = panel::text(&browser.get(&panel, &format!("/panel/contacts/import?{query}")));
    assert!(
        page.contains("+62 812-0000-7002") && page.contains("value=\"number\" selected"),
        "{page}"
    );
    browser.post(&panel, "/panel/contacts/import/confirm", &chosen);
    assert_eq!(people(&world), ["Tini|+6281200007002|kelas 1"]);
}

#[test]
fn texts_of_no_value_are_no_value() {
    let world = World::new();
    take(&world, fixture("null-texts.csv"));
    let rows = world.rows("SELECT coalesce(name, '-') || attributes FROM contacts ORDER BY id");
    assert_eq!(rows, ["-{}", "-{}", "-{}", "-{}", "-{}", r#"Sari{"kota":"Solo"}"#]);
    let world = World::new();
    let (imported, _) = take(&world, "nama,hp,kota\nNan,081200007001,-\nNone,NULL,x\n");
    assert_eq!((imported.rows, imported.refused), (2, 1));
    assert_eq!(people(&world), ["Nan|+6281200007001|"], "a name of a person");
}

#[test]
fn rows_of_separators_are_no_rows_and_titles_are_said_to_be_skipped() {
    let world = World::new();
    let list = [fixture("title-rows.csv"), b";;;\r\n".repeat(1_048_576)].concat();
    let (imported, seen) = take(&world, list);
    assert_eq!((imported.rows, seen.refused.len()), (1, 0));
    assert_eq!(people(&world), ["Sari|+6281200007001|"]);
    assert_eq!(seen.columns.skipped_above, ["DATA PELANGGAN", "Per 30 November 2026"]);
}

#[test]
fn quotes_separators_and_headings_of_every_form() {
    for list in [
        "\"sep=;\"\nNama;HP;Alamat\nSari;081200007001;Jl. A, 5\n",
        "Nama|HP|Alamat\nSari|081200007001|Jl. A, 5\n",
        "Nama,HP,Alamat\nSari,081200007001,Jl. A, 5\n",
        "Nama, HP, Alamat\nSari, \"081200007001\", \"Jl. A, 5\"\n",
        "\"Nama,HP,Alamat\"\n\"Sari,081200007001,\"\"Jl. A, 5\"\"\"\n",
        "Nama,\"No.\nHP, aktif\",Alamat\nSari,081200007001,\"Jl. A, 5\"\n",
    ] {
        let world = World::new();
        let (_, seen) = take(&world, list);
        assert_eq!(people(&world), ["Sari|+6281200007001|"], "{list} {:?}", seen.refused);
        assert_eq!(
            world.ask("SELECT attributes FROM contacts"),
            r#"{"Alamat":"Jl. A, 5"}"#,
            "{list}"
        );
    }
    assert_eq!(people_of(fixture("sheet-quotes.csv")).len(), 2);
    // The last column is no text that could hold the rest.
    let (imported, seen) = take(&World::new(), "Nama,HP\nSari,081200007001,x\n");
    assert_eq!(imported.refused, 1);
    assert!(seen.refused[0].reason.contains("3 cells for 2 headings"), "{:?}", seen.refused);
}

#[test]
fn tags_of_every_form_reach_their_people() {
    let world = World::new();
    take(&world, fixture("tags-json.csv"));
    assert_eq!(
        people(&world),
        ["Sari|+6281200007001|vip+baru", "Budi|+6281200007002|vip+baru", "Joko|+6281200007003|vip"]
    );
    world.message("tag:vip");
    world.run();
    assert_eq!(world.recipients().len(), 3);
}

#[test]
fn opt_outs_are_kept_and_never_undone() {
    for (heading, out, not) in [
        (
            "status",
            "unsubscribed|blocklisted|Cleaned|Unsubscribe|blacklist|Jangan dikirim|STOP|Berhenti langganan|\
             jgn di-WA lagi|tolak|blokir|tidak mau dikirimi|Do not contact|Don't message me|not opted in",
            "active|enabled|lunas|VIP|Belum dihubungi|jangan menyerah|tidak aktif|Tidak diangkat|2026-10-01",
        ),
        ("Status Pelanggan", "Blacklist", "aktif|tidak"),
        ("WhatsApp Opt-In", "no|tidak|opted out|withdrawn", "yes|opted in|2026-10-01"),
        ("whatsapp_opt_in", "false|0", "true|1"),
        ("opt_in_whatsapp", "0", "1"),
        ("WA Opt In", "tidak|Tidak, terima kasih", "ya|Ya, saya bersedia"),
        ("WhatsApp Consent", "no", "yes"),
        ("marketing_opt_in", "no", "yes"),
        ("WhatsApp Marketing", "not subscribed|never subscribed|no", "subscribed|yes|pending"),
        ("WhatsApp Marketing Status", "unsubscribed", "subscribed"),
        ("WA Opt-in Status", "opted_out", "opted_in"),
        ("Is Subscribed", "0", "1"),
        ("is_blocked", "1", "0"),
        ("blocked", "true", "false|not blocked"),
        ("Blokir", "ya|diblokir", "tidak|tidak diblokir"),
        ("Langganan", "tidak|berhenti", "ya|bulanan|2026-10-01"),
        ("Stop WA", "ya", "tidak"),
        ("Do not call", "yes", "no"),
        ("dnd", "1", "0"),
        ("Do not allow Phone Calls", "Do Not Allow", "Allow"),
        ("Jangan dihubungi", "x", "-"),
        ("Broadcast WA", "tidak", "ya"),
        ("Email & WhatsApp opt-in", "no", "yes"),
        ("opt_out", "yes|ya|TRUE|1|2026-10-01 08:00:00", "no|tidak|0|0000-00-00 00:00:00"),
        ("berhenti", "ya|x", "tidak|-"),
        ("consent", "no|tidak|withdrawn", "yes|granted|2026-10-01"),
        ("unsubscribed_at", "2026-10-01 08:00:00|2026-10-01T08:00:00.123+07:00|01/10/2026", "NULL"),
    ] {
        for (values, is_out) in [(out, true), (not, false)] {
            for value in values.split('|') {
                let world = World::new();
                let list = format!("nama,hp,{heading}\nSari,081200007001,\"{value}\"\n");
                take(&world, &list);
                let again =
                    "nama,hp,opt_out,status,opted_out_at\nSari S,0812 0000 7001,no,active,\n";
                take(&world, again);
                let expected =
                    if is_out { "Sari S|+6281200007001| out" } else { "Sari S|+6281200007001|" };
                assert_eq!(people(&world), [expected], "{heading}={value}");
            }
        }
    }
    for (heading, others) in [
        ("(Do Not Modify) Contact", "x|1|8f14e45f"),
        ("(Do Not Modify) Modified On", "2026-10-01 08:00:00"),
        ("Jangan diisi", "x|1|catatan"),
        ("Jangan pedas", "ya|1"),
        ("Do not edit", "1"),
        ("Blast", "belum|0|sudah"),
        ("Promo", "belum"),
        ("Kirim WA", "belum|tidak|0"),
        ("Dikirim", "belum|0"),
        ("Status", "No info|Do call|Do WA"),
    ] {
        for value in others.split('|') {
            let world = World::new();
            take(&world, format!("nama,hp,{heading}\nSari,081200007001,\"{value}\"\n"));
            assert_eq!(people(&world), ["Sari|+6281200007001|"], "{heading}={value}");
        }
    }
    // Nobody looks at so many rows before: those below say what was sent, too.
    let answered =
        |row: u32| format!("Sari,08120000{:04},{}\n", row, ["ya", "tidak"][row as usize % 2]);
    let mut list = "nama,hp,Promo\n".to_owned() + &(0..600).map(answered).collect::<String>();
    list += "Ani,081300007001,belum\nTini,081300007002,0\nJoko,081300007003,sudah\nRina,081300007004,jangan dikirim\n";
    let (imported, _) = take(&World::new(), &list);
    assert_eq!((imported.opted_out, imported.refused, imported.added), (301, 0, 604));
    assert_eq!(imported.unclear[0].words, ["belum", "0", "sudah"]);
    // The numbers of people who are to get nothing are none to send to.
    let world = World::new();
    let (_, seen) = take(&world, "nama,hp,No HP Blacklist\nSari,081200007001,081200007002\n");
    assert_eq!((people(&world).len(), seen.refused.len()), (0, 1));
    for (heading, out) in [
        ("email marketing", "not subscribed"),
        ("Accepts Email Marketing", "no"),
        ("SMS Opt-in", "no"),
        ("Do not allow Bulk Emails", "Do Not Allow"),
    ] {
        let list = format!("nama,hp,{heading}\nSari,081200007001,{out}\n");
        let (imported, _) = take(&World::new(), list);
        assert_eq!((imported.opted_out, imported.out_of_email), (0, 1), "{heading}");
    }
    let (_, seen) = take(&World::new(), "nama,hp,opt_out\nSari,081200007001,mungkin\n");
    assert!(
        seen.refused[0].reason.contains("`opt_out` is neither yes nor no"),
        "{:?}",
        seen.refused
    );
}

#[test]
fn words_of_a_status_that_are_not_understood_are_told_once_and_refuse_nobody() {
    let list = "Nama,HP,Status,Mau promo?\nSari,081200007001,jgn ya kak,Ya tapi jangan WA\n\
                Budi,081200007002,lunas,Tidak\nTini,081200007003,Jgn ya kak,\n\
                Joko,081200007004,jgn ya kak,ya\nAni,081200007005,unsubscribe,ya\n";
    let world = World::new();
    let (imported, seen) = take(&world, list);
    assert_eq!((imported.refused, imported.opted_out), (0, 1), "{:?}", seen.refused);
    let told: Vec<(&str, String, u64)> = imported
        .unclear
        .iter()
        .map(|one| (one.column.as_str(), one.words.join("|"), one.rows))
        .collect();
    assert_eq!(
        told,
        [
            ("Status", "jgn ya kak|Jgn ya kak".to_owned(), 3),
            ("Mau promo?", "Ya tapi jangan WA|Tidak".to_owned(), 2)
        ]
    );
    // A list that is about something else is let alone.
    for status in ["aktif", "lunas", "VIP", "member", ""] {
        let list = format!("Nama,HP,Status\nSari,081200007001,{status}\n");
        assert_eq!(take(&World::new(), list).0.unclear, [], "{status}");
    }
    // The remedy that is told works, and the panel tells the same.
    let panel = panel::panel(&world);
    let mut browser = panel::Browser::logged_in(&panel);
    let page = panel::text(&panel::contacts::upload(&mut browser, &panel, list.as_bytes()));
    assert!(
        page.contains("kata ini tidak dimengerti di 3 baris") && page.contains("jgn ya kak"),
        "{page}"
    );
    take(&world, list.replace("jgn ya kak", "stop"));
    let out = people(&world).iter().filter(|person| person.ends_with(" out")).count();
    assert_eq!(out, 3);
}

#[test]
fn a_column_of_numbers_stays_one_whatever_its_heading_says_of_consent() {
    for list in [
        "Nama,Nomor WA (opt-in)\nSari,081200007001\nBudi,\n",
        "Nama,No WA yang boleh dihubungi\nSari,081200007001\nBudi,tidak\n",
        "Nama,HP,WA Opt-in\nSari,,081200007001\n",
        "Nama,Telepon,WA (opt-in)\nSari,021-5550101,081200007001\n",
    ] {
        assert_eq!(people_of(list), ["Sari|+6281200007001|"], "{list}");
    }
}

#[test]
fn what_people_write_beside_a_number_is_understood_when_it_is_clear() {
    for (cell, expected) in [
        ("WA: 0812-0000-7001", "+6281200007001"),
        ("HP 0812 0000 7001", "+6281200007001"),
        ("081200007001 (WA)", "+6281200007001"),
        ("+62 812-0000-7001 (aktif)", "+6281200007001"),
        ("6281200007001.0", "+6281200007001"),
        ("081200007001/081200007011", "+6281200007001"),
        ("081200007001 atau 081200007011", "+6281200007001"),
        ("081200007001, 081200007011", "+6281200007001"),
        ("081200007001 & 081200007011", "+6281200007001"),
        ("021-5550101 / 081200007001", "+6281200007001"),
        ("'081200007001", "+6281200007001"),
        // Whose it is, or which it is, is not clear.
        ("0812-0000-7001 (istri)", ""),
        ("081200007001/02", ""),
        ("081200007001 / tanya Budi", ""),
        ("081200007001 - Telkomsel", ""),
        ("628*****7001", ""),
        ("6.28E+12", ""),
        ("81200007001.5", ""),
        ("081200007001/3372010101900001", ""),
    ] {
        let list = format!("Nama,No HP\nSari,\"{cell}\"\n");
        let world = World::new();
        let (imported, _) = take(&world, &list);
        assert_eq!(world.rows("SELECT phone_number FROM contacts").concat(), expected, "{cell}");
        assert_eq!(imported.refused, u64::from(expected.is_empty()), "{cell}");
    }
    let world = World::new();
    take(&world, "Nama,No HP\nSari,081200007001/081200007011\n");
    let known = r#"{"No HP":"081200007001/081200007011"}"#;
    assert_eq!(world.ask("SELECT attributes FROM contacts"), known, "the other one stays known");
}

#[test]
fn a_number_of_the_country_in_another_column_is_none_of_ours() {
    let list = "Name,Country Code,Phone\nSari,62,81200007001\nBudi,+62,81200007002\nJohn,65,91234567\n\
                Ann,1,8125550100\nBob,44,07700900123\nRaj,91,9123456789\nTini,,081200007003\nJoko,1,+6281200007004\n";
    let world = World::new();
    let (_, seen) = take(&world, list);
    assert_eq!(
        world.rows("SELECT phone_number FROM contacts ORDER BY id"),
        [
            "+6281200007001",
            "+6281200007002",
            "+6591234567",
            "+18125550100",
            "+447700900123",
            "+6281200007003",
            "+6281200007004"
        ]
    );
    assert_eq!(seen.refused.len(), 1, "`9123456789` may have its 91 or not: {:?}", seen.refused);
}

#[test]
fn a_question_about_consent_is_one_when_all_answer_it() {
    for heading in
        ["Mau promo?", "Apakah bersedia menerima info promo via WA?", "Boleh dikirimi pesan"]
    {
        let list = format!(
            "Nama,HP,{heading}\nSari,081200007001,Ya\nBudi,081200007002,Tidak\nTini,081200007003,\"Tidak, terima kasih\"\n\
             Joko,081200007004,\"Ya, saya bersedia\"\nAni,081200007005,\n"
        );
        let people = people_of(&list);
        let out = people.iter().filter(|person| person.ends_with(" out")).count();
        assert_eq!((people.len(), out), (5, 2), "{heading}: {people:?}");
    }
    let other =
        "Nama,HP,Info promo yang mau diterima\nSari,081200007001,Diskon\nBudi,081200007002,Tidak\n";
    assert_eq!(people_of(other), ["Sari|+6281200007001|", "Budi|+6281200007002|"]);
    let unclear =
        "Nama,HP,Mau promo?\nSari,081200007001,\"Ya, tapi jangan WA\"\nBudi,081200007002,Tidak\n";
    assert_eq!(people_of(unclear).len(), 2, "no answer for all: an attribute");
}

#[test]
fn a_heading_over_two_columns_has_numbers_in_both() {
    let list = "SD CONTOH,,,\nNo,Nama Siswa,Kontak Orang Tua,,Kelas\n,,Ayah,Ibu,\n\
                1,Sari,081200007001,081200007003,4A\n2,Budi,,081200007002,4B\n";
    let world = World::new();
    let (_, seen) = take(&world, list);
    assert_eq!(people(&world), ["Sari|+6281200007001|", "Budi|+6281200007002|"]);
    assert_eq!(seen.columns.number, ["Kontak Orang Tua", "column 4"]);
    assert_eq!(seen.refused.len(), 1, "the second row of headings is told");
}
