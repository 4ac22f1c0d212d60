#!/bin/sh
# Compares our numbers and occurrences with the libraries that others use. Needs python3 with venv, and
# pip packages by name; about 15 s.
set -eu
cd "$(dirname "$0")/../.."
venv=target/compare-venv
if ! "$venv/bin/python" -c 'import dateutil, phonenumbers, tzdata' 2>/dev/null; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q --disable-pip-version-check phonenumbers python-dateutil tzdata
fi
cargo build -q --locked --example compare
"$venv/bin/python" tests/compare/numbers.py target/debug/examples/compare "${SEED:-1}"
"$venv/bin/python" tests/compare/occurrences.py target/debug/examples/compare 5000 "${SEED:-1}"
# Needs LibreOffice: tests/run.sh installs it. About 10 s more.
cargo build -q --locked
"$venv/bin/python" tests/compare/lists.py target/debug/auto-message-scheduler "${SEED:-1}"
