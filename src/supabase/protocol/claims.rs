//! What is due, and whose it is: find, intend, claim, and what a lost reply leaves open.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::remote::{Found, IDS_MAX, PAGE, Remote, RemoteClaim};
use super::super::reply::{Kind, Told, Trouble};
use super::super::tables::Tables;
use super::super::times;
use super::settling::{ENDING, claim_body};
use super::{Link, Pass, Step, Stop};
use crate::fail_point;
use crate::store::{ClaimState, LinkAlarm, LinkChannel, LinkClaim, LinkState, Store, StoreError};

/// Pages that one pass looks at; the next one follows at once.
const PAGES_PER_PASS: usize = 20;
/// An appliance that gave a channel up has so long for what it had begun.
const FINISHED_WITHIN: Duration = Duration::from_hours(72);

impl Link {
    /// Takes what is due. Returns whether there may be more.
    pub(super) fn take_due(&mut self, pass: &Pass) -> Step<bool> {
        let mut has_more = false;
        for (since, channels) in pass.channels_by_since() {
            for some in channels.chunks(IDS_MAX) {
                has_more |= self.take_due_on(pass, some, &since)?;
                if self.looked_at.is_none() {
                    return Ok(true); // What the pass knows of the project is old.
                }
            }
        }
        Ok(has_more)
    }

    fn take_due_on(&mut self, pass: &Pass, channels: &[String], since: &str) -> Step<bool> {
        let group = format!("{since} {}", channels.join(","));
        let mut after: Option<Found> = self.found_last.remove(&group);
        for _ in 0..PAGES_PER_PASS {
            let page = self.remote.find(&pass.tables, channels, since, after.as_ref())?;
            // A page as long as the longest one may have been cut by the server.
            let is_last = page.len() < PAGE && page.len() < self.longest_page.max(1);
            self.longest_page = self.longest_page.max(page.len());
            after = page.last().cloned();
            let (fresh, settled) = self.sort_found(pass, page)?;
            let is_news = !fresh.is_empty() || !settled.is_empty();
            if is_news && self.becomes_shared(pass)? {
                return Ok(true);
            }
            if is_news && !self.remote.are_on(&pass.tables, channels)? {
                // The next pass follows at once: it looks which of them are off, and leaves these out.
                self.looked_at = None;
                return Ok(true);
            }
            if !fresh.is_empty() {
                self.take(pass, &fresh)?;
            }
            for claim in settled {
                self.found_again(pass, &claim)?;
            }
            if is_last {
                return Ok(false);
            }
        }
        self.found_last.extend(after.map(|last| (group, last)));
        Ok(true)
    }

    /// Whether a link that is alone finds the tables of the migration, with which another appliance may claim what is
    /// due: it goes by them from the next pass on. Asked before anything is taken, not now and then: else both send.
    /// One that is off owns no channel, and what is due before now on those that it had stays as it is.
    pub(super) fn becomes_shared(&mut self, pass: &Pass) -> Step<bool> {
        let LinkState { is_on, is_shared, appliance, project, .. } = &pass.state;
        if *is_shared {
            return Ok(false);
        }
        let owners = match self.remote.owners() {
            Err(Trouble { kind: Kind::Schema, .. }) => return Ok(false),
            owners => owners?,
        };
        // A description may be older than the tables; that another one owns a channel is proof enough.
        let is_described = self.tables(true)?.is_shared;
        if !is_described && owners.iter().all(|owner| owner.appliance == *appliance) {
            return Ok(false);
        }
        // First of all the channels that nobody has: where that fails, what is under way goes on as before.
        for channel in pass.channels.iter().filter(|_| *is_on) {
            self.remote.own(&channel.remote_id, appliance)?;
        }
        let (to, told) = ((&**project, &**appliance), &mut self.told_until);
        tell_of_claims::<Stop>(&self.remote, &mut self.store, &pass.tables, to, told)?;
        let begin = times::surely_past(self.remote.date().unwrap_or(pass.now.wall)).to_string();
        let begin = (!is_on).then_some(begin);
        if !self.write(|tx| tx.set_link_shared(project, begin.as_deref()))? {
            if *is_on {
                self.remote.disown(appliance)?; // It was turned off meanwhile, and knew of no channel of its own.
            }
            return Err(Stop::Told);
        }
        log::warn!("link: the tables of the migration are there: the mode is shared from now on");
        self.looked_at = None; // The next pass follows at once, and looks whose the channels are.
        Ok(true)
    }

    /// See [`Link::take_due_until`]: what is left of channels that were handed over before.
    pub(super) fn take_due_of_handed(&mut self, pass: &Pass) -> Step<()> {
        if !pass.state.is_shared {
            return Ok(());
        }
        pass.handed.iter().try_for_each(|(channel, at)| self.take_due_until(pass, channel, at))
    }

    /// Takes what came due on a channel before another appliance took it, as one that nobody had: that one
    /// does not look at it. Of more than some pages, the rest waits for the next look.
    pub(super) fn take_due_until(
        &mut self,
        pass: &Pass,
        channel: &LinkChannel,
        until: &str,
    ) -> Step<()> {
        let ids = [channel.remote_id.clone()];
        let mut after = None;
        for _ in 0..PAGES_PER_PASS {
            let page = self.remote.find(&pass.tables, &ids, &channel.since, after.as_ref())?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.clone());
            let is_before = |found: &Found| times::is_before(&found.due_at, until);
            let page: Vec<Found> = page.into_iter().filter(is_before).collect();
            if page.is_empty() || !self.remote.are_on(&pass.tables, &ids)? {
                return Ok(());
            }
            let (fresh, settled) = self.sort_found(pass, page)?;
            self.take(pass, &fresh)?;
            settled.iter().try_for_each(|claim| self.found_again(pass, claim))?;
        }
        Ok(())
    }

    /// Which of them are new, and which were sent from here before.
    fn sort_found(&mut self, pass: &Pass, page: Vec<Found>) -> Step<(Vec<Found>, Vec<LinkClaim>)> {
        let project = &pass.state.project;
        Ok(self.store.read(|tx| {
            let (mut fresh, mut settled) = (Vec::new(), Vec::new());
            for found in page {
                if tx.has_open_link_claim(project, &found.id)? {
                    continue;
                }
                match tx.link_claim(project, &found.id, &found.due_at)? {
                    Some(claim) if claim.state == ClaimState::Settled => settled.push(claim),
                    Some(_) | None => fresh.push(found),
                }
            }
            Ok((fresh, settled))
        })?)
    }

    fn take(&mut self, pass: &Pass, fresh: &[Found]) -> Step<()> {
        let (project, now) = (&pass.state.project, pass.now.wall);
        let known = |found: &Found| Some((found.clone(), times::instant(&found.due_at)?));
        let mut fresh: Vec<_> = fresh.iter().filter_map(known).collect();
        // Two batches in opposite orders would wait for each other's rows for ever.
        fresh.sort_unstable_by(|(a, _), (b, _)| (&a.id, &a.due_at).cmp(&(&b.id, &b.due_at)));
        for batch in fresh.chunks(IDS_MAX) {
            let meant = self.write(|tx| {
                let mut meant = Vec::new();
                for (found, local) in batch {
                    tx.intend(project, &found.id, (&found.due_at, *local), now)?;
                    meant.extend(tx.link_claim(project, &found.id, &found.due_at)?);
                }
                Ok(meant)
            })?;
            fail_point::reach("link_intended");
            self.claim(pass, &meant)?;
            self.plan_claimed(pass)?;
        }
        Ok(())
    }

    /// Claims whose reply never came.
    pub(super) fn resolve_claims(&mut self, pass: &Pass) -> Step<()> {
        self.each_claims(ClaimState::Claiming, IDS_MAX, |link, mut open| {
            open.sort_unstable_by(|a, b| (&a.remote_id, &a.due_at).cmp(&(&b.remote_id, &b.due_at)));
            link.claim(pass, &open)
        })
    }

    /// Claims what is meant. What stays open is asked for again in a later pass: that a claim is not
    /// there after a request without an answer does not prove that it will not be.
    fn claim(&mut self, pass: &Pass, meant: &[LinkClaim]) -> Step<()> {
        if !pass.state.is_shared {
            return self.set_states(meant.iter().map(|claim| (claim.id, ClaimState::Claimed)));
        }
        let rows: Vec<Value> =
            meant.iter().map(|claim| row(claim, &pass.state.appliance)).collect();
        let won = claim_rows(&self.remote, &rows);
        fail_point::reach("link_claim_sent");
        let won = match won {
            Ok(won) => won,
            // Of a batch, one row that was deleted keeps all from being claimed.
            Err(Trouble { kind: Kind::Gone, .. }) if meant.len() > 1 => {
                for one in meant {
                    self.claim(pass, std::slice::from_ref(one))?;
                }
                return Ok(());
            }
            Err(Trouble { kind: Kind::Gone, .. }) => {
                return self.set_states(meant.iter().map(|claim| (claim.id, ClaimState::Released)));
            }
            Err(trouble) => return Err(trouble.into()),
        };
        let holders = holders(&self.remote, won, meant)?;
        let mut states = Vec::new();
        for claim in meant {
            let held = holders.get(&(claim.remote_id.clone(), claim.due_at.clone()));
            match held {
                Some(held) if held.token == claim.token => {
                    states.push((claim.id, ClaimState::Claimed));
                }
                Some(held) => {
                    states.push((claim.id, ClaimState::Lost));
                    if held.is_settled {
                        self.found_settled_by_another(pass, claim, held)?;
                    }
                }
                None => {}
            }
        }
        self.set_states(states.into_iter())?;
        fail_point::reach("link_claimed");
        Ok(())
    }

    fn set_states(&mut self, states: impl Iterator<Item = (i64, ClaimState)>) -> Step<()> {
        let states: Vec<_> = states.collect();
        self.write(|tx| states.iter().try_for_each(|(id, state)| tx.set_claim_state(*id, *state)))
    }

    /// What the project has as ours, and is open there. A token that is not known here is of a database
    /// that was lost or restored: whatever it sent, nothing of it is sent again.
    pub(super) fn reconcile(&mut self, pass: &Pass) -> Step<()> {
        let project = &pass.state.project;
        let mut lost = 0;
        self.keep_foreign_of_channels(pass)?;
        for remote in self.remote.open_claims(&pass.state.appliance)? {
            let known =
                self.store.read(|tx| tx.link_claim(project, &remote.message, &remote.due_at))?;
            let known = known.filter(|claim| claim.token == remote.token);
            match known.map(|claim| (claim.id, claim.state)) {
                // A late request made it again, or for the first time.
                Some((id, ClaimState::Released | ClaimState::Claiming | ClaimState::Lost)) => {
                    self.write(|tx| tx.set_claim_state(id, ClaimState::Claimed))?;
                }
                // Its end was not written.
                Some((id, ClaimState::Settled)) => {
                    self.write(|tx| tx.set_claim_state(id, ClaimState::Ended))?;
                }
                Some((_, ClaimState::Claimed | ClaimState::Planned | ClaimState::Ended)) => {}
                None => {
                    lost += 1;
                    self.keep_foreign(pass, &remote)?;
                }
            }
        }
        if lost > 0 {
            let words = format!(
                "{lost} claims of this appliance are not in its database: what they may have sent is unknown, and not sent again"
            );
            self.alarm(LinkAlarm::LostLedger, &words)?;
        }
        Ok(())
    }

    /// Of channels that were taken over, what the other one had under way. What was due before a channel was
    /// taken, it may still be sending: see [`Link::take_due_until`].
    fn keep_foreign_of_channels(&mut self, pass: &Pass) -> Step<()> {
        let owners = self.remote.owners()?;
        let taken_at = |claim: &RemoteClaim| {
            let owner =
                owners.iter().find(|owner| claim.channel.as_ref() == Some(&owner.channel))?;
            owner.taken_at.as_deref()
        };
        let began = self.remote.date().unwrap_or(pass.now.wall).minus(FINISHED_WITHIN);
        let is_left = |other: &&RemoteClaim| {
            !taken_at(other).is_some_and(|taken_at| times::is_before(&other.due_at, taken_at))
                || times::instant(&other.claimed_at).is_none_or(|at| at < began)
        };
        let channels: Vec<String> = pass.channels.iter().map(|one| one.remote_id.clone()).collect();
        for some in channels.chunks(IDS_MAX) {
            let others =
                self.remote.open_claims_of_others(&pass.tables, some, &pass.state.appliance)?;
            let mut left = others.iter().filter(is_left);
            left.try_for_each(|other| self.keep_foreign(pass, other))?;
        }
        Ok(())
    }

    fn keep_foreign(&mut self, pass: &Pass, remote: &RemoteClaim) -> Step<()> {
        let (project, now) = (&pass.state.project, pass.now.wall);
        let Some(local) = times::instant(&remote.due_at) else { return Ok(()) };
        let at = (remote.due_at.as_str(), local);
        self.write(|tx| tx.keep_foreign_claim(project, &remote.message, at, &remote.token, now))
    }

    /// Gives a claim back and forgets it: the row is not what was found any more.
    pub(super) fn release(&mut self, pass: &Pass, claim: &LinkClaim) -> Step<()> {
        if pass.state.is_shared {
            self.remote.release(&claim.remote_id, &claim.due_at, &claim.token)?;
        }
        self.set_states([(claim.id, ClaimState::Released)].into_iter())
    }

    fn found_settled_by_another(
        &mut self,
        pass: &Pass,
        claim: &LinkClaim,
        held: &RemoteClaim,
    ) -> Step<()> {
        // What it cancelled, because this channel was taken from it, nobody sends any more.
        let status = match held.status.as_deref() {
            Some("cancelled") if held.sent_count > 0 => Some("sent"),
            Some("cancelled") => Some("failed"),
            status => status,
        };
        self.move_on(pass, claim, status).map(drop)
    }
}

/// Writes into the project what this appliance took while it was alone: with the tables of the migration,
/// another one would take it again. What that one has claimed by now is its own. After a failure it goes on behind
/// the claim `told_until`: there may be thousands.
pub(in super::super) fn tell_of_claims<E: From<Trouble> + From<StoreError>>(
    remote: &Remote,
    store: &mut Store,
    tables: &Tables,
    (project, appliance): (&str, &str),
    told_until: &mut i64,
) -> Result<(), E> {
    loop {
        let known = store.read(|tx| tx.taken_link_claims(project, *told_until, IDS_MAX))?;
        let Some(last) = known.last().map(|claim| claim.id) else { return Ok(()) };
        let ids: Vec<&str> = known.iter().map(|claim| claim.remote_id.as_str()).collect();
        let rows = remote.watch(tables, &ids)?;
        // Of a row that is gone there is nothing to claim.
        let is_there = |claim: &LinkClaim| rows.iter().any(|row| row.id == claim.remote_id);
        let mut known: Vec<LinkClaim> = known.into_iter().filter(is_there).collect();
        // As in `take`.
        known.sort_unstable_by(|a, b| (&a.remote_id, &a.due_at).cmp(&(&b.remote_id, &b.due_at)));
        let taken = tell_of_some(remote, appliance, &known)?;
        store.write(|tx| {
            taken
                .iter()
                .filter(|claim| claim.state == ClaimState::Claimed)
                .try_for_each(|claim| tx.set_claim_state(claim.id, ClaimState::Lost))
        })?;
        *told_until = last;
    }
}

/// See [`tell_of_claims`]. Returns those that another one holds.
fn tell_of_some(remote: &Remote, appliance: &str, known: &[LinkClaim]) -> Told<Vec<LinkClaim>> {
    let told = |claim: &LinkClaim| {
        let ending = claim.ending.as_ref().filter(|_| claim.state == ClaimState::Settled);
        let body = ending.map(claim_body).unwrap_or_default();
        let mut row = row(claim, appliance);
        // Rows of one request have the same columns.
        for column in ENDING {
            row[column] = body[column].clone();
        }
        row
    };
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Value> = known.iter().map(told).collect();
    match claim_rows(remote, &rows) {
        // Of a batch, one row that was deleted keeps all from being claimed.
        Err(Trouble { kind: Kind::Gone, .. }) if known.len() > 1 => {
            let (left, right) = known.split_at(known.len() / 2);
            let mut lost = tell_of_some(remote, appliance, left)?;
            lost.extend(tell_of_some(remote, appliance, right)?);
            Ok(lost)
        }
        Err(Trouble { kind: Kind::Gone, .. }) => Ok(Vec::new()),
        won => {
            let holders = holders(remote, won?, known)?;
            let is_lost = |claim: &&LinkClaim| {
                let held = holders.get(&(claim.remote_id.clone(), claim.due_at.clone()));
                held.is_some_and(|held| held.token != claim.token)
            };
            Ok(known.iter().filter(is_lost).cloned().collect())
        }
    }
}

/// Claims occurrences, twice when the first request had no answer: done twice is done once.
fn claim_rows(remote: &Remote, rows: &[Value]) -> Told<Vec<RemoteClaim>> {
    match remote.claim(rows) {
        Err(Trouble { kind: Kind::Unknown, .. }) => remote.claim(rows),
        won => won,
    }
}

/// Who has the claims of these occurrences, of which `won` are known to be ours.
fn holders(
    remote: &Remote,
    won: Vec<RemoteClaim>,
    meant: &[LinkClaim],
) -> Told<HashMap<(String, String), RemoteClaim>> {
    let mut holders = by_occurrence(won);
    let missing = |claim: &&LinkClaim| holders.values().all(|held| held.token != claim.token);
    let asked: Vec<&str> = meant.iter().filter(missing).map(|one| one.remote_id.as_str()).collect();
    if !asked.is_empty() {
        holders.extend(by_occurrence(remote.claims_of(&asked)?));
    }
    Ok(holders)
}

fn row(claim: &LinkClaim, appliance: &str) -> Value {
    json!({
        "auto_message_id": claim.remote_id, "due_at": claim.due_at,
        "claimed_by": appliance, "claim_token": claim.token,
    })
}

/// By row and instant; the database writes an instant always in the same way.
fn by_occurrence(claims: Vec<RemoteClaim>) -> HashMap<(String, String), RemoteClaim> {
    let key = |claim: &RemoteClaim| (claim.message.clone(), claim.due_at.clone());
    claims.into_iter().map(|claim| (key(&claim), claim)).collect()
}
