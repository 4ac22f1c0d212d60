//! Every word of the panel, in Indonesian and in English: plain words for whoever runs a shop.

use crate::language::Language;

impl Language {
    pub(super) fn words(self) -> &'static Words {
        self.pick(&ENGLISH, &INDONESIAN)
    }

    /// The short names of the days, from Sunday, and of the months.
    pub(super) fn calendar(self) -> ([&'static str; 7], [&'static str; 12]) {
        let (days, months) = self.pick(
            ("Sun Mon Tue Wed Thu Fri Sat", "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"),
            ("Min Sen Sel Rab Kam Jum Sab", "Jan Feb Mar Apr Mei Jun Jul Agu Sep Okt Nov Des"),
        );
        (each_word(days), each_word(months))
    }
}

fn each_word<const N: usize>(text: &'static str) -> [&'static str; N] {
    let mut words = text.split(' ');
    std::array::from_fn(|_| words.next().unwrap_or_default())
}

macro_rules! words {
    ($($name:ident: $indonesian:literal, $english:literal;)*
        @notices $($notice:ident: $notice_indonesian:literal, $notice_english:literal;)*
        @acts $($act:ident: $act_indonesian:literal, $act_english:literal;)*) => {
        /// The words of one language; `{}` and `{name}` are places for values. Those before a `|` are for one.
        pub(super) struct Words {
            $(pub(super) $name: &'static str,)*
            notices_by_code: &'static [(&'static str, &'static str)],
            acts_by_code: &'static [(&'static str, &'static str)],
        }

        static INDONESIAN: Words = Words {
            $($name: $indonesian,)*
            notices_by_code: &[$((stringify!($notice), $notice_indonesian)),*],
            acts_by_code: &[$((stringify!($act), $act_indonesian)),*],
        };
        static ENGLISH: Words = Words {
            $($name: $english,)*
            notices_by_code: &[$((stringify!($notice), $notice_english)),*],
            acts_by_code: &[$((stringify!($act), $act_english)),*],
        };

        /// Every word in both languages, for the tests.
        #[cfg(test)]
        const ALL: &[(&str, &str, &str)] = &[
            $((stringify!($name), $indonesian, $english),)*
            $((stringify!($notice), $notice_indonesian, $notice_english),)*
            $((stringify!($act), $act_indonesian, $act_english),)*
        ];
    };
}

words! {
    product: "Pesan Terjadwal", "Scheduled Messages";
    other_language: "English", "Bahasa Indonesia";
    other_code: "en", "id";
    skip: "Langsung ke isi", "Skip to content";
    navigation: "Menu utama", "Main menu";
    overview: "Ringkasan", "Overview";
    messages: "Pesan", "Messages";
    contacts: "Kontak", "Contacts";
    channels: "Nomor WA", "Numbers";
    runs: "Riwayat", "History";
    account: "Akun", "Account";
    back: "Kembali", "Back";
    paging: "Halaman", "Pages";
    newer: "← Lebih baru", "← Newer";
    older: "Lebih lama →", "Older →";
    more: "Berikutnya →", "Next →";
    to_start: "← Dari awal", "← From the start";
    all: "Semua", "All";
    filter: "Saring", "Filter";
    search: "Cari", "Search";
    remove_filter: "hapus saringan", "remove filter";
    times_are_in: "Semua jam memakai zona waktu", "All times are in the time zone";
    not_found: "Halaman tidak ada", "There is no such page";
    not_found_text: "Mungkin sudah dihapus, atau alamatnya salah ketik.", "It may have been removed, or the address is mistyped.";
    form_expired: "Formulir sudah kedaluwarsa", "This form has expired";
    form_expired_text: "Buka lagi halamannya lalu ulangi. Tidak ada yang berubah.", "Open the page again and repeat. Nothing was changed.";

    // Logging in.
    log_in: "Masuk", "Log in";
    login_lead: "Masukkan kata sandi panel untuk melanjutkan.", "Enter the panel's password to go on.";
    password: "Kata sandi", "Password";
    wrong_password: "Kata sandi salah. Coba lagi.", "The password is wrong. Try again.";
    too_many_tries: "Terlalu banyak percobaan. Tunggu {} detik lalu coba lagi.", "Too many attempts. Wait {} seconds and try again.";
    log_out: "Keluar", "Log out";
    log_out_everywhere: "Keluar dari semua perangkat", "Log out on all devices";

    session_ended: "Sesi sudah berakhir. Isian Anda masih ada: masukkan kata sandi untuk melanjutkan.", "Your session has ended. What you typed is still here: enter the password to go on.";
    still_here: "Anda sudah masuk lagi, dan isian Anda masih ada. Belum ada yang disimpan: tekan tombolnya sekali lagi.", "You are logged in again, and what you typed is still here. Nothing is stored yet: press the button once more.";
    draft_found: "Ada isian yang belum disimpan dari {}.", "There is something you typed and did not store, from {}.";
    draft_restore: "Pakai lagi", "Use it again";
    draft_discard: "Buang", "Discard it";
    answer_gone: "Halaman ini tidak disimpan lagi", "This page is not kept any more";
    answer_gone_text: "Jawaban atas formulir disimpan satu jam, paling banyak beberapa buah. Tidak ada yang dikirim dua kali. Buka formulirnya lagi: isian terakhir ditawarkan kembali di perangkat ini.", "The answer to a form is kept for an hour, and only a few of them. Nothing was sent twice. Open the form again: this device offers what was typed last.";
    too_large: "Terlalu besar", "Too large";
    too_large_text: "Yang Anda kirim lebih besar daripada yang bisa diterima: file paling besar {} MB, daftar kontak 1 MB. Tidak ada yang disimpan. Perkecil filenya, lalu ulangi; isian Anda masih ada di formulirnya. Daftar kontak yang lebih besar: bagi menjadi beberapa file, atau jalankan contact import di server.", "What you sent is larger than what is taken: a file has at most {} MB, a list of contacts 1 MB. Nothing was stored. Make the file smaller and repeat; what you typed is still in its form. A larger list of contacts: split it into several files, or run contact import on the server.";

    // The first day.
    first_run: "Empat langkah pertama", "The first four steps";
    first_run_done: "{n} dari 4 selesai", "{n} of 4 done";
    step_done: "selesai", "done";
    step_open: "belum", "to do";
    step_number: "Sambungkan nomor WhatsApp", "Connect a WhatsApp number";
    step_number_text: "Buka nomornya dan pindai kode QR dengan HP.", "Open the number and scan its QR code with the phone.";
    step_contacts: "Masukkan kontak", "Bring in contacts";
    step_contacts_text: "Dari daftar CSV, Excel atau HP, atau satu per satu.", "From a list (CSV, Excel, a phone), or one by one.";
    step_test: "Kirim satu pesan ke diri sendiri", "Send a message to yourself";
    step_test_text: "Tulis pesan, lalu pakai «Kirim ke saya dulu».", "Write a message and use “Send it to me first”.";
    step_schedule: "Jadwalkan pesan pertama", "Schedule the first message";
    step_schedule_text: "Pilih penerima, tanggal dan jamnya.", "Choose recipients, a date and a time.";
    sample_list: "Unduh contoh daftar", "Download a sample list";
    sample_csv: "nama,hp,kota,label|Budi Santoso,0812-3456-7890,Solo,pelanggan|Siti Rahayu,0813-2222-3333,Bandung,\"pelanggan, vip\"|", "name,phone,city,tags|Budi Santoso,0812-3456-7890,Solo,customer|Siti Rahayu,0813-2222-3333,Bandung,\"customer, vip\"|";
    refused_csv: "Unduh yang ditolak (CSV)", "Download those refused (CSV)";

    // Overview.
    today: "Hari ini", "Today";
    sent_today: "pesan terkirim", "messages sent";
    failed_small: "gagal", "failed";
    unknown_small: "belum pasti", "uncertain";
    waiting: "Antrean", "In the queue";
    waiting_text: "penerima menunggu giliran", "recipients wait their turn";
    fits_late: "{n} sempat, {late} tidak (batas {hours} jam)", "{n} get it in time, {late} do not (limit {hours} h)";
    fits_again: "{n} dari {all} sempat sebelum dikirim lagi", "{n} of {all} get it before it is due again";
    fits_behind: "{all} penerima: tiap kali makin terlambat", "{all} recipients: later each time";
    fits_nobody: "Tidak ada penerima yang bisa dikirimi", "None of its recipients can get it";
    fits_waits: "{all} penerima menunggu: nomornya tidak bisa mengirim", "{all} recipients wait: the number cannot send";
    late_advice: "Yang tidak sempat tidak dikirimi. Bagi menjadi beberapa pesan, atau kirim ke lebih sedikit orang.", "The others get nothing. Make several messages of it, or send to fewer people.";
    repeats_advice: "Jarak antarpesan, jam kirim dan batas harian tidak cukup. Kirim ke lebih sedikit orang, lebih jarang, atau lewat beberapa nomor WA.", "Gap, hours and daily limit hold no more. Send it to fewer people, less often, or on several numbers.";
    will_fail: "Akan gagal pada waktunya: {}", "It fails when its time comes: {}";
    goes_out_at: "Terkirim sekitar {begins}.", "Goes out about {begins}.";
    split_days: "Bagi {} hari", "Split over {} days";
    split_channel: "Pakai nomor kedua: {}", "Use a second number: {}";
    not_checked: "belum dicek", "not checked yet";
    tried_again: "{} (kirim ulang)", "{} (sent again)";
    through_at: "selesai sekitar {}", "through about {}";
    through_if_free: "selesai sekitar {} bila nomornya sudah bisa mengirim", "through about {} if the number can send by then";
    last_trigger: "Pemicu terakhir", "Last trigger";
    never: "Belum pernah", "Never";
    ticker_on: "program juga memeriksa sendiri", "the program also looks by itself";
    ticker_off: "hanya lewat cron", "by cron only";
    next_due: "Berikutnya", "Next";
    all_messages: "Semua pesan", "All messages";
    nothing_planned: "Belum ada pesan yang dijadwalkan. Buat yang pertama!", "Nothing is scheduled. Make the first message!";
    chart: "30 hari terakhir", "Last 30 days";
    chart_words: "Dalam 30 hari: {sent} terkirim, {delivered} sampai, {read} dibaca, {failed} gagal, {unknown} belum pasti. Angka per hari ada di tabel di bawah.", "In 30 days: {sent} sent, {delivered} delivered, {read} read, {failed} failed, {unknown} uncertain. The figures of each day are in the table below.";
    as_table: "Lihat sebagai tabel", "Show as a table";
    day: "Hari", "Day";
    sent: "Terkirim", "Sent";
    delivered: "Sampai", "Delivered";
    read: "Dibaca", "Read";
    failed: "Gagal", "Failed";
    unknown: "Belum pasti", "Uncertain";
    skipped: "Dilewati", "Skipped";
    see_channels: "Lihat nomor WA", "See the numbers";
    see_runs: "Lihat riwayat", "See the history";
    stale_trigger: "{} pesan sudah waktunya, tetapi tidak ada pemicu yang datang.", "{} message is due, but no trigger comes.|{} messages are due, but no trigger comes.";
    stale_trigger_remedy: "Periksa baris cron Anda, atau isi TICK_SECONDS=60 supaya program memeriksa sendiri.", "Check your cron line, or set TICK_SECONDS=60 so that the program looks by itself.";
    clock_remedy: "Sesudah itu program berjalan lagi sendiri.", "It goes on by itself then.";
    link_tile: "Jawaban Supabase", "Supabase answered";
    link_waits: "{} hasil menunggu ditulis", "{} results to write";
    link_refused: "ditolak", "refused";
    link_away: "Supabase milik website tidak menjawab.", "The website's Supabase does not answer.";
    link_alarm: "Website", "Website";
    link_remedy: "Jalankan `doctor`: perintah itu menunjukkan sebab dan cara memperbaikinya. Pesan yang sudah diambil tetap dikirim.", "Run `doctor`: it shows the cause and the remedy. What was taken already goes out.";
    unknown_week: "{} pengiriman dalam 7 hari terakhir belum pasti sampai atau tidak.", "{} delivery of the last 7 days is uncertain: it may or may not have arrived.|{} deliveries of the last 7 days are uncertain: they may or may not have arrived.";
    unknown_remedy: "Program tidak mengirim ulang sendiri supaya tidak ada pesan ganda. Lihat di WhatsApp, lalu putuskan di halaman pesannya.", "The program does not send them again by itself, so that nobody gets a message twice. Look in WhatsApp, then decide on the message's page.";

    // Channels.
    channels_lead: "Setiap nomor WhatsApp mengirim dengan jarak antarpesan supaya aman dari blokir.", "Each WhatsApp number sends with a gap between messages that keeps it from being blocked.";
    new_channel: "Tambah nomor", "Add a number";
    add_channel: "Tambahkan", "Add it";
    channel_open: "Sambungkan, ubah…", "Connect, change…";
    channel_settings: "Pengaturan nomor ini", "Settings of this number";
    channel_name_help: "Nama untuk Anda sendiri, misalnya Toko Pusat.", "A name for yourself, such as Main shop.";
    session_help: "Nama sesi di WAHA, misalnya toko. WAHA gratis hanya punya satu: default.", "The name of the session in WAHA, such as shop. Free WAHA has one only: default.";
    window_help: "Jam setempat, misalnya 07:00-21:00; selalu untuk sepanjang hari. Kosong: seperti pengaturan ({}).", "Local hours, such as 07:00-21:00; always for all day. Empty: as in the settings ({}).";
    daily_limit: "Batas per hari", "Limit a day";
    limit_help: "Paling banyak pesan dalam satu hari; 0 tanpa batas. Kosong: seperti pengaturan ({}).", "Most messages on one day; 0 for no limit. Empty: as in the settings ({}).";
    recipient_gap: "Jarak per orang (jam)", "Gap for one person (hours)";
    gap_help: "Orang yang sama paling cepat menerima pesan berikutnya sesudah sekian jam; 0 tanpa jarak. Kosong: seperti pengaturan ({}).", "The same person gets the next message so many hours later at the earliest; 0 for no gap. Empty: as in the settings ({}).";
    warmup: "Nomor ini baru: mulai pelan-pelan", "This number is new: begin slowly";
    warmup_help: "Hari-hari pertama dikirim sedikit, lalu makin banyak: nomor baru yang langsung mengirim banyak cepat diblokir.", "Little is sent on the first days, then more: a new number that sends much at once is soon banned.";
    warmup_since: "Mulai {}.", "Since {}.";
    all_day: "sepanjang hari", "all day";
    no_limit: "tanpa batas", "no limit";
    no_gap: "tanpa jarak", "no gap";
    window_wrong: "Jam kirim ditulis seperti 07:00-21:00, atau selalu.", "Write the hours like 07:00-21:00, or always.";
    limit_wrong: "Batas per hari adalah angka tanpa titik atau koma, 0 sampai 1000000.", "The limit a day is a number without dots or commas, 0 to 1000000.";
    gap_wrong: "Jarak per orang adalah angka, 0 sampai 168 jam.", "The gap for one person is a number, 0 to 168 hours.";
    channel_changed_just_now: "Nomor ini baru saja berubah. Tekan Simpan sekali lagi.", "This number has just changed. Press Save once more.";
    remove_channel: "Hapus nomor ini", "Remove this number";
    remove_channel_text: "Nomor ini hilang dari daftar, dan tidak ada lagi yang dikirim lewatnya. Yang sudah terkirim tetap tercatat. WhatsApp di HP dan sesinya di WAHA tidak berubah.", "This number leaves the list, and nothing is sent on it any more. What it sent stays on record. WhatsApp on the phone and the session in WAHA are not touched.";
    remove_channel_yes: "Ya, hapus nomor ini", "Yes, remove this number";
    pause_all: "Jeda semua nomor", "Pause all numbers";
    pause_all_text: "Tidak ada lagi yang dikirim lewat nomor mana pun sampai Anda melanjutkannya. Pesannya menunggu, tetapi yang terlalu lama menunggu menjadi terlambat.", "Nothing is sent on any number until you let them go on. Their messages wait, but what waits too long becomes too late.";
    pause_all_yes: "Ya, jeda semua", "Yes, pause all";
    resume_all: "Lanjutkan semua ({})", "Let all go on ({})";
    whatsapp_session: "Sambungan WhatsApp", "WhatsApp connection";
    session_working: "Tersambung", "Connected";
    session_number: "Nomornya {}.", "Its number is {}.";
    session_scan: "Menunggu dipindai", "Waits for a scan";
    session_scan_text: "Pindai kode ini dengan HP yang nomornya dipakai untuk mengirim.", "Scan this code with the phone whose number is to send.";
    session_starting: "Sedang mulai", "Starting";
    session_starting_text: "Tunggu sebentar: kodenya muncul di sini.", "Wait a moment: the code appears here.";
    session_stopped: "Berhenti", "Stopped";
    session_missing: "Belum ada di WAHA", "Not in WAHA yet";
    session_missing_text: "WAHA belum punya sesi dengan nama ini. Buat di sini, lalu pindai kodenya.", "WAHA has no session of this name yet. Make it here, then scan its code.";
    session_trouble: "Tidak bisa mengirim", "Cannot send";
    session_away: "WAHA tidak menjawab", "WAHA does not answer";
    session_start: "Mulai sesi", "Start the session";
    session_make: "Buat sesi di WAHA", "Make the session in WAHA";
    session_restart: "Mulai ulang sesi", "Restart the session";
    no_waha: "WAHA_BASE_URL belum diisi, jadi tidak ada yang bisa dicek.", "WAHA_BASE_URL is not set, so there is nothing to check.";
    no_code: "Tidak ada kode untuk dipindai sekarang.", "There is no code to scan now.";
    code_alt: "Kode QR untuk dipindai dengan WhatsApp", "QR code to scan with WhatsApp";
    code_help: "Di HP: WhatsApp → Perangkat tertaut → Tautkan perangkat. Kodenya berganti sendiri; siapa pun yang memindainya memakai nomornya.", "On the phone: WhatsApp → Linked devices → Link a device. The code changes by itself; whoever scans it gives their number.";
    look_now: "Cek sekarang", "Check now";
    look_at_all_now: "Cek semua sekarang", "Check all now";
    checked_now: "dicek barusan", "checked just now";
    checked_ago: "dicek {}", "checked {}";
    channel_not_checked: "Belum dicek", "Not checked yet";
    channel_paused: "Dijeda", "Paused";
    session: "Sesi WAHA", "WAHA session";
    pace: "Jarak", "Gap";
    may_send: "tidak perlu menunggu", "no need to wait";
    sends_again_in: "Mengirim lagi dalam {}", "Sends again in {}";
    rests_for: "Beristirahat {} (REST_AFTER)", "Rests for {} (REST_AFTER)";
    channel_ready: "Siap", "Ready";
    channel_held: "Ditahan", "On hold";
    channel_scan: "Perlu dicek", "Needs a look";
    channel_off: "Nonaktif", "Off";
    channel_no_session: "Tanpa sesi", "No session";
    channel_off_remedy: "Nomor ini dimatikan. Pesan untuknya tidak dikirim.", "This number is switched off. Its messages are not sent.";
    channel_no_session_remedy: "Isi nama sesi WAHA untuk nomor ini.", "Give this number the name of its WAHA session.";
    held_by_hand: "Dijeda oleh orang, bukan oleh program. Tekan Lanjutkan kirim bila sudah siap.", "Paused by a person, not by the program. Press Resume sending when you are ready.";
    held_session: "Buka nomor ini di Nomor WA dan pindai kode QR. Setelah tersambung, pengiriman jalan lagi sendiri.", "Open this number under Numbers and scan the QR code. Once it is connected, sending goes on by itself.";
    held_unreachable: "WAHA tidak menjawab. Pastikan server WAHA menyala; program mencoba lagi sendiri.", "WAHA does not answer. Make sure that its server runs; the program tries again by itself.";
    held_limited: "WhatsApp meminta istirahat. Pengiriman jalan lagi sendiri setelah waktunya.", "WhatsApp asked for a rest. Sending goes on by itself after that time.";
    held_config: "Periksa alamat WAHA dan kunci API di pengaturan.", "Check WAHA's address and API key in the settings.";
    held_restricted: "WhatsApp membatasi nomor ini. Berhenti mengirim dulu dan periksa nomornya di ponsel.", "WhatsApp restricted this number. Stop sending for now and look at it on the phone.";
    held_breaker: "Nomor ini berhenti sendiri supaya tidak diblokir. Periksa di ponsel, lalu tekan Lanjutkan kirim.", "This number stopped by itself, so that it is not banned. Look at it on the phone, then press Resume sending.";
    held_other_number: "HP lain memindai kode sesi ini. Benar ini nomor barunya? Pakai nomor itu. Bila tidak, pindai ulang dengan HP yang lama, lalu tekan Lanjutkan kirim.", "Another phone scanned this session's code. Is the new number right? Then use it. If not, scan again with the old phone, then press Resume sending.";
    confirm_number: "Pakai nomor baru", "Use the new number";
    channel_waits: "Di luar jam kirim", "Outside its hours";
    waits_remedy: "Mengirim lagi sendiri pada waktunya.", "It goes on by itself at that time.";
    sent_today_count: "Dicoba kirim hari ini", "Tried today";
    send_window: "Jam kirim", "Hours";
    week_count: "7 hari: dicoba / diterima", "7 days: tried / received";
    number_warned: "Peringatan WhatsApp", "WhatsApp warned";
    number_warned_until: "separuh batas harian sampai {}", "half the daily limit until {}";
    pause_channel: "Jeda nomor ini", "Pause this number";
    resume_channel: "Lanjutkan kirim", "Resume sending";
    held_until: "Ditahan sampai", "On hold until";

    // Statuses.
    status_scheduled: "Terjadwal", "Scheduled";
    status_sending: "Sedang dikirim", "Sending";
    status_partly: "Sebagian", "In part";
    status_cancelled: "Dibatalkan", "Cancelled";
    status_draft: "Dijeda / draf", "Paused / draft";
    delivery_pending: "Menunggu", "Waiting";

    // Messages.
    message: "Pesan", "Message";
    new_message: "Pesan baru", "New message";
    search_messages: "Cari judul, isi, nama atau nomor", "Search titles, texts, names or numbers";
    no_messages: "Tidak ada pesan di sini.", "There are no messages here.";
    no_time: "Belum ada waktu", "No time yet";
    when_resumed: "Terkirim begitu dilanjutkan", "Goes out as soon as it is resumed";
    repeats: "berulang", "repeats";
    recipients_count: "{} penerima", "{} recipient|{} recipients";
    sent_of: "{sent} dari {all} terkirim", "{sent} of {all} sent";
    text: "Isi pesan", "Text";
    channel: "Nomor WA", "Number";
    made_at: "Dibuat", "Made";
    made_by: "Dibuat oleh", "Made by";
    progress: "Perjalanan", "Progress";
    occurrences: "Waktu kirim", "Times";
    why_not_sent: "Mengapa tidak terkirim", "Why it was not sent";
    who_they_are: "Lihat orangnya", "See who";
    more_reasons: "Masih ada alasan lain: lihat daftar penerima.", "There are more reasons: see the recipients.";
    nobody_here: "Tidak ada penerima di sini.", "There are no recipients here.";
    edit: "Ubah", "Edit";
    duplicate: "Salin", "Duplicate";
    cancel: "Batalkan", "Cancel";
    cancel_text: "Yang belum dikirim tidak akan dikirim. Yang sudah terkirim tidak bisa ditarik.", "What is not sent yet will not be sent. What was sent cannot be taken back.";
    cancel_yes: "Ya, batalkan pesan ini", "Yes, cancel this message";
    pause: "Jeda", "Pause";
    resume: "Lanjutkan", "Resume";
    retry: "Kirim ulang yang gagal", "Retry failed";
    retry_unknown: "Yang belum pasti…", "Uncertain ones…";
    name: "Nama", "Name";
    number: "Nomor", "Number";
    status: "Status", "Status";
    ended: "Selesai", "Ended";
    reason: "Alasan", "Reason";
    waha_id: "ID WhatsApp", "WhatsApp id";

    // A message's form.
    edit_message: "Ubah pesan", "Edit message";
    title: "Judul", "Title";
    optional: "boleh kosong", "optional";
    template_help: "Tanda seperti {{name|Kak}} diganti nama setiap penerima; bila namanya tidak ada, dipakai kata setelah garis tegak.", "A sign such as {{name|Kak}} becomes each recipient's name; without a name, the word after the bar is used.";
    to: "Penerima", "Recipients";
    to_help: "Satu nomor per baris, misalnya 0812 3456 7890. Boleh juga nomor urut kontak, atau all untuk semua kontak yang tidak menolak.", "One number a line, such as 0812 3456 7890. A contact's id will do, too, and all for every contact who has not opted out.";
    to_tags: "Atau semua kontak dengan label", "Or everybody with the tag";
    everybody: "Semua kontak", "All contacts";
    drop_recipient: "Hapus dari penerima:", "Take out of the recipients:";
    search_tags: "Cari label", "Search tags";
    no_such_tag: "Tidak ada label seperti itu.", "There is no such tag.";
    except: "Kecuali…", "Except…";
    except_help: "Mereka tidak menerima pesan ini, walaupun namanya ada di atas dengan cara lain.", "They do not get this message, by whatever name they stand above.";
    except_numbers: "Nomor atau nomor urut kontak, satu per baris", "Numbers or contacts' ids, one a line";
    when: "Waktu kirim", "When";
    when_now: "Sekarang juga", "Right now";
    when_at: "Pada tanggal dan jam tertentu", "At a date and time";
    when_weekly: "Setiap minggu", "Every week";
    when_kept: "Biarkan waktunya seperti sekarang", "Leave the times as they are";
    when_copied: "Waktu yang sama dengan pesan yang disalin", "The same times as the copied message";
    date_and_time: "Tanggal dan jam", "Date and time";
    one_more_time: "Tambah waktu", "Add a time";
    days_of_week: "Hari", "Days";
    time_of_day: "Jam", "Time";
    from_date: "Mulai tanggal", "From";
    until_date: "Sampai tanggal", "Until";
    skip_bad: "Lewati penerima yang tidak bisa dikirimi", "Leave out those who cannot get it";
    schedule_it: "Jadwalkan", "Schedule";
    send_now: "Kirim sekarang", "Send now";
    does_now: "Kirim sekarang ke {n}", "Send now to {n}";
    does_at: "Jadwalkan {when} untuk {n}", "Schedule {when} for {n}";
    does_weekly: "Jadwalkan tiap minggu mulai {when} untuk {n}", "Schedule every week from {when} for {n}";
    does_kept: "Jadwalkan dengan waktu yang sama, mulai {when}, untuk {n}", "Schedule with the same times, from {when}, for {n}";
    saves_at: "Simpan: {when}, {n}", "Save: {when}, {n}";
    saves_weekly: "Simpan: tiap minggu mulai {when}, {n}", "Save: every week from {when}, {n}";
    saves_kept: "Simpan: waktunya tetap, berikutnya {when}, {n}", "Save: times as they are, next {when}, {n}";
    yes: "Ya. {}", "Yes. {}";
    busy: "Mengirim…", "Working…";
    server_away: "Server tidak terjangkau. Yang terlihat di sini adalah keadaan terakhir; halaman ini terus mencoba lagi.",
        "The server cannot be reached. What you see here is how it was last; this page keeps trying.";
    server_back: "Server terjangkau lagi.", "The server can be reached again.";
    ask_now: "Pesan ini langsung dikirim ke {} penerima dan tidak bisa ditarik. Tekan sekali lagi bila memang itu maksud Anda.", "This goes out at once to {} recipients and cannot be taken back. Press once more if you mean it.";
    ask_again: "Pesan yang persis sama baru saja dibuat. Tekan sekali lagi hanya bila Anda mau membuat yang kedua.", "The very same message was made a moment ago. Press once more only if you want a second one.";
    form_used: "Formulir ini sudah membuat satu pesan, dan isinya sekarang lain. Tekan sekali lagi bila Anda mau membuat pesan yang kedua.", "This form has made a message already, and now says something else. Press once more if you want a second message.";
    make_second: "Ya, buat yang kedua", "Yes, make a second one";
    see_it: "Lihat pesan itu", "See that message";
    choice_and_a_date: "Anda memilih «{}», tetapi tanggal, hari atau jam juga terisi. Pilih salah satu: kosongkan isian waktunya, atau pilih tanggal atau harinya.", "You chose “{}”, but a date, a day or a time is filled in, too. Choose one: empty those fields, or choose the date or the days.";
    changed_meanwhile: "Selagi Anda mengisi, hal yang sama diubah di tempat lain. Isian Anda masih ada di bawah; yang tersimpan sekarang ada di sini. Simpan lagi bila isian Anda yang benar.", "While you typed, the same thing was changed elsewhere. What you typed is still below; what is stored now is here. Save again if yours is right.";
    changed_just_now: "Pesan ini baru saja berubah. Tekan Simpan sekali lagi.", "This message has just changed. Press Save once more.";
    stored_now: "yang tersimpan sekarang", "stored now";
    save: "Simpan", "Save";
    carries: "Yang dikirim bersamanya", "Sent with it";
    kind: "Jenis", "Kind";
    kind_text: "Hanya teks", "Text only";
    kind_image: "Gambar", "Picture";
    kind_file: "File", "File";
    kind_video: "Video", "Video";
    kind_voice: "Pesan suara", "Voice message";
    kind_location: "Lokasi", "Location";
    kind_contact: "Kartu kontak", "Contact card";
    kind_poll: "Polling", "Poll";
    kind_other: "Jenis lain", "Another kind";
    choose_upload: "Pilih file", "Choose a file";
    upload_help: "Gambar (JPEG, PNG), video (MP4) dan suara paling besar 16 MB, file lain {} MB. Perlu WAHA Plus. Isi pesan menjadi keterangannya, kecuali pada pesan suara: kosongkan isinya.", "Pictures (JPEG, PNG), videos (MP4) and sounds of at most 16 MB, other files of {} MB. Needs WAHA Plus. The text becomes the caption, but for a voice message: leave its text empty.";
    uploading: "Mengunggah…", "Uploading…";
    upload_too_large: "File lebih besar dari {} MB. Perkecil dulu.", "The file is larger than {} MB. Make it smaller.";
    upload_not_stored: "File tidak bisa disimpan, mungkin karena disk penuh. Alasannya ada di log program.", "The file could not be stored; the disk may be full. The reason is in the program's log.";
    place: "Koordinat", "Coordinates";
    place_help: "Tekan lama tempatnya di peta ponsel, lalu salin angkanya, misalnya -6.2088, 106.8456. Isi pesan menjadi nama tempatnya.", "Press long on the place in your phone's map and copy the numbers, such as -6.2088, 106.8456. The text becomes the name of the place.";
    card_name: "Nama di kartu", "Name on the card";
    card_phone: "Nomor di kartu", "Number on the card";
    card_help: "Kartu kontak tidak punya teks: kosongkan isi pesan.", "A contact card has no text: leave the text empty.";
    options: "Pilihan jawaban", "Answers";
    options_help: "Satu per baris, 2 sampai 12. Isi pesan menjadi pertanyaannya.", "One a line, 2 to 12. The text becomes the question.";
    multiple: "Boleh memilih lebih dari satu", "More than one may be chosen";
    needs_file: "Pilih filenya dulu.", "Choose the file.";
    needs_place: "Isi koordinatnya, misalnya -6.2088, 106.8456.", "Give the coordinates, such as -6.2088, 106.8456.";
    needs_card: "Isi nama dan nomor di kartu.", "Give the name and the number on the card.";
    needs_options: "Isi pilihan jawabannya, satu per baris: 2 sampai 12, masing-masing paling panjang 100 huruf, tidak ada yang sama.", "Give the answers, one a line: 2 to 12 of at most 100 characters, no two alike.";
    to_me_first: "Kirim ke saya dulu", "Send it to me first";
    to_me_help: "Anda menerimanya persis seperti orang itu. Tidak ada penerima yang menerima apa-apa, dan formulir ini tetap seperti adanya.", "You get it just as that person would. No recipient gets anything, and this form stays as it is.";
    own_number: "Nomor saya", "My number";
    words_of: "Seolah untuk", "As if for";
    first_recipient: "penerima pertama", "the first recipient";
    test_it: "Kirim ke saya", "Send to me";
    test_title: "Tes: {}", "Test: {}";
    test_sent: "Tes dikirim ke {}.", "The test goes to {}.";
    needs_own_number: "Isi dulu nomor Anda sendiri.", "Give your own number first.";
    nobody_like: "Tidak ada kontak yang namanya memuat «{}».", "No contact's name contains “{}”.";
    test_would_differ: "Data kontak ini berisi tanda kurung kurawal, jadi tes tidak bisa sama persis. Pilih kontak lain.", "This contact's data has braces in it, so the test would not be the same. Choose another contact.";
    save_draft: "Simpan sebagai draf", "Keep as a draft";
    preview: "Pratinjau", "Preview";
    being_counted: "Ini untuk banyak orang: hasilnya sedang dihitung. Lihat lagi sebentar lagi.", "This is for many people: what comes of it is being counted. Look again in a moment.";
    preview_empty: "Isi pesan dan penerima untuk melihat hasilnya di sini.", "Fill in text and recipients to see here what they get.";
    will_not_get_it: "Tidak akan menerima", "Will not get it";
    odd_placeholder: "{odd} akan terkirim apa adanya. Tulis {meant}.", "{odd} goes out as it is. Write {meant}.";
    begins_and_ends: "Mulai {begins}, selesai sekitar {ends}.", "Begins {begins}, through about {ends}.";
    uploads_not_counted: "Lamanya mengunggah file ke WAHA tidak dihitung: paling lama {} detik untuk tiap penerima.", "How long the file takes to upload to WAHA is not counted: at most {} s for each recipient.";
    needs_text: "Isi pesannya dulu.", "Write the text first.";
    needs_recipients: "Tulis nomor penerima atau pilih label.", "Give the recipients' numbers, or choose a tag.";
    needs_time: "Pilih tanggal dan jam kirim.", "Choose a date and time.";
    until_before_from: "«Sampai tanggal» lebih awal daripada «Mulai tanggal».", "“Until” is before “From”.";
    needs_days: "Pilih hari-harinya.", "Choose the days.";
    also_from: "Bagi ke beberapa nomor", "Share it among several numbers";
    also_from_help: "Nomor yang dicentang ikut mengirim. Setiap penerima mendapatnya sekali saja: dari nomor yang terakhir berbicara dengannya, atau dari nomor yang bisa mengirim lebih dulu.", "The ticked numbers send it too. Each recipient gets it once: from the number that last spoke with them, else from the one that can send first.";
    who_from_which: "Siapa dari nomor mana", "Who gets it from which number";
    own_gap_help: "Siapa yang baru saja mendapat pesan menunggu sekian jam. Kosong: seperti pengaturan nomornya. 0: tidak menunggu.", "Whoever got a message lately waits so many hours. Empty: as the number is set. 0: no wait.";
    needs_time_of_day: "Isi jam kirimnya.", "Give the time of day.";
    nobody_gets_it: "Tidak ada penerima yang bisa dikirimi. Lihat alasannya di pratinjau.", "Nobody could get it. The preview says why.";
    some_are_skipped: "{} penerima tidak bisa dikirimi. Perbaiki, atau centang untuk melewatinya.", "{} recipient cannot get it. Correct it, or tick the box to leave it out.|{} recipients cannot get it. Correct them, or tick the box to leave them out.";
    retry_unknown_heading: "Kirim ulang yang belum pasti?", "Send the uncertain ones again?";
    retry_unknown_told: "{} pengiriman belum pasti: WAHA menerima permintaannya tetapi tidak ada jawaban yang jelas.", "{} delivery is uncertain: WAHA was asked, but gave no clear answer.|{} deliveries are uncertain: WAHA was asked, but gave no clear answer.";
    retry_unknown_risk: "Sebagian mungkin sudah sampai. Kalau dikirim ulang, orang itu bisa menerima pesan dua kali. Lihat dulu di WhatsApp.", "Some may have arrived. Sent again, those people get the message twice. Look in WhatsApp first.";
    retry_unknown_sure: "Saya sudah memeriksa dan mengerti risikonya", "I have looked, and I understand the risk";
    retry_unknown_yes: "Kirim ulang, termasuk yang gagal", "Send them again, and the failed ones";
    could_not: "Tidak bisa dilakukan", "That cannot be done";

    // Contacts.
    new_contact: "Kontak baru", "New contact";
    import: "Impor kontak", "Import contacts";
    search_contacts: "Cari nama, nomor atau label", "Search names, numbers and tags";
    no_contacts: "Tidak ada kontak di sini.", "There are no contacts here.";
    opted_out: "Berhenti", "Opted out";
    tag: "Label", "Tag";

    write_to: "Tulis pesan", "Write to them";
    whatsapp_number: "Nomor WhatsApp", "WhatsApp number";
    contact_form_used: "Formulir ini sudah menambahkan kontak {}. Buka halaman kontak baru untuk menambah yang lain.", "This form has added contact {} already. Open a new form to add another.";
    contact_changed_just_now: "Kontak ini baru saja berubah. Tekan Simpan sekali lagi.", "This contact has just changed. Press Save once more.";
    number_taken: "Nomor ini sudah dipakai kontak {}.", "Contact {} has this number already.";
    tags: "Label", "Tags";
    tags_help: "Pisahkan dengan koma, misalnya pelanggan, vip", "With commas between them, such as customer, vip";
    attributes: "Data lain", "Other data";
    attributes_help: "Satu per baris, misalnya kota=Bandung. Bisa dipakai dalam pesan sebagai {{kota}}.", "One a line, such as city=Bandung. Messages can use it as {{city}}.";
    opt_out: "Berhenti kirim", "Opt out";
    opt_out_text: "Orang ini tidak akan menerima pesan lagi, juga yang sudah dijadwalkan.", "This person gets no more messages, scheduled ones included.";
    opt_out_yes: "Ya, berhenti kirim", "Yes, no more messages";
    opt_in: "Kirim lagi", "Opt in";
    opt_in_text: "Hanya bila orangnya sendiri yang meminta.", "Only when the person asked for it.";
    opt_in_yes: "Ya, boleh dikirimi lagi", "Yes, send messages again";
    opted_out_since: "Tidak mau menerima pesan sejak", "Wants no messages since";
    import_heading: "Impor daftar kontak", "Import a list of contacts";
    column: "Kolom", "Column";
    column_number: "Kolom {}", "Column {}";
    column_sample: "Contoh isi", "For example";
    column_means: "Artinya", "Means";
    column_found: "Otomatis", "Automatic";
    means_found: "Otomatis: {}", "Automatic: {}";
    means_opt_out: "Minta berhenti (isi ya = jangan dikirimi)", "Opt-out (yes = wants no messages)";
    means_consent: "Setuju dikirimi (isi tidak = jangan dikirimi)", "Consent (no = wants no messages)";
    means_attribute: "Data lain, untuk tanda isian", "Other data, for placeholders";
    means_ignored: "Abaikan", "Leave out";
    columns_mean: "Arti kolom", "What the columns mean";
    columns_help: "Biasanya sudah benar. Bila ada yang keliru, pilih artinya, lalu tekan Periksa lagi; belum ada yang disimpan.", "Mostly right as it is. If one is not, choose what it means and press Look again; nothing is stored yet.";
    choose_columns: "Tidak ada kolom nomor telepon yang ditemukan. Pilih di bawah kolom mana yang berisi nomor.", "No column with phone numbers was found. Choose below which column has the numbers.";
    look_again: "Periksa lagi", "Look again";
    csv_file: "File CSV, Excel atau vCard", "CSV, Excel or vCard file";
    csv_help: "Paling besar 1 MB. Ekspor dari Google Contacts, Outlook, Excel dan HP bisa langsung dipakai; kolom nomor dan nama dicari sendiri. File yang lebih besar: pakai perintah contact import.", "At most 1 MB. Exports of Google Contacts, Outlook, Excel and phones work as they are; the columns with numbers and names are found. For larger files use the command contact import.";
    tags_for_all: "Label untuk semua", "Tags for everybody";
    look_first: "Periksa dulu", "Look first";
    no_rows: "Di bawah judul kolomnya tidak ada kontak. Pilih file lain.", "There are no contacts below the headings. Choose another file.";
    choose_a_file: "Pilih file yang ada isinya.", "Choose a file that is not empty.";
    file_too_large: "File lebih besar dari 1 MB. Bagi menjadi beberapa file, atau pakai perintah contact import.", "The file is larger than 1 MB. Split it, or use the command contact import.";
    upload_gone: "Pratinjau sudah kedaluwarsa. Pilih filenya lagi.", "The preview has expired. Choose the file again.";
    nothing_stored_yet: "Belum disimpan", "Not stored yet";
    rows_new: "Kontak baru", "New contacts";
    rows_merged: "Digabung", "Merged";
    rows_merged_help: "Digabung: isi yang baru mengganti yang lama, label ditambahkan, sel kosong tidak mengubah apa pun.", "Merged: filled cells replace what is stored, tags are added, blank cells change nothing.";
    rows_unchanged: "Sudah ada", "Known already";
    rows_refused: "Ditolak", "Refused";
    columns_seen: "Terbaca", "Read as";
    store_them: "Simpan ke kontak", "Store them";
    other_file: "Pilih file lain", "Choose another file";
    accepted_rows: "Contoh yang diterima", "Some that are taken";
    refused_rows: "Yang ditolak", "Those refused";
    line: "Baris", "Line";
    value: "Isi", "Value";

    select_all: "Semua {} kontak", "All {} contacts";
    select_all_found: "Semua yang ditemukan, juga di halaman lain", "All that are found, on other pages too";
    select_page: "Pilih semua di halaman ini", "Select all on this page";
    selected_name: "Yang dipilih", "What is selected";
    select_one: "Pilih", "Select";
    give_tag: "Beri label", "Add tag";
    take_tag: "Lepas label", "Remove tag";
    export: "Unduh CSV", "Download CSV";
    remove: "Hapus", "Remove";
    remove_text: "Mereka hilang dari kontak, dan pesan yang sudah antre untuk mereka tidak dikirim. Selama satu menit bisa dibatalkan.", "They are taken out of the contacts, and what is in the queue for them is not sent. For a minute this can be undone.";
    remove_yes: "Ya, hapus", "Yes, remove";
    opt_out_all_text: "Mereka tidak akan menerima pesan lagi, juga yang sudah dijadwalkan.", "They get no more messages, scheduled ones included.";
    undo: "Kembalikan", "Undo";
    undo_too_late: "Satu menit sudah lewat, atau nomornya sudah dipakai kontak lain: tidak bisa dikembalikan lagi.", "The minute is over, or other contacts have the numbers by now: it cannot be undone any more.";
    choose_contacts: "Centang dulu kontaknya.", "Tick the contacts first.";
    needs_tag: "Tulis labelnya dulu.", "Write the tag first.";
    tag_too_long: "Label paling panjang 100 huruf, dan satu kontak paling banyak punya 100 label.", "A tag has at most 100 characters, and a contact at most 100 tags.";
    too_many_to_write: "Lebih dari 300 kontak: beri mereka label dulu, lalu tulis pesan untuk label itu.", "More than 300 contacts: give them a tag first, then write to that tag.";
    too_many_to_change: "Lebih dari 5.000 kontak sekaligus: persempit dulu pencariannya.", "More than 5,000 contacts at once: narrow the search first.";
    all_opted_out: "Semua yang dipilih sudah minta berhenti. Barisnya harus tetap ada: hanya baris itu yang mencegah pesan ke nomornya.", "All who are selected opted out. Their rows must stay: only those keep messages away from the numbers.";
    history: "Pesan untuk kontak ini", "Messages to this contact";
    no_history: "Belum ada pesan untuk kontak ini.", "There were no messages to this contact yet.";

    // What needs a person, and whom a search finds.
    list: "Daftar", "List";
    attention: "Perlu perhatian", "Needs attention";
    attention_lead: "Yang gagal, terlambat, belum pasti, dan nomor yang ditahan, dengan satu langkah untuk tiap baris.", "What failed, came too late or is uncertain, and numbers on hold, with one step for each.";
    see_attention: "Lihat yang perlu perhatian", "See what needs attention";
    nothing_in_need: "Tidak ada yang perlu perhatian.", "Nothing needs attention.";
    too_late: "Terlambat", "Too late";
    failed_count: "{} gagal", "{} failed";
    late_count: "{} terlambat", "{} too late";
    unknown_count: "{} belum pasti", "{} uncertain";
    held_more: "dan {} nomor lagi", "and {} more numbers";
    more_need_a_look: "{} nomor lain juga perlu dilihat", "{} more numbers need a look";
    search_channels: "Cari nomor", "Search numbers";
    no_channel_found: "Tidak ada nomor yang cocok.", "No number matches.";
    doctor_more: "dan {} temuan lagi: `auto-message-scheduler doctor` menyebut semuanya", "and {} more findings: `auto-message-scheduler doctor` has them all";
    on_its_way: "Masih dikirim: tunggu sampai selesai.", "Still sending: wait until it has ended.";
    copy_it: "Perbaiki salinannya", "Mend a copy";
    people_found: "Orang yang cocok", "People found";
    none_to_person: "Belum ada pesan untuknya.", "No messages so far.";
    // Settings.
    settings: "Pengaturan", "Settings";
    settings_now: "Yang dipakai program ini sekarang", "What the program runs with now";
    settings_lead: "Diubah di file pengaturan atau variabel lingkungan, lalu programnya dijalankan ulang. Rahasia tidak ditampilkan.", "Change them in the env file or the environment, then restart the program. No secret is shown.";
    setting: "Pengaturan", "Setting";
    setting_from: "Dari", "From";
    setting_set: "(terisi)", "(set)";
    from_environment: "lingkungan", "environment";
    from_file: "file", "file";
    from_default: "bawaan", "default";
    change_password: "Ganti kata sandi", "Change the password";
    change_password_text: "Semua perangkat lain keluar. Kata sandi baru disimpan di database (sebagai hash) dan berlaku sebagai ganti ADMIN_PASSWORD, sampai pengaturan itu sendiri diganti. Lupa? Jalankan perintah password-hash --panel di server.", "All other devices are logged out. The new password is kept in the database (as a hash) and counts in place of ADMIN_PASSWORD, until that setting itself is another one. Forgotten? Run the command password-hash --panel on the server.";
    password_replaced: "Kata sandi yang sekarang dipilih di sini, bukan yang di pengaturan.", "The present password was chosen here, and is not the setting's.";
    old_password: "Kata sandi sekarang", "Present password";
    new_password: "Kata sandi baru", "New password";
    repeat_password: "Kata sandi baru, sekali lagi", "New password, once more";
    password_short: "Kata sandi baru paling sedikit 8 karakter.", "The new password has 8 characters or more.";
    password_weak: "Panel ini bisa dibuka dari komputer lain, jadi pilih kata sandi yang sulit ditebak: 12 karakter atau lebih.", "Other machines reach this panel, so choose a password that is hard to guess: 12 characters or more.";
    password_differs: "Kata sandi baru dan ulangannya tidak sama.", "The new password and its repetition differ.";
    backup: "Cadangan", "Backup";
    backup_text: "Satu file dengan semua pesan, kontak dan nomor, seperti buatan perintah backup; dipulihkan dengan perintah restore. Isinya data pelanggan Anda: simpan di tempat aman. File gambar dan lampiran tidak ikut; salin juga foldernya: {}", "One file with all messages, contacts and numbers, as the command backup makes it; the command restore brings it back. It holds your customers' data: keep it safe. Pictures and files of messages are not in it; copy their directory, too: {}";
    backup_download: "Unduh cadangan", "Download a backup";
    backup_failed: "Cadangan tidak bisa dibuat: {}", "No backup could be made: {}";
    doctor: "Periksa kesehatan", "Health check";
    doctor_lead: "Bagian cepat dari perintah doctor, dicek barusan. Untuk pemeriksaan penuh (kerusakan database, semua kontak dan pesan), jalankan doctor di server.", "The quick part of the command doctor, checked just now. For all of it (damage of the database, all contacts and messages) run doctor on the server.";
    doctor_told: "{wrong} salah, {warnings} peringatan", "{wrong} wrong, {warnings} warnings";
    verdict_ok: "Baik", "Fine";
    verdict_warning: "Peringatan", "Warning";
    verdict_wrong: "Salah", "Wrong";

    // The calendar, and the list of what is scheduled.
    calendar: "Kalender", "Calendar";
    tomorrow: "Besok", "Tomorrow";
    week: "Minggu", "Week";
    show: "Tampilkan", "Show";
    earlier: "← Sebelumnya", "← Earlier";
    messages_count: "{} pesan", "{} message|{} messages";
    people_count: "{} orang", "{} person|{} people";
    more_messages: "dan {} pesan lagi", "and {} more messages";
    not_all: "tidak semua sempat", "not all get it";
    all_fails: "akan gagal", "will fail";
    calendar_foot: "Panjangnya menurut perkiraan: jarak, jam kirim, batas harian dan antrean. Kiriman berulang sesudah yang berikut digambar sepanjang yang berikut.", "Lengths are the forecast's: gap, hours, daily limit and queue. Later times of a rule are drawn as long as the next one.";
    calendar_cut: "Yang berwarna pucat belum dihitung: terlalu banyak pesan di depannya.", "Pale ones are not foretold yet: too many messages come before them.";
    next_dates: "Berikutnya: {}", "Next: {}";

    // Runs.
    runs_lead: "Setiap kali program dipicu untuk mengirim, dan hasilnya. Angkanya jumlah pesan, bukan jumlah penerima.", "Each time that the program was triggered to send, and what came of it. The figures count messages, not recipients.";
    no_runs: "Belum ada riwayat.", "There is no history yet.";
    started: "Mulai", "Began";
    trigger: "Pemicu", "Trigger";
    took: "Lama", "Took";
    still_running: "masih berjalan", "still running";
    trigger_cron: "Cron", "Cron";
    trigger_api: "API", "API";
    trigger_timer: "Program sendiri", "The program itself";
    trigger_cli: "Perintah", "Command";

    // Statistics, and who did what.
    triggers: "Pemicu", "Triggers";
    statistics: "Statistik", "Statistics";
    statistics_lead: "Kiriman yang selesai, per hari: terkirim, sampai, dibaca, gagal, dan balasan yang masuk.", "What ended, by day: sent, delivered, read, failed, and messages that came back.";
    tag_counts: "Dengan label: semua kiriman ke kontak yang sekarang punya label itu, juga bila nomornya diketik. Balasan tidak punya label.", "With a tag: all that went to contacts that have the tag now, also when their number was typed. Replies have no tag.";
    together: "Seluruhnya", "All together";
    replies: "Balasan", "Replies";
    acts: "Siapa melakukan apa", "Who did what";
    acts_lead: "Masuk, perubahan dan kiriman oleh orang: lewat panel, API dan perintah. Disimpan 90 hari.", "Logins, edits and sends by people: in the panel, the API and the command line. Kept for 90 days.";
    act_when: "Kapan", "When";
    act_what: "Apa", "What";
    act_about: "Tentang", "About";
    act_who: "Lewat", "Through";
    contact: "Kontak", "Contact";
    door_panel: "Panel", "Panel";

    // Spans of time.
    seconds: "detik", "s";
    minutes: "menit", "min";
    hours: "jam", "h";
    days: "hari", "days";
    ago: "{} lalu", "{} ago";

    // What was just done, by its code in the address.
    @notices
    split: "Dibagi: setiap penerima ada di tepat satu pesan. Ini yang pertama.", "Split: each recipient is in exactly one message. This is the first.";
    tagged: "Label diberikan kepada {} kontak.", "{} contact has the tag now.|{} contacts have the tag now.";
    untagged: "Label dilepas dari {} kontak.", "The tag is gone from {} contact.|The tag is gone from {} contacts.";
    opted_out_all: "{} kontak tidak akan menerima pesan lagi.", "{} contact gets no more messages.|{} contacts get no more messages.";
    removed: "{} kontak dihapus.", "{} contact is removed.|{} contacts are removed.";
    removed_some: "{} kontak dihapus. Yang minta berhenti tetap ada: hanya barisnya yang mencegah pesan ke nomor itu.", "{} contact is removed. Those who opted out stay: only their rows keep messages away from the numbers.|{} contacts are removed. Those who opted out stay: only their rows keep messages away from the numbers.";
    brought_back: "{} kontak kembali.", "{} contact is back.|{} contacts are back.";
    scheduled: "Pesan dijadwalkan.", "The message is scheduled.";
    drafted: "Pesan disimpan sebagai draf.", "The message is kept as a draft.";
    saved: "Perubahan disimpan.", "The changes are saved.";
    saved_for_later: "Perubahan disimpan. Kiriman hari ini sudah dijalankan, jadi jadwal baru berlaku mulai kiriman berikutnya di bawah. Untuk mengirim lagi hari ini, salin pesan ini.", "The changes are saved. Today's has gone out already, so the new times count from the next one below. To send again today, copy this message.";
    unchanged: "Tidak ada yang berubah.", "Nothing was changed.";
    cancelled: "Pesan dibatalkan.", "The message is cancelled.";
    paused: "Pesan dijeda.", "The message is paused.";
    resumed: "Pesan dilanjutkan.", "The message goes on.";
    retried: "Dikirim ulang kepada yang belum menerima.", "It is sent again to those who did not get it.";
    contact_added: "Kontak ditambahkan.", "The contact is added.";
    opted_out: "Dicatat: orang ini tidak mau menerima pesan.", "Noted: this person wants no messages.";
    opted_in: "Dicatat: orang ini boleh dikirimi lagi.", "Noted: this person may get messages again.";
    imported: "Daftar kontak disimpan.", "The list is stored.";
    channel_paused: "Nomor dijeda. Pesannya menunggu.", "The number is paused. Its messages wait.";
    number_confirmed: "Nomor baru dipakai.", "The new number is used.";
    channel_resumed: "Nomor mengirim lagi.", "The number sends again.";
    channel_added: "Nomor ditambahkan. Sekarang sambungkan WhatsApp-nya.", "The number is added. Now connect its WhatsApp.";
    channel_removed: "Nomor dihapus.", "The number is removed.";
    session_started: "Sesi sedang mulai.", "The session is starting.";
    all_paused: "Semua nomor dijeda. Pesannya menunggu.", "All numbers are paused. Their messages wait.";
    all_resumed: "Nomor yang dijeda bersama semua sudah dilanjutkan.", "The numbers that were paused with all go on.";
    password_changed: "Kata sandi diganti. Perangkat lain sudah keluar.", "The password is changed. Other devices are logged out.";
    left: "Anda sudah keluar.", "You are logged out.";

    // What somebody did, by its code in the history; the others are as above.
    @acts
    logged_in: "Masuk ke panel.", "Logged in.";
    left: "Keluar dari panel.", "Logged out.";
    tested: "Tes dikirim ke nomor sendiri.", "A test was sent to the own number.";
    backup_taken: "Cadangan diunduh.", "A backup was downloaded.";
    moved: "Penerima dipindahkan ke nomor lain.", "Recipients were moved to another number.";
    deleted: "Dihapus.", "Removed.";
    added: "Ditambahkan.", "Added.";
}

impl Words {
    /// What somebody did, by its code in the history.
    pub(super) fn act(&self, code: &str) -> Option<&'static str> {
        by_code(self.acts_by_code, code).or_else(|| self.notice(code))
    }

    pub(super) fn notice(&self, code: &str) -> Option<&'static str> {
        by_code(self.notices_by_code, code)
    }
}

fn by_code(all: &[(&str, &'static str)], code: &str) -> Option<&'static str> {
    all.iter().find(|(known, _)| *known == code).map(|(_, words)| *words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_leave_the_same_places_for_values() {
        let places = |text: &str| {
            let mut found: Vec<String> = text
                .replace("{{name|Kak}}", "")
                .replace("{{kota}}", "")
                .replace("{{city}}", "")
                .split('{')
                .skip(1)
                .filter_map(|rest| Some(rest.split_once('}')?.0.to_owned()))
                .collect();
            found.sort();
            found
        };
        for (name, indonesian, english) in ALL {
            assert!(!indonesian.is_empty() && !english.is_empty(), "{name}");
            for form in english.replace("{{name|Kak}}", "").split('|') {
                assert_eq!(places(indonesian), places(form), "{name}");
            }
        }
    }
}
