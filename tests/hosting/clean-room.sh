#!/usr/bin/env bash
# The program where there is nothing: no environment, no HOME, a root that cannot be written, one directory that can.
. "$(dirname "$0")/site.sh"
start_waha
write_settings

run_in_room() { # how, words before the program
    local how=$1
    shift
    message "08120000700$((++rooms))"
    "$@" "$room_program" run >"$site/room.log" 2>&1 || fail "$how: $(cat "$site/room.log")"
    [ ! -s "$site/room.log" ] || fail "$how: it says $(cat "$site/room.log")"
    is_sent || fail "$how: not sent"
    say "$how: sent"
}

rooms=0
room_program=$program
(cd "$site" && env -i "$program" run)
cd "$site"
run_in_room "no environment, no HOME" env -i

# Only the directory can be written; the program and what it is linked with are all that there is.
if bwrap --ro-bind / / true 2>"$site/bwrap.err"; then
    room_program=/program
    binds=(--ro-bind "$program" /program --bind "$site" /site --chdir /site --proc /proc --dev /dev)
    for directory in /lib /lib64 /usr/lib /usr/lib64; do
        [ ! -d "$directory" ] || binds+=(--ro-bind "$directory" "$directory")
    done
    run_in_room "a root with nothing but libraries, read-only" \
        bwrap --unshare-user --unshare-pid --clearenv "${binds[@]}" --remount-ro /
elif unshare -m true 2>"$site/unshare.err"; then
    run_in_room "a read-only root" unshare -m sh -c 'mount --bind "$1" "$1" && mount -o remount,ro,bind / && cd "$1" && shift && exec env -i "$@"' sh "$site"
else
    say "NOT CHECKED: no name spaces here, so no read-only root"
fi
