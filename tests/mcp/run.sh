#!/usr/bin/env bash
# The client of PyPI's `mcp` (installed into target/mcp) with the real program: see client.py. A few seconds.
# shellcheck source=../hosting/site.sh
here=$(cd "$(dirname "$0")" && pwd)
target=$(realpath -m "${CARGO_TARGET_DIR:-$here/../../target}")
program=$(realpath "${PROGRAM:-$target/debug/auto-message-scheduler}")
[ -x "$program" ] || { echo "$program is missing: cargo build" >&2; exit 1; }
. "$here/../hosting/site.sh"
[ -x "$target/mcp/bin/pip" ] || python3 -m venv "$target/mcp"
"$target/mcp/bin/python" -c 'import mcp' 2>/dev/null || "$target/mcp/bin/pip" install -q 'mcp>=1.20,<2'
start_waha
write_settings
start_server
(cd "$site" && "$program" contact add Budi 0812-0000-7002 --tag vip) >/dev/null
AMS_KEY=$(cd "$site" && "$program" api-key add test 2>/dev/null)
export AMS_KEY AMS_PROGRAM=$program AMS_SITE=$site AMS_URL=http://127.0.0.1:$port AMS_SECRET=$secret
timeout 120 "$target/mcp/bin/python" "$here/client.py" || fail "see above"
