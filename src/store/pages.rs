//! Lists for people are found by key, a page at a time, and never by counting rows to skip.

/// Which rows of a list, the newest first: those on the far side of a row that was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum PageFrom {
    #[default]
    Newest,
    OlderThan(i64),
    /// Newer than this id, those next to it.
    NewerThan(i64),
}

impl PageFrom {
    /// The bounds that a row's id lies between, both out of range themselves.
    pub(super) fn bounds(self) -> (i64, i64) {
        match self {
            Self::Newest => (i64::MIN, i64::MAX),
            Self::OlderThan(id) => (i64::MIN, id),
            Self::NewerThan(id) => (id, i64::MAX),
        }
    }

    pub(super) fn order(self) -> &'static str {
        match self {
            Self::Newest | Self::OlderThan(_) => "DESC",
            Self::NewerThan(_) => "ASC",
        }
    }

    /// Rows in the order in which a list shows them.
    pub(super) fn newest_first<T>(self, mut rows: Vec<T>) -> Vec<T> {
        if let Self::NewerThan(_) = self {
            rows.reverse();
        }
        rows
    }
}

/// A pattern for LIKE that finds `text` anywhere, whatever signs it holds.
pub(super) fn containing(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}
