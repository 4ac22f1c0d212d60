//! The forecast while chats have a gap between two messages, or numbers are checked: who waits is overtaken by others of
//! its channel, what one channel sends lets another one's recipients wait, and what one channel asks about another one need
//! not ask. So all channels are walked together through time, as their senders would find it, before anybody is told anything.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::channels::{Line, Lines};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::store::{CHECK_COUNTS_FOR, Number, Standing};

/// Where the places of recipients come from.
#[derive(Default)]
pub(super) enum Places {
    /// Each takes the next place of its channel: nobody waits.
    #[default]
    InOrder,
    /// They are gathered.
    Gathering(Box<Gathered>),
    /// They were found before, in the order of gathering, each with its channel.
    Found(std::vec::IntoIter<(i64, Place)>),
}

/// One who would get something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) channel: i64,
    pub(super) due_at: Timestamp,
    /// Its turn does not come before this.
    pub(super) from: Timestamp,
    /// How long before it its chat may have got nothing.
    pub(super) gap: Option<Duration>,
    /// When its chat last got something before the forecast.
    pub(super) reached: Option<Timestamp>,
    /// What is known of its number; `None` when it is not to be checked.
    pub(super) number: Option<Number>,
}

/// What becomes of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It goes out then; whether it has waited for its gap, and whether its number is checked first.
    At {
        at: Timestamp,
        has_waited: bool,
        is_checked: bool,
    },
    /// Its number is not on WhatsApp.
    NotThere,
    TooLate,
    /// Its gap ends only when it would be too late.
    TooSoon(Duration),
    /// Its channel cannot send.
    Blocked,
}

/// All who would get something, in the order in which channels take them.
#[derive(Default)]
pub(super) struct Gathered {
    all: Vec<(Wanted, u64)>,
    hashes: RandomState,
}

/// One channel on its way through time; numbers are places in [`Gathered::all`].
#[derive(Default)]
struct Walk {
    /// Those whose turn has not come.
    fresh: VecDeque<usize>,
    waiting: BinaryHeap<Reverse<(Timestamp, usize)>>,
    /// Those who have waited, or were checked.
    freed: BTreeSet<usize>,
    now: Option<Timestamp>,
}

type Turn = Reverse<(Timestamp, Timestamp, i64)>;

impl Gathered {
    pub(super) fn push(&mut self, wanted: Wanted, chat_id: &str) {
        let chat = self.hashes.hash_one(chat_id); // a chat id would take six times the room
        self.all.push((wanted, chat));
    }

    /// Walks all channels from `now` on.
    pub(super) fn places(
        self,
        Lines(channels): &mut Lines,
        config: &Config,
        now: Timestamp,
    ) -> Vec<(i64, Place)> {
        let mut places = vec![Place::Blocked; self.all.len()];
        let (mut walks, mut have_waited) = self.walks(now);
        let mut reached: HashMap<u64, Timestamp> = HashMap::new();
        let (mut checks, mut checked): (HashMap<u64, Timestamp>, _) =
            (HashMap::new(), HashSet::new());
        let mut turns = BinaryHeap::new();
        for (channel, walk) in &walks {
            turns.extend(self.turn((*channel, walk), (channels.get(channel), config), now));
        }
        while let Some(Reverse((at, _, channel))) = turns.pop() {
            let (Some(walk), Some(line)) = (walks.get_mut(&channel), channels.get_mut(&channel))
            else {
                continue;
            };
            walk.now = Some(at);
            while let Some(number) = walk.take(at, &self.all) {
                let (wanted, chat) = self.all[number];
                let sent = reached.get(&chat).copied();
                let place = wanted.place(at, sent.max(wanted.reached), config.late_limit);
                let standing = wanted.standing(at, checks.get(&chat).copied(), sent.is_some());
                match place {
                    Err(until) => {
                        walk.waiting.push(Reverse((until, number)));
                        have_waited.insert(number);
                    }
                    Ok(Place::At { .. }) if standing == Standing::NotThere => {
                        places[number] = Place::NotThere;
                    }
                    Ok(Place::At { .. }) if standing == Standing::Unknown => {
                        checks.insert(chat, at);
                        checked.insert(number);
                        line.asked(config, at);
                        walk.freed.insert(number);
                        break;
                    }
                    Ok(Place::At { at, .. }) => {
                        let has_waited = have_waited.contains(&number);
                        let is_checked = checked.contains(&number);
                        places[number] = Place::At { at, has_waited, is_checked };
                        reached.insert(chat, Timestamp::from_secs(at.secs()));
                        line.took(config, at);
                        break;
                    }
                    Ok(place) => places[number] = place,
                }
            }
            turns.extend(self.turn((channel, walk), (Some(line), config), now));
        }
        let channels = self.all.iter().map(|(wanted, _)| wanted.channel);
        channels.zip(places).collect()
    }

    /// The channels before the first step, and those who wait already.
    fn walks(&self, now: Timestamp) -> (BTreeMap<i64, Walk>, HashSet<usize>) {
        let mut waiting = HashSet::new();
        let mut walks: BTreeMap<i64, Walk> = BTreeMap::new();
        for (number, (wanted, _)) in self.all.iter().enumerate() {
            let walk = walks.entry(wanted.channel).or_default();
            if wanted.from > wanted.due_at.max(now) {
                walk.waiting.push(Reverse((wanted.from, number)));
                waiting.insert(number);
            } else {
                walk.fresh.push_back(number);
            }
        }
        (walks, waiting)
    }

    /// When a channel looks again, and since when it could at the earliest: of two at the same moment, the queue of
    /// channels takes that one first which was ready first. `None` when nobody is left, or nothing goes out there.
    fn turn(
        &self,
        (channel, walk): (i64, &Walk),
        (line, config): (Option<&Line>, &Config),
        now: Timestamp,
    ) -> Option<Turn> {
        let fresh = walk.fresh.front().map(|number| self.all[*number].0.from);
        let waiting = walk.waiting.peek().map(|Reverse((at, _))| *at);
        let freed = walk.freed.first().map(|_| now);
        let first = [fresh, waiting, freed].into_iter().flatten().min()?;
        let line = line?;
        let at = line.next(config, first.max(walk.now.unwrap_or(now))).ok()?;
        let ready = line.channel.as_ref().and_then(|channel| channel.ready_at).unwrap_or(at);
        Some(Reverse((at, ready, channel)))
    }
}

impl Walk {
    /// Whose turn it is at that time.
    fn take(&mut self, at: Timestamp, all: &[(Wanted, u64)]) -> Option<usize> {
        while let Some(Reverse((until, number))) = self.waiting.peek().copied()
            && until <= at
        {
            self.waiting.pop();
            self.freed.insert(number);
        }
        let fresh = self.fresh.front().copied().filter(|number| all[*number].0.from <= at);
        match (fresh, self.freed.first().copied()) {
            (Some(fresh), freed) if freed.is_none_or(|freed| fresh < freed) => {
                self.fresh.pop_front()
            }
            _ => self.freed.pop_first(),
        }
    }
}

impl Wanted {
    /// The sender's own questions, in whole seconds as the table has them; `Err` is until when it waits.
    fn place(
        &self,
        at: Timestamp,
        last: Option<Timestamp>,
        late_limit: Duration,
    ) -> Result<Place, Timestamp> {
        if self.due_at.secs() < at.minus(late_limit).secs() {
            return Ok(Place::TooLate);
        }
        let free_at = self.gap.zip(last).map(|(gap, last)| (last.plus(gap), gap));
        match free_at {
            Some((free_at, gap)) if free_at.secs() > at.secs() => {
                let is_too_long = self.due_at.secs() < free_at.minus(late_limit).secs();
                if is_too_long { Ok(Place::TooSoon(gap)) } else { Err(free_at) }
            }
            _ => Ok(Place::At { at, has_waited: false, is_checked: false }),
        }
    }

    /// Whether anything may be sent to it then: its number may have been checked, or something sent to it, on the way.
    fn standing(&self, at: Timestamp, checked: Option<Timestamp>, is_sent: bool) -> Standing {
        let is_fresh = |checked: Timestamp| at.since(checked) < CHECK_COUNTS_FOR;
        match self.number {
            Some(number) if !is_sent && !checked.is_some_and(is_fresh) => match number.standing(at)
            {
                Standing::BeingAsked => Standing::Unknown,
                standing => standing,
            },
            Some(_) | None => Standing::Known,
        }
    }
}
