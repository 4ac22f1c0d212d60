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
    /// By a word such as `unsubscribed`, among others such as `active`.
    Status,
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
const STATUS: &str = "status subscriptionstatus subscriberstatus contactstatus memberstatus statuslangganan \
    statuskontak emailstatus emailmarketing emailmarketingstatus";
const OUT: &str = "optout optedout unsubscribe unsub berhenti donotcontact dnc blacklist blocklist cleantime diblokir";
const CONSENT: &str = "consent optin optedin subscribed berlangganan setuju persetujuan marketingconsent emailconsent \
    emailoptin emailmarketingconsent acceptsmarketing acceptsemailmarketing acceptssmsmarketing smsconsent \
    emailsubscribed newsletter";

/// Values of a cell, as [`plain`] has them.
const YES: &str = "yes ya y true t 1 x on iya benar out optedout optout unsubscribed unsubscribe berhenti stop \
    blacklisted blocklisted blocked diblokir";
const NO: &str = "no n tidak tdk false f 0 off belum not";
const AGAINST: &str = "unsubscribed unsub optedout optout notsubscribed withdrawn denied revoked ditolak blocklisted \
    blacklisted blocked cleaned complained donotcontact dnc berhenti berhentilangganan stop diblokir out";
const FOR: &str = "yes ya y true t 1 x on iya setuju subscribed optedin optin confirmed granted given active aktif in";

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
    if let Some(out) = opt_out(&joined) {
        let is_email = any("email mail newsletter sms surel") || joined == "acceptsmarketing";
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

/// Whether a heading asks for a consent; what is in the column must answer it.
pub(super) fn asks_consent(heading: &str) -> bool {
    let words = words(heading);
    let any = |list: &str| words.iter().any(|word| is_in(list, word));
    any(WISH) && any(NEWS) && !any("email mail surel sms")
}

fn opt_out(joined: &str) -> Option<OptOut> {
    if is_in(STATUS, joined) {
        return Some(OptOut::Status);
    }
    if is_in(CONSENT, joined) {
        return Some(OptOut::No);
    }
    let has = |parts: &str| parts.split_whitespace().any(|part| joined.contains(part));
    let is_about_it = has("reason alasan title campaign link url");
    (has(OUT) && !is_about_it).then_some(OptOut::Yes)
}

fn number_kind(words: &[String], joined: &str) -> Option<NumberKind> {
    let any = |list: &str| words.iter().any(|word| is_in(list, word));
    let has = |parts: &[&str]| parts.iter().any(|part| joined.contains(part));
    let is_whatsapp =
        any(WHATSAPP) || has(&["whatsapp", "whatapp", "whattsapp", "whatsap", "watsap"]);
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
    words
}

/// Lower case, letters and digits only: `Opt-out` is `optout`.
pub(super) fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(40).collect()
}

impl OptOut {
    /// Whether a cell of such a column opts its person out; `None` when it says neither.
    pub(super) fn read(self, cell: &str) -> Option<bool> {
        let word = plain(cell);
        match self {
            Self::Status => Some(is_in(AGAINST, &word)),
            Self::Yes if is_in(YES, &word) || matches!(cell, "✓" | "✔") => Some(true),
            Self::Yes => is_in(NO, &word).then_some(false),
            Self::No if is_in(NO, &word) || is_in(AGAINST, &word) => Some(true),
            Self::No if is_in(FOR, &word) || matches!(cell, "✓" | "✔") => Some(false),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_known_by_their_words() {
        use NameKind::{Any, Company, First, Full, Last, Middle, Nick};
        use NumberKind::{Mobile, Other, Phone, Weak, WhatsApp};
        for (headings, expected) in [
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
            (
                "opt_out|opted_out_at|unsubscribed_at|berhenti|UNSUB_TIME|Do Not Contact",
                Meaning::OptOut(OptOut::Yes),
            ),
            ("consent|Opted In", Meaning::OptOut(OptOut::No)),
            ("Status|subscription_status", Meaning::OptOut(OptOut::Status)),
            ("Accepts Email Marketing|Accepts Marketing", Meaning::EmailOptOut(OptOut::No)),
            ("email marketing|Email Status", Meaning::EmailOptOut(OptOut::Status)),
            ("UNSUB_REASON|Alamat|kota|No|Given Yomi|Organization Title|File As", Meaning::Unknown),
        ] {
            for heading in headings.split('|') {
                assert_eq!(meaning(heading), expected, "{heading}");
            }
        }
    }
}
