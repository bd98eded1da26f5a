# A C program with no call of ours (provider_app.c) and the loadable provider: secrets, failures, threads, forks, contexts.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/provider_lab.sh"
: "${KEYHSM_PROVIDER_APP:?}"
unset KEYHSM_PRELOAD # it is built with whatever the provider is
make_pki
use_backend softfile
write_ini "${BACKEND_LINES[@]}"
start_daemon --backend softfile
mapfile -t lines < <(provider_lines)
provider_cnf "$WORK/provider.cnf" "${lines[@]}" "connections = 3"

openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$WORK/rsa" 2>/dev/null
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$WORK/ec"
head -c 33 /dev/urandom >"$WORK/raw"
printf 'hunter2\n' >"$WORK/text"
for name in rsa ec raw text; do deposit "$name" "$WORK/$name"; done

works "a raw secret, byte for byte" "$KEYHSM_PROVIDER_APP" raw keyhsm:raw "$WORK/raw"
works "a password" "$KEYHSM_PROVIDER_APP" raw keyhsm:text "$WORK/text"
works "an unknown name ends" "$KEYHSM_PROVIDER_APP" fails keyhsm:nobody
check_has "with an error" "$WORK/out" "unknown name"
works "more threads than connections" "$KEYHSM_PROVIDER_APP" threads keyhsm:ec
connections() { api GET /metrics; sed -n 's/^keyhsm_connections_total //p' "$WORK/body"; }
before=$(connections)
works "forks" "$KEYHSM_PROVIDER_APP" fork keyhsm:rsa
# One of the parent, one each of the three children that used the key, and that of this very question.
check_eq "no child spoke on its parent's connection" "$(($(connections) - before))" 5
works "contexts that come and go" "$KEYHSM_PROVIDER_APP" context keyhsm:ec

echo "# a daemon that does not answer"
stop_daemon
python3 -c '
import socket,sys,time
s=socket.socket(); s.bind(("127.0.0.1",0)); s.listen(64)
print(s.getsockname()[1],flush=True)
time.sleep(60)' >"$WORK/deaf.port" &
DAEMONS+=("$!")
wait_for "a port that nobody reads" test -s "$WORK/deaf.port"
provider_cnf "$WORK/provider.cnf" "server = https://localhost:$(cat "$WORK/deaf.port")" "${lines[@]:1}"
works "it is given up" timeout 10 "$KEYHSM_PROVIDER_APP" fails keyhsm:ec
check_has "and said" "$WORK/out" "daemon unavailable"
finish
