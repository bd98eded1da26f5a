#!/bin/bash
# ktadmin keyhsm interrupted: killed, keyhsmd gone at every step, names that break the rule; and then resumed.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/keyhsm_lab.sh"
start_keyhsmd

echo "# keyhsmd down at every step"
use_store down
put down-1 down-2
BEFORE=$(tree)
kill_keyhsmd
kth_is "before" 5 --trust --yes </dev/null
says "it is named" "localhost:$PORT"
unchanged "and nothing is changed"
restart_keyhsmd
start_kth --trust
wait_for "the question" asks
kill_keyhsmd
echo y >&7
end_kth
check_eq "between the question and the answer" "$STATUS" 5
check_fails "the store is not sealed" sealed
backend_is "and still the backend" ""
restart_keyhsmd
kth_is "the same command goes on" 0 --trust --yes </dev/null
behind_hsm "to the end" down-1 down-2

echo "# killed in the middle"
MANY=120
NAMES=(); for ((i = 1; i <= MANY; i++)); do NAMES+=("many-$i"); done
use_store kts
put_many "$MANY"
send() { kill "-$1" "$RUN"; }
# cut COMMAND...: starts, and runs the command once ten deposits more are behind the HSM; STATUS is how it ended
cut() {
  local already; already=$(moved_count)
  start_kth --trust --yes
  wait_for "ten deposits" moved_some $((already + 10))
  "$@"
  end_kth
  check_fails "the store is not sealed" sealed
  check_fails "nor is the configuration changed" grep -q keyhsm: "$INI"
}
cut send KILL
check_eq "ktadmin, by SIGKILL" "$STATUS" 137
cut kill_keyhsmd
check_eq "keyhsmd, by SIGKILL" "$STATUS" 5
check_has "and that is said" "$WORK/run.err" "localhost:$PORT"
restart_keyhsmd
cut send TERM
check_eq "ktadmin, by SIGTERM" "$STATUS" 4
kth_is "the same command goes on" 0 --trust --yes </dev/null
says "with what was there" "were there before"
check_has "to the end" "$WORK/out" "Migration Complete!"
check "the store is sealed" sealed
backend_is "the backend is keyhsm" keyhsm
behind_hsm "every deposit is behind the HSM" "${NAMES[@]}"
check_eq "once" "$(moved_count)" $((MANY + 2))

echo "# killed anywhere"
# A run of these takes about a tenth of a second: the kills meet every part of it, and the end of it.
ROUNDS=12
for ((round = 1; round <= ROUNDS; round++)); do
  use_store "anywhere-$round"
  put "any-$round-a" "any-$round-b"
  for _ in 1 2 3; do
    start_kth --trust --yes
    read -rt "0.$(printf '%03d' $((RANDOM % 100)))" <> <(:) || true
    send KILL 2>"$WORK/check.out" || true
    end_kth
  done
  kth_is "round $round: the same command ends it" 0 --trust --yes </dev/null
  check "round $round: the store is sealed" sealed
  backend_is "round $round: the backend is keyhsm" keyhsm
  check "round $round: the pin is whole" cmp "$WORK/server.crt" "$PIN"
  behind_hsm "round $round: the deposits are behind the HSM" "any-$round-a" "any-$round-b"
done
check_eq "each once" "$(moved_count)" $((MANY + 2 + 2 * ROUNDS))

echo "# names that break the rule"
use_store names
put good
printf wild >"$WORK/data-wild"
for name in "a name" ".hidden" "sl/ash"; do
  tool deposit put "$name" "$WORK/data-wild" --backend softfile --set "backend.softfile.directory=$STORE" \
    >"$WORK/check.out" 2>&1 || die "put $name"
done
BEFORE=$(tree)
kth_is "are findings" 3 --trust --yes </dev/null
for name in "a%20name" ".hidden" "sl%2Fash"; do says "$name is listed" "bad-name: $name"; done
says "with the remedy" "--suggest-names"
unchanged "nothing is changed"
check_eq "nothing is moved" "$(moved_count)" $((MANY + 2 + 2 * ROUNDS))
kth_is "new names are suggested" 3 --trust --yes --suggest-names "$WORK/names.map" </dev/null
check_eq "in a file" "$(grep -vc '^#' "$WORK/names.map")" 3
kth_is "and taken" 0 --trust --yes --name-map "$WORK/names.map" </dev/null
behind_hsm "the good one keeps its name" good
check_eq "all are moved" "$(moved_count)" $((MANY + 6 + 2 * ROUNDS))
finish
