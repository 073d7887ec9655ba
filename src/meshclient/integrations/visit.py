"""A request that an `Admission` has let in, until somebody says that it is over."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshclient.integrations.admission import Admission


class Visit:
    """To be ended once; more often changes nothing, and one that is forgotten gives its place back all the same.

    Attributes:
        status: of the response, 0 before it has begun.
    """

    __slots__ = ("_admission", "_over", "status")

    def __init__(self, admission: Admission) -> None:
        self.status = 0
        self._over = False
        self._admission = admission

    def end(self, *, failed: bool = False) -> None:
        """It is over, and came to nothing where an error ended it or its status says so."""
        if not self._over:
            self._over = True
            self._admission.leave(time.monotonic(), failed=failed or self.status >= 500)

    def __del__(self) -> None:
        if not self._over:
            self._admission.drop()
