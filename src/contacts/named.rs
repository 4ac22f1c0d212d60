//! Whether a message names somebody: asked for one person, without a look at all the others.

use super::tags;
use crate::recipient::{CountryCode, Entry, normalize_phone};

/// One person, a contact or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who<'a> {
    pub(crate) contact_id: Option<i64>,
    /// E.164 digits without `+`.
    pub(crate) digits: Option<&'a str>,
    pub(crate) tags: &'a [String],
}

impl Who<'_> {
    /// Whether a list of recipients names this person, and does not except them.
    pub(crate) fn is_named_by(&self, entries: &[Entry], country: &CountryCode) -> bool {
        let is_excepted = |entry: &Entry| match entry {
            Entry::Except(whom) => self.is(whom, country),
            _ => false,
        };
        entries.iter().any(|entry| self.is(entry, country)) && !entries.iter().any(is_excepted)
    }

    fn is(&self, entry: &Entry, country: &CountryCode) -> bool {
        match entry {
            Entry::Contact(id) => self.contact_id == Some(*id),
            Entry::Person { contact_id, phone, .. } => {
                contact_id.is_some() && *contact_id == self.contact_id
                    || self.digits.is_some()
                        && normalize_phone(phone, country).ok().as_deref() == self.digits
            }
            Entry::Chat { chat_id, .. } => {
                self.digits.is_some() && chat_id.as_str().strip_suffix("@c.us") == self.digits
            }
            Entry::Tag(tag) => {
                let wanted = tags::fold(tag);
                self.contact_id.is_some() && self.tags.iter().any(|one| tags::fold(one) == wanted)
            }
            Entry::All => self.contact_id.is_some(),
            Entry::Except(_) | Entry::Invalid { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipient::parse_contact_ids;

    #[test]
    fn a_person_is_named_by_id_number_tag_or_all_and_by_none_of_them_when_excepted() {
        let country = CountryCode::parse("62").unwrap();
        let tags = ["VIP ".to_owned()];
        let budi = Who { contact_id: Some(5), digits: Some("6281234567890"), tags: &tags };
        let stranger = Who { contact_id: None, ..budi };
        let named = |who: Who<'_>, list: &str| {
            who.is_named_by(&parse_contact_ids(Some(list)).unwrap(), &country)
        };
        for list in ["[5]", "0812-3456-7890", "6281234567890@c.us", "tag:vip", "all", "[1,5]"] {
            assert!(named(budi, list), "{list}");
        }
        for list in ["[6]", "0812-3456-7891", "tag:lain", "all, except:tag:vip", "all, except:5"] {
            assert!(!named(budi, list), "{list}");
        }
        assert!(named(stranger, "081234567890") && !named(stranger, "all"));
        assert!(!named(Who { digits: None, ..stranger }, "12"));
    }
}
