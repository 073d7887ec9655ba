"""An answer other than 2xx, as an exception that a method may declare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from meshclient.errors import MeshError
from meshclient.rpc.codec.errors import excerpt, one_line, told
from meshclient.rpc.stub.problem import Problem, problem_of

if TYPE_CHECKING:
    from meshclient.model.report import CallReport


class StatusError(MeshError, httpx.HTTPStatusError):
    """A service answered with a status that is no success.

    Derive from it to have fields of the body as attributes; those without a default must be there:

        class OutOfStock(StatusError):
            sku: str
            left: int = 0

    Attributes:
        service: the service's name.
        method: of the stub, as ``Orders.order``.
        status: of the response.
        problem: the body, where it is a problem document (RFC 9457).
        response: the whole answer.
        mesh: the story of the call.
    """

    def __init__(self, response: httpx.Response, *, service: str, method: str, remark: str = "") -> None:
        self.service = service
        self.method = method
        self.status = response.status_code
        self.problem: Problem | None = problem_of(response)
        said = one_line(self.problem.summary) if self.problem else ""
        body = response.content
        said = said or (excerpt(body) if body else "nothing more was said")
        super().__init__(
            f"{told(response, service, method)}: {said}{one_line(remark)}", request=response.request, response=response
        )
        self.mesh: CallReport | None = response.extensions.get("mesh")
