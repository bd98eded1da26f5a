#!/bin/bash
# ktadmin on a legacy store: each command, and each kind of bad input with its exit status.
. "$(dirname "$0")/lib.sh"

STORE=$WORK/store
printf '%s\n' '[backend.softfile]' "directory = $STORE" '[memory]' 'lock = preferred' '[log]' 'level = error' \
  >"$WORK/keyhsm.ini"

# kt WANTED_STATUS TEXT COMMAND...: runs ktadmin with standard input as given; output is in $WORK/out, err
kt() {
  local wanted=$1 text=$2 status=0
  shift 2
  "$KEYHSM_BIN_DIR/ktadmin" "$@" --config "$WORK/keyhsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" \
    >"$WORK/out" 2>"$WORK/err" || status=$?
  if [ "$status" = "$wanted" ]; then ok "$text"
  else not_ok "$text" "status $status, wanted $wanted: $(head -c 300 "$WORK/err")"; fi
}
dep() { local wanted=$1 text=$2; shift 2; kt "$wanted" "$text" deposit "$@" --backend softfile </dev/null; }
says() { check_has "$1" "$WORK/err" "$2"; }

# ---- init ------------------------------------------------------------------------------------

dep 5 "without a store nothing is made by the way" list
says "and it says what makes one" "ktadmin init"
kt 0 "init makes a store" init --confdir "$STORE" </dev/null
check_has "init names the fingerprint" "$WORK/out" "Initialized directory for"
check_eq "the fingerprint is that of the certificate" "$(tail -n 1 "$WORK/out" | sed 's/.* for //')" \
  "$(openssl x509 -in "$STORE/store.pem" -noout -fingerprint -sha256 | sed 's/.*=//')"
check_eq "the directory is closed to others" "$(stat -c %a "$STORE")" 700
cp "$WORK/out" "$WORK/first"
cp "$STORE/store.pem" "$WORK/before.pem"
kt 0 "init again is no error" init --confdir "$STORE" </dev/null
check_has "init again says that it left the store alone" "$WORK/out" "left as it is"
check "init again changed nothing" cmp "$WORK/before.pem" "$STORE/store.pem"
check_eq "init again ends with the same line" "$(tail -n 1 "$WORK/out")" "$(tail -n 1 "$WORK/first")"
"$KEYHSM_BIN_DIR/ktadmin" init --confdir "$WORK/third" --config "$KEYHSM_SOURCE_DIR/etc/keyhsm.ini" \
  --plugin-dir "$KEYHSM_PLUGIN_DIR" --set memory.lock=preferred >"$WORK/out" 2>"$WORK/err" && status=0 || status=$?
check_eq "the configuration that is installed is accepted" "$status" 0
check_eq "the server's certificate and key are there, closed to others" \
  "$(cd "$STORE/.ssl" && stat -c '%a %n' . -- * | tr '\n' ',')" \
  "700 .,600 ssl-cert-keytrustee-pk.pem,644 ssl-cert-keytrustee.pem,"
check "for this machine, and for servers" openssl verify -CAfile "$STORE/.ssl/ssl-cert-keytrustee.pem" \
  -purpose sslserver -verify_hostname localhost "$STORE/.ssl/ssl-cert-keytrustee.pem"
check "and for clients, as keyhsmd wants it" openssl verify -CAfile "$STORE/.ssl/ssl-cert-keytrustee.pem" \
  -purpose sslclient "$STORE/.ssl/ssl-cert-keytrustee.pem"
cp -r "$STORE/.ssl" "$WORK/before.ssl"
kt 0 "init for another address" init --confdir "$STORE" --external-address other.example.com </dev/null
check_has "says that it left the certificate alone" "$WORK/out" "ssl-cert-keytrustee.pem is there already"
check "and did" diff -r "$WORK/before.ssl" "$STORE/.ssl"
rm "$STORE/.ssl/ssl-cert-keytrustee.pem"
kt 6 "a key without its certificate stops init" init --confdir "$STORE" </dev/null
says "by its path" "$STORE/.ssl/ssl-cert-keytrustee-pk.pem exists already"
check "and is kept" cmp "$WORK/before.ssl/ssl-cert-keytrustee-pk.pem" "$STORE/.ssl/ssl-cert-keytrustee-pk.pem"
rm "$STORE/.ssl/ssl-cert-keytrustee-pk.pem"
kt 2 "an address that is none" init --confdir "$STORE" --external-address 'a,DNS:evil' </dev/null
kt 0 "an address" init --confdir "$STORE" --external-address kts.example.com </dev/null
check_has "is in what it says" "$WORK/out" "for kts.example.com"
check "and in the certificate" openssl verify -CAfile "$STORE/.ssl/ssl-cert-keytrustee.pem" \
  -verify_hostname kts.example.com "$STORE/.ssl/ssl-cert-keytrustee.pem"
kt 0 "without --confdir the configuration says where" init --set "backend.softfile.directory=$WORK/configured" </dev/null
check "and it is made there" test -e "$WORK/configured/store.pem" -a -e "$WORK/configured/.ssl/ssl-cert-keytrustee.pem"
mkdir -p "$WORK/full"; : >"$WORK/full/precious"
kt 7 "init refuses a directory that holds something else" init --confdir "$WORK/full" </dev/null
kt 2 "init wants an absolute path" init --confdir store </dev/null

# ---- put, get --------------------------------------------------------------------------------

printf '\0\1binary\377\r\n\0' >"$WORK/data"
dep 0 "put stores a file" put one "$WORK/data" -a k=v -a "note=Grüße = ok"
dep 0 "get writes it to standard output" get one
check "byte for byte" cmp "$WORK/data" "$WORK/out"
dep 0 "get writes it to a file" get one --output "$WORK/got"
check "byte for byte" cmp "$WORK/data" "$WORK/got"
check_eq "of mode 0600" "$(stat -c %a "$WORK/got")" 600
dep 6 "get leaves an existing file alone" get one --output "$WORK/got"
dep 0 "get --force replaces it" get one --output "$WORK/got" --force
dep 5 "get says when the directory is missing" get one --output "$WORK/missing/got"
printf stdin >"$WORK/in"
kt 0 "put reads standard input" deposit put two --backend softfile <"$WORK/in"
kt 0 "put reads standard input for -" deposit put three - --backend softfile <"$WORK/in"
dep 0 "what came from there is read back" get two
check "byte for byte" cmp "$WORK/in" "$WORK/out"
dep 0 "empty data is allowed" put empty /dev/null
dep 0 "and read back" get empty
check_eq "empty" "$(stat -c %s "$WORK/out")" 0
head -c 65536 /dev/urandom >"$WORK/largest"
dep 0 "64 KiB fit" put largest "$WORK/largest"
dep 0 "and are read back" get largest
check "byte for byte" cmp "$WORK/largest" "$WORK/out"
script -qec "$KEYHSM_BIN_DIR/ktadmin deposit get one --backend softfile --config $WORK/keyhsm.ini \
  --plugin-dir $KEYHSM_PLUGIN_DIR" /dev/null </dev/null >"$WORK/tty" 2>&1 && status=0 || status=$?
check_eq "binary data is not written to a terminal" "$status" 7
check_has "and it says what to do" "$WORK/tty" "--output FILE"

# ---- bad input -------------------------------------------------------------------------------

dep 6 "the same name again is refused, same content or not" put one "$WORK/data"
says "by name" one
many=(); for i in $(seq 33); do many+=(-a "k$i=v"); done
dep 2 "a 33rd attribute is refused" put attrs "$WORK/data" "${many[@]}"
dep 0 "32 attributes are not" put attrs "$WORK/data" "${many[@]:2}"
dep 2 "an attribute that is not UTF-8 is refused" put bad "$WORK/data" -a $'k=\xff\xfe'
says "and it says why" UTF-8
dep 2 "an attribute without = is refused" put bad "$WORK/data" -a novalue
dep 2 "an attribute given twice is refused" put bad "$WORK/data" -a k=1 -a k=2
head -c 65537 /dev/zero >"$WORK/large"
dep 2 "one byte over 64 KiB is refused" put bad "$WORK/large"
says "with the limit" 65536
head -c 1048577 /dev/zero >"$WORK/huge"
dep 2 "more than any store takes is refused" put bad "$WORK/huge"
says "with the limit" 1048576
dep 2 "a missing file is refused" put bad "$WORK/nothing"
says "by its path" "$WORK/nothing"
dep 2 "a directory is refused" put bad "$WORK"
dep 2 "a name of 256 bytes is refused" put "$(printf '%0256d' 0)" "$WORK/data"
dep 2 "an empty name is refused" put "" "$WORK/data"
dep 2 "no name is refused" put
dep 2 "an unknown option is refused" put bad --nonsense
dep 2 "two targets are refused" get one --server https://localhost:1
kt 2 "no target is refused" deposit get one </dev/null
kt 2 "an unknown backend is refused" deposit get one --backend nonsense </dev/null
kt 2 "an unknown command is refused" deposit frobnicate </dev/null
dep 4 "none of the refused ones was stored" get bad
dep 4 "a deposit that is not there" get nothing
dep 4 "a version that is not there" get one --version 9
dep 2 "a version that is no number" get one --version x
kt 2 "an unreadable configuration" deposit list --backend softfile --set nonsense.key=1 </dev/null

# ---- list, show ------------------------------------------------------------------------------

dep 0 "a legacy store takes wild names" put $'wild \e[2J/name' "$WORK/data"
dep 0 "list" list
check_has "escapes them" "$WORK/out" "wild%20%1B%5B2J%2Fname"
check_lacks "lets no escape sequence through" "$WORK/out" $'\e'
dep 0 "list --json is JSON" list --json --long
check "as Python reads it" python3 -c 'import json,sys
names = [d["name"] for d in json.load(open(sys.argv[1]))]
assert names == sorted(names) and "one" in names and len(names) == 7, names' "$WORK/out"
dep 0 "show" show one
check_has "prints attributes" "$WORK/out" "note = Grüße = ok"
check_has "prints the size" "$WORK/out" "$(stat -c %s "$WORK/data") bytes"
check_lacks "never the data" "$WORK/out" binary
dep 0 "show --json" show one --json
check "is JSON without the data" python3 -c 'import json,sys
d = json.load(open(sys.argv[1]))
assert d["attributes"] == {"k": "v", "note": "Grüße = ok"} and d["version"] == 0 and "data" not in d, d' "$WORK/out"
dep 4 "show of what is not there" show nothing

# ---- roll, delete, undelete, purge -----------------------------------------------------------

dep 0 "roll makes version 1" roll one "$WORK/in"
check_has "and says so" "$WORK/out" "version 1"
dep 0 "get takes the highest" get one
check "version 1" cmp "$WORK/in" "$WORK/out"
dep 0 "get takes the one asked for" get one --version 0
check "version 0" cmp "$WORK/data" "$WORK/out"
dep 4 "roll of what is not there" roll nothing "$WORK/in"
dep 0 "delete of one version" delete one --version 1
dep 0 "the one before is served" get one
check "version 0" cmp "$WORK/data" "$WORK/out"
dep 0 "delete of all" delete one
dep 4 "none is served" get one
dep 0 "show still tells of them" show one
check_has "as deleted" "$WORK/out" deleted
dep 7 "roll of a deleted deposit is refused" roll one "$WORK/in"
dep 6 "put of a deleted deposit's name is refused" put one "$WORK/in"
dep 0 "undelete" undelete one
dep 0 "brings it back" get one
check "version 1" cmp "$WORK/in" "$WORK/out"
dep 2 "purge wants --yes when nobody is there" purge one
dep 0 "and then nothing was destroyed" get one
dep 0 "purge of one version" purge one --version 1 --yes
dep 4 "it is gone" get one --version 1
dep 0 "purge of all" purge one --yes
dep 4 "it is gone" show one
dep 4 "purge of what is not there" purge one --yes
ask() {
  printf '%s\n' "$1" | script -qec "$KEYHSM_BIN_DIR/ktadmin deposit purge two --backend softfile \
    --config $WORK/keyhsm.ini --plugin-dir $KEYHSM_PLUGIN_DIR" /dev/null >"$WORK/tty" 2>&1
}
check_fails "purge stops when another name is typed" ask three
dep 0 "and then nothing was destroyed" get two
check "purge goes on when the name is typed" ask two
dep 4 "it is gone" get two

# ---- corrupt ones ----------------------------------------------------------------------------

chmod 644 "$STORE/deposits/three/00000000.cms"
dep 1 "a file of a wrong mode is corrupt" get three
dep 1 "list shows it and the rest, and fails" list
check_has "as CORRUPT" "$WORK/out" CORRUPT
check_has "the rest too" "$WORK/out" largest

# ---- a passphrase ----------------------------------------------------------------------------

printf 'correct horse' >"$WORK/secret"
printf 'wrong horse' >"$WORK/wrong"
kt 0 "init with a passphrase" init --confdir "$WORK/locked" --passphrase-source "file:$WORK/secret" </dev/null
check_has "protects the key" "$WORK/locked/store.key" "ENCRYPTED PRIVATE KEY"
locked=(--set "backend.softfile.directory=$WORK/locked")
source=backend.softfile.passphrase_source=file:$WORK
dep 0 "the right one opens it" put x "$WORK/data" "${locked[@]}" --set "$source/secret"
dep 7 "the wrong one does not" get x "${locked[@]}" --set "$source/wrong"
check_lacks "and is not repeated" "$WORK/err" "wrong horse"
dep 7 "none does not" get x "${locked[@]}"
kt 2 "a passphrase on the command line is refused" init --confdir "$WORK/other" --passphrase-source hunter2 </dev/null
check_lacks "and not repeated" "$WORK/err" hunter2
kt 0 "init with a passphrase for the TLS key" init --confdir "$WORK/tls" --tls-passphrase-source "file:$WORK/secret" \
  </dev/null
check_fails "protects it" openssl pkey -in "$WORK/tls/.ssl/ssl-cert-keytrustee-pk.pem" -passin pass:wrong -noout
check "with that passphrase" openssl pkey -in "$WORK/tls/.ssl/ssl-cert-keytrustee-pk.pem" \
  -passin "file:$WORK/secret" -noout
kt 2 "a TLS passphrase on the command line is refused" init --confdir "$WORK/other" \
  --tls-passphrase-source hunter2 </dev/null
check_lacks "and not repeated" "$WORK/err" hunter2
check_fails "and nothing is made" test -e "$WORK/other"
kt 2 "two sources of it too" init --confdir "$WORK/other" --tls-passphrase --tls-passphrase-source fd:3 </dev/null
# asked PASSPHRASE AGAIN: init asks for the TLS key's passphrase on a terminal
asked() {
  python3 "$KEYHSM_SOURCE_DIR/tests/integration/terminal.py" "*New passphrase" "$1" "*again" "$2" -- \
    "$KEYHSM_BIN_DIR/ktadmin" init --confdir "$WORK/asked" --tls-passphrase --config "$WORK/keyhsm.ini" \
    --plugin-dir "$KEYHSM_PLUGIN_DIR" >"$WORK/tty" 2>&1
}
check_fails "two that differ are refused" asked "one two" "one too"
check_has "in words" "$WORK/tty" "not the same"
check_fails "and no key is made" test -e "$WORK/asked/.ssl/ssl-cert-keytrustee-pk.pem"
check "two that agree are taken" asked "correct horse" "correct horse"
check_lacks "what is typed is not shown" "$WORK/tty" "correct horse"
check "and protect the key" openssl pkey -in "$WORK/asked/.ssl/ssl-cert-keytrustee-pk.pem" \
  -passin "file:$WORK/secret" -noout
chmod 644 "$WORK/secret"
dep 5 "a passphrase file that others can read is refused" get x "${locked[@]}" --set "$source/secret"

finish
