//! What WhatsApp keeps of a text: line feeds, and no blanks around it. So only line feeds go out, and
//! texts are compared that way.

use std::borrow::Cow;

/// The text with every line end as a line feed.
pub(crate) fn with_line_feeds(text: &str) -> Cow<'_, str> {
    if text.contains('\r') {
        Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether two texts are the same once WhatsApp has them.
pub(crate) fn is_same_text(one: &str, other: &str) -> bool {
    with_line_feeds(one).trim() == with_line_feeds(other).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_and_outer_blanks_make_no_other_text() {
        assert!(is_same_text("\tHalo\r\nBudi \u{a0}\r\n", "Halo\nBudi"));
        assert!(is_same_text("a\rb", "a\nb"));
        for other in ["Halo Budi", "halo\nBudi", "Halo\n\nBudi", ""] {
            assert!(!is_same_text("Halo\nBudi", other), "{other:?}");
        }
    }
}
