"""It costs nothing whoever does not use it."""

from __future__ import annotations

import subprocess
import sys

from house.source import core, within

PACKAGE = "meshclient.discovery.http_registry"
# What imports httpx itself; what is left may be of use where no registry speaks HTTP.
CLIENTS = (f"{PACKAGE}.client", f"{PACKAGE}.question")


def test_discovery_without_it_needs_no_http_client() -> None:
    modules = [source.module for source in core() if within(source.module, "meshclient.discovery")]
    others = [module for module in modules if not within(module, *CLIENTS)]
    assert len(modules) == len(others) + len(CLIENTS)
    program = f"import sys, {', '.join(others)}; print([m for m in ('httpx', 'httpcore') if m in sys.modules])"
    paths = [entry for entry in sys.path if entry]
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}; {program}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert run.stdout.strip() == "[]"
