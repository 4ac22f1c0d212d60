//! The reasons to refuse a list or a row of it, in words and with the remedy.

use super::FoundColumn;
use super::source::Kind;
use crate::language::{InWords, Language, sentences};
use crate::reason::Reason;
use crate::recipient::shorten;

sentences! {
    /// The reason to refuse a whole file, or a row of it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(super) enum Problem {
        Empty: "the list is empty: its first line should name the columns, such as name,phone",
            "daftarnya kosong: baris pertama harus berisi nama kolom, misalnya nama,nomor";
        NoHeader { number: String }:
            "the first line has the phone number `{number}` where the names of the columns should be: put a line such as name,phone above it",
            "baris pertama berisi nomor telepon `{number}`, padahal harus berisi nama kolom: tambahkan baris seperti nama,nomor di atasnya";
        NoPhoneColumn { found: FoundColumns }:
            "no column has phone numbers (found: {found}): name it phone, nomor, no hp or whatsapp, or say which with --phone",
            "tidak ada kolom nomor telepon (yang ada: {found}): beri nama kolomnya phone, nomor, no hp atau whatsapp, atau sebutkan dengan --phone";
        NoSuchColumn { wanted: String, found: String }: "there is no column `{wanted}`: there are {found}",
            "tidak ada kolom `{wanted}`: yang ada {found}";
        TooManyColumns { count: usize, max: usize }:
            "the list has {count} columns, more than {max}: remove those that are not needed",
            "daftarnya punya {count} kolom, lebih dari {max}: hapus yang tidak perlu";
        BrokenHeader:
            "the first line cannot be read (it is too long, has a quote that is never closed, or is no text): save the list as CSV UTF-8",
            "baris pertama tidak bisa dibaca (terlalu panjang, tanda kutip tidak ditutup, atau bukan teks): simpan daftarnya sebagai CSV UTF-8";
        IsOther { kind: Kind }: "the file is {kind}", "file ini {kind}";
        /// A workbook that cannot be read.
        #[cfg_attr(not(feature = "xlsx"), allow(dead_code, reason = "no workbook is read"))]
        Workbook { cause: String }:
            "the workbook cannot be read ({cause}): open it, and save it again or as CSV UTF-8",
            "file Excel ini tidak bisa dibaca ({cause}): buka, lalu simpan lagi atau sebagai CSV UTF-8";
        /// A workbook that unpacks to more than a list of contacts does.
        #[cfg_attr(not(feature = "xlsx"), allow(dead_code, reason = "no workbook is read"))]
        TooMuch:
            "the workbook unpacks to far more than its size, as no list of contacts does: copy the list into a new workbook, or save it as CSV UTF-8",
            "file Excel ini membengkak jauh melebihi ukurannya saat dibuka, tidak seperti daftar kontak: salin daftarnya ke file baru, atau simpan sebagai CSV UTF-8";
        Endless { line: u64 }: "line {line} has no end: this is no list of contacts",
            "baris {line} tidak ada akhirnya: ini bukan daftar kontak";
        LineTooLong: "the line is longer than 256 KiB: shorten its cells",
            "baris ini lebih panjang dari 256 KiB: pendekkan selnya";
        OpenQuote: "a double quote is opened and not closed: close it or remove it",
            "ada tanda kutip yang tidak ditutup: tutup atau hapus";
        Nul: "the line has a NUL character, so it is no text: save the list as CSV UTF-8",
            "baris ini berisi karakter NUL, jadi bukan teks: simpan daftarnya sebagai CSV UTF-8";
        Phone { reason: Reason }: "{reason}", "{reason}";
        NoNumber: "the row has no phone number", "baris ini tidak punya nomor telepon";
        Formula: "a cell holds a formula: put the text itself there",
            "ada sel yang berisi rumus: ganti dengan teksnya";
        TooManyCharacters { max: usize }: "a cell has more than {max} characters: shorten it",
            "ada sel dengan lebih dari {max} huruf: pendekkan";
        TooManyTags { max: usize }: "the row has more than {max} tags: remove some",
            "baris ini punya lebih dari {max} label: kurangi";
        /// A cell of the opt-out column with this heading.
        NoOptOut { heading: String }:
            "`{heading}` is neither yes nor no nor a time such as 2026-12-01: correct it, so that no opt-out is lost",
            "`{heading}` bukan ya, bukan tidak, dan bukan waktu seperti 2026-12-01: perbaiki, supaya tidak ada yang minta berhenti terlewat";
        TooManyCells { count: usize, columns: usize }:
            "the row has {count} cells for {columns} headings: put a cell that has a separator in it in double quotes",
            "baris ini punya {count} sel untuk {columns} judul kolom: beri tanda kutip ganda pada sel yang berisi pemisah";
        NoObject { id: i64 }:
            "the attributes of contact {id}, who has this number, are no JSON object: correct them first",
            "atribut kontak {id}, yang memakai nomor ini, bukan objek JSON: perbaiki dulu";
    }
}

/// The columns of a list, among which a person may choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FoundColumns(pub(super) Vec<FoundColumn>);

impl InWords for FoundColumns {
    fn text(&self, _: Language) -> String {
        let headings: Vec<&str> = self.0.iter().map(|column| column.heading.as_str()).collect();
        shorten(&headings.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_problem_has_words_in_both_languages_with_the_same_values() {
        let kinds = [Kind::Xls, Kind::Html, Kind::Pdf, Kind::Zip, Kind::Gzip, Kind::Rtf];
        let kinds = kinds.into_iter().chain([Kind::Image, Kind::Sqlite, Kind::Json, Kind::Xml]);
        let mut all = vec![
            Problem::Empty,
            Problem::NoHeader { number: "0812".to_owned() },
            Problem::NoPhoneColumn { found: FoundColumns(Vec::new()) },
            Problem::NoSuchColumn { wanted: "hp".to_owned(), found: "kota".to_owned() },
            Problem::TooManyColumns { count: 700, max: 500 },
            Problem::BrokenHeader,
            Problem::Endless { line: 7 },
            Problem::LineTooLong,
            Problem::OpenQuote,
            Problem::Nul,
            Problem::Phone { reason: Reason::OptedOut },
            Problem::NoNumber,
            Problem::Formula,
            Problem::TooManyCharacters { max: 200 },
            Problem::TooManyTags { max: 100 },
            Problem::NoOptOut { heading: "Berhenti".to_owned() },
            Problem::TooManyCells { count: 7, columns: 5 },
            Problem::NoObject { id: 12 },
            Problem::Workbook { cause: "x".to_owned() },
            Problem::TooMuch,
        ];
        all.extend(kinds.map(|kind| Problem::IsOther { kind }));
        let different: HashSet<_> = all.iter().map(std::mem::discriminant).collect();
        assert_eq!(different.len(), Problem::TABLE.len());
        for problem in all {
            let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
            let [english, indonesian] =
                [Language::English, Language::Indonesian].map(|language| problem.text(language));
            assert!(english != indonesian && !english.is_empty(), "{english}");
            assert_eq!(digits(&english), digits(&indonesian), "{problem:?}");
        }
    }
}
