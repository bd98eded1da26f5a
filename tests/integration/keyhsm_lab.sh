# shellcheck shell=bash
# Shared by the tests of `ktadmin keyhsm`, after lib.sh: keyhsmd on a SoftHSM token, and legacy stores beside it.
#
# use_store NAME makes the store NAME current: STORE (its directory), INI (its keytrustee.ini), STATE (journals).

# Scratch files of one test are no other's, and a process that is killed may leave some.
export TMPDIR=$WORK/tmp
mkdir -p "$TMPDIR"

# start_keyhsmd [OPTION...]: on a new token; URL is where. It lets in whom authority `ca` vouches for.
start_keyhsmd() {
  make_pki
  use_backend pkcs11
  write_ini "${BACKEND_LINES[@]}"
  start_daemon --backend pkcs11 "$@"
}
# restart_keyhsmd: where it was before
restart_keyhsmd() { start_daemon --backend pkcs11 --set "server.port=$PORT"; }
kill_keyhsmd() { stop_daemon KILL 2>"$WORK/check.out"; }

# write_store_ini [LINE...]: keytrustee.ini of the current store
write_store_ini() {
  printf '%s\n' "# by hand" "[backend.softfile]" "directory = $STORE" "[memory]" "lock = preferred" \
    "[log]" "level = error" "$@" >"$INI"
}
use_store() {
  STORE=$WORK/$1/.keytrustee; INI=$WORK/$1/keytrustee.ini; STATE=$WORK/$1/migrations
  PIN=$STORE/.ssl/ssl-cert-keyhsm.pem
  [ -d "$WORK/$1" ] && return
  mkdir -p "$WORK/$1"
  write_store_ini
  tool init --confdir "$STORE" >"$WORK/check.out" 2>&1 || die "ktadmin init: $(cat "$WORK/check.out")"
}
# tool COMMAND...: ktadmin as root of a scratch place runs it
tool() {
  "$KEYHSM_BIN_DIR/ktadmin" "$@" --config "$WORK/tool.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR"
}
printf '%s\n' '[memory]' 'lock = preferred' '[log]' 'level = error' >"$WORK/tool.ini"
# put NAME...: each a deposit in the current store, with random data kept in $WORK/data-NAME
put() {
  local name
  for name in "$@"; do
    head -c 100 /dev/urandom >"$WORK/data-$name"
    tool deposit put "$name" "$WORK/data-$name" --backend softfile --set "backend.softfile.directory=$STORE" \
      >"$WORK/check.out" 2>&1 || die "put $name: $(cat "$WORK/check.out")"
  done
}
# put_many COUNT: deposits many-1 and so on
put_many() {
  local i
  for ((i = 1; i <= $1; i++)); do put "many-$i"; done
}

# identity NAME: the certificate that kth shows
identity() { CERT=(--client-certfile "$WORK/$1.crt" --client-keyfile "$WORK/$1.key"); }
identity client
# kth OPTION...: ktadmin keyhsm; STATUS, $WORK/out and $WORK/err
kth() {
  STATUS=0
  "$KEYHSM_BIN_DIR/ktadmin" keyhsm --server "$URL" "${CERT[@]}" --config "$INI" --state-dir "$STATE" \
    --plugin-dir "$KEYHSM_PLUGIN_DIR" "$@" >"$WORK/out" 2>"$WORK/err" || STATUS=$?
}
# kth_is TEXT WANTED_STATUS OPTION...: standard input is what the caller's is
kth_is() {
  local text=$1 wanted=$2; shift 2
  kth "$@"
  if [ "$STATUS" = "$wanted" ]; then ok "$text"
  else not_ok "$text" "status $STATUS, wanted $wanted: $(tail -c 900 "$WORK/err")"; fi
}
says() { check_has "$1" "$WORK/err" "$2"; }
# typed DIALOG... -- OPTION...: kth on a terminal (terminal.py); what it showed is in $WORK/tty
typed() {
  local dialog=()
  while [ "$1" != -- ]; do dialog+=("$1"); shift; done
  shift
  STATUS=0
  python3 "$KEYHSM_SOURCE_DIR/tests/integration/terminal.py" "${dialog[@]}" -- "$KEYHSM_BIN_DIR/ktadmin" keyhsm \
    --server "$URL" "${CERT[@]}" --config "$INI" --state-dir "$STATE" --plugin-dir "$KEYHSM_PLUGIN_DIR" "$@" \
    >"$WORK/tty" 2>&1 || STATUS=$?
}

# start_kth OPTION...: kth in the background; it answers nobody until something is written to descriptor 7.
# RUN is its pid.
start_kth() {
  rm -f "$WORK/answers"; mkfifo "$WORK/answers"
  "$KEYHSM_BIN_DIR/ktadmin" keyhsm --server "$URL" "${CERT[@]}" --config "$INI" --state-dir "$STATE" \
    --plugin-dir "$KEYHSM_PLUGIN_DIR" "$@" <"$WORK/answers" >"$WORK/run.out" 2>"$WORK/run.err" 7>&- &
  RUN=$!
  DAEMONS+=("$RUN")
  exec 7>"$WORK/answers"
}
# end_kth: STATUS
end_kth() {
  exec 7>&-
  STATUS=0
  wait "$RUN" 2>"$WORK/check.out" || STATUS=$?
}
asks() { grep -qF '[y/N]: ' "$WORK/run.out"; }

# tree: the current store and its configuration, without locks and reports; for "nothing was changed"
tree() {
  (cd "$(dirname "$INI")" && find . \( -name '*.lock' -o -name migrations \) -prune -o -type f -print0 | sort -z | xargs -0 sha256sum)
}
unchanged() { if [ "$(tree)" = "$BEFORE" ]; then ok "$1"; else not_ok "$1" "$(diff <(echo "$BEFORE") <(tree) | head -n 5)"; fi; }
sealed() { [ -e "$STORE/seal.json" ]; }
# backend_is TEXT NAME: what keytrustee.ini says
backend_is() {
  check_eq "$1" "$(sed -n '/^\[server\]/,/^\[backend/s/^backend = //p' "$INI")" "$2"
}
# behind_hsm TEXT NAME...: each is read from keyhsmd as it was put
behind_hsm() {
  local text=$1 name; shift
  for name in "$@"; do
    tool deposit get "$name" --server "$URL" --cacert "$WORK/ca.crt" --client-certfile "$WORK/client.crt" \
      --client-keyfile "$WORK/client.key" >"$WORK/got" 2>"$WORK/check.out" && cmp -s "$WORK/got" "$WORK/data-$name" ||
      { not_ok "$text" "$name: $(head -c 300 "$WORK/check.out")"; return; }
  done
  ok "$text"
}
# moved_count: deposits that keyhsmd holds
moved_count() { api GET '/v1/deposits?limit=1000'; [ "$STATUS" = 200 ] || return 1; grep -o '"name"' "$WORK/body" | wc -l; }
moved_some() { local n; n=$(moved_count) && [ "$n" -ge "$1" ]; }
