# libkeyhsm-dev is all that a vendor needs: its example builds with the package's files alone, by pkg-config and by
# CMake, and the daemon's tool takes it. A plugin made of it is dropped in, and takes migrations.
source "$(dirname "$0")/../integration/lib.sh"
source "$KEYHSM_SOURCE_DIR/tests/packages/acme/story.sh"
dpkg-deb -x "$(echo "${KEYHSM_LAB_DIR:?}"/this/libkeyhsm-dev_*.deb)" "$WORK/root"
usr=$WORK/root/usr
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find "$usr" -name keyhsm.pc)")
cp -r "$usr/share/doc/libkeyhsm-dev/examples/backend" "$WORK/source"
mkdir -m 755 "$WORK/plugins"

exports() { nm -D --defined-only "$1" | awk '$2 != "A" { print $3 }'; }

read -ra flags <<<"$(pkg-config --define-variable=prefix="$usr" --cflags --libs keyhsm)"
check "pkg-config" cc -std=c11 -Wall -Werror -shared -fPIC "${flags[@]}" -o "$WORK/plugins/example.so" "$WORK/source/example.c"
check_has "it knows the plugin directory" <(pkg-config --variable=plugindir keyhsm) /keyhsm/plugins
check_eq "it exports its table" "$(exports "$WORK/plugins/example.so")" kh_plugin@@KEYHSM_PLUGIN_1
chmod 755 "$WORK/plugins/example.so"
check "it is loaded" "$KEYHSM_BIN_DIR/keyhsm" backend show example --plugin-dir "$WORK/plugins"

check "CMake" cmake -S "$WORK/source" -B "$WORK/build" -DCMAKE_PREFIX_PATH="$usr"
check "and it builds" cmake --build "$WORK/build"
check_eq "it exports the same" "$(exports "$WORK/build/example.so")" kh_plugin@@KEYHSM_PLUGIN_1
check_has "it knows where it goes" "$WORK/build/cmake_install.cmake" "/keyhsm/plugins"
mkdir "$WORK/finder"
printf '%s\n' 'cmake_minimum_required(VERSION 3.18)' 'project(finder LANGUAGES C)' 'find_package(keyhsm 0.1 REQUIRED)' \
  "add_library(example MODULE $WORK/source/example.c)" 'target_link_libraries(example PRIVATE keyhsm::headers)' \
  'message(STATUS "plugins go to ${KEYHSM_PLUGIN_DIR}")' >"$WORK/finder/CMakeLists.txt"
cmake -S "$WORK/finder" -B "$WORK/finder/build" -DCMAKE_PREFIX_PATH="$usr" >"$WORK/out" 2>&1 || not_ok "find_package(keyhsm)"
check_has "it says where plugins go" "$WORK/out" "/keyhsm/plugins"
check "and that builds, too" cmake --build "$WORK/finder/build"

echo "# a vendor's plugin"
by_cmake() { # SOURCE OUTPUT [FLAG]...
  printf '%s\n' 'cmake_minimum_required(VERSION 3.18)' 'project(acme LANGUAGES C)' 'find_package(keyhsm REQUIRED)' \
    "keyhsm_add_plugin(acme $1)" "target_compile_options(plugin_acme PRIVATE ${*:3})" >"${1%/*}/CMakeLists.txt"
  cmake -S "${1%/*}" -B "$WORK/vendor" -DCMAKE_PREFIX_PATH="$usr" && cmake --build "$WORK/vendor" && cp "$WORK/vendor/acme.so" "$2"
}
mkdir -m 755 "$WORK/dropped"
cp "$KEYHSM_PLUGIN_DIR"/{softfile,pkcs11}.so "$WORK/dropped"
acme_story "$WORK/source" "$WORK/dropped" by_cmake
finish
