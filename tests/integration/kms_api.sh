# The Hadoop KMS API of keytrusteed: what the golden transcript does not have.
source "$(dirname "$0")/lib.sh"
export DAEMON=keytrusteed
make_pki
make_cert reader ca clientAuth
use_backend softfile
write_kms() { # LINES of [kms]...
  write_ini "${BACKEND_LINES[@]}" "[auth]" "certificate_user = cn" "[acl]" "all = allow all on * to *" \
    "[kms.acl]" "CREATE = client" "DELETE = client" "ROLLOVER = client" "GET = client" "GET_KEYS = *" "GET_METADATA = *" \
    "SET_KEY_MATERIAL = client" "GENERATE_EEK = *" "DECRYPT_EEK = *" \
    "[kms.key.acl.default]" "MANAGEMENT = *" "READ = *" "GENERATE_EEK = *" "DECRYPT_EEK = *" \
    "[kms.key.acl]" "secret = secret DECRYPT_EEK client" "secret-g = secret GENERATE_EEK *" \
    "secret-m = secret MANAGEMENT client" "closed = closed DECRYPT_EEK *" "closed-m = closed MANAGEMENT client" "[kms]" "enabled = yes" "$@"
}
write_kms
start_daemon

json=(-H 'Content-Type: application/json' -d)
kms_is() { # TEXT STATUS METHOD PATH [CURL]...
  local text=$1 status=$2 method=$3 path=$4; shift 4
  api_is "$text" "$status" "$method" "/kms/v1$path" "$@"
}
refused_with() { # TEXT CLASS WORDS
  check_eq "  $1" "$(field RemoteException.exception)" "$2"
  check_has "  $1, in words" "$WORK/body" "$3"
}
counter() { api GET /metrics; sed -n "s/^keyhsm_kms_$1 //p" "$WORK/body"; }
eek() { # the N-th of the last generate as a body for decrypt of KEY
  python3 -c 'import json,sys; e=json.load(open(sys.argv[1]))[0]
print(json.dumps({"name":sys.argv[2],"iv":e["iv"],"material":e["encryptedKeyVersion"]["material"]}))' "$WORK/body" "$1"
}

echo "# names"
long=$(printf 'k%.0s' {1..255})
kms_is "a name of 255 bytes" 201 POST /keys "${json[@]}" "{\"name\":\"$long\"}"
kms_is "  is found" 200 GET "/keyversion/$long%400"
check_eq "  by its version" "$(field versionName)" "$long@0"
kms_is "one of 256 bytes is not taken" 400 POST /keys "${json[@]}" "{\"name\":\"k$long\"}"
kms_is "  nor asked for" 400 GET "/key/k$long/_metadata"
for name in 'a b' 'a/b' 'a@b' '.a' 'a%b' ''; do
  kms_is "no key '$name'" 400 POST /keys "${json[@]}" "{\"name\":\"$name\"}"
done
kms_is "no name of the server's own" 400 POST /keys "${json[@]}" '{"name":"kt-internal.x"}'
kms_is "a bad escape in a path" 400 GET "/key/a%zz/_metadata"
kms_is "%2F is no path" 200 GET "/key/a%2Fb/_metadata"
check_eq "  and no key" "$(cat "$WORK/body")" "{}"
api_is "a deposit that is no Hadoop key" 201 PUT /v1/deposits/plain "-HContent-Type: application/octet-stream" --data-binary sixteen-bytes-ab
kms_is "  is not seen" 200 GET /key/plain/_metadata
check_eq "  at all" "$(cat "$WORK/body")" "{}"
kms_is "  nor listed" 200 GET /keys/names
check_eq "  among the others" "$(cat "$WORK/body")" "[\"$long\"]"
kms_is "  nor rolled" 500 POST /key/plain "${json[@]}" '{}'
kms_is "  nor deleted" 500 DELETE /key/plain
kms_is "  and its name is taken" 500 POST /keys "${json[@]}" '{"name":"plain"}'

echo "# material"
kms_is "128 bits unless said" 201 POST /keys "${json[@]}" '{"name":"k"}'
kms_is "256 bits" 201 POST /keys "${json[@]}" '{"name":"k256","length":256}'
check_eq "  are 32 bytes" "$(field material | tr -d '\n' | wc -c)" 43
kms_is "material of a wrong length" 500 POST /keys "${json[@]}" '{"name":"km","length":128,"material":"AAAA"}'
refused_with "it says so" IOException "Wrong key length. Required 128, but got 24"
kms_is "rolled with material of a wrong length" 500 POST /key/k "${json[@]}" '{"material":"AAAA"}'
kms_is "{\"material\":null} as Ranger sends it" 200 POST /key/k "${json[@]}" '{"material":null}'
check_eq "  is the next version" "$(field versionName)" "k@1"

echo "# encrypted keys"
kms_is "as many as are asked for" 200 GET "/key/k/_eek?eek_op=generate&num_keys=150"
check_eq "  150" "$(python3 -c 'import json,sys; e=json.load(open(sys.argv[1])); print(len({x["iv"] for x in e}), len({x["encryptedKeyVersion"]["material"] for x in e}))' "$WORK/body")" "150 150"
body=$(eek k)
kms_is "decrypted" 200 POST "/keyversion/k@1/_eek?eek_op=decrypt" "${json[@]}" "$body"
plain=$(field material)
kms_is "  the same again" 200 POST "/keyversion/k%401/_eek?eek_op=decrypt" "${json[@]}" "$body"
check_eq "  is the same" "$(field material)" "$plain"
kms_is "10,000 at once" 200 GET "/key/k/_eek?eek_op=generate&num_keys=10000"
cp "$WORK/body" "$WORK/eeks"
kms_is "10,001 are refused" 400 GET "/key/k/_eek?eek_op=generate&num_keys=10001"
refused_with "how many may be" IllegalArgumentException 10000
for iv in AAAAAAAAAAAAAAAAAAAA AAAAAAAAAAAAAAAAAAAAAAA; do
  kms_is "an iv of $((${#iv} * 3 / 4)) bytes" 500 POST "/keyversion/k@1/_eek?eek_op=decrypt" "${json[@]}" \
    "{\"name\":\"k\",\"iv\":\"$iv\",\"material\":\"AAAA\"}"
  refused_with "it says so" IOException "must be 16 bytes long"
done
printf '{"name":"k","iv":"AAAAAAAAAAAAAAAAAAAAAA","material":"%s"}' "$(head -c 1025 /dev/zero | base64 -w 0)" >"$WORK/wide"
kms_is "encrypted material of 1,025 bytes" 400 POST "/keyversion/k@1/_eek?eek_op=decrypt" "${json[@]}" "@$WORK/wide"
sed -i 's/AAA="}/"}/' "$WORK/wide"
kms_is "  of 1,023" 200 POST "/keyversion/k@1/_eek?eek_op=decrypt" "${json[@]}" "@$WORK/wide"
kms_is "material that is not base64" 400 POST "/keyversion/k@1/_eek?eek_op=decrypt" "${json[@]}" '{"name":"k","iv":"AAAAAAAAAAAAAAAAAAAAAA","material":"*"}'

echo "# batches"
kms_is "rolled" 200 POST /key/k "${json[@]}" '{}'
kms_is "10,000 anew" 200 POST /key/k/_reencryptbatch -H 'Content-Type: application/json' --data-binary "@$WORK/eeks"
cp "$WORK/body" "$WORK/anew"
check "  each of them in its place, and under the new version" python3 -c 'import json,sys
a, b = (json.load(open(f)) for f in sys.argv[1:])
assert len(a) == len(b) == 10000 and all(x["iv"] == y["iv"] and y["versionName"] == "k@2" for x, y in zip(a, b))' "$WORK/eeks" "$WORK/anew"
decrypted() { # FILE VERSION: the last of the file, decrypted
  python3 -c 'import json,sys; e=json.load(open(sys.argv[1]))[-1]
print(json.dumps({"name":"k","iv":e["iv"],"material":e["encryptedKeyVersion"]["material"]}))' "$1" >"$WORK/one"
  api POST "/kms/v1/keyversion/k@$2/_eek?eek_op=decrypt" -H 'Content-Type: application/json' --data-binary "@$WORK/one"
  field material
}
check_eq "  and it is the same key inside" "$(decrypted "$WORK/anew" 2)" "$(decrypted "$WORK/eeks" 1)"
python3 -c 'import json,sys; e=json.load(open(sys.argv[1])); json.dump(e + e[:1], open(sys.argv[2], "w"))' "$WORK/eeks" "$WORK/more"
kms_is "10,001 are refused" 400 POST /key/k/_reencryptbatch -H 'Content-Type: application/json' --data-binary "@$WORK/more"
python3 -c 'import json,sys; e=json.load(open(sys.argv[1])); del e[7777]["iv"]; json.dump(e, open(sys.argv[2], "w"))' "$WORK/eeks" "$WORK/bad"
kms_is "a bad item" 400 POST /key/k/_reencryptbatch -H 'Content-Type: application/json' --data-binary "@$WORK/bad"
refused_with "which one" IllegalArgumentException "Parameter 'iv' cannot be null (item 7777)"
python3 -c 'import json,sys; e=json.load(open(sys.argv[1])); e[77]["iv"]="AAAA"; json.dump(e, open(sys.argv[2], "w"))' "$WORK/eeks" "$WORK/bad"
kms_is "an iv of the wrong length in a batch" 400 POST /key/k/_reencryptbatch -H 'Content-Type: application/json' --data-binary "@$WORK/bad"
refused_with "which one" IllegalArgumentException "Wrong IV length: must be 16 bytes long (item 77)"
head -c 5000000 /dev/zero | tr '\0' ' ' >"$WORK/huge"
kms_is "more than max_body" 413 POST /key/k/_reencryptbatch -H 'Content-Type: application/json' --data-binary "@$WORK/huge"
head -c 2000000 /dev/zero >"$WORK/large"
api_is "other routes keep their limit" 413 PUT /v1/deposits/large -H 'Content-Type: application/octet-stream' --data-binary "@$WORK/large"

echo "# the last version alone deleted"
kms_is "rolled" 200 POST /key/k256 "${json[@]}" '{}'
api_is "  and that version deleted" 204 DELETE "/v1/deposits/k256?version=1"
kms_is "the one before is the current one" 200 GET /key/k256/_metadata
check_eq "  and counted" "$(field versions)" 1

echo "# rules"
kms_is "a key with rules of its own" 201 POST /keys "${json[@]}" '{"name":"s1","attributes":{"key.acl.name":"secret"}}'
CLIENT=reader kms_is "another makes encrypted keys" 200 GET "/key/s1/_eek?eek_op=generate"
body=$(eek s1)
CLIENT=reader kms_is "  and does not decrypt them" 403 POST "/keyversion/s1@0/_eek?eek_op=decrypt" "${json[@]}" "$body"
refused_with "in Hadoop's words" AuthorizationException "User [reader] is not authorized to perform [DECRYPT_EEK] on key with ACL name [secret]!!"
kms_is "  the owner does" 200 POST "/keyversion/s1@0/_eek?eek_op=decrypt" "${json[@]}" "$body"
CLIENT=reader kms_is "nor does another create" 403 POST /keys "${json[@]}" '{"name":"r"}'
refused_with "in Hadoop's words" AuthorizationException "User:reader not allowed to do 'CREATE_KEY' on 'r'"
kms_is "a key whose rules say nothing of encrypted keys" 201 POST /keys "${json[@]}" '{"name":"c1","attributes":{"key.acl.name":"closed"}}'
CLIENT=reader kms_is "nor makes encrypted keys" 403 GET "/key/c1/_eek?eek_op=generate"
refused_with "in Hadoop's words" AuthorizationException "User [reader] is not authorized to perform [GENERATE_EEK] on key with ACL name [closed]!!"
CLIENT=reader kms_is "nor see material" 403 GET /key/k/_currentversion
CLIENT=reader kms_is "nor roll" 403 POST /key/k "${json[@]}" '{}'
CLIENT=reader kms_is "nor delete" 403 DELETE /key/k
CLIENT=reader kms_is "nor learn whether a key is there" 403 DELETE /key/none
CLIENT=reader kms_is "nor invalidate" 403 POST /key/k/_invalidatecache
check_has "all of it is recorded" "$WORK/audit.log" '"operation":"DECRYPT_EEK","deposit":"s1"'
stranger GET /kms/v1/keys/names; check_eq "nobody without an identity" "$STATUS" 401

echo "# remembered keys"
hits=$(counter cache_hits_total)
misses=$(counter cache_misses_total)
kms_is "known" 200 GET "/key/k/_eek?eek_op=generate"
check_eq "  it costs no reading" "$(counter cache_hits_total) $(counter cache_misses_total)" "$((hits + 1)) $misses"
api_is "a new version by the deposit API" 201 POST /v1/deposits/k/versions "${json[@]}" '{"data":"AAAAAAAAAAAAAAAAAAAAAA=="}'
kms_is "  without a key's attributes is no key" 200 GET /key/k/_metadata
kms_is "  and what was remembered is dropped" 500 GET "/key/k/_eek?eek_op=generate"
api POST '/v1/deposits/k/purge?version=3'
kms_is "purged, it is as before" 200 GET "/key/k/_eek?eek_op=generate"
check_has "  with its version" "$WORK/body" '"versionName":"k@2"'
misses=$(counter cache_misses_total)
kms_is "invalidated" 200 POST /key/k/_invalidatecache
kms_is "  it is read again" 200 GET "/key/k/_eek?eek_op=generate"
check_eq "  once" "$(counter cache_misses_total)" "$((misses + 1))"
kill -HUP "$PID"
wait_for "the reload" grep -q "rules of \[acl\] were read again" "$WORK/keytrusteed.log"
wait_for "an empty cache" eval '[ "$(counter cache_entries)" = 0 ]'
ok "SIGHUP drops all of them"
kms_is "deleted" 200 DELETE /key/k
kms_is "  nothing is encrypted any more" 500 GET "/key/k/_eek?eek_op=generate"
kms_is "  nor decrypted" 400 POST "/keyversion/k@1/_eek?eek_op=decrypt" "${json[@]}" "$(sed 's/s1/k/' <<<"$body")"
kms_is "  its name is taken" 500 POST /keys "${json[@]}" '{"name":"k"}'
check_has "  which says why" "$WORK/body" "undelete it, or purge it first"
api_is "  undeleted" 200 POST /v1/deposits/k/undelete
kms_is "  it is back" 200 GET /keyversion/k@1
api_is "  purged" 200 POST /v1/deposits/k/purge
kms_is "  it can be made anew" 201 POST /keys "${json[@]}" '{"name":"k"}'

echo "# many at once"
for i in 1 2 3 4 5 6 7 8; do
  (STATUS=; for _ in 1 2 3 4 5; do api POST /kms/v1/key/k "${json[@]}" '{}' -o "$WORK/roll.$i"; echo "$STATUS"; done >"$WORK/rolls.$i") &
done
wait $(jobs -p | grep -vx "$PID")
check_eq "forty rolls" "$(sort "$WORK"/rolls.? | uniq -c | tr -s ' ')" " 40 200"
kms_is "  are forty versions more" 200 GET /key/k/_metadata
check_eq "  all of them" "$(field versions)" 41
stop_daemon

echo "# without a cache"
write_kms "key_cache = 0"
start_daemon
kms_is "every operation reads" 200 GET "/key/k/_eek?eek_op=generate"
kms_is "  and is the same" 200 POST "/keyversion/k@40/_eek?eek_op=decrypt" "${json[@]}" "$(eek k)"
check_eq "  nothing is counted" "$(counter cache_hits_total) $(counter cache_entries)" "0 0"
stop_daemon
write_kms "eek_scheme = token"
status=0
"$KEYHSM_BIN_DIR/keytrusteed" --config "$WORK/keyhsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" >"$WORK/out" 2>&1 || status=$?
check_eq "a file store cannot encrypt in a token" "$status" 2
check_has "  which it says" "$WORK/out" "eek_scheme = token needs a backend whose device has keys of its own"
write_ini "${BACKEND_LINES[@]}" "[acl]" "all = allow all on * to *"
start_daemon
kms_is "switched off there is nothing" 404 GET /keys/names
stop_daemon
finish
