# shellcheck shell=bash disable=SC2154
# The deposits of scripts/quickstart: made, put, and compared. Sourced by it.

# make_inputs fills $lab/in with what key stores really hold.
make_inputs() {
    local in=$lab/in bits curve
    for bits in 128 192 256; do
        openssl rand -out "$in/aes-$bits" $((bits / 8))
    done
    for bits in 2048 3072 4096; do
        openssl genpkey -quiet -algorithm RSA -pkeyopt "rsa_keygen_bits:$bits" -out "$in/rsa-$bits.pem"
    done
    for curve in P-256 P-384 P-521; do
        openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:$curve" -out "$in/ec-${curve/-/}.pem"
    done
    openssl genpkey -algorithm ED25519 -out "$in/ed25519.pem"
    openssl rsa -in "$in/rsa-2048.pem" -traditional -out "$in/rsa-2048.pkcs1.pem" 2> /dev/null
    openssl pkey -in "$in/ec-P256.pem" -outform DER -out "$in/ec-P256.der"
    openssl req -x509 -key "$in/rsa-3072.pem" -subj /CN=service -days 30 -out "$in/service-cert.pem"
    openssl pkcs12 -export -inkey "$in/rsa-3072.pem" -in "$in/service-cert.pem" -passout pass:changeit \
        -out "$in/openssl.p12"
    if command -v keytool > /dev/null; then
        keytool -genkeypair -keyalg RSA -keysize 2048 -dname CN=service -alias service -storetype PKCS12 \
            -keystore "$in/keytool.p12" -storepass changeit 2> /dev/null
    else
        cp "$in/openssl.p12" "$in/keytool.p12"
    fi
    openssl rand -base64 48 | tr -d '\n' > "$in/luks-passphrase"
    openssl rand -out "$in/blob-64k" 65536
    openssl rand -out "$in/random-1k" 1024
    : > "$in/empty"
    printf '\0' > "$in/one-nul"
    printf '\0\1\2\0\377\376\0binary\r\n\0' > "$in/nuls"
    printf 'correct horse battery staple' > "$in/words"
    printf 'Gr\xc3\xbc\xc3\x9fe, \xe4\xb8\x96\xe7\x95\x8c\n' > "$in/utf8-text"
    printf '{"user":"hdfs","password":"p\\u0000w"}\n' > "$in/credentials.json"
}

# put NAME FILE [--attribute ...]: version 0 of NAME, remembered in $lab/want.
put() {
    local name=$1 file=$2
    shift 2
    ktadmin deposit put "$name" "$lab/in/$file" --backend softfile "${tool[@]}" "$@" > /dev/null
    cp "$lab/in/$file" "$lab/want/$name.0"
}

# roll NAME VERSION: the next version, of fresh random bytes.
roll() {
    local name=$1 version=$2
    openssl rand -out "$lab/want/$name.$version" 32
    ktadmin deposit roll "$name" "$lab/want/$name.$version" --backend softfile "${tool[@]}" > /dev/null
}

put_deposits() {
    local many=() i file
    for file in "$lab"/in/*; do
        put "real.$(basename "$file")" "$(basename "$file")"
    done
    put hdfs-zone1 aes-128 -a cipher=AES/CTR/NoPadding -a bitLength=128 -a "description=Zone of finance"
    put hdfs-zone2 aes-256 -a cipher=AES/CTR/NoPadding -a bitLength=256
    put kms-master aes-256 -a "key.acl.name=kms-master"
    for i in $(seq 32); do
        many+=(-a "attribute-$i=value $i, Grüße")
    done
    put many-attributes random-1k "${many[@]}"
    put empty-attribute words -a note=
    put "$(printf 'long-name-%0240d' 0)" words
    # On standard input, as a script would.
    openssl rand 24 > "$lab/want/from-stdin.0"
    ktadmin deposit put from-stdin --backend softfile "${tool[@]}" < "$lab/want/from-stdin.0" > /dev/null
    roll hdfs-zone1 1
    roll hdfs-zone2 1
    roll hdfs-zone2 2
    for i in 1 2 3 4; do
        roll kms-master "$i"
    done
    # A deleted version is kept and moves too, as deleted.
    ktadmin deposit delete hdfs-zone2 --version 1 --backend softfile "${tool[@]}"
}

count_wanted() {
    deposits=$(find "$lab/want" -type f | sed 's/\.[0-9]*$//' | sort -u | wc -l)
    versions=$(find "$lab/want" -type f | wc -l)
    echo "$deposits deposits, $versions versions"
    [ "$deposits" -ge 25 ] || die "only $deposits deposits were made"
}

first_name() {
    echo hdfs-zone1
}

compare_with_curl() {
    local file name version equal=0
    run curl -sS "${client[@]}" -H 'Accept: application/octet-stream' "$url/v1/deposits/real.luks-passphrase"
    echo
    run curl -sS "${client[@]}" "$url/v1/deposits/hdfs-zone1?version=0"
    echo
    # The deleted one answers 404; undeleted, it is what it was.
    run curl -sS -o /dev/null -w '%{http_code}\n' "${client[@]}" "$url/v1/deposits/hdfs-zone2?version=1" | tee "$lab/deleted.txt"
    grep -qx 404 "$lab/deleted.txt" || die "a deleted version was served"
    curl -sSf -o /dev/null "${client[@]}" -X POST "$url/v1/deposits/hdfs-zone2/undelete?version=1"
    for file in "$lab"/want/*; do
        name=$(basename "$file")
        version=${name##*.}
        name=${name%.*}
        curl -sSf "${client[@]}" -H 'Accept: application/octet-stream' -o "$lab/got/$name.$version" \
            "$url/v1/deposits/$name?version=$version"
        cmp "$file" "$lab/got/$name.$version"
        equal=$((equal + 1))
    done
    [ "$equal" = "$versions" ] || die "$equal of $versions versions were compared"
    curl -sSf "${client[@]}" "$url/v1/deposits/many-attributes" | grep -q '"attribute-32":"value 32, Grüße"' ||
        die "attributes are not what they were"
    echo "cmp: $equal of $versions versions are equal, byte for byte"
}
