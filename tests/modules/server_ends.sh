#!/bin/bash
# server_ends.sh p11kit: the server behind the socket ends under a keyhsmd at work. It says that the token is away, lives on, and
# serves again once there is a server.
# shellcheck source=tests/modules/lib.sh
. "$(dirname "$0")/lib.sh"
module_enter "$0" "$@"
# shellcheck source=tests/integration/lib.sh
source "$(dirname "$0")/../integration/lib.sh"
module_up "$1" "$WORK/token"
mkdir -m 700 "$WORK/catalog"
make_pki
write_ini "[backend.pkcs11]" "module = $MODULE" "token_label = $MODULE_LABEL" "pin_source = file:$MODULE_PIN_FILE" \
  "state_dir = $WORK/catalog" "key_scope = epoch" "call_deadline = 5s" "${MODULE_LINES[@]}"
start_daemon --backend=pkcs11
pin client

# It is asked now and then only.
ready_is() { api GET /readyz; [ "$STATUS" = "$1" ]; }

api_is "a deposit" 201 PUT /v1/deposits/one -H 'Content-Type: application/octet-stream' --data-binary secret
api_is "is read" 200 GET /v1/deposits/one
api_is "the token is well" 200 GET /readyz

# The server makes a process of itself for each client.
pkill -KILL -P "$MODULE_SERVER" || die "the server serves nobody"
kill -KILL "$MODULE_SERVER"
wait "$MODULE_SERVER" 2>/dev/null || true
rm -f "$WORK/token/socket"
api_is "without the server it is not read" 503 GET /v1/deposits/one
# The public half of an open epoch is in the daemon: sealing asks nothing of the token.
api_is "one is sealed for the open epoch" 201 PUT /v1/deposits/two -H 'Content-Type: application/octet-stream' \
  --data-binary second
check "the daemon lives" kill -0 "$PID"
wait_for "a daemon that is not ready" ready_is 503
ok "and is not ready before long"

module_p11kit_serve "$WORK/token" "$SOFTHSM2_MODULE"
again() { api GET /v1/deposits/one; [ "$STATUS" = 200 ]; }
wait_for "the recovery" again
ok "with a new one the deposit is read"
api GET /v1/deposits/one -H 'Accept: application/octet-stream'
check_eq "as it was" "$(cat "$WORK/body")" secret
api GET /v1/deposits/two -H 'Accept: application/octet-stream'
check_eq "and what was sealed meanwhile" "$(cat "$WORK/body")" second
api_is "and one made" 201 PUT /v1/deposits/three -H 'Content-Type: application/octet-stream' --data-binary third
wait_for "a daemon that is ready" ready_is 200
ok "ready again"
check_has "which the log says" "$WORK/keyhsmd.log" "recovered"
stop_daemon
check_eq "it ends well" "$STATUS" 0
finish
