# The socket beside the port: the same TLS and the same rules, its permissions, what is left over and what is not.
# Usage: socket.sh keyhsmd|keytrusteed
source "$(dirname "$0")/lib.sh"
export DAEMON=$1
make_pki
make_ca other
make_cert foreign other clientAuth
make_cert nobody ca clientAuth
use_backend softfile
SOCKET=$WORK/run/d.sock
mkdir "$WORK/run"
acl=()
[ "$DAEMON" = keyhsmd ] || acl=("[acl]" "a = allow all on * to CN=client")
write_ini "${BACKEND_LINES[@]}" "${acl[@]}"
sed -i "s|^port = 0|&\nsocket = $SOCKET|" "$WORK/keyhsm.ini"
backend=(--backend softfile)

# through the socket, as `api`
local_api() { api "$@" --unix-socket "$SOCKET"; }
local_is() {
  local text=$1 wanted=$2; shift 2
  local_api "$@"
  check_eq "$text" "$STATUS" "$wanted"
}
inode() { stat -c %i "$SOCKET"; }

start_daemon "${backend[@]}"
echo "# who is let in"
local_is "a certificate that is trusted" 200 GET /v1/deposits
check_eq "  over TLS that names the host" "$(URL=https://localhost:1 local_api GET /healthz; echo "$STATUS")" 200
URL=https://elsewhere:1 local_api GET /healthz
check_eq "  and no other name" "$STATUS" 000
CLIENT=foreign local_is "one that is not" 000 GET /healthz
check_fails "a file without TLS" curl -sS --max-time 10 --unix-socket "$SOCKET" http://localhost/healthz
stranger GET /v1/deposits --unix-socket "$SOCKET"
if [ "$DAEMON" = keyhsmd ]; then check_eq "none" "$STATUS" 000
else
  check_eq "none" "$STATUS" 401
  CLIENT=nobody local_is "one without a rule" 403 GET /v1/deposits
fi
api_is "the port goes on" 200 GET /v1/deposits
check_has "the log names both" "$WORK/$DAEMON.log" "and $SOCKET"
check_eq "permissions are the default" "$(stat -c %a "$SOCKET")" 660

kt=("$KEYHSM_BIN_DIR/ktadmin" deposit list --set memory.lock=preferred --cacert "$WORK/ca.crt"
  --client-certfile "$WORK/client.crt" --client-keyfile "$WORK/client.key")
check "ktadmin comes over it" "${kt[@]}" --server https://localhost --unix-socket "$SOCKET"
check_fails "  and names it when nobody is there" "${kt[@]}" --server https://localhost --unix-socket "$WORK/nowhere.sock"
check_has "  in words" "$WORK/check.out" "nobody listens on the socket $WORK/nowhere.sock"
check_fails "  a socket belongs to --server" "$KEYHSM_BIN_DIR/ktadmin" deposit list --backend x --unix-socket "$SOCKET"
check_has "  it says" "$WORK/check.out" "belong to --server"

echo "# a second daemon"
cp "$WORK/keyhsm.ini" "$WORK/first.ini"
sed -i "s|^directory = .*|directory = $WORK/store2|; s|^port_file = .*|port_file = $WORK/port2|; s|/audit.log|/audit2.log|" "$WORK/keyhsm.ini"
check_fails "does not take the socket away" "$KEYHSM_BIN_DIR/$DAEMON" --config "$WORK/keyhsm.ini" \
  --plugin-dir "$KEYHSM_PLUGIN_DIR" "${backend[@]}"
check_has "  and says why" "$WORK/check.out" "another process listens on it"
local_is "the first goes on" 200 GET /v1/deposits
cp "$WORK/first.ini" "$WORK/keyhsm.ini"

echo "# the end, and what is left over"
stop_daemon
check_eq "it stops" "$STATUS" 0
check_fails "the socket is gone" test -e "$SOCKET"
start_daemon "${backend[@]}"
stop_daemon KILL
check "one that was killed leaves it" test -S "$SOCKET"
start_daemon "${backend[@]}"
local_is "the next one takes its place" 200 GET /v1/deposits
rm "$SOCKET"
python3 -c 'import socket,sys; s=socket.socket(socket.AF_UNIX); s.bind(sys.argv[1])' "$SOCKET"
OTHER=$(inode)
stop_daemon
check_eq "a socket that is another's is not removed" "$(inode)" "$OTHER"

echo "# places that are refused"
rm "$SOCKET"; echo precious >"$SOCKET"
run() { "$KEYHSM_BIN_DIR/$DAEMON" --config "$WORK/keyhsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" "${backend[@]}" "$@"; }
check_fails "a file" run
check_has "  is named" "$WORK/check.out" "is no socket; it is left alone"
check_eq "  and left alone" "$(cat "$SOCKET")" precious
rm "$SOCKET"; ln -s "$WORK/nowhere" "$SOCKET"
check_fails "a link" run
check_has "  is left alone" "$WORK/check.out" "is no socket"
rm "$SOCKET"
sed -i "s|^socket = .*|socket = $WORK/missing/d.sock|" "$WORK/keyhsm.ini"
check_fails "a directory that is missing" run
check_has "  is named" "$WORK/check.out" "cannot listen on '$WORK/missing/d.sock'"
long=$WORK/$(printf '%0120d' 0)
sed -i "s|^socket = .*|socket = $long|" "$WORK/keyhsm.ini"
check_fails "a path that is too long" run --check-config
check_has "  is known before" "$WORK/check.out" "a socket's path"

echo "# permissions"
sed -i "s|^socket = .*|socket = $SOCKET\nsocket_mode = 0600|" "$WORK/keyhsm.ini"
start_daemon "${backend[@]}"
check_eq "as they are set" "$(stat -c %a "$SOCKET")" 600
sed -i "s|^socket_mode = .*|socket_mode = 0777|" "$WORK/keyhsm.ini"
check_fails "others are refused" run --check-config
finish
