# shellcheck shell=bash
# A clean Debian 12 in KEYHSM_LAB_DIR, made once from Debian's registry and kept for the next run.
#
#   debian_make           sees to it that it is there, and up to date when it is made
#   debian_run FILE...    runs a script of this folder in a copy of it (an overlay in memory), on a host of its own:
#                         processes, network and name. Files are copied to /lab before, and cached packages come back

DEBIAN_BASE=$KEYHSM_LAB_DIR/debian
DEBIAN_ARCHIVES=$KEYHSM_LAB_DIR/archives
DEBIAN_MIRROR=${KEYHSM_DEBIAN_MIRROR:-http://deb.debian.org/debian}

# What the scenario itself needs; what the packages need comes with them.
DEBIAN_TOOLS=ca-certificates,curl,openssl,procps,sqlite3

debian_make() {
  mkdir -p "$DEBIAN_ARCHIVES"
  [ ! -e "$DEBIAN_BASE/.complete" ] || return 0
  rm -rf "$DEBIAN_BASE"
  debootstrap --variant=minbase --include="$DEBIAN_TOOLS" bookworm "$DEBIAN_BASE" "$DEBIAN_MIRROR" >"$WORK/debootstrap.log" 2>&1
  rm -f "$DEBIAN_BASE"/var/cache/apt/archives/*.deb
  touch "$DEBIAN_BASE/.complete"
}

# Inside: root of namespaces of our own. The overlay is in memory, for that it can be laid over anything.
debian_enter() {
  local lab=$1; shift
  umask 022
  mount --make-rprivate /
  mount -t tmpfs -o mode=755 none "$lab"
  mkdir "$lab/upper" "$lab/work" "$lab/root"
  mount -t overlay -o "lowerdir=$DEBIAN_BASE,upperdir=$lab/upper,workdir=$lab/work" none "$lab/root"
  mount -t proc none "$lab/root/proc"
  mount --rbind /dev "$lab/root/dev"
  mount -t tmpfs -o mode=755 none "$lab/root/run"
  cp /etc/resolv.conf "$lab/root/etc/resolv.conf"
  mkdir "$lab/root/lab"
  cp -r "$@" "$lab/root/lab/"
  mount --bind "$DEBIAN_ARCHIVES" "$lab/root/var/cache/apt/archives"
  cp /etc/apt/apt.conf.d/*proxy* "$lab/root/etc/apt/apt.conf.d/" 2>/dev/null || true
  # What was fetched before is taken from there, and what is fetched stays there.
  chmod 755 "$lab" "$DEBIAN_ARCHIVES"
  mkdir -p "$DEBIAN_ARCHIVES/partial"
  hostname keyhsm01.example.com
  printf '127.0.0.1 localhost\n127.0.0.1 keyhsm01.example.com keyhsm01 keytrustee01.example.com keytrustee01\n' \
    >"$lab/root/etc/hosts"
}
