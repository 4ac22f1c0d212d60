//! A directory in which other users of the machine can write: what they put there is neither read nor
//! written, and what the administrator arranged (root's files, links of root) still works.
//!
//! Only root can make files of other users; for everybody else these tests say nothing.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Output, Stdio};

use crate::site::{SECRET, Server, Site, stderr, until, write_private};

const STRANGER: u32 = 65534;
const SHOPKEEPER: u32 = 1000;

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// As /tmp: everybody may make files, and nobody may remove those of others.
fn open_to_all(directory: &Path) {
    fs::set_permissions(directory, fs::Permissions::from_mode(0o1777)).unwrap();
}

/// A site in such a directory, whose secret is to be in a file.
fn shared_site() -> Option<Site> {
    if !is_root() {
        return None;
    }
    let site = Site::new();
    open_to_all(site.directory.path());
    let file = site.path("auto-message-scheduler.env");
    let settings = fs::read_to_string(&file).unwrap();
    write_private(&file, &settings.replace(&format!("CRON_SECRET={SECRET}\n"), ""));
    Some(site)
}

/// A file of somebody else with the mode that the program wants.
fn plant(path: &Path, text: &str) {
    write_private(path, text);
    chown(path, Some(STRANGER), Some(STRANGER)).unwrap();
}

/// A link of somebody else.
fn plant_link(target: &Path, path: &Path) {
    symlink(target, path).unwrap();
    lchown(path, Some(STRANGER), Some(STRANGER)).unwrap();
}

#[track_caller]
fn assert_refused(output: &Output, name: &str) {
    let said = stderr(output);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains(name) && said.contains("belongs to user 65534"), "{said}");
    assert!(said.contains("remove it, or `chown` it"), "{said}");
}

#[test]
fn an_empty_secret_file_of_another_user_gets_no_secret() {
    let Some(site) = shared_site() else { return };
    let planted = site.path("shop.db.cron-secret");
    plant(&planted, "");
    assert_refused(&site.run(&["serve"]), "shop.db.cron-secret");
    assert_eq!(fs::read_to_string(&planted).unwrap(), "");
    // One that holds a secret is one that its owner knows.
    plant(&planted, "known-to-the-stranger-0123456789\n");
    assert_refused(&site.run(&["serve"]), "shop.db.cron-secret");
    assert_refused(&site.run(&["secret", "rotate"]), "shop.db.cron-secret");
    fs::remove_file(&planted).unwrap();
    plant_link(&site.path("a-file-that-is-not-there"), &planted);
    assert_refused(&site.run(&["serve"]), "shop.db.cron-secret");
    assert!(!site.path("a-file-that-is-not-there").exists());
    fs::remove_file(&planted).unwrap();
    plant(&site.path("shop.db.cron-secret.previous"), "known-to-the-stranger-0123456789\n");
    assert_refused(&site.run(&["serve"]), "shop.db.cron-secret.previous");
}

#[test]
fn an_env_file_of_another_user_is_not_read() {
    let Some(site) = shared_site() else { return };
    let (env, victim) = (site.path("auto-message-scheduler.env"), site.path("victim"));
    fs::write(&victim, "as it was\n").unwrap();
    fs::remove_file(&env).unwrap();
    plant(&env, &format!("LOG_FILE={}\n", victim.display()));
    assert_refused(&site.run(&["message", "list"]), "auto-message-scheduler.env");
    let doctor = site.run(&["doctor"]);
    assert!(String::from_utf8_lossy(&doctor.stdout).contains("belongs to user 65534"));
    assert_eq!(fs::read_to_string(&victim).unwrap(), "as it was\n");
}

#[test]
fn a_log_is_not_written_through_a_link_of_another_user() {
    let Some(site) = shared_site() else { return };
    let victim = site.path("victim");
    fs::write(&victim, "as it was\n").unwrap();
    site.write_settings("LOG_FILE=shop.log\n");
    plant_link(&victim, &site.path("shop.log"));
    assert_refused(&site.run(&["run"]), "shop.log");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "as it was\n");
    // A file of theirs would show them what is written; a link of ours is our own business.
    fs::remove_file(site.path("shop.log")).unwrap();
    plant(&site.path("shop.log"), "");
    assert_refused(&site.run(&["run"]), "shop.log");
    fs::remove_file(site.path("shop.log")).unwrap();
    symlink(&victim, site.path("shop.log")).unwrap();
    assert!(site.run(&["run"]).status.success());
}

#[test]
fn a_database_and_what_lies_beside_it_must_be_ours() {
    let Some(site) = shared_site() else { return };
    let victim = site.path("victim");
    for name in ["shop.db-wal", "shop.db-shm", "shop.db-journal", "shop.db.lock"] {
        fs::write(&victim, "as it was\n").unwrap();
        drop(fs::remove_file(site.path(name)));
        plant_link(&victim, &site.path(name));
        assert_refused(&site.run(&["run"]), name);
        assert_eq!(fs::read_to_string(&victim).unwrap(), "as it was\n", "{name}");
        fs::remove_file(site.path(name)).unwrap();
    }
    assert!(site.run(&["run"]).status.success());
    chown(site.database(), Some(STRANGER), None).unwrap();
    assert_refused(&site.run(&["run"]), "shop.db");
    let doctor = site.run(&["doctor"]);
    assert!(String::from_utf8_lossy(&doctor.stdout).contains("belongs to user 65534"));
}

#[test]
fn a_database_may_be_shared_with_a_group_and_a_secret_may_not() {
    let Some(site) = shared_site() else { return };
    let directory = site.directory.path();
    chown(directory, Some(0), Some(SHOPKEEPER)).unwrap();
    fs::set_permissions(directory, fs::Permissions::from_mode(0o2770)).unwrap();
    // The website of the group has the database open, and made its side files.
    let website = site.sql();
    website.query_row("SELECT count(*) FROM contacts", [], |_| Ok(())).unwrap();
    for name in ["shop.db-wal", "shop.db-shm"] {
        chown(site.path(name), Some(SHOPKEEPER), Some(SHOPKEEPER)).unwrap();
    }
    let ran = site.run(&["run"]);
    assert!(ran.status.success(), "{}", stderr(&ran));
    let doctor = site.run(&["doctor"]);
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(!said.contains("belongs to"), "{said}");
    plant(&site.path("shop.db.cron-secret"), "known-to-the-stranger-0123456789\n");
    assert_refused(&site.run(&["serve"]), "shop.db.cron-secret");
}

#[test]
fn nothing_is_exported_or_copied_into_a_file_of_another_user() {
    let Some(site) = shared_site() else { return };
    site.sqlite3("INSERT INTO contacts (name, phone_number) VALUES ('Budi', '081200007001')");
    let victim = site.path("victim");
    fs::write(site.path("list.csv"), "nama,hp\nBudi,salah\n").unwrap();
    for arguments in [
        &["contact", "export", "planted"][..],
        &["contact", "import", "list.csv", "--rejects", "planted"],
        &["backup", "planted"],
    ] {
        for is_link in [true, false] {
            fs::write(&victim, "").unwrap();
            drop(fs::remove_file(site.path("planted")));
            if is_link {
                plant_link(&victim, &site.path("planted"));
            } else {
                plant(&site.path("planted"), "");
            }
            assert_refused(&site.run(arguments), "planted");
            assert_eq!(fs::metadata(&victim).unwrap().len(), 0, "{arguments:?}");
            assert_eq!(fs::metadata(site.path("planted")).unwrap().len(), 0, "{arguments:?}");
        }
    }
    plant_link(&victim, &site.path("auto-message-scheduler.1"));
    let man = site.run(&["man", "."]);
    assert_refused(&man, "auto-message-scheduler.1");
    assert_eq!(fs::metadata(&victim).unwrap().len(), 0);
}

#[test]
fn a_secret_that_kubernetes_mounts_and_roots_own_links_are_read() {
    let Some(site) = shared_site() else { return };
    let mounted = site.path("mounted");
    fs::create_dir_all(mounted.join("..2026_11_29")).unwrap();
    let env = site.path("auto-message-scheduler.env");
    fs::rename(&env, mounted.join("..2026_11_29/shop.env")).unwrap();
    symlink("..2026_11_29", mounted.join("..data")).unwrap();
    symlink("..data/shop.env", mounted.join("shop.env")).unwrap();
    let mut mounted = site.command(&["--env-file", "mounted/shop.env", "message", "list"]);
    let listed = mounted.env("DATABASE_PATH", site.database()).output().unwrap();
    assert!(listed.status.success(), "{}", stderr(&listed));
    symlink("mounted/shop.env", &env).unwrap();
    let listed = site.run(&["message", "list"]);
    assert!(listed.status.success(), "{}", stderr(&listed));
}

#[test]
fn root_may_work_in_a_users_own_directory() {
    if !is_root() {
        return;
    }
    let site = Site::new();
    for mode in [0o755, 0o775] {
        let directory = site.directory.path();
        fs::set_permissions(directory, fs::Permissions::from_mode(mode)).unwrap();
        chown(directory, Some(SHOPKEEPER), Some(SHOPKEEPER)).unwrap();
        for entry in fs::read_dir(directory).unwrap() {
            chown(entry.unwrap().path(), Some(SHOPKEEPER), Some(SHOPKEEPER)).unwrap();
        }
        let listed = site.run(&["message", "list"]);
        assert!(listed.status.success(), "{mode:o}: {}", stderr(&listed));
    }
}

#[test]
fn what_others_planted_where_the_private_socket_goes_is_left_alone() {
    let Some(site) = shared_site() else { return };
    let temporary = tempfile::tempdir().unwrap();
    open_to_all(temporary.path());
    let victim = tempfile::tempdir().unwrap();
    // A socket with a full queue: whoever connects to it waits.
    let listener = UnixListener::bind(victim.path().join("http")).unwrap();
    let queue: Vec<_> = (0..200).map_while(|_| connect(&victim.path().join("http"))).collect();
    for place in [site.directory.path(), temporary.path()] {
        plant_link(victim.path(), &place.join("auto-message-scheduler-x"));
        for number in 0..8 {
            let name = format!("auto-message-scheduler-socket-{number}");
            plant_link(victim.path(), &place.join(name));
        }
    }
    let log = site.path("planted.log");
    let mut command = site.command(&["serve"]);
    command.env("TMPDIR", temporary.path());
    command.stderr(fs::File::create(&log).unwrap()).stdout(Stdio::null());
    let mut server = Server { child: command.spawn().unwrap(), log, address: String::new() };
    server.wait_until_ready();
    assert_eq!(server.request("GET", "/health", "").0, 200);
    server.signal("TERM");
    assert_eq!(server.end(), 0);
    assert!(victim.path().join("http").exists());
    drop((queue, listener));
}

/// A connection without waiting for a place in the queue; `None` when it is full.
fn connect(path: &Path) -> Option<socket2::Socket> {
    let kind = socket2::Type::STREAM;
    let socket = socket2::Socket::new(socket2::Domain::UNIX, kind, None).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket.connect(&socket2::SockAddr::unix(path).unwrap()).ok().map(|()| socket)
}

#[test]
fn a_server_that_was_killed_leaves_nothing_that_grows() {
    let site = Site::new();
    let sockets = || {
        let names = fs::read_dir(site.directory.path()).unwrap();
        let is_socket = |name: &str| name.starts_with("auto-message-scheduler-socket-");
        names.filter(|it| is_socket(&it.as_ref().unwrap().file_name().to_string_lossy())).count()
    };
    for _ in 0..3 {
        let mut server = site.serve();
        assert_eq!(server.request("GET", "/health", "").0, 200);
        assert_eq!(sockets(), 1);
        assert!(server.kill());
    }
    let mut server = site.serve();
    server.signal("TERM");
    server.end();
    until("nothing is left", || sockets() == 0);
}
