# Requests that are wrong: each is refused, says why, and harms nobody else.
source "$(dirname "$0")/lib.sh"
make_pki
use_backend softfile
write_ini "${BACKEND_LINES[@]}"
start_daemon --backend softfile
json=(-H "Content-Type: application/json")
bytes=(-H "Content-Type: application/octet-stream")

# refused TEXT STATUS METHOD PATH WORDS [CURL_OPTION...]: the error object says WORDS
refused() {
  local text=$1 status=$2 method=$3 path=$4 words=$5; shift 5
  api_is "$text: $status" "$status" "$method" "$path" "$@"
  check_has "  says '$words'" "$WORK/body" "$words"
}

echo "# bodies"
put() { refused "$1" "$2" PUT /v1/deposits/bad "$3" "${json[@]}" -d "$4"; }
put "malformed JSON" 400 "malformed" '{"data"'':}'
put "JSON that ends early" 400 "ends too early" '{"data":"AA=="'
put "nothing" 400 "empty" ''
put "an array" 400 "not an object" '[]'
put "two members of a name" 400 "twice" '{"data":"","data":""}'
put "an unknown member" 400 "unknown member 'dat'" '{"data":"","dat":1}'
put "no data" 400 "data: a base64 string" '{"attributes":{}}'
put "data that is a number" 400 "data: a base64 string" '{"data":1}'
put "wrong base64" 400 "data: " '{"data":"a"}'
put "base64 without padding" 400 "data: " '{"data":"AAA"}'
put "base64 with a line break" 400 "data: " '{"data":"AAAA\nAAAA"}'
put "base64 of the URL alphabet" 400 "data: " '{"data":"__--"}'
put "NUL in a string" 400 "NUL" '{"data":"","attributes":{"a":"\u0000"}}'
put "attributes that are a list" 400 "attributes" '{"data":"","attributes":[]}'
put "an attribute that is a number" 400 "must be a string" '{"data":"","attributes":{"a":1}}'
put "an attribute without a name" 400 "attribute" '{"data":"","attributes":{"":"x"}}'
put "a number that overflows" 400 "too large" '{"data":1e999}'
many=$(python3 -c 'import json; print(json.dumps({"data":"","attributes":{f"a{i}":"" for i in range(33)}}))')
put "33 attributes" 400 "32" "$many"
printf '{"data":"","attributes":{"a":"\xff"}}' >"$WORK/utf8"
refused "invalid UTF-8" 400 PUT /v1/deposits/bad "UTF-8" "${json[@]}" --data-binary "@$WORK/utf8"
python3 -c 'print("{\"data\":" + "["*50000 + "]"*50000 + "}")' >"$WORK/deep"
refused "deep nesting" 400 PUT /v1/deposits/bad "deeper than 16" "${json[@]}" --data-binary "@$WORK/deep"
refused "no Content-Type" 415 PUT /v1/deposits/bad "Content-Type must be" -H "Content-Type:" -d x
refused "a form" 415 PUT /v1/deposits/bad "Content-Type must be" -d x
head -c 1048577 /dev/zero >"$WORK/over"
api_is "a body over max_body: 413" 413 PUT /v1/deposits/bad "${bytes[@]}" -H "Expect:" --data-binary "@$WORK/over"
api_is "announced with Expect: 413" 413 PUT /v1/deposits/bad "${bytes[@]}" -H "Expect: 100-continue" --data-binary "@$WORK/over"
head -c 70000 /dev/zero >"$WORK/over"
refused "over the deposit's limit" 413 PUT /v1/deposits/bad "larger than 65536" "${bytes[@]}" --data-binary "@$WORK/over"
api_is "and none of it was stored" 404 GET /v1/deposits/bad

echo "# paths and names"
for path in /v1 /v1/deposits/ /v2/deposits/x /v1/deposits/x/y /v1/deposits/x/versions/ /%2e /healthz/x; do
  case $path in /v1/deposits/) want=400 ;; *) want=404 ;; esac
  api_is "$path: $want" "$want" GET "$path"
done
for name in .. . %2e%2e a%2Fb %2F %00 a%00b %ff %C0%AF %zz % %E0%80%80; do
  api_is "name $name: 400" 400 GET "/v1/deposits/$name"
  api_is "  PUT too" 400 PUT "/v1/deposits/$name" "${bytes[@]}" -d x
done
long=$(printf 'n%.0s' {1..256})
refused "a name of 256 bytes" 400 PUT "/v1/deposits/$long" "255" "${bytes[@]}" -d x
api_is "a name of 255 bytes is fine" 201 PUT "/v1/deposits/${long:1}" "${bytes[@]}" -d x
for name in -a _a .a 'a%20b' 'a%25b' 'a+b' '%C3%A4' 'a:b'; do
  api_is "the name rule at creation, $name: 400" 400 PUT "/v1/deposits/$name" "${bytes[@]}" -d x
done
api_is "a target that is too long: 414" 414 GET "/v1/deposits/$(printf 'a%.0s' {1..5000})"

echo "# methods"
# wrong METHOD PATH ALLOW
wrong() {
  api_is "$1 $2: 405" 405 "$1" "$2"
  check_eq "  Allow" "$(header Allow)" "$3"
}
wrong POST /v1/deposits/x "GET, HEAD, PUT, DELETE"
wrong PATCH /v1/deposits/x "GET, HEAD, PUT, DELETE"
wrong OPTIONS /v1/deposits "GET, HEAD"
wrong TRACE /v1/deposits "GET, HEAD"
wrong GET /v1/deposits/x/purge "POST"
wrong DELETE /v1/deposits/x/versions "GET, HEAD, POST"
wrong PUT /healthz "GET, HEAD"
api BREW /healthz
check_eq "a method nobody knows: 501" "$STATUS" 501

echo "# queries"
for query in verson=1 version=x version=-1 "version=1&version=2" version= limit=3 "version=0&x=1"; do
  refused "GET ?$query" 400 GET "/v1/deposits/x?$query" "query"
done
refused "a mistyped version purges nothing" 400 POST "/v1/deposits/${long:1}/purge?verison=0" "query"
api_is "  it is there" 200 GET "/v1/deposits/${long:1}"
refused "limit over 1000" 400 GET "/v1/deposits?limit=1001" "1 to 1000"
refused "a mistyped version makes no new deposit" 400 PUT "/v1/deposits/x?verison=3" "query" "${bytes[@]}" -d x

echo "# heads, by hand"
# by_hand TEXT STATUS HEAD: HEAD gets \r\n for each line end and an empty line
by_hand() {
  printf '%b' "$3" | client raw >"$WORK/raw" 2>&1 || true
  check_eq "$1: $2" "$(head -n 1 "$WORK/raw" | cut -d' ' -f2)" "$2"
}
get='GET /healthz HTTP/1.1\r\n'
put='PUT /v1/deposits/hand HTTP/1.1\r\nContent-Type: application/octet-stream\r\n'
host='Host: localhost\r\n'
close='Connection: close\r\n'
by_hand "a good one" 200 "$get$host$close\r\n"
by_hand "no Host" 400 "$get\r\n"
by_hand "two Hosts" 400 "$get$host$host\r\n"
by_hand "a space before the colon" 400 "${get}Host : localhost\r\n\r\n"
by_hand "two lengths" 400 "$put${host}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"
by_hand "two equal lengths" 400 "$put${host}Content-Length: 1\r\nContent-Length: 1\r\n\r\na"
by_hand "length +1" 400 "$put${host}Content-Length: +1\r\n\r\na"
by_hand "length and chunks" 400 "$put${host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
by_hand "chunks" 411 "$put${host}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
by_hand "gzip, chunked" 400 "$put${host}Content-Length: 1\r\nTransfer-Encoding: gzip, chunked\r\n\r\na"
by_hand "a GET with a body" 400 "$get${host}Content-Length: 3\r\n\r\nabc"
by_hand "a compressed body" 415 "$put${host}Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\na"
by_hand "an absolute target" 400 "GET https://localhost/healthz HTTP/1.1\r\n$host\r\n"
by_hand "65 headers" 431 "$get$host$(printf 'X-H: 1\\r\\n%.0s' {1..64})\r\n"
printf '%b' "$get$host" >"$WORK/big_head"
{ printf 'X: '; head -c 80000 /dev/zero | tr '\0' a; printf '\r\n\r\n'; } >>"$WORK/big_head"
client raw <"$WORK/big_head" >"$WORK/raw" 2>&1 || true
check_eq "80 KB of headers: 400" "$(head -n 1 "$WORK/raw" | cut -d' ' -f2)" 400
printf 'NONSENSE\r\n\r\n' | client raw >"$WORK/raw" 2>&1 || true
check_lacks "nonsense gets no 200" "$WORK/raw" " 200 "
by_hand "two requests in one go, the second is answered too" 200 "$get$host\r\n$get$host$close\r\n"
check_eq "  both" "$(grep -o 'HTTP/1.1 200' "$WORK/raw" | wc -l)" 2
api_is "nothing was stored by hand" 404 GET /v1/deposits/hand

api_is "after all that the daemon serves" 200 GET /readyz
stop_daemon
check_eq "and ends well" "$STATUS" 0
finish
