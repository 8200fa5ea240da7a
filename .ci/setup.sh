#!/bin/sh
# Installs what building, testing and the demo need, through apt, on Debian 12.
# Says what it installs; a second run finds everything there and installs nothing.
#   setup.sh           install what is missing (as root, or with sudo)
#   setup.sh --check   only say what is missing; exit code 1 if anything is
set -eu

packages="
gcc make pkg-config libc6-dev
libcurl4-openssl-dev libc-ares-dev libevent-dev libjansson-dev libssl-dev libpq-dev
libexpat1-dev libsmartcols-dev libnftables-dev libcunit1-dev
nftables iproute2 openssl procps util-linux postgresql-15 postgresql-contrib
python3 python3-jsonschema awscli spin scdoc tmux
"

missing=""
for p in $packages; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $p"
done

if [ -z "$missing" ]; then
    [ "${1:-}" = --check ] || echo "setup: everything is installed already"
    exit 0
fi
if [ "${1:-}" = --check ]; then
    echo "setup: not installed:$missing" >&2
    echo "setup: run 'make setup' (as root, or as a user who may use sudo)" >&2
    exit 1
fi

as_root=""
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "setup: not installed:$missing" >&2
        echo "setup: neither root nor sudo here; have an administrator run: apt-get install$missing" >&2
        exit 1
    fi
    as_root="sudo"
fi

echo "setup: installing:$missing"
$as_root apt-get -q update >/dev/null
# The PostgreSQL package would otherwise create and start a server of its own, which nobody asked for.
if [ ! -e /etc/postgresql-common/createcluster.conf ] && [ ! -d /etc/postgresql/15 ]; then
    $as_root mkdir -p /etc/postgresql-common
    echo "create_main_cluster = false" | $as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
fi
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
    -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold install $missing >/dev/null
echo "setup: done"
