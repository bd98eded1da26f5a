#!/usr/bin/env python3
"""The alert rules: promtool checks them, each fires for what it is for, and stays silent otherwise.

    test_rules.py PROMTOOL RULES

Each case below is a healthy daemon with one thing wrong; from it a test for `promtool test rules` is written.
"""
import re
import subprocess
import sys
import tempfile

DAY = 86400

# What a healthy daemon shows, a sample a minute; VALUES in promtool's notation (a+bxn).
HEALTHY = {
    'up': '1x2000',
    'keyhsm_backend_up': '1x2000',
    'process_start_time_seconds': '0x2000',
    'process_open_fds': '40x2000',
    'process_max_fds': '1024x2000',
    'keyhsm_hsm_configured': '1x2000',
    'keyhsm_hsm_used': '1x2000',
    'keyhsm_config_valid': '1x2000',
    'keyhsm_config_restart_needed': '0x2000',
    'keyhsm_backend_sealed': '0x2000',
    'keyhsm_backend_calls_total{method="get",status="ok"}': '0+5x2000',
    'keyhsm_backend_calls_total{method="get",status="corrupt"}': '0x2000',
    'keyhsm_http_requests_total{route="/v1/deposits/{name}",status="200"}': '0+100x2000',
    'keyhsm_http_requests_total{route="/v1/deposits/{name}",status="503"}': '0+1x2000',
    'keyhsm_http_request_duration_seconds_bucket{route="/v1/deposits/{name}",le="0.01"}': '0+101x2000',
    'keyhsm_http_request_duration_seconds_bucket{route="/v1/deposits/{name}",le="5"}': '0+101x2000',
    'keyhsm_http_request_duration_seconds_bucket{route="/v1/deposits/{name}",le="+Inf"}': '0+101x2000',
    'keyhsm_http_request_duration_seconds_bucket{route="/test_hsm",le="5"}': '0x2000',
    'keyhsm_http_request_duration_seconds_bucket{route="/test_hsm",le="+Inf"}': '0+5x2000',
    'keyhsm_pool_refused_total': '0x2000',
    'keyhsm_pool_queue': '3x2000',
    'keyhsm_pool_queue_limit': '256x2000',
    'keyhsm_connections': '12x2000',
    'keyhsm_connections_limit': '1024x2000',
    'keyhsm_tls_refused_total': '0+1x2000',
    'keyhsm_denied_requests_total': '0+1x2000',
    **{f'keyhsm_auth_failures_total{{reason="{why}"}}': '0+1x2000' for why in ('nothing_shown', 'cookie_expired', 'ticket_bad')},
    'keyhsm_auth_failures_total{reason="clock_skew"}': '0x2000',
    'keyhsm_certificate_expiry_timestamp_seconds{option="tls.certificate"}': f'{365 * DAY}x2000',
    'keyhsm_deposit_keys': '500x2000',
    'keyhsm_deposit_keys_limit': '10000x2000',
    'keyhsm_audit_up': '1x2000',
    'keyhsm_audit_failures_total': '0x2000',
    'keyhsm_backup_last_success_timestamp_seconds': '0+60x2000',
}
NOTHING = 'keyhsm_auth_failures_total{reason="nothing_shown"}'
BAD_TICKETS = 'keyhsm_auth_failures_total{reason="ticket_bad"}'
SKEW = 'keyhsm_auth_failures_total{reason="clock_skew"}'
GETS = 'keyhsm_backend_calls_total{method="get",status="ok"}'
CORRUPT = 'keyhsm_backend_calls_total{method="get",status="corrupt"}'
FAILED = 'keyhsm_http_requests_total{route="/v1/deposits/{name}",status="503"}'
QUICK = 'keyhsm_http_request_duration_seconds_bucket{route="/v1/deposits/{name}",le="0.01"}'
ENDS = 'keyhsm_certificate_expiry_timestamp_seconds{option="tls.certificate"}'

# (what, job, what differs, when it is looked at, what fires)
CASES = [
    ('a healthy keyhsmd', 'keyhsmd', {}, '25h', []),
    ('a healthy keytrusteed', 'keytrusteed', {}, '25h', []),
    ('a file store, and no HSM', 'keytrusteed',
     {'keyhsm_hsm_configured': '0x2000', 'keyhsm_hsm_used': '0x2000',
      'keyhsm_backup_last_success_timestamp_seconds': None, 'keyhsm_deposit_keys': '0x2000',
      'keyhsm_deposit_keys_limit': '0x2000'}, '25h', []),
    ('a daemon that does not answer', 'keyhsmd', {'up': '1x10 0x2000'}, '14m', ['KeyhsmDown']),
    ('one scrape that failed', 'keyhsmd', {'up': '1x10 0x2000'}, '12m', []),
    ('a token that is lost', 'keyhsmd', {'keyhsm_backend_up': '1x10 0x2000'}, '13m', ['KeyhsmTokenLost']),
    ('nobody behind keytrusteed', 'keytrusteed', {'keyhsm_backend_up': '1x10 0x2000'}, '13m', ['KeytrusteeNotReady']),
    ('one start after the other', 'keyhsmd', {'process_start_time_seconds': '0+60x60'}, '30m', ['KeyhsmRestarting']),
    ('an HSM configured and not used', 'keytrusteed', {'keyhsm_hsm_used': '0x2000'}, '2h', ['KeyhsmHsmNotUsed']),
    ('the same while it is migrated', 'keytrusteed', {'keyhsm_hsm_used': '0x2000'}, '50m', []),
    ('an HSM that nobody asks', 'keyhsmd', {GETS: '7x2000'}, '25h', ['KeyhsmHsmIdle']),
    ('an HSM that nobody asked yet', 'keyhsmd', {GETS: '7x2000'}, '23h', []),
    ('a store that was left', 'keytrusteed', {'keyhsm_backend_sealed': '1x2000'}, '6m', ['KeyhsmSealedStoreServed']),
    ('a restart that is due', 'keytrusteed', {'keyhsm_config_restart_needed': '1x2000'}, '11m', ['KeyhsmRestartNeeded']),
    ('a file that is wrong', 'keyhsmd', {'keyhsm_config_valid': '0x2000'}, '6m', ['KeyhsmConfigInvalid']),
    ('one request in ten fails', 'keyhsmd', {FAILED: '0+11x2000'}, '12m', ['KeyhsmErrors']),
    ('slow requests', 'keyhsmd', {QUICK: '0+10x2000'}, '20m', ['KeyhsmSlow']),
    ('requests turned away', 'keyhsmd', {'keyhsm_pool_refused_total': '0x10 5x2000'}, '13m', ['KeyhsmQueueFull']),
    ('requests that wait', 'keyhsmd', {'keyhsm_pool_queue': '250x2000'}, '3m', ['KeyhsmQueueFull']),
    ('no room for connections', 'keyhsmd', {'keyhsm_connections': '1000x2000'}, '6m', ['KeyhsmConnectionsFull']),
    ('a damaged deposit', 'keyhsmd', {CORRUPT: '0x10 1x2000'}, '12m', ['KeyhsmCorrupt']),
    ('a certificate refused', 'keyhsmd', {'keyhsm_tls_refused_total': '0+2x2000'}, '15m', ['KeyhsmHandshakesRefused']),
    ('somebody who searches', 'keytrusteed', {'keyhsm_denied_requests_total': '0+10x2000'}, '15m', ['KeyhsmDenied']),
    ('handshakes, which begin with nothing', 'keytrusteed', {NOTHING: '0+1000x2000'}, '15m', []),
    ('somebody who tries tickets', 'keytrusteed', {BAD_TICKETS: '0+10x2000'}, '15m', ['KeyhsmLoginsRefused']),
    ('a clock that is wrong', 'keytrusteed', {SKEW: '0+1x2000'}, '15m', ['KeyhsmKerberosBroken']),
    ('a certificate with 20 days', 'keyhsmd', {ENDS: f'{20 * DAY}x2000'}, '1m', ['KeyhsmCertificateEnds']),
    ('a certificate with a day', 'keyhsmd', {ENDS: f'{DAY}x2000'}, '1m',
     ['KeyhsmCertificateEnds', 'KeyhsmCertificateEndsSoon']),
    ('a token nearly full', 'keyhsmd', {'keyhsm_deposit_keys': '9500x2000'}, '6m', ['KeyhsmKeysNearLimit']),
    ('no ceiling of keys', 'keyhsmd', {'keyhsm_deposit_keys': '9500x2000', 'keyhsm_deposit_keys_limit': '0x2000'},
     '6m', []),
    ('an audit log that cannot be written', 'keytrusteed', {'keyhsm_audit_up': '0x2000'}, '1m',
     ['KeyhsmAuditCannotBeWritten']),
    ('an audit log that could not be', 'keytrusteed', {'keyhsm_audit_failures_total': '0x10 1x2000'}, '12m',
     ['KeyhsmAuditCannotBeWritten']),
    ('a backup of three days ago', 'keyhsmd', {'keyhsm_backup_last_success_timestamp_seconds': f'-{3 * DAY}x2000'},
     '11m', ['KeyhsmBackupTooOld']),
    ('descriptors that run out', 'keyhsmd', {'process_open_fds': '1000x2000'}, '6m', ['KeyhsmDescriptorsNearLimit']),
]


def series(name, job):
    """NAME with the labels of JOB, as promtool wants it."""
    where = f'job="{job}",instance="h"'
    return name[:-1] + ',' + where + '}' if name.endswith('}') else f'{name}{{{where}}}'


def one_test(what, job, changes, when, alerts):
    assert set(changes) <= set(HEALTHY), f'{what}: no such series'
    values = {name: value for name, value in {**HEALTHY, **changes}.items() if value is not None}
    lines = [f'  - name: {what}', '    interval: 1m', '    input_series:']
    lines += [f"      - {{series: '{series(name, job)}', values: '{value}'}}" for name, value in values.items()]
    lines += ['    promql_expr_test:',
              '      - expr: count by (alertname, severity) (ALERTS{alertstate="firing"})',
              f'        eval_time: {when}', '        exp_samples:' if alerts else '        exp_samples: []']
    lines += [f"          - {{labels: '{{alertname=\"{alert}\",severity=\"{SEVERITY[alert]}\"}}', value: 1}}"
              for alert in alerts]
    return lines


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    sys.stdout.write(done.stdout + done.stderr)
    return done.returncode == 0


promtool, rules = sys.argv[1:]
text = open(rules, encoding='utf-8').read()
SEVERITY = dict(re.findall(r'alert: (\w+)\n.*?severity: (\w+)', text, re.S))
tested = {alert for case in CASES for alert in case[4]}
ok = run(promtool, 'check', 'rules', rules)
for alert in sorted(set(SEVERITY) ^ tested):
    print(f'{alert}: in the rules and not tested, or tested and not in the rules')
    ok = False
with tempfile.NamedTemporaryFile('w', suffix='.yml') as out:
    lines = [f'rule_files: [{rules}]', 'evaluation_interval: 1m', 'tests:']
    for case in CASES:
        lines += one_test(*case)
    out.write('\n'.join(lines) + '\n')
    out.flush()
    ok = run(promtool, 'test', 'rules', out.name) and ok
print(f'{len(SEVERITY)} alerts, {len(CASES)} cases')
sys.exit(0 if ok else 1)
