//! Lists of contacts that come in: every form in which people and spreadsheets write them.

use std::fmt::Write;
use std::io::{self, Cursor};

use auto_message_scheduler::contacts::export::{Format, export};
use auto_message_scheduler::contacts::import::{
    ImportError, ImportRules, Imported, Refused, Watch, import, import_strictly,
};
use auto_message_scheduler::contacts::{Filter, with_number};
use auto_message_scheduler::language::Language;
use auto_message_scheduler::recipient::CountryCode;
use auto_message_scheduler::store::Store;

use crate::world::World;

#[derive(Default)]
struct Noted(Vec<Refused>);

impl Watch for Noted {
    fn refused(&mut self, refused: Refused) -> io::Result<()> {
        self.0.push(refused);
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Plain,
    Strict,
    Preview,
}

fn try_import(
    world: &World,
    list: &[u8],
    mode: Mode,
    tags: &[String],
) -> Result<(Imported, Vec<Refused>), ImportError> {
    let mut store = Store::open(&world.path).unwrap();
    let country = CountryCode::parse("62").unwrap();
    let rules = ImportRules {
        country: &country,
        tags,
        language: Language::English,
        clock: &*world.clock,
        is_preview: mode == Mode::Preview,
        number_column: None,
        name_column: None,
        chosen: &[],
    };
    let mut noted = Noted::default();
    let input = Cursor::new(list);
    let imported = match mode {
        Mode::Strict => import_strictly(&mut store, input, &rules, &mut noted),
        Mode::Plain | Mode::Preview => import(&mut store, input, &rules, &mut noted),
    };
    Ok((imported?, noted.0))
}

fn take(world: &World, list: impl AsRef<[u8]>) -> (Imported, Vec<Refused>) {
    try_import(world, list.as_ref(), Mode::Plain, &[]).unwrap()
}

fn counts(imported: &Imported) -> [u64; 4] {
    [imported.added, imported.merged, imported.unchanged, imported.refused]
}

fn contacts(world: &World) -> Vec<String> {
    world.rows("SELECT name, phone_number, tags, attributes FROM contacts ORDER BY id")
}

#[test]
fn every_separator_encoding_and_header_comes_to_the_same_contacts() {
    let comma = "Nama,No. HP,Label,Kota\nBudi é,0812-0000-7001,\"pelanggan;vip\",Solo\nSiti,62 813 0000 7002,,\n";
    let with = |separator: &str, header: &str| {
        comma.replacen("Nama,No. HP,Label,Kota", header, 1).replace(',', separator)
    };
    let utf16 = |text: &str, mark: bool| -> Vec<u8> {
        let mark = if mark { "\u{feff}" } else { "" };
        format!("{mark}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
    };
    let utf16_be: Vec<u8> =
        format!("\u{feff}{comma}").encode_utf16().flat_map(u16::to_be_bytes).collect();
    let windows: Vec<u8> = comma.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let semicolons = with(";", "nama,HP,tags,Kota");
    let lists: Vec<Vec<u8>> = vec![
        comma.into(),
        format!("\u{feff}{comma}").into(),
        comma.replace('\n', "\r\n").into(),
        comma.replace('\n', "\r").into(),
        semicolons.clone().into(),
        format!("sep=;\r\n{semicolons}").into(),
        with("\t", "NAME,Phone Number,LABEL,Kota").into(),
        with(",", "name,phone_number,tags,Kota").into(),
        with(",", "name,nomor,tags,Kota").into(),
        with(",", "name, WhatsApp ,tags,Kota").into(),
        with(",", "name,wa,tags,Kota").into(),
        utf16(comma, true),
        utf16(comma, false),
        utf16_be,
        windows,
    ];
    for (at, list) in lists.iter().enumerate() {
        let world = World::new();
        let (imported, refused) = take(&world, list);
        assert_eq!((counts(&imported), refused), ([2, 0, 0, 0], vec![]), "list {at}");
        assert_eq!(
            contacts(&world),
            [
                r#"Budi é|+6281200007001|["pelanggan","vip"]|{"Kota":"Solo"}"#,
                "Siti|+6281300007002|[]|{}"
            ],
            "list {at}"
        );
    }
}

#[test]
fn a_number_that_is_there_is_merged_whatever_its_spelling_and_blanks_erase_nothing() {
    for written in
        ["+6281200007001", "081200007001", "(0812) 0000.7001", "６２８１２００００７００１"]
    {
        let world = World::new();
        world.execute(&format!(
            r#"INSERT INTO contacts (id, name, phone_number, tags, attributes) VALUES
                 (7, 'Budi', '{written}', '["lama"]', '{{"kota":"Solo","umur":30}}')"#
        ));
        let list = "name,phone,tags,kota,umur\n,0812 0000 7001,baru,,\nBudi S,62812 0000 7001,LAMA,Yogya,30\n";
        let (imported, _) = take(&world, list);
        assert_eq!(counts(&imported), [0, 2, 0, 0], "{written}");
        let merged = r#"["lama","baru"]|{"kota":"Yogya","umur":30}"#;
        assert_eq!(contacts(&world), [format!("Budi S|{written}|{merged}")]);
        let (again, _) = take(&world, "name,phone\nBudi S,081200007001\n");
        assert_eq!(counts(&again), [0, 0, 1, 0], "what says nothing new changes nothing");
    }
}

#[test]
fn duplicates_within_a_list_are_one_contact() {
    let world = World::new();
    let (imported, _) =
        take(&world, "hp,tags\n081200007001,a\n+62 812-0000-7001,b\n81200007001,\n");
    assert_eq!(counts(&imported), [1, 1, 1, 0]);
    assert_eq!(contacts(&world), [r#"|+6281200007001|["a","b"]|{}"#]);
}

#[test]
fn each_refused_row_has_its_line_its_value_and_a_reason_and_the_rest_is_taken() {
    let world = World::new();
    let digits = "1".repeat(40);
    let list = format!(
        "nama,hp,kota\nBudi,081200007001,Solo\n\nA,6.28E+12,x\nB,,x\nC,=cmd|' /C calc'!A0,x\n\
         =HYPERLINK(\"x\"),081200007002,x\nD,{digits},x\nE,belum,x\nF,\u{1}08\u{7}x,y\n\
         \"G,081200007003,x\nH,081200007004,x\nI,0812\0,x\nJ,\"=\"\"081200007005\"\"\",x\n"
    );
    let (imported, refused) = take(&world, &list);
    assert_eq!(counts(&imported), [3, 0, 0, 9]);
    let expected = [
        (4, "6.28E+12", "Excel"),
        (5, "B", "no phone number"),
        (6, "=cmd|' /C calc'!A0", "formula"),
        (7, "=HYPERLINK(\"x\")", "formula"),
        (8, "111111", "too many digits"),
        (9, "belum", "letters"),
        (10, "08", "letters"),
        (11, "\"G,081200007003,x", "not closed"),
        (13, "I,0812", "NUL"),
    ];
    assert_eq!(refused.len(), expected.len(), "{refused:?}");
    for (refused, (line, value, reason)) in refused.iter().zip(expected) {
        assert_eq!(refused.line, line, "{refused:?}");
        assert!(refused.value.contains(value), "{refused:?}");
        assert!(refused.reason.contains(reason), "{refused:?}");
        assert!(!refused.value.contains(char::is_control), "{refused:?}");
        assert!(refused.value.chars().count() <= 40);
    }
    let numbers = world.rows("SELECT phone_number FROM contacts ORDER BY id");
    assert_eq!(numbers, ["+6281200007001", "+6281200007004", "+6281200007005"]);
}

#[test]
fn a_list_that_is_none_says_why() {
    let many: Vec<String> = (0..10_000).map(|at| format!("c{at}")).collect();
    for (list, part) in [
        (String::new(), "the list is empty"),
        ("\n \n".to_owned(), "the list is empty"),
        ("081200007001\n081200007002\n".to_owned(), "the first line has the phone number"),
        ("Budi,0812-0000-7001\n".to_owned(), "the first line has the phone number"),
        ("nama,alamat\nBudi,Solo\n".to_owned(), "found: nama, alamat"),
        (format!("phone,{}\n", many.join(",")), "10001 columns"),
        ("x".repeat(1_000_000), "first line cannot be read"),
        ("\"nama,hp\n".to_owned(), "first line cannot be read"),
        ("na\0ma,hp\n".to_owned(), "first line cannot be read"),
    ] {
        let world = World::new();
        let Err(error) = try_import(&world, list.as_bytes(), Mode::Plain, &[]) else {
            panic!("taken: {}", list.get(..50).unwrap_or(&list))
        };
        assert!(error.to_string().contains(part), "{error}");
    }
    let world = World::new();
    assert_eq!(take(&world, "nama,hp\n").0, Imported::default());
}

#[test]
fn a_cell_of_ten_megabytes_costs_its_own_row() {
    let world = World::new();
    let list = format!("nama,hp\n{},081200007001\nBudi,081200007002\n", "x".repeat(10_000_000));
    let (imported, refused) = take(&world, list);
    assert_eq!(counts(&imported), [1, 0, 0, 1]);
    assert!(refused[0].reason.contains("256 KiB") && refused[0].line == 2, "{refused:?}");
}

#[test]
fn random_bytes_are_refused_or_taken_but_never_a_crash() {
    let mut random = fastrand::Rng::with_seed(11);
    let world = World::new();
    let alphabet = b"08126,;\t\"\n\r=+-@'| \0\xff\xc3xE.";
    for _ in 0..300 {
        let mut list = b"nama,hp,tags,x\n".to_vec();
        list.extend((0..400).map(|_| alphabet[random.usize(..alphabet.len())]));
        let taken = try_import(&world, &list, Mode::Preview, &[]);
        assert!(taken.is_ok_and(|(imported, refused)| imported.refused == refused.len() as u64));
    }
}

#[test]
fn a_strict_import_stores_all_or_nothing() {
    let world = World::new();
    let list = b"nama,hp\nBudi,081200007001\nSiti,belum\n";
    let (imported, refused) = try_import(&world, list, Mode::Strict, &[]).unwrap();
    assert_eq!((imported.refused, refused.len()), (1, 1), "told once");
    assert_eq!(world.ask("SELECT count(*) FROM contacts"), "0");
    let good = b"nama,hp\nBudi,081200007001\nSiti,081200007002\nB,081200007001\n";
    let (imported, _) = try_import(&world, good, Mode::Strict, &[]).unwrap();
    assert_eq!(counts(&imported), [2, 1, 0, 0]);
}

#[test]
fn a_preview_counts_as_the_import_would_and_stores_nothing() {
    let world = World::new();
    world.execute("INSERT INTO contacts (name, phone_number) VALUES ('Ada', '0812 0000 7009')");
    let list =
        b"nama,hp\nBudi,081200007001\nB,081200007001\nAda,081200007009\nX,081200007009\nY,x\n";
    let (preview, refused) = try_import(&world, list, Mode::Preview, &[]).unwrap();
    assert_eq!(counts(&preview), [1, 2, 1, 1]);
    assert_eq!((refused.len(), world.ask("SELECT count(*) FROM contacts")), (1, "1".to_owned()));
    let (real, _) = take(&world, list);
    assert_eq!(real, preview);
}

#[test]
fn a_tag_for_all_is_given_to_all() {
    let world = World::new();
    let tags = ["desember".to_owned()];
    try_import(&world, b"hp,tags\n081200007001,a\n081200007002,\n", Mode::Plain, &tags).unwrap();
    let tags = world.rows("SELECT tags FROM contacts ORDER BY id");
    assert_eq!(tags, [r#"["a","desember"]"#, r#"["desember"]"#]);
}

#[test]
fn an_export_comes_back_as_it_went() {
    let world = World::new();
    let long = "baris satu, \"dua\"";
    world.execute(&format!(
        r#"INSERT INTO contacts (name, phone_number, tags, attributes, opted_out_at) VALUES
             ('=1+1', '0812 0000 7001', '["a","b c"]', '{{"kota":"{}","name":"@x","wa":"-"}}', NULL),
             ('''t Hooft', '+4915123456789', '[]', '{{"''x":"''=y"}}', '2026-11-01'),
             (NULL, '+62 813 0000 7003', '[]', '{{}}', NULL)"#,
        long.replace('"', "\\\"")
    ));
    let mut store = Store::open(&world.path).unwrap();
    let country = CountryCode::parse("62").unwrap();
    let mut list = Vec::new();
    assert_eq!(
        export(Format::Plain, &mut store, &Filter::default(), &country, &mut list).unwrap(),
        3
    );
    for line in String::from_utf8(list.clone()).unwrap().lines() {
        for cell in line.split(',') {
            assert!(!cell.starts_with(['=', '+', '-', '@']), "a formula: {line}");
        }
    }
    let other = World::new();
    assert_eq!(counts(&take(&other, &list).0), [3, 0, 0, 0]);
    let columns = "SELECT name, tags, attributes, opted_out_at FROM contacts ORDER BY id";
    assert_eq!(other.rows(columns), world.rows(columns));
    let ids = store.read(|tx| with_number(tx, "6281200007001", &country)).unwrap();
    assert_eq!(ids, [1]);
    let mut again = Vec::new();
    let mut store = Store::open(&other.path).unwrap();
    export(Format::Plain, &mut store, &Filter::default(), &country, &mut again).unwrap();
    assert_eq!(String::from_utf8(again), String::from_utf8(list));
}

/// A reader that takes its time: at each piece of the list it looks whether others can empty the WAL.
struct Pager<'a> {
    world: &'a World,
    looks: usize,
}

impl io::Write for Pager<'_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.world.execute("UPDATE channels SET name = name || 'x'");
        assert_eq!(
            self.world.rows("PRAGMA wal_checkpoint(TRUNCATE)")[0].split('|').next(),
            Some("0")
        );
        self.looks += 1;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn who_reads_a_long_export_slowly_does_not_keep_the_database_at_an_old_moment() {
    let world = World::new();
    world.execute(
        "WITH RECURSIVE n(i) AS (SELECT -1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
         INSERT INTO contacts (id, phone_number) SELECT i, '+62812' || printf('%08d', i + 5000) FROM n",
    );
    let mut pager = Pager { world: &world, looks: 0 };
    let mut store = Store::open(&world.path).unwrap();
    let country = CountryCode::parse("62").unwrap();
    assert_eq!(
        export(Format::Plain, &mut store, &Filter::default(), &country, &mut pager).unwrap(),
        3002
    );
    assert!(pager.looks > 3);
}

#[test]
fn a_contact_whose_attributes_are_damaged_is_left_as_it_is() {
    let world = World::new();
    world.execute(
        "INSERT INTO contacts (phone_number, attributes) VALUES ('081200007001', 'rusak')",
    );
    let (imported, refused) = take(&world, "nama,hp\nBudi,081200007001\nSiti,081200007002\n");
    assert_eq!(counts(&imported), [1, 0, 0, 1]);
    assert!(refused[0].reason.contains("contact 1"), "{refused:?}");
}

#[test]
fn twenty_thousand_rows_come_in_portions() {
    let world = World::new();
    let mut list = "nama,hp\n".to_owned();
    for at in 0..20_000 {
        writeln!(list, "Orang {at},0812{:08}", (at * 7919) % 19_990).unwrap();
    }
    let (imported, refused) = take(&world, &list);
    assert_eq!((counts(&imported), refused.len()), ([19_990, 10, 0, 0], 0));
}
