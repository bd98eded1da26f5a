#!/bin/bash
# ktmigrate to a real token: what the token and its PIN can have wrong, and that nothing is written then.
source "$(dirname "$0")/lib.sh"

mkdir -p "$WORK/tokens" "$WORK/catalog"
cat >"$WORK/softhsm2.conf" <<CONF
directories.tokendir = $WORK/tokens
objectstore.backend = file
log.level = ERROR
slots.removable = false
CONF
export SOFTHSM2_CONF=$WORK/softhsm2.conf
softhsm2-util --init-token --free --label lab --so-pin 12345678 --pin 1234 >/dev/null
printf 1234 >"$WORK/pin"
printf 9999 >"$WORK/wrong"
cat >"$WORK/keyhsm.ini" <<INI
[memory]
lock = preferred
[backend.softfile]
directory = $WORK/store
[backend.pkcs11]
module = $SOFTHSM2_MODULE
softhsm2_conf = $SOFTHSM2_CONF
token_label = lab
pin_source = file:$WORK/pin
state_dir = $WORK/catalog
INI
"$KEYHSM_BIN_DIR/ktadmin" init --confdir "$WORK/store" --plugin-dir "$KEYHSM_PLUGIN_DIR" \
  --config "$WORK/keyhsm.ini" >/dev/null 2>&1
for name in one two three; do
  head -c 100 /dev/urandom >"$WORK/$name"
  "$KEYHSM_BIN_DIR/ktadmin" deposit put --backend softfile --plugin-dir "$KEYHSM_PLUGIN_DIR" \
    --config "$WORK/keyhsm.ini" "$name" "$WORK/$name" >/dev/null 2>&1 || die "put $name"
done

run() { # OPTION...
  STATUS=0
  "$KEYHSM_BIN_DIR/ktmigrate" --plugin-dir "$KEYHSM_PLUGIN_DIR" --config "$WORK/keyhsm.ini" --yes \
    --from softfile --to pkcs11 --state-dir "$WORK/state" "$@" >"$WORK/out" 2>"$WORK/err" </dev/null ||
    STATUS=$?
}
objects() { pkcs11-tool --module "$SOFTHSM2_MODULE" --token-label lab --login --pin 1234 -O 2>/dev/null; }
keys() { objects | grep -c '^Private Key Object'; }

run --set "backend.pkcs11.pin_source=file:$WORK/wrong"
check_eq "a wrong PIN" "$STATUS" 1
check_has "is said so" "$WORK/err" CKR_PIN_INCORRECT
check_has "and tried once" "$WORK/err" "tried once"
run --set backend.pkcs11.module=/nowhere/module.so
check_eq "no module" "$STATUS" 5
check_has "is named" "$WORK/err" /nowhere/module.so
run --set backend.pkcs11.token_label=other
check_eq "no token" "$STATUS" 5
check_has "is named" "$WORK/err" other
run --set backend.pkcs11.max_keys=2
check_eq "no room" "$STATUS" 3
check_has "is a finding" "$WORK/err" "finding: room"
check_fails "and nothing was sealed" test -e "$WORK/store/seal.json"
"$KEYHSM_BIN_DIR/ktmigrate" --plugin-dir "$KEYHSM_PLUGIN_DIR" --config "$WORK/keyhsm.ini" \
  --from pkcs11 --to softfile >"$WORK/out" 2>"$WORK/err" && die "it moved out of hardware"
check_has "from pkcs11 there is no way back" "$WORK/err" "there is no way back from 'pkcs11'"
check_lacks "and the token was not even asked" "$WORK/err" serial

run --dry-run
check_eq "a dry run" "$STATUS" 0
check_eq "makes no key on the token, nor did what failed before" "$(keys || true)" 0

run
check_eq "the migration" "$STATUS" 0
check_eq "a key for each, and the token's identity" "$(keys)" 4
check_eq "none leaves the token" "$(objects | grep -A6 '^Private Key Object' | grep -c 'sensitive, always sensitive, never extractable')" 4
SERIAL=$(softhsm2-util --show-slots | sed -n 's/^ *Serial number: *//p' | head -n 1)
check_has "the report names the token" "$(ls "$WORK"/state/*.report.json)" "$SERIAL"
for name in one two three; do
  "$KEYHSM_BIN_DIR/ktadmin" deposit get --backend pkcs11 --plugin-dir "$KEYHSM_PLUGIN_DIR" \
    --config "$WORK/keyhsm.ini" "$name" >"$WORK/got" 2>"$WORK/err"
  check "$name is equal" cmp "$WORK/$name" "$WORK/got"
done
run; check_eq "again" "$STATUS" 0
check_eq "makes no more keys" "$(keys)" 4
finish
