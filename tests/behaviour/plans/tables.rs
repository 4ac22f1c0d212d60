//! What is known of the tables and the statements: what grows, what is hot, what may go through a
//! table, and why.

/// The tables that grow with what is sent, planned, triggered or heard. There is one channel for each
/// WhatsApp number, one session of the panel for each browser, and one count for each status.
pub const GROWING: &[&str] = &[
    "acts",
    "deliveries",
    "auto_messages",
    "contacts",
    "runs",
    "webhook_events",
    "alerts",
    "callbacks",
    "channel_days",
    "hidden_numbers",
    "numbers",
    "api_answers",
    "link_claims",
    "link_messages",
    "link_outbox",
];

/// Why a step that has no bound is all right.
#[derive(Clone, Copy, Debug)]
pub enum Why {
    /// It goes through a partial index that holds only what is under way or waits.
    Open(&'static str),
    /// It goes by the key and ends at its LIMIT.
    Limit(&'static str),
    /// A person asks for it, and it is about all rows, or about all of one message's.
    Asked(&'static str),
}

impl Why {
    pub fn words(self) -> &'static str {
        let (Self::Open(words) | Self::Limit(words) | Self::Asked(words)) = self;
        words
    }
}

/// A step that a function's plans may have.
#[derive(Debug)]
pub struct Allowed {
    pub function: &'static str,
    /// How the step begins.
    pub step: &'static str,
    pub why: Why,
}

const fn allowed(function: &'static str, step: &'static str, why: Why) -> Allowed {
    Allowed { function, step, why }
}

pub const ALLOWED: &[Allowed] = &[
    allowed("panel::first_steps", "SCAN auto_messages", Why::Limit("the first row is enough")),
    allowed("panel::first_steps", "SCAN contacts", Why::Limit("the first row is enough")),
    allowed(
        "contacts::tag_counts",
        "SCAN contacts USING COVERING INDEX idx_contacts_tags",
        Why::Asked("the tags of the whole address book, with how many have each"),
    ),
    allowed(
        "gaps::has_recipient_gaps",
        "SCAN auto_messages USING INDEX idx_auto_messages_recipient_gap",
        Why::Open("messages that have not ended; the first one is enough"),
    ),
    allowed(
        "lists::count_in_need",
        "SCAN auto_messages USING INDEX idx_auto_messages_attention",
        Why::Limit("the first 100 that need a person"),
    ),
    allowed(
        "lists::strangers_like",
        "SCAN deliveries USING COVERING INDEX idx_deliveries_strangers",
        Why::Asked("a search for a person among recipients that are no contacts"),
    ),
    allowed("alerts::drop_old_alerts", "SCAN alerts", Why::Limit("the newest 1,000")),
    allowed("alerts::note_not_told", "SCAN alerts USING INDEX idx_alerts_waiting", WAITING),
    allowed("alerts::set_alerts_on", "SCAN alerts USING INDEX idx_alerts_waiting", WAITING),
    allowed("alerts::waiting_alerts", "SCAN a USING INDEX idx_alerts_waiting", WAITING),
    allowed(
        "callbacks::next_callback",
        "SCAN c USING COVERING INDEX idx_callbacks_waiting",
        UNTOLD,
    ),
    allowed(
        "lists::repeating_before",
        "SCAN auto_messages USING INDEX idx_auto_messages_scheduled_zone",
        Why::Open("scheduled messages with a rule, at most 300"),
    ),
    allowed(
        "statistics::contacts_with",
        "SCAN contacts USING COVERING INDEX idx_contacts_tags",
        Why::Asked("the contacts of a tag, for statistics"),
    ),
    allowed("callbacks::drop_callbacks", "SCAN callbacks USING COVERING INDEX", UNTOLD),
    allowed("callbacks::callback_counts", "SCAN callbacks USING COVERING INDEX", UNTOLD),
    allowed("callbacks::callbacks", "SCAN callbacks", Why::Limit("`callback list`")),
    allowed("callbacks::retry_callbacks", "SCAN callbacks", Why::Asked("`callback retry`")),
    allowed(
        "channels::channel_uses",
        "SCAN deliveries USING INDEX idx_deliveries_sending",
        SENDING,
    ),
    allowed("deliveries::first_deliveries", "USE TEMP B-TREE FOR ORDER BY", OCCURRENCE),
    allowed("deliveries::reasons_of_deliveries", "USE TEMP B-TREE FOR GROUP BY", OCCURRENCE),
    allowed("deliveries::reasons_of_deliveries", "USE TEMP B-TREE FOR ORDER BY", OCCURRENCE),
    allowed(
        "link::ended_link_messages",
        "SCAN link_outbox USING INDEX idx_link_outbox_ended",
        UNWRITTEN,
    ),
    allowed(
        "link::begin_link_anew",
        "SCAN link_claims",
        Why::Asked("once, when a person restored a backup"),
    ),
    allowed(
        "link::begin_link_anew",
        "SEARCH link_claims",
        Why::Asked("its last row, once, when a person restored a backup"),
    ),
    allowed("link::link_results", "SCAN o", Why::Limit("the oldest of what waits to be written")),
    allowed("link::link_figures", "SCAN link_outbox", UNWRITTEN),
    allowed(
        "link::link_figures",
        "SCAN link_claims USING INDEX idx_link_claims_refused",
        UNWRITTEN,
    ),
    allowed(
        "messages::messages",
        "SCAN auto_messages",
        Why::Asked("`message list`, which ends at its limit or finds words in texts"),
    ),
    allowed(
        "messages::files_of_messages",
        "SCAN auto_messages USING INDEX idx_auto_messages_file",
        Why::Asked("`backup`, `restore` and `confirm-host`: only messages with content"),
    ),
    allowed(
        "messages::waiting_media",
        "USE TEMP B-TREE FOR GROUP BY",
        Why::Asked("`doctor`: the files of what waits"),
    ),
    allowed(
        "contacts::count_contacts",
        "SCAN contacts USING COVERING INDEX idx_contacts_phone_number",
        BOOK,
    ),
    allowed("runs::newest_trigger", "SCAN runs", Why::Limit("the newest but for test messages")),
    allowed("contacts::some_attributes", "SCAN contacts", Why::Limit("the newest 200")),
    allowed(
        "contacts::some_attributes",
        "USE TEMP B-TREE FOR DISTINCT",
        Why::Limit("the newest 200"),
    ),
    allowed("contacts::attribute_names", "SCAN c", BOOK),
    allowed("contacts::attribute_names", "USE TEMP B-TREE FOR DISTINCT", BOOK),
    allowed(
        "contacts::each_number",
        "SCAN contacts USING COVERING INDEX idx_contacts_odd_number",
        Why::Asked(
            "an opt-out or a new contact: numbers as people wrote them can only be compared one by one",
        ),
    ),
    allowed(
        "contacts::each_number",
        "SCAN contacts USING INDEX idx_contacts_odd_opted_out",
        Why::Open(
            "who opted out and has a number that SQL cannot compare: few, and none where the program writes the numbers",
        ),
    ),
    allowed(
        "contacts::each_number",
        "SCAN contacts USING INDEX idx_contacts_opted_out",
        Why::Asked("once for each planned message: who opted out, in any spelling"),
    ),
    allowed(
        "hidden_numbers::hidden_numbers",
        "SCAN hidden_numbers",
        Why::Asked("once for each planned message: who opted out by a hidden number"),
    ),
    allowed(
        "hidden_numbers::unresolved_hidden",
        "SCAN hidden_numbers",
        Why::Asked("`doctor` and `status` count who could not be resolved"),
    ),
    allowed(
        "deliveries::recover_sending",
        "SCAN deliveries USING COVERING INDEX idx_deliveries_sending",
        SENDING,
    ),
    allowed(
        "events::may_be_ours",
        "SCAN deliveries USING COVERING INDEX idx_deliveries_sending",
        Why::Limit("whether there is any"),
    ),
    allowed(
        "events::may_be_ours",
        "SCAN deliveries USING INDEX idx_deliveries_without_id",
        Why::Limit("whether there is any"),
    ),
    allowed("deliveries::each_delivery", "USE TEMP B-TREE FOR ORDER BY", OCCURRENCE),
    allowed("lookups::due_lookups", "USE TEMP B-TREE FOR ORDER BY", DUE_LOOKUPS),
    allowed("lookups::has_rival", "SCAN deliveries USING INDEX idx_deliveries_sending", SENDING),
    allowed(
        "contacts::skip_pending_of_chat",
        "SCAN deliveries USING INDEX idx_deliveries_sending",
        SENDING,
    ),
    allowed(
        "deliveries::count_unknown",
        "SCAN deliveries USING COVERING INDEX idx_deliveries_lookup",
        Why::Asked("`status` and `doctor`: how many are unknown, of all times"),
    ),
    allowed("prune::count_old", "SCAN alerts", Why::Asked("`prune --dry-run`, of at most 1,000")),
    allowed("prune::count_old", "SCAN callbacks", Why::Asked("`prune --dry-run`")),
    allowed("prune::count_old", "SCAN runs", Why::Asked("`prune --dry-run`")),
    allowed("prune::count_old", "SEARCH runs", Why::Limit("the newest one, which stays")),
    allowed("prune::remove_old", "SCAN alerts", Why::Asked("`prune`, of at most 1,000")),
    allowed("prune::remove_old", "SCAN callbacks", Why::Asked("`prune`")),
    allowed("prune::remove_old", "SCAN runs", Why::Limit("the oldest ones")),
    allowed("prune::remove_old", "SEARCH runs", Why::Limit("the newest one, which stays")),
    allowed(
        "runs::close_interrupted_runs",
        "SCAN runs USING INDEX idx_runs_unfinished",
        Why::Open("runs without an end"),
    ),
    allowed("occurrences::count_retried", "USE TEMP B-TREE FOR GROUP BY", RETRIED),
    allowed("occurrences::recipients_to_retry", "USE TEMP B-TREE FOR GROUP BY", RETRIED),
    allowed("occurrences::recipients_to_retry", "USE TEMP B-TREE FOR ORDER BY", RETRIED),
];

const WAITING: Why = Why::Open("alerts that nobody was told of yet, at most 1,000");
const UNTOLD: Why =
    Why::Open("callbacks that wait or were given up, at most 100,000 of each, and none by default");
const DUE_LOOKUPS: Why = Why::Open("unknown deliveries whose look-up is due now");
const SENDING: Why = Why::Open("deliveries that are under way, one for each channel");
const OCCURRENCE: Why =
    Why::Asked("all recipients of one occurrence, in the order in which they are sent");
const RETRIED: Why = Why::Asked("all recipients of one occurrence that a person tried again");
const BOOK: Why = Why::Asked("a page or an export of the whole address book");

/// What runs for each send, each trigger, each event, or every few seconds for a monitor or a page that
/// is left open; and the indexes by which it finds rows of growing tables.
pub const HOT: &[(&str, &[&str])] = &[
    // A trigger.
    ("runs::start_run", &[]),
    ("runs::finish_run", &["INTEGER PRIMARY KEY"]),
    ("runs::drop_empty_runs", &["idx_runs_found_nothing"]),
    ("runs::close_interrupted_runs", &["idx_runs_unfinished"]),
    ("messages::count_due", &["idx_auto_messages_status", "idx_auto_messages_status_scheduled_at"]),
    ("occurrences::due_message_ids", &["idx_auto_messages_status_scheduled_at"]),
    ("messages::message", &["INTEGER PRIMARY KEY"]),
    ("messages::untimed_message_ids", &["idx_auto_messages_status_scheduled_at"]),
    ("messages::past", &["INTEGER PRIMARY KEY", "sqlite_autoindex_deliveries_1"]),
    ("messages::message_ids_of_other_zones", &["idx_auto_messages_scheduled_zone"]),
    ("deliveries::has_deliveries", &["sqlite_autoindex_deliveries_1"]),
    ("messages::set_scheduled_at", &["INTEGER PRIMARY KEY"]),
    ("messages::set_scheduled_zone", &["INTEGER PRIMARY KEY"]),
    ("messages::localize_taken", &["idx_auto_messages_taken_as_instant", "INTEGER PRIMARY KEY"]),
    ("messages::clear_scheduled_at", &["INTEGER PRIMARY KEY"]),
    ("messages::end_message", &["INTEGER PRIMARY KEY"]),
    (
        "occurrences::put_back_unplanned",
        &[
            "INTEGER PRIMARY KEY",
            "idx_auto_messages_status_scheduled_at",
            "sqlite_autoindex_deliveries_1",
        ],
    ),
    (
        "occurrences::occurrences",
        &[
            "idx_auto_messages_status_scheduled_at",
            "idx_deliveries_open",
            "sqlite_autoindex_deliveries_1",
        ],
    ),
    ("occurrences::fail_message", &["INTEGER PRIMARY KEY", "sqlite_autoindex_deliveries_1"]),
    ("channels::channels_with_work", &["idx_channels_session_name", "idx_deliveries_pending"]),
    ("channels::paced_channels", &[]),
    ("lookups::due_lookups", &["idx_deliveries_lookup"]),
    // Planning.
    ("deliveries::plan_delivery", &["sqlite_autoindex_deliveries_1"]),
    ("occurrences::begun_planning", &["INTEGER PRIMARY KEY"]),
    ("occurrences::begin_planning", &[]),
    ("occurrences::end_planning", &["INTEGER PRIMARY KEY"]),
    ("occurrences::remove_unplanned", &["INTEGER PRIMARY KEY", "sqlite_autoindex_deliveries_1"]),
    ("deliveries::end_all_pending", &["idx_deliveries_open"]),
    ("occurrences::last_first_lookup_at", &["sqlite_autoindex_deliveries_1"]),
    (
        "occurrences::start_sending",
        &["INTEGER PRIMARY KEY", "idx_deliveries_open", "sqlite_autoindex_deliveries_1"],
    ),
    ("contacts::contact", &["INTEGER PRIMARY KEY"]),
    // A send.
    ("channels::channel", &["INTEGER PRIMARY KEY"]),
    ("channels::day_count", &["PRIMARY KEY"]),
    ("channels::count_claim", &[]),
    ("channels::uncount_claim", &["PRIMARY KEY"]),
    ("channels::set_channel_ready_at", &["INTEGER PRIMARY KEY"]),
    ("channels::hold_channel", &["INTEGER PRIMARY KEY"]),
    ("channels::free_channel", &["INTEGER PRIMARY KEY"]),
    (
        "deliveries::next_open_delivery",
        &[
            "INTEGER PRIMARY KEY",
            "idx_auto_messages_status_scheduled_at",
            "idx_contacts_opted_out",
            "idx_deliveries_pending",
            "idx_deliveries_unknown",
            "sqlite_autoindex_hidden_numbers_1",
        ],
    ),
    ("numbers::number", &["PRIMARY KEY"]),
    ("numbers::begin_check", &["INTEGER PRIMARY KEY"]),
    ("gaps::reached", &["idx_deliveries_reached"]),
    ("gaps::first_waiting", &["idx_deliveries_pending"]),
    ("gaps::free_waiting", &["INTEGER PRIMARY KEY", "idx_deliveries_pending"]),
    ("gaps::let_wait", &["INTEGER PRIMARY KEY"]),
    ("gaps::has_recipient_gaps", &["idx_auto_messages_recipient_gap"]),
    ("deliveries::render", &["INTEGER PRIMARY KEY"]),
    (
        "deliveries::claim",
        &[
            "INTEGER PRIMARY KEY",
            "PRIMARY KEY",
            "idx_auto_messages_status_scheduled_at",
            "idx_contacts_opted_out",
            "idx_deliveries_reached",
            "sqlite_autoindex_hidden_numbers_1",
        ],
    ),
    ("deliveries::record", &["INTEGER PRIMARY KEY"]),
    ("channels::missing_channels", &["INTEGER PRIMARY KEY", "idx_deliveries_pending"]),
    ("contacts::waiting_for_contact", &["INTEGER PRIMARY KEY"]),
    ("contacts::is_taken", &["INTEGER PRIMARY KEY", "sqlite_autoindex_deliveries_1"]),
    ("contacts::readdress", &["INTEGER PRIMARY KEY"]),
    ("contacts::make_room", &["INTEGER PRIMARY KEY", "sqlite_autoindex_deliveries_1"]),
    ("deliveries::end_pending", &["INTEGER PRIMARY KEY"]),
    ("deliveries::recover_sending", &["idx_deliveries_sending"]),
    ("occurrences::has_open_deliveries", &["idx_deliveries_open"]),
    ("occurrences::add_to_counts", &["INTEGER PRIMARY KEY"]),
    ("occurrences::count_occurrence", &["sqlite_autoindex_deliveries_1"]),
    ("occurrences::set_counts", &["INTEGER PRIMARY KEY"]),
    ("occurrences::recurrence", &["INTEGER PRIMARY KEY"]),
    ("occurrences::set_settled", &["INTEGER PRIMARY KEY"]),
    // A look-up, an event.
    ("lookups::unknown_delivery", &["INTEGER PRIMARY KEY", "PRIMARY KEY"]),
    ("lookups::is_id_of_another", &["idx_deliveries_waha_message_id"]),
    ("lookups::has_rival", &["idx_deliveries_sending", "idx_deliveries_unknown"]),
    ("lookups::resolve_unknown", &["INTEGER PRIMARY KEY"]),
    ("lookups::postpone_lookup", &["INTEGER PRIMARY KEY"]),
    ("occurrences::latest_try", &["sqlite_autoindex_deliveries_1"]),
    ("occurrences::first_of", &["sqlite_autoindex_deliveries_1"]),
    ("occurrences::is_retried", &["sqlite_autoindex_deliveries_1"]),
    ("occurrences::rewrite_verdict", &["INTEGER PRIMARY KEY", "sqlite_autoindex_deliveries_1"]),
    (
        "events::may_be_ours",
        &["idx_deliveries_sending", "idx_deliveries_waha_message_id", "idx_deliveries_without_id"],
    ),
    ("events::note_event", &["PRIMARY KEY", "idx_webhook_events_received_at"]),
    ("events::deliveries_with_id", &["idx_deliveries_waha_message_id"]),
    (
        "events::adopt",
        &[
            "INTEGER PRIMARY KEY",
            "idx_channels_session_name",
            "idx_deliveries_without_id",
            "idx_numbers_checked_chat_id",
        ],
    ),
    ("events::kept_acks", &["idx_webhook_events_waha_message_id"]),
    ("deliveries::delivery", &["INTEGER PRIMARY KEY"]),
    ("events::move_by", &["INTEGER PRIMARY KEY"]),
    ("events::take_session_event", &["idx_channels_session_name"]),
    ("events::is_session_of_ours", &["idx_channels_session_name"]),
    ("events::is_overtaken", &[]),
    ("contacts::contacts_with_spelling", &["idx_contacts_phone_number"]),
    ("contacts::set_opted_out", &["INTEGER PRIMARY KEY"]),
    (
        "contacts::pending_of_chat",
        &["idx_auto_messages_status_scheduled_at", "sqlite_autoindex_deliveries_1"],
    ),
    ("contacts::skip_pending_of_chat", &["idx_deliveries_sending"]),
    // A monitor, an alarm, a page that is left open.
    ("meta::meta", &["sqlite_autoindex_meta_1"]),
    ("channels::status_counts", &[]),
    ("messages::oldest_unplanned", &["idx_auto_messages_status_scheduled_at"]),
    ("deliveries::oldest_pending", &["idx_deliveries_pending"]),
    (
        "deliveries::count_pending",
        &["idx_auto_messages_status_scheduled_at", "idx_deliveries_open"],
    ),
    ("alerts::waiting_alerts", &["INTEGER PRIMARY KEY", "idx_alerts_waiting"]),
    ("alerts::note_told", &["idx_alerts_waiting"]),
    ("alerts::note_not_told", &["idx_alerts_waiting"]),
    ("alerts::drop_old_alerts", &["INTEGER PRIMARY KEY", "idx_alerts_waiting"]),
    ("alerts::begin_stale", &[]),
    (
        "callbacks::next_callback",
        &["INTEGER PRIMARY KEY", "idx_callbacks_subject", "idx_callbacks_waiting"],
    ),
    ("callbacks::note_callback_told", &["INTEGER PRIMARY KEY", "idx_callbacks_told"]),
    ("callbacks::note_callback_not_told", &["INTEGER PRIMARY KEY"]),
    ("callbacks::callback_counts", &["idx_callbacks_failed", "idx_callbacks_subject"]),
    ("meta::remove_meta", &["sqlite_autoindex_meta_1"]),
    ("messages::count_messages", &["idx_auto_messages_status"]),
    (
        "channels::channels_with_pending",
        &["idx_auto_messages_status", "idx_deliveries_open", "idx_deliveries_pending"],
    ),
    ("channels::last_of_pending", &["INTEGER PRIMARY KEY", "idx_deliveries_pending"]),
    ("deliveries::count_ended_since", &["idx_deliveries_finished_at"]),
    ("messages::messages_by_time", &["idx_auto_messages_status_scheduled_at"]),
    ("deliveries::count_ended", &["idx_deliveries_finished_at"]),
    ("deliveries::occurrence_times", &["sqlite_autoindex_deliveries_1"]),
    ("deliveries::page_of_deliveries", &["INTEGER PRIMARY KEY", "sqlite_autoindex_deliveries_1"]),
    ("panel::panel_session", &["PRIMARY KEY", "sqlite_autoindex_meta_1"]),
    // A page of a list.
    ("messages::page_of_messages", &["INTEGER PRIMARY KEY", "idx_auto_messages_status"]),
    ("runs::newest_trigger", &[]),
    ("runs::page_of_runs", &["INTEGER PRIMARY KEY"]),
    ("contacts::page_of_contacts", &["INTEGER PRIMARY KEY"]),
    ("channels::channels", &[]),
    (
        "channels::count_pending_on",
        &[
            "INTEGER PRIMARY KEY",
            "idx_auto_messages_status",
            "idx_deliveries_open",
            "idx_deliveries_pending",
        ],
    ),
    ("deliveries::occurrences_of", &["INTEGER PRIMARY KEY", "sqlite_autoindex_deliveries_1"]),
];

/// Functions that do not run in the test of the plans, and may go past the door.
pub const NOT_RUN: &[(&str, &str)] = &[
    ("contacts::clear_noted_numbers", "makes a list of the connection's own"),
    ("link::begin_link_anew", "forgets what is open, once, when a person restored a backup"),
    ("link::set_link_offset", "by its key, for a list in another wall-clock than TIMEZONE's"),
    ("link::link_appliance", "makes a random id, when a person turns the link on"),
    ("maintenance::schema_of", "reads the schema, of two databases, when a person asks `doctor`"),
    ("restore::follow_retry", RESTORE),
    ("restore::count_lost_messages", RESTORE),
    ("restore::note_maybe_sent", RESTORE),
    ("restore::resettle", RESTORE),
    ("restore::take_over_channels", RESTORE),
    ("restore::take_over_days", RESTORE),
    ("restore::take_over_numbers", RESTORE),
    ("restore::take_over_opt_outs", RESTORE),
    ("restore::take_over_times", RESTORE),
    ("restore::touch", RESTORE),
    ("deliveries::fill_in_unclaimed", RESTORE),
];

const UNWRITTEN: Why = Why::Open("what waits to be written to a website's project");
const RESTORE: &str = "goes through two databases from end to end, when a person restores a backup";
