//! The text form of a Postgres array: `{1,2}`, `{"0812…","0813…"}`, `{{1,2},{3,NULL}}`.
//!
//! It takes the array apart and gives no meaning to its elements.

/// An element; nested arrays are flattened.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Element {
    Text(String),
    Null,
}

/// The elements of the array, or what is wrong with it.
pub(super) fn elements(
    text: &str,
    depth_max: usize,
    count_max: usize,
) -> Result<Vec<Element>, String> {
    let mut scan = Scan { rest: text.trim(), depth: 0, depth_max, found: Vec::new() };
    while scan.step()? {
        if scan.found.len() > count_max {
            return Err(format!("it has more than {count_max} elements"));
        }
    }
    if scan.rest.is_empty() {
        return Ok(scan.found);
    }
    Err("there is text after the closing `}`".to_owned())
}

struct Scan<'a> {
    rest: &'a str,
    depth: usize,
    depth_max: usize,
    found: Vec<Element>,
}

impl Scan<'_> {
    /// Reads up to and including one element and what closes it; false at the end of the array.
    fn step(&mut self) -> Result<bool, String> {
        self.skip_spaces();
        if self.take('{') {
            self.depth += 1;
            if self.depth > self.depth_max {
                return Err(format!("its arrays are nested more than {} deep", self.depth_max));
            }
            self.skip_spaces();
            return if self.take('}') { self.close() } else { Ok(true) };
        }
        let element = if self.take('"') { self.quoted()? } else { self.unquoted()? };
        self.found.push(element);
        self.after_element()
    }

    /// After an element or an inner array: a comma goes on, a brace closes.
    fn after_element(&mut self) -> Result<bool, String> {
        self.skip_spaces();
        if self.take(',') {
            return Ok(true);
        }
        if self.take('}') {
            return self.close();
        }
        Err("a comma or the closing `}` is missing".to_owned())
    }

    fn close(&mut self) -> Result<bool, String> {
        // Never recurses deeper than `depth_max`: each turn closes one array.
        self.depth -= 1;
        if self.depth == 0 { Ok(false) } else { self.after_element() }
    }

    fn quoted(&mut self) -> Result<Element, String> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(Element::Text(text));
                }
                '\\' => text.extend(chars.next().map(|(_, escaped)| escaped)),
                _ => text.push(c),
            }
        }
        Err("a closing double quote is missing".to_owned())
    }

    fn unquoted(&mut self) -> Result<Element, String> {
        let end = self.rest.find([',', '}', '{', '"']).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        if !rest.starts_with([',', '}']) {
            return Err("a comma or the closing `}` is missing".to_owned());
        }
        self.rest = rest;
        let text = text.trim();
        Ok(if text.eq_ignore_ascii_case("null") {
            Element::Null
        } else {
            Element::Text(text.to_owned())
        })
    }

    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, wanted: char) -> bool {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}
