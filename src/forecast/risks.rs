//! What gets a number banned, said before it happens.

use std::fmt;

use crate::channels::Sent;
use crate::language::Language;
use crate::schedule::Zone;
use crate::send_window::{Day, Warmup, WarmupRule};
use crate::store::{Channel, SqlResult, Tx};
use crate::template::Template;

/// To fewer strangers nobody minds the same words, or a link.
const SAME_TEXT_FROM: u64 = 50;
const LINK_FROM: u64 = 10;
/// A day with fewer sends is no leap, whatever came before.
const LEAP_FROM: u64 = 60;
const LEAP: u64 = 3;
/// A few at night are answers to people who are awake.
const NIGHT_FROM: u64 = 10;
/// From this hour until before that one people sleep.
const NIGHT: (u8, u8) = (22, 6);
/// A number so many days old is new, and so many people on a day are many for it.
const NEW_DAYS: i64 = 3;
const NEW_FROM: u64 = 10;
/// What a number bears on a day: on its first one, in its first month, and later.
const BEARS: [(i64, u64); 3] = [(1, 20), (30, 70), (i64::MAX, 200)];

/// How a count of a day is told: on which day, from which channel, and that other messages are in it.
const ON: (&str, &str, &str) = ("on", "from", ", other messages counted");
const ON_IN_INDONESIAN: (&str, &str, &str) = ("pada", "dari", ", termasuk pesan lain");

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Risk {
    /// So many who never wrote to us get the same words.
    SameText { strangers: u64 },
    /// So many who never wrote to us get a link.
    LinkToStrangers { strangers: u64 },
    /// A day has far more than the day before.
    Leap { on: OnDay, day_before: u64 },
    /// So many go out while people sleep.
    Night { count: u64 },
    /// The number is that old, and is not warming up.
    NewNumber { on: OnDay, days: i64 },
    /// The day's limit lets more go out than a number of that age bears.
    HighLimit { on: OnDay, days: i64, bears: u64 },
}

/// What a channel sends on the day of a risk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnDay {
    /// The channel's name.
    pub channel: String,
    pub day: Day,
    /// How many go out then, and whether some of them are not of the message.
    pub count: u64,
    pub has_others: bool,
}

impl OnDay {
    /// Such as "90 on 2026-12-03 from shop, other messages counted".
    fn said(&self, (on, from, others): (&str, &str, &str), day: &str, channel: &str) -> String {
        let others = if self.has_others { others } else { "" };
        format!("{} {on} {day} {from} {channel}{others}", self.count)
    }
}

impl Risk {
    /// The stable name that programs read.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::SameText { .. } => "risk_same_text",
            Self::LinkToStrangers { .. } => "risk_link",
            Self::Leap { .. } => "risk_leap",
            Self::Night { .. } => "risk_night",
            Self::NewNumber { .. } => "risk_new_number",
            Self::HighLimit { .. } => "risk_limit",
        }
    }

    /// The sentence for whoever reads it in the panel, where `shown` writes a day.
    pub(crate) fn text(&self, language: Language, shown: impl Fn(Day) -> String) -> String {
        let [fact, fact_in_indonesian, remedy, remedy_in_indonesian, _] = self.words();
        let on = language.pick(ON, ON_IN_INDONESIAN);
        self.said(
            language.pick(fact, fact_in_indonesian),
            language.pick(remedy, remedy_in_indonesian),
            |one| one.said(on, &shown(one.day), &one.channel),
        )
    }

    fn said(&self, fact: &str, remedy: &str, on_day: impl Fn(&OnDay) -> String) -> String {
        let (n, a, b): (String, i64, u64) = match self {
            Self::SameText { strangers } | Self::LinkToStrangers { strangers } => {
                (strangers.to_string(), 0, 0)
            }
            Self::Leap { on, day_before } => (on_day(on), 0, *day_before),
            Self::Night { count } => (count.to_string(), NIGHT.0.into(), NIGHT.1.into()),
            Self::NewNumber { on, days } => (on_day(on), *days, 0),
            Self::HighLimit { on, days, bears } => (on_day(on), *days, *bears),
        };
        // The name of a channel comes last: it is a person's.
        let words = format!("{fact}: {remedy}");
        let words = if a == 1 { words.replace("{a} days", "1 day") } else { words };
        let words = words.replace("{a}", &a.to_string());
        words.replace("{b}", &b.to_string()).replace("{n}", &n)
    }

    /// The fact, and what to do about it on a page, in English and in Indonesian; then what to do about it with a
    /// command. `{a}` and `{b}` are numbers of the risk, and `{n}` is its count, or what a channel sends on a day.
    const fn words(&self) -> [&'static str; 5] {
        match self {
            Self::SameText { .. } => [
                "{n} people who never wrote to you get the same text",
                "{n} orang yang belum pernah menulis kepada Anda menerima teks yang sama",
                "let it vary with {{pilih: … | …}}, or write to fewer",
                "buat bervariasi dengan {{pilih: … | …}}, atau kirim ke lebih sedikit orang",
                "let it vary with {{pilih: … | …}}, or write to fewer",
            ],
            Self::LinkToStrangers { .. } => [
                "{n} people who never wrote to you get a link",
                "{n} orang yang belum pernah menulis kepada Anda menerima tautan",
                "leave it out until they answer",
                "hapus dulu sampai mereka membalas",
                "leave it out until they answer",
            ],
            Self::Leap { .. } => [
                "{n}, after {b} the day before",
                "{n}, padahal {b} sehari sebelumnya",
                "let the number grow into it, with a daily limit or a slow begin on its page",
                "naikkan sedikit demi sedikit, dengan batas harian atau mulai pelan-pelan di halaman nomornya",
                "let the number grow into it, with a daily limit or `channel edit --warmup`",
            ],
            Self::Night { .. } => [
                "{n} go out between {a}:00 and {b}:00",
                "{n} terkirim antara pukul {a}.00 dan {b}.00",
                "give the number hours on its page, such as 07:00-21:00",
                "beri nomor itu jam kirim di halamannya, misalnya 07:00-21:00",
                "give the channel hours, such as 07:00-21:00",
            ],
            Self::NewNumber { .. } => [
                "{n}, a number of {a} days",
                "{n}, nomor yang baru {a} hari",
                "let it begin slowly: its page has a tick for that",
                "mulai pelan-pelan: centangnya ada di halaman nomornya",
                "let it begin slowly with `channel edit --warmup today`, or say since when it is used with \
                 `--warmup 2026-01-31`",
            ],
            Self::HighLimit { .. } => [
                "{n}, a number of {a} days, which bears about {b}",
                "{n}, nomor yang baru {a} hari dan amannya sekitar {b}",
                "set that daily limit on its page, or let it begin slowly",
                "pasang batas harian itu di halaman nomornya, atau mulai pelan-pelan",
                "set `channel edit --daily-limit {b}`, or let it begin slowly with `--warmup`",
            ],
        }
    }
}

/// The English sentence, with the commands of a terminal.
impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [fact, .., command] = self.words();
        let on_day =
            |one: &OnDay| one.said(ON, &one.day.to_string(), &format!("`{}`", one.channel));
        f.write_str(&self.said(fact, command, on_day))
    }
}

/// What a forecast counts of a message for its risks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Of those that get it: how many never wrote to us; `None` when nobody tells us of those who write.
    pub(super) strangers: Option<u64>,
    at_night: u64,
    /// In the order in which the message first goes out on them.
    days: Vec<ChannelDay>,
    /// Whether the text is not the same for everybody, and whether it has a link.
    varies: bool,
    has_link: bool,
}

/// A day of a channel on which some get the message.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ChannelDay {
    channel_id: i64,
    channel: String,
    day: Day,
    /// How many get this message then.
    own: u64,
    /// How many go out until the last of them, whatever they belong to, and how many on the day before.
    count: u64,
    day_before: u64,
    /// How old the number is then, in days, and whether it begins slowly.
    age: i64,
    has_warmup: bool,
}

impl ChannelDay {
    /// What its number bears then. Who begins as slowly as the program would is on the safe side.
    fn bears(&self) -> u64 {
        let slowly =
            Warmup { rule: WarmupRule::default(), from: self.day.minus(self.age), last: None };
        let slowly = slowly.limit_on(self.day, None).filter(|_| self.has_warmup);
        bears(self.age).max(slowly.unwrap_or(0).into())
    }

    fn leap(&self) -> Option<Risk> {
        let Self { count, day_before, .. } = *self;
        let leaps = count >= LEAP_FROM && count > LEAP * day_before;
        leaps.then(|| Risk::Leap { on: self.on(), day_before })
    }

    fn young(&self) -> Option<Risk> {
        let (days, bears) = (self.age, self.bears());
        if self.count > bears {
            return Some(Risk::HighLimit { on: self.on(), days, bears });
        }
        let is_new = days <= NEW_DAYS && !self.has_warmup;
        is_new.then(|| Risk::NewNumber { on: self.on(), days })
    }

    fn on(&self) -> OnDay {
        let Self { day, own, count, .. } = *self;
        OnDay { channel: self.channel.clone(), day, count, has_others: own < count }
    }
}

impl Counted {
    pub(super) fn new(tx: &Tx<'_>, text: &str) -> SqlResult<Self> {
        let (varies, has_link) = (Template::parse(text).varies(), has_link(text));
        let strangers = tx.hears_of_writers()?.then_some(0);
        Ok(Self { strangers, varies, has_link, ..Self::default() })
    }

    pub(super) fn note_send(&mut self, channel: &Channel, zone: &Zone, sent: Sent) {
        let (day, channel_id, count) = (Day::of(zone, sent.at), channel.id, sent.of_day.into());
        self.at_night += u64::from(is_night(zone.to_local(sent.at).hour()));
        let is_it = |one: &&mut ChannelDay| one.day == day && one.channel_id == channel_id;
        if let Some(known) = self.days.iter_mut().rev().find(is_it) {
            known.own += 1;
            known.count = known.count.max(count);
            return;
        }
        self.days.push(ChannelDay {
            channel_id,
            channel: channel.name.clone(),
            day,
            own: 1,
            count,
            day_before: sent.day_before.into(),
            age: channel.age(zone, day),
            has_warmup: channel.warmup_from.is_some(),
        });
    }

    pub(super) fn risks(&self) -> Vec<Risk> {
        let Self { at_night, varies, has_link, .. } = *self;
        let strangers = self.strangers.unwrap_or(0);
        // Of some few it is not this message that is too much. The worst day stands for the others.
        let days = || self.days.iter().filter(|one| one.own >= NEW_FROM);
        let leap = days().filter_map(|one| Some((one.count, one.leap()?)));
        let leap = leap.max_by_key(|(count, _)| *count).map(|(_, risk)| risk);
        let young = days().filter_map(|one| {
            let risk = one.young()?;
            Some(((matches!(risk, Risk::HighLimit { .. }), one.count), risk))
        });
        let young = young.max_by_key(|(weight, _)| *weight).map(|(_, risk)| risk);
        [
            (strangers >= SAME_TEXT_FROM && !varies).then_some(Risk::SameText { strangers }),
            (strangers >= LINK_FROM && has_link).then_some(Risk::LinkToStrangers { strangers }),
            leap,
            young,
            (at_night >= NIGHT_FROM).then_some(Risk::Night { count: at_night }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// How many messages a day a number bears that is used for so many days.
pub(crate) fn bears(days: i64) -> u64 {
    BEARS.iter().find(|(until, _)| days < *until).map_or(0, |(_, bears)| *bears)
}

/// Whether people sleep at this hour of the day.
fn is_night(hour: u8) -> bool {
    hour >= NIGHT.0 || hour < NIGHT.1
}

fn has_link(text: &str) -> bool {
    let text = text.to_lowercase();
    ["http://", "https://", "www.", "wa.me/", "bit.ly/"].iter().any(|sign| text.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_panels_words_of_a_risk_name_no_command_and_a_terminals_do() {
        let (strangers, count, day_before, days, bears) = (60, 90, 1, 2, 70);
        let (channel, day) = ("{a} kedua".to_owned(), Day::parse("2026-12-03").unwrap());
        let on = OnDay { channel, day, count, has_others: true };
        for (risk, has_command) in [
            (Risk::SameText { strangers }, false),
            (Risk::LinkToStrangers { strangers }, false),
            (Risk::Leap { on: on.clone(), day_before }, true),
            (Risk::Night { count }, false),
            (Risk::NewNumber { on: on.clone(), days }, true),
            (Risk::HighLimit { on, days, bears }, true),
        ] {
            let shown = |_| "3 Des".to_owned();
            let panel = [Language::English, Language::Indonesian].map(|one| risk.text(one, shown));
            assert!(panel.iter().all(|text| !text.contains('`')), "{panel:?}");
            assert_eq!(risk.to_string().contains("`channel edit "), has_command, "{risk}");
            if has_command {
                assert!(
                    panel[0].starts_with("90 on 3 Des from {a} kedua, other mess"),
                    "{panel:?}"
                );
                assert!(
                    panel[1].starts_with("90 pada 3 Des dari {a} kedua, termasuk"),
                    "{panel:?}"
                );
                let told = "90 on 2026-12-03 from `{a} kedua`, other messages counted, a";
                assert!(risk.to_string().starts_with(told), "{risk}");
            }
        }
    }
}
