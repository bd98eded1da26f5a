#!/bin/bash
# The loadable provider asks keytrusteed, by port and by socket: what the rules give a caller and what they do not, in words.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/provider_lab.sh"
make_pki
make_cert web ca clientAuth
use_backend pkcs11
write_ini "${BACKEND_LINES[@]}"
start_daemon --backend pkcs11
BEHIND=$URL
mv "$WORK/keyhsm.ini" "$WORK/behind.ini"
export DAEMON=keytrusteed
write_ini "[backend.keyhsm]" "server = $BEHIND" "client_certificate = $WORK/client.crt" "client_key = $WORK/client.key" \
  "ca_file = $WORK/ca.crt" "[acl]" "web = allow get,use on web-* to CN=web" "look = allow get on shown to CN=web" \
  "ops = allow all on * to CN=client"
SOCKET=$WORK/d.sock
sed -i "s|^port = 0|&\nsocket = $SOCKET|" "$WORK/keyhsm.ini"
start_daemon --backend keyhsm
cd "$WORK"

make_key web-1 ec-p256 sign
make_key shown ec-p256 sign
make_key hidden ec-p256 sign
openssl genpkey -algorithm EC -pkeyopt group:P-256 -out own.pem 2>/dev/null
deposit web-deposit own.pem
deposit hidden-deposit own.pem
printf 'what is signed' >msg

# settings SERVER: of the caller web
settings() {
  provider_cnf "$WORK/provider.cnf" "server = $1" "cacert = $WORK/ca.crt" "client_certfile = $WORK/web.crt" "client_keyfile = $WORK/web.key"
}
for server in "$URL" "unix:$SOCKET"; do
  settings "$server"
  echo "# ${server%%:*}"
  works "a key it may use signs" openssl dgst -sha256 -sign keyhsm:web-1 -out sig msg
  works "  its public half is given" openssl pkey -in keyhsm:web-1 -pubout -out web.pub
  check "  and fits, without the provider" openssl dgst -sha256 -verify web.pub -signature sig msg
  works "a deposit it may read is a key, too" openssl pkey -in keyhsm:web-deposit -pubout -out deposit.pub
  check "  the one that was put" cmp deposit.pub <(openssl pkey -in own.pem -pubout)
  works "a key it may look at is looked at" openssl pkey -in keyhsm:shown -pubout -out shown.pub
  rm -f sig
  fails_with "  and not used" "no rule in [acl] allows this to you" openssl dgst -sha256 -sign keyhsm:shown -out sig msg
  check "  there is no signature" test ! -s sig
  fails_with "a key it has no right to" "no rule in [acl] allows this to you" openssl pkey -in keyhsm:hidden -pubout
  fails_with "a deposit it has no right to" "no rule in [acl] allows this to you" openssl storeutl keyhsm:hidden-deposit
done
check_eq "each refused use is recorded" "$(grep -c '"operation":"key.use","deposit":"shown","version":"","status":403' audit.log)" 2
check "and who was refused a deposit" grep -q '"principal":"CN=web".*"operation":"get","deposit":"hidden-deposit","version":"","status":403' audit.log

echo "# a socket that is not there, a server of another name"
settings "unix:$WORK/none.sock"
fails_with "nobody listens" "unix:$WORK/none.sock: No such file" openssl pkey -in keyhsm:web-1 -pubout
settings "unix:$SOCKET"
echo "server_name = elsewhere.example.com" >>"$WORK/provider.cnf"
fails_with "another server than was asked for" "elsewhere.example.com" openssl pkey -in keyhsm:web-1 -pubout
finish
