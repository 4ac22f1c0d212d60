//! Reasons in the language of who reads them: English, or Indonesian.

use crate::recipient::PhoneError;

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
    match error {
        PhoneError::CountryCode(raw) => {
            format!("`{raw}` bukan kode negara: tulis 1 sampai 3 angka, misalnya 62")
        }
        PhoneError::Empty => "nomor telepon kosong".to_owned(),
        PhoneError::ExcelNumber(raw) => format!(
            "`{raw}` adalah cara Excel menulis angka panjang: sebagian angkanya hilang; ubah format kolom menjadi teks lalu ketik ulang nomornya"
        ),
        PhoneError::Decimal(raw) => format!(
            "`{raw}` seperti angka desimal: ubah format kolom menjadi teks dan tulis nomor teleponnya saja"
        ),
        PhoneError::Extension(raw) => format!(
            "`{raw}` memakai nomor ekstensi, yang tidak terjangkau WhatsApp: tulis nomornya tanpa ekstensi"
        ),
        PhoneError::Letters(raw) => {
            format!("`{raw}` berisi huruf: tulis nomor teleponnya saja")
        }
        PhoneError::Unexpected { raw, found } => {
            format!("`{raw}` berisi `{}`: tulis nomor teleponnya saja", found.escape_debug())
        }
        PhoneError::NoDigits(raw) => format!("`{raw}` tidak berisi angka: tulis nomor telepon"),
        PhoneError::Several(raw) => {
            format!("`{raw}` sepertinya lebih dari satu nomor: tulis satu nomor di setiap baris")
        }
        PhoneError::NotAPerson(raw) => {
            format!("`{raw}` bukan chat dengan satu orang: tulis nomor telepon")
        }
        PhoneError::TwoPluses(raw) => {
            format!("`{raw}` memakai dua tanda plus: tulis satu saja, di depan kode negara")
        }
        PhoneError::PlusInside(raw) => {
            format!("`{raw}` memakai tanda plus di tengah: tulis di depan kode negara")
        }
        PhoneError::PlusZero(raw) => format!(
            "`{raw}` memakai 0 setelah tanda plus, padahal di situ tempat kode negara: tulis +62812… atau 0812…"
        ),
        PhoneError::TooManyZeros(raw) => {
            format!("`{raw}` diawali terlalu banyak nol: tulis dengan + dan kode negara")
        }
        PhoneError::BracketZero(raw) => {
            format!("`{raw}` memakai 0 dalam kurung: tulis dengan + dan kode negara, tanpa 0 itu")
        }
        PhoneError::NoNationalZero { raw, country } => format!(
            "`{raw}` diawali 0, padahal nomor +{country} tidak: tulis dengan + dan kode negara"
        ),
        PhoneError::CodeTwice(raw) => format!(
            "`{raw}` sepertinya memakai kode negara dua kali, atau 0 di depannya: tulis +62812… atau 0812…"
        ),
        PhoneError::NoCountryCode(raw) => {
            format!("`{raw}` bisa milik lebih dari satu negara: tulis dengan + dan kode negara")
        }
        PhoneError::TooShort(raw) => format!(
            "`{raw}` terlalu pendek untuk nomor telepon: perlu 8 sampai 15 angka dengan kode negara"
        ),
        PhoneError::TooLong(raw) => format!(
            "`{raw}` terlalu panjang untuk nomor telepon: perlu 8 sampai 15 angka dengan kode negara"
        ),
    }
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
