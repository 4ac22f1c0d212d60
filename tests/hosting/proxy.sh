# shellcheck shell=bash
# What holds behind every proxy. Wants $tls and $plain, the two ports, besides site.sh.
# shellcheck disable=SC2154

ask() { # path, more of curl: prints the status
    local path=$1
    shift
    curl -s -o "$site/answer" -w '%{http_code}' --max-time 20 --cacert "$site/fullchain.pem" \
        --resolve "wa.example.com:$tls:127.0.0.1" "$@" "https://wa.example.com:$tls$path"
}

expect() { # status, what, then as for `ask`
    local wanted=$1 what=$2 got
    shift 2
    got=$(ask "$@")
    [ "$got" = "$wanted" ] || fail "$what: $got instead of $wanted: $(head -c 300 "$site/answer")"
}

check_proxy() { # name
    local bearer="Authorization: Bearer $secret"
    expect 200 "health" /health
    expect 401 "a trigger without the secret" /api/cron-auto-message -X POST
    expect 401 "a trigger without the secret that says it is from here" /api/cron-auto-message -X POST \
        -H 'X-Forwarded-For: 127.0.0.1' -H 'X-Real-IP: 127.0.0.1' -H 'Forwarded: for=127.0.0.1'
    expect 401 "a trigger with a wrong secret" /api/auto-message-scheduler -X POST -H 'Authorization: Bearer wrong-wrong-wrong-wrong'
    [ "$(received)" = 0 ] || fail "something was sent without the secret"
    expect 200 "a trigger with the secret" /api/auto-message-scheduler -X POST -H "$bearer"
    [ "$(received)" = 1 ] || fail "$(received) messages arrived, not 1"
    for path in / /shop.db /auto-message-scheduler.env /shop.db.cron-secret /api/ /api/cron-auto-message/../../shop.db; do
        status=$(ask "$path" --path-as-is)
        case $status in 403 | 404) ;; *) fail "$path: $status" ;; esac
    done
    head -c 3000000 /dev/zero >"$site/big"
    expect 413 "3 MB to the webhook" /api/waha-webhook -X POST --data-binary "@$site/big" -H 'Expect:'
    expect 401 "an event without a signature" /api/waha-webhook -X POST -d '{}'
    status=$(curl -s -o /dev/null -w '%{http_code}' -X POST -H "$bearer" -H 'Host: wa.example.com' "http://127.0.0.1:$plain/api/cron-auto-message")
    [ "$status" = 403 ] || fail "without TLS: $status instead of 403"
    say "$1 with TLS: the secret triggers; without it, without TLS, with 3 MB and for other files there is nothing"
}

check_panel() { # name: wants ADMIN_PASSWORD=kata-sandi-panel in the settings
    local jar=$site/cookies csrf origin="Origin: https://wa.example.com"
    rm -f "$jar"
    expect 303 "the panel before a login" /panel
    expect 200 "the login page" /panel/login -b "$jar" -c "$jar"
    csrf=$(sed -n 's/.*name="csrf" value="\([^"]*\)".*/\1/p' "$site/answer")
    expect 403 "a login from another site's page" /panel/login -b "$jar" -c "$jar" -H 'Origin: https://evil.example' \
        --data-urlencode "csrf=$csrf" -d password=kata-sandi-panel
    expect 303 "a login" /panel/login -b "$jar" -c "$jar" -H "$origin" --data-urlencode "csrf=$csrf" -d password=kata-sandi-panel
    expect 200 "a page after the login" '/panel/messages?status=sent' -b "$jar"
    grep -q 'panel/messages/' "$site/answer" || fail "the page of messages lists none"
    grep -q '#HttpOnly_.*TRUE.*panel' "$jar" || fail "the cookie of the login is not for TLS alone: $(cat "$jar")"
    expect 413 "3 MB to the panel" /panel/contacts/import -X POST -b "$jar" -H "$origin" --data-binary "@$site/big" -H 'Expect:'
    # A picture of 3 MB for a message is let through, one of 40 is not.
    local picture
    { printf '\377\330\377\340'; cat "$site/big"; } >"$site/promo.jpg"
    picture=$(sha256sum "$site/promo.jpg" | cut -d' ' -f1)
    expect 200 "the form of a message" /panel/messages/new -b "$jar"
    csrf=$(sed -n 's/.*name="csrf" value="\([^"]*\)".*/\1/p' "$site/answer" | head -1)
    expect 200 "a picture of 3 MB" /panel/messages/file -b "$jar" -H "$origin" -H 'Expect:' -F "csrf=$csrf" -F kind=image \
        -F "upload=@$site/promo.jpg"
    grep -q "/panel/files/$picture" "$site/answer" || fail "the picture is not shown: $(head -c 300 "$site/answer")"
    expect 200 "the picture" "/panel/files/$picture" -b "$jar"
    cmp -s "$site/answer" "$site/promo.jpg" || fail "the picture is not the one that was sent"
    head -c 40000000 /dev/zero >"$site/huge"
    expect 413 "a file of 40 MB" /panel/messages/file -b "$jar" -H "$origin" -H 'Expect:' -F "csrf=$csrf" -F "upload=@$site/huge"
    rm -f "$site/huge"
    say "$1: a person logs in at the panel, sees its pages and uploads a picture of 3 MB"
}

check_api() { # name
    local key made
    expect 404 "the API without any key" /api/v1/status
    grep -q '"error":true' "$site/answer" || fail "the program was not asked: $(head -c 300 "$site/answer")"
    key="Authorization: Bearer $(cd "$site" && "$program" api-key add "website-$1" 2>/dev/null)"
    expect 401 "the API with a wrong key" /api/v1/status -H 'Authorization: Bearer ams_wrong'
    expect 201 "a message by the API" /api/v1/messages -H "$key" -H 'Content-Type: application/json' -H 'Idempotency-Key: pesanan-1' \
        -d '{"text":"Halo","to":["081200007001"],"at":"+1d"}'
    made=$(sed -n 's/.*"id":\([0-9]*\).*/\1/p' "$site/answer")
    expect 200 "that message" "/api/v1/messages/$made" -H "$key" -D "$site/head"
    grep -qi '^etag:' "$site/head" || fail "the ETag is lost"
    expect 200 "a change of it" "/api/v1/messages/$made" -X PATCH -H "$key" -H 'Content-Type: application/json' \
        -H "If-Match: $(sed -n 's/^etag: *\(.*\)\r/\1/Ip' "$site/head")" -d '{"title":"Besok"}'
    expect 200 "a list with a query" '/api/v1/messages?status=scheduled&search=Halo%20' -H "$key"
    { echo 'name,phone_number' && seq -f %05g 5000 | sed 's/.*/Kontak &,08120000&/'; } >"$site/contacts.csv"
    expect 200 "a list of contacts of $(wc -c <"$site/contacts.csv") bytes" /api/v1/contacts/import -H "$key" -H 'Content-Type: text/csv' \
        -H 'Expect:' --data-binary "@$site/contacts.csv"
    expect 200 "the end of that message" "/api/v1/messages/$made/cancel" -X POST -H "$key"
    say "$1: a program with a key uses the API"
}

check_slow() { # name, seconds at most
    python3 - "$tls" "$2" <<'END' || fail "a slow client was not cut off in $2 s"
import socket, ssl, sys, threading, time
port, limit = int(sys.argv[1]), float(sys.argv[2])
context = ssl._create_unverified_context()
head = b"POST /api/waha-webhook HTTP/1.1\r\nHost: wa.example.com\r\n"
def drip(begin, rest):
    stream = context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="wa.example.com")
    stream.sendall(begin)
    started, stream_open = time.monotonic(), True
    stream.settimeout(0.5)
    while stream_open and time.monotonic() - started < limit:
        try:
            stream_open = bool(rest is None or not stream.sendall(rest)) and stream.recv(100) not in (b"",)
            if stream_open:
                return times.append(time.monotonic() - started)  # an answer such as 408
        except (TimeoutError, ssl.SSLWantReadError):
            continue
        except OSError:
            stream_open = False
    times.append(time.monotonic() - started)
times = []
threads = [threading.Thread(target=drip, args=one) for one in [(head, None), (head + b"Content-Length: 1000\r\n\r\nx", None)]]
[thread.start() for thread in threads], [thread.join() for thread in threads]
sys.exit(0 if len(times) == 2 and max(times) < limit else 1)
END
    say "$1: a head and a body that never end are cut off"
}
