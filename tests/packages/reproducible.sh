# The same source somewhere else, under another umask, in another zone and on another day: the same bytes.
source "$(dirname "$0")/../integration/lib.sh"
: "${KEYHSM_LAB_DIR:?}"
elsewhere=$KEYHSM_LAB_DIR/elsewhere/in/another/place
rm -rf "$KEYHSM_LAB_DIR/elsewhere"
mkdir -p "$elsewhere"
cd "$KEYHSM_SOURCE_DIR"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$elsewhere" 2>/dev/null || true
(umask 002; TZ=Asia/Kathmandu HOME=/nonexistent "$elsewhere/scripts/package" --output "$KEYHSM_LAB_DIR/elsewhere/packages") >"$WORK/made" ||
  not_ok "it is built there"
check_eq "four packages" "$(wc -l <"$WORK/made")" 4
while read -r deb; do
  check "${deb##*/}: the same bytes" cmp "$deb" "$KEYHSM_LAB_DIR/this/${deb##*/}"
done <"$WORK/made"
check_eq "no program tells where it was built" "$(
  for deb in "$KEYHSM_LAB_DIR"/this/*.deb; do dpkg-deb --fsys-tarfile "$deb"; done | grep -ac "$KEYHSM_SOURCE_DIR" || true)" 0
rm -rf "$KEYHSM_LAB_DIR/elsewhere"
finish
