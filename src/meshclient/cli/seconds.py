"""Durations on the command line, spelt as in the configuration."""

from __future__ import annotations

import click

from meshclient.model.duration import parse_duration


def seconds_or_zero(context: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    """``2``, ``2s`` or ``250ms`` as seconds, which may be none; a callback of click's options."""
    if value is None:
        return None
    try:
        return parse_duration(value)
    except ValueError as exc:
        raise click.BadParameter(str(exc), context, parameter) from None


def seconds(context: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    """As `seconds_or_zero`, above zero."""
    duration = seconds_or_zero(context, parameter, value)
    if duration == 0:
        raise click.BadParameter("no time at all: write a duration above zero", context, parameter)
    return duration
