# keyhsm trust: who is let in by it, what it refuses, what it lists and takes away again.
source "$(dirname "$0")/lib.sh"
make_pki
make_self_signed pinned clientAuth
make_self_signed other clientAuth
make_self_signed wrong_use serverAuth
make_cert old ca clientAuth 20200101000000Z 20200201000000Z
use_backend softfile
write_ini "${BACKEND_LINES[@]}"
rmdir "$WORK/trust"
start_daemon --backend softfile
trust() {
  "$KEYHSM_BIN_DIR/keyhsm" trust --config "$WORK/keyhsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" "$@"
}
# trust_is TEXT STATUS WORDS ARGUMENT...: exit status, and what it says
trust_is() {
  local text=$1 wanted=$2 words=$3 status=0; shift 3
  trust "$@" >"$WORK/said" 2>&1 || status=$?
  check_eq "$text: status" "$status" "$wanted"
  check_has "$text: says so" "$WORK/said" "$words"
}
PIN=$(fingerprint "$WORK/pinned.crt")

echo "# add"
CLIENT=pinned api GET /healthz
check_eq "not trusted: gets nothing" "$STATUS" 000
trust_is "a certificate" 0 "trusted: CN=pinned" "$WORK/pinned.crt"
check_has "its fingerprint" "$WORK/said" "SHA-256 $PIN"
CLIENT=pinned api_is "served at once" 200 GET /healthz
trust_is "again" 0 "trusted already" "$WORK/pinned.crt"
check_eq "the directory's mode" "$(stat -c %a "$WORK/trust")" 755
check_eq "the pin's mode" "$(stat -c %a "$WORK/trust/$PIN.pem")" 644
ln -s "$WORK/pinned.crt" "$WORK/link.crt"
trust_is "through a link" 0 "trusted already" "$WORK/link.crt"
: >"$WORK/trust/$PIN.pem"
trust_is "a pin that was damaged" 0 "trusted: CN=pinned" "$WORK/pinned.crt"
CLIENT=pinned api_is "is mended" 200 GET /healthz
cat "$WORK/other.crt" "$WORK/ca.crt" >"$WORK/two.pem"
trust_is "two certificates" 0 "only the first of 2" "$WORK/two.pem"
check_eq "one more pin" "$(find "$WORK/trust" -type f | wc -l)" 2

echo "# refuse"
echo nonsense >"$WORK/garbage"
cat "$WORK/client.key" "$WORK/client.crt" >"$WORK/both.pem"
trust_is "garbage" 2 "no PEM certificate" "$WORK/garbage"
trust_is "a directory" 2 "not a regular file" "$WORK"
trust_is "nothing there" 1 "cannot open" "$WORK/absent"
trust_is "a private key" 2 "private key" "$WORK/client.key"
trust_is "a key with its certificate" 2 "private key" "$WORK/both.pem"
trust_is "an expired one" 2 "ended at 2020-02-01T00:00:00Z" "$WORK/old.crt"
trust_is "one for servers" 2 "not for TLS clients" "$WORK/wrong_use.crt"
trust_is "no file" 2 "give one of"
trust_is "file and list" 2 "give one of" --list "$WORK/pinned.crt"
check_eq "no pin came of it" "$(find "$WORK/trust" -type f | wc -l)" 2
grep -v trust_dir "$WORK/keyhsm.ini" >"$WORK/without.ini"
trust_is "no trust_dir" 2 "trust_dir is not set" --config "$WORK/without.ini" "$WORK/pinned.crt"

echo "# warn, list, remove"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3 -subj /CN=short \
  -keyout "$WORK/short.key" -out "$WORK/short.crt" 2>"$WORK/check.out"
trust_is "one that ends soon" 0 "ends within 30 days" "$WORK/short.crt"
trust_is "the list" 0 "$PIN" --list
check_has "its subject" "$WORK/said" CN=pinned
check_eq "all of them" "$(wc -l <"$WORK/said")" 3
chmod 666 "$WORK/trust/$PIN.pem"
trust --list >"$WORK/said" 2>"$WORK/check.out"
check_has "one that others may write" "$WORK/said" "CN=pinned  (ignored)"
chmod 644 "$WORK/trust/$PIN.pem"
trust_is "no fingerprint" 2 "64 hex digits" --remove ../../etc/passwd
COLONS=$(openssl x509 -in "$WORK/pinned.crt" -noout -fingerprint -sha256 | sed 's/.*=//')
check "removed, as openssl prints it" trust --remove "$COLONS"
CLIENT=pinned api GET /healthz
check_eq "and out at once" "$STATUS" 000
trust_is "removed twice" 1 "no pin of $PIN" --remove "$PIN"

echo "# the clients of keytrusteed"
printf '%s\n' "[tls]" "trust_dir = $WORK/clients" "[acl]" "all = allow all on * to *" "[audit]" "reads = no" >"$WORK/keytrustee.ini"
trust_is "are pinned where its file says" 0 "trusted: CN=pinned" --config "$WORK/keytrustee.ini" "$WORK/pinned.crt"
check "and there it is" test -s "$WORK/clients/$PIN.pem"
finish
