"""The clients, as a program of its own: `load_process.py ORDER`, the order in JSON; prints what came out as JSON.

`closed`: so many connections, each sends its next request when it has its answer; for machines without wrk, which is
seven times as fast. `paced`: requests at a fixed rate, each timed from when it was due, so that a stall is not left out
(wrk2's correction of coordinated omission). `idle`: many connections, a request on each, then nothing; a line on
standard input, and a hundredth of them are used again.
"""

from __future__ import annotations

import gc
import json
import resource
import select
import socket
import sys
import time
from collections.abc import Callable

RESERVE = 200
SPIN = 0.00015  # seconds before a request is due in which this waits actively: a sleep ends too late by some 50 us


def connected(port: int) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), 20)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def whole(data: bytes) -> bool:
    """Whether `data` is an answer to its end."""
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        return False
    name, found, rest = head.lower().partition(b"\r\ncontent-length:")
    del name
    return len(body) >= int(rest.split(b"\r\n", 1)[0]) if found else data.endswith(b"0\r\n\r\n")


def ask(sock: socket.socket, request: bytes) -> bytes:
    sock.sendall(request)
    data = b""
    while not whole(data):
        more = sock.recv(1 << 20)
        if not more:
            raise ConnectionError("closed")
        data += more
    return data


def good(data: bytes) -> bool:
    return data.startswith(b"HTTP/1.1 200")


def closed(port: int, request: bytes, connections: int, seconds: float) -> dict[str, object]:
    poll = select.epoll()
    lines: dict[int, tuple[socket.socket, list[bytes], list[float]]] = {}
    for _ in range(connections):
        sock = connected(port)
        poll.register(sock, select.EPOLLIN)
        lines[sock.fileno()] = (sock, [], [time.perf_counter()])
        sock.sendall(request)
    latencies: list[float] = []
    errors = 0
    begin = now = time.perf_counter()
    while now < begin + seconds:
        for number, _ in poll.poll(1):
            sock, parts, since = lines[number]
            more = sock.recv(1 << 20)
            parts.append(more)
            if more and not whole(data := b"".join(parts)):
                continue
            now = time.perf_counter()
            errors += not (more and good(data))
            latencies.append(now - since[0])
            since[0] = now
            parts.clear()
            if not more:
                poll.unregister(sock)
                sock.close()
                sock = connected(port)
                poll.register(sock, select.EPOLLIN)
                lines[sock.fileno()] = (sock, parts, since)
            sock.sendall(request)
        now = time.perf_counter()
    return told(latencies, errors, now - begin)


def paced(port: int, request: bytes, rate: float, seconds: float, connections: int = 4) -> dict[str, object]:
    socks = [connected(port) for _ in range(connections)]
    for sock in socks * 25:
        ask(sock, request)
    gc.disable()
    latencies, errors = [], 0
    begin = time.perf_counter() + 0.01
    for number in range(int(rate * seconds)):
        due = begin + number / rate
        while (left := due - time.perf_counter()) > 0:
            if left > SPIN:
                time.sleep(left - SPIN)
        errors += not good(ask(socks[number % connections], request))
        latencies.append(time.perf_counter() - due)
    return told(latencies, errors, time.perf_counter() - begin)


def idle(port: int, request: bytes, connections: int) -> dict[str, object]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(connections + RESERVE, hard), hard))
    socks, errors = [], 0
    for _ in range(connections):
        socks.append(connected(port))
        errors += not good(ask(socks[-1], request))
    print(json.dumps({"open": len(socks)}), flush=True)
    sys.stdin.readline()
    errors += sum(not good(ask(sock, request)) for sock in socks[::100])
    return {"calls": len(socks), "errors": errors}


def told(latencies: list[float], errors: int, passed: float) -> dict[str, object]:
    latencies.sort()
    count = len(latencies)
    at = [latencies[min(count - 1, count * part // 100)] * 1e6 for part in (50, 90, 99)]
    return {"calls": count, "errors": errors, "rate": count / passed, "p50": at[0], "p90": at[1], "p99": at[2]}


if __name__ == "__main__":
    kind, order = json.loads(sys.argv[1])
    order["request"] = order["request"].encode()
    kinds: dict[str, Callable[..., dict[str, object]]] = {"closed": closed, "paced": paced, "idle": idle}
    print(json.dumps(kinds[kind](**order)))
