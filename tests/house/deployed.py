"""What the files for deployment say: commands, configurations, the image's instructions."""

from __future__ import annotations

import itertools
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import click
import yaml

from docs.markdown import blocks
from house.source import ROOT
from meshclient.cli.invocation import Invocation
from meshclient.cli.main import cli
from meshclient.cli.sidecar_options import arguments_of
from meshclient.config.loaded import Loaded, load

DEPLOY = ROOT / "deploy"
# Where the image, the unit and the manifests have the configuration.
CONFIGURED = "/etc/meshclient/meshclient.toml"
_TABLE = ("listen", "inbound", "app", "app_port", "admin", "service", "upstreams", "data_plane")


def instructions() -> list[tuple[str, str]]:
    """Of the Dockerfile, each with its arguments on one line."""
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    lines = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    return [(word, " ".join(rest.split())) for word, _, rest in (line.partition(" ") for line in lines if line.strip())]


def instruction(word: str) -> str:
    """The arguments of the last one of this name."""
    return [rest for name, rest in instructions() if name == word][-1]


def compose() -> dict[str, Any]:
    """The compose file."""
    return cast("dict[str, Any]", yaml.safe_load((DEPLOY / "docker-compose.yaml").read_text("utf-8")))


def task() -> dict[str, Any]:
    """The ECS task definition."""
    return cast("dict[str, Any]", json.loads((DEPLOY / "ecs-task-definition.json").read_text("utf-8")))


def manifests() -> list[dict[str, Any]]:
    """The objects of the Kubernetes manifest."""
    return list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text("utf-8")))


def manifest(kind: str) -> dict[str, Any]:
    """The one of this kind."""
    return next(each for each in manifests() if each["kind"] == kind)


def unit(key: str) -> str:
    """A setting of the systemd unit."""
    lines = (DEPLOY / "meshclient-sidecar.service").read_text("utf-8").splitlines()
    return next(line.partition("=")[2] for line in lines if line.startswith(f"{key}="))


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every command line of ours in these files: where it stands, and its words from ``meshclient`` on."""
    entry = json.loads(instruction("ENTRYPOINT"))
    yield "Dockerfile", [*entry, *json.loads(instruction("CMD"))]
    for name, service in compose()["services"].items():
        if "build" in service:
            yield f"docker-compose.yaml {name}", [*entry, *service["command"]]
    yield "ecs-task-definition.json", [*entry, *task()["containerDefinitions"][1]["command"]]
    yield "kubernetes.yaml", [*entry, *manifest("Deployment")["spec"]["template"]["spec"]["initContainers"][0]["args"]]
    _, *words = shlex.split(unit("ExecStart"))
    yield "meshclient-sidecar.service", ["meshclient", *words]
    for path in (DEPLOY / "README.md", ROOT / "docs" / "deployment.md"):
        yield from _written(path, entry)


def _written(path: Path, entry: list[str]) -> Iterator[tuple[str, list[str]]]:
    for block in blocks(path.read_text("utf-8")):
        text = block.text.replace("\\\n", " ") if block.language in {"", "sh", "console"} else ""
        for line in text.splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if "meshclient" in words[:1] or (_variables(words) and words[len(_variables(words))] == "meshclient"):
                yield f"{path.name}: {line}", words
            elif words[:2] == ["docker", "run"]:
                yield f"{path.name}: {line}", [*entry, *words[words.index("meshclient-sidecar") + 1 :]]


def _variables(words: list[str]) -> dict[str, str]:
    """Those that stand before a command."""
    found = itertools.takewhile(lambda word: re.match(r"[A-Z_0-9]+=", word), words)
    return {name: value for name, _, value in (word.partition("=") for word in found)}


def parsed(words: list[str]) -> click.Context:
    """As the command line reads them. Raises click.UsageError."""
    command: click.Command = cli
    context = click.Context(command, info_name="meshclient", obj=Invocation())
    names = words[len(_variables(words)) + 1 :]
    while isinstance(command, click.Group):
        found = command.get_command(context, names[0])
        if found is None:
            raise click.UsageError(f"no command {names[0]}")
        command, names = found, names[1:]
    return command.make_context(command.name, list(names), parent=context)


def loaded(words: list[str], configured: Path) -> Loaded:
    """The configuration that a command line makes, where ``CONFIGURED`` is `configured`. Raises ConfigError."""
    context = parsed(words)
    given, asked = context.params, context.ensure_object(Invocation)
    assert asked.config in {None, CONFIGURED}
    table = arguments_of(*(given[name] for name in _TABLE))
    return load(
        environ=_variables(words),
        cwd=ROOT,
        path=configured if asked.config else None,
        arguments={"resolver": asked.resolver, "sidecar": table},
        sets=asked.sets,
    )
