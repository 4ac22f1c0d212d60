//! A file on its way to WAHA: JSON around its bytes as base64, made while it is read. However large it is, no
//! more than a piece of it is in memory.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::clock::lock;
use crate::reason::Reason;
use crate::secret::to_hex;

/// A multiple of three: each piece is base64 by itself.
const PIECE_BYTES: usize = 12 * 1024;

/// The body of a request with a file in it.
pub(super) struct Body {
    piece: Cursor<Vec<u8>>,
    /// The JSON after the file, until it is its turn.
    tail: Option<Vec<u8>>,
    file: File,
    /// How many of its bytes are still to come.
    left: u64,
    digest: Sha256,
    name: String,
    fault: Fault,
}

/// What was wrong with the file while it went out.
pub(super) type Fault = Arc<Mutex<Option<Reason>>>;

impl Body {
    /// `json` with the file of this name and length in `file.data`, beside what is said `about` it. Returns also
    /// its length, and the place where it says what was wrong with the file.
    pub(super) fn new(
        json: &Value,
        about: &Value,
        (name, file, bytes): (&str, File, u64),
    ) -> (Self, u64, Fault) {
        let about = about.to_string();
        let mut head = json.to_string();
        head.pop(); // the last brace
        head.push_str(",\"file\":");
        head.push_str(&about[..about.len() - 1]);
        head.push_str(",\"data\":\"");
        let tail = b"\"}}".to_vec();
        let length = head.len() as u64 + bytes.div_ceil(3) * 4 + tail.len() as u64;
        let fault = Fault::default();
        let body = Self {
            piece: Cursor::new(head.into_bytes()),
            tail: Some(tail),
            file,
            left: bytes,
            digest: Sha256::new(),
            name: name.to_owned(),
            fault: Arc::clone(&fault),
        };
        (body, length, fault)
    }

    /// The next piece; an empty one at the end. The last brace only goes out when all that went before it
    /// is the file of that name: a request that is not whole is never carried out.
    fn next(&mut self) -> Result<Vec<u8>, Reason> {
        if self.left == 0 {
            let Some(tail) = self.tail.take() else { return Ok(Vec::new()) };
            if to_hex(&std::mem::take(&mut self.digest).finalize()) != self.name {
                return Err(Reason::FileChanged { file: self.name.clone() });
            }
            return Ok(tail);
        }
        let want = usize::try_from(self.left).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        let mut bytes = vec![0; want];
        self.file.read_exact(&mut bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Reason::FileChanged { file: self.name.clone() },
            _ => Reason::FileUnreadable { file: self.name.clone(), cause: error.to_string() },
        })?;
        self.left -= want as u64;
        self.digest.update(&bytes);
        Ok(STANDARD.encode(&bytes).into_bytes())
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.piece.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            match self.next() {
                Ok(piece) if piece.is_empty() => return Ok(0),
                Ok(piece) => self.piece = Cursor::new(piece),
                Err(reason) => {
                    *lock(&self.fault) = Some(reason);
                    return Err(io::Error::other("the file cannot be sent"));
                }
            }
        }
    }
}
