# shellcheck shell=bash
# Shared, after lib.sh: keyhsmd on a SoftHSM token, and keytrusteed in front of it.
#
# HSM_INI and KT_INI are their configurations; start_hsm and start_trustee start them, with HSM_URL and KT_URL.
# `hsm METHOD PATH ...` and `trustee METHOD PATH ...` ask them, as `api` does.

make_pair() {
  make_pki
  use_backend pkcs11
  export DAEMON=keyhsmd
  HSM_INI=$WORK/hsm.ini KT_INI=$WORK/kt.ini
  write_ini "${BACKEND_LINES[@]}"
  mv "$WORK/keyhsm.ini" "$HSM_INI"
}
# start_hsm [OPTION...]: on the port it had before
start_hsm() {
  DAEMON=keyhsmd
  local fixed=()
  [ -z "${HSM_URL:-}" ] || fixed=(--set "server.port=${HSM_URL##*:}")
  cp "$HSM_INI" "$WORK/keyhsm.ini"
  start_daemon "${fixed[@]}" "$@"
  HSM_PID=$PID HSM_URL=$URL
}
# write_trustee_ini BACKEND: serves BACKEND; has the section of a keyhsmd with softfile, too, when WITH_HSM says so
write_trustee_ini() {
  DAEMON=keytrusteed
  local lines=("[backend.softfile]" "directory = $WORK/store" "create = yes")
  if [ "$1" = keyhsm ] || [ -n "${WITH_HSM:-}" ]; then
    lines+=("[backend.keyhsm]" "server = $HSM_URL" "client_certificate = $WORK/client.crt"
      "client_key = $WORK/client.key" "server_certificate = $WORK/server.crt")
  fi
  write_ini "${lines[@]}" "[acl]" "client = allow all on * to CN=client"
  sed -i "s/^\[server\]/[server]\nbackend = $1/" "$WORK/keyhsm.ini"
  mv "$WORK/keyhsm.ini" "$KT_INI"
}
start_trustee() {
  DAEMON=keytrusteed
  rm -f "$WORK/port"
  "$KEYHSM_BIN_DIR/keytrusteed" --config "$KT_INI" --plugin-dir "$KEYHSM_PLUGIN_DIR" "$@" \
    >>"$WORK/keytrusteed.log" 2>&1 &
  PID=$!
  DAEMONS+=("$PID")
  wait_for "keytrusteed's port" daemon_open
  KT_PID=$PID KT_URL=https://localhost:$(cat "$WORK/port")
}
# stop_pid PID [SIGNAL]: and waits for its end
stop_pid() { kill "-${2:-TERM}" "$1"; wait "$1" || true; }

hsm() { URL=$HSM_URL; api "$@"; }
trustee() { URL=$KT_URL; api "$@"; }

# number NAME[{LABELS}]: the value of a series of the last answer, "" when it is not there
number() { awk -v series="$1" '$0 !~ /^#/ && substr($0, 1, length(series) + 1) == series " " { print $NF }' "$WORK/body"; }
