"""The current context of a kubeconfig file: its cluster's address, a token or a client certificate, a namespace.

What would run a program (``exec``), switch verification off or change who is asked and as whom is refused by name
instead of left aside: leaving it aside would show as a refusal by the API server at best, and at worst not at all.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from meshclient.discovery.http_registry.fields import PayloadError, array, table, text
from meshclient.discovery.http_registry.secret import Token
from meshclient.discovery.http_registry.tls import TlsFiles
from meshclient.errors import ConfigError
from meshclient_kubernetes.errors import KubernetesError

if TYPE_CHECKING:
    from collections.abc import Mapping

# The bearer token of an API server.
bearer = partial(Token, "Kubernetes", error=KubernetesError)


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """What the current context says."""

    server: str
    token: Token
    tls: TlsFiles
    namespace: str


def read_kubeconfig(path: str, origin: str) -> Kubeconfig:
    """The current context of the file at `path`.

    `origin` says where the path comes from. A file that is JSON needs no further package, YAML needs PyYAML. Raises
    ConfigError where the file cannot be read, says nothing usable, or asks for what is not supported.
    """
    named = f"{origin}={path}"
    if os.pathsep in path:
        raise ConfigError(f"{named} names several files, which are not merged: give kubeconfig=<file>")
    try:
        content = Path(path).expanduser().read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8"
        raise ConfigError(f"{named} cannot be read: {reason}") from None
    try:
        return _current(_parsed(content, named), Path(path).expanduser().parent, named)
    except PayloadError as exc:
        raise ConfigError(f"{named}: {exc}") from None


def _parsed(content: str, named: str) -> Mapping[str, object]:
    try:
        return table(json.loads(content), "the file")
    except ValueError as exc:
        if isinstance(exc, PayloadError):
            raise
    try:
        import yaml
    except ImportError:
        raise ConfigError(f"{named} is YAML, which needs the package pyyaml: pip install pyyaml") from None
    try:
        return table(yaml.safe_load(content), "the file")
    except yaml.YAMLError as exc:
        # Of the error only the place: its text quotes the file, which holds secrets.
        mark = getattr(exc, "problem_mark", None)
        place = f" (line {mark.line + 1})" if mark is not None else ""
        raise ConfigError(f"{named} is not YAML{place}") from None


def _current(config: Mapping[str, object], folder: Path, named: str) -> Kubeconfig:
    name = text(config.get("current-context"), "current-context")
    if not name:
        raise ConfigError(f"{named} has no current-context: kubectl config use-context <name>")
    context = _entry(config, "context", name)
    cluster = _entry(config, "cluster", text(context.get("cluster"), "cluster"))
    user_name = text(context.get("user"), "user")
    user = _entry(config, "user", user_name) if user_name else {}
    for unsupported in ("exec", "auth-provider", "username"):
        if user.get(unsupported):
            raise ConfigError(
                f"{named}: user {user_name!r} logs in by {unsupported}, which is not supported: give token_file="
            )
    if cluster.get("insecure-skip-tls-verify"):
        raise ConfigError(f"{named} switches verification off (insecure-skip-tls-verify): give ca_file= instead")
    for owner, keys in ((cluster, ("tls-server-name", "proxy-url")), (user, ("as", "as-uid", "as-groups"))):
        for key in keys:
            if owner.get(key):
                raise ConfigError(f"{named} says {key}, which is not supported: give server= and token_file= instead")
    ca_pem, cert_pem = _data(cluster, "certificate-authority-data"), _data(user, "client-certificate-data")
    tls = TlsFiles(  # of a file and data the data counts, as for kubectl
        ca_file="" if ca_pem else _file(cluster, "certificate-authority", folder),
        ca_pem=ca_pem,
        cert_file="" if cert_pem else _file(user, "client-certificate", folder),
        cert_pem=cert_pem,
        key_file="" if cert_pem else _file(user, "client-key", folder),
        key_pem=_data(user, "client-key-data"),
        origin=named,
    )
    token = bearer()
    if file := _file(user, "tokenFile", folder):
        token = bearer(file=file, origin=f"tokenFile={file}")
    elif value := text(user.get("token"), "token"):
        token = bearer(value, origin=f"the token in {named}")
    return Kubeconfig(text(cluster.get("server"), "server"), token, tls, text(context.get("namespace"), "namespace"))


def _entry(config: Mapping[str, object], kind: str, name: str) -> Mapping[str, object]:
    for item in array(config.get(f"{kind}s"), f"{kind}s"):
        entry = table(item, f"an entry of {kind}s")
        if entry.get("name") == name:
            return table(entry.get(kind), f"{kind} {name!r}", optional=True)
    raise PayloadError(f"it has no {kind} {name!r}")


def _file(owner: Mapping[str, object], key: str, folder: Path) -> str:
    """A path in the file, which is relative to the file's own folder."""
    path = text(owner.get(key), key)
    return str(folder / path) if path else ""


def _data(owner: Mapping[str, object], key: str) -> str:
    try:
        return base64.b64decode(text(owner.get(key), key), validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        raise PayloadError(f"{key} is not base64 of a PEM text") from None
