//! The sessions of WAHA behind the channels, for a person who connects a number: how each stands now, the
//! code to scan, and its start. What is asked here is asked on nobody's behalf but the one who looks.

use std::time::Duration;

use super::availability::{HoldEnds, hold_ends};
use crate::clock::Timestamp;
use crate::delivery::Hold;
use crate::reason::{Explanation, Reason};
use crate::recipient::mask_numbers;
use crate::store::{Channel, SqlResult, Store, StoreError, Tx};
use crate::waha::{SessionLook, Waha};

/// A person waits for the answer.
const PATIENCE: Duration = Duration::from_secs(4);

#[derive(Clone)]
pub struct Sessions(Waha);

/// How a session stood when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Looked {
    /// It may send, from this number (as `+6281234567890`) where WAHA says it.
    Working {
        number: Option<String>,
    },
    /// It waits for a phone to scan its code.
    Scan,
    Starting,
    Stopped,
    /// WAHA has no session of this name; it can be made.
    Missing,
    /// It may not send, and why: WAHA's word for it, or what WAHA says in place of one.
    Trouble(Explanation),
    Away(Explanation),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// A PNG. It is a login: it is shown, never stored or logged.
    Picture(Vec<u8>),
    /// There is none to scan now.
    None,
}

impl Sessions {
    pub fn new(waha: Waha) -> Self {
        Self(waha.brief(PATIENCE))
    }

    pub(crate) fn look(&self, session: &str) -> Looked {
        looked(self.0.look_at_session(session))
    }

    /// Looks at all with one question: what WAHA does not name is missing. `Err` says why it does not tell.
    pub(crate) fn look_at_all(&self) -> Result<Vec<(String, Looked)>, Explanation> {
        let known = self.0.sessions()?.into_iter();
        Ok(known.map(|one| (one.name, of_word(&one.status, one.number))).collect())
    }

    pub(crate) fn code(&self, session: &str) -> Code {
        self.0.session_code(session).map_or(Code::None, Code::Picture)
    }

    /// Makes the session where WAHA has none, starts it where it is stopped, and restarts it otherwise.
    pub(crate) fn start(&self, session: &str) -> Result<(), Explanation> {
        let done = match self.look(session) {
            Looked::Missing => self.0.make_session(session),
            Looked::Stopped => self.0.start_session(session),
            Looked::Away(why) => return Err(why),
            Looked::Working { .. } | Looked::Scan | Looked::Starting | Looked::Trouble(_) => {
                self.0.restart_session(session)
            }
        };
        done.map_err(Explanation::from)
    }
}

fn looked(look: SessionLook) -> Looked {
    match (look.trouble, look.status) {
        (Some(why), _) if !look.is_reachable => Looked::Away(why.into()),
        (None, _) => Looked::Working { number: look.number },
        (Some(Reason::SessionMissing { .. }), None) => Looked::Missing,
        (Some(_), Some(status)) if is_on_its_way(&status) => of_word(&status, None),
        (Some(why), _) => Looked::Trouble(why.into()),
    }
}

fn is_on_its_way(status: &str) -> bool {
    matches!(status, "SCAN_QR_CODE" | "STARTING" | "STOPPED")
}

fn of_word(status: &str, number: Option<String>) -> Looked {
    match status {
        "WORKING" => Looked::Working { number },
        "SCAN_QR_CODE" => Looked::Scan,
        "STARTING" => Looked::Starting,
        "STOPPED" => Looked::Stopped,
        other => Looked::Trouble(other.into()),
    }
}

/// Writes down the `number` (as `+6281234567890`) that a channel's session was found with. Returns the hold for it
/// when it is another one than the channel's.
pub(crate) fn note_number(
    tx: &Tx<'_>,
    channel: &Channel,
    session: &str,
    number: &str,
) -> SqlResult<Option<Hold>> {
    let hold = channel.hold_for_number(session, number);
    if hold.is_some() {
        tx.note_other_number(channel.id, number)?;
    } else if channel.phone_number.is_none() {
        tx.adopt_number(channel.id, number)?;
    }
    Ok(hold)
}

/// Writes down what a look at a channel's session found, as the sender does before a send: the number that it
/// has, a hold for another number than before, and the end of a hold that a look ends. Returns whether it
/// freed the channel.
pub(crate) fn note_look(
    store: &mut Store,
    id: i64,
    session: &str,
    looked: &Looked,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Looked::Working { number } = looked else { return Ok(false) };
    let (freed, held) = store.write(|tx| {
        let channel = tx.channel(id)?;
        // Somebody gave it another session meanwhile: this look says nothing of that one.
        let Some(channel) = channel.filter(|one| one.session_name.as_deref() == Some(session))
        else {
            return Ok((false, None));
        };
        if let Some(number) = number
            && let Some(hold) = note_number(tx, &channel, session, number)?
        {
            let is_known = channel.other_number.as_ref() == Some(number);
            if !is_known {
                tx.hold_channel(id, &hold, None, now)?;
            }
            return Ok((false, (!is_known).then_some(hold)));
        }
        let ends = channel.held.as_ref().map(|held| hold_ends(held, now));
        let freed = ends == Some(HoldEnds::ByLook) && tx.free_channel(id, now)?;
        Ok((freed, None))
    })?;
    if let Some(hold) = held {
        let why = mask_numbers(&hold.reason.to_string());
        log::error!("channel {id}: held until a person frees it: {why}");
    }
    if freed {
        log::info!("channel {id}: free again");
    }
    Ok(freed)
}
