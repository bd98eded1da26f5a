# ktadmin service: keytrusteed started and stopped, as keyhsm does it for keyhsmd (keyhsm_service.sh).
source "$(dirname "$0")/lib.sh"
export DAEMON=keytrusteed
make_pki
use_backend softfile
write_ini "${BACKEND_LINES[@]}"
PLACES=(--pid-file "$WORK/run/keytrusteed.pid" --log-file "$WORK/log/keytrusteed.log")

# A tool in front of ktadmin, with the options of this test; the init script calls it.
mkdir "$WORK/sysv"
ln -s "$KEYHSM_BIN_DIR/keytrusteed" "$WORK/sysv/keytrusteed"
cat >"$WORK/sysv/ktadmin" <<EOF
#!/bin/sh
shift; verb=\$1; shift
exec $KEYHSM_BIN_DIR/ktadmin service "\$verb" --config $WORK/keyhsm.ini --plugin-dir $KEYHSM_PLUGIN_DIR \
  ${PLACES[*]} "\$@"
EOF
sed "s|@CMAKE_INSTALL_FULL_BINDIR@|$WORK/sysv|" "$KEYHSM_SOURCE_DIR/etc/init.d/keytrusteed.in" >"$WORK/sysv/init"
chmod 755 "$WORK"/sysv/*
# init_is TEXT STATUS WORDS ARGUMENT...
init_is() {
  local text=$1 wanted=$2 words=$3; shift 3
  STATUS=0; "$WORK/sysv/init" "$@" >"$WORK/said" 2>&1 </dev/null || STATUS=$?
  check_eq "$text: status" "$STATUS" "$wanted"
  [ -z "$words" ] || check_has "$text: says so" "$WORK/said" "$words"
  PID=$(cat "$WORK/run/keytrusteed.pid" 2>/dev/null || true)
  [ -z "$PID" ] || DAEMONS+=("$PID")
}

init_is "status of none" 3 "keytrusteed is not running" status
init_is "try-restart of none" 0 "" try-restart
init_is "start" 0 "keytrusteed started (process " start
PORT=$(cat "$WORK/port"); URL=https://localhost:$PORT
api_is "it serves" 200 GET /readyz
FIRST=$PID
init_is "start again" 0 "is running (process $FIRST)" start
init_is "status" 0 "keytrusteed is running (process $FIRST)" status
init_is "reload" 0 "reads certificates and trust again" force-reload
init_is "a broken configuration" 2 "left as it is" restart --set acl.x=nonsense
check_eq "it goes on" "$PID" "$FIRST"
init_is "restart" 0 "keytrusteed started" restart
check "is another process" test "$PID" != "$FIRST"
init_is "stop" 0 "keytrusteed stopped" stop
init_is "stop again" 0 "keytrusteed is not running" stop
init_is "what does not start says why" 1 "keytrusteed did not start: " start --set backend.softfile.create=no \
  --set "backend.softfile.directory=$WORK/nowhere"
init_is "a secret of a backend it does not open is not asked for" 0 "keytrusteed started" start \
  --set backend.pkcs11.pin_source=prompt
init_is "stop" 0 "keytrusteed stopped" stop
init_is "another verb" 2 "Usage:" dance
STATUS=0
"$KEYHSM_BIN_DIR/ktadmin" service >"$WORK/said" 2>&1 || STATUS=$?
check_eq "no verb" "$STATUS" 2
check_has "lists them" "$WORK/said" shutdown
finish
