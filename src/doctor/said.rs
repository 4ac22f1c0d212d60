//! What `doctor` says, as values: each with a code, parameters, and a text in each [`Language`]. The command line and
//! its JSON have the English text, the panel that of its reader. Causes that come from the system stay in its words.

use serde::{Serialize, Serializer};

use crate::channels::{WarningView, WeekView};
use crate::language::Language;
use crate::reason::{Explanation, Reason};
use crate::status::Hangs;
use crate::waha::NoServer;

/// Makes the enum from its table, as that of reasons is made: `{parameter}` stands for its value.
macro_rules! said {
    ($($code:literal $name:ident $({ $($field:ident: $type:ty),+ })?: $english:literal, $indonesian:literal;)*) => {
        /// A finding, or what to do about it.
        #[derive(Debug, Clone, PartialEq)]
        pub(crate) enum Said {
            $($name $({ $($field: $type),+ })?,)*
        }

        impl Said {
            /// The stable name.
            #[cfg(test)]
            pub(crate) fn code(&self) -> &'static str {
                match self {
                    $(Self::$name { .. } => $code,)*
                }
            }

            /// The sentence for a person.
            pub(crate) fn text(&self, language: Language) -> String {
                match self {
                    $(Self::$name $({ $($field),+ })? => {
                        $($(let $field = $field.told(language);)+)?
                        match language {
                            Language::English => format!($english),
                            Language::Indonesian => format!($indonesian),
                        }
                    })*
                }
            }
        }

        /// Each code with its parameters and texts, as the table has them.
        #[cfg(test)]
        const TABLE: &[(&str, &[&str], &str, &str)] =
            &[$(($code, &[$($(stringify!($field)),+)?], $english, $indonesian)),*];
    };
}

said! {
    // --- settings ---
    "settings_unreadable" SettingsUnreadable { cause: String }:
        "{cause}",
        "pengaturan tidak bisa dibaca: {cause}";
    "correct_settings" CorrectSettings:
        "correct it: everything else depends on it",
        "betulkan dulu: semua yang lain bergantung padanya";
    "settings_from_file" SettingsFromFile { path: String }:
        "read from `{path}` and the environment",
        "dibaca dari `{path}` dan environment";
    "settings_from_environment" SettingsFromEnvironment:
        "read from the environment; there is no env file",
        "dibaca dari environment; file pengaturan tidak ada";
    "pace_dangerous" PaceDangerous { secs: u64 }:
        "SEND_DELAY_SECONDS is {secs}",
        "SEND_DELAY_SECONDS diisi {secs}";
    "set_pace" SetPace:
        "set it to 20 or more: a real number gets banned for less",
        "isi 20 atau lebih: dengan jarak lebih pendek, nomor sungguhan bisa diblokir";

    // --- alarms and callbacks ---
    "nobody_told" NobodyTold:
        "nobody is told when something is wrong: ALERT_URL and HEARTBEAT_URL are not set",
        "tidak ada yang diberi tahu bila ada masalah: ALERT_URL dan HEARTBEAT_URL belum diisi";
    "alarms_set" AlarmsSet:
        "ALERT_URL or HEARTBEAT_URL is set; `doctor --alert` sends a test",
        "ALERT_URL atau HEARTBEAT_URL sudah diisi; `doctor --alert` mengirim percobaan";
    "alarm_took" AlarmTook { key: String }:
        "{key} took a test",
        "{key} menerima percobaan";
    "alarm_failed" AlarmFailed { key: String, cause: String }:
        "{key} did not take a test: {cause}",
        "{key} tidak menerima percobaan: {cause}";
    "correct_alarm" CorrectAlarm { key: String }:
        "correct {key}, or ask whoever runs it",
        "betulkan {key}, atau tanyakan kepada pengelolanya";
    "callbacks" Callbacks { waiting: u64, failed: u64, dropped: u64 }:
        "{waiting} callbacks wait, {failed} failed, {dropped} were dropped untold",
        "{waiting} callback menunggu, {failed} gagal, {dropped} dibuang sebelum sampai";
    "see_callbacks" SeeCallbacks:
        "see `callback list --status failed`; `callback retry` tells them again",
        "lihat `callback list --status failed`; `callback retry` mengirimnya lagi";
    "callbacks_without_url" CallbacksWithoutUrl { counts: Box<Said> }:
        "{counts}, and CALLBACK_URL is not set",
        "{counts}, dan CALLBACK_URL belum diisi";
    "set_callback_url" SetCallbackUrl:
        "set CALLBACK_URL again, and they are told",
        "isi CALLBACK_URL lagi, maka semuanya dikirim";
    "callbacks_on" CallbacksOn { counts: Box<Said> }:
        "{counts}; `callback test` tries CALLBACK_URL",
        "{counts}; `callback test` mencoba CALLBACK_URL";

    // --- WAHA and the clock ---
    "no_waha_url" NoWahaUrl:
        "WAHA_BASE_URL is not set: nothing can be sent",
        "WAHA_BASE_URL belum diisi: tidak ada yang bisa dikirim";
    "set_waha_url" SetWahaUrl:
        "write WAHA_BASE_URL=http://127.0.0.1:3000 (or where your WAHA is) into auto-message-scheduler.env",
        "tulis WAHA_BASE_URL=http://127.0.0.1:3000 (atau alamat WAHA Anda) di auto-message-scheduler.env";
    "no_waha" NoWaha { why: NoServer }:
        "{why}",
        "{why}";
    "try_waha" TryWaha { url: String }:
        "try: curl -H 'X-Api-Key: …' {url}/api/server/version",
        "coba: curl -H 'X-Api-Key: …' {url}/api/server/version";
    "waha" Waha { version: String, engine: String, tier: String }:
        "{version}, engine {engine}, {tier}",
        "{version}, mesin {engine}, {tier}";
    "waha_without_ids" WahaWithoutIds { version: String, engine: String, tier: String }:
        "{version}, engine {engine}, {tier}; it takes no message ids, so look-ups are less certain",
        "{version}, mesin {engine}, {tier}; tidak menerima ID pesan, jadi pengecekan kurang pasti";
    "clock" Clock { local: String, zone: String }:
        "{local} in {zone}",
        "{local} di {zone}";
    "clock_as_wahas" ClockAsWahas { clock: Box<Said> }:
        "{clock}, as WAHA's",
        "{clock}, sama dengan jam WAHA";
    "clock_ahead" ClockAhead { clock: Box<Said>, secs: u64 }:
        "{clock}: {secs} s ahead of WAHA's clock",
        "{clock}: {secs} detik lebih cepat dari jam WAHA";
    "clock_behind" ClockBehind { clock: Box<Said>, secs: u64 }:
        "{clock}: {secs} s behind WAHA's clock",
        "{clock}: {secs} detik lebih lambat dari jam WAHA";
    "set_clock" SetClock:
        "set the clock, best by NTP: messages go out by it",
        "setel jamnya, paling baik dengan NTP: pesan dikirim menurut jam ini";
    "clock_not_believed" ClockNotBelieved { why: Explanation }:
        "{why}",
        "{why}";
    "next_run_looks" NextRunLooks:
        "the next run looks again, and goes on by itself",
        "putaran berikutnya mengecek lagi, dan jalan sendiri";
    "session_held" SessionHeld { channel: String, why: Reason }:
        "channel `{channel}`: {why}",
        "nomor WA `{channel}`: {why}";
    "start_session" StartSession:
        "start it in WAHA's dashboard, and scan the QR code when it asks for it",
        "mulai sesinya di dasbor WAHA atau di halaman nomor ini, dan pindai kode QR bila diminta";
    "other_phone" OtherPhone { channel: String }:
        "channel `{channel}`: another phone scanned the code",
        "nomor WA `{channel}`: HP lain memindai kodenya";
    "held_for" HeldFor { why: Reason }:
        "{why}",
        "{why}";
    "session_works" SessionWorks { channel: String, session: String }:
        "channel `{channel}`: session `{session}` is WORKING",
        "nomor WA `{channel}`: sesi `{session}` tersambung (WORKING)";
    "no_store" NoStore { session: String }:
        "session `{session}` has no store: what is unknown cannot be looked up",
        "sesi `{session}` tidak menyimpan pesan: yang belum pasti tidak bisa dicek";
    "set_store" SetStore:
        "set config.noweb.store.enabled of the session to true in WAHA",
        "isi config.noweb.store.enabled sesi itu dengan true di WAHA";

    // --- webhook and events ---
    "events_not_taken" EventsNotTaken { session: String }:
        "session `{session}` sends events, but they are not taken",
        "sesi `{session}` mengirim kabar, tetapi tidak diterima di sini";
    "set_hmac" SetHmac:
        "set WEBHOOK_HMAC_KEY to the key of that webhook",
        "isi WEBHOOK_HMAC_KEY dengan kunci webhook itu";
    "no_webhook" NoWebhook { session: String, path: String }:
        "session `{session}` has no webhook to {path}",
        "sesi `{session}` tidak punya webhook ke {path}";
    "give_hook_lines" GiveHookLines:
        "give WAHA's environment its WHATSAPP_HOOK lines",
        "beri environment WAHA baris WHATSAPP_HOOK";
    "another_key" AnotherKey { session: String }:
        "session `{session}` signs with another key: its events are refused",
        "sesi `{session}` memakai kunci lain: kabarnya ditolak";
    "give_hmac" GiveHmac:
        "give it the HMAC key that WEBHOOK_HMAC_KEY has",
        "beri kunci HMAC yang sama dengan WEBHOOK_HMAC_KEY";
    "events_missing" EventsMissing { session: String, events: String }:
        "session `{session}` does not send {events}",
        "sesi `{session}` tidak mengirim {events}";
    "add_events" AddEvents:
        "add these events to its webhook in WAHA",
        "tambahkan kabar itu di webhook-nya di WAHA";
    "events_until_restart" EventsUntilRestart { session: String }:
        "session `{session}` sends its events here until WAHA CORE restarts and forgets it",
        "sesi `{session}` mengirim kabar ke sini sampai WAHA CORE dinyalakan ulang dan melupakannya";
    "give_lasting_lines" GiveLastingLines:
        "give WAHA's environment its WHATSAPP_HOOK lines: they stay",
        "beri environment WAHA baris WHATSAPP_HOOK: itu menetap";
    "events_come" EventsCome { session: String }:
        "session `{session}` sends its events here",
        "sesi `{session}` mengirim kabar ke sini";
    "event_taken" EventTaken { local: String }:
        "the last event was taken at {local}",
        "kabar terakhir diterima {local}";
    "no_event" NoEvent:
        "no event was taken yet",
        "belum ada kabar yang diterima";
    "refused_unsigned" RefusedUnsigned { taken: Box<Said>, count: u64, local: String }:
        "{taken}; refused so far: {count}, the last at {local}: it had no HMAC",
        "{taken}; ditolak sampai kini: {count}, terakhir {local}: tanpa HMAC";
    "refused_signature" RefusedSignature { taken: Box<Said>, count: u64, local: String }:
        "{taken}; refused so far: {count}, the last at {local}: its HMAC was wrong",
        "{taken}; ditolak sampai kini: {count}, terakhir {local}: HMAC-nya salah";
    "events_overdue" EventsOverdue { taken: Box<Said> }:
        "{taken}, and messages have gone out since",
        "{taken}, padahal sesudah itu ada pesan yang terkirim";
    "mend_webhook" MendWebhook:
        "WAHA has no webhook to here, as after a restart of CORE, or cannot reach it: give its environment its WHATSAPP_HOOK lines, and see that `serve` runs",
        "WAHA tidak punya webhook ke sini, misalnya sesudah CORE dinyalakan ulang, atau tidak bisa menjangkaunya: beri environment-nya baris WHATSAPP_HOOK, dan pastikan `serve` jalan";
    "update_waha" UpdateWaha:
        "update WAHA: this version never signs, and events without HMAC are not believed",
        "perbarui WAHA: versi ini tidak pernah memberi HMAC, dan kabar tanpa HMAC tidak dipercaya";
    "give_lines_or_update" GiveLinesOrUpdate:
        "give WAHA's environment its WHATSAPP_HOOK lines; 2024.10.8 and older never sign",
        "beri environment WAHA baris WHATSAPP_HOOK; versi 2024.10.8 dan sebelumnya tidak pernah memberi HMAC";
    "give_key" GiveKey:
        "give WAHA the key that WEBHOOK_HMAC_KEY has: the lines below, or `webhook-setup --apply`",
        "beri WAHA kunci yang ada di WEBHOOK_HMAC_KEY: baris di bawah, atau `webhook-setup --apply`";

    // --- the database ---
    "database_unusable" DatabaseUnusable { cause: String }:
        "{cause}",
        "database tidak bisa dipakai: {cause}";
    "run_as_owner" RunAsOwner:
        "do that, and run every command as the user who runs `serve` or cron",
        "lakukan itu, dan jalankan setiap perintah sebagai pengguna yang menjalankan `serve` atau cron";
    "make_room_now" MakeRoomNow:
        "make room (`df -h`): until then nothing is recorded, so nothing is sent",
        "kosongkan tempat (`df -h`): sebelum itu tidak ada yang dicatat, jadi tidak ada yang dikirim";
    "see_who_uses" SeeWhoUses:
        "see who else uses the file, and run `doctor` again",
        "lihat siapa lagi yang memakai file itu, lalu jalankan `doctor` lagi";
    "docs_of_backup" DocsOfBackup:
        "docs/operation.md tells of backup and restore",
        "docs/operation.md menjelaskan cadangan dan pemulihan";
    "no_directory" NoDirectory { path: String }:
        "there is no directory `{path}`",
        "folder `{path}` tidak ada";
    "make_directory" MakeDirectory:
        "make it, or correct DATABASE_PATH",
        "buat foldernya, atau betulkan DATABASE_PATH";
    "database_not_there" DatabaseNotThere { path: String }:
        "`{path}` is not there yet",
        "`{path}` belum ada";
    "first_run_makes_it" FirstRunMakesIt:
        "the first `serve` or `run` makes it; is DATABASE_PATH right?",
        "dibuat oleh `serve` atau `run` yang pertama; apakah DATABASE_PATH benar?";
    "restore_cut_off" RestoreCutOff { path: String }:
        "`{path}` is missing because a restore was cut off",
        "`{path}` tidak ada karena pemulihan terputus";
    "restore_again" RestoreAgain:
        "run `restore` again",
        "jalankan `restore` lagi";
    "database_empty" DatabaseEmpty { path: String }:
        "`{path}` is empty",
        "`{path}` kosong";
    "first_run_makes_tables" FirstRunMakesTables:
        "the first `serve` or `run` makes its tables",
        "tabelnya dibuat oleh `serve` atau `run` yang pertama";
    "read_only" ReadOnly { path: String }:
        "`{path}` may be read but not written",
        "`{path}` boleh dibaca tetapi tidak boleh ditulis";
    "check_owner_of_both" CheckOwnerOfBoth:
        "check owner and mode of the file and of its directory",
        "periksa pemilik dan izin file itu dan foldernya";
    "tables_old" TablesOld { found: i64, known: i64 }:
        "its tables are version {found}, this program knows {known}",
        "tabelnya versi {found}, program ini memakai versi {known}";
    "next_run_updates" NextRunUpdates:
        "the next `serve` or `run` brings them up to date",
        "`serve` atau `run` berikutnya memperbaruinya";
    "wal_large" WalLarge { mib: u64 }:
        "its -wal has grown to {mib} MiB: another program reads the database for long",
        "file -wal-nya sudah {mib} MiB: program lain membaca database terlalu lama";
    "end_reader" EndReader:
        "end it (a shell of sqlite3, a backup tool: `fuser` with the file's name shows which); the next sends make the -wal small again",
        "tutup program itu (sqlite3, alat cadangan: `fuser` dengan nama filenya menunjukkan yang mana); kiriman berikutnya mengecilkan -wal";
    "database_seen" DatabaseSeen { path: String, journal: Box<Said> }:
        "`{path}`; {journal}",
        "`{path}`; {journal}";
    "database_sound" DatabaseSound { path: String, journal: Box<Said> }:
        "`{path}` is sound; {journal}",
        "`{path}` tidak rusak; {journal}";
    "no_damage_yet" NoDamageYet { path: String, secs: u64, journal: Box<Said> }:
        "`{path}`: no damage in the first {secs} s; {journal}",
        "`{path}`: tidak ada kerusakan dalam {secs} detik pertama; {journal}";
    "journal_wal" JournalWal:
        "WAL",
        "WAL";
    "journal_other" JournalOther:
        "no WAL: slower, as safe",
        "tanpa WAL: lebih lambat, sama amannya";
    "database_damaged" DatabaseDamaged { path: String, cause: String }:
        "`{path}` is damaged: {cause}",
        "`{path}` rusak: {cause}";
    "restore_backup" RestoreBackup:
        "stop the program, keep a copy, and restore a backup",
        "hentikan program, simpan salinannya, lalu pulihkan cadangan";
    "password_replaced" PasswordReplaced:
        "its password was changed in the panel, and counts in place of the setting; `password-hash --panel` gives it another one",
        "kata sandinya diganti di panel, dan berlaku sebagai ganti pengaturan; `password-hash --panel` memberinya yang lain";
    "also_holds" AlsoHolds { things: String }:
        "it also holds {things}, not made by this program",
        "di dalamnya ada juga {things}, bukan buatan program ini";
    "foreign_triggers" ForeignTriggers { things: String }:
        "{things} was not made by this program",
        "{things} bukan buatan program ini";
    "see_triggers" SeeTriggers:
        "see what it does: a trigger can change, send or stop messages; DROP TRIGGER removes it",
        "lihat apa yang dilakukannya: trigger bisa mengubah, mengirim atau menghentikan pesan; DROP TRIGGER menghapusnya";
    "schema_broken" SchemaBroken { things: String }:
        "{things}",
        "bagian database yang berubah atau hilang: {things}";
    "restore_for_promises" RestoreForPromises:
        "stop the program, keep a copy, and restore a backup: the promises rest on it",
        "hentikan program, simpan salinannya, lalu pulihkan cadangan: semua janji program bergantung padanya";
    "database_moved" DatabaseMoved:
        "the database was copied or moved here: nothing is sent from it",
        "database ini disalin atau dipindahkan ke sini: tidak ada yang dikirim darinya";
    "confirm_place" ConfirmPlace:
        "end the other program, then run `confirm-place`",
        "hentikan program yang lain, lalu jalankan `confirm-place`";

    // --- channels and numbers ---
    "no_channel_active" NoChannelActive:
        "no channel is active: nothing can be sent",
        "semua nomor WA dimatikan: tidak ada yang bisa dikirim";
    "activate_channel" ActivateChannel:
        "set is_active of a channel to 1",
        "ubah is_active salah satu nomor WA menjadi 1";
    "no_session_name" NoSessionName { channel: String }:
        "channel `{channel}` has no session_name",
        "nomor WA `{channel}` belum punya sesi WAHA (session_name)";
    "fill_in_session" FillInSession:
        "fill it in: the name of its session in WAHA",
        "isi: nama sesinya di WAHA";
    "channel_held" ChannelHeld { channel: String, pending: u64, why: Explanation }:
        "channel `{channel}` is held, {pending} wait: {why}",
        "nomor WA `{channel}` ditahan, {pending} menunggu: {why}";
    "person_decides" PersonDecides:
        "a person has to decide: see `channel show`",
        "harus diputuskan orang: buka nomor ini di Nomor WA, atau `channel show`";
    "empty_held_reason" EmptyHeldReason:
        "to free it, empty its held_reason",
        "untuk melanjutkan, tekan Lanjutkan kirim di Nomor WA, atau kosongkan held_reason";
    "looked_at_again" LookedAtAgain:
        "it is looked at again by itself, with each trigger",
        "dicek lagi sendiri pada setiap pemicu";
    "next_trigger_looks" NextTriggerLooks:
        "the next trigger looks at it again",
        "dicek lagi pada pemicu berikutnya";
    "two_of_one_number" TwoOfOneNumber { one: String, other: String, number: String }:
        "channels `{one}` and `{other}` are one number, {number}, at twice the pace",
        "nomor WA `{one}` dan `{other}` adalah nomor yang sama, {number}, jadi jarak antarpesannya tinggal separuh";
    "scan_or_pause" ScanOrPause:
        "scan the code of one of their sessions with another phone, or pause one",
        "pindai kode salah satu sesinya dengan HP lain, atau jeda salah satu";
    "unknown" Unknown { count: u64 }:
        "{count} deliveries are unknown: they may have gone out",
        "{count} pengiriman belum pasti: mungkin sudah terkirim";
    "look_into_whatsapp" LookIntoWhatsapp:
        "look into WhatsApp; docs/sql.md says how to send again",
        "lihat di WhatsApp; docs/sql.md menjelaskan cara mengirim lagi";
    "checks_numbers" ChecksNumbers { asked: u64, missing: u64 }:
        "CHECK_NUMBERS is on: {asked} asked about in 30 days, {missing} of them not on WhatsApp",
        "CHECK_NUMBERS menyala: {asked} nomor ditanyakan dalam 30 hari, {missing} di antaranya tidak ada di WhatsApp";
    "number_health" NumberHealth { channel: String, days: i64, limit: Box<Said>, warmup: Option<Box<Said>>, week: WeekView, refused: usize, of: usize }:
        "channel `{channel}`: {days} days old, {limit}{warmup}; seven days: {week}; {refused} of the last {of} refused",
        "nomor WA `{channel}`: umur {days} hari, {limit}{warmup}; tujuh hari: {week}; {refused} dari {of} terakhir ditolak";
    "no_daily_limit" NoDailyLimit:
        "no daily limit",
        "tanpa batas harian";
    "daily_limit" DailyLimit { limit: u32 }:
        "{limit} a day",
        "{limit} sehari";
    "warmup_day" WarmupDay { day: i64 }:
        ", day {day} of its warm-up",
        ", hari ke-{day} mulai pelan-pelan";
    "number_trouble" NumberTrouble { channel: String, trouble: Box<Said> }:
        "channel `{channel}`: {trouble}",
        "nomor WA `{channel}`: {trouble}";
    "whatsapp_warned" WhatsappWarned { warning: WarningView }:
        "{warning}",
        "{warning}";
    "send_less" SendLess:
        "send less, and to people who write to you",
        "kirim lebih sedikit, dan kepada orang yang juga menulis kepada Anda";
    "busiest_day" BusiestDay { busiest: u32, age: i64, bears: u64 }:
        "its busiest day of seven had {busiest} messages, and a number of {age} days bears about {bears}",
        "hari tersibuk dari tujuh hari ada {busiest} pesan, padahal nomor berumur {age} hari tahan sekitar {bears}";
    "limit_or_warmup" LimitOrWarmup { bears: u64 }:
        "`channel edit --daily-limit {bears}`, or `--warmup today`",
        "`channel edit --daily-limit {bears}`, atau `--warmup today`";
    "few_answers" FewAnswers { sent: u64, received: u64 }:
        "{sent} messages in seven days, and {received} answers",
        "{sent} pesan dalam tujuh hari, dan {received} balasan";
    "ask_people" AskPeople:
        "write to people who know you, and ask them something",
        "tulis kepada orang yang mengenal Anda, dan tanyakan sesuatu";
    "breaker_stopped" BreakerStopped { local: String }:
        "the breaker stopped it at {local}",
        "berhenti sendiri {local} supaya tidak diblokir";
    "let_it_rest" LetItRest:
        "docs/numbers.md says why it does; let the number rest",
        "docs/numbers.md menjelaskan sebabnya; istirahatkan nomornya";
    "many_refused" ManyRefused { refused: usize, of: usize }:
        "WhatsApp refused {refused} of its last {of} messages",
        "WhatsApp menolak {refused} dari {of} pesan terakhirnya";
    "clean_list" CleanList:
        "take numbers out of the list that are not on WhatsApp",
        "keluarkan nomor yang tidak ada di WhatsApp dari daftar";
    "no_ticks" NoTicks { missing: u32 }:
        "the last {missing} messages have no tick yet",
        "{missing} pesan terakhir belum bercentang";
    "look_at_phone" LookAtPhone:
        "look at its phone, and restart the session",
        "lihat HP-nya, dan mulai ulang sesinya";
    "never_a_tick" NeverATick { missing: u32 }:
        "events come, and of {missing} messages none has a tick",
        "kabar datang, tetapi dari {missing} pesan tidak satu pun bercentang";
    "restart_session" RestartSession:
        "restart the session; if they did arrive, its webhook lacks message.ack",
        "mulai ulang sesinya; kalau pesannya sampai, webhook-nya kurang message.ack";

    // --- triggers ---
    "sends" Sends { pid: i64, command: String, local: String }:
        "process {pid} (`{command}`) has been sending since {local}",
        "proses {pid} (`{command}`) mengirim sejak {local}";
    "sends_and_hangs" SendsAndHangs { pid: i64, command: String, local: String, why: Hangs }:
        "process {pid} (`{command}`) has been sending since {local}: {why}",
        "proses {pid} (`{command}`) mengirim sejak {local}: {why}";
    "kill_it" KillIt { pid: i64 }:
        "`kill -CONT {pid}` lets it go on, `kill -9 {pid}` ends it",
        "`kill -CONT {pid}` melanjutkannya, `kill -9 {pid}` menghentikannya";
    "process_sends" ProcessSends { pid: i64 }:
        "process {pid} is sending",
        "proses {pid} sedang mengirim";
    "hidden_process_sends" HiddenProcessSends:
        "a process out of sight is sending",
        "ada proses yang tidak terlihat sedang mengirim";
    "no_trigger_yet" NoTriggerYet:
        "no trigger has come yet, and nobody is sending",
        "belum pernah ada pemicu, dan tidak ada yang mengirim";
    "last_trigger" LastTrigger { minutes: u64 }:
        "the last trigger came {minutes} min ago",
        "pemicu terakhir {minutes} menit lalu";
    "and_due" AndDue { found: Box<Said>, due: u64 }:
        "{found}, and {due} messages are due",
        "{found}, padahal {due} pesan sudah waktunya";
    "start_or_cron" StartOrCron:
        "start `serve`, or check the cron line: crontab -l, and run it by hand",
        "jalankan `serve`, atau periksa baris cron: crontab -l, dan coba jalankan sendiri";

    // --- contacts and messages ---
    "hidden_asked" HiddenAsked { count: u64 }:
        "{count} people asked to stop from a hidden number (`…@lid`) whose phone number WAHA does not tell yet: only that chat is opted out",
        "{count} orang minta berhenti dari nomor tersembunyi (`…@lid`) yang nomor teleponnya belum diberitahukan WAHA: hanya obrolan itu yang berhenti";
    "hidden_untold" HiddenUntold { count: u64 }:
        "{count} people asked to stop from a hidden number (`…@lid`) whose phone number WAHA does not tell: only that chat is opted out",
        "{count} orang minta berhenti dari nomor tersembunyi (`…@lid`) yang nomor teleponnya tidak diberitahukan WAHA: hanya obrolan itu yang berhenti";
    "opt_out_by_hand" OptOutByHand:
        "look into WhatsApp who they are, and say `contact opt-out NUMBER`",
        "lihat di WhatsApp siapa mereka, lalu jalankan `contact opt-out NUMBER`";
    "no_contacts" NoContacts:
        "there are none",
        "belum ada kontak";
    "contacts_good" ContactsGood { count: u64 }:
        "{count} numbers can be written to",
        "{count} nomor bisa dikirimi";
    "contacts_bad" ContactsBad { bad: u64, of: u64, contact: i64, why: Reason }:
        "{bad} of {of} numbers cannot be written to; contact {contact}: {why}",
        "{bad} dari {of} nomor tidak bisa dikirimi; kontak {contact}: {why}";
    "correct_contacts" CorrectContacts:
        "correct them: they are skipped",
        "betulkan: mereka dilewati";
    "messages_fail" MessagesFail { count: u64, message: i64, why: String }:
        "{count} messages will fail; message {message}: {why}",
        "{count} pesan akan gagal; pesan {message}: {why}";
    "correct_messages" CorrectMessages:
        "correct them before their time comes: `plan` shows them",
        "betulkan sebelum waktunya: `plan` menampilkannya";
    "recipients_skipped" RecipientsSkipped { count: u64, message: i64, why: String }:
        "{count} recipients will be skipped; message {message}: {why}",
        "{count} penerima akan dilewati; pesan {message}: {why}";
    "plan_shows" PlanShows:
        "`plan` shows them",
        "`plan` menampilkannya";
    "recipients_late" RecipientsLate { count: u64 }:
        "{count} recipients come too late to be sent",
        "{count} penerima tidak sempat dikirimi";
    "more_channels" MoreChannels:
        "use more channels, or a higher LATE_LIMIT_HOURS",
        "pakai lebih banyak nomor WA, atau naikkan LATE_LIMIT_HOURS";
    "messages_good" MessagesGood { count: u64 }:
        "{count} wait, none of them will fail",
        "{count} menunggu, tidak ada yang akan gagal";

    // --- files, the secret, the disk ---
    "media_on_core" MediaOnCore { count: u64 }:
        "{count} messages with pictures or files wait, and this WAHA is CORE",
        "{count} pesan bergambar atau berisi file menunggu, padahal WAHA ini CORE";
    "needs_plus" NeedsPlus:
        "only WAHA Plus sends them: change to it, or `message cancel` them; they fail once",
        "hanya WAHA Plus yang bisa mengirimnya: ganti ke Plus, atau batalkan pesannya; kalau tidak, gagal sekali";
    "files_bad" FilesBad { count: u64, why: Reason }:
        "{count} files of messages that wait cannot be sent; {why}",
        "{count} file untuk pesan yang menunggu tidak bisa dikirim; {why}";
    "add_file_again" AddFileAgain:
        "`file add` the same file again, or copy it from a backup",
        "`file add` file yang sama lagi, atau salin dari cadangan";
    "files_stored" FilesStored { count: usize, directory: String, mb: u64 }:
        "{count} files in `{directory}`, {mb} MB",
        "{count} file di `{directory}`, {mb} MB";
    "unreadable" Unreadable { path: String, cause: String }:
        "`{path}` cannot be read: {cause}",
        "`{path}` tidak bisa dibaca: {cause}";
    "check_owner" CheckOwner:
        "check its owner and mode",
        "periksa pemilik dan izinnya";
    "check_owner_or_run" CheckOwnerOrRun:
        "check its owner and mode, or run this as its owner",
        "periksa pemilik dan izinnya, atau jalankan ini sebagai pemiliknya";
    "secret_set" SecretSet:
        "CRON_SECRET is set",
        "CRON_SECRET sudah diisi";
    "secret_to_be_made" SecretToBeMade:
        "the first `serve` makes it",
        "dibuat oleh `serve` yang pertama";
    "secret_in_file" SecretInFile { path: String }:
        "in `{path}`",
        "di `{path}`";
    "secret_short" SecretShort { path: String }:
        "`{path}` holds no secret of 16 characters or more",
        "`{path}` tidak berisi rahasia sepanjang 16 karakter atau lebih";
    "delete_secret" DeleteSecret:
        "delete it: the next `serve` makes a new one",
        "hapus filenya: `serve` berikutnya membuat yang baru";
    "file_odd" FileOdd { cause: String }:
        "{cause}",
        "ada file yang tidak semestinya: {cause}";
    "see_how" SeeHow:
        "see how it came there: nothing reads or writes it as it is",
        "cari tahu dari mana asalnya: selama begitu, file itu tidak dibaca dan tidak ditulis";
    "others_may_read" OthersMayRead { files: String }:
        "others may read {files}",
        "orang lain boleh membaca {files}";
    "chmod" Chmod { mode: u32, files: String }:
        "chmod {mode} {files}",
        "chmod {mode} {files}";
    "group_but_not" GroupButNot { group: String, files: String }:
        "the group `{group}` shares the database, but not {files}",
        "grup `{group}` ikut memakai database, tetapi tidak {files}";
    "group_shares" GroupShares { group: String }:
        "the group `{group}` shares the database; only their owner may read the others",
        "grup `{group}` ikut memakai database; file lain hanya boleh dibaca pemiliknya";
    "only_owner" OnlyOwner:
        "only their owner may read them",
        "hanya pemiliknya yang boleh membaca";
    "room" Room { mb: u64 }:
        "{mb} MB are free",
        "masih {mb} MB kosong";
    "make_room" MakeRoom:
        "make room: without any nothing can be recorded, so nothing is sent",
        "kosongkan tempat: tanpa itu tidak ada yang bisa dicatat, jadi tidak ada yang dikirim";

    // --- the website's project ---
    "link_failed" LinkFailed { cause: String }:
        "{cause}",
        "situs web tidak bisa dihubungi: {cause}";
    "look_at_link" LookAtLink:
        "look at SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY, and whether the project is paused",
        "periksa SUPABASE_URL dan SUPABASE_SERVICE_ROLE_KEY, dan apakah proyeknya sedang dijeda";
    "link_on" LinkOn { mode: String, old: String, since: String }:
        "on, mode {mode}; {old} rows from before {since} stay untouched",
        "menyala, mode {mode}; {old} baris sebelum {since} tidak disentuh";
    "link_off" LinkOff { due: String }:
        "the website has {due} due rows, and the link is off",
        "situs web punya {due} baris yang sudah waktunya, tetapi penghubungnya mati";
    "check_link" CheckLink:
        "`link check` shows what would be sent, `link on` begins",
        "`link check` menunjukkan apa yang akan dikirim, `link on` memulai";
    "rows_without_channel" RowsWithoutChannel { count: String, rows: String }:
        "{count} due rows of the website have no channel: {rows}",
        "{count} baris situs web yang sudah waktunya tidak punya nomor WA: {rows}";
    "choose_channel" ChooseChannel:
        "choose a channel for them on the website: nobody sends them",
        "pilih nomor WA untuknya di situs web: tidak ada yang mengirimnya";
    "ahead_of_supabase" AheadOfSupabase { secs: i64 }:
        "this machine's clock is {secs} s ahead of Supabase's",
        "jam mesin ini {secs} detik lebih cepat dari jam Supabase";
    "set_clock_by_ntp" SetClockByNtp:
        "set the clock, best by NTP",
        "setel jamnya, paling baik dengan NTP";
    "many_rows" ManyRows:
        "the website has very many scheduled rows",
        "situs web punya sangat banyak baris terjadwal";
    "create_index" CreateIndex:
        "create index on auto_messages (scheduled_at, id) where status = 'scheduled'",
        "create index on auto_messages (scheduled_at, id) where status = 'scheduled'";
    "channel_of_other" ChannelOfOther { channel: String, owner: String, seen: String }:
        "channel `{channel}` is {owner}'s, seen {seen}",
        "nomor WA `{channel}` milik {owner}, terlihat {seen}";
    "nobody_sends" NobodySends { channel: String }:
        "nobody sends for the website's channel `{channel}`",
        "tidak ada yang mengirim untuk nomor WA `{channel}` milik situs web";
    "link_takes_it" LinkTakesIt:
        "`link on` takes it when this WAHA has its session",
        "`link on` mengambilnya bila WAHA ini punya sesinya";
    "link_alarm" LinkAlarm { alarm: String }:
        "{alarm}",
        "peringatan penghubung: {alarm}";
    "clear_alarm" ClearAlarm:
        "when it is mended, `link on` clears this",
        "bila sudah dibetulkan, `link on` menghapus peringatan ini";
    "results_refused" ResultsRefused { count: u64 }:
        "Supabase refuses {count} results",
        "Supabase menolak {count} hasil";
    "correct_table" CorrectTable:
        "see refused in link_claims, and correct the website's table",
        "lihat refused di link_claims, dan betulkan tabel situs web";
    "link_away" LinkAway { since: String, trouble: String }:
        "no good answer since {since}: {trouble}",
        "tidak ada jawaban yang baik sejak {since}: {trouble}";
    "rows_wait" RowsWait { count: u64 }:
        "{count} rows wait to be written; what is planned goes out",
        "{count} baris menunggu ditulis; yang sudah direncanakan tetap dikirim";
    "channel_taken" ChannelTaken { channel: String }:
        "channel {channel}",
        "nomor WA {channel}";
    "take_over" TakeOver:
        "`link take-over` takes it back",
        "`link take-over` mengambilnya kembali";
}

impl Serialize for Said {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text(Language::English))
    }
}

/// What is said has parameters of.
trait Told {
    fn told(&self, language: Language) -> String;
}

macro_rules! told_as_it_is {
    ($($type:ty),*) => {$(
        impl Told for $type {
            fn told(&self, _: Language) -> String {
                self.to_string()
            }
        }
    )*};
}

told_as_it_is!(String, u32, u64, usize, i64);

macro_rules! told_in_words {
    ($($type:ty),*) => {$(
        impl Told for $type {
            fn told(&self, language: Language) -> String {
                self.text(language)
            }
        }
    )*};
}

told_in_words!(Reason, Explanation, Box<Said>, NoServer, Hangs, WarningView, WeekView);

impl Told for Option<Box<Said>> {
    fn told(&self, language: Language) -> String {
        self.as_ref().map(|said| said.text(language)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Commands, SQL and texts that are all of another value's words.
    const SAME: [&str; 8] = [
        "no_waha",
        "clock_not_believed",
        "held_for",
        "database_seen",
        "journal_wal",
        "whatsapp_warned",
        "chmod",
        "create_index",
    ];

    #[test]
    fn each_has_words_in_both_languages_with_the_same_values() {
        let mut codes = BTreeSet::new();
        for (code, fields, english, indonesian) in TABLE {
            assert!(codes.insert(code), "{code} is there twice");
            assert!(!english.is_empty() && !indonesian.is_empty(), "{code}");
            assert_eq!(english == indonesian, SAME.contains(code), "{code}: {indonesian}");
            for field in *fields {
                let place = format!("{{{field}}}");
                assert!(english.contains(&place), "{code}: {english}");
                assert!(indonesian.contains(&place), "{code}: {indonesian}");
            }
        }
    }

    #[test]
    fn what_is_in_another_is_in_its_language_too() {
        let counts = Said::Callbacks { waiting: 1, failed: 2, dropped: 3 };
        let said = Said::CallbacksWithoutUrl { counts: Box::new(counts) };
        assert_eq!(
            said.text(Language::Indonesian),
            "1 callback menunggu, 2 gagal, 3 dibuang sebelum sampai, dan CALLBACK_URL belum diisi"
        );
        assert_eq!(
            serde_json::to_string(&said).unwrap(),
            "\"1 callbacks wait, 2 failed, 3 were dropped untold, and CALLBACK_URL is not set\""
        );
        assert_eq!(said.code(), "callbacks_without_url");
    }
}
