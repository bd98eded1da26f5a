"""Runs a procedure as it is printed, and compares what it prints, line by line.

transcript.py FILE [--errors LOG] [--before WORDS COMMAND]...

FILE is Markdown or plain text; the procedure is what stands from the first line with "$ " to the end of that
block: commands, which go on after a backslash, each with the lines it has to print. Each command gets a terminal of its own for its input and
output, as an operator has one; where a printed line ends with an answer to a prompt, that answer is typed. What
goes to standard error is shown too, but is not compared (--errors: it goes to that file). Every command has to
end with 0. The sample key's name may have another date: today's.

--before runs a shell command before the first command that contains WORDS; it has to end with 0 as well.
Exit status: 0, or 1 and what differs.
"""
import argparse
import datetime
import os
import pty
import re
import select
import subprocess
import sys
import time

PROMPT = re.compile(r"^(.*\[y/N\]: )(\S+)$")
SAMPLE = re.compile(r"TEST_HELLO_DEPOSIT(\d{4}-\d\d-\d\d-\d{6})")
LIMIT = 600


def parse(text):
    """The commands of the procedure, each with the lines that are printed after it."""
    steps, command = [], None
    for line in text.splitlines():
        if command is not None:
            command += "\n" + line
        elif line.startswith("$ "):
            command = line[2:]
        elif steps and line.startswith("```"):
            break
        elif steps:
            steps[-1][1].append(line)
        if command is not None and not command.endswith("\\"):
            steps.append((command, []))
            command = None
    return steps


class Terminal:
    """One command on a terminal of its own."""

    def __init__(self, command, expected, errors):
        self.answers = [m.groups() for m in map(PROMPT.match, expected) if m]
        self.output = ""
        pid, self.fd = pty.fork()
        if pid == 0:
            if errors:
                os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
            os.execv("/bin/bash", ["bash", "-c", command])
        self.pid = pid

    def answer(self):
        """Types what the procedure types, once its prompt stands there."""
        if self.answers and self.output.replace("\r", "").endswith(self.answers[0][0]):
            os.write(self.fd, (self.answers.pop(0)[1] + "\n").encode())

    def read(self):
        until = time.monotonic() + LIMIT
        while time.monotonic() < until:
            if not select.select([self.fd], [], [], 1)[0]:
                continue
            try:
                part = os.read(self.fd, 4096)
            except OSError:  # the last one on the terminal has gone
                part = b""
            if not part:
                break
            text = part.decode(errors="replace").replace("\r\n", "\n")
            sys.stdout.write(text)
            sys.stdout.flush()
            self.output += text
            self.answer()
        else:
            os.kill(self.pid, 9)
            self.output += "\n(no end after %d seconds)\n" % LIMIT
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def strip(lines):
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    return [line.rstrip() for line in lines]


def today(line, since):
    """The line with the date that the document has, if its own date is of this run."""
    found = SAMPLE.search(line)
    if not found:
        return line
    try:
        at = datetime.datetime.strptime(found[1], "%Y-%m-%d-%H%M%S").replace(tzinfo=datetime.timezone.utc)
    except ValueError:
        return line
    now = datetime.datetime.now(datetime.timezone.utc)
    if not since - datetime.timedelta(seconds=1) <= at <= now:
        return line
    return SAMPLE.sub("TEST_HELLO_DEPOSIT", line)


def differences(expected, got, since):
    expected = [SAMPLE.sub("TEST_HELLO_DEPOSIT", line) for line in strip(expected)]
    got = [today(line, since) for line in strip(got)]
    for number in range(max(len(expected), len(got))):
        wanted = expected[number] if number < len(expected) else None
        is_there = got[number] if number < len(got) else None
        if wanted != is_there:
            yield "line %d: wanted %r, got %r" % (number + 1, wanted, is_there)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--errors")
    parser.add_argument("--before", nargs=2, action="append", default=[])
    args = parser.parse_args()
    with open(args.file, encoding="utf-8") as file:
        steps = parse(file.read())
    if not steps:
        sys.exit("%s: there is no command in it" % args.file)
    failed = False
    for command, expected in steps:
        for hook in [h for h in args.before if h[0] in command]:
            args.before.remove(hook)
            subprocess.run(["bash", "-c", hook[1]], check=True)
        print("$ " + command)
        since = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
        terminal = Terminal(command, expected, args.errors)
        status = terminal.read()
        if terminal.output and not terminal.output.endswith("\n"):
            print()
        found = ["exit status %d" % status] if status else []
        found += differences(expected, terminal.output.splitlines(), since)
        for difference in found:
            print("DIFFERS " + difference)
        failed = failed or bool(found)
        if status:
            break
    for words, _ in args.before:
        print("DIFFERS no command has " + words)
    sys.exit(1 if failed or args.before else 0)


main()
