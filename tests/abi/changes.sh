#!/bin/bash
# scripts/abi/check finds what breaks a plugin that was built before, and lets pass what does not: a copy of the
# public headers, one change after the other, against the headers as they are.
source "$(dirname "$0")/../integration/lib.sh"
abi=$KEYHSM_SOURCE_DIR/scripts/abi

"$abi/dump" >"$WORK/before.abi"
check "the same headers pass" "$abi/check" "$KEYHSM_SOURCE_DIR/include" "$WORK/before.abi"

# changed FILE SED: a copy of the headers with one change.
changed() {
  rm -rf "$WORK/include"
  cp -r "$KEYHSM_SOURCE_DIR/include" "$WORK/include"
  sed -E -z -i "$2" "$WORK/include/keyhsm/$1"
  ! cmp -s "$KEYHSM_SOURCE_DIR/include/keyhsm/$1" "$WORK/include/keyhsm/$1" || die "the change '$2' changes nothing"
}
# breaks TEXT WORDS FILE SED: with it the check fails and says WORDS.
breaks() {
  changed "$3" "$4"
  check_fails "$1" "$abi/check" "$WORK/include" "$WORK/before.abi"
  check_has "$1: it says how" "$WORK/check.out" "$2"
  check_has "$1: and what to do" "$WORK/check.out" "count up KH_PLUGIN_ABI"
}
# passes TEXT FILE SED
passes() {
  changed "$2" "$3"
  check "$1" "$abi/check" "$WORK/include" "$WORK/before.abi"
}

end_of_plugin='s/(\n\};\n\n\/\* The one symbol)/\n    void (*later)(void *ctx);\1/'
end_of_host='s/(request_id\)\(const struct kh_host \*host\);)/\1\n    void (*later)(void);/'
breaks "a member is moved" "version" plugin.h \
  's/(    const char \*version;[^\n]*\n)(    const char \*description;[^\n]*\n)/\2\1/'
breaks "a method is moved" "probe" plugin.h 's/\(\*probe\)\(/(*XXX)(/; s/\(\*check\)\(void/(*probe)(void/; s/XXX/check/'
breaks "a member is removed" "option_bool" plugin.h 's/    bool \(\*option_bool\)[^\n]*\n//'
breaks "a member is added in the middle" "later" plugin.h 's/(    size_t option_count;)/    void *later;\n\1/'
breaks "a member has another type" "max_keys" plugin.h 's/uint64_t (max_keys;)/int64_t \1/'
breaks "a parameter has another type" "kh_put_mode" plugin.h 's/kh_put_mode mode, struct/uint64_t mode, struct/'
breaks "a method of the catalog is removed" "row_free" catalog.h 's/    void \(\*row_free\)[^;]*;//'
breaks "what is returned in arrays grows" "kh_item" types.h 's/(struct kh_item \{[^}]*)\}/\1    int later;\n}/'
breaks "a status comes between" "KH_LATER" types.h 's/KH_BUSY,/KH_LATER, KH_BUSY,/'
breaks "an option's type comes between" "KH_OPT_LATER" plugin.h 's/(    KH_OPT_BOOL,)/    KH_OPT_LATER,\n\1/'
breaks "a capability has another value" "cap_seal" plugin.h 's/KH_CAP_SEAL = 1u << 4/KH_CAP_SEAL = 1u << 9/'
breaks "a limit is another" "attr_value_max" types.h 's/KH_ATTR_VALUE_MAX 4096/KH_ATTR_VALUE_MAX 8192/'
breaks "one is moved while one is added at the end" "version" plugin.h \
  "s/(    const char \*version;[^\n]*\n)(    const char \*description;[^\n]*\n)/\2\1/; $end_of_plugin"

passes "a method is added at the end" plugin.h "$end_of_plugin"
passes "a service is added at the end" plugin.h "$end_of_host"
passes "a method of the catalog is added at the end" catalog.h 's/(\n\};\n\n#endif)/\n    void (*later)(void);\1/'
passes "a comment" plugin.h 's/one line, lower case, no full stop/a line/'
passes "a declaration of its own" types.h 's/(\n#endif\n)$/\nstruct kh_later {\n    int a;\n};\n\1/'
finish
