# Servers and a program of nobody's with keys that never leave: nginx, a fork, threads, a restart of keyhsmd, a key that is
# deleted in the middle of a session.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/provider_lab.sh"
make_pki
use_backend pkcs11
write_ini "${BACKEND_LINES[@]}"
start_daemon --backend pkcs11
mapfile -t lines < <(provider_lines)
provider_cnf "$WORK/provider.cnf" "${lines[@]}"
echo "what is signed" >"$WORK/text"
: "${KEYHSM_PROVIDER_SIGNER:?}"

for key in web:ec-p256 rsa:rsa-2048; do
  name=${key%:*}
  make_key "$name" "${key#*:}" sign
  works "a certificate for $name" openssl req -new -x509 -key "keyhsm:$name" -subj "/CN=localhost" \
    -addext subjectAltName=DNS:localhost -days 2 -out "$WORK/$name.crt"
  uri_file "keyhsm:$name" >"$WORK/$name.pem"
done

echo "# a program with no call of ours"
KEYHSM_PRELOAD='' works "it signs" "$KEYHSM_PROVIDER_SIGNER" sign keyhsm:web "$WORK/text" "$WORK/sig"
check "and the default provider verifies it" openssl dgst -sha256 -verify <(openssl x509 -in "$WORK/web.crt" -pubkey -noout) \
  -signature "$WORK/sig" "$WORK/text"
KEYHSM_PRELOAD='' works "before a fork, in the children and after it" "$KEYHSM_PROVIDER_SIGNER" fork keyhsm:web "$WORK/text"
KEYHSM_PRELOAD='' works "in threads" "$KEYHSM_PROVIDER_SIGNER" threads keyhsm:rsa "$WORK/text"

echo "# s_server, TLS 1.2 and 1.3"
for name in web rsa; do
  for version in tls1_2 tls1_3; do
    rm -f "$WORK/s.sock"
    OPENSSL_CONF=$WORK/provider.cnf ${KEYHSM_PRELOAD:+env LD_PRELOAD="$KEYHSM_PRELOAD"} openssl s_server -unix "$WORK/s.sock" \
      -cert "$WORK/$name.crt" -key "keyhsm:$name" -naccept 1 -rev >"$WORK/s.log" 2>&1 &
    DAEMONS+=("$!")
    wait_for "s_server" test -S "$WORK/s.sock"
    STATUS=0
    openssl s_client -unix "$WORK/s.sock" -CAfile "$WORK/$name.crt" -verify_return_error "-$version" -servername localhost \
      </dev/null >"$WORK/out" 2>&1 || STATUS=$?
    check_eq "s_client -$version with the key $name" "$STATUS" 0
    check_has "verifies it" "$WORK/out" "Verify return code: 0 (ok)"
  done
done
check_has "with RSA-PSS" "$WORK/out" "RSA-PSS"

echo "# nginx with two workers, who may not read what root may"
# The certificates of authorities are read for every connection, and are no secret; the key was read by the master.
chmod 711 "$WORK"
chmod 644 "$WORK/ca.crt"
chmod 600 "$WORK/client.key"
server() {
  cat <<EOF
  server {
    listen unix:$WORK/$1.sock ssl; ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate $WORK/$1.crt; ssl_certificate_key $WORK/$1.pem; ssl_session_cache off; ssl_session_tickets off;
    location / { return 200 "hello\n"; }
  }
EOF
}
provider_nginx "$(server web; server rsa)"
wait_for "its socket" test -S "$WORK/rsa.sock"
# visit NAME [CURL_OPTION...]
visit() {
  local name=$1; shift
  STATUS=0
  curl -sS --max-time 20 --unix-socket "$WORK/$name.sock" --cacert "$WORK/$name.crt" "$@" https://localhost/ >"$WORK/out" 2>&1 || STATUS=$?
}
for name in web rsa; do
  for options in "--tlsv1.3" "--tls-max 1.2"; do
    # shellcheck disable=SC2086 # one or two words
    for _ in 1 2 3 4; do visit "$name" $options; done
    check_has "nginx with the key $name, $options" "$WORK/out" hello
  done
done

echo "# keyhsmd is restarted, the program and nginx are not"
mkfifo "$WORK/to-app" "$WORK/from-app" "$WORK/to-client" "$WORK/from-client"
exec 4<>"$WORK/to-app" 5<>"$WORK/from-app" 6<>"$WORK/to-client" 7<>"$WORK/from-client"
KEYHSM_PRELOAD='' with_provider "$KEYHSM_PROVIDER_SIGNER" serve keyhsm:web "$WORK/text" <"$WORK/to-app" >"$WORK/from-app" 2>&1 4>&- 5>&- 6>&- 7>&- &
DAEMONS+=("$!")
# asked: one signature more of the program that runs
asked() { echo >&4; IFS= read -r -t 20 ANSWER <&5 || ANSWER="no answer"; }
asked; check_eq "before" "$ANSWER" ok
stop_daemon
started=$(date +%s%N)
asked
elapsed=$((($(date +%s%N) - started) / 1000000))
check_eq "while it is down it fails, in words" "${ANSWER%%:*}" failed
echo "# '$ANSWER' after $elapsed ms"
visit web
check_eq "so does nginx's handshake" "$STATUS" 35
sed -i "s/^port = .*/port = $PORT/" "$WORK/keyhsm.ini"
start_daemon --backend pkcs11
asked; check_eq "after it" "$ANSWER" ok
visit web
check_has "and nginx" "$WORK/out" hello

echo "# the key is deleted in the middle of a session"
openssl s_client -unix "$WORK/web.sock" -CAfile "$WORK/web.crt" -verify_return_error -servername localhost -quiet \
  <"$WORK/to-client" >"$WORK/from-client" 2>&1 4>&- 5>&- 6>&- 7>&- &
DAEMONS+=("$!")
# greeted: whether the session's next answer is nginx's
greeted() {
  printf 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n' >&6
  while IFS= read -r -t 20 LINE <&7; do [ "$LINE" != hello ] || return 0; done
  return 1
}
check "a session" greeted
api_is "deleted" 204 DELETE /v1/keys/web
check "goes on" greeted
visit web
check_eq "a new one does not begin" "$STATUS" 35
check_has "and nginx's log says why" "$WORK/nginx.log" "web"
check_has "in words" "$WORK/nginx.log" "keyhsm"
asked
check_eq "nor does the program sign" "${ANSWER%%:*}" failed
echo "# '$ANSWER'"
visit rsa
check_has "the other key is as before" "$WORK/out" hello
api_is "undeleted" 200 POST /v1/keys/web/undelete
visit web
check_has "and back" "$WORK/out" hello
asked; check_eq "for the program, too" "$ANSWER" ok
finish
