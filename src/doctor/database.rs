//! The database and what stands in it: damage, channels, triggers, numbers that will not send.

use std::thread;
use std::time::Duration;

use super::server::Answering;
use super::{Depth, Findings, webhook};
use crate::channels::{HoldEnds, Off, hold_ends, usable};
use crate::clock::{Clock, Timestamp, Wake};
use crate::config::{Config, absolute};
use crate::forecast::{self, Bounds, Fate, Scope, Seen};
use crate::instance::Instance;
use crate::lock::{self, Sending};
use crate::logging::in_one_line;
use crate::recipient;
use crate::status;
use crate::store::{
    Channel, EventsHeard, SchemaDifferences, Store, StoreError, Unresolved, WAL_LARGE_BYTES,
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
            "do that, and run every command as the user who runs `serve` or cron"
        }
        error if error.is_disk_full() => {
            "make room (`df -h`): until then nothing is recorded, so nothing is sent"
        }
        error if error.may_pass() => "see who else uses the file, and run `doctor` again",
        _ => "docs/operation.md tells of backup and restore",
    };
    findings.wrong("database", in_one_line(error), remedy);
}

fn open(config: &Config, findings: &mut Findings) -> Option<Store> {
    let path = &absolute(&config.database_path);
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    if let Some(directory) = directory.filter(|directory| !directory.is_dir()) {
        let found = format!("there is no directory `{}`", directory.display());
        findings.wrong("database", found, "make it, or correct DATABASE_PATH");
        return None;
    }
    if !path.exists() && !Store::restoring_path(path).exists() {
        let found = format!("`{}` is not there yet", path.display());
        let remedy = "the first `serve` or `run` makes it; is DATABASE_PATH right?";
        findings.warning("database", found, remedy);
        return None;
    }
    if !path.exists() {
        let found = format!("`{}` is missing because a restore was cut off", path.display());
        findings.wrong("database", found, "run `restore` again");
        return None;
    }
    match Store::open_as_is(path) {
        Ok(Some(store)) => Some(store),
        Ok(None) => {
            let found = format!("`{}` is empty", path.display());
            findings.warning("database", found, "the first `serve` or `run` makes its tables");
            None
        }
        Err(error) => {
            cannot_be_used(&error, findings);
            None
        }
    }
}

impl Look<'_> {
    fn everything(
        &mut self,
        clock: &dyn Clock,
        waha: Option<&Answering>,
    ) -> Result<(), StoreError> {
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

    fn file(&mut self, clock: &dyn Clock) -> Result<(), StoreError> {
        let Self { store, findings, depth, .. } = self;
        let path = absolute(store.path());
        let path = path.display();
        if store.is_read_only()? {
            let remedy = "check owner and mode of the file and of its directory";
            findings.wrong("database", format!("`{path}` may be read but not written"), remedy);
        }
        let (found, known) = store.tables_version()?;
        if found < known {
            let text = format!("its tables are version {found}, this program knows {known}");
            findings.warning("database", text, "the next `serve` or `run` brings them up to date");
        }
        let mode = store.journal_mode()?;
        let journal = if mode == "wal" { "WAL" } else { "no WAL: slower, as safe" };
        let wal_bytes = store.wal_bytes();
        if wal_bytes > WAL_LARGE_BYTES {
            findings.warning(
                "database",
                format!(
                    "its -wal has grown to {} MiB: another program reads the database for long",
                    wal_bytes >> 20
                ),
                "end it (a shell of sqlite3, a backup tool: `fuser` with the file's name shows which); the next sends make \
                 the -wal small again",
            );
        }
        if *depth == Depth::Quick {
            findings.ok("database", format!("`{path}`; {journal}"));
            return Ok(());
        }
        match check(store, clock)? {
            Some(Ok(())) => findings.ok("database", format!("`{path}` is sound; {journal}")),
            None => findings.ok(
                "database",
                format!("`{path}`: no damage in the first {} s; {journal}", CHECK_FOR.as_secs()),
            ),
            Some(Err(damage)) => findings.wrong(
                "database",
                format!("`{path}` is damaged: {damage}"),
                "stop the program, keep a copy, and restore a backup",
            ),
        }
        Ok(())
    }

    /// Which password the panel takes.
    fn panel(&mut self) -> Result<(), StoreError> {
        if self.config.admin_password.is_some()
            && self.store.read(|tx| tx.replaced_password())?.is_some()
        {
            let found = "its password was changed in the panel, and counts in place of the setting; \
                         `password-hash --panel` gives it another one";
            self.findings.ok("panel", found);
        }
        Ok(())
    }

    /// What others put into the database beside our tables.
    fn schema(&mut self) -> Result<(), StoreError> {
        let Self { store, findings, .. } = self;
        let SchemaDifferences { foreign_triggers, foreign, broken } = store.compare_schema()?;
        if !foreign.is_empty() {
            let found = format!("it also holds {}, not made by this program", foreign.join(", "));
            findings.ok("database", found);
        }
        if !foreign_triggers.is_empty() {
            let found = format!("{} was not made by this program", foreign_triggers.join(", "));
            let remedy = "see what it does: a trigger can change, send or stop messages; DROP TRIGGER removes it";
            findings.warning("database", found, remedy);
        }
        if !broken.is_empty() {
            let remedy =
                "stop the program, keep a copy, and restore a backup: the promises rest on it";
            findings.wrong("database", broken.join(", "), remedy);
        }
        Ok(())
    }

    /// A copy does not send what the original may be sending.
    fn instance(&mut self) -> Result<(), StoreError> {
        let Self { store, findings, .. } = self;
        let Ok(here) = Instance::of(store.path()) else { return Ok(()) };
        let recorded = store.read(|tx| Ok(tx.instance()?.map(|text| Instance::parse(&text))))?;
        if recorded.is_some_and(|recorded| !recorded.is_same_as(&here)) {
            let found = "the database was copied or moved here: nothing is sent from it";
            findings.wrong("place", found, "end the other program, then run `confirm-place`");
        }
        Ok(())
    }

    fn channels(
        &mut self,
        waha: Option<&Answering>,
        heard: &EventsHeard,
    ) -> Result<(), StoreError> {
        let Self { store, config, now, findings, .. } = self;
        let (channels, unknown, believed) = store.read(|tx| {
            Ok((tx.channels_with_pending()?, tx.count_unknown()?, tx.clock_believed()?))
        })?;
        if let Some(why) = believed.hold {
            findings.wrong(
                "clock",
                why.to_string(),
                "the next run looks again, and goes on by itself",
            );
        }
        let is_active = |(channel, _): &(Channel, u64)| usable(Some(channel)) != Err(Off::Inactive);
        if !channels.iter().any(is_active) {
            let remedy = "set is_active of a channel to 1";
            findings.wrong("channels", "no channel is active: nothing can be sent", remedy);
        }
        for (channel, pending) in &channels {
            held(channel, *pending, *now, findings);
            match usable(Some(channel)) {
                Err(Off::Inactive | Off::Missing) => {}
                Err(Off::NoSession) => {
                    let found = format!("channel `{}` has no session_name", channel.name);
                    findings.wrong(
                        "channels",
                        found,
                        "fill it in: the name of its session in WAHA",
                    );
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
            let found = format!("{unknown} deliveries are unknown: they may have gone out");
            let remedy = "look into WhatsApp; docs/sql.md says how to send again";
            findings.warning("unknown", found, remedy);
        }
        Ok(())
    }

    fn triggers(&mut self) -> Result<(), StoreError> {
        let Self { store, config, now, findings, .. } = self;
        let now = *now;
        let sending = lock::who_sends(store.path());
        let (last, due) = store.read(|tx| Ok((tx.newest_run_at()?, tx.count_due(now)?)))?;
        if let Some(sender) = status::sender(store, config, now)? {
            let words = sender.in_words(&config.zone);
            match &sender.hangs {
                Some(_) => findings.wrong("triggers", words, &sender.holder.remedy()),
                None => findings.ok("triggers", words),
            }
            return Ok(());
        }
        if let Sending::Process(pid) = sending {
            let who =
                if pid > 0 { format!("process {pid}") } else { "a process out of sight".into() };
            findings.ok("triggers", format!("{who} is sending"));
            return Ok(());
        }
        let last = last.map(|at| now.since(at));
        let found = match last {
            None => "no trigger has come yet, and nobody is sending".to_owned(),
            Some(ago) => format!("the last trigger came {} min ago", ago.as_secs() / 60),
        };
        let remedy = "start `serve`, or check the cron line: crontab -l, and run it by hand";
        match last {
            Some(ago) if ago <= TRIGGER_AWAY => findings.ok("triggers", found),
            _ if due > 0 => {
                findings.wrong("triggers", format!("{found}, and {due} messages are due"), remedy);
            }
            _ => findings.warning("triggers", found, remedy),
        }
        Ok(())
    }

    /// Who asked to stop by a hidden number, and may still be written to by the phone number.
    fn hidden(&mut self) -> Result<(), StoreError> {
        let Self { store, now, findings, .. } = self;
        let Unresolved { asked, given_up } =
            store.read(|tx| tx.unresolved_hidden(now.minus(HIDDEN_TOLD_FOR)))?;
        if asked + given_up > 0 {
            let found = format!(
                "{} people asked to stop from a hidden number (`…@lid`) whose phone number WAHA does not \
                 tell{}: only that chat is opted out",
                asked + given_up,
                if asked > 0 { " yet" } else { "" }
            );
            let remedy = "look into WhatsApp who they are, and say `contact opt-out NUMBER`";
            findings.warning("contacts", found, remedy);
        }
        Ok(())
    }

    fn contacts(&mut self) -> Result<(), StoreError> {
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
                        first.get_or_insert_with(|| format!("contact {}: {error}", contact.id));
                    }
                }
                Ok(looked < CONTACTS_MAX)
            })
        })?;
        match first {
            None if looked == 0 => findings.ok("contacts", "there are none"),
            None => findings.ok("contacts", format!("{looked} numbers can be written to")),
            Some(first) => findings.warning(
                "contacts",
                format!("{bad} of {looked} numbers cannot be written to; {first}"),
                "correct them: they are skipped",
            ),
        }
        Ok(())
    }

    fn messages(&mut self) -> Result<(), StoreError> {
        let Self { store, config, now, findings, .. } = self;
        let (mut failing, mut skipped) = (None, None);
        let see = &mut |seen: Seen<'_>| match seen {
            Seen::Message(message) => {
                if let Some(why) = &message.fails {
                    failing.get_or_insert_with(|| format!("message {}: {why}", message.id));
                }
            }
            Seen::Recipient(row) => {
                if let Fate::Skipped { reason } = row.fate {
                    skipped.get_or_insert_with(|| format!("message {}: {reason}", row.message_id));
                }
            }
        };
        let Some(seen) = forecast::forecast(store, Scope::All, config, BOUNDS, *now, see)? else {
            return Ok(());
        };
        let totals = seen.totals;
        if let Some(first) = failing {
            let found = format!("{} messages will fail; {first}", totals.failing_messages);
            let remedy = "correct them before their time comes: `plan` shows them";
            findings.wrong("messages", found, remedy);
        }
        if let Some(first) = skipped {
            let found = format!("{} recipients will be skipped; {first}", totals.skipped);
            findings.warning("messages", found, "`plan` shows them");
        }
        if totals.too_late > 0 {
            let found = format!("{} recipients come too late to be sent", totals.too_late);
            findings.warning("messages", found, "use more channels, or a higher LATE_LIMIT_HOURS");
        }
        if totals.failing_messages + totals.skipped + totals.too_late == 0 {
            findings.ok("messages", format!("{} wait, none of them will fail", seen.messages));
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
    let found = format!("channel `{}` is held, {pending} wait: {}", channel.name, held.reason);
    match hold_ends(held, now) {
        HoldEnds::ByPerson if held.kind.is_some() => {
            findings.wrong("channels", found, "a person has to decide: see `channel show`");
        }
        HoldEnds::ByPerson => {
            findings.warning("channels", found, "to free it, empty its held_reason");
        }
        HoldEnds::At(_) | HoldEnds::ByLook if held.until.is_some_and(|until| until > now) => {
            let remedy = "it is looked at again by itself, with each trigger";
            findings.warning("channels", found, remedy);
        }
        HoldEnds::At(_) | HoldEnds::ByLook => {
            findings.warning("channels", found, "the next trigger looks at it again");
        }
    }
}

fn two_of_one_number(channels: &[(Channel, u64)], findings: &mut Findings) {
    for (at, (one, _)) in channels.iter().enumerate() {
        let number = one.phone_number.as_ref().filter(|_| one.is_active);
        let same = channels[at + 1..].iter().find(|(other, _)| {
            other.is_active && number.is_some() && other.phone_number.as_ref() == number
        });
        if let (Some(number), Some((other, _))) = (number, same) {
            let (one, other) = (&one.name, &other.name);
            let found = format!(
                "channels `{one}` and `{other}` are one number, {number}, at twice the pace"
            );
            let remedy = "scan the code of one of their sessions with another phone, or pause one";
            findings.wrong("channels", found, remedy);
        }
    }
}
