# shellcheck shell=bash
# A vendor's plugin is dropped in: a shared object in the plugin directory, a section in the INI file, nothing rebuilt.
# Deposits go from the legacy store to it and from it to a token; after each step another process reads them all.
# Sourced by tests that say how a plugin is built from what libkeyhsm-dev installs.
#
#   acme_story EXAMPLE PLUGIN_DIR COMPILE...
#
# EXAMPLE: the template as it is installed. COMPILE SOURCE OUTPUT [FLAG]... makes the file.

# acme_source EXAMPLE: a copy of the template with the vendor's name, and his device in place of its table
acme_source() {
  mkdir -p "$WORK/acme"
  sed 's/example/acme/g; /^const struct kh_plugin kh_plugin/,$d' "$1/example.c" >"$WORK/acme/methods.c"
  cp "$KEYHSM_SOURCE_DIR/tests/packages/acme/acme.c" "$WORK/acme/"
}

# acme_ini: a configuration of the legacy store and a token
acme_ini() {
  use_backend pkcs11
  mkdir -m 700 "$WORK/place"
  write_ini "${BACKEND_LINES[@]}" "[backend.softfile]" "directory = $WORK/store"
}

acme_tool() { # PROGRAM ARGUMENT...: STATUS, standard output in out, error in err
  local program=$1; shift
  STATUS=0
  "$KEYHSM_BIN_DIR/$program" "$@" --config "$WORK/keyhsm.ini" --plugin-dir "$acme_dir" >"$WORK/out" 2>"$WORK/err" || STATUS=$?
}
acme_does() { # TEXT STATUS PROGRAM ARGUMENT...
  local text=$1 wanted=$2; shift 2
  acme_tool "$@"
  if [ "$STATUS" = "$wanted" ]; then ok "$text"; else not_ok "$text" "status $STATUS: $(tail -n 3 "$WORK/err")"; fi
}

acme_deposits() { # what each kind of a program stores; put into the legacy store
  local name
  acme_does "a legacy store" 0 ktadmin init --confdir "$WORK/store"
  mkdir -p "$WORK/want"
  head -c 32 /dev/urandom >"$WORK/want/key.0"
  head -c 32 /dev/urandom >"$WORK/want/key.1"
  head -c 65536 /dev/urandom >"$WORK/want/large.0"
  printf 'a\0b\n' >"$WORK/want/nul.0"
  : >"$WORK/want/empty.0"
  for name in key large nul empty; do
    acme_tool ktadmin deposit put --backend softfile "$name" "$WORK/want/$name.0" -a "cipher=AES/CTR" -a "for=$name"
    [ "$STATUS" = 0 ] || die "put $name: $(cat "$WORK/err")"
  done
  acme_tool ktadmin deposit roll --backend softfile key "$WORK/want/key.1"
}

acme_equal() { # BACKEND: every version, its bytes and attributes, read by a process of its own
  local file name
  for file in "$WORK"/want/*; do
    name=${file##*/}
    acme_tool ktadmin deposit get --backend "$1" "${name%.*}" --version "${name##*.}"
    check "$name is equal in $1" cmp "$file" "$WORK/out"
  done
  acme_tool ktadmin deposit show --backend "$1" large --json
  check_has "attributes, too" "$WORK/out" '"for": "large"'
}

acme_install() { # COMPILE... [FLAG]: built, and put where plugins are
  "${acme_compile[@]}" "$WORK/acme/acme.c" "$WORK/acme/acme.so" "$@" >"$WORK/acme.log" 2>&1 ||
    not_ok "acme is built" "$(tail -n 5 "$WORK/acme.log")"
  install -m 755 "$WORK/acme/acme.so" "$acme_dir/acme.so"
}

acme_story() {
  local example=$1 acme_dir=$2 acme_compile=("${@:3}") suite=()
  acme_source "$example"
  make_pki
  acme_ini
  acme_deposits

  printf '[backend.acme]\ndirectory = %s\n' "$WORK/place" >>"$WORK/keyhsm.ini"
  acme_does "without the plugin" 2 ktmigrate --from softfile --to acme --yes --state-dir "$WORK/moves"
  check_has "its file is missed" "$WORK/err" "acme.so"
  acme_install
  check_eq "it exports its table alone" "$(nm -D --defined-only "$acme_dir/acme.so" | awk '$2 != "A" { print $3 }')" \
    kh_plugin@@KEYHSM_PLUGIN_1

  # Each tool knows it, and its options.
  check "backend list" "$KEYHSM_BIN_DIR/keyhsm" backend list --plugin-dir "$acme_dir"
  check_has "it is in the list" "$WORK/check.out" "the Acme device"
  check "backend show" "$KEYHSM_BIN_DIR/keyhsm" backend show --plugin-dir "$acme_dir" acme
  check_has "with its options" "$WORK/check.out" "where the device keeps its file"
  check_has "it may be entered" "$WORK/check.out" "migrations     to it: yes; from it: no"
  acme_does "keyhsm settings" 0 keyhsm settings --backend acme
  check_has "they are its" "$WORK/out" "$WORK/place"
  acme_does "a daemon's check of them" 0 keyhsmd --backend=acme --check-config
  sed 's/^directory = .*place/&\ndirektory = x/' "$WORK/keyhsm.ini" >"$WORK/wrong.ini"
  check_fails "an option that it has not" "$KEYHSM_BIN_DIR/keyhsmd" --backend=acme --check-config --plugin-dir "$acme_dir" \
    --config "$WORK/wrong.ini"
  check_has "is named" "$WORK/check.out" direktory
  [ ! -x "$KEYHSM_BIN_DIR/keyhsm-conformance" ] || suite=(--suite "$KEYHSM_BIN_DIR/keyhsm-conformance")
  mkdir -m 700 "$WORK/trial"
  check "it keeps the contract" "$KEYHSM_BIN_DIR/keyhsm" backend check "${suite[@]}" "$acme_dir/acme.so" --set "directory=$WORK/trial"

  acme_does "softfile to acme" 0 ktmigrate --from softfile --to acme --yes --state-dir "$WORK/moves"
  check_has "it says so" "$WORK/out" "Migration Complete!"
  acme_equal acme
  acme_does "the legacy store is sealed" 7 ktadmin deposit get --backend softfile key

  # The same deposits, by the daemon.
  PLUGINS=$acme_dir start_daemon --backend=acme
  api_is "keyhsmd serves it" 200 GET "/v1/deposits/large" -H "Accept: application/octet-stream"
  check "byte for byte" cmp "$WORK/body" "$WORK/want/large.0"
  printf 'by the daemon' >"$WORK/want/later.0"
  api_is "and stores there" 201 PUT "/v1/deposits/later" -H "Content-Type: application/octet-stream" --data-binary "@$WORK/want/later.0"
  acme_does "who comes meanwhile is told" 7 ktadmin deposit get --backend acme key
  stop_daemon
  acme_equal acme

  # Keys do not leave hardware. What the vendor sold before may be left.
  acme_does "there is no way out of a device" 1 ktmigrate --from acme --to pkcs11 --yes --state-dir "$WORK/moves"
  check_has "which is said" "$WORK/err" "there is no way back from 'acme'"
  acme_install -DACME_LEAVES
  acme_does "acme to pkcs11" 0 ktmigrate --from acme --to pkcs11 --yes --state-dir "$WORK/moves"
  check_has "it says so" "$WORK/out" "Migration Complete!"
  acme_equal pkcs11
  acme_does "acme is sealed" 7 ktadmin deposit get --backend acme key
  check_has "and says where they are" "$WORK/err" "the deposits are in pkcs11"
  acme_does "once more" 0 ktmigrate --from acme --to pkcs11 --yes --state-dir "$WORK/moves"
  acme_equal pkcs11
}
