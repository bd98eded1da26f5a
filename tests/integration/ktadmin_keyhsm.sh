#!/bin/bash
# ktadmin keyhsm, from a legacy store to the HSM and out of it again, as the procedure has it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/keyhsm_lab.sh"
start_keyhsmd

echo "# the procedure"
use_store kts
cp "$STORE/.ssl/ssl-cert-keytrustee.pem" "$WORK/kts.crt"
cp "$STORE/.ssl/ssl-cert-keytrustee-pk.pem" "$WORK/kts.key"
CERT=(--client-certfile "$STORE/.ssl/ssl-cert-keytrustee.pem" --client-keyfile "$STORE/.ssl/ssl-cert-keytrustee-pk.pem")
put one two three
kth_is "before keyhsm trust it is refused" 7 --trust </dev/null
says "with the command that lets it in" "keyhsm trust $STORE/.ssl/ssl-cert-keytrustee.pem"
check_fails "and nothing is pinned" test -e "$PIN"
pin kts
BEFORE=$(tree)
kth_is "a dry run" 0 --trust --dry-run </dev/null
says "says what it would do" "3 deposits could be moved"
says "and what keytrustee.ini would say" "$INI would say backend = keyhsm"
unchanged "and changes nothing"
check_fails "nor writes elsewhere" test -e "$STATE"
check_eq "nor moves anything" "$(moved_count)" 0
check_eq "nor leaves scratch files" "$(ls -A "$TMPDIR")" ""
echo y | kth_is "y" 0 --trust
cat >"$WORK/wanted" <<'W'
Some deposits were found that will need to be moved to the HSM.

Note that although this operation can be interrupted, once complete,
items stored in the HSM must remain there!

Do you want to perform this migration now? [y/N]: Migrating hsm deposits...

Migration Complete!
W
check "standard output is that of the runbooks" diff "$WORK/wanted" "$WORK/out"
says "the certificate is shown" "SHA-256:  $(fingerprint "$WORK/server.crt")"
says "the restart is asked for" "systemctl restart keytrusteed"
check "keyhsmd's certificate is pinned" cmp "$WORK/server.crt" "$PIN"
check_eq "closed to others" "$(stat -c %a "$PIN")" 600
check "the store is sealed" sealed
backend_is "the backend is keyhsm" keyhsm
cat >"$WORK/wanted" <<W
[backend.keyhsm]
server = $URL
client_certificate = $STORE/.ssl/ssl-cert-keytrustee.pem
client_key = $STORE/.ssl/ssl-cert-keytrustee-pk.pem
server_certificate = $PIN
W
check "with all that it needs" diff "$WORK/wanted" <(sed -n '/^\[backend.keyhsm\]/,$p' "$INI")
check_has "what stood there stays" "$INI" "# by hand"
check_has "in the old file, too" "$(echo "$INI".old-*)" "# by hand"
check_lacks "which says nothing of keyhsm" "$(echo "$INI".old-*)" backend.keyhsm
behind_hsm "the deposits are behind the HSM" one two three
kt_status() {
  "$KEYHSM_BIN_DIR/ktadmin" status --config "$INI" --plugin-dir "$KEYHSM_PLUGIN_DIR" "$@" >"$WORK/out" 2>"$WORK/err"
}
check "status: it serves" kt_status
check_has "status: sealed" "$WORK/out" "sealed         keyhsm"
check_has "status: the backend" "$WORK/out" "backend        keyhsm"
check_has "status: deposits are counted there" "$WORK/out" "deposits       3 active"
check_has "status: the token" "$WORK/out" "token 'lab'"
check_has "status: the pin" "$WORK/out" "$(fingerprint "$PIN")"
kt_status --json
check_has "status: as JSON" "$WORK/out" '"answers": true'

echo "# again"
BEFORE=$(tree)
kth_is "the same command again" 0 --trust </dev/null
says "has nothing to do" "nothing to do"
says "nor to write" "says backend = keyhsm already"
unchanged "and changes nothing"
kth_is "without --trust, too" 0 </dev/null
kth_is "a dry run, too" 0 --dry-run </dev/null
unchanged "and changes nothing"

echo "# a crash between the commit and the configuration"
AFTER=$(cat "$INI")
cp "$INI".old-* "$WORK/old.ini"
rm "$INI".old-* "$PIN"
cp "$WORK/old.ini" "$INI"
check_fails "status: nothing serves" kt_status
check_has "status: it says what to do" "$WORK/out" "run ktadmin keyhsm again"
kth_is "the same command" 0 --trust </dev/null
check_eq "finishes the configuration" "$(cat "$INI")" "$AFTER"
check "and the pin" cmp "$WORK/server.crt" "$PIN"
check "status: it serves" kt_status

echo "# a store without deposits, and a new keytrustee.ini"
use_store empty
rm "$INI"
kth() {
  STATUS=0
  "$KEYHSM_BIN_DIR/ktadmin" keyhsm --server "$URL" "${CERT[@]}" --config "$INI" --state-dir "$STATE" \
    --plugin-dir "$KEYHSM_PLUGIN_DIR" --set memory.lock=preferred --set "backend.softfile.directory=$STORE" \
    "$@" >"$WORK/out" 2>"$WORK/err" || STATUS=$?
}
kth_is "a file that was named must be there" 2 --trust </dev/null
: >"$INI"
kth_is "nothing is asked" 0 --trust </dev/null
check_lacks "nor found" "$WORK/out" "Some deposits"
check "it is sealed" sealed
backend_is "the backend is keyhsm" keyhsm
. "$(dirname "$0")/keyhsm_lab.sh"

echo "# to another HSM"
use_store kts
identity client
THERE=$URL
mkdir -p "$WORK/other/tokens"
(
  sed "s|$WORK/port|$WORK/other/port|; s|$WORK/state|$WORK/other/state|; s|$WORK/softhsm2.conf|$WORK/other/softhsm2.conf|" \
    "$WORK/keyhsm.ini" >"$WORK/other/keyhsm.ini"
  sed "s|$WORK/tokens|$WORK/other/tokens|" "$WORK/softhsm2.conf" >"$WORK/other/softhsm2.conf"
  mkdir -m 700 "$WORK/other/state"
  SOFTHSM2_CONF=$WORK/other/softhsm2.conf softhsm2-util --init-token --free --label lab --pin 1234 --so-pin 12345678
) >"$WORK/check.out" 2>&1
"$KEYHSM_BIN_DIR/keyhsmd" --config "$WORK/other/keyhsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" --backend pkcs11 \
  >"$WORK/other.log" 2>&1 &
DAEMONS+=("$!")
wait_for "the other keyhsmd" test -s "$WORK/other/port"
URL=https://localhost:$(cat "$WORK/other/port")
BEFORE=$(tree)
kth_is "a store that was left for one HSM is not given to another" 7 --trust </dev/null
says "and both are named" "is another place"
unchanged "and nothing is changed"
URL=$THERE

echo "# the way out"
disable() {
  STATUS=0
  "$KEYHSM_BIN_DIR/ktadmin" keyhsm --disable --config "$INI" --plugin-dir "$KEYHSM_PLUGIN_DIR" \
    >"$WORK/out" 2>"$WORK/err" </dev/null || STATUS=$?
}
purge() {
  tool deposit "$@" --server "$URL" --cacert "$WORK/ca.crt" --client-certfile "$WORK/client.crt" \
    --client-keyfile "$WORK/client.key" >"$WORK/check.out" 2>&1
}
disable
check_eq "with deposits on the HSM it is refused" "$STATUS" 7
says "in words" "deposits remain on the HSM"
for words in "Back up the data" "Delete the keys" "Disable the HSM" "new keys and encryption zones" "Restore the data"; do
  says "the way out: $words" "$words"
done
unchanged "and nothing is changed"
check "one is purged" purge purge one --yes
check "and another" purge purge two --yes
check "one is deleted only" purge delete three
disable
check_eq "a deleted one remains" "$STATUS" 7
kill_keyhsmd
disable
check_eq "without an answer nothing is known" "$STATUS" 5
unchanged "and nothing is changed"
check_fails "status: it does not serve" kt_status
check_has "status: keyhsmd does not answer" "$WORK/out" "localhost:$PORT: "
check_has "status: nothing is counted" "$WORK/out" "deposits       not known"
restart_keyhsmd
exec 8>"$STORE/.ssl/keyhsm.lock"
flock 8; echo "$$" >"$STORE/.ssl/keyhsm.lock"
disable
check_eq "while another one runs it is refused" "$STATUS" 7
says "with its process" "process $$"
exec 8>&-
check "the last one is purged" purge purge three --yes
disable
check_eq "now it goes" "$STATUS" 0
backend_is "the backend is softfile" softfile
says "and what has to be done" "make a new store with ktadmin init"
disable
check_eq "again there is nothing to do" "$STATUS" 0
says "and it says so" "nothing to do"
mkdir "$WORK/left"
mv "$STORE/store.pem" "$STORE/seal.json" "$WORK/left/"
check "a new store is made as it says" tool init --confdir "$STORE"
check "and serves" kt_status
check_has "empty" "$WORK/out" "deposits       0 active"
for words in --server=https://localhost:1 --trust --dry-run --passphrase; do
  STATUS=0
  "$KEYHSM_BIN_DIR/ktadmin" keyhsm --disable "$words" >"$WORK/out" 2>"$WORK/err" || STATUS=$?
  check_eq "--disable stands alone, without $words" "$STATUS" 2
done
finish
