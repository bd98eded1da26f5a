# ktadmin audit verify: what it says of a log that is right, edited, cut, swapped, rotated, killed.
source "$(dirname "$0")/lib.sh"
LOG=$WORK/audit.log
scribe() { "$KEYHSM_AUDIT_SCRIBE" "$@"; }
verify() { "$KEYHSM_BIN_DIR/ktadmin" audit verify "$@"; }
# verify_is TEXT STATUS WORDS ARGUMENT...: exit status, and what it says
verify_is() {
  local text=$1 wanted=$2 words=$3 status=0; shift 3
  verify "$@" >"$WORK/said" 2>&1 || status=$?
  check_eq "$text: status" "$status" "$wanted"
  check_has "$text: says so" "$WORK/said" "$words"
}
head_of() { verify "$1" | sed -n 's/^head *//p'; }

echo "# right"
scribe "$LOG" 1 20 >/dev/null
verify_is "a log" 0 "entries        21" "$LOG"
check_has "its last entry" "$WORK/said" "last           21"
HEAD=$(head_of "$LOG")
check_eq "the hash is the last line's" "$HEAD" "$(tail -n 1 "$LOG" | sed 's/.*"hash":"//; s/"}//')"
check_eq "and what sha256sum makes of that line" "$HEAD" \
  "$(tail -n 1 "$LOG" | sed 's/,"hash":"[0-9a-f]*"}$/}/' | tr -d '\n' | sha256sum | cut -d' ' -f1)"
check_eq "every line is JSON" "$(python3 -c 'import json,sys
print(sum(1 for l in open(sys.argv[1]) if json.loads(l)))' "$LOG")" 21
verify_is "by its noted hash" 0 "$HEAD" "$LOG" --expect "${HEAD^^}" --expect-seq 21
verify_is "on standard input" 0 "entries        21" - <"$LOG"
verify_is "as JSON" 0 '"right": true' --json "$LOG"

echo "# the configured file"
printf '[audit]\nfile = %s\n[acl]\nme = allow all on * to CN=me\n[memory]\nlock = preferred\n' "$LOG" >"$WORK/keytrustee.ini"
verify_is "without FILE" 0 "$HEAD" --config "$WORK/keytrustee.ini"
verify_is "set over the file" 4 "nowhere.log" --config "$WORK/keytrustee.ini" --set "audit.file=$WORK/nowhere.log"
verify_is "a wrong configuration" 2 "has no option 'fle'" --config "$WORK/keytrustee.ini" --set audit.fle=/x

echo "# broken"
sed '7s/"d1-5"/"d1-6"/' "$LOG" >"$WORK/edited"
verify_is "an edited byte" 1 "edited:7: was changed: its hash does not fit" "$WORK/edited"
check_has "what is right before it" "$WORK/said" "last           6"
sed 7d "$LOG" >"$WORK/deleted"
verify_is "a deleted line" 1 "deleted:7: entry 8 follows entry 6: lines are missing" "$WORK/deleted"
sed '7{h;d};8G' "$LOG" >"$WORK/swapped"
verify_is "swapped lines" 1 "swapped:7: entry 8 follows entry 6; entry 7 stands in line 8: the lines were reordered" \
  "$WORK/swapped"
head -n 15 "$LOG" >"$WORK/cut"
verify_is "a cut log by itself" 0 "last           15" "$WORK/cut"
verify_is "against the noted number" 1 "ends at entry 15; entry 21 was expected: it was truncated" "$WORK/cut" --expect-seq 21
verify_is "against the noted hash" 1 "no entry has the expected hash" "$WORK/cut" --expect "$HEAD"
scribe "$WORK/anew" 1 30 >/dev/null
verify_is "a log written anew" 1 "entry 21 has not the expected hash" "$WORK/anew" --expect "$HEAD" --expect-seq 21
verify_is "a fault as JSON" 1 '"right": false' --json "$WORK/edited"

echo "# wrong use"
verify_is "no hash" 2 "give the 64 hex digits" "$LOG" --expect abc
verify_is "no number" 2 "give the number of an entry" "$LOG" --expect-seq 0
verify_is "no file" 4 "nowhere" "$WORK/nowhere"
verify_is "a directory" 5 "cannot be read" "$WORK"

echo "# rotated"
mv "$LOG" "$LOG.1"
scribe "$LOG" 1 5 >/dev/null
verify_is "both files" 0 "entries        27" "$LOG.1" "$LOG" --expect "$HEAD"
verify_is "the new one alone" 0 "first          22" "$LOG"
verify_is "in the wrong order" 1 "$LOG.1:1: entry 1 follows entry 27" "$LOG" "$LOG.1"
gzip -k "$LOG.1"
check "compressed" bash -c "zcat '$LOG.1.gz' | '$KEYHSM_BIN_DIR/ktadmin' audit verify - '$LOG'"

echo "# killed while 8 threads write"
rm -f "$LOG"*
for round in 1 2 3 4 5; do
  rm -f "$WORK/done"
  "$KEYHSM_AUDIT_SCRIBE" "$LOG" 8 1000000 >"$WORK/done" &
  victim=$!
  DAEMONS+=("$victim")
  enough() { [ "$(wc -l <"$WORK/done")" -ge $((round * 40)) ]; }
  wait_for "acknowledged entries" enough
  check "round $round: right while it is written" verify "$LOG"
  kill -KILL "$victim"
  wait "$victim" 2>/dev/null || true
  check "round $round: right after the kill" verify "$LOG"
  # A line that the kill cut in the pipe says nothing.
  missing=$(sed -n 's/^\(d[0-9]*-[0-9]*\)\.$/"\1"/p' "$WORK/done" | sort -u |
    comm -23 - <(tac "$LOG" | sed '/audit.start/q' | grep -oE '"d[0-9]+-[0-9]+"' | sort -u) | wc -l)
  check_eq "round $round: all that was acknowledged is there" "$missing" 0
done
# A kill may have torn a write itself, which the next start marks; this one is one more.
scribe "$LOG" 1 1 >/dev/null
TORN=$(($(verify "$LOG" | sed -n 's/^interrupted *//p') + 1))
printf '{"seq":99999,"ti' >>"$LOG"
verify_is "a torn end" 0 "interrupted    $TORN" "$LOG"
scribe "$LOG" 1 1 >/dev/null
verify_is "marked by the next start" 0 "interrupted    $TORN" "$LOG"
check_has "and answered for" "$LOG" '"operation":"audit.recover"'
rm "$WORK/done"
"$KEYHSM_AUDIT_SCRIBE" "$LOG" 1 1000000 >"$WORK/done" &
victim=$!
DAEMONS+=("$victim")
wait_for "the second opener's rival" test -s "$WORK/done"
check_fails "a second writer is refused" scribe "$LOG" 1 1
kill -KILL "$victim"
wait "$victim" 2>/dev/null || true
finish
