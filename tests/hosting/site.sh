# shellcheck shell=bash
# What the tests of the hosts share: a directory with settings and a database, a simulated WAHA, and the program itself.
# Source it with $program set. Everything that is started is ended, and the directory removed, when the test ends.
set -euo pipefail
export LC_ALL=C

name=$(basename "$0")
site=$(mktemp -d)
secret=a-secret-for-hosting-tests-$$
started=()

say() { echo "$name: $*"; }

fail() {
    echo "$name: FAILED: $*" >&2
    for log in "$site"/*.log "$site"/*.err; do
        [ ! -s "$log" ] || { echo "--- $(basename "$log")" >&2 && tail -30 "$log" >&2; }
    done
    exit 1
}

clean_up() {
    local pid
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$site"
}
trap clean_up EXIT

# Waits until a command succeeds; $1 seconds at most, $2 says what never came.
until_so() {
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || fail "never: $what"
        sleep 0.1
    done
}

free_port() { # below those that the system gives out: one of these would be another's before our program has it
    python3 -c '
import random, socket
while True:
    port = random.randrange(12000, 32000)
    try:
        socket.socket().bind(("127.0.0.1", port))
    except OSError:
        continue
    print(port)
    break'
}

start_waha() { # the simulator; its messages come to waha.log
    waha_port=$(free_port)
    "$program" fake-waha --listen "127.0.0.1:$waha_port" >"$site/waha.log" 2>&1 &
    started+=($!)
    until_so 10 "the simulator listens" grep -q "on http" "$site/waha.log"
}

write_settings() { # more lines
    port=$(free_port)
    # shellcheck disable=SC2154 # set by start_waha
    printf '%s\n' "WAHA_BASE_URL=http://127.0.0.1:$waha_port" DATABASE_PATH=shop.db "LISTEN_ADDR=127.0.0.1:$port" \
        "CRON_SECRET=$secret" SEND_DELAY_SECONDS=0 TICK_SECONDS=0 "$@" >"$site/auto-message-scheduler.env"
    chmod 600 "$site/auto-message-scheduler.env"
}

start_server() {
    (cd "$site" && exec "$program" serve 2>>"$site/serve.err") &
    server=$!
    started+=("$server")
    until_so 10 "the server answers" curl -fs "http://127.0.0.1:$port/health"
}

sql() { sqlite3 -cmd '.timeout 5000' "$site/shop.db" "$1"; }

message() { # contact_ids: a message that is due now
    sql "INSERT INTO auto_messages (title, message, contact_ids, scheduled_at) VALUES ('x', 'Halo', '$1', datetime('now'))"
}

is_sent() { [ "$(sql "SELECT count(*) FROM auto_messages WHERE status <> 'sent'")" = 0 ]; }

received() { grep -c -- '->' "$site/waha.log" || true; }

post() { # path, more of curl: prints the status
    local path=$1
    shift
    curl -s -o "$site/answer" -w '%{http_code}' -X POST "$@" "http://127.0.0.1:$port$path"
}
