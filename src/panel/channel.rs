//! One number: its session in WAHA as it stands now, with the code to scan, and what may be changed of it.

use std::str::FromStr;

use askama::Template;

use super::channels::{self as cards, ChannelCard, view};
use super::forms::Form;
use super::merge::{self, Conflict, Told};
use super::sessions::{self, SessionPart};
use super::visit::{Page, Visit};
use super::words::Words;
use super::{Answered, PageResult, access, attention, reply};
use crate::channels::{self, ChannelError, Edit, OwnGap, OwnLimit, OwnWindow};
use crate::reason::Reason;
use crate::send_window::{Day, SendWindow};
use crate::store::Channel;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Fields {
    name: String,
    session: String,
    /// Empty for the setting's.
    window: String,
    daily_limit: String,
    recipient_gap: String,
    /// `1` while it warms up.
    warmup: String,
}

#[derive(Template)]
#[template(path = "channel.html")]
struct ChannelPage<'a> {
    p: Page<'a>,
    heading: String,
    action: String,
    told: Told,
    f: Fields,
    /// What the fields were when the form was made; a new one has none.
    was: Option<Fields>,
    /// What the settings say where a field is empty.
    of_settings: Fields,
    warmup_day: String,
    known: Option<Known>,
}

struct Known {
    id: i64,
    card: ChannelCard,
    session: SessionPart,
    is_on_its_way: bool,
    /// Why it cannot be removed; empty when it can be.
    stays: String,
}

#[derive(Template)]
#[template(path = "channel_live.html")]
struct LivePiece<'a> {
    p: Page<'a>,
    channel: ChannelCard,
    session: SessionPart,
}

impl Fields {
    /// The fields of a form whose names begin with `prefix`.
    fn read(form: &Form, prefix: &str) -> Self {
        let [name, session, window, daily_limit, recipient_gap, warmup] = form.values(
            prefix,
            ["name", "session", "window", "daily_limit", "recipient_gap", "warmup"],
        );
        Self { name, session, window, daily_limit, recipient_gap, warmup }
    }

    fn read_was(form: &Form) -> Option<Self> {
        form.get("was_name").map(|_| Self::read(form, "was_"))
    }

    fn of(channel: &Channel) -> Self {
        let number = |number: Option<i64>| number.map_or_else(String::new, |one| one.to_string());
        Self {
            name: channel.name.clone(),
            session: channel.session_name.clone().unwrap_or_default(),
            window: channel.send_window.clone().unwrap_or_default(),
            daily_limit: number(channel.daily_limit),
            recipient_gap: number(channel.recipient_gap_hours),
            warmup: channel.warmup_from.as_ref().map_or_else(String::new, |_| "1".to_owned()),
        }
    }

    fn values(&mut self) -> [&mut String; 6] {
        let Self { name, session, window, daily_limit, recipient_gap, warmup } = self;
        [name, session, window, daily_limit, recipient_gap, warmup]
    }

    fn labels(w: &Words) -> [&'static str; 6] {
        [w.name, w.session, w.send_window, w.daily_limit, w.recipient_gap, w.warmup]
    }

    /// What makes `before` this.
    fn edit(&self, before: &Self, visit: &Visit<'_>) -> PageResult<Edit> {
        let w = visit.words();
        let changed = |one: &String, other: &String| (one != other).then(|| one.clone());
        // Empty is the setting's.
        let own = |text: String| if text.is_empty() { "default".to_owned() } else { text };
        let window = changed(&self.window, &before.window).map(own).map(|text| {
            let is_always = text.eq_ignore_ascii_case("selalu");
            if is_always { "always".to_owned() } else { text }
        });
        let limit = changed(&self.daily_limit, &before.daily_limit).map(own);
        let gap = changed(&self.recipient_gap, &before.recipient_gap).map(own);
        let warmup = (self.warmup != before.warmup).then_some(!self.warmup.is_empty());
        Ok(Edit {
            name: changed(&self.name, &before.name),
            session: changed(&self.session, &before.session),
            window: read::<OwnWindow>(window, w.window_wrong)?,
            daily_limit: read::<OwnLimit>(limit, w.limit_wrong)?,
            recipient_gap: read::<OwnGap>(gap, w.gap_wrong)?,
            warmup_from: warmup
                .map(|begins| begins.then(|| Day::of(&visit.config.zone, visit.now))),
        })
    }
}

fn read<T: FromStr>(text: Option<String>, wrong: &str) -> PageResult<Option<T>> {
    text.map(|text| text.parse().map_err(|_| Told::refusal(wrong))).transpose()
}

pub(super) fn new_form(visit: &Visit<'_>) -> Answered {
    show(visit, None, Fields::default(), Told::default())
}

pub(super) fn save_new(visit: &Visit<'_>) -> Answered {
    let fields = Fields::read(&visit.form, "");
    merge::or_shown(add(visit, &fields), |told| show(visit, None, fields, told))
}

fn add(visit: &Visit<'_>, fields: &Fields) -> Answered {
    access::only_shown(visit)?;
    let there = |id: i64| reply::done(&format!("/panel/channels/{id}"), "channel_added");
    if let Some(before) = visit.made_before()? {
        return Ok(there(before.id));
    }
    let edit = fields.edit(&Fields::default(), visit)?;
    let added = visit
        .with_store(|store| channels::add(store, &fields.name, &fields.session, &edit, visit.now));
    let id = visit.told(added)?;
    visit.keep_mark(id)?;
    Ok(there(id))
}

pub(super) fn route(visit: &Visit<'_>, id: i64, rest: &[&str]) -> Answered {
    let gone = || reply::done("/panel/channels", "channel_removed");
    let Some(view) = view(visit, id)? else {
        let is_second = rest == ["remove"] && visit.is_post && visit.is_second()?;
        return if is_second { Ok(gone()) } else { reply::not_found(visit) };
    };
    let named = id.to_string();
    match (visit.is_post, rest) {
        (false, []) => {
            sessions::check(visit, &view)?;
            let found = visit.read(|tx| tx.channel(id))?;
            let Some(channel) = found else { return reply::not_found(visit) };
            show(visit, Some(&channel), Fields::of(&channel), Told::default())
        }
        (false, ["live"]) => {
            sessions::check(visit, &view)?;
            live(visit, id)
        }
        (false, ["code.png"]) => Ok(sessions::code(visit, &view)),
        (true, []) => match visit.read(|tx| tx.channel(id))? {
            Some(channel) => save(visit, &channel),
            None => reply::not_found(visit),
        },
        (true, ["start"]) => sessions::start(visit, &view),
        (true, ["remove"]) => {
            let removed = visit.with_store(|store| channels::remove(store, &named));
            let removed = visit.told(removed).and_then(|_| visit.keep_mark(id)).map(|()| gone());
            reply::or_told(visit, removed, &format!("/panel/channels/{id}"))
        }
        (true, [what @ ("pause" | "resume" | "confirm")]) => press(visit, id, what),
        _ => reply::not_found(visit),
    }
}

/// Pause, go on, and the new number; the page from which it was pressed is shown again.
fn press(visit: &Visit<'_>, id: i64, what: &str) -> Answered {
    let (now, named) = (visit.now, id.to_string());
    let one = format!("/panel/channels/{id}");
    let there = match visit.form.get("back") {
        Some("one") => one.as_str(),
        _ => attention::back(visit, "/panel/channels"),
    };
    let pressed = match what {
        "pause" => visit.press(id, (there, "channel_paused"), |store| {
            channels::pause_because(store, &named, &Reason::PausedInPanel.into(), now)
        }),
        "confirm" => visit
            .press(id, (there, "number_confirmed"), |store| channels::confirm(store, &named, now)),
        _ => visit
            .press(id, (there, "channel_resumed"), |store| channels::resume(store, &named, now)),
    };
    reply::or_told(visit, pressed, there)
}

fn live(visit: &Visit<'_>, id: i64) -> Answered {
    let Some(view) = view(visit, id)? else { return reply::not_found(visit) };
    let session = sessions::part(visit, &view);
    let channel = cards::card(visit, view);
    reply::html(200, &LivePiece { p: visit.page("channel"), channel, session })
}

fn save(visit: &Visit<'_>, channel: &Channel) -> Answered {
    let mut fields = Fields::read(&visit.form, "");
    let saved = edit(visit, channel, &mut fields);
    merge::or_shown(saved, |told| show(visit, Some(channel), fields, told))
}

/// Changes what was changed in the form; a field that somebody else changed meanwhile is asked about.
fn edit(visit: &Visit<'_>, channel: &Channel, fields: &mut Fields) -> Answered {
    let w = visit.words();
    access::only_shown(visit)?;
    let there = format!("/panel/channels/{}", channel.id);
    if visit.is_second()? {
        return Ok(reply::done(&there, "saved"));
    }
    let stored = Fields::of(channel);
    let was = Fields::read_was(&visit.form).unwrap_or_else(|| stored.clone());
    let conflicts = merge_into(fields, was, stored.clone(), w);
    if !conflicts.is_empty() {
        return Err(Told { conflicts, ..Told::problem(409, w.changed_meanwhile) }.into());
    }
    if *fields == stored {
        return Ok(reply::done(&there, "unchanged"));
    }
    let (id, now, edit) = (channel.id, visit.now, fields.edit(&stored, visit)?);
    let edited = visit.with_store(|store| {
        // Nobody else in the panel changes it between this look and the change.
        if store.read(|tx| tx.channel(id))?.as_ref().map(Fields::of) != Some(stored) {
            return Ok(false);
        }
        channels::edit(store, &id.to_string(), &edit, now).map(|_| true)
    });
    if !visit.told::<_, ChannelError>(edited)? {
        return Err(Told::problem(409, w.channel_changed_just_now).into());
    }
    visit.keep_mark(id)?;
    Ok(reply::done(&there, "saved"))
}

/// Gives what is filled in what others changed meanwhile. Returns the fields that both changed.
fn merge_into(mine: &mut Fields, mut was: Fields, mut stored: Fields, w: &Words) -> Vec<Conflict> {
    let mut conflicts = Vec::new();
    let fields = mine.values().into_iter().zip(was.values()).zip(stored.values());
    for (((mine, was), stored), label) in fields.zip(Fields::labels(w)) {
        if mine == was {
            mine.clone_from(stored);
        } else if stored != was && stored != mine {
            conflicts.push(Conflict::new(label, stored));
        }
    }
    conflicts
}

fn show(visit: &Visit<'_>, channel: Option<&Channel>, f: Fields, told: Told) -> Answered {
    let (w, config) = (visit.words(), visit.config);
    let id = channel.map(|channel| channel.id);
    let known = channel.map(|channel| known(visit, channel)).transpose()?.flatten();
    let allowance = config.allowance;
    let or_none = |number: u32, none: &str| match number {
        0 => none.to_owned(),
        number => number.to_string(),
    };
    let of_settings = Fields {
        window: match allowance.window {
            SendWindow::Always => w.all_day.to_owned(),
            hours @ SendWindow::Hours { .. } => hours.to_string(),
        },
        daily_limit: or_none(allowance.daily_limit.unwrap_or_default(), w.no_limit),
        recipient_gap: or_none(config.recipient_gap_hours, w.no_gap),
        ..Fields::default()
    };
    let page = ChannelPage {
        p: visit.page("channel"),
        heading: channel.map_or_else(|| w.new_channel.to_owned(), |one| one.name.clone()),
        action: id.map_or("/panel/channels/new".to_owned(), |id| format!("/panel/channels/{id}")),
        f,
        was: Fields::read_was(&visit.form)
            .filter(|_| told.conflicts.is_empty())
            .or(channel.map(Fields::of)),
        told,
        of_settings,
        warmup_day: channel.and_then(|one| one.warmup_from.clone()).unwrap_or_default(),
        known,
    };
    reply::html(page.told.status.unwrap_or(200), &page)
}

fn known(visit: &Visit<'_>, channel: &Channel) -> PageResult<Option<Known>> {
    let Some(view) = view(visit, channel.id)? else { return Ok(None) };
    let stays = visit.read(|tx| channels::why_it_stays(tx, channel))?;
    let session = sessions::part(visit, &view);
    Ok(Some(Known {
        id: channel.id,
        is_on_its_way: session.is_on_its_way,
        session,
        card: cards::card(visit, view),
        stays: stays.map(|why| why.text(visit.language)).unwrap_or_default(),
    }))
}
