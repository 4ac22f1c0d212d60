//! The meaning of a heading by its words, in Indonesian and English, whatever its spelling: `No. HP/WA`,
//! `Phone 1 - Value`, `firstName`. What is in the column has the last word: see `header`.

/// The meaning of a column by its heading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Number(NumberKind),
    /// A number, a date, an amount or a code, which is nobody's phone number whatever it looks like.
    NoNumber,
    Name(NameKind),
    Tags,
    OptOut(OptOut),
    /// An opt-out from e-mail or SMS, which is not one from WhatsApp.
    EmailOptOut(OptOut),
    /// A JSON object of attributes.
    Attributes,
    /// The country code of the number in another column.
    CountryCode,
    Ignored,
    Unknown,
}

/// A kind of phone number, the surest for WhatsApp last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NumberKind {
    /// `Kontak`, `Nomor`: perhaps a phone number.
    Weak,
    /// At home, at work, of a company.
    Other,
    Phone,
    Mobile,
    WhatsApp,
}

/// A kind of name, the best first; the middle three are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NameKind {
    Full,
    First,
    Middle,
    Last,
    /// Any other heading with `nama` or `name` in it, or `Pelanggan`.
    Any,
    Nick,
    Company,
}

/// How a column says that somebody wants no more messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OptOut {
    /// By a time, or by yes.
    Yes,
    /// By no: the column is about consent.
    No,
    /// So, of a heading such as `Promo`: cells that [`was_sent`] knows say nothing, also below the rows that were looked at.
    Promotion,
    /// By a word such as `unsubscribed`, among others such as `active`; words that are not known are told.
    Status,
    /// So, and by no: `Langganan: tidak`.
    Subscription,
}

/// Words that make a column no phone number, also beside `phone` or `no`.
const NO_NUMBER: &str = "fax faks faksimile pager telex tty tdd radio callback assistant assistants asisten darurat \
    emergency label type tipe jenis rekening rek nik ktp npwp kk kode code pos zip postal tanggal tgl date lahir \
    birthday total jumlah saldo harga nominal tagihan amount price spent order orders pesanan invoice faktur resi \
    meter va ip extension ext verified consent marketing accepts merk merek brand operator provider imei serial qty \
    stok umur age nis nisn nim nip bpjs status id uuid uid leid euid name nama email mail";
const WHATSAPP: &str = "wa wapp nowa nomorwa wanumber whatsapps";
const MOBILE: &str = "mobile cell cellular cellphone hp hape ponsel seluler selular gsm msisdn nohp nomorhp nmrhp hpno \
    hpnumber telegram signal";
const PHONE: &str = "phone phones telephone tel telp telf tlp tlpn notelp phoneno phonenumber";
const NOT_ONES_OWN: &str = "home work business other company main kantor rumah kerja toko perusahaan organization \
    office car";
const WEAK: &str = "kontak contact contacts nomor nomer nmr number hubungi";

/// Words that make a column no name of the person.
const NO_NAME: &str = "user username file phonetic yomi prefix suffix manager managers assistant assistants spouse \
    produk product barang item bank domain host campaign kota city street jalan desa label tag tags group grup sheet \
    layanan service screen channel plan promo event acara brand model email mail id maiden short";
/// What may stand beside `nama` and `name` in the name of the person.
const WHOSE_NAME: &str = "nama name full lengkap display pelanggan customer pasien patient kontak contact klien \
    client member anggota penerima recipient siswa murid subscriber pembeli buyer your anda kak saved public push";
const PEOPLE: &str = "pelanggan customer pasien patient kontak contact klien client member anggota penerima recipient \
    siswa murid pembeli buyer";
const COMPANY: &str =
    "company organization organisation organisasi perusahaan instansi toko usaha bisnis lembaga";

/// Words of a heading that asks whether somebody wants messages: `Mau dikirimi promo?`.
const WISH: &str = "mau ingin bersedia setuju izin ijin mengizinkan diizinkan berkenan boleh terima menerima want \
    agree allow receive consent subscribe";
const NEWS: &str = "promo promosi info informasi pesan broadcast dihubungi dikirimi dikirim whatsapp wa penawaran \
    iklan kabar update updates message messages marketing news offers";
/// Words that turn a yes into something else.
const BUT: &str = "tapi tetapi kecuali jangan hanya cuma saja but except only";
const CODES: &str = "countrycode phonecountrycode countrycallingcode dialcode dialingcode callingcode phonecode \
    kodenegara kodenegarahp";

const TAGS: &str = "tags tag label labels groupmembership categories customertags";
const ATTRIBUTES: &str = "attributes attribs moreattributes";
/// Ways to somebody that are not WhatsApp.
const ELSEWHERE: &str =
    "email emails mail mails newsletter sms surel fax faxes postal telegram signal";
/// Words beside those that say what a column is about.
const BESIDE: &str = "is has are was to for from of via by on untuk lewat melalui dari user given granted receive send";
const STATUS: &str = "status emailstatus";
const SUBSCRIPTION: &str = "subscriptionstatus statussubscription subscriberstatus statussubscriber statuslangganan \
    langganan subscription subscribe marketingstatus statusmarketing emailmarketing emailmarketingstatus";
const OUT: &str = "optout optedout unsubscribe unsub berhenti donotcontact dnc blacklist blocklist cleantime diblokir";
/// Words that are an opt-out when they stand alone: a `Bus Stop` is none.
const OUT_ALONE: &str = "stop blocked blokir diblok dnd tolak menolak";
const NEVER: [&str; 4] = ["donot", "dont", "jangan", "jgn"];
/// What is not to be done then: `Do Not Modify` and `Jangan diisi` are about something else.
const NEVER_DONE: &str = "allow contact call email mail bulk postal fax phone text sms send message market disturb \
    hubungi dihubungi kirim dikirim kirimi dikirimi wa diwa whatsapp chat dichat telepon telpon ditelepon ditelpon \
    kontak dikontak ganggu diganggu promo promosi broadcast blast";
const CONSENT: &str = "consent optin optedin subscribed berlangganan setuju persetujuan marketingconsent emailconsent \
    emailoptin emailmarketingconsent acceptsmarketing acceptsemailmarketing acceptssmsmarketing smsconsent \
    emailsubscribed newsletter accepts accept allow permission";
/// Headings of nothing else ask for a consent, perhaps, or say what was sent: `Blast: belum`.
const PROMOTION: &str = "promo promosi broadcast blast marketing penawaran iklan siaran kirim dikirim dikirimi kirimi wa whatsapp";

/// Values of a cell, as [`plain`] has them.
const YES: &str = "yes ya y true t 1 x on iya benar out optedout optout unsubscribed unsubscribe berhenti stop \
    blacklisted blacklist blocklisted blocklist blocked diblokir blokir donotallow";
const NO: &str = "no n tidak tdk false f 0 off belum not";
const AGAINST: &str = "unsubscribed unsubscribe unsub optedout optout notsubscribed neversubscribed withdrawn denied revoked \
    ditolak tolak menolak blocklisted blocklist blacklisted blacklist blocked cleaned complained donotcontact \
    donotdisturb donotcall dnc dnd berhenti berhentilangganan stop diblokir diblok blokir jangan jgn out";
const FOR: &str = "yes ya y true t 1 x on iya setuju subscribed optedin optin confirmed granted given active aktif in";
/// Words of a status that say nothing of messages.
const HARMLESS: &str = "enabled verified valid lunas belumlunas member anggota vip reseller agen pelanggan customer \
    pelangganbaru pelangganlama baru lama new lead prospek";

/// Begins of a cell that says more than a word, and what they turn down: `Jangan di-WA lagi`, `Stop promo`.
/// `Belum dihubungi` and `Jangan menyerah` turn nothing down.
const HALTS: &str = "jangan jgn stop berhenti do dont don unsubscribe unsubscribed unsub blacklist blacklisted blokir \
    diblokir tolak menolak";
const HALTED: &str = "kirim dikirim dikirimi kirimi hubungi dihubungi wa diwa whatsapp chat dichat kontak dikontak contact \
    call telp telepon ditelepon telpon ditelpon ganggu diganggu send message messages text disturb sms di not t me us to \
    from any more anymore lagi lg dulu ya please";
/// What one is unwilling to have behind a plain no: `Tidak mau`, `No promo`, `not opted in`.
const WANTED: &str = "mau setuju bersedia ijin izin menerima terima langganan berlangganan subscribe subscribed opted opt in \
    promo promosi pesan info informasi broadcast bc marketing iklan penawaran spam messages";
const PLAIN_NO: &str = "tidak tdk gak ga nggak no not never";

const TOPIC: &str = "promo promosi broadcast blast marketing penawaran iklan siaran";
/// Cells of a column that says what was sent.
const WAS_SENT: &str = "belum sudah udah done sent 0 1";

/// Whether a cell says what was sent rather than what is wanted.
fn was_sent(cell: &str) -> bool {
    words(cell).first().is_some_and(|first| is_in(WAS_SENT, first))
}

fn is_in(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|known| known == word)
}

pub(super) fn meaning(heading: &str) -> Meaning {
    let words = words(heading);
    let joined = words.concat();
    let any = |list: &str| words.iter().any(|word| is_in(list, word));
    let has_digit = words.iter().any(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    if has_digit && words.len() > 2 && words.last().is_some_and(|last| is_in("label type", last)) {
        return Meaning::Ignored; // `Phone 1 - Label`
    }
    if is_in(TAGS, &joined) {
        return Meaning::Tags;
    }
    if is_in(CODES, &joined) {
        return Meaning::CountryCode;
    }
    if is_in(ATTRIBUTES, &joined) {
        return Meaning::Attributes;
    }
    if let Some(out) = opt_out(&words, &joined) {
        let is_email = is_elsewhere(&words) || joined == "acceptsmarketing";
        return if is_email { Meaning::EmailOptOut(out) } else { Meaning::OptOut(out) };
    }
    if let Some(kind) = number_kind(&words, &joined) {
        return Meaning::Number(kind);
    }
    match name_kind(&words, &joined) {
        Some(kind) => Meaning::Name(kind),
        None if any(NO_NUMBER) => Meaning::NoNumber,
        None => Meaning::Unknown,
    }
}

/// The meaning of an opt-out's heading when phone numbers are in its column: `Nomor WA (opt-in)`.
pub(super) fn meaning_with_numbers(heading: &str) -> Option<Meaning> {
    let words = words(heading);
    number_kind(&words, &words.concat()).map(Meaning::Number)
}

/// Whether a heading asks for a consent, which what is in the column must answer: a question does, a word such as
/// `Promo` or `Blast` only perhaps.
pub(super) fn asks_consent(heading: &str) -> Asks {
    let words = words(heading);
    let any = |list: &str| words.iter().any(|word| is_in(list, word));
    let is_promotion = words.iter().all(|word| is_in(PROMOTION, word))
        && words.iter().any(|word| !is_in(WHATSAPP, word) && !word.contains("whatsapp"));
    match (any(WISH) && any(NEWS), is_promotion) {
        _ if is_elsewhere(&words) => Asks::No,
        (true, _) => Asks::Yes,
        (false, true) if any(TOPIC) => Asks::Perhaps,
        (false, true) => Asks::Hardly,
        (false, false) => Asks::No,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    Yes,
    /// Or it says what was sent: then cells say `belum`, or count.
    Perhaps,
    /// It says what was sent, more likely: `Kirim WA`.
    Hardly,
    No,
}

/// Whether words are about e-mail and the like only.
fn is_elsewhere(words: &[String]) -> bool {
    let is_other = |word: &String| {
        is_in(ELSEWHERE, word)
            || word.starts_with("donot") && (word.contains("mail") || word.contains("fax"))
    };
    words.iter().any(is_other) && !is_whatsapp(words, &words.concat())
}

fn is_whatsapp(words: &[String], joined: &str) -> bool {
    words.iter().any(|word| is_in(WHATSAPP, word))
        || ["whatsapp", "whatapp", "whattsapp", "whatsap", "watsap"]
            .iter()
            .any(|part| joined.contains(part))
}

/// What is left of a heading without the words for the way, the person and the like says what it is.
fn opt_out(words: &[String], joined: &str) -> Option<OptOut> {
    let without = |list: &str| {
        let left = words.iter().map(|word| word.replace("whatsapp", ""));
        let way = [WHATSAPP, PHONE, MOBILE, ELSEWHERE, PEOPLE, BESIDE, list];
        left.filter(|word| !way.iter().any(|list| is_in(list, word))).collect::<String>()
    };
    let (left, bare, no_status) = (without(""), without(NEWS), without("status"));
    let is = |list: &str, text: &str| {
        let glued = [text.strip_prefix("wa"), text.strip_suffix("wa")];
        is_in(list, text) || glued.into_iter().flatten().any(|text| is_in(list, text))
    };
    if is_in(STATUS, joined) || is(STATUS, &left) {
        return Some(OptOut::Status);
    }
    if is_in(SUBSCRIPTION, joined)
        || is(SUBSCRIPTION, &left)
        || left == "marketing" && is_whatsapp(words, joined)
        || no_status != left && is(CONSENT, &no_status)
    {
        return Some(OptOut::Subscription);
    }
    if is_in(CONSENT, joined) || is(CONSENT, &left) || is(CONSENT, &bare) {
        return Some(OptOut::No);
    }
    let has = |parts: &str| parts.split_whitespace().any(|part| joined.contains(part));
    let is_about_it = has("reason alasan title campaign link url");
    let is_out = has(OUT)
        || is(OUT_ALONE, &without("status"))
        || is(OUT_ALONE, &bare)
        || is_never_done(words, joined);
    (is_out && !is_about_it).then_some(OptOut::Yes)
}

/// `Do not call`, `DoNotAllowPhoneCalls`, `Jangan dihubungi`.
fn is_never_done(words: &[String], joined: &str) -> bool {
    let Some(begin) = NEVER.iter().find(|begin| joined.starts_with(**begin)) else { return false };
    let mut length = 0;
    let next = words.iter().find(|word| {
        length += word.len();
        length > begin.len()
    });
    let Some(next) = next else { return false };
    let next = next.strip_prefix(begin).unwrap_or(next);
    let is_glued = |verb: &str| verb.len() > 3 && next.starts_with(verb);
    is_in(NEVER_DONE, next) || NEVER_DONE.split_whitespace().any(is_glued)
}

fn number_kind(words: &[String], joined: &str) -> Option<NumberKind> {
    let any = |list: &str| words.iter().any(|word| is_in(list, word));
    let has = |parts: &[&str]| parts.iter().any(|part| joined.contains(part));
    let is_whatsapp = is_whatsapp(words, joined);
    if words.iter().any(|word| is_in(NO_NUMBER, word) && !(is_whatsapp && word == "id")) {
        return None;
    }
    let is_other = any(NOT_ONES_OWN);
    if is_whatsapp {
        Some(NumberKind::WhatsApp)
    } else if any(MOBILE) || has(&["handphone", "ponsel", "mobile"]) {
        Some(NumberKind::Mobile)
    } else if any(PHONE) || has(&["telepon", "telpon", "telefon", "phone"]) {
        Some(if is_other { NumberKind::Other } else { NumberKind::Phone })
    } else {
        any(WEAK).then_some(NumberKind::Weak)
    }
}

fn name_kind(words: &[String], joined: &str) -> Option<NameKind> {
    let any = |list: &str| words.iter().any(|word| is_in(list, word));
    let has_name = any("name nama") || joined.starts_with("nama") || joined.ends_with("name");
    let is_part = |part: &str, alone: &str| has_name && any(part) || is_in(alone, joined);
    if any(NO_NAME) {
        return None;
    }
    if is_part("first given depan", "firstname fname givenname forename namadepan") {
        Some(NameKind::First)
    } else if is_part("middle tengah additional", "middlename mname") {
        Some(NameKind::Middle)
    } else if is_part("last family belakang", "lastname lname surname familyname namabelakang") {
        Some(NameKind::Last)
    } else if is_part("panggilan nick", "nickname nick") {
        Some(NameKind::Nick)
    } else if any(COMPANY) && (has_name || words.len() == 1 || joined.ends_with("company")) {
        Some(NameKind::Company)
    } else if joined == "fn" || has_name && words.iter().all(|word| is_in(WHOSE_NAME, word)) {
        Some(NameKind::Full)
    } else {
        let is_people = !words.is_empty() && words.iter().all(|word| is_in(PEOPLE, word));
        (has_name || is_people).then_some(NameKind::Any)
    }
}

/// `No. HP/WA` is no, hp, wa; `firstName` is first, name; `Phone1` is phone, 1.
fn words(heading: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in heading.chars().take(200) {
        let is_new = !c.is_alphanumeric()
            || before.is_lowercase() && c.is_uppercase()
            || before.is_alphanumeric() && before.is_ascii_digit() != c.is_ascii_digit();
        if is_new && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    // `WhatsApp` is one.
    while let Some(at) = words.windows(2).position(|two| two[0] == "whats" && two[1] == "app") {
        words.splice(at..at + 2, ["whatsapp".to_owned()]);
    }
    words
}

/// Lower case, letters and digits only: `Opt-out` is `optout`.
pub(super) fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(40).collect()
}

impl OptOut {
    /// Whether a column of this kind may be about something else.
    pub(super) fn is_soft(self) -> bool {
        matches!(self, Self::Status | Self::Subscription | Self::Promotion)
    }

    /// Whether a cell of such a column opts its person out; `None` when it says neither.
    pub(super) fn read(self, cell: &str) -> Option<bool> {
        let word = plain(cell);
        let is_tick = matches!(cell, "✓" | "✔");
        match self {
            Self::Promotion if was_sent(cell) => None,
            Self::Promotion => Self::No.read(cell),
            Self::Status if refuses(cell, &word) => Some(true),
            Self::Subscription | Self::No if is_in(NO, &word) || refuses(cell, &word) => Some(true),
            Self::Status | Self::Subscription => {
                (is_in(FOR, &word) || is_in(HARMLESS, &word) || is_tick).then_some(false)
            }
            Self::Yes if is_in(YES, &word) || is_tick => Some(true),
            Self::Yes if is_in(NO, &word) || matches!(&*word, "allow" | "allowed") => Some(false),
            // `Tidak diblokir`.
            Self::Yes => {
                let words = words(cell);
                let (first, rest) = words.split_first()?;
                (is_in(NO, first) && rest.iter().all(|word| is_in(YES, word))).then_some(false)
            }
            Self::No if is_in(FOR, &word) || is_tick => Some(false),
            // `Tidak, terima kasih`; `Ya, saya bersedia`.
            Self::No => {
                let words = words(cell);
                let any = |list: &str| words.iter().any(|word| is_in(list, word));
                match words.first()? {
                    first if is_in(NO, first) => Some(true),
                    first if is_in(FOR, first) => {
                        (!any(NO) && !any(AGAINST) && !any(BUT)).then_some(false)
                    }
                    _ => None,
                }
            }
        }
    }
}

/// Whether a cell turns messages down, by one word or by several; `word` is all of it, as [`plain`] has it.
fn refuses(cell: &str, word: &str) -> bool {
    if is_in(AGAINST, word) {
        return true;
    }
    let words = words(cell);
    let Some((first, rest)) = words.split_first().filter(|(_, rest)| !rest.is_empty()) else {
        return false;
    };
    let is_digits = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    let is_wanted = |word: &String| is_in(WANTED, word);
    let is_known = |word: &String| is_in(HALTED, word) || is_wanted(word) || is_digits(word);
    // `Do call` asks for a call, `No info` says that nothing is known.
    let is_to_do = is_in("do don", first) && !matches!(rest[0].as_str(), "not" | "t");
    let is_unknown = first == "no" && rest.iter().all(|word| is_in("info informasi", word));
    rest.iter().all(is_known)
        && !is_to_do
        && !is_unknown
        && (is_in(HALTS, first) || is_in(PLAIN_NO, first) && rest.iter().any(is_wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_mean(table: &[(&str, Meaning)]) {
        for (headings, expected) in table {
            for heading in headings.split('|') {
                assert_eq!(meaning(heading), *expected, "{heading}");
            }
        }
    }

    #[test]
    fn headings_are_known_by_their_words() {
        use NameKind::{Any, Company, First, Full, Last, Middle, Nick};
        use NumberKind::{Mobile, Other, Phone, Weak, WhatsApp};
        assert_mean(&[
            ("No. HP/WA|Nomor WhatsApp Aktif|no_wa|NoWA|WA ID|Link WA", Meaning::Number(WhatsApp)),
            (
                "Mobile|Mobile Phone|nohp|No\nHP|Ponsel|HP Ortu|Mobile Number",
                Meaning::Number(Mobile),
            ),
            (
                "Phone 1 - Value|Telepon|Default Address Phone|Primary Phone|No. Telp.|phoneNumber",
                Meaning::Number(Phone),
            ),
            (
                "Home Phone|Business Phone 2|Telepon Kantor|Company Main Phone",
                Meaning::Number(Other),
            ),
            ("Nomor|Kontak|Contact Number", Meaning::Number(Weak)),
            (
                "Phonetic First Name|No Rekening|NIK|Tanggal|Business Fax|Assistant's Phone|Kode Pos",
                Meaning::NoNumber,
            ),
            ("Phone 1 - Label|E-mail 2 - Type", Meaning::Ignored),
            (
                "Nama|name|Full Name|NAMA LENGKAP|Nama Pelanggan|Display Name|Saved Name",
                Meaning::Name(Full),
            ),
            ("First Name|firstname|Given Name|Nama Depan|firstName", Meaning::Name(First)),
            ("Additional Name|Middle Name", Meaning::Name(Middle)),
            ("Last Name|Family Name|surname", Meaning::Name(Last)),
            ("Nama Kucing|Pelanggan|Customer", Meaning::Name(Any)),
            ("Nickname|Nama Panggilan", Meaning::Name(Nick)),
            (
                "Company|Organization 1 - Name|Nama Toko|Default Address Company",
                Meaning::Name(Company),
            ),
            ("Labels|tag|Group Membership|Categories", Meaning::Tags),
            ("Status Order|Marketing|Status Bayar|OPTIN_IP", Meaning::NoNumber),
            ("Nama Marketing|Nama WhatsApp", Meaning::Name(Any)),
            (
                "UNSUB_REASON|Alamat|kota|No|Given Yomi|Organization Title|File As|Bus Stop|Blok",
                Meaning::Unknown,
            ),
        ]);
    }

    #[test]
    fn headings_of_opt_outs_are_known_whatever_stands_beside_the_word() {
        assert_mean(&[
            (
                "opt_out|opted_out_at|unsubscribed_at|berhenti|UNSUB_TIME|Do Not Contact",
                Meaning::OptOut(OptOut::Yes),
            ),
            (
                "is_blocked|blocked|Blokir|Status Blokir|Stop WA|Stop Promo|Do not call|dnd|wa_blocked|\
                 Do not allow Phone Calls|Jangan dihubungi|Opt Out WA|whatsapp_opt_out|Blocked User",
                Meaning::OptOut(OptOut::Yes),
            ),
            ("consent|Opted In", Meaning::OptOut(OptOut::No)),
            (
                "WhatsApp Opt-In|whatsapp_opt_in|WA Opt In|WhatsApp Consent|opt_in_whatsapp|waOptIn|WAOptIn|\
                 whatsappoptin|optinwa|Is Subscribed|Opted In to WhatsApp|phone_consent|marketing_opt_in|\
                 Accepts WhatsApp Marketing|Email & WhatsApp opt-in|WA/SMS consent|Customer Consent",
                Meaning::OptOut(OptOut::No),
            ),
            ("Status|Status WA|Status Pelanggan|contact_status", Meaning::OptOut(OptOut::Status)),
            (
                "subscription_status|WhatsApp Marketing|WhatsApp Marketing Status|Langganan|Status Langganan|\
                 WA Opt-in Status|consent status|Langganan WA",
                Meaning::OptOut(OptOut::Subscription),
            ),
            (
                "Accepts Email Marketing|Accepts Marketing|SMS Opt-in|Email opt in",
                Meaning::EmailOptOut(OptOut::No),
            ),
            ("Email Status", Meaning::EmailOptOut(OptOut::Status)),
            ("email marketing|SMS subscription", Meaning::EmailOptOut(OptOut::Subscription)),
            (
                "Do not allow Bulk Emails|donotemail|email_opt_out",
                Meaning::EmailOptOut(OptOut::Yes),
            ),
        ]);
    }
}
