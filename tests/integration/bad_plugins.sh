#!/bin/bash
# Files that are no plugins, or not to be trusted: the daemon does not start, the tools do nothing, and each says what is
# wrong with which file. The same fault, found by each program that would load it.
source "$(dirname "$0")/lib.sh"

mocks=$KEYHSM_MOCK_DIR
make_pki
head -c 20 /dev/urandom >"$WORK/some"

# fresh: a plugin directory with the good plugin `single` and what ktmigrate leaves
fresh() {
  rm -rf "$WORK/plugins" "$WORK/elsewhere"
  mkdir -m 755 "$WORK/plugins" "$WORK/elsewhere"
  install -m 755 "$mocks/single.so" "$KEYHSM_PLUGIN_DIR/softfile.so" "$WORK/plugins"
  dir=$WORK/plugins
}
# refused TEXT NAME WORDS: by each program, before it does anything else
refused() {
  local text=$1 name=$2 words=$3 status
  write_ini "[backend.$name]" "[backend.softfile]" "directory = $WORK/store"
  for command in "keyhsmd --backend=$name" "keyhsmd --check-config --backend=$name" "ktmigrate --yes --from softfile --to $name" \
    "ktadmin deposit list --backend $name"; do
    status=0
    # shellcheck disable=SC2086
    (cd "$WORK" && timeout 20 "$KEYHSM_BIN_DIR/"$command --config "$WORK/keyhsm.ini" --plugin-dir "$dir") >"$WORK/told" 2>&1 </dev/null || status=$?
    case $status in
    1 | 2 | 7) ok "$text: $command" ;;
    *) not_ok "$text: $command" "status $status" ;;
    esac
    check_has "it says why" "$WORK/told" "$words"
  done
  check_fails "$text: keyhsm backend show" "$KEYHSM_BIN_DIR/keyhsm" backend show "$name" --plugin-dir "$dir"
  check_fails "no store was made" test -e "$WORK/store"
}

fresh
check "the good one is loaded" "$KEYHSM_BIN_DIR/keyhsm" backend show single --plugin-dir "$dir"

chmod o+w "$dir"
refused "a directory that the world can write" single "$dir: mode 0757 lets others write it"
fresh; chmod o+w "$dir/single.so"
refused "a file that the world can write" single "single.so: mode 0757 lets others write it"
fresh; mv "$dir/single.so" "$WORK/elsewhere/"; ln -s "$WORK/elsewhere/single.so" "$dir/single.so"
refused "a link out of the directory" single "not a regular file but a symbolic link"
fresh; mv "$dir/single.so" "$dir/other.so"; ln -s other.so "$dir/single.so"
refused "a link within it" single "not a regular file but a symbolic link"
fresh; dir=plugins
refused "a relative path" single "'plugins': the plugin directory must be an absolute path"
fresh; dir=$WORK/plugins/../plugins/nothing
refused "a directory that is not there" single "the plugin directory cannot be used"
# Run by an ordinary user, root's file is somebody else's and is allowed: then there is nobody to belong to.
if [ "$(id -u)" = 0 ]; then
  fresh; chown nobody "$dir/single.so"
  refused "a file of somebody else" single "single.so: belongs to user $(id -u nobody)"
  fresh; chown nobody "$dir"
  refused "a directory of somebody else" single "$dir: belongs to user $(id -u nobody)"
fi
fresh; cp "$KEYHSM_SOURCE_DIR/README.md" "$dir/text.so"; chmod 644 "$dir/text.so"
refused "a text" text "text.so: the plugin cannot be loaded"
fresh; : >"$dir/empty.so"; chmod 644 "$dir/empty.so"
refused "nothing" empty "empty.so: the plugin cannot be loaded"
fresh; head -c 2000 "$mocks/single.so" >"$dir/half.so"; chmod 755 "$dir/half.so"
refused "half a file" half "half.so: the plugin cannot be loaded: the file is cut off (2000 bytes)"
# The same file with another machine in its header: AArch64's number.
fresh; install -m 755 "$mocks/single.so" "$dir/foreign.so"
printf '\267\000' | dd of="$dir/foreign.so" bs=1 seek=18 conv=notrunc status=none
refused "an object of another machine" foreign "foreign.so: the plugin cannot be loaded"
fresh; install -m 755 "$mocks/single.so" "$dir/twin.so"
refused "the same plugin by another name" twin "twin.so: the plugin calls itself 'single', not 'twin'"

# What is in the file is looked at before anything of it is called.
fresh; install -m 755 "$mocks"/{no_symbol,wrong_abi,wrong_size,newer,no_method,no_fingerprint,missing_library,bad_option}.so "$dir"
refused "no table" no_symbol "the symbol 'kh_plugin' is missing"
refused "another ABI" wrong_abi "built for plugin ABI 2, this program has 1"
refused "a table too short" wrong_size "which no version had"
refused "a plugin newer than the program" newer "built against a newer version of keyhsm"
refused "a method is missing" no_method "no method 'stat'"
refused "a digest is missing" no_fingerprint "no method 'fingerprint'"
refused "a library is missing" missing_library "the plugin cannot be loaded"
refused "a default that is none" bad_option "'plenty' is not a size"

# One that is older than the program works as far as it goes.
fresh; install -m 755 "$mocks/older.so" "$dir"
check "an older plugin is taken" "$KEYHSM_BIN_DIR/keyhsm" backend show older --plugin-dir "$dir"

# A constructor that aborts takes along who loads it: the tool that looks in a process of its own says so.
fresh; install -m 755 "$mocks/aborts.so" "$dir"
check_fails "list goes on behind one that aborts" "$KEYHSM_BIN_DIR/keyhsm" backend list --plugin-dir "$dir"
check_has "and names it" "$WORK/check.out" "aborts.so: the plugin crashes when it is loaded (Aborted)"
check_has "the others are listed" "$WORK/check.out" "softfile"
finish
