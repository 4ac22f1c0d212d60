//! The panel: pages in a browser for whoever never opens a terminal. Request data in, reply data out;
//! it sees neither the network nor SQL (of WAHA's sessions it asks `channels`), decides nothing that a command would decide otherwise, and
//! triggers a run only for somebody who is logged in and wants something sent now.
//!
//! `access` says who is let in, `words` holds every word in both languages, each page has a file of
//! its own and a template in `templates/`. What templates print is escaped; nothing is ever marked
//! as safe.

mod access;
mod acts;
mod ahead;
mod answers;
mod assets;
mod attention;
mod calendar;
mod carried;
mod channel;
mod channels;
mod compose;
mod contact;
mod contacts;
mod counting;
mod first_run;
mod format;
mod forms;
mod import;
mod looked;
mod merge;
mod messages;
mod overview;
mod people;
mod preview;
mod recipients;
mod reply;
mod runs;
mod scheduled;
mod searched;
mod selected;
mod sessions;
mod settings;
mod statistics;
mod test_send;
mod upload;
mod visit;
mod words;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use crate::api::{PAGE_BODY_BYTES_MAX, Pages};
use crate::backup::BackupError;
use crate::channels::Sessions;
use crate::clock::{Clock, lock};
use crate::config::{AdminPassword, Config};
use crate::files::Files;
use crate::http::{Request, Response};
use crate::logging::in_one_line;
use crate::store::{SqlResult, Store, StoreError, Tx};
use crate::trigger::Triggers;

use access::Access;
use answers::Answers;
use counting::Counting;
use looked::{Looked, Question};
use merge::Told;
use sessions::Checks;
use upload::Body;
use visit::Visit;

pub struct Panel {
    store: Mutex<Store>,
    clock: Arc<dyn Clock>,
    triggers: Arc<Triggers>,
    config: Arc<Config>,
    password: AdminPassword,
    access: Access,
    answers: Answers,
    counting: Arc<Counting<Question, Looked>>,
    checks: Checks,
    files: Files,
}

/// Why a page is not made as it was asked for.
#[derive(Debug, thiserror::Error)]
enum PageError {
    /// It cannot be done, or is asked about first: who showed the form shows it again, with what is said.
    #[error("{}", .0.problem)]
    Told(Box<Told>),
    /// It broke, as all that follow; the reason is in the log.
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Template(#[from] askama::Error),
    #[error(transparent)]
    Random(#[from] getrandom::Error),
    #[error(transparent)]
    Backup(#[from] BackupError),
}

type PageResult<T> = Result<T, PageError>;
type Answered = PageResult<Response>;

impl From<Told> for PageError {
    fn from(told: Told) -> Self {
        Self::Told(Box::new(told))
    }
}

impl Panel {
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        triggers: Arc<Triggers>,
        config: Arc<Config>,
        password: AdminPassword,
    ) -> Self {
        let (files, access) = (Files::beside(store.path()), Access::new());
        let (answers, checks) = (Answers::default(), Checks::new(None));
        let (store, counting) = (Mutex::new(store), Counting::new(Arc::clone(&clock)));
        Self { store, clock, triggers, config, password, access, answers, counting, checks, files }
    }

    /// The same, where numbers are connected: it looks at WAHA's sessions.
    #[must_use]
    pub fn with_sessions(self, sessions: Sessions) -> Self {
        Self { checks: Checks::new(Some(sessions)), ..self }
    }

    fn read<T>(&self, work: impl FnOnce(&Tx<'_>) -> SqlResult<T>) -> Result<T, StoreError> {
        self.with_store(|store| store.read(work))
    }

    fn write<T>(&self, work: impl FnOnce(&Tx<'_>) -> SqlResult<T>) -> Result<T, StoreError> {
        self.with_store(|store| store.write(work))
    }

    fn with_store<T>(&self, work: impl FnOnce(&mut Store) -> T) -> T {
        // A panic inside a transaction rolled it back.
        work(&mut lock(&self.store))
    }

    fn route(&self, request: &mut Request) -> Answered {
        if let Some(asset) = assets::find(request) {
            return Ok(asset);
        }
        let body = Body::read(self, request);
        let mut visit = Visit::begin(self, request, body)?;
        let was_known = visit.is_known();
        let is_news = visit.is_post && !visit.is_second()?;
        let answered = route_visit(&mut visit)?;
        if is_news {
            acts::note(&visit, was_known, &answered);
        }
        let answered = answers::lead_to(&visit, answered)?;
        Ok(visit.finish(answered))
    }
}

impl Pages for Panel {
    fn body_bytes_max(&self, request: &Request) -> Option<usize> {
        let is_file = request.path() == import::PATH;
        let max = if is_file { PAGE_BODY_BYTES_MAX } else { forms::BYTES_MAX };
        access::has_session(self, request).then_some(max)
    }

    fn takes_body(&self, request: &Request) -> bool {
        upload::takes_body(self, request)
    }

    fn answer(&self, request: &mut Request) -> Response {
        // A page that breaks must not take the thread's place in the server with it.
        let why = match catch_unwind(AssertUnwindSafe(|| self.route(request))) {
            Ok(Ok(reply)) => return reply,
            Ok(Err(error)) => in_one_line(&error),
            Err(_) => "it panicked; see stderr".to_owned(),
        };
        log::error!("panel: a page could not be made: {why}");
        reply::broken()
    }
}

fn route_visit(visit: &mut Visit<'_>) -> Answered {
    let path = visit.path.clone();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).skip(1).collect();
    match (visit.is_post, parts.as_slice(), visit.is_known()) {
        // Pressed twice: the first press did it, and took the token of this form with it.
        (true, ["login"], true) => return Ok(access::on_from_login(visit)),
        (true, ["logout" | "logout-everywhere"], false) => return Ok(access::leave(visit)),
        _ => {}
    }
    // What somebody typed outlives the session: it goes with the login, and back into its form.
    if visit.is_post && !visit.is_known() && access::has_form(visit) {
        if let Some(asked) = access::login_in_place(visit)? {
            return Ok(asked);
        }
    } else if let Some(refused) = visit.refuse_unsafe()? {
        return Ok(refused);
    }
    match (visit.is_post, parts.as_slice()) {
        (false, ["login"]) => return access::login_page(visit),
        (true, ["login"]) => return access::login(visit),
        _ if !visit.is_known() => return Ok(access::ask_to_log_in(visit)),
        (true, ["logout"]) => return access::logout(visit),
        (true, ["logout-everywhere"]) => return access::logout_everywhere(visit),
        _ => {}
    }
    match (visit.is_post, parts.as_slice()) {
        (false, []) => overview::page(visit),
        (false, ["live"]) => overview::live(visit),
        (_, ["messages", rest @ ..]) => messages::route(visit, rest),
        (_, ["contacts", rest @ ..]) => contacts::route(visit, rest),
        (_, ["channels", rest @ ..]) => channels::route(visit, rest),
        (false, ["answers", token]) => answers::page(visit, token),
        (false, ["too-large"]) => {
            let w = visit.words();
            let text = w.too_large_text.replace("{}", &visit.panel.config.media_max_mb.to_string());
            reply::tell(visit, 413, w.too_large, &text, "/panel")
        }
        (_, ["settings", rest @ ..]) => settings::route(visit, rest),
        (false, ["doctor"]) => settings::doctor_page(visit),
        (false, ["runs"]) => runs::page(visit),
        (false, ["attention"]) => attention::page(visit),
        (false, ["statistics"]) => statistics::page(visit),
        (false, ["statistics.csv"]) => statistics::export(visit),
        (false, ["acts"]) => acts::page(visit),
        (false, ["calendar"]) => calendar::page(visit),
        (false, ["files", name]) => carried::picture(visit, name),
        _ => reply::not_found(visit),
    }
}
