# keytrusteed killed under writers: what it answered is in the audit log, which is one chain over all starts; and a
# log that somebody has worked on in between is not gone on with.
source "$(dirname "$0")/lib.sh"
export DAEMON=keytrusteed
make_pki
use_backend softfile
write_ini "${BACKEND_LINES[@]}" "[acl]" "owner = allow all on * to CN=client"
LOG=$WORK/audit.log
verify() { "$KEYHSM_BIN_DIR/ktadmin" audit verify "$@"; }
# said NAME: "last" or "head" of a verification
said() { verify "$LOG" | sed -n "s/^$1 *//p"; }

for round in 1 2 3; do
  start_daemon
  client load 8 "$WORK/names" &
  load=$!
  DAEMONS+=("$load")
  enough() { [ "$(wc -l <"$WORK/names" 2>/dev/null || echo 0)" -ge $((round * 60)) ]; }
  wait_for "deposits in round $round" enough
  verify "$LOG" >"$WORK/out" 2>&1 || not_ok "round $round: right while it is written" "$(cat "$WORK/out")"
  stop_daemon KILL
  wait "$load" || true
  check "round $round: right after the kill" verify "$LOG"
done
start_daemon
grep '"operation":"put".*"status":201' "$LOG" | grep -oE '"deposit":"[^"]*"' | cut -d'"' -f4 | sort >"$WORK/audited"
check "deposits were made" test "$(sort -u "$WORK/names" | wc -l)" -ge 180
check_eq "every one that was answered is in the log" "$(sort -u "$WORK/names" | comm -23 - "$WORK/audited" | wc -l)" 0
check_eq "the starts are, too" "$(grep -c '"operation":"audit.start"' "$LOG")" 4
check_has "the daemon's log names the head" "$WORK/keytrusteed.log" "the audit log goes on behind entry"

echo "# a second daemon"
status=0
"$KEYHSM_BIN_DIR/keytrusteed" --config "$WORK/keyhsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" >"$WORK/out" 2>&1 || status=$?
check "it is refused" test "$status" -ne 0
check_has "  and says who has what" "$WORK/out" "in use by process $PID"
stop_daemon
check_eq "the first one ends as told" "$STATUS" 0
LAST=$(said last) HEAD=$(said head)
check_has "its log has the head at the end" "$WORK/keytrusteed.log" "ends at entry $LAST, head $HEAD"

echo "# torn by a power cut"
printf '{"seq":%d,"time":"20' $((LAST + 1)) >>"$LOG"
start_daemon
check_has "it says so" "$WORK/keytrusteed.log" "its last write was interrupted"
api_is "and serves" 201 PUT /v1/deposits/after -H 'Content-Type: application/octet-stream' --data-binary x
stop_daemon
check "the chain goes on" verify "$LOG" --expect "$HEAD" --expect-seq "$LAST"
check_has "  behind an audit.recover" "$LOG" '"operation":"audit.recover"'

# refused TEXT WORDS: the daemon does not start, and says why
refused() {
  local status=0
  "$KEYHSM_BIN_DIR/keytrusteed" --config "$WORK/keyhsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" >"$WORK/out" 2>&1 || status=$?
  check "$1: it does not start" test "$status" -ne 0
  check_has "$1: and says why" "$WORK/out" "$2"
}
echo "# worked on while nothing ran"
cp -p "$LOG" "$WORK/right"
sed -i '$s/"deposit":"after"/"deposit":"other"/' "$LOG"
refused "an edited last line" "its last line is no entry that was written"
sed '$d' "$WORK/right" >"$LOG"
refused "a removed last line" "entries were removed"
mv "$LOG" "$WORK/evidence"
start_daemon
stop_daemon
check "moved away as the message says: the chain goes on" verify "$WORK/right" "$LOG" --expect "$HEAD"
check_fails "but not behind what was worked on" verify "$WORK/evidence" "$LOG"
finish
