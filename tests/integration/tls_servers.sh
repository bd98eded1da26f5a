#!/bin/bash
# Servers that a client must not talk to: each is refused by ktadmin in the handshake, with the reason, and has
# not seen a request. What the daemon refuses to start with is in lifecycle.sh.
. "$(dirname "$0")/lib.sh"
make_pki
make_ca other
make_cert old ca serverAuth 20200101000000Z 20200201000000Z
make_cert future ca serverAuth 20480101000000Z 20490101000000Z
SAN=DNS:keyhsm01.example.com make_cert elsewhere ca serverAuth
SAN='DNS:*.example.com' make_cert star ca serverAuth
make_cert wrong_use ca clientAuth
make_cert foreign other serverAuth
make_self_signed alone serverAuth
use_backend softfile
write_ini "${BACKEND_LINES[@]}"
: >"$WORK/none.ini"

# deposit VERB NAME [FILE]
deposit() {
  "$KEYHSM_BIN_DIR/ktadmin" deposit "$@" --set memory.lock=preferred --config "$WORK/none.ini" --server "$URL" \
    --cacert "$WORK/ca.crt" --client-certfile "$WORK/client.crt" --client-keyfile "$WORK/client.key" \
    >"$WORK/out" 2>"$WORK/err" </dev/null
}
# refused TEXT NAME REASON: a daemon with that certificate
refused() {
  local text=$1 name=$2 reason=$3 status=0
  start_daemon --backend softfile --set "tls.certificate=$WORK/$name.crt" --set "tls.private_key=$WORK/$name.key"
  deposit get one || status=$?
  check_eq "$text: exit status" "$status" 5
  check_eq "  nothing is given" "$(wc -c <"$WORK/out")" 0
  check_has "  it says '$reason'" "$WORK/err" "$reason"
  check_has "  and which server" "$WORK/err" "localhost:$PORT"
  stop_daemon
  check_lacks "  no request was sent" "$WORK/keyhsmd.log" "access id="
}

start_daemon --backend softfile
printf secret >"$WORK/one"
check "the right server takes a deposit" deposit put one "$WORK/one"
check "and gives it" deposit get one
check "as it was" cmp "$WORK/one" "$WORK/out"
check_has "its log knows the requests" "$WORK/keyhsmd.log" "access id="
stop_daemon
: >"$WORK/keyhsmd.log"
refused "expired" old "certificate has expired"
refused "not valid yet" future "not yet valid"
refused "another name" elsewhere "localhost"
refused "a wildcard of elsewhere" star "localhost"
refused "for clients" wrong_use "unsuitable certificate purpose"
refused "a foreign authority" foreign "unable to get local issuer"
refused "self-signed" alone "self-signed certificate"
finish
