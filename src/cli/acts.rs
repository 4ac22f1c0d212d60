//! What a command did is noted for the history that the panel shows.

use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::logging::in_one_line;
use crate::store::{Act, ActedOn, Door, Store, StoreError};

/// Notes what was done. It is done: a history that cannot be written is a warning only.
pub(super) fn note(config: &Config, kind: ActedOn, (what, about): (&str, Option<i64>)) {
    let (what, number) = (what.to_owned(), None);
    let act = Act { door: Door::Cli, who: None, what, kind: Some(kind), about, number };
    let noted: Result<(), StoreError> = Store::open(&config.database_path).and_then(|mut store| {
        let now = SystemClock::default().now().wall;
        store.write(|tx| tx.note_act(&act, now))
    });
    if let Err(error) = noted {
        eprintln!("warning: it is done, but not noted in the history: {}", in_one_line(&error));
    }
}
