#!/usr/bin/env bash
# logrotate, forced again and again while messages are sent: every line is there once.
. "$(dirname "$0")/site.sh"
start_waha
mkdir "$site/logs"
chmod 755 "$site/logs"
log=$site/logs/auto-message-scheduler.log
write_settings "LOG_FILE=$log"
start_server
count=300
# None that ends in a fault of the simulator, which all begin with 0.
numbers=$(seq -s, 81200021000 $((81200021000 + count - 1)))
message "$numbers"
sed "s|/var/lib/auto-message-scheduler/auto-message-scheduler.log|$log|; s/su auto.*/su root root/" \
    "$(dirname "$0")/../../dist/logrotate/auto-message-scheduler" >"$site/logrotate.conf"
grep -q "$log" "$site/logrotate.conf" || fail "the sample names another log"
chmod 644 "$site/logrotate.conf"
post /api/cron-auto-message -H "Authorization: Bearer $secret" >/dev/null
rotations=0
while ! is_sent; do
    /usr/sbin/logrotate -f -s "$site/logrotate.state" "$site/logrotate.conf" || fail "logrotate"
    rotations=$((rotations + 1))
    [ "$rotations" -lt 8 ] || sed -i 's/rotate 8/rotate 1000/' "$site/logrotate.conf"
done
[ "$rotations" -ge 3 ] || fail "only $rotations rotations while it was sending"
# The last rotation may have come after the last line.
post /api/cron-auto-message -H "Authorization: Bearer $secret" >/dev/null
until_so 10 "a new log after the renaming" test -f "$log"
lines=$( (cat "$site"/logs/*.log "$site"/logs/*.log.1 && zcat "$site"/logs/*.gz) | grep -o 'delivery [0-9]*: sent to' | sort | uniq -c)
[ "$(wc -l <<<"$lines")" = "$count" ] || fail "$(wc -l <<<"$lines") of $count lines are left"
! grep -qv '^ *1 ' <<<"$lines" || fail "a line is there twice"
[ "$(stat -c %a "$log" 2>/dev/null || echo 600)" = 600 ] || fail "the new log can be read by others"
say "$count lines, $rotations rotations while sending, none lost"
