#!/bin/bash
# ktadmin backup and backup verify: online, stopped, encrypted in both ways, opened by stock tools, altered in
# every region, with a full disk.
source "$(dirname "$0")/lib.sh"
# Its own, so that what is left there is this test's.
mkdir "$WORK/tmp"
export TMPDIR=$WORK/tmp

make_pki
use_backend pkcs11
write_ini "${BACKEND_LINES[@]}"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=vault \
  -keyout "$WORK/vault.key" -out "$WORK/vault.crt" 2>/dev/null
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=rsa \
  -keyout "$WORK/rsa.key" -out "$WORK/rsa.crt" 2>/dev/null
printf 'correct horse battery\n' >"$WORK/pass"
printf 'incorrect horse battery\n' >"$WORK/badpass"
pin client
mkdir "$WORK/backups"

kt() { # COMMAND... ; STATUS, $WORK/out, $WORK/err
  STATUS=0
  "$KEYHSM_BIN_DIR/ktadmin" "$@" >"$WORK/out" 2>"$WORK/err" </dev/null || STATUS=$?
}
backup() {
  kt backup --config "$WORK/keyhsm.ini" --keytrustee-config "${TRUSTEE:-$WORK/keytrustee.ini}" \
    --plugin-dir "$KEYHSM_PLUGIN_DIR" "$@"
}
is() { # TEXT STATUS
  if [ "$STATUS" = "$2" ]; then ok "$1"; else not_ok "$1" "status $STATUS, wanted $2: $(cat "$WORK/err")"; fi
}
deposit() { "$KEYHSM_BIN_DIR/ktadmin" deposit "$@" --config "$WORK/keyhsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" \
  --backend pkcs11; }

# keytrusteed's side: its configuration, trust and audit head are in the same file.
cat >"$WORK/keytrustee.ini" <<INI
[tls]
certificate = $WORK/server.crt
private_key = $WORK/server.key
trust_dir = $WORK/trust
[audit]
file = $WORK/audit.log
[memory]
lock = preferred
INI
printf '%020d %064d\n' 41 7 >"$WORK/audit.log.head"

# ---- what cannot be ------------------------------------------------------------------------------
backup --output "$WORK/b"
is "without saying for whom" 2
check_has "it says how" "$WORK/err" "--recipient CERT"
backup --output "$WORK/b" --recipient "$WORK/vault.crt"
is "without a catalog" 4
check_has "it names it" "$WORK/err" "$WORK/state/catalog.db"
check_fails "and leaves nothing" test -e "$WORK/b"

for n in 1 2 3; do head -c 3000 /dev/urandom >"$WORK/data$n"; deposit put "zone$n" "$WORK/data$n" >/dev/null 2>&1; done
backup --output "$WORK/b" --recipient "$WORK/vault.crt" --passphrase-source "file:$WORK/pass"
is "two ways of encryption" 2
backup --recipient "$WORK/vault.crt"
is "without saying where to" 2
backup --output "$WORK/b" --recipient "$WORK/vault.key"
is "to a file that is no certificate" 2
backup --output "$WORK/b" --cleartext
is "clear text asked for once" 2
check_has "is not enough" "$WORK/err" "--yes-in-clear-text"
printf 'short\n' >"$WORK/short"
backup --output "$WORK/b" --passphrase-source "file:$WORK/short"
is "a short passphrase" 2
check_eq "nothing was left of all that" "$(find "$WORK" -maxdepth 1 \( -name b -o -name '.keyhsm-backup-??????' \) | wc -l)" 0

# ---- with the daemon stopped ---------------------------------------------------------------------
backup --output "$WORK/stopped.khb" --recipient "$WORK/vault.crt"
is "with the daemon stopped" 0
check_has "it says what it wrote" "$WORK/out" "3 deposits, 3 versions, 3 keys"
check_has "and what it is not" "$WORK/out" "back that up, too"
check_eq "its mode" "$(stat -c %a "$WORK/stopped.khb")" 600
for word in zone1 keyhsm.ini PRIVATE; do check_lacks "nothing in clear: $word" "$WORK/stopped.khb" "$word"; done
check_fails "SQLite's side files are not left" test -s "$WORK/state/catalog.db-wal"
backup --output "$WORK/stopped.khb" --recipient "$WORK/vault.crt"
is "again to the same file" 6
verify() { kt backup verify "$@"; }
verify "$WORK/stopped.khb" --recipient "$WORK/vault.crt" --recipient-key "$WORK/vault.key"
is "verify" 0
for word in "3 deposits" "'lab'" "old" "$WORK/keyhsm.ini" "$WORK/keytrustee.ini" "$WORK/server.key" "audit head     41 " \
  "$(fingerprint "$WORK/client.crt").pem" sound; do check_has "tells: $word" "$WORK/out" "$word"; done
check_lacks "the PIN is not in it" "$WORK/out" "$WORK/pin"
SERIAL=$(softhsm2-util --show-slots | sed -n 's/^ *Serial number: *//p' | head -n 1)
check_has "and the token that it needs" "$WORK/out" "$SERIAL"

# ---- while the daemon serves ---------------------------------------------------------------------
start_daemon
for i in $(seq 1 60); do
  curl -sS -o /dev/null -w '%{http_code}\n' --cacert "$WORK/ca.crt" --cert "$WORK/client.crt" --key "$WORK/client.key" \
    -X PUT -H 'Content-Type: application/octet-stream' --data-binary "@$WORK/data1" "$URL/v1/deposits/busy$i"
done >"$WORK/puts.log" 2>&1 &
WRITER=$!
for i in 1 2 3 4; do
  backup --output-dir "$WORK/backups" --recipient "$WORK/rsa.crt" --keep 2
  is "backup $i while it is written to" 0
  LAST=$(sed -n 's/^Wrote \([^ ]*\) .*/\1/p' "$WORK/out")
  verify "$LAST" --recipient "$WORK/rsa.crt" --recipient-key "$WORK/rsa.key"
  is "is consistent, and RSA opens it" 0
done
wait "$WRITER"
check_eq "no put failed" "$(grep -c '^201$' "$WORK/puts.log")" 60
touch "$WORK/backups/keyhsm-other-20200101T000000Z.khb" "$WORK/backups/precious"
backup --output-dir "$WORK/backups" --recipient "$WORK/rsa.crt" --keep 2
check_eq "two are kept, and what is not its own" "$(find "$WORK/backups" -type f -not -name '.*' | wc -l)" 4
check "the newest among them" test -s "$(sed -n 's/^Wrote \([^ ]*\) .*/\1/p' "$WORK/out")"
stop_daemon
check_eq "the daemon was not disturbed" "$STATUS" 0

# ---- during a migration ---------------------------------------------------------------------------
printf '[backend.softfile]\ndirectory = %s\ncreate = yes\n' "$WORK/legacy" >>"$WORK/keyhsm.ini"
for i in $(seq 1 30); do
  kt deposit put "old$i" "$WORK/data2" --backend softfile --config "$WORK/keyhsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR"
  [ "$STATUS" = 0 ] || die "put old$i: $(cat "$WORK/err")"
done
"$KEYHSM_BIN_DIR/ktmigrate" --from softfile --to pkcs11 --yes --jobs 1 --state-dir "$WORK/journal" \
  --config "$WORK/keyhsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" >"$WORK/migrate.log" 2>&1 &
MIGRATION=$!
copied_one() { sqlite3 -readonly "$WORK/state/catalog.db" "SELECT name FROM versions WHERE name LIKE 'old%' LIMIT 1" | grep -q old; }
wait_for "the first copy" copied_one
backup --output "$WORK/during.khb" --recipient "$WORK/vault.crt"
is "a backup while a migration copies" 0
verify "$WORK/during.khb" --recipient "$WORK/vault.crt" --recipient-key "$WORK/vault.key"
is "is sound" 0
STATUS=0; wait "$MIGRATION" || STATUS=$?
is "and the migration ends well" 0

# ---- the units ----------------------------------------------------------------------------------
mkdir "$WORK/units"
sed "s|@CMAKE_INSTALL_FULL_BINDIR@|$KEYHSM_BIN_DIR|" "$KEYHSM_SOURCE_DIR/etc/keyhsm-backup.service.in" >"$WORK/units/keyhsm-backup.service"
cp "$KEYHSM_SOURCE_DIR/etc/keyhsm-backup.timer" "$WORK/units/"
check "systemd takes the units" systemd-analyze verify --man=no "$WORK/units/keyhsm-backup.service" "$WORK/units/keyhsm-backup.timer"
check "their sandbox is closed" systemd-analyze security --offline=yes --threshold=15 "$WORK/units/keyhsm-backup.service"

# ---- stock tools ---------------------------------------------------------------------------------
mkdir "$WORK/stock"
tar -C "$WORK/stock" -xf "$WORK/stopped.khb"
check "openssl decrypts it" openssl cms -decrypt -inform DER -in "$WORK/stock/message.cms" -content \
  "$WORK/stock/message.enc" -recip "$WORK/vault.crt" -inkey "$WORK/vault.key" -binary -out "$WORK/stock/inner.tar"
tar -C "$WORK/stock" -xf "$WORK/stock/inner.tar"
check "tar and python agree with the manifest" python3 - "$WORK/stock" <<'PY'
import hashlib, json, sys
root = sys.argv[1]
manifest = json.load(open(root + "/manifest.json"))
assert manifest["format"] == "keyhsm-backup" and len(manifest["members"]) > 5
for m in manifest["members"]:
    data = open(root + "/" + m["name"], "rb").read()
    assert len(data) == m["size"] and hashlib.sha256(data).hexdigest() == m["sha256"], m["name"]
PY
check_eq "sqlite opens the catalog" "$(sqlite3 "$WORK/stock/catalog.db" 'SELECT count(*) FROM versions; PRAGMA integrity_check')" $'3\nok'
check_eq "the list of keys" "$(grep -c ,active, "$WORK/stock/keys.csv")" 3

# ---- a passphrase --------------------------------------------------------------------------------
backup --output "$WORK/pass.khb" --passphrase-source "file:$WORK/pass" --without-keys
is "to a passphrase" 0
verify "$WORK/pass.khb" --passphrase-source "file:$WORK/pass"
is "which opens it" 0
check_lacks "without the private keys" "$WORK/out" "$WORK/server.key"
verify "$WORK/pass.khb" --passphrase-source "file:$WORK/badpass"
is "a wrong one" 7
check_has "is said to be wrong" "$WORK/err" "passphrase is wrong"
verify "$WORK/pass.khb"
is "none, and no terminal" 2
verify "$WORK/stopped.khb" --recipient "$WORK/rsa.crt" --recipient-key "$WORK/rsa.key"
is "the key of another recipient" 7
check_has "is said so" "$WORK/err" "another recipient"
verify "$WORK/stopped.khb"
is "no key" 2
check_has "it says which options" "$WORK/err" "--recipient-key"
verify "$WORK/nowhere"
is "no file" 4

# ---- clear text ----------------------------------------------------------------------------------
backup --output "$WORK/clear.khb" --cleartext --yes-in-clear-text
is "clear text asked for twice" 0
check_has "says so" "$WORK/out" "IN CLEAR TEXT"
verify "$WORK/clear.khb"
is "is verified" 0
check_lacks "and never has private keys" "$WORK/clear.khb" "PRIVATE KEY"

# ---- damage --------------------------------------------------------------------------------------
cp "$WORK/stopped.khb" "$WORK/whole"
SIZE=$(stat -c %s "$WORK/whole")
# damaged TEXT OFFSET: one bit of that byte
flip() { python3 - "$1" "$2" "$3" <<'PY'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[int(sys.argv[3])] ^= 1
open(sys.argv[2], "wb").write(data)
PY
}
bad=0
for at in 0 1 99 100 124 135 148 156 257 511 512 513 1000 5000 $((SIZE / 2)) $((SIZE / 3)) $((SIZE - 1)) \
  $((SIZE - 1024)) $((SIZE - 1025)) $((SIZE - 1200)) $((SIZE - 1400)) $((SIZE - 1536)) $((SIZE - 1600)) \
  $((SIZE - 2000)) $((SIZE - 2048)) $((SIZE - 2100)); do
  [ "$at" -lt "$SIZE" ] || continue
  flip "$WORK/whole" "$WORK/flipped" "$at"
  verify "$WORK/flipped" --recipient "$WORK/vault.crt" --recipient-key "$WORK/vault.key"
  case $STATUS in 1 | 2 | 7) ;; *) bad=$((bad + 1)); echo "byte $at: $STATUS $(cat "$WORK/err")" ;; esac
  if [ ! -s "$WORK/err" ] || [ -s "$WORK/out" ]; then bad=$((bad + 1)); echo "byte $at: not told"; fi
done
check_eq "no altered byte passes" "$bad" 0
for len in 0 1 511 512 513 4096 $((SIZE / 2)) $((SIZE - 1024)) $((SIZE - 1)); do
  head -c "$len" "$WORK/whole" >"$WORK/cut"
  verify "$WORK/cut" --recipient "$WORK/vault.crt" --recipient-key "$WORK/vault.key"
  case $STATUS in 1 | 2) ;; *) bad=$((bad + 1)); echo "cut to $len: $STATUS" ;; esac
done
check_eq "no cut one passes" "$bad" 0
cat "$WORK/whole" "$WORK/data1" >"$WORK/longer"
verify "$WORK/longer" --recipient "$WORK/vault.crt" --recipient-key "$WORK/vault.key"
is "nor one with something behind it" 1
CLEARSIZE=$(stat -c %s "$WORK/clear.khb")
for at in 0 600 1024 $((CLEARSIZE / 2)) $((CLEARSIZE - 1)); do
  flip "$WORK/clear.khb" "$WORK/flipped" "$at"
  verify "$WORK/flipped"
  case $STATUS in 1 | 2) ;; *) bad=$((bad + 1)); echo "clear, byte $at: $STATUS" ;; esac
done
check_eq "nor, in clear text, an altered byte" "$bad" 0
check_eq "verify leaves nothing in the temporary directory" "$(find "$TMPDIR" -maxdepth 1 -name '.keyhsm-restore-*' | wc -l)" 0

# ---- a full disk ---------------------------------------------------------------------------------
before=$(find "$WORK/backups" -type f -not -name '.*' | wc -l)
STATUS=0
( ulimit -f 40; trap '' XFSZ
  exec "$KEYHSM_BIN_DIR/ktadmin" backup --config "$WORK/keyhsm.ini" --keytrustee-config "$WORK/keytrustee.ini" \
    --plugin-dir "$KEYHSM_PLUGIN_DIR" --output-dir "$WORK/backups" --recipient "$WORK/rsa.crt" --keep 1 ) \
  >"$WORK/out" 2>"$WORK/err" || STATUS=$?
is "no room" 5
check_has "is said so" "$WORK/err" "cannot"
check_eq "and the older backups are all there" "$(find "$WORK/backups" -type f -not -name '.*' | wc -l)" "$before"
check_eq "and nothing half" "$(find "$WORK/backups" -name '.keyhsm-backup-??????' | wc -l)" 0

# ---- a killed run --------------------------------------------------------------------------------
mkdir "$WORK/backups/.keyhsm-backup-abcdef"
touch "$WORK/backups/.keyhsm-backup-abcdef/part" "$WORK/backups/.keyhsm-backup-abcdef/catalog.db"
exec 7>"$WORK/backups/.keyhsm-backup.lock"
flock 7
backup --output-dir "$WORK/backups" --recipient "$WORK/rsa.crt"
is "while another one runs" 7
exec 7>&-
backup --output-dir "$WORK/backups" --recipient "$WORK/rsa.crt"
is "after one that was killed" 0
check_fails "what it left is gone" test -e "$WORK/backups/.keyhsm-backup-abcdef"

# ---- [backup], and a damaged catalog -------------------------------------------------------------
printf '[backup]\nrecipient = %s\ndirectory = %s\nkeep = 1\n' "$WORK/vault.crt" "$WORK/backups" >>"$WORK/keyhsm.ini"
backup
is "all from [backup]" 0
rmdir "$WORK/new" 2>/dev/null || true
backup --output-dir "$WORK/new" --keep 1
is "a directory of which only the last part is missing" 0
check_eq "is made for its user alone" "$(stat -c %a "$WORK/new")" 700
check_eq "one is kept" "$(find "$WORK/backups" -name "keyhsm-$(hostname)-*.khb" | wc -l)" 1
python3 - "$WORK/state/catalog.db" <<'PY'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
for page in range(1, len(data) // 4096): data[page * 4096] ^= 0xff
open(sys.argv[1], "wb").write(data)
PY
backup
is "a damaged catalog is not backed up" 1
check_eq "and pushes no good backup out" "$(find "$WORK/backups" -name "keyhsm-$(hostname)-*.khb" | wc -l)" 1
finish
