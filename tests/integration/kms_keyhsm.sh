# The Hadoop KMS on the whole chain: two keytrusteed, with tickets and certificates, on one keyhsmd with a real token; both
# schemes of encrypted keys. Keys made on one server are used on the other; keyhsmd and a server are killed in between; what
# must be in no memory is looked for there.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/krb5.sh"
export KRB5RCACHENAME=dfl: KRB5RCACHEDIR=$WORK
make_pki
make_cert keyadmin ca clientAuth
start_realm
login alice; login bob; login hdfs hdfs/localhost

use_backend pkcs11
write_ini "${BACKEND_LINES[@]}"
mv "$WORK/keyhsm.ini" "$WORK/hsm.ini"
hsm_start() { # on the port it had before
  local fixed=()
  [ -z "${HSM_PORT:-}" ] || fixed=(--set "server.port=$HSM_PORT")
  rm -f "$WORK/port"
  "$KEYHSM_BIN_DIR/keyhsmd" --config "$WORK/hsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" "${fixed[@]}" >>"$WORK/keyhsmd.log" 2>&1 &
  HSM_PID=$!
  DAEMONS+=("$HSM_PID")
  wait_for "keyhsmd" hsm_open
  HSM_PORT=$(cat "$WORK/port")
}
hsm_open() { kill -0 "$HSM_PID" || die "keyhsmd ended"; test -s "$WORK/port"; }
hsm_stop() { kill "-$1" "$HSM_PID"; wait "$HSM_PID" 2>"$WORK/check.out" || true; }
hsm_start

export DAEMON=keytrusteed
lists=()
for op in CREATE DELETE ROLLOVER GET GET_KEYS SET_KEY_MATERIAL; do lists+=("$op = keyadmin"); done
write_ini "[backend.keyhsm]" "server = https://localhost:$HSM_PORT" "client_certificate = $WORK/client.crt" \
  "client_key = $WORK/client.key" "server_certificate = $WORK/server.crt" \
  "[auth]" "kerberos = yes" "keytab = $WORK/krb5/http.keytab" "certificate_user = cn" "[acl]" "admin = allow all on * to CN=keyadmin" \
  "[kms.acl]" "${lists[@]}" "UNDELETE = keyadmin" "PURGE = keyadmin" "GET_METADATA = *" "GENERATE_EEK = hdfs" "DECRYPT_EEK = *" \
  "[kms.blacklist]" "DECRYPT_EEK = hdfs,bob" \
  "[kms.key.acl.default]" "MANAGEMENT = *" "READ = *" "GENERATE_EEK = *" "DECRYPT_EEK = *" \
  "[kms]" "enabled = yes" "system_groups = no" "key_cache = 2s"
sed -i "s/^\[server\]/&\nbackend = keyhsm/" "$WORK/keyhsm.ini"
# server N SCHEME [OPTION...]: keytrusteed N; PID_N, URL_N
server() {
  local dir=$WORK/server$1
  mkdir -p "$dir"
  sed "s|$WORK/port|$dir/port|; s|$WORK/audit.log|$dir/audit.log|" "$WORK/keyhsm.ini" >"$dir/keytrustee.ini"
  rm -f "$dir/port"
  "$KEYHSM_BIN_DIR/keytrusteed" --config "$dir/keytrustee.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" --set "kms.eek_scheme=$2" "${@:3}" \
    >>"$WORK/keytrusteed$1.log" 2>&1 &
  declare -g "PID_$1=$!"
  DAEMONS+=("$!")
  wait_for "keytrusteed $1" test -s "$dir/port"
  declare -g "URL_$1=https://localhost:$(cat "$dir/port")"
}
on() { local url=URL_$1; URL=${!url}; }
end_server() { local pid=PID_$1; kill "-$2" "${!pid}"; wait "${!pid}" 2>"$WORK/check.out" || true; }
json=(-H 'Content-Type: application/json' --data-binary)
# admin TEXT STATUS METHOD PATH [CURL]...: who has a certificate; user TEXT STATUS NAME ...: who has a ticket
admin() { local text=$1 status=$2 method=$3 path=$4; shift 4; CLIENT=keyadmin api_is "$text" "$status" "$method" "/kms/v1$path" "$@"; }
user() { local text=$1 status=$2 who=$3 method=$4 path=$5; shift 5; negotiate_is "$text" "$status" "$who" "$method" "/kms/v1$path" "$@"; }
says() { check_eq "  $1" "$(field RemoteException.exception)" "$1"; check_has "  in words" "$WORK/body" "$2"; }
# wire FUNCTION ARGS...: from the JSON in $WORK/body, or FILE
wire() { python3 "$KEYHSM_SOURCE_DIR/tests/integration/kms_eeks.py" "$@"; }
secret_keys() {
  pkcs11-tool --module "$SOFTHSM2_MODULE" --token-label lab --login --pin 1234 -O --type secrkey 2>"$WORK/tool.err" >"$WORK/secret.keys"
  grep -c '^Secret Key Object' "$WORK/secret.keys" || true
}
# decrypted FILE N KEY: the N-th of FILE, by alice, on the server in URL
decrypted() {
  local version item
  { read -r version; read -r item; } < <(wire both "$1" "$2" "$3")
  negotiate alice POST "/kms/v1/keyversion/$version/_eek?eek_op=decrypt" "${json[@]}" "$item"
  [ "$STATUS" = 200 ] && sed 's/.*"material":"\([^"]*\)".*/\1\n/' "$WORK/body" || echo "status $STATUS: $(cat "$WORK/body")"
}

# both_servers KEY: everything that does not depend on the scheme
both_servers() {
  local key=$1 plain first
  on 1
  user "hdfs has 150 made on one server" 200 hdfs GET "/key/$key/_eek?eek_op=generate&num_keys=150"
  cp "$WORK/body" "$WORK/$key.0"
  check_eq "  each another" "$(wire distinct "$WORK/$key.0")" 150
  check_eq "  under the first version" "$(wire version "$WORK/$key.0" 149)" "$key@0"
  user "hdfs does not decrypt" 403 hdfs POST "/keyversion/$key@0/_eek?eek_op=decrypt" "${json[@]}" "$(wire item "$WORK/$key.0" 0 "$key")"
  on 2
  first=$(decrypted "$WORK/$key.0" 0 "$key")
  check_eq "alice decrypts on the other" "$(wire bytes "$first")" 32
  on 1
  check_eq "  it is the same here" "$(decrypted "$WORK/$key.0" 0 "$key")" "$first"
  admin "rolled on one" 200 POST "/key/$key" "${json[@]}" '{}'
  check_eq "  to the next version" "$(field versionName)" "$key@1"
  on 2
  wait_for "the cache to run out" eval 'negotiate hdfs GET "/kms/v1/key/'"$key"'/_eek?eek_op=generate"; grep -q "'"$key"'@1" "$WORK/body"'
  ok "the other sees it within the cache's time"
  user "one encrypted anew there" 200 hdfs POST "/keyversion/$key@0/_eek?eek_op=reencrypt" "${json[@]}" "$(wire item "$WORK/$key.0" 0 "$key")"
  wire list "$WORK/body" >"$WORK/$key.one"
  check_eq "  is under the new version" "$(wire version "$WORK/$key.one" 0)" "$key@1"
  check_eq "  and the same inside" "$(decrypted "$WORK/$key.one" 0 "$key")" "$first"
  user "all 150 anew" 200 hdfs POST "/key/$key/_reencryptbatch" "${json[@]}" "@$WORK/$key.0"
  cp "$WORK/body" "$WORK/$key.1"
  check_eq "  in their places, with their ivs" "$(wire compare "$WORK/$key.0" "$WORK/$key.1")" "150 ivs, 0 materials alike"
  plain=$(decrypted "$WORK/$key.0" 149 "$key")
  on 1
  check_eq "  and the same inside" "$(decrypted "$WORK/$key.1" 149 "$key")" "$plain"
  admin "rolled again" 200 POST "/key/$key" "${json[@]}" '{}'
  on 2
  admin "the cache invalidated on the other" 200 POST "/key/$key/_invalidatecache"
  user "  which sees it at once" 200 hdfs GET "/key/$key/_eek?eek_op=generate"
  check_eq "  " "$(wire version "$WORK/body" 0)" "$key@2"
  user "metadata tells the size" 200 bob GET "/key/$key/_metadata"
  check_eq "  and the versions" "$(field length) $(field versions)" "256 3"
  hsm_stop KILL
  on 1
  negotiate alice POST "/kms/v1/keyversion/$key@0/_eek?eek_op=decrypt" "${json[@]}" "$(wire item "$WORK/$key.0" 7 "$key")"
  check "while keyhsmd is away: served from the cache, or told to come again" grep -qE '^(200|503)$' <<<"$STATUS"
  hsm_start
  check_eq "keyhsmd is back, and nothing was lost" "$(decrypted "$WORK/$key.0" 0 "$key")" "$first"
  admin "deleted" 200 DELETE "/key/$key"
  user "  nothing is made any more" 500 hdfs GET "/key/$key/_eek?eek_op=generate"
  user "  nor decrypted" 400 alice POST "/keyversion/$key@0/_eek?eek_op=decrypt" "${json[@]}" "$(wire item "$WORK/$key.0" 0 "$key")"
  admin "undeleted" 200 POST "/trustee/key/$key?trusteeOp=undelete"
  check_eq "  it is as it was" "$(decrypted "$WORK/$key.0" 0 "$key")" "$first"
}

echo "# Hadoop's scheme"
server 1 hadoop; server 2 hadoop
on 1
admin "a key of 256 bits" 201 POST /keys "${json[@]}" '{"name":"h","length":256}'
material=$(field material)
check_eq "  with material" "$(wire bytes "$material")" 32
both_servers h
check_eq "no AES key on the token" "$(secret_keys)" 0
user "hdfs has some made" 200 hdfs GET "/key/h/_eek?eek_op=generate"
admin "material is asked for" 200 GET /keyversion/h@0
field material >"$WORK/needles"
decrypted "$WORK/h.0" 1 h >/dev/null
check_eq "what is remembered is in memory, and is found there" \
  "$(python3 "$KEYHSM_SOURCE_DIR/tests/integration/memory_scan.py" "$PID_1" <"$WORK/needles")" 1
end_server 1 TERM; end_server 2 TERM

echo "# the token's scheme"
server 1 token; server 2 token
on 1
check_eq "what was made before goes on" "$(decrypted "$WORK/h.0" 1 h)" "$(on 2; decrypted "$WORK/h.0" 1 h)"
admin "a key of 256 bits" 201 POST /keys "${json[@]}" '{"name":"t","length":256}'
check_eq "  without material" "$(field material)" null
check_eq "  has an AES key on the token" "$(secret_keys)" 1
check_has "  whose name says whose it is" "$WORK/secret.keys" "kt-internal.eek.t."
both_servers t
check_eq "three versions, three AES keys" "$(secret_keys)" 3
check_eq "  each never extractable, and made there" \
  "$(grep -cE 'Access: .*always sensitive, never extract.*, local' "$WORK/secret.keys")" 3
check_eq "an encrypted key has 40 bytes" "$(wire bytes "$(wire material "$WORK/t.0" 0)")" 40
admin "current version: no material" 200 GET /key/t/_currentversion
check_eq "  " "$(field versionName) $(field material)" "t@2 null"
admin "one version: no material" 200 GET /keyversion/t@0
check_eq "  " "$(field versionName) $(field material)" "t@0 null"
admin "all versions: no material" 200 GET /key/t/_versions
check_eq "  " "$(field 0.material) $(field 1.material) $(field 2.versionName)" "null null t@2"
given='"material":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"'
admin "material is not taken" 400 POST /keys "${json[@]}" '{"name":"m","length":256,'"$given"'}'
says IllegalArgumentException "eek_scheme = token"
admin "  by roll, either" 400 POST /key/h "${json[@]}" "{$given}"
admin "  nor is anything left of it" 200 GET /keys/names
check_eq "  " "$(cat "$WORK/body")" '["h","t"]'
admin "a name that is taken" 500 POST /keys "${json[@]}" '{"name":"t"}'
check_eq "  costs no AES key" "$(secret_keys)" 3
for bits in 128 192; do
  admin "a key of $bits bits" 201 POST /keys "${json[@]}" "{\"name\":\"t$bits\",\"length\":$bits}"
  user "  makes encrypted keys" 200 hdfs GET "/key/t$bits/_eek?eek_op=generate&num_keys=3"
  cp "$WORK/body" "$WORK/t$bits"
  check_eq "  of $bits bits" "$(wire bytes "$(decrypted "$WORK/t$bits" 2 "t$bits")")" $((bits / 8))
done

echo "# altered"
altered() { negotiate hdfs GET /metrics; sed -n 's/^keyhsm_kms_eeks_altered_total //p' "$WORK/body"; }
before=$(altered)
for how in first last short long; do
  user "material, $how" 400 alice POST "/keyversion/t@0/_eek?eek_op=decrypt" "${json[@]}" "$(wire item "$WORK/t.0" 0 t "$how")"
  says IllegalArgumentException "or it was altered"
done
user "of another version" 400 alice POST "/keyversion/t@1/_eek?eek_op=decrypt" "${json[@]}" "$(wire item "$WORK/t.0" 0 t)"
user "encrypted anew" 400 hdfs POST "/keyversion/t@0/_eek?eek_op=reencrypt" "${json[@]}" "$(wire item "$WORK/t.0" 0 t last)"
wire spoil "$WORK/t.1" 77 >"$WORK/spoilt"
user "one of a batch" 400 hdfs POST /key/t/_reencryptbatch "${json[@]}" "@$WORK/spoilt"
says IllegalArgumentException "(item 77)"
check_eq "each is counted" "$(altered)" $((before + 7))
user "an iv of 15 bytes" 500 alice POST "/keyversion/t@0/_eek?eek_op=decrypt" "${json[@]}" "$(wire item "$WORK/t.0" 0 t iv)"

echo "# from one scheme to the other"
admin "Hadoop's key is rolled" 200 POST /key/h "${json[@]}" '{}'
check_eq "  into one of the token" "$(field versionName) $(field material)" "h@3 null"
user "its encrypted keys anew" 200 hdfs POST /key/h/_reencryptbatch "${json[@]}" "@$WORK/h.1"
cp "$WORK/body" "$WORK/h.3"
check_eq "  have 40 bytes" "$(wire bytes "$(wire material "$WORK/h.3" 149)")" 40
check_eq "  and are the same inside" "$(decrypted "$WORK/h.3" 149 h)" "$(decrypted "$WORK/h.0" 149 h)"

echo "# many at once"
for i in 1 2 3 4; do
  on $((i % 2 + 1))
  (for _ in 1 2 3; do
    CLIENT=keyadmin api POST /kms/v1/key/t192 "${json[@]}" '{}' -o "$WORK/roll.$i"; echo "$STATUS"
  done >"$WORK/rolls.$i") &
  rolls[i]=$!
done
wait "${rolls[@]}"
check_eq "twelve rolls on two servers" "$(sort "$WORK"/rolls.? | uniq -c | tr -s ' ')" " 12 200"
on 1
admin "  the cache invalidated" 200 POST /key/t192/_invalidatecache
user "  the last of them" 200 hdfs GET "/key/t192/_eek?eek_op=generate"
cp "$WORK/body" "$WORK/t192"
check_eq "  has their number" "$(wire version "$WORK/t192" 0)" t192@12
secret_keys >"$WORK/check.out"
check_eq "  each version has an AES key" "$(grep -c "kt-internal\.eek\.t192\." "$WORK/secret.keys")" 13
check_eq "  the last one decrypts" "$(wire bytes "$(decrypted "$WORK/t192" 0 t192)")" 24

echo "# what is in memory"
on 2
for i in $(seq 0 9); do decrypted "$WORK/t.0" "$i" t; done >"$WORK/needles"
check_eq "ten keys that the first server made, and the second decrypted" "$(sort -u "$WORK/needles" | grep -cE '^[A-Za-z0-9_-]{43}$')" 10
for pid in "$PID_1" "$PID_2" "$HSM_PID"; do
  check_eq "  are in no memory: $(cat "/proc/$pid/comm")" \
    "$(python3 "$KEYHSM_SOURCE_DIR/tests/integration/memory_scan.py" "$pid" <"$WORK/needles")" 0
done

echo "# nobody comes to the AES keys through keytrusteed"
wrap=$(sed -n 's/^ *label: *\(kt-internal\.eek\.t\.[0-9a-f]*\).*/\1/p' "$WORK/secret.keys" | head -n 1)
check "one of them" test -n "$wrap"
on 1
CLIENT=keyadmin api_is "listing named keys" 200 GET /v1/keys
check_lacks "  shows none" "$WORK/body" kt-internal
CLIENT=keyadmin api_is "unwrapping by one is refused" 403 POST "/v1/keys/$wrap/unwrap" "${json[@]}" "{\"input\":\"$(wire standard "$WORK/t.0" 0)\"}"
for what in "GET /v1/keys/$wrap" "DELETE /v1/keys/$wrap" "POST /v1/keys/$wrap/purge"; do
  CLIENT=keyadmin api_is "  $what" 403 ${what/ */} "${what/* /}"
done

echo "# killed while it makes keys"
for i in $(seq 1 40); do
  CLIENT=keyadmin api POST /kms/v1/keys "${json[@]}" "{\"name\":\"c$i\"}" || true
done >"$WORK/made" 2>&1 &
making=$!
wait_for "some of them" grep -q '"c4"' "$WORK/server1/audit.log"
end_server 1 KILL
wait "$making" || true
server 1 token
on 1
admin "what there is" 200 GET /keys/names
python3 -c 'import json,sys; print(*[n for n in json.load(open(sys.argv[1])) if n[0] == "c"])' "$WORK/body" >"$WORK/names"
check "  is some of it" test "$(wc -w <"$WORK/names")" -ge 4
for name in $(cat "$WORK/names"); do
  negotiate hdfs GET "/kms/v1/key/$name/_eek?eek_op=generate"
  cp "$WORK/body" "$WORK/made"
  decrypted "$WORK/made" 0 "$name"
done >"$WORK/plain"
check_eq "  and each of it works" "$(grep -cE '^[A-Za-z0-9_-]{22}$' "$WORK/plain")" "$(wc -w <"$WORK/names")"
left=$(($(secret_keys) - $(wc -w <"$WORK/names") - 18)) # three of t, t128, thirteen of t192, h
check "  with at most one AES key too many" test "$left" -ge 0 -a "$left" -le 1

echo "# purged"
before=$(secret_keys)
admin "a key of the token" 200 POST "/trustee/key/t?trusteeOp=purge"
check_eq "  its AES keys are gone" "$(secret_keys)" $((before - 3))
user "  nothing decrypts any more" 400 alice POST "/keyversion/t@0/_eek?eek_op=decrypt" "${json[@]}" "$(wire item "$WORK/t.0" 0 t)"
admin "  a new one of the name" 201 POST /keys "${json[@]}" '{"name":"t","length":256}'
user "  is another key" 400 alice POST "/keyversion/t@0/_eek?eek_op=decrypt" "${json[@]}" "$(wire item "$WORK/t.0" 0 t)"
before=$(secret_keys)
CLIENT=keyadmin api_is "purged by the deposit API" 200 POST /v1/deposits/t128/purge
check_eq "  its AES key is gone, too" "$(secret_keys)" $((before - 1))
CLIENT=client URL=https://localhost:$HSM_PORT api_is "what a crash leaves on the token" 201 POST /v1/keys "${json[@]}" \
  '{"name":"kt-internal.eek.t192.0123456789abcdef","kind":"aes-256","purposes":["wrap"]}'
before=$(secret_keys)
admin "  goes with the purge" 200 POST "/trustee/key/t192?trusteeOp=purge"
check_eq "  of its key" "$(secret_keys)" $((before - 14))
echo "# the deadline"
end_server 2 TERM
server 2 token --set server.request_timeout=1s
on 2
wraps() { grep -c '/wrap name=kt-internal.eek.t\.' "$WORK/keyhsmd.log" || true; }
before=$(wraps)
user "10,000 take more than a second" 504 hdfs GET "/key/t/_eek?eek_op=generate&num_keys=10000"
quiet() { local one; one=$(wraps); read -rt 0.5 <> <(:) || true; [ "$(wraps)" = "$one" ]; }
wait_for "the token to be left alone" quiet
made=$(($(wraps) - before))
check "  the rest of them is not made ($made were)" test "$made" -gt 0 -a "$made" -lt 9000
check_has "all of it is recorded" "$WORK/server1/audit.log" '"operation":"GENERATE_EEK","deposit":"t"'
end_server 1 TERM; end_server 2 TERM; hsm_stop TERM
finish
