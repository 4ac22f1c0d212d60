#!/bin/sh
# The test command of the README: installs what it needs, then checks format, lints and behaviour.
# Needs cargo (Rust 1.92 or newer) and, for what is missing, the right to install Debian packages.
set -eu
cd "$(dirname "$0")/.."

# Says when each step began: the last such line of a failed run names the step.
step() {
    echo "== $(($(date +%s) - begun)) s: $*"
    "$@"
}
begun=$(date +%s)
export CARGO_PROFILE_DEV_DEBUG=0 # half of the time of linking

# A C compiler for SQLite and for the TLS library; sqlite3 as the person who watches the tables;
# Python for the comparisons, and LibreOffice for the round trip of lists.
missing=
command -v cc >/dev/null 2>&1 || missing="$missing gcc libc6-dev"
command -v sqlite3 >/dev/null 2>&1 || missing="$missing sqlite3"
python3 -c 'import ensurepip' 2>/dev/null || missing="$missing python3 python3-venv"
command -v soffice >/dev/null 2>&1 || missing="$missing libreoffice-calc-nogui"
if [ -n "$missing" ]; then
    apt-get update -q
    # shellcheck disable=SC2086 # the names are words
    apt-get install -q -y --no-install-recommends $missing
fi
for component in rustfmt clippy; do
    cargo "$(echo $component | sed s/rustfmt/fmt/)" --version >/dev/null 2>&1 ||
        rustup component add "$component"
done
# Not in Debian, and the package for Python is too old for this edition: about a minute to build.
cargo deny --version >/dev/null 2>&1 ||
    cargo install --quiet --locked --debug --no-default-features --version 0.20.2 cargo-deny

# PostgreSQL, PostgREST and nginx: a website's Supabase project.
step env TOOLS="$PWD/target/supabase-tools" bash tests/supabase/up.sh install

# Each Rust brings lints of its own: those of a newer one than ours (1.95) are shown, and fail nothing.
minor=$(rustc --version | sed 's/^rustc 1\.\([0-9]*\).*/\1/')
deny="-D warnings"
[ "$minor" -le 95 ] || deny="-W warnings"
step cargo fmt --all --check
# shellcheck disable=SC2086 # two words
step cargo clippy --locked --workspace --all-targets -- $deny
step cargo deny --locked check licenses bans sources
# Half of the tests wait for a program, a port or a time-out more than they compute.
step env RUST_TEST_THREADS=6 cargo test --locked --workspace
step sh tests/compare/run.sh
# What hosts really have (cron, nginx, workerd …), around the program that was just built.
step bash tests/hosting/run.sh
# An assistant's own library.
step bash tests/mcp/run.sh
# The examples in PHP, Python and Node.
step bash tests/examples/run.sh
# The API: what its document allows, and clients generated from it.
step bash tests/api/run.sh
# The panel in a real browser.
step sh tests/panel/run.sh
echo "== $(($(date +%s) - begun)) s: passed"
