#!/bin/bash
# Pages made from a source that lacks something: the tables fill it in; or that explains what there is not: an error.
#
#   test_make_page.sh SOURCE_DIR KTADMIN KTMIGRATE INI_TABLES PLUGIN_DIR
set -euo pipefail
man=$1/docs/man make=$1/scripts/manual/make_page ktadmin=$2 ktmigrate=$3 tables=$4 plugins=$5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

check() { # TEXT COMMAND...
    local text=$1
    shift
    if "$@" > "$work/out" 2>&1; then echo "ok   $text"; else
        echo "FAIL $text: $(tail -n 3 "$work/out")"
        failures=$((failures + 1))
    fi
}
# page NAME SOURCE: makes $work/NAME from SOURCE
page() {
    case $1 in
    ktadmin.8) "$make" command "$ktadmin" "$2" "$work/$1" ;;
    ktmigrate.1) "$make" command "$ktmigrate" "$2" "$work/$1" ;;
    *) "$make" ini "$tables" keyhsm "$plugins" softfile pkcs11 keyhsm "$2" "$work/$1" ;;
    esac
}
fails_with() { # WORDS COMMAND...
    local words=$1
    shift
    if "$@" > "$work/err" 2>&1; then echo "it succeeded"; return 1; fi
    grep -qF -- "$words" "$work/err" || { cat "$work/err"; return 1; }
}
has() { grep -qxF -- "$2" "$work/$1"; }
lint() { mandoc -T lint -W warning "$work/$1"; }
# without FILE FIRST LAST: FILE without the lines from one that is FIRST to the one before LAST
without() { awk -v first="$2" -v last="$3" '$0 == first { skip = 1; next } skip && $0 == last { skip = 0 } !skip' "$1"; }

echo "# an option that the prose does not mention"
without "$man/ktmigrate.1" '.It Fl -keep-source' '.It Fl -seal-empty' > "$work/source"
check "the page is made" page ktmigrate.1 "$work/source"
check "  and has it" has ktmigrate.1 '.It Fl -keep-source'
check "  with the words of --help" has ktmigrate.1 'Seal the source, but destroy nothing in it.'
check "  and is right" lint ktmigrate.1

echo "# a command that the prose does not mention"
without "$man/ktadmin.8" '.It Cm deposit purge' '.It Cm audit verify' > "$work/source"
check "the page is made" page ktadmin.8 "$work/source"
check "  and has it" has ktadmin.8 '.It Cm deposit purge'
check "  with its option" has ktadmin.8 '.It Fl y , Fl -yes'
check "  once" test "$(grep -cx '.It Cm deposit purge' "$work/ktadmin.8")" = 1
check "  and is right" lint ktadmin.8

echo "# an argument, a letter, a type, a default that are no longer true"
sed 's/^\.It Fl j , Fl -jobs Ns = Ns Ar N$/.It Fl -jobs Ns = Ns Ar MANY/' "$man/ktmigrate.1" > "$work/source"
check "the page is made" page ktmigrate.1 "$work/source"
check "  with what the table says" has ktmigrate.1 '.It Fl j , Fl -jobs Ns = Ns Ar N'
sed 's/^Default: 9090\.$/Default: 80./; s/^\.It Ic workers No = Ar number$/.It Ic workers No = Ar text/' "$man/keyhsm.ini.5" > "$work/source"
check "so is that of the file" page keyhsm.ini.5 "$work/source"
check "  the default" has keyhsm.ini.5 'Default: 9090.'
check "  and no other" test "$(grep -cx 'Default: 80\.' "$work/keyhsm.ini.5")" = 0
check "  the type" has keyhsm.ini.5 '.It Ic workers No = Ar number'

echo "# keys and sections that the prose does not mention"
without "$man/keyhsm.ini.5" '.Ss [memory]' '.Ss [backend.softfile]' |
    awk '$0 == ".It Ic port_file No = Ar path" { skip = 3 } skip-- <= 0' > "$work/source"
check "the page is made" page keyhsm.ini.5 "$work/source"
check "  and has the section" has keyhsm.ini.5 '.Ss [memory]'
check "  its keys" has keyhsm.ini.5 '.It Ic secure_heap No = Ar size'
check "  and the key" has keyhsm.ini.5 '.It Ic port_file No = Ar path'
check "  and is right" lint keyhsm.ini.5

echo "# what there is not"
sed 's/^\.It Fl -seal-empty$/.It Fl -seal-full/' "$man/ktmigrate.1" > "$work/source"
check "an option" fails_with "--seal-full is explained" page ktmigrate.1 "$work/source"
sed 's/^\.Op Fl -seal-empty$/.Op Fl -seal-full/' "$man/ktmigrate.1" > "$work/source"
check "an option in the SYNOPSIS" fails_with "has no --seal-full" page ktmigrate.1 "$work/source"
sed 's/^\.It Ic workers No/.It Ic labourers No/' "$man/keyhsm.ini.5" > "$work/source"
check "a key" fails_with "[server] labourers is explained" page keyhsm.ini.5 "$work/source"
sed 's/^\.Ss \[memory\]/.Ss [memories]/' "$man/keyhsm.ini.5" > "$work/source"
check "a section" fails_with "[memories] is explained" page keyhsm.ini.5 "$work/source"
[ "$failures" = 0 ]
