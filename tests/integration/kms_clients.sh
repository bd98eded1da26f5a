# Requests as the genuine clients send them, quirk by quirk: Hadoop's Java client, Ranger's Python client, libhdfs3 (C++),
# Kudu, curl. What is said of them here was seen on the wire; the clients themselves are not part of the tests.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/krb5.sh"
: "${KEYHSM_GSS_CLIENT:?}"
export DAEMON=keytrusteed KRB5RCACHENAME=dfl: KRB5RCACHEDIR=$WORK
make_pki
start_realm
login alice; login hdfs hdfs/localhost
use_backend softfile
lists=()
for op in CREATE DELETE ROLLOVER GET GET_KEYS GET_METADATA SET_KEY_MATERIAL GENERATE_EEK DECRYPT_EEK; do lists+=("$op = *"); done
write_ini "${BACKEND_LINES[@]}" "[auth]" "kerberos = yes" "keytab = $WORK/krb5/http.keytab" "[kms.acl]" "${lists[@]}" \
  "[kms.key.acl.default]" "MANAGEMENT = *" "READ = *" "GENERATE_EEK = *" "DECRYPT_EEK = *" \
  "[kms.proxyuser]" "u = hdfs users *" "h = hdfs hosts *" "[kms]" "enabled = yes"
start_daemon

# is TEXT STATUS METHOD PATH [CURL]...
is() { local text=$1 wanted=$2; shift 2; stranger "$@"; check_eq "$text" "$STATUS" "$wanted"; }
cookie_of() { header Set-Cookie | cut -d ';' -f 1; }
# eek FORM: the first encrypted key of the last answer in the base64 of a client, for a decrypt
eek() {
  python3 - "$WORK/body" "$1" <<'EOF'
import base64, json, sys
e = json.load(open(sys.argv[1]))[0]
def form(text):
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return base64.b64encode(data).decode() if sys.argv[2] != "url" else base64.urlsafe_b64encode(data).decode().rstrip("=")
body = json.dumps({"name": e["encryptedKeyVersion"]["name"], "iv": form(e["iv"]), "material": form(e["encryptedKeyVersion"]["material"])})
print(body.replace("/", "\\/") if sys.argv[2] == "escaped" else body)
EOF
}
json='Content-Type: application/json'

echo "# Hadoop's Java client: a handshake on the path that is meant, then a cookie, and nothing else"
java=(-A Java/1.8.0_362 -H 'Accept: text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2' -H 'Connection: keep-alive')
is "OPTIONS of path and query, without anything" 401 OPTIONS "/kms/v1/keys?doAs=alice" "${java[@]}"
check_eq "  one challenge" "$(grep -ci '^www-authenticate' "$WORK/headers") $(header WWW-Authenticate)" "1 Negotiate"
negotiate_is "OPTIONS with a ticket" 200 hdfs OPTIONS "/kms/v1/keys?doAs=alice" "${java[@]}"
COOKIE=$(cookie_of)
check "  a cookie that the client can take apart" grep -qE '^hadoop.auth="u=[^&]+&p=[^&]+&t=[^&]+&e=[0-9]+&s=[^"&]+"$' <<<"$COOKIE"
java+=(-H "Cookie: $COOKIE")
is "a key, in the client's spacing" 201 POST "/kms/v1/keys?doAs=alice" "${java[@]}" -H "$json" --data-binary $'{\n  "length" : 256,\n  "name" : "zone",\n  "description" : null,\n  "attributes" : { },\n  "cipher" : "AES/CTR/NoPadding"\n}'
check_eq "  a JSON type, which the client insists on" "$(header Content-Type)" application/json
is "the same with a charset" 201 POST "/kms/v1/keys?doAs=alice" "${java[@]}" -H "$json; charset=UTF-8" -d '{"name":"other","material":"AAAAAAAAAAAAAAAAAAAAAA=="}'
is "150 to begin with" 200 GET "/kms/v1/key/zone/_eek?num_keys=150&eek_op=generate&doAs=hdfs" "${java[@]}"
is "decrypted: %40, standard base64, padded" 200 POST "/kms/v1/keyversion/zone%400/_eek?eek_op=decrypt" "${java[@]}" -H "$json" -d "$(eek padded)"
check_eq "  its name is EK" "$(field versionName)" EK
is "rolled with {}" 200 POST "/kms/v1/key/zone" "${java[@]}" -H "$json" -d '{}'
is "invalidated: POST without a body or a type" 200 POST "/kms/v1/key/zone/_invalidatecache" "${java[@]}" -H 'Content-Length: 0' -H 'Content-Type:'
is "metadata of many, in one query" 200 GET "/kms/v1/keys/metadata?key=zone&key=none&key=other" "${java[@]}"
check_eq "  in their order" "$(python3 -c 'import json,sys; print([k.get("name") for k in json.load(open(sys.argv[1]))])' "$WORK/body")" "['zone', None, 'other']"
is "a token, of another" 200 GET "/kms/v1/?op=GETDELEGATIONTOKEN&renewer=yarn%2Frm@LAB.TEST&doAs=alice" "${java[@]}"
TOKEN=$(field Token.urlString)
is "  used" 200 GET "/kms/v1/keys/names" -H "X-Hadoop-Delegation-Token: $TOKEN"
is "  cancelled: PUT without a body, a type or credentials" 200 PUT "/kms/v1/?op=CANCELDELEGATIONTOKEN&token=$TOKEN" -A Java/1.8 -H 'Content-Length: 0'
is "deleted" 200 DELETE "/kms/v1/key/other" "${java[@]}"
is "a cookie that is over, and the client begins anew" 401 GET "/kms/v1/keys/names" -H 'Cookie: hadoop.auth="u=hdfs&p=hdfs&t=kerberos-dt&e=1&s=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="'
check "  which it does at this reason" grep -qE '^HTTP/1.1 401 .*Invalid signature' "$WORK/headers"

echo "# Ranger's Python client: a bare Kerberos token on every request, and the server has to prove itself"
ranger=(-A python-requests/2.28.1 -H 'Accept-Encoding: gzip, deflate' -H 'Accept: application/json')
# bare METHOD PATH [CURL]...
bare() { stranger "$@" "${ranger[@]}" -H "Authorization: Negotiate $(as alice "$KEYHSM_GSS_CLIENT" HTTP@localhost)"; }
bare POST /kms/v1/keys -H "$json" -d '{"name": "ranger", "cipher": "AES/CTR/NoPadding", "length": 128, "description": "", "attributes": {"key.acl.name": "ranger"}}'
check_eq "a key" "$STATUS" 201
check "  proved on 201 as well" test "$(header WWW-Authenticate | wc -c)" -gt 60
bare POST /kms/v1/key/ranger -H "$json" -d '{"material": null}'
check_eq "rolled with material null" "$STATUS $(field versionName)" "200 ranger@1"
bare POST /kms/v1/key/ranger/_invalidatecache -H "$json" -H 'Content-Length: 0'
check_eq "invalidated: a Content-Type and no body" "$STATUS" 200
bare GET "/kms/v1/keyversion/ranger@1"; check_eq "a bare @" "$STATUS $(field versionName)" "200 ranger@1"
bare GET "/kms/v1/key/ranger/_eek?eek_op=generate&num_keys=1"; body=$(eek url)
bare POST "/kms/v1/keyversion/ranger@1/_eek?eek_op=decrypt" -H "$json" -d "$body"; check_eq "decrypted" "$STATUS" 200
bare DELETE /kms/v1/key/ranger; check_eq "deleted" "$STATUS" 200

echo "# libhdfs3: libcurl, slashes escaped in JSON, 100-continue"
negotiate hdfs GET "/kms/v1/key/zone/_eek?eek_op=generate&num_keys=200"
body=$(eek escaped)
cpp=(-H "$json" -H 'Expect: 100-continue' -H 'Accept: *')
negotiate_is "decrypted: %40, standard base64 with \\/" 200 hdfs POST "/kms/v1/keyversion/zone%401/_eek?eek_op=decrypt" "${cpp[@]}" -d "$body"
check "  it was told to go on" grep -q '^HTTP/1.1 100 Continue' "$WORK/headers"
negotiate hdfs GET "/kms/v1/key/zone/_eek?eek_op=generate&num_keys=200"; cp "$WORK/body" "$WORK/eeks"
negotiate hdfs POST "/kms/v1/key/zone/_reencryptbatch" "${cpp[@]}" --data-binary "@$WORK/eeks"
check_eq "a large body, which waits for that" "$STATUS $(python3 -c 'import json,sys; print(len(json.load(open(sys.argv[1]))))' "$WORK/body")" "200 200"
negotiate_is "a body in chunks, which none of them sends" 411 hdfs POST "/kms/v1/key/zone/_reencryptbatch" -H "$json" -H 'Transfer-Encoding: chunked' --data-binary "@$WORK/eeks"

echo "# Kudu: tickets at once, url-safe base64, a bare @"
negotiate hdfs GET "/kms/v1/key/zone/_eek?eek_op=generate&num_keys=1"; body=$(eek url)
negotiate_is "decrypted" 200 hdfs POST "/kms/v1/keyversion/zone@1/_eek?eek_op=decrypt" -H "$json" -d "$body"

echo "# oddities"
negotiate_is "the base with a slash" 404 hdfs GET "/kms/v1/"
negotiate_is "op in any case, on the base without one" 200 hdfs GET "/kms/v1?op=getDelegationToken"
negotiate_is "HTTP/1.0, which a proxy may speak" 200 hdfs GET "/kms/v1/keys/names" --http1.0 --no-alpn
negotiate_is "a media type in capitals" 200 hdfs POST "/kms/v1/key/zone" -H 'Content-Type: APPLICATION/JSON' -d '{}'
negotiate_is "header names in capitals" 200 hdfs POST "/kms/v1/key/zone" -H 'CONTENT-TYPE: application/json' -d '{}'
is "a handshake on a path with a name" 401 OPTIONS "/kms/v1/key/zone/_metadata"
negotiate_is "  and with a ticket" 200 hdfs OPTIONS "/kms/v1/key/zone/_metadata"
check_eq "  exactly 200, without a body" "$STATUS$(cat "$WORK/body")" 200
stop_daemon

echo "# pseudo authentication"
sed -i 's/^kerberos = yes/simple = yes/' "$WORK/keyhsm.ini"
start_daemon
is "a handshake" 401 OPTIONS "/kms/v1/keys/names"
check_eq "  says what is wanted" "$(header WWW-Authenticate)" PseudoAuth
is "  with a name, and one that is acted for" 200 OPTIONS "/kms/v1/keys/names?user.name=hdfs&doAs=alice"
cookie=$(cookie_of)
check "  the cookie is of who acts" grep -q '"u=hdfs&p=hdfs&t=simple-dt&' <<<"$cookie"
is "the request, with doAs again" 200 GET "/kms/v1/keys/names?doAs=alice" -H "Cookie: $cookie"
is "libhdfs3, which says both each time" 200 GET "/kms/v1/key/zone/_metadata?user.name=hdfs&doAs=alice"
is "  in the other order" 200 GET "/kms/v1/key/zone/_metadata?doAs=alice&user.name=hdfs"
stop_daemon
check_eq "it ends as told" "$STATUS" 0
finish
