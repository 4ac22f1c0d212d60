#!/usr/bin/env bash
# Runs every file in examples/ against the real program: PHP, Python and Node send, follow and hear of messages. The
# receivers verify with the libraries `standardwebhooks` of PyPI and npm. Installs what is missing (Debian packages, npm,
# pip). Under a minute on two cores.
set -uo pipefail
cd "$(dirname "$0")" || exit 1
target=$(realpath -m "${CARGO_TARGET_DIR:-$PWD/../../target}")
program=$(realpath "${PROGRAM:-$target/debug/auto-message-scheduler}")
[ -x "$program" ] || { echo "$program is missing: cargo build" >&2; exit 1; }
missing=()
command -v curl >/dev/null || missing+=(curl)
command -v sqlite3 >/dev/null || missing+=(sqlite3)
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
command -v setpriv >/dev/null || missing+=(util-linux)
php -m 2>/dev/null | grep -q '^curl$' || missing+=(php-cli php-curl)
php -m 2>/dev/null | grep -q '^pdo_sqlite$' || missing+=(php-sqlite3)
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
if [ "${#missing[@]}" -gt 0 ]; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null || exit 1
fi
tools=$target/examples
mkdir -p "$tools"
[ -d "$tools/node_modules/standardwebhooks" ] ||
    npm install --prefix "$tools" --silent --no-fund --no-audit --no-save standardwebhooks@1 || exit 1
[ -x "$tools/venv/bin/pip" ] || python3 -m venv "$tools/venv" || exit 1
"$tools/venv/bin/python" -c 'import standardwebhooks' 2>/dev/null || "$tools/venv/bin/pip" install -q standardwebhooks==1.0.1 || exit 1
export program tools
bash ./website.sh
