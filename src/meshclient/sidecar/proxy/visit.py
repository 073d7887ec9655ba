"""One request, from its head to the end of its response."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

from meshclient.http.ambient import AMBIENT, inbound
from meshclient.sidecar.proxy.answer import ALLOWED, COUNTED, closing
from meshclient.sidecar.proxy.destination import Refusal
from meshclient.sidecar.proxy.relay import relay

if TYPE_CHECKING:
    from collections.abc import Coroutine

    import httpx

    from meshclient.sidecar.proxy.client import Client
    from meshclient.sidecar.proxy.gate import Permit
    from meshclient.sidecar.proxy.question import Question
    from meshclient.sidecar.proxy.request_body import BodyStream

_TOO_LATE = Refusal(
    504,
    "deadline_exceeded",
    "The time that the client gave for this request was over before it arrived here; nothing was sent.",
)


class Visit:
    """A request of `client`.

    Attributes:
        question: what is asked.
        status: of the response, once its head was written.
        size: bytes of its body that were written.
        framing: of its response.
        stream: the body of the request, where it is sent on while it comes.
        over: whether it is.
        began: clock when its head was here.
        endpoint: where it went, for the log.
    """

    __slots__ = (
        "_client", "_permit", "_task", "began", "endpoint", "framing", "over", "question", "size", "status", "stream",
    )  # fmt: skip

    def __init__(self, client: Client, question: Question) -> None:
        self._client = client
        self.question = question
        self._permit: Permit | None = None
        self._task: asyncio.Task[None] | None = None
        self.stream: BodyStream | None = None
        self.status = self.size = 0
        self.endpoint = ""
        self.framing = COUNTED
        self.over = False
        self.began = monotonic()

    def enter(self) -> bool:
        """Ask whether it is let in, and where to; False where it has been answered."""
        setup = self.question.setup
        setup.active += 1
        gate = setup.settings.gate
        if gate is not None:
            found = gate.enter(self.question.head)
            if isinstance(found, Refusal):
                self.refuse(found)
                return False
            self._permit = found
        hurried = self.question.head.hurried
        if hurried and inbound(hurried, 0.0).ends <= 0:
            self.refuse(_TOO_LATE)
            return False
        where = self.question.destination
        if isinstance(where, Refusal):
            if self.question.ends:
                self._answer_options()
            else:
                self.refuse(where)
            return False
        return True

    def send(self, content: bytes) -> None:
        """Send it on with a body that is at hand."""
        raise NotImplementedError

    async def ordinarily(self, request: httpx.Request, *, begun: bool = False) -> None:
        """Send it over the ordinary road, where it may have begun already."""
        hurried = self.question.head.hurried
        if hurried and not begun:
            AMBIENT.set(inbound(hurried, self.began))
        await relay(self, self._client, request)

    def run(self, work: Coroutine[object, object, None]) -> None:
        """Go on in a task."""
        task = self._task = self._client.loop.create_task(work)
        task.add_done_callback(self._ran)

    def refuse(self, refusal: Refusal) -> None:
        """Answer it ourselves."""
        if self.over:
            return
        client, head = self._client, self.question.head
        keep = not refusal.close and client.keeps(head)
        client.stats.refused[refusal.error] += 1
        self.status = refusal.status
        client.refuse(refusal, bodiless=head.method == "HEAD", close=not keep)
        self.done(keep=keep)

    def stop(self, refusal: Refusal) -> None:
        """Answer it ourselves, whatever is under way for it."""
        self.refuse(refusal)
        if self._task is not None:
            self._task.cancel()

    def hold(self) -> None:
        """The client takes no more for now."""

    def go_on(self) -> None:
        """It does again."""

    def abandon(self) -> None:
        """The client has gone, or is to go at once."""
        if self.over:
            return
        if self._task is not None:
            self._task.cancel()
        self.done(keep=False)

    def hand_back(self, error: BaseException) -> None:
        """It failed for `error`, a fault of ours: nobody goes on with what it holds."""

    def cut(self) -> None:
        """The response cannot be completed: its client must see that it is not."""
        if not self.over:
            self._client.stats.cut += 1
            self.done(keep=False, cut=True)

    def done(self, *, keep: bool, cut: bool = False) -> None:
        """It is over; `keep` says whether the connection may have another, `cut` that it was broken off."""
        if self.over:
            return
        self.over = True
        if self._permit is not None:
            self._permit.leave(self.status)
        self._client.finished(self, keep=keep, cut=cut)

    def _answer_options(self) -> None:
        """Answer OPTIONS as whoever it was for."""
        client = self._client
        keep = client.keeps(self.question.head)
        self.status = 200
        lines = b"HTTP/1.1 200 OK\r\nAllow: %b\r\nContent-Length: 0\r\nDate: %b%b\r\n\r\n"
        client.write(lines % (ALLOWED, client.date(), closing(keep=keep)))
        self.done(keep=keep)

    def _ran(self, task: asyncio.Task[None]) -> None:
        if self._task is task:
            self._task = None
        if task.cancelled() or (error := task.exception()) is None:
            return
        self._client.unexpected(error)
        self.hand_back(error)
        if self.status:
            self.cut()
        else:
            self.refuse(Refusal(500, "internal", "The sidecar failed; its log says how.", close=True))
