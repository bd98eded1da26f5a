# The packages that the other tests of this folder look at: of this version, and of one that comes after it and has
# another default configuration.
source "$(dirname "$0")/../integration/lib.sh"
: "${KEYHSM_LAB_DIR:?}" "${KEYHSM_VERSION:?}"
mkdir -p "$KEYHSM_LAB_DIR"
cd "$KEYHSM_LAB_DIR"
rm -rf this next
package() { "$KEYHSM_SOURCE_DIR/scripts/package" --build "$KEYHSM_LAB_DIR/build" "$@"; }

package --output this >"$WORK/made" || not_ok "the packages are built"
check_eq "there are four" "$(wc -l <"$WORK/made")" 4
check "a later version" package --version "$KEYHSM_VERSION+next" --output next
check_fails "an option that is none" package --wersion 1
for product in keyhsm keytrustee; do
  deb=$(echo next/"$product"_*.deb)
  dpkg-deb -R "$deb" "$WORK/$product"
  echo '# A comment that is new in this version.' >>"$WORK/$product/etc/$product/$product.ini"
  (cd "$WORK/$product" && find etc usr -type f -exec md5sum {} + >DEBIAN/md5sums)
  dpkg-deb --root-owner-group -b "$WORK/$product" "$deb" >/dev/null
done

# What is installed and in no package would be missed by nobody until an operator misses it.
DESTDIR=$WORK/all cmake --install "$KEYHSM_LAB_DIR/build" >/dev/null
(cd "$WORK/all" && find . ! -type d | sort) >"$WORK/installed"
for deb in this/*.deb; do dpkg-deb --fsys-tarfile "$deb" | tar -t; done | sed 's|\(/man/.*\)\.gz$|\1|' | grep -v '/$' | sort >"$WORK/packed"
check_eq "everything that is installed is in a package" "$(comm -23 "$WORK/installed" "$WORK/packed")" ""
check_eq "no file is in two packages" "$(uniq -d "$WORK/packed")" ""

plugins() { dpkg-deb --fsys-tarfile "$(echo this/"$1"_*.deb)" | tar -t | sed -n "s|.*/$1/plugins/\(.*\)\.so|\1|p" | sort | paste -sd ' '; }
check_eq "keyhsm has every backend" "$(plugins keyhsm)" "keyhsm pkcs11 softfile"
check_eq "keytrustee has no pkcs11" "$(plugins keytrustee)" "keyhsm softfile"
for deb in this/keyhsm_*.deb this/keytrustee_*.deb; do
  dpkg-deb -R "$deb" "$WORK/${deb##*/}"
  (cd "$WORK/${deb##*/}" && find etc -type f | sed 's|^|/|' | sort) >"$WORK/etc"
  check_eq "${deb##*/}: what is in /etc is the operator's" "$(cat "$WORK/etc")" "$(sort "$WORK/${deb##*/}/DEBIAN/conffiles")"
done
finish
