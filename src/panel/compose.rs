//! The form for a message: what a person fills in, what it would do, and the message that it becomes.
//! The rules are `messages`'s; here they are only asked.

use std::time::Duration;

use askama::Template;
use serde_json::Value;

use super::carried::{self, Carried, CarriedFields};
use super::format::Choice;
use super::merge::{self, Conflict, Told, Was};
use super::people::TagChoices;
use super::preview::{self, Preview};
use super::test_send::{self, TestFields};
use super::visit::{Page, Visit};
use super::{Answered, PageResult, access, ahead, channels, format, forms, looked, reply};
use crate::channels::OwnGap;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::content::{Content, KindName};
use crate::delivery::MessageStatus;
use crate::forecast;
use crate::http::Response;
use crate::messages::{self, ComposeError, Draft, Edit, SplitBy, Timing, WeeklyTiming};
use crate::store::{MadeBefore, Message};

/// Fields for times that a form has when nobody adds more.
const TIMES_SHOWN: usize = 1;
/// To more than so many, `now` is asked once more.
pub(super) const NOW_UNASKED_MAX: u64 = 20;
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
    pub(crate) skip_bad: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Times {
    /// `now`, `at` or `weekly`.
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
    pub(super) fn read(visit: &Visit<'_>) -> Self {
        let form = &visit.form;
        let text = |name: &str| form.get(name).unwrap_or_default().trim().to_owned();
        let all = |name: &str| {
            form.all(name)
                .map(|value| value.trim().to_owned())
                .filter(|value| !value.is_empty())
                .collect()
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
            times: Times {
                when: text("when"),
                at: all("at"),
                days: all("day"),
                time: text("time"),
                from: text("from"),
                until: text("until"),
            },
            skip_bad: form.get("skip_bad").is_some(),
        }
    }

    fn of(visit: &Visit<'_>, detail: &Message) -> Self {
        let Whom { to, tags, except, except_tags } = recipients_of(detail.contact_ids.as_deref());
        let (text, content) = carried::of_stored(&detail.message, detail.content.as_deref());
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
            times: Times::of(visit, detail),
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
            ("times", format!("{:?}", self.times)),
        ]
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
            timing: self.times.timing(),
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
    fn of(visit: &Visit<'_>, detail: &Message) -> Self {
        let zone = &visit.config.zone;
        let read = |column: &Option<String>| -> Value {
            column.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
        };
        let words = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let weekly = read(&detail.timetable.interval_config);
        if let Value::Object(weekly) = &weekly
            && let Some(days) = weekly.get("weekDays").and_then(Value::as_array)
            // The form would drop what it cannot show: every second week, say.
            && weekly.keys().all(|key| FORM_KEYS.contains(&key.as_str()))
            && weekly.get("time").and_then(Value::as_array).is_none_or(|times| times.len() < 2)
        {
            let time = weekly.get("time").cloned().unwrap_or_default();
            let time = time.get(0).map_or_else(|| words(&time), words);
            return Self {
                when: "weekly".to_owned(),
                days: days.iter().filter_map(day_code).map(str::to_owned).collect(),
                time,
                from: weekly.get("startDate").map(words).unwrap_or_default(),
                until: weekly.get("endDate").map(words).unwrap_or_default(),
                ..Self::default()
            };
        }
        let mut at: Vec<String> = read(&detail.timetable.schedules)
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|entry| Some((entry.get("date")?.as_str()?, entry.get("time")?.as_str()?)))
            .map(|(date, time)| format!("{date}T{}", time.get(..5).unwrap_or(time)))
            .collect();
        if at.is_empty() {
            at.extend(detail.scheduled_at.map(|at| format::field(at, zone)));
        }
        Self { when: "at".to_owned(), at, ..Self::default() }
    }

    /// Whether a date, a day or a time of day is filled in.
    fn is_filled(&self) -> bool {
        *self != Self { when: self.when.clone(), ..Self::default() }
    }

    /// When the message would first go out, as far as that is filled in.
    pub(super) fn begin(&self, config: &Config, now: Timestamp) -> Option<Timestamp> {
        messages::begins_at(&self.timing()?, config, now)
    }

    fn timing(&self) -> Option<Timing> {
        match self.when.as_str() {
            "now" => Some(Timing::At(vec!["now".to_owned()])),
            "at" if !self.at.is_empty() => Some(Timing::At(self.at.clone())),
            "weekly" if !self.days.is_empty() => Some(Timing::Weekly(WeeklyTiming {
                days: self.days.join(","),
                times: filled(&self.time).into_iter().collect(),
                from: filled(&self.from),
                until: filled(&self.until),
                ..WeeklyTiming::default()
            })),
            _ => None,
        }
    }
}

fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// The keys of `interval_config` that the form has fields for.
const FORM_KEYS: [&str; 4] = ["weekDays", "time", "startDate", "endDate"];

/// A day of the week as the form has it.
fn day_code(day: &Value) -> Option<&'static str> {
    match day {
        Value::Number(number) => {
            let number = usize::try_from(number.as_u64()? % 7).ok()?;
            WEEK.iter().find(|(_, known)| *known == number).map(|(code, _)| *code)
        }
        Value::String(text) => {
            let text = text.to_lowercase();
            WEEK.iter().find(|(code, _)| text.starts_with(code)).map(|(code, _)| *code)
        }
        _ => None,
    }
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
    if fields.times.when != "weekly" {
        // The times of a copy have passed, mostly. Never `now`: that goes out by one slip.
        fields.times = Times { when: "at".to_owned(), ..Times::default() };
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
    let fields = Fields::read(visit);
    let mut preview = preview::look(visit, &fields, visit.query.number("of"))?;
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
    let fields = Fields::read(visit);
    let mut attached = Attached::of(visit, &fields);
    let problem = match carried::not_taken(visit) {
        Some(problem) => Some(problem),
        None => preview::content_problem(visit, &fields)?,
    };
    attached.problem = problem.unwrap_or_default();
    reply::html(200, &AttachedPiece { attached })
}

pub(super) fn save_new(visit: &Visit<'_>) -> Answered {
    let fields = Fields::read(visit);
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
    let mut fields = Fields::read(visit);
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
        timing: if fields.times == stored.times { None } else { fields.times.timing() },
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
    } else if times.when == "now" && times.is_filled() {
        Some(w.now_and_a_date)
    } else if is_draft {
        return Ok(0);
    } else if fields.recipients().is_empty() {
        Some(w.needs_recipients)
    } else if times.timing().is_none() {
        Some(if times.when == "weekly" { w.needs_days } else { w.needs_time })
    } else if times.when == "weekly" && times.time.is_empty() {
        Some(w.needs_time_of_day)
    } else {
        None
    };
    if let Some(lacks) = lacks {
        return Err(Told::refusal(lacks));
    }
    let seen = visit.told(visit.read(|tx| looked::recipients(tx, fields, visit.config))?)?;
    if seen.count == 0 {
        return Err(Told::refusal(w.nobody_gets_it));
    }
    if !seen.skipped.is_empty() && !fields.skip_bad {
        let count = seen.skipped.len().to_string();
        return Err(Told::refusal(w.some_are_skipped.replace("{}", &count)));
    }
    Ok(seen.count)
}

fn show(visit: &Visit<'_>, edited: Option<&Message>, mut fields: Fields, told: Told) -> Answered {
    let (w, id) = (visit.words(), edited.map(|detail| detail.id));
    if fields.channel.is_empty() {
        "1".clone_into(&mut fields.channel);
    }
    let mut preview = preview::look(visit, &fields, id)?;
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
