#!/bin/bash
# ktadmin keyhsm with a full disk: under the pin, keytrustee.ini, scratch files, and keyhsmd's catalog. It stops and says
# so, loses nothing, and the same command completes once there is room.
#
# Each place is a small file system of its own, so this runs in a mount namespace.
if [ -z "${KEYHSM_INSIDE:-}" ]; then
  as_root=()
  [ "$(id -u)" = 0 ] || as_root=(--map-root-user)
  KEYHSM_INSIDE=1 exec unshare --mount "${as_root[@]}" bash "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/keyhsm_lab.sh"
unmount() { awk -v at="$WORK/" 'index($2, at) == 1 { print $2 }' /proc/mounts | xargs -r umount -l; }
trap 'status=$?; unmount; (exit "$status"); cleanup' EXIT
# small DIRECTORY: an empty file system of its own
small() { mkdir -p "$1"; mount -t tmpfs -o size=4M,mode=700 tmpfs "$1" || die "no file system"; }
# fill DIRECTORY [BYTES]: no more than that is free
fill() {
  head -c 1G /dev/zero >"$1/filler" 2>"$WORK/check.out" || true
  [ -z "${2:-}" ] || truncate -s "-$2" "$1/filler"
}
empty() { rm "$1/filler"; }
mkdir "$WORK/state"
small "$WORK/state"
start_keyhsmd
# stopped TEXT STATUS WORDS: the store is intact and still the backend
stopped() {
  kth_is "$1" "$2" --trust --yes </dev/null
  says "$1: it says so" "$3"
  check_fails "$1: the store is not sealed" sealed
  backend_is "$1: the backend is as before" ""
}
goes_on() { # TEXT NAME...
  local text=$1; shift
  kth_is "$text: with room the same command goes on" 0 --trust --yes </dev/null
  backend_is "$text: the backend is keyhsm" keyhsm
  behind_hsm "$text: the deposits are behind the HSM" "$@"
}

echo "# the pin"
use_store pinned
put pinned-1
mv "$STORE/.ssl" "$WORK/kept"
small "$STORE/.ssl"
cp "$WORK"/kept/* "$STORE/.ssl/"
echo 1234567 >"$STORE/.ssl/keyhsm.lock" # it has its block already
fill "$STORE/.ssl"
stopped "a full disk under the pin" 1 "ssl-cert-keyhsm.pem: cannot write: No space left"
check_fails "no half of a pin is left" compgen -G "$STORE/.ssl/.tmp*"
check_eq "nothing was moved" "$(moved_count)" 0
empty "$STORE/.ssl"
goes_on "the pin" pinned-1

echo "# scratch files"
use_store scratch
put scratch-1
small "$WORK/scratchdir"
fill "$WORK/scratchdir"
TMPDIR=$WORK/scratchdir stopped "a full disk under scratch files" 5 "No space left"
check_eq "none is left" "$(ls -A "$WORK/scratchdir")" filler
TMPDIR=$WORK/absent stopped "no directory for them" 5 "$WORK/absent"
goes_on "scratch files" scratch-1

echo "# keytrustee.ini"
use_store config
put config-1
small "$WORK/config/etc"
mv "$INI" "$WORK/config/etc/"
INI=$WORK/config/etc/keytrustee.ini
cp "$INI" "$WORK/before.ini"
fill "$WORK/config/etc"
kth_is "a full disk under the configuration" 1 --trust --yes </dev/null
says "is said" "No space left"
says "with what is done already, and what is not" "the deposits are on the HSM, but $INI does not say so yet"
check "the store is sealed" sealed
check "the configuration is what it was" cmp "$INI" "$WORK/before.ini"
behind_hsm "the deposit is behind the HSM" config-1
check_eq "no half of a file is left" "$(ls "$WORK/config/etc")" "$(printf 'filler\nkeytrustee.ini')"
empty "$WORK/config/etc"
kth_is "with room the same command finishes it" 0 --trust --yes </dev/null
backend_is "the backend is keyhsm" keyhsm

echo "# the catalog of keyhsmd"
use_store far
NAMES=(); for ((i = 1; i <= 60; i++)); do NAMES+=("far-$i"); done
put "${NAMES[@]}"
fill "$WORK/state" 65536
stopped "a full disk under keyhsmd" 3 "finding: room"
empty "$WORK/state"
start_kth --trust
wait_for "the question" asks
fill "$WORK/state" 65536
echo y >&7
end_kth
check_eq "one that fills up on the way" "$STATUS" 5
check_has "is said so" "$WORK/run.err" "full"
check_fails "the store is not sealed" sealed
backend_is "the backend is as before" ""
empty "$WORK/state"
kill -0 "$PID" 2>"$WORK/check.out" || restart_keyhsmd
goes_on "the catalog" "${NAMES[@]}"
finish
