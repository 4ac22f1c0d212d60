//! `GET /metrics`: figures in the Prometheus text format 0.0.4. No phone numbers and no texts; labels
//! are statuses and ids of channels, of which there are few.

use crate::clock::Timestamp;
use crate::store::{CallbackCounts, Channel, LinkFigures, LinkState, SqlResult, StatusCount, Tx};
use crate::trigger::Triggers;

pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) struct Figures {
    counts: Vec<StatusCount>,
    channels: Vec<Channel>,
    oldest: Option<Timestamp>,
    newest_trigger_at: Option<Timestamp>,
    callbacks: CallbackCounts,
    link: Option<(LinkState, LinkFigures)>,
}

impl Figures {
    /// Reads them; each statement is short, however much was ever sent.
    pub(super) fn read(tx: &Tx<'_>, now: Timestamp) -> SqlResult<Self> {
        let oldest = tx.oldest_unplanned(now)?.into_iter().chain(tx.oldest_pending()?).min();
        Ok(Self {
            counts: tx.status_counts()?,
            channels: tx.channels()?,
            oldest,
            newest_trigger_at: tx.newest_trigger()?.and_then(|run| run.started_at),
            callbacks: tx.callback_counts()?,
            link: match tx.link_state()?.filter(|link| link.is_on) {
                Some(link) => Some((link, tx.link_figures()?)),
                None => None,
            },
        })
    }

    pub(super) fn render(&self, triggers: &Triggers, is_stale: bool, now: Timestamp) -> String {
        let mut page = Page::default();
        page.head("ams_build_info", "gauge", "The program's version; always 1.");
        page.sample("ams_build_info", &format!("version=\"{}\"", env!("CARGO_PKG_VERSION")), &1);
        for (counted, name, help) in [
            ("message", "ams_messages", "Messages by status."),
            (
                "delivery",
                "ams_deliveries",
                "Deliveries (message, occurrence, recipient) by status.",
            ),
        ] {
            page.head(name, "gauge", help);
            for count in self.counts.iter().filter(|count| count.counted == counted) {
                page.sample(name, &format!("status=\"{}\"", count.status), &count.number);
            }
        }
        let lag = self.oldest.map_or(0, |oldest| now.since(oldest).as_secs());
        page.gauge("ams_delivery_lag_seconds", "How long the oldest due delivery waits.", &lag);
        let looked_at = triggers.looked_at().map(|at| at.wall);
        let last =
            looked_at.into_iter().chain(self.newest_trigger_at).max().map_or(0, Timestamp::secs);
        let help = "When the last trigger or tick came, in seconds since 1970; 0 for never.";
        page.gauge("ams_last_trigger_timestamp_seconds", help, &last);
        let help = "1 when no trigger comes and messages wait, as /health has it.";
        page.gauge("ams_stale", help, &u8::from(is_stale));
        let help = "1 while a run is under way.";
        page.gauge("ams_run_active", help, &u8::from(triggers.is_running()));
        page.counter("ams_runs_total", "Runs since the program started.", &triggers.count_runs());
        page.head("ams_channel_held", "gauge", "1 while the channel may not send.");
        for channel in &self.channels {
            let label = format!("channel_id=\"{}\"", channel.id);
            page.sample("ams_channel_held", &label, &u8::from(channel.held.is_some()));
        }
        let stopped = self.channels.iter().filter(|channel| channel.held.is_some()).count();
        page.gauge("ams_channels_held", "Channels that may not send.", &stopped);
        page.head("ams_callbacks", "gauge", "Callbacks that wait, and that were given up.");
        page.sample("ams_callbacks", "status=\"waiting\"", &self.callbacks.waiting);
        page.sample("ams_callbacks", "status=\"failed\"", &self.callbacks.failed);
        let help = "Callbacks that were dropped untold, because too many waited.";
        page.counter("ams_callbacks_dropped_total", help, &self.callbacks.dropped);
        if let Some((link, figures)) = &self.link {
            page.link(link, *figures);
        }
        page.latency(triggers);
        page.0
    }
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        self.line(&format!("# HELP {name} {help}"));
        self.line(&format!("# TYPE {name} {kind}"));
    }

    fn sample(&mut self, name: &str, labels: &str, value: &dyn std::fmt::Display) {
        self.line(&format!("{name}{{{labels}}} {value}"));
    }

    fn gauge(&mut self, name: &str, help: &str, value: &dyn std::fmt::Display) {
        self.head(name, "gauge", help);
        self.line(&format!("{name} {value}"));
    }

    fn counter(&mut self, name: &str, help: &str, value: &dyn std::fmt::Display) {
        self.head(name, "counter", help);
        self.line(&format!("{name} {value}"));
    }

    /// Only with the link on.
    fn link(&mut self, link: &LinkState, figures: LinkFigures) {
        let answered = link.answered_at.map_or(0, Timestamp::secs);
        let help = "When Supabase last answered well, in seconds since 1970; 0 for never.";
        self.gauge("ams_link_answer_timestamp_seconds", help, &answered);
        let help = "1 while Supabase does not answer well.";
        self.gauge("ams_link_trouble", help, &u8::from(link.trouble.is_some()));
        let help = "Occurrences of the website's that are claimed, sent or to be written.";
        self.gauge("ams_link_open", help, &figures.open);
        self.gauge("ams_link_outbox", "Rows that wait to be written to Supabase.", &figures.outbox);
        self.gauge("ams_link_refused", "Results that Supabase does not take.", &figures.refused);
    }

    fn latency(&mut self, triggers: &Triggers) {
        const NAME: &str = "ams_send_duration_seconds";
        let (buckets, count, sum) = triggers.latency.read();
        let help = "From the claim of a delivery to WAHA's answer, since the program started.";
        self.head(NAME, "histogram", help);
        let bucket = format!("{NAME}_bucket");
        for (end, number) in buckets {
            self.sample(&bucket, &format!("le=\"{end}\""), &number);
        }
        self.sample(&bucket, "le=\"+Inf\"", &count);
        self.line(&format!("{NAME}_sum {sum}"));
        self.line(&format!("{NAME}_count {count}"));
    }

    fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }
}
