# shellcheck shell=bash disable=SC2154
# The steps of scripts/quickstart. Sourced by it: $lab, $build, $plugins, $port come from there.

tool=(--config "$lab/keyhsm.ini" --plugin-dir "$plugins")
url=https://localhost:$port
client=(--cacert "$lab/ca.pem" --cert "$lab/client.pem" --key "$lab/client.key")
module=$(find /usr/lib -name libsofthsm2.so -print -quit)

step() {
    printf '\n== %s\n' "$*"
}

die() {
    printf 'quickstart: %s\n' "$*" >&2
    exit 1
}

# Shows a command as a person would type it.
show() {
    local shown="$*"
    shown=${shown//"--config $lab/keyhsm.ini --plugin-dir $plugins"/-c keyhsm.ini}
    printf '$ %s\n' "${shown//"$root"\//}"
}

run() {
    show "$@"
    "$@"
}

# Runs a command that must end with the given status.
refused() {
    local want=$1 got=0
    shift
    show "$@"
    "$@" > "$lab/refused.out" 2> "$lab/refused.err" || got=$?
    cat "$lab/refused.err"
    [ "$got" = "$want" ] || die "exit status $got, $want was expected"
    [ ! -s "$lab/refused.out" ] || die "something was read all the same"
}

# SoftHSM's token file is protected against a crash in C_Login; take that off before removing it.
unprotect() {
    [ ! -d "$1" ] || { chattr -R -i "$1" 2> /dev/null || true; chmod -R u+w "$1"; }
}

port_is_taken() {
    (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null
}

finish() {
    local status=$1
    stop_daemon
    [ "$status" = 0 ] || printf '\nquickstart: FAILED (status %s); what it made is in %s\n' "$status" "$lab" >&2
}

write_config() {
    [ -n "$module" ] || die "libsofthsm2.so is not installed"
    printf '%s\n' "directories.tokendir = $lab/tokens" "objectstore.backend = file" "log.level = ERROR" \
        "slots.removable = false" > "$SOFTHSM2_CONF"
    printf 123456 > "$lab/pin"
    cat > "$lab/keyhsm.ini" << INI
[server]
listen = 127.0.0.1
port = $port

[tls]
certificate = $lab/server.pem
private_key = $lab/server.key
ca_file = $lab/ca.pem

[backend.softfile]
directory = $lab/store

[backend.pkcs11]
module = $module
token_label = quickstart
pin_source = file:$lab/pin
state_dir = $lab/state
softhsm2_conf = $SOFTHSM2_CONF
INI
}

# certificate NAME SUBJECT EXTENSION...: NAME.pem and NAME.key, from the laboratory's own authority.
certificate() {
    local name=$1 subject=$2
    shift 2
    printf '%s\n' "$@" > "$lab/$name.ext"
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$subject" \
        -keyout "$lab/$name.key" -out "$lab/$name.csr" 2> /dev/null
    openssl x509 -req -in "$lab/$name.csr" -CA "$lab/ca.pem" -CAkey "$lab/ca.key" -CAcreateserial -days 30 \
        -extfile "$lab/$name.ext" -out "$lab/$name.pem" 2> /dev/null
}

self_signed() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$2" -days 30 \
        -keyout "$lab/$1.key" -out "$lab/$1.pem" 2> /dev/null
}

make_certificates() {
    self_signed ca "/CN=quickstart authority"
    self_signed stranger "/CN=stranger"
    certificate server /CN=localhost "subjectAltName=DNS:localhost,IP:127.0.0.1" "extendedKeyUsage=serverAuth"
    certificate client /CN=keytrusteed "extendedKeyUsage=clientAuth"
    echo "an authority, a server, a client, and a stranger"
}

start_daemon() {
    printf '$ keyhsmd -c keyhsm.ini --backend pkcs11 &\n'
    keyhsmd "${tool[@]}" --backend pkcs11 2> "$lab/keyhsmd.log" &
    daemon=$!
    # Ready is what /readyz says, however long the machine takes.
    for _ in $(seq 300); do
        kill -0 "$daemon" 2> /dev/null || { cat "$lab/keyhsmd.log" >&2; die "keyhsmd ended"; }
        curl -sf -o /dev/null "${client[@]}" "$url/readyz" 2> /dev/null && return
        sleep 0.2
    done
    cat "$lab/keyhsmd.log" >&2
    die "keyhsmd did not become ready"
}

stop_daemon() {
    [ -n "$daemon" ] || return 0
    kill "$daemon" 2> /dev/null || true
    wait "$daemon" || printf 'keyhsmd ended with status %s\n' $?
    daemon=
}

gets_nothing() {
    local who=$1 got=0
    shift
    curl -s -o "$lab/stranger.out" "$@" "$url/v1/deposits" || got=$?
    [ "$got" != 0 ] || die "$who: curl was answered"
    [ ! -s "$lab/stranger.out" ] || die "$who: bytes were received"
    echo "$who: curl ends with status $got, not a byte received"
}

# pkcs11-tool logs in, which a protected token file allows once; so it looks at a copy, as a restored
# backup would be.
copy_token() {
    rm -rf "$lab/copy"
    cp -r "$lab/tokens" "$lab/copy"
    chmod -R u+w "$lab/copy"
    sed "s|$lab/tokens|$lab/copy|" "$SOFTHSM2_CONF" > "$lab/copy.conf"
}

show_keys() {
    local keys=$lab/keys.txt all hidden
    copy_token
    printf '$ pkcs11-tool --module libsofthsm2.so -l -O --type privkey\n'
    SOFTHSM2_CONF=$lab/copy.conf pkcs11-tool --module "$module" --token-label quickstart --login --pin 123456 \
        -O --type privkey > "$keys" 2> /dev/null
    head -n 12 "$keys"
    all=$(grep -c '^Private Key Object' "$keys")
    hidden=$(grep -c 'Access:.*sensitive.*never extractable' "$keys")
    echo "... $all private keys, $hidden of them sensitive and never extractable"
    [ "$all" = "$hidden" ] || die "not every key is as it should be"
    [ "$all" -ge "$versions" ] || die "fewer keys than versions"
}

# Everything here is in any distribution: sqlite3 takes the envelope out of a copy of the catalog, openssl
# opens it through libp11's engine, and the data is base64 inside the JSON record.
open_envelope() {
    local name=$1 id
    cp "$lab/state"/catalog.db* "$lab/copy/"
    sqlite3 -readonly "$lab/copy/catalog.db" \
        "SELECT writefile('$lab/envelope.der', envelope) FROM versions WHERE name = '$name' AND version = 0" > /dev/null
    id=$(sqlite3 -readonly "$lab/copy/catalog.db" \
        "SELECT hex(key) FROM versions WHERE name = '$name' AND version = 0" | sed 's/../%&/g')
    printf '$ openssl cms -decrypt -engine pkcs11 -keyform engine -inkey "pkcs11:token=quickstart;id=%s..." -inform DER -in envelope.der\n' "${id:0:12}"
    SOFTHSM2_CONF=$lab/copy.conf PKCS11_MODULE_PATH=$module openssl cms -decrypt -engine pkcs11 -keyform engine \
        -inkey "pkcs11:token=quickstart;id=$id;type=private?pin-value=123456" -inform DER \
        -in "$lab/envelope.der" -out "$lab/record.json" 2> "$lab/openssl.err" || { cat "$lab/openssl.err"; die "openssl could not open it"; }
    sed -n 's/.*"data": *"\([^"]*\)".*/\1/p' "$lab/record.json" | openssl base64 -d -A > "$lab/opened"
    cmp "$lab/opened" "$lab/want/$name.0"
    echo "$name: the record's data is equal to what was put into the legacy store"
}
