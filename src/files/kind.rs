//! What a file is, by its first bytes. Pure.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileKind {
    pub(crate) mimetype: &'static str,
    /// What a person calls it.
    pub(crate) words: &'static str,
}

const UNKNOWN: FileKind = FileKind { mimetype: "application/octet-stream", words: "no known type" };
const EXECUTABLE: &str = "application/x-msdownload";
const ANDROID: &str = "application/vnd.android.package-archive";

/// How a type begins: the place, the bytes, the mimetype, the words.
const BEGINNINGS: [(usize, &[u8], &str, &str); 26] = [
    (0, b"\xff\xd8\xff", "image/jpeg", "a JPEG picture"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png", "a PNG picture"),
    (0, b"GIF8", "image/gif", "a GIF picture"),
    (8, b"WEBP", "image/webp", "a WebP picture"),
    (0, b"BM", "image/bmp", "a BMP picture"),
    (0, b"II*\0", "image/tiff", "a TIFF picture"),
    (0, b"MM\0*", "image/tiff", "a TIFF picture"),
    (4, b"ftypheic", "image/heic", "a HEIC picture"),
    (4, b"ftypavif", "image/avif", "an AVIF picture"),
    (4, b"ftypM4A", "audio/mp4", "an M4A sound"),
    (4, b"ftypqt", "video/quicktime", "a QuickTime video"),
    (4, b"ftyp3g", "video/3gpp", "a 3GP video"),
    (4, b"ftyp", "video/mp4", "an MP4 video"),
    (0, b"\x1aE\xdf\xa3", "video/webm", "a WebM video"),
    (8, b"AVI ", "video/x-msvideo", "an AVI video"),
    (28, b"OpusHead", "audio/ogg; codecs=opus", "an Opus sound"),
    (0, b"OggS", "audio/ogg", "an Ogg sound"),
    (0, b"ID3", "audio/mpeg", "an MP3 sound"),
    (0, b"\xff\xfb", "audio/mpeg", "an MP3 sound"),
    (8, b"WAVE", "audio/wav", "a WAV sound"),
    (0, b"#!AMR", "audio/amr", "an AMR sound"),
    (0, b"\xff\xf1", "audio/aac", "an AAC sound"),
    (0, b"%PDF-", "application/pdf", "a PDF"),
    (0, b"\xd0\xcf\x11\xe0", "application/msword", "an old Office document"),
    (0, b"MZ", EXECUTABLE, "a program"),
    (0, b"\x7fELF", EXECUTABLE, "a program"),
];

/// What a ZIP has in it near its beginning, when it is a document.
const ZIPPED: [(&[u8], &str, &str); 4] = [
    (
        b"word/",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "a Word document",
    ),
    (
        b"xl/",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "an Excel workbook",
    ),
    (
        b"ppt/",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "a PowerPoint document",
    ),
    (b"AndroidManifest.xml", ANDROID, "an Android program"),
];

/// For a text, and for what lies elsewhere and was never seen: by the ending of its name.
const ENDINGS: [(&str, &str); 17] = [
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("png", "image/png"),
    ("mp4", "video/mp4"),
    ("ogg", "audio/ogg; codecs=opus"),
    ("opus", "audio/ogg; codecs=opus"),
    ("mp3", "audio/mpeg"),
    ("m4a", "audio/mp4"),
    ("pdf", "application/pdf"),
    ("csv", "text/csv"),
    ("ics", "text/calendar"),
    ("vcf", "text/vcard"),
    ("txt", "text/plain"),
    ("zip", "application/zip"),
    ("docx", ZIPPED[0].1),
    ("xlsx", ZIPPED[1].1),
    ("pptx", ZIPPED[2].1),
];

impl FileKind {
    /// Whether opening it runs it.
    pub(crate) fn is_program(self) -> bool {
        [EXECUTABLE, ANDROID].contains(&self.mimetype)
    }

    pub(crate) fn of(head: &[u8]) -> Self {
        let begins =
            |at: usize, bytes: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(bytes));
        let kind = |mimetype, words| Self { mimetype, words };
        for (at, bytes, mimetype, words) in BEGINNINGS {
            if begins(at, bytes) {
                return kind(mimetype, words);
            }
        }
        if begins(0, b"PK\x03\x04") {
            let has = |bytes: &[u8]| head.windows(bytes.len()).any(|window| window == bytes);
            let inside = ZIPPED.iter().find(|(bytes, _, _)| has(bytes));
            return inside
                .map_or(kind("application/zip", "a ZIP archive"), |(_, mimetype, words)| {
                    kind(mimetype, words)
                });
        }
        // A character may be cut at the end of what was read.
        let text = match std::str::from_utf8(head) {
            Ok(text) => text,
            Err(error) if error.error_len().is_none() => {
                std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
            }
            Err(_) => return UNKNOWN,
        };
        if text.is_empty() || text.contains('\0') {
            return UNKNOWN;
        }
        let lower = text.to_ascii_lowercase();
        if lower.contains("<svg") {
            kind("image/svg+xml", "an SVG drawing")
        } else if lower.contains("<html") {
            kind("text/html", "a web page")
        } else {
            kind("text/plain", "a text")
        }
    }

    /// The type to tell WAHA: a text is what its name says.
    pub(crate) fn mimetype_of(self, filename: Option<&str>) -> &'static str {
        let by_name = filename.and_then(by_name).filter(|named| named.starts_with("text/"));
        if self.mimetype == "text/plain" { by_name.unwrap_or(self.mimetype) } else { self.mimetype }
    }
}

/// The type that the ending of a name stands for.
pub(crate) fn by_name(name: &str) -> Option<&'static str> {
    let ending = name.rsplit_once('.')?.1.to_ascii_lowercase();
    ENDINGS.iter().find(|(known, _)| *known == ending).map(|(_, mimetype)| *mimetype)
}

/// The ending that names of this type have.
pub(crate) fn ending_of(mimetype: &str) -> Option<&'static str> {
    ENDINGS.iter().find(|(_, known)| *known == mimetype).map(|(ending, _)| *ending)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;
    use crate::reason::{FileWords, Reason};

    #[test]
    fn every_type_has_words_in_both_languages() {
        let all = BEGINNINGS.iter().map(|one| one.3).chain(ZIPPED.iter().map(|one| one.2)).chain([
            UNKNOWN.words,
            "a ZIP archive",
            "an SVG drawing",
            "a web page",
            "a text",
        ]);
        for words in all {
            let (filename, found) = (String::new(), FileWords(words.to_owned()));
            let text = Reason::FileDisguised { filename, found }.text(Language::Indonesian);
            let told = text.strip_prefix("berkasnya ").unwrap().split(',').next().unwrap();
            let is_english =
                ["a ", "an ", "picture", "sound", "document", "old", "text", "page", "type"]
                    .iter()
                    .any(|word| told.starts_with(word) || told.contains(&format!(" {word}")));
            assert!(!is_english && (told != words || words == "a PDF"), "{words}: {told}");
        }
    }

    #[test]
    fn a_file_is_what_its_bytes_are_whatever_its_name() {
        let mut opus = b"OggS".to_vec();
        opus.resize(28, 0);
        opus.extend_from_slice(b"OpusHead");
        for (head, mimetype) in [
            (&b"\xff\xd8\xff\xe0"[..], "image/jpeg"),
            (b"\x89PNG\r\n\x1a\n....", "image/png"),
            (b"MZ\x90\0", EXECUTABLE),
            (b"\0\0\0\x18ftypmp42", "video/mp4"),
            (b"<?xml version='1.0'?><SVG xmlns=''>", "image/svg+xml"),
            (b"PK\x03\x04....[Content_Types].xml..word/document.xml", ZIPPED[0].1),
            (b"PK\x03\x04....a.txt", "application/zip"),
            (b"%PDF-1.7", "application/pdf"),
            (b"Halo \xc3", "text/plain"),
            (b"\x01\xff\x02", "application/octet-stream"),
            (&opus, "audio/ogg; codecs=opus"),
        ] {
            assert_eq!(FileKind::of(head).mimetype, mimetype);
        }
        assert_eq!(FileKind::of(b"a,b").mimetype_of(Some("x.csv")), "text/csv");
        assert_eq!(FileKind::of(b"MZ").mimetype_of(Some("x.csv")), EXECUTABLE);
    }
}
