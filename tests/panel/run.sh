#!/bin/sh
# The panel in a real browser. Installs what is missing: Debian's chromium, and two npm packages, by name and
# version, into target/. `tests/panel/run.sh DIRECTORY` also makes the screenshots.
set -eu
cd "$(dirname "$0")/../.."
command -v chromium >/dev/null 2>&1 || { apt-get update -q; apt-get install -q -y --no-install-recommends chromium; }
command -v node >/dev/null 2>&1 || apt-get install -q -y --no-install-recommends nodejs npm
tools=target/panel-browser
mkdir -p "$tools"
if [ ! -d "$tools/node_modules/playwright-core" ] || [ ! -d "$tools/node_modules/axe-core" ]; then
    npm install --prefix "$tools" --no-save --no-package-lock --no-audit --no-fund playwright-core@1.56.0 axe-core@4.10.3
fi
cargo build --locked --quiet
program="$PWD/target/debug/auto-message-scheduler"
script="$PWD/tests/panel/browser.mjs"
pictures=${1:+$(mkdir -p "$1" && cd "$1" && pwd)}
cd "$tools"
node "$script" "$program" "$(command -v chromium)" $pictures
