# shellcheck shell=bash
# What stands on a host before the procedure of integration begins: a token, keyhsmd's configuration, the key
# server with its own certificate, its rules, the certificates of the site. For scripts inside a host (host.sh).
#
#   site_make           all of it, by the product's own tools; what they say goes to $SITE/made.log
#   site_curl WHO ...   curl of a client of the site's authority: `reader` may read every deposit, `admin` may do
#                       anything
#   site_reads_start WANT, site_reads_stop
#                       the reader asks for every version in WANT (files NAME.VERSION), again and again; a line
#                       for each answer, status and name, is in $SITE/reads, and the text of a 503 in $SITE/moved
#   site_procedure WANT LOG
#                       the procedure as it is printed, read by the reader all through it; standard error goes to
#                       LOG, and SITE_ANSWERS has the statuses that the reads got, in order, each once
#
# SITE is a directory for what is neither /etc nor /var: the reader's certificate, logs.

KEYTRUSTEE=https://keytrustee01.example.com:11371
CONFDIR=/var/lib/keytrustee/.keytrustee

# site_certificate NAME USE: NAME.crt and NAME.key in $SITE, of the site's authority
site_certificate() {
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$SITE/$1.key" \
    -out "$SITE/$1.csr" 2>/dev/null
  openssl x509 -req -in "$SITE/$1.csr" -CA "$SITE/authority.crt" -CAkey "$SITE/authority.key" -CAcreateserial \
    -days 30 -extfile <(echo "extendedKeyUsage=$2") -out "$SITE/$1.crt" 2>/dev/null
}

site_token() {
  rm -f /etc/softhsm /var/lib/softhsm # links to those of the machine
  mkdir -p /etc/softhsm /var/lib/softhsm/tokens
  printf '%s\n' 'directories.tokendir = /var/lib/softhsm/tokens' 'objectstore.backend = file' 'log.level = ERROR' \
    'slots.removable = false' >/etc/softhsm/softhsm2.conf
  (umask 077; echo 123456 >"$SITE/pin"; echo 87654321 >"$SITE/officer")
  keyhsm setup softhsm --non-interactive --init-token --pin-from "file:$SITE/pin" --so-pin-from "file:$SITE/officer" \
    --host keyhsm01.example.com --set memory.lock=preferred
}

site_keytrustee() {
  ktadmin init
  cat >/etc/keytrustee/keytrustee.ini <<INI
[tls]
ca_file = /etc/pki/cloudera/certs/authority.crt

[acl]
admins = allow all on * to CN=admin
readers = allow get,list on * to CN=reader

[memory]
lock = preferred
INI
}

# In the procedure as it is printed the key server shows mycert.crt to keyhsmd, which trusts what `keyhsm trust`
# was given: it is the same certificate, under the name that the site has for it.
site_pki() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=Example authority" \
    -keyout "$SITE/authority.key" -out "$SITE/authority.crt" 2>/dev/null
  site_certificate reader clientAuth
  site_certificate admin clientAuth
  mkdir -p /etc/pki/cloudera/certs
  cp "$SITE/authority.crt" /etc/pki/cloudera/certs/
}

site_make() {
  : "${HOST_ROOT:?this is not a host of its own}"
  unset SOFTHSM2_CONF
  mkdir -p "$SITE"
  { site_token && site_pki && site_keytrustee; } >"$SITE/made.log" 2>&1 || { cat "$SITE/made.log"; return 1; }
  cp "$CONFDIR/.ssl/ssl-cert-keytrustee.pem" /etc/pki/cloudera/certs/mycert.crt
  cp "$CONFDIR/.ssl/ssl-cert-keytrustee-pk.pem" /etc/pki/cloudera/certs/mykey.key
}

site_curl() {
  local who=$1; shift
  curl -sS -k --max-time 60 --cert "$SITE/$who.crt" --key "$SITE/$who.key" "$@"
}

# site_read FILE: the version that FILE (.../NAME.VERSION) has to be; the answer's status, 000 when there is none
# or not all of it, or what is wrong. Several may run at once.
site_read() {
  local name=${1##*/} got=$SITE/got.$BASHPID status
  : >"$got"
  status=$(site_curl reader -o "$got" -w '%{http_code}' -H 'Accept: application/octet-stream' \
    "$KEYTRUSTEE/v1/deposits/${name%.*}?version=${name##*.}" 2>>"$SITE/curl.err") || status=000
  [ "$status" != 200 ] || cmp -s "$1" "$got" || status=differs
  [ "$status" != 503 ] || cp "$got" "$SITE/moved"
  rm "$got"
  echo "$status"
}
site_reads() {
  local file
  while [ ! -e "$SITE/stop" ]; do
    for file in "$1"/*; do
      echo "$(site_read "$file") ${file##*/}"
    done
  done >"$SITE/reads"
}
site_reads_start() {
  rm -f "$SITE/stop" "$SITE/reads"
  site_reads "$1" &
  SITE_READS=$!
}
site_reads_stop() {
  touch "$SITE/stop"
  wait "$SITE_READS"
}

site_answers() { cut -d ' ' -f 1 "$SITE/reads" | uniq | paste -sd ' '; }

# The restart waits until the reader has seen that the deposits have moved: an operator is not that fast.
site_procedure() {
  local source status=0
  source=$(dirname "${BASH_SOURCE[0]}")
  site_reads_start "$1"
  timeout 60 bash -c "until grep -q ^200 '$SITE/reads'; do sleep 0.1; done" || return
  python3 "$source/transcript.py" "$source/../../docs/integration.md" --errors "$2" --before "systemctl restart" \
    "timeout 60 bash -c \"until grep -q ^503 '$SITE/reads'; do sleep 0.1; done\"" || status=$?
  [ "$status" != 0 ] ||
    timeout 60 bash -c "until tail -n 1 '$SITE/reads' | grep -q ^200; do sleep 0.1; done" || status=$?
  site_reads_stop
  SITE_ANSWERS=$(site_answers)
  return "$status"
}
