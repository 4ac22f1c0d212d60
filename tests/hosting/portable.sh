#!/usr/bin/env bash
# What dist/build.sh has made, when it has: the highest glibc symbol, the checksums, the archive, and that it sends.
. "$(dirname "$0")/site.sh"
out=${CARGO_TARGET_DIR:-$(dirname "$0")/../../target}/dist
if [ ! -f "$out/SHA256SUMS" ]; then
    say "NOT CHECKED: dist/build.sh has not been run (it takes minutes)"
    exit 0
fi
(cd "$out" && sha256sum --quiet -c SHA256SUMS) || fail "the checksums"
built=$(realpath "$out/auto-message-scheduler")
highest=$(objdump -T "$built" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -1)
[ "$(printf '%s\nGLIBC_2.17\n' "$highest" | sort -V | tail -1)" = GLIBC_2.17 ] || fail "it needs $highest"
here=$(realpath "$(dirname "$0")/../..")
! grep -aqF -e "$HOME/" -e "${CARGO_HOME:-$HOME/.cargo}" -e "$here/" "$built" || fail "it names a directory of the machine that built it"
archive=$(echo "$out"/auto-message-scheduler-*-x86_64-unknown-linux-gnu.tar.gz)
mkdir "$site/unpacked"
tar -xzf "$archive" -C "$site/unpacked" --strip-components=1
for file in auto-message-scheduler auto-message-scheduler.env PANDUAN.md systemd/auto-message-scheduler.service cron/run.crontab \
    cloudflare/worker.js windows/run-task.xml nginx/auto-message-scheduler.conf apache/htaccess logrotate/auto-message-scheduler LICENSE; do
    [ -s "$site/unpacked/$file" ] || fail "the archive lacks $file"
done
[ "$(tar -tvzf "$archive" | awk '{print $2, $4, $5}' | sort -u | wc -l)" = 1 ] || fail "owners or times differ inside the archive"
cmp "$built" "$site/unpacked/auto-message-scheduler" || fail "another program in the archive"
program=$built
start_waha
write_settings
(cd "$site" && env -i "$built" run)
message 081200007001
(cd "$site" && env -i "$built" run --max-seconds 50)
is_sent || fail "it does not send"
say "the portable binary needs $highest, $(stat -c %s "$built") bytes, and sends without any environment"
