# In the clean Debian, with both packages: everything an operator does with them, without systemd. Each daemon runs as
# its user all the time.
source /lab/tests/integration/lib.sh
umask 022
export DEBIAN_FRONTEND=noninteractive
CONFDIR=/var/lib/keytrustee/.keytrustee
KEYTRUSTEE=https://keytrustee01.example.com:11371
lab=$WORK/lab tool=()
source /lab/deposits.sh
mkdir -p "$lab/in" "$lab/want" /etc/pki/cloudera/certs

owner() { stat -c '%U:%G %a' "$1"; }
runs_as() { ps -o user= -C "$1" | sort -u | paste -sd ' '; }
foreign() { find "$1" ! -user "$2" -printf '%p %u\n'; } # DIR USER: what is not the user's
status_of() { curl -sk -o "$WORK/out" -w '%{http_code}' --max-time 60 "$@" || true; }
as_reader() { status_of --cert "$WORK/reader.crt" --key "$WORK/reader.key" -H 'Accept: application/octet-stream' "$@"; }
# How many of the versions that there have to be are not what they were.
different() {
  local file name count=0
  for file in "$lab"/want/*; do
    name=${file##*/}
    [ "$(as_reader "$KEYTRUSTEE/v1/deposits/${name%.*}?version=${name##*.}")" = 200 ] && cmp -s "$file" "$WORK/out" ||
      count=$((count + 1))
  done
  echo "$count"
}
secrets() { find /var/lib/keyhsm /var/lib/keytrustee /var/lib/softhsm /etc/keyhsm/pin /etc/keyhsm/tls /etc/keyhsm/trust -type f \
  ! -name '*.lock' ! -name lock -exec sha256sum {} + | sort -k 2; }
apt() { apt-get -q -y -o Dpkg::Options::=--force-confold "$@"; }

echo "# as installed"
check_eq "state of keyhsmd" "$(owner /var/lib/keyhsm)" "keyhsm:keyhsm 700"
check_eq "state of keytrusteed" "$(owner /var/lib/keytrustee)" "keytrustee:keytrustee 700"
check_eq "logs" "$(owner /var/log/keyhsm), $(owner /var/log/keytrustee)" "keyhsm:keyhsm 750, keytrustee:keytrustee 750"
check_eq "configurations" "$(owner /etc/keyhsm/keyhsm.ini), $(owner /etc/keytrustee/keytrustee.ini)" \
  "root:keyhsm 640, root:keytrustee 640"
check_has "keyhsmd may use SoftHSM" <(id -nG keyhsm) softhsm
check_eq "no shell for them" "$(getent passwd keyhsm keytrustee | cut -d: -f7 | sort -u)" /usr/sbin/nologin
check_eq "nothing was started" "$(runs_as keyhsmd)$(runs_as keytrusteed)" ""
check "both start at boot" ls /etc/rc2.d/S??keyhsm /etc/rc2.d/S??keytrusteed
check_eq "keytrusteed has no pkcs11" "$(ls /usr/lib/*/keytrustee/plugins)" $'keyhsm.so\nsoftfile.so'
STATUS=0
keytrusteed --backend pkcs11 >"$WORK/out" 2>&1 || STATUS=$?
check_eq "and cannot load it" "$STATUS" 2
check_has "which it says" "$WORK/out" "keytrustee/plugins/pkcs11.so"

# The maintainers' scripts ask whether they may start and stop; without any init they take that for a no.
printf '#!/bin/sh\nexit 0\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d

echo "# before the procedure"
(umask 077; echo 123456 >"$WORK/pin"; echo 87654321 >"$WORK/officer")
check "keyhsm setup" keyhsm setup softhsm --non-interactive --init-token --pin-from "file:$WORK/pin" \
  --so-pin-from "file:$WORK/officer" --host keyhsm01.example.com
check "ktadmin init" ktadmin init
check_eq "the state is the daemons'" "$(foreign /var/lib/keyhsm keyhsm; foreign /var/lib/keytrustee keytrustee)" ""
check_eq "so is the token" "$(foreign /var/lib/softhsm/tokens keyhsm | grep -v '^/var/lib/softhsm/tokens ')" ""
check_eq "the PIN" "$(owner /etc/keyhsm/pin)" "keyhsm:keyhsm 600"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=Example authority" \
  -keyout "$WORK/authority.key" -out /etc/pki/cloudera/certs/authority.crt 2>/dev/null
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=reader -keyout "$WORK/reader.key" \
  -out "$WORK/reader.csr" 2>/dev/null
openssl x509 -req -in "$WORK/reader.csr" -CA /etc/pki/cloudera/certs/authority.crt -CAkey "$WORK/authority.key" \
  -CAcreateserial -days 30 -out "$WORK/reader.crt" 2>/dev/null
cat >>/etc/keytrustee/keytrustee.ini <<'INI'
[tls]
ca_file = /etc/pki/cloudera/certs/authority.crt
[acl]
readers = allow get,list on * to CN=reader
INI
chmod 755 /etc/pki /etc/pki/cloudera /etc/pki/cloudera/certs
chmod 644 /etc/pki/cloudera/certs/authority.crt
make_inputs
put_deposits
rm "$lab/want/hdfs-zone2.1" # deleted
cp "$CONFDIR/.ssl/ssl-cert-keytrustee.pem" /etc/pki/cloudera/certs/mycert.crt
cp "$CONFDIR/.ssl/ssl-cert-keytrustee-pk.pem" /etc/pki/cloudera/certs/mykey.key
chown keytrustee: /etc/pki/cloudera/certs/my*
chmod 600 /etc/pki/cloudera/certs/mykey.key
check "service keytrusteed start" service keytrusteed start
check_eq "it runs as its user" "$(runs_as keytrusteed)" keytrustee
check_eq "all is read from the legacy store" "$(different)" 0

echo "# the procedure"
check "keyhsm trust" keyhsm trust "$CONFDIR/.ssl/ssl-cert-keytrustee.pem"
check "service keyhsm start" service keyhsm start
check_eq "it runs as its user" "$(runs_as keyhsmd)" keyhsm
PID=$(pgrep -x keyhsmd)
check_eq "it cannot become root again" "$(awk '/^Uid/ {print $2 == $3 && $3 == $4}' "/proc/$PID/status")" 1
check_has "it has no right over files" "/proc/$PID/status" "CapEff:	0000000000000000"
ktadmin keyhsm --server https://keyhsm01.example.com:9090 --client-certfile /etc/pki/cloudera/certs/mycert.crt \
  --client-keyfile /etc/pki/cloudera/certs/mykey.key --trust <<<y >"$WORK/out" 2>"$WORK/err" ||
  not_ok "ktadmin keyhsm" "$(tail -n 3 "$WORK/err")"
check_has "the deposits are moved" "$WORK/out" "Migration Complete!"
check "service keytrusteed restart" service keytrusteed restart
check_eq "test_hsm" "$(status_of "$KEYTRUSTEE/test_hsm")" 200
check_has "as it is printed" "$WORK/out" '"Sample Key TEST_HELLO_DEPOSIT'
check_eq "all is read from behind the token" "$(different)" 0
check_eq "the state is the daemons' still" "$(foreign /var/lib/keyhsm keyhsm; foreign /var/lib/keytrustee keytrustee)" ""
check_eq "the configuration, too" "$(owner /etc/keytrustee/keytrustee.ini)" "root:keytrustee 640"

echo "# nginx serves TLS with a key of the token"
client=/etc/keyhsm-client
mkdir -m 755 "$client"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=web -keyout "$client/client.key" \
  -out "$client/client.pem" 2>/dev/null
check "its certificate is trusted" keyhsm trust "$client/client.pem"
install -m 644 "$CONFDIR/.ssl/ssl-cert-keyhsm.pem" "$client/keyhsmd.pem"
check "a key is made on the token" ktadmin key create web --kind ec-p256 --server https://keyhsm01.example.com:9090 \
  --client-certfile "$client/client.pem" --client-keyfile "$client/client.key" --cacert "$client/keyhsmd.pem"
ktadmin key uri web >"$WORK/web.pem"
with_provider() { OPENSSL_CONF=/usr/share/doc/libkeyhsm-provider/examples/openssl-keyhsm.cnf "$@"; }
check "it signs its certificate" with_provider openssl req -new -x509 -key keyhsm:web -subj /CN=localhost -days 2 \
  -addext subjectAltName=DNS:localhost -out "$WORK/web.crt"
cat >"$WORK/nginx.conf" <<NGINX
pid $WORK/nginx.pid;
error_log $WORK/nginx.log;
events {}
http {
  access_log off;
  server {
    listen 127.0.0.1:4443 ssl;
    ssl_certificate $WORK/web.crt;
    ssl_certificate_key $WORK/web.pem;
    location / { return 200 "hello"; }
  }
}
NGINX
check "nginx starts" with_provider nginx -c "$WORK/nginx.conf"
check_eq "and serves" "$(curl -sS --max-time 20 --cacert "$WORK/web.crt" https://localhost:4443/ 2>&1)" hello
check "and ends" with_provider nginx -c "$WORK/nginx.conf" -s quit

echo "# root's tools beside it"
check "restarted" service keyhsm restart
check "keyhsm validate" keyhsm validate
check "stopped" service keyhsm stop
check "a second store" ktadmin init --confdir /root/second
check "with a deposit" ktadmin deposit put second.deposit "$lab/in/words" --backend softfile \
  --set backend.softfile.directory=/root/second
check "ktmigrate straight to the token" ktmigrate --from softfile --to pkcs11 --yes --config /etc/keyhsm/keyhsm.ini \
  --set backend.softfile.directory=/root/second
cp "$lab/in/words" "$lab/want/second.deposit.0"
check_eq "what it made is the daemon's" "$(foreign /var/lib/keyhsm keyhsm)" ""
check_eq "the keys, too" "$(foreign /var/lib/softhsm/tokens keyhsm | grep -v '^/var/lib/softhsm/tokens ')" ""
check "started" service keyhsm start
check_eq "and it serves it" "$(different)" 0

echo "# logs are rotated by root, and go on as the daemon's"
apt install logrotate >/dev/null 2>&1 || true
rm -f /var/log/keyhsm/keyhsm.log
check "reload" service keyhsm reload
wait_for "the new log" test -s /var/log/keyhsm/keyhsm.log
check_eq "is its own" "$(stat -c %U /var/log/keyhsm/keyhsm.log)" keyhsm

echo "# an upgrade of daemons that serve"
BEFORE=$(pgrep -x keyhsmd) BEFORE_KT=$(pgrep -x keytrusteed)
check "the next version" apt install /lab/next/keyhsm_*.deb /lab/next/keytrustee_*.deb
check_eq "is installed" "$(dpkg-query -W -f '${Version}' keyhsm)" "$KEYHSM_VERSION+next"
check "keyhsmd is another" test "$(pgrep -x keyhsmd)" != "$BEFORE"
check "keytrusteed is another" test "$(pgrep -x keytrusteed)" != "$BEFORE_KT"
check_eq "as their users" "$(runs_as keyhsmd) $(runs_as keytrusteed)" "keyhsm keytrustee"
check_eq "nothing is lost" "$(different)" 0
check_has "the operator's configuration stays" /etc/keytrustee/keytrustee.ini "readers = allow"
check_has "the new one is beside it" /etc/keytrustee/keytrustee.ini.dpkg-dist "new in this version"
check_eq "for the daemon alone to read" "$(owner /etc/keytrustee/keytrustee.ini)" "root:keytrustee 640"

echo "# a daemon that was stopped stays so"
service keyhsm stop >/dev/null 2>&1
check "installed again" dpkg --force-confold -i /lab/next/keyhsm_*.deb
check_eq "it is not started" "$(runs_as keyhsmd)" ""
echo "module = nonsense" >>/etc/keyhsm/keyhsm.ini
check "with a configuration that is wrong it is installed, too" dpkg --force-confold -i /lab/next/keyhsm_*.deb
sed -i '$d' /etc/keyhsm/keyhsm.ini
service keyhsm start >/dev/null 2>&1
echo "module = nonsense" >>/etc/keyhsm/keyhsm.ini
check "while it runs" dpkg --force-confold -i /lab/next/keyhsm_*.deb
check_has "it says that it was not restarted" "$WORK/check.out" "NOT restarted"
check_eq "and the one before serves on" "$(different)" 0
sed -i '$d' /etc/keyhsm/keyhsm.ini

echo "# removal with deposits in it"
# A daemon that ends closes its catalog; whether that is all there is seen further down.
quiet() { secrets | grep -v 'catalog\.db\|/generation$'; }
quiet >"$WORK/before"
check "removed" apt remove keyhsm keytrustee
check_eq "nothing runs" "$(runs_as keyhsmd)$(runs_as keytrusteed)" ""
quiet >"$WORK/after"
check "everything is where it was" cmp "$WORK/before" "$WORK/after"
check "the configuration, too" test -f /etc/keyhsm/keyhsm.ini
check "installed again" apt install /lab/next/keyhsm_*.deb /lab/next/keytrustee_*.deb
service keyhsm start >/dev/null 2>&1
check "and started" service keytrusteed start
check_eq "nothing is lost" "$(different)" 0

echo "# purge"
service keytrusteed stop >/dev/null 2>&1
service keyhsm stop >/dev/null 2>&1
secrets >"$WORK/before"
check "purged" apt purge keyhsm keytrustee
cp "$WORK/check.out" "$WORK/said"
check_has "it says what it leaves" "$WORK/said" "keyhsm: keys are never purged"
check_has "of both" "$WORK/said" "keytrustee: keys are never purged"
for place in /var/lib/keyhsm /etc/keyhsm /var/lib/keytrustee /var/lib/softhsm/tokens /var/log/keytrustee; do
  check_has "it names $place" "$WORK/said" "$place"
done
secrets >"$WORK/after"
check "every key is where it was" cmp "$WORK/before" "$WORK/after"
check "the audit log, too" test -s /var/log/keytrustee/audit.log
check_eq "the users have them" "$(owner /var/lib/keyhsm), $(owner /var/lib/keytrustee)" \
  "keyhsm:keyhsm 700, keytrustee:keytrustee 700"
check_fails "the configurations are gone" ls /etc/keyhsm/keyhsm.ini /etc/keytrustee/keytrustee.ini
check_eq "no program is left" "$(ls /usr/bin/keyhsm* /usr/bin/kt* /usr/bin/keytrusteed 2>/dev/null)" ""
check_eq "no start at boot" "$(find /etc/rc?.d -name '*key*')" ""
finish
