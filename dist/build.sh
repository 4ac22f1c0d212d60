#!/usr/bin/env bash
# Builds what is given to people: a stripped binary that starts on old Linux systems too (glibc 2.17: CentOS 7,
# CloudLinux), a tar.gz with everything of dist/, and their checksums. Writes into target/dist.
#
# `dist/build.sh image` makes target/image instead: a static program with the Dockerfile, for `docker build target/image`.
#
# Needs cargo, python3 with venv and pip, and objdump. Takes about two minutes on two cores.
# More targets (aarch64, musl, Windows) are built where `rustup target add` has brought their standard library.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C
glibc_max=2.17
target=${CARGO_TARGET_DIR:-$PWD/target}
out=$target/dist
tools=$target/dist-tools
version=$(cargo metadata --locked --format-version 1 --no-deps |
    python3 -c 'import json,sys; print(next(p["version"] for p in json.load(sys.stdin)["packages"] if p["name"] == "auto-message-scheduler"))')
# The time of the commit, so that the same commit gives the same archive.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH

# No path of the machine that built it.
remap="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo --remap-path-prefix=$PWD=/source"
export RUSTFLAGS="${RUSTFLAGS:-} $remap"

fail() {
    echo "build.sh: $*" >&2
    exit 1
}

if [ "${1:-}" = image ]; then # PROFILE=dev is quicker, for tests
    triple=$(uname -m)-unknown-linux-gnu
    profile=${PROFILE:-release} options=()
    [ "$profile" != dev ] || options=(--config 'profile.dev.package."*".opt-level=0' --config profile.dev.debug=0)
    RUSTFLAGS="$RUSTFLAGS -C target-feature=+crt-static" \
        cargo build --quiet --locked --profile "$profile" "${options[@]}" --target "$triple" --target-dir "$target/static"
    binary=$target/static/$triple/${profile/#dev/debug}/auto-message-scheduler
    ! objdump -p "$binary" | grep -q NEEDED || fail "$binary needs libraries that the image does not have"
    rm -rf "$target/image"
    mkdir -p "$target/image/data"
    cp "$binary" dist/docker/Dockerfile "$target/image/"
    echo "$target/image: build it with \`docker build -t auto-message-scheduler $target/image\`"
    exit
fi

# zig is the linker that knows the symbols of old glibc versions. It comes as a Python package.
if [ ! -x "$tools/bin/cargo-zigbuild" ]; then
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check cargo-zigbuild==0.24.0 ziglang==0.17.1
fi
export PATH="$tools/bin:$PATH"
highest_glibc() { # of a binary
    objdump -T "$1" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -uV | tail -1
}

check_portable() { # a binary for Linux with glibc
    local highest
    highest=$(highest_glibc "$1")
    [ -n "$highest" ] || fail "$1 names no glibc symbols: is it the right file?"
    [ "$(printf '%s\n' "$highest" "$glibc_max" | sort -V | tail -1)" = "$glibc_max" ] ||
        fail "$1 needs glibc $highest, which is newer than $glibc_max"
    echo "$1: needs glibc $highest, and these libraries: $(objdump -p "$1" | awk '/NEEDED/ {printf "%s ", $2}')"
}

package() { # a target, its binary
    local name=auto-message-scheduler-$version-$1 place
    place=$(mktemp -d)
    mkdir "$place/$name"
    cp "$2" "$place/$name/"
    cp -r README.md SECURITY.md LICENSE docs "$place/$name/"
    (cd dist && cp -r auto-message-scheduler.env PANDUAN.md install.sh apache cloudflare cron docker logrotate nginx screenshots systemd windows "$place/$name/")
    chmod -R u=rwX,go=rX "$place/$name"
    tar -C "$place" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -cf - "$name" |
        gzip -9n >"$out/$name.tar.gz"
    rm -rf "$place"
}

build() { # a target, what zigbuild calls it, the name of its binary
    local std
    std=$(rustc --print target-libdir --target "$1")
    if ! ls "$std"/libstd-*.rlib >/dev/null 2>&1; then
        echo "$1: NOT built: its standard library is not installed; \`rustup target add $1\` brings it"
        return
    fi
    cargo zigbuild --quiet --release --locked --target "$2"
    local binary=$target/$1/release/$3
    case $1 in *-linux-gnu) check_portable "$binary" ;; esac
    package "$1" "$binary"
    echo "$1: built, $(stat -c %s "$binary") bytes"
}

rm -rf "$out"
mkdir -p "$out"
build x86_64-unknown-linux-gnu "x86_64-unknown-linux-gnu.$glibc_max" auto-message-scheduler
build aarch64-unknown-linux-gnu "aarch64-unknown-linux-gnu.$glibc_max" auto-message-scheduler
build x86_64-unknown-linux-musl x86_64-unknown-linux-musl auto-message-scheduler
build x86_64-pc-windows-gnu x86_64-pc-windows-gnu auto-message-scheduler.exe
cp "$target/x86_64-unknown-linux-gnu/release/auto-message-scheduler" "$out/auto-message-scheduler"
(cd "$out" && sha256sum -- * >SHA256SUMS)
ls -l "$out"
