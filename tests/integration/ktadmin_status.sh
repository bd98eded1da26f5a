#!/bin/bash
# ktadmin status on a server that has not been integrated: what it counts, and what it says when something is amiss.
. "$(dirname "$0")/lib.sh"

STORE=$WORK/store
printf '%s\n' '[backend.softfile]' "directory = $STORE" '[memory]' 'lock = preferred' '[log]' 'level = error' \
  '[tls]' "certificate = $STORE/.ssl/ssl-cert-keytrustee.pem" '[acl]' 'all = allow all on * to CN=someone' \
  >"$WORK/keytrustee.ini"

kt() { # WANTED_STATUS TEXT COMMAND...
  local wanted=$1 text=$2 status=0; shift 2
  "$KEYHSM_BIN_DIR/ktadmin" "$@" --plugin-dir "$KEYHSM_PLUGIN_DIR" >"$WORK/out" 2>"$WORK/err" </dev/null ||
    status=$?
  if [ "$status" = "$wanted" ]; then ok "$text"
  else not_ok "$text" "status $status, wanted $wanted: $(head -c 300 "$WORK/out" "$WORK/err")"; fi
}
status() { local wanted=$1 text=$2; shift 2; kt "$wanted" "$text" status --config "$WORK/keytrustee.ini" "$@"; }
# member PATH: of the JSON object that status printed
member() { python3 -c 'import json,sys
v = json.load(open(sys.argv[1]))
for k in sys.argv[2].split("."): v = v[k]
print(json.dumps(v) if not isinstance(v, str) else v)' "$WORK/out" "$1"; }
tool=(--set memory.lock=preferred --set log.level=error --set "backend.softfile.directory=$STORE" --config "$WORK/none.ini")
: >"$WORK/none.ini"
deposit() { kt 0 "deposit $*" deposit "$@" --backend softfile "${tool[@]}"; }

echo "# no store"
status 5 "without a store it does not serve"
check_has "and it says what makes one" "$WORK/out" "ktadmin init"
status 5 "as JSON too" --json
check_eq "it does not serve" "$(member serves)" false
check_eq "nothing is counted" "$(member deposits)" null
check_has "the certificate is missing" "$WORK/out" "No such file"

echo "# a store"
kt 0 "init" init --confdir "$STORE" "${tool[@]}"
status 0 "an empty store serves"
check_has "its directory" "$WORK/out" "$STORE"
check_has "it is not sealed" "$WORK/out" "sealed         no"
check_has "its backend" "$WORK/out" "backend        softfile"
check_has "no deposits" "$WORK/out" "deposits       0 active, 0 deleted, 0 corrupt"
check_has "keyhsmd is not configured" "$WORK/out" "keyhsmd        not configured"
check_has "the certificate's fingerprint" "$WORK/out" "$(fingerprint "$STORE/.ssl/ssl-cert-keytrustee.pem")"
echo x >"$WORK/data"
for name in a b c d; do deposit put "$name" "$WORK/data"; done
deposit roll a "$WORK/data"
deposit roll b "$WORK/data"
deposit delete b --version 1
deposit delete c
chmod 644 "$STORE/deposits/d/00000000.cms"
status 0 "deposits are counted by state"
check_has "deposits" "$WORK/out" "deposits       3 active, 1 deleted, 1 corrupt"
check_has "versions" "$WORK/out" "versions       4 active, 2 deleted, 1 corrupt"
status 0 "as JSON" --json
check_eq "deposits" "$(member deposits)" '{"active": 3, "deleted": 1, "corrupt": 1}'
check_eq "versions" "$(member versions)" '{"active": 4, "deleted": 2, "corrupt": 1}'
check_eq "sealed" "$(member sealed)" false
check_eq "keyhsmd" "$(member keyhsmd)" null
check_eq "serves" "$(member serves)" true
check_eq "the certificate" "$(member certificate.sha256)" "$(fingerprint "$STORE/.ssl/ssl-cert-keytrustee.pem")"
days=$(member certificate.days_left)
check "its days left" test "$days" -ge 3648 -a "$days" -le 3650
for i in $(seq 300); do mkdir -m 700 "$STORE/deposits/n$i"; cp -p "$STORE/deposits/a/00000000.cms" "$STORE/deposits/n$i/"; done
status 0 "more than a page of them" --json
check_eq "all are counted" "$(member versions.active)" 304

echo "# certificates"
make_ca ca
make_cert old ca serverAuth 20200101000000Z 20200201000000Z
ln -s "$WORK/old.crt" "$WORK/link.crt"
status 0 "a certificate that has ended" --json --set "tls.certificate=$WORK/link.crt"
check "has no days left" test "$(member certificate.days_left)" -lt 0
status 0 "a file without certificate" --json --set "tls.certificate=$WORK/old.key"
check_has "is said to be none" "$WORK/out" "no certificate"

echo "# configuration"
status 2 "an unknown section" --set nonsense.key=1
status 2 "an argument" nonsense
kt 2 "a configuration that is not there" status --config "$WORK/absent.ini"
check_has "is named" "$WORK/err" "$WORK/absent.ini"
status 5 "keyhsm without its section" --set server.backend=keyhsm
check_has "is said so" "$WORK/out" "[backend.keyhsm]"
mv "$STORE" "$STORE.away"
status 5 "a store that went away"
check_has "is named" "$WORK/out" "$STORE"
finish
