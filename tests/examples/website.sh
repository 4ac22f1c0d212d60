#!/usr/bin/env bash
# What docs/website.md says, done: callbacks to three receivers, sending by the API in three languages, and a website that
# shares the file as another user. Started by run.sh.
# shellcheck source=../hosting/site.sh
. "$(dirname "$0")/../hosting/site.sh"
here=$(cd "$(dirname "$0")" && pwd)
examples=$(cd "$here/../../examples" && pwd)
# Not exported: the program's own environment would win over its env file.
CALLBACK_SECRET=whsec_$(openssl rand -base64 32)

start_receivers() {
    local php=$(free_port) python=$(free_port) node=$(free_port)
    CALLBACK_SECRET=$CALLBACK_SECRET php -d log_errors=1 -d error_log="$site/php.log" -S "127.0.0.1:$php" "$examples/php/callback.php" >"$site/php-server.log" 2>&1 &
    started+=($!)
    CALLBACK_SECRET=$CALLBACK_SECRET "$tools/venv/bin/python" "$examples/python/callback.py" "$python" >"$site/python.log" 2>&1 &
    started+=($!)
    # Node looks for the library from the file that wants it.
    cp "$examples/node/callback.mjs" "$tools/callback.mjs"
    CALLBACK_SECRET=$CALLBACK_SECRET node "$tools/callback.mjs" "$node" >"$site/node.log" 2>&1 &
    started+=($!)
    receivers="php:$php python:$python node:$node"
    for receiver in $receivers; do
        until_so 10 "${receiver%:*} listens" bash -c "exec 3<>/dev/tcp/127.0.0.1/${receiver#*:}"
    done
}

check_receivers() { # each hears of a message that it can verify, and refuses what it cannot
    local receiver language receiver_port
    for receiver in $receivers; do
        language=${receiver%:*} receiver_port=${receiver#*:}
        write_settings "CALLBACK_URL=http://127.0.0.1:$receiver_port/hook" "CALLBACK_SECRET=$CALLBACK_SECRET"
        (cd "$site" && "$program" run) || fail "run"
        (cd "$site" && "$program" callback test) >/dev/null || fail "$language does not take a test"
        sql "INSERT INTO auto_messages (message, contact_ids, scheduled_at, metadata)
             VALUES ('Halo é', '081200007001', datetime('now'), '{\"order\":77,\"nama\":\"é 😀\"}')"
        (cd "$site" && "$program" run) || fail "run"
        grep -q "sent" "$site/$language.log" || fail "$language heard nothing: $(cat "$site/$language.log")"
        grep -q "77" "$site/$language.log" || fail "$language got no metadata"
        [ "$(sql "SELECT count(*) FROM callbacks WHERE status <> 'told'")" = 0 ] || fail "$language took not all"
        write_settings "CALLBACK_URL=http://127.0.0.1:$receiver_port/hook" "CALLBACK_SECRET=whsec_$(openssl rand -base64 32)"
        ! (cd "$site" && "$program" callback test) >"$site/refused" 2>&1 || fail "$language takes another secret"
        grep -q 'it answered 401' "$site/refused" || fail "$language: $(cat "$site/refused")"
    done
    say "PHP, Python and Node (standardwebhooks of PyPI and npm) verify callbacks and refuse others"
}

check_senders() { # each sends an order's message by the API, once, and says what is wrong
    local order=100 sender
    write_settings
    start_server
    export AMS_URL=http://127.0.0.1:$port AMS_KEY
    AMS_KEY=$(cd "$site" && "$program" api-key add website 2>/dev/null)
    for sender in "php $examples/php/send.php" "python3 $examples/python/send.py" "node $examples/node/send.mjs"; do
        order=$((order + 1))
        for _ in 1 2; do # a customer who clicks twice
            # shellcheck disable=SC2086 # two words
            $sender 0812-0000-7005 "Pesanan $order siap" "$order" >"$site/sent" 2>"$site/sent.err" || fail "$sender"
            grep -q "^message [0-9]* is .*, order $order$" "$site/sent" || fail "$sender: $(cat "$site/sent")"
        done
        [ "$(sql "SELECT count(*) FROM auto_messages WHERE metadata ->> 'order' = $order")" = 1 ] || fail "$sender made two"
        # shellcheck disable=SC2086
        ! $sender belum "Pesanan siap" "$((order + 50))" >"$site/sent" 2>&1 || fail "$sender says nothing of a wrong number"
        grep -q '422 .*: .*belum' "$site/sent" || fail "$sender: $(cat "$site/sent")"
    done
    kill "$server" && wait "$server" || true
    unset AMS_URL AMS_KEY
    say "PHP, Python and Node send by the API, once for each order"
}

check_file() { # a website that runs as another user of the group that shares the file
    local website=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    [ "$(id -u)" = 0 ] || { say "sharing the file with another user needs root: not tried" && return; }
    # The commands of docs/website.md, with `nogroup` as the website's group.
    mkdir "$site/shared"
    sql "VACUUM INTO '$site/shared/shop.db'"
    chgrp -R nogroup "$site/shared"
    chmod 2770 "$site/shared"
    chmod 660 "$site/shared/shop.db"
    chmod 711 "$site"
    # The website's user may not see into the home that this checkout is in.
    install -m 644 "$examples/php/file.php" "$site/file.php"
    write_settings
    sed -i 's|DATABASE_PATH=.*|DATABASE_PATH=shared/shop.db|' "$site/auto-message-scheduler.env"
    local order
    for order in 1 2; do
        # First the website makes the files beside the database, then the program does.
        AMS_DATABASE=$site/shared/shop.db "${website[@]}" php "$site/file.php" 0812-0000-7009 "Pesanan $order siap" "$order" \
            >"$site/file" 2>"$site/file.err" || fail "the website cannot write"
        grep -q 'is scheduled' "$site/file" || fail "$(cat "$site/file")"
        (cd "$site" && "$program" confirm-host >/dev/null && "$program" run 2>"$site/run.err") || fail "run"
        [ ! -s "$site/run.err" ] || fail "run complains"
    done
    [ "$(sqlite3 "$site/shared/shop.db" "SELECT group_concat(status || metadata) FROM auto_messages WHERE created_by = 'website'")" = \
        'sent{"order":1},sent{"order":2}' ] || fail "the website's messages were not sent"
    start_server
    AMS_DATABASE=$site/shared/shop.db "${website[@]}" php "$site/file.php" 0812-0000-7009 "Pesanan 3 siap" 3 >"$site/file" ||
        fail "the website cannot write while serve runs"
    (cd "$site" && "$program" doctor) >"$site/doctor" || true
    grep -q 'ok *files *the group `nogroup` shares the database' "$site/doctor" || fail "doctor: $(cat "$site/doctor")"
    ! grep -q 'other users of this machine' "$site/serve.err" || fail "serve warns of the group"
    say "a website of another user shares the file by its group; doctor accepts it"
}

start_waha
write_settings
(cd "$site" && "$program" run) || fail "the first run"
start_receivers
check_receivers
check_senders
check_file
