//! The faults that a number's last four digits ask for. One table, which the help prints, the routes
//! obey and the tests walk. Only `sendText` obeys it; `check-exists` knows 0404 alone.

use std::fmt::Write as _;

/// What the client sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Symptom {
    EmptyAnswer,
    Garbage,
    Redirect,
    BadRequest,
    Unauthorized,
    Forbidden,
    NoSuchRoute,
    TimedOut,
    TooLarge,
    SessionFailed,
    Invalid,
    RetryAfterSeconds,
    RetryAfterDate,
    Restricted,
    EngineFailure,
    NoAnswer,
    ProxyUnavailable,
    ProxyTimeout,
    NeverAnswers,
    AckError,
    NoLid,
    OnlyInPlus,
    NotImplemented,
    RefusedAtOnce,
}

/// One row: the last four digits of a number, and what they cause.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    pub(crate) digits: &'static str,
    pub(crate) symptom: Symptom,
    /// Whether `WhatsApp` got the message, whatever the client was told.
    pub(crate) sent: bool,
    pub(crate) what: &'static str,
}

const fn row(digits: &'static str, symptom: Symptom, sent: bool, what: &'static str) -> Fault {
    Fault { digits, symptom, sent, what }
}

/// In order of the digits.
pub(super) const FAULTS: [Fault; 24] = [
    row("0200", Symptom::Garbage, true, "200 with text that is no JSON"),
    row("0201", Symptom::EmptyAnswer, true, "201 with the body `{}`, so without an id"),
    row("0302", Symptom::Redirect, false, "302 to another host"),
    row("0400", Symptom::BadRequest, false, "400 bad request"),
    row("0401", Symptom::Unauthorized, false, "401 wrong API key"),
    row("0403", Symptom::Forbidden, false, "403 the API key may not send"),
    row("0404", Symptom::NoSuchRoute, false, "404 no such route"),
    row("0408", Symptom::TimedOut, true, "500 with the exception `Timed Out`"),
    row("0413", Symptom::TooLarge, false, "413 request too large"),
    row("0422", Symptom::SessionFailed, false, "422 the session is FAILED"),
    row("0423", Symptom::Invalid, false, "422 the text is not valid"),
    row("0424", Symptom::OnlyInPlus, false, "422 available only in Plus"),
    row("0429", Symptom::RetryAfterSeconds, false, "429 with `Retry-After: 60`"),
    row("0430", Symptom::RetryAfterDate, false, "429 with `Retry-After` as a date in an hour"),
    row("0463", Symptom::Restricted, false, "500 error 463: the account is restricted"),
    row("0500", Symptom::EngineFailure, false, "500 the engine failed"),
    row("0501", Symptom::NotImplemented, false, "501 not implemented by the engine"),
    row("0502", Symptom::NoAnswer, true, "the connection closes without an answer"),
    row("0503", Symptom::ProxyUnavailable, false, "503 with a proxy's HTML"),
    row("0504", Symptom::ProxyTimeout, true, "504 with a proxy's HTML"),
    row("0540", Symptom::NoLid, false, "500 no LID found (GOWS, a number that is not on WhatsApp)"),
    row("0599", Symptom::NeverAnswers, true, "no answer for up to 10 minutes"),
    row("0776", Symptom::RefusedAtOnce, false, "201 with ack -1 (ERROR)"),
    row("0777", Symptom::AckError, true, "201, but look-ups show ack -1 (ERROR)"),
];

/// The fault that a chat id asks for. Groups and newsletters never fault, nor does what is no number.
pub(super) fn fault_for(chat_id: &str) -> Option<&'static Fault> {
    let (number, domain) = chat_id.split_once('@').unwrap_or((chat_id, "c.us"));
    let digits = number.strip_prefix('+').unwrap_or(number);
    let is_person = matches!(domain, "c.us" | "s.whatsapp.net" | "lid");
    if !is_person || digits.len() < 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    FAULTS.iter().find(|fault| digits.ends_with(fault.digits))
}

/// The table for people, one line a fault, for `fake-waha --help`.
pub(crate) fn fault_table() -> String {
    let mut table = String::from("A number that ends in   gets it   the client sees\n");
    for fault in &FAULTS {
        let sent = if fault.sent { "yes" } else { "no" };
        // Writing to a String cannot fail.
        let _ = writeln!(table, "{:<24}{sent:<10}{}", fault.digits, fault.what);
    }
    table.push_str("check-exists says that a number that ends in 0404 is not on WhatsApp.\n");
    table
}
