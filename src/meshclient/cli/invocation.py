"""The options that every command has, before or after its name, and what follows from them."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
from click.core import ParameterSource

from meshclient.cli.render import Format, Renderer

if TYPE_CHECKING:
    from meshclient import Mesh
    from meshclient.cli.inquiry import Inquiry
    from meshclient.config.loaded import Loaded

F = TypeVar("F", bound=Callable[..., object])

OUTPUT_VARIABLE = "MESHCLIENT_OUTPUT"


@dataclass(slots=True)
class Invocation:
    """What was asked for beside the command itself.

    Attributes:
        config: the configuration file, or None to look for one.
        resolver: a resolver in place of the configured one.
        sets: ``key.path=value`` texts, a later one stronger.
        output: the format, or None for the default.
        header: whether tables have captions and titles.
        color: ``auto``, ``always`` or ``never``.
        quiet: whether warnings and progress are left out.
        verbose: whether errors come with their traceback, and logs are shown.
    """

    config: str | None = None
    resolver: str | None = None
    sets: list[str] = field(default_factory=list)
    output: str | None = None
    header: bool = True
    color: str = "auto"
    quiet: bool = False
    verbose: bool = False

    def renderer(self, default: Format = Format.TABLE) -> Renderer:
        """The renderer of the format asked for, else of `default`.

        Raises click.UsageError for a format that does not exist.
        """
        asked = self.output or os.environ.get(OUTPUT_VARIABLE, "").strip() or default
        if asked not in list(Format):
            raise click.UsageError(f"{OUTPUT_VARIABLE}={asked!r} is no format: use one of {', '.join(Format)}")
        return Renderer(Format(asked), header=self.header, color=self.color)

    def mesh(self, mode: str) -> Mesh:
        """The configured mesh; on demand its circuits are its own. Raises ConfigError and PluginError."""
        from meshclient import Mesh

        self._listen()
        # A program that runs for one question is nobody's to look at, though its shell may say where others are.
        sets = [*self.sets, *(self._unshared() if mode == "on-demand" else ())]
        return Mesh.from_config(self.config, sets=sets, mode=mode, resolver=self.resolver, admin="")

    def inquiry(self, resolver: str = "") -> Inquiry:
        """What asks for services once, at `resolver` where one is given. Raises ConfigError and PluginError."""
        from meshclient.cli.inquiry import Inquiry

        self._listen()
        loaded = self.loaded()
        for warning in loaded.warnings:
            logging.getLogger("meshclient").warning("%s", warning)
        return Inquiry(loaded.config, resolver, quiet=self.quiet)

    def loaded(self) -> Loaded:
        """The configuration alone: no resolver is opened, so that a missing plugin is no obstacle."""
        from meshclient.config.loaded import load

        return load(
            environ=os.environ,
            cwd=Path.cwd(),
            path=self.config,
            search=True,
            arguments={"resolver": self.resolver},
            sets=self.sets,
        )

    def say(self, text: str) -> None:
        """Progress, for a person, on standard error; nothing with -q."""
        if not self.quiet:
            click.echo(text, err=True)

    def _unshared(self) -> list[str]:
        """A circuit that is shared is followed on a thread, which a mesh on demand does without."""
        settings = self.loaded().settings
        return [f"{each.path}=" for each in settings if each.path.endswith("circuit.store") and each.value]

    def _listen(self) -> None:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
        logger = logging.getLogger("meshclient")
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG if self.verbose else logging.ERROR if self.quiet else logging.WARNING)
        if not self.verbose:
            # What the registry does is the command's own answer, and said there.
            logging.getLogger("meshclient.discovery").setLevel(logging.ERROR)


def _keep(context: click.Context, parameter: click.Parameter, value: object) -> None:
    name = parameter.name or ""
    if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
        kept = context.ensure_object(Invocation)
        setattr(kept, name, [*kept.sets, *value] if name == "sets" and isinstance(value, tuple) else value)


def _options(*options: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


output_options = _options(
    click.option(
        "-o",
        "--output",
        type=click.Choice([str(form) for form in Format]),
        callback=_keep,
        expose_value=False,
        help=f"How the answer is written (default: table, or {OUTPUT_VARIABLE}).",
    ),
    click.option(
        "--no-header", "header", flag_value=False, callback=_keep, expose_value=False, help="Rows of tables only."
    ),
    click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        callback=_keep,
        expose_value=False,
        help="When to use colours (default: auto, which honours NO_COLOR and FORCE_COLOR).",
    ),
    click.option("-q", "--quiet", is_flag=True, callback=_keep, expose_value=False, help="No warnings, no progress."),
    click.option(
        "-v", "--verbose", is_flag=True, callback=_keep, expose_value=False, help="Tracebacks of errors, and logs."
    ),
)

config_options = _options(
    click.option(
        "--config",
        metavar="FILE",
        callback=_keep,
        expose_value=False,
        help="Configuration (default: MESHCLIENT_CONFIG, or meshclient.toml from here up to the root of the checkout).",
    ),
    click.option(
        "--resolver",
        metavar="URI",
        callback=_keep,
        expose_value=False,
        help='Whom to ask: dns://, consul://host:8500, file://mesh.toml, "a | b", "a + b", "migrate(a, b)".',
    ),
    click.option(
        "--set",
        "sets",
        metavar="KEY=VALUE",
        multiple=True,
        callback=_keep,
        expose_value=False,
        help="A setting, such as defaults.deadline=2s; repeatable, stronger than all else.",
    ),
)
