# shellcheck shell=bash
# A Kerberos realm of a test's own, on loopback: sourced after lib.sh. Needs no root. Whatever it starts ends
# with the test, and its files are below $WORK.
export PATH=$PATH:/usr/sbin:/sbin

# free_port: one that nobody listens on
free_port() {
  python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'
}

# krb5_conf FILE OWN REALM PORT [REALM PORT...]: OWN is the realm of who reads FILE; localhost is of the first REALM
krb5_conf() {
  local file=$1 own=$2; shift
  {
    cat <<EOF
[libdefaults]
    default_realm = $own
    dns_lookup_kdc = false
    dns_lookup_realm = false
    dns_canonicalize_hostname = false
    rdns = false
    udp_preference_limit = 1
    forwardable = true
    permitted_enctypes = aes256-cts-hmac-sha1-96 aes128-cts-hmac-sha1-96
[domain_realm]
    localhost = $2
[realms]
EOF
    while [ $# -gt 1 ]; do
      printf '    %s = {\n        kdc = 127.0.0.1:%s\n    }\n' "$2" "$3"
      shift 2
    done
  } >"$file"
}

# make_realm REALM PORT DIR: an empty database, and what kdc and kadmin.local need to know
make_realm() {
  mkdir -p "$3"
  cat >"$3/kdc.conf" <<EOF
[kdcdefaults]
    kdc_listen = 127.0.0.1:$2
    kdc_tcp_listen = 127.0.0.1:$2
[realms]
    $1 = {
        database_name = $3/principal
        key_stash_file = $3/stash
        acl_file = $3/kadm5.acl
        max_life = 10h 0m 0s
        supported_enctypes = aes256-cts:normal aes128-cts:normal
    }
[logging]
    kdc = FILE:$3/kdc.log
EOF
  KRB5_KDC_PROFILE=$3/kdc.conf kdb5_util create -s -r "$1" -P masterpw >"$3/create.log" 2>&1 ||
    { cat "$3/create.log"; die "kdb5_util create for $1"; }
}
# kadmin REALM DIR: its commands come on standard input
kadmin() { KRB5_KDC_PROFILE=$2/kdc.conf kadmin.local -r "$1" >>"$2/create.log" 2>&1; }

# start_kdc REALM PORT DIR
start_kdc() {
  KRB5_KDC_PROFILE=$3/kdc.conf krb5kdc -n -r "$1" -P "$3/kdc.pid" >"$3/kdc.out" 2>&1 &
  DAEMONS+=("$!")
  KDC=$!
  wait_for "the KDC of $1" kdc_open "$2"
}
kdc_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# start_realm: realm LAB.TEST with its KDC. Users alice, bob (passwords alicepw, bobpw), hdfs/localhost;
# keytabs $WORK/krb5/NAME.keytab of alice, bob, hdfs, http (HTTP/localhost and HTTP/127.0.0.1), nfs
# (nfs/localhost alone), other (HTTP/other.test alone).
start_realm() {
  local d=$WORK/krb5 port
  port=$(free_port)
  mkdir -p "$d"
  krb5_conf "$d/krb5.conf" LAB.TEST LAB.TEST "$port"
  export KRB5_CONFIG=$d/krb5.conf
  make_realm LAB.TEST "$port" "$d"
  kadmin LAB.TEST "$d" <<EOF
addprinc -randkey HTTP/localhost
addprinc -randkey HTTP/127.0.0.1
addprinc -randkey HTTP/other.test
addprinc -randkey nfs/localhost
addprinc -randkey hdfs/localhost
addprinc -pw alicepw alice
addprinc -pw bobpw bob
addprinc -pw longpw averyveryverylongname/withhost.example.com
ktadd -k $d/http.keytab HTTP/localhost
ktadd -k $d/http.keytab HTTP/127.0.0.1
ktadd -k $d/other.keytab HTTP/other.test
ktadd -k $d/nfs.keytab nfs/localhost
ktadd -k $d/hdfs.keytab hdfs/localhost
ktadd -k $d/alice.keytab -norandkey alice
ktadd -k $d/bob.keytab -norandkey bob
EOF
  start_kdc LAB.TEST "$port" "$d"
  REALM_PORT=$port
}

# login NAME [PRINCIPAL] [KINIT_OPTION...]: a ticket in $WORK/krb5/NAME.cc
login() {
  local name=$1 principal=${2:-$1}
  shift; [ $# -eq 0 ] || shift
  KRB5CCNAME=FILE:$WORK/krb5/$name.cc kinit -k -t "$WORK/krb5/$name.keytab" "$@" "$principal" \
    >"$WORK/kinit.out" 2>&1 || { cat "$WORK/kinit.out"; die "kinit $principal"; }
}
# as NAME COMMAND...: with NAME's ticket
as() { local name=$1; shift; KRB5CCNAME=FILE:$WORK/krb5/$name.cc "$@"; }

# negotiate NAME METHOD PATH [CURL_OPTION...]: as stranger (lib.sh), with NAME's ticket
negotiate() {
  local name=$1; shift
  KRB5CCNAME=FILE:$WORK/krb5/$name.cc stranger "$@" --negotiate -u :
}
# negotiate_is TEXT STATUS NAME METHOD PATH [CURL_OPTION...]
negotiate_is() {
  local text=$1 wanted=$2; shift 2
  negotiate "$@"
  if [ "$STATUS" = "$wanted" ]; then ok "$text"
  else not_ok "$text" "status $STATUS, wanted $wanted: $(head -c 300 "$WORK/body")$(cat "$WORK/curl.err")"; fi
}
