"""Faults on purpose as they come from the configuration, never without a word of warning."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from meshclient.core.injection import Injection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.core.injection import FaultRule

_LOG = logging.getLogger("meshclient")


def injection(service: str, rules: Sequence[FaultRule]) -> Injection | None:
    """The faults of a service, announced in the log; None where there are none."""
    if not rules:
        return None
    made = Injection(service, tuple(rules))
    _LOG.warning(
        "FAULT INJECTION IS ON for service %s: %s; remove services.%s.faults from the configuration to end it",
        service,
        made,
        service,
    )
    return made
