//! How everything stands, for one screen: what is due next, how the channels are, what today brought,
//! who triggered. Reads only, and little: it may be asked every second.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::channels::{self, Line, WarningView, WeekView};
use crate::clock::Timestamp;
use crate::config::{Config, absolute};
use crate::delivery::{Counts, MessageStatus, Status};
use crate::language::sentences;
use crate::lock::{self, Holder, Sending};
use crate::reason::Explanation;
use crate::schedule::Zone;
use crate::send_window::Day;
use crate::store::{
    CallbackCounts, Channel, LinkFigures, Message, Run, SqlResult, Store, StoreError, Tx,
    Unresolved,
};
use crate::supabase::LinkStatus;

/// Runs on the screen.
const RUNS: u32 = 4;
/// A backlog is counted through so far; at a minute each that is two years.
const BACKLOG_STEPS_MAX: u64 = 1_000_000;

/// A `run` that has recorded nothing for so long does not work any more: the slowest request is over
/// after a few minutes, and what has to wait longer it leaves to the next run.
const QUIET_MAX: Duration = Duration::from_mins(30);

/// The process that has the sender's lock, as it wrote of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderView {
    pub(crate) holder: Holder,
    /// Why it seems to hang.
    pub hangs: Option<Hangs>,
}

sentences! {
    /// Why a process that has the sender's lock seems to hang.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Hangs {
        Stopped: "it is stopped (Ctrl-Z, or a signal), and nothing is sent",
            "prosesnya dihentikan sementara (Ctrl-Z, atau sinyal), dan tidak ada yang dikirim";
        /// It recorded nothing for so long.
        Quiet { minutes: u64 }: "nothing was recorded for {minutes} min",
            "tidak ada yang dicatat selama {minutes} menit";
    }
}

/// Who sends at `now`, and whether it seems to hang; `None` when nobody does, or nothing is told.
pub fn sender(
    store: &mut Store,
    config: &Config,
    now: Timestamp,
) -> Result<Option<SenderView>, StoreError> {
    let Some(holder) = lock::holder(store.path()) else { return Ok(None) };
    let mut hangs = None;
    if lock::is_stopped(holder.pid) {
        hangs = Some(Hangs::Stopped);
    } else if holder.command == "run" {
        let last = store.read(|tx| Ok(tx.last_recorded()?.max(Some(holder.since))))?;
        let last = last.unwrap_or(holder.since);
        let quiet = now.since(last);
        let is_long = quiet > QUIET_MAX.max(2 * config.longest_gap());
        hangs = is_long.then_some(Hangs::Quiet { minutes: quiet.as_secs() / 60 });
    }
    Ok(Some(SenderView { holder, hangs }))
}

impl SenderView {
    /// ``process 123 (`run`) has been sending since 2026-12-01 08:00``, and why it seems to hang.
    pub fn in_words(&self, zone: &Zone) -> String {
        let Holder { pid, since, command } = &self.holder;
        let hangs = self.hangs.map(|why| format!(": {why}")).unwrap_or_default();
        let since = zone.format_local(*since);
        format!("process {pid} (`{command}`) has been sending since {since}{hangs}")
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Overview {
    pub(crate) now: Timestamp,
    /// The database file, absolute.
    pub(crate) database: PathBuf,
    /// Who sends, as far as the system tells.
    pub(crate) sending: Sending,
    /// The scheduled message whose time comes first.
    pub(crate) next_due: Option<Message>,
    /// Messages: scheduled, of them due, on their way, drafts.
    pub(crate) scheduled: u64,
    pub(crate) due: u64,
    pub(crate) on_their_way: u64,
    pub(crate) drafts: u64,
    pub(crate) channels: Vec<ChannelState>,
    /// Deliveries that ended since midnight in TIMEZONE, by how.
    pub(crate) today: Counts,
    /// Deliveries that are `unknown`, of all times.
    pub(crate) unknown: u64,
    /// People who asked to stop by a hidden number whose phone number is not known, of all times.
    pub(crate) unresolved: Unresolved,
    /// What CALLBACK_URL is told.
    pub(crate) callbacks: CallbackCounts,
    /// The link to a website, when it was ever on.
    pub(crate) link: Option<LinkStatus>,
    /// Why nothing is planned or sent: the clock is not believed.
    pub(crate) clock_hold: Option<Explanation>,
    pub(crate) runs: Vec<Run>,
    /// When the newest trigger came. The server's own ticker leaves a row only when it finds something.
    pub(crate) last_trigger_at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub(crate) struct ChannelState {
    pub(crate) channel: Channel,
    /// Deliveries that wait for it.
    pub(crate) pending: u64,
    /// How long until it may send; zero when it may.
    pub(crate) ready_in: Duration,
    /// Whether that is a rest of REST_AFTER.
    pub(crate) rests: bool,
    /// Why it waits so long though nothing is wrong: its hours, or its daily limit.
    pub(crate) closed: Option<String>,
    /// About when the last of `pending` goes out, if it may send at all.
    pub(crate) backlog_ends_at: Option<Timestamp>,
    /// WhatsApp's last warning of its number, while it halves the limit.
    pub(crate) warning: Option<WarningView>,
    pub(crate) week: WeekView,
}

/// How everything stands at `now`.
pub(crate) fn status(
    store: &mut Store,
    config: &Config,
    now: Timestamp,
) -> Result<Overview, StoreError> {
    let midnight = config.zone.to_utc(config.zone.to_local(now).date().midnight());
    let (sending, database) = (lock::who_sends(store.path()), absolute(store.path()));
    store.read(|tx| {
        let on_their_way = tx.count_messages(MessageStatus::Sending)?;
        Ok(Overview {
            now,
            database,
            sending,
            next_due: tx.next_due()?,
            scheduled: tx.count_messages(MessageStatus::Scheduled)?,
            due: tx.count_due(now)?.saturating_sub(on_their_way),
            on_their_way,
            drafts: tx.count_messages(MessageStatus::Draft)?,
            channels: channels(tx, config, now)?,
            today: tx.count_ended_since(midnight)?,
            unknown: tx.count_unknown()?,
            unresolved: tx.unresolved_hidden(Timestamp::from_secs(0))?,
            callbacks: tx.callback_counts()?,
            link: LinkStatus::read(tx)?,
            clock_hold: tx.clock_believed()?.hold,
            runs: tx.last_runs(RUNS)?,
            last_trigger_at: tx.newest_trigger()?.and_then(|run| run.started_at),
        })
    })
}

fn channels(tx: &Tx<'_>, config: &Config, now: Timestamp) -> SqlResult<Vec<ChannelState>> {
    let state = |(channel, pending): (Channel, u64)| {
        let mut line = Line::new(tx, Some(channel.clone()), config, now)?;
        let ready_in = line.next(config, now).map_or(Duration::ZERO, |at| at.since(now));
        let closed = line.closed_at_first.clone();
        let rests = channels::rests(&channel, config, now);
        let mut backlog_ends_at = None;
        let steps = if channel.held.is_none() { pending.min(BACKLOG_STEPS_MAX) } else { 0 };
        for _ in 0..steps {
            let Ok(at) = line.next(config, now) else { break };
            line.took(config, at);
            backlog_ends_at = Some(at);
        }
        let (waits_until, latest) = tx.last_of_pending(channel.id)?;
        if let Some(from) = waits_until.filter(|from| backlog_ends_at.is_some_and(|at| at < *from))
        {
            backlog_ends_at = line.next(config, from).ok();
        }
        // What is later than that expires.
        let last = latest.map(|due_at| due_at.plus(config.late_limit));
        backlog_ends_at = backlog_ends_at.map(|at| last.map_or(at, |last| at.min(last)));
        let warning = WarningView::of(&channel, &config.zone, now);
        let week = WeekView::of(tx, &channel, Day::of(&config.zone, now))?;
        Ok(ChannelState {
            channel,
            pending,
            ready_in,
            rests,
            closed,
            backlog_ends_at,
            warning,
            week,
        })
    };
    tx.channels_with_pending()?.into_iter().map(state).collect()
}

impl Overview {
    /// About when the last delivery that waits now goes out.
    pub(crate) fn backlog_ends_at(&self) -> Option<Timestamp> {
        self.channels.iter().filter_map(|state| state.backlog_ends_at).max()
    }

    /// How many deliveries ended since midnight with this status.
    pub(crate) fn today(&self, status: Status) -> u64 {
        let mut today = self.today;
        today.of(status).map_or(0, |count| *count)
    }

    /// The same for programs: times as the tables have them.
    pub(crate) fn to_json(&self) -> Value {
        let ended = Status::ALL.into_iter().map(|status| (status.to_string(), self.today(status)));
        let today: BTreeMap<_, _> = ended.filter(|(_, number)| *number > 0).collect();
        let mut data = json!({
            "now": self.now,
            "database": self.database,
            "sending_process": self.sending.pid(),
            "next_due": self.next_due.as_ref().map(|next| json!({
                "id": next.id, "title": next.title, "due_at": next.scheduled_at,
            })),
            "messages": {
                "scheduled": self.scheduled, "due": self.due, "sending": self.on_their_way,
                "draft": self.drafts,
            },
            "channels": self.channels.iter().map(ChannelState::to_json).collect::<Vec<_>>(),
            "today": today,
            "unknown": self.unknown,
            "unresolved_stops": self.unresolved.asked + self.unresolved.given_up,
            "callbacks": self.callbacks,
            "clock_hold": self.clock_hold,
            "last_trigger_at": self.last_trigger_at,
            "backlog_ends_at": self.backlog_ends_at(),
            "runs": self.runs,
        });
        if let Some(link) = &self.link {
            data["link"] = json!(link);
        }
        data
    }

    /// The link in a few words; `None` when it is off.
    pub(crate) fn link_in_words(&self) -> Option<String> {
        let link = self.link.as_ref().filter(|link| link.state.is_on)?;
        let LinkStatus { state, figures: LinkFigures { open, outbox, refused }, channels, .. } =
            link;
        let answered = state.answered_at.map_or("no answer yet".to_owned(), |at| {
            format!("answered {} s ago", self.now.since(at).as_secs())
        });
        let trouble = state.alarm.as_ref().or(state.trouble.as_ref());
        let trouble = trouble.map(|words| format!("; {words}")).unwrap_or_default();
        let refused = if *refused > 0 { format!(", {refused} refused") } else { String::new() };
        let channels = channels.join(", ");
        Some(format!("{answered}, {open} open, {outbox} to write{refused}; {channels}{trouble}"))
    }
}

impl ChannelState {
    fn to_json(&self) -> Value {
        let Self { channel, pending, ready_in, closed, backlog_ends_at, warning, week, .. } = self;
        json!({
            "id": channel.id,
            "name": channel.name,
            "session_name": channel.session_name,
            "is_active": channel.is_active,
            "held_reason": channel.held.as_ref().map(|held| &held.reason),
            "held_until": channel.held.as_ref().and_then(|held| held.until),
            "ready_in_seconds": ready_in.as_secs(),
            "closed": closed,
            "pending": pending,
            "backlog_ends_at": backlog_ends_at,
            "warning": warning,
            "week": week,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Hangs;

    #[test]
    fn why_it_hangs_has_words_in_both_languages_with_the_same_values() {
        for (name, fields, english, indonesian) in Hangs::TABLE {
            assert_ne!(english, indonesian, "{name}");
            for place in fields.iter().map(|field| format!("{{{field}}}")) {
                assert!(english.contains(&place) && indonesian.contains(&place), "{name}");
            }
        }
    }
}
