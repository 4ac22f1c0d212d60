//! Lists that are made to take much, through the real program: what it takes, beside what a small list takes.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use crate::site::Site;

/// What an import says, and the most memory that it took, in KiB.
fn import(site: &Site, list: &[u8]) -> (String, usize) {
    fs::write(site.path("list"), list).unwrap();
    let mut command = site.command(&["contact", "import", "list"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        thread::sleep(Duration::from_millis(1));
    }
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (String::from_utf8(said).unwrap(), peak)
}

#[test]
fn a_million_rows_of_separators_take_no_memory_and_no_line_on_the_terminal() {
    let site = Site::new();
    let list = b"DATA PELANGGAN;;;\nNama;No HP;Kota;Catatan\nSari;081200007001;Solo;\n";
    let (said, small) = import(&site, list);
    assert!(said.contains("1 added, 0 merged, 0 unchanged, 0 refused"), "{said}");
    for junk in [";;;\r\n", ",,,\n", ";\"\";;\n", "\t\t\t\r\n", " ; ; ;\n"] {
        let (again, many) =
            import(&site, &[&list[..], &junk.repeat(1_048_576).into_bytes()].concat());
        assert_eq!(again, said.replace("1 added", "0 added").replace("0 unchanged", "1 unchanged"));
        assert!(many * 10 <= small * 11, "{junk:?}: {many} KiB, {small} KiB for one row");
    }
}

#[cfg(feature = "xlsx")]
mod workbooks {
    use std::io::{Cursor, Write};

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// How much more than a small workbook one that is made to take much may take.
    const MORE_KIB_MAX: usize = 32 * 1024;
    const ROW: &str = "<row><c t=\"inlineStr\"><is><t>HP</t></is></c></row>\
                       <row><c t=\"inlineStr\"><is><t>081200007001</t></is></c></row>";

    /// A workbook of one sheet.
    fn book(sheet: &[&str], texts: &[&str]) -> Vec<u8> {
        let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
        let one = |id: &str, kind: &str, target: &str| {
            format!("<Relationship Id=\"{id}\" Type=\"{office}/{kind}\" Target=\"{target}\"/>")
        };
        let package = one("a", "officeDocument", "xl/workbook.xml");
        let sheets = format!(
            "<workbook xmlns:r=\"{office}\"><sheets><sheet name=\"S\" sheetId=\"1\" r:id=\"a\"/></sheets></workbook>"
        );
        let related = one("a", "worksheet", "worksheets/sheet1.xml");
        let wrapped = |inner: &str| format!("<Relationships>{inner}</Relationships>");
        let (package, related) = (wrapped(&package), wrapped(&related));
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, parts) in [
            ("_rels/.rels", &[package.as_str()][..]),
            ("xl/workbook.xml", &[&sheets]),
            ("xl/_rels/workbook.xml.rels", &[&related]),
            ("xl/worksheets/sheet1.xml", sheet),
            ("xl/sharedStrings.xml", texts),
        ] {
            zip.start_file(name, SimpleFileOptions::default()).unwrap();
            for part in parts {
                zip.write_all(part.as_bytes()).unwrap();
            }
        }
        zip.finish().unwrap().into_inner()
    }

    fn sheet(rows: &str) -> String {
        format!("<worksheet><dimension ref=\"A1:B2\"/><sheetData>{rows}</sheetData></worksheet>")
    }

    const NONE: &str = "<sst></sst>";

    #[test]
    fn a_workbook_that_is_made_to_unpack_to_much_is_refused_before_it_does() {
        let site = Site::new();
        let (said, small) = import(&site, &book(&[&sheet(ROW)], &[NONE]));
        assert!(said.contains("1 added"), "{said}");
        let mib = |part: &str, mib: usize| part.repeat(mib * 1024 * 1024 / part.len());
        let texts = mib("<si><t>Sari</t></si>", 64);
        let cells = format!("<row>{}</row>", mib("<c><v>1</v></c>", 64));
        let giant =
            format!("<row><c t=\"inlineStr\"><is>{}</is></c></row>", mib("<r><t>a</t></r>", 4));
        let long = format!("<sst><si><t>{}</t></si></sst>", "a".repeat(60_000));
        let all_long = "<row><c t=\"s\"><v>0</v></c></row>".repeat(20_000);
        let far = "<row r=\"1048576\"><c r=\"XFD1048576\"><v>1</v></c></row>";
        let much = "unpacks to far more than its size";
        for (what, book, reason) in [
            ("texts", book(&[&sheet(ROW)], &["<sst>", &texts, "</sst>"]), much),
            (
                "a count of texts",
                book(&[&sheet(ROW)], &["<sst uniqueCount=\"9999999999999\"></sst>"]),
                much,
            ),
            ("cells", book(&[&sheet(&cells)], &[NONE]), much),
            ("blanks", book(&[&sheet(&mib(" ", 64))], &[NONE]), much),
            ("a cell", book(&[&sheet(&giant)], &[NONE]), much),
            ("one text in all cells", book(&[&sheet(&all_long)], &[&long]), much),
            ("a cell far away", book(&[&sheet(far)], &[NONE]), "16384 columns"),
        ] {
            assert!(book.len() < 1_000_000, "{what}: {}", book.len());
            let (said, peak) = import(&site, &book);
            assert!(said.contains(reason), "{what}: {said}");
            assert!(
                peak <= small + MORE_KIB_MAX,
                "{what}: {peak} KiB, {small} KiB for a small one"
            );
        }
    }

    #[test]
    fn a_workbook_may_say_wrong_things_of_its_size_and_have_a_row_that_is_too_long() {
        let site = Site::new();
        let (_, small) = import(&site, &book(&[&sheet(ROW)], &[NONE]));
        // A billion cells, as far as it says.
        let lie = sheet(ROW).replace("A1:B2", "A1:XFD1048576");
        let (said, peak) = import(&site, &book(&[&lie], &[NONE]));
        assert!(said.contains("1 unchanged") && peak * 10 <= small * 11, "{said} {peak} {small}");
        let cell = format!("<c t=\"inlineStr\"><is><t>{}</t></is></c>", "a".repeat(100_000));
        let long = ROW.to_owned() + &format!("<row>{}</row>", cell.repeat(3)) + ROW;
        let (said, _) = import(&site, &book(&[&sheet(&long)], &[NONE]));
        assert!(said.contains("line 3: the line is longer than 256 KiB"), "{said}");
        // As many different texts as a list of a hundred thousand people has; two have a number of before.
        let each = |of: fn(u32) -> String| (0..100_000).map(of).collect::<Vec<_>>().concat();
        let texts = each(|at| format!("<si><t>Orang {at}</t></si>"));
        let rows =
            each(|at| format!("<row><c t=\"s\"><v>{at}</v></c><c><v>62812{at:08}</v></c></row>"));
        let name = "<row><c t=\"inlineStr\"><is><t>Nama</t></is></c>";
        let rows = sheet(&(ROW.replacen("<row>", name, 2) + &rows));
        let book = book(&[&rows], &["<sst uniqueCount=\"100000\">", &texts, "</sst>"]);
        let (said, _) = import(&site, &book);
        assert!(said.contains("100001 rows: 99999 added, 2 merged"), "{said}");
    }
}
