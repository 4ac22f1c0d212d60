//! Files that only their owner may read: making them so from the first byte, whatever the umask,
//! and noticing that one is not.

use std::fs::{Metadata, OpenOptions};
use std::path::Path;

/// Options that give a file that they make mode 0600. A umask can only take from it.
#[must_use]
pub fn options() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "other systems have no modes"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// The command that closes a file to others, when it is open to them; `None` when it is not, or on
/// a system without modes.
#[must_use]
pub fn mend_command(path: &Path, metadata: &Metadata) -> Option<String> {
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::MetadataExt::mode(metadata);
        (mode & 0o066 != 0).then(|| format!("chmod 600 {}", quote(&path.to_string_lossy())))
    }
    #[cfg(not(unix))]
    {
        let _ = (path, metadata);
        None
    }
}

/// A path as a shell takes it for one word.
#[cfg(unix)]
fn quote(path: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if !path.is_empty() && !path.starts_with('-') && path.chars().all(is_plain) {
        return path.to_owned();
    }
    let dashed = if path.starts_with('-') { "./" } else { "" };
    format!("'{dashed}{}'", path.replace('\'', r"'\''"))
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_mended_when_anybody_else_may_read_or_change_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("my shop's.env");
        std::fs::write(&path, "").unwrap();
        for (mode, is_open) in [
            (0o600, false),
            (0o400, false),
            (0o700, false),
            (0o640, true),
            (0o604, true),
            (0o620, true),
        ] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let command = mend_command(&path, &std::fs::metadata(&path).unwrap());
            assert_eq!(command.is_some(), is_open, "{mode:o}");
            let Some(command) = command else { continue };
            assert!(command.ends_with(r"/my shop'\''s.env'"), "{command}");
            assert!(
                std::process::Command::new("sh").args(["-c", &command]).status().unwrap().success()
            );
            assert_eq!(mend_command(&path, &std::fs::metadata(&path).unwrap()), None);
        }
    }
}
