#!/bin/bash
# The loadable provider shows a Kerberos ticket, and no certificate: whose key it gets, and what is said without one.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/krb5.sh"
source "$(dirname "$0")/provider_lab.sh"
export DAEMON=keytrusteed KRB5RCACHENAME=dfl: KRB5RCACHEDIR=$WORK
make_pki
start_realm
login alice; login bob
use_backend softfile
write_ini "${BACKEND_LINES[@]}" "[auth]" "kerberos = yes" "keytab = $WORK/krb5/http.keytab" "[acl]" \
  "alice = allow get on a-* to user:alice" "ops = allow put on * to CN=client"
start_daemon --backend softfile
cd "$WORK"
openssl genpkey -algorithm EC -pkeyopt group:P-256 -out own.pem 2>/dev/null
deposit a-1 own.pem
deposit b-1 own.pem

provider_cnf "$WORK/provider.cnf" "server = $URL" "cacert = $WORK/ca.crt" "negotiate = yes"
export KRB5CCNAME=FILE:$WORK/krb5/alice.cc
works "alice's ticket gets her key" openssl pkey -in keyhsm:a-1 -pubout -out got.pub
check "  the one that was put" cmp got.pub <(openssl pkey -in own.pem -pubout)
fails_with "  and no other" "no rule in [acl] allows this to you" openssl pkey -in keyhsm:b-1 -pubout
check_has "  she stands in the audit log" audit.log '"principal":"alice@LAB.TEST"'
export KRB5CCNAME=FILE:$WORK/krb5/bob.cc
fails_with "bob's gets nothing" "no rule in [acl] allows this to you" openssl pkey -in keyhsm:a-1 -pubout
export KRB5CCNAME=FILE:$WORK/none.cc
fails_with "nor does who has none" "or a Kerberos ticket, is needed" openssl pkey -in keyhsm:a-1 -pubout
finish
