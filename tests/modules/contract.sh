#!/bin/bash
# contract.sh KIND all|PART [SETTING...]: the contract of a backend, or a part of it (tests/contract/main.c), on a fresh
# token of this kind of module. A setting is a line of [backend.pkcs11].
# shellcheck source=tests/modules/lib.sh
. "$(dirname "$0")/lib.sh"
module_enter "$0" "$@"
set -euo pipefail
: "${KEYHSM_CONTRACT_SUITE:?}"
KIND=$1 PART=$2; shift 2
WORK=$(mktemp -d "${TMPDIR:-/tmp}/keyhsm-module-XXXXXX")
trap 'rm -rf "$WORK"' EXIT

module_up "$KIND" "$WORK/token"
KEYHSM_CONTRACT_SETTINGS=$(printf '%s\n' "module = $MODULE" "token_label = $MODULE_LABEL" \
  "pin_source = file:$MODULE_PIN_FILE" "${MODULE_LINES[@]}" "$@")
export KEYHSM_CONTRACT_SETTINGS
[ "$PART" = all ] && PART=
"$KEYHSM_CONTRACT_SUITE" given ${PART:+"$PART"}
