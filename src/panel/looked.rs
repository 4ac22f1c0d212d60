//! What the recipients and the plan of a message come to: numbers and names, from which a page makes its words.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::channels::may_send;
use super::compose::Fields;
use super::counting::Counted;
use super::visit::{Refusal, Visit};
use super::{PageResult, format};
use crate::channels;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::forecast::{self, MessageForecast, RecipientForecast, Warning};
use crate::language::Language;
use crate::messages::{self, Before, ComposeError, Reached};
use crate::recipient::{self, Entry};
use crate::store::{Message, SqlResult, Stop, Store, Tx};

/// Recipients whose words are shown, and those whom a channel sends to first.
pub(super) const SAMPLES_MAX: usize = 3;
/// Reasons that are shown, and people of each.
const REASONS_MAX: usize = 12;
const SUCH_AS_MAX: usize = 3;
const SECOND_TRIED_MAX: usize = 5;

#[derive(Clone, PartialEq)]
pub(super) struct Question {
    pub(super) what: Asked,
    /// Of the reasons.
    pub(super) language: Language,
}

#[derive(Clone, PartialEq)]
pub(super) enum Asked {
    /// The plan of a message that waits for its time.
    Stored(Box<Message>),
    /// The recipients and the plan of what a form holds, which changes this message or makes a new one.
    Form(Box<Fields>, Option<i64>),
}

#[derive(Default)]
pub(super) struct Looked {
    pub(super) refused: Option<String>,
    pub(super) count: u64,
    pub(super) first: Vec<Reached>,
    /// Who would not, by reason: the reason of most first.
    pub(super) skipped: Vec<Skipped>,
    pub(super) skipped_count: u64,
    pub(super) skipped_is_cut: bool,
    /// Whom each channel sends to: how many, and the first.
    pub(super) shares: BTreeMap<i64, (u64, Vec<String>)>,
    pub(super) planned: Option<Planned>,
}

pub(super) struct Skipped {
    pub(super) why: String,
    pub(super) count: u64,
    pub(super) such_as: Vec<String>,
}

pub(super) struct Planned {
    pub(super) message: Message,
    pub(super) seen: MessageForecast,
    /// In how many messages it would be in time on several days.
    pub(super) days: Option<usize>,
    /// Another number that it could share with, and its name.
    pub(super) second: Option<(i64, String)>,
}

/// The answer, when it is there within a moment.
pub(super) fn look(visit: &Visit<'_>, what: Asked) -> PageResult<Option<Arc<Looked>>> {
    let question = Question { what, language: visit.language };
    let (panel, now) = (visit.panel, visit.now);
    let config = Arc::clone(&panel.config);
    if panel.read(|tx| is_large(tx, &question.what, &config, now))? {
        let path = panel.with_store(|store| store.path().to_owned());
        let asked = question.clone();
        let counted = panel.counting.ask(&question, move || {
            let mut store = Store::open_as_is(&path).ok()??;
            count(&mut store, &asked, &config, now).ok()
        });
        match counted {
            Counted::Yes(looked) => return Ok(Some(looked)),
            Counted::NotYet => return Ok(None),
            Counted::Failed => {} // what is wrong is found here, too
        }
    }
    let looked = panel.with_store(|store| count(store, &question, &panel.config, now))?;
    Ok(Some(Arc::new(looked)))
}

/// Whether very many are looked at for it, so that they are counted beside the page: recipients, or what goes out
/// before them.
fn is_large(tx: &Tx<'_>, what: &Asked, config: &Config, now: Timestamp) -> SqlResult<bool> {
    let (column, until) = match what {
        Asked::Stored(message) => (message.contact_ids.clone(), message.scheduled_at),
        Asked::Form(fields, of) => {
            let of = of.map(|id| tx.message(id)).transpose()?.flatten();
            (Some(fields.column()), fields.begin(of.as_ref(), config, now))
        }
    };
    let entries = recipient::parse_contact_ids(column.as_deref()).unwrap_or_default();
    let is_group = |entry: &Entry| matches!(entry, Entry::Tag(_) | Entry::All);
    let mut count = entries.len() as u64;
    if entries.iter().any(is_group) {
        count += tx.count_contacts()?;
    }
    if let Some(until) = until {
        count += forecast::recipients_before(tx, until)?;
    }
    Ok(count > forecast::SMALL_WALK_MAX)
}

pub(super) fn recipients(
    tx: &Tx<'_>,
    fields: &Fields,
    config: &Config,
) -> Result<messages::Checked, Stop<ComposeError>> {
    let words = (&fields.read_content(), fields.text.as_str());
    messages::recipients(tx, Some(&fields.column()), words, config, true)
}

fn count(
    store: &mut Store,
    question: &Question,
    config: &Config,
    now: Timestamp,
) -> PageResult<Looked> {
    let mut looked = Looked::default();
    let (message, is_new) = match &question.what {
        Asked::Stored(message) => {
            let seen = forecast::of_message(store, message.id, config, now)?;
            looked.planned = seen.map(|seen| Planned::new((**message).clone(), seen));
            return looked.with_ways(store, config, now);
        }
        Asked::Form(fields, of) => {
            match store.read_or_refuse(|tx| recipients(tx, fields, config)) {
                Ok(checked) => looked.take(checked, question.language),
                Err(why) => {
                    looked.refused = Some(why.in_language(question.language)?);
                    return Ok(looked);
                }
            }
            let row = of.map(|id| store.read(|tx| tx.message(id))).transpose()?.flatten();
            let before = Before::of(row.as_ref(), config, now);
            let imagined = messages::imagined(&fields.draft(false), before, config, now);
            let Some(message) = imagined else { return Ok(looked) };
            (Message { id: of.unwrap_or_default(), ..message }, of.is_none())
        }
    };
    let shares = &mut looked.shares;
    let mut see = |row: &RecipientForecast<'_>| {
        let Some(id) = row.channel_id else { return };
        let (count, first) = shares.entry(id).or_default();
        *count += 1;
        if first.len() < SAMPLES_MAX {
            let name = row.name.filter(|name| !name.trim().is_empty());
            first.push(name.map_or_else(|| format::phone(row.chat_id), str::to_owned));
        }
    };
    let seen = forecast::of_unsaved(store, &message, config, now, &mut see)?;
    looked.planned = seen.map(|seen| Planned::new(message, seen));
    if is_new { looked.with_ways(store, config, now) } else { Ok(looked) }
}

impl Planned {
    fn new(message: Message, seen: MessageForecast) -> Self {
        Self { message, seen, days: None, second: None }
    }
}

impl Looked {
    fn take(&mut self, checked: messages::Checked, language: Language) {
        self.count = checked.count;
        self.first = checked.first;
        self.skipped_count = checked.skipped.len() as u64;
        let mut places = HashMap::new();
        for one in checked.skipped {
            let why = one.reason.text(language);
            let place = *places.entry(why.clone()).or_insert(self.skipped.len());
            if place == self.skipped.len() {
                self.skipped.push(Skipped { why, count: 0, such_as: Vec::new() });
            }
            let group = &mut self.skipped[place];
            group.count += 1;
            if group.such_as.len() < SUCH_AS_MAX {
                group.such_as.push(name_of(&one, language));
            }
        }
        self.skipped.sort_by_key(|group| std::cmp::Reverse(group.count));
        self.skipped_is_cut = self.skipped.len() > REASONS_MAX;
        self.skipped.truncate(REASONS_MAX);
    }

    /// With what gets it to everybody in time, when it does not.
    fn with_ways(mut self, store: &mut Store, config: &Config, now: Timestamp) -> PageResult<Self> {
        let Some(planned) = &mut self.planned else { return Ok(self) };
        let is_late = matches!(planned.seen.warning(), Some(Warning::TooLate { .. }));
        if !is_late || planned.message.repeats() {
            return Ok(self);
        }
        let message = &planned.message;
        let others = channels::list(store, config, now)?.into_iter();
        let others = others.filter(|one| may_send(one) && one.id != message.channel_id);
        let others: Vec<(i64, String)> =
            others.map(|other| (other.id, other.name)).take(SECOND_TRIED_MAX).collect();
        let ids: Vec<i64> = others.iter().map(|(id, _)| *id).collect();
        let (days, second) = forecast::ways(store, message, &ids, config, now)?;
        planned.days = days;
        planned.second = others.into_iter().find(|(id, _)| Some(*id) == second);
        Ok(self)
    }
}

fn name_of(one: &messages::Skipped, language: Language) -> String {
    let has_name = one.who != one.to && !one.who.trim().is_empty();
    if has_name { one.who.clone() } else { format::recipient(&one.to, language) }
}
