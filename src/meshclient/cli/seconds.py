"""Durations on the command line, spelt as in the configuration."""

from __future__ import annotations

import click

from meshclient.model.duration import parse_duration


def seconds(context: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    """``2``, ``2s`` or ``250ms`` as seconds above zero; a callback of click's options."""
    if value is None:
        return None
    try:
        duration = parse_duration(value)
    except ValueError as exc:
        raise click.BadParameter(str(exc), context, parameter) from None
    if duration == 0:
        raise click.BadParameter("no time at all: write a duration above zero", context, parameter)
    return duration
