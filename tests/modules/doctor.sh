#!/bin/bash
# doctor.sh KIND [OPTION...]: keyhsm doctor --json on a fresh token of this kind of module. What it says goes to standard
# output; the exit status is that of the doctor: 0 safe, 3 not.
# shellcheck source=tests/modules/lib.sh
. "$(dirname "$0")/lib.sh"
module_enter "$0" "$@"
set -euo pipefail
: "${KEYHSM_BIN_DIR:?}" "${KEYHSM_PLUGIN_DIR:?}"
KIND=$1; shift
WORK=$(mktemp -d "${TMPDIR:-/tmp}/keyhsm-module-XXXXXX")
trap 'rm -rf "$WORK"' EXIT

module_up "$KIND" "$WORK/token" >&2
printf '%s\n' "[memory]" "lock = preferred" "[backend.pkcs11]" "module = $MODULE" "token_label = $MODULE_LABEL" \
  "pin_source = file:$MODULE_PIN_FILE" "${MODULE_LINES[@]}" >"$WORK/keyhsm.ini"
"$KEYHSM_BIN_DIR/keyhsm" doctor --config "$WORK/keyhsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" --json "$@"
