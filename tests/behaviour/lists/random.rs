//! Random lists: columns in any order, headings of people, junk between the rows. Each row knows what it
//! must become; no number may become another's, and nothing may be lost in silence. The cases are the same
//! in each run.

use std::collections::BTreeMap;

use super::*;

const CASES: u64 = 150;
const NUMBERS: [&str; 6] =
    ["No HP", "Mobile Phone", "Telepon", "No. WA aktif", "Ponsel (utama)", "Siapa dihubungi"];
const NAMES: [&str; 5] = ["Nama", "Nama Lengkap", "Name", "Nama Pelanggan", "nama siswa"];
const OPT_OUTS: [(&str, &str, &str); 11] = [
    ("WhatsApp Opt-In", "no", "yes"),
    ("opt_in_whatsapp", "0", "1"),
    ("Status Pelanggan", "Jangan dikirim", "Gold"),
    ("is_blocked", "1", ""),
    ("Langganan", "tidak", "bulanan"),
    ("status", "unsubscribed", "active"),
    ("opt_out", "ya", "tidak"),
    ("Berhenti", "x", ""),
    ("consent", "no", "yes"),
    ("Mau promo?", "Tidak", "Ya"),
    ("unsubscribed_at", "2026-10-01 08:00:00", "NULL"),
];
/// Columns that have numbers which are nobody's, or texts.
const OTHERS: [(&str, &[&str]); 7] = [
    ("No Rekening", &["081234000111", "1234567890", ""]),
    ("NIK", &["3372010101900001", ""]),
    ("Total Belanja", &["850000000", "1.250.000", "812345678"]),
    ("Kota", &["Solo", "-", "NULL", "\"Solo, Jateng\""]),
    ("Tanggal Lahir", &["17/05/1990", "1990-05-17", ""]),
    ("Catatan", &["\"baris satu\nbaris dua\"", "a ::: b", "'=1+1", ""]),
    ("WA?", &["ya", "tidak", "-"]),
];
const JUNK: [&str; 3] = ["", ";;;;", ",,,"];

struct Wanted {
    name: Option<String>,
    is_out: bool,
}

/// A list, and what each number in it must become.
fn list(random: &mut fastrand::Rng) -> (String, BTreeMap<String, Wanted>, u64) {
    let separator = *random.choice(&[",", ";", "\t"]).unwrap();
    let (out, yes, no) = *random.choice(&OPT_OUTS).unwrap();
    let mut columns: Vec<usize> = (0..3 + OTHERS.len()).collect();
    random.shuffle(&mut columns);
    columns.retain(|column| *column < 3 || random.bool());
    let heading = |column: usize, number: &str, name: &str| match column {
        0 => number.to_owned(),
        1 => name.to_owned(),
        2 => out.to_owned(),
        other => OTHERS[other - 3].0.to_owned(),
    };
    let (number, name) = (*random.choice(&NUMBERS).unwrap(), *random.choice(&NAMES).unwrap());
    let row = |cells: Vec<String>| cells.join(separator) + "\n";
    let mut text = String::new();
    if random.bool() {
        text += "DATA PELANGGAN";
        text += &separator.repeat(columns.len().saturating_sub(1));
        text += "\n";
    }
    text += &row(columns.iter().map(|column| heading(*column, number, name)).collect());
    let (mut wanted, mut refused) = (BTreeMap::new(), 0);
    for at in 0..random.usize(3..30) {
        if random.u8(..8) == 0 {
            text += random.choice(&JUNK).unwrap();
            text += "\n";
        }
        let digits = format!("812{:08}", at * 7919 + 10_000_000);
        let is_bad = random.u8(..6) == 0;
        let written = match random.u8(..7) {
            _ if is_bad => {
                (*random.choice(&["8.12E+11", "belum ada", "NULL", "0812", "-"]).unwrap())
                    .to_owned()
            }
            0 => format!("0{digits}"),
            1 => format!("+62 {}-{}", &digits[..3], &digits[3..]),
            2 => format!("62{digits}"),
            3 => format!("'0{digits}"),
            4 => format!("WA: 0{digits}"),
            5 => format!("0{digits}/0813{:08}", at + 10_000_000),
            _ => digits.clone(),
        };
        let (named, is_named) = match random.u8(..6) {
            0 => ("NULL".to_owned(), false),
            1 => (format!("0{digits}"), false),
            2 => (String::new(), false),
            _ => (format!("Orang {at}"), true),
        };
        let is_out = random.u8(..4) == 0;
        let cells = columns.iter().map(|column| match column {
            0 => written.clone(),
            1 => named.clone(),
            2 => (if is_out { yes } else { no }).to_owned(),
            other => (*random.choice(OTHERS[other - 3].1).unwrap()).to_owned(),
        });
        let cells: Vec<String> = cells.collect();
        // A row with nothing in it is none.
        let is_empty = cells.iter().all(|cell| cell.trim().is_empty());
        text += &row(cells);
        if is_bad {
            refused += u64::from(!is_empty);
        } else {
            let name = is_named.then(|| named.clone());
            wanted.insert(format!("+62{digits}"), Wanted { name, is_out });
        }
    }
    (text, wanted, refused)
}

#[test]
fn no_number_becomes_anothers_no_opt_out_is_lost_and_every_refused_row_is_told() {
    let mut builder = World::builder();
    builder.in_memory = true;
    let world = builder.build();
    for seed in 0..CASES {
        world.execute("DELETE FROM contacts");
        let mut random = fastrand::Rng::with_seed(seed);
        let (text, wanted, refused) = list(&mut random);
        if wanted.is_empty() {
            continue;
        }
        let (imported, seen) = take(&world, &text);
        let told = (imported.refused, seen.refused.len() as u64);
        assert_eq!(told, (refused, refused), "seed {seed}: {:?}\n{text}", seen.refused);
        assert_eq!(imported.rows, imported.added + refused, "seed {seed}\n{text}");
        let stored = world.rows(
            "SELECT phone_number || '|' || coalesce(name, '') || '|' || (opted_out_at IS NOT NULL)
             FROM contacts ORDER BY phone_number",
        );
        let expected = wanted.iter().map(|(number, Wanted { name, is_out })| {
            format!("{number}|{}|{}", name.as_deref().unwrap_or_default(), u8::from(*is_out))
        });
        assert_eq!(stored, expected.collect::<Vec<_>>(), "seed {seed}\n{text}");
    }
}
