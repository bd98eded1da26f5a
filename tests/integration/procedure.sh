#!/bin/bash
# The procedure of docs/integration.md, word for word, on a host of its own: commands, prompts, lines, paths and
# ports as printed; with real deposits, which are read all through it. Then what an operator does next.
. "$(dirname "$0")/host.sh"
host_enter "$0" "$@"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/site.sh"
: "${KEYHSM_BUILD_DIR:?}"
SITE=$WORK/site
lab=$WORK/lab tool=()
. "$KEYHSM_SOURCE_DIR/scripts/quickstart.d/deposits.sh"
host_make "$WORK/root" "$KEYHSM_BUILD_DIR"
mkdir "$lab" "$lab/in" "$lab/want" "$lab/got"

echo "# before it"
site_make
make_inputs
put_deposits
count_wanted
# One that was deleted is not served; it is looked at further down.
mkdir "$WORK/deleted"
mv "$lab/want/hdfs-zone2.1" "$WORK/deleted/"
check "the key server starts" service keytrusteed start
check_eq "a deposit is served" "$(site_read "$lab/want/hdfs-zone1.0")" 200
STATUS=0
ktadmin keyhsm --server https://keyhsm01.example.com:9090 --client-certfile /etc/pki/cloudera/certs/mycert.crt \
  --client-keyfile /etc/pki/cloudera/certs/mykey.key --trust <<<y >"$WORK/out" 2>"$WORK/err" || STATUS=$?
check_eq "without keyhsmd there is no migration" "$STATUS" 5
check_has "it says what to start" "$WORK/err" "is keyhsmd running there?"
check_eq "curl is told what is missing" "$(curl -sk -o "$WORK/out" -w '%{http_code}' "$KEYTRUSTEE/test_hsm")" 503
check_has "in words" "$WORK/out" "ktadmin keyhsm"

echo "# the procedure"
if site_procedure "$lab/want" "$WORK/errors.log"; then
  ok "every command does what is printed, and prints it"
else
  not_ok "every command does what is printed, and prints it" "$(cat "$WORK/errors.log")"
fi
check_has "fingerprints are on standard error" "$WORK/errors.log" \
  "SHA-256 $(fingerprint "$CONFDIR/.ssl/ssl-cert-keytrustee.pem")"
check_has "so is keyhsmd's" "$WORK/errors.log" "$(fingerprint /etc/keyhsm/tls/server.pem)"
check_eq "reads were answered until the commit, and after the restart, byte for byte" \
  "${SITE_ANSWERS/503 000/503}" "200 503 200"
check_has "between them the remedy was" "$SITE/moved" "systemctl restart keytrusteed"

echo "# behind the HSM"
different=0
for file in "$lab"/want/*; do
  [ "$(site_read "$file")" = 200 ] || { different=$((different + 1)); echo "$file"; }
done
check_eq "of $versions versions, in $deposits deposits, these differ" "$different" 0
check_eq "a deleted one is not served" "$(site_read "$WORK/deleted/hdfs-zone2.1")" 404
site_curl admin -o "$WORK/out" -X POST "$KEYTRUSTEE/v1/deposits/hdfs-zone2/undelete?version=1"
check_eq "it came along: undeleted it is what it was" "$(site_read "$WORK/deleted/hdfs-zone2.1")" 200
site_curl reader "$KEYTRUSTEE/v1/deposits/many-attributes" >"$WORK/out"
check_has "attributes came along" "$WORK/out" '"attribute-32":"value 32, Grüße"'
check "the pin is keyhsmd's certificate" cmp /etc/keyhsm/tls/server.pem "$CONFDIR/.ssl/ssl-cert-keyhsm.pem"
check_has "the configuration names the backend" /etc/keytrustee/keytrustee.ini "backend = keyhsm"
check_has "and keeps the rules" /etc/keytrustee/keytrustee.ini "readers = allow"
check_has "the old file is beside it" <(cat /etc/keytrustee/keytrustee.ini.old-*) "readers = allow"
STATUS=0
ktadmin deposit get hdfs-zone1 --backend softfile >"$WORK/out" 2>"$WORK/err" || STATUS=$?
check_eq "the legacy store is sealed" "$STATUS" 7
check_eq "it gives nothing" "$(wc -c <"$WORK/out")" 0
check_fails "its key is gone" test -e "$CONFDIR/store.key"
check "ktadmin status" ktadmin status
check "the audit log is whole" ktadmin audit verify
check "keyhsm validate" keyhsm validate

echo "# keyhsmd goes away and comes back"
check "restarted" service keyhsm restart
check_eq "the key server reads by itself" "$(site_read "$lab/want/hdfs-zone1.0")" 200
check "stopped" service keyhsm stop
check_eq "without it: 503" "$(site_read "$lab/want/hdfs-zone1.0")" 503
check_eq "and says so" "$(curl -sk -o "$WORK/out" -w '%{http_code}' "$KEYTRUSTEE/readyz")" 503
check "started" service keyhsm start
check_eq "served again" "$(site_read "$lab/want/hdfs-zone1.0")" 200
KEYHSMD=$(pgrep -x keyhsmd)
kill -KILL "$KEYHSMD"
while kill -0 "$KEYHSMD" 2>/dev/null; do :; done
check "killed and started" service keyhsm start
check_eq "served again" "$(site_read "$lab/want/hdfs-zone1.0")" 200

echo "# /test_hsm, a thousand times"
keys() { find /var/lib/softhsm/tokens -name '*.object' | wc -l; }
BEFORE=$(keys)
seq 1000 | xargs -P 32 -I '{}' curl -sk --max-time 120 -o /dev/null -w '%{http_code}\n' "$KEYTRUSTEE/test_hsm" \
  >"$WORK/statuses" || true
sort "$WORK/statuses" | uniq -c
check_eq "a thousand answers" "$(wc -l <"$WORK/statuses")" 1000
check_eq "each is 200 or 429" "$(grep -cvE '^(200|429)$' "$WORK/statuses" || true)" 0
check "some are 200" grep -q 200 "$WORK/statuses"
check "and some were too many" grep -q 429 "$WORK/statuses"
site_curl admin "$KEYTRUSTEE/v1/deposits?limit=1000" >"$WORK/out"
check_has "the listing has deposits" "$WORK/out" '"kms-master"'
check_lacks "and no sample" "$WORK/out" TEST_HELLO
check_eq "nor has the catalog" "$(sqlite3 -readonly /var/lib/keyhsm/catalog.db \
  "SELECT count(*) FROM versions WHERE name LIKE 'TEST_HELLO%'")" 0
check_eq "and the token has the keys that it had" "$(keys)" "$BEFORE"

echo "# again"
STATUS=0
ktadmin keyhsm --server https://keyhsm01.example.com:9090 --client-certfile /etc/pki/cloudera/certs/mycert.crt \
  --client-keyfile /etc/pki/cloudera/certs/mykey.key --trust </dev/null >"$WORK/out" 2>"$WORK/err" || STATUS=$?
check_eq "the same command ends with 0" "$STATUS" 0
check_eq "and asks nothing" "$(wc -c <"$WORK/out")" 0
check_has "it has nothing to do" "$WORK/err" "nothing to do"
check "both end" service keytrusteed stop
check "as they are told" service keyhsm stop
check_fails "no keyhsmd runs any more" pgrep -x keyhsmd
check_fails "nor keytrusteed" pgrep -x keytrusteed
finish
