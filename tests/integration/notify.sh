# A daemon under a service manager: what it says on its notification socket (sd_notify(3)), its watchdog, and the
# PIN as a credential. The manager is a socket that writes down what it hears.
source "$(dirname "$0")/lib.sh"
make_pki
use_backend pkcs11
mkdir -m 700 "$WORK/credentials"
cp "$WORK/pin" "$WORK/credentials/pin"
BACKEND_LINES=("${BACKEND_LINES[@]/pin_source = *}" "pin_source = credential:pin")
write_ini "${BACKEND_LINES[@]}"

# Each message is one line, its own line ends as blanks.
python3 -c 'import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("listening", flush=True)
while True:
    print(s.recv(65536).decode().replace("\n", " "), flush=True)' "$WORK/manager" >"$WORK/heard" &
DAEMONS+=("$!")
wait_for "the manager" grep -q listening "$WORK/heard"
heard() { grep -c -- "$1" "$WORK/heard" || true; }
more_than() { [ "$(heard "$1")" -gt "$2" ]; }

export NOTIFY_SOCKET=$WORK/manager CREDENTIALS_DIRECTORY=$WORK/credentials
start_daemon
wait_for "readiness" more_than "READY=1 STATUS=Serving backend pkcs11 on localhost port $PORT" 0
ok "ready is said with what is served, once the port is open"
api_is "and it is" 200 GET /readyz
check_eq "no watchdog was asked for" "$(heard WATCHDOG)" 0
kill -HUP "$PID"
wait_for "the end of the reload" more_than READY=1 1
check_eq "a reload is announced, with its time" "$(heard 'RELOADING=1 MONOTONIC_USEC=[1-9]')" 1
stop_daemon
check_eq "stopping is said" "$(heard 'STOPPING=1')" 1
check_eq "and it ends as told" "$STATUS" 0

# Asked for a sign of life every 400 ms it gives one every 100.
export WATCHDOG_USEC=400000
start_daemon
wait_for "signs of life" more_than WATCHDOG=1 5
ok "the watchdog is fed"
stop_daemon
unset WATCHDOG_USEC

rm "$WORK/credentials/pin"
status=0
timeout 60 "$KEYHSM_BIN_DIR/keyhsmd" --config "$WORK/keyhsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" \
  >"$WORK/out" 2>&1 || status=$?
check "without its credential it does not start" test "$status" -ne 0
check_has "and names it" "$WORK/out" "$WORK/credentials/pin"
finish
