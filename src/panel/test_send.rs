//! "To me first": what a form says, sent to a number of one's own, in the words that a recipient would get.
//! It is a message of its own and goes at the pace of its channel; the form stays as it is.

use super::compose::Fields;
use super::merge::Told;
use super::visit::Visit;
use super::{PageResult, carried, format, preview};
use crate::channels::OwnGap;
use crate::contacts::Filter;
use crate::content::KindName;
use crate::messages::{self, ComposeError, Draft, Timing};
use crate::recipient::normalize_phone;
use crate::store::{FormMark, PageFrom, TEST_METADATA};
use crate::template::Template;

/// What `do` says for it.
pub(super) const DO: &str = "test";

#[derive(Default)]
pub(super) struct TestFields {
    /// The own number; the one of the last test when none is typed.
    pub(crate) own: String,
    /// Whose words it has: a number, an id or a name; empty for the first recipient's.
    pub(crate) like: String,
}

#[derive(Debug)]
pub(super) struct Tested {
    pub(crate) id: i64,
    pub(crate) words: String,
}

impl TestFields {
    pub(super) fn of(visit: &Visit<'_>) -> PageResult<Self> {
        let typed = |name| visit.form.filled(name).map(str::to_owned);
        let own = match typed("own") {
            Some(own) => own,
            None => visit.read(|tx| tx.panel_own_number())?.unwrap_or_default(),
        };
        Ok(Self { own, like: typed("like").unwrap_or_default() })
    }
}

pub(super) fn send(visit: &Visit<'_>, fields: &Fields) -> PageResult<Tested> {
    let (w, config) = (visit.words(), visit.config);
    let TestFields { own, like } = TestFields::of(visit)?;
    if own.is_empty() {
        return Err(Told::refusal(w.needs_own_number));
    }
    let own = normalize_phone(&own, &config.country);
    let own = own.map_err(|reason| Told::refusal(reason.text(visit.language)))?;
    let own = format!("+{own}");
    if let Some(problem) = problem(visit, fields)? {
        return Err(Told::refusal(problem));
    }
    let text = words(visit, fields, &own, &like)?;
    let title = if fields.title.is_empty() { w.message } else { &fields.title };
    let draft = Draft {
        text,
        content: fields.content().map(str::to_owned),
        title: Some(w.test_title.replace("{}", title)),
        to: vec![own.clone()],
        channel: Some(fields.channel.clone()).filter(|channel| !channel.is_empty()),
        timing: Some(Timing::At(vec!["now".to_owned()])),
        metadata: Some(TEST_METADATA.to_owned()),
        recipient_gap: Some(OwnGap::of(0)), // a person waits for it
        created_by: "panel",
        ..Draft::default()
    };
    // Another mark than the form's own: the test does not use the form up. Other words are another test.
    let form = visit.digest.as_str();
    let mark = visit.mark().map(|mark| format!("{} test {form} {own} {like}", mark.mark));
    let mark = mark.as_deref().map(|mark| FormMark { mark, form });
    let added = visit.with_store(|store| messages::add(store, &draft, mark, config, visit.now));
    let is_news = added.is_ok();
    let id = match added {
        Err(ComposeError::MadeBefore(before)) => before.id,
        added => visit.told(added)?.id,
    };
    visit.write(|tx| {
        if is_news {
            tx.note_act(&super::acts::of(visit, "tested", Some(id)), visit.now)?;
        }
        tx.note_panel_test(&own, id)
    })?;
    visit.wake();
    let number = format::phone(&format!("{}@c.us", own.trim_start_matches('+')));
    Ok(Tested { id, words: w.test_sent.replace("{}", &number) })
}

/// Why the form has nothing that could be sent, in the reader's words.
fn problem(visit: &Visit<'_>, fields: &Fields) -> PageResult<Option<String>> {
    if let Some(problem) = carried::not_taken(visit) {
        return Ok(Some(problem));
    }
    let is_text = fields.read_content().name() == KindName::Text;
    let is_empty = is_text && fields.text.trim().is_empty();
    let problem = preview::content_problem(visit, fields, messages::check_content)?;
    Ok(problem.or_else(|| is_empty.then(|| visit.words().needs_text.to_owned())))
}

/// The text as one recipient gets it: the chosen one, else the first of the form, else oneself.
fn words(visit: &Visit<'_>, fields: &Fields, own: &str, like: &str) -> PageResult<String> {
    let (w, config, language) = (visit.words(), visit.config, visit.language);
    let column = match like {
        "" => fields.column(),
        like => {
            person(visit, like)?.ok_or_else(|| Told::refusal(w.nobody_like.replace("{}", like)))?
        }
    };
    for column in [column.as_str(), own] {
        let what = (&fields.read_content(), fields.text.as_str());
        let found = visit
            .read_or_refuse(|tx| messages::recipients(tx, Some(column), what, config, true))?;
        match (found.first.into_iter().next(), found.skipped.first()) {
            (Some(one), _) if Template::parse(&one.text).varies() => {
                return Err(Told::refusal(w.test_would_differ));
            }
            (Some(one), _) => return Ok(one.text),
            (None, Some(one)) => {
                return Err(Told::refusal(format!("{}: {}", one.who, one.reason.text(language))));
            }
            (None, None) => {}
        }
    }
    Err(Told::refusal(w.needs_recipients))
}

/// The column that names whom somebody means: an id and a number mean themselves, else a name is looked for.
fn person(visit: &Visit<'_>, like: &str) -> PageResult<Option<String>> {
    let is_name = like.chars().any(char::is_alphabetic);
    if !is_name {
        return Ok(Some(like.to_owned()));
    }
    let filter = Filter { search: Some(like.to_owned()), ..Filter::default() };
    let found = visit.contacts(&filter, PageFrom::Newest, 1)?;
    Ok(found.first().map(|person| person.id.to_string()))
}
