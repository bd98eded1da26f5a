# The deposit API, whole, against one backend: api.sh softfile|pkcs11
source "$(dirname "$0")/lib.sh"
make_pki
use_backend "${1:?backend}"
write_ini "${BACKEND_LINES[@]}"
start_daemon --backend "$BACKEND"

json=(-H "Content-Type: application/json")
bytes=(-H "Content-Type: application/octet-stream")
raw=(-H "Accept: application/octet-stream")
time_form='^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$'

echo "# create and read"
api_is "PUT of JSON creates" 201 PUT /v1/deposits/key-1 "${json[@]}" \
  -d '{"data":"aGVsbG8=","attributes":{"owner":"hdfs","größe":"√"}}'
check_eq "it answers the name" "$(field name)" key-1
check_eq "and version 0" "$(field version)" 0
created=$(field created)
check "and the time in RFC 3339" grep -Eq "$time_form" <<<"$created"
api_is "GET of it" 200 GET /v1/deposits/key-1
check_eq "data" "$(field data)" aGVsbG8=
check_eq "attribute" "$(field attributes.owner)" hdfs
check_eq "attribute beyond ASCII" "$(field attributes.größe)" √
check_eq "state" "$(field state)" active
check_eq "created is what PUT said" "$(field created)" "$created"
check_eq "Deposit-Version" "$(header Deposit-Version)" 0
check_eq "never cached" "$(header Cache-Control)" no-store
api_is "GET of the bytes" 200 GET /v1/deposits/key-1 "${raw[@]}"
check_eq "the bytes" "$(cat "$WORK/body")" hello
check_eq "Deposit-Created" "$(header Deposit-Created)" "$created"
check_eq "their type" "$(header Content-Type)" application/octet-stream
api_is "Accept with several types" 200 GET /v1/deposits/key-1 -H "Accept: text/html, application/octet-stream;q=0.9"
check_eq "gives bytes too" "$(cat "$WORK/body")" hello
api_is "HEAD" 200 HEAD /v1/deposits/key-1 "${raw[@]}"
check_eq "HEAD tells the length" "$(header Content-Length)" 5
api_is "an existing name is not overwritten" 409 PUT /v1/deposits/key-1 "${json[@]}" -d '{"data":""}'
check_eq "code" "$(field error.code)" exists
check_eq "deposit" "$(field error.deposit)" key-1
api GET /v1/deposits/key-1 "${raw[@]}"
check_eq "and is as it was" "$(cat "$WORK/body")" hello

echo "# bytes of every kind"
head -c 65536 /dev/urandom >"$WORK/big"
api_is "PUT of 64 KiB raw" 201 PUT /v1/deposits/big "${bytes[@]}" --data-binary "@$WORK/big"
api_is "GET of it" 200 GET /v1/deposits/big "${raw[@]}"
check "every byte equal" cmp "$WORK/big" "$WORK/body"
api GET /v1/deposits/big
field data | base64 -d >"$WORK/decoded"
check "as base64 too" cmp "$WORK/big" "$WORK/decoded"
printf '{"data":"%s"}' "$(base64 -w0 <"$WORK/big")" >"$WORK/big.json"
api_is "PUT of 64 KiB as JSON" 201 PUT /v1/deposits/big-json "${json[@]}" --data-binary "@$WORK/big.json"
api GET /v1/deposits/big-json "${raw[@]}"
check "every byte equal" cmp "$WORK/big" "$WORK/body"
printf 'a\0b\0' >"$WORK/nul"
api_is "PUT of NULs" 201 PUT /v1/deposits/nul "${bytes[@]}" --data-binary "@$WORK/nul"
api GET /v1/deposits/nul "${raw[@]}"
check "come back" cmp "$WORK/nul" "$WORK/body"
api_is "PUT of nothing" 201 PUT /v1/deposits/empty "${bytes[@]}" --data-binary ""
api_is "GET of nothing" 200 GET /v1/deposits/empty "${raw[@]}"
check_eq "no byte" "$(wc -c <"$WORK/body")" 0
head -c 65537 /dev/zero >"$WORK/over"
api_is "one byte more than allowed, raw" 413 PUT /v1/deposits/over "${bytes[@]}" --data-binary "@$WORK/over"
printf '{"data":"%s"}' "$(base64 -w0 <"$WORK/over")" >"$WORK/over.json"
api_is "and as JSON" 413 PUT /v1/deposits/over "${json[@]}" --data-binary "@$WORK/over.json"
api_is "is not there" 404 GET /v1/deposits/over

echo "# versions"
api_is "roll" 201 POST /v1/deposits/key-1/versions "${bytes[@]}" --data-binary second
check_eq "is version 1" "$(field version)" 1
api_is "GET gives the newest" 200 GET /v1/deposits/key-1 "${raw[@]}"
check_eq "which is it" "$(cat "$WORK/body")" second
api_is "GET of version 0" 200 GET "/v1/deposits/key-1?version=0" "${raw[@]}"
check_eq "is the first" "$(cat "$WORK/body")" hello
api_is "versions" 200 GET /v1/deposits/key-1/versions
check_eq "are two" "$(field versions.1.version)" 1
api_is "a version that is not there" 404 GET "/v1/deposits/key-1?version=7"
api_is "roll of what is not there" 404 POST /v1/deposits/nothing/versions "${bytes[@]}" --data-binary x
api_is "versions of what is not there" 404 GET /v1/deposits/nothing/versions

echo "# delete, undelete, purge"
api_is "DELETE of one version" 204 DELETE "/v1/deposits/key-1?version=1"
api_is "GET gives the one below" 200 GET /v1/deposits/key-1 "${raw[@]}"
check_eq "which is 0" "$(header Deposit-Version)" 0
api GET /v1/deposits/key-1/versions
check_eq "the listing shows it" "$(field versions.1.state)" deleted
api_is "DELETE of all" 204 DELETE /v1/deposits/key-1
api_is "GET finds nothing" 404 GET /v1/deposits/key-1
check_eq "code" "$(field error.code)" not_found
api_is "nor a version" 404 GET "/v1/deposits/key-1?version=0"
api_is "DELETE again is fine" 204 DELETE /v1/deposits/key-1
api_is "the name stays taken" 409 PUT /v1/deposits/key-1 "${bytes[@]}" --data-binary x
api_is "roll of a deleted one is refused" 403 POST /v1/deposits/key-1/versions "${bytes[@]}" --data-binary x
api_is "undelete" 200 POST /v1/deposits/key-1/undelete
check_eq "answers the name" "$(field name)" key-1
api GET /v1/deposits/key-1 "${raw[@]}"
check_eq "all is back" "$(cat "$WORK/body")" second
api_is "purge of one version" 200 POST "/v1/deposits/key-1/purge?version=0"
api_is "it is gone" 404 GET "/v1/deposits/key-1?version=0"
api_is "the other is there" 200 GET /v1/deposits/key-1
api_is "purge of all" 200 POST /v1/deposits/key-1/purge
api_is "nothing to undelete" 404 POST /v1/deposits/key-1/undelete
api_is "purge again" 404 POST /v1/deposits/key-1/purge
api_is "DELETE of what is not there" 404 DELETE /v1/deposits/key-1
api_is "the name is free" 201 PUT /v1/deposits/key-1 "${bytes[@]}" --data-binary new

echo "# listing"
for i in 1 2 3 4 5; do api PUT "/v1/deposits/list-$i" "${bytes[@]}" --data-binary "$i"; done
api POST /v1/deposits/list-3/versions "${bytes[@]}" --data-binary 3b
api DELETE /v1/deposits/list-4
api_is "after and limit" 200 GET "/v1/deposits?after=list-1&limit=3"
check_eq "begins behind" "$(field deposits.0.name)" list-2
check_eq "counts versions" "$(field deposits.1.versions)" 2
check_eq "names the latest" "$(field deposits.1.latest)" 1
check_eq "shows deleted ones" "$(field deposits.2.state)" deleted
check_eq "says where to go on" "$(field next)" list-4
api GET "/v1/deposits?after=$(field next)&limit=3"
check_eq "goes on" "$(field deposits.0.name)" list-5
: >"$WORK/names"; after=
while :; do
  api GET "/v1/deposits?limit=2${after:+&after=$after}"
  python3 -c 'import json,sys; [print(d["name"]) for d in json.load(open(sys.argv[1]))["deposits"]]' "$WORK/body" >>"$WORK/names"
  after=$(field next); [ "$after" != null ] || break
done
check_eq "paging through all gives each once, in order" "$(tr '\n' ' ' <"$WORK/names")" \
  "big big-json empty key-1 list-1 list-2 list-3 list-4 list-5 nul "
api_is "the end has no next" 200 GET "/v1/deposits?after=zzzz"
check_eq "and is empty" "$(cat "$WORK/body")" '{"deposits":[],"next":null}'

echo "# health"
api_is "healthz" 200 GET /healthz
api_is "readyz" 200 GET /readyz
api_is "test_hsm" 200 GET /test_hsm
check "says the words of the manual" \
  grep -Exq '"Sample Key TEST_HELLO_DEPOSIT[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{6} has been created"' "$WORK/body"
seq 8 | xargs -P 8 -I{} curl -sS -o "$WORK/hello.{}" -w '%{http_code}\n' --cacert "$WORK/ca.crt" \
  --cert "$WORK/client.crt" --key "$WORK/client.key" "$URL/test_hsm" >"$WORK/hello.status"
check_fails "parallel ones do not clash" grep -Evq '^(200|429)$' "$WORK/hello.status"
check "they are limited" grep -q 429 "$WORK/hello.status"
api GET "/v1/deposits?after=TEST&limit=1"
check_lacks "nothing of it stays" "$WORK/body" TEST_HELLO
api_is "metrics" 200 GET /metrics
check_has "backend up" "$WORK/body" "keyhsm_backend_up 1"
check_has "requests" "$WORK/body" \
  'keyhsm_http_requests_total{route="/v1/deposits/{name}",method="PUT",status="409"}'
check_has "build" "$WORK/body" "keyhsm_build_info{version="

echo "# request ids and the log"
api GET /healthz -H "X-Request-Id: abc-123"
check_eq "an id is echoed" "$(header X-Request-Id)" abc-123
api GET /healthz -H "X-Request-Id: a b"
check "a bad one is replaced" grep -Exq '[0-9a-f]{16}' <<<"$(header X-Request-Id)"
api PUT /v1/deposits/logged "${bytes[@]}" --data-binary CANARY-IN-DATA
check "one access line, with who and what" grep -Eq \
  'access id=[0-9a-f]{16} principal="CN=client" cert=[0-9a-f]{16} method=PUT route=/v1/deposits/\{name\} name=logged status=201 ms=' \
  "$WORK/keyhsmd.log"
check_lacks "data never" "$WORK/keyhsmd.log" CANARY

stop_daemon
check_eq "SIGTERM: exit status 0" "$STATUS" 0
start_daemon --backend "$BACKEND"
api_is "deposits survive a restart" 200 GET /v1/deposits/big "${raw[@]}"
check "every byte" cmp "$WORK/big" "$WORK/body"
stop_daemon INT
check_eq "SIGINT: exit status 0" "$STATUS" 0
finish
