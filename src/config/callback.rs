//! CALLBACK_URL and its companions: who is told what became of messages, and of which events.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::values::{Values, bad};
use super::{ConfigError, Secret, url};
use crate::text_enum::text_enum;

/// As the specification of Standard Webhooks has it, in bytes.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
const KEY_PREFIX: &str = "whsec_";

text_enum! {
    /// What a callback may tell, in the order in which facts of one moment are told.
    pub enum CallbackEvent {
        /// An occurrence ended, or a person cancelled the message.
        MessageFinished = "message.finished",
        /// It got to nobody, or could not be sent at all.
        MessageFailed = "message.failed",
        DeliverySent = "delivery.sent",
        /// A device has it.
        DeliveryDelivered = "delivery.delivered",
        DeliveryRead = "delivery.read",
        DeliveryFailed = "delivery.failed",
        DeliveryUnknown = "delivery.unknown",
        DeliverySkipped = "delivery.skipped",
        DeliveryExpired = "delivery.expired",
        ContactOptedOut = "contact.opted_out",
        ChannelHeld = "channel.held",
        ChannelFreed = "channel.freed",
    }
}

/// Who is told, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackTarget {
    /// CALLBACK_URL; may hold a secret of its own.
    pub url: Secret,
    /// CALLBACK_SECRET, as it was written.
    pub secret: Secret,
    pub events: Vec<CallbackEvent>,
    /// CALLBACK_NUMBERS: whether numbers and names of recipients go along.
    pub has_numbers: bool,
}

impl CallbackTarget {
    /// The key that signs: what the secret says in base64.
    pub(crate) fn key(&self) -> Vec<u8> {
        key(self.secret.reveal()).unwrap_or_default() // checked when it was read
    }
}

fn key(secret: &str) -> Option<Vec<u8>> {
    let key = STANDARD.decode(secret.strip_prefix(KEY_PREFIX)?).ok()?;
    KEY_BYTES.contains(&key.len()).then_some(key)
}

impl Values {
    /// CALLBACK_URL with its companions, when it is set.
    pub(super) fn callback(&self) -> Result<Option<CallbackTarget>, ConfigError> {
        let events = self.text("CALLBACK_EVENTS");
        let event = |word: &str| {
            CallbackEvent::from_word(word).ok_or_else(|| {
                let words = CallbackEvent::ALL.map(CallbackEvent::as_str).join(", ");
                bad("CALLBACK_EVENTS", &format!("all, or some of {words}"), word)
            })
        };
        let events = match events {
            "all" => CallbackEvent::ALL.to_vec(),
            list => list.split(',').map(|word| event(word.trim())).collect::<Result<_, _>>()?,
        };
        let has_numbers = self.number("CALLBACK_NUMBERS", 0, 1)? == 1;
        let secret = self.secret("CALLBACK_SECRET", 1)?;
        if secret.as_ref().is_some_and(|secret| key(secret.reveal()).is_none()) {
            let wanted =
                "`whsec_` and 24 to 64 bytes in base64: echo whsec_$(openssl rand -base64 32)";
            return Err(ConfigError::unshown("CALLBACK_SECRET", wanted));
        }
        let Some(text) = self.optional("CALLBACK_URL") else { return Ok(None) };
        let url = url::told("CALLBACK_URL", text)?;
        let secret = secret.ok_or(ConfigError::Missing {
            key: "CALLBACK_SECRET",
            remedy: "CALLBACK_URL needs it, so that your program knows who calls: \
                     echo CALLBACK_SECRET=whsec_$(openssl rand -base64 32)",
        })?;
        Ok(Some(CallbackTarget { url, secret, events, has_numbers }))
    }
}
