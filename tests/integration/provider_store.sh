# The OSSL_STORE loader of the loadable provider: what `openssl storeutl keyhsm:NAME` makes of a deposit.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/provider_lab.sh"
make_pki
use_backend softfile
write_ini "${BACKEND_LINES[@]}"
start_daemon --backend softfile
mapfile -t lines < <(provider_lines)
provider_cnf "$WORK/provider.cnf" "${lines[@]}"

# Three kinds of keys, each in every form that people have.
make_ca site
make_cert web site serverAuth
openssl pkey -in "$WORK/web.key" -pubout -out "$WORK/web.pub"
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$WORK/rsa.key" 2>/dev/null
openssl genpkey -algorithm ED25519 -out "$WORK/ed.key"
openssl rsa -in "$WORK/rsa.key" -traditional -out "$WORK/rsa.pkcs1" 2>/dev/null
openssl ec -in "$WORK/web.key" -out "$WORK/web.sec1" 2>/dev/null
openssl rsa -in "$WORK/rsa.key" -traditional -aes128 -passout pass:old -out "$WORK/rsa.old" 2>/dev/null
openssl pkey -in "$WORK/web.key" -aes256 -passout pass:new -out "$WORK/web.enc"
openssl pkey -in "$WORK/web.key" -outform DER -out "$WORK/web.der"
openssl rsa -in "$WORK/rsa.key" -traditional -outform DER -out "$WORK/rsa.der" 2>/dev/null
openssl x509 -in "$WORK/web.crt" -outform DER -out "$WORK/web.crt.der"
: >"$WORK/ca-web/index"; echo 01 >"$WORK/ca-web/crlnumber"
openssl ca -config "$WORK/ca-web/cnf" -cert "$WORK/site.crt" -keyfile "$WORK/site.key" -gencrl -crldays 30 \
  -out "$WORK/site.crl" 2>/dev/null
openssl pkcs12 -export -in "$WORK/web.crt" -inkey "$WORK/web.key" -certfile "$WORK/site.crt" -passout pass:twelve \
  -out "$WORK/web.p12"
cat "$WORK/web.key" "$WORK/web.crt" "$WORK/site.crt" "$WORK/site.crl" >"$WORK/bundle"
head -c 32 /dev/urandom >"$WORK/raw"
printf '0\x1e' | cat - <(head -c 30 /dev/urandom) >"$WORK/looks-der"
printf -- '-----BEGIN PRIVATE KEY-----\nMIGH\n' >"$WORK/torn"
for name in web.key web.pub rsa.key ed.key rsa.pkcs1 web.sec1 rsa.old web.enc web.der rsa.der web.crt web.crt.der site.crl \
  web.p12 bundle raw looks-der torn; do
  deposit "$name" "$WORK/$name"
done

echo "# the provider"
works "the provider is listed" openssl list -providers
check_has "by its name" "$WORK/out" "Keys and deposits of keyhsm"
check_lacks "and is active" "$WORK/out" inactive

echo "# private keys"
# is_key NAME FILE [PASSPHRASE]: the deposit is the key in FILE
is_key() {
  works "a key: $1" openssl pkey -in "keyhsm:$1" -pubout ${3:+-passin "pass:$3"}
  check_eq "is that key" "$(cat "$WORK/out")" "$(openssl pkey -in "$WORK/$2" -pubout)"
}
is_key web.key web.key
is_key rsa.key rsa.key
is_key ed.key ed.key
is_key rsa.pkcs1 rsa.key
is_key web.sec1 web.key
is_key web.der web.key
is_key rsa.der rsa.key
is_key bundle web.key
is_key rsa.old rsa.key old
is_key web.enc web.key new
is_key web.p12 web.key twelve
fails_with "a wrong passphrase, old encryption" "passphrase" openssl pkey -in keyhsm:rsa.old -passin pass:wrong
fails_with "a wrong passphrase" "rror" openssl pkey -in keyhsm:web.enc -passin pass:wrong
fails_with "a wrong password of PKCS#12" "rror" openssl pkey -in keyhsm:web.p12 -passin pass:wrong

echo "# storeutl"
# shows NAME WANTED_COUNT WORDS...
shows() {
  local name=$1 count=$2; shift 2
  works "storeutl keyhsm:$name" openssl storeutl -passin pass:twelve "keyhsm:$name"
  check_has "finds $count" "$WORK/out" "Total found: $count"
  for words in "$@"; do check_has "with '$words'" "$WORK/out" "$words"; done
}
shows web.key 1 "0: Pkey" "BEGIN PRIVATE KEY"
shows web.pub 1 "Pub" "BEGIN PUBLIC KEY"
shows web.crt 1 "0: Certificate" "BEGIN CERTIFICATE"
shows web.crt.der 1 "0: Certificate"
shows site.crl 1 "0: CRL" "BEGIN X509 CRL"
shows web.p12 3 "0: Pkey" "1: Certificate" "2: Certificate"
shows bundle 4 "0: Pkey" "1: Certificate" "2: Certificate" "3: CRL"
works "only its certificates" openssl storeutl -certs keyhsm:bundle
check_has "are two" "$WORK/out" "Total found: 2"
works "only its CRL" openssl storeutl -crls keyhsm:bundle
check_has "is one" "$WORK/out" "Total found: 1"
works "a certificate" openssl x509 -in keyhsm:bundle -noout -subject
check_has "is the first" "$WORK/out" "CN = web"
works "raw bytes" openssl storeutl -noout keyhsm:raw
check_has "are one object" "$WORK/out" "Total found: 1"
works "bytes that begin as DER does" openssl storeutl -noout keyhsm:looks-der
check_has "are one object, too" "$WORK/out" "Total found: 1"

echo "# versions and names"
api_is "a second version" 201 POST /v1/deposits/web.key/versions -H "Content-Type: application/octet-stream" \
  --data-binary "@$WORK/ed.key"
is_key web.key ed.key
is_key "web.key?version=1" ed.key
is_key "web.key?version=0" web.key
is_key "web%2Ekey?version=0" web.key
fails_with "a version that is not there" "keyhsm:web.key?version=7: " openssl pkey -in "keyhsm:web.key?version=7"

echo "# what fails says so"
fails_with "a name that is not there" "unknown name:keyhsm.so:0:keyhsm:nobody: " openssl pkey -in keyhsm:nobody
fails_with "a secret is not a key" "not a key:keyhsm.so:0:keyhsm:raw: there is no private key in the deposit; the first thing in it is a raw secret" \
  openssl pkey -in keyhsm:raw
fails_with "a certificate is not a key" "the first thing in it is a certificate" openssl pkey -in keyhsm:web.crt
fails_with "a key is not a certificate" "there is no certificate in the deposit" openssl x509 -in keyhsm:ed.key
fails_with "a torn PEM block" "a PEM block in it is damaged" openssl pkey -in keyhsm:torn
for uri in keyhsm: keyhsm:a/b "keyhsm:a?version=" "keyhsm:a?version=x" "keyhsm:a?version=2147483648" "keyhsm:a?b=c" keyhsm:%0 \
  keyhsm:a%00b "keyhsm:a b" "keyhsm:$(printf 'a%.0s' {1..256})"; do
  fails_with "the URI ${uri:0:30}" "bad uri" openssl pkey -in "$uri"
done
check_lacks "no secret in a message" "$WORK/out" "$(sed -n 2p "$WORK/ed.key")"

echo "# configuration"
# refuses TEXT WORDS LINE...: of the section
refuses() {
  local text=$1 words=$2; shift 2
  provider_cnf "$WORK/provider.cnf" "$@"
  fails_with "$text" "$words" openssl pkey -in keyhsm:ed.key
  works "and nobody else suffers" openssl pkey -in "$WORK/ed.key" -noout
}
tls=("client_certfile = $WORK/client.crt" "client_keyfile = $WORK/client.key" "cacert = $WORK/ca.crt")
refuses "no server" "no server is configured" "${tls[@]}"
refuses "http" "is not of the form https://HOST:PORT" "server = http://localhost:1" "${tls[@]}"
refuses "a relative socket" "unix:/ABSOLUTE/PATH" "server = unix:keyhsmd.sock" "${tls[@]}"
refuses "a certificate alone" "client_certfile and client_keyfile go together" "server = $URL" "client_certfile = $WORK/client.crt"
refuses "nobody" "would not know who asks" "server = $URL"
refuses "a word for a number" "timeout: 'soon' is not a number" "server = $URL" "timeout = soon" "${tls[@]}"
refuses "a word for a flag" "negotiate: 'perhaps' is neither yes nor no" "server = $URL" "negotiate = perhaps" "${tls[@]}"
refuses "a missing file" "$WORK/none: No such file" "server = $URL" "client_certfile = $WORK/none" "client_keyfile = $WORK/client.key" \
  "cacert = $WORK/ca.crt"
refuses "another CA" "certificate" "server = $URL" "cacert = $WORK/site.crt" "client_certfile = $WORK/client.crt" \
  "client_keyfile = $WORK/client.key"
refuses "another pin" "pinned" "server = $URL" "server_certificate = $WORK/site.crt" "client_certfile = $WORK/client.crt" \
  "client_keyfile = $WORK/client.key"
refuses "no right to be there" "keyhsm trust FILE" "server = $URL" "cacert = $WORK/ca.crt" "client_certfile = $WORK/web.crt" \
  "client_keyfile = $WORK/web.key"
provider_cnf "$WORK/provider.cnf" "server = $URL" "client_certfile = $WORK/client.crt" "client_keyfile = $WORK/client.key" \
  "server_certificate = $WORK/server.crt"
works "the pinned certificate" openssl pkey -in keyhsm:ed.key -noout
provider_cnf "$WORK/provider.cnf" "server = https://localhost:1" "${tls[@]}"
works "the environment comes before the file" env KEYHSM_SERVER="$URL" openssl pkey -in keyhsm:ed.key -noout
provider_cnf "$WORK/provider.cnf"
works "and can be all there is" env KEYHSM_SERVER="$URL" KEYHSM_CACERT="$WORK/ca.crt" \
  KEYHSM_CLIENT_CERTFILE="$WORK/client.crt" KEYHSM_CLIENT_KEYFILE="$WORK/client.key" openssl pkey -in keyhsm:ed.key -noout

echo "# the daemon is down"
provider_cnf "$WORK/provider.cnf" "${lines[@]}"
stop_daemon
fails_with "a daemon that is down" "daemon unavailable:keyhsm.so:0:keyhsm:ed.key: $URL: " timeout 5 openssl pkey -in keyhsm:ed.key
finish
