//! Whatever a list of contacts holds, each row is counted once, and the same list brings nobody new.
#![no_main]

use std::io;
use std::sync::{LazyLock, Mutex};

use auto_message_scheduler::contacts::import::{ImportRules, Refused, Watch, import};
use auto_message_scheduler::language::Language;
use auto_message_scheduler::clock::SystemClock;
use auto_message_scheduler::recipient::CountryCode;
use auto_message_scheduler::store::Store;
use libfuzzer_sys::fuzz_target;

/// One database for all inputs, in memory-backed storage where there is some.
static STORE: LazyLock<Mutex<Store>> = LazyLock::new(|| {
    let name = format!("contact-list-fuzz-{}.db", std::process::id());
    let path = std::env::temp_dir().join(name);
    Mutex::new(Store::open(&path).expect("the directory for temporary files can be written"))
});

#[derive(Default)]
struct Counted(u64);

impl Watch for Counted {
    fn refused(&mut self, refused: Refused) -> io::Result<()> {
        assert!(refused.line > 0 && !refused.reason.is_empty());
        self.0 += 1;
        Ok(())
    }
}

fuzz_target!(|list: &[u8]| {
    let country = CountryCode::parse("62").expect("this is a country code");
    let clock = SystemClock::new();
    let rules = ImportRules {
        country: &country,
        tags: &[],
        language: Language::English,
        clock: &clock,
        is_preview: false,
        number_column: None,
        name_column: None,
    };
    let mut store = STORE.lock().expect("nothing panicked before");
    let mut counted = Counted::default();
    let Ok(seen) = import(&mut store, list, &rules, &mut counted) else { return };
    assert_eq!(seen.rows, seen.added + seen.merged + seen.unchanged + seen.refused);
    assert_eq!(seen.refused, counted.0);
    let again = import(&mut store, list, &rules, &mut counted).expect("it was taken before");
    assert_eq!((again.rows, again.added, again.refused), (seen.rows, 0, seen.refused));
});
