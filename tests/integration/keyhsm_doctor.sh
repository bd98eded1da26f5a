# keyhsm doctor: a good module is found safe, each bad habit is found out, and a module that hangs, dies or lies costs the
# doctor nothing.
# In memory: on a disk each key that is made is synced.
export TMPDIR=${TMPDIR:-/dev/shm}
source "$(dirname "$0")/lib.sh"
leave_crashes
: "${KEYHSM_FAULT_MODULE:?}" "${KEYHSM_BAD_MODULE:?}" "${KEYHSM_NSS_MODULE:?}"
use_backend pkcs11
printf '%s\n' "# of the operator" "${BACKEND_LINES[@]}" "key_type = auto   ; as it comes" >"$WORK/keyhsm.ini"
cp "$WORK/keyhsm.ini" "$WORK/first.ini"

# doctor [OPTION...]: what it says in $WORK/said, its STATUS
doctor() {
  STATUS=0
  "$KEYHSM_BIN_DIR/keyhsm" doctor --config "$WORK/keyhsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" "$@" \
    >"$WORK/said" 2>&1 </dev/null || STATUS=$?
}
# status_is TEXT STATUS [OPTION...]
status_is() { local text=$1 wanted=$2; shift 2; doctor "$@"; check_eq "$text" "$STATUS" "$wanted"; }
# says TEXT OUTCOME GROUP CHECK WORDS: one line of it
says() {
  if grep -E "^$2 +$3 +$4  " "$WORK/said" | grep -qF -- "$5"; then ok "$1"
  else not_ok "$1" "no '$2 $3 $4 ... $5' in: $(cat "$WORK/said")"; fi
}
# objects: how many a tool of others finds on the token
objects() {
  pkcs11-tool --module "$SOFTHSM2_MODULE" --token-label lab --login --pin 1234 --list-objects 2>"$WORK/tool.log" |
    grep -c 'Object;' || true
}
# bad WORD [OPTION...]: the doctor on the module with this habit
bad() { local word=$1; shift; BAD_PKCS11=$word doctor --quick --module "$KEYHSM_BAD_MODULE" --token-label lab "$@"; }
# fault PLAN [OPTION...]
fault() {
  printf '%b\n' "$1" >"$WORK/plan"; shift
  FAULT_PKCS11_PLAN=$WORK/plan doctor --quick --module "$KEYHSM_FAULT_MODULE" --token-label lab "$@"
}

echo "# a good one"
status_is "SoftHSM" 0
check_has "is safe" "$WORK/said" "SAFE: keys may be stored there."
says "ECDH was tried" ok keys "ECDH P-256" "20 right answers of 20"
says "OAEP was tried" ok keys "OAEP, SHA-1" "20 right"
says "what it cannot" "not supported" keys "OAEP, SHA-256" "CKR_ARGUMENTS_BAD"
says "large keys were made" ok keys "RSA-4096 pair" "it makes them"
says "copies" ok secrecy copy "no copy of it is extractable"
says "threads" ok threads "8 in parallel" "all answers are right"
says "nothing is left" ok afterwards "left behind" nothing
check_has "what to configure" "$WORK/said" "key_type = ec-p256"
check "the file is as it was" cmp "$WORK/keyhsm.ini" "$WORK/first.ini"
check_eq "pkcs11-tool finds nothing either" "$(objects)" 0

echo "# what is written"
status_is "--write" 0 --quick --write
check_has "the kind of key" "$WORK/keyhsm.ini" "key_type = ec-p256   ; as it comes"
check_has "the scope" "$WORK/keyhsm.ini" "key_scope = "
check_has "comments stay" "$WORK/keyhsm.ini" "# of the operator"
check "the file it was stays" bash -c "cmp '$WORK/first.ini' '$WORK'/keyhsm.ini.old-*"
check "and it is a configuration" "$KEYHSM_BIN_DIR/keyhsm" settings --config "$WORK/keyhsm.ini" \
  --plugin-dir "$KEYHSM_PLUGIN_DIR" --set "tls.certificate=$WORK/c" --set "tls.private_key=$WORK/k"
cp "$WORK/keyhsm.ini" "$WORK/first.ini"
bad leak --write
check_eq "an unsafe one" "$STATUS" 3
check_has "is not written" "$WORK/said" "Nothing was written"
check "the file is as it was" cmp "$WORK/keyhsm.ini" "$WORK/first.ini"

echo "# for tools"
status_is "--json" 0 --quick --json
json() { python3 -c 'import json,sys
d=json.load(open(sys.argv[1]))
print(eval(sys.argv[2]))' "$WORK/said" "$1"; }
check_eq "verdict" "$(json 'd["verdict"]')" safe
check_eq "advice" "$(json 'd["recommended"]["key_type"]')" ec-p256
check_eq "a check has four members" "$(json 'sorted(d["checks"][0])')" "['check', 'group', 'status', 'text']"
check_eq "raw facts" "$(json 'd["facts"]["key.copy_safe"]["value"]')" True
bad copy --json
check_eq "unsafe" "$(json 'd["verdict"], d["safe"]')" "('unsafe', False)"

echo "# bad habits"
# finds WORD GROUP CHECK WORDS: it is unsafe, and this is why
finds() {
  bad "$1"
  check_eq "$1" "$STATUS" 3
  says "is said" unsafe "$2" "$3" "$4"
  check_has "and in the end" "$WORK/said" "UNSAFE: do not store keys there"
}
bad nothing
check_eq "none" "$STATUS" 0
finds extractable secrecy "not extractable" "though it was asked not to be"
finds leak secrecy "value hidden" "gives the private key away"
says "and nothing else is blamed" ok secrecy "stays so" "cannot make it extractable"
finds copy secrecy copy "C_CopyObject makes an extractable copy"
finds change secrecy "stays so" "C_SetAttributeValue makes it extractable"
finds wrap secrecy wrap "C_WrapKey gives the private key away"
finds pair keys "deposit key" "neither ECDH on P-256 nor RSA-OAEP works"
finds zeros keys "random bytes" "not random"
finds repeats keys "random bytes" "the same 16 bytes twice"
finds parallel threads "8 in parallel" "wrong answers in parallel sessions"
finds few objects capacity "CKR_DEVICE_MEMORY"
bad wrong
check_eq "a wrong ECDH: RSA is left" "$STATUS" 0
says "is said" "not supported" keys "ECDH P-256" "the token's answer is wrong"
check_has "and RSA recommended" "$WORK/said" "key_type = rsa-2048"
# Which scope depends on how long a pair takes on this machine (test_keyhsm_diagnosis has the rule).
check "and a key scope" grep -qE 'key_scope = (deposit|epoch)$' "$WORK/said"
bad prints
check_eq "one that prints" "$STATUS" 0
says "is found out" warning module prints "Welcome to the HSM! licence: trial"
bad prints --json
check_eq "and its words do not come into the answer" "$(json 'd["verdict"]')" safe
bad keeps
says "what cannot be removed is told" warning afterwards "left behind" "could not be removed"
doctor --quick
says "and removed by a later one" ok afterwards "left behind" nothing
check_eq "pkcs11-tool finds nothing" "$(objects)" 0

echo "# one that dies"
bad segv
check_eq "of SIGSEGV" "$STATUS" 3
says "which call" unsafe module crashed "in C_DeriveKey, by Segmentation fault"
says "the rest was looked at" ok fork parent "works on"
says "nothing is left" ok afterwards "left behind" nothing
bad exits
check_eq "that ends the process" "$STATUS" 3
check_has "is not called safe" "$WORK/said" "UNKNOWN: not everything"
fault 'C_DeriveKey kill=before nth=2'
check_eq "in C_DeriveKey, with a key on the token" "$STATUS" 3
says "which call" unsafe module crashed "in C_DeriveKey, by Killed"
says "the key was removed" ok afterwards "left behind" nothing
check_eq "pkcs11-tool finds nothing" "$(objects)" 0

echo "# one that hangs"
fault 'C_GenerateKeyPair hang' --timeout 2
check_eq "in C_GenerateKeyPair" "$STATUS" 3
says "which call, how long" unsafe module hung "in C_GenerateKeyPair, for 2 seconds"
fault 'C_Initialize hang' --timeout 2
check_eq "in C_Initialize" "$STATUS" 3
says "which call" unsafe module hung "in C_Initialize, for 2 seconds"
fault 'C_Finalize hang' --timeout 2
says "at its end" unsafe module hung "in C_Finalize"
check_lacks "no process is left" <(pgrep -a keyhsm-doctor-p | grep -F "$WORK" || true) keyhsm

echo "# PIN and token"
status_is "a PIN that is not there" 3 --quick --pin-source "file:$WORK/absent"
says "is said" unsafe PIN login "$WORK/absent"
says "the token was looked at" ok token writable "keys can be made"
status_is "a prompt without a terminal" 3 --quick --pin-source prompt
says "is said" unsafe PIN login terminal
printf '4321\n' >"$WORK/wrong"
export FAULT_PKCS11_LOG=$WORK/calls
: >"$WORK/calls"
fault '' --pin-source "file:$WORK/wrong"
check_eq "a wrong PIN" "$STATUS" 3
says "is said" unsafe PIN login CKR_PIN_INCORRECT
check_eq "and was tried once" "$(grep -c '^C_Login ' "$WORK/calls")" 1
: >"$WORK/calls"
fault 'C_GetTokenInfo flags=0x20000'
says "at its last try" unsafe PIN tries "one try is left"
fault 'C_GetTokenInfo flags=0x40000'
says "locked" unsafe PIN "not locked" "it is locked"
check_eq "neither was tried" "$(grep -c '^C_Login ' "$WORK/calls" || true)" 0
status_is "no such token" 3 --quick --token-label vault
says "lists those there are" unsafe token found "'lab'"
status_is "no such module" 3 --quick --module /nowhere/p11.so
says "is said" unsafe module loads "/nowhere/p11.so"
status_is "no module" 3 --quick --module "$KEYHSM_BIN_DIR/keyhsm"
says "is said" unsafe module loads "$KEYHSM_BIN_DIR/keyhsm"
softhsm2-util --init-token --free --label twin --pin 1234 --so-pin 12345678 >"$WORK/token.log" 2>&1
TWIN=$(softhsm2-util --show-slots | awk '/Serial number:/ { s = $3 } /Label: *twin/ { print s }')
softhsm2-util --init-token --free --label twin --pin 1234 --so-pin 12345678 >"$WORK/token.log" 2>&1
status_is "two tokens of one label" 3 --quick --token-label twin
says "are told apart" unsafe token found "twin"
status_is "by serial" 0 --quick --token-serial "$TWIN" --pin-source "file:$WORK/pin"
says "and are still two" warning token label "2 tokens have this label"

echo "# NSS"
mkdir "$WORK/nss"
printf 'nsspin12\n' >"$WORK/nss.pin"
check "a database" certutil -N -d "sql:$WORK/nss" -f "$WORK/nss.pin"
export NSS_PKCS11_PARAMETERS="configdir='sql:$WORK/nss' certPrefix='' keyPrefix='' secmod='secmod.db' flags= "
status_is "a token that gives keys away" 3 --quick --module "$KEYHSM_NSS_MODULE" --token-label "NSS Certificate DB" \
  --pin-source "file:$WORK/nss.pin"
says "by a copy" unsafe secrecy copy "extractable copy"
says "and loses them" unsafe keeping "same id twice" "takes the first one's place"
says "draws alike in a child" warning fork random "SAME random bytes"
says "is right otherwise" ok keys "OAEP, SHA-256" "20 right answers of 20"
says "nothing is left" ok afterwards "left behind" nothing

echo "# usage"
status_is "a wrong number" 2 --timeout 0
status_is "a wrong slot" 2 --slot x
status_is "an operand" 2 now
: >"$WORK/state/catalog.db"
status_is "a token with deposits" 1
check_has "is left alone" "$WORK/said" "give --in-use"
status_is "unless told" 0 --quick --in-use
finish
