#!/bin/bash
# require_backup: a migration copies everything, and commits only when a backup taken after the copy was confirmed;
# for ktmigrate, and through keyhsmd.
source "$(dirname "$0")/lib.sh"

make_pki
use_backend pkcs11
write_ini "[backend.softfile]" "directory = $WORK/store" "create = yes" "${BACKEND_LINES[@]}" "require_backup = yes"
printf 'correct horse battery\n' >"$WORK/pass"

kt() { # PROGRAM COMMAND...
  local program=$1; shift
  STATUS=0
  "$KEYHSM_BIN_DIR/$program" "$@" --plugin-dir "$KEYHSM_PLUGIN_DIR" --config "$WORK/keyhsm.ini" \
    >"$WORK/out" 2>"$WORK/err" </dev/null || STATUS=$?
}
is() { # TEXT STATUS
  if [ "$STATUS" = "$2" ]; then ok "$1"; else not_ok "$1" "status $STATUS, wanted $2: $(cat "$WORK/err")"; fi
}
migrate() { kt ktmigrate --from softfile --to pkcs11 --yes --state-dir "$WORK/journal"; }
put() { kt ktadmin deposit put "$1" "$WORK/data" --backend softfile; [ "$STATUS" = 0 ] || die "put: $(cat "$WORK/err")"; }

head -c 500 /dev/urandom >"$WORK/data"
# keytrusteed is not on this host: an INI of its own, so that none of the machine's is read.
printf '[memory]\nlock = preferred\n' >"$WORK/keytrustee.ini"
backup() { kt ktadmin backup --keytrustee-config "$WORK/keytrustee.ini" --passphrase-source "file:$WORK/pass" --output "$@"; }
confirm() { kt ktadmin backup confirm --keytrustee-config "$WORK/keytrustee.ini" "$@"; }
for n in one two three; do put "$n"; done

confirm --token-backed-up
is "nothing to confirm yet" 4
migrate
is "the migration waits" 4
check_has "it says for what" "$WORK/err" "ktadmin backup confirm"
check_lacks "and is not complete" "$WORK/out" "Migration Complete!"
check_fails "nothing is sealed" test -e "$WORK/store/seal.json"
kt ktadmin deposit list --backend softfile
check_has "the source serves on" "$WORK/out" two
kt ktadmin deposit list --backend pkcs11
check_has "and the copies are there" "$WORK/out" two

backup "$WORK/early.khb"
is "a backup" 0
migrate
is "alone is not enough" 4
confirm
is "nobody says that the token was backed up" 2
check_has "how to say so" "$WORK/err" "--token-backed-up"
confirm --token-backed-up "$WORK/pass"
is "another file" 7
put four
confirm --token-backed-up
is "confirmed" 0
check_has "by somebody" "$WORK/state/backup-confirmed" "by "
migrate
is "but a deposit came after it" 4
check_has "which is said" "$WORK/err" "does not hold what is stored now"
confirm --token-backed-up
migrate
is "nor does confirming the old one again help" 4
backup "$WORK/late.khb"
mkdir "$WORK/safe"; mv "$WORK/late.khb" "$WORK/safe/"
confirm --token-backed-up
is "the file was moved away" 4
printf x >>"$WORK/safe/late.khb"
confirm --token-backed-up "$WORK/safe/late.khb"
is "and altered there" 7
truncate -s -1 "$WORK/safe/late.khb"
confirm --token-backed-up "$WORK/safe/late.khb"
is "it is confirmed where it is" 0
migrate
is "now it commits" 0
check_has "in the known words" "$WORK/out" "Migration Complete!"
check "the source is sealed" test -e "$WORK/store/seal.json"
for n in one two three four; do
  kt ktadmin deposit get "$n" --backend pkcs11
  check "$n is equal" cmp "$WORK/data" "$WORK/out"
done

# ---- through keyhsmd: another store, and the plugin keyhsm ---------------------------------------
pin client
start_daemon --backend pkcs11
cat >"$WORK/far.ini" <<INI
[memory]
lock = preferred
[backend.softfile]
directory = $WORK/store2
create = yes
[backend.keyhsm]
server = $URL
client_certificate = $WORK/client.crt
client_key = $WORK/client.key
ca_file = $WORK/ca.crt
INI
far() { # PROGRAM COMMAND...
  local program=$1; shift
  STATUS=0
  "$KEYHSM_BIN_DIR/$program" "$@" --plugin-dir "$KEYHSM_PLUGIN_DIR" --config "$WORK/far.ini" \
    >"$WORK/out" 2>"$WORK/err" </dev/null || STATUS=$?
}
api_is "keyhsmd says what holds now" 200 GET /v1/backend/backed-up
far ktadmin deposit put five "$WORK/data" --backend softfile
far ktmigrate --from softfile --to keyhsm --yes --state-dir "$WORK/journal2"
is "a migration to keyhsmd waits, too" 4
check_has "for the same" "$WORK/err" "ktadmin backup confirm"
check_fails "nothing is sealed" test -e "$WORK/store2/seal.json"
api_is "keyhsmd refuses" 403 GET /v1/backend/backed-up
backup "$WORK/far.khb"
is "a backup while keyhsmd serves" 0
confirm --token-backed-up
is "confirmed" 0
far ktmigrate --from softfile --to keyhsm --yes --state-dir "$WORK/journal2"
is "and it commits" 0
check "the source is sealed" test -e "$WORK/store2/seal.json"
stop_daemon
printf 'rubbish\n' >"$WORK/state/backup-confirmed"
start_daemon --backend pkcs11
api_is "a confirmation that is none is corrupt" 500 GET /v1/backend/backed-up
finish
