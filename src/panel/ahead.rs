//! When what waits will be through: the forecast, where it costs little.

use super::visit::Visit;
use super::{PageError, format};
use crate::forecast::{self, Bounds, Scope, Warning};

/// A forecast looks at each recipient that comes before: of more than so many it is left out.
const RECIPIENTS_MAX: u64 = 2_000;
const MESSAGES_MAX: u64 = 50;

/// When a message that is scheduled or on its way will be through, in words; empty when nobody knows.
pub(super) fn of_message(visit: &Visit<'_>, id: i64, recipients: u64) -> Result<String, PageError> {
    look(visit, Scope::Message(id), recipients)
}

/// When all that is due now will be through.
pub(super) fn of_queue(visit: &Visit<'_>, pending: u64) -> Result<String, PageError> {
    if pending == 0 { Ok(String::new()) } else { look(visit, Scope::DueNow, pending) }
}

/// What a person should know of a scheduled message before it is too late, in words. Looked at once for
/// a page, so of larger messages too.
pub(super) fn warning(visit: &Visit<'_>, id: i64) -> Result<String, PageError> {
    let w = visit.words();
    let seen = visit
        .panel
        .with_store(|store| forecast::of_message(store, id, &visit.panel.config, visit.now))?;
    let (words, in_time, recipients) = match seen.and_then(|seen| seen.warning()) {
        None => return Ok(String::new()),
        Some(Warning::TooLate { in_time, recipients, .. }) => {
            (w.warn_too_late, in_time, recipients)
        }
        Some(Warning::DueAgain { in_time, recipients }) => (w.warn_due_again, in_time, recipients),
        Some(Warning::FallsBehind { recipients }) => (w.warn_falls_behind, 0, recipients),
    };
    let number = |count| format::number(count, visit.language);
    Ok(words.replace("{n}", &number(in_time)).replace("{all}", &number(recipients)))
}

fn look(visit: &Visit<'_>, scope: Scope, recipients: u64) -> Result<String, PageError> {
    let pending = visit.panel.read(|tx| tx.count_pending())?;
    if recipients.max(pending) > RECIPIENTS_MAX {
        return Ok(String::new());
    }
    let bounds = Bounds { messages: MESSAGES_MAX, recipients: RECIPIENTS_MAX };
    let seen = visit.panel.with_store(|store| {
        forecast::forecast(store, scope, &visit.panel.config, bounds, visit.now, &mut |_| {})
    })?;
    let Some(ends_at) = seen.and_then(|seen| seen.totals.ends_at) else {
        return Ok(String::new());
    };
    let moment = format::moment(ends_at, &visit.panel.config.zone, visit.language);
    Ok(visit.words().through_at.replace("{}", &moment))
}
