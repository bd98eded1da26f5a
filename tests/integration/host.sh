# shellcheck shell=bash
# A host of its own, for what an operator does with the paths and the ports as they are printed: /etc, /usr/local,
# /var/lib, /var/log and /run belong to it, and so do processes, network and name. It is made of namespaces, so
# nothing outside is touched, several run side by side, and all its processes end with the script.
#
#   . host.sh
#   host_enter "$0" "$@"     first of all: runs the script again, inside
#   host_make ROOT BUILD     ROOT: a directory for what the host holds; BUILD: the build tree that is installed on it
#
# A script that is inside may look at ROOT/etc and so on as well: what is there stays when the host is gone.

HOST_PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# Root makes namespaces; anybody else has a user namespace first, and is root in it.
host_enter() {
  local namespaces=(--mount --net --uts --pid --fork --kill-child --mount-proc) user
  if [ "${HOST_INSIDE:-}" = yes ] && [ $$ = 1 ]; then
    unset HOST_INSIDE
    # A first process hears no signal that it has no trap for.
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    return 0
  fi
  user=$(id -u)
  [ "$user" = 0 ] || namespaces+=(--map-root-user)
  unshare "${namespaces[@]}" true || {
    echo "FATAL: ${1##*/} needs a host of its own (unshare ${namespaces[*]}): run it as root, or allow user namespaces" >&2
    exit 1
  }
  HOST_INSIDE=yes exec unshare "${namespaces[@]}" bash "$@"
}

# host_links FROM TO: TO is a directory with a link to each thing in FROM
host_links() {
  local entry
  mkdir -p "$2"
  for entry in "$1"/*; do
    ln -s "$entry" "$2/"
  done
}

# host_cover DIR: DIR of the host is a new one, in which everything that was there is a link to what it was.
# What it was cannot be written to.
host_cover() {
  mkdir -p "/run/host$1"
  mount --rbind "$1" "/run/host$1"
  mount -o remount,bind,ro "/run/host$1"
  host_links "/run/host$1" "$HOST_ROOT$1"
  mount --bind "$HOST_ROOT$1" "$1"
}

# What a distribution brings and a container may lack. systemd runs units in its own namespaces, never in this
# one; so systemctl is the one for hosts that have booted without it: it calls what `service` calls.
host_commands() {
  mkdir -p /usr/local/sbin
  cat >/usr/local/sbin/sudo <<SUDO
#!/bin/sh
exec env -i PATH=$HOST_PATH HOME=/root LANG="\$LANG" TERM="\$TERM" SUDO_USER=operator "\$@"
SUDO
  cat >/usr/local/sbin/systemctl <<'SYSTEMCTL'
#!/bin/sh
case $1 in
  start | stop | restart | reload | status) exec service "${2%.service}" "$1" ;;
  *) echo "systemctl: $1: not on this host" >&2; exit 1 ;;
esac
SYSTEMCTL
  chmod 755 /usr/local/sbin/sudo /usr/local/sbin/systemctl
}

host_network() {
  ip link set lo up
  # An address that is not a loopback one, or the resolver thinks that there is no IPv4.
  ip address add 192.0.2.1/24 dev lo
  hostname keyhsm01.example.com
  rm -f /etc/hosts
  printf '127.0.0.1 localhost\n127.0.0.1 keyhsm01.example.com keyhsm01\n127.0.0.1 keytrustee01.example.com keytrustee01\n' \
    >/etc/hosts
}

# host_own DIR: a copy of the machine's DIR in its place. In a user namespace the machine's root is nobody, and a
# module that is nobody's is not loaded.
host_own() {
  mkdir -p "$HOST_ROOT${1%/*}"
  cp -rL "$1" "$HOST_ROOT$1"
  mount --bind "$HOST_ROOT$1" "$1"
}

# host_etc FROM: what was installed to /etc, beside what is there
host_etc() {
  local entry name
  for entry in "$1"/*; do
    name=/etc/${entry##*/}
    if [ -d "$entry" ] && [ -L "$name" ]; then
      rm "$name"
      host_links "/run/host$name" "$name"
    fi
  done
  cp -a "$1/." /etc/
}

host_make() {
  HOST_ROOT=$1
  local tree=$HOST_ROOT/tree
  umask 022
  mkdir -p "$HOST_ROOT/usr" "$HOST_ROOT/var/log"
  DESTDIR=$tree cmake --install "$2" >"$HOST_ROOT/install.log" || { cat "$HOST_ROOT/install.log"; return 1; }
  mv "$tree/usr/local" "$HOST_ROOT/usr/local"
  mount -t tmpfs -o mode=755 none /run
  host_cover /etc
  host_cover /var/lib
  mount --bind "$HOST_ROOT/usr/local" /usr/local
  mount --bind "$HOST_ROOT/var/log" /var/log
  # Nothing of ours is there before, whatever the machine has.
  rm -f /etc/keyhsm /etc/keytrustee /etc/pki /etc/init.d /var/lib/keyhsm /var/lib/keytrustee
  mkdir /etc/init.d
  host_etc "$tree/etc"
  rm -r "$tree"
  host_own /usr/lib/softhsm
  host_network
  host_commands
  export PATH=$HOST_PATH
}
