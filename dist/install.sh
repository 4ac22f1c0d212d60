#!/bin/sh
# Installs the newest release for this account, without root: downloads it, checks its sum, unpacks it.
#
#   sh install.sh [--to DIR] [--version 0.1.0]
#
# DIR (default ~/auto-message-scheduler) gets the program and everything of the archive. A program that is there is
# replaced as `mv` does it: one that runs goes on until it is started again. Settings and databases are left alone.
# AMS_RELEASES names another place of the releases.
set -eu
releases=${AMS_RELEASES:-https://github.com/@REPOSITORY@/releases}
to=$HOME/auto-message-scheduler
version=

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

while [ $# -gt 0 ]; do
    case $1 in
        --to) to=${2:?--to needs a directory} ;;
        --version) version=${2:?--version needs one, such as 0.1.0} ;;
        *) fail "\`$1\` is no option: --to DIR or --version 0.1.0" ;;
    esac
    shift 2
done

case $(uname -s)-$(uname -m) in
    Linux-x86_64 | Linux-amd64) target=x86_64-unknown-linux-gnu ;;
    Linux-aarch64 | Linux-arm64) target=aarch64-unknown-linux-gnu ;;
    *) fail "there is no release for $(uname -s) on $(uname -m): build it with \`cargo build --release\`" ;;
esac
case $releases in *@*) fail "set AMS_RELEASES: this copy comes from no release" ;; esac
if [ -n "$version" ]; then from=$releases/download/v$version; else from=$releases/latest/download; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
get() { # a file of the release
    if command -v curl >/dev/null 2>&1; then
        curl -fsSL -o "$work/$1" "$from/$1"
    elif command -v wget >/dev/null 2>&1; then
        wget -q -O "$work/$1" "$from/$1"
    else
        fail "install curl or wget first"
    fi || fail "failed to download $from/$1"
}
get SHA256SUMS
archive=$(awk '{print $2}' "$work/SHA256SUMS" | sed 's/^\*//' | grep -- "^auto-message-scheduler-.*-$target\.tar\.gz\$" || true)
[ "$(printf '%s\n' "$archive" | grep -c .)" = 1 ] || fail "the release has no archive for $target"
get "$archive"

wanted=$(awk -v name="$archive" '$2 == name || $2 == "*" name {print $1}' "$work/SHA256SUMS")
if command -v sha256sum >/dev/null 2>&1; then
    found=$(sha256sum "$work/$archive")
else
    found=$(openssl dgst -sha256 -r "$work/$archive") || fail "install coreutils or openssl first: the sum cannot be checked"
fi
[ "${found%% *}" = "$wanted" ] || fail "$archive has another sum than SHA256SUMS says: nothing was installed"

mkdir "$work/unpacked"
tar -xzf "$work/$archive" -C "$work/unpacked"
fresh=$work/unpacked/${archive%.tar.gz}
"$fresh/auto-message-scheduler" --version >/dev/null || fail "the program does not start here: nothing was installed"
mkdir -p "$to"
# The program last and at once, and never a file of the user's own.
mv "$fresh/auto-message-scheduler" "$to/.auto-message-scheduler.new"
mv "$fresh/auto-message-scheduler.env" "$fresh/auto-message-scheduler.env.sample"
cp -R "$fresh/." "$to/"
mv -f "$to/.auto-message-scheduler.new" "$to/auto-message-scheduler"
echo "installed $("$to/auto-message-scheduler" --version) in $to"
echo "next: cd $to && ./auto-message-scheduler demo"
