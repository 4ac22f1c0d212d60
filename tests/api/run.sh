#!/usr/bin/env bash
# The API of the real server: schemathesis asks all that docs/openapi.json allows and more, and clients that are
# generated from it make a message and follow it. Needs python3 with venv and node; pip and npm packages by name go
# into target/. About four minutes; SECONDS_MAX is for schemathesis alone.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools=$PWD/target/api-tools here=$PWD/tests/api document=$PWD/docs/openapi.json
mkdir -p "$tools"
if [ ! -x "$tools/venv/bin/schemathesis" ] || [ ! -x "$tools/venv/bin/openapi-python-client" ]; then
    python3 -m venv "$tools/venv"
    "$tools/venv/bin/pip" install -q --disable-pip-version-check schemathesis==4.32.5 openapi-python-client==0.29.1
fi
if [ ! -d "$tools/node_modules/openapi-fetch" ]; then
    npm install --prefix "$tools" --no-save --no-package-lock --no-audit --no-fund --silent \
        openapi-typescript@7.13.0 openapi-fetch@0.17.0 typescript@5
fi
[ -n "${PROGRAM:-}" ] || cargo build --locked --quiet
program=${PROGRAM:-$PWD/target/debug/auto-message-scheduler}

site=$(mktemp -d)
started=()
stop() {
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    rm -rf "$site"
}
trap stop EXIT
says() { # a log, what stands in it before an address
    for _ in $(seq 200); do
        address=$(grep -o "$2http://[0-9.:]*" "$1" 2>/dev/null | grep -o 'http://.*' | head -1) && [ -n "$address" ] && return
        sleep 0.1
    done
    cat "$1" >&2
    exit 1
}
cd "$site"
"$program" fake-waha --listen 127.0.0.1:0 >waha.log 2>&1 &
started+=($!)
says waha.log ''
# Texts of schemathesis go nowhere before the clients need it: the channel is paused.
printf '%s\n' "WAHA_BASE_URL=$address" DATABASE_PATH=shop.db LISTEN_ADDR=127.0.0.1:0 CRON_SECRET=a-secret-for-tests-0123456789 \
    SEND_DELAY_SECONDS=0 TICK_SECONDS=1 >auto-message-scheduler.env
chmod 600 auto-message-scheduler.env
API_KEY=$("$program" api-key add tests 2>/dev/null)
export API_KEY
"$program" serve >serve.log 2>&1 &
started+=($!)
says serve.log 'ready on '
export API_URL=$address

echo "generated clients"
"$tools/venv/bin/openapi-python-client" generate --path "$document" --output-path "$site/python" --meta none >/dev/null
PYTHONPATH=$site "$tools/venv/bin/python" "$here/follow.py"
cp "$here/follow.ts" "$here/tsconfig.json" "$site/"
echo '{"type":"module"}' >"$site/package.json"
ln -s "$tools/node_modules" "$site/node_modules"
"$tools/node_modules/.bin/openapi-typescript" "$document" -o "$site/schema.d.ts" >/dev/null
"$tools/node_modules/.bin/tsc" -p "$site/tsconfig.json"
node "$site/follow.js"

echo "schemathesis"
curl -fsS -X POST -H "Authorization: Bearer $API_KEY" "$API_URL/api/v1/channels/1/pause" >/dev/null
cp "$here/schemathesis.toml" "$site/"
timeout "${SECONDS_MAX:-240}" "$tools/venv/bin/schemathesis" --config-file "$site/schemathesis.toml" run "$document" \
    --url "$API_URL" --seed "${SEED:-1}" --max-examples "${EXAMPLES:-15}" --workers 1 --no-color
if grep -E 'panicked|broke down|of the API failed' "$site/serve.log"; then exit 1; fi
