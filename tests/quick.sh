#!/bin/sh
# Format, lints and the fast tests, for between two commits: under 8 minutes on 2 cores.
# What it leaves out runs with `sh tests/run.sh`, which also installs what is missing: crashes at every place, seeds and
# kills, every fault of WAHA, attacks, power cuts, hosts, browsers.
set -eu
cd "$(dirname "$0")/.."
export CARGO_PROFILE_DEV_DEBUG=0 # half of the time of linking

cargo fmt --all --check
cargo clippy --locked --lib --bins --tests -- -D warnings
cargo test --locked --lib --test behaviour -- \
    --skip simulation:: --skip kills:: --skip crash:: --skip faults:: --skip guard_attacks:: --skip guard_fuzz:: \
    --skip link_real:: --skip link_faults:: --skip backup_binary:: --skip first_start:: --skip plans::work
