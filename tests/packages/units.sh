# The units: systemd finds nothing wrong with them, and their sandbox is closed.
source "$(dirname "$0")/../integration/lib.sh"
DESTDIR=$WORK/root cmake --install "${KEYHSM_LAB_DIR:?}/.." >/dev/null
for unit in "$WORK"/root/usr/local/lib/systemd/system/*.service; do
  [ ! -L "$unit" ] || continue
  # Where the programs will be nothing is yet.
  sed -i "s|/usr/local/bin/\([a-z]*\)|$KEYHSM_BIN_DIR/\1|" "$unit"
done
for name in keyhsmd keytrusteed; do
  unit=$WORK/root/usr/local/lib/systemd/system/$name.service
  check "$name: systemd-analyze verify" systemd-analyze verify --man=no "$unit"
  systemd-analyze verify --man=no "$unit" >"$WORK/said" 2>&1 || true
  check_eq "$name: with nothing to say" "$(cat "$WORK/said")" ""
  check "$name: at most 1.5" systemd-analyze security --offline=yes --threshold=15 "$unit"
  systemd-analyze security --offline=yes "$unit" | tail -n 1
  check_has "$name: it has a user" "$unit" "User=key"
  check_has "$name: a watchdog looks at it" "$unit" "WatchdogSec="
done
check_has "the PIN is a credential" "$WORK/root/usr/local/lib/systemd/system/keyhsmd.service" "LoadCredential=pin:"
check_lacks "of keyhsmd alone" "$WORK/root/usr/local/lib/systemd/system/keytrusteed.service" "pin"

# The declarations make what the units and the packages take for granted.
systemd-sysusers --root="$WORK/root" "$WORK"/root/usr/local/lib/sysusers.d/*.conf
check_eq "two users" "$(cut -d: -f1 "$WORK/root/etc/passwd" | sort | paste -sd ' ')" "keyhsm keytrustee"
systemd-tmpfiles --root="$WORK/root" --create "$WORK"/root/usr/local/lib/tmpfiles.d/*.conf
check_eq "closed state directories" "$(stat -c %a "$WORK/root/var/lib/keyhsm" "$WORK/root/var/lib/keytrustee" | paste -sd ' ')" "700 700"
check_eq "of their users" "$(stat -c %u "$WORK/root/var/lib/keyhsm")" "$(sed -n 's/^keyhsm:[^:]*:\([0-9]*\):.*/\1/p' "$WORK/root/etc/passwd")"
finish
