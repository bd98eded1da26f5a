# In the clean Debian, with the packages and a compiler: the template as it is installed is built and keeps the contract; a
# plugin made of it goes where plugins are and takes a migration, and gives it on to a token.
source /lab/tests/integration/lib.sh
source /lab/tests/packages/acme/story.sh
example=/usr/share/doc/libkeyhsm-dev/examples/backend
plugins=$(pkg-config --variable=plugindir keyhsm)
SOFTHSM2_MODULE=/usr/lib/softhsm/libsofthsm2.so

by_hand() { # SOURCE OUTPUT [FLAG]...
  local flags
  read -ra flags <<<"$(pkg-config --cflags --libs keyhsm)"
  cc -std=c11 -shared -fPIC "${flags[@]}" "${@:3}" -o "$2" "$1"
}
check_eq "the template is short" "$(($(wc -l <"$example/example.c") <= 250))" 1
check "it is built" by_hand "$example/example.c" "$WORK/example.so" -Wall -Wextra -Werror
check "it keeps the contract" keyhsm backend check "$WORK/example.so"
acme_story "$example" "$plugins" by_hand
rm "$plugins/acme.so"
finish
