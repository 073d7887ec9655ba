"""A process that forks while a call is under way: the child waits for nobody who is not there."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from unit.http.cached import BOUND, answer
from unit.http.rawserver import Connection, RawServer

TESTS = Path(__file__).parents[1]
FORKING = """
import os, sys, threading, time
import httpx, meshclient
from meshclient.core.caching.policy import Policy
from meshclient.http._sync.caching.cache import Cache
from meshclient.http.caching.memory import MemoryStore
from meshclient.http.caching.shelf import Rule, Shelf
from unit.http.cached import CachedTransport

with meshclient.Mesh(services={"orders": {"endpoints": [sys.argv[1]]}}) as mesh:
    rule = Rule(Policy(stale_while_revalidate=600.0))
    shelf = Shelf("orders", lambda _: rule, MemoryStore(2**20))
    cache = Cache(shelf)
    client = httpx.Client(transport=CachedTransport(mesh, cache), timeout=10)
    assert client.get("http://orders/kept").text == "kept"
    early = []
    thread = threading.Thread(target=lambda: early.append(client.get("http://orders/held").text))
    thread.start()
    while not cache._flights._flights:
        time.sleep(0.002)
    child = os.fork()
    if child == 0:
        # What is kept is there too; what the parent waits for is asked for anew.
        kept = client.get("http://orders/kept").extensions["mesh"].cache
        print("child", kept, client.get("http://orders/held").text, flush=True)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    client.get("http://orders/release")
    thread.join(10)
    print("parent", early, status, flush=True)
    client.close()
"""


def test_a_child_does_not_wait_for_what_its_parent_asked() -> None:
    released = threading.Event()
    held = threading.Lock()

    def rule(connection: Connection) -> None:
        while (request := connection.request()) is not None:
            if request.target == "/release":
                released.set()
            if request.target == "/held" and held.acquire(blocking=False):
                released.wait(BOUND)
            connection.send(answer("Cache-Control: max-age=60", body=request.target.strip("/")))

    with RawServer(rule) as server:
        program = f"import sys; sys.path.insert(0, {str(TESTS)!r})\n{FORKING}"
        done = subprocess.run(
            [sys.executable, "-c", program, server.url], capture_output=True, text=True, timeout=60, check=True
        )
        released.set()
    assert done.stdout.splitlines() == ["child hit held", "parent ['held'] 0"]
