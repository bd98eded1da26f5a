#!/bin/bash
# ktadmin on a daemon: the same commands over mutual TLS, and what a client can get wrong.
# ktadmin_server.sh keyhsmd|keytrusteed: both have the deposit API, and keytrusteed no more than that
. "$(dirname "$0")/lib.sh"
export DAEMON=${1:?daemon}
rules=()
[ "$DAEMON" = keyhsmd ] || rules=('[acl]' 'client = allow all on * to CN=client')

make_pki
make_ca strangers
make_cert stranger strangers clientAuth
write_ini '[backend.softfile]' "directory = $WORK/store" "create = yes" "${rules[@]}"
start_daemon --backend softfile

KT=$KEYHSM_BIN_DIR/ktadmin
COMMON=(--set memory.lock=preferred --config "$WORK/none.ini")
: >"$WORK/none.ini"
as_client=(--client-certfile "$WORK/client.crt" --client-keyfile "$WORK/client.key")
ca=(--cacert "$WORK/ca.crt")

# kt WANTED_STATUS TEXT OPTION...: a deposit command as it stands
kt() {
  local wanted=$1 text=$2 status=0
  shift 2
  "$KT" deposit "$@" "${COMMON[@]}" >"$WORK/out" 2>"$WORK/err" </dev/null || status=$?
  if [ "$status" = "$wanted" ]; then ok "$text"
  else not_ok "$text" "status $status, wanted $wanted: $(head -c 300 "$WORK/err")"; fi
}
dep() { local wanted=$1 text=$2; shift 2; kt "$wanted" "$text" "$@" --server "$URL" "${ca[@]}" "${as_client[@]}"; }

# ---- the commands ----------------------------------------------------------------------------

printf '\0\1binary\377\r\n\0' >"$WORK/data"
printf second >"$WORK/second"
dep 0 "put without attributes" put one "$WORK/data"
check_has "says what was stored" "$WORK/out" "Stored one version 0"
dep 0 "get" get one
check "byte for byte" cmp "$WORK/data" "$WORK/out"
dep 0 "put with attributes" put two "$WORK/data" -a k=v -a 'note="Grüße" \ /'
dep 0 "get" get two --output "$WORK/got"
check "byte for byte" cmp "$WORK/data" "$WORK/got"
dep 0 "show" show two --json
check "attributes are those given" python3 -c 'import json,sys
d = json.load(open(sys.argv[1]))
assert d["attributes"] == {"k": "v", "note": "\"Grüße\" \\ /"} and d["size"] == 12 and "data" not in d, d' "$WORK/out"
dep 0 "empty data" put empty /dev/null
dep 0 "is read back" get empty
check_eq "empty" "$(stat -c %s "$WORK/out")" 0
dep 0 "empty data with an attribute" put empty2 /dev/null -a k=
dep 0 "is read back" get empty2
head -c 65536 /dev/urandom >"$WORK/largest"
dep 0 "64 KiB" put largest "$WORK/largest" -a k=v
dep 0 "are read back" get largest
check "byte for byte" cmp "$WORK/largest" "$WORK/out"
dep 0 "roll" roll one "$WORK/second"
check_has "makes version 1" "$WORK/out" "version 1"
dep 0 "get takes the highest" get one
check "version 1" cmp "$WORK/second" "$WORK/out"
dep 0 "and the one asked for" get one --version 0
check "version 0" cmp "$WORK/data" "$WORK/out"
dep 0 "delete of a version" delete one --version 1
dep 4 "it is not served" get one --version 1
dep 0 "the one before is" get one
check "version 0" cmp "$WORK/data" "$WORK/out"
dep 0 "show tells of both" show one
check_has "the deleted one" "$WORK/out" deleted
dep 0 "undelete of a version" undelete one --version 1
dep 0 "brings it back" get one
check "version 1" cmp "$WORK/second" "$WORK/out"
dep 0 "purge of a version" purge one --version 1 --yes
dep 4 "it is gone" get one --version 1
dep 0 "purge of all" purge one --yes
dep 4 "it is gone" show one

# ---- pages -----------------------------------------------------------------------------------

dep 0 "list" list
check_eq "shows each" "$(grep -c active "$WORK/out")" 4
dep 0 "list --long --json" list --long --json
check "is JSON" python3 -c 'import json,sys
d = json.load(open(sys.argv[1])); assert [e["name"] for e in d] == ["empty", "empty2", "largest", "two"], d
assert all(len(e["all"]) == e["versions"] for e in d), d' "$WORK/out"

# ---- refusals, as the daemon words them ------------------------------------------------------

dep 6 "a name in use" put two "$WORK/data"
check_has "is named" "$WORK/err" two
dep 4 "a deposit that is not there" get nothing
dep 4 "a version that is not there" get two --version 9
head -c 65537 /dev/zero >"$WORK/large"
dep 2 "one byte over 64 KiB" put bad "$WORK/large"
check_has "with the limit" "$WORK/err" 65536
many=(); for i in $(seq 33); do many+=(-a "k$i=v"); done
dep 2 "a 33rd attribute" put bad "$WORK/data" "${many[@]}"
dep 4 "none of the refused ones was stored" get bad

# ---- who is let in, and who is talked to -----------------------------------------------------

on=(get two --server "$URL")
kt 5 "a client with a stranger's certificate gets nothing" "${on[@]}" "${ca[@]}" \
  --client-certfile "$WORK/stranger.crt" --client-keyfile "$WORK/stranger.key"
check_eq "not a byte" "$(stat -c %s "$WORK/out")" 0
kt 5 "a daemon that our authority did not vouch for is not talked to" "${on[@]}" \
  --cacert "$WORK/strangers.crt" "${as_client[@]}"
check_has "and it says why" "$WORK/err" certificate
kt 5 "nor one that the system's authorities did not" "${on[@]}" "${as_client[@]}"
make_self_signed other clientAuth
kt 2 "a key of another certificate" "${on[@]}" "${ca[@]}" \
  --client-certfile "$WORK/client.crt" --client-keyfile "$WORK/other.key"
kt 2 "no client certificate" "${on[@]}" "${ca[@]}"
kt 2 "http in place of https" get two --server "http://localhost:$PORT" "${ca[@]}" "${as_client[@]}"
kt 2 "a path in the URL" get two --server "$URL/v1" "${ca[@]}" "${as_client[@]}"
kt 2 "a missing authority file" "${on[@]}" --cacert "$WORK/missing.crt" "${as_client[@]}"

# ---- keys in other forms ---------------------------------------------------------------------

printf hunter2 >"$WORK/secret"
printf wrong >"$WORK/wrong"
openssl pkcs8 -topk8 -in "$WORK/client.key" -v2 aes-256-cbc -passout "file:$WORK/secret" -out "$WORK/pkcs8.key"
openssl ec -in "$WORK/client.key" -aes256 -passout "file:$WORK/secret" -out "$WORK/sec1.key" 2>/dev/null
for form in pkcs8 sec1; do
  key=("${ca[@]}" --client-certfile "$WORK/client.crt" --client-keyfile "$WORK/$form.key")
  kt 0 "a $form key with its password" "${on[@]}" "${key[@]}" --passphrase-source "file:$WORK/secret"
  kt 2 "a $form key with a wrong one" "${on[@]}" "${key[@]}" --passphrase-source "file:$WORK/wrong"
  check_has "says so" "$WORK/err" "passphrase is wrong"
  kt 2 "a $form key without one" "${on[@]}" "${key[@]}"
  check_has "says what to do" "$WORK/err" "--passphrase"
done

# asked ANSWER...: gets deposit two with a key that needs a passphrase, on a terminal, with these answers
asked() {
  local dialog=() answer
  for answer in "$@"; do dialog+=("*Passphrase of" "$answer"); done
  STATUS=0
  python3 "$KEYHSM_SOURCE_DIR/tests/integration/terminal.py" "${dialog[@]}" -- "$KT" deposit "${on[@]}" "${key[@]}" \
    --output "$WORK/asked" --force --passphrase "${COMMON[@]}" >"$WORK/tty" 2>&1 || STATUS=$?
}
for form in pkcs8 sec1; do
  key=("${ca[@]}" --client-certfile "$WORK/client.crt" --client-keyfile "$WORK/$form.key")
  asked hunter2
  check_eq "the passphrase of a $form key is asked for" "$STATUS" 0
  check_eq "once" "$(grep -c 'Passphrase of' "$WORK/tty")" 1
  check_lacks "and not shown" "$WORK/tty" hunter2
  asked wrong1 wrong2 hunter2
  check_eq "the third try is taken" "$STATUS" 0
  asked wrong1 wrong2 wrong3
  check_eq "three wrong ones are enough" "$STATUS" 2
  check_eq "each is said to be wrong" "$(grep -c 'passphrase is wrong' "$WORK/tty")" 3
  check_eq "and no fourth is asked for" "$(grep -c 'Passphrase of' "$WORK/tty")" 3
done

# ---- no daemon, and something that is none ---------------------------------------------------

stop_daemon
dep 5 "a daemon that is down" get two
check_has "is named" "$WORK/err" "localhost:$PORT"
# openssl s_server -HTTP answers with files that are whole responses.
mkdir -p "$WORK/www/v1/deposits"
printf 'HTTP/1.1 302 Found\r\nLocation: https://localhost:1/\r\nContent-Length: 0\r\n\r\n' >"$WORK/www/v1/deposits/moved"
printf 'HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\nx' >"$WORK/www/v1/deposits/huge"
printf 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}' >"$WORK/www/v1/deposits/strange"
(cd "$WORK/www" && exec openssl s_server -accept 0 -cert ../server.crt -key ../server.key -HTTP) \
  </dev/null >"$WORK/s_server.out" 2>&1 &
DAEMONS+=("$!")
wait_for "openssl's port" grep -q '^ACCEPT' "$WORK/s_server.out"
URL=https://localhost:$(sed -n 's/^ACCEPT.*:\([0-9]*\)$/\1/p' "$WORK/s_server.out" | head -n 1)
dep 5 "a redirect is not followed" get moved
check_has "it is an answer like any other" "$WORK/err" 302
dep 5 "an answer without end is not read" get huge
check_has "and it says so" "$WORK/err" larger
dep 5 "an answer that is not of this API" get strange
check_has "is called strange" "$WORK/err" "keyhsm daemon"

finish
