"""The URIs of ``dns://`` and ``srv://``, and when they ask again; what is answered is tested with a real server."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.discovery.dns import DnsResolver
from meshclient.discovery.nameserver import RETRY_CEILING, TTL_CEILING, Nameserver, refresh_after
from meshclient.discovery.resolver import TTL_FLOOR, ResolverUri
from meshclient.discovery.srv import SrvResolver
from meshclient.errors import ConfigError


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("dns://", "the system's name server"),
        ("dns://10.0.0.2", "name server 10.0.0.2:53"),
        ("dns://10.0.0.2:5353", "name server 10.0.0.2:5353"),
        ("dns://[::1]", "name server [::1]:53"),
        ("dns://[::1]:5353", "name server [::1]:5353"),
        ("dns://localhost:5353", "name server 127.0.0.1:5353"),
        ("dns://?nameserver=10.0.0.2:5353", "name server 10.0.0.2:5353"),
    ],
)
def test_name_servers(uri: str, shown: str) -> None:
    parsed = ResolverUri.parse(uri)
    assert str(Nameserver(parsed, parsed.authority)) == shown
    assert DnsResolver(ResolverUri.parse(uri)).source == str(parsed)


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("dns://ns.example.com", "name server 'ns.example.com' in dns://ns.example.com: write an IP address"),
        ("dns://10.0.0.2:x", "write an IP address and a port"),
        ("dns://10.0.0.2:0", "port 0"),
        ("dns://10.0.0.2?nameserver=10.0.0.3", "names two name servers, 10.0.0.2 and 10.0.0.3"),
        ("dns:///zone", "dns:// takes no path"),
        ("dns://?scheme=ftp", "scheme='ftp' in dns://?scheme=ftp is not supported: use http or https"),
        ("dns://?port=0", "port=0"),
        ("dns://?port=99999", "port=99999"),
        ("dns://?port=http", "port='http'"),
        ("dns://?family=ipv5", "family='ipv5' in dns://?family=ipv5 is unknown; known: any, ipv4, ipv6"),
        ("dns://?timeout=0", "timeout in dns://?timeout=0 must be above 0"),
        ("dns://?domain=a..b", "'a..b' in dns://?domain=a..b is not a domain"),
        ("dns://?domian=a", "did you mean 'domain'?"),
    ],
)
def test_bad_dns_uris_say_what_is_wrong(uri: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        DnsResolver(ResolverUri.parse(uri))
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("srv://", "write srv://<domain>, and the name server as ?nameserver="),
        ("srv://mesh.test/x", "write srv://<domain>"),
        ("srv://10.0.0.2:53", "is not a domain"),
        ("srv://mesh.test?proto=sctp", "proto='sctp'"),
        ("srv://mesh.test?nameserver=ns", "write an IP address"),
        ("srv://mesh.test?port=80", "srv:// has no option 'port'"),
    ],
)
def test_bad_srv_uris_say_what_is_wrong(uri: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        SrvResolver(ResolverUri.parse(uri))
    assert text in str(caught.value)


@given(st.floats(0, 2**31, allow_nan=False), st.booleans())
def test_the_ttl_is_honoured_within_bounds(ttl: float, complete: bool) -> None:
    pause = refresh_after(ttl, complete=complete)
    assert TTL_FLOOR <= pause <= (TTL_CEILING if complete else RETRY_CEILING)
    if TTL_FLOOR <= ttl <= RETRY_CEILING:
        assert pause == ttl


def test_dnspython_is_not_imported_before_a_question() -> None:
    code = (
        "import sys\n"
        "from meshclient.discovery.resolver import ResolverUri\n"
        "from meshclient.discovery.dns import DnsResolver\n"
        "from meshclient.discovery.srv import SrvResolver\n"
        "DnsResolver(ResolverUri.parse('dns://127.0.0.1?domain=mesh.test'))\n"
        "SrvResolver(ResolverUri.parse('srv://mesh.test'))\n"
        "sys.exit(int('dns' in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
