#!/bin/bash
# [openssl] providers and properties: with a query nothing is fetched outside of it, neither for TLS nor for envelopes; and
# what nothing satisfies refuses to start, in words. Debian has no FIPS module: `vouched` stands in for one, with the default
# provider's algorithms under fips=yes; `trap` has them all without that, is loaded first, and tells who uses it
# (tests/mock/openssl/mirror.c).
source "$(dirname "$0")/lib.sh"
export OPENSSL_MODULES=${KEYHSM_OSSL_MODULES:?} TRAP_LOG=$WORK/trap

make_pki
use_backend pkcs11
head -c 1000 /dev/urandom >"$WORK/data"

# configured OPENSSL_LINES BACKEND_LINES: each with \n between lines
configured() {
  write_ini "${BACKEND_LINES[@]}" "$(printf '%b' "$2")" "[openssl]" "$(printf '%b' "$1")"
  : >"$TRAP_LOG"
}
all='providers = trap, vouched, base\nproperties = fips=yes'
# starts_not TEXT WORDS: the daemon ends by itself, with words
starts_not() {
  local status=0
  timeout 30 "$KEYHSM_BIN_DIR/keyhsmd" --config "$WORK/keyhsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" >"$WORK/told" 2>&1 || status=$?
  case $status in 1 | 2 | 5) ok "$1" ;; *) not_ok "$1" "status $status" ;; esac
  check_has "$1: it says why" "$WORK/told" "$2"
}
untouched() { check_eq "$1: nothing came from outside of the query" "$(wc -l <"$TRAP_LOG")" 0; }

echo "# TLS and envelopes by the query alone"
configured "$all" "$all"
check "keyhsm validate" "$KEYHSM_BIN_DIR/keyhsm" validate --config "$WORK/keyhsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR"
start_daemon
untouched "the start"
api_is "a deposit is stored" 201 PUT /v1/deposits/a -H "Content-Type: application/octet-stream" --data-binary "@$WORK/data" --tlsv1.3
api_is "and read" 200 GET /v1/deposits/a -H "Accept: application/octet-stream" --tls-max 1.2
check "byte for byte" cmp "$WORK/body" "$WORK/data"
for curve in P-256 P-384; do
  api_is "with $curve" 200 GET /v1/deposits/a --curves "$curve"
done
untouched "requests"
stop_daemon
start_daemon
api_is "read after a restart" 200 GET /v1/deposits/a -H "Accept: application/octet-stream"
check "it is the same" cmp "$WORK/body" "$WORK/data"
stop_daemon
untouched "a restart"

echo "# without the query the trap springs, so it was there all the time"
configured "providers = trap, vouched, base" "$all"
starts_not "TLS without the query" "keyhsmd"
check "its algorithms were used" [ -s "$TRAP_LOG" ]
configured "$all" "providers = trap, vouched, base"
starts_not "envelopes without the query" "openssl"
check "its algorithms were used there" [ -s "$TRAP_LOG" ]

echo "# what nothing satisfies"
configured "providers = default\nproperties = fips=yes" ""
starts_not "TLS by properties that nothing has" "providers 'default' have no cipher AES-256-GCM with properties 'fips=yes'"
check_has "where that stands" "$WORK/told" "keyhsm.ini:"
configured "" "providers = default\nproperties = fips=yes"
starts_not "envelopes by properties that nothing has" "no loaded provider has AES-256-GCM with properties 'fips=yes'"
configured "providers = base" ""
starts_not "providers without algorithms" "providers 'base' have no cipher AES-256-GCM"
configured "providers = vouched\nproperties = fips=yes" ""
starts_not "no base to read keys with" "decoder (of the provider base) EC"
configured "providers = fips, base\nproperties = fips=yes" ""
starts_not "a provider that is not installed" "providers: 'fips' cannot be loaded"
configured "properties = ((" ""
starts_not "no query" "is no property query"

echo "# the key server"
DAEMON=keytrusteed
write_ini "[backend.softfile]" "directory = $WORK/store" "create = yes" "$(printf '%b' "$all")" "[openssl]" "$(printf '%b' "$all")" \
  "[auth]" "certificate_user = cn" "[acl]" "all = allow all on * to CN=client" "[kms.acl]" "CREATE = client" "GENERATE_EEK = client" \
  "[kms.key.acl.default]" "MANAGEMENT = client" "GENERATE_EEK = client" "[kms]" "enabled = yes"
: >"$TRAP_LOG"
start_daemon
api_is "keytrusteed serves" 201 PUT /v1/deposits/b -H "Content-Type: application/octet-stream" --data-binary "@$WORK/data"
api_is "and reads" 200 GET /v1/deposits/b
api_is "a key of Hadoop's" 201 POST /kms/v1/keys -H "Content-Type: application/json" --data '{"name":"k","length":256}'
api_is "is used" 200 GET "/kms/v1/key/k/_eek?eek_op=generate&num_keys=2"
stop_daemon
untouched "the key server"
sed -i '/softfile/,/openssl/ s/^properties = .*/properties = fips=maybe/' "$WORK/keyhsm.ini"
check_fails "a store by properties that nothing has" "$KEYHSM_BIN_DIR/ktadmin" deposit list --backend softfile \
  --config "$WORK/keyhsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR"
check_has "which is said" "$WORK/check.out" "has AES-256-GCM and SHA2-256 with the properties 'fips=maybe'"
sed -i '/softfile/,/openssl/ s/^properties = .*//' "$WORK/keyhsm.ini"
check_fails "a store without the query" "$KEYHSM_BIN_DIR/ktadmin" deposit get b --backend softfile \
  --config "$WORK/keyhsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR"
check "the trap springs there, too" [ -s "$TRAP_LOG" ]
finish
