#!/usr/bin/env bash
# dist/install.sh with the archive of dist/build.sh, from a web server on loopback that stands in for the releases.
. "$(dirname "$0")/site.sh"
out=${CARGO_TARGET_DIR:-$(dirname "$0")/../../target}/dist
installer=$(realpath "$(dirname "$0")/../../dist/install.sh")
if [ ! -f "$out/SHA256SUMS" ]; then
    say "NOT CHECKED: dist/build.sh has not been run (it takes minutes)"
    exit 0
fi
mkdir -p "$site/www/latest" "$site/home/auto-message-scheduler"
cp -r "$out" "$site/www/latest/download"
port=$(free_port)
python3 -m http.server --bind 127.0.0.1 --directory "$site/www" "$port" >"$site/www.log" 2>&1 &
started+=($!)
until_so 10 "the web server answers" curl -fs "http://127.0.0.1:$port/latest/download/SHA256SUMS"

install() { env -i HOME="$site/home" PATH="$PATH" AMS_RELEASES="http://127.0.0.1:$port" sh "$installer" "$@"; }
echo "WAHA_API_KEY=mine" >"$site/home/auto-message-scheduler/auto-message-scheduler.env"
install >"$site/first.log" 2>&1 || fail "it does not install"
grep -q "^installed auto-message-scheduler " "$site/first.log" || fail "it does not say what it installed"
grep -qx "WAHA_API_KEY=mine" "$site/home/auto-message-scheduler/auto-message-scheduler.env" || fail "it wrote over the settings"
[ -s "$site/home/auto-message-scheduler/auto-message-scheduler.env.sample" ] || fail "the sample of the settings is missing"
[ -s "$site/home/auto-message-scheduler/cron/run.crontab" ] || fail "the rest of the archive is missing"
install --to "$site/other place" >/dev/null 2>&1 || fail "it does not install into a directory of another name"
"$site/other place/auto-message-scheduler" --version >/dev/null || fail "the program does not start"

archive=$(echo "$site"/www/latest/download/*-x86_64-unknown-linux-gnu.tar.gz)
echo spoilt >>"$archive"
! install --to "$site/spoilt" >"$site/spoilt.log" 2>&1 || fail "it installs an archive with another sum"
grep -q "another sum" "$site/spoilt.log" || fail "it does not say that the sum differs"
[ ! -e "$site/spoilt" ] || fail "it left something of a spoilt archive"
! install --version 9.9.9 >"$site/none.log" 2>&1 || fail "it installs a version that is not there"
grep -q "failed to download" "$site/none.log" || fail "it does not say what is missing"
say "the installer checks the sum, needs no root, and leaves settings alone"
