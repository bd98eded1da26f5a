# keyhsm setup: signs in for real or changes nothing; scripted and on a terminal; a second run keeps what is there.
source "$(dirname "$0")/lib.sh"
: "${KEYHSM_FAULT_MODULE:?}"
ETC=$WORK/etc
INI=$ETC/keyhsm.ini
mkdir "$WORK/tokens"
printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$WORK/tokens" >"$WORK/softhsm2.conf"
make_self_signed kts clientAuth
export FAULT_PKCS11_LOG=$WORK/calls
COMMON=(--config "$INI" --plugin-dir "$KEYHSM_PLUGIN_DIR" --softhsm2-conf "$WORK/softhsm2.conf"
  --state-dir "$WORK/state" --set memory.lock=preferred)
printf '1234\n' >"$WORK/p1234"; printf '99999\n' >"$WORK/p99999"; printf '87654321\n' >"$WORK/officer"

# setup [OPTION...]: without a terminal; what it says in $WORK/said, its STATUS
setup() {
  STATUS=0
  : >"$WORK/calls"
  "$KEYHSM_BIN_DIR/keyhsm" setup "${COMMON[@]}" --non-interactive "$@" >"$WORK/said" 2>&1 </dev/null || STATUS=$?
}
# setup_is TEXT STATUS WORDS [OPTION...]
setup_is() {
  local text=$1 wanted=$2 words=$3; shift 3
  setup "$@"
  check_eq "$text: status" "$STATUS" "$wanted"
  check_has "$text: says so" "$WORK/said" "$words"
}
# on_terminal STATUS [QUESTION ANSWER]... -- [OPTION...]
on_terminal() {
  local wanted=$1 dialog=(); shift
  while [ "$1" != -- ]; do dialog+=("$1"); shift; done
  shift
  STATUS=0
  python3 "$KEYHSM_SOURCE_DIR/tests/integration/terminal.py" "${dialog[@]}" -- "$KEYHSM_BIN_DIR/keyhsm" setup \
    "${COMMON[@]}" "$@" >"$WORK/said" 2>&1 || STATUS=$?
  check_eq "its exit status" "$STATUS" "$wanted"
}
nothing_changed() {
  check_eq "$1: no configuration, no key, no state" \
    "$(find "$ETC" "$WORK/state" 2>/dev/null | wc -l)" 0
}
ini() { sed -n "s/^$1 = //p" "$INI"; }
mode() { stat -c %a "$1"; }
validate() {
  "$KEYHSM_BIN_DIR/keyhsm" validate --config "$INI" --plugin-dir "$KEYHSM_PLUGIN_DIR" >"$WORK/validated" 2>&1
}

echo "# what does not work changes nothing"
setup_is "no token" 1 "--init-token makes one of SoftHSM" softhsm
nothing_changed "no token"
setup_is "no PIN for a new one" 2 "--so-pin-from" softhsm --init-token
nothing_changed "no PIN"
setup_is "no module" 1 libCryptoki2_64.so luna
check_has "the preset's notes" "$WORK/said" "vtl verify"
nothing_changed "no module"
setup_is "an unknown preset" 2 "softhsm, luna, nshield, cloudhsm, yubihsm or utimaco" primus
setup_is "a name of old" 2 "thales is nshield" thales
setup_is "two presets" 2 "one PRESET" softhsm luna
setup_is "a wrong port" 2 "port" softhsm --port abc
setup_is "a relative path" 2 "absolute path" --config etc/keyhsm.ini
setup_is "a PIN in the place of its source" 2 "never the secret itself" softhsm --pin-source 1234
STATUS=0
"$KEYHSM_BIN_DIR/keyhsm" setup "${COMMON[@]}" softhsm >"$WORK/said" 2>&1 </dev/null || STATUS=$?
check_eq "no terminal and nobody said so: status" "$STATUS" 2
check_has "says so" "$WORK/said" "--non-interactive"
nothing_changed "at the end"
check_eq "and no token" "$(find "$WORK/tokens" -mindepth 1 | wc -l)" 0

echo "# a new token, scripted"
setup_is "makes one" 0 "Made token 'keyhsm'" softhsm --init-token --pin-from "file:$WORK/p1234" \
  --so-pin-from "file:$WORK/officer" --trust "$WORK/kts.crt" --host hsm.example.com --port 9191
check_has "signs in" "$WORK/said" "Signed in: token 'keyhsm'"
check_has "says what is next" "$WORK/said" "service keyhsm start"
check_eq "the PIN is its user's alone" "$(mode "$ETC/pin")$(cat "$ETC/pin")" 6001234
check_eq "so is the key" "$(mode "$ETC/tls/server.key")" 600
check_has "the certificate" <(openssl x509 -in "$ETC/tls/server.pem" -noout -subject -ext subjectAltName) hsm.example.com
check_eq "the client is trusted" "$(ls "$ETC/trust")" "$(fingerprint "$WORK/kts.crt").pem"
check_eq "what was asked for" "$(ini port) $(ini lock) $(ini token_label)" "9191 preferred keyhsm"
check_eq "where the PIN is" "$(ini pin_source)" "file:$ETC/pin"
check_lacks "no PIN in it" "$INI" 1234
check_lacks "no PIN said" "$WORK/said" 1234
check "validate agrees" validate
INI_BEFORE=$(sha256sum "$INI"); KEY_BEFORE=$(sha256sum "$ETC/tls/server.key")

echo "# again"
setup_is "a second run" 0 "stays as it is" softhsm
setup_is "without a preset" 0 "Signed in"
setup_is "with all of it" 0 "Trusted already" softhsm --init-token --pin-from "file:$WORK/p1234" \
  --so-pin-from "file:$WORK/officer" --trust "$WORK/kts.crt"
check_eq "the configuration is as it was" "$(sha256sum "$INI")" "$INI_BEFORE"
check_eq "so is the key" "$(sha256sum "$ETC/tls/server.key")" "$KEY_BEFORE"
check_eq "one token" "$(find "$WORK/tokens" -mindepth 1 -maxdepth 1 | wc -l)" 1
check_eq "no old copy of it" "$(find "$ETC" -name '*.old-*' | wc -l)" 0
printf '; a remark\n[log]\nlevel = notice\n' >>"$INI"
setup_is "a change" 0 "the one before is" --listen '*'
check_eq "is made" "$(ini listen)" '*'
check_has "the rest stays" "$INI" "; a remark"
check_eq "all of it" "$(ini level) $(ini port)" "notice 9191"
setup_is "half a pair" 2 "put it back" --certificate "$ETC/tls/other.pem"
setup_is "a configuration that is wrong" 2 "'prot'" --set server.prot=1

echo "# a PIN that is wrong"
setup_is "is tried once" 1 "nothing was changed" --module "$KEYHSM_FAULT_MODULE" --pin-from "file:$WORK/p99999"
check_eq "by one login" "$(grep -c '^C_Login ' "$WORK/calls")" 1
check_eq "the good one stays" "$(cat "$ETC/pin")" 1234
check_eq "so does the module" "$(ini module)" "$SOFTHSM2_MODULE"
mv "$WORK/state" "$WORK/kept"
setup_is "without a state directory" 1 "cannot sign in" --pin-from "file:$WORK/p99999"
check_eq "none is left behind" "$(find "$WORK/state" 2>/dev/null | wc -l)" 0
mv "$WORK/kept" "$WORK/state"
rm "$ETC/pin"
setup_is "no PIN in its place" 2 "--pin-from"
setup_is "put there" 0 "Wrote the PIN" --pin-from "file:$WORK/p1234"
check "validate agrees" validate

echo "# which token"
softhsm_token() {
  SOFTHSM2_CONF=$WORK/softhsm2.conf softhsm2-util --init-token --free --label "$1" --pin 1234 --so-pin 87654321 \
    >"$WORK/token.log" 2>&1
}
check "another token" softhsm_token other
setup_is "one that is not there" 1 "no token 'vault'" --token-label vault
check_has "lists those there are" "$WORK/said" "'other'"
mv "$WORK/state" "$WORK/kept"
setup_is "by label" 0 "Token: 'other'" --token-label other
SERIAL=$(sed -n "s/^Token: 'other', serial \([0-9a-f]*\),.*/\1/p" "$WORK/said")
setup_is "by serial" 0 "Token: 'other'" --token-serial "$SERIAL"
check_eq "the label goes" "$(ini token_label)$(ini token_serial)" "$SERIAL"
setup_is "by label again" 0 "Token: 'other'" --token-label other
check_eq "the serial goes" "$(ini token_label)$(ini token_serial)" other
rm -r "$WORK/state"; mv "$WORK/kept" "$WORK/state"
setup_is "a token that is not the catalog's" 1 "nothing was changed"
setup_is "the first again" 0 "Signed in" --token-label keyhsm

echo "# while a daemon runs"
"$KEYHSM_BIN_DIR/keyhsmd" --config "$INI" --plugin-dir "$KEYHSM_PLUGIN_DIR" --listen localhost --port 0 \
  --set "server.port_file=$WORK/port" >>"$WORK/keyhsmd.log" 2>&1 &
DAEMONS+=($!)
wait_for "the daemon" test -s "$WORK/port"
setup_is "nothing to change" 0 "is in use by process ${DAEMONS[-1]}"
setup_is "something to change" 1 "keyhsm stop" --port 9292
check_eq "is not" "$(ini port)" 9191
kill -TERM "${DAEMONS[-1]}"; wait "${DAEMONS[-1]}"

echo "# SoftHSM's configuration in the environment"
STATUS=0
SOFTHSM2_CONF=$WORK/softhsm2.conf "$KEYHSM_BIN_DIR/keyhsm" setup softhsm --config "$WORK/other/keyhsm.ini" \
  --plugin-dir "$KEYHSM_PLUGIN_DIR" --state-dir "$WORK/other/state" --set memory.lock=preferred --non-interactive \
  --token-label other --pin-from "file:$WORK/p1234" >"$WORK/said" 2>&1 </dev/null || STATUS=$?
check_eq "signs in" "$STATUS" 0
check_has "a daemon will find the same" "$WORK/other/keyhsm.ini" "softhsm2_conf = $WORK/softhsm2.conf"

echo "# on a terminal"
# What is proposed is the host's name, when it is one of its addresses.
OWN=$(python3 -c 'import socket
try:
    name = socket.getaddrinfo(socket.gethostname(), None, 0, socket.SOCK_STREAM, 0, socket.AI_CANONNAME)[0][3] or socket.gethostname()
    for family, kind, _, _, address in socket.getaddrinfo(name, None, 0, socket.SOCK_STREAM):
        socket.socket(family, kind).bind(address)
    print(name)
except OSError:
    print("localhost")')
rm -r "$ETC" "$WORK/state" "$WORK/tokens"; mkdir "$WORK/tokens"
on_terminal 0 "listen on (* for all) [$OWN]: " "" "Port to listen on [9090]: " "http" "Port to listen on [9090]: " 9393 \
  "HSM: " nothing "HSM: " softhsm "Certificate of keyhsmd" "" "Its private key" "" "clients' certificates" "" \
  "PKCS#11 module of the HSM [/usr/lib/softhsm/libsofthsm2.so]: " /nowhere.so \
  "PKCS#11 module of the HSM [/nowhere.so]: " "$SOFTHSM2_MODULE" \
  "empty: the only one) []: " made "PIN from [file:$ETC/pin]: " "" "Make a new token? [y/N]: " y \
  "*New PIN of the user: " 5678 "*The same PIN again: " 5678 \
  "*New PIN of the security officer: " 87654321 "*The same PIN again: " 87654321 --
check_has "a wrong answer is explained" "$WORK/said" "'http' is not a number"
check_has "a wrong preset, too" "$WORK/said" "no preset 'nothing'"
check_has "a wrong module, too" "$WORK/said" "/nowhere.so: No such file"
check_has "it signs in" "$WORK/said" "Signed in: token 'made'"
check_lacks "no PIN is shown" "$WORK/said" 5678
check_eq "all of it is written" "$(ini port) $(ini token_label) $(cat "$ETC/pin")" "9393 made 5678"
before=$(sha256sum "$INI")
on_terminal 0 "listen on" "" "Port" "" "HSM: " "" "Certificate" "" "private key" "" "clients'" "" "module" "" \
  "only one) [made]: " "" "PIN from" "" --
check_has "Enter keeps everything" "$WORK/said" "stays as it is"
check_eq "to the byte" "$(sha256sum "$INI")" "$before"
on_terminal 1 "listen on" 0.0.0.0 "Port" EOF --
check_has "leaving in the middle" "$WORK/said" "nothing was changed"
check_eq "changes nothing" "$(sha256sum "$INI")" "$before"
rm "$ETC/pin"
on_terminal 1 "*PIN of the token: " 4444 -- --listen localhost --port 9393 --module "$SOFTHSM2_MODULE" \
  --certificate "$ETC/tls/server.pem" --private-key "$ETC/tls/server.key" --trust-dir "$ETC/trust" \
  --token-label made --pin-source "file:$ETC/pin"
check_has "a wrong PIN" "$WORK/said" "cannot sign in"
check "is not kept" test ! -e "$ETC/pin"
on_terminal 2 "listen on" "" "Port" "" "HSM: " softhsm "Certificate" "" "private key" "" "clients'" "" "module" "" \
  "only one) [made]: " second "PIN from" "" "new token? [y/N]: " yes "*New PIN of the user: " 1111 \
  "*The same PIN again: " 1112 --
check_has "two PINs that differ" "$WORK/said" "not the same"
on_terminal 1 "listen on" "" "Port" "" "HSM: " softhsm "Certificate" "" "private key" "" "clients'" "" "module" "" \
  "only one) [made]: " second "PIN from" "" "new token? [y/N]: " "" --
check_eq "no token came of it" "$(find "$WORK/tokens" -mindepth 1 -maxdepth 1 | wc -l)" 1
check_eq "and the configuration is as it was" "$(sha256sum "$INI")" "$before"
finish
