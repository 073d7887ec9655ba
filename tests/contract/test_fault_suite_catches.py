"""The fault suite shows what is left out, and leaves nothing out by mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fault_suite import CalledService, FaultSuite
from meshclient.model.endpoint import Endpoint
from meshclient.model.snapshot import Empty, Failed, Ready, listing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from meshclient.model.service import ServiceName


@pytest.mark.parametrize("lacks", [{"half_closed": "a reason"}, {"half_open": " "}])
def test_a_scenario_that_does_not_exist_or_has_no_reason_is_refused(lacks: dict[str, str]) -> None:
    with pytest.raises(TypeError, match="no scenario, or no reason for it: half_"):
        type("TestFooFaults", (FaultSuite,), {"lacks": lacks})


class Forgetful:
    """Calls an outage an empty list."""

    source = "forgetful://"

    async def watch(self, name: ServiceName) -> AsyncIterator[Ready | Empty]:
        yield listing([Endpoint("127.1.0.1", 8000)], source=self.source)
        yield Empty(source=self.source)


def test_an_outage_that_passes_for_an_empty_list_is_caught() -> None:
    with CalledService(Forgetful(), "orders", 10.0) as service:
        service.until(lambda s: isinstance(s, Failed), "the end of the watch")
        service.until(lambda s: isinstance(s, Ready), "the next")
        with pytest.raises(AssertionError, match="Empty"):
            service.was_never_empty()
        with pytest.raises(AssertionError, match="without a reason"):
            service.was_never_lost()
