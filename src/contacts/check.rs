//! Whether numbers are on WhatsApp, by asking WAHA for one after the other, as slowly as messages are
//! sent: asking in bulk gets a number banned just as sending does.

use std::time::Duration;

use super::{Filter, Person};
use crate::clock::{Clock, Wake};
use crate::recipient::CountryCode;
use crate::store::{Store, StoreError};
use crate::waha::{Existence, Waha};

/// What is known of a number now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Checked {
    /// WhatsApp has it.
    There,
    /// WhatsApp does not have it.
    NotThere,
    NoNumber,
}

/// Whom to ask about.
pub(crate) fn chosen(
    store: &mut Store,
    filter: &Filter,
    ids: &[i64],
    country: &CountryCode,
) -> Result<Vec<(i64, Option<String>)>, StoreError> {
    let mut found = Vec::new();
    super::each(store, filter, country, |Person { id, digits, .. }| {
        if ids.is_empty() || ids.contains(&id) {
            found.push((id, digits));
        }
    })?;
    Ok(found)
}

/// Asks about one number; `Err` says why WAHA cannot tell now.
///
/// # Errors
/// In words, when WAHA does not know: nobody else should be asked about then.
pub(crate) fn ask(waha: &Waha, session: &str, digits: Option<&str>) -> Result<Checked, String> {
    let Some(digits) = digits else { return Ok(Checked::NoNumber) };
    match waha.check_exists(session, digits) {
        Existence::There => Ok(Checked::There),
        Existence::NotThere => Ok(Checked::NotThere),
        Existence::NotNow(why) => Err(why),
    }
}

/// Rests between two questions, or until `wake` is rung.
pub(crate) fn rest(clock: &dyn Clock, wake: &Wake, pause: Duration) {
    clock.sleep(wake, wake.rings(), Some(pause));
}
