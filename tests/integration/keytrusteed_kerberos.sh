# keytrusteed with Kerberos: tickets by curl and by GSSAPI itself, against a KDC of the test's own; every ticket
# that does not serve; and that nothing is remembered of a connection.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/krb5.sh"
: "${KEYHSM_GSS_CLIENT:?}" "${KEYHSM_KRB5_STRETCH:?}"
export DAEMON=keytrusteed KRB5RCACHENAME=dfl: KRB5RCACHEDIR=$WORK
make_pki
start_realm
login alice; login bob; login hdfs hdfs/localhost

KRB5=$WORK/krb5
cp "$KRB5/http.keytab" "$WORK/keytab"
use_backend softfile
# ini [LINE...]: rules for alice, hdfs and the certificate of `client`
ini() {
  write_ini "${BACKEND_LINES[@]}" "[acl]" \
    "alice = allow all on a-* to alice@LAB.TEST" \
    "hdfs = allow get,list on a-* to user:hdfs" \
    "cert = allow all on * to CN=client" \
    "[auth]" "kerberos = yes" "keytab = $WORK/keytab" "$@"
}

echo "# a keytab that does not serve"
# refused TEXT WORDS: --check-config says WORDS and where
refused() {
  local status=0
  "$KEYHSM_BIN_DIR/keytrusteed" --config "$WORK/keyhsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" --check-config \
    >"$WORK/refused.out" 2>&1 || status=$?
  check_eq "$1" "$status" 2
  check_has "  it says why" "$WORK/refused.out" "$2"
  check_has "  and where" "$WORK/refused.out" "keyhsm.ini:${3:-}"
}
ini
rm "$WORK/keytab"
refused "a keytab that is not there" "keytab $WORK/keytab: No such file or directory"
cp "$KRB5/nfs.keytab" "$WORK/keytab"
refused "one without HTTP/" "has no principal HTTP/<host name>, but nfs/localhost@LAB.TEST"
: >"$WORK/keytab"
refused "an empty one" "keytab $WORK/keytab"
echo garbage >"$WORK/keytab"
refused "one that is none" "keytab $WORK/keytab"
cp "$KRB5/http.keytab" "$WORK/keytab"
chmod 644 "$WORK/keytab"
refused "one that others can read" "keytab $WORK/keytab"
chmod 640 "$WORK/keytab"
check "one that the group can read is fine" "$KEYHSM_BIN_DIR/keytrusteed" --config "$WORK/keyhsm.ini" \
  --plugin-dir "$KEYHSM_PLUGIN_DIR" --check-config
ini "simple = yes"
refused "two ways that exclude each other" "simple = yes makes kerberos = yes useless"
ini "[auth_to_local]" "first = DEFAULT" "second = RULE:[1:\$2]"
refused "a rule that is wrong" "second: '\$2': behind '\$' stands the number of a component"

ini
start_daemon
bytes=(-H 'Content-Type: application/octet-stream' --data-binary)

failures >"$WORK/failures"
check_eq "every reason is there from the start" "$(awk '{ n += $2 } END { print NR, n }' "$WORK/failures")" "13 0"

echo "# tickets"
stranger GET /v1/deposits
check_eq "none: 401" "$STATUS" 401
check_has "  with a challenge" "$WORK/headers" "WWW-Authenticate: Negotiate"
check_has "  and the other way" "$WORK/headers" "WWW-Authenticate: Certificate"
check_has "  in JSON" "$WORK/body" '"code":"unauthenticated"'
reasons "nothing_shown 1"
negotiate_is "alice puts" 201 alice PUT /v1/deposits/a-1 "${bytes[@]}" one
check_has "  the server proves itself" "$WORK/headers" "WWW-Authenticate: Negotiate "
check_has "  the connection is not logged in" "$WORK/headers" "Persistent-Auth: false"
check_has "  the audit log has her principal" "$WORK/audit.log" '"principal":"alice@LAB.TEST"'
check_has "  and her short name" "$WORK/audit.log" '"user":"alice"'
negotiate_is "alice rolls" 201 alice POST /v1/deposits/a-1/versions "${bytes[@]}" two
negotiate_is "alice reads" 200 alice GET /v1/deposits/a-1 -H 'Accept: application/octet-stream'
check_eq "  what she put" "$(cat "$WORK/body")" two
negotiate_is "alice asks for the head" 200 alice HEAD /v1/deposits/a-1 -I
negotiate_is "alice may not elsewhere" 403 alice GET /v1/deposits/b-1
negotiate_is "hdfs/localhost is user hdfs" 200 hdfs GET /v1/deposits/a-1
negotiate_is "  and may not put" 403 hdfs PUT /v1/deposits/a-2 "${bytes[@]}" x
negotiate_is "bob is known, and may nothing" 403 bob GET /v1/deposits/a-1
negotiate_is "  but see /metrics" 200 bob GET /metrics
negotiate_is "alice deletes" 204 alice DELETE /v1/deposits/a-1
negotiate_is "by the other principal of the keytab" 404 alice GET /v1/deposits/a-1 \
  --connect-to "127.0.0.1:$PORT:localhost:$PORT"
saved=$URL; URL=https://127.0.0.1:$PORT
negotiate_is "  by its address" 404 alice GET /v1/deposits/a-1
URL=$saved
api_is "a certificate is as good" 404 GET /v1/deposits/a-1
check_lacks "  and has no ticket's answer" "$WORK/headers" "WWW-Authenticate"
stranger GET /healthz; check_eq "open paths stay open" "$STATUS" 200
reasons ""

# token NAME [SERVICE] [-s]: a fresh one, raw or SPNEGO's
token() { as "$1" "$KEYHSM_GSS_CLIENT" ${3:+"$3"} "${2:-HTTP@localhost}"; }
# with TOKEN METHOD PATH ...: sent as it is
with() { local token=$1; shift; stranger "$@" -H "Authorization: ${SCHEME:-Negotiate} $token"; }

echo "# raw Kerberos tokens, and SPNEGO by GSSAPI"
raw=$(token alice)
check_has "it is no SPNEGO" <(echo "$raw") "YIIC"
with "$raw" GET /v1/deposits; check_eq "a raw token" "$STATUS" 200
answer=$(header WWW-Authenticate)
check "  is answered with a token" test "${#answer}" -gt 40
with "$raw" GET /v1/deposits; check_eq "sent again it is a replay: 401" "$STATUS" 401
check_has "  and said so" "$WORK/body" "replay"
reasons "ticket_replayed 1"
with "$(token alice HTTP@localhost -s)" GET /v1/deposits; check_eq "a SPNEGO token" "$STATUS" 200
SCHEME=nEGOtiate with "$(token alice)" GET /v1/deposits; check_eq "the scheme in any case" "$STATUS" 200
ask="curl -s -o /dev/null -D - --cacert $WORK/ca.crt $URL/v1/deposits -H \"Authorization: Negotiate \$TOKEN\" |
  tr -d '\\r' | sed -n 's/^WWW-Authenticate: Negotiate //p'"
check_eq "the answer to a raw token proves the server" "$(as alice "$KEYHSM_GSS_CLIENT" HTTP@localhost "$ask")" mutual
check_eq "  and that to SPNEGO" "$(as alice "$KEYHSM_GSS_CLIENT" -s HTTP@localhost "$ask")" mutual
check_eq "  delegation changes nothing" \
  "$(GSS_DELEGATE=1 as alice "$KEYHSM_GSS_CLIENT" -s HTTP@localhost "$ask")" mutual

echo "# tokens that do not serve"
with AAAA GET /v1/deposits; check_eq "garbage: 401" "$STATUS" 401
with "" GET /v1/deposits; check_eq "nothing behind the scheme" "$STATUS" 401
with '%%%' GET /v1/deposits; check_eq "no base64" "$STATUS" 401
cut=$(token alice); with "${cut:0:400}" GET /v1/deposits; check_eq "half a token" "$STATUS" 401
with "$(token alice | rev)" GET /v1/deposits; check_eq "a token backwards" "$STATUS" 401
broken=$(token alice); with "${broken:0:-40}AAAA${broken: -36}" GET /v1/deposits
check_eq "a token with changed bytes" "$STATUS" 401
reasons "nothing_shown 1 ticket_bad 5"
SCHEME=Basic with YTpi GET /v1/deposits; check_eq "another scheme is none" "$STATUS" 401
SCHEME=Negotiatee with "$(token alice)" GET /v1/deposits; check_eq "a longer scheme is another" "$STATUS" 401
reasons "nothing_shown 2"
stranger GET /v1/deposits -H "Authorization: Negotiate $(token alice)" -H "Authorization: Negotiate AAAA"
check_eq "two headers: 400" "$STATUS" 400
with "$(token alice HTTP@other.test)" GET /v1/deposits
check_eq "for a host that the keytab does not have: 401" "$STATUS" 401
check_has "  it says so" "$WORK/body" "HTTP/other.test@LAB.TEST"
printf 'rkt %s\nrkt %s\nwkt %s\n' "$WORK/keytab" "$KRB5/nfs.keytab" "$WORK/both" | ktutil >/dev/null
cp "$WORK/keytab" "$WORK/keytab.good"; cat "$WORK/both" >"$WORK/keytab"
with "$(token alice nfs@localhost)" GET /v1/deposits
check_eq "for another service, though its key is in the keytab: 401" "$STATUS" 401
check_has "  it says so" "$WORK/body" "for another service than HTTP/"
reasons "other_service 2"
cp "$WORK/keytab.good" "$WORK/keytab"
as alice kdestroy -q; cp "$KRB5/bob.cc" "$KRB5/none.cc"; as none kdestroy -q
negotiate_is "without a ticket curl has nothing to send: 401" 401 none GET /v1/deposits
login alice
login bob bob -l 2s
short=$(token bob)
wait_for "its ticket is over" bash -c "! KRB5CCNAME=FILE:$KRB5/bob.cc klist -s"
with "$short" GET /v1/deposits
check_eq "an expired ticket, 5 minutes of clock skew apart, still serves" "$STATUS" 403
with "$(token alice)" GET /v1/deposits # the ticket for the service is there now
early=$(as alice faketime '+1 hour' "$KEYHSM_GSS_CLIENT" HTTP@localhost)
with "$early" GET /v1/deposits; check_eq "a clock an hour ahead: 401" "$STATUS" 401
check_has "  it says so" "$WORK/body" "skew"
reasons "clock_skew 1 nothing_shown 1"

echo "# large tickets"
big=$(head -c 36000 /dev/zero | base64 -w 0)
with "$big" GET /v1/deposits; check_eq "48,000 bytes of garbage are looked at" "$STATUS" 401
huge=$(head -c 60000 /dev/zero | base64 -w 0)
with "$huge" GET /healthz; check "more than max_header is not" test "$STATUS" != 200

echo "# state is in the request"
token=$(token alice)
curl -sS --cacert "$WORK/ca.crt" -o /dev/null -w '%{http_code} %{num_connects}\n' -H "Authorization: Negotiate $token" \
  "$URL/v1/deposits" --next -sS --cacert "$WORK/ca.crt" -o /dev/null -w '%{http_code} %{num_connects}\n' \
  "$URL/v1/deposits" >"$WORK/two"
check_eq "the second request of a connection shows nothing: 401" "$(tr '\n' ' ' <"$WORK/two")" "200 1 401 0 "
as alice curl -sS --cacert "$WORK/ca.crt" --negotiate -u : -o /dev/null -o /dev/null -w '%{http_code}\n' \
  "$URL/v1/deposits" "$URL/v1/deposits" >"$WORK/two"
check_eq "curl sends a token with each" "$(tr '\n' ' ' <"$WORK/two")" "200 200 "

echo "# many at the same time"
for i in $(seq 20); do
  as alice curl -sS --cacert "$WORK/ca.crt" --negotiate -u : -o /dev/null -w '%{http_code}\n' "$URL/v1/deposits" \
    >"$WORK/parallel.$i" 2>&1 &
  crowd[i]=$!
done
for i in $(seq 20); do wait "${crowd[i]}" || true; done
check_eq "20 in parallel" "$(cat "$WORK"/parallel.* | sort | uniq -c | tr -s ' ')" " 20 200"

echo "# ktadmin status, which asks the daemon"
# status WANTED TEXT [OPTION...]
status() {
  local wanted=$1 text=$2 status=0; shift 2
  "$KEYHSM_BIN_DIR/ktadmin" status --config "$WORK/none.ini" --set memory.lock=preferred --server "$URL" --cacert "$WORK/ca.crt" "$@" \
    >"$WORK/status" 2>&1 </dev/null || status=$?
  check_eq "$text" "$status" "$wanted"
}
: >"$WORK/none.ini"
export KRB5CCNAME=FILE:$KRB5/alice.cc
status 7 "with a ticket, by who may not" --negotiate
check_has "  it says so" "$WORK/status" "status"
sed -i 's/^hdfs = /watch = allow status on * to alice@LAB.TEST\n&/' "$WORK/keyhsm.ini"
kill -HUP "$PID"
wait_for "the new rule" grep -q "rules of \[acl\] were read again" "$WORK/keytrusteed.log"
status 0 "with a ticket" --negotiate
check_has "  who answers" "$WORK/status" "daemon         keytrusteed "
check "  and how it is" grep -qE '^state          (ok|warning): .' "$WORK/status"
check_has "  the chain" "$WORK/status" "keytrusteed to file store: ok"
check_has "  the backend" "$WORK/status" "backend        softfile"
check_has "  what is counted" "$WORK/status" "deposits       "
status 0 "as JSON" --negotiate --json
check_eq "  it is that of the daemon" "$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["daemon"])' "$WORK/status")" keytrusteed
status 0 "with a certificate" --client-certfile "$WORK/client.crt" --client-keyfile "$WORK/client.key"
status 2 "with neither"
status 2 "with half of one" --client-certfile "$WORK/client.crt"
saved=$URL; URL=https://localhost:1
status 5 "where nobody is" --negotiate
URL=$saved; unset KRB5CCNAME

echo "# reload"
reload() {
  local lines
  lines=$(grep -c "reload: " "$WORK/keytrusteed.log" || true)
  kill -HUP "$PID"
  wait_for "the reload" reloaded "$1"
}
reloaded() { tail -n +"$((lines + 1))" <(grep "reload: " "$WORK/keytrusteed.log") | grep -qF "$1"; }
kadmin LAB.TEST "$KRB5" <<<"ktadd -k $WORK/new.keytab HTTP/localhost"
login alice
negotiate_is "a key that the keytab does not have yet: 401" 401 alice GET /v1/deposits
failures >"$WORK/failures.now"
check_eq "  counted" "$(join "$WORK/failures" "$WORK/failures.now" | awk '$1 == "other_service" { print $3 - $2 }')" 1
cp "$WORK/new.keytab" "$WORK/keytab"
reload "keytab, rules"
negotiate_is "after it has come" 200 alice GET /v1/deposits
rm "$WORK/keytab"
reload "[auth] stays as it was"
negotiate_is "a keytab that has gone: 503" 503 alice GET /v1/deposits
cp "$WORK/new.keytab" "$WORK/keytab"
ini "[auth_to_local]" "wrong = RULE"
reload "[auth] stays as it was"
check_has "a wrong rule is named" "$WORK/keytrusteed.log" "wrong: 'RULE' is neither DEFAULT nor RULE:"
negotiate_is "  and the ones before hold" 200 alice GET /v1/deposits

echo "# a foreign realm"
OTHER=$(free_port)
krb5_conf "$WORK/other.conf" OTHER.TEST LAB.TEST "$REALM_PORT" OTHER.TEST "$OTHER"
mkdir "$WORK/other"
( export KRB5_CONFIG=$WORK/other.conf; make_realm OTHER.TEST "$OTHER" "$WORK/other"
  kadmin OTHER.TEST "$WORK/other" <<EOF
addprinc -pw carolpw carol
ktadd -k $KRB5/carol.keytab -norandkey carol
addprinc -pw trustpw krbtgt/LAB.TEST@OTHER.TEST
addprinc -randkey HTTP/localhost
EOF
)
kadmin LAB.TEST "$KRB5" <<<"addprinc -pw trustpw krbtgt/LAB.TEST@OTHER.TEST"
own=$KRB5_CONFIG; export KRB5_CONFIG=$WORK/other.conf
start_kdc OTHER.TEST "$OTHER" "$WORK/other"
login carol carol@OTHER.TEST
failures >"$WORK/failures"
negotiate_is "carol@OTHER.TEST has no short name: 403" 403 carol GET /v1/deposits
check_has "  it says so" "$WORK/body" "no rule of [auth_to_local] fits carol@OTHER.TEST"
reasons "foreign_realm 1"
cp "$WORK/other.conf" "$WORK/alone.conf"
sed -i 's/localhost = LAB.TEST/localhost = OTHER.TEST/' "$WORK/alone.conf"
KRB5_CONFIG=$WORK/alone.conf negotiate carol GET /v1/deposits
check_eq "a ticket of a realm that is not trusted, for a service of its own: 401" "$STATUS" 401
KRB5_CONFIG=$own
ini "[auth_to_local]" "other = RULE:[1:\$1@\$0](.*@OTHER.TEST)s/@.*/-other/" "rest = DEFAULT"
echo "carol = allow list on * to user:carol-other" >>"$WORK/acl.line"
sed -i "/^\[acl\]/r $WORK/acl.line" "$WORK/keyhsm.ini"
reload "keytab, rules"
export KRB5_CONFIG=$WORK/other.conf
negotiate_is "with a rule she is carol-other" 200 carol GET /v1/deposits
KRB5_CONFIG=$own
check_has "  in the audit log" "$WORK/audit.log" '"user":"carol-other"'

echo "# a ticket that is over, where clocks may differ by 3 seconds"
stop_daemon
check_eq "the daemon ends well" "$STATUS" 0
cp "$own" "$WORK/strict.conf"
sed -i 's/^\[libdefaults\]/&\n    clockskew = 3/' "$WORK/strict.conf"
# every file it opens, every address it connects to; leaks cannot be looked for at the same time
WRAP=(env "ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" strace -f -qq -e "trace=open,openat,creat,connect" -e signal=none -o "$WORK/calls")
KRB5_CONFIG=$WORK/strict.conf start_daemon
WRAP=()
login bob bob -l 2s
old=$(token bob)
# The client is made to believe that its ticket lasts; the KDC's word is inside of it.
"$KEYHSM_KRB5_STRETCH" "FILE:$KRB5/bob.cc" "FILE:$KRB5/bobby.cc"
with "$(token bobby)" GET /v1/deposits; check_eq "such a ticket while it is good: bob is known" "$STATUS" 403
over=$((SECONDS + 7))
later() { [ "$SECONDS" -ge "$over" ]; }
wait_for "the ticket is over for everybody" later
failures >"$WORK/failures"
with "$(token bobby)" GET /v1/deposits; check_eq "an expired ticket, shown at once: 401" "$STATUS" 401
check_has "  because it is over" "$WORK/body" "Ticket expired"
check_lacks "  and not for the time of the request" "$WORK/body" "skew"
reasons "ticket_expired 1"
check_fails "a client that knows makes no token of it" as bob "$KEYHSM_GSS_CLIENT" HTTP@localhost
with "$old" GET /v1/deposits; check_eq "a token that lay about: 401" "$STATUS" 401
check_has "  says the same" "$WORK/body" "Ticket expired"
reasons "ticket_expired 1"

echo "# delegated credentials"
# calls: what was done to files and addresses since the last time
SEEN=0
calls() {
  local all
  all=$(wc -l <"$WORK/calls")
  tail -n +$((SEEN + 1)) "$WORK/calls" | head -n $((all - SEEN)) | sed 's/^[0-9]* *//; s/ = .*//; s/sin_port=htons([0-9]*)/PORT/' | sort -u
  SEEN=$all
}
# three TEXT [CURL_OPTION...]: three requests of alice, of the answers' heads what does not pass
three() {
  local text=$1; shift
  for _ in 1 2 3; do negotiate_is "$text" 200 alice GET /v1/deposits "$@"; done
  grep -viE '^(date|x-request-id|www-authenticate):' "$WORK/headers"; cat "$WORK/body"
}
login alice
three "warm" >/dev/null; calls >/dev/null
three "without" >"$WORK/without"; calls >"$WORK/calls.without"
TGS=$(grep -c 'TGS_REQ.*for krbtgt/LAB.TEST@LAB.TEST' "$KRB5/kdc.log" || true)
three "with" --delegation always >"$WORK/with"; calls >"$WORK/calls.with"
check_eq "the requests are all answered" "$(grep -c '^FAIL' "$WORK/without" "$WORK/with" | cut -d : -f 2 | paste -sd ' ')" "0 0"
check_eq "the KDC gave tickets to be delegated" "$(grep -c 'TGS_REQ.*for krbtgt/LAB.TEST@LAB.TEST' "$KRB5/kdc.log")" "$((TGS + 3))"
sed -i 's/^ok   with.*/ok/; s/^ok   without.*/ok/' "$WORK/with" "$WORK/without"
check_eq "the answers are the same" "$(cat "$WORK/with")" "$(cat "$WORK/without")"
plain=$(token alice); more=$(GSS_DELEGATE=1 token alice)
check "the token does carry them" test "${#more}" -gt "$((${#plain} + 500))"
check "the trace sees files" grep -q rcache2 "$WORK/calls.with"
check_eq "what the server does to files is the same: no cache of tickets is written" "$(cat "$WORK/calls.with")" "$(cat "$WORK/calls.without")"
check_lacks "  at no time" "$WORK/calls" krb5cc
check_lacks "it never speaks to a KDC" "$WORK/calls" "sin_port=htons($REALM_PORT)"
check_eq "nobody used them" "$(grep 'TGS_REQ' "$KRB5/kdc.log" | grep -oE 'for [^ ,]+@LAB.TEST' | sort -u | grep -vE 'for (krbtgt/LAB.TEST|krbtgt/OTHER.TEST|HTTP/(localhost|127.0.0.1|other.test)|nfs/localhost)@' || true)" ""

echo "# what is left behind"
kill -TERM "$(pgrep -P "$PID")" # strace's child, or env's
wait "$PID" || STATUS=$?
check "the audit log is whole" "$KEYHSM_BIN_DIR/ktadmin" audit verify "$WORK/audit.log"
for secret in "${raw:0:60}" "${token:0:60}"; do
  check_lacks "no token is in the log" "$WORK/keytrusteed.log" "$secret"
done
check_has "what was refused is in the log" "$WORK/keytrusteed.log" "no ticket that serves: "
finish
