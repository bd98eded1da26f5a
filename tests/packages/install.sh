# In the clean Debian: both packages, as an operator installs them. With the network.
source /lab/tests/integration/lib.sh
umask 022
export DEBIAN_FRONTEND=noninteractive
echo "# installation"
apt-get -q update >"$WORK/apt.log" 2>&1 || die "apt-get update: $(tail -n 3 "$WORK/apt.log")"
apt-get -q -y -o APT::Keep-Downloaded-Packages=true install /lab/this/keyhsm_*.deb /lab/this/keytrustee_*.deb \
  >"$WORK/apt.log" 2>&1 || not_ok "apt install ./x.deb" "$(grep -B 3 'returned an error\|^dpkg: error' "$WORK/apt.log")"
check_has "it says what comes next" "$WORK/apt.log" "keyhsm: not set up yet"
check "and the headers" apt-get -q -y install /lab/this/libkeyhsm-dev_*.deb
check "and the provider" apt-get -q -y -o APT::Keep-Downloaded-Packages=true install openssl /lab/this/libkeyhsm-provider_*.deb
openssl list -providers -provider keyhsm >"$WORK/providers" 2>&1 || true
check_has "which openssl finds" "$WORK/providers" "Keys and deposits of keyhsm"
check "and a web server" apt-get -q -y -o APT::Keep-Downloaded-Packages=true install --no-install-recommends nginx-light
check "and what a vendor compiles with" apt-get -q -y -o APT::Keep-Downloaded-Packages=true install --no-install-recommends \
  gcc libc6-dev pkgconf
finish
