"""The zone that the test name server starts with, and the two servers' settings for it.

Besides usual SRV records it holds the awkward cases of RFC 2782: a target `.`, all weights zero, a target
without address, behind an alias or outside the zone, and answers too large for UDP.
"""

from __future__ import annotations

ORIGIN = "mesh.test"

_RECORDS = """\
@ SOA ns.mesh.test. admin.mesh.test. 1 60 60 600 1
@ NS ns
ns A 127.0.0.1
a1 A 127.0.0.11
a1 AAAA ::1
a2 A 127.0.0.12
a3 A 127.0.0.13
_web._tcp SRV 10 60 9001 a1
_web._tcp SRV 10 40 9002 a2
_web._tcp SRV 20 0 9003 a3
; several addresses of one host, no SRV
many A 127.0.0.21
many A 127.0.0.22
many A 127.0.0.23
; weights all zero
_flat._tcp SRV 1 0 9001 a1
_flat._tcp SRV 1 0 9002 a2
; "decidedly not available" (RFC 2782)
_none._tcp SRV 0 0 0 .
; TTL 0
_zero._tcp 0 SRV 1 1 80 zero
zero 0 A 127.0.0.14
; target without an address, outside the zone, behind a CNAME
_dangling._tcp SRV 1 1 80 missing
_outside._tcp SRV 1 1 80 host.elsewhere.test.
_alias._tcp SRV 1 1 80 alias
alias CNAME a1
; the SRV name itself behind a CNAME
_cname._tcp CNAME _web._tcp
"""

KNOT = """\
server:
    rundir: {dir}
    listen: {host}@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    udp-max-payload: 1232
log:
  - target: stderr
    any: warning
database:
    storage: {dir}/db
    journal-db-max-size: 64M
    kasp-db-max-size: 16M
    timer-db-max-size: 16M
    catalog-db-max-size: 16M
acl:
  - id: loopback
    address: 127.0.0.0/8
    action: [update, transfer]
template:
  - id: default
    storage: {dir}
    file: "%s.zone"
    zonefile-sync: -1
    journal-content: changes
    semantic-checks: off
    acl: loopback
zone:
  - domain: {origin}
  - domain: broken.test
"""

BIND = """\
options {{
    directory "{dir}";
    listen-on port {port} {{ {host}; }};
    listen-on-v6 {{ none; }};
    pid-file "{dir}/named.pid";
    session-keyfile "{dir}/session.key";
    recursion no;
    dnssec-validation no;
    minimal-responses no-auth;
    max-udp-size 1232;
    {limits}
    allow-transfer {{ 127.0.0.0/8; }};
}};
controls {{ }};
zone "{origin}" {{ type primary; file "{origin}.zone"; allow-update {{ 127.0.0.0/8; }}; }};
zone "broken.test" {{ type primary; file "absent.zone"; }};
"""

# BIND refuses more than 100 records of a name and type by default since 9.18.28, which has the option.
_LIMITS_SINCE = (9, 18, 28)


def bind_limits(version: str) -> str:
    """What lets BIND of this version load `_huge._tcp`."""
    known = tuple(int(part) for part in version.split(".") if part.isdecimal())
    return "max-records-per-type 0;" if known >= _LIMITS_SINCE else ""


def records() -> str:
    """The zone's records; `_big._tcp` has 40 SRV records (cut short over UDP), `_huge._tcp` has 1,000."""
    rows = [_RECORDS]
    rows += [f"_big._tcp SRV 10 {i} {9100 + i} b{i}\nb{i} A 127.1.0.{i + 1}\n" for i in range(40)]
    for index in range(1000):
        address = f"127.2.{index // 250}.{index % 250 + 1}"
        rows.append(f"_huge._tcp SRV 10 {index % 100} {10000 + index} h{index}\nh{index} A {address}\n")
    return "".join(rows)
