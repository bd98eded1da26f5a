#!/bin/bash
# A port as sslscan sees it, with a client certificate: protocols, suites, groups, renegotiation, compression,
# heartbleed, the certificate. Once with an elliptic key of the server and once with RSA. Ends with a summary.
#
#   sslscan.sh DAEMON       keyhsmd or keytrusteed
. "$(dirname "$0")/lib.sh"
export DAEMON=$1
make_pki
use_backend softfile
write_ini "${BACKEND_LINES[@]}"
openssl req -new -newkey rsa:3072 -nodes -subj /CN=server -keyout "$WORK/rsa.key" -out "$WORK/rsa.csr" 2>/dev/null
openssl x509 -req -in "$WORK/rsa.csr" -CA "$WORK/ca.crt" -CAkey "$WORK/ca.key" -CAcreateserial -days 30 \
  -extfile <(printf 'extendedKeyUsage=serverAuth\nsubjectAltName=DNS:localhost') -out "$WORK/rsa.crt" 2>/dev/null

# scan: $WORK/scan is the text, $WORK/scan.xml the same for the checks
scan() {
  timeout 240 sslscan --no-colour --xml="$WORK/scan.xml" --certs="$WORK/client.crt" --pk="$WORK/client.key" \
    "localhost:$PORT" >"$WORK/scan" 2>&1 || { cat "$WORK/scan"; die "sslscan"; }
}
# values ELEMENT ATTRIBUTE: of every such element, sorted, in one line
values() {
  { grep -o "<$1 [^>]*>" "$WORK/scan.xml" || true; } | sed -n "s/.* $2=\"\([^\"]*\)\".*/\1/p" | sort -u | paste -sd ' '
}
enabled() {
  { grep '<protocol .*enabled="1"' "$WORK/scan.xml" || true; } | sed 's/.*type="\([a-z]*\)" version="\([0-9.]*\)".*/\1\2/' |
    sort | paste -sd ' '
}

# looks_right KEY SUITES KEY_ELEMENT SIGNATURE
looks_right() {
  local key=$1 suites=$2 element=$3 signature=$4 weak
  check_eq "$key: protocols" "$(enabled)" "tls1.2 tls1.3"
  check_eq "$key: every protocol was tried" "$(grep -c '<protocol ' "$WORK/scan.xml")" 6
  check_eq "$key: suites" "$(values cipher cipher)" "$suites"
  weak=$(grep '<cipher ' "$WORK/scan.xml" | grep -cvE '_(GCM|POLY1305)_|-GCM-|-POLY1305"' || true)
  check_eq "$key: suites that are no AEAD" "$weak" 0
  check_eq "$key: forward secrecy in each, over a curve" "$(values cipher curve)" 25519
  check_eq "$key: groups" "$(values group name | sed 's/ (NIST P-[0-9]*)//g')" "secp256r1 secp384r1 secp521r1 x25519"
  check_eq "$key: renegotiation" "$(values renegotiation supported)" 0
  check_eq "$key: heartbleed, by each protocol" "$(values heartbleed sslversion) $(values heartbleed vulnerable)" \
    "TLSv1.2 TLSv1.3 0"
  check_eq "$key: the key" "$(grep -o '<pk error="false"[^>]*>' "$WORK/scan.xml")" "$element"
  check_has "$key: the signature" "$WORK/scan.xml" "<signature-algorithm>$signature</signature-algorithm>"
  check_has "$key: the certificate is in its time" "$WORK/scan.xml" "<expired>false</expired>"
  check_has "$key: and for this host" "$WORK/scan.xml" "<altnames><![CDATA[DNS:localhost"
  # sslscan's own libcrypto has no compression; so a first message that asks for it is made by hand.
  check_eq "$key: compression" \
    "$(python3 "$KEYHSM_SOURCE_DIR/tests/integration/hello.py" "$PORT" tls1.2)" "hello 0303 compression 0"
}

TLS13="TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256"
start_daemon --backend softfile
scan
looks_right EC "ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-ECDSA-CHACHA20-POLY1305 $TLS13" \
  '<pk error="false" type="EC" curve_name="prime256v1" bits="128" />' ecdsa-with-SHA256
api_is "it is served afterwards as before" 200 GET /healthz
cp "$WORK/scan" "$WORK/summary"
stop_daemon
check_eq "and ends with 0" "$STATUS" 0
start_daemon --backend softfile --set "tls.certificate=$WORK/rsa.crt" --set "tls.private_key=$WORK/rsa.key"
scan
looks_right RSA "ECDHE-RSA-AES128-GCM-SHA256 ECDHE-RSA-AES256-GCM-SHA384 ECDHE-RSA-CHACHA20-POLY1305 $TLS13" \
  '<pk error="false" type="RSA" bits="3072" />' ecdsa-with-SHA256
stop_daemon

echo "# what sslscan says of $DAEMON"
sed -n '/SSL\/TLS Protocols/,$p' "$WORK/summary" | grep -v '^$'
finish
