//! The languages of texts for people: English and Indonesian.

use crate::clock::Timestamp;
use crate::text_enum::text_enum;

text_enum! {
    /// With its code, as HTML and cookies have it.
    #[derive(Default)]
    pub enum Language {
        #[default]
        English = "en",
        Indonesian = "id",
    }
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

    pub(crate) fn other(self) -> Self {
        self.pick(Self::Indonesian, Self::English)
    }
}

/// A value as a sentence has it. What has words of its own has a method of the same name.
pub(crate) trait InWords {
    fn text(&self, language: Language) -> String;
}

macro_rules! as_it_is {
    ($($type:ty),+) => {$(
        impl InWords for $type {
            fn text(&self, _: Language) -> String {
                self.to_string()
            }
        }
    )+};
}

as_it_is!(String, u32, u64, usize, i64, Timestamp);

/// Makes an enum of sentences from its table: a line has the variant with its parameters and the texts, in which
/// `{parameter}` stands for its value. English may have another text behind `one`, for when the first value is 1.
macro_rules! sentences {
    ($(#[$meta:meta])* $vis:vis enum $enum:ident {
        $($(#[$doc:meta])* $name:ident $({ $($field:ident: $type:ty),+ })?:
            $(one $one:literal,)? $english:literal, $indonesian:literal;)*
    }) => {
        $(#[$meta])*
        $vis enum $enum {
            $($(#[$doc])* $name $({ $($field: $type),+ })?,)*
        }

        impl $enum {
            /// The sentence for a person.
            pub(crate) fn text(&self, language: $crate::language::Language) -> String {
                use $crate::language::InWords as _;
                match self {
                    $(Self::$name $({ $($field),+ })? => {
                        $($(let $field = $field.text(language);)+)?
                        #[allow(unused_variables, reason = "only some have a text for one")]
                        let values: &[&str] = &[$($(&$field),+)?];
                        match language {
                            $($crate::language::Language::English if values[0] == "1" => {
                                format!($one)
                            })?
                            $crate::language::Language::English => format!($english),
                            $crate::language::Language::Indonesian => format!($indonesian),
                        }
                    })*
                }
            }

            /// Each variant with its parameters and texts, as the table has them.
            #[cfg(test)]
            const TABLE: &[(&str, &[&str], &str, &str)] =
                &[$((stringify!($name), &[$($(stringify!($field)),+)?], $english, $indonesian)),*];
        }

        /// The English sentence.
        impl std::fmt::Display for $enum {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.text($crate::language::Language::English))
            }
        }
    };
}

pub(crate) use sentences;

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
