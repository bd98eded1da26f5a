# shellcheck shell=bash
# A fresh token of each PKCS#11 module that Debian has, for one test. The daemons that some modules need, and the places
# of the file system where they look, are this test's own: it runs in namespaces, as integration/host.sh does, so that
# tests run side by side and all that was started ends with the script.
#
#   . lib.sh
#   module_enter "$0" "$@"   first of all: runs the script again, inside
#   module_up KIND DIR       softhsm, opencryptoki, nss, tpm2 or p11kit; DIR is made, and holds the token
#
# module_up sets MODULE (the shared object), MODULE_LABEL, MODULE_PIN_FILE, and MODULE_LINES: lines of [backend.pkcs11] that
# the module needs. What it needs in the environment is exported.
export MODULE MODULE_LABEL MODULE_PIN_FILE
MODULE_LINES=()
MODULE_DIR=/usr/lib/$(uname -m)-linux-gnu
MODULE_KINDS=(softhsm opencryptoki nss tpm2 p11kit)

# Root makes namespaces; anybody else has a user namespace first, and is root in it.
module_enter() {
  local namespaces=(--mount --ipc --net --pid --fork --kill-child --mount-proc) user
  if [ "${MODULE_INSIDE:-}" = yes ] && [ $$ = 1 ]; then
    unset MODULE_INSIDE
    # A first process hears no signal that it has no trap for.
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    ip link set lo up
    # An address that is not a loopback one, or the resolver thinks that there is no IPv4.
    ip address add 192.0.2.1/24 dev lo
    # In memory, and gone with the namespace.
    mount -t tmpfs -o mode=1777 tmpfs /dev/shm
    export TMPDIR=/dev/shm
    return 0
  fi
  user=$(id -u)
  [ "$user" = 0 ] || namespaces+=(--map-root-user)
  unshare "${namespaces[@]}" true ||
    module_die "${1##*/} needs namespaces (unshare ${namespaces[*]}): run it as root, or allow user namespaces"
  MODULE_INSIDE=yes exec unshare "${namespaces[@]}" bash "$@"
}

module_die() { echo "FATAL: $*" >&2; exit 1; }

# module_wait TEXT COMMAND...: asks again until it succeeds; 30 seconds at most.
module_wait() {
  local text=$1 until=$((SECONDS + 30)); shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$until" ] || module_die "waited in vain for $text"
    read -rt 0.05 <> <(:) || true
  done
}

module_up() {
  local kind=$1 dir=$2
  mkdir -p "$dir"
  MODULE_LABEL=lab
  MODULE_PIN_FILE=$dir/pin
  MODULE_LINES=()
  case " ${MODULE_KINDS[*]} " in
    *" $kind "*) "module_$kind" "$dir" ;;
    *) module_die "no kind of module '$kind': ${MODULE_KINDS[*]}" ;;
  esac
  [ -e "$MODULE" ] || module_die "$MODULE is missing: scripts/install-deps"
}

module_pin() { (umask 077; printf '%s\n' "$1" >"$MODULE_PIN_FILE"); }

module_softhsm() {
  local dir=$1
  MODULE=${SOFTHSM2_MODULE:-/usr/lib/softhsm/libsofthsm2.so}
  module_pin 1234
  mkdir -p "$dir/tokens"
  printf 'directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n' "$dir" >"$dir/softhsm2.conf"
  export SOFTHSM2_CONF=$dir/softhsm2.conf
  softhsm2-util --init-token --free --label lab --pin 1234 --so-pin 12345678 >"$dir/init.log" 2>&1 ||
    module_die "softhsm2-util: $(cat "$dir/init.log")"
  MODULE_LINES=("softhsm2_conf = $SOFTHSM2_CONF")
}

# The SoftHSM token of another process, behind a socket.
module_p11kit() {
  local dir=$1 real
  module_softhsm "$dir"
  real=$MODULE
  MODULE=$MODULE_DIR/pkcs11/p11-kit-client.so
  MODULE_LINES=()
  module_p11kit_serve "$dir" "$real"
  unset SOFTHSM2_CONF
  export P11_KIT_SERVER_ADDRESS=unix:path=$dir/socket
}

# module_p11kit_serve DIR MODULE: starts the server; MODULE_SERVER is its process.
module_p11kit_serve() {
  SOFTHSM2_CONF=$1/softhsm2.conf p11-kit server -f -n "$1/socket" --provider "$2" "pkcs11:" >"$1/server.log" 2>&1 &
  MODULE_SERVER=$!
  module_wait "p11-kit server" test -S "$1/socket"
}

# pkcsslotd is one on a machine: its directories are covered by empty ones, which belong to this test.
module_opencryptoki() {
  local dir=$1 place state=/var/lib/opencryptoki/swtok
  MODULE=$MODULE_DIR/pkcs11/libopencryptoki.so
  module_pin 87651234
  for place in /etc/opencryptoki /var/lib/opencryptoki /run; do
    mount -t tmpfs tmpfs "$place" || module_die "$place: is opencryptoki installed? scripts/install-deps"
  done
  mkdir -p /run/lock /run/opencryptoki "$state/TOK_OBJ" /var/lock/opencryptoki/swtok
  chgrp -R pkcs11 /run/opencryptoki /var/lib/opencryptoki /var/lock/opencryptoki
  chmod -R 770 /run/opencryptoki /var/lib/opencryptoki /var/lock/opencryptoki
  printf 'version opencryptoki-3.1\nslot 3\n{\nstdll = libpkcs11_sw.so\n}\n' >/etc/opencryptoki/opencryptoki.conf
  pkcsslotd >"$dir/pkcsslotd.log" 2>&1 || module_die "pkcsslotd: $(cat "$dir/pkcsslotd.log")"
  module_wait pkcsslotd pkcsconf -t
  # 87654321 is the security officer's PIN of a fresh token.
  {
    echo lab | pkcsconf -I -c 3 -S 87654321
    pkcsconf -P -c 3 -S 87654321 -n 76543210
    pkcsconf -u -c 3 -S 76543210 -n 12345678
    pkcsconf -p -c 3 -U 12345678 -n 87651234
  } >"$dir/init.log" 2>&1 || module_die "pkcsconf: $(cat "$dir/init.log")"
}

# With one iteration instead of 10000 for each attribute of a key that is used.
module_nss() {
  local dir=$1
  MODULE=$MODULE_DIR/libsoftokn3.so
  MODULE_LABEL="NSS Certificate DB"
  module_pin nsspin12
  export NSS_MIN_MP_PBE_ITERATION_COUNT=1 NSS_MAX_MP_PBE_ITERATION_COUNT=1
  mkdir -p "$dir/db"
  certutil -N -d "sql:$dir/db" -f "$MODULE_PIN_FILE" >"$dir/init.log" 2>&1 || module_die "certutil: $(cat "$dir/init.log")"
  MODULE_LINES=("init_args = configdir='sql:$dir/db' certPrefix='' keyPrefix='' secmod='secmod.db' flags=")
}

# A TPM in software, and the resource manager that lets more than one key be in it at a time.
module_tpm2() {
  local dir=$1 port=2321
  MODULE=$MODULE_DIR/pkcs11/libtpm2_pkcs11.so
  module_pin 1234
  mkdir -p "$dir/state" "$dir/store"
  swtpm_setup --tpm2 --tpmstate "$dir/state" --overwrite >"$dir/setup.log" 2>&1 ||
    module_die "swtpm_setup: $(cat "$dir/setup.log")"
  swtpm socket --tpm2 --tpmstate dir="$dir/state" --ctrl type=tcp,port=$((port + 1)) --server type=tcp,port=$port \
    --flags not-need-init,startup-clear --daemon || module_die "swtpm does not start"
  export DBUS_SESSION_BUS_ADDRESS=unix:path=$dir/bus
  dbus-daemon --session --fork --address="$DBUS_SESSION_BUS_ADDRESS" >"$dir/dbus.log" 2>&1 ||
    module_die "dbus-daemon: $(cat "$dir/dbus.log")"
  tpm2-abrmd --session --allow-root --max-transients=100 --tcti=swtpm:host=127.0.0.1,port=$port >"$dir/abrmd.log" 2>&1 &
  export TPM2_PKCS11_TCTI=tabrmd:bus_type=session TPM2_PKCS11_STORE=$dir/store TSS2_LOG=all+NONE TPM2_PKCS11_LOG_LEVEL=0
  module_wait tpm2-abrmd module_tpm2_init "$dir"
  pkcs11-tool --module "$MODULE" --token-label lab --login --login-type so --so-pin 12345678 --init-pin --pin 1234 \
    >"$dir/init.log" 2>&1 || module_die "pkcs11-tool --init-pin: $(cat "$dir/init.log")"
}
module_tpm2_init() {
  pkcs11-tool --module "$MODULE" --slot-index 0 --init-token --label lab --so-pin 12345678 >"$1/init.log" 2>&1
}
