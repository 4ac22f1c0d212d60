//! The text form of a Postgres array: `{1,2}`, `{"0812…","0813…"}`, `{{1,2},{3,NULL}}`.
//!
//! It takes the array apart and gives no meaning to its elements.

const NO_END: &str = "a comma or the closing `}` is missing";

/// The elements of the array in their order, with `None` for NULL, or what is wrong with it.
pub(super) fn elements(
    text: &str,
    depth_max: usize,
    count_max: usize,
) -> Result<Vec<Option<String>>, String> {
    let mut scan = Scan { rest: text.trim(), depth_max, count_max, found: Vec::new() };
    scan.take('{');
    scan.array(1)?;
    if scan.rest.is_empty() {
        return Ok(scan.found);
    }
    Err("there is text after the closing `}`".to_owned())
}

struct Scan<'a> {
    rest: &'a str,
    depth_max: usize,
    count_max: usize,
    found: Vec<Option<String>>,
}

impl Scan<'_> {
    /// Reads what follows an opening brace, up to and including the closing one.
    fn array(&mut self, depth: usize) -> Result<(), String> {
        if depth > self.depth_max {
            return Err(format!("its arrays are nested more than {} deep", self.depth_max));
        }
        if self.take('}') {
            return Ok(());
        }
        loop {
            if self.take('{') {
                self.array(depth + 1)?;
            } else {
                let element = if self.take('"') { self.quoted()? } else { self.unquoted()? };
                self.found.push(element);
            }
            if self.found.len() > self.count_max {
                return Err(format!("it has more than {} elements", self.count_max));
            }
            if self.take('}') {
                return Ok(());
            }
            if !self.take(',') {
                return Err(NO_END.to_owned());
            }
        }
    }

    fn quoted(&mut self) -> Result<Option<String>, String> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(Some(text));
                }
                '\\' => text.extend(chars.next().map(|(_, escaped)| escaped)),
                _ => text.push(c),
            }
        }
        Err("a closing double quote is missing".to_owned())
    }

    fn unquoted(&mut self) -> Result<Option<String>, String> {
        let end = self.rest.find([',', '}', '{', '"']).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        if !rest.starts_with([',', '}']) {
            return Err(NO_END.to_owned());
        }
        self.rest = rest;
        let text = text.trim();
        Ok((!text.eq_ignore_ascii_case("null")).then(|| text.to_owned()))
    }

    /// Takes a sign, and the spaces before it.
    fn take(&mut self, wanted: char) -> bool {
        let rest = self.rest.trim_start().strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}
