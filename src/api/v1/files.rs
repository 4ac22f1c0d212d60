//! `files`: what messages carry. A file is taken in while it comes; only then a message can refer to it.

use std::io::{self, ErrorKind, Read};
use std::path::Path;

use serde::Serialize;

use super::V1;
use super::call::{Answered, ApiResult, Call, Problem, json};
use crate::content::filename_of;
use crate::files::{FileError, Files, Stored};
use crate::http::Request;
use crate::http::multipart::Multipart;

/// A file that was taken in.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct TakenFile {
    /// Its name, for `content`: the SHA-256 of its bytes.
    file: String,
    bytes: u64,
    /// What it is, by its bytes.
    mimetype: String,
    /// What a form called it, as `content` takes it; `null` for a body that is no form.
    filename: Option<String>,
}

/// A file in the store, and what a form called it.
pub(super) type Uploaded = (Stored, Option<String>);

/// Takes the body in, which may be larger than what is kept in memory: the bytes of a file, or a form with one.
pub(super) fn take_in(v1: &V1, request: &mut Request) -> ApiResult<Uploaded> {
    let content_type = request.header("Content-Type").unwrap_or_default().to_owned();
    let body = Whole { left: request.length() as u64, body: request.coming() };
    let mut form = match Multipart::of(&content_type, body) {
        Ok(form) => form,
        // The form itself would be taken for the file.
        Err(_) if content_type.trim_start().to_ascii_lowercase().starts_with("multipart/") => {
            let words = "a form is multipart/form-data, and its type has a `boundary`";
            return Err(Problem::new(400, "bad_request", words));
        }
        Err(body) => return Ok((add(v1, body)?, None)),
    };
    let broken = |error: io::Error| {
        let words = format!("the form is cut or malformed: {error}");
        Problem::new(400, "bad_request", words)
    };
    let mut taken = None;
    while let Some(part) = form.next().map_err(broken)? {
        if part.name != "file" || taken.is_some() {
            let words = "the form must have one part, `file`";
            return Err(Problem::invalid(&part.name, "invalid", words));
        }
        let filename = part.filename.as_deref().and_then(filename_of);
        taken = Some((add(v1, &mut form)?, filename));
    }
    taken.ok_or_else(|| Problem::invalid("file", "invalid", "the form must have a part `file`"))
}

fn add(v1: &V1, source: impl Read) -> ApiResult<Stored> {
    let files = Files::beside(&v1.config.database_path);
    files.add(source, Path::new("the body"), v1.config.media_max_mb << 20).map_err(|error| {
        let words = error.to_string();
        match error {
            FileError::Empty => Problem::new(422, "invalid", "send the bytes of a file"),
            FileError::TooLarge { .. } => Problem::new(413, "too_large", words),
            FileError::Read { .. } => Problem::new(400, "bad_request", "the body ended too early"),
            FileError::Write { source, .. } => {
                log::error!("files: a file could not be taken in: {source}");
                Problem::unavailable()
            }
        }
    })
}

pub(super) fn create(call: &Call<'_>) -> Answered {
    let (stored, filename) = call.uploaded.as_ref().ok_or_else(Problem::unavailable)?;
    let taken = TakenFile {
        file: stored.name.clone(),
        bytes: stored.bytes,
        mimetype: stored.kind.mimetype.to_owned(),
        filename: filename.clone(),
    };
    call.once(|_| Ok(json(200, &taken)))
}

/// A body that has an error for an end before its end: half a file is none.
struct Whole<R> {
    left: u64,
    body: R,
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.body.read(buffer)?;
        if count == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.left = self.left.saturating_sub(count as u64);
        Ok(count)
    }
}
