use super::*;

#[test]
fn a_secret_is_made_once_and_only_its_owner_may_read_it() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("x.db");
    let made = read_or_make(&database).unwrap();
    assert_eq!(made.reveal().len(), 64);
    assert!(read_or_make(&database).unwrap() == made);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let permissions = std::fs::metadata(path(&database)).unwrap().permissions();
        assert_eq!(permissions.mode() & 0o777, 0o600);
    }
}

#[test]
fn a_file_that_a_dead_program_left_unwritten_gets_its_secret() {
    for left in ["", &"\0".repeat(4096)] {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("x.db");
        std::fs::write(path(&database), left).unwrap();
        let made = read_or_make(&database).unwrap();
        assert_eq!(made.reveal().len(), 64);
        assert!(read_or_make(&database).unwrap() == made);
    }
}

#[test]
fn those_who_make_it_at_the_same_moment_get_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("x.db");
    let made: Vec<Secret> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| read_or_make(&database).unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(made.iter().all(|one| *one == made[0]));
}

#[test]
fn a_file_without_a_secret_is_an_error_that_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("x.db");
    write(&path(&database), "short\n");
    assert!(read_or_make(&database).unwrap_err().to_string().contains("delete it"));
}

#[cfg(unix)]
#[test]
fn a_secret_that_others_may_read_is_refused_with_the_command_that_mends_it() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("x.db");
    let made = read_or_make(&database).unwrap();
    fs::set_permissions(path(&database), fs::Permissions::from_mode(0o640)).unwrap();
    let error = read_or_make(&database).unwrap_err().to_string();
    let command = error.rsplit_once(": ").unwrap().1;
    assert!(std::process::Command::new("sh").args(["-c", command]).status().unwrap().success());
    assert!(read_or_make(&database).unwrap() == made);
}

#[test]
fn the_secret_before_is_good_until_the_next_rotation_or_until_it_is_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("x.db");
    let accepted = Accepted::new(None, None, &database).unwrap();
    let now = || read_or_make(&database).unwrap().reveal().to_owned();
    let first = now();
    rotate(&database).unwrap();
    let second = now();
    assert!(first != second && accepted.accepts(&first) && accepted.accepts(&second));
    rotate(&database).unwrap();
    let third = now();
    assert!(!accepted.accepts(&first));
    assert!(accepted.accepts(&second) && accepted.accepts(&third));
    assert!(forget_previous(&database).unwrap());
    assert!(!accepted.accepts(&second) && accepted.accepts(&third));
    assert!(!forget_previous(&database).unwrap());
    let after_a_restart = Accepted::new(None, None, &database).unwrap();
    assert!(after_a_restart.accepts(&third) && !after_a_restart.accepts(&second));
    assert!(!accepted.accepts("") && !accepted.accepts(&third[1..]));
}

#[test]
fn those_who_rotate_at_the_same_moment_lose_no_secret() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("x.db");
    read_or_make(&database).unwrap();
    let accepted = Accepted::new(None, None, &database).unwrap();
    for _ in 0..20 {
        let before = read_or_make(&database).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| rotate(&database).unwrap());
            }
        });
        // Two rotations, one after the other: the first one's new secret is the one before now.
        let previous = read_previous(&database).unwrap().unwrap();
        assert!(previous != before && previous != read_or_make(&database).unwrap());
        assert!(accepted.accepts(previous.reveal()) && !accepted.accepts(before.reveal()));
    }
    let names = fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(names, 2, "a file was left behind");
}

#[test]
fn a_slip_with_the_file_shuts_nobody_out() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("x.db");
    let accepted = Accepted::new(None, None, &database).unwrap();
    let good = read_or_make(&database).unwrap();
    write(&path(&database), "short");
    assert!(accepted.accepts(good.reveal()) && !accepted.accepts("short"));
    fs::remove_file(path(&database)).unwrap();
    assert!(accepted.accepts(good.reveal()));
    assert!(matches!(rotate(&database), Err(SecretError::NotMade(_))));
    write(&path(&database), "chosen-by-a-person\n");
    assert!(accepted.accepts("chosen-by-a-person") && !accepted.accepts(good.reveal()));
}

#[test]
fn the_secret_of_the_settings_goes_before_that_of_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("x.db");
    let made = read_or_make(&database).unwrap();
    let (new, old) = (Secret::new("new-new-new-new-new"), Secret::new("old-old-old-old-old"));
    let both = Accepted::new(Some(new.clone()), Some(old.clone()), &database).unwrap();
    assert!(both.accepts(new.reveal()) && both.accepts(old.reveal()));
    assert!(!both.accepts(made.reveal()));
    // From the settings back to the file.
    let back = Accepted::new(None, Some(old.clone()), &database).unwrap();
    assert!(
        back.accepts(made.reveal()) && back.accepts(old.reveal()) && !back.accepts(new.reveal())
    );
}

fn write(path: &Path, text: &str) {
    let mut options = private_file::options();
    let mut file = options.write(true).create(true).truncate(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}
