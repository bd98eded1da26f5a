#!/bin/bash
# `ktadmin import-kms-acls` on files as a Hadoop KMS has them: what it writes keytrusteed takes.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

INI="$WORK/keytrustee.ini"
import() { "$KEYHSM_BIN_DIR/ktadmin" import-kms-acls --config "$INI" "$@"; }

cat >"$WORK/kms-acls.xml" <<'XML'
<?xml version="1.0" encoding="UTF-8"?>
<configuration>
  <property><name>hadoop.kms.acl.CREATE</name><value>keyadmin keyadmins</value></property>
  <property><name>hadoop.kms.acl.GET</name><value></value></property>
  <property><name>hadoop.kms.blacklist.DECRYPT_EEK</name><value>hdfs</value>
    <description>the name node never sees a key</description></property>
  <property><name>keytrustee.kms.acl.UNDELETE</name><value>keyadmin</value></property>
  <property><name>key.acl.finance.DECRYPT_EEK</name><value>alice,bob analysts</value></property>
  <property><name>default.key.acl.READ</name><value>*</value></property>
  <property><name>whitelist.key.acl.MANAGEMENT</name><value> keyadmins</value></property>
  <property><name>hadoop.kms.acl.FROB</name><value>secret-value</value></property>
</configuration>
XML
cat >"$WORK/kms-site.xml" <<'XML'
<configuration>
  <property><name>hadoop.kms.proxyuser.hue.users</name><value>*</value></property>
  <property><name>hadoop.kms.proxyuser.hue.hosts</name><value>127.0.0.1, 10.0.0.0/8</value></property>
  <property><name>hadoop.kms.authentication.kerberos.name.rules</name><value>DEFAULT</value></property>
  <property><name>hadoop.kms.authentication.delegation-token.renew-interval.sec</name><value>3600</value></property>
  <property><name>hadoop.kms.key.provider.uri</name><value>jceks://file@/x</value></property>
</configuration>
XML

printf '[server]\n# of the operator\nport = 0\n' >"$INI"
cp "$INI" "$WORK/before.ini"
check "a dry run succeeds" import --dry-run "$WORK/kms-acls.xml" "$WORK/kms-site.xml"
check_has "it says what would be set" "$WORK/check.out" "set     [kms.acl] CREATE = keyadmin keyadmins"
check "and writes nothing" cmp "$INI" "$WORK/before.ini"

check "the import succeeds" import "$WORK/kms-acls.xml" "$WORK/kms-site.xml"
cp "$WORK/check.out" "$WORK/import.out"
check_has "a list that is absent is everybody" "$WORK/import.out" "hadoop.kms.acl.DECRYPT_EEK is not set"
check_has "unknown properties are named" "$WORK/import.out" "hadoop.kms.acl.FROB"
check_has "of the site, too" "$WORK/import.out" "hadoop.kms.key.provider.uri"
check_lacks "without their values" "$WORK/import.out" "secret-value"
for line in "CREATE = keyadmin keyadmins" "UNDELETE = keyadmin" "DECRYPT_EEK = hdfs" "GENERATE_EEK = *" \
  "import-finance-DECRYPT_EEK = finance DECRYPT_EEK alice,bob analysts" "MANAGEMENT = , keyadmins" \
  "import-hue-users = hue users *" "import-hue-hosts = hue hosts 127.0.0.1,10.0.0.0/8" \
  "token_renew_interval = 3600" "# of the operator" "port = 0"; do
  check_has "the file has: $line" "$INI" "$line"
done
check "the file as it was is kept" cmp "$INI".old-* "$WORK/before.ini"

cp "$INI" "$WORK/first.ini"
check "a second import succeeds" import "$WORK/kms-acls.xml" "$WORK/kms-site.xml"
check_has "and says that there is nothing to do" "$WORK/check.out" "nothing is changed"
check "and changes nothing" cmp "$INI" "$WORK/first.ini"

printf '<!DOCTYPE c [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n<configuration/>\n' >"$WORK/entity.xml"
check_fails "a file with entities is refused" import "$WORK/entity.xml"
check_has "with its line" "$WORK/check.out" "entity.xml:1: a DOCTYPE"
check_fails "a missing file is refused" import "$WORK/none.xml"
check_fails "a directory is refused" import "$WORK"
head -c 9000000 /dev/zero | tr '\0' ' ' >"$WORK/huge.xml"
check_fails "a huge file is refused" import "$WORK/huge.xml"
check_has "with its limit" "$WORK/check.out" "larger than"
# shellcheck disable=SC2016 # a variable of Hadoop's
sed 's/keyadmin keyadmins/${admins}/' "$WORK/kms-acls.xml" >"$WORK/variable.xml"
check_fails "a variable is refused" import "$WORK/variable.xml"
check_has "with its name" "$WORK/check.out" "hadoop.kms.acl.CREATE has a variable"
check_fails "no file at all is refused" import
check "nothing of that was written" cmp "$INI" "$WORK/first.ini"
rm -f "$INI" "$INI".old-*
check "a file that is missing is made" import "$WORK/kms-acls.xml"
check_has "with the lists" "$INI" "[kms.acl]"
finish
