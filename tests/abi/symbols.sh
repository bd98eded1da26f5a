#!/bin/bash
# A plugin exports kh_plugin under the version of the ABI and nothing else, so that two plugins, and the vendors' libraries
# they bring, do not meet; it needs no library of keyhsm. A program exports nothing of its own.
source "$(dirname "$0")/../integration/lib.sh"

# exports FILE: what it defines for others, without the version's own entry
exports() { nm -D --defined-only "$1" | awk '$2 != "A" { print $3 }' | sort | tr '\n' ' '; }

for plugin in "$KEYHSM_PLUGIN_DIR"/{softfile,pkcs11,keyhsm}.so "${KEYHSM_EXAMPLE:?}"; do
  check_eq "${plugin##*/} exports one symbol" "$(exports "$plugin")" "kh_plugin@@KEYHSM_PLUGIN_1 "
  readelf -d "$plugin" | grep NEEDED >"$WORK/needed"
  check_has "${plugin##*/} has a list of what it needs" "$WORK/needed" libc.so.6
  check_lacks "${plugin##*/} needs nothing of keyhsm" "$WORK/needed" keyhsm
  # What is missing when all of that is there would be found at the first call, in a daemon.
  ldd -r "$plugin" >"$WORK/missing" 2>&1
  check_lacks "${plugin##*/} lacks nothing" "$WORK/missing" "undefined symbol"
done
check "there are plugins" [ "$CHECKS" -ge 16 ]
number=$(sed -n 's/#define KH_PLUGIN_ABI \([0-9]*\)U/\1/p' "$KEYHSM_SOURCE_DIR/include/keyhsm/plugin.h")
check_has "the version is the ABI's number" "$KEYHSM_SOURCE_DIR/plugins/plugin.map" "KEYHSM_PLUGIN_$number {"

# The provider that OpenSSL loads: what it looks for, and nothing else.
module=$KEYHSM_BIN_DIR/../provider/ossl-modules/keyhsm.so
check_eq "the loadable provider exports its entry" "$(exports "$module")" "OSSL_provider_init "
ldd -r "$module" >"$WORK/missing" 2>&1
check_lacks "and lacks nothing" "$WORK/missing" "undefined symbol"

# Variables of libc that a program uses are copied into it: those stand there with libc's version.
for program in "$KEYHSM_BIN_DIR"/*; do
  nm -D --defined-only "$program" | awk '{ print $3 }' | grep -v '@GLIBC_' >"$WORK/symbols" || true
  check "${program##*/} exports nothing" [ ! -s "$WORK/symbols" ]
done

# Without the map anything may be seen: the test would find it.
printf '%s\n' '#include <keyhsm/plugin.h>' 'int helper(void);' 'int helper(void) { return 1; }' \
  'const struct kh_plugin kh_plugin = {.abi = KH_PLUGIN_ABI};' >"$WORK/plain.c"
cc -shared -fPIC -I "$KEYHSM_SOURCE_DIR/include" -o "$WORK/plain.so" "$WORK/plain.c"
check_eq "a plugin without it is told apart" "$(exports "$WORK/plain.so")" "helper kh_plugin "
finish
