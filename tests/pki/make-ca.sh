#!/bin/sh
# A throw-away certificate authority and node certificates, for tests and the demo. Not for production:
# the keys lie about unprotected beside the certificates.
#
#   make-ca.sh DIR [NAME | NAME:KIND]...
#
# DIR/ca.pem and DIR/ca.key are made when they are not there yet. Each NAME becomes DIR/NAME.pem and
# DIR/NAME.key (EC P-256), signed by that CA, with NAME as the one dNSName, for both sides of TLS.
# With a KIND the files are DIR/NAME-KIND.pem and .key, and the certificate is one to be refused:
#
#   expired    ended yesterday                      future     begins tomorrow
#   other-ca   signed by a CA of its own            self       signed by itself
#   cn-only    NAME only as the common name         two-names  NAME and NAME-b as dNSNames
#   wildcard   *.NAME as the dNSName                server     for the server's side only
set -eu

if [ $# -lt 1 ]; then
    echo "usage: make-ca.sh DIR [NAME | NAME:KIND]..." >&2
    exit 2
fi
dir=$1
shift
umask 077
mkdir -p "$dir"

quietly() {
    if ! "$@" >"$dir/openssl.log" 2>&1; then
        cat "$dir/openssl.log" >&2
        echo "make-ca.sh: failed: $*" >&2
        exit 1
    fi
    rm -f "$dir/openssl.log"
}

new_key() {
    quietly openssl ecparam -name prime256v1 -genkey -noout -out "$1"
}

# FILE-STEM SUBJECT
make_authority() {
    new_key "$1.key"
    quietly openssl req -x509 -new -key "$1.key" -sha256 -days 3650 -subj "/CN=$2" -out "$1.pem" \
        -addext "keyUsage=critical,keyCertSign,cRLSign"
}

day() {
    date -u -d "$1" +%Y%m%d%H%M%SZ
}

# STEM CA-STEM COMMON-NAME NOT-BEFORE NOT-AFTER EXTENSIONS
# `openssl ca` is the one command that takes a start date on every release; its book-keeping goes to a
# folder of its own.
sign() {
    book=$1.book
    rm -rf "$book"
    mkdir "$book"
    : >"$book/index"
    openssl rand -hex 16 >"$book/serial"
    printf '%s\n' "[ca]" "default_ca=this" "[this]" "database=$book/index" "serial=$book/serial" \
        "new_certs_dir=$book" "policy=any" "default_md=sha256" "unique_subject=no" \
        "[any]" "commonName=supplied" "[ext]" >"$book/config"
    printf '%b\n' "$6" >>"$book/config"
    new_key "$1.key"
    quietly openssl req -new -key "$1.key" -subj "/CN=$3" -out "$book/request"
    quietly openssl ca -batch -notext -config "$book/config" -extensions ext -in "$book/request" \
        -cert "$2.pem" -keyfile "$2.key" -startdate "$4" -enddate "$5" -out "$1.pem"
    rm -rf "$book"
}

both="basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid"
server_only="basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth"

[ -f "$dir/ca.pem" ] || make_authority "$dir/ca" "failoverd test authority"

for word in "$@"; do
    name=${word%%:*}
    kind=
    case $word in *:*) kind=${word#*:} ;; esac
    stem=$dir/$name${kind:+-$kind}
    from=$(day "1 hour ago")
    until=$(day "365 days")
    case $kind in
    "") sign "$stem" "$dir/ca" "$name" "$from" "$until" "$both\nsubjectAltName=DNS:$name" ;;
    expired) sign "$stem" "$dir/ca" "$name" "$(day '30 days ago')" "$(day '1 day ago')" "$both\nsubjectAltName=DNS:$name" ;;
    future) sign "$stem" "$dir/ca" "$name" "$(day '1 day')" "$until" "$both\nsubjectAltName=DNS:$name" ;;
    other-ca)
        make_authority "$stem.authority" "failoverd other authority"
        sign "$stem" "$stem.authority" "$name" "$from" "$until" "$both\nsubjectAltName=DNS:$name"
        ;;
    self)
        new_key "$stem.key"
        quietly openssl req -x509 -new -key "$stem.key" -sha256 -days 365 -subj "/CN=$name" \
            -addext "subjectAltName=DNS:$name" -out "$stem.pem"
        ;;
    cn-only) sign "$stem" "$dir/ca" "$name" "$from" "$until" "$both" ;;
    two-names) sign "$stem" "$dir/ca" "$name" "$from" "$until" "$both\nsubjectAltName=DNS:$name,DNS:$name-b" ;;
    wildcard) sign "$stem" "$dir/ca" "$name" "$from" "$until" "$both\nsubjectAltName=DNS:*.$name" ;;
    server) sign "$stem" "$dir/ca" "$name" "$from" "$until" "$server_only\nsubjectAltName=DNS:$name" ;;
    *)
        echo "make-ca.sh: unknown kind '$kind' in '$word'" >&2
        exit 2
        ;;
    esac
done
