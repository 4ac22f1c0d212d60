#!/usr/bin/env bash
# A real cron daemon runs both lines of `cron-line`: `run` without a server in one directory, `curl` against a server.
. "$(dirname "$0")/site.sh"
start_waha
home=$site
tab=/etc/cron.d/ams-test-$$
trap 'rm -f "$tab"; clean_up' EXIT

# A directory as people have it: with a blank, a quote and a per cent sign.
mkdir "$home/bu ani's 100%" "$home/server"
site="$home/server" && write_settings && start_server
message 081200007001
curl_line=$("$program" --env-file "$site/auto-message-scheduler.env" cron-line --curl "http://127.0.0.1:$port" | tail -1)
server_site=$site
site="$home/bu ani's 100%" && write_settings
cp "$program" "$site/auto-message-scheduler"
(cd "$site" && ./auto-message-scheduler run)
message 081200007002
run_line=$(cd "$site" && ./auto-message-scheduler cron-line --max-seconds 50 | tail -1)
run_site=$site
case $curl_line$run_line in *"$secret"*) fail "the secret is in the crontab" ;; esac

# In /etc/cron.d the sixth field is the user.
with_user() { sed -E 's/^(([^ ]+ ){5})/\1root /' <<<"$1"; }
{ printf 'MAILTO=""\n' && with_user "$curl_line" && with_user "$run_line"; } >"$tab"
chmod 644 "$tab"
if ! pgrep -x cron >/dev/null; then
    cron -f &
    started+=($!)
fi
for site in "$server_site" "$run_site"; do
    until_so 75 "cron sent the message of $site" is_sent
done
site=$server_site
[ "$(sql "SELECT trigger FROM runs WHERE processed > 0")" = cron ] || fail "the run of the server is not cron's"
site=$run_site
[ "$(sql "SELECT trigger FROM runs WHERE processed > 0")" = cli ] || fail "the run of cron is not cli's"
site=$home
[ "$(received)" = 2 ] || fail "$(received) messages arrived, not 2"
say "a real cron daemon sent by \`run\` and by curl, from a directory with a blank, a quote and a per cent sign"
