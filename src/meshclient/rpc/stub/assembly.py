"""From the methods of an interface to their plans; everything wrong with them is said at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.errors import ConfigError
from meshclient.rpc.codec.records import Records
from meshclient.rpc.codec.registry import JSON, codec_named
from meshclient.rpc.codec.types import bare
from meshclient.rpc.options import checked
from meshclient.rpc.stub.declaration import Declaration, declared
from meshclient.rpc.stub.failures import Failures
from meshclient.rpc.stub.plan import Plan
from meshclient.rpc.stub.request_writer import RequestWriter
from meshclient.rpc.stub.response_reader import ANYTHING, is_raw_response, response_reader
from meshclient.rpc.stub.soundness import check_headers, check_parameters
from meshclient.rpc.stub.stub_error import StubError
from meshclient.rpc.stub.template import Template

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from meshclient.rpc.binding import Binding
    from meshclient.rpc.stub.interface import Method
    from meshclient.rpc.stub.route import Common


@dataclass(frozen=True, slots=True)
class Assembled:
    """One method: its plan, and how it is called."""

    name: str
    function: Callable[..., object]
    plan: Plan
    asynchronous: bool
    streams: bool


def common_faults(name: str, common: Common) -> list[str]:
    """What is wrong with what the interface `name` says for all its methods."""
    faults = []
    for check in (
        lambda: check_headers(name, common.headers),
        lambda: checked(common.options, name),
        lambda: codec_named(common.codec or "json"),
    ):
        try:
            check()
        except StubError as exc:
            faults.append(str(exc))
        except ConfigError as exc:
            faults.append(_said(name, exc))
    return faults


def assemble(
    found: list[Method], faults: list[str], common: Common, around: Callable[[bool], Binding]
) -> list[Assembled]:
    """Plan each method; raises StubError with a line for each that cannot be called.

    Args:
        found: the methods.
        faults: what is wrong already.
        common: what the interface says for all of them.
        around: the channel for those that are asynchronous, or for those that are not.
    """
    assembled, faults = [], list(faults)
    for method in found:
        try:
            template, declaration = _declaration(method)
            plan = _plan(method, template, declaration, common, around(declaration.asynchronous))
            assembled.append(
                Assembled(method.name, method.function, plan, declaration.asynchronous, declaration.streams)
            )
        except StubError as exc:
            faults.append(str(exc))
        except ConfigError as exc:
            faults.append(_said(method.where, exc))
    if faults:
        raise StubError("\n".join(faults))
    return assembled


def _said(where: str, error: ConfigError) -> str:
    text = str(error)
    return text if text.startswith(where) else f"{where}: {text}"


def _declaration(method: Method) -> tuple[Template, Declaration]:
    try:
        template = Template.parse(method.route.path)
    except ValueError as exc:
        msg = f"{method.where}: {exc}"
        raise StubError(msg) from exc
    return template, declared(method.function, method.where, template.names)


def _plan(method: Method, template: Template, declaration: Declaration, common: Common, around: Binding) -> Plan:
    where, verb, own = method.where, method.route.verb, method.route.common
    name = own.codec or common.codec
    codec = codec_named(name) if name else around.codec
    check_parameters(declaration, template, verb, codec)
    check_headers(where, own.headers)
    fixed = {key.lower(): value for each in (common.headers, own.headers) for key, value in each.items()}
    options = {**around.defaults, **common.options, **checked(own.options, where)}
    failures = Failures({**common.errors, **own.errors}, around.service, where)
    records = None
    read: Callable[[httpx.Response], object] = _passed
    accept = ANYTHING
    if declaration.streams:
        if bare(declaration.returns) is not bytes:
            if complaint := JSON.complaint(declaration.returns):
                msg = f"{where} returns a stream of what JSON has no form for: {complaint}"
                raise StubError(msg)
            records = Records(declaration.returns, around.service, where)
            accept = records.accept
    else:
        read, accept = response_reader(declaration, verb, codec, around.service)
    wanted = {**around.headers, "accept": accept, **fixed}
    # What the client sends by itself would only be one more thing to do for each call.
    headers = {key: value for key, value in wanted.items() if around.standing.get(key) != value}
    write = RequestWriter(declaration, template, around.base, headers, codec)
    error = None if is_raw_response(declaration) else failures.error
    return Plan(verb, write, read, error, {"mesh": options} if options else None, records)


def _passed(response: httpx.Response) -> object:
    return response
