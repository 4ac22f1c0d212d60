#!/usr/bin/env bash
# The image of dist/docker, built and run with buildah (the simulator stands in for WAHA), and compose.yaml.
. "$(dirname "$0")/site.sh"
context=${CARGO_TARGET_DIR:-$(realpath "$(dirname "$0")/../..")/target}/image
compose=$(realpath "$(dirname "$0")/../../dist/docker/compose.yaml")
# No daemon, no network of its own, no user namespaces: what a test machine may have.
export BUILDAH_ISOLATION=chroot
image() { buildah --storage-driver vfs --root "$site/storage" --runroot "$site/run" "$@"; }
# The program under the buildah that was started last: its youngest descendant.
program_pid() {
    local pid=${started[-1]} child
    while child=$(pgrep --newest --parent "$pid"); do pid=$child; done
    echo "$pid"
}
end_containers() {
    [ "${#started[@]}" = 1 ] || kill -KILL "$(program_pid)" 2>/dev/null || true
    [ -z "${container:-}" ] || image rm "$container" >/dev/null 2>&1 || true
    clean_up
}
trap end_containers EXIT

image bud --quiet --format docker -t scheduler "$context" >"$site/bud.log" 2>&1 || fail "the image is not built"
image inspect --type image scheduler >"$site/inspect.json"
python3 - "$site/inspect.json" >"$site/config.log" 2>&1 <<'PY' || fail "the image is not as it should be"
import json, sys
config = json.load(open(sys.argv[1]))["Docker"]["config"]
assert config["User"] == "65532:65532", config
assert config["Entrypoint"] == ["/auto-message-scheduler"] and config["Cmd"] == ["serve"], config
assert config["Healthcheck"]["Test"] == ["CMD", "/auto-message-scheduler", "health"], config
assert "/data" in config["Volumes"], config
PY

start_waha
port=$(free_port)
mkdir "$site/volume"
chown 65532:65532 "$site/volume"
chmod 755 "$site"

# The environment that compose.yaml gives it, but for what a network of containers would bring.
for key in WAHA_API_KEY WEBHOOK_HMAC_KEY CRON_SECRET ADMIN_PASSWORD; do echo "$key=the-$key-of-this-test"; done >"$site/.env"
cp "$compose" "$site/compose.yaml"
(cd "$site" && docker-compose -f compose.yaml config) >"$site/compose.log" 2>&1 || fail "docker-compose refuses compose.yaml"
grep -q "WHATSAPP_HOOK_HMAC_KEY: the-WEBHOOK_HMAC_KEY-of-this-test" "$site/compose.log" || fail "WAHA does not get the key of its webhooks"
python3 - "$site/compose.log" >"$site/environment" <<'PY'
import sys, yaml
for key, value in yaml.safe_load(open(sys.argv[1]))["services"]["scheduler"]["environment"].items():
    print(f"--env\n{key}={value}")
PY
mapfile -t environment <"$site/environment"
[ "${#environment[@]}" -ge 12 ] || fail "compose.yaml gives the scheduler no environment"
environment+=(--env "WAHA_BASE_URL=http://127.0.0.1:$waha_port" --env "LISTEN_ADDR=0.0.0.0:$port"
    --env SEND_DELAY_SECONDS=0 --env TICK_SECONDS=1)
in_container() { # words for the program
    image run --volume "$site/volume:/data:rw" "${environment[@]}" "$container" -- /auto-message-scheduler "$@"
}
is_sent() { in_container message show "$1" --json | grep -q '"status": *"sent"'; }
from_image() {
    container=$(image from scheduler)
    # buildah would hide ours behind a volume of its own.
    image config --volume /data- "$container"
    # The first run makes the places for /sys and others: two at once, serve and health, get in each other's way.
    image run "$container" -- /auto-message-scheduler --version >/dev/null
}
start() {
    from_image
    in_container serve 2>>"$site/serve.err" &
    started+=($!)
    until_so 20 "it is well" in_container health
}
stop() {
    kill -TERM "$(program_pid)" || fail "it does not run"
    wait "${started[-1]}" || fail "it does not end well"
    image rm "$container" >/dev/null
}

from_image
! in_container health >/dev/null 2>&1 || fail "health says ok while nothing runs"
image rm "$container" >/dev/null
start
in_container message add "Halo" --to 081200007101 --at now >"$site/add.log" 2>&1 || fail "no message is added"
until_so 20 "the message is sent" is_sent 1
[ "$(stat -c %u "$site/volume/auto-message-scheduler.db")" = 65532 ] || fail "the database is not the user's"
stop

# Another container with the same volume is the same instance: nothing waits for `confirm-host`.
start
in_container message add "Halo" --to 081200007102 --at now >"$site/add.log" 2>&1 || fail "no message is added"
until_so 20 "the message of the second container is sent" is_sent 2
stop

# `init` inside: its file is in the volume, and the next container reads it.
mkdir "$site/fresh"
chown 65532:65532 "$site/fresh"
from_image
fresh() { image run --volume "$site/fresh:/data:rw" "$container" -- /auto-message-scheduler "$@"; }
fresh init --waha-url "http://127.0.0.1:$waha_port" --waha-key x --test 081200007103 >"$site/init.log" 2>&1 || fail "init does not end well"
[ "$(stat -c %a.%u "$site/fresh/auto-message-scheduler.env")" = 600.65532 ] || fail "the env file is not the user's own"
grep -q "6281200007103@c.us" "$site/waha.log" || fail "init sent no test message"
fresh settings --changed | grep -q "WAHA_BASE_URL.*file" || fail "the next container does not read what init wrote"
image rm "$container" >/dev/null

say "the image sends as user 65532 with the environment of compose.yaml, a second container goes on where the first stopped, and init works inside"
