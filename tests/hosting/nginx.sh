#!/usr/bin/env bash
# The sample for nginx, with TLS, in front of the real program: what may pass passes, and nothing else.
. "$(dirname "$0")/site.sh"
start_waha
write_settings WEBHOOK_HMAC_KEY=a-key-of-webhooks ADMIN_PASSWORD=kata-sandi-panel TRUSTED_PROXIES=127.0.0.1 \
    'ALLOWED_HOSTS=127.0.0.1, wa.example.com'
start_server
message 081200007001
tls=$(free_port)
plain=$(free_port)
moved=$(free_port)
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=wa.example.com \
    -addext subjectAltName=DNS:wa.example.com -keyout "$site/privkey.pem" -out "$site/fullchain.pem" 2>/dev/null
sed -e "s|/etc/letsencrypt/live/wa.example.com|$site|; s|127.0.0.1:8787|127.0.0.1:$port|; /listen \[::\]/d" \
    -e "s/listen 80;/listen 127.0.0.1:$plain;/; s/listen 443 ssl;/listen 127.0.0.1:$tls ssl;/" \
    "$(dirname "$0")/../../dist/nginx/auto-message-scheduler.conf" >"$site/sample.conf"
cat >"$site/nginx.conf" <<END
daemon off;
pid $site/nginx.pid;
error_log $site/nginx-error.log;
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path $site/body;
    proxy_temp_path $site/proxy;
    fastcgi_temp_path $site/fastcgi;
    uwsgi_temp_path $site/uwsgi;
    scgi_temp_path $site/scgi;
    include $site/sample.conf;
    # As many hosts have it, and not our sample.
    server {
        listen 127.0.0.1:$moved;
        return 301 https://wa.example.com\$request_uri;
    }
}
END
chmod 755 "$site"
nginx -t -c "$site/nginx.conf" 2>"$site/nginx-test.log" || fail "nginx does not take the sample"
! grep -q warn "$site/nginx-test.log" || fail "nginx warns: $(cat "$site/nginx-test.log")"
nginx -c "$site/nginx.conf" 2>"$site/nginx.err" &
started+=($!)
. "$(dirname "$0")/proxy.sh"
until_so 10 "nginx answers" ask /health
check_proxy nginx
check_panel nginx
check_api nginx

line=$(cd "$site" && "$program" cron-line --curl "http://127.0.0.1:$moved" | tail -1 | cut -d' ' -f6-)
status=0
sh -c "$line" 2>"$site/curl.err" || status=$?
[ "$status" = 47 ] || fail "a redirect to https: curl ended with $status, not 47"
say "the line of cron-line --curl fails with code 47 where nginx redirects to https"

# A slow head: closed by client_header_timeout, 10 s; the body of another at the same time, by client_body_timeout.
check_slow nginx 14
limited=0
for _ in $(seq 60); do [ "$(ask /health)" != 429 ] || limited=$((limited + 1)); done
[ "$limited" -gt 10 ] || fail "60 requests in a row: only $limited were limited"
say "60 requests in a row: $limited were told to slow down (429)"
