//! Who has to go when there are too many.
//!
//! At the cap, a newcomer takes the slot of a connection that has not completed a request, does not
//! read its answer, or asks for more before it has one: of the network that holds most such slots, the
//! one that kept us waiting longest. So whoever opens many connections and says nothing pushes out
//! itself. Behind a reverse proxy everybody has one address, the cron job too: what a connection does
//! decides first, and its address only among equals.
//!
//! When all are being served, one of a network that has more than its share goes for a newcomer of
//! another one. Otherwise the newcomer waits a little, and is refused then.

use std::net::IpAddr;
use std::time::Duration;

use super::Watch;
use crate::api::guard::visitor::{Shared, Visitor, Worth};

/// A connection without a request is left alone for so long, unless most are such.
const GRACE: Duration = Duration::from_millis(250);
/// When the system is short of something, so many slots are given up, and so many are kept.
const SLOTS_SPARED: usize = 8;
const SLOTS_MIN: usize = 4;
/// Then all of them are tried again.
const SHORT: Duration = Duration::from_mins(1);

impl Watch {
    /// Frees a slot for a newcomer, if somebody has to go for one.
    pub(super) fn make_room_for_newcomer(&mut self, peer: IpAddr, now: Duration) -> bool {
        let is_due = |visitor: &Visitor| match visitor.worth() {
            Worth::Nothing => true,
            Worth::Unfinished => now >= visitor.since + GRACE,
            Worth::Served => false,
        };
        while let Some(victim) = self.victim(is_due).or_else(|| self.victim_of_a_crowd()) {
            if self.drop_victim(victim, now) {
                return true;
            }
        }
        self.take_from_the_greedy(network(peer), now)
    }

    /// Frees the slot of the newest request of a network that holds more than its share.
    fn take_from_the_greedy(&mut self, newcomer: u128, now: Duration) -> bool {
        let of =
            |other: u128| self.visitors.iter().filter(move |(_, one)| network(one.peer) == other);
        let networks = self.visitors.values().map(|visitor| network(visitor.peer));
        let share = self.limits.share();
        let greedy = networks.filter(|&one| one != newcomer).find(|&one| of(one).count() > share);
        let newest = greedy.and_then(|greedy| of(greedy).max_by_key(|(_, visitor)| visitor.since));
        let Some(number) = newest.map(|(&number, _)| number) else { return false };
        if let Some(visitor) = self.visitors.remove(&number) {
            self.evict(visitor, now);
        }
        true
    }

    /// When most say nothing, newcomers that will not either are not left alone.
    fn victim_of_a_crowd(&self) -> Option<usize> {
        let is_unfinished = |visitor: &Visitor| visitor.worth() == Worth::Unfinished;
        let unfinished = self.visitors.values().filter(|one| is_unfinished(one)).count();
        if unfinished * 2 >= self.slots { self.victim(is_unfinished) } else { None }
    }

    /// The system is short of something, descriptors mostly: some slots fewer for a while, so that
    /// those who are served have what they need. True when that set something free.
    pub(super) fn shrink(&mut self, now: Duration) -> bool {
        self.slots = self.visitors.len().saturating_sub(SLOTS_SPARED).max(SLOTS_MIN);
        self.short_until = now + SHORT;
        let mut has_freed = false;
        while self.visitors.len() > self.slots {
            let victim = self.victim(|visitor| visitor.worth() != Worth::Served);
            let Some(victim) = victim else { break };
            has_freed |= self.drop_victim(victim, now);
        }
        has_freed
    }

    /// Gives a connection up, unless its request has come just now.
    fn drop_victim(&mut self, number: usize, now: Duration) -> bool {
        self.step(number, now);
        let Some(visitor) = self.visitors.remove(&number) else { return true };
        if visitor.worth() == Worth::Served {
            self.visitors.insert(number, visitor);
            return false;
        }
        self.evict(visitor, now);
        true
    }

    pub(super) fn evict(&mut self, visitor: Visitor, now: Duration) {
        visitor.evict(&mut Shared {
            now,
            limits: &self.limits,
            config: &self.config,
            scratch: &mut self.scratch,
            full: &self.full,
            refused: &mut self.refused,
        });
    }

    /// Who goes first of those that `may_go`.
    pub(super) fn victim(&self, may_go: impl Fn(&Visitor) -> bool) -> Option<usize> {
        // Floods come from few networks, so this short list is soon searched.
        let mut held: Vec<(u128, usize)> = Vec::new();
        for visitor in self.visitors.values().filter(|one| one.worth() != Worth::Served) {
            let network = network(visitor.peer);
            match held.iter_mut().find(|(known, _)| *known == network) {
                Some((_, count)) => *count += 1,
                None => held.push((network, 1)),
            }
        }
        let holds = |visitor: &Visitor| {
            let network = network(visitor.peer);
            held.iter().find(|(known, _)| *known == network).map_or(0, |(_, count)| *count)
        };
        let candidates = self.visitors.iter().filter(|(_, visitor)| may_go(visitor));
        let first = candidates.min_by_key(|(_, visitor)| {
            (visitor.worth() != Worth::Nothing, usize::MAX - holds(visitor), visitor.since)
        });
        first.map(|(&number, _)| number)
    }
}

/// The network of a client: one customer has a whole /64.
fn network(peer: IpAddr) -> u128 {
    match peer {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => (u128::from(address) >> 64 << 64) | (1 << 40),
    }
}
