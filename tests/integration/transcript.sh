#!/bin/bash
# The tool that compares a procedure with its print finds what it is for.
. "$(dirname "$0")/lib.sh"
run() {
  python3 "$KEYHSM_SOURCE_DIR/tests/integration/transcript.py" "$@" >"$WORK/out" 2>&1
}
# procedure: a document with the lines of stdin
procedure() { { printf 'Words before, with a $ sign.\n\n```\n'; cat; printf '```\n\nand behind.\n'; } >"$WORK/doc.md"; }
# same / differs TEXT [WORDS]
same() { check "$1" run "$WORK/doc.md" --errors "$WORK/errors"; }
differs() {
  check_fails "$1" run "$WORK/doc.md" --errors "$WORK/errors"
  check_has "  and it says so" "$WORK/out" "$2"
}

procedure <<'EOT'
$ echo one
one
$ printf 'two\n\nthree\n' \
    | cat
two

three
$ true
$ printf 'Now? [y/N]: '; read -r a; echo "<$a>"
Now? [y/N]: y
<y>
EOT
same "commands, a continued line, an answer"
check_has "the answer was typed" "$WORK/out" "Now? [y/N]: y"
procedure <<<'$ tty -s && test -t 1 && ! test -t 2'
same "input and output are a terminal"
procedure <<<'$ echo noise >&2'
same "standard error is not compared"
check_has "it is kept" "$WORK/errors" noise

procedure <<<$'$ echo two\none'
differs "another line" "wanted 'one', got 'two'"
procedure <<<$'$ printf "one\\ntwo\\n"\none'
differs "one line more" "wanted None, got 'two'"
procedure <<<$'$ echo one\none\ntwo'
differs "one line less" "wanted 'two', got None"
procedure <<<$'$ echo one; exit 3\none'
differs "an exit status" "exit status 3"
procedure <<<$'$ printf "Then? [y/N]: "; read -rt 1 a; echo "<$a>"\nNow? [y/N]: y\n<y>'
differs "another prompt" "Now?"

sample='Sample Key TEST_HELLO_DEPOSIT2016-06-03-072718 has been created'
procedure <<<"\$ date -u '+Sample Key TEST_HELLO_DEPOSIT%F-%H%M%S has been created'
$sample"
same "the sample key of today"
procedure <<<"\$ echo '$sample'
$sample"
differs "that of another day" "2016-06-03"
procedure <<<"\$ date -u '+Sample Key TEST_HELLO_DEPOSIT%F has been created'
$sample"
differs "a name of another form" "TEST_HELLO_DEPOSIT"

procedure <<<$'$ cat "$WORK/hook"\nmade'
export WORK
check "a hook runs before its command" run "$WORK/doc.md" --before hook "echo made >'$WORK/hook'"
check_fails "a hook that fails stops everything" run "$WORK/doc.md" --before hook false
check_fails "a hook without a command is a mistake" run "$WORK/doc.md" --before elsewhere true
echo nothing >"$WORK/doc.md"
check_fails "no command at all" run "$WORK/doc.md"
check_has "says so" "$WORK/out" "no command"
finish
