//! Backups, restoring one, and copies: none of them sends anything twice.

mod copies;
mod restoring;

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use auto_message_scheduler::backup::{self, BackupError, Restored};
use auto_message_scheduler::clock::Clock;
use auto_message_scheduler::instance::{self, Standing};
use auto_message_scheduler::store::Store;

use crate::world::{World, config};

const THREE: &str = "081200007001, 081200007002, 081200007003";

impl World {
    fn file(&self, name: &str) -> PathBuf {
        self.path.with_file_name(name)
    }

    fn backup(&self, name: &str) -> PathBuf {
        let path = self.file(name);
        backup::backup(&self.path, &path, None, self.clock.now().wall).unwrap();
        path
    }

    /// As a start of the program: the database is at home from now on.
    fn settle_in(&self) -> Standing {
        let mut store = Store::open(&self.path).unwrap();
        instance::check(&mut store, self.clock.now().wall).unwrap()
    }

    fn try_to_restore(&self, file: &Path) -> Result<Restored, BackupError> {
        backup::restore(&self.path, file, &config(), self.clock.now().wall)
    }

    /// Restores, starts the program anew and lets it send whatever it wants for two days.
    fn restore_and_run(&mut self, file: &Path) -> Restored {
        let restored = self.try_to_restore(file).unwrap();
        self.restart();
        assert_eq!(self.settle_in(), Standing::AtHome);
        self.run();
        self.clock.pass(Duration::from_hours(1));
        self.run();
        restored
    }

    fn statuses(&self) -> Vec<String> {
        self.rows("SELECT status FROM deliveries ORDER BY due_at, id")
    }

    /// Forgets where the database was, as if its file were from another world: no evidence.
    fn lose_the_history(&self) {
        self.execute("UPDATE meta SET value = 'another' WHERE key = 'history_id'");
    }

    /// Goes on with a plain copy of the database.
    fn move_to_a_copy(&mut self) {
        self.stop();
        let copy = self.file("copy.db");
        fs::copy(&self.path, &copy).unwrap();
        self.path = copy;
        self.start();
    }

    /// The names beside the database that are not its own.
    fn others(&self) -> Vec<String> {
        let own = ["test.db", "test.db-wal", "test.db-shm", "test.db.lock"];
        let names = fs::read_dir(self.path.parent().unwrap()).unwrap();
        let mut names: Vec<String> = names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !own.contains(&name.as_str()))
            .collect();
        names.sort();
        names
    }
}

fn assert_nobody_twice(world: &World) {
    let mut recipients = world.recipients();
    recipients.sort();
    let all = recipients.len();
    recipients.dedup();
    assert_eq!(recipients.len(), all, "somebody got it twice: {:?}", world.recipients());
}

#[test]
fn a_backup_is_one_private_checked_file_that_says_when_it_was_made() {
    let world = World::new();
    world.message(THREE);
    world.trigger();
    world.step_until_received(1);
    let made = backup::backup(&world.path, &world.file("b"), None, world.clock.now().wall).unwrap();
    assert_eq!((made.contents.messages, made.contents.deliveries), (1, 3));
    assert_eq!(world.others(), ["b"], "nothing else is left");
    let metadata = fs::metadata(&made.path).unwrap();
    assert_eq!(metadata.len(), made.bytes);
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777, 0o600);
    let copy = rusqlite::Connection::open(&made.path).unwrap();
    let ask = |sql: &str| copy.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(ask("PRAGMA integrity_check"), "ok");
    assert_eq!(ask("PRAGMA journal_mode"), "delete");
    assert_eq!(ask("SELECT value FROM meta WHERE key = 'backup_made_at'"), crate::world::START);
    assert_eq!(world.ask("SELECT count(*) FROM meta WHERE key = 'backup_made_at'"), "0");
    world.run();
    assert_eq!(world.received().len(), 3, "the live database goes on");
}

#[test]
fn keep_removes_only_older_backups_of_that_very_name() {
    let world = World::new();
    let base = world.file("shop");
    let keep = NonZeroUsize::new(2);
    for name in ["shop.2026-12-01T0100000Z", "shop.old", "shops.2020-12-01T010000Z", "shop"] {
        fs::write(world.file(name), "mine").unwrap();
    }
    fs::write(world.file("shop.2020-12-01T010000Z"), "").unwrap();
    for _ in 0..3 {
        world.clock.pass(Duration::from_hours(1));
        backup::backup(&world.path, &base, keep, world.clock.now().wall).unwrap();
    }
    // Newer than the clock, because the clock was set back: still not the one that goes.
    world.clock.set("1970-01-01T00:00:00Z");
    let made = backup::backup(&world.path, &base, keep, world.clock.now().wall).unwrap();
    assert!(made.path.exists());
    assert_eq!(
        world.others(),
        [
            "shop",
            "shop.1970-01-01T000000Z",
            "shop.2026-12-01T0100000Z",
            "shop.2026-12-01T040000Z",
            "shop.old",
            "shops.2020-12-01T010000Z"
        ]
    );
}

#[test]
fn a_backup_is_never_put_over_the_database_or_over_what_is_no_backup() {
    let world = World::new();
    let env = world.file("shop.env");
    fs::write(&env, "WAHA_API_KEY=x").unwrap();
    fs::hard_link(&world.path, world.file("link.db")).unwrap();
    let other = world.file("other.db");
    let live = Store::open(&other).unwrap();
    for target in ["test.db", "test.db-wal", "link.db", "shop.env", "other.db"] {
        let target = world.file(target);
        let error = backup::backup(&world.path, &target, None, world.clock.now().wall).unwrap_err();
        assert!(error.to_string().contains("give another name"), "{error}");
    }
    assert_eq!(fs::read_to_string(&env).unwrap(), "WAHA_API_KEY=x");
    drop(live);
    world.backup("other.db"); // closed, it is a backup like any other
    let missing = world.file("none.db");
    let error = backup::backup(&missing, &env, None, world.clock.now().wall).unwrap_err();
    assert!(error.to_string().contains("no backup"), "{error}");
    let error = backup::backup(&missing, &world.file("x"), None, world.clock.now().wall);
    assert!(error.unwrap_err().to_string().contains("there is no database"));
    assert!(!missing.exists());
}

#[test]
fn a_damaged_database_is_not_made_a_backup() {
    let world = World::new();
    world.message(THREE);
    world.run();
    let good = world.backup("b");
    let before = fs::read(&good).unwrap();
    damage(&world);
    let error = backup::backup(&world.path, &good, None, world.clock.now().wall).unwrap_err();
    assert!(error.to_string().contains("damaged"), "{error}");
    assert_eq!(fs::read(&good).unwrap(), before, "the older backup is as it was");
    assert_eq!(world.others(), ["b"]);
}

/// Overwrites the pages of the deliveries' unique index.
fn damage(world: &World) {
    let page: u64 = world
        .ask("SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_deliveries_1'")
        .parse()
        .unwrap();
    world.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    // A second process, because a descriptor of our own would drop SQLite's locks when it is closed.
    let command = format!(
        "dd if=/dev/zero of='{}' bs=4096 seek={} count=1 conv=notrunc status=none",
        world.path.display(),
        page - 1
    );
    assert!(std::process::Command::new("sh").args(["-c", &command]).status().unwrap().success());
}
