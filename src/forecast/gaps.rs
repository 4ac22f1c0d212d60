//! The forecast while chats have a gap between two messages, or numbers are checked: who waits is overtaken by others of
//! its channel, what one channel sends lets another one's recipients wait, and what one channel asks about another one need
//! not ask. So all channels are walked together through time, as the planner and the senders would find them, before anybody
//! is told anything.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::channels::{Comer, Line, Lines, Sent};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::store::{CHECK_COUNTS_FOR, Number, Standing};

#[derive(Default)]
pub(super) enum Places {
    /// Each takes the next place of its channel, as far as that can be told at once.
    #[default]
    InOrder,
    Gathering(Box<Gathered>),
    /// They were found before, in the order of gathering, each with its channel.
    Found(std::vec::IntoIter<(i64, Place)>),
}

/// One who would get something.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    due_at: Timestamp,
    /// Its turn does not come before this.
    from: Timestamp,
    before: Before,
    /// One of [`Gathered::kinds`].
    kind: usize,
    /// Its channel: the first of its kind, until it is planned.
    channel: i64,
    /// How long before it its chat may have got nothing.
    gap: Option<Duration>,
    /// Whether it had to wait for that, and whether its number was asked for on the way.
    has_waited: bool,
    is_checked: bool,
}

/// What recipients of a message have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WantedKind {
    pub(super) message: i64,
    /// The channels that may send it, one or several.
    pub(super) channels: Vec<i64>,
    /// The message's own RECIPIENT_GAP_HOURS, and whether any gap counts.
    pub(super) own_gap: Option<i64>,
    pub(super) has_gap: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It goes out then; whether it has waited for its gap, and whether its number is checked first.
    At {
        sent: Sent,
        has_waited: bool,
        is_checked: bool,
    },
    NotThere,
    TooLate,
    /// Its gap ends only when it would be too late.
    TooSoon(Duration),
    Blocked,
}

/// All who would get something, in the order in which channels take them, each with its chat.
#[derive(Default)]
pub(super) struct Gathered {
    all: Vec<(Wanted, u64)>,
    kinds: Vec<WantedKind>,
    hashes: RandomState,
}

/// One channel on its way through time; numbers are places in [`Gathered::all`].
#[derive(Default)]
struct Walk {
    /// Those whose turn may come.
    ready: BTreeSet<usize>,
    waiting: BinaryHeap<Reverse<(Timestamp, usize)>>,
    turn: Option<Turn>,
}

/// When a channel looks again, and since when it could at the earliest: of two at the same moment, the queue of
/// channels takes that one first which was ready first.
type Turn = (Timestamp, Timestamp, i64);

/// All channels on their way.
struct Walks<'a> {
    all: Vec<(Wanted, u64)>,
    kinds: Vec<WantedKind>,
    lines: &'a mut Lines,
    config: &'a Config,
    now: Timestamp,
    channels: BTreeMap<i64, Walk>,
    turns: BinaryHeap<Reverse<Turn>>,
    /// By chat: when it last got something on the way, and through which channel.
    reached: HashMap<u64, (Timestamp, i64)>,
    /// By chat: when its number was checked on the way.
    checks: HashMap<u64, Timestamp>,
    places: Vec<Place>,
}

/// What the planner knows of the channels of a kind.
struct Choice {
    kind: usize,
    lines: Lines,
    /// The chats whose numbers are checked before something is sent to those who stand there.
    checked: HashSet<u64>,
}

/// What there was with a chat before the forecast.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    pub(super) reached: Option<Timestamp>,
    /// The channel of its last conversation, when that matters.
    pub(super) spoke: Option<i64>,
    /// Its number, when that is to be checked.
    pub(super) number: Option<Number>,
}

impl Gathered {
    /// How many they are.
    pub(super) fn len(&self) -> u64 {
        self.all.len() as u64
    }

    pub(super) fn push(
        &mut self,
        kind: WantedKind,
        (due_at, from): (Timestamp, Timestamp),
        before: Before,
        chat_id: &str,
    ) {
        if self.kinds.last() != Some(&kind) {
            self.kinds.push(kind);
        }
        let kind = self.kinds.len() - 1;
        let channel = self.kinds[kind].channels.first().copied().unwrap_or_default();
        let chat = self.hashes.hash_one(chat_id); // a chat id would take six times the room
        let (gap, has_waited, is_checked) = (None, false, false);
        let wanted = Wanted { due_at, from, before, kind, channel, gap, has_waited, is_checked };
        self.all.push((wanted, chat));
    }

    /// Walks all channels, whose lines are there, from `now` on.
    pub(super) fn places(
        self,
        lines: &mut Lines,
        config: &Config,
        now: Timestamp,
    ) -> Vec<(i64, Place)> {
        let Self { all, kinds, .. } = self;
        let mut walks = Walks {
            places: vec![Place::Blocked; all.len()],
            all,
            kinds,
            lines,
            config,
            now,
            channels: BTreeMap::new(),
            turns: BinaryHeap::new(),
            reached: HashMap::new(),
            checks: HashMap::new(),
        };
        walks.walk();
        let channels = walks.all.iter().map(|(wanted, _)| wanted.channel);
        channels.zip(walks.places).collect()
    }
}

impl Walks<'_> {
    fn walk(&mut self) {
        // Those who wait already, and the others in the order in which they are planned.
        let mut coming = Vec::new();
        for number in 0..self.all.len() {
            let wanted = self.all[number].0;
            if wanted.from > wanted.due_at.max(self.now) {
                let (channel, gap) = (wanted.channel, self.gap(number, wanted.channel));
                self.all[number].0.gap = gap;
                let walk = self.channels.entry(channel).or_default();
                walk.waiting.push(Reverse((wanted.from, number)));
                self.all[number].0.has_waited = true;
            } else {
                coming.push(number);
            }
        }
        coming.sort_unstable_by_key(|number| (self.all[*number].0.from, *number));
        let mut coming = coming.into_iter().peekable();
        self.look_again(&self.channels.keys().copied().collect());
        loop {
            let from = coming.peek().map(|number| self.all[*number].0.from);
            let turn = self.turns.peek().map(|Reverse(turn)| *turn);
            match (from, turn) {
                // Planning comes before sending.
                (Some(from), turn) if turn.is_none_or(|(at, ..)| from <= at) => {
                    self.now = self.now.max(from);
                    let (mut choice, mut joined) = (None, BTreeSet::new());
                    while let Some(number) =
                        coming.next_if(|number| self.all[*number].0.from == from)
                    {
                        joined.insert(self.plan(number, &mut choice));
                    }
                    self.look_again(&joined);
                }
                (_, Some((at, _, channel))) => {
                    self.turns.pop();
                    if self.channels.get(&channel).is_some_and(|walk| walk.turn == turn) {
                        self.now = at;
                        self.take_turn(channel);
                    }
                }
                (_, None) => return,
            }
        }
    }

    /// Lets one stand before its channel, and returns that; `choice` is of the last kind.
    fn plan(&mut self, number: usize, choice: &mut Option<Choice>) -> i64 {
        let (wanted, chat) = self.all[number];
        let mut channel = wanted.channel;
        if self.kinds[wanted.kind].channels.len() > 1 {
            if choice.as_ref().is_none_or(|choice| choice.kind != wanted.kind) {
                *choice = Some(self.choice_at(&wanted));
            }
            if let Some(choice) = choice {
                let (comer, ids) =
                    (self.comer(number, None, choice), &self.kinds[wanted.kind].channels);
                let spoke =
                    self.reached.get(&chat).map(|(_, channel)| *channel).or(wanted.before.spoke);
                channel = choice.lines.choose(ids, spoke, &comer, self.config).unwrap_or(channel);
                choice.stand(channel, (chat, &comer), self.config);
            }
        }
        let gap = self.gap(number, channel);
        let wanted = &mut self.all[number].0;
        (wanted.channel, wanted.gap) = (channel, gap);
        self.channels.entry(channel).or_default().ready.insert(number);
        channel
    }

    /// The channels of a kind as the planner finds them now: with all that is planned.
    fn choice_at(&self, wanted: &Wanted) -> Choice {
        let ids = &self.kinds[wanted.kind].channels;
        let (kind, lines) = (wanted.kind, self.lines.only(ids));
        let mut choice = Choice { kind, lines, checked: HashSet::new() };
        for id in ids {
            let Some(walk) = self.channels.get(id) else { continue };
            let waiting = walk.waiting.clone().into_sorted_vec().into_iter().rev();
            let waiting = waiting.map(|Reverse((until, number))| (Some(until), number));
            for (until, number) in walk.ready.iter().map(|number| (None, *number)).chain(waiting) {
                let (before, chat) = self.all[number];
                if before.due_at > wanted.due_at {
                    continue;
                }
                let waits_until = until.filter(|until| *until > self.now);
                let comer = self.comer(number, waits_until, &choice);
                choice.stand(*id, (chat, &comer), self.config);
            }
        }
        choice
    }

    /// One whose turn it may be from now on, or after its wait.
    fn comer(&self, number: usize, waits_until: Option<Timestamp>, choice: &Choice) -> Comer {
        let (wanted, chat) = self.all[number];
        let (kind, last) = (&self.kinds[wanted.kind], self.reached.get(&chat).map(|(at, _)| *at));
        let standing = wanted.standing(self.now, self.checks.get(&chat).copied(), last.is_some());
        let is_checked = choice.checked.contains(&chat);
        Comer {
            due_at: wanted.due_at,
            from: waits_until.unwrap_or(self.now),
            waits: waits_until.is_some(),
            own_gap: kind.own_gap,
            reached: last
                .max(wanted.before.reached)
                .filter(|_| kind.has_gap && waits_until.is_none()),
            standing: if is_checked { Standing::Known } else { standing },
        }
    }

    fn gap(&self, number: usize, channel: i64) -> Option<Duration> {
        let kind = &self.kinds[self.all[number].0.kind];
        let line = self.lines.turns.get(&channel).filter(|_| kind.has_gap)?;
        line.recipient_gap(kind.own_gap, self.config)
    }

    /// Sends to the next one of a channel, if there is one whose gap is over.
    fn take_turn(&mut self, channel: i64) {
        let (at, late_limit) = (self.now, self.config.late_limit);
        let Some(walk) = self.channels.get_mut(&channel) else { return };
        let mut is_skipped = false;
        while let Some(number) = walk.take(at) {
            let (wanted, chat) = self.all[number];
            let sent = self.reached.get(&chat).map(|(at, _)| *at);
            let place = wanted.place(at, sent.max(wanted.before.reached), late_limit);
            let standing = wanted.standing(at, self.checks.get(&chat).copied(), sent.is_some());
            let line = self.lines.turns.get_mut(&channel);
            match place {
                Err(until) => {
                    walk.waiting.push(Reverse((until, number)));
                    self.all[number].0.has_waited = true;
                }
                Ok(None) if standing == Standing::NotThere => {
                    self.places[number] = Place::NotThere;
                    is_skipped = true;
                    break;
                }
                Ok(None) if standing == Standing::Unknown => {
                    self.checks.insert(chat, at);
                    self.all[number].0.is_checked = true;
                    if let Some(line) = line {
                        line.asked(self.config, at);
                    }
                    walk.ready.insert(number);
                    break;
                }
                Ok(None) => {
                    let Wanted { has_waited, is_checked, .. } = wanted;
                    self.reached.insert(chat, (Timestamp::from_secs(at.secs()), channel));
                    if let Some(line) = line {
                        let sent = line.took(self.config, at);
                        self.places[number] = Place::At { sent, has_waited, is_checked };
                    }
                    break;
                }
                Ok(Some(place)) => self.places[number] = place,
            }
        }
        walk.turn = walk.next_turn(channel, self.lines.turns.get(&channel), self.config, at);
        // A sender that skips one lets the other channels go first.
        if let Some((next, since, _)) = &mut walk.turn
            && is_skipped
            && *next == at
        {
            *since = at;
        }
        self.turns.extend(walk.turn.map(Reverse));
    }

    fn look_again(&mut self, channels: &BTreeSet<i64>) {
        for channel in channels {
            let Some(walk) = self.channels.get_mut(channel) else { continue };
            let line = self.lines.turns.get(channel);
            let turn = walk.next_turn(*channel, line, self.config, self.now);
            if turn != walk.turn {
                walk.turn = turn;
                self.turns.extend(turn.map(Reverse));
            }
        }
    }
}

impl Choice {
    /// Lets one stand before a channel. What cannot go out, or only too late, holds up nothing.
    fn stand(&mut self, id: i64, (chat, who): (u64, &Comer), config: &Config) {
        if self.lines.stand(id, who, config).is_ok() && who.standing == Standing::Unknown {
            self.checked.insert(chat);
        }
    }
}

impl Walk {
    /// `None` when nobody is left, or nothing goes out there.
    fn next_turn(
        &self,
        channel: i64,
        line: Option<&Line>,
        config: &Config,
        now: Timestamp,
    ) -> Option<Turn> {
        let ready = self.ready.first().map(|_| now);
        let waiting = self.waiting.peek().map(|Reverse((at, _))| *at);
        let first = [ready, waiting].into_iter().flatten().min()?;
        let line = line?;
        let at = line.next(config, first.max(now)).ok()?;
        let since = line.channel.as_ref().and_then(|channel| channel.ready_at).unwrap_or(at);
        Some((at, since, channel))
    }

    /// Whose turn it is at that time.
    fn take(&mut self, at: Timestamp) -> Option<usize> {
        while let Some(Reverse((until, number))) = self.waiting.peek().copied()
            && until <= at
        {
            self.waiting.pop();
            self.ready.insert(number);
        }
        self.ready.pop_first()
    }
}

impl Wanted {
    /// The sender's own questions, in whole seconds as the table has them: `None` when it may go out, `Err` is until
    /// when it waits.
    fn place(
        &self,
        at: Timestamp,
        last: Option<Timestamp>,
        late_limit: Duration,
    ) -> Result<Option<Place>, Timestamp> {
        if self.due_at.secs() < at.minus(late_limit).secs() {
            return Ok(Some(Place::TooLate));
        }
        let free_at = self.gap.zip(last).map(|(gap, last)| (last.plus(gap), gap));
        match free_at {
            Some((free_at, gap)) if free_at.secs() > at.secs() => {
                let is_too_long = self.due_at.secs() < free_at.minus(late_limit).secs();
                if is_too_long { Ok(Some(Place::TooSoon(gap))) } else { Err(free_at) }
            }
            _ => Ok(None),
        }
    }

    /// Whether anything may be sent to it then: its number may have been checked, or something sent to it, on the way.
    fn standing(&self, at: Timestamp, checked: Option<Timestamp>, is_sent: bool) -> Standing {
        let is_fresh = |checked: Timestamp| at.since(checked) < CHECK_COUNTS_FOR;
        match self.before.number {
            Some(number) if !is_sent && !checked.is_some_and(is_fresh) => match number.standing(at)
            {
                Standing::BeingAsked => Standing::Unknown,
                standing => standing,
            },
            Some(_) | None => Standing::Known,
        }
    }
}
