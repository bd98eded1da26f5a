#!/bin/bash
# ktadmin restore: after a lost host every deposit reads equal; what must be refused is, and nothing is written then.
source "$(dirname "$0")/lib.sh"

make_pki
use_backend pkcs11
write_ini "${BACKEND_LINES[@]}"
pin client
printf 'correct horse battery\n' >"$WORK/pass"
PASS=(--passphrase-source "file:$WORK/pass")

kt() { # COMMAND...
  STATUS=0
  "$KEYHSM_BIN_DIR/ktadmin" "$@" >"$WORK/out" 2>"$WORK/err" </dev/null || STATUS=$?
}
is() { # TEXT STATUS
  if [ "$STATUS" = "$2" ]; then ok "$1"; else not_ok "$1" "status $STATUS, wanted $2: $(cat "$WORK/err")"; fi
}
backup() {
  kt backup --config "$WORK/keyhsm.ini" --keytrustee-config "$WORK/keytrustee.ini" \
    --plugin-dir "$KEYHSM_PLUGIN_DIR" "${PASS[@]}" --output "$@"
}
restore() { kt restore --plugin-dir "$KEYHSM_PLUGIN_DIR" "${PASS[@]}" "$@"; }
deposit() {
  "$KEYHSM_BIN_DIR/ktadmin" deposit "$@" --config "$WORK/keyhsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" \
    --backend pkcs11 2>"$WORK/deposit.err"
}
keys() { pkcs11-tool --module "$SOFTHSM2_MODULE" --token-label lab --login --pin 1234 -O 2>/dev/null | grep -c '^Private Key Object'; }
# all_equal TEXT: every deposit of the first backup reads as it was stored
all_equal() {
  local n bad=0
  for n in $(seq 1 "$N"); do
    deposit get "zone$n" >"$WORK/got" || bad=$((bad + 1))
    cmp -s "$WORK/data$n" "$WORK/got" || bad=$((bad + 1))
  done
  check_eq "$1" "$bad" 0
}
# state: what is in the host's places, to compare
state() { (cd "$WORK" && find keyhsm.ini keytrustee.ini server.* trust state -type f -not -name lock -not -name '*-shm' -not -name '*-wal' -print0 2>/dev/null |
  sort -z | xargs -0 -r sha256sum) || true; }

cat >"$WORK/keytrustee.ini" <<INI
[memory]
lock = preferred
[tls]
certificate = $WORK/server.crt
private_key = $WORK/server.key
INI
N=6
for n in $(seq 1 $N); do head -c $((n * 700)) /dev/urandom >"$WORK/data$n"; deposit put "zone$n" "$WORK/data$n" >/dev/null; done
deposit roll zone6 "$WORK/data5" >/dev/null
deposit roll zone6 "$WORK/data6" >/dev/null
deposit delete zone1 >/dev/null && deposit undelete zone1 >/dev/null
backup "$WORK/first.khb"
is "a backup" 0

# ---- the host is lost ----------------------------------------------------------------------------
chmod 644 "$WORK/server.crt"; chmod 640 "$WORK/server.key"
backup "$WORK/modes.khb"
mkdir "$WORK/lost"
mv "$WORK/state" "$WORK/keyhsm.ini" "$WORK/keytrustee.ini" "$WORK/server.crt" "$WORK/server.key" "$WORK/trust" "$WORK/lost/"
before=$(state)
restore --dry-run "$WORK/modes.khb"
is "a dry run" 0
check_has "finds nothing in the way" "$WORK/out" "nothing is in the way"
check_has "and every key on the token" "$WORK/out" "keys of 8 version(s)"
check_eq "and changes nothing" "$(state)" "$before"
check_fails "not even a state directory" test -e "$WORK/state"
restore "$WORK/modes.khb"
is "the restore" 0
check_has "says what comes next" "$WORK/out" "start the daemons"
all_equal "every deposit reads equal"
deposit get zone6 --version 1 >"$WORK/got"
check "older versions, too" cmp "$WORK/data5" "$WORK/got"
for file in keyhsm.ini keytrustee.ini server.crt server.key; do check "$file is back" cmp "$WORK/lost/$file" "$WORK/$file"; done
check_eq "with its mode" "$(stat -c %a "$WORK/server.key" "$WORK/server.crt" "$WORK/state" | tr '\n' ' ')" "640 644 700 "
check "pins are back" diff -r "$WORK/lost/trust" "$WORK/trust"
start_daemon
api_is "the daemon serves them" 200 GET /v1/deposits/zone3
restore "$WORK/modes.khb"
is "while it runs" 7
check_has "it says why" "$WORK/err" "is keyhsmd stopped?"
stop_daemon
deposit put later "$WORK/data1" >/dev/null
check_eq "and the store goes on" "$(deposit list | grep -c later)" 1

# ---- what is in the way --------------------------------------------------------------------------
before=$(state)
restore "$WORK/modes.khb"
is "over a store that is there" 7
check_has "which is named" "$WORK/err" "$WORK/state/catalog.db"
check_has "and is newer" "$WORK/err" "the backup is older"
check_has "and so is the token" "$WORK/err" "deposits were stored after it"
check_eq "nothing was changed" "$(state)" "$before"
restore --replace "$WORK/modes.khb"
is "replacing alone does not lose deposits" 7
check_eq "nothing was changed then, either" "$(state)" "$before"
mv "$WORK/state/catalog.db" "$WORK/newer.db"
restore --keep-configuration "$WORK/modes.khb"
is "the note of a newer one is enough to refuse" 7
check_has "it is named" "$WORK/err" "$WORK/state/generation"
mv "$WORK/newer.db" "$WORK/state/catalog.db"
printf '# other\n' >>"$WORK/keytrustee.ini"
restore "$WORK/modes.khb"
check_has "a changed file is in the way" "$WORK/err" "finding: $WORK/keytrustee.ini is there"
backup "$WORK/second.khb"
restore --keep-configuration "$WORK/second.khb"
is "the very same store is left as it is" 0
check_has "it says so" "$WORK/out" "it is the same"

# ---- damage: nothing is written ------------------------------------------------------------------
before=$(state)
python3 - "$WORK/second.khb" "$WORK/flipped" <<'PY'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[len(data) // 2] ^= 4
open(sys.argv[2], "wb").write(data)
PY
restore --replace --accept-loss "$WORK/flipped"
is "an altered one" 1
head -c 9000 "$WORK/second.khb" >"$WORK/cut"
restore --replace --accept-loss "$WORK/cut"
is "a cut one" 1
check_eq "nothing was changed" "$(state)" "$before"
check_eq "nothing is left in the temporary directory" "$(find "${TMPDIR:-/tmp}" -maxdepth 1 -name '.keyhsm-restore-*' -user "$(id -u)" | wc -l)" 0

# ---- the loss is accepted ------------------------------------------------------------------------
held=$(keys)
restore --replace --accept-loss "$WORK/modes.khb"
is "an older backup, the loss accepted" 0
check_has "what was there is kept aside" "$WORK/err" "catalog.db.before-restore-"
check_has "and the configuration knows" "$WORK/keyhsm.ini" "unknown_keys = 1"
all_equal "what is in it reads equal"
check_eq "the lost deposit's key is still on the token" "$(keys)" "$held"
check_fails "it is not listed" deposit get later
deposit put anew "$WORK/data2" >/dev/null
deposit get anew >"$WORK/got"
check "the store goes on" cmp "$WORK/data2" "$WORK/got"
mv "$WORK/state" "$WORK/state.anew"
restore --keep-configuration "$WORK/modes.khb"
is "a second loss is not accepted by the first" 7
mv "$WORK/state.anew" "$WORK/state"

# ---- a key is gone from the token ----------------------------------------------------------------
backup "$WORK/third.khb"
ID=$(sqlite3 -readonly "$WORK/state/catalog.db" "SELECT lower(hex(key)) FROM versions WHERE name = 'zone2'")
pkcs11-tool --module "$SOFTHSM2_MODULE" --token-label lab --login --pin 1234 --delete-object --type privkey --id "$ID" >/dev/null 2>&1 ||
  die "pkcs11-tool"
mv "$WORK/state" "$WORK/state.third"
restore --keep-configuration "$WORK/third.khb"
is "a token without one of the keys" 7
check_has "the deposit is named" "$WORK/err" "zone2"
check_fails "nothing was made" test -e "$WORK/state"
mv "$WORK/state.third" "$WORK/state"

# ---- another token -------------------------------------------------------------------------------
softhsm2-util --init-token --free --label other --pin 1234 --so-pin 12345678 >/dev/null
mv "$WORK/state" "$WORK/state.kept"
restore --keep-configuration --set backend.pkcs11.token_label=other "$WORK/third.khb"
is "another token" 7
check_has "the one it needs is named" "$WORK/err" "needs token 'lab'"
check_has "and the one that is there" "$WORK/err" "'other'"
check_fails "nothing was made" test -e "$WORK/state"
restore --keep-configuration --set backend.pkcs11.token_label=none "$WORK/third.khb"
is "no token" 5
printf '9999\n' >"$WORK/badpin"
restore --keep-configuration --set "backend.pkcs11.pin_source=file:$WORK/badpin" "$WORK/third.khb"
is "a wrong PIN" 7
check_has "is said so" "$WORK/err" PIN
mv "$WORK/state.kept" "$WORK/state"

# ---- elsewhere -----------------------------------------------------------------------------------
before=$(state)
restore --into "$WORK/into" "$WORK/third.khb"
is "into another directory" 0
check "everything is below it" cmp "$WORK/server.key" "$WORK/into$WORK/server.key"
check_eq "the catalog, too" "$(sqlite3 "$WORK/into$WORK/state/catalog.db" 'PRAGMA integrity_check')" ok
check_eq "nothing else was changed" "$(state)" "$before"
restore --into "$WORK/into" "$WORK/third.khb"
is "which must be empty" 6
finish
