# shellcheck shell=bash
# The loadable provider against a keyhsmd: sourced by the tests provider_*.sh, after lib.sh. ctest gives
# OPENSSL_MODULES, and under a sanitizer KEYHSM_PRELOAD, its runtime, for programs that were not built with it.

: "${OPENSSL_MODULES:?}"

# provider_cnf FILE [LINE...]: an openssl.cnf with the providers `default` and `keyhsm`; LINEs are of keyhsm's section.
provider_cnf() {
  local file=$1; shift
  {
    cat <<EOF
openssl_conf = init
[init]
providers = providers
[providers]
default = default_provider
keyhsm = keyhsm_provider
[default_provider]
activate = 1
[keyhsm_provider]
activate = 1
EOF
    printf '%s\n' "$@"
  } >"$file"
}
# The usual lines for the daemon under test.
provider_lines() {
  printf '%s\n' "server = $URL" "cacert = $WORK/ca.crt" "client_certfile = $WORK/client.crt" "client_keyfile = $WORK/client.key"
}

# with_provider COMMAND...: with $WORK/provider.cnf
with_provider() {
  OPENSSL_CONF=$WORK/provider.cnf ${KEYHSM_PRELOAD:+env LD_PRELOAD="$KEYHSM_PRELOAD"} "$@"
}
# ask COMMAND...: the same; STATUS is its exit status, both outputs are in $WORK/out
ask() {
  STATUS=0
  with_provider "$@" >"$WORK/out" 2>&1 </dev/null || STATUS=$?
}
# works TEXT COMMAND... / fails_with TEXT WORDS COMMAND...
works() {
  local text=$1; shift
  ask "$@"
  if [ "$STATUS" = 0 ]; then ok "$text"; else not_ok "$text" "$(head -c 900 "$WORK/out")"; fi
}
fails_with() {
  local text=$1 words=$2; shift 2
  ask "$@"
  [ "$STATUS" != 0 ] || not_ok "$text" "it succeeded"
  check_has "$text" "$WORK/out" "$words"
}

# deposit NAME FILE
deposit() {
  api PUT "/v1/deposits/$1" -H "Content-Type: application/octet-stream" --data-binary "@$2"
  [ "$STATUS" = 201 ] || die "deposit $1: $STATUS $(cat "$WORK/body")"
}

# uri_file URI: the PEM file for it
uri_file() { printf -- '-----BEGIN KEYHSM URI-----\n%s\n-----END KEYHSM URI-----\n' "$(printf %s "$1" | base64 -w 64)"; }

# make_key NAME KIND PURPOSE...: a named key, on the token
make_key() {
  local name=$1 kind=$2 purposes; shift 2
  purposes=$(printf ',"%s"' "$@")
  api POST /v1/keys -H "Content-Type: application/json" -d "{\"name\":\"$name\",\"kind\":\"$kind\",\"purposes\":[${purposes:1}]}"
  [ "$STATUS" = 201 ] || die "key $name: $STATUS $(cat "$WORK/body")"
}

# At the end of a test: workers outlive a master that is killed, as cleanup (lib.sh) does.
NGINX=
provider_farewell() {
  local status=$?
  [ -z "$NGINX" ] || kill -TERM "$NGINX" 2>/dev/null || true
  if [ "$status" = 0 ]; then cleanup; else (exit "$status") || cleanup; fi
}
trap provider_farewell EXIT

# provider_nginx SERVERS: nginx with these server blocks and the provider, which ends with the test; NGINX is its pid.
# Not by with_provider: what runs in the background would be a shell, which is not nginx when it is ended.
provider_nginx() {
  cat >"$WORK/nginx.conf" <<EOF
daemon off;
worker_processes 2;
pid $WORK/nginx.pid;
error_log $WORK/nginx.log notice;
events {}
http {
  access_log off;
  client_body_temp_path $WORK/body.tmp; proxy_temp_path $WORK/proxy.tmp; fastcgi_temp_path $WORK/fastcgi.tmp;
  uwsgi_temp_path $WORK/uwsgi.tmp; scgi_temp_path $WORK/scgi.tmp;
$1
}
EOF
  OPENSSL_CONF=$WORK/provider.cnf ${KEYHSM_PRELOAD:+env LD_PRELOAD="$KEYHSM_PRELOAD"} nginx -p "$WORK" -c "$WORK/nginx.conf" \
    >"$WORK/nginx.out" 2>&1 &
  NGINX=$!
  wait_for "nginx" test -s "$WORK/nginx.pid"
}
