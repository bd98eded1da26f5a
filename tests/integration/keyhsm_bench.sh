# keyhsm bench: figures for each operation and number of threads; nothing is left on the token.
source "$(dirname "$0")/lib.sh"
: "${KEYHSM_FAULT_MODULE:?}"
use_backend pkcs11
printf '%s\n' "${BACKEND_LINES[@]}" >"$WORK/keyhsm.ini"

bench() {
  STATUS=0
  "$KEYHSM_BIN_DIR/keyhsm" bench --config "$WORK/keyhsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" "$@" \
    >"$WORK/said" 2>"$WORK/err" </dev/null || STATUS=$?
}
status_is() { local text=$1 wanted=$2; shift 2; bench "$@"; check_eq "$text" "$STATUS" "$wanted"; }
json() { python3 -c 'import json,sys
d=json.load(open(sys.argv[1])); m=d["measurements"]
print(eval(sys.argv[2]))' "$WORK/said" "$1"; }

status_is "one and two threads" 0 --threads 1,2 --seconds 1
check_eq "a row for each operation" "$(grep -cE '^ +[12]  (generate|use|random|search) ' "$WORK/said")" 8
status_is "--json" 0 --threads 1,2 --seconds 1 --json
check_eq "eight measurements" "$(json 'len(m)')" 8
check_eq "all did something" "$(json 'all(x["per_second"] > 0 and x["failed"] == 0 for x in m)')" True
check_eq "quantiles in order" "$(json 'all(x["p50_us"] <= x["p99_us"] for x in m)')" True
check_eq "the token" "$(json 'd["token"]')" lab
check_eq "nothing is left" "$(pkcs11-tool --module "$SOFTHSM2_MODULE" --token-label lab --login --pin 1234 \
  --list-objects 2>"$WORK/tool.log" | grep -c 'Object;' || true)" 0

status_is "no PIN" 1 --pin-source "file:$WORK/absent" --threads 1 --seconds 1
check_has "is said" "$WORK/err" "$WORK/absent"
status_is "no module" 1 --module /nowhere/p11.so
check_has "is said" "$WORK/err" /nowhere/p11.so
printf 'C_DeriveKey kill=before nth=3\n' >"$WORK/plan"
export FAULT_PKCS11_PLAN=$WORK/plan
status_is "a module that dies" 3 --threads 1 --seconds 1 --module "$KEYHSM_FAULT_MODULE" --token-label lab
check_has "is said" "$WORK/err" "the module crashed"
printf 'C_GenerateRandom rv=0x30\n' >"$WORK/plan"
status_is "one that fails" 3 --threads 1 --seconds 1 --module "$KEYHSM_FAULT_MODULE" --token-label lab
check_has "says why" "$WORK/said" CKR_DEVICE_ERROR
printf 'C_GenerateRandom hang\n' >"$WORK/plan"
status_is "one that hangs" 3 --threads 1 --seconds 1 --timeout 2 --module "$KEYHSM_FAULT_MODULE" --token-label lab
check_has "is said" "$WORK/err" "hung"
check_eq "nothing is left" "$(pkcs11-tool --module "$SOFTHSM2_MODULE" --token-label lab --login --pin 1234 \
  --list-objects 2>"$WORK/tool.log" | grep -c 'Object;' || true)" 0

status_is "a wrong list" 2 --threads 1,x
status_is "too many threads" 2 --threads 65
status_is "no number" 2 --threads ,
status_is "no time" 2 --seconds 0
status_is "an operand" 2 now
finish
