//! The body of a request: a form, and what becomes of the file in it. A file for a message goes into the store
//! while it comes, when somebody who is logged in sends a form of ours; one of another form is kept in memory.

use std::io::{self, Read};
use std::path::Path;

use super::forms::{self, Form};
use super::{Panel, access};
use crate::api::takes_files;
use crate::content::filename_of;
use crate::files::{FileError, Files, Stored};
use crate::http::Request;

#[derive(Default)]
pub(super) struct Body {
    pub(crate) form: Form,
    /// A list of contacts, with its name.
    pub(crate) list: Option<(String, Vec<u8>)>,
    /// The file for a message.
    pub(crate) taken: Option<Result<Taken, NotTaken>>,
}

pub(super) struct Taken {
    pub(crate) stored: Stored,
    /// What the recipient sees.
    pub(crate) filename: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotTaken {
    Empty,
    TooLarge,
    /// The disk did not take it; the reason is in the log.
    Disk,
}

impl Body {
    pub(super) fn read(panel: &Panel, request: &mut Request) -> Self {
        if request.method != "POST" {
            return Self::default();
        }
        let content_type = request.header("Content-Type").unwrap_or_default().to_owned();
        if takes_body(panel, request) {
            let csrf = access::token_of(panel, request);
            let bytes_max = panel.config.media_max_mb << 20;
            let take = |fields: &Form, name: String, source: &mut dyn Read| {
                // A form that no page of ours made is refused later; its file is passed over.
                let is_ours = access::is_same(fields.get("csrf").unwrap_or_default(), &csrf);
                if is_ours {
                    take_in(&panel.files, &name, source, bytes_max).map(Some)
                } else {
                    Ok(None)
                }
            };
            let read = forms::multipart(&content_type, request.coming(), take);
            let Some((mut form, taken)) = read else { return Self::default() };
            let taken = taken.flatten();
            if let Some(Ok(Taken { stored, filename })) = &taken {
                form.note("taken", format!("{} {filename:?}", stored.name));
            }
            return Self { form, list: None, taken };
        }
        let keep = |_: &Form, name, source: &mut dyn Read| {
            let mut bytes = Vec::new();
            source.read_to_end(&mut bytes)?;
            Ok((name, bytes))
        };
        match forms::multipart(&content_type, request.body.as_slice(), keep) {
            Some((form, list)) => Self { form, list, taken: None },
            None => Self { form: Form::read(&request.body), ..Self::default() },
        }
    }
}

/// Whether the body is read here while it comes.
pub(super) fn takes_body(panel: &Panel, request: &Request) -> bool {
    let content_type = request.header("Content-Type").unwrap_or_default();
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    let is_form = kind.eq_ignore_ascii_case("multipart/form-data");
    request.method == "POST"
        && is_form
        && takes_files(request.path())
        && access::has_session(panel, request)
}

/// Takes a file in by the function that the API and the command line have; an error is a body that is cut.
fn take_in(
    files: &Files,
    name: &str,
    source: &mut dyn Read,
    bytes_max: u64,
) -> io::Result<Result<Taken, NotTaken>> {
    match files.add(source, Path::new("the form"), bytes_max) {
        Ok(stored) => Ok(Ok(Taken { stored, filename: filename_of(name) })),
        Err(FileError::Read { source, .. }) => Err(source),
        Err(FileError::TooLarge { .. }) => Ok(Err(NotTaken::TooLarge)),
        Err(FileError::Empty) => Ok(Err(NotTaken::Empty)),
        Err(FileError::Write { source, .. }) => {
            log::error!("files: a file could not be taken in: {source}");
            Ok(Err(NotTaken::Disk))
        }
    }
}
