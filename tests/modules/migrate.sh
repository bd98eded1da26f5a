#!/bin/bash
# migrate.sh KIND: a legacy store moves behind a fresh token of this kind of module. What was moved is read by a new process,
# nothing but the keys that are needed is left on the token, and a purge takes what it should.
# shellcheck source=tests/modules/lib.sh
. "$(dirname "$0")/lib.sh"
module_enter "$0" "$@"
# shellcheck source=tests/integration/lib.sh
source "$(dirname "$0")/../integration/lib.sh"
KIND=$1
module_up "$KIND" "$WORK/token"
mkdir -m 700 "$WORK/catalog"
write() { # [LINE...]
  printf '%s\n' "[memory]" "lock = preferred" "[backend.softfile]" "directory = $WORK/store" "[backend.pkcs11]" \
    "module = $MODULE" "token_label = $MODULE_LABEL" "pin_source = file:$MODULE_PIN_FILE" "state_dir = $WORK/catalog" \
    "key_scope = epoch" "${MODULE_LINES[@]}" "$@" >"$WORK/keyhsm.ini"
}
write
deposit() { # BACKEND COMMAND [ARGUMENT...]
  local backend=$1 command=$2; shift 2
  "$KEYHSM_BIN_DIR/ktadmin" deposit "$command" --backend "$backend" --plugin-dir "$KEYHSM_PLUGIN_DIR" \
    --config "$WORK/keyhsm.ini" "$@" 2>>"$WORK/ktadmin.log"
}
run() { # OPTION...
  STATUS=0
  "$KEYHSM_BIN_DIR/ktmigrate" --plugin-dir "$KEYHSM_PLUGIN_DIR" --config "$WORK/keyhsm.ini" --yes \
    --from softfile --to pkcs11 --state-dir "$WORK/state" "$@" >"$WORK/out" 2>"$WORK/migrate.log" </dev/null || STATUS=$?
}
# How many objects of a class a tool of others finds: it cannot tell NSS where its database is.
objects() {
  pkcs11-tool --module "$MODULE" --token-label "$MODULE_LABEL" --login --pin "$(cat "$MODULE_PIN_FILE")" -O \
    2>/dev/null | grep -ci "^$1 object" || true
}
count_is() { # TEXT CLASS COUNT
  [ "$KIND" = nss ] || check_eq "$1" "$(objects "$2")" "$3"
}

"$KEYHSM_BIN_DIR/ktadmin" init --confdir "$WORK/store" --plugin-dir "$KEYHSM_PLUGIN_DIR" --config "$WORK/keyhsm.ini" \
  >"$WORK/init.log" 2>&1 || die "ktadmin init"
for n in {01..12}; do
  head -c $((10#$n * 997)) /dev/urandom >"$WORK/d$n"
  deposit softfile put "d$n" "$WORK/d$n" || die "put d$n"
done
cp "$WORK/d03" "$WORK/d03.0"
head -c 32 /dev/urandom >"$WORK/d03"
deposit softfile roll d03 "$WORK/d03" || die "roll"

if [ "$KIND" = nss ]; then
  run
  check_eq "a token that lets keys go is no destination" "$STATUS" 1
  check_has "why" "$WORK/migrate.log" "makes extractable copies"
  check_has "and what to say if it is wanted" "$WORK/migrate.log" "allow_unprotected = yes"
  check_fails "nothing was sealed" test -e "$WORK/store/seal.json"
  check_fails "nothing was written" test -e "$WORK/catalog/generation"
  write "allow_unprotected = yes"
fi

run --dry-run
check_eq "a dry run" "$STATUS" 0
count_is "leaves no key" "Private Key" 0
run
check_eq "the migration" "$STATUS" 0
check_has "says that it is complete" "$WORK/out" "Migration Complete!"
check "the store is sealed" test -e "$WORK/store/seal.json"
[ "$KIND" != nss ] || check_has "and that keys can leave" "$WORK/migrate.log" "private keys can leave it in copies"
for n in 01 03 12; do
  deposit pkcs11 get "d$n" >"$WORK/got" || true
  check "d$n is read by a new process" cmp "$WORK/d$n" "$WORK/got"
done
deposit pkcs11 get --version 0 d03 >"$WORK/got" || true
check "and the version before" cmp "$WORK/d03.0" "$WORK/got"
check_eq "all are there" "$(deposit pkcs11 list | grep -c '^d[01]')" 12
# Identity and one epoch.
count_is "the private keys are the two that are needed" "Private Key" 2
count_is "no public half is left" "Public Key" 0
run; check_eq "again" "$STATUS" 0
count_is "makes no more keys" "Private Key" 2

check_fails "what is there is not overwritten" deposit pkcs11 put d01 "$WORK/d02"
check "a new one" deposit pkcs11 put new "$WORK/d02"
count_is "has a key of its own epoch" "Private Key" 3
check "is deleted" deposit pkcs11 delete new
check "and purged" deposit pkcs11 purge --yes new
check_fails "and gone" deposit pkcs11 get new
deposit pkcs11 get d12 >"$WORK/got" || true
check "the others stay" cmp "$WORK/d12" "$WORK/got"
count_is "the key of the purged one is gone" "Private Key" 2
count_is "and only that" "Public Key" 0
if [ "$KIND" = tpm2 ]; then
  check_eq "the object that has to stay is there once" "$(objects Data)" 1
fi
finish
