//! The form for a message: what a person fills in, what it would do, and the message that it becomes.
//! The rules are `messages`'s; here they are only asked.

use std::time::Duration;

use askama::Template;
use serde_json::{Value, json};
use time::Date;

use super::carried::{self, Carried, CarriedFields};
use super::format::Choice;
use super::merge::{self, Conflict, Told, Was};
use super::people::TagChoices;
use super::preview::{self, Preview};
use super::test_send::{self, TestFields};
use super::visit::{Page, Refusal as _, Visit};
use super::{Answered, PageResult, access, ahead, channels, forms, looked, reply};
use crate::channels::OwnGap;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::content::{Content, KindName};
use crate::delivery::MessageStatus;
use crate::forecast;
use crate::http::Response;
use crate::messages::{
    self, Before, ComposeError, Draft, Edit, Kept, SplitBy, Timing, WeeklyTiming,
};
use crate::schedule::{self, Plain, PlainWeek, Timetable};
use crate::store::{MadeBefore, Message};

/// Fields for times that a form has when nobody adds more.
const TIMES_SHOWN: usize = 1;
/// To more than so many, `now` is asked once more.
pub(super) const NOW_UNASKED_MAX: u64 = 20;
/// What `when` says of times that stay as they are.
pub(super) const KEEP: &str = "keep";
/// For so long, a second message with the same content is asked about.
const SAME_ASKED: Duration = Duration::from_mins(10);
/// From Monday, as a week begins in Indonesia; the numbers are those of `interval_config`.
const WEEK: [(&str, usize); 7] =
    [("mon", 1), ("tue", 2), ("wed", 3), ("thu", 4), ("fri", 5), ("sat", 6), ("sun", 0)];

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    pub(crate) title: String,
    pub(crate) text: String,
    /// The column `content`; empty for a text alone.
    pub(crate) content: String,
    /// One recipient a line.
    pub(crate) to: String,
    pub(crate) tags: Vec<String>,
    /// Who gets nothing: one a line, and everybody with these tags.
    pub(crate) except: String,
    pub(crate) except_tags: Vec<String>,
    /// The id of a channel, or of several with commas in between, the first one first.
    pub(crate) channel: String,
    /// Its own hours between two messages to a person, as typed; empty for the channel's.
    pub(crate) gap: String,
    pub(crate) times: Times,
    /// The times that the choice [`KEEP`] leaves as they are: those of the message that is changed, or that
    /// is copied, when the form cannot show them.
    pub(crate) kept: Option<Kept>,
    pub(crate) skip_bad: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Times {
    /// `now`, `at`, `weekly` or [`KEEP`].
    pub(crate) when: String,
    pub(crate) at: Vec<String>,
    pub(crate) days: Vec<String>,
    pub(crate) time: String,
    pub(crate) from: String,
    pub(crate) until: String,
}

#[derive(Template)]
#[template(path = "compose.html")]
struct ComposePage<'a> {
    p: Page<'a>,
    heading: &'a str,
    action: String,
    preview_path: String,
    back: String,
    told: Told,
    /// What the fields were when the form was made; empty for a new message.
    was: String,
    f: Fields,
    channels: Vec<Choice>,
    /// The others that may share it.
    also: Vec<Choice>,
    tags: TagChoices,
    days: Vec<Choice>,
    /// The times that may stay as they are, in words; empty when the form can show them.
    kept_words: String,
    /// The same for the form of a copy, which has no message of its own to keep them.
    kept_columns: String,
    placeholders: Vec<String>,
    is_new: bool,
    preview: Preview,
    attached: Attached,
    carries: CarriedFields,
    test: TestFields,
}

struct Attached {
    content: String,
    seen: Carried,
    kinds: Vec<Choice>,
    problem: String,
}

#[derive(Template)]
#[template(path = "attached.html")]
struct AttachedPiece {
    attached: Attached,
}

#[derive(Template)]
#[template(path = "preview.html")]
struct PreviewPiece<'a> {
    p: Page<'a>,
    preview: Preview,
}

impl Fields {
    /// What was typed; `of` is the message that the form changes.
    pub(super) fn read(visit: &Visit<'_>, of: Option<&Message>) -> Self {
        let form = &visit.form;
        let text = |name: &str| form.get(name).unwrap_or_default().trim().to_owned();
        let all = |name: &str| {
            form.all(name)
                .map(|value| value.trim().to_owned())
                .filter(|value| !value.is_empty())
                .collect()
        };
        let mut times = Times {
            when: text("when"),
            at: all("at"),
            days: all("day"),
            time: text("time"),
            from: text("from"),
            until: text("until"),
        };
        let kept = match of.map(|detail| times_of(visit, detail)) {
            Some((shown, None)) if times.when == KEEP => {
                // Somebody else gave it times that the form can show.
                times = shown;
                None
            }
            Some((_, kept)) => kept,
            None => kept_of(form.get("kept")),
        };
        Self {
            title: text("title"),
            // Browsers end lines with CR LF; the phone shows LF.
            text: form.get("text").unwrap_or_default().replace("\r\n", "\n").trim_end().to_owned(),
            content: carried::column_of(form, visit.taken.as_ref()),
            to: text("to").replace("\r\n", "\n"),
            tags: all("tag"),
            except: text("except").replace("\r\n", "\n"),
            except_tags: all("except_tag"),
            channel: channels::listed(form.all("channel").chain(form.all("also"))),
            gap: text("gap"),
            times,
            kept,
            skip_bad: form.get("skip_bad").is_some(),
        }
    }

    fn of(visit: &Visit<'_>, detail: &Message) -> Self {
        let Whom { to, tags, except, except_tags } = recipients_of(detail.contact_ids.as_deref());
        let (text, content) = carried::of_stored(&detail.message, detail.content.as_deref());
        let (times, kept) = times_of(visit, detail);
        Self {
            title: detail.title.clone().unwrap_or_default().trim().to_owned(),
            text: text.replace("\r\n", "\n").trim_end().to_owned(),
            content,
            to: to.join("\n"),
            tags,
            except: except.join("\n"),
            except_tags,
            channel: detail.channels().iter().map(i64::to_string).collect::<Vec<_>>().join(","),
            gap: detail.recipient_gap_hours.map(|hours| hours.to_string()).unwrap_or_default(),
            times,
            kept,
            skip_bad: false,
        }
    }

    /// The column `content`; none for a text alone.
    pub(super) fn content(&self) -> Option<&str> {
        Some(self.content.as_str()).filter(|column| !column.is_empty())
    }

    /// One that cannot be read is found when the message is made.
    pub(super) fn read_content(&self) -> Content {
        Content::read(self.content()).unwrap_or_default()
    }

    /// The parts of a message that two people may change without touching each other's.
    fn parts(&self) -> [(&'static str, String); 7] {
        [
            ("title", self.title.clone()),
            ("text", self.text.clone()),
            ("content", self.content.clone()),
            ("to", self.recipients().join("\n")),
            ("channel", self.channel.clone()),
            ("gap", self.gap.clone()),
            ("times", format!("{:?}{:?}", self.times, self.rule_kept())),
        ]
    }

    /// The columns that stay as they are; without a rule in them, the one time. The next time of a rule moves
    /// on by itself, which is no change that anybody made.
    fn rule_kept(&self) -> Option<Kept> {
        let kept = self.kept.clone().filter(|_| self.times.when == KEEP)?;
        let at = kept.at.filter(|_| kept.schedules.is_none() && kept.interval_config.is_none());
        Some(Kept { at, ..kept })
    }

    /// When the message would first go out, as far as that is filled in; `of` is the one that it changes.
    pub(super) fn begin(
        &self,
        of: Option<&Message>,
        config: &Config,
        now: Timestamp,
    ) -> Option<Timestamp> {
        messages::begins_at(&self.timing()?, Before::of(of, config, now), config, now)
    }

    /// Why it could not go out at the times that are filled in; those of the message that the form changes stay
    /// as they are.
    pub(super) fn why_no_time(
        &self,
        visit: &Visit<'_>,
        of: Option<&Message>,
    ) -> PageResult<Option<String>> {
        let lacks_time = self.times.when == "weekly" && self.times.time.is_empty();
        if lacks_time || of.is_some_and(|of| Self::of(visit, of).times == self.times) {
            return Ok(None);
        }
        if self.times.ends_before_it_begins() {
            return Ok(Some(visit.words().until_before_from.to_owned()));
        }
        let (config, now) = (visit.config, visit.now);
        let before = Before::of(of, config, now);
        let refused = self.timing().and_then(|it| messages::why_no_time(&it, before, config, now));
        refused.map(|why| why.in_language(visit.language)).transpose()
    }

    fn timing(&self) -> Option<Timing> {
        let Times { when, at, days, time, from, until } = &self.times;
        match when.as_str() {
            "now" => Some(Timing::At(vec!["now".to_owned()])),
            "at" if !at.is_empty() => Some(Timing::At(at.clone())),
            "weekly" if !days.is_empty() => Some(Timing::Weekly(WeeklyTiming {
                days: days.join(","),
                times: filled(time).into_iter().collect(),
                from: filled(from),
                until: filled(until),
                ..WeeklyTiming::default()
            })),
            KEEP => self.kept.clone().map(Timing::Kept),
            _ => None,
        }
    }

    fn take(&mut self, part: &str, other: &Self) {
        match part {
            "title" => self.title.clone_from(&other.title),
            "text" => self.text.clone_from(&other.text),
            "content" => self.content.clone_from(&other.content),
            "to" => {
                self.to.clone_from(&other.to);
                self.tags.clone_from(&other.tags);
                self.except.clone_from(&other.except);
                self.except_tags.clone_from(&other.except_tags);
            }
            "channel" => self.channel.clone_from(&other.channel),
            "gap" => self.gap.clone_from(&other.gap),
            _ => self.times.clone_from(&other.times),
        }
    }

    /// Its own gap; `None` when what was typed is none.
    fn own_gap(&self) -> Option<OwnGap> {
        if self.gap.is_empty() { Some(OwnGap(None)) } else { self.gap.parse().ok() }
    }

    /// The recipients as the column would have them. What the form could not take apart is the column.
    pub(super) fn column(&self) -> String {
        let is_all = self.tags.is_empty() && self.except.is_empty() && self.except_tags.is_empty();
        if is_all && self.to.starts_with(['[', '{']) {
            return self.to.clone();
        }
        Value::from(self.recipients()).to_string()
    }

    pub(super) fn draft(&self, is_draft: bool) -> Draft {
        Draft {
            text: self.text.clone(),
            content: self.content().map(str::to_owned),
            title: filled(&self.title),
            to: self.recipients(),
            channel: filled(&self.channel),
            recipient_gap: self.own_gap(),
            timing: self.timing(),
            is_draft,
            skip_bad: true,
            created_by: "panel",
            ..Draft::default()
        }
    }

    pub(super) fn recipients(&self) -> Vec<String> {
        let each = |text: &str| -> Vec<String> {
            let parts = text.split(['\n', ',', ';']).map(str::trim);
            parts.filter(|who| !who.is_empty()).map(str::to_owned).collect()
        };
        let tags = |tags: &[String]| -> Vec<String> {
            tags.iter().map(|tag| format!("tag:{tag}")).collect()
        };
        let except = [each(&self.except), tags(&self.except_tags)].concat();
        let except = except.iter().map(|who| format!("{EXCEPT}{who}"));
        [each(&self.to), tags(&self.tags)].concat().into_iter().chain(except).collect()
    }
}

impl Times {
    fn when(when: &str) -> Self {
        Self { when: when.to_owned(), ..Self::default() }
    }

    fn ends_before_it_begins(&self) -> bool {
        // As browsers send dates, their order is that of the texts.
        self.when == "weekly" && !self.until.is_empty() && self.until < self.from
    }

    /// Whether a date, a day or a time of day is filled in.
    fn is_filled(&self) -> bool {
        *self != Self::when(&self.when)
    }
}

/// The times of a message as the form shows them. What its fields cannot show, or would write otherwise than it
/// is stored, is a choice of its own: a form that is saved for another reason must not change it.
fn times_of(visit: &Visit<'_>, detail: &Message) -> (Times, Option<Kept>) {
    let Timetable { schedules, interval_config, .. } = &detail.timetable;
    let zone = &visit.config.zone;
    let shown = match schedule::plain(schedules.as_deref(), interval_config.as_deref()) {
        Some(Plain::Nothing) => {
            let local = detail.scheduled_at.map(|at| (at, zone.to_local(at)));
            // The second of two equal hours at the end of summer time has no field.
            let is_shown = local.is_none_or(|(at, local)| zone.to_utc(local) == at);
            is_shown.then(|| local.iter().map(|(_, local)| *local).collect())
        }
        Some(Plain::List(listed)) => Some(listed),
        Some(Plain::Week(week)) => return (weekly(&week), None),
        None => None,
    };
    if let Some(shown) = shown {
        let at =
            shown.iter().map(|local| format!("{}T{}", local.date(), schedule::clock(local.time())));
        return (Times { at: at.collect(), ..Times::when("at") }, None);
    }
    let (schedules, interval_config) = (schedules.clone(), interval_config.clone());
    (Times::when(KEEP), Some(Kept { at: detail.scheduled_at, schedules, interval_config }))
}

fn weekly(week: &PlainWeek) -> Times {
    let date = |date: Option<Date>| date.map(|date| date.to_string()).unwrap_or_default();
    let days = WEEK.iter().filter(|(_, number)| week.days[*number]);
    Times {
        days: days.map(|(code, _)| (*code).to_owned()).collect(),
        time: schedule::clock(week.time),
        from: date(week.from),
        until: date(week.until),
        ..Times::when("weekly")
    }
}

/// The columns that the form of a copy carries.
fn kept_of(carried: Option<&str>) -> Option<Kept> {
    let (schedules, interval_config) = serde_json::from_str(carried?).ok()?;
    Some(Kept { at: None, schedules, interval_config })
}

fn kept_words(visit: &Visit<'_>, kept: &Kept) -> String {
    let (listed, rule) = (kept.schedules.as_deref(), kept.interval_config.as_deref());
    let words = visit.times(listed, rule);
    match kept.at {
        Some(at) if words.is_empty() => visit.moment(at),
        _ => words,
    }
}

fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Before an entry that gets nothing.
const EXCEPT: &str = "except:";

#[derive(Default)]
struct Whom {
    to: Vec<String>,
    tags: Vec<String>,
    except: Vec<String>,
    except_tags: Vec<String>,
}

/// The column taken apart; what is no list of texts and numbers stays as it is.
fn recipients_of(column: Option<&str>) -> Whom {
    let column = column.unwrap_or_default();
    let Ok(Value::Array(entries)) = serde_json::from_str(column) else {
        return Whom { to: vec![column.to_owned()], ..Whom::default() };
    };
    let mut whom = Whom::default();
    for entry in &entries {
        match entry {
            Value::String(text) => {
                let (is_out, who) =
                    text.strip_prefix(EXCEPT).map_or((false, text.as_str()), |who| (true, who));
                let (list, who) = match (is_out, who.strip_prefix("tag:")) {
                    (false, Some(tag)) => (&mut whom.tags, tag),
                    (false, None) => (&mut whom.to, who),
                    (true, Some(tag)) => (&mut whom.except_tags, tag),
                    (true, None) => (&mut whom.except, who),
                };
                list.push(who.to_owned());
            }
            Value::Number(number) => whom.to.push(number.to_string()),
            _ => return Whom { to: vec![column.to_owned()], ..Whom::default() },
        }
    }
    whom
}

/// The form for a new message, empty or with what another one holds.
pub(super) fn new_form(visit: &Visit<'_>) -> Answered {
    let copied = visit.query.number("copy").map(|id| visit.read(|tx| tx.message(id)));
    let copied = copied.transpose()?.flatten();
    let mut fields = copied.map(|detail| Fields::of(visit, &detail)).unwrap_or_default();
    let has_rule = |kept: &Kept| schedule::has_schedule(None, kept.interval_config.as_deref());
    fields.kept = fields.kept.filter(has_rule).map(|kept| Kept { at: None, ..kept });
    if fields.times.when != "weekly" && fields.kept.is_none() {
        // The times of a copy have passed, mostly. Never `now`: that goes out by one slip.
        fields.times = Times::when("at");
    }
    fields.tags.extend(visit.query.filled("tag").map(str::to_owned));
    if let Some(contact) = visit.query.filled("to") {
        fields.to = contact.replace(',', "\n");
    }
    show(visit, None, fields, Told::default())
}

pub(super) fn edit_form(visit: &Visit<'_>, detail: &Message) -> Answered {
    show(visit, Some(detail), Fields::of(visit, detail), Told::default())
}

/// What a form would do: for the script while somebody types.
pub(super) fn preview(visit: &Visit<'_>) -> Answered {
    let of = visit.query.number("of");
    let changed = of.map(|id| visit.read(|tx| tx.message(id))).transpose()?.flatten();
    let fields = Fields::read(visit, changed.as_ref());
    // WAHA is asked when a page is opened, a file chosen or a form sent, not at each key that is pressed.
    let mut preview =
        preview::look(visit, &fields, changed.as_ref(), messages::content_as_believed)?;
    preview.notes.extend(fields.why_no_time(visit, changed.as_ref())?);
    say_yes(visit, &fields, asked_of(visit), &mut preview);
    reply::html(200, &PreviewPiece { p: visit.page("messages"), preview })
}

impl Attached {
    fn of(visit: &Visit<'_>, fields: &Fields) -> Self {
        Self {
            content: fields.content.clone(),
            seen: Carried::of(visit, fields.content()),
            kinds: carried::kinds(&fields.content, visit.words()),
            problem: String::new(),
        }
    }
}

/// Takes a file in as soon as it is chosen, and says what is wrong with it: for the script.
pub(super) fn attach(visit: &Visit<'_>) -> Answered {
    let fields = Fields::read(visit, None);
    let mut attached = Attached::of(visit, &fields);
    let problem = match carried::not_taken(visit) {
        Some(problem) => Some(problem),
        None => preview::content_problem(visit, &fields, messages::check_content)?,
    };
    attached.problem = problem.unwrap_or_default();
    reply::html(200, &AttachedPiece { attached })
}

pub(super) fn save_new(visit: &Visit<'_>) -> Answered {
    let fields = Fields::read(visit, None);
    merge::or_shown(add(visit, &fields), |told| show(visit, None, fields, told))
}

fn add(visit: &Visit<'_>, fields: &Fields) -> Answered {
    only_shown(visit, fields)?;
    if let Some(before) = visit.made_before()? {
        return made_before(visit, &before);
    }
    let is_draft = visit.form.get("do") == Some("draft");
    let count = check(visit, fields, is_draft)?;
    ask_about_now(visit, fields, count, is_draft)?;
    ask_about_same(visit)?;
    let draft = fields.draft(is_draft);
    let (config, mark, now) = (visit.config, visit.mark(), visit.now);
    // Its id, and whether some of it is due.
    let added = visit.with_store(|store| {
        if let Some(by) = split_of(visit) {
            return forecast::add_split(store, (&draft, mark), by, config, now)
                .map(|id| (id, true));
        }
        let made = messages::add(store, &draft, mark, config, now)?;
        Ok((made.id, !is_draft && made.begins_at.is_some_and(|at| at <= now)))
    });
    if let Err(ComposeError::MadeBefore(before)) = &added {
        return made_before(visit, before);
    }
    let (id, is_due) = visit.told(added)?;
    if is_due {
        visit.wake();
    }
    Ok(made(visit, id))
}

/// What leaves the form as it is: a look at it, and a test.
fn only_shown(visit: &Visit<'_>, fields: &Fields) -> PageResult<()> {
    let told = match visit.form.get("do") {
        Some(access::KEPT) => Told::problem(200, visit.words().still_here),
        Some("preview") => Told::problem(200, carried::not_taken(visit).unwrap_or_default()),
        Some(test_send::DO) => {
            Told { tested: Some(test_send::send(visit, fields)?), ..Told::default() }
        }
        Some(_) | None => return Ok(()),
    };
    Err(told.into())
}

/// On to the message that a form made.
fn made(visit: &Visit<'_>, id: i64) -> Response {
    let code = match visit.form.get("do") {
        Some("draft") => "drafted",
        _ if split_of(visit).is_some() => "split",
        _ => "scheduled",
    };
    reply::done(&format!("/panel/messages/{id}"), code)
}

/// How the pressed button splits the message; `None` for every other button.
fn split_of(visit: &Visit<'_>) -> Option<SplitBy> {
    ahead::split_by(visit.form.get("do")?.strip_prefix("split-")?)
}

/// What the pressed button says, for the question that comes before it is done.
fn pressed(visit: &Visit<'_>) -> String {
    let is_asked = |does: &&str| *does == "draft" || does.starts_with("split-");
    visit.form.get("do").filter(is_asked).unwrap_or("save").to_owned()
}

/// A form that made a message already: it leads there, unless something else is filled in now.
fn made_before(visit: &Visit<'_>, before: &MadeBefore) -> Answered {
    if visit.is_same_as(before) {
        return Ok(made(visit, before.id));
    }
    Err(Told { about: Some(before.id), ..Told::problem(409, visit.words().form_used) }.into())
}

/// Before a message goes out at once to many.
fn ask_about_now(visit: &Visit<'_>, fields: &Fields, count: u64, is_draft: bool) -> PageResult<()> {
    let is_sure = asked_of(visit).is_some_and(|asked| count <= asked);
    if is_draft || fields.times.when != "now" || count <= NOW_UNASKED_MAX || is_sure {
        return Ok(());
    }
    let problem = visit.words().ask_now.replace("{}", &visit.number(count));
    Err(Told { sure: Some(count), asks: pressed(visit), ..Told::problem(200, problem) }.into())
}

/// The number of recipients that a person was asked about.
fn asked_of(visit: &Visit<'_>) -> Option<u64> {
    visit.form.number("sure").and_then(|count| u64::try_from(count).ok())
}

/// The button's words are the answer to what was asked.
fn say_yes(visit: &Visit<'_>, fields: &Fields, asked: Option<u64>, preview: &mut Preview) {
    if fields.times.when == "now" && asked.is_some_and(|asked| preview.looked.count <= asked) {
        preview.does = visit.words().yes.replace("{}", &preview.does);
    }
}

/// Before a second message with the same content: the browser's way back has the form filled in.
fn ask_about_same(visit: &Visit<'_>) -> PageResult<()> {
    if visit.form.get("again").is_some() {
        return Ok(());
    }
    let Some(id) = visit.made_by_same_form(visit.now.minus(SAME_ASKED))? else { return Ok(()) };
    Err(Told {
        about: Some(id),
        // What was asked before needs no second answer.
        sure: asked_of(visit),
        again: true,
        asks: pressed(visit),
        ..Told::problem(200, visit.words().ask_again)
    }
    .into())
}

pub(super) fn save_edit(visit: &Visit<'_>, detail: &Message) -> Answered {
    let mut fields = Fields::read(visit, Some(detail));
    let saved = save(visit, detail, &mut fields);
    merge::or_shown(saved, |told| show(visit, Some(detail), fields, told))
}

/// Changes what was changed in the form, which gets what others changed meanwhile.
fn save(visit: &Visit<'_>, detail: &Message, fields: &mut Fields) -> Answered {
    only_shown(visit, fields)?;
    let (id, there) = (detail.id, format!("/panel/messages/{}", detail.id));
    if visit.is_second()? {
        return Ok(reply::done(&there, "saved"));
    }
    let stored = Fields::of(visit, detail);
    let conflicts = merge_into(visit, fields, &stored);
    if !conflicts.is_empty() {
        let conflicts = conflicts.into_iter().map(|part| conflict(visit, part, &stored)).collect();
        let told = Told::problem(409, visit.words().changed_meanwhile);
        return Err(Told { conflicts, ..told }.into());
    }
    let is_draft = detail.status == MessageStatus::Draft;
    let count = check(visit, fields, is_draft)?;
    ask_about_now(visit, fields, count, is_draft)?;
    // Only what was changed: the rest may be more than the form can show.
    let says_else = fields.text != stored.text || fields.content != stored.content;
    let edit = Edit {
        // Both: the form has the words of the one in the other.
        text: says_else.then(|| fields.text.clone()),
        content: says_else.then(|| fields.content.clone()),
        title: (fields.title != stored.title).then(|| fields.title.clone()),
        to: (fields.recipients() != stored.recipients()).then(|| fields.recipients()),
        channel: (fields.channel != stored.channel).then(|| fields.channel.clone()),
        recipient_gap: fields.own_gap().filter(|_| fields.gap != stored.gap),
        timing: if fields.times == stored.times { None } else { fields.timing() },
        skip_bad: true,
        ..Edit::default()
    };
    if edit == (Edit { skip_bad: true, ..Edit::default() }) {
        return Ok(reply::done(&there, "unchanged"));
    }
    let edit = Edit { seen: Some(messages::stamp(detail)), ..edit };
    let edited =
        visit.with_store(|store| messages::edit(store, id, &edit, visit.config, visit.now));
    if let Err(ComposeError::Changed(_)) = edited {
        return Err(Told::problem(409, visit.words().changed_just_now).into());
    }
    let edited = visit.told(edited)?;
    visit.keep_mark(id)?;
    visit.wake();
    let is_done_today = edited.today.is_some_and(|today| today.could_again);
    Ok(reply::done(&there, if is_done_today { "saved_for_later" } else { "saved" }))
}

/// Gives what is filled in what others changed meanwhile. Returns the parts that both changed.
fn merge_into(visit: &Visit<'_>, fields: &mut Fields, stored: &Fields) -> Vec<&'static str> {
    let was = Was::read(visit.form.get("was"));
    let mut conflicts = Vec::new();
    for ((part, typed), (_, kept)) in fields.parts().into_iter().zip(stored.parts()) {
        match was.whose(part, &typed, &kept) {
            merge::Whose::Mine => {}
            merge::Whose::Theirs => fields.take(part, stored),
            merge::Whose::Both => conflicts.push(part),
        }
    }
    conflicts
}

fn conflict(visit: &Visit<'_>, part: &str, stored: &Fields) -> Conflict {
    let (w, times) = (visit.words(), &stored.times);
    let (label, theirs) = match part {
        "title" => (w.title, stored.title.clone()),
        "text" => (w.text, stored.text.clone()),
        "content" => (w.carries, Carried::of(visit, stored.content()).in_a_line()),
        "to" => (w.to, stored.recipients().join("\n")),
        "channel" => (w.channel, stored.channel.clone()),
        "gap" => (w.recipient_gap, stored.gap.clone()),
        _ if let Some(kept) = &stored.kept => (w.when, kept_words(visit, kept)),
        _ if times.when == "weekly" => {
            let (names, _) = visit.language.calendar();
            let days = WEEK.iter().filter(|(code, _)| times.days.iter().any(|day| day == code));
            let days: Vec<&str> = days.map(|(_, number)| names[*number]).collect();
            (w.when, format!("{} {}", days.join(", "), times.time))
        }
        _ => (w.when, times.at.join("\n").replace('T', " ")),
    };
    Conflict::new(label, &theirs)
}

/// The words of the chosen way of timing, when it goes without a date, a day or a time of day.
fn choice_without_fields(visit: &Visit<'_>, times: &Times) -> Option<&'static str> {
    match times.when.as_str() {
        "now" => Some(visit.words().when_now),
        KEEP if visit.form.get("kept").is_some() => Some(visit.words().when_copied),
        KEEP => Some(visit.words().when_kept),
        _ => None,
    }
}

/// To how many the form would send, or what it lacks, in words for a form.
fn check(visit: &Visit<'_>, fields: &Fields, is_draft: bool) -> PageResult<u64> {
    let (w, times) = (visit.words(), &fields.times);
    if let Some(problem) = carried::not_taken(visit) {
        return Err(Told::refusal(problem));
    }
    let is_text = fields.read_content().name() == KindName::Text;
    let lacks = if let Some(lacks) = carried::lacks(&fields.content, w) {
        Some(lacks)
    } else if fields.text.trim().is_empty() && is_text {
        Some(w.needs_text)
    } else if fields.own_gap().is_none() {
        Some(w.gap_wrong)
    } else if let Some(choice) = choice_without_fields(visit, times).filter(|_| times.is_filled()) {
        return Err(Told::refusal(w.choice_and_a_date.replace("{}", choice)));
    } else if is_draft {
        return Ok(0);
    } else if fields.recipients().is_empty() {
        Some(w.needs_recipients)
    } else if fields.timing().is_none() {
        Some(if times.when == "weekly" { w.needs_days } else { w.needs_time })
    } else if times.when == "weekly" && times.time.is_empty() {
        Some(w.needs_time_of_day)
    } else if times.ends_before_it_begins() {
        Some(w.until_before_from)
    } else {
        None
    };
    if let Some(lacks) = lacks {
        return Err(Told::refusal(lacks));
    }
    let seen = visit.read_or_refuse(|tx| looked::recipients(tx, fields, visit.config))?;
    if seen.count == 0 {
        return Err(Told::refusal(w.nobody_gets_it));
    }
    if !seen.skipped.is_empty() && !fields.skip_bad {
        let told = visit.counted(w.some_are_skipped, seen.skipped.len() as u64);
        return Err(Told::refusal(told));
    }
    Ok(seen.count)
}

fn show(visit: &Visit<'_>, edited: Option<&Message>, mut fields: Fields, told: Told) -> Answered {
    let (w, id) = (visit.words(), edited.map(|detail| detail.id));
    if fields.channel.is_empty() {
        "1".clone_into(&mut fields.channel);
    }
    let mut preview = preview::look(visit, &fields, edited, messages::check_content)?;
    preview.notes.extend(fields.why_no_time(visit, edited)?);
    preview.notes.retain(|note| *note != told.problem);
    say_yes(visit, &fields, told.sure, &mut preview);
    let was = match visit.form.get("was").filter(|_| told.conflicts.is_empty()) {
        // A look changes nothing of what the form was made from.
        Some(was) => Some(was.to_owned()),
        None => edited.map(|detail| Was::of(&Fields::of(visit, detail).parts())),
    };
    let attributes = visit.read(|tx| tx.some_attributes())?;
    let tags = TagChoices::of(visit, &fields)?;
    while fields.times.at.len() < TIMES_SHOWN {
        fields.times.at.push(String::new());
    }
    let (names, _) = visit.language.calendar();
    let (channel_choices, also) = channels::choices(visit, &fields.channel)?;
    let of = id.map(|id| id.to_string()).unwrap_or_default();
    let there = |of_new: &str, of_known: &str| match id {
        Some(id) => format!("/panel/messages/{id}{of_known}"),
        None => format!("/panel/messages{of_new}"),
    };
    let kept = fields.kept.as_ref();
    let columns = |kept: &Kept| json!([kept.schedules, kept.interval_config]).to_string();
    let page = ComposePage {
        p: visit.page("messages"),
        heading: if id.is_some() { w.edit_message } else { w.new_message },
        action: there("/new", "/edit"),
        back: there("", ""),
        told,
        was: was.unwrap_or_default(),
        channels: channel_choices,
        also,
        preview_path: format!("/panel/messages/preview{}", forms::to_query(&[("of", &of)])),
        tags,
        days: WEEK
            .iter()
            .map(|(code, number)| {
                let is_chosen = fields.times.days.iter().any(|day| day == code);
                Choice::new(names[*number], is_chosen, *code)
            })
            .collect(),
        kept_words: kept.map(|kept| kept_words(visit, kept)).unwrap_or_default(),
        kept_columns: kept.filter(|_| id.is_none()).map(columns).unwrap_or_default(),
        placeholders: std::iter::once("name|Kak".to_owned()).chain(attributes).collect(),
        attached: Attached::of(visit, &fields),
        carries: CarriedFields::of(&fields.content),
        test: TestFields::of(visit)?,
        f: fields,
        is_new: id.is_none(),
        preview,
    };
    reply::html(page.told.status.unwrap_or(200), &page)
}
