# keyhsm start, stop, shutdown, restart, reload, status: without systemd, in front of it, and as SysV script.
source "$(dirname "$0")/lib.sh"
make_pki
make_self_signed own serverAuth,clientAuth
use_backend pkcs11
write_ini "${BACKEND_LINES[@]}"
sed -i "s|server\.crt|own.crt|; s|server\.key|own.key|" "$WORK/keyhsm.ini"
KEYHSM=$KEYHSM_BIN_DIR/keyhsm
PLACES=(--pid-file "$WORK/run/keyhsmd.pid" --log-file "$WORK/log/daemon.log")
COMMON=(--config "$WORK/keyhsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" "${PLACES[@]}")

# keyhsm VERB [OPTION...]: what it says in $WORK/said, its STATUS. A daemon it starts must not outlive the test.
keyhsm() {
  local verb=$1; shift
  STATUS=0
  "$KEYHSM" "$verb" "${COMMON[@]}" "$@" >"$WORK/said" 2>&1 </dev/null || STATUS=$?
  PID=$(cat "$WORK/run/keyhsmd.pid" 2>/dev/null || true)
  [ -z "$PID" ] || DAEMONS+=("$PID")
}
# keyhsm_is TEXT STATUS WORDS VERB [OPTION...]
keyhsm_is() {
  local text=$1 wanted=$2 words=$3; shift 3
  keyhsm "$@"
  check_eq "$text: status" "$STATUS" "$wanted"
  check_has "$text: says so" "$WORK/said" "$words"
}
served() { PORT=$(cat "$WORK/port") URL=https://localhost:$(cat "$WORK/port"); api GET /readyz -k; echo "$STATUS"; }
gone() { ! readlink "/proc/$1/exe" >/dev/null; } # a process 1 that waits for nobody leaves a zombie

echo "# not running"
keyhsm_is "status" 3 "keyhsmd is not running" status
keyhsm_is "stop" 0 "keyhsmd is not running" stop
keyhsm_is "shutdown" 0 "keyhsmd is not running" shutdown
keyhsm_is "reload" 1 "keyhsmd is not running" reload
check "nothing was made" test ! -e "$WORK/run"

echo "# start and stop"
keyhsm_is "start" 0 "keyhsmd started (process " start
check_has "with what it serves" "$WORK/said" "Serving backend pkcs11 on localhost port $(cat "$WORK/port")"
check_eq "it is served when start returns" "$(served)" 200
FIRST=$PID
check_eq "in a session of its own" "$(ps -o sid= -p "$FIRST" | tr -d ' ')" "$FIRST"
check_eq "with nothing to read from" "$(readlink "/proc/$FIRST/fd/0")" /dev/null
check_has "it logs to the file" "$WORK/log/daemon.log" "Serving backend pkcs11"
keyhsm_is "start again" 0 "keyhsmd is running (process $FIRST)" start
check_eq "is the same one" "$PID" "$FIRST"
keyhsm_is "status" 0 "keyhsmd is running (process $FIRST) on localhost port" status
check_has "cannot ask for more" "$WORK/said" "keyhsm trust $WORK/own.crt"
check_lacks "and leaves no refusal" "$WORK/log/daemon.log" "client refused"
pin own
keyhsm_is "its own certificate trusted" 0 ", ready" status
keyhsm status --json
check_eq "as JSON" "$(python3 -c 'import json,sys; v=json.load(open(sys.argv[1]))
print(v["running"], v["ready"], v["pid"], v["manager"])' "$WORK/said")" "True True $FIRST keyhsm"
keyhsm_is "stop" 0 "keyhsmd stopped" stop
check "the process is gone" gone "$FIRST"
check_has "it finished" "$WORK/log/daemon.log" "stopped"
keyhsm_is "status" 3 "not running" status
keyhsm status --json
check_eq "as JSON" "$(python3 -c 'import json,sys; v=json.load(open(sys.argv[1]))
print(v["running"], "ready" in v, "pid" in v)' "$WORK/said")" "False False False"

echo "# what does not start says why"
keyhsm_is "a broken configuration" 2 "has no option 'prot'" start --set server.prot=1
keyhsm_is "one that only the daemon sees through" 2 "workers must be from 1 to 1024" start --set server.workers=0
keyhsm_is "no such token" 1 "keyhsmd did not start: backend pkcs11: no token 'vault'" start \
  --set backend.pkcs11.token_label=vault
check_has "and where it stands" "$WORK/said" "(see $WORK/log/daemon.log)"
printf '4321\n' >"$WORK/pin"
keyhsm_is "a wrong PIN" 1 "tried once" start
printf '1234\n' >"$WORK/pin"
keyhsm_is "said in a log of its own" 1 "no token 'vault'" start --set "log.target=file:$WORK/other.log" \
  --set backend.pkcs11.token_label=vault
openssl s_server -accept 0 -cert "$WORK/own.crt" -key "$WORK/own.key" >"$WORK/s_server.log" 2>&1 &
DAEMONS+=($!)
wait_for "a server of somebody else" grep -q ^ACCEPT "$WORK/s_server.log"
OTHER=$(sed -n 's/^ACCEPT.*:\([0-9]*\)$/\1/p' "$WORK/s_server.log" | head -n 1)
keyhsm_is "a port that is taken" 1 "port $OTHER" start --set "server.port=$OTHER"
keyhsm_is "a log that cannot be" 1 /proc/nowhere start --log-file /proc/nowhere/log
keyhsm_is "a relative path" 2 "absolute" start --pid-file here
keyhsm_is "no time at all" 2 "--timeout" start --timeout 0
keyhsm_is "an operand" 2 "only the word debug" start now
keyhsm_is "nothing runs after all that" 3 "not running" status

echo "# restart and reload"
keyhsm_is "restart starts it" 0 "keyhsmd started" restart
FIRST=$PID
keyhsm_is "restart" 0 "keyhsmd stopped" restart
check "is a new process" test "$PID" != "$FIRST"
check_eq "that serves" "$(served)" 200
SECOND=$PID
keyhsm_is "with a broken configuration" 2 "left as it is" restart --set server.workers=0
check_eq "it goes on" "$PID $(served)" "$SECOND 200"
keyhsm_is "reload" 0 "reads certificates and trust again" reload
wait_for "the reload" grep -q "reload: certificates and trust were read again" "$WORK/log/daemon.log"
cp "$WORK/client.key" "$WORK/own.key.good"; mv "$WORK/own.key" "$WORK/own.key.kept"; cp "$WORK/client.key" "$WORK/own.key"
keyhsm_is "a key that does not fit" 2 "does not fit" reload
mv "$WORK/own.key.kept" "$WORK/own.key"
check_eq "it goes on" "$PID $(served)" "$SECOND 200"

echo "# logrotate"
PATH=$PATH:/usr/sbin
sed "s|/var/log/keyhsm/keyhsm.log|$WORK/log/daemon.log|; s|/run/keyhsm|$WORK/run|" \
  "$KEYHSM_SOURCE_DIR/etc/keyhsm.logrotate" >"$WORK/logrotate.conf"
chmod 600 "$WORK/logrotate.conf"
check "rotates the log" logrotate --force --state "$WORK/rotated" "$WORK/logrotate.conf"
wait_for "the new file" grep -q "reload: certificates and trust were read again" "$WORK/log/daemon.log"
check "the old one is beside it" test -s "$WORK/log/daemon.log.1"
check_eq "it goes on" "$PID $(served)" "$SECOND 200"

echo "# crash, shutdown, many at once"
kill -KILL "$SECOND"
wait_for "its end" gone "$SECOND"
keyhsm_is "after kill -9" 3 "not running" status
check_eq "whatever the file says" "$(cat "$WORK/run/keyhsmd.pid")" "$SECOND"
check_fails "nor does logrotate believe it" pkill -0 -L -F "$WORK/run/keyhsmd.pid"
for i in 1 2 3 4 5 6; do
  "$KEYHSM" start "${COMMON[@]}" >"$WORK/said.$i" 2>&1 </dev/null &
  STARTS[i]=$!
done
WELL=0
for i in 1 2 3 4 5 6; do wait "${STARTS[i]}" && WELL=$((WELL + 1)); done
check_eq "one of six starts has started it" "$(cat "$WORK"/said.? | grep -c "keyhsmd started")" 1
check "at least that one says so" test "$WELL" -ge 1
keyhsm_is "shutdown" 0 "is told to end at once" shutdown
check "it is gone" gone "$PID"

echo "# secrets from a terminal"
python3 "$KEYHSM_SOURCE_DIR/tests/integration/terminal.py" "*Secret for [backend.pkcs11] pin_source: " 1234 -- \
  "$KEYHSM" start "${COMMON[@]}" --set backend.pkcs11.pin_source=prompt >"$WORK/said" 2>&1 || STATUS=$?
check_has "are asked for before it is started" "$WORK/said" "keyhsmd started"
DAEMONS+=("$(cat "$WORK/run/keyhsmd.pid")")
check_eq "and reach it" "$(served)" 200
check_lacks "not on its command line" <(tr '\0' ' ' <"/proc/${DAEMONS[-1]}/cmdline") 1234
keyhsm_is "start again asks nothing" 0 "is running" start --set backend.pkcs11.pin_source=prompt
keyhsm stop
keyhsm_is "without a terminal" 1 "no terminal" start --set backend.pkcs11.pin_source=prompt

echo "# start debug"
"$KEYHSM" start debug "${COMMON[@]}" >"$WORK/debug.log" 2>&1 </dev/null &
FOREGROUND=$!
DAEMONS+=("$FOREGROUND")
wait_for "the daemon in the foreground" grep -q "Serving backend" "$WORK/debug.log"
check_has "is the same process" <(tr '\0' ' ' <"/proc/$FOREGROUND/cmdline") "--log-level debug"
keyhsm_is "another is told who has the store" 1 "in use by process $FOREGROUND" start
keyhsm_is "status sees it" 0 "keyhsmd is running on localhost port" status
kill -TERM "$FOREGROUND"
wait "$FOREGROUND" && ok "and it ends as told"

# What asks for /run and systemd gets ones of its own. systemd cannot run here: a script writes down what
# systemctl is asked to do.
mkdir "$WORK/bin"
printf '#!/bin/sh\necho "systemctl $*" >>"%s"\n[ "$2" != is-active ]\n' "$WORK/asked" >"$WORK/bin/systemctl"
chmod 755 "$WORK/bin/systemctl"
# in_host SCRIPT: its output in $WORK/said
in_host() {
  STATUS=0
  : >"$WORK/asked"
  cat >"$WORK/host.sh" <<EOF
set -e
mount -t tmpfs none /run
export PATH=$WORK/bin:\$PATH
$1
EOF
  unshare --mount --pid --fork --kill-child --mount-proc bash "$WORK/host.sh" >"$WORK/said" 2>&1 </dev/null || STATUS=$?
}
with_systemd='mkdir -p /run/systemd/system; touch /run/systemd/system/keyhsmd.service'

echo "# systemd"
for verb in start stop shutdown; do
  in_host "$with_systemd; keyhsm=$KEYHSM; \$keyhsm $verb"
  check_eq "$verb: asks for" "$(cat "$WORK/asked")" "systemctl --no-pager ${verb/shutdown/stop} keyhsmd.service"
done
in_host "$with_systemd; $KEYHSM start --direct --config $WORK/absent.ini"
check_eq "--direct does not ask" "$STATUS$(cat "$WORK/asked")" 2
in_host "$with_systemd; $KEYHSM stop --set server.port=1 --plugin-dir $KEYHSM_PLUGIN_DIR --pid-file /run/x"
check_eq "nor does what the unit cannot know" "$(cat "$WORK/asked")" ""
PLUGIN_HOME=$({ "$KEYHSM" settings --backend nothing 2>&1 || true; } | sed -n 's|^[^/]*\(/.*/plugins\)[:/].*|\1|p')
cp -a /etc "$WORK/etc"
mkdir -p "$WORK/etc/keyhsm"
mounts="mount --bind $WORK/etc /etc; mount -t tmpfs none /usr/local; mkdir -p $PLUGIN_HOME
cp $KEYHSM_PLUGIN_DIR/*.so $PLUGIN_HOME"
for verb in restart reload; do
  cp "$WORK/keyhsm.ini" "$WORK/etc/keyhsm/keyhsm.ini"
  in_host "$mounts; $with_systemd; $KEYHSM $verb"
  check_eq "$verb: asks for" "$(cat "$WORK/asked")" "systemctl --no-pager $verb keyhsmd.service"
  printf '[openssl]\nproviders = nothing\n' >>"$WORK/etc/keyhsm/keyhsm.ini"
  in_host "$mounts; $with_systemd; $KEYHSM $verb"
  check_eq "$verb: not with a broken configuration" "$STATUS$(cat "$WORK/asked")" 2
done
in_host "mkdir -p /run/systemd/system; $KEYHSM stop --plugin-dir $KEYHSM_PLUGIN_DIR"
check_eq "nor without the unit" "$(cat "$WORK/asked")" ""

echo "# SysV script"
# Beside the init script stand keyhsm, with the options of this test, and keyhsmd.
mkdir "$WORK/sysv"
ln -s "$KEYHSM_BIN_DIR/keyhsmd" "$WORK/sysv/keyhsmd"
cat >"$WORK/sysv/keyhsm" <<EOF
#!/bin/sh
verb=\$1; shift
case \$verb in settings) set -- ;; *) set -- ${PLACES[*]} "\$@" ;; esac
exec $KEYHSM \$verb --config $WORK/keyhsm.ini --plugin-dir $KEYHSM_PLUGIN_DIR "\$@"
EOF
sed "s|@CMAKE_INSTALL_FULL_BINDIR@|$WORK/sysv|" "$KEYHSM_SOURCE_DIR/etc/init.d/keyhsm.in" >"$WORK/sysv/init"
chmod 755 "$WORK"/sysv/*
sysv() { local text=$1 wanted=$2 words=$3; shift 3
  STATUS=0; "$WORK/sysv/init" "$@" >"$WORK/said" 2>&1 </dev/null || STATUS=$?
  check_eq "$text: status" "$STATUS" "$wanted"
  [ -z "$words" ] || check_has "$text: says so" "$WORK/said" "$words"
  PID=$(cat "$WORK/run/keyhsmd.pid")
  [ -z "$PID" ] || DAEMONS+=("$PID")
}
sysv "status of none" 3 "not running" status
sysv "try-restart of none" 0 "" try-restart
check_eq "starts nothing" "$PID" ""
sysv "start" 0 "keyhsmd started" start
sysv "status" 0 "keyhsmd is running" status
sysv "force-reload" 0 "reads certificates" force-reload
sysv "try-restart" 0 "keyhsmd started" try-restart
sysv "the other commands" 0 "token_label = lab" settings
sysv "stop" 0 "keyhsmd stopped" stop
sysv "nothing" 2 "start debug"
finish
