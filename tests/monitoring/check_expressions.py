#!/usr/bin/env python3
"""Every expression of a Grafana dashboard and of alert rules, against what the daemons really export.

    check_expressions.py PROMTOOL DASHBOARD RULES METRICS...

METRICS are answers of GET /metrics. Each metric and each label that an expression names must be there; and promtool
must take the expression.
"""
import json
import re
import subprocess
import sys
import tempfile

WORDS = {'by', 'on', 'and', 'or', 'unless', 'without', 'ignoring', 'group_left', 'group_right', 'bool', 'offset'}
SCRAPED = {'job', 'instance'}  # what Prometheus adds
ALWAYS = {'up': set()}         # what it makes itself
NAME = r'[a-zA-Z_:][a-zA-Z0-9_:]*'


def exported(files):
    """{metric: set of its labels}"""
    found = {name: set(labels) for name, labels in ALWAYS.items()}
    for file in files:
        for line in open(file, encoding='utf-8'):
            match = re.match(rf'({NAME})(?:\{{(.*)\}})? ', line)
            if match and not line.startswith('#'):
                labels = re.findall(rf'({NAME})="', match[2] or '')
                found.setdefault(match[1], set()).update(labels)
    return found


def expressions(dashboard, rules):
    board = json.load(open(dashboard, encoding='utf-8'))
    for panel in board['panels']:
        for target in panel.get('targets', []):
            yield f'panel "{panel["title"]}"', target['expr']
    for variable in board['templating']['list']:
        match = re.fullmatch(rf'label_values\((.*), ({NAME})\)', str(variable['query']))
        if match:
            yield f'variable {variable["name"]}', f'count by ({match[2]}) ({match[1]})'
    text = open(rules, encoding='utf-8').read()
    for name, folded, plain in re.findall(r'alert: (\w+)\n +expr: (?:>\n((?: {10}.*\n)+)|(.*)\n)', text):
        yield f'alert {name}', ' '.join((folded or plain).split())


def as_promql(expr):
    """Grafana's variables stand for these."""
    return re.sub(r'\$\w+', '.*', expr.replace('$__rate_interval', '5m'))


def faults(expr, metrics):
    bare = re.sub(r'"[^"]*"', '""', expr)
    grouped = re.findall(r'\b(?:by|on|without|ignoring) ?\(([^)]*)\)', bare)
    rest = re.sub(r'\b(?:by|on|without|ignoring) ?\([^)]*\)', ' ', bare)
    names = re.findall(rf'(?<![\w.])({NAME})(?![\w:]*\s*\()', re.sub(r'\{[^}]*\}|\[[^\]]*\]', ' ', rest))
    names = [name for name in names if name not in WORDS]
    known = set(SCRAPED)
    if not names:
        yield 'names no metric'
    for name in names:
        if name not in metrics:
            yield f'{name} is exported by no daemon'
        known |= metrics.get(name, set())
    for name, matchers in re.findall(rf'({NAME})\{{([^}}]*)\}}', rest):
        for label in re.findall(rf'({NAME})\s*(?:=~|!~|!=|=)', matchers):
            if label not in metrics.get(name, set()) | SCRAPED:
                yield f'{name} has no label {label}'
    for labels in grouped:
        for label in re.findall(NAME, labels):
            if label not in known:
                yield f'nothing here has a label {label}'


def main():
    promtool, dashboard, rules, *files = sys.argv[1:]
    metrics = exported(files)
    found = list(expressions(dashboard, rules))
    bad = 0
    for where, expr in found:
        for fault in faults(as_promql(expr), metrics):
            print(f'{where}: {fault}: {expr}')
            bad += 1
    with tempfile.NamedTemporaryFile('w', suffix='.yml') as out:
        out.write('groups:\n  - name: all\n    rules:\n')
        for i, (_, expr) in enumerate(found):
            out.write(f'      - record: all:{i}\n        expr: {json.dumps(as_promql(expr))}\n')
        out.flush()
        done = subprocess.run([promtool, 'check', 'rules', out.name], capture_output=True, text=True, check=False)
    if done.returncode != 0 or f'{len(found)} rules found' not in done.stdout:
        print(done.stdout + done.stderr)
        bad += 1
    print(f'{len(found)} expressions, {len(metrics)} metrics, {bad} faults')
    return 1 if bad or len(found) < 30 else 0


sys.exit(main())
