"""Only the discovery runtime starts a thread; nothing else runs behind the back of the process it is in."""

import ast

import pytest

from house.source import Source, core, plugins, within

RUNTIME = "meshclient.discovery.runtime"
# A test that plugins run: its hooks may block, so it calls them beside its own loop.
CONTRACT = "meshclient.testing.resolver_contract"

STARTERS = frozenset(
    {
        "Thread",
        "Timer",
        "ThreadPoolExecutor",
        "ThreadingHTTPServer",
        "ThreadingMixIn",
        "ThreadingTCPServer",
        "run_in_executor",
        "start_blocking_portal",
        "start_new_thread",
        "to_thread",
    }
)


def starts(source: Source) -> list[str]:
    """Each mention of something that starts a thread, as `module:line name`."""
    found = []
    for node in ast.walk(source.tree()):
        match node:
            case ast.Attribute(attr=name) | ast.Name(id=name) | ast.alias(name=name):
                if name.rpartition(".")[2] in STARTERS:
                    found.append(f"{source.module}:{node.lineno} {name}")
            case _:
                pass
    return found


def test_only_the_runtime_mentions_threads() -> None:
    allowed = (RUNTIME, CONTRACT)
    outside = [s for s in core() + plugins() if not any(within(s.module, module) for module in allowed)]
    assert outside
    assert [mention for source in outside for mention in starts(source)] == []


@pytest.mark.parametrize(
    "text",
    [
        "import threading\nthreading.Thread(target=print).start()",
        "from threading import Thread as T\nT(target=print).start()",
        "from concurrent.futures import ThreadPoolExecutor",
        "import asyncio\nasync def f(): await asyncio.to_thread(print)",
        "def f(loop): loop.run_in_executor(None, print)",
        "import _thread\n_thread.start_new_thread(print, ())",
        "class Server(socketserver.ThreadingMixIn): ...",
    ],
)
def test_a_thread_is_noticed(text: str) -> None:
    assert starts(Source("meshclient.http.sample", text))


def test_locks_are_no_threads() -> None:
    assert starts(Source("meshclient.http.sample", "import threading\nlock = threading.Lock()")) == []
