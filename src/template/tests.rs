//! What placeholders become.

use proptest::prelude::*;

use super::*;

fn values(attributes: &str) -> Values {
    Values::new(Some("Budi"), "6281234567890@c.us", Some(attributes), None)
}

fn render(text: &str) -> String {
    let attributes = r#"{"No Order": 17, "saldo": 15000.0, "kurs": 0.1, "lunas": true, "kota": " Solo ",
        "barang": ["sabun", 2, null], "kosong": "  ", "tidak": null, "dalam": {"a": 1}, "Ünit": "ya"}"#;
    Template::parse(text).render(&values(attributes)).unwrap_or_else(|error| error.to_string())
}

#[test]
fn a_placeholder_becomes_the_value_in_every_spelling_of_its_name() {
    for (text, rendered) in [
        ("Halo {{name}}!", "Halo Budi!"),
        ("{{ Name }}{{NAMA}}", "BudiBudi"),
        (
            "{{phone_number}} {{Phone Number}} {{no hp}}",
            "+6281234567890 +6281234567890 +6281234567890",
        ),
        ("{{no_order}} {{No-Order}} {{ no  order }}", "17 17 17"),
        ("{{saldo}} {{kurs}} {{lunas}}", "15000 0.1 true"),
        ("{{kota}}.", "Solo."),
        ("{{barang}}", "sabun, 2"),
        ("{{ünit}}", "ya"),
        ("{{kosong|-}} {{tidak | tidak ada }} {{dalam|?}} {{apa|}}.", "- tidak ada ? ."),
        ("{{name|Kak}}", "Budi"),
    ] {
        assert_eq!(render(text), rendered, "{text}");
    }
}

#[test]
fn what_is_no_placeholder_stays_as_it_is_written() {
    for text in [
        "Halo",
        "{kota}",
        "{{name",
        "name}}",
        "{{}}",
        "{{ }}",
        "{{|x}}",
        "{{!}}",
        "{{na\nme}}",
        "{ {kota} }",
        "}}{{",
        "{{",
        "{{{{",
        "😀{",
    ] {
        assert_eq!(render(text), text);
    }
    assert_eq!(render("{{a {{name}} b}}"), "{{a Budi b}}");
    assert!(render("{{{name}}}").contains("no placeholder of this program"));
}

#[test]
fn a_value_is_never_a_template() {
    let values =
        Values::new(Some("{{phone_number}}"), "62811@c.us", Some(r#"{"a":"{{name}}"}"#), None);
    let rendered = Template::parse("{{name}} {{a}}").render(&values).unwrap();
    assert_eq!(rendered, "{{phone_number}} {{name}}");
}

#[test]
fn without_a_value_and_a_fallback_the_reason_names_the_placeholder() {
    assert!(render("Halo {{Nama Panggilan}}").starts_with("no value for {{Nama Panggilan}}, and"));
    assert!(render("{{dalam}}").starts_with("no value for {{dalam}}"));
    let group = Values::new(None, "1203@g.us", None, None);
    let error = Template::parse("{{phone_number}}").render(&group).unwrap_err();
    assert_eq!(error, Reason::NoValue { placeholder: "phone_number".to_owned() });
}

#[test]
fn attributes_that_are_no_object_are_no_attributes() {
    for attributes in ["", "[1]", "{oops", "null", "\"x\"", "{\"kota\":"] {
        let rendered = Template::parse("{{kota|?}} {{name}}").render(&values(attributes));
        assert_eq!(rendered.as_deref(), Ok("? Budi"), "{attributes}");
    }
}

#[test]
fn a_number_that_would_not_be_printed_exactly_is_no_value() {
    let long = values(r#"{"id": 123456789012345678901234567890, "tiny": 1e300}"#);
    let error = Template::parse("{{id}}").render(&long).unwrap_err();
    assert_eq!(error, Reason::NoValue { placeholder: "id".to_owned() });
    assert!(Template::parse("{{tiny}}").render(&long).is_err());
}

#[test]
fn an_attribute_of_its_own_goes_before_another_name_of_the_phone_number() {
    let own =
        Values::new(Some("Budi"), "62811@c.us", Some(r#"{"nomor": 17, "name": "Tono"}"#), None);
    let rendered = Template::parse("{{nomor}} {{name}} {{hp}}").render(&own).unwrap();
    assert_eq!(rendered, "17 Budi +62811");
    let nameless = Values::new(Some(" "), "62811@c.us", Some(r#"{"Name": "Tono"}"#), None);
    assert_eq!(Template::parse("{{name}}").render(&nameless).as_deref(), Ok("Tono"));
}

#[test]
fn a_text_that_is_blank_or_too_long_for_whatsapp_is_none() {
    let attributes = format!(r#"{{"a": "{}"}}"#, "x".repeat(TEXT_UNITS_MAX));
    let long = values(&attributes);
    assert!(Template::parse("{{a}}").render(&long).is_ok());
    let error = Template::parse("{{a}}!").render(&long).unwrap_err();
    assert_eq!(
        error,
        Reason::FilledTextTooLong {
            characters: TEXT_UNITS_MAX as u64 + 1,
            most: TEXT_UNITS_MAX as u64
        }
    );
    assert_eq!(Template::parse(" {{b|}}\n").render(&long), Err(Reason::BlankText));
}

#[test]
fn what_looks_like_a_placeholder_gone_wrong_is_named() {
    for (text, oddities) in [
        ("Halo {{name}} {{kota|Solo}}", vec![]),
        ("Halo {{name", vec!["{{name"]),
        ("Halo name}} ya", vec!["Halo name}} ya"]),
        ("Halo {name}, {Kota}", vec!["{name}", "{Kota}"]),
        ("{{}}", vec!["{{}}"]),
        ("f(x) { return 1; }", vec![]),
        ("{Halo|Hai} kak, {apa kabar?|sehat?}", vec!["{Halo|Hai}", "{apa kabar?|sehat?}"]),
        ("{Halo {kak|bang}|Hai}", vec!["{kak|bang}"]),
        (
            "{Selamat pagi kakak semuanya|Hai} {Selamat pagi kakak semuanya, ya|Hai}",
            vec!["{Selamat pagi kakak semuanya|H…}", "{Selamat pagi kakak semuanya, …|…}"],
        ),
    ] {
        assert_eq!(Template::parse(text).oddities(), oddities, "{text}");
    }
    for (odd, meant) in [
        ("{nama}", "{{nama}}"),
        ("{{name}, apa kabar", "{{name}}"),
        ("{{name|Kak} ya", "{{name|Kak}}"),
        ("{{name apa kabar", "{{name}}"),
        ("Halo name}} ya", "{{name}}"),
        ("Halo {name}} ya", "{{name}}"),
        ("{{ }} ya", "{{name|Kak}}"),
    ] {
        assert_eq!(meant_by(odd), meant, "{odd}");
    }
    // Two braces alone would make `Hai` a fallback, and everybody would get it.
    for odd in ["{Halo|Hai}", "{Selamat pagi kakak semuanya, …|…}"] {
        let parts = Template::parse(&meant_by(odd)).parts;
        assert!(matches!(parts.as_slice(), [Part::Choice(options)] if options.len() == 2), "{odd}");
    }
}

proptest! {
    #[test]
    fn a_text_without_double_braces_is_rendered_as_it_is(text in "[^{\r\0]{0,40}[a-z][^{\r\0]{0,40}") {
        prop_assert_eq!(Template::parse(&text).render(&Values::default()).unwrap(), text);
    }

    #[test]
    fn any_text_is_parsed_and_the_fixed_parts_stay(text in "([{}|a \n]|name|é){0,30}") {
        let template = Template::parse(&text);
        let source: String = template.parts.iter().map(|part| match part {
            Part::Fixed(fixed) => fixed.clone(),
            Part::Placeholder(_) | Part::Choice(_) => "{{}}".to_owned(),
        }).collect();
        prop_assert!(source.len() <= text.len());
        let placeholders = template.placeholders().count();
        prop_assert_eq!(placeholders > 0, source != text);
    }

    #[test]
    fn a_value_is_printed_whatever_it_holds(name in "\\PC{0,20}", before in "[a-z ]{0,9}", after in "[a-z]{1,9}") {
        let values = Values::new(Some(&name), "62811@c.us", None, None);
        let rendered = Template::parse(&format!("{before}{{{{ name|Kak }}}}{after}")).render(&values).unwrap();
        let shown = if name.trim().is_empty() { "Kak" } else { name.trim() };
        prop_assert_eq!(rendered, format!("{before}{shown}{after}"));
    }

    #[test]
    fn names_fold_to_themselves(name in "[A-Za-z_ -]{1,20}") {
        prop_assert_eq!(fold(&fold(&name)), fold(&name));
        prop_assert_eq!(fold(&name.to_uppercase()), fold(&name.to_lowercase()));
    }
}

#[test]
fn line_ends_and_outer_blanks_make_no_other_text() {
    assert!(is_same_text("\tHalo\r\nBudi \u{a0}\r\n", "Halo\nBudi"));
    assert!(is_same_text("a\rb", "a\nb"));
    for other in ["Halo Budi", "halo\nBudi", "Halo\n\nBudi", ""] {
        assert!(!is_same_text("Halo\nBudi", other), "{other:?}");
    }
}

#[test]
fn placeholders_of_other_programs_are_understood_or_named() {
    let nobody = Values::new(None, "1@c.us", None, None);
    for text in [
        "Halo {{ name | default: 'Kak' }}",
        "Halo {{name|default('Kak')}}",
        "Halo {{name | default: \"Kak\"}}",
        "Halo {{name|default:Kak}}",
        "Halo {{name|Kak}}",
    ] {
        assert_eq!(Template::parse(text).render(&nobody).as_deref(), Ok("Halo Kak"), "{text}");
    }
    assert_eq!(Template::parse("{{name|default}}").render(&nobody).as_deref(), Ok("default"));
    for (text, foreign) in [
        ("Halo *|FNAME|*!", "*|FNAME|*"),
        ("{% if name %}Halo{% endif %}", "{% if name %}"),
        ("Halo {contactfield=firstname}", "{contactfield=firstname}"),
        ("Halo {{{name}}}", "{{{name}}}"),
        ("Halo {{name | upcase}}", "{{name | upcase}}"),
        ("Halo {{name | default: 'Kak' | upcase}}", "{{name | upcase}}"),
        ("Halo [Nama],", "[Nama]"),
        ("[1] Halo [[NAMA_PELANGGAN]]", "[NAMA_PELANGGAN]"),
        ("[promo] Dear [first_name] [last name]", "[first_name]"),
        ("Halo {nama}", "{nama}"),
        ("Halo <<Nama>>", "<<Nama>>"),
        ("Halo «Nama»", "«Nama»"),
        ("100% untuk %FIRSTNAME%", "%FIRSTNAME%"),
    ] {
        assert_eq!(Template::parse(text).foreign(), Some(foreign), "{text}");
    }
    for text in [
        "*harga* | *diskon*",
        "*|*",
        "100% {50%}",
        "{ {{name}} }",
        "[1] a",
        "{}",
        "a {b} c",
        "Balas DAFTAR [nama anda]#[kota]",
        "(nama) <nama> #nama# nama",
        "[nama: ...]",
        "[Nama",
        "%nama",
    ] {
        assert_eq!(Template::parse(text).foreign(), None, "{text}");
    }
    assert_eq!(
        Template::parse("Halo [alamat], [kota]! [catatan]").oddities(),
        ["[alamat]", "[kota]"]
    );
}

/// What a text becomes for each of many people, and once more.
fn variants(text: &str, attributes: Option<&str>) -> Vec<String> {
    let due_at = Some(Timestamp::from_secs(1_800_000_000));
    let of = |one: u32| {
        let values = Values::new(Some("Budi"), &format!("62811{one}@c.us"), attributes, due_at);
        Template::parse(text).render(&values).unwrap_or_else(|why| why.to_string())
    };
    let all: Vec<String> = (0..300).map(of).collect();
    assert_eq!(all, (0..300).map(of).collect::<Vec<_>>(), "a choice is not made anew");
    all
}

fn count(all: &[String], text: &str) -> usize {
    all.iter().filter(|one| *one == text).count()
}

#[test]
fn a_choice_gives_each_of_its_options_to_about_as_many() {
    for text in [
        "{{pilih: Halo {{name}} | Hai|Selamat\npagi }}",
        "{{ Choose:Halo {{nama|Kak}}|Hai|Selamat\npagi}}",
    ] {
        let all = variants(text, None);
        for option in ["Halo Budi", "Hai", "Selamat\npagi"] {
            assert!((70..=130).contains(&count(&all, option)), "{option}: {}", count(&all, option));
        }
    }
}

#[test]
fn two_choices_in_a_text_are_made_apart_and_one_within_another_too() {
    let all = variants("{{pilih: a | b}}{{pilih: c | {{pilih: d | e}}}}", None);
    for option in ["ac", "ad", "ae", "bc", "bd", "be"] {
        assert!(count(&all, option) > 15, "{option}: {}", count(&all, option));
    }
}

#[test]
fn an_option_without_its_value_is_not_taken_and_nobody_is_skipped_for_it() {
    let all = variants("{{pilih: Di {{kota}} | Halo | }}!", None);
    assert_eq!(count(&all, "Halo!") + count(&all, "!"), 300);
    let all = variants("{{pilih: Di {{kota}} | Ke {{kota}}}}", None);
    assert!(all.iter().all(|one| one.starts_with("no value for {{kota}}")), "{all:?}");
    let all = variants("{{pilih: Di {{kota}} | Ke {{kota}}}}", Some(r#"{"kota": "a | b }}"}"#));
    assert_eq!(count(&all, "Di a | b }}") + count(&all, "Ke a | b }}"), 300);
}

#[test]
fn another_time_chooses_anew() {
    let of = |secs| {
        let due_at = Some(Timestamp::from_secs(secs));
        let values = Values::new(None, "62811@c.us", None, due_at);
        Template::parse("{{pilih: a | b}}").render(&values).unwrap()
    };
    assert!((0..50).any(|week| of(week * 604_800) != of(0)));
}

#[test]
fn a_choice_that_nothing_ends_does_not_go_out() {
    for text in [
        "{{pilih: a | b",
        "{{Pilih: a | {{name}}",
        "x {{ choose: a | b }",
        "{{pilih:",
        "{{pilih: a | {{pilih: b}}",
    ] {
        let template = Template::parse(text);
        assert!(template.foreign().is_some() && !template.oddities().is_empty(), "{text}");
    }
    assert_eq!(render("{{pilih: Halo }}{{pilih:}}"), "Halo");
    for text in ["{{pilih : Halo|Hai}}", "{{ CHOOSE\t:Halo|Hai }}"] {
        let parts = Template::parse(text).parts;
        assert!(
            matches!(parts.as_slice(), [Part::Choice(options)] if options.len() == 2),
            "{text}"
        );
    }
    let long = format!("{{{{pilih: a | {}}}}}", "b".repeat(CHOICE_BYTES_MAX));
    assert!(Template::parse(&long).foreign().is_some());
    let many = "{{pilih: a | ".repeat(3000) + &"}}".repeat(3000);
    Template::parse(&many); // ends soon, and keeps its stack
    assert_eq!(
        Template::parse("{{pilih: {{name | upcase}} | b}}").foreign(),
        Some("{{name | upcase}}")
    );
    let names: Vec<_> = Template::parse("{{pilih: {{a}} | {{pilih: {{b}} | c}}}}{{d}}")
        .placeholders()
        .map(|one| one.name.clone())
        .collect();
    assert_eq!(names, ["a", "b", "d"]);
}
