#!/bin/bash
# The end of scripts/quickstart: the procedure of docs/integration.md, word for word, with both daemons, on a host
# of its own (tests/integration/host.sh): its /etc, /var, ports and processes are below LAB/host and in namespaces.
#
#   procedure.sh BUILD LAB      BUILD: the build tree; LAB: the quickstart's, with the deposits' data in LAB/in
set -euo pipefail
umask 077
. "$(dirname "$0")/../../tests/integration/host.sh"
host_enter "$0" "$@"
cd "$(dirname "$0")/../.."
build=$1
. tests/integration/site.sh
. scripts/quickstart.d/deposits.sh
SITE=$2/host/site
tool=()

die() {
    printf 'quickstart: %s\n' "$*" >&2
    exit 1
}

mkdir -p "$2/host" "$2/host/want"
host_make "$2/host/root" "$build"
lab=$2/host
ln -s ../in "$lab/in"

printf '$ keyhsm setup softhsm --init-token ... && ktadmin init\n'
site_make
put_deposits
count_wanted
rm "$lab/want/hdfs-zone2.1" # deleted: not served
printf '$ service keytrusteed start\n'
service keytrusteed start

printf '\nThe procedure, as docs/integration.md has it; a client reads the deposits all the time:\n\n'
site_procedure "$lab/want" "$lab/errors.log" || { cat "$lab/errors.log" >&2; die "the procedure did something else than is printed"; }
printf '\nWhat the commands said besides, on standard error:\n\n'
grep -v '^20' "$lab/errors.log"

[ "${SITE_ANSWERS/503 000/503}" = "200 503 200" ] || die "reads got these answers: $SITE_ANSWERS"
printf '\n%s reads: all answered until the commit, refused with the remedy until the restart, answered since\n' \
    "$(wc -l < "$SITE/reads")"
equal=0
for file in "$lab"/want/*; do
    [ "$(site_read "$file")" = 200 ] || die "${file##*/} is not what it was"
    equal=$((equal + 1))
done
echo "curl: $equal versions, read through keytrusteed and keyhsmd from behind the token, are equal, byte for byte"
service keytrusteed stop
service keyhsm stop
