//! The files of messages: whether WAHA takes any, whether those that wait are there, how much room all take.

use super::Findings;
use crate::files::Files;
use crate::store::{Store, StoreError};

const MIB: u64 = 1024 * 1024;
/// So much is read to see whether it was changed; of what is more only the beginning.
const READ_MAX: u64 = 1024 * MIB;

/// `is_plus` is what WAHA says of itself, when it says anything.
pub(super) fn examine(
    store: &mut Store,
    is_plus: Option<bool>,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    let waiting = store.read(|tx| tx.waiting_media())?;
    let messages: u64 = waiting.iter().map(|(_, messages)| messages).sum();
    if messages > 0 && is_plus == Some(false) {
        let found =
            format!("{messages} messages with pictures or files wait, and this WAHA is CORE");
        let remedy =
            "only WAHA Plus sends them: change to it, or `message cancel` them; they fail once";
        findings.wrong("media", found, remedy);
    }
    let files = Files::beside(store.path());
    let (mut read, mut bad, mut first) = (0, 0_u64, None);
    for (name, _) in &waiting {
        let Some(name) = name else { continue };
        let looked = match files.look(name) {
            Ok(stored) if read + stored.bytes <= READ_MAX => {
                read += stored.bytes;
                files.verify(name)
            }
            looked => looked,
        };
        if let Err(why) = looked {
            bad += 1;
            first.get_or_insert_with(|| why.to_string());
        }
    }
    if let Some(first) = first {
        let found = format!("{bad} files of messages that wait cannot be sent; {first}");
        let remedy = "`file add` the same file again, or copy it from a backup";
        findings.wrong("media", found, remedy);
    }
    match files.names() {
        Ok(names) if names.is_empty() => {}
        Ok(names) => {
            let stored = names.iter().filter_map(|(name, _)| files.look(name).ok());
            let bytes: u64 = stored.map(|stored| stored.bytes).sum();
            let (count, directory) = (names.len(), files.directory().display());
            let size = bytes.div_ceil(MIB);
            findings.ok("media", format!("{count} files in `{directory}`, {size} MB"));
        }
        Err(error) => {
            let found = format!("`{}` cannot be read: {error}", files.directory().display());
            findings.wrong("media", found, "check its owner and mode");
        }
    }
    Ok(())
}
