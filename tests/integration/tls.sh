# Mutual TLS: pins, resumption, revocation, keys, and what of it is live at once. Who is refused: tls_zoo.sh.
source "$(dirname "$0")/lib.sh"
make_pki
make_ca other
make_cert foreign other clientAuth
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

echo "# pins"
CLIENT=pinned refused "a self-signed one"
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
s_client() { openssl s_client -connect "localhost:$PORT" -CAfile "$WORK/ca.crt" -cert "$WORK/client.crt" \
  -key "$WORK/client.key" "$@" </dev/null; }
start_daemon --backend softfile --set "tls.min_version=1.3"
check_fails "min_version = 1.3 refuses TLS 1.2" s_client -tls1_2
check "and takes TLS 1.3" s_client -tls1_3
stop_daemon
finish
