//! The first day: four steps that tick themselves, until all are done.

use super::PageResult;
use super::visit::Visit;

pub(super) struct FirstRun {
    pub(crate) steps: Vec<Step>,
    pub(crate) done: String,
}

pub(super) struct Step {
    pub(crate) is_done: bool,
    pub(crate) what: &'static str,
    pub(crate) text: &'static str,
    pub(crate) link: &'static str,
    /// Beside it: a list to begin with.
    pub(crate) has_sample: bool,
}

/// `None` when all four are done.
pub(super) fn look(visit: &Visit<'_>) -> PageResult<Option<FirstRun>> {
    let w = visit.words();
    let done = visit.read(|tx| tx.first_steps())?;
    let step = |is_done, what, text, link| Step { is_done, what, text, link, has_sample: false };
    let steps = vec![
        step(done.number, w.step_number, w.step_number_text, "/panel/channels"),
        Step {
            has_sample: !done.contacts,
            ..step(done.contacts, w.step_contacts, w.step_contacts_text, "/panel/contacts/import")
        },
        step(done.test, w.step_test, w.step_test_text, "/panel/messages/new#own"),
        step(done.schedule, w.step_schedule, w.step_schedule_text, "/panel/messages/new"),
    ];
    let count = steps.iter().filter(|step| step.is_done).count();
    let done = visit.number(count as u64);
    let is_all = count == steps.len();
    Ok((!is_all).then(|| FirstRun { steps, done: w.first_run_done.replace("{n}", &done) }))
}
