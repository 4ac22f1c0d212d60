//! Pages that answer a form: a browser is led to them, so that a reload and the way back ask for a page and never
//! send the form again, and what was typed is still in it.
//!
//! They are kept in memory: a few, for an hour, the newest. One that is gone is told in words; what was typed is then
//! in the browser's own draft.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use super::visit::Visit;
use super::{Answered, PageResult, reply};
use crate::clock::{Timestamp, lock};
use crate::http::Response;
use crate::secret::random_hex;

const PATH: &str = "/panel/answers";
const LASTS: Duration = Duration::from_hours(1);
/// All of them together; with what was typed into it, a page has 20 to 150 KB.
const BYTES_MAX: usize = 1024 * 1024;
/// A larger page is answered at once, as it was asked for.
const PAGE_BYTES_MAX: usize = BYTES_MAX / 4;

/// The pages, the oldest first.
#[derive(Default)]
pub(super) struct Answers(Mutex<VecDeque<Answer>>);

struct Answer {
    token: String,
    at: Timestamp,
    /// The token of its forms; another session of the same person has another one.
    csrf: String,
    page: Response,
}

impl Answers {
    fn keep(&self, answer: Answer) {
        let mut kept = lock(&self.0);
        kept.push_back(answer);
        while kept.iter().map(|one| one.page.body.len()).sum::<usize>() > BYTES_MAX {
            kept.pop_front();
        }
        kept.shrink_to_fit();
    }

    fn forget(&self, now: Timestamp) {
        lock(&self.0).retain(|one| now.since(one.at) < LASTS);
    }
}

/// Leads a browser to the page that answers its form. A script, and a program, get it at once.
pub(super) fn lead_to(visit: &Visit<'_>, answered: Response) -> PageResult<Response> {
    let answers = &visit.panel.answers;
    answers.forget(visit.now);
    let is_html =
        |(name, value): &(&str, String)| *name == "Content-Type" && value.starts_with("text/html");
    let wants_page =
        visit.request.header("Accept").is_some_and(|accept| accept.contains("text/html"));
    let is_kept = visit.is_post
        && visit.is_known()
        && wants_page
        && answered.body.len() <= PAGE_BYTES_MAX
        && answered.headers.iter().any(is_html);
    if !is_kept {
        return Ok(answered);
    }
    let token = random_hex()?;
    let there = format!("{PATH}/{token}");
    let csrf = visit.csrf.clone();
    answers.keep(Answer { token, at: visit.now, csrf, page: answered });
    Ok(reply::see_other(there))
}

pub(super) fn page(visit: &Visit<'_>, token: &str) -> Answered {
    visit.panel.answers.forget(visit.now);
    let found = {
        let kept = lock(&visit.panel.answers.0);
        kept.iter().find(|one| one.token == token).map(|one| (one.page.clone(), one.csrf.clone()))
    };
    let Some((mut page, csrf)) = found else {
        let w = visit.words();
        return reply::tell(visit, 410, w.answer_gone, w.answer_gone_text, "/panel");
    };
    if csrf != visit.csrf {
        let text = String::from_utf8_lossy(&page.body).replace(&csrf, &visit.csrf);
        page.body = text.into_bytes();
    }
    Ok(page)
}
