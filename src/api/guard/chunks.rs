//! A body in chunks, put together again. Extensions and trailers are nothing that anybody needs here,
//! so they are refused. Pure.

use super::Refusal;

/// Hex digits of a chunk's size, and the line's end.
const SIZE_LINE_BYTES_MAX: usize = 8 + 2;

/// A body, as far as it came.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    /// The bytes of the chunks so far.
    pub(super) body: Vec<u8>,
    expected: Expected,
}

#[derive(Clone, Copy, Debug, Default)]
enum Expected {
    #[default]
    Size,
    Data(usize),
    LineEnd,
    LastLineEnd,
}

impl Chunks {
    /// Takes what it can from the front of `input`. True when the body is complete: what is left in
    /// `input` then belongs to the next request. The body has at most `bytes_max` bytes.
    pub(super) fn take(&mut self, input: &mut Vec<u8>, bytes_max: usize) -> Result<bool, Refusal> {
        let mut at = 0;
        let is_complete = loop {
            let rest = &input[at..];
            match self.expected {
                Expected::Size => {
                    let Some((size, length)) = size_line(rest)? else { break false };
                    at += length;
                    if size > bytes_max.saturating_sub(self.body.len()) {
                        return Err(Refusal::new(413, "the body is too large"));
                    }
                    self.expected =
                        if size == 0 { Expected::LastLineEnd } else { Expected::Data(size) };
                }
                Expected::Data(left) => {
                    let length = left.min(rest.len());
                    self.body.extend_from_slice(&rest[..length]);
                    at += length;
                    if length < left {
                        self.expected = Expected::Data(left - length);
                        break false;
                    }
                    self.expected = Expected::LineEnd;
                }
                Expected::LineEnd | Expected::LastLineEnd => {
                    if !b"\r\n".starts_with(&rest[..rest.len().min(2)]) {
                        return Err(malformed());
                    }
                    if rest.len() < 2 {
                        break false;
                    }
                    at += 2;
                    if matches!(self.expected, Expected::LastLineEnd) {
                        break true;
                    }
                    self.expected = Expected::Size;
                }
            }
        };
        input.drain(..at);
        Ok(is_complete)
    }
}

/// The size in the line at the front of `bytes`, and the line's length; nothing as long as the line
/// is not complete.
fn size_line(bytes: &[u8]) -> Result<Option<(usize, usize)>, Refusal> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let end = &bytes[digits..];
    let is_line = digits > 0 && digits + 2 <= SIZE_LINE_BYTES_MAX && end.starts_with(b"\r\n");
    if is_line {
        let size = std::str::from_utf8(&bytes[..digits]).ok();
        let size = size.and_then(|text| usize::from_str_radix(text, 16).ok());
        return Ok(Some((size.ok_or_else(malformed)?, digits + 2)));
    }
    let may_become_one =
        digits + 2 <= SIZE_LINE_BYTES_MAX && (end.is_empty() || digits > 0 && end == b"\r");
    if may_become_one { Ok(None) } else { Err(malformed()) }
}

fn malformed() -> Refusal {
    Refusal::new(400, "the chunks of the body are malformed")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, piece: usize) -> Result<Option<(String, String)>, u16> {
        let (mut chunks, mut input) = (Chunks::default(), Vec::new());
        let mut pieces = text.as_bytes().chunks(piece);
        while let Some(bytes) = pieces.next() {
            input.extend_from_slice(bytes);
            if chunks.take(&mut input, 20).map_err(|refusal| refusal.status)? {
                input.extend(pieces.flatten());
                let text = |bytes| String::from_utf8(bytes).unwrap();
                return Ok(Some((text(chunks.body), text(input))));
            }
        }
        Ok(None)
    }

    #[test]
    fn a_body_in_chunks_is_the_same_in_any_pieces() {
        let text = "5\r\nhello\r\n00B\r\n, my friend\r\n0\r\n\r\nGET";
        for piece in 1..text.len() {
            let whole = Some(("hello, my friend".to_owned(), "GET".to_owned()));
            assert_eq!(read(text, piece), Ok(whole), "{piece}");
        }
        assert_eq!(read(&text[..text.len() - 4], 3), Ok(None));
    }

    #[test]
    fn what_is_no_chunk_is_refused_and_what_is_too_large_too() {
        for text in [
            "\r\n",
            "x\r\n",
            "-1\r\n",
            "+1\r\n",
            "0x1\r\n",
            " 1\r\n",
            "1 \r\n",
            "1;a=b\r\n",
            "1\nx",
            "1\r\nxy",
            "1\r\nx\n",
            "000000001\r\n",
            "0\r\nTrailer: x\r\n",
            "FFFFFFFFFFFFFFFFF\r\n",
        ] {
            for piece in [1, 3, 100] {
                assert_eq!(read(text, piece), Err(400), "{text:?}");
            }
        }
        assert_eq!(read("15\r\n", 9), Err(413));
        assert_eq!(read("14\r\n01234567890123456789\r\n1\r\n", 9), Err(413));
    }
}
