#!/usr/bin/env bash
# The guide's commands for a VPS, as root, in a file system that is thrown away. No systemd runs here: the unit's own program is
# started as the unit's user, in its directory. What `init` would ask is given to it.
. "$(dirname "$0")/site.sh"
dist=$(realpath "$(dirname "$0")/../../dist")
if [ "$(id -u)" != 0 ] || ! unshare -m true 2>/dev/null; then
    say "NOT CHECKED: no root, or no name spaces here"
    exit 0
fi
start_waha
port=$(free_port)
mkdir "$site/unpacked"
cp "$program" "$site/unpacked/auto-message-scheduler"
cp -r "$dist/systemd" "$site/unpacked/"
python3 - "$dist/PANDUAN.md" >"$site/block.sh" <<'PY'
import sys
section = next(s for s in open(sys.argv[1]).read().split("\n## ") if s.startswith("B. VPS"))
print(section.split("```sh\n")[1].split("```")[0])
PY
cat >"$site/inside.sh" <<'SH'
set -euo pipefail
for directory in /etc /usr/local /var/lib; do
    over=$site/over$directory
    mkdir -p "$over/upper" "$over/work"
    mount -t overlay overlay -o "lowerdir=$directory,upperdir=$over/upper,workdir=$over/work" "$directory"
done
systemctl() { echo "systemctl $*" >>"$site/systemctl.log"; }
cd "$site/unpacked"
# shellcheck disable=SC1090
. <(sed "s|auto-message-scheduler init .*|auto-message-scheduler init --waha-url http://127.0.0.1:$waha_port --panel-password 'rahasia toko'|" "$site/block.sh")
value() { sed -n "s/^$1=//p" /etc/systemd/system/auto-message-scheduler.service; }
cd "$(value WorkingDirectory)"
[ "$(stat -c %a.%U auto-message-scheduler.env)" = 600.auto-message-scheduler ]
# shellcheck disable=SC2046
exec setpriv --reuid "$(value User)" --regid "$(value Group)" --clear-groups env -i "LISTEN_ADDR=127.0.0.1:$port" $(value ExecStart)
SH
export site waha_port port
unshare -m bash "$site/inside.sh" >"$site/inside.log" 2>&1 &
started+=($!)
until_so 30 "the service is well" curl -fs "http://127.0.0.1:$port/health"
curl -fsL "http://127.0.0.1:$port/" | grep -q "<title>Masuk" || fail "there is no panel"
grep -qx "systemctl enable --now auto-message-scheduler" "$site/systemctl.log" || fail "nothing enables the unit"
! id auto-message-scheduler >/dev/null 2>&1 || fail "the user is left on this machine"
say "the guide's commands for a VPS end with a service that is well, as its own user, with a panel (without systemd)"
