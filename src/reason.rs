//! Why something did not happen: a value with a code, parameters, and a text in each [`Language`].
//!
//! Code decides by the variant, other programs by the code, people read the text. A row keeps all three:
//! the English sentence in `error` or `held_reason`, the code and the parameters (JSON) beside it.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::clock::Timestamp;
use crate::language::{Language, sentences};

/// Makes the enum from its table, as [`sentences`] does, with a code in front of each line, and `@whatsapp` when it is a
/// failure that WhatsApp itself is behind.
macro_rules! reasons {
    ($($(#[$doc:meta])* $code:literal $name:ident $({ $($field:ident: $type:ty),+ })? $(@ $by:ident)?:
        $(one $one:literal,)? $english:literal, $indonesian:literal;)*) => {
        sentences! {
            /// Why a message, a delivery or a channel is not where a person would expect it.
            #[derive(Debug, Clone, PartialEq, Eq)]
            pub enum Reason {
                $($(#[$doc])* $name $({ $($field: $type),+ })?: $(one $one,)? $english, $indonesian;)*
            }
        }

        impl Reason {
            /// The stable name that programs and translations read.
            pub fn code(&self) -> &'static str {
                match self {
                    $(Self::$name { .. } => $code,)*
                }
            }

            fn parameters(&self) -> Map<String, Value> {
                match self {
                    $(Self::$name $({ $($field),+ })? => {
                        map([$($((stringify!($field), $field.to_json())),+)?])
                    })*
                }
            }

            /// Whether a send that failed for it says something of the number that sends. What WAHA or a proxy
            /// thinks of our request, and what is wrong on the way there, does not.
            pub(crate) fn is_whatsapps_no(&self) -> bool {
                match self {
                    $(Self::$name { .. } => !concat!($(stringify!($by))?).is_empty(),)*
                }
            }

            fn from_json(code: &str, parameters: &Map<String, Value>) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name $({
                        $($field: Parameter::from_json(parameters.get(stringify!($field))?)?),+
                    })?),)*
                    _ => None,
                }
            }

            /// The codes, in the order of the table.
            #[cfg(test)]
            const CODES: &[&str] = &[$($code),*];
        }

        /// One of each variant.
        #[cfg(test)]
        fn samples(random: &mut fastrand::Rng) -> Vec<Reason> {
            vec![$(Reason::$name $({ $($field: tests::Sample::sample(random)),+ })?),*]
        }
    };
}

reasons! {
    // --- messages ---
    "schedule_over" ScheduleOver:
        "its schedule has no time left: nothing more of it is sent; give it a new one to go on",
        "jadwalnya sudah habis: tidak ada lagi yang dikirim; beri jadwal baru untuk melanjutkan";
    "schedule_passed" SchedulePassed:
        "all times of its schedule had passed when it was made: give it a new one",
        "semua waktu dalam jadwalnya sudah lewat saat dibuat: beri jadwal baru";
    "schedule_off" ScheduleOff:
        "its schedule is switched off: switch it on in its schedules or interval_config, and set status to scheduled",
        "jadwalnya dimatikan: hidupkan lagi di schedules atau interval_config, lalu ubah status menjadi scheduled";
    "schedule_missing" ScheduleMissing:
        "it has no time: fill in scheduled_at, schedules or interval_config, and set status to scheduled",
        "belum ada waktunya: isi scheduled_at, schedules atau interval_config, lalu ubah status menjadi scheduled";
    "schedule_unreadable" ScheduleUnreadable { cause: String }: "{cause}",
        "jadwalnya tidak bisa dibaca: {cause}";
    "schedule_breaks_off" ScheduleBreaksOff { cause: String }: "no further occurrence: {cause}",
        "tidak ada waktu kirim berikutnya: {cause}";
    "no_such_channel" NoSuchChannel { channel_id: i64 }:
        "there is no channel {channel_id}: correct channel_id",
        "nomor WA {channel_id} tidak ada: betulkan channel_id";
    "channel_not_active" ChannelNotActive { channel: String }:
        "channel `{channel}` is not active: set its is_active to 1",
        "nomor WA `{channel}` dimatikan: ubah is_active menjadi 1";
    "channel_without_session" ChannelWithoutSession { channel: String }:
        "channel `{channel}` has no session_name: fill it in",
        "nomor WA `{channel}` belum punya sesi WAHA: isi session_name";
    "no_text" NoText: "it has no text: fill in `message`", "isi pesannya kosong: isi `message`";
    "nul_in_text" NulInText: "the text holds a NUL character: save it as plain text",
        "isi pesan mengandung karakter NUL: simpan sebagai teks biasa";
    "text_too_long" TextTooLong { characters: u64, most: u64 }:
        "its text has {characters} characters, more than the {most} that WhatsApp takes: shorten it",
        "isi pesan {characters} karakter, lebih dari {most} yang diterima WhatsApp: pendekkan";
    "content_unreadable" ContentUnreadable:
        "`content` is no JSON object: write it like {{\"kind\":\"location\",\"latitude\":-6.2,\"longitude\":106.8}}, or set it to NULL",
        "`content` bukan objek JSON: tulis seperti {{\"kind\":\"location\",\"latitude\":-6.2,\"longitude\":106.8}}, atau isi NULL";
    "content_twice" ContentTwice { key: String }:
        "`content` has the key `{key}` twice: keep the one that is meant",
        "`content` punya kunci `{key}` dua kali: sisakan yang dimaksud";
    "content_kind" ContentKind { kind: String }:
        "`{kind}` in `content` is no kind of message: docs/media.md lists them",
        "`{kind}` di `content` bukan jenis pesan: lihat docs/media.md";
    "content_key" ContentKey { kind: String, key: String }:
        "`content` has a key `{key}`, which means nothing for a message of kind `{kind}`: correct or remove it",
        "`content` punya kunci `{key}`, yang tidak berarti untuk pesan jenis `{kind}`: betulkan atau hapus";
    "content_missing" ContentMissing { kind: String, key: String, example: String }:
        "a message of kind `{kind}` needs `{key}` in `content`, such as {example}",
        "pesan jenis `{kind}` perlu `{key}` di `content`, misalnya {example}";
    "content_value" ContentValue { key: String, example: String }:
        "`{key}` in `content` cannot be used as it is: write it like {example}",
        "`{key}` di `content` tidak bisa dipakai: tulis seperti {example}";
    /// Only its words (caption, question, title) are filled in.
    "content_placeholder" ContentPlaceholder { key: String }:
        "`{key}` in `content` has a placeholder, which would go out as it is written: only the text, a caption, a question and a title can have them",
        "`{key}` di `content` punya tanda isian, yang akan terkirim apa adanya: tanda isian hanya bisa di isi pesan, keterangan, pertanyaan dan judul";
    /// The kind has no words at all, and nobody would get them.
    "content_without_text" ContentWithoutText { kind: String }:
        "a message of kind `{kind}` has no text of its own: empty `message`, and use `title` as a name for yourself",
        "pesan jenis `{kind}` tidak punya teks: kosongkan `message`, dan pakai `title` sebagai nama untuk Anda sendiri";
    "content_source" ContentSource { kind: String }:
        "a message of kind `{kind}` needs `file` or `url` in `content`, one of the two",
        "pesan jenis `{kind}` perlu `file` atau `url` di `content`, salah satu saja";
    "file_missing" FileMissing { file: String }:
        "there is no file {file} beside the database: `file add` takes it in again",
        "berkas {file} tidak ada di samping basis data: masukkan lagi dengan `file add`";
    "file_changed" FileChanged { file: String }:
        "the file {file} is not what it was when it was taken in: `file add` takes it in again",
        "berkas {file} sudah berubah sejak dimasukkan: masukkan lagi dengan `file add`";
    "file_unreadable" FileUnreadable { file: String, cause: String }:
        "the file {file} cannot be read: {cause}",
        "berkas {file} tidak bisa dibaca: {cause}";
    "file_too_large" FileTooLarge { kind: String, megabytes: u64, most: u64 }:
        "the file has {megabytes} MB, and a message of kind `{kind}` takes {most}: make it smaller",
        "berkasnya {megabytes} MB, padahal pesan jenis `{kind}` menerima {most}: perkecil dulu";
    "file_unfit" FileUnfit { kind: String, found: FileWords }:
        "the file is {found}, which WhatsApp does not show as `{kind}`: convert it, or send it as `file`",
        "berkasnya {found}, yang tidak ditampilkan WhatsApp sebagai `{kind}`: ubah formatnya, atau kirim sebagai `file`";
    "file_disguised" FileDisguised { filename: String, found: FileWords }:
        "the file is {found}, and its name `{filename}` hides that: it is not sent",
        "berkasnya {found}, tetapi namanya `{filename}` menyembunyikannya: tidak dikirim";
    "media_only_plus" MediaOnlyPlus:
        "this WAHA is CORE, and only WAHA Plus sends pictures and files: use Plus, or send a text with a link",
        "WAHA ini CORE, dan hanya WAHA Plus yang mengirim gambar dan berkas: pakai Plus, atau kirim teks dengan tautan";
    "status_only_text" StatusOnlyText: "only a text can go to status@broadcast",
        "hanya teks yang bisa dikirim ke status@broadcast";
    "metadata_unreadable" MetadataUnreadable:
        "`metadata` is no JSON object: write it like {{\"order\": 17}}, or empty it",
        "`metadata` bukan objek JSON: tulis seperti {{\"order\": 17}}, atau kosongkan";
    "recipients_unreadable" RecipientsUnreadable { cause: String }: "{cause}",
        "daftar penerima tidak bisa dibaca: {cause}";
    "recipients_missing" RecipientsMissing:
        "no valid recipient: `contact_ids` is empty; give contact ids or phone numbers",
        "tidak ada penerima yang sah: `contact_ids` kosong; isi nomor urut kontak atau nomor telepon";
    "row_unreadable" RowUnreadable { cause: String }:
        "the row cannot be read: {cause}; correct it and set status to scheduled",
        "barisnya tidak bisa dibaca: {cause}; betulkan, lalu ubah status menjadi scheduled";
    "none_valid" NoneValid { skipped: u64 }:
        "no valid recipient ({skipped} skipped): see `error` in deliveries",
        "tidak ada penerima yang sah ({skipped} dilewati): lihat alasan tiap penerima";
    "none_got_it" NoneGotIt { counts: Missed }:
        "no recipient is known to have got it ({counts}): see deliveries",
        "tidak ada penerima yang pasti menerimanya ({counts}): lihat daftar penerima";
    /// The message was sent after the backup was made that was restored, where that knows nothing of it: at another
    /// time, or as the draft that it is there.
    "sent_since_backup" SentSinceBackup:
        "a backup was restored, and since it was made this was sent: `message resume` sends it once more",
        "cadangan dipulihkan, padahal setelah cadangan dibuat pesan ini sudah terkirim: lanjutkan untuk mengirim sekali lagi";
    "failed_or_sent_since_backup" FailedOrSentSinceBackup { first: Box<Explanation> }:
        "{first}; before a backup was restored it may have been sent",
        "{first}; sebelum cadangan dipulihkan mungkin sudah terkirim";

    // --- recipients ---
    "opted_out" OptedOut: "opted out", "minta berhenti menerima pesan";
    "no_such_contact" NoSuchContact { contact_id: i64 }: "there is no contact {contact_id}",
        "kontak {contact_id} tidak ada";
    "nobody_with_tag" NobodyWithTag { tag: String }:
        "no contact has the tag `{tag}`: `contact list` shows the tags",
        "tidak ada kontak dengan label `{tag}`";
    "nobody_at_all" NobodyAtAll:
        "there is no contact who has not opted out: `contact import` or `contact add` makes some",
        "tidak ada kontak yang mau menerima pesan: tambahkan atau impor kontak";
    "nobody_left" NobodyLeft: "everybody whom the message names is an exception of it",
        "semua penerima pesan ini dikecualikan";
    "recipient_unreadable" RecipientUnreadable { cause: EntryFlaw }: "{cause}",
        "penerima ini tidak bisa dibaca: {cause}";
    "contact_removed" ContactRemoved: "the contact was removed from the address book",
        "kontaknya dihapus dari buku alamat";
    "number_served" NumberServed: "the contact has a number now that gets this message already",
        "nomor baru kontak ini sudah menerima pesan ini";
    "no_value" NoValue { placeholder: String }:
        "no value for {{{{{placeholder}}}}}, and it has no fallback: give the contact one, or write {{{{{placeholder}|…}}}}",
        "data untuk {{{{{placeholder}}}}} tidak ada, dan tidak ada kata penggantinya: isi data kontaknya, atau tulis {{{{{placeholder}|…}}}}";
    "blank_text" BlankText: "the text is blank once its placeholders are filled in",
        "isi pesannya kosong setelah tandanya diisi";
    "filled_text_too_long" FilledTextTooLong { characters: u64, most: u64 }:
        "the text has {characters} characters once its placeholders are filled in, more than {most}",
        "isi pesan menjadi {characters} karakter setelah tandanya diisi, lebih dari {most}";
    "foreign_placeholder" ForeignPlaceholder { placeholder: String }:
        "`{placeholder}` is no placeholder of this program and would go out as it is written: write {{{{name|Kak}}}}, or put it in ( ) if readers fill it in",
        "`{placeholder}` bukan tanda yang dikenal program ini dan akan terkirim apa adanya: tulis {{{{name|Kak}}}}, atau pakai ( ) kalau pembaca yang mengisinya";

    // --- phone numbers ---
    "not_a_country_code" NotACountryCode { written: String }:
        "`{written}` is not a country code: write 1 to 3 digits, such as 62",
        "`{written}` bukan kode negara: tulis 1 sampai 3 angka, misalnya 62";
    /// Nothing but spaces and quotes.
    "number_empty" NumberEmpty: "the phone number is empty", "nomor telepon kosong";
    /// A number with an exponent.
    "number_from_excel" NumberFromExcel { written: String }:
        "`{written}` is how Excel writes a long number: digits are lost; format the column as text and type it again",
        "`{written}` adalah cara Excel menulis angka panjang: sebagian angkanya hilang; ubah format kolom menjadi teks lalu ketik ulang nomornya";
    /// A number with decimals, or with a list number in front.
    "number_with_decimals" NumberWithDecimals { written: String }:
        "`{written}` looks like a number with decimals: format the column as text and write only the phone number",
        "`{written}` seperti angka desimal: ubah format kolom menjadi teks dan tulis nomor teleponnya saja";
    /// A number behind a switchboard.
    "number_with_extension" NumberWithExtension { written: String }:
        "`{written}` has an extension, which WhatsApp cannot reach: write the number without it",
        "`{written}` memakai nomor ekstensi, yang tidak terjangkau WhatsApp: tulis nomornya tanpa ekstensi";
    "number_with_letters" NumberWithLetters { written: String }:
        "`{written}` has letters in it: write only the phone number",
        "`{written}` berisi huruf: tulis nomor teleponnya saja";
    /// Some other sign that no phone number has.
    "number_with_sign" NumberWithSign { written: String, sign: String }:
        "`{written}` has `{sign}` in it: write only the phone number",
        "`{written}` berisi `{sign}`: tulis nomor teleponnya saja";
    "number_without_digits" NumberWithoutDigits { written: String }:
        "`{written}` has no digits: write a phone number",
        "`{written}` tidak berisi angka: tulis nomor telepon";
    "several_numbers" SeveralNumbers { written: String }:
        "`{written}` looks like more than one phone number: write each one as an entry of its own",
        "`{written}` sepertinya lebih dari satu nomor: tulis satu nomor di setiap baris";
    /// A group, a channel, or an address elsewhere.
    "not_a_person" NotAPerson { written: String }:
        "`{written}` is not the chat of one person: write a phone number",
        "`{written}` bukan chat dengan satu orang: tulis nomor telepon";
    /// `++62…`
    "number_with_two_pluses" NumberWithTwoPluses { written: String }:
        "`{written}` has two plus signs: write one, in front of the country code",
        "`{written}` memakai dua tanda plus: tulis satu saja, di depan kode negara";
    "number_with_plus_inside" NumberWithPlusInside { written: String }:
        "`{written}` has a plus sign in the middle: write it in front of the country code",
        "`{written}` memakai tanda plus di tengah: tulis di depan kode negara";
    /// `+0812…`
    "number_with_plus_zero" NumberWithPlusZero { written: String }:
        "`{written}` has a 0 after the plus sign, where the country code belongs: write +62812… or 0812…",
        "`{written}` memakai 0 setelah tanda plus, padahal di situ tempat kode negara: tulis +62812… atau 0812…";
    /// `000…`, or two zeros after the country code.
    "number_with_many_zeros" NumberWithManyZeros { written: String }:
        "`{written}` has too many zeros in front: write it with + and the country code",
        "`{written}` diawali terlalu banyak nol: tulis dengan + dan kode negara";
    /// `(0)` where it means nothing certain.
    "number_with_bracket_zero" NumberWithBracketZero { written: String }:
        "`{written}` has a 0 in brackets: write it with + and the country code, without that 0",
        "`{written}` memakai 0 dalam kurung: tulis dengan + dan kode negara, tanpa 0 itu";
    /// A national form that this country does not have.
    "number_with_foreign_zero" NumberWithForeignZero { written: String, country: String }:
        "`{written}` starts with 0, but numbers of +{country} do not: write it with + and the country code",
        "`{written}` diawali 0, padahal nomor +{country} tidak: tulis dengan + dan kode negara";
    "number_of_elsewhere" NumberOfElsewhere { written: String, country: String }:
        "`{written}` begins as no number of +{country} does, so it may be of another country: write it with + and the country code",
        "`{written}` tidak berawalan seperti nomor +{country}, jadi mungkin nomor negara lain: tulis dengan + dan kode negara";
    "number_with_code_twice" NumberWithCodeTwice { written: String }:
        "`{written}` seems to have the country code twice, or a 0 before it: write +62812… or 0812…",
        "`{written}` sepertinya memakai kode negara dua kali, atau 0 di depannya: tulis +62812… atau 0812…";
    /// Neither a country code nor a clear national form.
    "number_without_country" NumberWithoutCountry { written: String }:
        "`{written}` could belong to more than one country: write it with + and the country code",
        "`{written}` bisa milik lebih dari satu negara: tulis dengan + dan kode negara";
    /// Fewer than 8 digits.
    "number_too_short" NumberTooShort { written: String }:
        "`{written}` has too few digits for a phone number: it needs 8 to 15 with the country code",
        "`{written}` terlalu pendek untuk nomor telepon: perlu 8 sampai 15 angka dengan kode negara";
    /// More than 15 digits.
    "number_too_long" NumberTooLong { written: String }:
        "`{written}` has too many digits for a phone number: it needs 8 to 15 with the country code",
        "`{written}` terlalu panjang untuk nomor telepon: perlu 8 sampai 15 angka dengan kode negara";

    // --- deliveries ---
    "too_late" TooLate { hours: u64 }: "still pending {hours} hours after its time",
        "belum terkirim {hours} jam setelah waktunya";
    /// Of one that waits, and of one for which waiting would be too late.
    "recipient_gap" RecipientGap { hours: u64 }:
        "the chat got another message less than {hours} hours before",
        "chat ini baru menerima pesan lain kurang dari {hours} jam sebelumnya";
    "not_on_whatsapp" NotOnWhatsapp:
        "the number is not on WhatsApp: correct it, or take it off the list",
        "nomor ini tidak terdaftar di WhatsApp: betulkan, atau keluarkan dari daftar";
    /// Of one that waits to be asked about once more.
    "not_checked" NotChecked { cause: Box<Explanation> }:
        "WAHA could not say whether the number is on WhatsApp, and is asked again: {cause}",
        "WAHA belum bisa memastikan nomor ini ada di WhatsApp, dan akan ditanya lagi: {cause}";
    "too_late_paused" TooLatePaused { hours: u64 }:
        "still pending {hours} hours after its time: it was paused",
        "belum terkirim {hours} jam setelah waktunya: sedang dijeda";
    "pruned" Pruned:
        "due at a time of which `prune` has removed what was sent: it may have gone out then",
        "waktunya sudah termasuk yang dihapus `prune`: mungkin sudah terkirim waktu itu";
    /// A trigger of the tables: somebody ended the message.
    "message_cancelled" MessageCancelled: "the message was set to cancelled", "pesan dibatalkan";
    "message_ended" MessageEnded { status: String }: "the message was set to {status}",
        "pesan diubah menjadi {status}";
    /// A trigger of the tables: somebody gave the message another time.
    "message_moved" MessageMoved: "the message was given a new time", "pesan diberi waktu baru";
    "text_emptied" TextEmptied:
        "the message has no text: fill in `message` and set status to scheduled",
        "isi pesannya kosong: isi `message`, lalu ubah status menjadi scheduled";
    "delivery_unreadable" DeliveryUnreadable { cause: String }:
        "the message or its delivery cannot be read: {cause}",
        "pesan atau pengirimannya tidak bisa dibaca: {cause}";
    "channel_removed" ChannelRemoved { channel_id: i64 }:
        "channel {channel_id} was removed: set channel_id to one that is there, and retry",
        "nomor WA {channel_id} dihapus: pilih nomor lain, lalu kirim ulang";
    "ended_while_sending" EndedWhileSending:
        "the program ended while this was being sent: it may have gone out",
        "program berhenti saat pesan ini dikirim: mungkin sudah terkirim";
    "unknown_since_backup" UnknownSinceBackup:
        "a backup was restored: it may have been sent after the backup was made",
        "cadangan dipulihkan: pesan ini mungkin terkirim setelah cadangan dibuat";

    // --- what WAHA said to a send ---
    /// WhatsApp refused the message: an ack of -1, in WAHA's answer or in an event after it.
    "refused" Refused @whatsapp: "WhatsApp refused it after WAHA had accepted it (ack ERROR)",
        "WhatsApp menolaknya setelah diterima WAHA (ack ERROR)";
    "refused_by_waha" RefusedByWaha { status: u64, words: WahaWords }:
        "WAHA refused it with {status}{words}",
        "WAHA menolaknya dengan {status}{words}";
    /// WhatsApp does not resolve the number (GOWS answers 500 for it; nothing was sent).
    "no_lid" NoLid @whatsapp: "WhatsApp does not resolve this number (no LID found)",
        "WhatsApp tidak menemukan nomor ini (LID tidak ada)";
    /// This WAHA, its tier or its engine has no such feature: whoever the recipient is.
    "not_offered" NotOffered { words: WahaWords }: "this WAHA cannot send it, to nobody{words}",
        "WAHA ini tidak bisa mengirimnya kepada siapa pun{words}";
    "restricted" Restricted @whatsapp:
        "WhatsApp restricted this account (error 463): stop sending from it for a while",
        "WhatsApp membatasi akun ini (error 463): berhenti mengirim dari nomor ini untuk sementara";
    "answered_without_id" AnsweredWithoutId { status: u64 }:
        "WAHA answered {status} without a message id",
        "WAHA menjawab {status} tanpa ID pesan";
    "answer_unclear" AnswerUnclear { status: u64, words: WahaWords }:
        "WAHA answered {status}{words}",
        "WAHA menjawab {status}{words}";
    /// Not all of the file left, so nobody got it.
    "upload_cut" UploadCut { cause: String }:
        "the file did not get through to WAHA, several times: {cause}",
        "berkasnya tidak sampai ke WAHA, beberapa kali: {cause}";
    "no_answer" NoAnswer { cause: String }: "no answer from WAHA after sending: {cause}",
        "WAHA tidak menjawab setelah pesan dikirim: {cause}";

    // --- what a look-up found ---
    "refused_by_look_up" RefusedByLookUp @whatsapp:
        "WhatsApp refused it (ack -1), as a look-up found",
        "WhatsApp menolaknya (ack -1), menurut pemeriksaan";
    "looked_up" LookedUp { first: Box<Explanation>, at: Timestamp, found: Box<Explanation> }:
        "{first}; looked up at {at}: {found}",
        "{first}; diperiksa pada {at}: {found}";
    "not_in_chat" NotInChat: "not in the chat, which proves nothing",
        "tidak ada di chat, dan itu tidak membuktikan apa-apa";
    /// A picture, a place or a poll has no words in the chat by which WAHA could find it.
    "no_words_to_know_it_by" NoWordsToKnowItBy:
        "WAHA cannot look for it, because it has no words of its own in the chat: look into WhatsApp",
        "WAHA tidak bisa mencarinya, karena tidak ada kata-katanya di chat: lihat di WhatsApp";
    "without_ack" WithoutAck: "in the chat, but without an ack", "ada di chat, tetapi tanpa ack";
    "many_fit" ManyFit { count: u64 }: "{count} messages in the chat fit",
        "{count} pesan di chat itu cocok";
    "sent_twice" SentTwice: "the same text went to the same chat at nearly the same time",
        "teks yang sama dikirim ke chat yang sama pada waktu yang hampir sama";
    "clock_ahead" ClockAhead { found: Box<Explanation>, secs: u64 }:
        "{found}; WAHA's clock is {secs} s ahead of ours: set both, best by NTP",
        "{found}; jam WAHA lebih cepat {secs} detik: betulkan keduanya, sebaiknya dengan NTP";
    "clock_behind" ClockBehind { found: Box<Explanation>, secs: u64 }:
        "{found}; WAHA's clock is {secs} s behind ours: set both, best by NTP",
        "{found}; jam WAHA lebih lambat {secs} detik: betulkan keduanya, sebaiknya dengan NTP";
    /// WAHA answers, and does not tell what became of a message.
    "look_up_refused" LookUpRefused { status: u64, words: WahaWords }:
        "WAHA does not tell what became of it, it answered {status}{words}",
        "WAHA tidak memberi tahu nasib pesan ini, jawabannya {status}{words}";
    "look_up_unclear" LookUpUnclear:
        "WAHA does not tell what became of it, it answered 200 with what is no list of messages",
        "WAHA tidak memberi tahu nasib pesan ini, jawabannya 200 tanpa daftar pesan";
    "look_up_cut" LookUpCut { limit: u64 }:
        "WAHA does not tell what became of it, it answered with {limit} messages of that time in the chat, and may know of more",
        "WAHA tidak memberi tahu nasib pesan ini: ada {limit} pesan dari waktu itu di chat, mungkin lebih";
    /// WAHA cannot be reached, so nothing is known of a message.
    "look_up_away" LookUpAway { cause: String }: "WAHA cannot be reached: {cause}",
        "WAHA tidak bisa dihubungi: {cause}";
    "look_up_at_a_proxy" LookUpAtAProxy { status: u64 }:
        "WAHA cannot be reached: what stands in front of it answered {status}",
        "WAHA tidak bisa dihubungi: yang ada di depannya menjawab {status}";
    "look_up_without_session" LookUpWithoutSession:
        "its channel has no session that could be asked",
        "nomor WA-nya tidak punya sesi yang bisa ditanya";

    // --- holds ---
    "unreachable" Unreachable { cause: String }:
        "WAHA cannot be reached: {cause}; check WAHA_BASE_URL and that WAHA runs",
        "WAHA tidak bisa dihubungi: {cause}; periksa WAHA_BASE_URL dan apakah WAHA menyala";
    /// WAHA_BASE_URL begins with https, and plain http is spoken there.
    "no_tls_there" NoTlsThere { url: String }:
        "WAHA cannot be reached: WAHA_BASE_URL begins with https, but plain http is spoken there: write WAHA_BASE_URL={url}",
        "WAHA tidak bisa dihubungi: WAHA_BASE_URL diawali https, padahal di situ hanya http: tulis WAHA_BASE_URL={url}";
    /// WAHA_BASE_URL begins with http, and https is spoken there.
    "tls_there" TlsThere { url: String }:
        "WAHA_BASE_URL begins with http, but https is spoken there: write WAHA_BASE_URL={url}",
        "WAHA_BASE_URL diawali http, padahal di situ https: tulis WAHA_BASE_URL={url}";
    /// WAHA_BASE_URL has a path at which there is no WAHA; `origin` is the URL without it.
    "url_has_path" UrlHasPath { path: String, origin: String }:
        "WAHA_BASE_URL has the path `{path}`, and WAHA does not answer there: write WAHA_BASE_URL={origin}",
        "WAHA_BASE_URL memakai path `{path}`, dan WAHA tidak menjawab di situ: tulis WAHA_BASE_URL={origin}";
    "too_many_requests" TooManyRequests: "WAHA answered 429: too many requests",
        "WAHA menjawab 429: terlalu banyak permintaan";
    "key_refused" KeyRefused: "WAHA answered 401: check WAHA_API_KEY",
        "WAHA menjawab 401: periksa WAHA_API_KEY";
    "key_without_right" KeyWithoutRight:
        "WAHA answered 403: WAHA_API_KEY has no right to send with this session",
        "WAHA menjawab 403: WAHA_API_KEY tidak berhak mengirim lewat sesi ini";
    "redirected" Redirected { status: u64 }:
        "WAHA answered {status}, a redirect: check WAHA_BASE_URL (http or https?)",
        "WAHA menjawab {status}, pengalihan: periksa WAHA_BASE_URL (http atau https?)";
    "not_found" NotFound: "WAHA answered 404: check WAHA_BASE_URL, its path above all",
        "WAHA menjawab 404: periksa WAHA_BASE_URL, terutama path-nya";
    "wrong_server" WrongServer { status: u64 }:
        "WAHA answered {status}: check WAHA_BASE_URL and what stands in front of WAHA",
        "WAHA menjawab {status}: periksa WAHA_BASE_URL dan yang ada di depan WAHA";
    "unreadable_422" Unreadable422: "WAHA answered 422 and its reason could not be read",
        "WAHA menjawab 422 dan alasannya tidak bisa dibaca";
    "server_error" ServerError { status: u64, session: String }:
        "WAHA answered {status} when asked about session `{session}`",
        "WAHA menjawab {status} saat ditanya tentang sesi `{session}`";
    "session_not_working" SessionNotWorking { session: String, status: SessionStatus }:
        "session `{session}` is {status}",
        "sesi `{session}` berstatus {status}";
    "session_without_status" SessionWithoutStatus { session: String }:
        "WAHA's answer about session `{session}` has no status: is WAHA_BASE_URL right?",
        "jawaban WAHA tentang sesi `{session}` tidak memuat status: apakah WAHA_BASE_URL benar?";
    "session_missing" SessionMissing { session: String, words: WahaWords }:
        "WAHA has no session `{session}`{words}",
        "WAHA tidak punya sesi `{session}`{words}";
    /// WAHA CORE has only the session `default`.
    "only_default_session" OnlyDefaultSession { session: String }:
        "this WAHA is the CORE edition, which has no session `{session}`, only `default`: give the channel that session (`channel edit --session default`), or use WAHA Plus",
        "WAHA ini edisi CORE, yang tidak punya sesi `{session}`, hanya `default`: pakai sesi itu untuk nomor ini, atau pakai WAHA Plus";
    "number_locked" NumberLocked { session: String }:
        "WhatsApp locked the number of session `{session}` for new chats",
        "WhatsApp mengunci nomor sesi `{session}` untuk chat baru";
    "number_capped" NumberCapped { session: String }:
        "WhatsApp capped the number of session `{session}`: no more messages for now",
        "WhatsApp membatasi jumlah pesan nomor sesi `{session}`: untuk sementara tidak bisa mengirim lagi";
    "many_failed" ManyFailed { failed: u64, of: u64 }:
        "{failed} of the last {of} messages failed, which gets a number banned: look at it on the phone and at the list of recipients, then say `channel resume`",
        "{failed} dari {of} pesan terakhir gagal; itu bisa membuat nomor diblokir: periksa nomornya di ponsel dan daftar penerimanya, lalu tekan Lanjutkan kirim";
    "no_ticks" NoTicks:
        "five messages in a row have had no tick for an hour: WhatsApp may have blocked the number, or WAHA's webhook is gone. Look at it on the phone and at `doctor`, then say `channel resume`",
        "lima pesan berturut-turut belum bercentang selama satu jam: mungkin nomornya diblokir WhatsApp, atau webhook WAHA hilang. Periksa di ponsel, lalu tekan Lanjutkan kirim";
    "restricted_again" RestrictedAgain:
        "WhatsApp restricted this number for the second time within a week: let it rest for some days, then say `channel resume`",
        "WhatsApp membatasi nomor ini untuk kedua kalinya dalam seminggu: istirahatkan beberapa hari, lalu tekan Lanjutkan kirim";
    "logged_out_again" LoggedOutAgain:
        "the session was logged out twice within a day, as WhatsApp does before it bans a number: scan the code, let it rest, then say `channel resume`",
        "sesinya keluar dua kali dalam sehari, seperti biasanya sebelum nomor diblokir: pindai kodenya, istirahatkan dulu, lalu tekan Lanjutkan kirim";
    /// Another phone scanned the code of the channel's session: its number was `known` (as
    /// `+6281234567890`) and is `seen` now.
    "other_number" OtherNumber { session: String, seen: String, known: String, channel: ChannelName }:
        "session `{session}` is now {seen} and was {known}: if the new number is right, say `channel confirm {channel}`; if not, scan the code with the old one and say `channel resume {channel}`",
        "sesi `{session}` sekarang {seen}, sebelumnya {known}";
    "window_unreadable" WindowUnreadable { cause: String }: "{cause}",
        "jam kirim atau batas hariannya tidak bisa dibaca: {cause}";
    "copied" Copied:
        "this database was copied from another place; to send from two places would send everything twice. Make sure that the other one does not send any more, then run `auto-message-scheduler confirm-place` here",
        "database ini disalin dari tempat lain; kalau keduanya mengirim, semua pesan terkirim dua kali. Pastikan yang lain tidak mengirim lagi, lalu jalankan `auto-message-scheduler confirm-place` di sini";
    "backup_without_restore" BackupWithoutRestore:
        "this database is a backup that was put here without `restore`; what it knows as unsent may have been sent. Stop the program and run `auto-message-scheduler restore` with the backup, or `auto-message-scheduler confirm-place` when nothing was sent since it was made",
        "database ini cadangan yang ditaruh di sini tanpa `restore`; yang dianggapnya belum terkirim mungkin sudah terkirim. Hentikan program dan jalankan `auto-message-scheduler restore` dengan cadangan itu, atau `auto-message-scheduler confirm-place` bila tidak ada yang terkirim sejak cadangan dibuat";

    // --- what waits, though nothing is held ---
    /// This machine's clock and WAHA's are too far apart.
    "clocks_differ" ClocksDiffer { ours: Timestamp, theirs: Timestamp }:
        "this machine's clock said {ours} when WAHA's said {theirs}: nothing is sent and nothing expires before they agree; set the wrong one",
        "jam komputer ini {ours}, jam WAHA {theirs}: tidak ada yang dikirim atau kedaluwarsa sampai keduanya sama; betulkan jam yang salah";
    /// The clock was last believed too long ago, and WAHA does not answer.
    "clock_unsure" ClockUnsure { since: Timestamp }:
        "nothing ran since {since}, so this machine's clock may be wrong, and WAHA does not answer with its own: nothing is sent and nothing expires before it does",
        "program tidak berjalan sejak {since}, jadi jam komputer ini mungkin salah, dan WAHA belum menjawab: tidak ada yang dikirim atau kedaluwarsa sampai WAHA menjawab";
    "ended_during_run" EndedDuringRun: "the program ended during this run",
        "program berhenti saat proses ini";
    "stopped_during_run" StoppedDuringRun: "the program was stopped during this run",
        "program dihentikan saat proses ini";

    // --- what the program does not do for a person ---
    "time_passed" TimePassed { written: String, now: String, zone: String }:
        "`{written}` has passed (it is {now} in {zone}): give a later time, or `now`",
        "waktu `{written}` sudah lewat (sekarang {now}, {zone}); pilih waktu nanti";
    "no_day_left" NoDayLeft { last: String, now: String, zone: String }:
        "no such day is left: the last date is {last}, and it is {now} in {zone}",
        "tidak ada hari yang tersisa: tanggal terakhirnya («Sampai tanggal») {last}, padahal sekarang {now} ({zone})";
    "message_not_paused" MessageNotPaused { message_id: i64, status: String }:
        "message {message_id} is not paused, it is `{status}`",
        "pesan ini tidak sedang dijeda";
    "message_changed" MessageChanged { message_id: i64, status: String }:
        "message {message_id} changed meanwhile, it is `{status}` now: nothing was done; look at `message show {message_id}`",
        "pesan ini baru saja berubah; muat ulang halaman lalu coba lagi";

    // --- channels ---
    "paused_in_panel" PausedInPanel: "paused in the panel", "dijeda lewat panel";
    "paused_with_all" PausedWithAll: "paused in the panel with all numbers",
        "dijeda lewat panel, bersama semua nomor";
    /// It stays when all go on: a person looks at it first.
    "paused_while_held" PausedWhileHeld { why: Box<Explanation> }:
        "paused in the panel with all numbers, while it was held: {why}; it does not go on with the others",
        "dijeda lewat panel bersama semua nomor, selagi ditahan: {why}; tidak ikut dilanjutkan bersama yang lain";
    "outside_hours" OutsideHours { window: String }: "it is outside its send window {window}",
        "di luar jam kirim {window}";
    "day_full" DayFull { limit: u64 }: "its daily limit of {limit} is reached",
        "batas {limit} pesan per hari sudah tercapai";
    "warned_day_full" WarnedDayFull { limit: u64 }:
        "its limit of {limit} after WhatsApp's warning is reached",
        "batas {limit} pesan per hari sesudah peringatan WhatsApp sudah tercapai";
    "warmup_day_full" WarmupDayFull { limit: u64, day: i64 }:
        "its limit of {limit} on day {day} of its warm-up is reached",
        "batas {limit} pesan pada hari ke-{day} pemanasan sudah tercapai";
    "channel_unknown" ChannelUnknown { channel: String }:
        "there is no channel `{channel}`: see `channel list`",
        "tidak ada nomor WA `{channel}`: lihat daftarnya";
    "channel_ambiguous" ChannelAmbiguous { channel: String }:
        "several channels are called `{channel}`: give the number instead",
        "ada beberapa nomor WA bernama `{channel}`: sebut nomor urutnya";
    "channel_name_bad" ChannelNameBad:
        "a channel's name is 1 to 100 characters, and not a number alone",
        "namanya 1 sampai 100 karakter, dan bukan angka saja";
    "channel_needs_session" ChannelNeedsSession:
        "a channel needs the name of its session in WAHA: give it with --session",
        "isi nama sesinya di WAHA";
    "channel_name_taken" ChannelNameTaken { channel_id: i64, channel: String }:
        "channel {channel_id} is called `{channel}` already",
        "nomor WA {channel_id} sudah bernama `{channel}`";
    "channel_session_taken" ChannelSessionTaken { session: String, channel_id: i64, channel: String }:
        "session `{session}` is channel {channel_id} `{channel}` already: two channels on one number would send at twice the pace",
        "sesi `{session}` sudah dipakai nomor WA {channel_id} `{channel}`: dua nomor pada satu sesi akan mengirim dua kali lebih rapat";
    "channel_default_stays" ChannelDefaultStays { channel: String }:
        "channel 1 `{channel}` is where messages without a channel go: pause or edit it instead",
        "pesan tanpa pilihan nomor dikirim lewat `{channel}`, jadi nomor ini tidak bisa dihapus: jeda atau ubah saja";
    "channel_has_messages" ChannelHasMessages { messages: u64, channel_id: i64, channel: String }:
        one "channel {channel_id} `{channel}` was not removed: {messages} message uses it: cancel it, or give it another channel",
        "channel {channel_id} `{channel}` was not removed: {messages} messages use it: cancel them, or give them another channel",
        "`{channel}` tidak bisa dihapus: {messages} pesan masih memakainya. Batalkan, atau beri nomor WA lain";
    "channel_has_deliveries" ChannelHasDeliveries { deliveries: u64, channel_id: i64, channel: String }:
        one "channel {channel_id} `{channel}` was not removed: {deliveries} delivery waits for it: cancel its message",
        "channel {channel_id} `{channel}` was not removed: {deliveries} deliveries wait for it: cancel their messages",
        "`{channel}` tidak bisa dihapus: {deliveries} penerima masih menunggu lewat nomor ini. Batalkan pesannya";
    "channel_has_unknown" ChannelHasUnknown { deliveries: u64, channel_id: i64, channel: String }:
        one "channel {channel_id} `{channel}` was not removed: {deliveries} unknown delivery is still looked up through it: wait a day, or pause it",
        "channel {channel_id} `{channel}` was not removed: {deliveries} unknown deliveries are still looked up through it: wait a day, or pause it",
        "`{channel}` tidak bisa dihapus: {deliveries} pengiriman yang belum pasti masih dicek lewat nomor ini. Tunggu sehari, atau jeda saja";
    "database_is_copy" DatabaseIsCopy:
        "the database was copied or moved, and all channels are held for it: see `confirm-place`",
        "database disalin atau dipindah, jadi semua nomor ditahan: jalankan `confirm-place`";

    // --- messages of a linked website ---
    "website_contact_off" WebsiteContactOff: "this contact is switched off on the website",
        "kontak ini dinonaktifkan di website";
    "website_contact_missing" WebsiteContactMissing:
        "the website has no such contact: a row there names contacts of the website or phone numbers, no tags",
        "kontak ini tidak ada di website: yang bisa ditulis di sana hanya kontak website atau nomor, bukan label";
    "website_contact_without_number" WebsiteContactWithoutNumber:
        "this contact has no number on the website",
        "kontak ini tidak punya nomor di website";
    "website_edited" WebsiteEdited:
        "the website changed the message, and this recipient is not among its recipients any more",
        "pesan ini diubah di website, dan penerima ini tidak ada lagi di daftarnya";
    "website_cancelled" WebsiteCancelled: "cancelled on the website", "dibatalkan di website";
    "website_deleted" WebsiteDeleted: "deleted on the website", "dihapus di website";
    "website_moved" WebsiteMoved: "the website gave it another time",
        "website memberinya waktu lain";
    "website_ended" WebsiteEnded: "the website set it to sent or failed",
        "website menandainya terkirim atau gagal";
    "handed_over" HandedOver: "another appliance took the channel over",
        "nomor WA ini diambil alih perangkat lain";
    "linked_message" LinkedMessage { message_id: i64 }:
        "message {message_id} comes from the website: change it there",
        "pesan ini berasal dari website: ubah di sana";
}

impl std::error::Error for Reason {}

impl Reason {
    /// The parameters for a column: a JSON object, `None` without any.
    pub fn args(&self) -> Option<String> {
        let parameters = self.parameters();
        (!parameters.is_empty()).then(|| Value::Object(parameters).to_string())
    }

    /// Reads what [`Self::code`] and [`Self::args`] wrote; `None` for the code of another version.
    pub fn read(code: &str, args: Option<&str>) -> Option<Self> {
        Self::from_json(code, &serde_json::from_str(args.unwrap_or("{}")).ok()?)
    }

    /// The sentence up to its first colon, for logs and alerts: WAHA's own words come after that, and
    /// nobody knows what they repeat.
    pub(crate) fn headline(&self) -> String {
        headline(&self.to_string()).to_owned()
    }
}

/// See [`Reason::headline`]; of a sentence that a row has.
pub(crate) fn headline(sentence: &str) -> &str {
    sentence.split(": ").next().unwrap_or_default()
}

/// A reason as a row or a caller has it: known, or words that have no code, such as a person's own or
/// those of an older version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Explanation {
    Known(Reason),
    Words(String),
    /// Words for whoever typed something: no row ever has them.
    Said {
        english: String,
        indonesian: String,
    },
}

impl Explanation {
    /// What a row has: its sentence stands where no code does, or the code of another version.
    pub(crate) fn of_columns(sentence: String, code: Option<&str>, args: Option<&str>) -> Self {
        let known = code.and_then(|code| Reason::read(code, args));
        known.map_or(Self::Words(sentence), Self::Known)
    }

    pub(crate) fn text(&self, language: Language) -> String {
        match self {
            Self::Known(reason) => reason.text(language),
            Self::Words(words) => words.clone(),
            Self::Said { english, indonesian } => language.pick(english, indonesian).clone(),
        }
    }

    fn known(&self) -> Option<&Reason> {
        if let Self::Known(reason) = self { Some(reason) } else { None }
    }

    /// What [`Reason::code`] says, for a column.
    pub(crate) fn code(&self) -> Option<&'static str> {
        self.known().map(Reason::code)
    }

    /// What [`Reason::args`] says, for a column.
    pub(crate) fn args(&self) -> Option<String> {
        self.known()?.args()
    }
}

/// Words of an older version may say the same.
impl PartialEq<Reason> for Explanation {
    fn eq(&self, other: &Reason) -> bool {
        match self {
            Self::Known(reason) => reason == other,
            Self::Words(words) | Self::Said { english: words, .. } => *words == other.to_string(),
        }
    }
}

impl From<Reason> for Explanation {
    fn from(reason: Reason) -> Self {
        Self::Known(reason)
    }
}

impl From<String> for Explanation {
    fn from(words: String) -> Self {
        Self::Words(words)
    }
}

impl From<&str> for Explanation {
    fn from(words: &str) -> Self {
        Self::Words(words.to_owned())
    }
}

/// As the sentence.
impl Serialize for Explanation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl std::fmt::Display for Explanation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text(Language::English))
    }
}

/// WAHA's own words, shortened; may be empty. They stand after a colon.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WahaWords(pub String);

/// The word that WAHA has for the state of a session. Its text says what to do, too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionStatus(pub String);

/// The name of a channel as one word of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelName(pub String);

/// What a file is, as `files` calls it: `a JPEG picture`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileWords(pub String);

sentences! {
    /// What is wrong with an entry. Rows keep the English sentence.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum EntryFlaw {
        TooShort: "too short for a phone number, and a contact id has digits only",
            "terlalu pendek untuk nomor telepon; nomor urut kontak hanya angka";
        ShortAfterZero:
            "starts with 0 but is too short for a phone number: write a contact id without the 0, or the whole phone number",
            "diawali 0 tetapi terlalu pendek: tulis nomor telepon yang lengkap";
        Doubtful:
            "could be one phone number or several entries: put commas between contact ids, and write + and the country code in front of a phone number",
            "bisa satu nomor atau beberapa: tulis satu nomor per baris, tanpa spasi di dalamnya";
        InLinkText: "may be of the text of the link before it: write each entry on a line of its own",
            "mungkin bagian dari tautan di depannya: tulis satu nomor per baris";
        Email: "an e-mail address, not a chat id: that must end in @c.us, @g.us, @lid or @newsletter",
            "ini alamat email: tulis nomor teleponnya";
        BroadcastList: "a broadcast list is not a recipient: name the people one by one",
            "daftar siaran tidak bisa dikirimi: tulis orangnya satu per satu";
        NoTag: "names no tag: write it like tag:pelanggan",
            "labelnya belum ditulis: tulis seperti tag:pelanggan";
        IdBelowOne: "a contact id is 1 or more", "nomor urut kontak adalah angka mulai dari 1";
        IdNegative: "a contact id is never negative: write the id that `contact list` shows",
            "nomor urut kontak adalah angka mulai dari 1";
        NoId: "not a contact id", "bukan nomor urut kontak";
        /// What hardly anybody types, in English only.
        Rare { words: String }: "{words}", "{words}";
    }
}

/// How many did not get a message, by what became of their deliveries. Written without what is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Missed {
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) failed: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) expired: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) unknown: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) skipped: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) cancelled: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What a reason has parameters of.
trait Parameter: Sized {
    fn to_json(&self) -> Value;
    fn from_json(value: &Value) -> Option<Self>;
}

macro_rules! parameters {
    ($($type:ty),+) => {$(
        impl Parameter for $type {
            fn to_json(&self) -> Value {
                json!(self)
            }

            fn from_json(value: &Value) -> Option<Self> {
                Self::deserialize(value).ok()
            }
        }
    )+};
}

parameters!(String, u64, i64, WahaWords, SessionStatus, ChannelName, FileWords, Missed);

impl Parameter for Timestamp {
    fn to_json(&self) -> Value {
        json!(self)
    }

    fn from_json(value: &Value) -> Option<Self> {
        Self::parse(value.as_str()?)
    }
}

impl WahaWords {
    fn text(&self, _: Language) -> String {
        if self.0.is_empty() { String::new() } else { format!(": {}", self.0) }
    }
}

impl SessionStatus {
    fn text(&self, language: Language) -> String {
        let (english, indonesian) = match self.0.as_str() {
            "SCAN_QR_CODE" => (
                "scan the QR code in the panel or in WAHA's dashboard",
                "pindai kode QR di panel atau di dasbor WAHA",
            ),
            "STARTING" => ("wait a moment", "tunggu sebentar"),
            "STOPPED" => (
                "start it in the panel or in WAHA's dashboard",
                "mulai sesinya di panel atau di dasbor WAHA",
            ),
            _ => ("look at it in WAHA's dashboard", "periksa di dasbor WAHA"),
        };
        format!("{}: {}", self.0, language.pick(english, indonesian))
    }
}

impl FileWords {
    fn text(&self, language: Language) -> String {
        const NOUNS: [(&str, &str); 11] = [
            ("picture", "gambar"),
            ("drawing", "gambar"),
            ("video", "video"),
            ("sound", "suara"),
            ("document", "dokumen"),
            ("workbook", "buku kerja"),
            ("program", "program"),
            ("archive", "arsip"),
            ("web page", "halaman web"),
            ("text", "teks"),
            ("no known type", "jenis yang tidak dikenal"),
        ];
        let words = self.0.as_str();
        let bare = words.strip_prefix("an ").or(words.strip_prefix("a ")).unwrap_or(words);
        match language {
            Language::English => words.to_owned(),
            Language::Indonesian => NOUNS
                .iter()
                .find_map(|(noun, theirs)| {
                    let which =
                        bare.strip_suffix(noun)?.trim().replace("old Office", "Office lama");
                    Some(format!("{theirs} {which}").trim_end().to_owned())
                })
                .unwrap_or(bare.to_owned()),
        }
    }
}

impl EntryFlaw {
    const COMMON: [Self; 10] = [
        Self::TooShort,
        Self::ShortAfterZero,
        Self::Doubtful,
        Self::InLinkText,
        Self::Email,
        Self::BroadcastList,
        Self::NoTag,
        Self::IdBelowOne,
        Self::IdNegative,
        Self::NoId,
    ];
}

impl From<String> for EntryFlaw {
    fn from(words: String) -> Self {
        Self::Rare { words }
    }
}

impl From<&str> for EntryFlaw {
    fn from(words: &str) -> Self {
        words.to_owned().into()
    }
}

impl Parameter for EntryFlaw {
    fn to_json(&self) -> Value {
        json!(self.to_string())
    }

    fn from_json(value: &Value) -> Option<Self> {
        let words = value.as_str()?;
        let common = Self::COMMON.into_iter().find(|flaw| flaw.to_string() == words);
        Some(common.unwrap_or_else(|| words.into()))
    }
}

impl ChannelName {
    fn text(&self, _: Language) -> String {
        let Self(name) = self;
        let is_word =
            !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c));
        if is_word { name.clone() } else { format!("\"{name}\"") }
    }
}

/// Words are a JSON string, a known reason is an object.
impl Parameter for Box<Explanation> {
    fn to_json(&self) -> Value {
        match &**self {
            Explanation::Known(reason) => {
                json!({ "code": reason.code(), "args": reason.parameters() })
            }
            Explanation::Words(words) | Explanation::Said { english: words, .. } => json!(words),
        }
    }

    fn from_json(value: &Value) -> Option<Self> {
        Some(Self::new(match value {
            Value::String(words) => Explanation::Words(words.clone()),
            known => {
                let (code, args) = (known["code"].as_str()?, known["args"].as_object()?);
                Explanation::Known(Reason::from_json(code, args)?)
            }
        }))
    }
}

impl Missed {
    fn text(&self, language: Language) -> String {
        let named = [
            (self.failed, "failed", "gagal"),
            (self.expired, "expired", "terlambat"),
            (self.unknown, "unknown", "belum pasti"),
            (self.skipped, "skipped", "dilewati"),
            (self.cancelled, "cancelled", "dibatalkan"),
        ];
        let some = named.into_iter().filter(|(count, ..)| *count > 0);
        let words = some.map(|(count, english, indonesian)| {
            format!("{count} {}", language.pick(english, indonesian))
        });
        words.collect::<Vec<_>>().join(", ")
    }
}

fn map<const N: usize>(parameters: [(&str, Value); N]) -> Map<String, Value> {
    let mut map = Map::new();
    map.extend(parameters.map(|(name, value)| (name.to_owned(), value))); // `collect` brings a sort for each N
    map
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fmt::Write;

    use super::*;

    impl utoipa::PartialSchema for Explanation {
        fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
            String::schema()
        }
    }

    impl utoipa::ToSchema for Explanation {}

    /// Any value of a parameter.
    pub(super) trait Sample {
        fn sample(random: &mut fastrand::Rng) -> Self;
    }

    impl Sample for String {
        fn sample(random: &mut fastrand::Rng) -> Self {
            (0..random.usize(..9)).map(|_| random.char('\u{1}'..'\u{ff}')).collect()
        }
    }

    impl Sample for Box<Explanation> {
        fn sample(random: &mut fastrand::Rng) -> Self {
            let words = String::sample(random);
            let known = random.bool().then(|| Reason::NoAnswer { cause: words.clone() }.into());
            Self::new(known.unwrap_or(Explanation::Words(words)))
        }
    }

    macro_rules! samples {
        ($($type:ty: $random:ident => $value:expr;)+) => {$(
            impl Sample for $type {
                fn sample($random: &mut fastrand::Rng) -> Self {
                    $value
                }
            }
        )+};
    }

    samples! {
        u64: random => random.u64(..);
        i64: random => random.i64(..);
        Timestamp: random => Self::from_secs(random.i64(..4_000_000_000));
        WahaWords: random => Self(String::sample(random));
        SessionStatus: random => Self(String::sample(random));
        FileWords: random => Self(String::sample(random));
        EntryFlaw: random => match random.usize(..=Self::COMMON.len()) {
            0 => String::sample(random).into(),
            place => Self::COMMON[place - 1].clone(),
        };
        ChannelName: random => Self(String::sample(random));
        Missed: random => Self { failed: random.u64(..3), unknown: random.u64(..3), ..Self::default() };
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut random = fastrand::Rng::with_seed(15);
        for reason in (0..50).flat_map(|_| samples(&mut random)) {
            let again = Reason::read(reason.code(), reason.args().as_deref());
            assert_eq!(again.as_ref(), Some(&reason));
        }
    }

    #[test]
    fn every_common_flaw_of_an_entry_is_known_again_and_has_a_text_of_its_own() {
        assert_eq!(EntryFlaw::COMMON.len() + 1, EntryFlaw::TABLE.len());
        for flaw in EntryFlaw::COMMON {
            assert_eq!(EntryFlaw::from_json(&flaw.to_json()), Some(flaw.clone()));
            assert_ne!(flaw.text(Language::Indonesian), flaw.to_string());
        }
    }

    #[test]
    fn every_reason_has_a_code_of_its_own_and_a_text_in_each_language() {
        let codes: HashSet<_> = Reason::CODES.iter().collect();
        assert_eq!(codes.len(), Reason::TABLE.len());
        for (code, (_, fields, english, indonesian)) in Reason::CODES.iter().zip(Reason::TABLE) {
            assert!(code.bytes().all(|b| b"abcdefghijklmnopqrstuvwxyz0123456789_".contains(&b)));
            assert!(!indonesian.is_empty(), "{code}");
            for field in *fields {
                assert!(english.contains(&format!("{{{field}")), "{code}: {field}");
            }
        }
    }

    #[test]
    fn codes_of_other_versions_and_args_that_cannot_be_read_leave_the_sentence() {
        for (code, args) in [
            (None, None),
            (Some("not_yet_known"), None),
            (Some("no_such_contact"), None),
            (Some("no_such_contact"), Some("{")),
            (Some("no_such_contact"), Some(r#"{"contact_id": "x"}"#)),
        ] {
            let words = Explanation::Words("as it stands".to_owned());
            assert_eq!(Explanation::of_columns("as it stands".to_owned(), code, args), words);
        }
    }

    #[test]
    fn the_list_of_reasons_is_the_table() {
        let mut list = String::from(
            "# Reasons\n\n\
             The column `error` of `auto_messages` and `deliveries`, and `held_reason` of `channels`, say in English why\n\
             something is as it is. Programs read the code in `error_code` (`held_code`) and the parameters, a JSON object, in\n\
             `error_args` (`held_args`). A code keeps its name and its parameters in later versions. What a person wrote, and what\n\
             an older version wrote, has no code. A nested reason is a sentence, or an object with `code` and `args`.\n\n\
             | code | parameters | English | Indonesian |\n|---|---|---|---|\n",
        );
        for (code, (_, fields, english, indonesian)) in Reason::CODES.iter().zip(Reason::TABLE) {
            let shown = |text: &str| text.replace("{{", "{").replace("}}", "}").replace('|', "\\|");
            let fields = fields.join(", ");
            let _ = writeln!(
                list,
                "| `{code}` | {fields} | {} | {} |",
                shown(english),
                shown(indonesian)
            );
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reasons.md");
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert!(found == list, "docs/reasons.md is not this:\n{list}");
    }
}
