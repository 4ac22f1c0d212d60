//! The faults that a number's last four digits ask for. One table, which the help prints, the routes
//! obey and the tests walk. The routes that send obey it; `check-exists` knows 0404 and 0405 alone.

use std::fmt::Write as _;

/// One row: the last four digits of a number, and what they cause.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    pub(crate) digits: &'static str,
    pub(crate) symptom: Symptom,
    /// Whether `WhatsApp` got the message, whatever the client was told.
    pub(crate) sent: bool,
    /// What the client sees.
    pub(crate) what: &'static str,
}

macro_rules! faults {
    ($($digits:literal $symptom:ident $sent:literal $what:literal,)+) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Symptom { $($symptom),+ }

        /// In order of the digits.
        pub(super) const FAULTS: &[Fault] = &[$(
            Fault { digits: $digits, symptom: Symptom::$symptom, sent: $sent, what: $what }
        ),+];
    };
}

faults! {
    "0200" Garbage true "200 with text that is no JSON",
    "0201" EmptyAnswer true "201 with the body `{}`, so without an id",
    "0302" Redirect false "302 to another host",
    "0400" BadRequest false "400 bad request",
    "0401" Unauthorized false "401 wrong API key",
    "0403" Forbidden false "403 the API key may not send",
    "0404" NoSuchRoute false "404 no such route",
    "0408" TimedOut true "500 with the exception `Timed Out`",
    "0413" TooLarge false "413 request too large",
    "0422" SessionFailed false "422 the session is FAILED",
    "0423" Invalid false "422 the text is not valid",
    "0424" OnlyInPlus false "422 available only in Plus",
    "0429" RetryAfterSeconds false "429 with `Retry-After: 60`",
    "0430" RetryAfterDate false "429 with `Retry-After` as a date in an hour",
    "0463" Restricted false "500 error 463: the account is restricted",
    "0500" EngineFailure false "500 the engine failed",
    "0501" NotImplemented false "501 not implemented by the engine",
    "0502" NoAnswer true "the connection closes without an answer",
    "0503" ProxyUnavailable false "503 with a proxy's HTML",
    "0504" ProxyTimeout true "504 with a proxy's HTML",
    "0540" NoLid false "500 no LID found (GOWS, a number that is not on WhatsApp)",
    "0599" NeverAnswers true "no answer for up to 10 minutes",
    "0776" RefusedAtOnce false "201 with ack -1 (ERROR)",
    "0777" AckError true "201, but look-ups show ack -1 (ERROR)",
}

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
    for fault in FAULTS {
        let sent = if fault.sent { "yes" } else { "no" };
        // Writing to a String cannot fail.
        let _ = writeln!(table, "{:<24}{sent:<10}{}", fault.digits, fault.what);
    }
    table.push_str("check-exists says that a number that ends in 0404 is not on WhatsApp, and fails with 500 for one in 0405.\n");
    table
}
