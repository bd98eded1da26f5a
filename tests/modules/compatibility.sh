#!/bin/bash
# docs/compatibility.md says what the modules say, and a page that says something else is found out.
# shellcheck source=tests/integration/lib.sh
source "$(dirname "$0")/../integration/lib.sh"
PAGE=$KEYHSM_SOURCE_DIR/docs/compatibility.md

compare() { # PAGE
  "$KEYHSM_SOURCE_DIR/scripts/compatibility" --check --build "$KEYHSM_BIN_DIR/.." --reports "$WORK/reports" --page "$1" \
    >"$WORK/said" 2>"$WORK/compatibility.log"
}
# lies TEXT SED WORDS: the page with this change is wrong in these words.
lies() {
  sed "$2" "$PAGE" >"$WORK/page.md"
  check_fails "$1: is changed" cmp "$PAGE" "$WORK/page.md"
  check_fails "$1: is found" compare "$WORK/page.md"
  check_has "$1: is named" "$WORK/said" "$3"
}

compare "$PAGE" || true
check_eq "the page agrees with every module" "$(cat "$WORK/said")" "compatibility: the page agrees with 5 modules"
lies "a capability" '/^| RSA-OAEP, SHA-256 |/s/no | yes/yes | yes/' "SoftHSM, RSA-OAEP, SHA-256: the page says yes, the module no"
lies "a verdict" 's/| \*\*unsafe\*\* |/| safe |/' "NSS softokn, \`keyhsm doctor\` says"
lies "a row that is missing" '/^| no copy of a key can leave/d' "NSS softokn, no copy of a key can leave: the page says None"
lies "a quirk that is missing" '/^| first-object-stays/d' "tpm2-pkcs11: the page does not have its quirks"
lies "a reason" 's/it is always given/it is given/' "p11-kit client: the page does not have its quirks"
# Each is what the doctor makes of it, in words, and in its exit status.
for kind in softhsm opencryptoki tpm2 p11kit nss; do
  wanted=True
  [ "$kind" != nss ] || wanted=False
  check_eq "$kind is safe: $wanted" "$(python3 -c 'import json, sys
print(json.load(open(sys.argv[1]))[sys.argv[2]]["safe"])' "$WORK/reports" "$kind")" "$wanted"
done
check_eq "the unsafe one is so for what it lets go" "$(python3 -c 'import json, sys
print(*sorted(c["check"] for c in json.load(open(sys.argv[1]))["nss"]["checks"] if c["status"] == "unsafe"), sep=", ")' \
  "$WORK/reports")" "copy, keys-leave, same id twice"
check_eq "nothing is left on any token" "$(python3 -c 'import json, sys
print({r["facts"]["clean.left"]["value"] for r in json.load(open(sys.argv[1])).values()})' "$WORK/reports")" "{0}"
finish
