# keytrusteed on Hadoop's routes: the handshake, the cookie hadoop.auth and everything that is wrong with one, and
# names that are only said.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/krb5.sh"
export DAEMON=keytrusteed KRB5RCACHENAME=dfl: KRB5RCACHEDIR=$WORK
make_pki
start_realm
login alice; login hdfs hdfs/localhost
use_backend softfile
echo "a secret that servers share, of some length" >"$WORK/secret"
write_ini "${BACKEND_LINES[@]}" "[kms]" "enabled = yes" "[kms.acl]" "GET_KEYS = *" "[acl]" "a = allow all on * to *" "[auth]" \
  "kerberos = yes" "keytab = $WORK/krb5/http.keytab" "cookie_secret_source = file:$WORK/secret"
start_daemon
NAMES=/kms/v1/keys/names

reason() { head -n 1 "$WORK/headers" | tr -d '\r' | cut -d ' ' -f 3-; }
# cookie_of: what the last answer sets, without its attributes
cookie_of() { header Set-Cookie | cut -d ';' -f 1; }
# signed TEXT [SECRET]: a cookie of TEXT with its signature
signed() {
  local mac
  mac=$(printf '%s' "$1" | openssl dgst -sha256 -mac HMAC -macopt "key:${2:-$(cat "$WORK/secret")}" -binary | base64)
  printf 'hadoop.auth="%s&s=%s"' "$1" "$mac"
}
# refused TEXT REASON COOKIE
refused() {
  stranger GET "$NAMES" -H "Cookie: $3"
  check_eq "$1: 401" "$STATUS" 401
  check_eq "  the reason phrase says why" "$(reason)" "$2"
  check_eq "  the cookie is cleared" "$(header Set-Cookie)" "hadoop.auth=; HttpOnly"
  check_eq "  a ticket is asked for, and nothing else" "$(header WWW-Authenticate)" Negotiate
}
BAD="org.apache.hadoop.security.authentication.util.SignerException: Invalid signature"

echo "# the handshake"
stranger OPTIONS "$NAMES"
check_eq "without credentials: 401" "$STATUS" 401
check_eq "  with a challenge" "$(header WWW-Authenticate)" Negotiate
check_eq "  and its reason" "$(reason)" "Authentication required"
check_eq "  and no page, as in Hadoop" "$(header Content-Type)$(cat "$WORK/body")" ""
stranger GET "$NAMES"
check_eq "a request: 401" "$STATUS" 401
check_eq "  an HTML page" "$(header Content-Type)" "text/html;charset=iso-8859-1"
check_has "  that names the path" "$WORK/body" "<td>$NAMES</td>"
negotiate_is "with a ticket: exactly 200" 200 alice OPTIONS "$NAMES"
check_has "  with the server's token" "$WORK/headers" "WWW-Authenticate: Negotiate "
cookie=$(cookie_of)
check "  and a cookie in Hadoop's layout" grep -qE \
  '^hadoop.auth="u=alice&p=alice@LAB.TEST&t=kerberos-dt&e=[0-9]{13}&s=[A-Za-z0-9+/]{43}="$' <<<"$cookie"
check_eq "  with its attributes" "$(header Set-Cookie | cut -d ';' -f 2-)" " Secure; HttpOnly"
check_eq "  signed as Hadoop does" "$cookie" "$(signed "$(sed 's/.*auth="//; s/&s=.*//' <<<"$cookie")")"
stranger GET "$NAMES" -H "Cookie: $cookie"
check_eq "the cookie alone is enough" "$STATUS" 200
check_lacks "  and is not given again" "$WORK/headers" "Set-Cookie"
check_lacks "  without a challenge" "$WORK/headers" "WWW-Authenticate"
stranger GET "$NAMES" -H "Cookie: ${cookie//\"/}"; check_eq "  unquoted, too" "$STATUS" 200
stranger GET "$NAMES" -H "Cookie: a=b" -H "Cookie: $cookie"; check_eq "  in a second header" "$STATUS" 200
stranger OPTIONS "$NAMES" -H "Cookie: $cookie"; check_eq "  for a handshake" "$STATUS" 200
negotiate_is "a ticket on the request itself" 200 hdfs GET "$NAMES"
check_has "  is worth a cookie, too" "$WORK/headers" 'Set-Cookie: hadoop.auth="u=hdfs&p=hdfs/localhost@LAB.TEST&t=kerb'
stranger GET "$NAMES?user.name=alice"; check_eq "user.name counts for nothing" "$STATUS" 401

echo "# cookies that do not serve"
failures >"$WORK/failures"
refused "forged" "$BAD" "${cookie/u=alice/u=hdfs}"
refused "another's signature" "$BAD" "$(signed 'u=alice&p=alice&t=kerberos-dt&e=9999999999999' 'another secret')"
refused "cut" "$BAD" "${cookie:0:60}"
refused "without a signature" "$BAD" "${cookie%%&s=*}"
refused "oversized" "$BAD" "hadoop.auth=$(head -c 9000 /dev/zero | tr '\0' a)&s=$(head -c 44 /dev/zero | tr '\0' b)"
reasons "cookie_bad 5"
refused "over" "AuthenticationToken expired" "$(signed 'u=alice&p=alice@LAB.TEST&t=kerberos-dt&e=1795480000000')"
reasons "cookie_expired 1"
refused "without an end, though signed" "$BAD" "$(signed 'u=alice&p=alice@LAB.TEST&t=kerberos-dt')"
refused "a kind that there is not, though signed" "$BAD" "$(signed 'u=alice&p=alice@LAB.TEST&t=root&e=9999999999999')"
refused "empty" "Unauthorized access" "hadoop.auth="
failures >"$WORK/failures"
negotiate_is "a bad cookie and a good ticket" 200 alice GET "$NAMES" -H "Cookie: ${cookie/u=alice/u=hdfs}"
reasons ""
negotiate_is "  once more" 200 alice GET "$NAMES" -H "Cookie: ${cookie/u=alice/u=hdfs}"
check_has "  give a new cookie" "$WORK/headers" 'Set-Cookie: hadoop.auth="u=alice&'
stranger GET /v1/deposits -H "Cookie: $cookie"; check_eq "outside of /kms it counts for nothing" "$STATUS" 401
check_lacks "  and is not touched" "$WORK/headers" "Set-Cookie"
negotiate_is "  nor is one given there" 200 alice GET /v1/deposits
check_lacks "  for a ticket" "$WORK/headers" "Set-Cookie"
stranger GET "$NAMES" -H "Authorization: Negotiate AAAA"
check_eq "a token that is none: 403, as Hadoop has it" "$STATUS" 403
check_eq "  the cookie is cleared" "$(header Set-Cookie)" "hadoop.auth=; HttpOnly"
api_is "a certificate needs no cookie" 200 GET /healthz

echo "# several servers, and another secret"
stranger GET "$NAMES" -H "Cookie: $(signed 'u=alice&p=alice@LAB.TEST&t=kerberos-dt&e=9999999999999')"
check_eq "whoever has the secret makes cookies that count" "$STATUS" 200
rotate() {
  reloads=$(grep -c "secret of cookies were read again" "$WORK/keytrusteed.log" || true)
  echo "$1" >"$WORK/secret"
  kill -HUP "$PID"
  wait_for "the reload" reloaded
}
reloaded() { [ "$(grep -c "secret of cookies were read again" "$WORK/keytrusteed.log")" -gt "$reloads" ]; }
rotate "the next secret, as long as that"
stranger GET "$NAMES" -H "Cookie: $cookie"; check_eq "after one change a cookie still counts" "$STATUS" 200
negotiate alice OPTIONS "$NAMES"; second=$(cookie_of)
rotate "and the one behind, as long as that"
refused "after two it does not" "$BAD" "$cookie"
stranger GET "$NAMES" -H "Cookie: $second"; check_eq "  but the later one does" "$STATUS" 200
stop_daemon
for secret in "${cookie##*&s=}" "${second##*&s=}" "secret that servers share"; do
  check_lacks "nothing of it is in the log" "$WORK/keytrusteed.log" "${secret:0:20}"
done

echo "# names that are only said"
sed -i 's/^kerberos = yes/simple = yes/' "$WORK/keyhsm.ini"
start_daemon
check_has "the daemon warns" "$WORK/keytrusteed.log" "a caller is whoever he says he is"
stranger GET "$NAMES"; check_eq "no name: 401" "$STATUS" 401
check_eq "  with Hadoop's challenge" "$(header WWW-Authenticate)" PseudoAuth
stranger OPTIONS "$NAMES?user.name=root"; check_eq "a name" "$STATUS" 200
check "  and its cookie" grep -qE '^hadoop.auth="u=root&p=root&t=simple-dt&e=' <<<"$(cookie_of)"
stranger GET "$NAMES" -H "Cookie: $(cookie_of)"; check_eq "  which counts" "$STATUS" 200
stranger GET "$NAMES?a=b&user.name=ro%6ft"; check_eq "an escaped name" "$STATUS" 200
failures >"$WORK/failures"
for name in a%2Fb a%40b a%26u%3Droot %00 'a+b%20c' "$(head -c 300 /dev/zero | tr '\0' x)"; do
  stranger GET "$NAMES?user.name=$name"; check_eq "the name '${name:0:20}': 403" "$STATUS" 403
done
reasons "name_bad 6"
stranger GET "$NAMES?user.name="; check_eq "an empty one is none" "$STATUS" 401
stranger GET "/v1/deposits?user.name=alice"; check_eq "outside of /kms it counts for nothing" "$STATUS" 401
stop_daemon
check_eq "the daemon ends well" "$STATUS" 0
finish
