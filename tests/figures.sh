#!/usr/bin/env bash
# Prints the README's figures: size of the release binary, time from start to the first answer
# (median of 11), resident memory of an idle server after that.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --locked --quiet
binary=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/auto-message-scheduler
place=$(mktemp -d)
trap 'kill %% 2>/dev/null || true; rm -rf "$place"' EXIT
cd "$place"
export WAHA_BASE_URL=http://127.0.0.1:9 LISTEN_ADDR=127.0.0.1:18787 CRON_SECRET=only-for-measuring-0123

answers() { # one GET /health, without starting another program
    exec 3<>/dev/tcp/127.0.0.1/18787 || return 1
    printf 'GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' >&3
    IFS= read -r line <&3 && [[ $line == *200* ]]
}

"$binary" run 2>/dev/null || true # makes the database
times=()
for round in 1 2 3 4 5 6 7 8 9 10 11; do
    started=${EPOCHREALTIME/./}
    "$binary" serve 2>/dev/null &
    until answers 2>/dev/null; do :; done
    times+=($((${EPOCHREALTIME/./} - started)))
    [ "$round" = 11 ] || { kill %%; wait %% || true; }
done
sleep 3
resident=$(awk '/VmRSS/ {print $2}' "/proc/$(jobs -p | tail -1)/status")
median=$(printf '%s\n' "${times[@]}" | sort -n | sed -n 6p)
printf 'release binary      %d bytes\n' "$(stat -c %s "$binary")"
printf 'start to answer     %d.%01d ms\n' $((median / 1000)) $((median % 1000 / 100))
printf 'idle serve          %d kB resident\n' "$resident"
