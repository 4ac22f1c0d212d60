//! What the program runs with, and what its owner does with it: another password, a copy of the database, and
//! the quick half of `doctor`. No secret is shown.

use std::sync::Arc;

use askama::Template;

use super::merge::{self, Told};
use super::visit::{Page, Visit};
use super::{Answered, access, acts, format, reply};
use crate::backup;
use crate::config::{AdminPassword, Secret, SettingSource};
use crate::doctor::{self, Finding, Verdict};
use crate::http::{OpenFile, Response};
use crate::logging::in_one_line;

struct Row {
    key: &'static str,
    value: String,
    from: &'static str,
    is_changed: bool,
}

#[derive(Default)]
struct Refused {
    password: String,
    backup: String,
}

const FOUND_SHOWN_MAX: usize = 120;

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage<'a> {
    p: Page<'a>,
    rows: Vec<Row>,
    refused: Refused,
    /// Whether the password is not the setting's any more.
    is_replaced: bool,
    files: String,
}

#[derive(Template)]
#[template(path = "doctor.html")]
struct DoctorPage<'a> {
    p: Page<'a>,
    /// What is wrong first.
    found: Vec<(format::Badge, &'a Finding)>,
    told: String,
    /// How many more there are, in words: the worst are shown.
    more: String,
}

pub(super) fn route(visit: &mut Visit<'_>, rest: &[&str]) -> Answered {
    match (visit.is_post, rest) {
        (false, []) => show(visit, 200, Refused::default()),
        (true, ["password"]) => merge::or_shown(change_password(visit), |told| {
            let refused = Refused { password: told.problem, ..Refused::default() };
            show(visit, told.status.unwrap_or(422), refused)
        }),
        (true, ["backup"]) => merge::or_shown(take_backup(visit), |told| {
            let refused = Refused { backup: told.problem, ..Refused::default() };
            show(visit, told.status.unwrap_or(422), refused)
        }),
        _ => reply::not_found(visit),
    }
}

fn show(visit: &Visit<'_>, status: u16, refused: Refused) -> Answered {
    let (w, config) = (visit.words(), visit.config);
    let row = |one: &crate::config::Shown| Row {
        key: one.key,
        value: match one.now() {
            "" => "–".to_owned(),
            "(set)" => w.setting_set.to_owned(),
            value => value.to_owned(),
        },
        from: match one.from {
            SettingSource::Environment => w.from_environment,
            SettingSource::File => w.from_file,
            SettingSource::Default => w.from_default,
        },
        is_changed: one.from != SettingSource::Default,
    };
    let (mut rows, unchanged): (Vec<Row>, Vec<Row>) =
        config.shown.iter().map(row).partition(|row| row.is_changed);
    rows.extend(unchanged);
    let page = SettingsPage {
        p: visit.page("settings"),
        rows,
        refused,
        is_replaced: visit.read(|tx| tx.replaced_password())?.is_some(),
        files: visit.panel.files.directory().display().to_string(),
    };
    reply::html(status, &page)
}

/// Another password for the panel, when the old one is given.
fn change_password(visit: &mut Visit<'_>) -> Answered {
    let w = visit.words();
    let new = visit.form.get("new").unwrap_or_default().to_owned();
    let same = AdminPassword::Plain(Secret::new(new.clone()));
    // Before the old one, which takes a while: a slip of the finger is no guess.
    if !AdminPassword::is_long_enough(&new) {
        return Err(Told::refusal(w.password_short));
    }
    if visit.config.is_open_to_guesses(&same) {
        return Err(Told::refusal(w.password_weak));
    }
    if visit.form.get("repeated") != Some(new.as_str()) {
        return Err(Told::refusal(w.password_differs));
    }
    access::prove(visit)?;
    access::change_password(visit, &new)?;
    Ok(reply::done("/panel/settings", "password_changed"))
}

fn take_backup(visit: &Visit<'_>) -> Answered {
    access::prove(visit)?;
    match backup::copy_to_take(&visit.config.database_path, visit.now) {
        Ok((file, bytes)) => {
            let act = acts::of(visit, "backup_taken", None);
            visit.with_store(|store| store.note_done(&act, visit.now));
            let local = visit.config.zone.format_local(visit.now).replace([' ', ':'], "-");
            let name = format!("auto-message-scheduler-{local}.db");
            let file = Some(OpenFile { file: Arc::new(file), bytes });
            let reply = reply::download(&name, "application/vnd.sqlite3", Vec::new());
            Ok(Response { file, ..reply })
        }
        Err(error) => {
            let why = visit.words().backup_failed.replace("{}", &in_one_line(&error));
            log::error!("panel: a backup could not be made: {}", in_one_line(&error));
            Err(Told::problem(500, why).into())
        }
    }
}

/// What is wrong, and what to do about it, as far as that is quick to see.
pub(super) fn doctor_page(visit: &Visit<'_>) -> Answered {
    let (w, panel) = (visit.words(), visit.panel);
    let findings = doctor::examine_quickly(&panel.config, &*panel.clock);
    let of = |verdict| findings.iter().filter(move |one| one.verdict == verdict);
    let count = |verdict| of(verdict).count().to_string();
    let told = w
        .doctor_told
        .replace("{wrong}", &count(Verdict::Wrong))
        .replace("{warnings}", &count(Verdict::Warning));
    let badge = |verdict| match verdict {
        Verdict::Ok => format::good(w.verdict_ok),
        Verdict::Warning => format::held(w.verdict_warning),
        Verdict::Wrong => format::bad(w.verdict_wrong),
    };
    let more = visit.and_more(w.doctor_more, findings.len().saturating_sub(FOUND_SHOWN_MAX));
    let worst_first = [Verdict::Wrong, Verdict::Warning, Verdict::Ok].into_iter().flat_map(of);
    let found = worst_first.take(FOUND_SHOWN_MAX).map(|one| (badge(one.verdict), one)).collect();
    reply::html(200, &DoctorPage { p: visit.page("settings"), found, more, told })
}
