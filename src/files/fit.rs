//! Whether WhatsApp takes a file as what a message calls it.

use percent_encoding::percent_decode_str;

use super::kind::{by_name, ending_of};
use super::{Files, Stored};
use crate::content::{Content, Kind, Media, MediaKind, Source, filename_of};
use crate::reason::{FileWords, Reason};

const MEGABYTE: u64 = 1 << 20;
/// What WhatsApp takes of a picture, a video and a voice message; a file may have 2 GB there.
const MEGABYTES_MAX: u64 = 16;
/// Endings under which a program is no surprise.
const PROGRAMS: [&str; 5] = [".exe", ".msi", ".dll", ".bin", ".apk"];

impl Files {
    /// Why the file of a message cannot be sent, if it has one: it is not there, too large, or no such
    /// thing. Its bytes are compared with its name only with `whole`.
    pub(crate) fn check(
        &self,
        content: &Content,
        megabytes_max: u64,
        whole: bool,
    ) -> Result<Option<Stored>, Reason> {
        let Kind::Media(media) = &content.kind else { return Ok(None) };
        let Source::File(name) = &media.source else { return Ok(None) };
        let stored = if whole { self.verify(name)? } else { self.look(name)? };
        why_unfit(media, &stored, megabytes_max).map_or(Ok(Some(stored)), Err)
    }
}

fn why_unfit(media: &Media, stored: &Stored, megabytes_max: u64) -> Option<Reason> {
    let most = match media.kind {
        MediaKind::Image | MediaKind::Video | MediaKind::Voice => MEGABYTES_MAX.min(megabytes_max),
        MediaKind::File => megabytes_max,
    };
    if stored.bytes > most * MEGABYTE {
        let megabytes = stored.bytes.div_ceil(MEGABYTE);
        return Some(Reason::FileTooLarge { kind: media.kind.to_string(), megabytes, most });
    }
    let mimetype = stored.kind.mimetype;
    let is_fit = match media.kind {
        MediaKind::Image => matches!(mimetype, "image/jpeg" | "image/png"),
        MediaKind::Video => matches!(mimetype, "video/mp4" | "video/3gpp"),
        MediaKind::Voice => mimetype.starts_with("audio/"),
        MediaKind::File => true,
    };
    let found = FileWords(stored.kind.words.to_owned());
    if !is_fit {
        return Some(Reason::FileUnfit { kind: media.kind.to_string(), found });
    }
    // A name that says something else than a program would deceive whoever opens it.
    let filename = media.filename.as_deref().unwrap_or_default().to_ascii_lowercase();
    let is_open = PROGRAMS.iter().any(|ending| filename.ends_with(ending));
    let is_disguised = stored.kind.is_program() && !is_open;
    is_disguised.then_some(Reason::FileDisguised { filename, found })
}

/// What to tell WAHA that a file is which lies elsewhere.
pub(crate) fn mimetype_elsewhere(media: &Media, url: &str) -> &'static str {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let named = media.filename.as_deref().and_then(by_name).or_else(|| by_name(path));
    let begins = |with: &str| named.filter(|named| named.starts_with(with));
    match media.kind {
        MediaKind::Image => begins("image/").unwrap_or("image/jpeg"),
        MediaKind::Video => begins("video/").unwrap_or("video/mp4"),
        MediaKind::Voice => begins("audio/").unwrap_or("audio/ogg; codecs=opus"),
        MediaKind::File => named.unwrap_or("application/octet-stream"),
    }
}

/// What the recipient sees as its name. A document that was given none is called as in its address, else by its type:
/// without an ending no program would open it.
pub(crate) fn shown_name(media: &Media, mimetype: &str) -> Option<String> {
    if media.filename.is_some() || media.kind != MediaKind::File {
        return media.filename.clone();
    }
    let by_type = || Some(format!("file.{}", ending_of(mimetype)?));
    match &media.source {
        Source::File(_) => by_type(),
        Source::Url(url) => {
            let path = url.split(['?', '#']).next().filter(|path| by_name(path).is_some());
            let path = path.map(|path| percent_decode_str(path).decode_utf8_lossy());
            path.and_then(|path| filename_of(&path)).or_else(by_type)
        }
    }
}
