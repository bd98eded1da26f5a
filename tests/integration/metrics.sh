# GET /metrics of both daemons as Prometheus would take it (promtool), and whether the numbers are true.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/pair_lab.sh"
bytes=(-H 'Content-Type: application/octet-stream' --data-binary)
command -v promtool >"$WORK/check.out" || die "promtool is missing: scripts/install-deps"

# conventions NAME: what stands in $WORK/body is right for Prometheus
conventions() {
  if promtool check metrics <"$WORK/body" >"$WORK/promtool.out" 2>&1 && [ ! -s "$WORK/promtool.out" ]; then
    ok "promtool has nothing to say of $1"
  else
    not_ok "promtool, $1" "$(head -n 5 "$WORK/promtool.out")"
  fi
  grep -v '^#' "$WORK/body" | sed 's/[{ ].*//; s/_bucket$//; s/_sum$//; s/_count$//' | sort -u >"$WORK/families"
  check_eq "  every family has its own words" "$(grep -c '^# HELP' "$WORK/body")" "$(grep -c '^# TYPE' "$WORK/body")"
  check_eq "  and no family is there twice" "$(grep '^# TYPE' "$WORK/body" | sort | uniq -d)" ""
}
# is TEXT SERIES WANTED
is() { check_eq "$1" "$(number "$2")" "$3"; }

make_pair
make_cert other ca clientAuth
start_hsm --set backend.pkcs11.max_keys=500
write_trustee_ini keyhsm
start_trustee

echo "# a few requests, good and bad"
trustee PUT /v1/deposits/one "${bytes[@]}" x; check_eq "put" "$STATUS" 201
trustee PUT /v1/deposits/one "${bytes[@]}" x; check_eq "again" "$STATUS" 409
trustee GET /v1/deposits/one; check_eq "get" "$STATUS" 200
trustee GET /v1/deposits/none; check_eq "one that is not there" "$STATUS" 404
trustee GET /nowhere; check_eq "no such path" "$STATUS" 404
CLIENT=other trustee GET /v1/deposits/one; check_eq "one whom no rule allows it" "$STATUS" 403

echo "# keytrusteed"
trustee GET /metrics
check_eq "its type" "$(header Content-Type)" "text/plain; version=0.0.4; charset=utf-8"
conventions keytrusteed
check_has "build" "$WORK/body" 'keyhsm_build_info{version="'
is "put" 'keyhsm_http_requests_total{route="/v1/deposits/{name}",method="PUT",status="201"}' 1
is "put again" 'keyhsm_http_requests_total{route="/v1/deposits/{name}",method="PUT",status="409"}' 1
is "no route" 'keyhsm_http_requests_total{route="none",method="GET",status="404"}' 1
is "durations" 'keyhsm_http_request_duration_seconds_count{route="/v1/deposits/{name}"}' 5
is "the backend's calls" 'keyhsm_backend_calls_total{backend="keyhsm",method="put",status="ok"}' 1
is "  and how they ended" 'keyhsm_backend_calls_total{backend="keyhsm",method="put",status="exists"}' 1
is "  by method" 'keyhsm_backend_calls_total{backend="keyhsm",method="get",status="not_found"}' 1
is "  and how long they took" 'keyhsm_backend_call_duration_seconds_count{backend="keyhsm",method="put"}' 2
is "up" keyhsm_backend_up 1
is "denied" keyhsm_denied_requests_total 1
is "audit" keyhsm_audit_up 1
is "audit entries" keyhsm_audit_entries_total 5
is "audit failures" keyhsm_audit_failures_total 0
is "an HSM is configured" keyhsm_hsm_configured 1
is "and used" keyhsm_hsm_used 1
is "the file is good" keyhsm_config_valid 1
is "no restart is due" keyhsm_config_restart_needed 0
expiry() { date -u -d "$(openssl x509 -in "$1" -noout -enddate | cut -d= -f2)" +%s; }
is "its certificate's end" 'keyhsm_certificate_expiry_timestamp_seconds{option="tls.certificate"}' "$(expiry "$WORK/server.crt")"
is "of the one it shows to keyhsmd" \
  'keyhsm_certificate_expiry_timestamp_seconds{option="backend.keyhsm.client_certificate"}' "$(expiry "$WORK/client.crt")"
is "of the authority" 'keyhsm_certificate_expiry_timestamp_seconds{option="tls.ca_file"}' "$(expiry "$WORK/ca.crt")"
is "no pin, no end" 'keyhsm_certificate_expiry_timestamp_seconds{option="tls.trust_dir"}' ""
is "workers" keyhsm_pool_workers 16
is "one is busy with this" keyhsm_pool_workers_busy 1
is "queue" keyhsm_pool_queue_limit 256
is "connections" keyhsm_connections_limit 1024
is "start" process_start_time_seconds "$(number process_start_time_seconds)"
now=$(date +%s) start=$(number process_start_time_seconds)
check "  within the last ten minutes (${start%.*})" [ $((now - ${start%.*})) -lt 600 ]
check "  not in the future" [ "${start%.*}" -le $((now + 2)) ]
check "memory is counted in bytes" awk -v n="$(number process_resident_memory_bytes)" 'BEGIN { exit !(n > 1e6) }'
check "descriptors" [ "$(number process_open_fds)" -gt 5 ]

echo "# keyhsmd"
hsm GET /metrics
conventions keyhsmd
is "calls" 'keyhsm_backend_calls_total{backend="pkcs11",method="put",status="ok"}' 1
is "versions" keyhsm_deposit_versions 1
is "keys on the token" keyhsm_deposit_keys 1
is "their ceiling" keyhsm_deposit_keys_limit 500
is "the HSM is used" keyhsm_hsm_used 1
is "no audit log of its own" keyhsm_audit_up ""
is "no backup was ever made" keyhsm_backup_last_success_timestamp_seconds 0
before=$(date +%s)
check "ktadmin backup makes one" "$KEYHSM_BIN_DIR/ktadmin" backup --config "$HSM_INI" --plugin-dir "$KEYHSM_PLUGIN_DIR" \
  --recipient "$WORK/server.crt" --output "$WORK/backup" --keytrustee-config "$KT_INI"
cp "$WORK/client.crt" "$WORK/trust/$(fingerprint "$WORK/client.crt").pem"
echo "no certificate" >"$WORK/trust/other.pem"
hsm GET /metrics
made=$(number keyhsm_backup_last_success_timestamp_seconds)
check "its time is known ($made)" [ "$made" -ge "$before" ]
check "  and not in the future" [ "$made" -le "$(date +%s)" ]
is "deposits with an active version" 'keyhsm_deposits{state="active"}' 1
is "deleted ones" 'keyhsm_deposits{state="deleted"}' 0
cp "$WORK/body" "$WORK/hsm.metrics"
trustee GET /metrics
is "keytrusteed has no catalog" keyhsm_backup_last_success_timestamp_seconds ""
cp "$WORK/body" "$WORK/trustee.metrics"
etc=$KEYHSM_SOURCE_DIR/etc
if "$KEYHSM_SOURCE_DIR/tests/monitoring/check_expressions.py" promtool "$etc/grafana/keyhsm.json" \
  "$etc/prometheus/keyhsm.rules.yml" "$WORK/hsm.metrics" "$WORK/trustee.metrics" >"$WORK/expressions" 2>&1; then
  ok "dashboard and rules name what there is: $(tail -n 1 "$WORK/expressions")"
else
  not_ok "dashboard and rules" "$(head -n 20 "$WORK/expressions")"
fi
sed 's/keyhsm_pool_queue{/keyhsm_pool_kueue{/; s/status=~/stat=~/' "$etc/grafana/keyhsm.json" >"$WORK/wrong.json"
check_fails "  and the check finds what there is not" "$KEYHSM_SOURCE_DIR/tests/monitoring/check_expressions.py" promtool \
  "$WORK/wrong.json" "$etc/prometheus/keyhsm.rules.yml" "$WORK/hsm.metrics" "$WORK/trustee.metrics"
check_has "    a metric" "$WORK/check.out" "keyhsm_pool_kueue is exported by no daemon"
check_has "    a label" "$WORK/check.out" "keyhsm_http_requests_total has no label stat"
hsm GET /metrics
is "a pin ends" 'keyhsm_certificate_expiry_timestamp_seconds{option="tls.trust_dir"}' "$(expiry "$WORK/client.crt")"

echo "# who is not let in"
make_self_signed nobody clientAuth
URL=$HSM_URL CLIENT=nobody api GET /healthz
check_eq "an unknown certificate" "$STATUS" 000
openssl s_client -connect "${HSM_URL#https://}" -tls1_1 </dev/null >"$WORK/check.out" 2>&1 || true
counted() { hsm GET /metrics; [ "$(number keyhsm_tls_handshakes_failed_total)" -ge 2 ]; }
wait_for "both to be counted" counted
is "refused for its certificate" keyhsm_tls_refused_total 1
ok "failed handshakes: $(number keyhsm_tls_handshakes_failed_total)"

echo "# what evhttp refuses by itself"
head -c 1200000 /dev/zero >"$WORK/huge"
hsm PUT /v1/deposits/huge "${bytes[@]}" "@$WORK/huge"
check_eq "a body over max_body" "$STATUS" 413
hsm GET /healthz -H "X-Long: $(head -c 80000 /dev/zero | tr '\0' a)"
check "a header over max_header ($STATUS)" grep -qE '^(400|413|431)$' <<<"$STATUS"
head_status=$STATUS
hsm GET /metrics
is "the body is counted" 'keyhsm_http_requests_total{route="none",method="OTHER",status="413"}' \
  "$([ "$head_status" = 413 ] && echo 2 || echo 1)"
check_eq "both are in the log" "$(grep -c 'access id=- principal="CN=client".* route=- name=- status=4' "$WORK/keyhsmd.log")" 2
printf 'x' >"$WORK/slow"
hsm PUT /v1/deposits/asks "${bytes[@]}" "@$WORK/slow" -H 'Expect: 100-continue'
check_eq "one that asks before it sends is none of them" "$STATUS" 201
check_eq "  nor in the log" "$(grep -c 'access id=- ' "$WORK/keyhsmd.log")" 2

echo "# the token is lost"
stop_pid "$HSM_PID" KILL 2>"$WORK/check.out"
trustee GET /metrics
conventions "keytrusteed without keyhsmd"
is "down" keyhsm_backend_up 0
is "an HSM is still what it serves" keyhsm_hsm_used 1
trustee GET /v1/deposits/one
trustee GET /metrics
check "failures are counted" [ "$(number 'keyhsm_backend_calls_total{backend="keyhsm",method="get",status="unavailable"}')" -ge 1 ]

echo "# an HSM that is configured and not used"
stop_pid "$KT_PID"
write_trustee_ini softfile
start_trustee
trustee GET /metrics
is "a file store alone: none is configured" keyhsm_hsm_configured 0
is "and none used" keyhsm_hsm_used 0
WITH_HSM=yes write_trustee_ini softfile
trustee GET /metrics
is "its section is there: it is seen without a restart" keyhsm_hsm_configured 1
is "not used" keyhsm_hsm_used 0
is "by intention: no restart is due" keyhsm_config_restart_needed 0
write_trustee_ini keyhsm
trustee GET /metrics
is "the file has gone over to it: a restart is due" keyhsm_config_restart_needed 1
echo "nonsense" >>"$KT_INI"
trustee GET /metrics
is "a file that the next start would refuse" keyhsm_config_valid 0
conventions "keytrusteed with a broken file"
finish
