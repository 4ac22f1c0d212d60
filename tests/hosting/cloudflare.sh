#!/usr/bin/env bash
# The Cloudflare Worker in its real runtime, firing its scheduled event at the real program.
. "$(dirname "$0")/site.sh"
start_waha
write_settings
start_server
message 081200007001
# shellcheck disable=SC2154 # set by run.sh
timeout 60 node "$(dirname "$0")/cloudflare.mjs" "http://127.0.0.1:$port" "$secret" "$node_modules" >"$site/node.log" 2>&1 ||
    fail "the worker"
until_so 10 "the message is sent" is_sent
[ "$(received)" = 1 ] || fail "$(received) messages arrived, not 1"
[ "$(sql "SELECT count(*) FROM runs WHERE trigger = 'cron'")" = 2 ] || fail "not two triggers"
say "workerd fired the scheduled event: sent once; a 503 was tried again, a redirect and a wrong secret were not"
