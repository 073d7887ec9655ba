"""How the faults of `cli.planted` are planted that concern TLS."""

from __future__ import annotations

import trustme

from cli.ground import Ground
from cli.planting import Planting
from meshclient.cli.checks import reaching

DAY = 86_400.0


def closing_over_tls(ground: Ground) -> tuple[str, ...]:
    ground.patch.setattr(reaching, "_LAST_WORD", 0.1)
    ground.trusting(ground.secure(ground.issued(), reply=lambda _: b""))
    return ()


def tls_where_plain(ground: Ground) -> tuple[str, ...]:
    ground.static(f"http://127.0.0.1:{ground.secure(ground.issued())}")
    return ()


def tls_where_plain_as_go_says(ground: Ground) -> tuple[str, ...]:
    # Go and nginx answer in plain text on the port at which they speak TLS.
    port = ground.both(
        ground.issued(), b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
    )
    ground.static(f"http://127.0.0.1:{port}")
    return ()


def plain_where_tls(ground: Ground) -> tuple[str, ...]:
    ground.trusting(ground.listen())
    return ()


def lines_where_tls(ground: Ground) -> tuple[str, ...]:
    # It reads the handshake for a line that does not end.
    ground.trusting(ground.good)
    return ("--timeout", "500ms")


def certified(*names: str, begins: float = -DAY, ends: float = 90 * DAY) -> Planting:
    """An endpoint whose certificate is for those names and that time."""

    def plant(ground: Ground) -> tuple[str, ...]:
        ground.trusting(ground.secure(ground.issued(*names, begins=begins, ends=ends)))
        return ()

    return plant


def stranger(ground: Ground) -> tuple[str, ...]:
    ground.trusting(ground.secure(trustme.CA().issue_cert("orders")))
    return ()


def wrong_key(ground: Ground) -> tuple[str, ...]:
    files = ground.client_files(ground.issued())
    ground.issued().private_key_pem.write_to_path(ground.folder / "key.pem")
    ground.trusting(ground.secure(ground.issued()), files)
    return ()


def wants_client(ground: Ground) -> tuple[str, ...]:
    ground.trusting(ground.secure(ground.issued(), clients=ground.authority))
    return ()


def unverified(ground: Ground) -> tuple[str, ...]:
    ground.static(f"https://127.0.0.1:{ground.secure(ground.issued())}", more="tls = { verify = false }")
    return ()


def own(*, begins: float, ends: float) -> Planting:
    """A client certificate of that time, at an endpoint that asks for none."""

    def plant(ground: Ground) -> tuple[str, ...]:
        files = ground.client_files(ground.issued("client", begins=begins, ends=ends))
        ground.trusting(ground.secure(ground.issued()), files)
        return ()

    return plant
