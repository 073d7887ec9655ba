"""How far an attempt came on its way to the wire, for whoever has to say later what an error cost and whose it was."""

from __future__ import annotations


class Marks:
    """Put down by a pool and its connection while an attempt gets under way.

    Attributes:
        began: clock when it left the pool's queue, to connect or to write; None while it waits there.
        connected: whether a connection was opened for it.
        shook: clock when that connection stood and its TLS handshake began; None where nobody noted it.
        wrote: clock when its head began to be written; None before.
    """

    __slots__ = ("began", "connected", "shook", "wrote")

    def __init__(self) -> None:
        self.began: float | None = None
        self.connected = False
        self.shook: float | None = None
        self.wrote: float | None = None
