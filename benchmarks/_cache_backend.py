"""The other end of `cache.py`: answers at once from memory, says how it may be kept, and counts.

`/fresh/...` may be kept for an hour, `/held/...` likewise, 50 ms late; `/validate` is stale at once and answers 304;
`/count` says how many requests came before. It prints its port, and serves until its standard input closes.
"""

from __future__ import annotations

import asyncio

from _backend import BODY, Answering, serve

FRESH = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=3600\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
STALE = b'HTTP/1.1 200 OK\r\nCache-Control: max-age=0\r\nETag: "v"\r\nContent-Length: %d\r\n\r\n%b' % (len(BODY), BODY)
CONFIRMED = b'HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=0\r\nETag: "v"\r\n\r\n'
HELD_FOR = 0.05

asked = 0


class Keepable(Answering):
    """One connection."""

    def answer(self, heads: list[bytes]) -> None:
        """Answer these."""
        global asked  # noqa: PLW0603 - the count of this process
        for head in heads:
            path = head.split(b" ", 2)[1]
            if path == b"/count":
                text = b"%d" % asked
                self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text))
                continue
            asked += 1
            if path == b"/validate":
                self.transport.write(CONFIRMED if b"if-none-match" in head.lower() else STALE)
            elif path.startswith(b"/held/"):
                asyncio.get_running_loop().call_later(HELD_FOR, self.transport.write, FRESH)
            else:
                self.transport.write(FRESH)


if __name__ == "__main__":
    asyncio.run(serve(Keepable))
