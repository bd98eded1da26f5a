#!/bin/bash
# ktadmin keyhsm: who is trusted and who is not: pins, certificates, keys and their passphrases.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/keyhsm_lab.sh"
start_keyhsmd
use_store kts
put one
BEFORE=$(tree)

echo "# keyhsmd's certificate"
kth_is "without a pin and without --trust" 2 </dev/null
says "is told what to give" "give --trust"
make_self_signed other serverAuth
cp "$WORK/other.crt" "$PIN"
BEFORE=$(tree)
for with in "" --trust; do
  kth_is "another pin is there${with:+ ($with)}" 7 ${with:+"$with"} --yes </dev/null
  says "the pinned fingerprint is named" "pinned is SHA-256 $(fingerprint "$WORK/other.crt")"
  says "the one that was shown, too" "shown is SHA-256 $(fingerprint "$WORK/server.crt")"
  says "and what to do" "--trust --replace-pin"
  unchanged "and nothing is changed"
done
echo nonsense >"$PIN"
kth_is "a pin that is damaged" 1 --trust --yes </dev/null
says "is named" "$PIN"
rm "$PIN"; ln -s "$WORK/server.crt" "$PIN"
kth_is "a pin that is a link" 2 --trust --yes </dev/null
says "is named" "symbolic link"
rm "$PIN"; cp "$WORK/other.crt" "$PIN"
kth_is "--replace-pin" 0 --trust --replace-pin --yes </dev/null
check "puts the new one in its place" cmp "$WORK/server.crt" "$PIN"
behind_hsm "and goes on" one
kth_is "a pin is enough from then on" 0 </dev/null
check_lacks "nothing is shown" "$WORK/err" "SHA-256:"

echo "# a server certificate that was renewed"
cp "$WORK/server.crt" "$WORK/old.crt"
stop_daemon
make_cert server ca serverAuth
restart_keyhsmd
BEFORE=$(tree)
kth_is "a changed certificate is refused" 7 </dev/null
says "with the old fingerprint" "$(fingerprint "$WORK/old.crt")"
says "and the new one" "$(fingerprint "$WORK/server.crt")"
unchanged "and nothing is changed"
kth_is "until it is trusted" 0 --trust --replace-pin </dev/null
check "and pinned" cmp "$WORK/server.crt" "$PIN"
stop_daemon
make_cert server ca serverAuth 20200101000000Z 20200201000000Z
restart_keyhsmd
kth_is "an expired one can be pinned" 0 --trust --replace-pin </dev/null
says "but a person is told" "not valid any more"
stop_daemon
make_cert server ca serverAuth
restart_keyhsmd

echo "# our certificate and key"
use_store two
put two
BEFORE=$(tree)
make_self_signed stranger clientAuth
make_self_signed pinned clientAuth
refused() { # TEXT STATUS WORDS
  kth_is "$1" "$2" --trust --yes </dev/null
  says "$1: it says so" "$3"
  unchanged "$1: nothing is changed"
}
identity stranger
refused "a certificate that keyhsmd does not know" 7 "keyhsm trust $WORK/stranger.crt"
make_cert late ca clientAuth 20200101000000Z 20200201000000Z
identity late
refused "one that has ended" 7 "certificate expired"
make_cert early ca clientAuth 20400101000000Z 20401231000000Z
identity early
refused "one that has not begun" 7 "refuses the certificate"
make_cert use ca serverAuth
identity use
refused "one for servers" 7 "refuses the certificate"
CERT=(--client-certfile "$WORK/client.crt" --client-keyfile "$WORK/pinned.key")
refused "a key of another certificate" 2 "not the key of the certificate"
CERT=(--client-certfile "$WORK/client.crt" --client-keyfile "$WORK/client.crt")
refused "no key at all" 2 "no private key"
CERT=(--client-certfile "$WORK/client.key" --client-keyfile "$WORK/client.key")
refused "no certificate at all" 2 "no certificate"
CERT=(--client-certfile "$WORK/absent.crt" --client-keyfile "$WORK/client.key")
refused "no such file" 2 "$WORK/absent.crt"

echo "# a passphrase"
printf hunter2 >"$WORK/secret"
printf wrong >"$WORK/wrong"
openssl pkcs8 -topk8 -in "$WORK/client.key" -v2 aes-256-cbc -passout "file:$WORK/secret" -out "$WORK/locked.key"
CERT=(--client-certfile "$WORK/client.crt" --client-keyfile "$WORK/locked.key")
refused "a passphrase that is not given" 2 "--passphrase asks"
kth_is "a wrong one" 2 --trust --yes --passphrase-source "file:$WORK/wrong" </dev/null
says "is said to be wrong" "passphrase is wrong"
typed "*Passphrase of" bad1 "*Passphrase of" bad2 "*Passphrase of" bad3 -- --trust --yes --passphrase
check_eq "three wrong ones at the terminal" "$STATUS" 2
check_eq "and no fourth" "$(grep -c 'Passphrase of' "$WORK/tty")" 3
unchanged "and nothing is changed"
kth_is "an empty one" 5 --trust --yes --passphrase-source fd:0 </dev/null
STATUS=0
setsid -w "$KEYHSM_BIN_DIR/ktadmin" keyhsm --server "$URL" "${CERT[@]}" --config "$INI" --passphrase --trust \
  --plugin-dir "$KEYHSM_PLUGIN_DIR" >"$WORK/out" 2>"$WORK/err" </dev/null || STATUS=$?
check_eq "nobody to ask" "$STATUS" 5
says "is said, with what to give" "credential:NAME"
unchanged "and nothing is changed"
typed "*Passphrase of" bad "*Passphrase of" hunter2 '[y/N]: ' y -- --trust --passphrase
check_eq "the second try" "$STATUS" 0
check_eq "is the last question" "$(grep -c 'Passphrase of' "$WORK/tty")" 2
check_lacks "nothing typed is shown" "$WORK/tty" hunter2
check_has "the daemon needs it too, and that is said" "$WORK/tty" "set passphrase_source of [backend.keyhsm]"
check_lacks "it is not in the configuration" "$INI" hunter2
check_lacks "nor is a source made up" "$INI" passphrase_source
behind_hsm "and the deposit is behind the HSM" two
source_is() { check_eq "$1" "$(sed -n 's/^passphrase_source = //p' "$INI" | tail -n 1)" "$2"; }
kth_is "a file" 0 --trust --passphrase-source "file:$WORK/secret" </dev/null
source_is "is what the daemon reads, too" "file:$WORK/secret"
typed "*Passphrase of" hunter2 -- --passphrase
check_eq "a passphrase that is typed" "$STATUS" 0
source_is "leaves what stands there" "file:$WORK/secret"
use_store tls
put tls
write_store_ini "[tls]" "private_key = $WORK/locked.key" "passphrase_source = credential:kts-key"
kth_is "a descriptor" 0 --trust --yes --passphrase-source fd:0 <"$WORK/secret"
source_is "is for this run; the server's own key has a source already" credential:kts-key
mkdir "$WORK/credentials"; cp "$WORK/secret" "$WORK/credentials/kts-key"
CREDENTIALS_DIRECTORY=$WORK/credentials kth_is "a credential" 0 --passphrase-source credential:kts-key </dev/null
identity client
kth_is "a key without passphrase" 0 </dev/null
check_lacks "needs no source" <(sed -n '/^\[backend.keyhsm\]/,$p' "$INI") passphrase_source

echo "# no keyhsmd"
use_store three
put three
BEFORE=$(tree)
(cd "$WORK" && exec openssl s_server -accept 0 -cert server.crt -key server.key -www) \
  </dev/null >"$WORK/s_server.out" 2>&1 &
DAEMONS+=("$!")
wait_for "openssl's port" grep -q '^ACCEPT' "$WORK/s_server.out"
THERE=$URL
URL=https://localhost:$(sed -n 's/^ACCEPT.*:\([0-9]*\)$/\1/p' "$WORK/s_server.out" | head -n 1)
refused "something else that speaks TLS" 5 "$URL"
URL=https://localhost:1
refused "nobody" 5 "is keyhsmd running there?"
URL=https://no-such-host.invalid:9090
refused "a name that is none" 5 "no-such-host.invalid"
URL=http://localhost:9090
refused "http" 2 "https://HOST:PORT"
URL=$THERE/v1
refused "a path" 2 "nothing after it"
URL=$THERE
finish
