"""The option tables of a program and of its configuration file, as the programs print them."""
import subprocess
from collections import namedtuple

Option = namedtuple('Option', 'name letter argument help')
Command = namedtuple('Command', 'path arguments summary options')
Key = namedtuple('Key', 'name type default required values help')


def _rows(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f'{" ".join(command)}: {done.stderr.strip() or "failed"}')
    return [line.split('\t') for line in done.stdout.splitlines()]


def commands(program, path=()):
    """Every command of PROGRAM that has options: Command with its words as PATH, () for the program itself."""
    found = []
    options, usage, children = [], None, []
    for row in _rows(program, *path, '--dump-options'):
        if row[0] == 'command':
            children.append(row[1])
        elif row[0] == 'usage':
            usage = row[1:3]
        else:
            options.append(Option(*row[1:5]))
    if usage:
        found.append(Command(path, usage[0], usage[1], options))
    for child in children:
        found += commands(program, path + (child,))
    return found


def sections(*command):
    """{section: [Key]} as ini_tables prints it."""
    found = {}
    for row in _rows(*command):
        if row[0] == 'section':
            keys = found.setdefault(row[1], [])
        else:
            keys.append(Key(*row[1:7]))
    return found
