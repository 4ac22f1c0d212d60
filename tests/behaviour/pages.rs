//! The pages that people read: their links lead somewhere, and their commands do what they say.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::site::{SECRET, Site, program, write_private};

/// Blocks of commands that are not run here, by page and first words, and what runs them.
const ELSEWHERE: [(&str, &str, &str); 12] = [
    ("README.md", "cargo run --release", "cargo test of `demo`, and the test command itself"),
    ("README.md", "sudo apt-get", "docs/first-day.md: a bare account"),
    ("README.md", "cargo build", "docs/first-day.md: a bare account"),
    ("README.md", "./auto-message-scheduler init", "recipe.rs"),
    ("README.md", "./auto-message-scheduler message add", "recipe.rs"),
    ("CONTRIBUTING.md", "sh tests/quick.sh", "they are the tests"),
    ("docs/callbacks.md", "echo \"CALLBACK_URL", "callbacks_binary.rs, with a receiver"),
    ("docs/docker.md", "dist/build.sh image", "tests/hosting/docker.sh"),
    ("docs/docker.md", "docker run --rm", "tests/hosting/docker.sh, with buildah"),
    ("docs/website.md", "systemctl stop", "tests/examples/run.sh, without systemd"),
    // It runs each block, or names what does.
    ("dist/PANDUAN.md", "", "recipe.rs"),
    ("docs/first-day.md", "", "recipe.rs"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Markdown pages, by their paths from the root.
fn pages() -> Vec<String> {
    let mut pages = Vec::new();
    let mut directories = vec![root().to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules"
            {
                directories.push(path);
            } else if path.extension().is_some_and(|it| it == "md") {
                pages.push(path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    pages.sort();
    pages
}

fn read(page: &str) -> String {
    fs::read_to_string(root().join(page)).unwrap()
}

/// The headings of a page as its links name them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |line: &str| -> String {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_leads_to_a_page_and_a_heading_that_are_there() {
    let mut broken = Vec::new();
    for page in pages() {
        let text = read(&page);
        // What stands between fences or backticks is no link.
        let prose: String = text.split("```").step_by(2).collect();
        let prose: String = prose.split('`').step_by(2).collect();
        for link in prose.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target: PathBuf = if path.is_empty() {
                root().join(&page)
            } else {
                root().join(&page).parent().unwrap().join(path)
            };
            let is_there = target.exists();
            let has_heading = anchor.is_empty()
                || fs::read_to_string(&target).is_ok_and(|text| anchors(&text).contains(anchor));
            if !is_there || !has_heading {
                broken.push(format!("{page}: {link}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// The blocks of commands of a page.
fn command_blocks(page: &str) -> Vec<String> {
    let text = read(page);
    let blocks = text.split("\n```").skip(1).step_by(2);
    let blocks = blocks.filter_map(|block| {
        let (language, lines) = block.split_once('\n')?;
        (matches!(language, "sh" | "bash") || lines.starts_with("icacls")).then(|| lines.to_owned())
    });
    blocks.collect()
}

/// A shop as the pages presume it: settings, a list, contacts, messages, a server.
fn make_shop() -> Site {
    let site = Site::new();
    site.write_settings("");
    fs::write(site.path("list.csv"), "nama;hp\nBudi;081200007001\nSiti;081200007002\n").unwrap();
    fs::write(
        site.path("promo.jpg"),
        b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xd9",
    )
    .unwrap();
    fs::write(site.path("invoice.pdf"), "%PDF-1.4\n%%EOF\n").unwrap();
    write_private(&site.path("shop.db.cron-secret"), SECRET);
    for arguments in [
        &["contact", "import", "list.csv", "--tag", "vip"][..],
        &["message", "add", "Halo", "--to", "081200007001", "--at", "+1d"],
    ] {
        assert!(site.run(arguments).status.success(), "{arguments:?}");
    }
    let commands = site.path("bin");
    fs::create_dir(&commands).unwrap();
    for directory in [&commands, &site.path("")] {
        std::os::unix::fs::symlink(program(), directory.join("auto-message-scheduler")).unwrap();
    }
    site
}

#[test]
fn every_block_of_commands_runs_as_it_stands_or_says_where_it_is_run() {
    let (mut unused, mut ran) = (BTreeSet::from(ELSEWHERE), 0);
    for page in pages() {
        let mut shop = None;
        for block in command_blocks(&page) {
            let known = ELSEWHERE
                .into_iter()
                .find(|(of, begins, _)| *of == page && block.starts_with(begins));
            if let Some(known) = known {
                unused.remove(&known);
                continue;
            }
            // A page presumes a shop as it is at its beginning.
            let (site, server) = shop.get_or_insert_with(|| {
                let site = make_shop();
                let server = site.serve();
                (site, server)
            });
            let path = format!("{}:/usr/local/bin:/usr/bin:/bin", site.path("bin").display());
            let here = block
                .replace("auto-message-scheduler.db", "shop.db")
                .replace("127.0.0.1:8787", &server.address);
            let mut shell = Command::new("bash");
            shell.args(["-e", "-o", "pipefail", "-c", &here]).current_dir(site.directory.path());
            shell.env_clear().env("PATH", &path).stdin(Stdio::null());
            let output = shell.output().unwrap();
            let told = [&output.stdout[..], &output.stderr].concat();
            let told = String::from_utf8_lossy(&told);
            assert!(output.status.success(), "{page}:\n{block}\n{told}");
            assert!(!told.contains("\"error\":true"), "{page}:\n{block}\n{told}");
            ran += 1;
        }
    }
    assert!(unused.is_empty(), "no page has these any more: {unused:#?}");
    assert!(ran >= 5, "only {ran} blocks were run");
}
