//! What would fail when its time comes, found now. Writes nothing but what WAHA says that it is.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::{ComposeError, ComposeResult, Warned};
use crate::channels::{self, Off};
use crate::clock::Timestamp;
use crate::config::{Config, SendOrder};
use crate::contacts::tags;
use crate::content::{Content, KindName};
use crate::files::Files;
use crate::language::Language;
use crate::reason::{Explanation, Reason};
use crate::recipient::{self, Entry};
use crate::recipients;
use crate::store::{Channel, Held, Message, SqlResult, Stop, Store, Tx};
use crate::template::{self, TEXT_UNITS_MAX, Template};
use crate::waha::Waha;

/// A WAHA that was CORE may have become Plus since.
const TIER_BELIEVED_FOR: Duration = Duration::from_hours(1);
/// How long a WAHA is waited for that says what it is.
const TIER_TIMEOUT: Duration = Duration::from_secs(3);
/// WAHA did not say what it is: it is not waited for again before so long, or what holds the database would add up.
const NO_TIER_BELIEVED_FOR: Duration = Duration::from_secs(10);
/// How many recipients that cannot get it a refusal names.
const NAMED_MAX: usize = 5;
/// How many of those that will get it are kept with their words.
pub(crate) const FIRST_MAX: usize = 20;

/// What a check inside a transaction comes to.
type Checking<T> = Result<T, Stop<ComposeError>>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// A name, a number, or what was written.
    pub who: String,
    /// The chat, or what was written.
    pub(crate) to: String,
    pub(crate) reason: Explanation,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reached {
    pub(crate) to: String,
    pub(crate) name: Option<String>,
    pub(crate) text: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checked {
    pub(crate) count: u64,
    pub(crate) first: Vec<Reached>,
    pub(crate) skipped: Vec<Skipped>,
    pub(crate) warnings: Vec<Warned>,
}

/// A channel that can send, or several.
pub(super) struct Found {
    pub(super) ids: Vec<i64>,
    pub(super) name: String,
    pub(super) warnings: Vec<Warned>,
}

impl Found {
    pub(super) fn set(&self, message: &mut Message) {
        message.channel_id = self.ids.first().copied().unwrap_or(channels::DEFAULT_CHANNEL);
        message.channel_ids = (self.ids.len() > 1).then(|| serde_json::json!(self.ids).to_string());
    }
}

/// Reads the content of a message, and looks at its file. A WAHA that was CORE is asked again: the owner may have
/// done what the reason says.
pub(crate) fn content(
    store: &mut Store,
    column: Option<&str>,
    config: &Config,
    now: Timestamp,
) -> ComposeResult<Content> {
    let believed = content_as_believed(store, column, config, now);
    let is_core =
        matches!(&believed, Err(ComposeError::Field { why, .. }) if *why == Reason::MediaOnlyPlus);
    // Nothing is open across the network.
    if !is_core
        || store.is_together()
        || store.read(|tx| tx.had_no_tier_since(now.minus(NO_TIER_BELIEVED_FOR)))?
    {
        return believed;
    }
    ask_tier(store, config, now)?;
    content_as_believed(store, column, config, now)
}

/// The same for whoever looks at each key that is pressed: WAHA is believed to be what it last said.
pub(crate) fn content_as_believed(
    store: &mut Store,
    column: Option<&str>,
    config: &Config,
    now: Timestamp,
) -> ComposeResult<Content> {
    let unfit = |reason| ComposeError::refused(reason).of("content");
    let content = Content::read(column).map_err(unfit)?;
    content.check(&config.country).map_err(unfit)?;
    if !content.needs_plus() {
        return Ok(content);
    }
    let files = Files::beside(store.path());
    files.check(&content, config.media_max_mb, false).map_err(unfit)?;
    let is_core = store.read(|tx| tx.is_core_since(now.minus(TIER_BELIEVED_FOR)))?;
    if is_core { Err(unfit(Reason::MediaOnlyPlus)) } else { Ok(content) }
}

/// Asks WAHA whether it is Plus, so that a file that it would refuse is refused now. One that does not
/// answer is believed to be what it was.
pub(crate) fn ask_tier(store: &mut Store, config: &Config, now: Timestamp) -> ComposeResult<()> {
    let Some(Ok(waha)) = config.waha_base_url.as_ref().map(|url| Waha::of(config, url)) else {
        return Ok(());
    };
    match waha.brief(TIER_TIMEOUT).server() {
        Ok(server) if !server.tier.is_empty() => {
            store.write(|tx| tx.note_tier(server.is_plus(), now))?;
        }
        Ok(_) | Err(_) => store.write(|tx| tx.note_no_tier(now))?,
    }
    Ok(())
}

/// Refuses a text that nobody could get or that has half a placeholder; warns of what may be one.
pub(super) fn text(content: &Content, text: &str) -> ComposeResult<Vec<Warned>> {
    let words = match content.words(text) {
        Err(Reason::NoText) => "", // see below: here is a remedy for whoever types it
        words => words.map_err(|reason| ComposeError::refused(reason).of("text"))?,
    };
    why_no_text(words, content.name() != KindName::Text).map_err(|error| error.of("text"))
}

/// Why a text could not be sent as it is written; one that is blank may still be typed.
pub(crate) fn text_problem(text: &str) -> Option<ComposeError> {
    why_no_text(text, true).err()
}

fn why_no_text(text: &str, may_be_blank: bool) -> ComposeResult<Vec<Warned>> {
    if text.trim().is_empty() && !may_be_blank {
        return Err(refused!("it has no text: give one" / "isinya belum ada: tulis dulu"));
    }
    if text.contains('\0') {
        return Err(ComposeError::refused(Reason::NulInText));
    }
    let units = template::text_units(text);
    if units > TEXT_UNITS_MAX {
        return Err(refused!(
            "the text has {units} characters, more than the {TEXT_UNITS_MAX} that WhatsApp takes: shorten it"
                / "isi pesan {units} karakter, lebih dari {TEXT_UNITS_MAX} yang diterima WhatsApp: pendekkan"
        ));
    }
    let template = Template::parse(text);
    if let Some(two) = template
        .placeholders()
        .find(|one| one.fallback.as_deref().is_some_and(|fallback| fallback.contains('|')))
    {
        return Err(refused!(
            "the placeholder {{{{{}|…}}}} has two fallbacks: give it one"
                / "tanda {{{{{}|…}}}} punya dua kata pengganti: pakai satu saja",
            two.name
        ));
    }
    if let Some(foreign) = template.foreign() {
        let reason = Reason::ForeignPlaceholder { placeholder: foreign.to_owned() };
        let [english, indonesian] =
            [Language::English, Language::Indonesian].map(|language| reason.text(language));
        return Err(ComposeError::refused(Explanation::Said { english, indonesian }));
    }
    let (wrong, odd): (Vec<String>, Vec<String>) = template
        .oddities()
        .into_iter()
        .partition(|oddity| oddity.contains("{{") || oddity.contains("}}"));
    if let Some(wrong) = wrong.first() {
        return Err(refused!(
            "`{wrong}` would go out as it is written: a placeholder is {{{{name}}}} or {{{{name|fallback}}}}, on one line"
                / "`{wrong}` akan terkirim apa adanya: tulis tandanya {{{{name}}}} atau {{{{name|Kak}}}}, dalam satu baris"
        ));
    }
    let odd = odd.into_iter().map(|odd| {
        let meant = template::meant_by(&odd);
        let is_choice = odd.contains('|');
        let what =
            if is_choice { "a choice begins with pilih:" } else { "a placeholder has two braces" };
        let words = format!("`{odd}` goes out as it is written: {what}, as in {meant}");
        Warned::new("odd_placeholder", words)
    });
    let typed_line_end = text.contains("\\n").then(|| {
        let words = "`\\n` goes out as it is written, a backslash and an n: for a new line press Enter inside the text";
        Warned::new("written_line_end", words.to_owned())
    });
    Ok(odd.chain(typed_line_end).collect())
}

/// The channels that a person means, by ids or names with commas in between; the channel 1 when none is named.
pub(super) fn channels(tx: &Tx<'_>, wanted: Option<&str>) -> Checking<Found> {
    let wanted = wanted.unwrap_or("1");
    let refused = match channel(tx, wanted) {
        // A name may have a comma.
        Err(Stop::Refused(why)) if wanted.contains(',') => why,
        found => return found,
    };
    let mut all = Found { ids: Vec::new(), name: String::new(), warnings: Vec::new() };
    for word in wanted.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        let found = channel(tx, word)?;
        if found.ids.iter().all(|id| all.ids.contains(id)) {
            continue;
        }
        all.name =
            if all.name.is_empty() { found.name } else { format!("{}, {}", all.name, found.name) };
        all.ids.extend(found.ids);
        all.warnings.extend(found.warnings);
    }
    if all.ids.is_empty() { Err(refused.into()) } else { Ok(all) }
}

fn channel(tx: &Tx<'_>, wanted: &str) -> Checking<Found> {
    let wanted = wanted.trim();
    let channels = tx.channels()?;
    let is_meant = |name: &str| name.trim_matches(' ').eq_ignore_ascii_case(wanted);
    let named = channels.iter().filter(|channel| is_meant(&channel.name));
    let mut ids: Vec<i64> = named.map(|channel| channel.id).collect();
    if ids.is_empty()
        && let Ok(id) = wanted.parse::<i64>()
    {
        ids.push(id);
    }
    if ids.len() > 1 {
        let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
        let ids = ids.join(", ");
        let why = refused!("`{wanted}` is the name of channels {ids}: give the id");
        return Err(why.of("channel").into());
    }
    let channel = ids.first().map(|id| tx.channel(*id)).transpose()?.flatten();
    may_send(tx, wanted, channel.as_ref())
}

/// The channel of a message that is there; of several the first that can send.
pub(super) fn channel_of(tx: &Tx<'_>, row: &Message) -> Checking<Found> {
    may_send(tx, &row.channel_id.to_string(), channels::sender_of(tx, row)?.as_ref())
}

fn may_send(tx: &Tx<'_>, wanted: &str, channel: Option<&Channel>) -> Checking<Found> {
    let refused = |why: ComposeError| Err(why.of("channel").into());
    let name = channel.map(|channel| channel.name.as_str()).unwrap_or_default();
    match channels::usable(channel) {
        Ok(channel) => {
            let held = |held: &Held| {
                let words = format!(
                    "channel `{name}` is held, nothing goes out on it before it is free: {}",
                    held.reason
                );
                Warned::new("channel_held", words)
            };
            let warnings = channel.held.as_ref().map(held).into_iter().collect();
            Ok(Found { ids: vec![channel.id], name: channel.name.clone(), warnings })
        }
        Err(Off::Missing) => {
            let names: Vec<String> = tx.channels()?.into_iter().map(|one| one.name).collect();
            let names = names.join("`, `");
            refused(refused!(
                "there is no channel `{wanted}`: there are `{names}`"
                    / "tidak ada nomor `{wanted}`: yang ada `{names}`"
            ))
        }
        Err(Off::Inactive) => refused(refused!(
            "channel `{name}` is not active: set its is_active to 1, or choose another"
                / "nomor `{name}` tidak aktif: aktifkan dulu, atau pilih nomor lain"
        )),
        Err(Off::NoSession) => refused(refused!(
            "channel `{name}` has no session_name: fill it in, or choose another"
                / "nomor `{name}` belum punya sesi WAHA: isi dulu, atau pilih nomor lain"
        )),
    }
}

/// The column for what was typed; each word is kept as it was.
pub(crate) fn column(to: &[String]) -> Option<String> {
    let to: Vec<&str> = to.iter().map(|who| who.trim()).filter(|who| !who.is_empty()).collect();
    (!to.is_empty()).then(|| serde_json::json!(to).to_string())
}

/// Resolves the recipients and tries the text on each. What was typed and can never be sent is
/// refused unless `skip_bad`; who cannot get it for now (opted out, no value) is only reported.
pub(crate) fn recipients(
    tx: &Tx<'_>,
    contact_ids: Option<&str>,
    (content, text): (&Content, &str),
    config: &Config,
    skip_bad: bool,
) -> Checking<Checked> {
    let entries = recipient::parse_contact_ids(contact_ids);
    let mut entries = entries.map_err(|error| unreadable(error.to_string()))?;
    let text = content.words(text).unwrap_or_default();
    let template = Template::parse(text);
    let has_places = template.varies();
    let mut without_value: HashMap<String, u64> = HashMap::new();
    let (mut chats, mut checked, mut bad) = (HashSet::new(), Checked::default(), Vec::new());
    // What was typed comes first: it keeps its reason where a group has the same chat.
    entries.sort_by_key(|entry| matches!(entry, Entry::Tag(_) | Entry::All));
    recipients::each_recipient(tx, (entries, SendOrder::AsGiven), config, |recipient| {
        let to = recipient.chat_id.clone();
        if !chats.insert(to.clone()) {
            return Ok(());
        }
        let who = recipient.name.clone().unwrap_or_else(|| recipient::shown(&to));
        let not_to = || content.why_not_to(&recipient.chat_id);
        let rendered = match recipient.skipped.clone().or_else(not_to) {
            Some(reason) => {
                let has_opted_out = reason == Reason::OptedOut;
                if !recipient.is_of_group && !has_opted_out && !skip_bad {
                    let reason = tag_called(tx, &who)?.map_or(reason.clone().into(), Into::into);
                    bad.push(Skipped { who: who.clone(), to: to.clone(), reason });
                }
                Err(reason)
            }
            None if has_places => {
                let values = recipients::values(tx, &recipient, None)?;
                for placeholder in template.placeholders() {
                    let count = without_value.entry(placeholder.name.clone()).or_default();
                    *count += u64::from(values.get(placeholder).is_none());
                }
                template.render(&values)
            }
            None if checked.first.len() < FIRST_MAX => Ok(text.to_owned()),
            None => Ok(String::new()), // nobody looks at it
        };
        match rendered {
            Err(reason) => checked.skipped.push(Skipped { who, to, reason: reason.into() }),
            Ok(text) => {
                checked.count += 1;
                if checked.first.len() < FIRST_MAX {
                    checked.first.push(Reached { to, name: recipient.name, text });
                }
            }
        }
        Ok(())
    })?;
    if !bad.is_empty() {
        return Err(some_cannot(&bad, checked.count).into());
    }
    let of_nobody = |(_, count): &(String, u64)| *count == checked.count && *count > 0;
    let of_nobody = without_value.into_iter().filter(of_nobody);
    let warned = of_nobody.map(|(name, _)| no_value_at_all(&name)).collect::<Vec<_>>();
    checked.warnings = warned;
    Ok(checked)
}

fn unreadable(cause: String) -> ComposeError {
    ComposeError::refused(Reason::RecipientsUnreadable { cause }).of("to")
}

/// Refuses recipients that were typed and can never get it.
fn some_cannot(bad: &[Skipped], count: u64) -> ComposeError {
    if count == 0 {
        return nobody(bad);
    }
    let named = named(bad, Language::English);
    refused!("not everybody can get it: {named}; correct that, or leave them out with `--skip-bad`")
        .of("to")
}

fn no_value_at_all(name: &str) -> Warned {
    let words = format!(
        "no recipient has a value for {{{{{name}}}}}: all get the fallback; is it written right?"
    );
    Warned::new("no_value_at_all", words)
}

/// The question whether a tag was meant, when there is one of that name.
fn tag_called(tx: &Tx<'_>, who: &str) -> SqlResult<Option<String>> {
    let wanted = tags::fold(who);
    if wanted.is_empty() {
        return Ok(None);
    }
    let columns = tx.tag_counts()?;
    let mut all = columns.iter().flat_map(|(tags, _)| tags::read(tags));
    let tag = all.find(|tag| tags::fold(tag) == wanted);
    Ok(tag.map(|tag| format!("did you mean `tag:{tag}`, everybody with that tag?")))
}

/// Refuses a message that nobody would get.
pub(super) fn somebody(checked: &Checked) -> ComposeResult<()> {
    match (checked.count, checked.skipped.is_empty()) {
        (0, true) => Err(refused!(
            "it has no recipients: give contact ids, phone numbers or chat ids with `--to`"
                / "penerimanya belum ada: tulis nomornya atau pilih label"
        )
        .of("to")),
        (0, false) => Err(nobody(&checked.skipped)),
        _ => Ok(()),
    }
}

fn nobody(skipped: &[Skipped]) -> ComposeError {
    let english = format!("nobody can get it: {}", named(skipped, Language::English));
    let indonesian =
        format!("tidak ada yang bisa dikirimi: {}", named(skipped, Language::Indonesian));
    ComposeError::refused(Explanation::Said { english, indonesian }).of("to")
}

/// The first few reasons, each once, with those whom it is about.
fn named(skipped: &[Skipped], language: Language) -> String {
    let more =
        |count: usize| language.pick(format!("and {count} more"), format!("dan {count} lainnya"));
    let mut reasons: Vec<(&Explanation, Vec<&str>)> = Vec::new();
    for one in skipped {
        match reasons.iter().position(|(reason, _)| **reason == one.reason) {
            Some(at) => reasons[at].1.push(&one.who),
            None if reasons.len() < NAMED_MAX => reasons.push((&one.reason, vec![&one.who])),
            None => {}
        }
    }
    let mut named = 0;
    let mut parts = Vec::new();
    for (reason, who) in reasons {
        named += who.len();
        let first = who[..who.len().min(NAMED_MAX)].join("`, `");
        let more = match who.len().saturating_sub(NAMED_MAX) {
            0 => String::new(),
            count => format!(" {}", more(count)),
        };
        parts.push(format!("`{first}`{more} ({})", reason.text(language)));
    }
    if skipped.len() > named {
        parts.push(more(skipped.len() - named));
    }
    parts.join(", ")
}
