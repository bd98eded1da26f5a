#!/usr/bin/env python3
"""The completion of every program, as bash runs it: the functions with a line's words, and a terminal with TAB.

    test_completion.py COMPLETION_DIR PLUGIN_DIR
"""
import os
import pty
import re
import select
import subprocess
import sys
import tempfile
import time

directory, plugin_dir = sys.argv[1:]
failures = 0
scratch = tempfile.TemporaryDirectory()
work = scratch.name
for name in ('cert.pem', 'cert.key', 'other.txt'):
    open(os.path.join(work, name), 'w', encoding='utf-8').close()
os.mkdir(os.path.join(work, 'folder'))

# compopt works inside of readline only.
RUN = '''compopt() { :; }
source "$1"; name=$2; COMP_CWORD=$3; shift 3
COMP_WORDS=("$@")
function=$(complete -p "$name" | sed 's/.*-F \\([^ ]*\\).*/\\1/')
"$function" "$name"
printf '%s\\n' "${COMPREPLY[@]}"
'''


def words(line):
    """As bash divides a line into COMP_WORDS: '=' and ':' are words of their own."""
    found = []
    for word in line.split(' '):
        parts = [part for part in re.split(r'([=:]+)', word) if part]
        found += parts or ['']
    return found


def complete(line):
    """What bash offers for LINE with the cursor at its end."""
    name = line.split(' ')[0]
    parts = words(line)
    done = subprocess.run(['bash', '-c', RUN, 'bash', os.path.join(directory, name), name, str(len(parts) - 1), *parts],
                          capture_output=True, text=True, cwd=work, check=False)
    if done.returncode != 0 or done.stderr:
        print(done.stderr)
    return sorted(done.stdout.split())


def check(line, wanted, exactly=False):
    global failures  # pylint: disable=global-statement
    got = complete(line)
    good = got == sorted(wanted) if exactly else set(wanted) <= set(got) and got
    print(('ok   ' if good else 'FAIL ') + line + ('' if good else f': {got}, wanted {wanted}'))
    failures += not good


def offers_nothing(line):
    check(line, [], exactly=True)


def at_a_terminal(typed, wanted):
    """Types TYPED, which ends with a TAB, to a real bash."""
    global failures  # pylint: disable=global-statement
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(work)
        os.environ.update(PS1='ready> ', TERM='dumb', INPUTRC='/dev/null')
        os.execvp('bash', ['bash', '--norc', '--noprofile', '-i'])
    seen, until = '', time.monotonic() + 20
    os.write(fd, f'for f in {directory}/*; do source "$f"; done; echo lo""aded\n'.encode())
    sent = False
    while wanted not in seen and time.monotonic() < until:
        if select.select([fd], [], [], 0.2)[0]:
            try:
                seen += os.read(fd, 4096).decode(errors='replace')
            except OSError:
                break
        if not sent and 'loaded\r\n' in seen:
            os.write(fd, typed.encode())
            sent = True
    os.write(fd, b'\x03\x04')
    os.close(fd)
    os.waitpid(pid, 0)
    good = wanted in seen
    print(('ok   ' if good else 'FAIL ') + f'TAB: {typed!r} gives {wanted!r}' + ('' if good else f': {seen!r}'))
    failures += not good


check('ktadmin ', ['init', 'keyhsm', 'status', 'service', 'deposit', 'audit', 'backup'])
check('ktadmin dep', ['deposit'], True)
check('ktadmin deposit ', ['put', 'get', 'list', 'show', 'roll', 'delete', 'undelete', 'purge'], True)
check('ktadmin deposit pu', ['put', 'purge'], True)
check('ktadmin service st', ['start', 'status', 'stop'], True)
check('ktadmin service start ', ['debug'], True)
check('ktadmin backup ', ['verify'])
check('ktadmin backup --rec', ['--recipient'], True)
check('ktadmin deposit get --', ['--version', '--output', '--force', '--backend', '--server', '--config', '--help'])
check('ktadmin init --tls', ['--tls-passphrase', '--tls-passphrase-source'], True)
check('ktadmin deposit list --backend ', ['softfile', 'keyhsm'])
check(f'ktadmin deposit list --plugin-dir {plugin_dir} --backend ', ['softfile', 'pkcs11', 'keyhsm'])
check(f'ktadmin deposit list --plugin-dir={plugin_dir} --backend=pk', ['pkcs11'], True)
check(f'ktadmin deposit list --plugin-dir {work}/folder --backend=so', ['softfile'], True)
check('ktadmin deposit list --client-certfile ce', ['cert.pem', 'cert.key'], True)
check('ktadmin deposit list --client-certfile=ot', ['other.txt'], True)
check('ktadmin init --confdir fo', ['folder'], True)
check('ktadmin init --confdir ce', [], True)
check('ktadmin init --passphrase-source f', ['file:/', 'fd:'], True)
check('ktadmin audit verify ot', ['other.txt'], True)
check('ktadmin deposit put name ot', ['other.txt'], True)
check('ktadmin deposit list --log-level w', ['warning'], True)
check('ktadmin status --log-level debug --', ['--json', '--config'])
offers_nothing('ktadmin deposit get --version ')
offers_nothing('ktadmin nothing ')
check('keyhsm ', ['settings', 'setup', 'trust', 'validate', 'start', 'stop', 'backend', 'status'])
check('keyhsm backend ', ['list', 'show', 'check'], True)
check('keyhsm backend check --', ['--suite', '--shared', '--junit'])
check('keyhsm trust ce', ['cert.pem', 'cert.key'], True)
check('keyhsm settings -b so', ['softfile'], True)
check('keyhsm validate --set server.p', ['server.port=', 'server.port_file='], True)
check('keyhsm validate --set log.format=', ['text', 'json'], True)
check('keyhsm validate --set=log.format=j', ['json'], True)
check('keyhsm validate --set backend.softfile.create=', ['yes', 'no'], True)
check('keyhsm validate --set tls.certificate=ce', ['cert.pem', 'cert.key'], True)
offers_nothing('keyhsm validate --set server.port=')
check('keyhsmd --', ['--backend', '--check-config', '--listen', '--port', '--set', '--help', '--version'])
check('keyhsmd --set backend.pkcs11.key_scope=e', ['epoch'], True)
check('keyhsmd -c ce', ['cert.pem', 'cert.key'], True)
check('keytrusteed --set server.follow=', ['yes', 'no'], True)
check('keytrusteed --set audit.', ['audit.file=', 'audit.reads='])
check('ktmigrate --from soft', ['softfile'], True)
check(f'ktmigrate --plugin-dir {plugin_dir} --from softfile --to p', ['pkcs11'], True)
check('ktmigrate --s', ['--seal-empty', '--suggest-names', '--state-dir', '--set'])
at_a_terminal('ktadmin deposit unde\t', 'ktadmin deposit undelete ')
at_a_terminal('keyhsm sett\t', 'keyhsm settings ')
at_a_terminal('keyhsm trust cert.p\t', 'keyhsm trust cert.pem ')
at_a_terminal('keyhsmd --check-\t', 'keyhsmd --check-config ')
at_a_terminal('ktadmin init --confdir fol\t', 'ktadmin init --confdir folder/')
sys.exit(1 if failures else 0)
