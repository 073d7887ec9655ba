"""Sessions stay with an endpoint, from the first call of a process on, and whatever else is in the Cookie header."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from pathlib import Path

    from servers.backend import Backends


@pytest.fixture
def secret_file(tmp_path: Path) -> str:
    (tmp_path / "secret").write_bytes(b"sixteen bytes ..")
    return str(tmp_path / "secret")


@pytest.mark.parametrize("mode", ["background", "on-demand"])
def test_a_session_goes_on_in_another_process(face: Face, backends: Backends, secret_file: str, mode: str) -> None:
    urls = [backend.url for backend in backends(4)]
    for number in range(6):
        # Each mesh is as a process that has just started and has no list yet.
        first, second = (
            face.mesh(services={"orders": {"endpoints": urls, "session": {"secret_file": secret_file}}}, mode=mode)
            for _ in range(2)
        )
        answer = face.run(face.client(mesh=first).get("http://orders/"))
        [attempt] = answer.extensions["mesh"].attempts
        [cookie] = answer.headers.get_list("set-cookie")
        pair, *attributes = cookie.split("; ")
        assert pair.startswith("mesh-endpoint=")
        assert set(attributes) == {"Path=/", "HttpOnly", "SameSite=Lax"}
        other = face.client(mesh=second)
        for _ in range(3):
            again = face.run(other.get("http://orders/", headers={"cookie": f'a={{"b":{number}}}; {pair}'}))
            assert again.extensions["mesh"].attempts[0].endpoint == attempt.endpoint
            assert "set-cookie" not in again.headers
