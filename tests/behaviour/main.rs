//! What the program promises, one sentence a test.
//!
//! Most run the real planner, sender, store and WAHA client in this thread, on a real SQLite file and
//! a simulated WAHA on loopback, with a simulated clock: hours pass in milliseconds. `binary`,
//! `crash` and `kills` run the real program.

#![allow(clippy::too_many_lines)] // a test that is a table may be long

mod alarm;
mod alarm_binary;
mod api_v1;
mod backup;
mod backup_binary;
mod bad_rows;
mod binary;
mod borders;
mod callbacks;
mod callbacks_binary;
mod changes_while_waiting;
mod channel_commands;
mod claim;
mod clocks;
mod command_line;
mod contacts;
mod contacts_binary;
mod contacts_import;
mod crash;
mod cron_line;
mod cron_words;
mod daily_limit;
mod denied;
mod doctor;
mod doors;
mod exports;
mod faults;
mod files_of_others;
mod first_start;
mod forecast;
mod golden;
mod guard;
mod guard_attacks;
mod guard_fuzz;
mod guard_panics;
mod kills;
mod ledger;
mod lifecycle;
mod lookups;
mod message_binary;
mod message_commands;
mod message_retry;
mod messages;
mod other_numbers;
mod outcomes;
mod pacing;
mod panel;
mod parsers;
mod planning;
mod plans;
mod prune;
mod prune_binary;
mod receiver;
mod recipe;
mod recipients;
mod schema;
mod secrets;
mod simulation;
mod site;
mod status;
mod stops;
mod storage;
mod stuck;
mod templates;
mod terminal;
mod terminal_doors;
mod time_limit;
mod timetables;
mod typing;
mod uncertain;
mod upgrade;
mod way;
mod webhook;
mod webhook_live;
mod webhook_order;
mod windows;
mod world;
mod wrong_urls;
