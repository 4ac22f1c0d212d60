//! What a fault is: what the scripted WAHA does with one request to send, and what must come of it.

/// What goes wrong, and when.
#[derive(Clone, Copy)]
pub struct Script {
    pub trick: Trick,
    /// The number of the request to send that it happens to, from 1.
    pub on_send: usize,
    /// Whether ids can be reserved: newer versions can.
    pub offers_ids: bool,
}

#[derive(Clone, Copy)]
pub enum Trick {
    /// Nothing goes wrong.
    None,
    /// Nobody listens when the request comes.
    Refuses,
    /// The connection is neither accepted nor refused.
    FullBacklog,
    /// What is said to a TLS hello on this plain port; without any of them, plain HTTP.
    TlsAlert,
    TlsClosed,
    TlsSilence,
    /// Every question is answered with a redirect.
    Redirects,
    /// The request finds these moves.
    Plays(&'static [Move]),
    /// The same, and every question after it gets a 503.
    GoesDown(&'static [Move]),
}

impl Trick {
    pub fn is_about_connecting(self) -> bool {
        matches!(self, Self::Refuses | Self::FullBacklog)
    }
}

/// After the last one the connection is closed; with bytes unread, that is a reset.
#[derive(Clone, Copy)]
pub enum Move {
    /// Takes the head of the request only.
    ReadHead,
    /// Takes the whole request: WAHA has it.
    ReadAll,
    /// Has the whole request as well, but leaves it in the socket, so that closing is a reset.
    PeekAll,
    /// Goes on when the client has long given up.
    AwaitHealing,
    /// A whole reply: status, more headers, body.
    Reply(u16, &'static str, &'static str),
    Write(&'static str),
    /// A byte now and then.
    Drip(&'static str),
    /// The text again and again, up to so many bytes or until the client hangs up.
    Flood(&'static str, usize),
    /// Takes what still comes, then closes without a reset.
    Drain,
}

/// One row of the table.
#[derive(Clone, Copy)]
pub struct Fault {
    pub name: &'static str,
    pub trick: Trick,
    /// What its delivery may become; more than one where the wire decides.
    pub ends: &'static [&'static str],
    /// `held_kind` of the channel, or nothing.
    pub hold: &'static str,
    /// Words of the delivery's `error`, and of `held_reason` when the channel is held.
    pub because: &'static str,
    /// The program waits for its own timeout.
    pub is_slow: bool,
}

pub const fn unknown(name: &'static str, moves: &'static [Move], because: &'static str) -> Fault {
    let trick = Trick::Plays(moves);
    Fault { name, trick, ends: &["unknown"], hold: "", because, is_slow: false }
}

pub const fn slow(fault: Fault) -> Fault {
    Fault { is_slow: true, ..fault }
}

pub const fn sent(name: &'static str, moves: &'static [Move]) -> Fault {
    Fault { ends: &["sent"], ..unknown(name, moves, "") }
}

pub const fn failed(name: &'static str, moves: &'static [Move], because: &'static str) -> Fault {
    Fault { ends: &["failed"], ..unknown(name, moves, because) }
}

pub const fn held(
    name: &'static str,
    moves: &'static [Move],
    hold: &'static str,
    because: &'static str,
) -> Fault {
    Fault { ends: &["pending"], hold, ..unknown(name, moves, because) }
}

pub const fn unreachable(name: &'static str, trick: Trick) -> Fault {
    let because = "WAHA cannot be reached";
    let hold = "unreachable";
    Fault { name, trick, ends: &["pending"], hold, because, is_slow: false }
}
