#!/bin/bash
# ktadmin keyhsm: every answer at its question, what a no leaves behind, and a second one while one runs.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/keyhsm_lab.sh"
start_keyhsmd

echo "# answers that are no"
use_store no
put no-1 no-2
BEFORE=$(tree)
# no TEXT: after an answer that was one
no() {
  check_eq "$1 is a no" "$STATUS" 1
  check_has "$1: it says how to come back" "$2" "run the same command again"
  check_lacks "$1: nothing is migrated" "$2" "Migrating"
  unchanged "$1: everything is as it was"
}
for answer in "" n N no x "yes please" yy ye "y y" nyes; do
  kth --trust <<<"$answer"
  cat "$WORK/out" >>"$WORK/err"
  no "'$answer'" "$WORK/err"
done
kth --trust </dev/null
no "end of file" "$WORK/err"
: | kth --trust
no "a pipe that ends" "$WORK/err"
for answer in "" n EOF; do
  typed '[y/N]: ' "$answer" -- --trust
  no "'$answer' on a terminal" "$WORK/tty"
done
check_fails "no answer makes a journal" test -e "$STATE"
check_eq "and nothing was moved" "$(moved_count)" 0
start_kth --trust
wait_for "the question" asks
kill -INT "$RUN"
end_kth
check_eq "Control-C at the question" "$STATUS" 4
unchanged "leaves everything as it was"
cp "$WORK/ca.crt" "$PIN"
BEFORE=$(tree)
kth --trust --replace-pin <<<n
no "'n' with another pin there" "$WORK/err"
rm "$PIN"

echo "# answers that are yes"
number=0
for answer in y Y yes YES Yes " y "; do
  number=$((number + 1))
  use_store "yes-$number"
  put "yes-$number"
  kth_is "'$answer' is a yes" 0 --trust <<<"$answer"
  check "'$answer': the store is sealed" sealed
  behind_hsm "'$answer': the deposit is behind the HSM" "yes-$number"
done
for answer in y YES; do
  number=$((number + 1))
  use_store "yes-$number"
  put "yes-$number"
  typed '[y/N]: ' "$answer" -- --trust
  check_eq "'$answer' on a terminal is a yes" "$STATUS" 0
  check_has "'$answer': it says that it is complete" "$WORK/tty" "Migration Complete!"
  behind_hsm "'$answer': the deposit is behind the HSM" "yes-$number"
done
use_store flag
put flag
kth_is "--yes needs no answer" 0 --trust --yes </dev/null
check_lacks "nor asks" "$WORK/out" "[y/N]"
behind_hsm "the deposit is behind the HSM" flag
use_store json
put json
kth_is "--json" 0 --trust --yes --json </dev/null
check "writes JSON lines only" python3 -c 'import json,sys
events = [json.loads(line) for line in open(sys.argv[1])]
assert events[-1]["event"] == "result" and events[-1]["status"] == 0, events[-1]' "$WORK/out"

echo "# a second one"
use_store two
put two-1
start_kth --trust
wait_for "the question" asks
kth_is "while one asks, a second is refused" 7 --trust </dev/null
says "as such" "another ktadmin keyhsm is running"
says "with its process" "process $RUN"
kth_is "with --dry-run too" 1 --trust --dry-run </dev/null
says "with its process" "process $RUN"
echo y >&7
end_kth
check_eq "the first goes on" "$STATUS" 0
behind_hsm "to the end" two-1
use_store killed
put killed-1
start_kth --trust
wait_for "the question" asks
kill -KILL "$RUN"
end_kth
kth_is "one that was killed is in nobody's way" 0 --trust --yes </dev/null

echo "# usage"
usage() { # TEXT WORDS OPTION...
  local text=$1 words=$2; shift 2
  STATUS=0
  "$KEYHSM_BIN_DIR/ktadmin" keyhsm --config "$INI" "$@" >"$WORK/out" 2>"$WORK/err" </dev/null || STATUS=$?
  check_eq "$text" "$STATUS" 2
  says "$text: it says so" "$words"
}
usage "no server" "are needed" "${CERT[@]}"
usage "no certificate" "are needed" --server "$URL"
usage "--replace-pin alone" "goes with --trust" --server "$URL" "${CERT[@]}" --replace-pin
usage "two sources" "exclude" --server "$URL" "${CERT[@]}" --passphrase --passphrase-source fd:0
usage "a secret in place of a source" "not a source" --server "$URL" "${CERT[@]}" --passphrase-source hunter2
check_lacks "which is not repeated" "$WORK/err" hunter2
usage "an argument" "one argument too many" --server "$URL" "${CERT[@]}" now
usage "a relative configuration" "absolute" --server "$URL" "${CERT[@]}" --config keytrustee.ini
usage "a relative state directory" "absolute" --server "$URL" "${CERT[@]}" --state-dir here
finish
