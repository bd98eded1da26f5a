#!/bin/bash
# The procedure with a certificate of the site, whose key has a password, in an hour when everything dies once:
# keyhsmd, keytrusteed and ktadmin itself are killed in the middle of the migration. The same command goes on;
# reads are answered all the time; nothing is lost and nothing is there twice.
. "$(dirname "$0")/host.sh"
host_enter "$0" "$@"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/site.sh"
: "${KEYHSM_BUILD_DIR:?}"
SITE=$WORK/site
COUNT=400
CERTS=/etc/pki/cloudera/certs
host_make "$WORK/root" "$KEYHSM_BUILD_DIR"
mkdir "$WORK/want"

# ---- a site of its own kind --------------------------------------------------------------------

site_make
site_certificate mycert serverAuth,clientAuth
cp "$SITE/mycert.crt" "$CERTS/mycert.crt"
openssl pkcs8 -topk8 -v2 aes-256-cbc -in "$SITE/mycert.key" -passout pass:sesame -out "$CERTS/mykey.key"
(umask 077; echo sesame >/etc/keytrustee/passphrase)
sed -i "s|^\[tls\]|&\ncertificate = $CERTS/mycert.crt\nprivate_key = $CERTS/mykey.key\npassphrase_source = file:/etc/keytrustee/passphrase|" \
  /etc/keytrustee/keytrustee.ini
service keytrusteed start
for i in $(seq "$COUNT"); do
  openssl rand -out "$WORK/want/key-$i.0" 32
done
put() {
  site_curl admin -f -o /dev/null -X PUT -H 'Content-Type: application/octet-stream' --data-binary "@$WORK/want/$1.0" \
    "$KEYTRUSTEE/v1/deposits/$1"
}
export -f put site_curl
export WORK SITE KEYTRUSTEE
seq "$COUNT" | xargs -P 4 -I '{}' bash -c 'put key-{}'
check "keyhsm trust" keyhsm trust "$CERTS/mycert.crt"
check "keyhsmd starts" service keyhsm start

# ---- the command -------------------------------------------------------------------------------

INTEGRATE=(/usr/local/bin/ktadmin keyhsm --server https://keyhsm01.example.com:9090 --client-certfile "$CERTS/mycert.crt"
  --client-keyfile "$CERTS/mykey.key" --trust)
# typed [QUESTION ANSWER]... --: ktadmin keyhsm --passphrase on a terminal; STATUS, $WORK/tty
typed() {
  STATUS=0
  python3 "$KEYHSM_SOURCE_DIR/tests/integration/terminal.py" "$@" "${INTEGRATE[@]}" --passphrase >"$WORK/tty" 2>&1 || STATUS=$?
}
moved() { sqlite3 -readonly /var/lib/keyhsm/catalog.db "SELECT count(*) FROM versions" 2>/dev/null; }
moved_are() { [ "$(moved)" -ge "$1" ]; }
# start_integration: in the background, with the password from a file; RUN is its pid
start_integration() {
  "${INTEGRATE[@]}" --yes --passphrase-source file:/etc/keytrustee/passphrase >"$WORK/run.out" 2>"$WORK/run.err" &
  RUN=$!
}
end_integration() { STATUS=0; wait "$RUN" 2>"$WORK/wait.err" || STATUS=$?; }
killed() {
  local pid
  pid=$(pgrep -x "$1")
  kill -KILL "$pid"
  while kill -0 "$pid" 2>/dev/null; do :; done
}
in_the_middle() {
  check "$1 some are there" moved_are 1
  check_fails "  and not all" moved_are "$COUNT"
  check_fails "  the store is not sealed" test -e "$CONFDIR/seal.json"
  check_lacks "  the configuration is as it was" /etc/keytrustee/keytrustee.ini "backend.keyhsm"
}

echo "# a password"
typed '*:' wrong '*:' wrong '*:' wrong --
check_eq "three wrong ones end it" "$STATUS" 2
check_fails "nothing was pinned" test -e "$CONFDIR/.ssl/ssl-cert-keyhsm.pem"
typed '*:' wrong '*:' sesame '[y/N]: ' n --
check_lacks "it is not shown" "$WORK/tty" sesame
check_has "the second one was right" "$WORK/tty" "Do you want to perform this migration now?"
check_eq "after n nothing was moved" "$(moved)" 0

echo "# keyhsmd is killed"
site_reads_start "$WORK/want"
wait_for "reads" grep -q ^200 "$SITE/reads"
start_integration
wait_for "the middle" moved_are 50
killed keyhsmd
end_integration
check_eq "ktadmin says that keyhsmd is away" "$STATUS" 5
check_lacks "not that it is done" "$WORK/run.out" "Migration Complete!"
in_the_middle "keyhsmd killed:"
check "keyhsmd starts again" service keyhsm start

echo "# the key server is killed"
start_integration
wait_for "more of them" moved_are 100
kill -STOP "$RUN"
in_the_middle "ktadmin halted:"
STATUS=$(site_curl admin -o "$WORK/out" -w '%{http_code}' -X PUT --data-binary x \
  -H 'Content-Type: application/octet-stream' "$KEYTRUSTEE/v1/deposits/new")
check_eq "a new deposit is refused meanwhile" "$STATUS" 503
check_has "with the reason" "$WORK/out" "in use by process $RUN"
killed keytrusteed
wait_for "a read that finds no server" grep -q ^000 "$SITE/reads"
check "the key server starts again, under the migration" service keytrusteed start
check_eq "and serves" "$(site_read "$WORK/want/key-1.0")" 200
kill -CONT "$RUN"

echo "# ktadmin is killed"
wait_for "still more" moved_are 150
kill -KILL "$RUN"
end_integration
check_eq "killed" "$STATUS" 137
in_the_middle "ktadmin killed:"

echo "# and on"
site_reads_stop
check_eq "every read was answered, but for the moment without a server" \
  "$(site_answers)" "200 000 200"
typed '*:' sesame '[y/N]: ' YES --
check_eq "the same command goes on to the end" "$STATUS" 0
check_has "and says so" "$WORK/tty" "Migration Complete!"
check_has "it knew what was there" "$WORK/tty" "$COUNT verified"
check "the key server restarts" service keytrusteed restart
check "its key's password is where it was" grep -A 9 '^\[backend.keyhsm\]' /etc/keytrustee/keytrustee.ini
different=0
for file in "$WORK"/want/*; do
  [ "$(site_read "$file")" = 200 ] || { different=$((different + 1)); echo "$file"; }
done
check_eq "of $COUNT deposits these differ" "$different" 0
check_eq "and there is no other" "$(moved)" "$COUNT"
check "/test_hsm works with a key that has a password" \
  grep -q '^"Sample Key TEST_HELLO_DEPOSIT.* has been created"' <(curl -sk "$KEYTRUSTEE/test_hsm")
# What a kill leaves on the token goes when keyhsmd starts: a key pair without a deposit.
check "keyhsmd restarts" service keyhsm restart
keys() {
  cp -a /var/lib/softhsm/tokens "$WORK/copy"
  sed "s|/var/lib/softhsm/tokens|$WORK/copy|" /etc/softhsm/softhsm2.conf >"$WORK/copy.conf"
  SOFTHSM2_CONF=$WORK/copy.conf pkcs11-tool --module "$SOFTHSM2_MODULE" --token-label keyhsm --login --pin 123456 \
    -O --type privkey 2>/dev/null | grep -c 'label: *key-[0-9]'
}
check_eq "the token has one key for each" "$(keys)" "$COUNT"
check "the audit log is whole" ktadmin audit verify
service keytrusteed stop
service keyhsm stop
finish
