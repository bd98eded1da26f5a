#!/bin/bash
# Delegation tokens, doAs and Key Trustee's operations of keytrusteed, with two servers behind one HSM.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"
make_pki

# keyhsmd on a token, behind both servers
use_backend pkcs11
write_ini "${BACKEND_LINES[@]}"
start_daemon
HSM_URL=$URL

export DAEMON=keytrusteed
BACKEND_LINES=("[backend.keyhsm]" "server = $HSM_URL" "client_certificate = $WORK/client.crt"
  "client_key = $WORK/client.key" "server_certificate = $WORK/server.crt")
lists=()
for op in CREATE DELETE ROLLOVER GET GET_KEYS GET_METADATA SET_KEY_MATERIAL GENERATE_EEK DECRYPT_EEK; do
  lists+=("$op = root,alice")
done
ini() {
  write_ini "${BACKEND_LINES[@]}" "[auth]" "simple = yes" "[acl]" "all = allow all on * to *" \
    "[kms.acl]" "${lists[@]}" "UNDELETE = root" "PURGE = root" "[kms.key.acl.default]" "MANAGEMENT = root" "READ = *" \
    "[kms.proxyuser]" "u = root users alice" "h = root hosts 127.0.0.1,::1" "v = far users *" "w = far hosts 10.0.0.1" \
    "[kms.groups]" "staff = alice" "[kms]" "enabled = yes" "system_groups = no"
  sed -i "s/^\[server\]/&\nbackend = keyhsm/" "$WORK/keyhsm.ini"
}
ini
start_daemon
FIRST=$URL
sed "s|$WORK/port|$WORK/port2|; s|audit.log|audit2.log|" "$WORK/keyhsm.ini" >"$WORK/second.ini"
"$KEYHSM_BIN_DIR/keytrusteed" --config "$WORK/second.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" >"$WORK/second.log" 2>&1 &
SECOND_PID=$!
DAEMONS+=("$SECOND_PID")
wait_for "the second server" test -s "$WORK/port2"
SECOND=https://localhost:$(cat "$WORK/port2")

# is TEXT STATUS METHOD PATH [CURL]...: nobody's certificate
is() {
  local text=$1 wanted=$2; shift 2
  stranger "$@"
  check_eq "$text" "$STATUS" "$wanted"
}
reason() { head -n 1 "$WORK/headers" | tr -d '\r' | cut -d ' ' -f 3-; }
says() { check_eq "  $1" "$(field RemoteException.javaClassName | sed 's/.*\.//'): $(field RemoteException.message)" "$2"; }
# token USER [PARAMETER]: a new one in TOKEN
token() {
  stranger GET "/kms/v1/?op=GETDELEGATIONTOKEN&user.name=$1${2:+&$2}"
  TOKEN=$(field Token.urlString)
}
use() { is "$1" "$2" GET "/kms/v1/keys/names" -H "X-Hadoop-Delegation-Token: ${3:-$TOKEN}"; }

is "a key" 201 POST "/kms/v1/keys?user.name=root" -H 'Content-Type: application/json' -d '{"name":"k"}'

echo "# doAs"
is "for whom the proxy may" 200 GET "/kms/v1/key/k/_metadata?user.name=root&doAs=alice"
is "  in any case of letters" 200 GET "/kms/v1/key/k/_metadata?user.name=root&DOAS=alice"
is "  on the handshake" 200 OPTIONS "/kms/v1/key/k/_metadata?user.name=root&doAs=alice"
failures >"$WORK/failures"
is "for whom he may not" 403 GET "/kms/v1/key/k/_metadata?user.name=root&doAs=mallory"
says "it says so" "AuthorizationException: User: root is not allowed to impersonate mallory"
is "  on the handshake, neither" 403 OPTIONS "/kms/v1/key/k/_metadata?user.name=root&doas=mallory"
is "by who is no proxy" 403 GET "/kms/v1/key/k/_metadata?user.name=bob&doAs=alice"
says "it says so" "AuthorizationException: User: bob is not allowed to impersonate alice"
is "from where he may not" 403 GET "/kms/v1/key/k/_metadata?user.name=far&doAs=alice"
check "  it names the address" grep -qE 'Unauthorized connection for super-user: far from IP (127.0.0.1|::1)' "$WORK/body"
for name in '' '%20' 'a%2Fb' 'alice%00'; do
  is "for '$name', nobody" 403 GET "/kms/v1/key/k/_metadata?user.name=root&doAs=$name"
done
reasons "not_proxy 8"
is "the lists see who is acted for" 403 DELETE "/kms/v1/key/k?user.name=root&doAs=alice"
check_has "  in words" "$WORK/body" "User [alice] is not authorized to perform [MANAGEMENT]"
check "the audit log has both" grep -q '"user":"alice","real_user":"root"' "$WORK/audit.log"

echo "# a token is made"
is "for its owner" 200 GET "/kms/v1/?user.name=root&op=GETDELEGATIONTOKEN&renewer=yarn"
check_eq "  the body is as Hadoop's" "$(tr -d ' \n' <"$WORK/body" | grep -cE '^\{"Token":\{"urlString":"[A-Za-z0-9_-]+"\}\}$')" 1
check_lacks "  no cookie is set" "$WORK/headers" "Set-Cookie"
is "op in lower case, on the path of a key" 200 GET "/kms/v1/keys/names?user.name=root&op=getdelegationtoken"
is "with another method" 400 POST "/kms/v1/?user.name=root&op=GETDELEGATIONTOKEN"
check_eq "  it says which" "$(reason)" "Wrong HTTP method [POST] for operation [GETDELEGATIONTOKEN], it should be [GET]"
is "by nobody" 401 GET "/kms/v1/?op=GETDELEGATIONTOKEN"
is "for whom one may not act" 403 GET "/kms/v1/?user.name=root&op=GETDELEGATIONTOKEN&doAs=mallory"
is "with a renewer that is none" 400 GET "/kms/v1/?user.name=root&op=GETDELEGATIONTOKEN&renewer=a%20b"

echo "# and used"
token root renewer=yarn
use "in a header" 200
is "in the query" 200 GET "/kms/v1/keys/names?delegation=$TOKEN"
check_lacks "  no cookie is set for it" "$WORK/headers" "hadoop.auth=\""
is "doAs does not count with it" 200 GET "/kms/v1/keys/names?delegation=$TOKEN&doAs=mallory"
is "it is not enough for another" 401 GET "/kms/v1/?op=GETDELEGATIONTOKEN" -H "X-Hadoop-Delegation-Token: $TOKEN"
failures >"$WORK/failures"
use "garbage" 403 abcd
says "it says so" "AuthenticationException: java.io.EOFException"
changed=$(printf '%s' "$TOKEN" | sed 's/^\(.\{30\}\)\(.\)/\1X/')
[ "$changed" != "$TOKEN" ] || changed=$(printf '%s' "$TOKEN" | sed 's/^\(.\{30\}\)\(.\)/\1Y/')
use "changed" 403 "$changed"
use "cut" 403 "${TOKEN%?????}"
is "an empty one" 403 GET "/kms/v1/keys/names?delegation="
reasons "token_bad 4"
OTHER=$TOKEN
token root doAs=alice
use "one that was made for another" 200
is "  has his rights" 403 DELETE /kms/v1/key/k -H "X-Hadoop-Delegation-Token: $TOKEN"
TOKEN=$OTHER

echo "# on the other server"
URL=$SECOND
use "it is good, too" 200
token alice
URL=$FIRST
use "and the other way round" 200
TOKEN=$OTHER

echo "# renewed"
is "by its renewer" 200 PUT "/kms/v1/?user.name=yarn&op=RENEWDELEGATIONTOKEN&token=$TOKEN"
check "  until when" test "$(field long)" -gt "$(($(date +%s) * 1000 + 86000000))"
is "by somebody else" 403 PUT "/kms/v1/?user.name=root&op=RENEWDELEGATIONTOKEN&token=$TOKEN"
check "  it says so" grep -qi 'AccessControlException: root tries to renew a token (kms-dt owner=root, renewer=yarn' "$WORK/headers"
is "by nobody" 401 PUT "/kms/v1/?op=RENEWDELEGATIONTOKEN&token=$TOKEN"
is "without token" 400 PUT "/kms/v1/?user.name=yarn&op=RENEWDELEGATIONTOKEN"
check_eq "  it says so" "$(reason)" "Operation [RENEWDELEGATIONTOKEN] requires the parameter [token]"
is "garbage" 403 PUT "/kms/v1/?user.name=yarn&op=RENEWDELEGATIONTOKEN&token=abcd"

echo "# cancelled"
is "with another method" 400 GET "/kms/v1/?op=CANCELDELEGATIONTOKEN&token=$TOKEN"
is "without token" 400 PUT "/kms/v1/?op=CANCELDELEGATIONTOKEN"
is "a changed one" 404 PUT "/kms/v1/?op=CANCELDELEGATIONTOKEN&token=$changed"
cookie_of() {
  stranger OPTIONS "/kms/v1/?user.name=$1"
  sed -n 's/^[Ss]et-[Cc]ookie: \(hadoop.auth="[^"]*"\).*/\1/p' "$WORK/headers"
}
is "with the cookie of another" 404 PUT "/kms/v1/?op=CANCELDELEGATIONTOKEN&token=$TOKEN" -H "Cookie: $(cookie_of mallory)"
is "a changed one, with a cookie of its owner" 404 PUT "/kms/v1/?op=CANCELDELEGATIONTOKEN&token=$changed" -H "Cookie: $(cookie_of root)"
use "  it is good still" 200
is "by who has it" 200 PUT "/kms/v1/?op=CANCELDELEGATIONTOKEN&token=$TOKEN"
use "  is good no more" 403
says "it says so" "AuthenticationException: org.apache.hadoop.security.token.SecretManager\$InvalidToken: Token for real user: , can't be found in cache"
is "once more" 404 PUT "/kms/v1/?op=CANCELDELEGATIONTOKEN&token=$TOKEN"
check_eq "  it says so" "$(reason)" "Invalid delegation token, cannot cancel"
is "renewed now" 403 PUT "/kms/v1/?user.name=yarn&op=RENEWDELEGATIONTOKEN&token=$TOKEN"
URL=$SECOND
refused_there() { stranger GET /kms/v1/keys/names -H "X-Hadoop-Delegation-Token: $TOKEN"; [ "$STATUS" = 403 ]; }
wait_for "the second server to know" refused_there
ok "the second server knows"
URL=$FIRST
stop_daemon
check_eq "it ends as told" "$STATUS" 0
start_daemon
use "after a restart it stays cancelled" 403
stranger GET "/v1/deposits"
api GET "/v1/deposits"
check_lacks "the store's own names are not listed" "$WORK/body" "kt-internal"
api GET "/v1/deposits/kt-internal.kms-key.0000000001"
check_eq "nor given" "$STATUS" 403

echo "# Key Trustee's operations"
trustee() { is "$1" "$2" POST "/kms/v1/trustee/key/$3?trusteeOp=$4&user.name=$5"; }
trustee "delete" 200 k delete root
trustee "undelete, by who may not" 403 k undelete alice
trustee "undelete" 200 k undelete root
is "  it is there again" 200 GET "/kms/v1/key/k/_currentversion?user.name=root"
check_has "  as it was" "$WORK/body" "k@0"
trustee "purge, by who may not" 403 k purge alice
check_has "  in words" "$WORK/body" "User:alice not allowed to do 'PURGE_KEY' on 'k'"
trustee "delete" 200 k delete root
trustee "purge" 200 k purge root
trustee "undelete after that" 500 k undelete root
check_has "  in words" "$WORK/body" "Key with name k not found in"
trustee "another operation" 400 k frob root
is "none" 400 POST "/kms/v1/trustee/key/k?user.name=root"
trustee "the server's own" 403 kt-internal.kms-key.0000000001 purge alice
is "another method" 405 GET "/kms/v1/trustee/key/k?trusteeOp=purge&user.name=root"

echo "# nothing of a token is in a log"
for log in keytrusteed.log second.log audit.log audit2.log; do
  check_lacks "$log" "$WORK/$log" "$OTHER"
  check_lacks "  nor the end of one" "$WORK/$log" "${OTHER: -40}"
done
# shellcheck disable=SC2016 # sh's own
check "getting, renewing and cancelling are in the audit log" \
  sh -c 'for o in GET RENEW CANCEL; do grep -q "\"operation\":\"${o}_DELEGATION_TOKEN\"" "$1" || exit 1; done' sh "$WORK/audit.log"
stop_daemon
finish
