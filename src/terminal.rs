//! Stored and received words as a terminal or a log may show them: visible, and unable to move the
//! cursor, to hide what follows or to begin a line of their own.
//!
//! A name, a title or a reply of WAHA may hold anything. JSON and exports keep it as it is.

use std::borrow::Cow;
use std::fmt::Write;

/// `text` on one line: line ends too are shown as `\n` and `\r`.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    shown(text, is_odd)
}

/// `text` of several lines: its line feeds stay, all else is shown as by [`one_line`].
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    shown(text, |c| c != '\n' && is_odd(c))
}

fn shown(text: &str, is_odd: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_odd) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        // Writing into a String cannot fail.
        let _ = match c {
            '\n' if is_odd(c) => shown.write_str("\\n"),
            '\r' => shown.write_str("\\r"),
            '\t' => shown.write_str("\\t"),
            _ if !is_odd(c) => shown.write_char(c),
            _ if u32::from(c) < 0x100 => write!(shown, "\\x{:02x}", u32::from(c)),
            _ => write!(shown, "\\u{{{:x}}}", u32::from(c)),
        };
    }
    shown.into()
}

/// Control characters (C0, DEL, C1), line separators, and what turns the direction of writing.
fn is_odd(c: char) -> bool {
    let is_separator = matches!(c, '\u{2028}' | '\u{2029}');
    c.is_control() || is_separator || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_move_a_terminal_is_shown_and_everything_else_stays() {
        for plain in ["", "Budi", "Café 日本語 😀👨‍👩‍👧", "C:\\new", "العربية", "a\u{a0}b\u{feff}"]
        {
            assert!(matches!(one_line(plain), Cow::Borrowed(text) if text == plain), "{plain}");
        }
        for (text, wanted) in [
            ("\x1b[2J", "\\x1b[2J"),
            ("a\r\nb\tc\0", "a\\r\\nb\\tc\\x00"),
            ("\x7f\u{80}\u{9b}31m\u{9f}", "\\x7f\\x80\\x9b31m\\x9f"),
            ("\u{202e}gpj\u{202c}\u{2066}\u{2069}", "\\u{202e}gpj\\u{202c}\\u{2066}\\u{2069}"),
            ("\u{2028}\u{2029}", "\\u{2028}\\u{2029}"),
        ] {
            assert_eq!(one_line(text), wanted);
        }
        assert_eq!(lines("a\nb\r\x1b"), "a\nb\\r\\x1b");
    }
}
