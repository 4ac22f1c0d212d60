//! The reasons to refuse a list or a row of it, in words and with the remedy.

use super::FoundColumn;
use super::source::Kind;
use crate::language::Language;
use crate::reason::Reason;

/// The reason to refuse a whole file, or a row of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    Empty,
    NoHeader {
        number: String,
    },
    NoPhoneColumn {
        found: String,
        /// Among which a person may choose.
        columns: Vec<FoundColumn>,
    },
    NoSuchColumn {
        wanted: String,
        found: String,
    },
    TooManyColumns {
        count: usize,
        max: usize,
    },
    BrokenHeader,
    IsOther(Kind),
    /// A workbook that cannot be read, with the cause.
    #[cfg(feature = "xlsx")]
    Workbook(String),
    /// A workbook that unpacks to more than a list of contacts does.
    #[cfg(feature = "xlsx")]
    TooMuch,
    Endless {
        line: u64,
    },
    LineTooLong,
    OpenQuote,
    Nul,
    Phone(Reason),
    NoNumber,
    Formula,
    TooManyCharacters(usize),
    TooManyTags(usize),
    /// A cell of the opt-out column with this heading says neither yes nor no nor when.
    NoOptOut(String),
    TooManyCells {
        count: usize,
        columns: usize,
    },
    NoObject(i64),
}

impl Problem {
    #[allow(clippy::too_many_lines)] // A table of texts.
    pub(super) fn text(&self, language: Language) -> String {
        let (english, indonesian): (String, String) = match self {
            Self::Empty => (
                "the list is empty: its first line should name the columns, such as name,phone".into(),
                "daftarnya kosong: baris pertama harus berisi nama kolom, misalnya nama,nomor".into(),
            ),
            Self::NoHeader { number } => (
                format!("the first line has the phone number `{number}` where the names of the columns should be: put a line such as name,phone above it"),
                format!("baris pertama berisi nomor telepon `{number}`, padahal harus berisi nama kolom: tambahkan baris seperti nama,nomor di atasnya"),
            ),
            Self::NoPhoneColumn { found, columns: _ } => (
                format!("no column has phone numbers (found: {found}): name it phone, nomor, no hp or whatsapp, or say which with --phone"),
                format!("tidak ada kolom nomor telepon (yang ada: {found}): beri nama kolomnya phone, nomor, no hp atau whatsapp, atau sebutkan dengan --phone"),
            ),
            Self::NoSuchColumn { wanted, found } => (
                format!("there is no column `{wanted}`: there are {found}"),
                format!("tidak ada kolom `{wanted}`: yang ada {found}"),
            ),
            Self::TooManyColumns { count, max } => (
                format!("the list has {count} columns, more than {max}: remove those that are not needed"),
                format!("daftarnya punya {count} kolom, lebih dari {max}: hapus yang tidak perlu"),
            ),
            Self::BrokenHeader => (
                "the first line cannot be read (it is too long, has a quote that is never closed, or is no text): save the list as CSV UTF-8".into(),
                "baris pertama tidak bisa dibaca (terlalu panjang, tanda kutip tidak ditutup, atau bukan teks): simpan daftarnya sebagai CSV UTF-8".into(),
            ),
            Self::IsOther(kind) => {
                let (is, ini) = kind.words();
                let xlsx = if cfg!(feature = "xlsx") { " or XLSX" } else { "" };
                let or_xlsx = if cfg!(feature = "xlsx") { " atau XLSX" } else { "" };
                (
                    format!("the file is {is}, not a list: open it, and save the list as CSV UTF-8{xlsx}"),
                    format!("file ini {ini}, bukan daftar: buka, lalu simpan daftarnya sebagai CSV UTF-8{or_xlsx}"),
                )
            }
            #[cfg(feature = "xlsx")]
            Self::Workbook(cause) => (
                format!("the workbook cannot be read ({cause}): open it, and save it again or as CSV UTF-8"),
                format!("file Excel ini tidak bisa dibaca ({cause}): buka, lalu simpan lagi atau sebagai CSV UTF-8"),
            ),
            #[cfg(feature = "xlsx")]
            Self::TooMuch => (
                "the workbook unpacks to far more than its size, as no list of contacts does: copy the list into a new workbook, or save it as CSV UTF-8".into(),
                "file Excel ini membengkak jauh melebihi ukurannya saat dibuka, tidak seperti daftar kontak: salin daftarnya ke file baru, atau simpan sebagai CSV UTF-8".into(),
            ),
            Self::Endless { line } => (
                format!("line {line} has no end: this is no list of contacts"),
                format!("baris {line} tidak ada akhirnya: ini bukan daftar kontak"),
            ),
            Self::LineTooLong => (
                "the line is longer than 256 KiB: shorten its cells".into(),
                "baris ini lebih panjang dari 256 KiB: pendekkan selnya".into(),
            ),
            Self::OpenQuote => (
                "a double quote is opened and not closed: close it or remove it".into(),
                "ada tanda kutip yang tidak ditutup: tutup atau hapus".into(),
            ),
            Self::Nul => (
                "the line has a NUL character, so it is no text: save the list as CSV UTF-8".into(),
                "baris ini berisi karakter NUL, jadi bukan teks: simpan daftarnya sebagai CSV UTF-8".into(),
            ),
            Self::Phone(reason) => return reason.text(language),
            Self::NoNumber => {
                ("the row has no phone number".into(), "baris ini tidak punya nomor telepon".into())
            }
            Self::Formula => (
                "a cell holds a formula: put the text itself there".into(),
                "ada sel yang berisi rumus: ganti dengan teksnya".into(),
            ),
            Self::TooManyCharacters(max) => (
                format!("a cell has more than {max} characters: shorten it"),
                format!("ada sel dengan lebih dari {max} huruf: pendekkan"),
            ),
            Self::TooManyTags(max) => (
                format!("the row has more than {max} tags: remove some"),
                format!("baris ini punya lebih dari {max} label: kurangi"),
            ),
            Self::NoOptOut(heading) => (
                format!("`{heading}` is neither yes nor no nor a time such as 2026-12-01: correct it, so that no opt-out is lost"),
                format!("`{heading}` bukan ya, bukan tidak, dan bukan waktu seperti 2026-12-01: perbaiki, supaya tidak ada yang minta berhenti terlewat"),
            ),
            Self::TooManyCells { count, columns } => (
                format!("the row has {count} cells for {columns} headings: put a cell that has a separator in it in double quotes"),
                format!("baris ini punya {count} sel untuk {columns} judul kolom: beri tanda kutip ganda pada sel yang berisi pemisah"),
            ),
            Self::NoObject(id) => (
                format!("the attributes of contact {id}, who has this number, are no JSON object: correct them first"),
                format!("atribut kontak {id}, yang memakai nomor ini, bukan objek JSON: perbaiki dulu"),
            ),
        };
        language.pick(english, indonesian)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_problem_has_words_in_both_languages_with_the_same_values() {
        let columns = Vec::new();
        let mut all = vec![
            Problem::Empty,
            Problem::NoHeader { number: "0812".to_owned() },
            Problem::NoPhoneColumn { found: "kota".to_owned(), columns },
            Problem::NoSuchColumn { wanted: "hp".to_owned(), found: "kota".to_owned() },
            Problem::TooManyColumns { count: 700, max: 500 },
            Problem::BrokenHeader,
            Problem::Endless { line: 7 },
            Problem::LineTooLong,
            Problem::OpenQuote,
            Problem::Nul,
            Problem::Phone(Reason::OptedOut),
            Problem::NoNumber,
            Problem::Formula,
            Problem::TooManyCharacters(200),
            Problem::TooManyTags(100),
            Problem::NoOptOut("Berhenti".to_owned()),
            Problem::TooManyCells { count: 7, columns: 5 },
            Problem::NoObject(12),
        ];
        #[cfg(feature = "xlsx")]
        all.extend([Problem::Workbook("x".to_owned()), Problem::TooMuch]);
        let kinds = [Kind::Xls, Kind::Html, Kind::Pdf, Kind::Zip, Kind::Gzip, Kind::Rtf];
        all.extend(kinds.map(Problem::IsOther));
        all.extend([Kind::Image, Kind::Sqlite, Kind::Json, Kind::Xml].map(Problem::IsOther));
        for problem in all {
            let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
            let [english, indonesian] =
                [Language::English, Language::Indonesian].map(|language| problem.text(language));
            assert!(english != indonesian && !english.is_empty(), "{english}");
            assert_eq!(digits(&english), digits(&indonesian), "{problem:?}");
        }
    }
}
