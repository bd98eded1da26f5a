# PEM files that hold only a URI, in programs that read keys from files: nginx, curl, openssl. The keys are deposits, and
# never on the disk.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/provider_lab.sh"
make_pki
use_backend pkcs11
write_ini "${BACKEND_LINES[@]}"
start_daemon --backend pkcs11
mapfile -t lines < <(provider_lines)
provider_cnf "$WORK/provider.cnf" "${lines[@]}"

# Keys that are made elsewhere, and nowhere on the disk but in envelopes: a file system in memory plays elsewhere.
ELSEWHERE=$(mktemp -d /dev/shm/keyhsm-it-XXXXXX)
farewell() {
  local status=$?
  rm -rf "$ELSEWHERE"
  if [ "$status" = 0 ]; then provider_farewell; else (exit "$status") || provider_farewell; fi
}
trap farewell EXIT
make_ca site
for name in web caller; do
  make_cert "$name" site serverAuth,clientAuth
  mv "$WORK/$name.key" "$ELSEWHERE/$name"
  deposit "$name" "$ELSEWHERE/$name"
  uri_file "keyhsm:$name" >"$WORK/$name.pem"
done
openssl rsa -in <(openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 2>/dev/null) -traditional \
  -out "$ELSEWHERE/rsa" 2>/dev/null
openssl pkey -in "$ELSEWHERE/web" -aes256 -passout pass:new -out "$ELSEWHERE/enc"
deposit rsa "$ELSEWHERE/rsa"
deposit enc "$ELSEWHERE/enc"
deposit cert "$WORK/web.crt"
head -c 32 /dev/urandom >"$WORK/raw"
deposit raw "$WORK/raw"

echo "# openssl reads it as a key"
for name in web caller rsa; do
  uri_file "keyhsm:$name" >"$WORK/uri.pem"
  works "the key of $name" openssl pkey -in "$WORK/uri.pem" -pubout
  check_eq "is that key" "$(cat "$WORK/out")" "$(openssl pkey -in "$ELSEWHERE/$name" -pubout)"
done
uri_file "keyhsm:enc" >"$WORK/uri.pem"
works "one with a passphrase" openssl pkey -in "$WORK/uri.pem" -passin pass:new -noout
fails_with "and a wrong one" "rror" openssl pkey -in "$WORK/uri.pem" -passin pass:wrong -noout
uri_file "keyhsm:web?version=0" >"$WORK/uri.pem"
works "of a version" openssl pkey -in "$WORK/uri.pem" -noout
cat "$WORK/web.crt" "$WORK/web.pem" >"$WORK/uri.pem"
works "behind its certificate" openssl pkey -in "$WORK/uri.pem" -noout
works "the certificate before it" openssl x509 -in "$WORK/uri.pem" -noout
works "other files are read as ever" openssl pkey -in "$WORK/client.key" -noout
for wrong in keyhsm:nobody:"unknown name" keyhsm:raw:"a raw secret" keyhsm:cert:"a certificate" keyhsm:a/b:"bad uri"; do
  uri_file "${wrong%:*}" >"$WORK/uri.pem"
  fails_with "the file with ${wrong%:*}" "${wrong##*:}" openssl pkey -in "$WORK/uri.pem" -noout
done

echo "# nginx"
provider_nginx "  server {
    listen unix:$WORK/web.sock ssl;
    ssl_certificate $WORK/web.crt;
    ssl_certificate_key $WORK/web.pem;
    ssl_client_certificate $WORK/site.crt;
    ssl_verify_client on;
    location / { return 200 'hello \$ssl_client_s_dn\n'; }
  }"
wait_for "its socket" test -S "$WORK/web.sock"
# visit: curl with its key behind a URI, too
visit() {
  ask curl -sS --max-time 20 --unix-socket "$WORK/web.sock" --cacert "$WORK/site.crt" --cert "$WORK/caller.crt" \
    --key "$WORK/caller.pem" https://localhost/
}
visit
check_has "nginx and curl, each with a key behind a URI" "$WORK/out" "hello CN=caller"

echo "# keyhsmd is restarted, nginx is not"
stop_daemon
visit
check_has "curl says that the daemon is down" "$WORK/out" "unable to set private key file"
PORT_BEFORE=$PORT
sed -i "s/^port = .*/port = $PORT_BEFORE/" "$WORK/keyhsm.ini"
start_daemon --backend pkcs11
visit
check_has "curl after it" "$WORK/out" "hello CN=caller"
kill -HUP "$NGINX"
wait_for "nginx to read its files again" grep -q "gracefully shutting down\|reconfiguring" "$WORK/nginx.log"
wait_for "the new workers" sh -c "[ \"\$(grep -c 'start worker process [0-9]' '$WORK/nginx.log')\" -ge 4 ]"
visit
check_has "nginx has read its key again, in the same process" "$WORK/out" "hello CN=caller"
check_lacks "without a complaint" "$WORK/nginx.log" "emerg"

echo "# s_server"
OPENSSL_CONF=$WORK/provider.cnf ${KEYHSM_PRELOAD:+env LD_PRELOAD="$KEYHSM_PRELOAD"} openssl s_server -unix "$WORK/s.sock" -cert "$WORK/web.crt" -key keyhsm:web -naccept 1 -rev >"$WORK/s.log" 2>&1 &
DAEMONS+=("$!")
wait_for "s_server" test -S "$WORK/s.sock"
STATUS=0
openssl s_client -unix "$WORK/s.sock" -CAfile "$WORK/site.crt" -verify_return_error -servername localhost </dev/null >"$WORK/out" 2>&1 || STATUS=$?
check_eq "s_server with keyhsm:web" "$STATUS" 0
check_has "is who it is" "$WORK/out" "Verify return code: 0 (ok)"

echo "# the disk"
for name in web caller rsa; do
  # A line in the middle of it, and a piece of the private number.
  line=$(sed -n 3p "$ELSEWHERE/$name")
  check_fails "no line of the key of $name below $WORK" grep -rqF -- "$line" "$WORK"
  openssl pkey -in "$ELSEWHERE/$name" -outform DER 2>/dev/null | tail -c +40 | head -c 24 >"$ELSEWHERE/piece"
  check_fails "nor a piece of its DER" python3 -c '
import os,sys
piece=open(sys.argv[1],"rb").read()
found=[f for d,_,fs in os.walk(sys.argv[2]) for f in fs
       if os.path.isfile(os.path.join(d,f)) and piece in open(os.path.join(d,f),"rb").read()]
sys.exit(0 if found else 1)' "$ELSEWHERE/piece" "$WORK"
done
check "curl writes nothing that it does not send" strace -f -o "$WORK/strace.log" -e trace=openat,creat,rename,memfd_create,unlink \
  env OPENSSL_CONF="$WORK/provider.cnf" curl -sS --max-time 20 --unix-socket "$WORK/web.sock" --cacert "$WORK/site.crt" \
  --cert "$WORK/caller.crt" --key "$WORK/caller.pem" https://localhost/
check_fails "strace: no file is opened for writing" grep -E 'O_WRONLY|O_RDWR|O_CREAT|creat\(|memfd' "$WORK/strace.log"
finish
