#!/bin/bash
# keyhsm backend list, show and check: a plugin that keeps the contract, one that breaks it in every way
# known, and files that are no plugins. Each fault is found by the test that is made for it.
source "$(dirname "$0")/lib.sh"

leave_crashes
keyhsm=$KEYHSM_BIN_DIR/keyhsm
suite=(--suite "$KEYHSM_BIN_DIR/keyhsm-conformance")
mocks=$KEYHSM_MOCK_DIR
report=$WORK/report
errors=$WORK/errors

# judged STATUS PLUGIN [OPTION]...: backend check ends with it; the report goes to $report.
judged() {
  local wanted=$1 status=0
  shift
  "$keyhsm" backend check "${suite[@]}" "$@" > "$report" 2> "$errors" || status=$?
  check_eq "${1##*/} ${*:2}" "$status" "$wanted"
}

# found TEST WORDS: the report has TEST as failed, and the lines below it have WORDS.
found() {
  awk -v name="$1" '$1 == "FAILED" { on = ($2 == name) } $1 == "passed" { on = 0 } on' "$report" > "$WORK/found"
  check_has "$1 finds it" "$WORK/found" "$1"
  check_has "$1 says how" "$WORK/found" "$2"
}

# ---- a plugin that keeps the contract ---------------------------------------------------------

judged 0 "${KEYHSM_EXAMPLE:?}" --junit "$WORK/example.xml"
check "the sum" grep -qx '7[0-9] passed, 0 failed' "$report"
check "the file's digest" grep -qx 'SHA-256        [0-9a-f]\{64\}' "$report"
cat > "$WORK/junit.py" << 'END'
import sys, xml.etree.ElementTree as tree
suite = tree.parse(sys.argv[1]).getroot()
failed = [c.get("name") for c in suite if c.find("failure") is not None]
assert suite.tag == "testsuite" and int(suite.get("tests")) == len(suite.findall("testcase")) > 70
assert int(suite.get("failures")) == len(failed) and failed == sys.argv[2:], failed
END
check "JUnit without a failure" python3 "$WORK/junit.py" "$WORK/example.xml"

# ---- one that breaks it -----------------------------------------------------------------------

# FAULT | TEST | WORDS
while IFS='|' read -r fault test words; do
  judged 3 "$mocks/broken.so" --set "fault=$fault" --timeout 5 --test "$test"
  found "$test" "$words"
done << 'END'
attests_anything|the_key_of_every_version_is_attested|wanted 1
crashes|a_name_of_one_byte_is_stored|crashes: Segmentation fault
exits|a_name_of_one_byte_is_stored|ends the process, with exit status 0
files|nothing_is_left_behind_by_a_call|600 gets left 600 files
fork|a_fork_of_the_host_does_not_disturb_it|kh_contract_get_status
hangs|a_listing_gives_every_version_once_whatever_the_page|hangs: no answer after 5 seconds
keeps_purged|a_purged_version_is_gone_for_ever|CU_ASSERT
keeps_secrets|secrets_are_wiped|copies of the data of a deposit are in memory
leaks|nothing_is_left_behind_by_open_and_close|bytes of secret memory
lies|what_was_stored_is_there_after_a_restart|CU_ASSERT
list_overflows|a_listing_gives_no_more_than_there_is_room_for|crashes: Segmentation fault
overwrites|a_stat_is_written_within_its_bounds|crashes: Segmentation fault
signals|the_process_is_left_as_it_was|CU_ASSERT
silent|a_failure_says_why_in_one_line_and_leaves_its_outputs_alone|is_good_error
spoils_outputs|a_failure_says_why_in_one_line_and_leaves_its_outputs_alone|kh_contract_is_zero
tells_secrets|a_refused_put_does_not_tell_the_secret|is_good_error
writes_inputs|a_deposit_given_to_put_is_not_written_to|crashes: Segmentation fault
END
judged 3 "$mocks/broken.so" --set fault=prints --test secrets_are_wiped
found nothing_is_written_to_standard_output "Vendor Middleware 4.2"
# After a crash and a hang it goes on: the tests behind them are run, and all is reported.
judged 3 "$mocks/broken.so" --set fault=crashes
check "each test it crashes in is reported" [ "$(grep -c 'crashes: Segmentation fault' "$report")" -gt 5 ]
check "what does not crash is reported too" grep -qx 'passed  nothing_is_written_to_standard_output' "$report"
check_has "the last test was run" "$report" the_facts_of_hardware_count_keys
# Without a fault the same file keeps it: each was found for its own sake.
judged 0 "$mocks/broken.so"
judged 3 "$mocks/racy.so" --set fault=races --test of_eight_puts_of_one_name_exactly_one_wins --timeout 20
check "a plugin that only says it is thread safe is found out" grep -q '^FAILED' "$report"
# Lies about what it can: a seal that is none, plaintext out of hardware.
judged 0 "$mocks/memory.so" --set store=x --test after_the_seal_nobody_reads_or_writes
judged 3 "$mocks/unsealed.so" --set store=x --test after_the_seal_nobody_reads_or_writes
found after_the_seal_nobody_reads_or_writes "wanted 3"
judged 3 "$mocks/giving.so" --test hardware_gives_nothing_to_a_migration
found hardware_gives_nothing_to_a_migration "CU_ASSERT"
judged 3 "$mocks/broken.so" --set fault=tells_secrets --junit "$WORK/broken.xml"
check "JUnit names what failed" \
  python3 "$WORK/junit.py" "$WORK/broken.xml" a_refused_put_does_not_tell_the_secret

# ---- what the loader refuses ------------------------------------------------------------------

# refused STATUS FILE WORDS
refused() {
  judged "$1" "$2"
  check_has "${2##*/} is told" "$errors" "$3"
}
refused 1 "$mocks/aborts.so" "crashes when it is loaded (Aborted)"
judged 1 "$mocks/hangs.so" --timeout 1
check_has "hangs.so is told" "$errors" "hangs: it is not loaded after 1 seconds"
refused 1 "$mocks/wrong_abi.so" "built for plugin ABI 2"
refused 1 "$mocks/wrong_size.so" "which no version had"
refused 1 "$mocks/newer.so" "newer version of keyhsm"
refused 1 "$mocks/no_method.so" "no method 'stat'"
refused 1 "$mocks/no_symbol.so" "this is no plugin"
refused 1 "$mocks/refuses.so" "required option 'place'"
refused 1 "$mocks/older.so" "it claims nothing that could be tested"
echo "this is no object" > "$WORK/text.so"
refused 1 "$WORK/text.so" "not a shared object of this machine"
# An object of another machine: the same file, with another e_machine.
cp "$mocks/single.so" "$WORK/foreign.so"
printf '\363\000' | dd of="$WORK/foreign.so" bs=1 seek=18 conv=notrunc status=none
refused 1 "$WORK/foreign.so" "foreign.so: the plugin cannot be loaded"
ln -s "$mocks/single.so" "$WORK/single.so"
refused 1 "$WORK/single.so" "symbolic link"
refused 2 "$WORK/single" "a plugin's file is called NAME.so"

# A file of the directory one is in, as a build leaves it.
check "a file beside one" env -C "${KEYHSM_EXAMPLE%/*}" "$keyhsm" backend show example.so

# ---- list and show ----------------------------------------------------------------------------

check "list" "$keyhsm" backend list --plugin-dir "$KEYHSM_PLUGIN_DIR"
check_has "a plugin has a line" "$WORK/check.out" "softfile     1 "
mkdir -m 755 "$WORK/some"
cp "$mocks"/{aborts,single,vault}.so "$WORK/some"
check_fails "a refused plugin is a failure" "$keyhsm" backend list --plugin-dir "$WORK/some"
cp "$WORK/check.out" "$WORK/list"
check_has "with its reason" "$WORK/list" "aborts.so: the plugin crashes when it is loaded"
check_has "what follows is listed" "$WORK/list" "vault "
check_fails "a directory that is not there" "$keyhsm" backend list --plugin-dir /nowhere
check "show" "$keyhsm" backend show --plugin-dir "$KEYHSM_PLUGIN_DIR" pkcs11
check_has "where it may stand in a migration" "$WORK/check.out" "migrations     to it: yes; from it: no"
check_has "an option" "$WORK/check.out" "deposit|epoch, default deposit"
check_fails "no such plugin" "$keyhsm" backend show --plugin-dir "$KEYHSM_PLUGIN_DIR" absent

# The suite is found beside the program, as a build leaves it.
check "without --suite" "$keyhsm" backend check "$KEYHSM_EXAMPLE" --test an_info_is_written_within_its_bounds

# ---- usage ------------------------------------------------------------------------------------

judged 1 "$mocks/broken.so" --test no_such_test
check_has "a test that is none" "$errors" "call for no test no_such_test"
check_fails "no plugin" "$keyhsm" backend check
check_fails "a timeout that is none" "$keyhsm" backend check "$mocks/broken.so" --timeout never
judged 1 "$mocks/broken.so" --suite /nowhere/suite
check_has "the suite is missed by name" "$errors" "/nowhere/suite: No such file"
finish
