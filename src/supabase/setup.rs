//! What a person does with the link: look at a project, turn the link on and off, take a channel over.

use std::time::Duration;

use serde::Serialize;

use super::key::Key;
use super::protocol::tell_of_claims;
use super::remote::{IDS_MAX, Listed, Owner, Remote, RemoteChannel, RemoteRow};
use super::reply::{Kind, Told, Trouble};
use super::tables::Tables;
use super::times;
use crate::alarm::host_name;
use crate::clock::Timestamp;
use crate::config::{Config, Supabase};
use crate::schedule::Zone;
use crate::store::{LinkChannel, LinkFigures, LinkState, SqlResult, Store, StoreError, Tx};
use crate::terminal::one_line;
use crate::waha::CLOCKS_AGREE_WITHIN;

/// The tables with which several appliances share a project.
const MIGRATION: &str = include_str!("../../dist/supabase/migration.sql");
/// Clocks that differ by more than this are told.
const SKEW_SEEN: Duration = Duration::from_mins(1);
const NO_SUCH_CHANNEL: &str = "the website has no such channel: `link check` lists them";
/// A count ends here: more is said as "or more".
pub(crate) const COUNTED_MAX: usize = 1000;
/// Rows of a kind that are shown; of the others, how many there are.
const SHOWN_MAX: usize = 10;
/// A website's own cron sends what is due; one that sent within this time is on.
const CRON_SEEN: Duration = Duration::from_hours(24);
/// More scheduled rows than these want an index.
const ROWS_FOR_INDEX: usize = 10_000;

#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// In words, with the remedy.
    #[error("{0}")]
    Refused(String),
    #[error("Supabase: {0}")]
    Supabase(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Trouble> for LinkError {
    fn from(trouble: Trouble) -> Self {
        Self::Supabase(trouble.words)
    }
}

/// What a look at the project found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Survey {
    pub(crate) url: String,
    pub(crate) is_on: bool,
    /// `alone` or `shared`: what it is, or would be.
    pub(crate) mode: &'static str,
    pub(crate) tables: Vec<String>,
    pub(crate) channel_column: String,
    /// Rows due before this are left alone.
    pub(crate) since: String,
    /// How many those are, at most [`COUNTED_MAX`].
    pub(crate) old: usize,
    /// The first of them, at most ten.
    pub(crate) old_rows: Vec<SurveyedRow>,
    /// Rows that are due since then.
    pub(crate) due: usize,
    /// Rows that are due or scheduled, on channels that are sent from here, or would be.
    pub(crate) to_send: usize,
    pub(crate) to_send_rows: Vec<SurveyedRow>,
    /// Rows that are due since then, on no channel.
    pub(crate) without_channel: usize,
    pub(crate) without_channel_rows: Vec<SurveyedRow>,
    /// Rows that are due since then, on channels that are off or that no appliance sends for.
    pub(crate) unsent: usize,
    pub(crate) unsent_rows: Vec<SurveyedRow>,
    /// Rows that the website marked as sent in the last 24 hours; `None` once it was linked.
    pub(crate) sent_by_website: Option<usize>,
    /// How far this machine's clock is ahead of the project's, in seconds.
    pub(crate) clock_ahead_secs: Option<i64>,
    pub(crate) channels: Vec<SurveyedChannel>,
}

/// A row of the website's messages. Its text is not shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SurveyedRow {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) at: Option<Timestamp>,
    pub(crate) channel: Option<String>,
}

/// A channel of the website's, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SurveyedChannel {
    #[serde(flatten)]
    pub(crate) on_website: RemoteChannel,
    /// The appliance that sends for it, when one does.
    pub(crate) owner: Option<String>,
    pub(crate) seen_at: Option<String>,
    pub(crate) is_ours: bool,
}

/// Which channels to take, and what is known of the project.
pub struct Choice<'a> {
    /// By name or id; `None` for all that are free and whose session is there.
    pub channels: Option<&'a [String]>,
    pub has_session: &'a dyn Fn(&str) -> bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TurnedOn {
    pub(crate) appliance: String,
    pub(crate) mode: &'static str,
    pub(crate) since: String,
    pub(crate) channels: Vec<String>,
    /// Channels that were not taken, each with the reason.
    pub(crate) left: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TakenOver {
    pub(crate) channel: String,
    pub(crate) from: String,
    /// Occurrences that the other one had claimed: what it did not report of them is unknown.
    pub(crate) claims: usize,
}

/// How the link stands, as the database here has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct LinkStatus {
    #[serde(flatten)]
    pub(crate) state: LinkState,
    pub(crate) mode: &'static str,
    #[serde(flatten)]
    pub(crate) figures: LinkFigures,
    /// Names of the website's channels that are sent here; one that was taken over says by whom.
    pub(crate) channels: Vec<String>,
}

/// The SQL of the shared mode, for the project's table of messages.
pub(crate) fn migration(settings: Option<&Supabase>) -> String {
    match settings.map(|settings| settings.messages_table.as_str()) {
        Some(table) if table != "auto_messages" => {
            MIGRATION.replace("public.auto_messages", &format!("public.{table}"))
        }
        Some(_) | None => MIGRATION.to_owned(),
    }
}

impl LinkStatus {
    /// How the link stands; `None` when it was never on.
    pub(crate) fn read(tx: &Tx<'_>) -> SqlResult<Option<Self>> {
        let Some(state) = tx.link_state()? else { return Ok(None) };
        let channels = tx.link_channels(&state.project)?;
        let name = |channel: &LinkChannel| match &channel.handed_to {
            Some(other) => format!("{} (taken over by {other})", channel.name),
            None => channel.name.clone(),
        };
        let (mode, figures) = (mode(state.is_shared), tx.link_figures()?);
        Ok(Some(Self { state, mode, figures, channels: channels.iter().map(name).collect() }))
    }
}

/// Looks at a project without changing anything.
pub(crate) fn survey(
    config: &Config,
    store: Option<&mut Store>,
    now: Timestamp,
) -> Result<Survey, LinkError> {
    let project = Project::open(config, now)?;
    let Project { settings, remote, tables } = &project;
    let known = store
        .map(|store| store.read(|tx| Ok((tx.link_state()?, tx.link_channels(&settings.url)?))));
    let (state, mut owned) = known.transpose()?.unwrap_or_default();
    let state = state.filter(|state| state.project == settings.url);
    let is_on = state.as_ref().is_some_and(|state| state.is_on);
    owned.retain(|_| is_on);
    // From then on some of what was sent was sent from here.
    let was_on = state.is_some();
    let theirs = remote.date().unwrap_or(now);
    let since = state.as_ref().map_or_else(|| theirs.to_string(), |state| state.since.clone());
    let ours = state.as_ref().map(|state| state.appliance.clone()).unwrap_or_default();
    let owners = if tables.is_shared { remote.owners()? } else { Vec::new() };
    let list = |what: Listed<'_>| remote.list(tables, what, COUNTED_MAX);
    let channels = remote.channels(tables)?.into_iter();
    let channels: Vec<_> =
        channels.map(|channel| surveyed(channel, &owners, &owned, &ours)).collect();
    let (here, others): (Vec<_>, Vec<_>) = channels.iter().partition(|one| one.is_sendable(is_on));
    let nobodys = others.into_iter().filter(|one| !one.is_sent_by_other()).collect();
    let to_send = rows_on(here, |some| list(Listed::ToSend(&since, some)))?;
    let unsent = rows_on(nobodys, |some| list(Listed::DueOn(&since, some)))?;
    let (old, without) = (list(Listed::Before(&since))?, list(Listed::WithoutChannel(&since))?);
    let shown = |rows: &[RemoteRow]| shown(rows, &channels);
    let yesterday = theirs.minus(CRON_SEEN).to_string();
    let is_shared =
        state.as_ref().filter(|state| state.is_on).map_or(tables.is_shared, |it| it.is_shared);
    Ok(Survey {
        url: settings.url.clone(),
        is_on,
        mode: mode(is_shared),
        tables: project.table_names(),
        channel_column: tables.channel_column.clone(),
        old: old.len(),
        old_rows: shown(&old),
        due: list(Listed::DueSince(&since))?.len(),
        to_send: to_send.len(),
        to_send_rows: shown(&to_send),
        without_channel: without.len(),
        without_channel_rows: shown(&without),
        unsent: unsent.len(),
        unsent_rows: shown(&unsent),
        sent_by_website: if was_on {
            None
        } else {
            Some(list(Listed::SentSince(&yesterday))?.len())
        },
        clock_ahead_secs: remote.date().map(|theirs| now.secs() - theirs.secs()),
        channels,
        since,
    })
}

/// The rows that `list` has for these channels, in the order of their times.
fn rows_on(
    channels: Vec<&SurveyedChannel>,
    list: impl Fn(&[String]) -> Told<Vec<RemoteRow>>,
) -> Told<Vec<RemoteRow>> {
    let ids: Vec<String> = channels.into_iter().map(|one| one.on_website.id.clone()).collect();
    let mut rows = Vec::new();
    for some in ids.chunks(IDS_MAX) {
        rows.extend(list(some)?);
    }
    rows.sort_by_key(|row| times::instant(&row.scheduled_at));
    Ok(rows)
}

impl Survey {
    /// Whether the clocks differ so much that somebody should know.
    pub(crate) fn has_skew(&self) -> bool {
        self.clock_ahead_secs.is_some_and(|secs| secs.unsigned_abs() > SKEW_SEEN.as_secs())
    }

    /// Whether they differ so much that the first rows would be sent hours off, or expire.
    pub(crate) fn is_clock_wrong(&self) -> bool {
        self.clock_ahead_secs.unwrap_or_default().unsigned_abs() > CLOCKS_AGREE_WITHIN.as_secs()
    }

    /// Whether the website's table should have an index for what is due.
    pub(crate) fn wants_index(&self) -> bool {
        self.old + self.due >= ROWS_FOR_INDEX
    }
}

impl SurveyedChannel {
    /// Whether it is sent from here; while the link is off, whether `link on` could take it.
    fn is_sendable(&self, is_on: bool) -> bool {
        let RemoteChannel { is_active, session_name, .. } = &self.on_website;
        let is_free = !is_on && self.owner.is_none() && session_name.is_some();
        *is_active && (self.is_ours || is_free)
    }

    fn is_sent_by_other(&self) -> bool {
        self.on_website.is_active && self.owner.is_some() && !self.is_ours
    }
}

impl SurveyedRow {
    /// In a few words, for a person.
    pub(crate) fn in_words(&self, zone: &Zone) -> String {
        let at = self.at.map(|at| zone.format_local(at)).unwrap_or_default();
        let channel = self.channel.as_deref().unwrap_or("no channel");
        one_line(&format!("{at} `{}` ({channel})", self.title)).into_owned()
    }
}

fn shown(rows: &[RemoteRow], channels: &[SurveyedChannel]) -> Vec<SurveyedRow> {
    let row = |row: &RemoteRow| SurveyedRow {
        id: row.id.clone(),
        title: row.title.clone().unwrap_or_else(|| row.id.clone()),
        at: times::instant(&row.scheduled_at),
        channel: row.channel.as_ref().map(|id| {
            let known = channels.iter().map(|one| &one.on_website).find(|one| one.id == *id);
            known.map_or_else(|| id.clone(), |channel| channel.name.clone())
        }),
    };
    rows.iter().take(SHOWN_MAX).map(row).collect()
}

fn surveyed(
    channel: RemoteChannel,
    owners: &[Owner],
    taken: &[LinkChannel],
    ours: &str,
) -> SurveyedChannel {
    let owner = owners.iter().find(|owner| owner.channel == channel.id);
    let here = taken.iter().find(|one| one.remote_id == channel.id && one.handed_to.is_none());
    SurveyedChannel {
        is_ours: here.is_some() && owner.is_none_or(|owner| owner.appliance == ours),
        owner: owner.map(|owner| owner.appliance.clone()),
        seen_at: owner.and_then(|owner| owner.seen_at.clone()),
        on_website: channel,
    }
}

/// Turns the link on: from now on due rows of the channels that it takes are sent here.
pub fn turn_on(
    config: &Config,
    store: &mut Store,
    choice: &Choice<'_>,
    now: Timestamp,
) -> Result<TurnedOn, LinkError> {
    let project = Project::open(config, now)?;
    let Project { settings, remote, tables } = &project;
    let started = remote.date().unwrap_or(now).to_string();
    let before = store.read(|tx| tx.link_state())?.filter(|state| state.project == settings.url);
    let appliance = appliance(settings, store)?;
    if !tables.is_shared {
        refuse_beside_others(remote, before.as_ref(), &appliance)?;
    }
    let wanted = take_wanted(&project, &appliance, choice)?;
    let told = remote.date().unwrap_or(now);
    let is_restored = store.read(|tx| tx.is_link_of_other_history())?;
    let begin = if is_restored { times::surely_past(told) } else { told }.to_string();
    if tables.is_shared {
        project.tell_of_time_alone(store, &appliance)?;
    }
    let former = FormerChannels::read(store, &project, before)?;
    let is_wanted = |id: &str| wanted.ids.iter().any(|one| one == id);
    former.give_up(&project, &appliance, is_wanted)?;
    let since = store.write(|tx| {
        former.forget(tx, (&settings.url, &begin), is_wanted)?;
        let since = tx.set_link_on(&settings.url, &begin, tables.is_shared, now)?;
        for one in &wanted.taken {
            let since = wanted.since(one, &started).unwrap_or(&begin);
            keep(tx, &settings.url, local(&one.channel, &one.session, since), now)?;
        }
        Ok(since)
    })?;
    let channels = wanted.taken.iter().map(|one| label(&one.channel)).collect();
    Ok(TurnedOn { appliance, mode: mode(tables.is_shared), since, channels, left: wanted.left })
}

/// What came of the channels that a person wants to be sent from here.
struct Wanted {
    /// Those that were named, or all, also when they could not be taken.
    ids: Vec<String>,
    taken: Vec<TakenChannel>,
    /// Those that were not taken, each with the reason.
    left: Vec<String>,
}

/// A channel that is sent from here.
struct TakenChannel {
    channel: RemoteChannel,
    session: String,
    /// Since when an appliance has it, where others could have it.
    taken_at: Option<String>,
}

impl Wanted {
    /// Since when a channel is sent from here, when that is not now. Of those that nobody had before `started`, since
    /// the first was taken: an appliance that is alone looks whether anybody has a channel before it takes anything,
    /// and the channels are searched in one question.
    fn since<'a>(&'a self, one: &'a TakenChannel, started: &str) -> Option<&'a str> {
        let is_fresh = |at: &&str| !times::is_before(at, started);
        let own = one.taken_at.as_deref()?;
        let all = self.taken.iter().filter_map(|one| one.taken_at.as_deref()).filter(is_fresh);
        let first = all.min_by_key(|at| times::precisely(at));
        first.filter(|_| is_fresh(&own)).or(Some(own))
    }
}

/// Takes the channels that are wanted and can be had; at least one of them.
fn take_wanted(
    project: &Project<'_>,
    appliance: &str,
    choice: &Choice<'_>,
) -> Result<Wanted, LinkError> {
    let mut wanted = Wanted { ids: Vec::new(), taken: Vec::new(), left: Vec::new() };
    // Names that no channel of the website has; a comma too many names nothing.
    let named = choice.channels.into_iter().flatten().filter(|name| !name.trim().is_empty());
    let mut unknown: Vec<&String> = named.collect();
    for channel in project.remote.channels(&project.tables)? {
        if let Some(names) = choice.channels {
            unknown.retain(|name| !is_named(name, &channel));
            if !names.iter().any(|name| is_named(name, &channel)) {
                continue;
            }
        }
        wanted.ids.push(channel.id.clone());
        match take(project, appliance, &channel, choice) {
            Ok(one) => wanted.taken.push(one),
            Err(LinkError::Refused(why)) => {
                wanted.left.push(format!("{}: {why}", label(&channel)));
            }
            Err(error) => return Err(error),
        }
    }
    let left = &mut wanted.left;
    left.extend(unknown.iter().map(|name| format!("{name}: {NO_SUCH_CHANNEL}")));
    if wanted.taken.is_empty() {
        let none = || "it has none, or none was named".to_owned();
        let why = if left.is_empty() { none() } else { left.join("; ") };
        return Err(LinkError::Refused(format!(
            "no channel of the website can be sent from here: {why}"
        )));
    }
    Ok(wanted)
}

/// The channels that were sent from here before the link is turned on.
struct FormerChannels {
    channels: Vec<LinkChannel>,
    was_off: bool,
    /// Another one that was alone, too, may have sent since this one was off. What is due since a channel is this
    /// one's is sent; nobody else looks at it.
    was_off_alone: bool,
}

impl FormerChannels {
    fn read(
        store: &mut Store,
        project: &Project<'_>,
        before: Option<LinkState>,
    ) -> Result<Self, StoreError> {
        let channels = store.read(|tx| tx.link_channels(&project.settings.url))?;
        let was_off = before.as_ref().is_some_and(|state| !state.is_on);
        let was_alone = before.is_some_and(|state| !state.is_shared);
        Ok(Self {
            channels,
            was_off,
            was_off_alone: was_off && was_alone && project.tables.is_shared,
        })
    }

    /// Leaves what the project has as this appliance's to others, but for what is wanted or was sent from here until
    /// now: Supabase may not have heard of `link off`.
    fn give_up(
        &self,
        project: &Project<'_>,
        appliance: &str,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<(), Trouble> {
        let owners = if project.tables.is_shared { project.remote.owners()? } else { Vec::new() };
        let is_known =
            |id: &str| !self.was_off && self.channels.iter().any(|one| one.remote_id == id);
        let is_left = |one: &&Owner| {
            one.appliance == appliance && !is_wanted(&one.channel) && !is_known(&one.channel)
        };
        let mut left = owners.iter().filter(is_left);
        left.try_for_each(|one| project.remote.give_up(&one.channel, appliance).map(drop))
    }

    /// Of a link that was off, forgets the channels that nobody wants now; of one that was alone, too, also since when
    /// the others were sent from here.
    fn forget(
        &self,
        tx: &Tx<'_>,
        (project, begin): (&str, &str),
        is_wanted: impl Fn(&str) -> bool,
    ) -> SqlResult<()> {
        if self.was_off_alone {
            tx.set_link_since(begin)?;
        }
        let is_stale = |id: &str| self.was_off_alone || self.was_off && !is_wanted(id);
        let mut stale = self.channels.iter().filter(|one| is_stale(&one.remote_id));
        stale.try_for_each(|one| tx.forget_link_channel(project, &one.remote_id))
    }
}

/// Without the tables of the migration an appliance is alone. Where others share the project, they are not
/// known to PostgREST, or gone for a while.
fn refuse_beside_others(
    remote: &Remote,
    before: Option<&LinkState>,
    appliance: &str,
) -> Result<(), LinkError> {
    let others = match remote.owners() {
        Err(Trouble { kind: Kind::Schema, .. }) => false,
        owners => owners?.iter().any(|owner| owner.appliance != appliance),
    };
    let was_shared = before.is_some_and(|state| state.is_on && state.is_shared);
    let why = match (others, was_shared) {
        (false, false) => return Ok(()),
        (true, _) => "other appliances share this project",
        (false, true) => {
            "the link is in mode `shared` (alone on the project, run `link off` first)"
        }
    };
    Err(LinkError::Refused(format!(
        "{why}, but not all tables of the migration are there: run what `link migration` prints in the SQL editor \
         again, and then `link on`"
    )))
}

/// Whether a person means this channel by that name or id.
fn is_named(wanted: &str, channel: &RemoteChannel) -> bool {
    let wanted = wanted.trim();
    !wanted.is_empty() && (wanted == channel.id || wanted == channel.name.trim())
}

fn label(channel: &RemoteChannel) -> String {
    if channel.name.is_empty() { channel.id.clone() } else { channel.name.clone() }
}

fn local(channel: &RemoteChannel, session: &str, since: &str) -> LinkChannel {
    LinkChannel {
        remote_id: channel.id.clone(),
        name: label(channel),
        session_name: session.to_owned(),
        channel_id: 0,
        is_active: channel.is_active,
        since: since.to_owned(),
        handed_to: None,
    }
}

/// Keeps a channel of the project's, with our channel of the same session.
fn keep(tx: &Tx<'_>, project: &str, mut channel: LinkChannel, now: Timestamp) -> SqlResult<()> {
    channel.channel_id = tx.channel_of_session(&channel.name, &channel.session_name, now)?;
    tx.set_link_channel(project, &channel)
}

/// What this machine is called in the project's tables.
fn appliance(settings: &Supabase, store: &mut Store) -> Result<String, StoreError> {
    let name = settings.appliance_name.clone().unwrap_or_else(host_name);
    let name = if name.is_empty() { "appliance".to_owned() } else { name };
    store.write(|tx| tx.link_appliance(&name))
}

/// Takes one channel.
fn take(
    project: &Project<'_>,
    appliance: &str,
    channel: &RemoteChannel,
    choice: &Choice<'_>,
) -> Result<TakenChannel, LinkError> {
    let refused = |why: String| Err(LinkError::Refused(why));
    let Some(session) = channel.session_name.as_deref().map(str::trim) else {
        return refused("it has no session_name".to_owned());
    };
    if !(choice.has_session)(session) {
        return refused(format!("this WAHA has no session `{session}`"));
    }
    let mut taken_at = None;
    if project.tables.is_shared {
        let owner = project.remote.own(&channel.id, appliance)?;
        match owner {
            Some(owner) if owner.appliance == appliance => taken_at = owner.taken_at,
            Some(Owner { appliance, seen_at, .. }) => {
                let seen = seen_at.map(|at| format!(", seen {at}")).unwrap_or_default();
                return refused(format!("it is {appliance}'s{seen}: `link take-over` takes it"));
            }
            None => return refused("it could not be taken: try again".to_owned()),
        }
    }
    Ok(TakenChannel { channel: channel.clone(), session: session.to_owned(), taken_at })
}

/// Turns the link off. Returns whether it was on. What is planned goes out; nothing is written back.
pub fn turn_off(config: &Config, store: &mut Store, now: Timestamp) -> Result<bool, LinkError> {
    let (state, was_on) = store.write(|tx| Ok((tx.link_state()?, tx.set_link_off()?)))?;
    // Others may have its channels, also those of one that was about to be shared. It is off whether or not
    // Supabase hears of it.
    if let Some(state) = state.filter(|state| state.is_on)
        && let Ok(project) = Project::open(config, now)
        && (state.is_shared || project.tables.is_shared)
    {
        project.remote.disown(&state.appliance)?;
    }
    Ok(was_on)
}

/// Makes a channel ours that another appliance has, which is gone for good or switched off. What it had
/// claimed and did not report as sent becomes unknown, and is not sent again.
pub fn take_over(
    config: &Config,
    store: &mut Store,
    wanted: &str,
    now: Timestamp,
) -> Result<TakenOver, LinkError> {
    let project = Project::open(config, now)?;
    let Project { settings, remote, tables } = &project;
    let refused = |why: &str| Err(LinkError::Refused(why.to_owned()));
    if !tables.is_shared {
        return refused(
            "the project has not the tables for several appliances: see `link migration`",
        );
    }
    let before = store.read(|tx| tx.link_state())?.filter(|state| state.project == settings.url);
    let appliance = appliance(settings, store)?;
    let found = remote.channels(tables)?;
    let Some(channel) = found.into_iter().find(|one| is_named(wanted, one)) else {
        return refused(NO_SUCH_CHANNEL);
    };
    let Some(session) = channel.session_name.clone() else {
        return refused("this channel has no session_name on the website");
    };
    let owner = remote.owners()?.into_iter().find(|owner| owner.channel == channel.id);
    let Some(owner) = owner.filter(|owner| owner.appliance != appliance) else {
        return refused("no other appliance has this channel: `link on` takes it");
    };
    // What was due since the other one had it, and was not claimed, goes out. That is noted before it
    // is asked for: a channel that became ours without an answer is ours from the same instant.
    let begin = remote.date().unwrap_or(now).to_string();
    let ours = local(&channel, &session, owner.taken_at.as_deref().unwrap_or(&begin));
    let former = FormerChannels::read(store, &project, before)?;
    // One that was sent from here before stays as it is: else nobody would notice that another one has it.
    if former.channels.iter().all(|known| known.remote_id != channel.id) {
        let meant = LinkChannel { handed_to: Some(owner.appliance.clone()), ..ours.clone() };
        store.write(|tx| keep(tx, &settings.url, meant, now))?;
    }
    if !remote.take_over(&channel.id, &owner.appliance, &appliance)? {
        return refused("it changed hands meanwhile: look at `link check`");
    }
    project.tell_of_time_alone(store, &appliance)?;
    former.give_up(&project, &appliance, |id| id == ours.remote_id)?;
    let channels = [channel.id.clone()];
    let claims = remote.open_claims_of_others(tables, &channels, &appliance)?.len();
    store.write(|tx| {
        former.forget(tx, (&settings.url, &begin), |id| id == ours.remote_id)?;
        tx.set_link_on(&settings.url, &begin, true, now)?;
        keep(tx, &settings.url, ours, now)
    })?;
    Ok(TakenOver { channel: channel.name, from: owner.appliance, claims })
}

/// A project that answers, and what it calls its tables.
struct Project<'a> {
    settings: &'a Supabase,
    remote: Remote,
    tables: Tables,
}

impl<'a> Project<'a> {
    fn open(config: &'a Config, now: Timestamp) -> Result<Self, LinkError> {
        let Some(settings) = &config.supabase else {
            let words = "SUPABASE_URL is not set: write SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY into \
                         auto-message-scheduler.env; see supabase.md";
            return Err(LinkError::Refused(words.to_owned()));
        };
        let key = Key::read(&settings.key, now).map_err(LinkError::Refused)?;
        let remote = Remote::new(settings, &key);
        let described = remote.describe().map_err(|Trouble { words, .. }| {
            LinkError::Supabase(format!(
                "{words}: look at SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY, and whether the project is paused"
            ))
        })?;
        let tables = Tables::read(&described, settings).map_err(LinkError::Refused)?;
        Ok(Self { settings, remote, tables })
    }

    /// See [`tell_of_claims`].
    fn tell_of_time_alone(&self, store: &mut Store, appliance: &str) -> Result<(), LinkError> {
        let state = store.read(|tx| tx.link_state())?;
        if state.is_some_and(|state| state.project == self.settings.url && !state.is_shared) {
            let to = (&*self.settings.url, appliance);
            tell_of_claims::<LinkError>(&self.remote, store, &self.tables, to, &mut 0)?;
        }
        Ok(())
    }

    fn table_names(&self) -> Vec<String> {
        let Tables { messages, channels, contacts, .. } = &self.tables;
        let names = [Some(messages), Some(channels), contacts.as_ref()];
        names.into_iter().flatten().map(|table| table.name.clone()).collect()
    }
}

fn mode(is_shared: bool) -> &'static str {
    if is_shared { "shared" } else { "alone" }
}
