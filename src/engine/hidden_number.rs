//! People who asked to stop have two names, a phone number and a hidden one (`…@lid`), and a message
//! may go to either: WAHA is asked for the one that is missing, and the opt-out becomes that of both.
//!
//! The webhook stores the request and answers; the asking is done here, by the workers, in a
//! run: it survives a restart, and what WAHA cannot tell is asked again with growing gaps.

use std::time::Duration;

use super::Core;
use crate::clock::Timestamp;
use crate::contacts::opt_out::{self, Addressee, OptedOut};
use crate::recipient::mask_phone;
use crate::store::{HiddenNumber, SqlResult, StoreError, Tx};
use crate::waha::OtherName;

/// How many are asked for in one look at the table.
pub(super) const LOOKS_AT_ONCE: u32 = 20;
/// When WAHA is asked again, counted from the look before; after the last one no more.
const AGAIN_AFTER: [Duration; 5] = [
    Duration::from_mins(1),
    Duration::from_mins(10),
    Duration::from_hours(1),
    Duration::from_hours(6),
    Duration::from_hours(24),
];

const NOT_KNOWN: &str = "WAHA does not know it";

impl Core {
    /// Asks for one name. Returns whether others may be asked for: what ails WAHA ails them too.
    pub(super) fn ask_other_name(&self, hidden: &HiddenNumber) -> Result<bool, StoreError> {
        let HiddenNumber { lid, digits, session, .. } = hidden;
        let (answer, known) = match (lid, digits) {
            (Some(lid), _) => (self.waha.number_of_lid(session, lid), lid),
            (None, Some(digits)) => (self.waha.lid_of_number(session, digits), digits),
            (None, None) => return Ok(true), // the table has a CHECK
        };
        // The network was used: time has passed.
        let now = self.clock.now().wall;
        let (why, is_well) = match answer {
            OtherName::Known(other) => {
                if let Some(done) = self.write(|tx| self.take_name(tx, hidden, &other, now))? {
                    done.tell(&self.triggers);
                }
                return Ok(true);
            }
            OtherName::NotKnown => (NOT_KNOWN.to_owned(), true),
            OtherName::NotNow(why) => (why, false),
        };
        // Whether a phone number has a hidden one is asked until WAHA says something.
        let is_over = lid.is_none() && why == NOT_KNOWN;
        let looks = usize::try_from(hidden.looks).ok().filter(|_| !is_over);
        let next = looks.and_then(|looks| AGAIN_AFTER.get(looks));
        let next = next.map(|after| now.plus(*after));
        self.write(|tx| tx.postpone_hidden(hidden.id, next, &why))?;
        if next.is_none() && lid.is_some() {
            let who = mask_phone(known);
            log::warn!(
                "hidden number {who}: WAHA does not tell its phone number, asked no more: {why}"
            );
        }
        Ok(is_well)
    }

    /// Makes the opt-out that of both names, unless it was taken back meanwhile.
    fn take_name(
        &self,
        tx: &Tx<'_>,
        hidden: &HiddenNumber,
        other: &str,
        now: Timestamp,
    ) -> SqlResult<Option<OptedOut>> {
        let (lid, digits) = match &hidden.lid {
            Some(lid) => (lid.as_str(), other),
            None => (other, hidden.digits.as_deref().unwrap_or_default()),
        };
        let is_out = match &hidden.lid {
            Some(lid) => tx.is_hidden_opted_out(lid)?,
            None => opt_out::is_opted_out(tx, digits, &self.config.country)?,
        };
        tx.pair_hidden(lid, digits, &hidden.session, now)?;
        if !is_out {
            return Ok(None);
        }
        let person = Addressee::Number(digits.to_owned());
        opt_out::record(tx, &person, hidden.name.as_deref(), None, &self.config, now).map(Some)
    }
}
