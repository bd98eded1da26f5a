# keyhsm settings: every value in effect, where it is from, and no secret.
source "$(dirname "$0")/lib.sh"
make_pki
use_backend pkcs11
write_ini "${BACKEND_LINES[@]}"
settings() {
  "$KEYHSM_BIN_DIR/keyhsm" settings --config "$WORK/keyhsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" "$@"
}
# line OPTION SECTION: what the text says of it, with one blank where there are many
line() { sed -n "/^\[$2\]/,/^$/p" "$WORK/said" | grep -E "^#?$1 = " | tr -s ' '; }
# member SECTION OPTION NAME: of the JSON
member() {
  python3 -c 'import json,sys
print([v[sys.argv[4]] for v in json.load(open(sys.argv[1])) if (v["section"],v["option"])==(sys.argv[2],sys.argv[3])])' \
    "$WORK/said" "$@"
}

echo "# text"
settings --set server.port=9 >"$WORK/said"
check_eq "a default" "$(line workers server)" "workers = 16 ; default"
check_eq "from the file" "$(line listen server)" "listen = localhost ; $WORK/keyhsm.ini:2"
check_eq "from the command line" "$(line port server)" "port = 9 ; --set server.port"
check_eq "not set" "$(line crl_file tls)" "#crl_file = ; not set"
check_eq "a source" "$(line pin_source backend.pkcs11)" "pin_source = file:$WORK/pin ; $WORK/keyhsm.ini:17"
check_lacks "not what is in it" "$WORK/said" 1234
settings --set 'tls.private_key=pkcs11:object=k?pin-value=5566' >"$WORK/said"
check_lacks "no PIN of a URI" "$WORK/said" 5566
check_eq "but that there is one" "$(line private_key tls)" \
  "private_key = (hidden: it holds a PIN) ; --set tls.private_key"
settings >"$WORK/said"
check "it is a configuration of the same meaning" "$KEYHSM_BIN_DIR/keyhsmd" --check-config \
  --config "$WORK/said" --plugin-dir "$KEYHSM_PLUGIN_DIR"
check "without a lock on memory" bash -c "ulimit -l 0; '$KEYHSM_BIN_DIR/keyhsm' settings \
  --config '$WORK/keyhsm.ini' --plugin-dir '$KEYHSM_PLUGIN_DIR' --set memory.lock=required"
check_eq "nothing was opened" "$(find "$WORK/state" -type f | wc -l)" 0

echo "# JSON"
settings --json --set 'tls.private_key=pkcs11:object=k?pin-value=5566' >"$WORK/said"
check_eq "a default" "$(member server workers value)$(member server workers from)" "['16']['default']"
check_eq "from the file" "$(member server listen from)" "['$WORK/keyhsm.ini:2']"
check_eq "not set" "$(member tls crl_file value)$(member tls crl_file from)" "[None][None]"
check_eq "hidden" "$(member tls private_key value)$(member tls private_key hidden)" "[None][True]"
check_lacks "no PIN of a URI" "$WORK/said" 5566
settings --json --backend softfile >"$WORK/said"
check_eq "another backend" "$(member backend.softfile create value)" "['no']"

echo "# refused"
settings_fails() {
  local text=$1 words=$2 status=0; shift 2
  settings "$@" >"$WORK/said" 2>&1 || status=$?
  check_eq "$text: status" "$status" 2
  check_has "$text: says so" "$WORK/said" "$words"
}
settings_fails "a wrong option" "has no option 'prot'" --set server.prot=1
settings_fails "a PIN for a source" "never the secret itself" --set backend.pkcs11.pin_source=5566
check_lacks "and does not repeat it" "$WORK/said" 5566
settings_fails "no such file" "cannot be read" --config "$WORK/absent.ini"
settings_fails "an operand" "no arguments are taken" now
check_eq "no room to print" "$(settings 2>&1 >/dev/full | grep -c 'cannot be written')" 1
finish
