#!/usr/bin/env python3
"""Runs a program on a terminal of its own and types answers when it asks.

    terminal.py QUESTION ANSWER [QUESTION ANSWER]... -- PROGRAM [ARGUMENT]...

Each QUESTION is waited for in what the program prints, and then its ANSWER and Enter are typed; the answer
EOF is Control-D alone. A QUESTION that begins with * is answered once the terminal has stopped showing what
is typed. After the last answer the program is left to end by itself. Prints what the terminal showed and ends
with the program's exit status; 124 when a question does not come within a minute.
"""
import os
import pty
import select
import sys
import termios
import time


class Terminal:
    """The program's terminal, and all it has shown."""

    def __init__(self, fd):
        self.fd = fd
        self.shown = bytearray()
        self.seen = 0
        self.until = time.monotonic() + 60

    def read(self):
        """Takes what comes next. False at the end, or after the deadline."""
        ready, _, _ = select.select([self.fd], [], [], max(0, self.until - time.monotonic()))
        try:
            data = os.read(self.fd, 65536) if ready else b""
        except OSError:  # the program has closed its side
            data = b""
        self.shown += data
        return bool(data)

    def wait_for(self, question):
        """True once QUESTION, and for one with a star silence, has come."""
        hidden = question.startswith("*")
        text = question[hidden:].encode()
        while text not in self.shown[self.seen:]:
            if not self.read():
                return False
        self.seen = self.shown.index(text, self.seen) + len(text)
        while hidden and termios.tcgetattr(self.fd)[3] & termios.ECHO:
            if time.monotonic() > self.until:
                return False
            select.select([], [], [], 0.005)
        return True


def main():
    divide = sys.argv.index("--")
    dialog = sys.argv[1:divide]
    program = sys.argv[divide + 1:]
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(program[0], program)
    terminal = Terminal(fd)
    missed = None
    for question, answer in zip(dialog[0::2], dialog[1::2]):
        if not terminal.wait_for(question):
            missed = question
            break
        os.write(fd, b"\x04" if answer == "EOF" else answer.encode() + b"\n")
    while missed is None and terminal.read():
        pass
    os.close(fd)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    sys.stdout.write(terminal.shown.decode(errors="replace").replace("\r\n", "\n"))
    if missed is not None:
        print(f"[terminal.py: waited in vain for: {missed}]")
        return 124
    return status


if __name__ == "__main__":
    sys.exit(main())
