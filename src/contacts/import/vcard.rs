//! vCards of old and new phones (2.1, 3.0, 4.0) as rows of cells, a card at a time.

use std::io::{self, BufRead, BufReader, Read};

use super::decode::cell_text;
use super::records::Record;

/// More of one property is a picture, and nobody's name or number.
const PROPERTY_BYTES_MAX: usize = 64 * 1024;
/// The headings of the rows, in the order of [`Cards::take`].
const HEADINGS: &str =
    "WhatsApp|Mobile Phone|Phone|Name|Nickname|Company|Labels|E-mail|Birthday|Notes";
const HEADINGS_COUNT: usize = 10;
/// Between several values in one cell, as Google Contacts writes them.
const BETWEEN: &str = " ::: ";

pub(super) struct Cards<'r> {
    input: BufReader<Box<dyn Read + 'r>>,
    /// The line that was read and not used.
    next: Option<Vec<u8>>,
    line: u64,
    is_begun: bool,
}

impl<'r> Cards<'r> {
    pub(super) fn new(input: Box<dyn Read + 'r>) -> Self {
        Self { input: BufReader::new(input), next: None, line: 0, is_begun: false }
    }

    /// The headings, then a row for each card; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Record>> {
        if !self.is_begun {
            self.is_begun = true;
            let cells = HEADINGS.split('|').map(str::to_owned).collect();
            return Ok(Some(Record::Row { line: 0, cells }));
        }
        let mut card: Option<(u64, Card)> = None;
        while let Some(text) = self.property()? {
            let Some((head, value)) = text.split_once(':') else { continue };
            let (name, parameters) = head.split_once(';').unwrap_or((head, ""));
            let name = name.rsplit('.').next().unwrap_or(name).to_ascii_uppercase();
            match (name.as_str(), &mut card) {
                ("BEGIN", card) => {
                    // The next line was read already.
                    let ahead = u64::from(self.next.is_some());
                    *card = Some((self.line - ahead, Card::default()));
                }
                ("END", _) => break,
                (name, Some((_, card))) => card.take(name, parameters, value),
                (_, None) => {}
            }
        }
        Ok(card.map(|(line, card)| Record::Row { line, cells: card.cells() }))
    }

    /// The next property on one line, whatever lines it was written on.
    fn property(&mut self) -> io::Result<Option<String>> {
        let Some(mut text) = self.line()? else { return Ok(None) };
        let head = text.split(|byte| *byte == b':').next().unwrap_or_default();
        let is_quoted = cell_text(head).to_ascii_uppercase().contains("QUOTED-PRINTABLE");
        while let Some(next) = self.line()? {
            if is_quoted && text.ends_with(b"=") {
                text.pop();
                text.extend_from_slice(&next);
            } else if next.starts_with(b" ") || next.starts_with(b"\t") {
                if text.len() < PROPERTY_BYTES_MAX {
                    text.extend_from_slice(&next[1..]);
                }
            } else {
                self.next = Some(next);
                break;
            }
        }
        if !is_quoted {
            return Ok(Some(cell_text(&text)));
        }
        let at = text.iter().position(|byte| *byte == b':').map_or(text.len(), |at| at + 1);
        Ok(Some(cell_text(&[&text[..at], &unquoted(&text[at..])].concat())))
    }

    fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        if let Some(line) = self.next.take() {
            return Ok(Some(line));
        }
        let mut line = Vec::new();
        if self.input.by_ref().take(PROPERTY_BYTES_MAX as u64).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        self.line += 1;
        while line.ends_with(b"\n") || line.ends_with(b"\r") {
            line.pop();
        }
        Ok(Some(line))
    }
}

/// The values of a card, by the headings.
#[derive(Default)]
struct Card {
    values: [Vec<String>; HEADINGS_COUNT],
    /// From `N`, for a card without `FN`.
    name: String,
}

impl Card {
    fn take(&mut self, name: &str, parameters: &str, value: &str) {
        let parameters = parameters.to_ascii_uppercase();
        let has = |kind: &str| parameters.contains(kind);
        let at = match name {
            "TEL" if has("FAX") || has("PAGER") => return,
            "TEL" => {
                let waid = parameters.split(';').find_map(|one| one.strip_prefix("WAID="));
                self.values[0].extend(waid.map(|digits| format!("+{digits}")));
                if has("CELL") || has("IPHONE") || has("MOBILE") { 1 } else { 2 }
            }
            "FN" => 3,
            "N" => {
                // Family, given, additional, prefix, suffix.
                let parts = parts(value, ';');
                let order = [1, 2, 0].iter().filter_map(|at| parts.get(*at));
                let filled: Vec<&str> =
                    order.map(|part| part.trim()).filter(|part| !part.is_empty()).collect();
                self.name = filled.join(" ");
                return;
            }
            "NICKNAME" => 4,
            "ORG" => 5,
            "CATEGORIES" => {
                self.values[6].extend(parts(value, ','));
                return;
            }
            "EMAIL" => 7,
            "BDAY" => 8,
            "NOTE" => 9,
            _ => return,
        };
        let value = parts(value, if name == "ORG" { ';' } else { '\0' }).swap_remove(0);
        self.values[at].push(value);
    }

    fn cells(mut self) -> Vec<String> {
        if self.values[3].iter().all(|name| name.trim().is_empty()) {
            self.values[3] = vec![self.name];
        }
        self.values.into_iter().map(|values| values.join(BETWEEN)).collect()
    }
}

/// The parts of a value between separators, without the backslashes of its escapes; at least one.
fn parts(value: &str, separator: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        let c = match c {
            '\\' => match chars.next() {
                Some('n' | 'N') => '\n',
                Some(escaped) => escaped,
                None => break,
            },
            _ if c == separator => {
                parts.push(String::new());
                continue;
            }
            _ => c,
        };
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts
}

/// Quoted-printable: `=C3=A9` is é.
fn unquoted(text: &[u8]) -> Vec<u8> {
    let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        rest = tail;
        let escaped = match (first, tail) {
            (b'=', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        if let Some((high, low)) = escaped {
            bytes.push(high * 16 + low);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
        }
    }
    bytes
}
