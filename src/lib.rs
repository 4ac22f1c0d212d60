//! Sends scheduled WhatsApp messages through WAHA (WhatsApp HTTP API), slowly and exactly as
//! promised: never twice, never lost, never a lie, never a burst.
//!
//! # The way of one message
//!
//! ```text
//! auto_messages row  (status scheduled, scheduled_at = next due instant)
//!   -> due:       an occurrence (message, due_at)                        trigger, engine::dispatcher
//!   -> planned:   one delivery row per recipient, claimable all at once  engine::plan
//!   -> claimed:   pending -> sending, committed BEFORE the network       engine::worker, store::deliveries
//!   -> WAHA:      POST /api/sendText                                     waha
//!   -> outcome:   sent | failed | deferred | unknown, in one transaction engine::record
//!   -> settled:   sent or failed, or scheduled for its next occurrence   store::occurrences
//!   -> proven:    WAHA's events bring acks and correct what was unknown  api::webhook, store::events
//! ```
//!
//! # The crash table
//!
//! What a process that died may have left on disk, and what the next one does with it. Each row is
//! one durable commit (WAL, full sync), so nothing in between exists.
//!
//! | on disk | what may have happened | the next start |
//! |---|---|---|
//! | message `scheduled`, due | nothing went out | plans it |
//! | message `scheduled` without a time, or with one of another zone | nothing of what comes next went out: its rule was edited, or TIMEZONE was | works its time out, after what was planned before |
//! | message `scheduled`, with a row in `plannings` | nothing went out: not all of its recipients are planned | removes those that are, and plans it anew |
//! | message `sending`, delivery `pending` | nothing of this delivery went out since | claims it when its channel is ready |
//! | delivery `sending` | anything: the request was not made, was under way, or was answered | makes it `unknown`; its channel rests a whole gap; never sends it again; events of WAHA that came meanwhile may prove it `sent` or `failed` |
//! | delivery `unknown` | it may have gone out | leaves it; a look-up or a person decides |
//! | delivery `sent`, `failed`, `skipped`, `expired`, `cancelled` | that | leaves it |
//! | message `sending` with nothing pending or sending | a person cancelled the last deliveries | settles it |
//! | a database that is not where it was, or a backup put in place by hand | another one may have sent what is unsent here | holds every channel until `confirm-host` |
//! | `<database>.restoring` | a restore ended; the database is the old one, whole | uses the database; without one it says so and stops |
//! | an old message with part of its deliveries | a `prune` was cut off | leaves it; the next `prune` takes the rest |
//! | alert that is not marked as told | it was told, or not | tells it again, with the same id |
//! | callback that is `waiting` | CALLBACK_URL took it, or not | tells it again, with the same `webhook-id` |
//! | `<database>.before-v<n>` | the tables were brought up to date, or not | brings them up to date if they are not; the copy is the user's |
//! | hidden number with `next_look_at` | somebody said STOP from it; the chat is opted out | asks WAHA in its first run whose it is |
//! | `link_claims` row `claiming` | a website's occurrence was claimed there, or not | claims it again with the same token, and asks whose it is |
//! | `link_claims` row `claimed` | it is ours; nothing went out | reads the row there again and plans it |
//! | `link_claims` row `ended`, rows in `link_outbox` | the result was written there, or not | writes it again |
//! | `link_claims` rows of a backup that was restored | the database that was lost may have sent them | forgets those that were not planned; what the project has of them is `unknown` |
//! | run without `finished_at` | the process ended during it | closes it and says so in `error` |
//!
//! # The rooms, in reading order
//!
//! ```text
//! cli mcp serve panel doctor api backup prune status forecast supabase engine messages recipients alarm
//! contacts trigger channels waha fake_waha http http_client files instance store lock secret config
//! password logging private_file malloc send_window fail_point content delivery template recipient schedule
//! cron_line reason language terminal text_enum clock
//! ```
//!
//! Blank lines keep rustfmt from sorting it. Imports point down this list only. `waha` and `store` never see each other; `api` never sees
//! `waha`. Only [`clock`] asks the time or sleeps, only `store` speaks SQL, only [`http_client`] uses ureq,
//! only [`http`] owns the public listener, only `http::server` behind it uses `tiny_http`. A test keeps these borders.

pub mod alarm;
pub mod api;
pub mod backup;
pub mod channels;
pub mod cli;
pub mod clock;
pub mod config;
pub mod contacts;
pub mod content;
pub mod cron_line;
pub mod delivery;
pub mod doctor;
pub mod engine;
pub mod fail_point;
pub mod fake_waha;
pub mod files;
pub mod forecast;
pub mod http;
pub mod http_client;
pub mod instance;
pub mod language;
pub mod lock;
pub mod logging;
pub(crate) mod malloc;
pub(crate) mod mcp;
pub mod messages;
pub mod panel;
pub mod password;
pub mod private_file;
pub mod prune;
pub mod reason;
pub mod recipient;
pub mod recipients;
pub mod schedule;
pub mod secret;
pub mod send_window;
pub mod serve;
pub mod status;
pub mod store;
pub mod supabase;
pub mod template;
pub mod terminal;
pub mod text_enum;
pub mod trigger;
pub mod waha;
