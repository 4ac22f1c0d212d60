//! Who gets a message: the entries of `contact_ids`, looked up among the contacts, become recipients
//! with a chat, or with the reason why they are skipped. Reads only.
//!
//! Who opted out is skipped by whatever name the message has for them: an id, a tag, the number in
//! any spelling, the chat.

use std::collections::{HashMap, HashSet};

use crate::clock::Timestamp;
use crate::config::{Config, SendOrder};
use crate::contacts::excepted::Excepted;
use crate::contacts::opt_out::OptedOutNumbers;
use crate::contacts::tags;
use crate::reason::Reason;
use crate::recipient::{self, ChatId, CountryCode, Entry};
use crate::store::{Contact, SqlResult, Tx};
use crate::template::{Template, Values};

/// A recipient as it goes into `deliveries`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recipient {
    pub(crate) contact_id: Option<i64>,
    /// The contact's number as written, when the message goes to whatever number the contact has.
    pub(crate) contact_number: Option<String>,
    /// The name, when one is known.
    pub(crate) name: Option<String>,
    /// The chat id; for one that is skipped what was written, made unlike every other one that is.
    pub(crate) chat_id: String,
    /// Why it is skipped; `None` when it is not.
    pub(crate) skipped: Option<Reason>,
    /// The contact's column `attributes`, when it was read together with the number: it need not be looked up again.
    pub(crate) attributes: Option<String>,
    /// It is one of a tag's or of all, or stands for their lack: it was not typed by itself.
    pub(crate) is_of_group: bool,
}

/// Calls `visit` with the recipients of each entry, in the order; those of a group by id. The same
/// chat may come twice: the table keeps it once.
pub(crate) fn each_recipient(
    tx: &Tx<'_>,
    (entries, order): (Vec<Entry>, SendOrder),
    config: &Config,
    visit: impl FnMut(Recipient) -> SqlResult<()>,
) -> SqlResult<()> {
    let mut all = Recipients::new(tx, entries, &config.country, order)?;
    all.visit_some(tx, usize::MAX, visit).map(drop)
}

/// The entries of a message, gone through in portions: each may be of another transaction.
pub(crate) struct Recipients {
    country: CountryCode,
    opted_out: OptedOutNumbers,
    exceptions: Vec<Entry>,
    excepted: Excepted,
    /// Whether nobody was named yet but those who are excepted.
    is_only_excepted: bool,
    entries: std::vec::IntoIter<Entry>,
    /// All entries, while only those are visited who ever wrote to us: these are gone through after that.
    again: Option<Vec<Entry>>,
    group: Option<Group>,
    times_skipped: HashMap<String, u32>,
    contacts_skipped: HashSet<i64>,
}

/// A group whose contacts are gone through.
struct Group {
    /// Those with this tag; without one everybody who has not opted out.
    tag: Option<String>,
    /// The last contact that was looked at.
    last: i64,
    is_anybody: bool,
}

impl Recipients {
    /// Nobody is looked up yet. `country` is for phone numbers in national form. With
    /// [`SendOrder::KnownFirst`] those who ever wrote to us are visited first, and then everybody, these again:
    /// somebody who writes between two portions must not be left out.
    pub(crate) fn new(
        tx: &Tx<'_>,
        entries: Vec<Entry>,
        country: &CountryCode,
        order: SendOrder,
    ) -> SqlResult<Self> {
        let is_exception = |entry: &Entry| matches!(entry, Entry::Except(_));
        let (exceptions, entries): (Vec<_>, Vec<_>) = entries.into_iter().partition(is_exception);
        let is_known_first = order == SendOrder::KnownFirst && tx.hears_of_writers()?;
        let again = is_known_first.then(|| entries.clone());
        Ok(Self {
            country: country.clone(),
            opted_out: OptedOutNumbers::read(tx, country)?,
            excepted: Excepted::read(tx, &exceptions, country)?,
            is_only_excepted: !exceptions.is_empty(),
            exceptions,
            entries: entries.into_iter(),
            again,
            group: None,
            times_skipped: HashMap::new(),
            contacts_skipped: HashSet::new(),
        })
    }

    /// Looks again who opted out or is excepted: others may have written since.
    pub(crate) fn look_again(&mut self, tx: &Tx<'_>) -> SqlResult<()> {
        self.opted_out = OptedOutNumbers::read(tx, &self.country)?;
        self.excepted = Excepted::read(tx, &self.exceptions, &self.country)?;
        Ok(())
    }

    /// Calls `visit` with the recipients of the next entries, and looks at no more than `limit`
    /// entries or contacts. Returns whether there are more.
    pub(crate) fn visit_some(
        &mut self,
        tx: &Tx<'_>,
        limit: usize,
        mut visit: impl FnMut(Recipient) -> SqlResult<()>,
    ) -> SqlResult<bool> {
        let mut left = limit;
        while left > 0 {
            if let Some(group) = self.group.take() {
                left = self.visit_group(tx, group, left, &mut visit)?;
                continue;
            }
            let Some(entry) = self.entries.next() else {
                if let Some(all) = self.again.take() {
                    self.entries = all.into_iter();
                    continue;
                }
                // Else it would be a message that went to nobody and says that it was sent.
                if std::mem::take(&mut self.is_only_excepted) {
                    let nobody = Recipient::skipped("except".to_owned(), Reason::NobodyLeft);
                    visit(Recipient { is_of_group: true, ..nobody })?;
                }
                return Ok(false);
            };
            left -= 1;
            let recipient = match entry {
                Entry::Tag(tag) => {
                    self.group = Some(Group::begin(Some(tag)));
                    continue;
                }
                Entry::All => {
                    self.group = Some(Group::begin(None));
                    continue;
                }
                Entry::Contact(id) => self.by_id(tx, id)?,
                Entry::Person { contact_id, phone, name } => {
                    self.person(tx, contact_id, phone, name)?
                }
                Entry::Chat { chat_id, name } => {
                    self.addressed(None, name, chat_id.to_string(), Ok(chat_id), false)
                }
                Entry::Invalid { raw, reason } => Recipient::skipped(raw, reason),
                Entry::Except(_) => continue, // they stand in `exceptions`
            };
            self.visit_one(tx, recipient, &mut visit)?;
        }
        let has_entries = self.entries.len() > 0 || self.again.is_some();
        Ok(self.group.is_some() || has_entries || self.is_only_excepted)
    }

    /// One contact after the other, so that a group of a hundred thousand needs no room. Returns how
    /// many more may be looked at in this portion.
    fn visit_group(
        &mut self,
        tx: &Tx<'_>,
        mut group: Group,
        limit: usize,
        visit: &mut impl FnMut(Recipient) -> SqlResult<()>,
    ) -> SqlResult<usize> {
        let wanted = group.tag.as_deref().map(tags::fold);
        let mut left = limit;
        let is_wanted = |column: &str| wanted.as_ref().is_none_or(|tag| tags::has(column, tag));
        tx.each_tagged_contact_after(group.last, is_wanted, |id, contact| {
            left -= 1;
            group.last = id;
            if let Some(contact) = contact {
                let recipient = Recipient { is_of_group: true, ..self.contact(contact) };
                if group.tag.is_some() || recipient.skipped != Some(Reason::OptedOut) {
                    group.is_anybody = true;
                    self.visit_one(tx, recipient, visit)?;
                }
            }
            Ok(left > 0)
        })?;
        if left == 0 {
            self.group = Some(group);
        } else if !group.is_anybody {
            let nobody = Recipient { is_of_group: true, ..group.nobody() };
            self.visit_one(tx, nobody, visit)?;
        }
        Ok(left)
    }

    /// Gives a recipient out, unless it is an exception, its turn comes later, or it is a contact that was skipped
    /// before: named twice, by a tag and by its id, it is one person.
    fn visit_one(
        &mut self,
        tx: &Tx<'_>,
        recipient: Recipient,
        visit: &mut impl FnMut(Recipient) -> SqlResult<()>,
    ) -> SqlResult<()> {
        if self.excepted.has(recipient.contact_id, &recipient.chat_id) {
            return Ok(());
        }
        let is_for_known = self.again.is_some();
        if is_for_known && (recipient.skipped.is_some() || !tx.has_written(&recipient.chat_id)?) {
            return Ok(());
        }
        self.is_only_excepted = false;
        if let (Some(id), Some(_)) = (recipient.contact_id, &recipient.skipped)
            && !self.contacts_skipped.insert(id)
        {
            return Ok(());
        }
        visit(self.told_apart(recipient))
    }

    /// Two entries that are wrong in the same words are still two entries.
    fn told_apart(&mut self, mut recipient: Recipient) -> Recipient {
        if recipient.skipped.is_some() {
            let times = self.times_skipped.entry(recipient.chat_id.clone()).or_default();
            *times += 1;
            if *times > 1 {
                recipient.chat_id = format!("{} ({times})", recipient.chat_id);
            }
        }
        recipient
    }

    fn by_id(&self, tx: &Tx<'_>, id: i64) -> SqlResult<Recipient> {
        if let Some(contact) = tx.contact(id)? {
            return Ok(self.contact(contact));
        }
        let reason = Reason::NoSuchContact { contact_id: id };
        Ok(Recipient::skipped(format!("contact {id}"), reason))
    }

    fn contact(&self, row: Contact) -> Recipient {
        let (is_out, number) = (row.opted_out_at.is_some(), row.phone_number);
        let chat = recipient::phone_to_chat(&number, &self.country);
        let recipient = self.addressed(Some(row.id), row.name, number.clone(), chat, is_out);
        Recipient { contact_number: Some(number), attributes: Some(row.attributes), ..recipient }
    }

    fn person(
        &self,
        tx: &Tx<'_>,
        contact_id: Option<i64>,
        phone: String,
        name: Option<String>,
    ) -> SqlResult<Recipient> {
        let contact = match contact_id {
            Some(id) => tx.contact(id)?,
            None => None,
        };
        let is_opted_out = contact.is_some_and(|contact| contact.opted_out_at.is_some());
        let chat = recipient::phone_to_chat(&phone, &self.country);
        Ok(self.addressed(contact_id, name, phone, chat, is_opted_out))
    }

    fn addressed(
        &self,
        contact_id: Option<i64>,
        name: Option<String>,
        written: String,
        chat: Result<ChatId, Reason>,
        is_opted_out: bool,
    ) -> Recipient {
        let (chat_id, skipped) = match chat {
            Ok(chat) if !is_opted_out && !self.opted_out.has_chat(chat.as_str()) => {
                (chat.to_string(), None)
            }
            Err(error) if !is_opted_out => (written, Some(error)),
            Ok(_) | Err(_) => (written, Some(Reason::OptedOut)),
        };
        Recipient { contact_id, name, chat_id, skipped, ..Recipient::default() }
    }
}

impl Group {
    fn begin(tag: Option<String>) -> Self {
        Self { tag, last: i64::MIN, is_anybody: false }
    }

    /// In place of its recipients when there are none.
    fn nobody(self) -> Recipient {
        match self.tag {
            Some(tag) => {
                let what = format!("tag:{tag}");
                Recipient::skipped(what, Reason::NobodyWithTag { tag })
            }
            None => Recipient::skipped("all".to_owned(), Reason::NobodyAtAll),
        }
    }
}

/// A text with placeholders as a recipient gets it, or why the recipient cannot get it.
pub(crate) fn render(
    tx: &Tx<'_>,
    template: &Template,
    recipient: &Recipient,
    due_at: Option<Timestamp>,
) -> SqlResult<Result<String, Reason>> {
    values(tx, recipient, due_at).map(|values| template.render(&values))
}

/// What placeholders may say of a recipient. `due_at` is as [`Values::new`] takes it.
pub(crate) fn values(
    tx: &Tx<'_>,
    recipient: &Recipient,
    due_at: Option<Timestamp>,
) -> SqlResult<Values> {
    let name = recipient.name.as_deref().filter(|name| !name.trim().is_empty());
    if let Some(attributes) = &recipient.attributes {
        return Ok(Values::new(name, &recipient.chat_id, Some(attributes), due_at));
    }
    let (known, attributes) = match recipient.contact_id {
        Some(id) => tx.contact_values(id)?.unwrap_or_default(),
        None => Default::default(),
    };
    let name = name.or(known.as_deref());
    Ok(Values::new(name, &recipient.chat_id, Some(&attributes), due_at))
}

impl Recipient {
    fn skipped(what: String, reason: Reason) -> Self {
        Self { chat_id: what, skipped: Some(reason), ..Self::default() }
    }
}
