//! The audit trail: what was triggered, by whom, and what came of it.

use askama::Template;

use super::visit::{OnePage, Page, Visit};
use super::{Answered, format, reply};
use crate::store::{Run, Trigger};

const RUNS_PER_PAGE: u32 = 50;

struct RunRow {
    run: Run,
    started: String,
    took: String,
    trigger: &'static str,
}

#[derive(Template)]
#[template(path = "runs.html")]
struct RunsPage<'a> {
    p: Page<'a>,
    rows: Vec<RunRow>,
    newer: String,
    older: String,
}

pub(super) fn page(visit: &Visit<'_>) -> Answered {
    let from = visit.page_from();
    let runs = visit.read(|tx| tx.page_of_runs(from, RUNS_PER_PAGE + 1))?;
    let found = OnePage::of(runs, from, RUNS_PER_PAGE as usize, |run| run.id);
    let (newer, older) = found.links("/panel/runs", &[]);
    let rows = found.rows.into_iter().map(|run| row(visit, run)).collect();
    reply::html(200, &RunsPage { p: visit.page("runs"), rows, newer, older })
}

fn row(visit: &Visit<'_>, run: Run) -> RunRow {
    let w = visit.words();
    let trigger = match run.trigger {
        Trigger::Cron => w.trigger_cron,
        Trigger::Api => w.trigger_api,
        Trigger::Timer => w.trigger_timer,
        Trigger::Cli => w.trigger_cli,
    };
    let started = run.started_at.map(|at| visit.moment(at));
    let took = match (run.started_at, run.finished_at) {
        (Some(started), Some(finished)) => format::span(finished.since(started), w),
        _ => w.still_running.to_owned(),
    };
    RunRow { run, started: started.unwrap_or_default(), took, trigger }
}
