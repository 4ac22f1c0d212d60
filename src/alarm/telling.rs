//! One call to a receiver, and what is said when it does not come through.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::client;
use crate::clock::Timestamp;
use crate::config::Secret;
use crate::http_client::{HttpClient, NoReply, Reply};

/// One line in the log for so long.
const QUIET: Duration = Duration::from_hours(1);

/// A receiver did not take it. The words never have the URL in them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotTold {
    #[error("it answered {0}")]
    Status(u16),
    #[error("{0}")]
    NoAnswer(String),
}

/// What a call came to. `url` is what must not be repeated.
pub(super) fn taken(url: &Secret, reply: Result<Reply, NoReply>) -> Result<(), NotTold> {
    match reply {
        Ok(reply) if (200..300).contains(&reply.status) => Ok(()),
        Ok(reply) => Err(NotTold::Status(reply.status)),
        Err(NoReply::NotSent(why) | NoReply::MaybeSent(why)) => {
            let address = url.reveal().split_once("://").map_or("", |(_, rest)| rest);
            let path = address.split_once('/').map_or("", |(_, path)| path);
            let is_told = why.contains("://") || (!path.is_empty() && why.contains(path));
            let why = if is_told { "it cannot be reached".to_owned() } else { why };
            Err(NotTold::NoAnswer(why))
        }
    }
}

pub(super) fn post_alert(client: &HttpClient, url: &Secret, alert: &Value) -> Result<(), NotTold> {
    taken(url, client.post_json(url.reveal(), &[], alert.to_string().into_bytes()))
}

pub(crate) fn try_alert(url: &Secret, database: &Path, at: Timestamp) -> Result<(), NotTold> {
    post_alert(&client(), url, &super::alerts::test(database, at))
}

/// Calls HEARTBEAT_URL as after a run that did its work.
pub(crate) fn try_heartbeat(url: &Secret) -> Result<(), NotTold> {
    super::heartbeat::Caller::new(url.clone(), client()).call("", "a test by doctor")
}

/// Says in the log that a receiver fails: at the first time, and once an hour; and that it works again.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    said_at: Option<Duration>,
}

impl Trouble {
    /// Whether a failure at `now` is worth a line.
    pub(super) fn begins(&mut self, now: Duration) -> bool {
        let is_news = self.said_at.is_none_or(|said| now.saturating_sub(said) >= QUIET);
        if is_news {
            self.said_at = Some(now);
        }
        is_news
    }

    pub(super) fn ends(&mut self) -> bool {
        self.said_at.take().is_some()
    }
}
