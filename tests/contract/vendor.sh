# contract_suite SUITE PLUGIN_DIR: the suite with a plugin, a directory and settings of the caller's.
set -eu
suite=$1
plugins=$2
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

fails() {
    if "$@" >"$place/out" 2>&1; then
        echo "should have failed: $*"
        exit 1
    fi
}

"$suite" --plugin-dir "$plugins" --backend softfile \
    --set "directory=$place/store" --set create=yes --set max_deposit_size=1K >"$place/out" 2>&1 ||
    { cat "$place/out"; exit 1; }
grep -q 'a_second_seal_changes_nothing ...' "$place/out"

# What was left sealed keeps no contract any more; an unknown option, plugin or place neither.
fails "$suite" --plugin-dir "$plugins" --backend softfile --set "directory=$place/store"
fails "$suite" --plugin-dir "$plugins" --backend softfile --set "nonsense=1"
fails "$suite" --plugin-dir "$plugins" --backend absent
fails "$suite" elsewhere
fails "$suite"
