#!/bin/bash
# A disk that is full, at each place a migration writes to: the token, the catalog, the journal, the store that is to
# be sealed. The migration stops and says so, loses nothing, and completes once there is room.
#
# Each place is a small file system of its own, so this runs in a mount namespace.
if [ -z "${KEYHSM_INSIDE:-}" ]; then
  as_root=()
  [ "$(id -u)" = 0 ] || as_root=(--map-root-user)
  KEYHSM_INSIDE=1 exec unshare --mount "${as_root[@]}" bash "$0" "$@"
fi
source "$(dirname "$0")/lib.sh"
unmount() { awk -v at="$WORK/" 'index($2, at) == 1 { print $2 }' /proc/mounts | xargs -r umount; }
trap 'status=$?; unmount; (exit "$status"); cleanup' EXIT
DEPOSITS=40

tool() { local name=$1; shift; "$KEYHSM_BIN_DIR/$name" "$@" --plugin-dir "$KEYHSM_PLUGIN_DIR" --config "$WORK/keyhsm.ini"; }
# scene PLACE SIZE: a new store, token, catalog and journal; the one at PLACE is on a file system of SIZE
scene() {
  unmount
  rm -rf "$WORK/store" "$WORK/tokens" "$WORK/catalog" "$WORK/state"
  mkdir -m 700 "$WORK/store" "$WORK/tokens" "$WORK/catalog" "$WORK/state"
  mount -t tmpfs -o "size=$2,mode=700" tmpfs "$WORK/$1" || die "no file system"
  make_token
  cat >"$WORK/keyhsm.ini" <<INI
[memory]
lock = preferred
[backend.softfile]
directory = $WORK/store
[backend.pkcs11]
module = $SOFTHSM2_MODULE
softhsm2_conf = $WORK/softhsm2.conf
token_label = lab
pin_source = file:$WORK/pin
state_dir = $WORK/catalog
INI
  tool ktadmin init --confdir "$WORK/store" >/dev/null 2>"$WORK/err" || die "ktadmin init: $(cat "$WORK/err")"
  for ((i = 0; i < DEPOSITS; i++)); do
    head -c 2000 /dev/urandom >"$WORK/want.$i"
    tool ktadmin deposit put "key-$i" "$WORK/want.$i" --backend softfile >/dev/null 2>"$WORK/err" || die "put: $(cat "$WORK/err")"
  done
}
# leave PLACE BYTES: no more than that is free
leave() {
  head -c 1G /dev/zero >"$WORK/$1/filler" 2>/dev/null || true
  truncate -s "-$2" "$WORK/$1/filler"
}
migrate() {
  STATUS=0
  tool ktmigrate --from softfile --to pkcs11 --state-dir "$WORK/state" --yes >"$WORK/out" 2>"$WORK/err" </dev/null ||
    STATUS=$?
}
# equal TEXT BACKEND: every deposit reads as it was put
equal() {
  local i
  for ((i = 0; i < DEPOSITS; i++)); do
    tool ktadmin deposit get "key-$i" --backend "$2" --output - >"$WORK/got" 2>"$WORK/get.err" </dev/null ||
      { not_ok "$1" "key-$i: $(cat "$WORK/get.err")"; return; }
    cmp -s "$WORK/got" "$WORK/want.$i" || { not_ok "$1" "key-$i differs"; return; }
  done
  ok "$1"
}
keys() { pkcs11-tool --module "$SOFTHSM2_MODULE" --token-label lab --login --pin 1234 -O 2>/dev/null | grep -c '^Private Key Object'; }

# full PLACE SIZE FREE TEXT
full() {
  echo "# $4"
  scene "$1" "$2"
  leave "$1" "$3"
  migrate
  check "$4: the migration stops" test "$STATUS" -ne 0
  check "  in words (status $STATUS): $(grep -v '^ *$' "$WORK/err" | tail -n 1 | cut -c 1-160)" test -s "$WORK/err"
  check_lacks "  and says nothing of a complete one" "$WORK/out" "Migration Complete!"
  check_fails "  the store is not sealed" test -e "$WORK/store/seal.json"
  equal "  every deposit is where it was" softfile
  rm "$WORK/$1/filler"
  migrate
  check_eq "  with room again it completes" "$STATUS" 0
  check_has "  and says so" "$WORK/out" "Migration Complete!"
  check "  the store is sealed" test -e "$WORK/store/seal.json"
  equal "  every deposit is behind the token" pkcs11
  check_eq "  one key each, and the identity key" "$(keys)" $((DEPOSITS + 1))
}

full tokens 4M 48K "no room for keys"
full catalog 4M 48K "no room for envelopes"
full state 4M 16K "no room for the journal"
full store 4M 0 "no room for the seal"
finish
