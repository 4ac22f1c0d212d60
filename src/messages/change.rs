//! Editing a message: only what may be edited as it stands, and nothing that was sent already.

use super::checks::Skipped;
use super::timing::{self, Before, Timing};
use super::{ComposeResult, Warned, changed_meanwhile, checks, own, view};
use crate::channels::OwnGap;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::content::Content;
use crate::delivery::MessageStatus;
use crate::store::{Message, Store};

/// What a person wants to be otherwise; `None` leaves it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    pub text: Option<String>,
    /// For `content`: a JSON object; an empty text makes it a text alone.
    pub content: Option<String>,
    /// The title; an empty one takes it away.
    pub title: Option<String>,
    /// The recipients, all of them.
    pub to: Option<Vec<String>>,
    /// The recipients as the column `contact_ids` has them, in place of `to`.
    pub contact_ids: Option<String>,
    /// For `metadata`: a JSON object; an empty text takes it away.
    pub metadata: Option<String>,
    /// The channel, by id or name; several with commas in between.
    pub channel: Option<String>,
    pub recipient_gap: Option<OwnGap>,
    /// When; in place of all times that it had.
    pub timing: Option<Timing>,
    /// Whether it goes out today again when today's went out already.
    pub also_today: bool,
    /// Whether recipients that cannot get it are left out.
    pub skip_bad: bool,
    /// What [`stamp`](super::stamp) said of the message that was seen: one that changed since stays.
    pub seen: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edited {
    /// When it goes out next, when that was edited.
    pub next_at: Option<Timestamp>,
    /// Today's occurrence, when that was planned already and the edit is about when.
    pub today: Option<Today>,
    pub(crate) warnings: Vec<Warned>,
}

/// Today's occurrence of a message, which was planned before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Today {
    pub at: Timestamp,
    /// Whether somebody got it, or may have got it.
    pub has_arrived: bool,
    /// Whether the edited message would go out today again if a person asked for it.
    pub could_again: bool,
}

enum Reach {
    All,
    /// Everything, and a time makes it scheduled again: nobody got it.
    AllAgain,
    /// Text and title: its recipients are planned already.
    Words,
}

/// Edits a message. A date on which it went out is done, whatever its times become, unless the edit
/// asks for today again.
pub fn edit(
    store: &mut Store,
    id: i64,
    edit: &Edit,
    config: &Config,
    now: Timestamp,
) -> ComposeResult<Edited> {
    let Edit { also_today, skip_bad, ref seen, .. } = *edit;
    if *edit == (Edit { also_today, skip_bad, seen: seen.clone(), ..Edit::default() }) {
        return Err(refused!("nothing to edit was given: see `message edit --help`"));
    }
    store.write(|tx| tx.localize_taken(&config.zone, now))?;
    let row = own(store, id)?;
    if seen.as_ref().is_some_and(|seen| *seen != view::stamp(&row)) {
        return Err(changed_meanwhile(store, id)?);
    }
    let reach = reach(store, &row)?;
    let is_to_others = edit.to.is_some() || edit.contact_ids.is_some();
    let is_more = is_to_others || edit.channel.is_some() || edit.timing.is_some();
    if is_more && matches!(reach, Reach::Words) {
        return Err(refused!(
            "message {id} is planned for its recipients already: only text and title can be edited now; to change \
             who gets it or when, `message cancel {id}` and make a new one"
                / "penerima pesan {id} sudah ditetapkan: sekarang hanya judul dan isinya yang bisa diubah; untuk mengganti \
                   penerima atau waktunya, batalkan lalu buat pesan baru"
        ));
    }
    let mut changed = row.clone();
    let mut edited = Edited::default();
    let warnings = &mut edited.warnings;
    set(&mut changed, edit);
    let content = checks::content(store, changed.content.as_deref(), config, now)?;
    if edit.text.is_some() || edit.content.is_some() {
        warnings.extend(checks::text(&content, &changed.message)?);
    }
    if let Some(channel) = &edit.channel {
        let found = store.read_or_refuse(|tx| checks::channels(tx, Some(channel)))?;
        found.set(&mut changed);
        warnings.extend(found.warnings);
    }
    if let Some(timing) = &edit.timing {
        let before = Before::of(Some(&row), config, now);
        let before = if also_today { Before { taken: None, ..before } } else { before };
        timing::set(&mut changed, timing, before, config, now)?;
        let in_time = |at| timing::in_time(at, &changed.timetable, config, now);
        edited.next_at = changed.scheduled_at.map(in_time);
        edited.today = today(&row, timing, edited.next_at, config, now);
        if matches!(reach, Reach::AllAgain) {
            changed.status = MessageStatus::Scheduled;
        }
    }
    if edit.text.is_some() || edit.content.is_some() || is_to_others {
        warnings.extend(check_recipients(store, edit, &content, &reach, config, &mut changed)?);
    }
    let is_changed = store.write(|tx| {
        // All of the row: two edits at once must not undo each other's.
        let is_as_seen = tx.message(id)?.is_some_and(|stored| stored == row);
        let is_changed = is_as_seen && tx.change_message(&row, &changed, now)?;
        if is_changed && also_today && edit.timing.is_some() {
            tx.open_date_again(id)?;
        }
        Ok(is_changed)
    })?;
    if is_changed { Ok(edited) } else { Err(changed_meanwhile(store, id)?) }
}

/// Gives a message what an edit says, but for its channel and its times.
fn set(message: &mut Message, edit: &Edit) {
    let filled = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    if let Some(text) = &edit.text {
        message.message.clone_from(text);
    }
    if let Some(content) = &edit.content {
        message.content = filled(content);
    }
    if let Some(title) = &edit.title {
        message.title = filled(title);
    }
    if let Some(to) = &edit.to {
        message.contact_ids = checks::column(to);
    }
    if let Some(column) = &edit.contact_ids {
        message.contact_ids = Some(column.clone());
    }
    if let Some(metadata) = &edit.metadata {
        message.metadata = filled(metadata);
    }
    if let Some(gap) = edit.recipient_gap {
        message.recipient_gap_hours = gap.column();
    }
}

/// Looks at the recipients of an edited message, and counts them. Returns what to warn of.
fn check_recipients(
    store: &mut Store,
    edit: &Edit,
    content: &Content,
    reach: &Reach,
    config: &Config,
    message: &mut Message,
) -> ComposeResult<Vec<Warned>> {
    let (contact_ids, what) = (message.contact_ids.as_deref(), (content, message.message.as_str()));
    // Recipients that were there before are not this edit's fault.
    let skip_bad = edit.skip_bad || edit.to.is_none() && edit.contact_ids.is_none();
    let checked =
        store.read_or_refuse(|tx| checks::recipients(tx, contact_ids, what, config, skip_bad))?;
    if message.status != MessageStatus::Draft {
        checks::somebody(&checked)?;
    }
    if !matches!(reach, Reach::Words) {
        message.contact_count = checked.count + checked.skipped.len() as u64;
    }
    let mut warnings = checked.warnings;
    let words =
        |one: &Skipped| Warned::new("skipped", format!("skipped: {}: {}", one.who, one.reason));
    warnings.extend(checked.skipped.iter().map(words));
    Ok(warnings)
}

fn today(
    row: &Message,
    timing: &Timing,
    next_at: Option<Timestamp>,
    config: &Config,
    now: Timestamp,
) -> Option<Today> {
    let taken = row.timetable.taken.as_ref()?;
    let zone = row.timetable.zone_of(&config.zone);
    if taken.local.date() != zone.to_local(now).date() {
        return None;
    }
    let before = Before { taken: None, ..Before::of(Some(row), config, now) };
    let again = timing::begins_at(timing, before, config, now)?;
    Some(Today {
        at: zone.to_utc(taken.local),
        has_arrived: row.counts.sent + row.counts.unknown > 0,
        could_again: Some(again) != next_at,
    })
}

fn reach(store: &mut Store, row: &Message) -> ComposeResult<Reach> {
    let id = row.id;
    let occurrences = store.read(|tx| tx.occurrences_of(id))?;
    let is_planned = occurrences.iter().any(|one| Some(one.due_at) == row.scheduled_at);
    // The row itself remembers what `prune` has taken.
    let has_arrived = occurrences.iter().any(|one| one.ended.sent + one.ended.unknown > 0)
        || row.counts.sent + row.counts.unknown > 0
        || row.sent_at.is_some();
    match row.status {
        MessageStatus::Draft | MessageStatus::Scheduled if !is_planned => Ok(Reach::All),
        MessageStatus::Draft | MessageStatus::Scheduled | MessageStatus::Sending => {
            Ok(Reach::Words)
        }
        MessageStatus::Failed if !has_arrived => Ok(Reach::AllAgain),
        MessageStatus::Cancelled => Err(refused!(
            "message {id} was cancelled: make a new one with `message add`"
                / "pesan {id} sudah dibatalkan: buat pesan baru, atau salin pesan itu"
        )),
        MessageStatus::Sent if row.counts.failed + row.counts.expired + row.counts.unknown == 0 => {
            Err(refused!(
                "message {id} has ended, and all who could get it did: make a new one with `message add`"
                    / "pesan {id} sudah selesai dan sudah diterima semua: buat pesan baru, atau salin pesan itu"
            ))
        }
        MessageStatus::Sent | MessageStatus::Failed => Err(refused!(
            "message {id} has ended, and its row tells what was sent: make a new one with `message add`, or send to \
             those who did not get it with `message retry {id}`"
                / "pesan {id} sudah selesai, dan yang tersimpan adalah apa yang terkirim: buat pesan baru, atau kirim ulang ke \
                   yang belum menerima"
        )),
    }
}
