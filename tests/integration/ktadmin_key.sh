# ktadmin key: the commands on a backend of this process and on a daemon, and what they say.
source "$(dirname "$0")/lib.sh"
make_pki
use_backend pkcs11
write_ini "${BACKEND_LINES[@]}"
start_daemon --backend pkcs11
cd "$WORK"
printf 'what is signed' >msg
printf '[memory]\nlock = preferred\n' >none.ini
KT=$KEYHSM_BIN_DIR/ktadmin
server=(--config none.ini --server "$URL" --cacert ca.crt --client-certfile client.crt --client-keyfile client.key)
backend=(--config keyhsm.ini --plugin-dir "$KEYHSM_PLUGIN_DIR" --backend pkcs11)
target=("${server[@]}")

# key WANTED_STATUS TEXT COMMAND...
key() {
  local wanted=$1 text=$2 status=0
  shift 2
  "$KT" key "$@" "${target[@]}" >out 2>err </dev/null || status=$?
  if [ "$status" = "$wanted" ]; then ok "$text"
  else not_ok "$text" "status $status, wanted $wanted: $(head -c 300 err)"; fi
}
verify() { local pem=$1; shift; openssl dgst "$@" -verify "$pem" -signature sig msg; }

# all_of PREFIX: the same on either target
all_of() {
  local p=$1
  rm -f sig
  key 0 "create" create "$p-ec" --kind ec-p256
  check_eq "  says what was made" "$(cat out)" "Made $p-ec: ec-p256, sign"
  key 6 "  once" create "$p-ec" --kind ec-p256
  key 0 "public" public "$p-ec" --output "$p-ec.pem"
  key 6 "  into a new file" public "$p-ec" --output "$p-ec.pem"
  key 0 "sign" sign "$p-ec" msg --output sig
  check "  openssl verifies" verify "$p-ec.pem" -sha256
  key 0 "sign with another digest" sign "$p-ec" msg --digest sha512 --output sig --force
  check "  openssl verifies" verify "$p-ec.pem" -sha512
  "$KT" key sign "$p-ec" "${target[@]}" <msg >sig
  check "sign standard input to standard output" verify "$p-ec.pem" -sha256
  key 0 "create for two purposes" create "$p-rsa" --kind rsa-2048 --purpose sign --purpose decrypt
  check_has "  says so" out "sign, decrypt"
  key 0 "  public" public "$p-rsa" --output "$p-rsa.pem"
  key 0 "  sign" sign "$p-rsa" msg --output sig --force
  check "  openssl verifies" verify "$p-rsa.pem" -sha256
  key 0 "  with PSS" sign "$p-rsa" msg --scheme rsa-pss --output sig --force
  check "  openssl verifies" verify "$p-rsa.pem" -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32
  key 0 "Ed25519" create "$p-ed" --kind ed25519
  key 0 "  public" public "$p-ed" --output "$p-ed.pem"
  key 0 "  signs the message" sign "$p-ed" msg --output sig --force
  check "  openssl verifies" openssl pkeyutl -verify -rawin -pubin -inkey "$p-ed.pem" -sigfile sig -in msg
  key 2 "  and no digest" sign "$p-ed" msg --digest sha256
  head -c 5000 /dev/zero >large
  key 2 "  of 4096 bytes at most" sign "$p-ed" large
  check_has "  it says" err "at most 4096 bytes"
  key 0 "an AES key" create "$p-kek" --kind aes-256
  check_has "  wraps" out "aes-256, wrap"
  key 7 "  has no public half" public "$p-kek"
  key 0 "list" list
  check_eq "  has them in order" "$(awk 'NR > 1 { print $1 }' out | grep "^$p-" | paste -sd ' ')" "$p-ec $p-ed $p-kek $p-rsa"
  key 0 "list as JSON" list --json
  check_eq "  is a list" "$(python3 -c 'import json,sys; print([k["purposes"] for k in json.load(open("out")) if k["name"]==sys.argv[1]])' "$p-rsa")" "[['sign', 'decrypt']]"
  key 0 "show" show "$p-ec"
  check_has "  tells the kind" out "ec-p256"
  key 0 "delete" delete "$p-ec"
  key 4 "  it does not sign" sign "$p-ec" msg
  key 0 "  show as JSON" show "$p-ec" --json
  check_has "  tells the state" out '"state": "deleted"'
  key 0 "undelete" undelete "$p-ec"
  key 0 "  it signs" sign "$p-ec" msg
  key 2 "purge without a terminal" purge "$p-ec"
  check_has "  wants --yes" err "give --yes"
  key 0 "purge" purge "$p-ec" --yes
  key 4 "  it is gone" show "$p-ec"
  key 4 "  and cannot be purged again" purge "$p-ec" --yes
  key 4 "an unknown key" sign "$p-none" msg
  key 2 "a kind that there is not" create "$p-x" --kind dsa
  check_has "  it says which there are" err "ec-p256, ec-p384, ed25519"
  key 2 "a purpose that there is not" create "$p-x" --kind ec-p256 --purpose fly
  key 2 "a purpose that the kind has not" create "$p-x" --kind ec-p256 --purpose wrap
  key 2 "a scheme of another use" sign "$p-rsa" msg --scheme ecdh
  key 2 "a digest that there is not" sign "$p-rsa" msg --digest md5
  key 2 "a file that is missing" sign "$p-rsa" nowhere
  key 2 "no name" show
}

echo "# on a daemon"
all_of remote
echo "# by hand"
key 0 "a key to purge" create typed --kind ec-p256
# typed NAME: purge, with NAME typed on a terminal
typed() {
  python3 "$KEYHSM_SOURCE_DIR/tests/integration/terminal.py" "Type its name to confirm: " "$1" -- "$KT" key purge typed "${target[@]}"
}
check_fails "another name" typed other
check_has "  destroys nothing" check.out "nothing was destroyed"
key 0 "  it is there" show typed
check "its name" typed typed
key 4 "  destroys it" show typed
key 0 "a key that stays" create stays --kind ec-p256
target=("${backend[@]}")
key 7 "the backend while the daemon has it" list
check_has "  names its process" err "$PID"
target=("${server[@]}")
stop_daemon
key 5 "without a daemon" list
echo "# on a backend"
target=("${backend[@]}")
all_of local
key 0 "what the daemon made is there" show stays
echo "# a backend without named keys"
target=(--config "$WORK/none.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" --backend softfile --set "backend.softfile.directory=$WORK/store" --set backend.softfile.create=yes)
key 7 "says so" create x --kind ec-p256
check_has "  in words" err "no named keys"
echo "# a file that names a key"
target=()
key 0 "uri" uri web-1 --output uri.pem
check_eq "  holds the URI and nothing else" "$(sed -n 2p uri.pem | base64 -d) $(sed -n 1p uri.pem)" "keyhsm:web-1 -----BEGIN KEYHSM URI-----"
key 2 "  of a name that can be one" uri a/b
key 2 "  of one" uri
finish
