# The packages in a clean Debian 12: installed, given a vendor's plugin, set up, integrated, upgraded while they serve,
# removed, installed again and purged. What happens there is in vendor.sh and scenario.sh; this makes the host, by
# namespaces, and lets go of it. Needs root.
source "$(dirname "$0")/../integration/lib.sh"
: "${KEYHSM_LAB_DIR:?}"
source "$KEYHSM_SOURCE_DIR/tests/packages/debian.sh"

# Two steps: with the network of this machine to fetch what the packages need, and then on a network of its own.
inside() {
  debian_enter "$WORK/lab" "$KEYHSM_LAB_DIR/this" "$KEYHSM_LAB_DIR/next" "$KEYHSM_SOURCE_DIR/tests" \
    "$KEYHSM_SOURCE_DIR/scripts/quickstart.d/deposits.sh"
  local run=(env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 KEYHSM_VERSION="$KEYHSM_VERSION"
    KEYHSM_BIN_DIR=/usr/bin KEYHSM_PLUGIN_DIR=/usr/lib/x KEYHSM_SOURCE_DIR=/lab chroot "$WORK/lab/root" bash)
  "${run[@]}" /lab/tests/packages/install.sh
  "${run[@]}" /lab/tests/packages/vendor.sh
  unshare --net --pid --fork --kill-child bash -c 'ip link set lo up; ip address add 192.0.2.1/24 dev lo; exec "$@"' - \
    "${run[@]}" -c 'mount -t proc none /proc; bash /lab/tests/packages/scenario.sh'
}

if [ "${1:-}" = inside ]; then
  WORK=$2
  trap - EXIT
  inside
  exit 0
fi
[ "$(id -u)" = 0 ] || die "it needs root, for debootstrap and chroot"
debian_make
mkdir "$WORK/lab"
unshare --mount --uts bash "$0" inside "$WORK"
