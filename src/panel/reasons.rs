//! The program's own sentences in Indonesian. The tables keep them in English; a page shows them in
//! the words of who reads it. A sentence that is not here stays as it is.

use super::words::Language;

/// English and Indonesian; `{}` stands for whatever is there, and comes again in the same order.
const SENTENCES: &[(&str, &str)] = &[
    (
        "this machine's clock said {} when WAHA's said {}: {}",
        "jam komputer ini {}, jam WAHA {}: tidak ada yang dikirim atau kedaluwarsa sampai keduanya sama; betulkan jam yang salah",
    ),
    (
        "nothing ran since {}, so this machine's clock may be wrong{}",
        "program tidak berjalan sejak {}, jadi jam komputer ini mungkin salah, dan WAHA belum menjawab: tidak ada yang dikirim atau kedaluwarsa sampai WAHA menjawab",
    ),
    ("the contact was removed from the address book", "kontaknya dihapus dari buku alamat"),
    (
        "the contact has a number now that gets this message already",
        "nomor baru kontak ini sudah menerima pesan ini",
    ),
    ("channel {} was removed: {}", "nomor WA {} dihapus: pilih nomor lain, lalu kirim ulang"),
    ("opted out", "minta berhenti menerima pesan"),
    ("opted out{}", "minta berhenti menerima pesan"),
    ("there is no contact {}", "kontak {} tidak ada"),
    ("nobody has the tag `{}`{}", "tidak ada kontak dengan label `{}`"),
    ("session `{}` is now {} and was {}: {}", "sesi `{}` sekarang {}, sebelumnya {}"),
    ("session `{}` is {}", "sesi `{}` berstatus {}"),
    ("still pending {} hours after its time{}", "belum terkirim {} jam setelah waktunya"),
    ("the message was set to cancelled", "pesan dibatalkan"),
    ("the message was set to {}", "pesan diubah menjadi {}"),
    ("the message was given a new time", "pesan diberi waktu baru"),
    ("the number is not on WhatsApp", "nomor ini tidak terdaftar di WhatsApp"),
    ("the program ended during this run", "program berhenti saat proses ini"),
    ("no valid recipient{}", "tidak ada penerima yang sah"),
    ("there is no channel {}", "nomor WA {} tidak ada"),
    ("channel `{}` is not active{}", "nomor WA `{}` dimatikan"),
    ("channel `{}` has no session_name{}", "nomor WA `{}` belum punya sesi WAHA"),
    ("`{}` has passed (it is {}", "waktu `{}` sudah lewat; pilih waktu nanti"),
    ("no such day is left{}", "tidak ada hari yang tersisa dalam jadwal itu"),
    ("there is no value for {}", "data untuk {} tidak ada"),
    ("no value for `{}`{}", "data `{}` tidak ada"),
    ("`{}` is too short for a phone number{}", "`{}` terlalu pendek untuk nomor telepon"),
    ("`{}` is too long for a phone number{}", "`{}` terlalu panjang untuk nomor telepon"),
    ("message {} is not paused{}", "pesan ini tidak sedang dijeda"),
    (
        "message {} changed meanwhile{}",
        "pesan ini baru saja berubah; muat ulang halaman lalu coba lagi",
    ),
];

/// A sentence in a reader's language.
pub(super) fn in_words(sentence: &str, language: Language) -> String {
    match language {
        Language::English => sentence.to_owned(),
        Language::Indonesian => {
            let known = SENTENCES
                .iter()
                .find_map(|(english, indonesian)| Some((matched(english, sentence)?, indonesian)));
            match known {
                Some((values, indonesian)) => fill(indonesian, &values),
                None => sentence.to_owned(),
            }
        }
    }
}

/// What stands at each `{}` of `pattern`, when `text` has its form.
fn matched<'a>(pattern: &str, text: &'a str) -> Option<Vec<&'a str>> {
    let mut parts = pattern.split("{}");
    let mut rest = text.strip_prefix(parts.next()?)?;
    let mut values = Vec::new();
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        let end =
            if part.is_empty() && parts.peek().is_none() { rest.len() } else { rest.find(part)? };
        values.push(&rest[..end]);
        rest = &rest[end + part.len()..];
    }
    (rest.is_empty() || pattern.ends_with("{}")).then_some(values)
}

fn fill(pattern: &str, values: &[&str]) -> String {
    let mut text = String::new();
    for (index, part) in pattern.split("{}").enumerate() {
        if index > 0 {
            text.push_str(values.get(index - 1).copied().unwrap_or_default());
        }
        text.push_str(part);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_sentence_is_told_in_indonesian_with_its_values() {
        for (english, indonesian) in [
            ("opted out", "minta berhenti menerima pesan"),
            ("session `toko` is SCAN_QR_CODE", "sesi `toko` berstatus SCAN_QR_CODE"),
            ("still pending 24 hours after its time", "belum terkirim 24 jam setelah waktunya"),
            ("something new", "something new"),
        ] {
            assert_eq!(in_words(english, Language::Indonesian), indonesian);
            assert_eq!(in_words(english, Language::English), english);
        }
    }
}
