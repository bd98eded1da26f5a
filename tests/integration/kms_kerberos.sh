#!/bin/bash
# Delegation tokens where callers show tickets, with two servers behind one HSM: got by SPNEGO, renewed by whom, ended.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/krb5.sh"
export KRB5RCACHENAME=dfl: KRB5RCACHEDIR=$WORK
make_pki
start_realm
kadmin LAB.TEST "$WORK/krb5" <<EOF
addprinc -randkey yarn/localhost
ktadd -k $WORK/krb5/yarn.keytab yarn/localhost
EOF
login alice; login bob; login hdfs hdfs/localhost; login yarn yarn/localhost
use_backend pkcs11
write_ini "${BACKEND_LINES[@]}"
start_daemon
HSM_URL=$URL

export DAEMON=keytrusteed
# ini FILE [LINE OF [kms]...]: one of the servers
ini() {
  local file=$1; shift
  write_ini "[backend.keyhsm]" "server = $HSM_URL" "client_certificate = $WORK/client.crt" \
    "client_key = $WORK/client.key" "server_certificate = $WORK/server.crt" \
    "[auth]" "kerberos = yes" "keytab = $WORK/krb5/http.keytab" "[acl]" "all = allow all on * to *" \
    "[kms.acl]" "CREATE = alice" "GET_KEYS = alice" "[kms.key.acl.default]" "MANAGEMENT = alice" \
    "[kms.proxyuser]" "u = hdfs users alice" "h = hdfs hosts *" "[kms]" "enabled = yes" "$@"
  sed "s/^\[server\]/&\nbackend = keyhsm/; s|$WORK/port|$WORK/port.$file|; s|audit.log|audit.$file.log|" "$WORK/keyhsm.ini" \
    >"$WORK/$file.ini"
}
# serve FILE: URL of it
serve() {
  "$KEYHSM_BIN_DIR/keytrusteed" --config "$WORK/$1.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" >"$WORK/$1.log" 2>&1 &
  DAEMONS+=("$!")
  wait_for "the server $1" test -s "$WORK/port.$1"
  PORT=$(cat "$WORK/port.$1")
  URL=https://localhost:$PORT
}
ini second; serve second; SECOND=$URL; SECOND_PORT=$PORT
ini hasty "token_renew_interval = 10s"; serve hasty; HASTY=$URL
ini first; serve first; FIRST=$URL; FIRST_PORT=$PORT

reason() { head -n 1 "$WORK/headers" | tr -d '\r' | cut -d ' ' -f 3-; }
says() { check_eq "  $1" "$(field RemoteException.javaClassName | sed 's/.*\.//'): $(field RemoteException.message)" "$2"; }
# token NAME [PARAMETER]: a new one of NAME's, in TOKEN
token() {
  negotiate "$1" GET "/kms/v1/?op=GETDELEGATIONTOKEN${2:+&$2}"
  TOKEN=$(field Token.urlString)
}
# what FIELD: of TOKEN
what() { python3 "$(dirname "$0")/hadoop_token.py" show "$TOKEN" | python3 -c 'import json,sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
use() { stranger GET /kms/v1/keys/names -H "X-Hadoop-Delegation-Token: ${3:-$TOKEN}"; check_eq "$1" "$STATUS" "$2"; }
renew() { negotiate_is "$1" "$2" "$3" PUT "/kms/v1/?op=RENEWDELEGATIONTOKEN&token=$TOKEN"; }
stranger_is() { local text=$1 wanted=$2; shift 2; stranger "$@"; check_eq "$text" "$STATUS" "$wanted"; }

URL=$HASTY
token alice renewer=yarn; SHORT=$TOKEN
use "a token of ten seconds" 200
URL=$FIRST

echo "# got with a ticket"
stranger_is "without one: 401" 401 GET "/kms/v1/?op=GETDELEGATIONTOKEN"
check_eq "  it is asked for" "$(header WWW-Authenticate)" Negotiate
negotiate_is "alice, and by whom it is renewed is a principal" 200 alice GET \
  "/kms/v1/?op=GETDELEGATIONTOKEN&renewer=yarn%2Frm.example.com@LAB.TEST"
check_lacks "  no cookie is set" "$WORK/headers" "Set-Cookie"
check_has "  the server proves itself" "$WORK/headers" "WWW-Authenticate: Negotiate "
TOKEN=$(field Token.urlString)
check_eq "  the token has short names" "$(what owner) $(what renewer) '$(what realUser)'" "alice yarn ''"
token alice renewer=yarn; check_eq "a short name is as good" "$(what renewer)" yarn
token alice; check_eq "nobody named: alice" "$(what renewer)" alice
token hdfs renewer=hdfs; check_eq "hdfs/localhost is hdfs" "$(what owner)" hdfs
token hdfs "doAs=alice&renewer=yarn"; check_eq "got for another" "$(what owner) $(what realUser)" "alice hdfs"
use "  it has his rights" 200
negotiate_is "for whom hdfs may not act" 403 hdfs GET "/kms/v1/?op=GETDELEGATIONTOKEN&doAs=bob"
for renewer in yarn@OTHER.TEST @LAB.TEST a%40; do
  negotiate_is "a renewer that no rule fits: $renewer" 400 alice GET "/kms/v1/?op=GETDELEGATIONTOKEN&renewer=$renewer"
done
token alice renewer=yarn
for op in GET:GET RENEW:PUT; do
  stranger_is "with the token alone, ${op%:*} is refused as in Hadoop" 401 "${op#*:}" \
    "/kms/v1/?op=${op%:*}DELEGATIONTOKEN&token=$TOKEN" -H "X-Hadoop-Delegation-Token: $TOKEN"
  check_eq "  a ticket is asked for" "$(header WWW-Authenticate)" Negotiate
  stranger_is "  in the query, too" 401 "${op#*:}" "/kms/v1/?op=${op%:*}DELEGATIONTOKEN&token=$TOKEN&delegation=$TOKEN"
done

echo "# used on both servers"
use "where it is from" 200
check_lacks "  no cookie is set" "$WORK/headers" "hadoop.auth="
URL=$SECOND; use "on the other" 200; URL=$FIRST
status=0
python3 "$(dirname "$0")/token_bytes.py" "$WORK/ca.crt" "$TOKEN" "$FIRST_PORT" "$SECOND_PORT" >"$WORK/bytes.out" || status=$?
grep ^FAIL "$WORK/bytes.out" | head -n 20 || true
check_eq "changed in any byte it is none, and ends nothing: $(tail -n 1 "$WORK/bytes.out")" "$status" 0

echo "# renewed"
renew "by its renewer" 200 yarn
check "  for a day" test "$(field long)" -gt "$(($(date +%s) * 1000 + 86000000))"
URL=$SECOND; renew "  on the other server, too" 200 yarn; URL=$FIRST
for name in alice hdfs bob; do
  renew "by $name" 403 "$name"
  check "  it says so" grep -qi "AccessControlException: $name tries to renew a token (kms-dt owner=alice, renewer=yarn.* with non-matching renewer yarn" "$WORK/headers"
done
negotiate_is "not for somebody that one acts for, either" 403 hdfs PUT "/kms/v1/?op=RENEWDELEGATIONTOKEN&doAs=alice&token=$TOKEN"
stranger_is "by nobody" 401 PUT "/kms/v1/?op=RENEWDELEGATIONTOKEN&token=$TOKEN"
negotiate yarn OPTIONS "/kms/v1/?op=RENEWDELEGATIONTOKEN&token=$TOKEN"
cookie=$(header Set-Cookie | cut -d ';' -f 1)
stranger_is "with the cookie of a handshake, as Hadoop's client does" 200 PUT "/kms/v1/?op=RENEWDELEGATIONTOKEN&token=$TOKEN" \
  -H "Cookie: $cookie"

echo "# over"
URL=$HASTY
use "renewed for a day, where new ones last ten seconds" 200
TOKEN=$SHORT
old() { stranger GET /kms/v1/keys/names -H "X-Hadoop-Delegation-Token: $TOKEN"; [ "$STATUS" = 403 ]; }
wait_for "its end" old
check "  it says so" grep -qE 'InvalidToken: token \(kms-dt owner=alice, .*\) (is|has) expired' "$WORK/body"
reasons_now=$(failures | awk '$1 == "token_bad" { print $2 }')
use "  again" 403
check_eq "  counted" "$(failures | awk '$1 == "token_bad" { print $2 }')" "$((reasons_now + 1))"
renew "what is over is not renewed" 403 yarn
check "  it says so" grep -qi 'InvalidToken: .*expire' "$WORK/headers"
URL=$FIRST

echo "# cancelled"
token alice renewer=yarn
negotiate_is "by somebody else" 200 bob PUT "/kms/v1/?op=CANCELDELEGATIONTOKEN&token=$TOKEN"
use "  who had it, so it is over" 403
token alice renewer=yarn
negotiate bob OPTIONS "/kms/v1/"
cookie=$(header Set-Cookie | cut -d ';' -f 1)
stranger_is "by somebody else with a cookie" 404 PUT "/kms/v1/?op=CANCELDELEGATIONTOKEN&token=$TOKEN" -H "Cookie: $cookie"
use "  it is good still" 200
negotiate yarn OPTIONS "/kms/v1/"
cookie=$(header Set-Cookie | cut -d ';' -f 1)
URL=$SECOND
stranger_is "the cookie of another server, with a secret of its own" 200 PUT \
  "/kms/v1/?op=CANCELDELEGATIONTOKEN&token=$TOKEN" -H "Cookie: $cookie"
use "  who has it may, so it is over" 403
renew "  it is not renewed" 403 yarn
URL=$FIRST
refused_here() { stranger GET /kms/v1/keys/names -H "X-Hadoop-Delegation-Token: $TOKEN"; [ "$STATUS" = 403 ]; }
wait_for "the first server to know" refused_here
says "the first server knows" "AuthenticationException: org.apache.hadoop.security.token.SecretManager\$InvalidToken: Token for real user: , can't be found in cache"
check_eq "the audit log has who asked" \
  "$(python3 -c 'import json,sys
e=[json.loads(l) for l in open(sys.argv[1])]
print(*sorted({x["principal"] for x in e if x["operation"]=="RENEW_DELEGATION_TOKEN"}))' "$WORK/audit.first.log")" \
  "alice@LAB.TEST bob@LAB.TEST hdfs/localhost@LAB.TEST yarn/localhost@LAB.TEST"
finish
