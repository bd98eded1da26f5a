# Keys that never leave: made in the HSM, used by openssl through the loadable provider, verified by a plain openssl.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/provider_lab.sh"
make_pki
use_backend pkcs11
write_ini "${BACKEND_LINES[@]}"
start_daemon --backend pkcs11
mapfile -t lines < <(provider_lines)
provider_cnf "$WORK/provider.cnf" "${lines[@]}"

make_key p256 ec-p256 sign
make_key p384 ec-p384 sign
make_key ed ed25519 sign
make_key rsa rsa-2048 sign
make_key agree ec-p256 derive
make_key agree384 ec-p384 derive
make_key open rsa-2048 decrypt
echo "what is signed" >"$WORK/text"
openssl dgst -sha256 -binary "$WORK/text" >"$WORK/digest"

echo "# public halves"
for name in p256 p384 ed rsa agree open; do
  works "$name's" openssl pkey -in "keyhsm:$name" -pubout -out "$WORK/$name.pub"
  api GET "/v1/keys/$name/public"
  check_eq "is what the daemon gives" "$(cat "$WORK/$name.pub")" "$(cat "$WORK/body")"
  ask openssl pkey -in "keyhsm:$name"
  check_eq "its private half is given to nobody" "$STATUS $(cat "$WORK/out")" "1 "
done
works "storeutl lists a key" openssl storeutl -noout keyhsm:p256
check_has "as one" "$WORK/out" "Total found: 1"

echo "# pkeyutl and dgst"
# signs NAME VERIFY_OPTION... : by pkeyutl, of $WORK/digest; verified without the provider, and with it
signs() {
  local name=$1; shift
  works "pkeyutl -sign with $name $*" openssl pkeyutl -sign -inkey "keyhsm:$name" -in "$WORK/digest" -out "$WORK/sig" "$@"
  check "verified by the default provider" openssl pkeyutl -verify -pubin -inkey "$WORK/$name.pub" -in "$WORK/digest" \
    -sigfile "$WORK/sig" "$@"
  works "and through ours" openssl pkeyutl -verify -inkey "keyhsm:$name" -in "$WORK/digest" -sigfile "$WORK/sig" "$@"
}
signs p256 -pkeyopt digest:sha256
signs p384 -pkeyopt digest:sha256
signs rsa -pkeyopt digest:sha256
signs rsa
signs rsa -pkeyopt digest:sha256 -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:digest
signs rsa -pkeyopt digest:sha256 -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:max
works "pkeyutl -rawin with ed" openssl pkeyutl -sign -rawin -inkey keyhsm:ed -in "$WORK/text" -out "$WORK/sig"
check "verified by the default provider" openssl pkeyutl -verify -rawin -pubin -inkey "$WORK/ed.pub" -in "$WORK/text" -sigfile "$WORK/sig"
for name in p256 rsa; do
  works "dgst -sign with $name" openssl dgst -sha512 -sign "keyhsm:$name" -out "$WORK/sig" "$WORK/text"
  check "verified by the default provider" openssl dgst -sha512 -verify "$WORK/$name.pub" -signature "$WORK/sig" "$WORK/text"
done
check_fails "of another text it is none" openssl dgst -sha512 -verify "$WORK/rsa.pub" -signature "$WORK/sig" "$WORK/digest"
printf 'what is secret' >"$WORK/secret"
# seal MD: the secret for `open`, OAEP and MGF1 with MD
seal() {
  OAEP=(-pkeyopt rsa_padding_mode:oaep -pkeyopt "rsa_oaep_md:$1")
  openssl pkeyutl -encrypt -pubin -inkey "$WORK/open.pub" -in "$WORK/secret" -out "$WORK/sealed" "${OAEP[@]}"
}
seal sha1
works "pkeyutl -decrypt, OAEP" openssl pkeyutl -decrypt -inkey keyhsm:open -in "$WORK/sealed" -out "$WORK/opened" "${OAEP[@]}"
check "is the secret" cmp "$WORK/secret" "$WORK/opened"
seal sha256 # which SoftHSM 2.6 cannot
fails_with "what the token cannot is said by name" "does not do rsa-oaep with sha256" \
  openssl pkeyutl -decrypt -inkey keyhsm:open -in "$WORK/sealed" -out "$WORK/opened" "${OAEP[@]}"
for name in agree:P-256 agree384:P-384; do
  openssl genpkey -algorithm EC -pkeyopt "group:${name#*:}" -out "$WORK/peer.key"
  openssl pkey -in "$WORK/peer.key" -pubout -out "$WORK/peer.pub"
  works "public half of ${name%:*}" openssl pkey -in "keyhsm:${name%:*}" -pubout -out "$WORK/half.pub"
  works "pkeyutl -derive, ${name#*:}" openssl pkeyutl -derive -inkey "keyhsm:${name%:*}" -peerkey "$WORK/peer.pub" -out "$WORK/here"
  openssl pkeyutl -derive -inkey "$WORK/peer.key" -peerkey "$WORK/half.pub" -out "$WORK/there"
  check "both sides have the same" cmp "$WORK/here" "$WORK/there"
done

echo "# req, x509, cms"
for name in p256 p384 ed rsa; do
  works "req -x509 -key keyhsm:$name" openssl req -new -x509 -key "keyhsm:$name" -subj "/CN=$name" -days 2 -out "$WORK/$name.crt"
  check "verified by the default provider" openssl verify -CAfile "$WORK/$name.crt" "$WORK/$name.crt"
  works "req -new -key keyhsm:$name" openssl req -new -key "keyhsm:$name" -subj "/CN=$name" -out "$WORK/$name.csr"
  check "its signature" openssl req -in "$WORK/$name.csr" -verify -noout
done
works "req with RSA-PSS" openssl req -new -x509 -key keyhsm:rsa -subj /CN=pss -days 2 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 \
  -out "$WORK/pss.crt"
check "verified by the default provider" openssl verify -CAfile "$WORK/pss.crt" "$WORK/pss.crt"
works "x509 -req, signed by a CA's key in the HSM" openssl x509 -req -in "$WORK/rsa.csr" -CA "$WORK/p256.crt" -CAkey keyhsm:p256 \
  -set_serial 7 -days 1 -out "$WORK/issued.crt"
check "verified by the default provider" openssl verify -CAfile "$WORK/p256.crt" "$WORK/issued.crt"
for name in p256 rsa; do
  works "cms -sign with $name" openssl cms -sign -binary -nodetach -in "$WORK/text" -signer "$WORK/$name.crt" -inkey "keyhsm:$name" \
    -outform PEM -out "$WORK/cms.pem"
  check "verified by the default provider" openssl cms -verify -inform PEM -in "$WORK/cms.pem" -CAfile "$WORK/$name.crt" -purpose any \
    -out "$WORK/opened"
  check "is the text" cmp "$WORK/text" "$WORK/opened"
done
works "cms -sign with RSA-PSS" openssl cms -sign -binary -nodetach -in "$WORK/text" -signer "$WORK/rsa.crt" -inkey keyhsm:rsa \
  -keyopt rsa_padding_mode:pss -outform PEM -out "$WORK/cms.pem"
check "verified by the default provider" openssl cms -verify -inform PEM -in "$WORK/cms.pem" -CAfile "$WORK/rsa.crt" -purpose any -out "$WORK/opened"
for name in open agree; do
  works "a certificate for $name" openssl x509 -new -force_pubkey "$WORK/$name.pub" -subj "/CN=$name" -days 1 -CA "$WORK/p256.crt" \
    -CAkey keyhsm:p256 -set_serial 8 -out "$WORK/$name.crt"
  options=(); [ "$name" = agree ] || options=(-keyopt rsa_padding_mode:oaep)
  openssl cms -encrypt -binary -aes256 -in "$WORK/text" -outform PEM -out "$WORK/cms.pem" -recip "$WORK/$name.crt" "${options[@]}"
  works "cms -decrypt with $name" openssl cms -decrypt -binary -inform PEM -in "$WORK/cms.pem" -recip "$WORK/$name.crt" -inkey "keyhsm:$name" -out "$WORK/opened"
  check "is the text" cmp "$WORK/text" "$WORK/opened"
done

echo "# what is refused says so"
fails_with "a digest of another length" "33 bytes are the digest of no function" \
  openssl pkeyutl -sign -inkey keyhsm:p256 -in <(head -c 33 /dev/zero) -out "$WORK/sig"
fails_with "a key to agree with signs nothing" "key 'agree' was not made to sign" openssl dgst -sha256 -sign keyhsm:agree "$WORK/text"
fails_with "nor does one to sign with decrypt" "key 'rsa' was not made to decrypt" openssl pkeyutl -decrypt -inkey keyhsm:rsa -in "$WORK/sealed"
fails_with "PKCS#1 v1.5 is not undone" "it decrypts with OAEP only" openssl pkeyutl -decrypt -inkey keyhsm:open -in "$WORK/sealed"
fails_with "an unknown name" "keyhsm:nobody: " openssl dgst -sha256 -sign keyhsm:nobody "$WORK/text"
works "a certificate of another key is noticed" openssl x509 -in "$WORK/p384.crt" -noout
fails_with "by who wants to serve with it" "key values mismatch" openssl s_server -accept 0 -cert "$WORK/p384.crt" -key keyhsm:p256
api_is "deleted" 204 DELETE /v1/keys/p384
fails_with "a deleted key is unknown" "keyhsm:p384: " openssl dgst -sha256 -sign keyhsm:p384 "$WORK/text"

echo "# ordinary keys are the default provider's"
works "a new EC key" openssl genpkey -algorithm EC -pkeyopt group:P-256 -out "$WORK/plain.key"
works "a new RSA key" openssl genpkey -algorithm RSA -out "$WORK/plain-rsa.key"
works "an ordinary certificate" openssl req -new -x509 -key "$WORK/plain.key" -subj /CN=plain -days 1 -out "$WORK/plain.crt"
works "is verified" openssl verify -CAfile "$WORK/plain.crt" "$WORK/plain.crt"

echo "# the daemon is down"
works "with a daemon" openssl dgst -sha256 -sign keyhsm:p256 -out "$WORK/sig" "$WORK/text"
stop_daemon
started=$(date +%s%N)
fails_with "a clear word" "daemon unavailable" openssl dgst -sha256 -sign keyhsm:p256 "$WORK/text"
echo "# it took $((($(date +%s%N) - started) / 1000000)) ms"
works "and ordinary keys do not care" openssl dgst -sha256 -sign "$WORK/plain.key" -out "$WORK/sig" "$WORK/text"
finish
