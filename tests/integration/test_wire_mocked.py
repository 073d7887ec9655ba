"""respx under a client over the engine: it is asked instead of the network."""

from __future__ import annotations

import respx

from integration.wire import Wire, wire_fixture  # noqa: F401 - a fixture
from unit.http.rawserver import OK, RawServer, always


def test_a_mock_is_asked_while_it_is_there(wire: Wire) -> None:
    with RawServer(always(OK)) as server:
        client = wire.wired()
        assert wire.run(client.get(server.url)).text == "ok"
        with respx.mock as mocked:
            mocked.get(server.url).respond(text="not so")
            assert wire.run(client.get(server.url)).text == "not so"
        with respx.mock as mocked:
            mocked.route().pass_through()
            assert wire.run(client.get(server.url)).text == "ok"
        assert wire.run(client.get(server.url)).text == "ok"
        assert len(server.requests) == 3
