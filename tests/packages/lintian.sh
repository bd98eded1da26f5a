# lintian has nothing to say against the packages; what is overridden stands with its reason in packaging/.
source "$(dirname "$0")/../integration/lib.sh"
: "${KEYHSM_LAB_DIR:?}"
LC_ALL=C.UTF-8 lintian --allow-root --fail-on error,warning --tag-display-limit 0 "$KEYHSM_LAB_DIR"/this/*.deb >"$WORK/said" 2>&1 ||
  not_ok "no errors and no warnings"
check_eq "it says nothing at all" "$(cat "$WORK/said")" ""
finish
