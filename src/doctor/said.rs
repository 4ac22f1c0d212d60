//! What `doctor` says, as values: each with parameters and a text in each [`Language`]. The command line and
//! its JSON have the English text, the panel that of its reader. Causes that come from the system stay in its words.

use serde::{Serialize, Serializer};

use crate::channels::{WarningView, WeekView};
use crate::language::{InWords, Language, sentences};
use crate::reason::{Explanation, Reason};
use crate::status::Hangs;
use crate::waha::NoServer;

sentences! {
    /// A finding, or what to do about it.
    #[derive(Debug, Clone, PartialEq)]
    pub(crate) enum Said {
        // --- settings ---
        SettingsUnreadable { cause: String }: "{cause}", "pengaturan tidak bisa dibaca: {cause}";
        CorrectSettings: "correct it: everything else depends on it",
            "betulkan dulu: semua yang lain bergantung padanya";
        SettingsFromFile { path: String }: "read from `{path}` and the environment",
            "dibaca dari `{path}` dan environment";
        SettingsFromEnvironment: "read from the environment; there is no env file",
            "dibaca dari environment; file pengaturan tidak ada";
        PaceDangerous { secs: u64 }: "SEND_DELAY_SECONDS is {secs}", "SEND_DELAY_SECONDS diisi {secs}";
        SetPace: "set it to 20 or more: a real number gets banned for less",
            "isi 20 atau lebih: dengan jarak lebih pendek, nomor sungguhan bisa diblokir";

        // --- alarms and callbacks ---
        NobodyTold:
            "nobody is told when something is wrong: ALERT_URL and HEARTBEAT_URL are not set",
            "tidak ada yang diberi tahu bila ada masalah: ALERT_URL dan HEARTBEAT_URL belum diisi";
        AlarmsSet: "ALERT_URL or HEARTBEAT_URL is set; `doctor --alert` sends a test",
            "ALERT_URL atau HEARTBEAT_URL sudah diisi; `doctor --alert` mengirim percobaan";
        AlarmTook { key: String }: "{key} took a test", "{key} menerima percobaan";
        AlarmFailed { key: String, cause: String }: "{key} did not take a test: {cause}",
            "{key} tidak menerima percobaan: {cause}";
        CorrectAlarm { key: String }: "correct {key}, or ask whoever runs it",
            "betulkan {key}, atau tanyakan kepada pengelolanya";
        Callbacks { waiting: u64, failed: u64, dropped: u64 }:
            one "{waiting} callback waits, {failed} failed, {dropped} were dropped untold",
            "{waiting} callbacks wait, {failed} failed, {dropped} were dropped untold",
            "{waiting} callback menunggu, {failed} gagal, {dropped} dibuang sebelum sampai";
        SeeCallbacks: "see `callback list --status failed`; `callback retry` tells them again",
            "lihat `callback list --status failed`; `callback retry` mengirimnya lagi";
        CallbacksWithoutUrl { counts: Box<Said> }: "{counts}, and CALLBACK_URL is not set",
            "{counts}, dan CALLBACK_URL belum diisi";
        SetCallbackUrl: "set CALLBACK_URL again, and they are told",
            "isi CALLBACK_URL lagi, maka semuanya dikirim";
        CallbacksOn { counts: Box<Said> }: "{counts}; `callback test` tries CALLBACK_URL",
            "{counts}; `callback test` mencoba CALLBACK_URL";

        // --- WAHA and the clock ---
        NoWahaUrl: "WAHA_BASE_URL is not set: nothing can be sent",
            "WAHA_BASE_URL belum diisi: tidak ada yang bisa dikirim";
        SetWahaUrl:
            "write WAHA_BASE_URL=http://127.0.0.1:3000 (or where your WAHA is) into auto-message-scheduler.env",
            "tulis WAHA_BASE_URL=http://127.0.0.1:3000 (atau alamat WAHA Anda) di auto-message-scheduler.env";
        NoWaha { why: NoServer }: "{why}", "{why}";
        TryWaha { url: String }: "try: curl -H 'X-Api-Key: …' {url}/api/server/version",
            "coba: curl -H 'X-Api-Key: …' {url}/api/server/version";
        Waha { version: String, engine: String, tier: String }:
            "{version}, engine {engine}, {tier}",
            "{version}, mesin {engine}, {tier}";
        WahaWithoutIds { version: String, engine: String, tier: String }:
            "{version}, engine {engine}, {tier}; it takes no message ids, so look-ups are less certain",
            "{version}, mesin {engine}, {tier}; tidak menerima ID pesan, jadi pengecekan kurang pasti";
        Clock { local: String, zone: String }: "{local} in {zone}", "{local} di {zone}";
        ClockAsWahas { clock: Box<Said> }: "{clock}, as WAHA's", "{clock}, sama dengan jam WAHA";
        ClockAhead { clock: Box<Said>, secs: u64 }: "{clock}: {secs} s ahead of WAHA's clock",
            "{clock}: {secs} detik lebih cepat dari jam WAHA";
        ClockBehind { clock: Box<Said>, secs: u64 }: "{clock}: {secs} s behind WAHA's clock",
            "{clock}: {secs} detik lebih lambat dari jam WAHA";
        SetClock: "set the clock, best by NTP: messages go out by it",
            "setel jamnya, paling baik dengan NTP: pesan dikirim menurut jam ini";
        ClockNotBelieved { why: Explanation }: "{why}", "{why}";
        NextRunLooks: "the next run looks again, and goes on by itself",
            "putaran berikutnya mengecek lagi, dan jalan sendiri";
        SessionHeld { channel: String, why: Reason }: "channel `{channel}`: {why}",
            "nomor WA `{channel}`: {why}";
        StartSession: "start it in WAHA's dashboard, and scan the QR code when it asks for it",
            "mulai sesinya di dasbor WAHA atau di halaman nomor ini, dan pindai kode QR bila diminta";
        OtherPhone { channel: String }: "channel `{channel}`: another phone scanned the code",
            "nomor WA `{channel}`: HP lain memindai kodenya";
        HeldFor { why: Reason }: "{why}", "{why}";
        SessionWorks { channel: String, session: String }:
            "channel `{channel}`: session `{session}` is WORKING",
            "nomor WA `{channel}`: sesi `{session}` tersambung (WORKING)";
        NoStore { session: String }:
            "session `{session}` has no store: what is unknown cannot be looked up",
            "sesi `{session}` tidak menyimpan pesan: yang belum pasti tidak bisa dicek";
        SetStore: "set config.noweb.store.enabled of the session to true in WAHA",
            "isi config.noweb.store.enabled sesi itu dengan true di WAHA";

        // --- webhook and events ---
        EventsNotTaken { session: String }:
            "session `{session}` sends events, but they are not taken",
            "sesi `{session}` mengirim kabar, tetapi tidak diterima di sini";
        SetHmac: "set WEBHOOK_HMAC_KEY to the key of that webhook",
            "isi WEBHOOK_HMAC_KEY dengan kunci webhook itu";
        NoWebhook { session: String, path: String }: "session `{session}` has no webhook to {path}",
            "sesi `{session}` tidak punya webhook ke {path}";
        GiveHookLines: "give WAHA's environment its WHATSAPP_HOOK lines",
            "beri environment WAHA baris WHATSAPP_HOOK";
        AnotherKey { session: String }:
            "session `{session}` signs with another key: its events are refused",
            "sesi `{session}` memakai kunci lain: kabarnya ditolak";
        GiveHmac: "give it the HMAC key that WEBHOOK_HMAC_KEY has",
            "beri kunci HMAC yang sama dengan WEBHOOK_HMAC_KEY";
        EventsMissing { session: String, events: String }:
            "session `{session}` does not send {events}",
            "sesi `{session}` tidak mengirim {events}";
        AddEvents: "add these events to its webhook in WAHA",
            "tambahkan kabar itu di webhook-nya di WAHA";
        EventsUntilRestart { session: String }:
            "session `{session}` sends its events here until WAHA CORE restarts and forgets it",
            "sesi `{session}` mengirim kabar ke sini sampai WAHA CORE dinyalakan ulang dan melupakannya";
        GiveLastingLines: "give WAHA's environment its WHATSAPP_HOOK lines: they stay",
            "beri environment WAHA baris WHATSAPP_HOOK: itu menetap";
        EventsCome { session: String }: "session `{session}` sends its events here",
            "sesi `{session}` mengirim kabar ke sini";
        EventTaken { local: String }: "the last event was taken at {local}",
            "kabar terakhir diterima {local}";
        NoEvent: "no event was taken yet", "belum ada kabar yang diterima";
        RefusedUnsigned { taken: Box<Said>, count: u64, local: String }:
            "{taken}; refused so far: {count}, the last at {local}: it had no HMAC",
            "{taken}; ditolak sampai kini: {count}, terakhir {local}: tanpa HMAC";
        RefusedSignature { taken: Box<Said>, count: u64, local: String }:
            "{taken}; refused so far: {count}, the last at {local}: its HMAC was wrong",
            "{taken}; ditolak sampai kini: {count}, terakhir {local}: HMAC-nya salah";
        EventsOverdue { taken: Box<Said> }: "{taken}, and messages have gone out since",
            "{taken}, padahal sesudah itu ada pesan yang terkirim";
        MendWebhook:
            "WAHA has no webhook to here, as after a restart of CORE, or cannot reach it: give its environment its WHATSAPP_HOOK lines, and see that `serve` runs",
            "WAHA tidak punya webhook ke sini, misalnya sesudah CORE dinyalakan ulang, atau tidak bisa menjangkaunya: beri environment-nya baris WHATSAPP_HOOK, dan pastikan `serve` jalan";
        UpdateWaha:
            "update WAHA: this version never signs, and events without HMAC are not believed",
            "perbarui WAHA: versi ini tidak pernah memberi HMAC, dan kabar tanpa HMAC tidak dipercaya";
        GiveLinesOrUpdate:
            "give WAHA's environment its WHATSAPP_HOOK lines; 2024.10.8 and older never sign",
            "beri environment WAHA baris WHATSAPP_HOOK; versi 2024.10.8 dan sebelumnya tidak pernah memberi HMAC";
        GiveKey:
            "give WAHA the key that WEBHOOK_HMAC_KEY has: the lines below, or `webhook-setup --apply`",
            "beri WAHA kunci yang ada di WEBHOOK_HMAC_KEY: baris di bawah, atau `webhook-setup --apply`";

        // --- the database ---
        DatabaseUnusable { cause: String }: "{cause}", "database tidak bisa dipakai: {cause}";
        RunAsOwner: "do that, and run every command as the user who runs `serve` or cron",
            "lakukan itu, dan jalankan setiap perintah sebagai pengguna yang menjalankan `serve` atau cron";
        MakeRoomNow: "make room (`df -h`): until then nothing is recorded, so nothing is sent",
            "kosongkan tempat (`df -h`): sebelum itu tidak ada yang dicatat, jadi tidak ada yang dikirim";
        SeeWhoUses: "see who else uses the file, and run `doctor` again",
            "lihat siapa lagi yang memakai file itu, lalu jalankan `doctor` lagi";
        DocsOfBackup: "docs/operation.md tells of backup and restore",
            "docs/operation.md menjelaskan cadangan dan pemulihan";
        NoDirectory { path: String }: "there is no directory `{path}`", "folder `{path}` tidak ada";
        MakeDirectory: "make it, or correct DATABASE_PATH",
            "buat foldernya, atau betulkan DATABASE_PATH";
        DatabaseNotThere { path: String }: "`{path}` is not there yet", "`{path}` belum ada";
        FirstRunMakesIt: "the first `serve` or `run` makes it; is DATABASE_PATH right?",
            "dibuat oleh `serve` atau `run` yang pertama; apakah DATABASE_PATH benar?";
        RestoreCutOff { path: String }: "`{path}` is missing because a restore was cut off",
            "`{path}` tidak ada karena pemulihan terputus";
        RestoreAgain: "run `restore` again", "jalankan `restore` lagi";
        DatabaseEmpty { path: String }: "`{path}` is empty", "`{path}` kosong";
        FirstRunMakesTables: "the first `serve` or `run` makes its tables",
            "tabelnya dibuat oleh `serve` atau `run` yang pertama";
        ReadOnly { path: String }: "`{path}` may be read but not written",
            "`{path}` boleh dibaca tetapi tidak boleh ditulis";
        CheckOwnerOfBoth: "check owner and mode of the file and of its directory",
            "periksa pemilik dan izin file itu dan foldernya";
        TablesOld { found: i64, known: i64 }:
            "its tables are version {found}, this program knows {known}",
            "tabelnya versi {found}, program ini memakai versi {known}";
        NextRunUpdates: "the next `serve` or `run` brings them up to date",
            "`serve` atau `run` berikutnya memperbaruinya";
        WalLarge { mib: u64 }:
            "its -wal has grown to {mib} MiB: another program reads the database for long",
            "file -wal-nya sudah {mib} MiB: program lain membaca database terlalu lama";
        EndReader:
            "end it (a shell of sqlite3, a backup tool: `fuser` with the file's name shows which); the next sends make the -wal small again",
            "tutup program itu (sqlite3, alat cadangan: `fuser` dengan nama filenya menunjukkan yang mana); kiriman berikutnya mengecilkan -wal";
        DatabaseSeen { path: String, journal: Box<Said> }: "`{path}`; {journal}", "`{path}`; {journal}";
        DatabaseSound { path: String, journal: Box<Said> }: "`{path}` is sound; {journal}",
            "`{path}` tidak rusak; {journal}";
        NoDamageYet { path: String, secs: u64, journal: Box<Said> }:
            "`{path}`: no damage in the first {secs} s; {journal}",
            "`{path}`: tidak ada kerusakan dalam {secs} detik pertama; {journal}";
        JournalWal: "WAL", "WAL";
        JournalOther: "no WAL: slower, as safe", "tanpa WAL: lebih lambat, sama amannya";
        DatabaseDamaged { path: String, cause: String }: "`{path}` is damaged: {cause}",
            "`{path}` rusak: {cause}";
        RestoreBackup: "stop the program, keep a copy, and restore a backup",
            "hentikan program, simpan salinannya, lalu pulihkan cadangan";
        PasswordReplaced:
            "its password was changed in the panel, and counts in place of the setting; `password-hash --panel` gives it another one",
            "kata sandinya diganti di panel, dan berlaku sebagai ganti pengaturan; `password-hash --panel` memberinya yang lain";
        AlsoHolds { things: String }: "it also holds {things}, not made by this program",
            "di dalamnya ada juga {things}, bukan buatan program ini";
        ForeignTriggers { things: String }: "{things} was not made by this program",
            "{things} bukan buatan program ini";
        SeeTriggers:
            "see what it does: a trigger can change, send or stop messages; DROP TRIGGER removes it",
            "lihat apa yang dilakukannya: trigger bisa mengubah, mengirim atau menghentikan pesan; DROP TRIGGER menghapusnya";
        SchemaBroken { things: String }: "{things}",
            "bagian database yang berubah atau hilang: {things}";
        RestoreForPromises:
            "stop the program, keep a copy, and restore a backup: the promises rest on it",
            "hentikan program, simpan salinannya, lalu pulihkan cadangan: semua janji program bergantung padanya";
        DatabaseMoved: "the database was copied or moved here: nothing is sent from it",
            "database ini disalin atau dipindahkan ke sini: tidak ada yang dikirim darinya";
        ConfirmPlace: "end the other program, then run `confirm-place`",
            "hentikan program yang lain, lalu jalankan `confirm-place`";

        BackupPlaced:
            "a backup was put here without `restore`: nothing is sent from it, because what it knows as unsent may have been sent",
            "cadangan ditaruh di sini tanpa `restore`: tidak ada yang dikirim darinya, karena yang dianggapnya belum terkirim mungkin sudah terkirim";
        RestoreOrConfirm:
            "stop the program, then run `restore` with the backup; `confirm-place` only when nothing was sent since it was made",
            "hentikan program, lalu jalankan `restore` dengan cadangan itu; `confirm-place` hanya bila tidak ada yang terkirim sejak cadangan dibuat";

        // --- channels and numbers ---
        NoChannelActive: "no channel is active: nothing can be sent",
            "semua nomor WA dimatikan: tidak ada yang bisa dikirim";
        ActivateChannel: "set is_active of a channel to 1",
            "ubah is_active salah satu nomor WA menjadi 1";
        NoSessionName { channel: String }: "channel `{channel}` has no session_name",
            "nomor WA `{channel}` belum punya sesi WAHA (session_name)";
        FillInSession: "fill it in: the name of its session in WAHA", "isi: nama sesinya di WAHA";
        ChannelHeld { channel: String, pending: u64, why: Explanation }:
            "channel `{channel}` is held, {pending} waiting: {why}",
            "nomor WA `{channel}` ditahan, {pending} menunggu: {why}";
        PersonDecides: "a person has to decide: see `channel show`",
            "harus diputuskan orang: buka nomor ini di Nomor WA, atau `channel show`";
        EmptyHeldReason: "to free it, empty its held_reason",
            "untuk melanjutkan, tekan Lanjutkan kirim di Nomor WA, atau kosongkan held_reason";
        LookedAtAgain: "it is looked at again by itself, with each trigger",
            "dicek lagi sendiri pada setiap pemicu";
        NextTriggerLooks: "the next trigger looks at it again", "dicek lagi pada pemicu berikutnya";
        TwoOfOneNumber { one: String, other: String, number: String }:
            "channels `{one}` and `{other}` are one number, {number}, at twice the pace",
            "nomor WA `{one}` dan `{other}` adalah nomor yang sama, {number}, jadi jarak antarpesannya tinggal separuh";
        ScanOrPause: "scan the code of one of their sessions with another phone, or pause one",
            "pindai kode salah satu sesinya dengan HP lain, atau jeda salah satu";
        Unknown { count: u64 }: one "{count} delivery is unknown: it may have gone out",
            "{count} deliveries are unknown: they may have gone out",
            "{count} pengiriman belum pasti: mungkin sudah terkirim";
        LookIntoWhatsapp: "look into WhatsApp; docs/sql.md says how to send again",
            "lihat di WhatsApp; docs/sql.md menjelaskan cara mengirim lagi";
        ChecksNumbers { asked: u64, missing: u64 }:
            "CHECK_NUMBERS is on: {asked} asked about in 30 days, {missing} of them not on WhatsApp",
            "CHECK_NUMBERS menyala: {asked} nomor ditanyakan dalam 30 hari, {missing} di antaranya tidak ada di WhatsApp";
        NumberHealth { channel: String, days: i64, limit: Box<Said>, warmup: Option<Box<Said>>, week: WeekView, refused: usize, of: usize }:
            "channel `{channel}`: {days} days old, {limit}{warmup}; seven days: {week}; {refused} of the last {of} refused",
            "nomor WA `{channel}`: umur {days} hari, {limit}{warmup}; tujuh hari: {week}; {refused} dari {of} terakhir ditolak";
        NoDailyLimit: "no daily limit", "tanpa batas harian";
        DailyLimit { limit: u32 }: "{limit} a day", "{limit} sehari";
        WarmupDay { day: i64 }: ", day {day} of its warm-up", ", hari ke-{day} mulai pelan-pelan";
        NumberTrouble { channel: String, trouble: Box<Said> }: "channel `{channel}`: {trouble}",
            "nomor WA `{channel}`: {trouble}";
        WhatsappWarned { warning: WarningView }: "{warning}", "{warning}";
        SendLess: "send less, and to people who write to you",
            "kirim lebih sedikit, dan kepada orang yang juga menulis kepada Anda";
        BusiestDay { busiest: u32, age: i64, bears: u64 }:
            "its busiest day of seven had {busiest} messages, and a number of {age} days bears about {bears}",
            "hari tersibuk dari tujuh hari ada {busiest} pesan, padahal nomor berumur {age} hari tahan sekitar {bears}";
        LimitOrWarmup { bears: u64 }:
            "a daily limit of {bears}, or let it begin slowly: on its page in the panel, or `channel edit --daily-limit {bears}`, `--warmup today`",
            "pasang batas harian {bears}, atau mulai pelan-pelan: di halaman nomornya di panel, atau `channel edit --daily-limit {bears}`, `--warmup today`";
        FewAnswers { sent: u64, received: u64 }:
            "{sent} messages in seven days, and {received} answers",
            "{sent} pesan dalam tujuh hari, dan {received} balasan";
        AskPeople: "write to people who know you, and ask them something",
            "tulis kepada orang yang mengenal Anda, dan tanyakan sesuatu";
        BreakerStopped { local: String }: "the breaker stopped it at {local}",
            "berhenti sendiri {local} supaya tidak diblokir";
        LetItRest: "docs/numbers.md says why it does; let the number rest",
            "docs/numbers.md menjelaskan sebabnya; istirahatkan nomornya";
        ManyRefused { refused: usize, of: usize }:
            "WhatsApp refused {refused} of its last {of} messages",
            "WhatsApp menolak {refused} dari {of} pesan terakhirnya";
        CleanList: "take numbers out of the list that are not on WhatsApp",
            "keluarkan nomor yang tidak ada di WhatsApp dari daftar";
        NoTicks { missing: u32 }: "the last {missing} messages have no tick yet",
            "{missing} pesan terakhir belum bercentang";
        LookAtPhone: "look at its phone, and restart the session",
            "lihat HP-nya, dan mulai ulang sesinya";
        NeverATick { missing: u32 }: "events come, and of {missing} messages none has a tick",
            "kabar datang, tetapi dari {missing} pesan tidak satu pun bercentang";
        RestartSession: "restart the session; if they did arrive, its webhook lacks message.ack",
            "mulai ulang sesinya; kalau pesannya sampai, webhook-nya kurang message.ack";

        SettingsNewer: "the env file was changed after `serve` began, which goes by what it said before",
            "file pengaturan diubah setelah `serve` mulai, dan `serve` masih memakai yang lama";
        StartAgain: "start `serve` again", "jalankan ulang `serve`";

        // --- triggers ---
        Sends { pid: i64, command: String, local: String }:
            "process {pid} (`{command}`) has been sending since {local}",
            "proses {pid} (`{command}`) mengirim sejak {local}";
        SendsAndHangs { pid: i64, command: String, local: String, why: Hangs }:
            "process {pid} (`{command}`) has been sending since {local}: {why}",
            "proses {pid} (`{command}`) mengirim sejak {local}: {why}";
        KillIt { pid: i64 }: "`kill -CONT {pid}` lets it go on, `kill -9 {pid}` ends it",
            "`kill -CONT {pid}` melanjutkannya, `kill -9 {pid}` menghentikannya";
        ProcessSends { pid: i64 }: "process {pid} is sending", "proses {pid} sedang mengirim";
        HiddenProcessSends: "a process out of sight is sending",
            "ada proses yang tidak terlihat sedang mengirim";
        NoTriggerYet: "no trigger has come yet, and nobody is sending",
            "belum pernah ada pemicu, dan tidak ada yang mengirim";
        LastRun { minutes: u64 }: "`run` was started {minutes} min ago, by cron or by hand",
            "`run` dijalankan {minutes} menit lalu, oleh cron atau dengan tangan";
        LastTrigger { minutes: u64 }: "the last trigger came {minutes} min ago",
            "pemicu terakhir {minutes} menit lalu";
        AndDue { due: u64, found: Box<Said> }: one "{found}, and {due} message is due",
            "{found}, and {due} messages are due",
            "{found}, padahal {due} pesan sudah waktunya";
        StartOrCron: "start `serve`, or check the cron line: crontab -l, and run it by hand",
            "jalankan `serve`, atau periksa baris cron: crontab -l, dan coba jalankan sendiri";

        // --- contacts and messages ---
        HiddenAsked { count: u64 }:
            one "{count} person asked to stop from a hidden number (`…@lid`) whose phone number WAHA does not tell yet: only that chat is opted out",
            "{count} people asked to stop from a hidden number (`…@lid`) whose phone number WAHA does not tell yet: only that chat is opted out",
            "{count} orang minta berhenti dari nomor tersembunyi (`…@lid`) yang nomor teleponnya belum diberitahukan WAHA: hanya obrolan itu yang berhenti";
        HiddenUntold { count: u64 }:
            one "{count} person asked to stop from a hidden number (`…@lid`) whose phone number WAHA does not tell: only that chat is opted out",
            "{count} people asked to stop from a hidden number (`…@lid`) whose phone number WAHA does not tell: only that chat is opted out",
            "{count} orang minta berhenti dari nomor tersembunyi (`…@lid`) yang nomor teleponnya tidak diberitahukan WAHA: hanya obrolan itu yang berhenti";
        OptOutByHand: "look into WhatsApp who they are, and opt them out: among the panel's contacts, or `contact opt-out NUMBER`",
            "lihat di WhatsApp siapa mereka, lalu hentikan kirimannya: di Kontak, atau `contact opt-out NUMBER`";
        NoContacts: "there are none", "belum ada kontak";
        ContactsGood { count: u64 }: one "{count} number can be written to",
            "{count} numbers can be written to", "{count} nomor bisa dikirimi";
        ContactsBad { bad: u64, of: u64, contact: i64, why: Reason }:
            "{bad} of {of} numbers cannot be written to; contact {contact}: {why}",
            "{bad} dari {of} nomor tidak bisa dikirimi; kontak {contact}: {why}";
        CorrectContacts: "correct them: they are skipped", "betulkan: mereka dilewati";
        MessagesFail { count: u64, message: i64, why: String }:
            one "{count} message will fail; message {message}: {why}",
            "{count} messages will fail; message {message}: {why}",
            "{count} pesan akan gagal; pesan {message}: {why}";
        CorrectMessages: "correct them before their time comes: the panel's calendar and `plan` show them",
            "betulkan sebelum waktunya: ada di kalender panel dan di `plan`";
        RecipientsSkipped { count: u64, message: i64, why: String }:
            one "{count} recipient will be skipped; message {message}: {why}",
            "{count} recipients will be skipped; message {message}: {why}",
            "{count} penerima akan dilewati; pesan {message}: {why}";
        PlanShows: "their messages in the panel and `plan` show them",
            "ada di pesannya di panel dan di `plan`";
        RecipientsLate { count: u64 }: one "{count} recipient comes too late to be sent",
            "{count} recipients come too late to be sent",
            "{count} penerima tidak sempat dikirimi";
        MoreChannels: "use more channels, or a higher LATE_LIMIT_HOURS",
            "pakai lebih banyak nomor WA, atau naikkan LATE_LIMIT_HOURS";
        MessagesGood { count: u64 }: one "{count} waits, and will not fail",
            "{count} wait, none of them will fail",
            "{count} menunggu, tidak ada yang akan gagal";

        // --- files, the secret, the disk ---
        MediaOnCore { count: u64 }:
            one "{count} message with a picture or a file waits, and this WAHA is CORE",
            "{count} messages with pictures or files wait, and this WAHA is CORE",
            "{count} pesan bergambar atau berisi file menunggu, padahal WAHA ini CORE";
        NeedsPlus:
            "only WAHA Plus sends them: change to it, or `message cancel` them; they fail once",
            "hanya WAHA Plus yang bisa mengirimnya: ganti ke Plus, atau batalkan pesannya; kalau tidak, gagal sekali";
        FilesBad { count: u64, why: Reason }:
            one "{count} file of messages that wait cannot be sent; {why}",
            "{count} files of messages that wait cannot be sent; {why}",
            "{count} file untuk pesan yang menunggu tidak bisa dikirim; {why}";
        AddFileAgain: "`file add` the same file again, or copy it from a backup",
            "`file add` file yang sama lagi, atau salin dari cadangan";
        FilesStored { count: usize, directory: String, mb: u64 }:
            one "{count} file in `{directory}`, {mb} MB",
            "{count} files in `{directory}`, {mb} MB",
            "{count} file di `{directory}`, {mb} MB";
        Unreadable { path: String, cause: String }: "`{path}` cannot be read: {cause}",
            "`{path}` tidak bisa dibaca: {cause}";
        CheckOwner: "check its owner and mode", "periksa pemilik dan izinnya";
        CheckOwnerOrRun: "check its owner and mode, or run this as its owner",
            "periksa pemilik dan izinnya, atau jalankan ini sebagai pemiliknya";
        SecretSet: "CRON_SECRET is set", "CRON_SECRET sudah diisi";
        SecretToBeMade: "the first `serve` makes it", "dibuat oleh `serve` yang pertama";
        SecretInFile { path: String }: "in `{path}`", "di `{path}`";
        SecretShort { path: String }: "`{path}` holds no secret of 16 characters or more",
            "`{path}` tidak berisi rahasia sepanjang 16 karakter atau lebih";
        DeleteSecret: "delete it: the next `serve` makes a new one",
            "hapus filenya: `serve` berikutnya membuat yang baru";
        FileOdd { cause: String }: "{cause}", "ada file yang tidak semestinya: {cause}";
        SeeHow: "see how it came there: nothing reads or writes it as it is",
            "cari tahu dari mana asalnya: selama begitu, file itu tidak dibaca dan tidak ditulis";
        OthersMayRead { files: String }: "others may read {files}", "orang lain boleh membaca {files}";
        Chmod { mode: u32, files: String }: "chmod {mode} {files}", "chmod {mode} {files}";
        GroupButNot { group: String, files: String }:
            "the group `{group}` shares the database, but not {files}",
            "grup `{group}` ikut memakai database, tetapi tidak {files}";
        GroupShares { group: String }:
            "the group `{group}` shares the database; only their owner may read the others",
            "grup `{group}` ikut memakai database; file lain hanya boleh dibaca pemiliknya";
        OnlyOwner: "only their owner may read them", "hanya pemiliknya yang boleh membaca";
        Room { mb: u64 }: "{mb} MB are free", "masih {mb} MB kosong";
        MakeRoom: "make room: without any nothing can be recorded, so nothing is sent",
            "kosongkan tempat: tanpa itu tidak ada yang bisa dicatat, jadi tidak ada yang dikirim";

        // --- the website's project ---
        LinkFailed { cause: String }: "{cause}", "situs web tidak bisa dihubungi: {cause}";
        LookAtLink:
            "look at SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY, and whether the project is paused",
            "periksa SUPABASE_URL dan SUPABASE_SERVICE_ROLE_KEY, dan apakah proyeknya sedang dijeda";
        LinkOn { mode: String, old: String, since: String }:
            "on, mode {mode}; {old} rows from before {since} stay untouched",
            "menyala, mode {mode}; {old} baris sebelum {since} tidak disentuh";
        LinkOff { due: String }: "the link is off, and rows of the website are due: {due}",
            "situs web punya {due} baris yang sudah waktunya, tetapi penghubungnya mati";
        CheckLink: "`link check` shows what would be sent, `link on` begins",
            "`link check` menunjukkan apa yang akan dikirim, `link on` memulai";
        RowsWithoutChannel { count: String, rows: String }:
            "rows of the website that are due without a channel ({count}): {rows}",
            "{count} baris situs web yang sudah waktunya tidak punya nomor WA: {rows}";
        ChooseChannel: "choose a channel for them on the website: nobody sends them",
            "pilih nomor WA untuknya di situs web: tidak ada yang mengirimnya";
        RowsUnsent { count: String, rows: String }:
            "rows of the website that are due on a channel that is off there, or that nobody sends for ({count}): {rows}",
            "{count} baris situs web yang sudah waktunya ada di nomor WA yang dinonaktifkan di sana, atau yang tidak dikirim siapa pun: {rows}";
        SwitchChannelOn:
            "switch the channel on at the website, let `link on` take it, or choose another one for them",
            "aktifkan nomor WA itu di situs web, ambil dengan `link on`, atau pilih nomor WA lain untuk baris itu";
        AheadOfSupabase { secs: i64 }: "this machine's clock is {secs} s ahead of Supabase's",
            "jam mesin ini {secs} detik lebih cepat dari jam Supabase";
        SetClockByNtp: "set the clock, best by NTP", "setel jamnya, paling baik dengan NTP";
        ManyRows: "the website has very many scheduled rows",
            "situs web punya sangat banyak baris terjadwal";
        CreateIndex: "create index on auto_messages (scheduled_at, id) where status = 'scheduled'",
            "create index on auto_messages (scheduled_at, id) where status = 'scheduled'";
        ChannelOfOther { channel: String, owner: String, seen: String }:
            "channel `{channel}` is {owner}'s, seen {seen}",
            "nomor WA `{channel}` milik {owner}, terlihat {seen}";
        NobodySends { channel: String }: "nobody sends for the website's channel `{channel}`",
            "tidak ada yang mengirim untuk nomor WA `{channel}` milik situs web";
        LinkTakesIt: "`link on` takes it once its session_name is a session of this WAHA",
            "`link on` mengambilnya setelah session_name-nya adalah sesi WAHA ini";
        LinkAlarm { alarm: String }: "{alarm}", "peringatan penghubung: {alarm}";
        ClearAlarm: "when it is mended, `link on` clears this",
            "bila sudah dibetulkan, `link on` menghapus peringatan ini";
        ResultsRefused { count: u64 }: one "Supabase refuses {count} result",
            "Supabase refuses {count} results",
            "Supabase menolak {count} hasil";
        CorrectTable: "see refused in link_claims, and correct the website's table",
            "lihat refused di link_claims, dan betulkan tabel situs web";
        LinkAway { since: String, trouble: String }: "no good answer since {since}: {trouble}",
            "tidak ada jawaban yang baik sejak {since}: {trouble}";
        RowsWait { count: u64 }: one "{count} row waits to be written; what is planned goes out",
            "{count} rows wait to be written; what is planned goes out",
            "{count} baris menunggu ditulis; yang sudah direncanakan tetap dikirim";
        ChannelTaken { channel: String }: "channel {channel}", "nomor WA {channel}";
        TakeOver: "`link take-over` takes it back", "`link take-over` mengambilnya kembali";
    }
}

impl Serialize for Said {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl InWords for Option<Box<Said>> {
    fn text(&self, language: Language) -> String {
        self.as_ref().map(|said| said.text(language)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Commands, SQL and texts that are all of another value's words.
    const SAME: [&str; 8] = [
        "NoWaha",
        "ClockNotBelieved",
        "HeldFor",
        "DatabaseSeen",
        "JournalWal",
        "WhatsappWarned",
        "Chmod",
        "CreateIndex",
    ];

    #[test]
    fn each_has_words_in_both_languages_with_the_same_values() {
        for (name, fields, english, indonesian) in Said::TABLE {
            assert!(!english.is_empty() && !indonesian.is_empty(), "{name}");
            assert_eq!(english == indonesian, SAME.contains(name), "{name}: {indonesian}");
            for field in *fields {
                let place = format!("{{{field}}}");
                assert!(english.contains(&place), "{name}: {english}");
                assert!(indonesian.contains(&place), "{name}: {indonesian}");
            }
        }
    }

    #[test]
    fn one_is_one_and_more_are_more() {
        let text = |count| Said::ContactsGood { count }.to_string();
        assert_eq!(
            (text(1), text(21)),
            ("1 number can be written to".to_owned(), "21 numbers can be written to".to_owned(),)
        );
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
            "\"1 callback waits, 2 failed, 3 were dropped untold, and CALLBACK_URL is not set\""
        );
    }
}
