#!/bin/bash
# One end-to-end run under memcheck: a legacy store, its migration behind a token, and a daemon that serves it.
# An error or a definite leak in any of the programs fails it.
. "$(dirname "$0")/lib.sh"

make_pki
export SOFTHSM2_CONF=$WORK/softhsm2.conf
mkdir -p "$WORK/tokens" "$WORK/state"
printf '%s\n' "directories.tokendir = $WORK/tokens" "objectstore.backend = file" "log.level = ERROR" \
  "slots.removable = false" >"$SOFTHSM2_CONF"
printf 1234 >"$WORK/pin"
softhsm2-util --init-token --free --label lab --so-pin 12345678 --pin 1234 >/dev/null
write_ini '[backend.softfile]' "directory = $WORK/store" '[backend.pkcs11]' "module = $SOFTHSM2_MODULE" \
  "token_label = lab" "pin_source = file:$WORK/pin" "state_dir = $WORK/state" "softhsm2_conf = $SOFTHSM2_CONF"

# under_memcheck NAME PROGRAM OPTION...: sets COMMAND; its report is NAME.log
under_memcheck() {
  local name=$1 program=$2
  shift 2
  COMMAND=(valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite --num-callers=30
    "--log-file=$WORK/$name.log" "$KEYHSM_BIN_DIR/$program" "$@" --config "$WORK/keyhsm.ini"
    --plugin-dir "$KEYHSM_PLUGIN_DIR")
}
memcheck() { under_memcheck "$@"; "${COMMAND[@]}"; }
# "==PID==" begins what memcheck found; "--PID--" what it does not know itself (mlock2).
clean() { check_fails "$1 is clean" grep '^==' "$WORK/$1.log"; }

check "init" memcheck init ktadmin init --confdir "$WORK/store"
clean init
head -c 1000 /dev/urandom >"$WORK/data"
check "put" memcheck put ktadmin deposit put one "$WORK/data" -a k=v --backend softfile
clean put
check "roll" memcheck roll ktadmin deposit roll one "$WORK/pin" --backend softfile
clean roll
check "put of empty data" memcheck empty ktadmin deposit put two /dev/null --backend softfile
clean empty
check "list" memcheck list ktadmin deposit list --long --json --backend softfile
clean list
check "dry run" memcheck dry-run ktmigrate --from softfile --to pkcs11 --state-dir "$WORK/migration" --dry-run
clean dry-run
check "migration" memcheck migration ktmigrate --from softfile --to pkcs11 --state-dir "$WORK/migration" --yes
clean migration

under_memcheck daemon keyhsmd --backend pkcs11
"${COMMAND[@]}" >"$WORK/keyhsmd.log" 2>&1 &
PID=$!
DAEMONS+=("$PID")
wait_for "the daemon's port" daemon_open
URL=https://localhost:$(cat "$WORK/port")
api_is "a deposit is served" 200 GET "/v1/deposits/one?version=0" -H "Accept: application/octet-stream"
check "byte for byte" cmp "$WORK/data" "$WORK/body"
api_is "one is made" 201 PUT /v1/deposits/three -H "Content-Type: application/octet-stream" --data-binary "@$WORK/data"
api_is "rolled" 201 POST /v1/deposits/three/versions -H "Content-Type: application/json" -d '{"data":"AAE="}'
api_is "listed" 200 GET /v1/deposits
api_is "purged" 200 POST /v1/deposits/three/purge
api_is "the token is tested" 200 GET /test_hsm
check "ktadmin on the daemon" memcheck show ktadmin deposit show one --server "$URL" --cacert "$WORK/ca.crt" \
  --client-certfile "$WORK/client.crt" --client-keyfile "$WORK/client.key"
clean show
stop_daemon
check_eq "the daemon ends as told" "$STATUS" 0
clean daemon

finish
