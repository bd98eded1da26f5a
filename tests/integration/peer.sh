# What the backend `keyhsm` of another host asks of keyhsmd beyond the deposit API: peer.sh softfile|pkcs11
source "$(dirname "$0")/lib.sh"
make_pki
use_backend "${1:?backend}"
write_ini "${BACKEND_LINES[@]}"
start_daemon --backend "$BACKEND"

json=(-H "Content-Type: application/json")
bytes=(-H "Content-Type: application/octet-stream")
raw=(-H "Accept: application/octet-stream")

echo "# copies keep version, time and state"
api_is "a version alone" 201 PUT "/v1/deposits/copy?version=7" "${json[@]}" \
  -d '{"data":"c2V2ZW4=","attributes":{"k":"v"},"created":"2016-06-03T07:07:28Z","state":"active"}'
check_eq "is that version" "$(field version)" 7
check_eq "made then" "$(field created)" 2016-06-03T07:07:28Z
api_is "one before it, deleted" 201 PUT "/v1/deposits/copy?version=2" "${json[@]}" \
  -d '{"data":"dHdv","created":"2015-01-02T03:04:05Z","state":"deleted"}'
api_is "is not served" 404 GET "/v1/deposits/copy?version=2"
api_is "but to who asks for deleted ones" 200 GET "/v1/deposits/copy?version=2&deleted=yes"
check_eq "state" "$(field state)" deleted
check_eq "data" "$(field data)" dHdv
check_eq "created" "$(field created)" 2015-01-02T03:04:05Z
api_is "deleted=no is the default" 404 GET "/v1/deposits/copy?version=2&deleted=no"
api_is "the latest" 200 GET "/v1/deposits/copy?deleted=yes"
check_eq "is the active one" "$(field version)" 7
api_is "a version that is there is not overwritten" 409 PUT "/v1/deposits/copy?version=7" "${json[@]}" -d '{"data":""}'
api_is "a deleted one neither" 409 PUT "/v1/deposits/copy?version=2" "${bytes[@]}" -d x
api_is "new=yes wants a new deposit" 409 PUT "/v1/deposits/copy?version=9&new=yes" "${bytes[@]}" -d x
api_is "and makes one" 201 PUT "/v1/deposits/fresh?version=3&new=yes" "${bytes[@]}" -d x
check_eq "of that version" "$(field version)" 3
api_is "the first second" 201 PUT /v1/deposits/first "${json[@]}" -d '{"data":"","created":"1970-01-01T00:00:00Z"}'
api GET /v1/deposits/first
check_eq "is read as not known" "$(field created)" null
for wrong in '"created":"yesterday"' '"created":7' '"state":"gone"' '"state":true' '"version":3'; do
  api_is "a copy with $wrong" 400 PUT "/v1/deposits/bad?version=1" "${json[@]}" -d "{\"data\":\"\",$wrong}"
done
api_is "a roll is made now" 400 POST /v1/deposits/copy/versions "${json[@]}" -d '{"data":"","created":"2016-06-03T07:07:28Z"}'
api_is "none was stored" 404 GET "/v1/deposits/bad?deleted=yes"
for query in deleted=1 deleted= new=yes "deleted=yes&deleted=yes"; do
  api_is "GET ?$query" 400 GET "/v1/deposits/copy?$query"
done
api_is "DELETE takes no deleted" 400 DELETE "/v1/deposits/copy?deleted=yes"

echo "# stat, fingerprint, attest"
api_is "stat" 200 GET /v1/deposits/copy/stat
check_eq "of the latest" "$(field version) $(field state) $(field versions) $(field highest)" "7 active 2 7"
api_is "stat of a deleted one" 200 GET "/v1/deposits/copy/stat?version=2"
check_eq "says so" "$(field state)" deleted
api_is "stat of none" 404 GET "/v1/deposits/copy/stat?version=1"
api_is "fingerprint" 200 GET "/v1/deposits/copy/fingerprint?version=7"
print=$(field fingerprint)
check "is a digest" grep -Exq '[0-9a-f]{64}' <<<"$print"
api GET "/v1/deposits/copy/fingerprint?version=7"
check_eq "the same again" "$(field fingerprint)" "$print"
api GET "/v1/deposits/copy/fingerprint?version=2"
check "another for another version" test "$(field fingerprint)" != "$print"
api_is "of none" 404 GET "/v1/deposits/copy/fingerprint?version=1"
api_is "without a version" 400 GET /v1/deposits/copy/fingerprint
api_is "attest without a version" 400 GET /v1/deposits/copy/attest
if [ "$BACKEND" = pkcs11 ]; then
  api_is "attest" 200 GET "/v1/deposits/copy/attest?version=2"
  api_is "attest of none" 404 GET "/v1/deposits/copy/attest?version=1"
else
  api_is "attest without hardware" 403 GET "/v1/deposits/copy/attest?version=2"
fi

echo "# every version in order"
api_is "the listing" 200 GET /v1/versions
check "whole" python3 -c 'import json,sys
v = [(e["name"], e["version"], e["state"]) for e in json.load(open(sys.argv[1]))["versions"]]
assert v == [("copy", 2, "deleted"), ("copy", 7, "active"), ("first", 0, "active"), ("fresh", 3, "active")], v' "$WORK/body"
api_is "a page behind a place" 200 GET "/v1/versions?after=copy&version=2&limit=1"
check_eq "is the next one" "$(field versions.0.name) $(field versions.0.version)" "copy 7"
api_is "the end" 200 GET "/v1/versions?after=fresh&version=2147483647"
check_eq "is empty" "$(cat "$WORK/body")" '{"versions":[]}'
api_is "a place may be any legacy name" 200 GET "/v1/versions?after=%FF%2F..&version=0"
for query in after=copy version=2 "limit=0" "limit=1001" "after=&version=0" "after=%00&version=0" "after=%zz&version=1"; do
  api_is "/v1/versions?$query" 400 GET "/v1/versions?$query"
done
if [ "$BACKEND" = softfile ]; then
  stop_daemon
  printf x | "$KEYHSM_BIN_DIR/ktadmin" deposit put --config "$WORK/keyhsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" \
    --backend softfile 'wild ü/name' >"$WORK/put.log" 2>&1
  truncate -s 10 "$(find "$WORK/store" -path '*fresh*' -type f | head -n 1)"
  start_daemon --backend softfile
  api_is "a damaged version and a wild name" 200 GET "/v1/versions?after=first&version=0"
  check_has "the name, as in a path" "$WORK/body" '"wild%20%C3%BC%2Fname"'
  check_has "the damage" "$WORK/body" '"corrupt":"'
fi

echo "# the backend"
api_is "facts" 200 GET /v1/backend
check_eq "its name" "$(field name)" "$BACKEND"
check_eq "limits" "$(field data_max)" 65536
check_eq "neither sealed nor read-only" "$(field sealed) $(field read_only)" "false false"
check "an identity" test -n "$(field identity)"
check "what it can" python3 -c 'import json,sys
c = json.load(open(sys.argv[1]))["capabilities"]
assert {"read", "write", "list"} <= set(c) and ("hardware" in c) == (sys.argv[2] == "pkcs11"), c' "$WORK/body" "$BACKEND"
json=(-H 'Content-Type: application/json' -d)
if [ "$BACKEND" = pkcs11 ]; then
  api_is "random bytes of the token" 200 POST /v1/random "${json[@]}" '{"bytes":1024}'
  check_eq "  as many as were asked for" "$(stat -c %s "$WORK/body")" 1024
  cp "$WORK/body" "$WORK/random"
  api POST /v1/random "${json[@]}" '{"bytes":1024}'
  check_fails "  and others each time" cmp "$WORK/body" "$WORK/random"
else
  api_is "no random bytes without a generator" 403 POST /v1/random "${json[@]}" '{"bytes":16}'
fi
api_is "not more than 1024" 400 POST /v1/random "${json[@]}" '{"bytes":1025}'
api_is "not none" 400 POST /v1/random "${json[@]}" '{"bytes":0}'
api_is "a number" 400 POST /v1/random "${json[@]}" '{"bytes":"16"}'
api_is "nothing else" 400 POST /v1/random "${json[@]}" '{"bytes":16,"seed":1}'
api_is "as JSON" 415 POST /v1/random -H 'Content-Type: text/plain' -d '{"bytes":16}'
api_is "by POST" 405 GET /v1/random
api_is "what is stored, counted" 200 GET /v1/backend/usage
check "by state" python3 -c 'import json,sys
u = json.load(open(sys.argv[1]))
assert u["deposits"] >= 1 and u["versions"] >= 1 and u["deleted_versions"] >= 1, u
assert set(u) == {"deposits", "deleted_deposits", "versions", "deleted_versions", "memory", "memory_free"}, u' "$WORK/body"
api_is "without parameters" 400 GET "/v1/backend/usage?all=yes"
api_is "room" 200 GET "/v1/backend/room?versions=1"
api_is "no room for so many" "$([ "$BACKEND" = pkcs11 ] && echo 403 || echo 503)" GET "/v1/backend/room?versions=1000000000"
for query in "" "?versions=0" "?versions=x" "?versions=1000000001"; do
  api_is "/v1/backend/room$query" 400 GET "/v1/backend/room$query"
done
api_is "facts are not written" 405 PUT /v1/backend "${bytes[@]}" -d x
check_eq "but read" "$(header Allow)" "GET, HEAD"
api_is "the bytes of a deleted one" 200 GET "/v1/deposits/copy?version=2&deleted=yes" "${raw[@]}"
check_eq "are served" "$(cat "$WORK/body")" two
finish
