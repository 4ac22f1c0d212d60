#!/usr/bin/env bash
# The units: verified by systemd, rated, and the program makes no system call that they forbid.
. "$(dirname "$0")/site.sh"
units=$(cd "$(dirname "$0")/../../dist/systemd" && pwd)
mkdir "$site/units"
for unit in "$units"/*.service "$units"/*.timer; do
    sed "s|/usr/local/bin/auto-message-scheduler|$program|" "$unit" >"$site/units/$(basename "$unit")"
done
for unit in "$site"/units/*; do
    said=$(systemd-analyze verify --man=no "$unit" 2>&1) || fail "$(basename "$unit"): $said"
    # Other units of this machine may be complained about; ours may not.
    ! grep -q auto-message <<<"$said" || fail "$said"
done
for unit in auto-message-scheduler auto-message-scheduler-trigger; do
    score=$(systemd-analyze security --offline=yes --no-pager --threshold=15 "$units/$unit.service" |
        sed -n 's/.*exposure level.*: \([0-9.]*\) .*/\1/p') || fail "$unit.service: more exposed than 1.5"
    say "$unit.service: verified, exposure $score"
done
systemd-analyze calendar '*:0/1' >/dev/null || fail "the timer's time"

# The filter of the unit, against what the program really calls.
start_waha
write_settings
port_of_server=$port
if ! (cd "$site" && strace -f -qq -o "$site/calls" "$program" run) 2>"$site/strace.err"; then
    say "NOT CHECKED: strace may not trace here, so the system calls were not compared"
    exit 0
fi
message 081200007001
(cd "$site" && exec strace -f -qq -o "$site/calls.serve" "$program" serve 2>"$site/serve.err") &
started+=($!)
until_so 20 "the server answers" curl -fs "http://127.0.0.1:$port_of_server/health"
[ "$(post /api/auto-message-scheduler -H "Authorization: Bearer $secret")" = 200 ] || fail "not triggered under strace"
is_sent || fail "not sent under strace"
# strace hands the signal on to the program.
kill -TERM "$(cat "/proc/${started[-1]}/task/${started[-1]}/children")"
until_so 10 "the server ends" grep -q 'serve: stopped' "$site/serve.err"
calls() { systemd-analyze syscall-filter "$1" | sed -n 's/^ *\([a-z_0-9]*\)$/\1/p'; }
groups() { systemd-analyze syscall-filter "$1" | sed -n 's/^  *\(@[a-z-]*\)$/\1/p'; }
all_of() { calls "$1"; for group in $(groups "$1"); do all_of "$group"; done; }
all_of @system-service | sort -u >"$site/allowed"
{ all_of @privileged && all_of @resources; } | sort -u >"$site/forbidden"
sed -n 's/^[0-9]* *\([a-z_0-9]*\)(.*/\1/p' "$site/calls" "$site/calls.serve" | sort -u >"$site/used"
# SQLite calls fchown as root only, which the unit's user is not.
[ "$(id -u)" != 0 ] || sed -i '/^fchown$/d' "$site/used"
refused=$( (comm -23 "$site/used" "$site/allowed" && comm -12 "$site/used" "$site/forbidden") | sort -u | tr '\n' ' ')
[ -z "$refused" ] || fail "the unit forbids what the program calls: $refused"
say "$(wc -l <"$site/used") different system calls, none that the unit forbids"
