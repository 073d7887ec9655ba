"""``meshclient xds``: the configuration of a fleet of Envoys, served over gRPC."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshclient.cli.invocation import Invocation, config_options
from meshclient.config.wire_shape import TlsConfig
from meshclient.errors import ConfigError
from meshclient.model.listening import Listening

if TYPE_CHECKING:
    from meshclient.sidecar.envoy.ads.server import Certificates
    from meshclient.sidecar.envoy.ads.service import AdsService

_ADMIN = "127.0.0.1:9901"
_TRUSTED = "/etc/ssl/certs/ca-certificates.crt"
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--listen", default="127.0.0.1:18000", show_default=True, help="Where Envoys ask.")
@click.option(
    "--service", "names", multiple=True, metavar="NAME", help="A service beside those configured; repeatable."
)
@click.option("--cert", type=_FILE, help="PEM file of the server's certificate; with it TLS is spoken.")
@click.option("--key", type=_FILE, help="PEM file of its key.")
@click.option("--client-ca", type=_FILE, help="PEM file of the authority of the Envoys that may ask.")
@click.option(
    "--trusted-ca", default=_TRUSTED, show_default=True, help="Where the Envoys find the authorities to trust."
)
@click.option("--bootstrap", is_flag=True, help="Write what an Envoy is to be started with, and end.")
@click.option("--tls-ca", default="", metavar="PATH", help="With --bootstrap: the server's authority, for TLS.")
@click.option("--tls-cert", default="", metavar="PATH", help="With --bootstrap: the Envoys' own certificate.")
@click.option("--tls-key", default="", metavar="PATH", help="With --bootstrap: its key, on the Envoys' hosts as well.")
@config_options
@click.pass_obj
def xds(
    invocation: Invocation,
    *,
    listen: str,
    names: tuple[str, ...],
    cert: Path | None,
    key: Path | None,
    client_ca: Path | None,
    trusted_ca: str,
    bootstrap: bool,
    tls_ca: str,
    tls_cert: str,
    tls_key: str,
) -> None:
    """Serve the configuration of a fleet of Envoys.

    Every Envoy that asks gets the outbound listener of [sidecar], and the services that the configuration names, as
    they change. What Envoy does not do of the configuration is said first. Needs the extra xds. Ends with an interrupt.
    """
    place = _address(listen)
    tls = _tls(tls_ca, tls_cert, tls_key)
    if bootstrap:
        _write_bootstrap(invocation, place, tls, trusted_ca)
        return
    if tls is not None:
        raise click.UsageError("--tls-ca, --tls-cert and --tls-key go with --bootstrap; a server has --cert and --key")
    certificates = _certificates(cert, key, client_ca)
    if certificates is None and not place.loopback:
        invocation.say(
            f"warning: {listen} can be reached from outside and is not protected; give --cert, --key and --client-ca"
        )
    asyncio.run(_serve(invocation, listen, names, certificates, trusted_ca))


async def _serve(
    invocation: Invocation, listen: str, names: tuple[str, ...], certificates: Certificates | None, trusted: str
) -> None:
    from meshclient.sidecar.envoy.ads.service import AdsService

    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ending.set)
    async with invocation.mesh("background") as mesh:
        service: AdsService = AdsService(mesh, mesh.config.sidecar, names, trusted=trusted)
        try:
            port = await service.start(listen, certificates)
            for line in service.unmapped:
                invocation.say(f"Envoy does not do all that is configured: {line}")
            host = listen.rpartition(":")[0]
            invocation.say(f"serving {service.stats()['services']} services to Envoys at {host}:{port}")
            await ending.wait()
        finally:
            await service.aclose()


def _write_bootstrap(invocation: Invocation, place: Listening, tls: TlsConfig | None, trusted: str) -> None:
    from meshclient.sidecar.envoy.bootstrap import fleet_bootstrap

    config = invocation.loaded().config
    admin = Listening.parse(_ADMIN)
    made = fleet_bootstrap(config.sidecar, admin, place, node="envoy", zone=config.zone, tls=tls, trusted=trusted)
    click.echo(json.dumps(made, indent=2))


def _tls(authority: str, cert: str, key: str) -> TlsConfig | None:
    try:
        return TlsConfig(authority, cert, key) if authority or cert or key else None
    except ValueError as exc:
        raise click.UsageError(str(exc)) from None


def _address(text: str) -> Listening:
    try:
        place = Listening.parse(text)
    except ValueError as exc:
        raise click.UsageError(str(exc)) from None
    if place.path:
        raise click.UsageError(f"{text} is a Unix socket, and Envoys ask over TCP: give host:port")
    return place


def _certificates(cert: Path | None, key: Path | None, clients: Path | None) -> Certificates | None:
    from meshclient.sidecar.envoy.ads.server import Certificates

    if cert is None:
        if key or clients:
            raise click.UsageError("--key and --client-ca mean nothing without --cert")
        return None
    try:
        chain, secret = cert.read_bytes(), (key or cert).read_bytes()
        return Certificates(chain, secret, clients.read_bytes() if clients else None)
    except OSError as exc:
        raise ConfigError(f"a certificate cannot be read: {exc}") from exc
