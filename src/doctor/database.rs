//! The database and what stands in it: damage, channels, triggers, numbers that will not send.

use std::path::Path;
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use super::server::Answering;
use super::{Depth, Examined, Findings, Said, Subject, Verdict, webhook};
use crate::channels::{HoldEnds, Off, hold_ends, usable};
use crate::clock::{Clock, Timestamp, Wake};
use crate::config::{Config, DEFAULT_ENV_FILE, absolute};
use crate::forecast::{self, Bounds, Fate, Scope, Seen};
use crate::instance::Instance;
use crate::lock::{self, Holder, Sending};
use crate::logging::in_one_line;
use crate::recipient;
use crate::status::{self, SenderView};
use crate::store::{
    Channel, EventsHeard, SchemaDifferences, Store, StoreError, Trigger, Unresolved,
    WAL_LARGE_BYTES,
};

/// How long damage is looked for.
const CHECK_FOR: Duration = Duration::from_secs(10);
/// Cron comes every few minutes; one that has been away for so long does not come.
const TRIGGER_AWAY: Duration = Duration::from_mins(15);
/// How much is looked at for numbers that will not send: seconds of work.
const CONTACTS_MAX: u64 = 1_000_000;
/// A request to stop that could not be resolved is told for so long.
const HIDDEN_TOLD_FOR: Duration = Duration::from_hours(30 * 24);
const BOUNDS: Bounds = Bounds { messages: 1000, recipients: 200_000 };

pub(super) fn examine(
    config: &Config,
    clock: &dyn Clock,
    depth: Depth,
    waha: Option<&Answering>,
    findings: &mut Findings,
) {
    let Some(store) = open(config, findings) else { return };
    let mut look = Look { store, config, now: clock.now().wall, depth, findings };
    if let Err(error) = look.everything(clock, waha) {
        cannot_be_used(&error, findings);
    }
}

struct Look<'a> {
    store: Store,
    config: &'a Config,
    now: Timestamp,
    depth: Depth,
    findings: &'a mut Findings,
}

fn cannot_be_used(error: &StoreError, findings: &mut Findings) {
    let remedy = match error {
        StoreError::Denied { .. } | StoreError::ReadOnly { .. } | StoreError::Open { .. } => {
            Said::RunAsOwner
        }
        error if error.is_disk_full() => Said::MakeRoomNow,
        error if error.may_pass() => Said::SeeWhoUses,
        _ => Said::DocsOfBackup,
    };
    let found = Said::DatabaseUnusable { cause: in_one_line(error) };
    findings.wrong(Subject::Database, found, remedy);
}

fn open(config: &Config, findings: &mut Findings) -> Option<Store> {
    let path = &absolute(&config.database_path);
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    if let Some(directory) = directory.filter(|directory| !directory.is_dir()) {
        let found = Said::NoDirectory { path: directory.display().to_string() };
        findings.wrong(Subject::Database, found, Said::MakeDirectory);
        return None;
    }
    let shown = path.display().to_string();
    if !path.exists() && !Store::restoring_path(path).exists() {
        let found = Said::DatabaseNotThere { path: shown };
        findings.warning(Subject::Database, found, Said::FirstRunMakesIt);
        return None;
    }
    if !path.exists() {
        let found = Said::RestoreCutOff { path: shown };
        findings.wrong(Subject::Database, found, Said::RestoreAgain);
        return None;
    }
    match Store::open_as_is(path) {
        Ok(Some(store)) => Some(store),
        Ok(None) => {
            let found = Said::DatabaseEmpty { path: shown };
            findings.warning(Subject::Database, found, Said::FirstRunMakesTables);
            None
        }
        Err(error) => {
            cannot_be_used(&error, findings);
            None
        }
    }
}

impl Look<'_> {
    fn everything(&mut self, clock: &dyn Clock, waha: Option<&Answering>) -> Examined {
        self.file(clock)?;
        let (found, known) = self.store.tables_version()?;
        if found < known {
            return Ok(()); // The other questions are about tables that it does not have.
        }
        self.instance()?;
        self.schema()?;
        let heard = self.store.read(|tx| tx.events_heard(self.now))?;
        self.channels(waha, &heard)?;
        super::number::examine(&mut self.store, self.config, self.now, &heard, self.findings)?;
        let server = waha.map(Answering::server);
        webhook::heard(&heard, self.config, server, self.findings);
        self.triggers()?;
        super::callbacks(&mut self.store, self.config, self.findings)?;
        self.hidden()?;
        self.panel()?;
        if self.depth == Depth::Quick {
            return Ok(());
        }
        self.contacts()?;
        let is_plus = waha.and_then(Answering::is_plus);
        super::media::examine(&mut self.store, is_plus, self.findings)?;
        self.messages()
    }

    fn file(&mut self, clock: &dyn Clock) -> Examined {
        let Self { store, findings, depth, .. } = self;
        let path = absolute(store.path());
        let path = path.display().to_string();
        if store.is_read_only()? {
            let found = Said::ReadOnly { path: path.clone() };
            findings.wrong(Subject::Database, found, Said::CheckOwnerOfBoth);
        }
        let (found, known) = store.tables_version()?;
        if found < known {
            let old = Said::TablesOld { found, known };
            findings.warning(Subject::Database, old, Said::NextRunUpdates);
        }
        let mode = store.journal_mode()?;
        let journal = if mode == "wal" { Said::JournalWal } else { Said::JournalOther };
        let journal = Box::new(journal);
        let wal_bytes = store.wal_bytes();
        if wal_bytes > WAL_LARGE_BYTES {
            let found = Said::WalLarge { mib: wal_bytes >> 20 };
            findings.warning(Subject::Database, found, Said::EndReader);
        }
        if *depth == Depth::Quick {
            findings.ok(Subject::Database, Said::DatabaseSeen { path, journal });
            return Ok(());
        }
        match check(store, clock)? {
            Some(Ok(())) => findings.ok(Subject::Database, Said::DatabaseSound { path, journal }),
            None => {
                let secs = CHECK_FOR.as_secs();
                findings.ok(Subject::Database, Said::NoDamageYet { path, secs, journal });
            }
            Some(Err(cause)) => findings.wrong(
                Subject::Database,
                Said::DatabaseDamaged { path, cause },
                Said::RestoreBackup,
            ),
        }
        Ok(())
    }

    /// Which password the panel takes.
    fn panel(&mut self) -> Examined {
        if self.config.admin_password.is_some()
            && self.store.read(|tx| tx.replaced_password())?.is_some()
        {
            self.findings.ok(Subject::Panel, Said::PasswordReplaced);
        }
        Ok(())
    }

    /// What others put into the database beside our tables.
    fn schema(&mut self) -> Examined {
        let Self { store, findings, .. } = self;
        let SchemaDifferences { foreign_triggers, foreign, broken } = store.compare_schema()?;
        if !foreign.is_empty() {
            findings.ok(Subject::Database, Said::AlsoHolds { things: foreign.join(", ") });
        }
        if !foreign_triggers.is_empty() {
            let found = Said::ForeignTriggers { things: foreign_triggers.join(", ") };
            findings.warning(Subject::Database, found, Said::SeeTriggers);
        }
        if !broken.is_empty() {
            let found = Said::SchemaBroken { things: broken.join(", ") };
            findings.wrong(Subject::Database, found, Said::RestoreForPromises);
        }
        Ok(())
    }

    /// A copy does not send what the original may be sending.
    fn instance(&mut self) -> Examined {
        let Self { store, findings, .. } = self;
        let Ok(here) = Instance::of(store.path()) else { return Ok(()) };
        let (recorded, backup_of) = store.read(|tx| Ok((tx.instance()?, tx.backup_made_at()?)))?;
        let recorded = recorded.map(|text| Instance::parse(&text));
        if backup_of.is_some() {
            findings.wrong(Subject::Place, Said::BackupPlaced, Said::RestoreOrConfirm);
        } else if recorded.is_some_and(|recorded| !recorded.is_same_as(&here)) {
            findings.wrong(Subject::Place, Said::DatabaseMoved, Said::ConfirmPlace);
        }
        Ok(())
    }

    fn channels(&mut self, waha: Option<&Answering>, heard: &EventsHeard) -> Examined {
        let Self { store, config, now, findings, .. } = self;
        let (channels, unknown, believed) = store.read(|tx| {
            Ok((tx.channels_with_pending()?, tx.count_unknown()?, tx.clock_believed()?))
        })?;
        if let Some(why) = believed.hold {
            findings.wrong(Subject::Clock, Said::ClockNotBelieved { why }, Said::NextRunLooks);
        }
        let is_active = |(channel, _): &(Channel, u64)| usable(Some(channel)) != Err(Off::Inactive);
        if !channels.iter().any(is_active) {
            findings.wrong(Subject::Channels, Said::NoChannelActive, Said::ActivateChannel);
        }
        for (channel, pending) in &channels {
            held(channel, *pending, *now, findings);
            match usable(Some(channel)) {
                Err(Off::Inactive | Off::Missing) => {}
                Err(Off::NoSession) => {
                    let found = Said::NoSessionName { channel: channel.name.clone() };
                    findings.wrong(Subject::Channels, found, Said::FillInSession);
                }
                Ok(_) => {
                    if let (Some(waha), Some(session)) = (waha, &channel.session_name) {
                        waha.session(session, channel, (config, heard), findings);
                    }
                }
            }
        }
        two_of_one_number(&channels, findings);
        if unknown > 0 {
            let found = Said::Unknown { count: unknown };
            findings.warning(Subject::Unknown, found, Said::LookIntoWhatsapp);
        }
        Ok(())
    }

    fn triggers(&mut self) -> Examined {
        let Self { store, config, now, findings, .. } = self;
        let now = *now;
        let sending = lock::who_sends(store.path());
        let (last, due) = store.read(|tx| Ok((tx.newest_trigger()?, tx.count_due(now)?)))?;
        if let Some(sender) = status::sender(store, config, now)? {
            let SenderView { holder: Holder { pid, since, command }, hangs } = sender;
            let local = config.zone.format_local(since);
            if command == "serve" && is_newer(config, since) {
                findings.warning(Subject::Settings, Said::SettingsNewer, Said::StartAgain);
            }
            match hangs {
                Some(why) => findings.wrong(
                    Subject::Triggers,
                    Said::SendsAndHangs { pid, command, local, why },
                    Said::KillIt { pid },
                ),
                None => findings.ok(Subject::Triggers, Said::Sends { pid, command, local }),
            }
            return Ok(());
        }
        if let Sending::Process(pid) = sending {
            let who = if pid > 0 { Said::ProcessSends { pid } } else { Said::HiddenProcessSends };
            findings.ok(Subject::Triggers, who);
            return Ok(());
        }
        let last = last.and_then(|run| Some((run.trigger, now.since(run.started_at?))));
        let found = match last {
            None => Said::NoTriggerYet,
            Some((Trigger::Cli, ago)) => Said::LastRun { minutes: ago.as_secs() / 60 },
            Some((_, ago)) => Said::LastTrigger { minutes: ago.as_secs() / 60 },
        };
        match last.map(|(_, ago)| ago) {
            Some(ago) if ago <= TRIGGER_AWAY => findings.ok(Subject::Triggers, found),
            _ if due > 0 => {
                let found = Said::AndDue { found: found.into(), due };
                findings.wrong(Subject::Triggers, found, Said::StartOrCron);
            }
            _ => findings.warning(Subject::Triggers, found, Said::StartOrCron),
        }
        Ok(())
    }

    /// Who asked to stop by a hidden number, and may still be written to by the phone number.
    fn hidden(&mut self) -> Examined {
        let Self { store, now, findings, .. } = self;
        let Unresolved { asked, given_up } =
            store.read(|tx| tx.unresolved_hidden(now.minus(HIDDEN_TOLD_FOR)))?;
        if asked + given_up > 0 {
            let count = asked + given_up;
            let found =
                if asked > 0 { Said::HiddenAsked { count } } else { Said::HiddenUntold { count } };
            findings.warning(Subject::Contacts, found, Said::OptOutByHand);
        }
        Ok(())
    }

    fn contacts(&mut self) -> Examined {
        let Self { store, config, findings, .. } = self;
        let (mut looked, mut bad, mut first) = (0_u64, 0_u64, None);
        store.read(|tx| {
            tx.each_contact_after(i64::MIN, |contact| {
                if contact.opted_out_at.is_none() {
                    looked += 1;
                    if let Err(error) =
                        recipient::phone_to_chat(&contact.phone_number, &config.country)
                    {
                        bad += 1;
                        first.get_or_insert((contact.id, error));
                    }
                }
                Ok(looked < CONTACTS_MAX)
            })
        })?;
        match first {
            None if looked == 0 => findings.ok(Subject::Contacts, Said::NoContacts),
            None => findings.ok(Subject::Contacts, Said::ContactsGood { count: looked }),
            Some((contact, why)) => findings.warning(
                Subject::Contacts,
                Said::ContactsBad { bad, of: looked, contact, why },
                Said::CorrectContacts,
            ),
        }
        Ok(())
    }

    fn messages(&mut self) -> Examined {
        let Self { store, config, now, findings, .. } = self;
        let (mut failing, mut skipped) = (None, None);
        let see = &mut |seen: Seen<'_>| match seen {
            Seen::Message(message) => {
                if let Some(why) = &message.fails {
                    failing.get_or_insert_with(|| (message.id, why.to_string()));
                }
            }
            Seen::Recipient(row) => {
                if let Fate::Skipped { reason } = row.fate {
                    skipped.get_or_insert_with(|| (row.message_id, reason.to_owned()));
                }
            }
        };
        let Some(seen) = forecast::forecast(store, Scope::All, config, BOUNDS, *now, see)? else {
            return Ok(());
        };
        let totals = seen.totals;
        if let Some((message, why)) = failing {
            let count = totals.failing_messages;
            let found = Said::MessagesFail { count, message, why };
            findings.wrong(Subject::Messages, found, Said::CorrectMessages);
        }
        if let Some((message, why)) = skipped {
            let count = totals.skipped;
            let found = Said::RecipientsSkipped { count, message, why };
            findings.warning(Subject::Messages, found, Said::PlanShows);
        }
        if totals.too_late > 0 {
            let found = Said::RecipientsLate { count: totals.too_late };
            findings.warning(Subject::Messages, found, Said::MoreChannels);
        }
        if totals.failing_messages + totals.skipped + totals.too_late == 0 {
            let count = seen.messages;
            findings.ok(Subject::Messages, Said::MessagesGood { count });
        }
        Ok(())
    }
}

/// Looks for damage, but not for ever.
fn check(store: &Store, clock: &dyn Clock) -> Result<Option<Result<(), String>>, StoreError> {
    let (done, interrupt) = (Wake::default(), store.interrupter());
    let seen = done.rings();
    thread::scope(|scope| {
        scope.spawn(|| {
            clock.sleep(&done, seen, Some(CHECK_FOR));
            if done.rings() == seen {
                interrupt();
            }
        });
        let checked = store.quick_check();
        done.ring();
        checked
    })
}

fn held(channel: &Channel, pending: u64, now: Timestamp, findings: &mut Findings) {
    let Some(held) = &channel.held else { return };
    let (name, why) = (channel.name.clone(), held.reason.clone());
    let found = Said::ChannelHeld { channel: name, pending, why };
    let is_to_come = held.until.is_some_and(|until| until > now);
    let (verdict, remedy) = match hold_ends(held, now) {
        HoldEnds::ByPerson if held.kind.is_some() => (Verdict::Wrong, Said::PersonDecides),
        HoldEnds::ByPerson => (Verdict::Warning, Said::EmptyHeldReason),
        HoldEnds::At(_) | HoldEnds::ByLook if is_to_come => (Verdict::Warning, Said::LookedAtAgain),
        HoldEnds::At(_) | HoldEnds::ByLook => (Verdict::Warning, Said::NextTriggerLooks),
    };
    findings.add(verdict, Subject::Channels, found, Some(remedy));
}

fn two_of_one_number(channels: &[(Channel, u64)], findings: &mut Findings) {
    for (at, (one, _)) in channels.iter().enumerate() {
        let number = one.phone_number.as_ref().filter(|_| one.is_active);
        let same = channels[at + 1..].iter().find(|(other, _)| {
            other.is_active && number.is_some() && other.phone_number.as_ref() == number
        });
        if let (Some(number), Some((other, _))) = (number, same) {
            let (one, other) = (one.name.clone(), other.name.clone());
            let found = Said::TwoOfOneNumber { one, other, number: number.clone() };
            findings.wrong(Subject::Channels, found, Said::ScanOrPause);
        }
    }
}

/// Whether the env file was written after that: who began before goes by what it said then.
fn is_newer(config: &Config, since: Timestamp) -> bool {
    let env_file = config.env_file.as_deref().unwrap_or(Path::new(DEFAULT_ENV_FILE));
    let written = env_file.metadata().and_then(|metadata| metadata.modified()).ok();
    let written = written.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    written.is_some_and(|at| i64::try_from(at.as_secs()).is_ok_and(|secs| secs > since.secs()))
}
