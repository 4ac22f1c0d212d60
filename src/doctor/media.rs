//! The files of messages: whether WAHA takes any, whether those that wait are there, how much room all take.

use super::{Examined, Findings, Said, Subject};
use crate::files::Files;
use crate::store::Store;

const MIB: u64 = 1024 * 1024;
/// So much is read to see whether it was changed; of what is more only the beginning.
const READ_MAX: u64 = 1024 * MIB;

/// `is_plus` is what WAHA says of itself, when it says anything.
pub(super) fn examine(
    store: &mut Store,
    is_plus: Option<bool>,
    findings: &mut Findings,
) -> Examined {
    let waiting = store.read(|tx| tx.waiting_media())?;
    let messages: u64 = waiting.iter().map(|(_, messages)| messages).sum();
    if messages > 0 && is_plus == Some(false) {
        let found = Said::MediaOnCore { count: messages };
        findings.wrong(Subject::Media, found, Said::NeedsPlus);
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
            first.get_or_insert(why);
        }
    }
    if let Some(why) = first {
        findings.wrong(Subject::Media, Said::FilesBad { count: bad, why }, Said::AddFileAgain);
    }
    match files.names() {
        Ok(names) if names.is_empty() => {}
        Ok(names) => {
            let stored = names.iter().filter_map(|(name, _)| files.look(name).ok());
            let bytes: u64 = stored.map(|stored| stored.bytes).sum();
            let (count, directory) = (names.len(), files.directory().display().to_string());
            let mb = bytes.div_ceil(MIB);
            findings.ok(Subject::Media, Said::FilesStored { count, directory, mb });
        }
        Err(error) => {
            let path = files.directory().display().to_string();
            let found = Said::Unreadable { path, cause: error.to_string() };
            findings.wrong(Subject::Media, found, Said::CheckOwner);
        }
    }
    Ok(())
}
