# shellcheck shell=bash
# Shared by the integration tests: a scratch directory, certificates, a daemon, checks.
#
# A test sources this file, calls check_* and ends with `finish`. Whatever it starts is stopped, and
# whatever it writes is removed, when it ends. ctest gives the places in the environment:
#   KEYHSM_BIN_DIR KEYHSM_PLUGIN_DIR KEYHSM_SOURCE_DIR SOFTHSM2_MODULE [KEYHSM_MOCK_DIR]
set -euo pipefail
umask 077
export LC_ALL=C

: "${KEYHSM_BIN_DIR:?}" "${KEYHSM_PLUGIN_DIR:?}" "${KEYHSM_SOURCE_DIR:?}"
WORK=$(mktemp -d "${TMPDIR:-/tmp}/keyhsm-it-XXXXXX")
DAEMONS=()
CHECKS=0
FAILURES=0

cleanup() {
  local status=$? pid
  for pid in "${DAEMONS[@]}"; do
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  if [ "$status" -ne 0 ]; then
    for log in "$WORK"/*.log; do
      [ -s "$log" ] && { echo "--- ${log##*/} (end)"; tail -n 60 "$log"; }
    done
  fi
  chattr -R -i "$WORK" 2>/dev/null || true
  rm -rf "$WORK"
  exit "$status"
}
trap cleanup EXIT

# A sanitizer makes an exit of a crash; for tests that look for crashes.
leave_crashes() { export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}handle_segv=0:handle_abort=0"; }

die() { echo "FATAL: $*" >&2; exit 1; }

# ---- checks ----------------------------------------------------------------------------------

ok() { CHECKS=$((CHECKS + 1)); echo "ok   $1"; }
not_ok() { CHECKS=$((CHECKS + 1)); FAILURES=$((FAILURES + 1)); echo "FAIL $1${2:+: $2}"; }

# check TEXT COMMAND...: the command succeeds.
check() {
  local text=$1; shift
  if "$@" >"$WORK/check.out" 2>&1; then ok "$text"; else not_ok "$text" "$(tail -n 3 "$WORK/check.out")"; fi
}
# check_fails TEXT COMMAND...: it does not.
check_fails() {
  local text=$1; shift
  if "$@" >"$WORK/check.out" 2>&1; then not_ok "$text" "it succeeded"; else ok "$text"; fi
}
# check_eq TEXT GOT WANTED
check_eq() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "got '$2', wanted '$3'"; fi; }
# check_has TEXT FILE WORDS: the file contains the words.
check_has() { if grep -qF -- "$3" "$2"; then ok "$1"; else not_ok "$1" "no '$3' in: $(head -c 600 "$2")"; fi; }
# check_lacks TEXT FILE WORDS
check_lacks() { if grep -qF -- "$3" "$2"; then not_ok "$1" "'$3' is in it"; else ok "$1"; fi; }

finish() {
  echo "$CHECKS checks, $FAILURES failed"
  [ "$CHECKS" -gt 0 ] || die "nothing was checked"
  [ "$FAILURES" -eq 0 ]
}

# wait_for TEXT COMMAND...: asks again until it succeeds; a minute at most.
wait_for() {
  local text=$1 until=$((SECONDS + 60)); shift
  until "$@" 2>/dev/null; do
    [ "$SECONDS" -lt "$until" ] || die "waited in vain for: $text"
    read -rt 0.05 <> <(:) || true
  done
}

# ---- certificates ----------------------------------------------------------------------------

# make_ca NAME: NAME.crt, NAME.key
make_ca() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$1" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
    -keyout "$WORK/$1.key" -out "$WORK/$1.crt" 2>/dev/null
}

# make_cert NAME CA EKU [START END]: NAME.crt, NAME.key; times as YYYYMMDDHHMMSSZ. SAN names other hosts
# than localhost.
make_cert() {
  local name=$1 ca=$2 eku=$3 dir="$WORK/ca-$1"
  mkdir -p "$dir"; : >"$dir/index"; echo "0$((RANDOM % 9 + 1))$(printf '%06x' $RANDOM)" >"$dir/serial"
  cat >"$dir/cnf" <<EOF
[ca]
default_ca = this
[this]
database = $dir/index
serial = $dir/serial
new_certs_dir = $dir
default_md = sha256
policy = any
x509_extensions = ext
[any]
commonName = supplied
[ext]
basicConstraints = CA:FALSE
extendedKeyUsage = $eku
subjectAltName = ${SAN:-DNS:localhost, IP:127.0.0.1, IP:::1}
EOF
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" \
    -keyout "$WORK/$name.key" -out "$dir/csr" 2>/dev/null
  openssl ca -batch -notext -config "$dir/cnf" -cert "$WORK/$ca.crt" -keyfile "$WORK/$ca.key" \
    -in "$dir/csr" -out "$WORK/$name.crt" -startdate "${4:-20200101000000Z}" \
    -enddate "${5:-20491231000000Z}" 2>/dev/null || die "openssl ca for $name"
}

# make_self_signed NAME EKU: NAME.crt, NAME.key
make_self_signed() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$1" \
    -addext "extendedKeyUsage=$2" -addext basicConstraints=CA:FALSE \
    -keyout "$WORK/$1.key" -out "$WORK/$1.crt" 2>/dev/null
}

# fingerprint FILE: SHA-256 of a certificate, as pins are named
fingerprint() {
  openssl x509 -in "$1" -noout -fingerprint -sha256 | sed 's/.*=//; s/://g' | tr 'A-F' 'a-f'
}
# pin NAME / unpin NAME: the trust directory of the daemon under test
pin() { cp "$WORK/$1.crt" "$WORK/trust/$(fingerprint "$WORK/$1.crt").pem"; }
unpin() { rm "$WORK/trust/$(fingerprint "$WORK/$1.crt").pem"; }

# The usual set: CA `ca`, server certificate `server`, client certificate `client`, an empty trust
# directory.
make_pki() {
  mkdir -p "$WORK/trust"
  make_ca ca
  make_cert server ca serverAuth
  make_cert client ca clientAuth
}

# ---- the daemon ------------------------------------------------------------------------------

# write_ini BACKEND_SECTION_LINES...: $WORK/keyhsm.ini; the port is the kernel's choice. For keytrusteed the
# audit log is $WORK/audit.log.
write_ini() {
  {
    cat <<EOF
[server]
listen = localhost
port = 0
port_file = $WORK/port
[tls]
certificate = $WORK/server.crt
private_key = $WORK/server.key
ca_file = $WORK/ca.crt
trust_dir = $WORK/trust
[log]
level = info
[memory]
lock = preferred
EOF
    [ "${DAEMON:-keyhsmd}" = keyhsmd ] || printf '[audit]\nfile = %s\n' "$WORK/audit.log"
    printf '%s\n' "$@"
  } >"$WORK/keyhsm.ini"
}

# start_daemon [OPTION...]: keyhsmd, or the one that DAEMON names; sets PID and PORT; returns once it is
# listening. WRAP is a command to run it by. Its log is $WORK/keyhsmd.log, or of that name.
start_daemon() {
  rm -f "$WORK/port"
  ${WRAP[@]+"${WRAP[@]}"} "$KEYHSM_BIN_DIR/${DAEMON:-keyhsmd}" --config "$WORK/keyhsm.ini" \
    --plugin-dir "${PLUGINS:-$KEYHSM_PLUGIN_DIR}" "$@" >>"$WORK/${DAEMON:-keyhsmd}.log" 2>&1 &
  PID=$!
  DAEMONS+=("$PID")
  wait_for "the daemon's port" daemon_open
  PORT=$(cat "$WORK/port")
  URL=https://localhost:$PORT
}
daemon_open() { [ -s "$WORK/port" ] || ! kill -0 "$PID" || return 1; [ -s "$WORK/port" ] || die "the daemon ended"; }

# stop_daemon [SIGNAL]: STATUS is its exit status
stop_daemon() {
  STATUS=0
  kill "-${1:-TERM}" "$PID"
  wait "$PID" || STATUS=$?
}

# stranger METHOD PATH [CURL_OPTION...]: as api, without a certificate
stranger() {
  local method=$1 path=$2; shift 2
  : >"$WORK/body"; : >"$WORK/headers"
  STATUS=$(curl -sS -o "$WORK/body" -D "$WORK/headers" -w '%{http_code}' --max-time 60 --cacert "$WORK/ca.crt" \
    -X "$method" "$@" "$URL$path" 2>"$WORK/curl.err") || true
}
# api METHOD PATH [CURL_OPTION...]: sets STATUS (HTTP status, 000 without an answer); the body is in
# $WORK/body, the headers in $WORK/headers. CLIENT names the certificate.
api() {
  local method=$1 path=$2; shift 2
  local how=(-X "$method")
  [ "$method" = HEAD ] && how=(-I)
  : >"$WORK/body"; : >"$WORK/headers"
  STATUS=$(curl -sS --path-as-is -o "$WORK/body" -D "$WORK/headers" -w '%{http_code}' --max-time 60 \
    --cacert "$WORK/ca.crt" --cert "$WORK/${CLIENT:-client}.crt" --key "$WORK/${CLIENT:-client}.key" \
    "${how[@]}" "$@" "$URL$path" 2>"$WORK/curl.err") || true
}
# api_is TEXT WANTED_STATUS METHOD PATH [CURL_OPTION...]
api_is() {
  local text=$1 wanted=$2; shift 2
  api "$@"
  if [ "$STATUS" = "$wanted" ]; then ok "$text"
  else not_ok "$text" "status $STATUS, wanted $wanted: $(head -c 300 "$WORK/body")$(cat "$WORK/curl.err")"; fi
}
# field NAME: a member of the JSON body, by Python's own parser
field() { python3 -c 'import json,sys; v=json.load(open(sys.argv[1]))
for k in sys.argv[2].split("."): v=v[int(k)] if k.isdigit() else v[k]
print(json.dumps(v) if not isinstance(v,str) else v)' "$WORK/body" "$1"; }
# header NAME: of the last answer
header() { tr -d '\r' <"$WORK/headers" | sed -n "s/^$1: //Ip" | head -n 1; }

# failures: how many callers the daemon did not let in, a reason a line
failures() {
  curl -sS --cacert "$WORK/ca.crt" --cert "$WORK/client.crt" --key "$WORK/client.key" "$URL/metrics" |
    sed -n 's/^keyhsm_auth_failures_total{reason="\([a-z_]*\)"}/\1/p' | sort
}
# reasons WANTED: those that were counted since the last time ($WORK/failures), and how often
reasons() {
  failures >"$WORK/failures.now"
  check_eq "  counted: $1" "$(join "$WORK/failures" "$WORK/failures.now" | awk '$3 > $2 { print $1, $3 - $2 }' | paste -sd ' ')" "$1"
  mv "$WORK/failures.now" "$WORK/failures"
}

# client COMMAND ...: tests/integration/client.py with the certificate of CLIENT
client() {
  python3 "$KEYHSM_SOURCE_DIR/tests/integration/client.py" "$PORT" "$WORK/ca.crt" \
    "$WORK/${CLIENT:-client}.crt" "$WORK/${CLIENT:-client}.key" "$@"
}

# use_backend softfile|pkcs11: BACKEND and the lines of its section in BACKEND_LINES, ready to start
use_backend() {
  BACKEND=$1
  case $BACKEND in
  softfile)
    BACKEND_LINES=("[backend.softfile]" "directory = $WORK/store" "create = yes") ;;
  pkcs11)
    make_token
    mkdir -m 700 -p "$WORK/state"
    BACKEND_LINES=("[backend.pkcs11]" "module = $SOFTHSM2_MODULE" "token_label = lab"
      "pin_source = file:$WORK/pin" "state_dir = $WORK/state"
      "softhsm2_conf = $WORK/softhsm2.conf") ;;
  *) die "no backend '$1'" ;;
  esac
}
# make_token: a SoftHSM token `lab` with PIN 1234 in $WORK/pin
make_token() {
  mkdir -p "$WORK/tokens"
  printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$WORK/tokens" \
    >"$WORK/softhsm2.conf"
  export SOFTHSM2_CONF=$WORK/softhsm2.conf
  printf '1234\n' >"$WORK/pin"
  softhsm2-util --init-token --free --label lab --pin 1234 --so-pin 12345678 >"$WORK/token.log" 2>&1 ||
    die "softhsm2-util"
}
