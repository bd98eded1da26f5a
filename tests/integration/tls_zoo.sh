#!/bin/bash
# Certificates and protocols that have to be refused, each in the handshake: not a byte of HTTP comes back,
# the log names the certificate and the reason, and the next good client is served.
#
#   tls_zoo.sh DAEMON       keyhsmd; keytrusteed, whose clients may come without a certificate
. "$(dirname "$0")/lib.sh"
export DAEMON=$1
LOG=$WORK/$DAEMON.log
HELLO=$KEYHSM_SOURCE_DIR/tests/integration/hello.py
make_pki

# ---- the zoo -----------------------------------------------------------------------------------

make_ca other
make_cert foreign other clientAuth
make_cert expired ca clientAuth 20200101000000Z 20200201000000Z
make_cert future ca clientAuth 20480101000000Z 20490101000000Z
make_cert wrong_use ca serverAuth
make_cert revoked ca clientAuth
make_self_signed unpinned clientAuth
# A certificate below one that is no authority.
make_cert below client clientAuth
cat "$WORK/client.crt" >>"$WORK/below.crt"
# Of an authority that only has the name of ours.
mkdir "$WORK/twin"
WORK=$WORK/twin make_ca ca
WORK=$WORK/twin make_cert namesake ca clientAuth
cp "$WORK/twin"/namesake.* "$WORK"

# weak NAME KEY_OPTION DIGEST: of our authority, but not worth much
weak() {
  openssl req -new -newkey "$2" -nodes -subj "/CN=$1" -keyout "$WORK/$1.key" -out "$WORK/$1.csr" 2>/dev/null
  openssl x509 -req -in "$WORK/$1.csr" -CA "$WORK/ca.crt" -CAkey "$WORK/ca.key" -CAcreateserial -days 30 "-$3" \
    -extfile <(echo extendedKeyUsage=clientAuth) -out "$WORK/$1.crt" 2>/dev/null
}
weak short_key rsa:1024 sha256
weak old_digest rsa:2048 sha1
# The certificate of another, with a key that claims to fit: the public half is copied, the private is not.
cp "$WORK/client.crt" "$WORK/stolen.crt"
openssl ec -in "$WORK/client.key" -outform DER -out "$WORK/stolen.der" 2>/dev/null
python3 -c 'import os, sys
der = bytearray(open(sys.argv[1], "rb").read())
assert der[5:7] == b"\x04\x20"
der[7:39] = b"\x01" + os.urandom(31)
open(sys.argv[1], "wb").write(der)' "$WORK/stolen.der"
openssl asn1parse -inform DER -in "$WORK/stolen.der" >/dev/null
{ echo "-----BEGIN EC PRIVATE KEY-----"; openssl base64 -in "$WORK/stolen.der"; echo "-----END EC PRIVATE KEY-----"; } \
  >"$WORK/stolen.key"

mkdir "$WORK/crl"; : >"$WORK/crl/index"; echo 01 >"$WORK/crl/number"
printf '[ca]\ndefault_ca=t\n[t]\ndatabase=%s\ncrlnumber=%s\ndefault_md=sha256\n' "$WORK/crl/index" \
  "$WORK/crl/number" >"$WORK/crl/cnf"
crl() { openssl ca -config "$WORK/crl/cnf" -cert "$WORK/ca.crt" -keyfile "$WORK/ca.key" "$@" 2>/dev/null; }
crl -revoke "$WORK/revoked.crt"
crl -gencrl -crldays 3 -out "$WORK/crl.pem"

use_backend softfile
write_ini "${BACKEND_LINES[@]}"
start_daemon --backend softfile --set "tls.crl_file=$WORK/crl.pem"

# ---- certificates ------------------------------------------------------------------------------

# The clients here take part in everything, so that it is the server that refuses.
WEAK=DEFAULT@SECLEVEL=0
printf 'openssl_conf=all\n[all]\nssl_conf=ssl\n[ssl]\nsystem_default=weak\n[weak]\nCipherString=%s\n' "$WEAK" >"$WORK/weak.cnf"
# shake NAME VERSION: a handshake without a word after it; what s_client says is in $WORK/shaken
shake() {
  OPENSSL_CONF=$WORK/weak.cnf timeout 60 openssl s_client -quiet -connect "localhost:$PORT" -CAfile "$WORK/ca.crt" -cert "$WORK/$1.crt" \
    -key "$WORK/$1.key" -cert_chain "$WORK/$1.crt" "-$2" </dev/null >"$WORK/shaken" 2>&1 || true
}
# refused TEXT NAME ALERT [REASON]: by TLS 1.2 and 1.3, with that alert; the log has the reason
refused() {
  local text=$1 name=$2 alert=$3 reason=${4:-} version
  for version in 1.2 1.3; do
    OPENSSL_CONF=$WORK/weak.cnf CLIENT=$name api GET /healthz "--tlsv$version" --tls-max "$version"
    check_eq "$text, TLS $version: no answer" "$STATUS" 000
    shake "$name" "tls${version/./_}"
    check_has "  but the alert '$alert'" "$WORK/shaken" "alert $alert"
  done
  [ -z "$reason" ] ||
    check_eq "  the log says four times '$reason'" \
      "$(grep -c "client refused in the handshake: \"CN=$name\".*$reason" "$LOG" || true)" 4
  api_is "  the next good client is served" 200 GET /healthz
}

echo "# certificates"
for version in 1.2 1.3; do
  api_is "a good one is served, TLS $version" 200 GET /healthz "--tlsv$version" --tls-max "$version"
done
refused "expired" expired "certificate expired" "certificate has expired"
refused "not valid yet" future "bad certificate" "not yet valid"
refused "for servers" wrong_use "unsupported certificate" "unsuitable certificate purpose"
refused "revoked" revoked "certificate revoked" "certificate revoked"
refused "a foreign authority" foreign "unknown ca" "unable to get local issuer"
refused "an authority that only has our name" namesake "unknown ca" "unable to get local issuer"
refused "made with a client's certificate" below "unknown ca" "invalid CA certificate"
refused "self-signed, not pinned" unpinned "unknown ca" "self-signed certificate"
refused "a key of 1024 bits" short_key "bad certificate" "key too weak"
refused "a SHA-1 signature" old_digest "bad certificate" "digest algorithm too weak"
refused "a certificate without its key" stolen "decrypt error"
api GET /healthz --key "$WORK/expired.key"
check_eq "a key that does not fit: curl itself refuses" "$STATUS" 000
if [ "$DAEMON" = keyhsmd ]; then
  STATUS=$(curl -sS -o "$WORK/body" -w '%{http_code}' --cacert "$WORK/ca.crt" "$URL/healthz" 2>"$WORK/curl.err") || true
  check_eq "no certificate: no answer" "$STATUS" 000
fi

# ---- protocols ---------------------------------------------------------------------------------

echo "# protocols"
hello() { python3 "$HELLO" "$PORT" "$1"; }
s_client() {
  timeout 60 openssl s_client -connect "localhost:$PORT" -CAfile "$WORK/ca.crt" -cert "$WORK/client.crt" \
    -key "$WORK/client.key" "$@"
}
# The version and the compression that are agreed on, from the bytes themselves.
check_eq "TLS 1.2: spoken, without compression" "$(hello tls1.2)" "hello 0303 compression 0"
for old in sslv2 sslv3 tls1.0 tls1.1; do
  check_eq "$old: an alert or nothing" "$(hello "$old" | sed -E 's/^(alert (40|70)|closed)$/refused/')" refused
done
check "TLS 1.3" s_client -tls1_3 </dev/null
check_fails "TLS 1.1 of openssl" s_client -tls1_1 -cipher "$WEAK" </dev/null
check_fails "TLS 1.0 of openssl" s_client -tls1 -cipher "$WEAK" </dev/null
check_fails "a CBC suite" s_client -tls1_2 -cipher ECDHE-ECDSA-AES256-SHA384 </dev/null
check_fails "a suite without forward secrecy" s_client -tls1_2 -cipher AES256-GCM-SHA384 </dev/null
check_fails "a suite without authentication" s_client -tls1_2 -cipher "aNULL:@SECLEVEL=0" </dev/null
check_fails "h2 alone" s_client -alpn h2 </dev/null
s_client -alpn h2,http/1.1 </dev/null >"$WORK/alpn" 2>&1
check_has "of h2 and http/1.1 the latter is taken" "$WORK/alpn" "ALPN protocol: http/1.1"
# s_client takes the line R for a wish to renegotiate.
s_client -tls1_2 <<<R >"$WORK/renegotiated" 2>&1 || true
check_has "renegotiation: asked for" "$WORK/renegotiated" RENEGOTIATING
check_has "  and refused" "$WORK/renegotiated" "no renegotiation"

echo "# not TLS at all"
: >"$WORK/plain"
curl -sS -o "$WORK/plain" --max-time 20 "http://localhost:$PORT/healthz" 2>"$WORK/curl.err" || true
check_eq "plain HTTP gets no answer" "$(grep -c -i http "$WORK/plain" || true)" 0
# plain: stdin as it is, in a shell of its own: the server may hang up while it still writes.
plain() {
  (exec 5<>"/dev/tcp/localhost/$PORT"; cat >&5; timeout 30 cat <&5) >"$WORK/plain" 2>/dev/null || true
}
printf 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n' | plain
check_eq "nor by hand" "$(grep -c -a HTTP "$WORK/plain" || true)" 0
for _ in $(seq 20); do
  head -c 4096 /dev/urandom | plain
  { printf '\x16\x03\x01\xff\xff\x01'; head -c 2048 /dev/urandom; } | plain
done
check_eq "random bytes neither" "$(grep -c -a HTTP "$WORK/plain" || true)" 0
api_is "a good client is served after all that" 200 GET /healthz
check "the daemon is the one that was started" kill -0 "$PID"
stop_daemon
check_eq "and ends with 0" "$STATUS" 0
finish
