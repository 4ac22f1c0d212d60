//! Two people edit the same row: a form says what its fields were when it was made, as short hashes,
//! so that the parts that only one of them changed are merged and the others are asked about.

use sha2::{Digest, Sha256};

use super::test_send::Tested;
use super::{Answered, PageError};
use crate::secret::to_hex;

/// What the parts of a form were when it was made: `name=hash`, with spaces between them.
pub(super) struct Was<'a>(&'a str);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// The one that was typed.
    Mine,
    /// The one that is stored.
    Theirs,
    /// Both changed it, each in another way: a person decides.
    Both,
}

/// What a form says beside its fields.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// 200 where nothing is wrong.
    pub(crate) status: Option<u16>,
    pub(crate) problem: String,
    pub(crate) about: Option<i64>,
    /// The number of recipients that a person is asked about before it goes out at once.
    pub(crate) sure: Option<u64>,
    /// Whether a person is asked about a second message with the same content.
    pub(crate) again: bool,
    /// What the button of a question does, as `do` has it; empty when nothing is asked.
    pub(crate) asks: String,
    pub(crate) conflicts: Vec<Conflict>,
    pub(crate) tested: Option<Tested>,
    /// How long until a password is looked at again.
    pub(crate) wait_secs: Option<String>,
}

/// A field that somebody else changed meanwhile: what is stored now. The form still has the other.
#[derive(Debug)]
pub(super) struct Conflict {
    pub(crate) label: String,
    pub(crate) theirs: String,
}

impl Told {
    pub(super) fn problem(status: u16, problem: impl Into<String>) -> Self {
        Self { status: Some(status), problem: problem.into(), ..Self::default() }
    }

    /// What somebody filled in cannot be done.
    pub(super) fn refusal(problem: impl Into<String>) -> PageError {
        Self::problem(422, problem).into()
    }
}

/// The answer to a form, or the form again with what is said of it.
pub(super) fn or_shown(answered: Answered, show: impl FnOnce(Told) -> Answered) -> Answered {
    match answered {
        Err(PageError::Told(told)) => show(*told),
        answered => answered,
    }
}

impl Conflict {
    pub(super) fn new(label: &str, theirs: &str) -> Self {
        let theirs = if theirs.is_empty() { "–" } else { theirs };
        Self { label: label.to_owned(), theirs: theirs.to_owned() }
    }
}

impl<'a> Was<'a> {
    /// As a form has it; a form that has nothing was made from what is stored.
    pub(super) fn read(text: Option<&'a str>) -> Self {
        Self(text.unwrap_or_default())
    }

    /// The text for a form whose parts are these.
    pub(super) fn of(parts: &[(&str, String)]) -> String {
        let stamps: Vec<String> =
            parts.iter().map(|(name, value)| format!("{name}={}", stamp(value))).collect();
        stamps.join(" ")
    }

    /// Whose value a part gets that was typed as `mine` and is stored as `stored`.
    pub(super) fn whose(&self, part: &str, mine: &str, stored: &str) -> Whose {
        let was = self.0.split(' ').filter_map(|one| one.split_once('='));
        let was = was.into_iter().find_map(|(name, stamp)| (name == part).then_some(stamp));
        let is_changed = |value: &str| was.is_some_and(|was| was != stamp(value));
        match (is_changed(mine), is_changed(stored)) {
            (true, true) if mine != stored => Whose::Both,
            (false, true) => Whose::Theirs,
            (true | false, _) => Whose::Mine,
        }
    }
}

fn stamp(value: &str) -> String {
    to_hex(&Sha256::digest(value.as_bytes())[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_changed_is_his_and_what_both_changed_is_asked() {
        let was = Was::of(&[("title", "a".to_owned()), ("text", "b".to_owned())]);
        let was = Was::read(Some(&was));
        for (mine, stored, whose) in [
            ("a", "a", Whose::Mine),
            ("x", "a", Whose::Mine),
            ("a", "y", Whose::Theirs),
            ("x", "x", Whose::Mine),
            ("x", "y", Whose::Both),
        ] {
            assert_eq!(was.whose("title", mine, stored), whose, "{mine} {stored}");
        }
        assert_eq!(was.whose("other", "x", "y"), Whose::Mine, "as it was before there were stamps");
    }
}
