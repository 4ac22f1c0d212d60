//! Deliveries that wait for a contact, when the contact is removed or gets another number.
//!
//! The removed one gets nothing, the corrected one gets it at the new number only. A claim looks too
//! whether the contact still has the number that was planned, so that a change by SQL counts alike;
//! what is here does it at once, and says what it came to. A recipient whose number stands in the
//! message itself is no contact's: it stays as it is. So does somebody who lost a tag meanwhile:
//! tags are looked at when a message is planned. Another contact with the number that a changed one
//! had shares its delivery: that one still gets it, when the message names it too.

use super::excepted::Excepted;
use super::{opt_out, tags, with_number};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::delivery::{Counts, Status};
use crate::reason::Reason;
use crate::recipient::{self, CountryCode, Entry};
use crate::store::{Contact, Delivery, Settled, SqlResult, Tx, WaitingForContact};

/// The result for one delivery that waited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Followed {
    /// It goes to the number that its contact has now.
    Goes,
    /// It goes to another contact with the same number.
    HandedOver,
    /// Nobody gets it; its message may have settled by that.
    Skipped(Option<Settled>),
    /// It does not wait any more, or for no contact.
    Gone,
}

/// The result for all deliveries that waited for a contact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct OnItsWay {
    /// How many go to the new number now.
    pub moved: u64,
    pub skipped: u64,
    /// How many requests are in flight, to the old number.
    pub in_flight: u64,
}

impl OnItsWay {
    pub(crate) fn add(&mut self, other: Self) {
        self.moved += other.moved;
        self.skipped += other.skipped;
        self.in_flight += other.in_flight;
    }
}

/// Lets one pending delivery follow its contact: to its number, or nowhere.
pub(crate) fn follow(
    tx: &Tx<'_>,
    delivery_id: i64,
    config: &Config,
    now: Timestamp,
) -> SqlResult<Followed> {
    let Some(waiting) = tx.waiting_for_contact(delivery_id)? else { return Ok(Followed::Gone) };
    let sharer = sharer(tx, &waiting, &config.country)?;
    let why = readdress(tx, &waiting, &config.country)?;
    let why = match (why, &sharer) {
        (None, None) => return Ok(Followed::Goes),
        (None, Some(sharer)) => {
            tx.plan_in_place_of(&waiting, sharer, now)?;
            return Ok(Followed::Goes);
        }
        (Some(_), Some(sharer)) => {
            tx.hand_over(waiting.id, sharer)?;
            return Ok(Followed::HandedOver);
        }
        (Some(why), None) => why,
    };
    tx.end_pending(waiting.id, Status::Skipped, &why, now)?;
    let one = Counts { skipped: 1, ..Counts::default() };
    tx.settle_if_done(waiting.auto_message_id, waiting.due_at, one, &config.zone, now)
        .map(Followed::Skipped)
}

/// The contact who takes the place of the planned one, if another does, and the chat, or why nothing goes there.
pub(crate) type Foretold = (Option<Contact>, Result<String, Reason>);

/// Who gets what waits for a contact that was changed since, as [`follow`] will have it. Nothing is written.
pub(crate) fn foretell(
    tx: &Tx<'_>,
    row: &Delivery,
    country: &CountryCode,
) -> SqlResult<Vec<Foretold>> {
    let Some(waiting) = tx.waiting_for_contact(row.id)? else {
        return Ok(vec![(None, Ok(row.chat_id.clone()))]);
    };
    let own = match new_chat(tx, &waiting, country)? {
        Ok((chat, _)) if tx.is_taken(row, &chat)? => Err(Reason::NumberServed),
        Ok((chat, _)) => Ok(chat),
        Err(why) => Err(why),
    };
    let Some(sharer) = sharer(tx, &waiting, country)? else { return Ok(vec![(None, own)]) };
    let digits = waiting.chat_id.trim_end_matches("@c.us");
    let is_out = opt_out::is_opted_out(tx, digits, country)?;
    let old = if is_out { Err(Reason::OptedOut) } else { Ok(waiting.chat_id) };
    let own = own.is_ok().then_some((None, own));
    Ok(own.into_iter().chain([(Some(sharer), old)]).collect())
}

/// Lets all that waits for a contact follow it, when it had the number `before` until now.
pub(crate) fn follow_all(
    tx: &Tx<'_>,
    contact_id: i64,
    before: &str,
    config: &Config,
    now: Timestamp,
) -> SqlResult<OnItsWay> {
    let mut all = OnItsWay { in_flight: tx.count_in_flight_to(contact_id)?, ..OnItsWay::default() };
    let Ok(chat_id) = recipient::phone_to_chat(before, &config.country) else { return Ok(all) };
    for (delivery_id, ..) in tx.pending_of_chat(chat_id.as_str(), Some(contact_id))? {
        match follow(tx, delivery_id, config, now)? {
            Followed::Goes => all.moved += 1,
            Followed::Skipped(_) => all.skipped += 1,
            Followed::HandedOver | Followed::Gone => {}
        }
    }
    Ok(all)
}

/// Addresses a delivery to the number that its contact has now, or gives the reason to skip it.
fn readdress(
    tx: &Tx<'_>,
    waiting: &WaitingForContact,
    country: &CountryCode,
) -> SqlResult<Option<Reason>> {
    let (chat_id, number) = match new_chat(tx, waiting, country)? {
        Ok(found) => found,
        Err(why) => return Ok(Some(why)),
    };
    let is_moved = tx.readdress(waiting, &chat_id, number)?;
    Ok((!is_moved).then_some(Reason::NumberServed))
}

/// The chat of the number that the contact of a delivery has now, and that number; or why nothing goes there.
fn new_chat<'a>(
    tx: &Tx<'_>,
    waiting: &'a WaitingForContact,
    country: &CountryCode,
) -> SqlResult<Result<(String, &'a str), Reason>> {
    let Some(number) = &waiting.number_now else { return Ok(Err(Reason::ContactRemoved)) };
    let chat_id = match recipient::phone_to_chat(number, country) {
        Ok(chat_id) => chat_id.to_string(),
        Err(why) => return Ok(Err(why)),
    };
    if opt_out::is_opted_out(tx, chat_id.trim_end_matches("@c.us"), country)? {
        return Ok(Err(Reason::OptedOut));
    }
    Ok(Ok((chat_id, number)))
}

/// Another contact that has the number to which a delivery goes as it stands, when its own contact
/// has it no more and the message names the other one too.
fn sharer(
    tx: &Tx<'_>,
    waiting: &WaitingForContact,
    country: &CountryCode,
) -> SqlResult<Option<Contact>> {
    let Some(digits) = waiting.chat_id.strip_suffix("@c.us") else { return Ok(None) };
    let ids = with_number(tx, digits, country)?;
    if waiting.contact_id.is_some_and(|id| ids.contains(&id)) {
        return Ok(None);
    }
    for id in ids {
        let names = tx.names_unless_planned(waiting.auto_message_id, waiting.due_at, id)?;
        let (Some(names), Some(row)) = (names, tx.contact(id)?) else { continue };
        let entries = recipient::parse_contact_ids(Some(&names)).unwrap_or_default();
        let is_named = entries.iter().any(|entry| match entry {
            Entry::Contact(one) => *one == id,
            Entry::Tag(tag) => tags::has(&row.tags, &tags::fold(tag)),
            Entry::All => true,
            Entry::Person { .. }
            | Entry::Chat { .. }
            | Entry::Except(_)
            | Entry::Invalid { .. } => false,
        });
        let excepted = Excepted::read(tx, &entries, country)?;
        if is_named && !excepted.has(Some(id), &waiting.chat_id) {
            return Ok(Some(row));
        }
    }
    Ok(None)
}
