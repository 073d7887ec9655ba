"""Replay the corpus against a proxy, or against all that are here, and compare.

    PYTHONPATH=tests python -m attack.smuggling [--only REGEX] [--proxies meshclient,nginx,haproxy,envoy] [--verbose]
    PYTHONPATH=tests python -m attack.smuggling --against 127.0.0.1:7140 --upstream-port 8080 [--host orders]
    PYTHONPATH=tests python -m attack.smuggling --mutants 100000 [--first SEED]

Without ``--against``: ours, in this process, beside nginx, HAProxy and Envoy where they are installed. With it, the
proxy there has to forward to 127.0.0.1 at the port of ``--upstream-port``, where the recording upstream listens while
this runs, and know it by the name of ``--host``. With ``--mutants`` so many random changes of requests and of answers
are played against ours in place of the corpus; the number of one that fails is its seed. The exit code says whether the
first proxy did as wanted throughout.
"""

from __future__ import annotations

import argparse
import re
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING

from attack.smuggling import corpus, mutation, ours, peers, reply_mutation, responses
from attack.smuggling.replay import Proxy
from attack.smuggling.table import played, table
from attack.smuggling.upstream import Upstream

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from attack.smuggling.case import Case
    from attack.smuggling.responses import ResponseCase

OURS = "meshclient"
# A lenient proxy waits for more where a strict one has answered; on an idle machine everything else takes milliseconds.
_PATIENCE = 1.0


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="attack.smuggling", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--against", metavar="HOST:PORT", help="a proxy that runs already")
    parser.add_argument("--upstream-port", type=int, default=0, help="to which it forwards")
    parser.add_argument("--host", default="orders", help="the name by which it knows the upstream")
    parser.add_argument("--proxies", default=",".join((OURS, *peers.NAMES)), help="which of them, without --against")
    parser.add_argument("--only", default="", metavar="REGEX", help="cases whose name it finds")
    parser.add_argument("--patience", type=float, default=_PATIENCE, help="seconds")
    parser.add_argument("--verbose", action="store_true", help="say of every difference what it is")
    parser.add_argument("--mutants", type=int, default=0, help="random changes in place of the corpus")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="of the mutants")
    given = parser.parse_args()
    if given.mutants:
        return _mutants(given.first, given.mutants, given.patience)
    every: list[Case | ResponseCase] = [*corpus.CASES.values(), *responses.CASES.values()]
    cases = [case for case in every if re.search(given.only, case.name)]
    found = {}
    for name in [given.against] if given.against else given.proxies.split(","):
        with Upstream(given.upstream_port) as upstream, _started(name, upstream.port) as address:
            if address is None:
                print(f"{name} is not installed", file=sys.stderr)
                continue
            proxy = Proxy(address, upstream, given.host.encode(), given.patience)
            found[name] = [played(proxy, case) for case in cases]
    for line in table(cases, found, verbose=given.verbose):
        print(line)
    return int(any(finding.complaints for finding in next(iter(found.values()), [])))


def _mutants(first: int, count: int, patience: float) -> int:
    bad = 0
    with Upstream() as upstream, ours.running(upstream.port) as address:
        proxy = Proxy(address, upstream, patience=patience)
        for seed in range(first, first + count):
            for kind in (mutation, reply_mutation):
                raw = kind.mutant(seed)
                for said in kind.complaints(proxy, raw):
                    bad += 1
                    print(f"{kind.__name__.rpartition('.')[2]} {seed}: {said}\n    {raw!r}", flush=True)
    print(f"{count} requests and as many answers, {bad} complaints")
    return int(bad > 0)


def _started(name: str, upstream: int) -> AbstractContextManager[tuple[str, int] | None]:
    if name == OURS:
        return ours.running(upstream)
    if name in peers.NAMES:
        return peers.running(name, upstream)
    host, _, port = name.rpartition(":")
    return nullcontext((host.strip("[]"), int(port)))


if __name__ == "__main__":
    sys.exit(main())
