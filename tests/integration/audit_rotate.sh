# etc/keytrustee.logrotate with the real logrotate, under writers: no entry is lost and the chain goes on.
source "$(dirname "$0")/lib.sh"
PATH=$PATH:/usr/sbin
LOG=$WORK/audit.log
command -v logrotate >/dev/null || die "no logrotate; run scripts/install-deps"
"$KEYHSM_AUDIT_SCRIBE" "$LOG" 4 1000000 >"$WORK/done" &
PID=$!
DAEMONS+=("$PID")
# As it is installed, but for the file, the way to the writer, and an owner that may be anybody.
sed "s|/var/log/keytrustee/audit.log|$LOG|; s|^ *systemctl .*|kill -HUP $PID|" \
  "$KEYHSM_SOURCE_DIR/etc/keytrustee.logrotate" >"$WORK/logrotate.conf"
chmod 600 "$WORK/logrotate.conf"
check_has "the installed file names the audit log" "$KEYHSM_SOURCE_DIR/etc/keytrustee.logrotate" /var/log/keytrustee/audit.log
check_has "the copy signals the writer" "$WORK/logrotate.conf" "kill -HUP $PID"

for round in 1 2 3; do
  before=$(wc -l <"$WORK/done")
  more() { [ "$(wc -l <"$WORK/done")" -gt $((before + 50)) ]; }
  wait_for "entries before rotation $round" more
  check "rotation $round" logrotate --force --state "$WORK/state" "$WORK/logrotate.conf"
  wait_for "the new file" test -s "$LOG"
  check_eq "rotation $round: it begins with audit.rotate" \
    "$(head -n 1 "$LOG" | grep -c '"operation":"audit.rotate"')" 1
  check_eq "rotation $round: its mode" "$(stat -c %a "$LOG")" 640
done
before=$(wc -l <"$WORK/done")
wait_for "entries after the last rotation" more
kill -KILL "$PID"
wait "$PID" 2>/dev/null || true
check "the older ones are compressed" test -s "$LOG.3.gz" -a -s "$LOG.2.gz" -a -s "$LOG.1"
zcat "$LOG.3.gz" "$LOG.2.gz" | cat - "$LOG.1" "$LOG" >"$WORK/all"
verify() { zcat "$LOG.3.gz" "$LOG.2.gz" | "$KEYHSM_BIN_DIR/ktadmin" audit verify - "$LOG.1" "$LOG"; }
check "all files are one chain" verify
verify >"$WORK/said" 2>&1
check_has "from the first entry" "$WORK/said" "first          1"
check_eq "every acknowledged entry is there, once" \
  "$(sed -n 's/^\(d[0-9]*-[0-9]*\)\.$/"\1"/p' "$WORK/done" | sort | comm -23 - <(grep -oE '"d[0-9]+-[0-9]+"' "$WORK/all" | sort) | wc -l)" 0
finish
