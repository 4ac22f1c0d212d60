//! Cancelling, pausing, resuming and removing: a message from one status to another, while it may be
//! on its way.

use std::time::Duration;

use super::{ComposeError, ComposeResult, changed_meanwhile, checks, own};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::delivery::{Counts, MessageStatus, Status};
use crate::reason::Reason;
use crate::schedule::{self, Timetable};
use crate::store::{Message, Occurrence, Settled, Store};

/// A schedule's time that passed so little ago, while it was paused, still counts.
const JUST_PASSED: Duration = Duration::from_mins(5);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resumed {
    /// It goes on, with so many recipients left.
    GoesOn { pending: u64 },
    /// It waits for its time; one that has passed is now.
    Scheduled { at: Timestamp },
    /// What was left of it was too late and expired; it has another occurrence.
    Expired { count: usize, next: Timestamp },
}

/// Cancels a message that has not ended. Returns how its latest occurrence stands: what is under way
/// goes out.
pub fn cancel(store: &mut Store, id: i64, now: Timestamp) -> ComposeResult<Option<Occurrence>> {
    let row = own(store, id)?;
    check_goes_on(&row, "cancel")?;
    move_to(store, &row, MessageStatus::Cancelled, now)
}

/// Pauses a message: it becomes a draft, and what is pending stays so. Returns how its occurrence
/// stands, when it was planned.
pub fn pause(store: &mut Store, id: i64, now: Timestamp) -> ComposeResult<Option<Occurrence>> {
    let row = own(store, id)?;
    check_goes_on(&row, "pause")?;
    if row.status == MessageStatus::Draft {
        return Err(refused!(
            "message {id} is a draft already: `message resume {id}` lets it go out"
                / "pesan {id} sudah dijeda: lanjutkan supaya terkirim"
        ));
    }
    move_to(store, &row, MessageStatus::Draft, now)
}

/// Gives a message another status. Returns how its latest occurrence stands, when it was planned.
fn move_to(
    store: &mut Store,
    row: &Message,
    status: MessageStatus,
    now: Timestamp,
) -> ComposeResult<Option<Occurrence>> {
    let (id, at) = (row.id, row.scheduled_at);
    if !store.write(|tx| tx.move_message(row, status, at, now))? {
        return Err(changed_meanwhile(store, id)?);
    }
    let occurrences = store.read(|tx| tx.occurrences_of(id))?;
    Ok(occurrences.into_iter().find(|one| Some(one.due_at) == at))
}

/// Lets a draft go out: one that was paused goes on where it was, another waits for its time.
pub fn resume(
    store: &mut Store,
    id: i64,
    config: &Config,
    now: Timestamp,
) -> ComposeResult<Resumed> {
    let row = own(store, id)?;
    check_goes_on(&row, "resume")?;
    if row.status != MessageStatus::Draft {
        let status = row.status.to_string();
        return Err(ComposeError::refused(Reason::MessageNotPaused { message_id: id, status }));
    }
    let at = row.scheduled_at;
    let occurrences = store.read(|tx| tx.occurrences_of(id))?;
    match occurrences.into_iter().find(|one| Some(one.due_at) == at) {
        Some(planned) => resume_planned(store, &row, planned, config, now),
        None => resume_unplanned(store, &row, config, now),
    }
}

fn resume_planned(
    store: &mut Store,
    row: &Message,
    planned: Occurrence,
    config: &Config,
    now: Timestamp,
) -> ComposeResult<Resumed> {
    let (id, due_at) = (row.id, planned.due_at);
    let is_late = due_at < now.minus(config.late_limit);
    if !is_late {
        if !store.write(|tx| tx.move_message(row, MessageStatus::Sending, Some(due_at), now))? {
            return Err(changed_meanwhile(store, id)?);
        }
        return Ok(Resumed::GoesOn { pending: planned.pending });
    }
    let following = row.timetable.following(&config.zone, due_at);
    if following?.is_none() {
        return Err(refused!(
            "its time, {} in {}, is more than {} hours ago, so the {} that are left would expire: `message retry {id}` \
             sends to them now"
                / "waktunya, {} di {}, sudah lewat lebih dari {} jam, jadi {} yang tersisa akan kedaluwarsa: kirim ulang ke mereka",
            config.zone.format_local(due_at),
            config.zone,
            config.late_limit.as_secs() / 3600,
            planned.pending
        ));
    }
    let ended = expire_rest(store, row, due_at, config, now)?;
    match ended {
        Some((count, Settled { next: Some(next), .. })) => Ok(Resumed::Expired { count, next }),
        Some(_) | None => Err(changed_meanwhile(store, id)?),
    }
}

/// Ends what is left of a paused occurrence that is past the late limit, and settles its message.
/// `None` when the message changed meanwhile or something of it is still under way.
pub(super) fn expire_rest(
    store: &mut Store,
    row: &Message,
    due_at: Timestamp,
    config: &Config,
    now: Timestamp,
) -> ComposeResult<Option<(usize, Settled)>> {
    let hours = config.late_limit.as_secs() / 3600;
    let error = Reason::TooLatePaused { hours };
    let ended = store.write(|tx| {
        if !tx.move_message(row, MessageStatus::Sending, Some(due_at), now)? {
            return Ok(None);
        }
        let count = tx.end_all_pending(row.id, due_at, (Status::Expired, &error), now)?;
        let settled = tx.settle_if_done(row.id, due_at, Counts::default(), &config.zone, now)?;
        Ok(settled.map(|settled| (count, settled)))
    })?;
    Ok(ended)
}

/// Whether a draft goes out at once when it is resumed, because it was never given a time: by the API, and so by
/// `mcp`, that means now. A rule that is over means nothing of the kind.
pub(crate) fn is_for_now(row: &Message) -> bool {
    let Timetable { schedules, interval_config, .. } = &row.timetable;
    let has_rule = schedule::has_schedule(schedules.as_deref(), interval_config.as_deref());
    let is_of_api = row.created_by.as_deref() == Some("api");
    row.status == MessageStatus::Draft && row.scheduled_at.is_none() && !has_rule && is_of_api
}

fn why_no_time(row: &Message) -> ComposeError {
    let (id, timetable) = (row.id, &row.timetable);
    let why = timetable.why_over(timetable.taken.is_some());
    if why != Reason::ScheduleMissing {
        return ComposeError::refused(why);
    }
    refused!(
        "it has no time: give it one with `message edit {id} --at …` or `--weekly …`"
            / "belum ada waktunya: ubah pesan ini dan pilih waktunya"
    )
}

fn resume_unplanned(
    store: &mut Store,
    row: &Message,
    config: &Config,
    now: Timestamp,
) -> ComposeResult<Resumed> {
    let id = row.id;
    let timetable = &row.timetable;
    let here = row.scheduled_at.map(|at| timetable.at_in(at, &config.zone));
    let (at, is_from_rule) = match here {
        Some(at) if at >= now.minus(JUST_PASSED) => (at, timetable.is_from_rule()),
        // The one that passed while it was paused is not made up for; the next is due as usual.
        passed => match (timetable.next(&config.zone, Some(now.minus(JUST_PASSED)))?, passed) {
            (Some(next), _) => (next, true),
            (None, Some(at)) if at >= now.minus(config.late_limit) => {
                (at, timetable.is_from_rule())
            }
            (None, Some(at)) => {
                return Err(refused!(
                    "its time, {} in {}, has passed: give it a new one with `message edit {id} --at …`, or `--at now`"
                        / "waktunya, {} di {}, sudah lewat: ubah pesan ini dan pilih waktu baru",
                    config.zone.format_local(at),
                    config.zone
                ));
            }
            (None, None) if is_for_now(row) => (Timestamp::from_secs(now.secs()), false),
            (None, None) => return Err(why_no_time(row)),
        },
    };
    let content = checks::content(store, row.content.as_deref(), config, now)?;
    checks::text(&content, &row.message)?;
    store.read_or_refuse(|tx| checks::channel_of(tx, row))?;
    let (contact_ids, what) = (row.contact_ids.as_deref(), (&content, row.message.as_str()));
    let checked =
        store.read_or_refuse(|tx| checks::recipients(tx, contact_ids, what, config, true))?;
    checks::somebody(&checked)?;
    let has_moved = store.write(|tx| {
        let has_moved = tx.move_message(row, MessageStatus::Scheduled, Some(at), now)?;
        if has_moved && is_from_rule {
            tx.set_scheduled_at(id, at, &config.zone, now)?;
        }
        Ok(has_moved)
    })?;
    if has_moved { Ok(Resumed::Scheduled { at }) } else { Err(changed_meanwhile(store, id)?) }
}

/// Deletes a message that has ended or never began, with all that is known of its deliveries. One
/// with unknown deliveries only `with_unknown`.
pub fn remove(store: &mut Store, id: i64, with_unknown: bool) -> ComposeResult<()> {
    let status = removable(store, id, with_unknown)?;
    if !store.write(|tx| tx.delete_message(id, status))? {
        return Err(changed_meanwhile(store, id)?);
    }
    Ok(())
}

/// Whether [`remove`] would do it, before anybody is asked for a yes. Returns the message's status.
pub fn removable(store: &mut Store, id: i64, with_unknown: bool) -> ComposeResult<MessageStatus> {
    let status = own(store, id)?.status;
    if matches!(status, MessageStatus::Scheduled | MessageStatus::Sending) {
        return Err(refused!("message {id} is `{status}`: `message cancel {id}` first"));
    }
    let occurrences = store.read(|tx| tx.occurrences_of(id))?;
    if occurrences.iter().any(|one| one.sending > 0) {
        return Err(refused!(
            "a request to WAHA for message {id} is under way: try again in a few minutes"
        ));
    }
    let unknown: u64 = occurrences.iter().map(|one| one.ended.unknown).sum();
    if unknown > 0 && !with_unknown {
        return Err(refused!(
            "nothing else tells of the unknown deliveries of message {id} ({unknown}), which may have gone out: \
             `message remove {id} --yes` removes them too"
        ));
    }
    Ok(status)
}

fn check_goes_on(row: &Message, verb: &str) -> ComposeResult<()> {
    let (id, status) = (row.id, row.status);
    if status.has_ended() {
        return Err(refused!(
            "there is nothing to {verb}: message {id} is `{status}` already"
                / "tidak ada yang perlu dilakukan: pesan {id} sudah berakhir"
        ));
    }
    Ok(())
}
