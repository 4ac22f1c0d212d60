//! The limit: what one durable commit and one POST on a kept connection cost, and nothing else.

use std::time::Instant;

use rusqlite::{Connection, params};

use crate::program::Place;
use crate::stub::Stub;

/// Messages a second that a loop of `count` commits and POSTs reaches on this disk and this stub.
pub fn messages_per_second(stub: &Stub, place: &Place, count: u32) -> f64 {
    let sql = Connection::open(place.path("limit.db")).expect("a database");
    sql.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE IF NOT EXISTS sends (id INTEGER PRIMARY KEY, status TEXT, text TEXT, at TEXT);",
    )
    .expect("a table");
    let agent: ureq::Agent = ureq::Agent::config_builder().max_idle_connections(1).build().into();
    let url = format!("{}/api/sendText", stub.base_url);
    let body =
        r#"{"session":"default","chatId":"6281200000000@c.us","text":"Halo dari toko kami!"}"#;
    let mut insert = sql
        .prepare("INSERT INTO sends (status, text, at) VALUES ('sent', ?1, ?2)")
        .expect("a statement");
    let began = Instant::now();
    for _ in 0..count {
        insert.execute(params![body, "2026-12-01T01:00:00Z"]).expect("a commit");
        let mut reply = agent
            .post(&url)
            .header("Content-Type", "application/json")
            .send(body)
            .expect("an answer");
        reply.body_mut().read_to_string().expect("a body");
    }
    f64::from(count) / began.elapsed().as_secs_f64()
}
