//! A fixture for each program's export.

use super::*;

const SARI: &str = "Sari Wulandari|+6281200007001|";

/// Through the command's import, and through the panel: both must come to the same.
fn becomes(name: &str, expected: &[&str]) -> World {
    let world = World::new();
    take(&world, fixture(name));
    assert_eq!(people(&world), expected, "{name}");
    assert_eq!(people_by_panel(fixture(name)), expected, "{name} through the panel");
    world
}

fn attributes(world: &World, id: u32) -> String {
    world.ask(&format!("SELECT attributes FROM contacts WHERE id = {id}"))
}

#[test]
fn google_contacts_of_old_and_new() {
    let world = becomes(
        "google-2024.csv",
        &[&format!("{SARI}Pelanggan"), "Joko|+6281200007002|", "Tini Lestari|+6281200007004|"],
    );
    assert_eq!(
        attributes(&world, 3),
        r#"{"Notes":"antar sore,\nlewat gang","Phone 1 - Value":"(021) 555-0104"}"#
    );
    assert!(attributes(&world, 2).contains("0812-0000-7002 ::: 0812-0000-7003"));
    becomes("google-old.csv", &[&format!("{SARI}Pelanggan"), "Toko Contoh|+6281200007002|"]);
}

#[test]
fn outlook_and_thunderbird() {
    let world = becomes("outlook.csv", &[SARI]);
    assert_eq!(
        attributes(&world, 1),
        r#"{"Home Phone":"(021) 555-0101","Notes":"lama\nantar sore"}"#
    );
    becomes("thunderbird.csv", &[SARI, "Budi Santoso|+6281200007002|"]);
    // Without a mobile number it is the primary one.
    let list = String::from_utf8(fixture("outlook.csv")).unwrap();
    let list = list.replace(",+62 812-0000-7001,,,", ",,,,081200007005,");
    assert_eq!(people_of(list), ["Sari Wulandari|+6281200007005|"]);
}

#[test]
fn vcards_of_every_version() {
    becomes("kontak.vcf", &[SARI]);
    becomes("vcard-4.vcf", &[SARI]);
    let world =
        becomes("icloud.vcf", &[&format!("{SARI}vip+baru"), "Budi Santoso|+6281200007002|"]);
    assert!(attributes(&world, 1).contains(r#""Notes":"antar sore\nlewat gang, pagar biru""#));
    becomes("android.vcf", &["Sari René|+6281200007001|"]);
    let (imported, seen) = take(&World::new(), fixture("android.vcf"));
    assert_eq!((imported.rows, seen.refused.len()), (2, 1));
    assert_eq!((seen.refused[0].line, seen.refused[0].value.as_str()), (9, "Tanpa Nomor"));
}

#[test]
fn whatsapp_shopify_listmonk_mautic_and_mailchimp() {
    becomes("whatsapp.csv", &[&format!("{SARI}Pelanggan"), "Budi|+6281200007002|"]);
    becomes("shopify.csv", &[&format!("{SARI}reseller+vip"), "Budi|+6281200007002|"]);
    becomes("listmonk.csv", &[&format!("{SARI} out"), "Budi Santoso|+6281200007002|"]);
    becomes("mautic.csv", &[&format!("{SARI}vip+baru out"), "Budi|+6281200007002|"]);
    becomes("mailchimp.csv", &[&format!("{SARI}vip+baru out"), "Budi|+6281200007002|"]);
    let world = World::new();
    let (imported, _) = take(&world, fixture("shopify.csv"));
    assert_eq!((imported.opted_out, imported.out_of_email), (0, 2), "no opt-out from WhatsApp");
    let at = "SELECT opted_out_at FROM contacts WHERE id = 1";
    let world =
        becomes("opt-outs-elsewhere.csv", &["Sari|+6281200007001| out", "Budi|+6281200007002|"]);
    assert_eq!(world.ask(at), "2026-10-01T08:00:00Z");
}

#[test]
fn the_own_table_as_sqlite_writes_it() {
    let world =
        becomes("own-table.csv", &[&format!("{SARI}vip+solo, kota out"), "-|+6281200007002|"]);
    assert_eq!(attributes(&world, 1), r#"{"kota":"Solo","umur":"30"}"#);
    // Without `-header`.
    let list = String::from_utf8(fixture("own-table.csv")).unwrap();
    let rows = list.split_once('\n').unwrap().1;
    assert_eq!(people_of(rows), people(&world));
    assert_eq!(world.ask("SELECT opted_out_at FROM contacts"), "2026-10-01T08:00:00Z");
}

#[cfg(feature = "xlsx")]
#[test]
fn a_workbook_with_a_title_and_other_sheets() {
    let world = becomes(
        "pelanggan.xlsx",
        &["Sari|+6281200007001|", "Budi|+6281200007002|", "Tini|+6281200007003|"],
    );
    assert_eq!(
        attributes(&world, 1),
        r#"{"Catatan":"antar sore\nlewat gang","Kota":"Solo","No":"1","Tgl Lahir":"1990-05-17"}"#
    );
    assert_eq!(attributes(&world, 3), r#"{"Catatan":"1.5","No":"3"}"#);
    let (_, seen) = take(&World::new(), fixture("pelanggan.xlsx"));
    assert_eq!(seen.columns.skipped_above, ["DATA PELANGGAN"]);
    assert_eq!((seen.taken[1].line, seen.columns.other_sheets), (5, vec!["Lain".to_owned()]));
}

#[test]
fn what_is_no_list_is_named_by_what_it_is() {
    for (start, named) in [
        (&b"<html><table><tr><td>Nama"[..], "a web page (HTML)"),
        (b"\xef\xbb\xbf\n<TABLE>", "a web page (HTML)"),
        (b"%PDF-1.7 x", "a PDF"),
        (b"PK\x03\x04 something else in a zip", "a zip file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel"),
        (b"\x1f\x8b\x08\0", "a gzip file"),
        (b"\x89PNG\r\n", "a picture"),
        (b"{\\rtf1", "a document (RTF)"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"[{\"nama\":\"Sari\"}]", "JSON"),
        (b"<?xml version=\"1.0\"?>", "XML"),
    ] {
        let error = import_with(&World::new(), start, None, None).err().unwrap().to_string();
        assert!(error.contains(named) && error.contains("CSV UTF-8"), "{named}: {error}");
    }
}

#[test]
fn every_fixture_becomes_the_same_through_the_panel() {
    let folder = format!("{}/tests/fixtures/lists", env!("CARGO_MANIFEST_DIR"));
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| cfg!(feature = "xlsx") || !name.contains(".xlsx"))
        .collect();
    names.sort();
    assert!(names.len() >= 20, "{names:?}");
    for name in names {
        let expected = people_of(fixture(&name));
        assert!(!expected.is_empty() && people_by_panel(fixture(&name)) == expected, "{name}");
    }
}
