# Named keys of keyhsmd on SoftHSM: made there, used by every scheme, verified and opened by openssl alone, and never seen.
source "$(dirname "$0")/lib.sh"
make_pki
use_backend pkcs11
write_ini "${BACKEND_LINES[@]}"
start_daemon --backend pkcs11
cd "$WORK"
printf 'what is signed' >msg

# json PATH WANTED TEXT BODY: POST
json() { api_is "$3" "$2" POST "/v1/keys$1" -H 'Content-Type: application/json' -d "$4"; }
# make NAME KIND PURPOSE...: and its public half in NAME.pem
make() {
  local name=$1 kind=$2; shift 2
  json "" 201 "made: $name ($kind)" "{\"name\":\"$name\",\"kind\":\"$kind\",\"purposes\":[\"$(sed 's/ /","/g' <<<"$*")\"]}"
  [ "$kind" = aes-256 ] || { api GET "/v1/keys/$name/public"; cp body "$name.pem"; }
}
digest() { openssl dgst "-$1" -binary msg | base64 -w0; }
# used NAME PATH TEXT MEMBERS: the output in `out`
used() { json "/$1/$2" 200 "$3" "{$4}"; [ "$STATUS" != 200 ] || field output | base64 -d >out; }
refused() { json "/$1/$2" "$3" "$4" "{$5}"; }

echo "# each kind and scheme, by openssl"
make ec ec-p256 sign
used ec sign "ECDSA" "\"scheme\":\"ecdsa\",\"hash\":\"sha256\",\"input\":\"$(digest sha256)\""
check "  verifies" openssl dgst -sha256 -verify ec.pem -signature out msg
printf 'something else' >other
check_fails "  and not for something else" openssl dgst -sha256 -verify ec.pem -signature out other
make ec384 ec-p384 sign
used ec384 sign "ECDSA, P-384" "\"scheme\":\"ecdsa\",\"hash\":\"sha384\",\"input\":\"$(digest sha384)\""
check "  verifies" openssl dgst -sha384 -verify ec384.pem -signature out msg
make ed ed25519 sign
used ed sign "Ed25519" "\"scheme\":\"ed25519\",\"input\":\"$(base64 -w0 msg)\""
check "  verifies" openssl pkeyutl -verify -rawin -pubin -inkey ed.pem -sigfile out -in msg
make rsa rsa-2048 sign decrypt
used rsa sign "RSA PKCS#1" "\"scheme\":\"rsa-pkcs1\",\"hash\":\"sha256\",\"input\":\"$(digest sha256)\""
check "  verifies" openssl dgst -sha256 -verify rsa.pem -signature out msg
used rsa sign "RSA-PSS" "\"scheme\":\"rsa-pss\",\"hash\":\"sha256\",\"input\":\"$(digest sha256)\""
check "  verifies" openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -verify rsa.pem -signature out msg
used rsa sign "RSA-PSS, another salt" "\"scheme\":\"rsa-pss\",\"hash\":\"sha256\",\"salt_len\":20,\"input\":\"$(digest sha256)\""
check "  verifies with it" openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:20 -verify rsa.pem -signature out msg
openssl pkeyutl -encrypt -pubin -inkey rsa.pem -pkeyopt rsa_padding_mode:oaep -in msg -out sealed
used rsa decrypt "RSA-OAEP" "\"scheme\":\"rsa-oaep\",\"hash\":\"sha1\",\"mgf_hash\":\"sha1\",\"input\":\"$(base64 -w0 sealed)\""
check "  opens what openssl encrypted" cmp out msg
make dh ec-p256 derive
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out peer.key 2>/dev/null
openssl pkeyutl -derive -inkey peer.key -peerkey dh.pem -out secret
point=$(openssl pkey -in peer.key -pubout -outform DER | tail -c 65 | base64 -w0)
used dh derive "ECDH" "\"input\":\"$point\""
check "  gives both the same" cmp out secret
make kek aes-256 wrap
head -c 32 /dev/urandom >dek
used kek wrap "AES wrap" "\"input\":\"$(base64 -w0 dek)\""
check_eq "  is 8 bytes longer" "$(stat -c %s out)" 40
cp out wrapped
check_eq "outputs are not for caches" "$(header Cache-Control)" no-store
used kek unwrap "  and is undone" "\"input\":\"$(base64 -w0 wrapped)\""
check "  to the same" cmp out dek

echo "# what is refused"
refused ec sign 400 "a digest of another length" "\"scheme\":\"ecdsa\",\"hash\":\"sha384\",\"input\":\"$(digest sha256)\""
refused ec decrypt 400 "a scheme of another kind" "\"hash\":\"sha256\",\"scheme\":\"ecdsa\",\"input\":\"$(digest sha256)\""
refused dh sign 403 "what it is not for" "\"scheme\":\"ecdsa\",\"hash\":\"sha256\",\"input\":\"$(digest sha256)\""
refused none sign 404 "an unknown name" "\"scheme\":\"ecdsa\",\"hash\":\"sha256\",\"input\":\"$(digest sha256)\""
check_eq "  which the error names" "$(field error.deposit)" none
printf '\377' | dd of=wrapped bs=1 seek=9 conv=notrunc status=none
refused kek unwrap 400 "a wrapped key that was changed" "\"input\":\"$(base64 -w0 wrapped)\""
printf '\377' | dd of=sealed bs=1 seek=9 conv=notrunc status=none
refused rsa decrypt 400 "a ciphertext that was changed" "\"hash\":\"sha1\",\"input\":\"$(base64 -w0 sealed)\""
refused dh derive 400 "a point that is none" "\"input\":\"$(printf '\4%064d' 0 | base64 -w0)\""
refused ec sign 400 "a member that there is not" "\"scheme\":\"ecdsa\",\"hash\":\"sha256\",\"pin\":\"1\",\"input\":\"AA==\""
json /ec/sign 400 "no JSON" '{"scheme":'
json /ec/sign 413 "a body of 17 KB" "{\"scheme\":\"ecdsa\",\"input\":\"$(head -c 17000 /dev/zero | tr '\0' A)\"}"
refused ed sign 400 "a message over 4096 bytes" "\"scheme\":\"ed25519\",\"input\":\"$(head -c 4097 /dev/zero | base64 -w0)\""
api_is "no type of the body" 415 POST /v1/keys/ec/sign -H 'Content-Type: text/plain' -d '{}'
api_is "a GET of a use" 405 GET /v1/keys/ec/sign
api_is "a PUT of a key" 405 PUT /v1/keys/ec -H 'Content-Type: application/json' -d '{}'
api_is "a path that there is not" 404 POST /v1/keys/ec/export
json "" 400 "a kind that there is not" '{"name":"x","kind":"dsa","purposes":["sign"]}'
json "" 400 "a purpose that the kind has not" '{"name":"x","kind":"ed25519","purposes":["derive"]}'
json "" 400 "a name that is none" '{"name":"../x","kind":"ed25519","purposes":["sign"]}'
api_is "the public half of an AES key" 404 GET /v1/keys/kek/public

echo "# one name, a key or a deposit"
json "" 409 "a key's name is taken" '{"name":"ec","kind":"ed25519","purposes":["sign"]}'
bytes=(-H 'Content-Type: application/octet-stream' --data-binary)
api_is "  for a deposit, too" 409 PUT /v1/deposits/ec "${bytes[@]}" x
api_is "  and is none" 404 GET /v1/deposits/ec
api_is "a deposit" 201 PUT /v1/deposits/dep "${bytes[@]}" secret
json "" 409 "  has its name alone" '{"name":"dep","kind":"ed25519","purposes":["sign"]}'
refused dep sign 404 "  and signs nothing" "\"scheme\":\"ecdsa\",\"hash\":\"sha256\",\"input\":\"$(digest sha256)\""
api_is "  nor is a key" 404 GET /v1/keys/dep
api GET /v1/deposits
check_eq "listings are apart: deposits" "$(field deposits | grep -c '"name"') $(field deposits.0.name)" "1 dep"
api GET "/v1/keys?limit=2"
check_eq "  keys, in pages" "$(field keys.0.name) $(field keys.1.name) $(field next)" "dh ec ec"

echo "# deleted, undeleted, purged"
sign_it="\"scheme\":\"ecdsa\",\"hash\":\"sha256\",\"input\":\"$(digest sha256)\""
api_is "deleted" 204 DELETE /v1/keys/ec
refused ec sign 404 "it signs no more" "$sign_it"
api GET /v1/keys/ec
check_eq "  and is shown so" "$(field state)" deleted
api_is "undeleted" 200 POST /v1/keys/ec/undelete
used ec sign "it signs" "$sign_it"
stop_daemon
start_daemon --backend pkcs11
used ec sign "after a restart, too" "$sign_it"
check "  with the same key" openssl dgst -sha256 -verify ec.pem -signature out msg
used kek unwrap "what was wrapped before opens" "\"input\":\"$(cp dek want; json /kek/wrap 200 w "{\"input\":\"$(base64 -w0 dek)\"}" >/dev/null; field output)\""
check "  to the same" cmp out want
pkcs11-tool --module "$SOFTHSM2_MODULE" --token-label lab --login --pin 1234 -O >objects 2>/dev/null
check_eq "on the token every private and secret key is never extractable" \
  "$(grep -A9 -E '^(Private|Secret) Key' objects | grep -c 'Access:.*never extractable')" "$(grep -cE '^(Private|Secret) Key' objects)"
keys=$(grep -cE '^(Private|Secret) Key' objects)
api_is "purged" 200 POST /v1/keys/ec/purge
api_is "it is gone" 404 GET /v1/keys/ec
refused ec sign 404 "  and signs nothing" "$sign_it"
pkcs11-tool --module "$SOFTHSM2_MODULE" --token-label lab --login --pin 1234 -O >objects 2>/dev/null
check_eq "  also from the token" "$(grep -cE '^(Private|Secret) Key' objects)" "$((keys - 1))"
api GET /metrics
check_has "uses are counted" body 'keyhsm_backend_calls_total{backend="pkcs11",method="key_use",status="ok"}'
for secret in "$(digest sha256)" "$(base64 -w0 dek)" "$(base64 -w0 msg)"; do
  check_lacks "no input in the log" keyhsmd.log "$secret"
done
finish
