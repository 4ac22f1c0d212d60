//! Reads `migrations/` when the program is built.
//!
//! refinery makes a migration of a file's name with a regular expression, and its engine would be a tenth of the
//! program. Here refinery writes down what it made; the program reads that with refinery's own `Deserialize`.

use std::error::Error;
use std::{env, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=migrations");
    let migrations = refinery::load_sql_migrations("migrations")?;
    let made = Path::new(&env::var("OUT_DIR")?).join("migrations.json");
    fs::write(made, serde_json::to_vec(&migrations)?)?;
    Ok(())
}
