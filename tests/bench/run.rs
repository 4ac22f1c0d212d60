//! `cargo bench`: each figure beside what it must reach, as a ratio to a limit that is measured in
//! the same run where that is what counts. Names of figures as arguments run only those:
//! `cargo bench -- drain many`. `--quick` makes the long ones short: not for docs/evidence.md.

mod figures;
mod limit;
mod program;
mod stub;

use std::time::Instant;

/// One line of the table.
pub struct Line {
    pub figure: String,
    pub must: String,
    pub measured: String,
    pub is_reached: bool,
}

/// How a figure is made.
struct Figure {
    name: &'static str,
    measure: fn(bool) -> Vec<Line>,
}

const FIGURES: &[Figure] = &[
    Figure { name: "binary", measure: figures::small::binary },
    Figure { name: "idle", measure: figures::small::idle },
    Figure { name: "drain", measure: figures::pace::drain },
    Figure { name: "many", measure: figures::pace::many_channels },
    Figure { name: "rules", measure: figures::rules::rules_on },
    Figure { name: "slow", measure: figures::pace::slow_waha },
    Figure { name: "media", measure: figures::media::media },
    Figure { name: "stored", measure: figures::stored::stored },
    Figure { name: "plan", measure: figures::stored::plan },
    Figure { name: "create", measure: figures::api::create },
    Figure { name: "look", measure: figures::api::look },
    Figure { name: "import", measure: figures::grown::import },
    Figure { name: "pages", measure: figures::pages::pages },
    Figure { name: "link", measure: figures::link::link },
    Figure { name: "year", measure: figures::grown::year },
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|one| one != "--bench").collect();
    let is_quick = arguments.iter().any(|one| one == "--quick");
    let names: Vec<&String> = arguments.iter().filter(|one| !one.starts_with("--")).collect();
    let mut lines = Vec::new();
    for figure in FIGURES {
        if !names.is_empty() && !names.iter().any(|name| *name == figure.name) {
            continue;
        }
        let began = Instant::now();
        let measured = (figure.measure)(is_quick);
        eprintln!("{}: {:.0} s", figure.name, began.elapsed().as_secs_f64());
        lines.extend(measured);
    }
    println!("| figure | must reach | measured | |\n|---|---|---|---|");
    for Line { figure, must, measured, is_reached } in lines {
        let word = if is_reached { "yes" } else { "no" };
        println!("| {figure} | {must} | {measured} | {word} |");
    }
}
