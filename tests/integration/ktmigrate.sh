#!/bin/bash
# ktmigrate as an operator runs it: exit statuses, the lines on standard output, findings, names,
# signals. From a real legacy store to a destination that hangs, goes away and loses things on demand
# (tests/unit/migrate/place.c).
source "$(dirname "$0")/lib.sh"
: "${KEYHSM_PLACE_DIR:?}"

PLUGINS=$WORK/plugins
VAULT=$WORK/vault
mkdir -m 700 "$PLUGINS" "$VAULT"
cp "$KEYHSM_PLUGIN_DIR/softfile.so" "$KEYHSM_PLACE_DIR/placevault.so" "$PLUGINS"

new_store() { # a legacy store with three deposits, five versions
  rm -rf "$WORK/store" "$WORK/state" "$VAULT"; mkdir -m 700 "$VAULT"
  "$KEYHSM_BIN_DIR/ktadmin" init --confdir "$WORK/store" --plugin-dir "$PLUGINS" \
    --set memory.lock=preferred >/dev/null 2>&1 || die "ktadmin init"
  for name in one two three; do printf 'secret of %s' "$name" | deposit put "$name" || die "put $name"; done
  printf 'rolled' | deposit roll two || die "roll"
  printf 'rolled too' | deposit roll two || die "roll"
}
deposit() { # COMMAND ARGUMENT...
  local command=$1; shift
  "$KEYHSM_BIN_DIR/ktadmin" deposit "$command" --backend softfile --plugin-dir "$PLUGINS" \
    --config "$WORK/keyhsm.ini" "$@" >>"$WORK/ktadmin.log" 2>&1
}
cat >"$WORK/keyhsm.ini" <<INI
[memory]
lock = preferred
[backend.softfile]
directory = $WORK/store
[backend.placevault]
path = $VAULT
INI

# run OPTION...: STATUS; standard output in out, standard error in err
run() {
  STATUS=0
  "$KEYHSM_BIN_DIR/ktmigrate" --plugin-dir "$PLUGINS" --config "$WORK/keyhsm.ini" \
    --from softfile --to placevault --state-dir "$WORK/state" "$@" \
    >"$WORK/out" 2>"$WORK/err" </dev/stdin || STATUS=$?
}
plain() { # without the usual options
  STATUS=0
  "$KEYHSM_BIN_DIR/ktmigrate" "$@" >"$WORK/out" 2>"$WORK/err" </dev/null || STATUS=$?
}
stored() { find "$VAULT" -name 'v.*' | wc -l; }
untouched() { check_eq "$1: nothing was written" "$(stored)" 0; check_fails "$1: not sealed" test -e "$WORK/store/seal.json"; }

# ---- usage and configuration: 2 ----
plain; check_eq "without --from and --to" "$STATUS" 2
plain --from softfile --to placevault operand; check_eq "an operand" "$STATUS" 2
plain --from softfile --to nowhere --plugin-dir "$PLUGINS"; check_eq "no such backend" "$STATUS" 2
plain --from softfile --to placevault --plugin-dir "$PLUGINS" --state-dir relative
check_eq "a relative state directory" "$STATUS" 2
for jobs in 0 65 -1 x 1x ''; do
  plain --from softfile --to placevault --jobs "$jobs"; check_eq "--jobs '$jobs'" "$STATUS" 2
done
plain --from softfile --to placevault --plugin-dir "$PLUGINS" --config "$WORK/absent.ini"
check_eq "no such configuration" "$STATUS" 2
check_has "which is named" "$WORK/err" absent.ini
printf '[backend.placevault]\npath = /x\n[nonsense]\nx = 1\n' >"$WORK/bad.ini"
plain --from softfile --to placevault --plugin-dir "$PLUGINS" --config "$WORK/bad.ini"
check_eq "an unknown section" "$STATUS" 2
check_has "with file and line" "$WORK/err" "bad.ini:3"
plain --help; check_eq "--help" "$STATUS" 0
for word in --dry-run --name-map --suggest-names --keep-source --state-dir "Exit status"; do
  check_has "--help tells of $word" "$WORK/out" "$word"
done

# ---- one way: 1 ----
plain --from placevault --to softfile --plugin-dir "$PLUGINS"
check_eq "from hardware" "$STATUS" 1
check_has "is refused in words" "$WORK/err" "no way back"
check_has "that tell the way out" "$WORK/err" "back up the data"
plain --from softfile --to softfile --plugin-dir "$PLUGINS"
check_eq "to a place without hardware" "$STATUS" 1
check_has "in words" "$WORK/err" "does not keep keys in hardware"

# ---- the question ----
new_store
cat >"$WORK/question" <<'TEXT'
Some deposits were found that will need to be moved to the HSM.

Note that although this operation can be interrupted, once complete,
items stored in the HSM must remain there!

TEXT
printf 'Do you want to perform this migration now? [y/N]: ' >>"$WORK/question"
for answer in n no '' yess 'y y' ye "$(printf 'y%0200d' 0)"; do
  run <<<"$answer"
  check_eq "answer '${answer:0:10}'" "$STATUS" 1
  check "the question, word for word" cmp "$WORK/question" "$WORK/out"
  check_has "says so" "$WORK/err" "Nothing was changed"
done
run </dev/null; check_eq "no answer at all" "$STATUS" 1
untouched "after every no"

# ---- a dry run ----
run --dry-run; check_eq "a dry run" "$STATUS" 0
check_eq "prints nothing on standard output" "$(cat "$WORK/out")" ""
check_has "and says so" "$WORK/err" "nothing was changed"
check_fails "makes no state" test -e "$WORK/state"
untouched "a dry run"

# ---- findings: 3 ----
printf 'x' >"$WORK/x"
deposit put 'wild name' "$WORK/x" || die "put of a wild name"
deposit put 'a/b' "$WORK/x" || die "put of a wild name"
run --yes; check_eq "names that break the rule" "$STATUS" 3
check_has "each is told" "$WORK/err" "bad-name: wild%20name"
check_has "each, encoded" "$WORK/err" "bad-name: a%2Fb"
untouched "after findings"
run --yes --json; check_eq "as JSON" "$STATUS" 3
check "every line is JSON" python3 -c 'import json,sys
e=[json.loads(l) for l in open(sys.argv[1])]
f=[x for x in e if x["event"]=="finding"]
assert len(f)==2 and all(x["code"]=="bad-name" for x in f), f
assert e[0]=={"event":"phase","phase":"plan","done":0,"total":0}, e[0]
assert e[-1]["event"]=="result" and e[-1]["outcome"]=="findings" and e[-1]["status"]==3, e[-1]
' "$WORK/out"
run --yes --suggest-names "$WORK/map"; check_eq "with proposals" "$STATUS" 3
check_has "a map is written" "$WORK/map" "$(printf 'a%%2Fb\t')"
untouched "after proposals"

# ---- signals: 4 ----
touch "$VAULT/fault.hang"
start_hanging() {
  rm -f "$VAULT/hanging"
  "$KEYHSM_BIN_DIR/ktmigrate" --plugin-dir "$PLUGINS" --config "$WORK/keyhsm.ini" --from softfile \
    --to placevault --state-dir "$WORK/state" --yes --jobs 1 --name-map "$WORK/map" \
    >"$WORK/out" 2>"$WORK/err" </dev/null &
  RUNNER=$!
  DAEMONS+=("$RUNNER")
  wait_for "the first put" test -e "$VAULT/hanging"
}
ended() { STATUS=0; wait "$RUNNER" || STATUS=$?; }
start_hanging
run --yes --name-map "$WORK/map"
check_eq "a second migration meanwhile" "$STATUS" 1
check_has "is told who holds the store" "$WORK/err" "$RUNNER"
kill -INT "$RUNNER"; rm "$VAULT/fault.hang"; ended
check_eq "SIGINT" "$STATUS" 4
check_has "says how to go on" "$WORK/err" "run the same command again"
check_eq "the item in hand was finished" "$(stored)" 1
check_fails "not sealed" test -e "$WORK/store/seal.json"
check_lacks "not complete" "$WORK/out" Complete
touch "$VAULT/fault.hang"
start_hanging
kill -TERM "$RUNNER"; rm "$VAULT/fault.hang"; ended
check_eq "SIGTERM" "$STATUS" 4
touch "$VAULT/fault.hang"
start_hanging
kill -TERM "$RUNNER"
kill -TERM "$RUNNER" 2>/dev/null || true
kill -INT "$RUNNER" 2>/dev/null || true
ended
check_eq "a second signal does not wait" "$STATUS" 4
rm "$VAULT/fault.hang"

# ---- the destination is away: 5 ----
touch "$VAULT/fault.away"
run --yes --name-map "$WORK/map"; check_eq "no destination" "$STATUS" 5
rm "$VAULT/fault.away"

# ---- the end ----
printf 'Migrating hsm deposits...\n\nMigration Complete!\n' >"$WORK/lines"
cat "$WORK/question" "$WORK/lines" >"$WORK/whole"
run --name-map "$WORK/map" <<<"y"
check_eq "yes" "$STATUS" 0
check "the lines, word for word" cmp "$WORK/whole" "$WORK/out"
check_eq "all versions arrived" "$(stored)" 7
check "the source is sealed" test -e "$WORK/store/seal.json"
check_fails "its key is gone" test -e "$WORK/store/store.key"
check_fails "a read is refused" deposit get one
REPORT=$(sed -n 's/^ktmigrate: report: //p' "$WORK/err")
check "the report is JSON and tells the renamings" python3 -c 'import json,sys
r=json.load(open(sys.argv[1]))
assert r["outcome"]=="committed" and r["verified"]==7 and len(r["renamings"])==2, r' "$REPORT"
check_eq "the report is private" "$(stat -c %a "$REPORT")" 600
check_eq "no plaintext in the state directory" "$(grep -rlaF 'secret of' "$WORK/state" | wc -l)" 0
run --yes; check_eq "once more" "$STATUS" 0
check_eq "prints nothing on standard output" "$(cat "$WORK/out")" ""
check_has "nothing to do" "$WORK/err" "nothing to do"
touch "$VAULT/fault.away"
run --yes; check_eq "even when the destination is away" "$STATUS" 0

# ---- other ways to the end ----
for answer in Y yes YES '  y  '; do
  new_store
  run --keep-source <<<"$answer"; check_eq "answer '$answer'" "$STATUS" 0
  check "kept, and sealed" test -e "$WORK/store/store.key" -a -e "$WORK/store/seal.json"
done
new_store
run --yes --report "$WORK/my.json"; check_eq "--yes" "$STATUS" 0
check "the lines alone" cmp "$WORK/lines" "$WORK/out"
check "the report where it was wanted" test -s "$WORK/my.json"
new_store
run --yes --json; check_eq "--json" "$STATUS" 0
check "ends in the result" python3 -c 'import json,sys
e=[json.loads(l) for l in open(sys.argv[1])]
assert e[-1]["outcome"]=="committed" and e[-1]["copied"]==5, e[-1]
assert [x["phase"] for x in e if x["event"]=="phase"]==["plan","copy","verify","commit"]' "$WORK/out"

# ---- nothing to migrate ----
rm -rf "$WORK/store"
"$KEYHSM_BIN_DIR/ktadmin" init --confdir "$WORK/store" --plugin-dir "$PLUGINS" \
  --set memory.lock=preferred >/dev/null 2>&1
run; check_eq "an empty source" "$STATUS" 0
check_has "says so" "$WORK/err" "holds no deposits"
check_eq "asks nothing" "$(cat "$WORK/out")" ""
check_fails "is not sealed" test -e "$WORK/store/seal.json"
run --seal-empty; check_eq "--seal-empty" "$STATUS" 0
check "seals it" test -e "$WORK/store/seal.json"

# ---- a terminal ----
new_store
check "on a terminal" script -qec "'$KEYHSM_BIN_DIR/ktmigrate' --plugin-dir '$PLUGINS' --config '$WORK/keyhsm.ini' --from softfile --to placevault --state-dir '$WORK/state' --yes" "$WORK/tty"
check_has "there is a bar" "$WORK/tty" "[########################] 5 of 5 (100%)"
check_has "that is taken away" "$WORK/tty" "$(printf '\r\033[K')"
check_has "and the last line stands" "$WORK/tty" "Migration Complete!"
finish
