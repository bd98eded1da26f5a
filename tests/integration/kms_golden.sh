# What a genuine Hadoop KMS answered, request by request, against keytrusteed.
source "$(dirname "$0")/lib.sh"
export DAEMON=keytrusteed
make_pki
use_backend softfile
write_ini "${BACKEND_LINES[@]}" "[kms]" "enabled = yes" "[auth]" "simple = yes" \
  "[kms.acl]" CREATE=* DELETE=* ROLLOVER=* GET=* GET_KEYS=* GET_METADATA=* SET_KEY_MATERIAL=* GENERATE_EEK=* DECRYPT_EEK=* \
  "[kms.key.acl.default]" MANAGEMENT=* READ=* GENERATE_EEK=* DECRYPT_EEK=* \
  "[kms.proxyuser]" "u = root users alice" "h = root hosts *"
start_daemon
status=0
python3 "$(dirname "$0")/kms_golden.py" "$PORT" "$WORK/ca.crt" "$KEYHSM_SOURCE_DIR/docs/hadoop-kms.md" >"$WORK/golden.out" ||
  status=$?
grep ^FAIL "$WORK/golden.out" || true
check_eq "$(tail -n 1 "$WORK/golden.out")" "$status" 0
stop_daemon
check_eq "it ends as told" "$STATUS" 0
finish
