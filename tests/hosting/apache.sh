#!/usr/bin/env bash
# The samples for Apache, with TLS, in front of the real program: .htaccess as on a shared host, then a host of its own.
. "$(dirname "$0")/site.sh"
dist=$(cd "$(dirname "$0")/../../dist/apache" && pwd)
start_waha
write_settings WEBHOOK_HMAC_KEY=a-key-of-webhooks ADMIN_PASSWORD=kata-sandi-panel TRUSTED_PROXIES=127.0.0.1 \
    'ALLOWED_HOSTS=127.0.0.1, wa.example.com'
start_server
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=wa.example.com \
    -addext subjectAltName=DNS:wa.example.com -keyout "$site/privkey.pem" -out "$site/fullchain.pem" 2>/dev/null
. "$(dirname "$0")/proxy.sh"

start_apache() { # the file that has the host
    modules=
    for module in mpm_event authz_core rewrite proxy proxy_http ssl reqtimeout; do
        modules="$modules
LoadModule ${module}_module /usr/lib/apache2/modules/mod_$module.so"
    done
    cat >"$site/apache.conf" <<END
ServerRoot $site
ServerName wa.example.com
PidFile $site/apache-$tls.pid
ErrorLog $site/apache-error.log
Listen 127.0.0.1:$tls
Listen 127.0.0.1:$plain
$modules
User nobody
Group nogroup
Include $1
END
    apache2 -t -f "$site/apache.conf" 2>"$site/apache-test.log" || fail "Apache does not take the sample"
    apache2 -DFOREGROUND -f "$site/apache.conf" 2>"$site/apache.err" &
    started+=($!)
    until_so 10 "Apache answers" ask /health
}

message 081200007001
chmod 755 "$site"
mkdir "$site/public_html"
sed "s|127.0.0.1:8787|127.0.0.1:$port|" "$dist/htaccess" >"$site/public_html/.htaccess"
tls=$(free_port)
plain=$(free_port)
shared="DocumentRoot $site/public_html
<Directory $site/public_html>
    AllowOverride FileInfo
    Require all granted
</Directory>"
cat >"$site/shared.conf" <<END
$shared
<VirtualHost 127.0.0.1:$tls>
    $shared
    SSLEngine on
    SSLCertificateFile $site/fullchain.pem
    SSLCertificateKeyFile $site/privkey.pem
</VirtualHost>
END
start_apache "$site/shared.conf"
check_proxy "Apache by .htaccess"
check_panel "Apache by .htaccess"
check_api "Apache by .htaccess"

sql "DELETE FROM auto_messages; DELETE FROM api_keys; DELETE FROM api_answers"
: >"$site/waha.log"
message 081200007002
tls=$(free_port)
plain=$(free_port)
sed -e "s|/etc/letsencrypt/live/wa.example.com|$site|; s|127.0.0.1:8787|127.0.0.1:$port|; s|\*:443|127.0.0.1:$tls|" "$dist/vhost.conf" >"$site/own.conf"
printf '<VirtualHost 127.0.0.1:%s>\n<Location "/">\nRequire all denied\n</Location>\n</VirtualHost>\n' "$plain" >>"$site/own.conf"
start_apache "$site/own.conf"
check_proxy "Apache with a host of its own"
check_panel "Apache with a host of its own"
check_api "Apache with a host of its own"
check_slow "Apache with a host of its own" 24
