# Mutual TLS: who gets in, who is dropped in the handshake, what is live at once.
source "$(dirname "$0")/lib.sh"
make_pki
make_ca other
make_cert foreign other clientAuth
make_cert expired ca clientAuth 20200101000000Z 20200201000000Z
make_cert future ca clientAuth 20480101000000Z 20490101000000Z
make_cert wrong_use ca serverAuth
make_self_signed pinned clientAuth
make_self_signed pinned_wrong serverAuth
make_cert pinned_old other clientAuth 20200101000000Z 20200201000000Z
use_backend softfile
write_ini "${BACKEND_LINES[@]}"
start_daemon --backend softfile

# refused TEXT [CURL_OPTION...]: no answer at all
refused() {
  local text=$1; shift
  api GET /healthz "$@"
  check_eq "$text gets nothing" "$STATUS" 000
}

echo "# certificates"
api_is "a certificate of the CA is served" 200 GET /healthz
STATUS=$(curl -sS -o "$WORK/body" -w '%{http_code}' --cacert "$WORK/ca.crt" "$URL/healthz" 2>"$WORK/curl.err") || true
check_eq "no certificate gets nothing" "$STATUS" 000
CLIENT=foreign refused "a foreign CA"
CLIENT=expired refused "an expired certificate"
CLIENT=future refused "one that is not valid yet"
CLIENT=wrong_use refused "one for servers"
CLIENT=pinned refused "a self-signed one"
check_has "the log says why" "$WORK/keyhsmd.log" 'client refused in the handshake: "CN=expired"'
check_has "and the reason" "$WORK/keyhsmd.log" "certificate has expired"

echo "# pins"
pin pinned
CLIENT=pinned api_is "pinned: served at once" 200 GET /healthz
pin pinned_wrong
CLIENT=pinned_wrong refused "pinned, but for servers"
pin pinned_old
CLIENT=pinned_old refused "pinned, but expired"
pin foreign
CLIENT=foreign api_is "pinned out of a foreign CA" 200 GET /healthz
unpin pinned
CLIENT=pinned refused "a pin that was removed"
mv "$WORK/trust" "$WORK/trust.away"
CLIENT=foreign refused "a pin in a directory that is gone"
mv "$WORK/trust.away" "$WORK/trust"
CLIENT=foreign api_is "and back again" 200 GET /healthz

echo "# protocol"
s_client() { openssl s_client -connect "localhost:$PORT" -CAfile "$WORK/ca.crt" -cert "$WORK/client.crt" \
  -key "$WORK/client.key" "$@" </dev/null; }
check "TLS 1.3" s_client -tls1_3
check "TLS 1.2" s_client -tls1_2
check_fails "TLS 1.1 is refused" s_client -tls1_1 -cipher DEFAULT@SECLEVEL=0
check_fails "TLS 1.0 is refused" s_client -tls1 -cipher DEFAULT@SECLEVEL=0
check_fails "a CBC suite is refused" s_client -tls1_2 -cipher ECDHE-ECDSA-AES256-SHA384
check_fails "h2 alone is refused" s_client -alpn h2
s_client -alpn h2,http/1.1 >"$WORK/alpn" 2>&1
check_has "of h2 and http/1.1 the latter is taken" "$WORK/alpn" "ALPN protocol: http/1.1"
: >"$WORK/plain"
curl -sS -o "$WORK/plain" --max-time 20 "http://localhost:$PORT/healthz" 2>"$WORK/curl.err" || true
check_eq "plain HTTP gets no answer" "$(grep -c -i http "$WORK/plain" || true)" 0
# In a shell of its own: the server may hang up while it still writes.
(
  exec 5<>"/dev/tcp/localhost/$PORT"
  printf 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n' >&5
  timeout 30 cat <&5
) >"$WORK/plain" 2>/dev/null || true
check_eq "nor by hand" "$(grep -c -a HTTP "$WORK/plain" || true)" 0

echo "# resumption"
for version in tls1_2 tls1_3; do
  { printf 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'; read -rt 1 <> <(:) || true; } |
    openssl s_client -quiet -connect "localhost:$PORT" -CAfile "$WORK/ca.crt" -cert "$WORK/foreign.crt" \
      -key "$WORK/foreign.key" "-$version" -sess_out "$WORK/session.$version" >"$WORK/resumed" 2>&1 || true
  check_has "a session to resume ($version)" "$WORK/resumed" "200 OK"
  openssl s_client -connect "localhost:$PORT" -CAfile "$WORK/ca.crt" -cert "$WORK/foreign.crt" \
    -key "$WORK/foreign.key" "-$version" -sess_in "$WORK/session.$version" </dev/null >"$WORK/resumed" 2>&1 || true
  check_has "is resumed ($version)" "$WORK/resumed" "Reused, TLSv"
done
unpin foreign
for version in tls1_2 tls1_3; do
  { printf 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'; read -rt 1 <> <(:) || true; } |
    openssl s_client -quiet -connect "localhost:$PORT" -CAfile "$WORK/ca.crt" -cert "$WORK/foreign.crt" \
      -key "$WORK/foreign.key" "-$version" -sess_in "$WORK/session.$version" >"$WORK/resumed" 2>&1 || true
  check_lacks "a removed pin is not resumed either ($version)" "$WORK/resumed" "200 OK"
done
stop_daemon
check_eq "exit status" "$STATUS" 0

echo "# revocation"
mkdir "$WORK/crl"; : >"$WORK/crl/index"; echo 01 >"$WORK/crl/number"
printf '[ca]\ndefault_ca=t\n[t]\ndatabase=%s\ncrlnumber=%s\ndefault_md=sha256\n' "$WORK/crl/index" "$WORK/crl/number" >"$WORK/crl/cnf"
crl() { openssl ca -config "$WORK/crl/cnf" -cert "$WORK/ca.crt" -keyfile "$WORK/ca.key" "$@" 2>/dev/null; }
crl -gencrl -crldays 3 -out "$WORK/crl.pem"
start_daemon --backend softfile --set "tls.crl_file=$WORK/crl.pem"
api_is "not revoked: served" 200 GET /healthz
pin pinned
CLIENT=pinned api_is "a pin needs no revocation list" 200 GET /healthz
crl -revoke "$WORK/client.crt"
crl -gencrl -crldays 3 -out "$WORK/crl.pem"
kill -HUP "$PID"
wait_for "the reload" grep -q "read again" "$WORK/keyhsmd.log"
refused "revoked, after SIGHUP"
stop_daemon

echo "# keys"
openssl pkcs8 -topk8 -v2 aes-256-cbc -in "$WORK/server.key" -passout pass:sesame -out "$WORK/server.enc"
printf 'sesame\n' >"$WORK/pass"
start_daemon --backend softfile --set "tls.private_key=$WORK/server.enc" --set "tls.passphrase_source=file:$WORK/pass"
api_is "a protected key, passphrase in a file" 200 GET /healthz
stop_daemon
start_daemon --backend softfile --set "tls.min_version=1.3"
check_fails "min_version = 1.3 refuses TLS 1.2" s_client -tls1_2
check "and takes TLS 1.3" s_client -tls1_3
stop_daemon
finish
