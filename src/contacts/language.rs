//! Reasons in the language of who reads them: English, or Indonesian.

use crate::recipient::{PhoneError, PhoneFlaw};

/// A language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    #[default]
    English,
    Indonesian,
}

impl Language {
    /// What the environment asks for: the first of LC_ALL, LC_MESSAGES and LANG that is not empty.
    /// `id`, `id_ID.UTF-8` and the like are Indonesian, everything else is English.
    pub(crate) fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let value = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .iter()
            .find_map(|name| variable(name).filter(|value| !value.is_empty()));
        let value = value.unwrap_or_default().to_ascii_lowercase();
        let language = value.split(['_', '-', '.', '@']).next().unwrap_or_default();
        if matches!(language, "id" | "ind" | "in") { Self::Indonesian } else { Self::English }
    }

    /// One of two texts.
    pub(crate) fn pick<T>(self, english: T, indonesian: T) -> T {
        match self {
            Self::English => english,
            Self::Indonesian => indonesian,
        }
    }

    /// Why a text is no phone number.
    pub(crate) fn phone_error(self, error: &PhoneError) -> String {
        match self {
            Self::English => error.to_string(),
            Self::Indonesian => in_indonesian(error),
        }
    }
}

fn in_indonesian(error: &PhoneError) -> String {
    let rest = match &error.flaw {
        PhoneFlaw::Empty => return "nomor telepon kosong".to_owned(),
        PhoneFlaw::CountryCode => "bukan kode negara: tulis 1 sampai 3 angka, misalnya 62",
        PhoneFlaw::ExcelNumber => {
            "adalah cara Excel menulis angka panjang: sebagian angkanya hilang; ubah format kolom menjadi teks lalu ketik ulang nomornya"
        }
        PhoneFlaw::Decimal => {
            "seperti angka desimal: ubah format kolom menjadi teks dan tulis nomor teleponnya saja"
        }
        PhoneFlaw::Extension => {
            "memakai nomor ekstensi, yang tidak terjangkau WhatsApp: tulis nomornya tanpa ekstensi"
        }
        PhoneFlaw::Letters => "berisi huruf: tulis nomor teleponnya saja",
        PhoneFlaw::Unexpected(found) => {
            &format!("berisi `{}`: tulis nomor teleponnya saja", found.escape_debug())
        }
        PhoneFlaw::NoDigits => "tidak berisi angka: tulis nomor telepon",
        PhoneFlaw::Several => "sepertinya lebih dari satu nomor: tulis satu nomor di setiap baris",
        PhoneFlaw::NotAPerson => "bukan chat dengan satu orang: tulis nomor telepon",
        PhoneFlaw::TwoPluses => "memakai dua tanda plus: tulis satu saja, di depan kode negara",
        PhoneFlaw::PlusInside => "memakai tanda plus di tengah: tulis di depan kode negara",
        PhoneFlaw::PlusZero => {
            "memakai 0 setelah tanda plus, padahal di situ tempat kode negara: tulis +62812… atau 0812…"
        }
        PhoneFlaw::TooManyZeros => "diawali terlalu banyak nol: tulis dengan + dan kode negara",
        PhoneFlaw::BracketZero => {
            "memakai 0 dalam kurung: tulis dengan + dan kode negara, tanpa 0 itu"
        }
        PhoneFlaw::NoNationalZero(country) => {
            &format!("diawali 0, padahal nomor +{country} tidak: tulis dengan + dan kode negara")
        }
        PhoneFlaw::CodeTwice => {
            "sepertinya memakai kode negara dua kali, atau 0 di depannya: tulis +62812… atau 0812…"
        }
        PhoneFlaw::NoCountryCode => {
            "bisa milik lebih dari satu negara: tulis dengan + dan kode negara"
        }
        PhoneFlaw::TooShort => {
            "terlalu pendek untuk nomor telepon: perlu 8 sampai 15 angka dengan kode negara"
        }
        PhoneFlaw::TooLong => {
            "terlalu panjang untuk nomor telepon: perlu 8 sampai 15 angka dengan kode negara"
        }
    };
    format!("`{}` {rest}", error.raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn language(values: [&str; 3]) -> Language {
        let names = ["LC_ALL", "LC_MESSAGES", "LANG"];
        Language::of_environment(|wanted| {
            names.iter().position(|name| *name == wanted).map(|at| values[at].to_owned())
        })
    }

    #[test]
    fn the_first_variable_that_is_set_decides() {
        for values in [["", "", "id_ID.UTF-8"], ["id", "en_US", "C"], ["", "id_ID", "en_US.UTF-8"]]
        {
            assert_eq!(language(values), Language::Indonesian, "{values:?}");
        }
        for values in [["", "", ""], ["C", "", "id_ID.UTF-8"], ["", "", "idiom"], ["", "", "en_ID"]]
        {
            assert_eq!(language(values), Language::English, "{values:?}");
        }
    }
}
