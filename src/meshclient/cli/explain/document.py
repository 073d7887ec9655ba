"""An explanation as JSON-ready data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.cli.listing import cause

if TYPE_CHECKING:
    from meshclient.cli.explain.explanation import Called, Explanation, Part
    from meshclient.cli.explain.trial import Trial

SCHEMA = "meshclient.explain/v1"


def document(found: Explanation) -> dict[str, object]:
    """The document, the same keys whatever was found."""
    called, to = found.called, found.destination
    zone = next(each for each in found.settings.whole if each.key == "zone")
    return {
        "schema": SCHEMA,
        "method": found.method,
        "url": found.url,
        "destination": {
            "service": to.service or None,
            "rule": to.rule,
            "why": to.why,
            "fix": to.fix or None,
            "route": called.route or None if called else None,
            "route_why": called.route_why if called else None,
            "variant": _variant(called),
        },
        "zone": zone.setting.value or None,
        "hash_key": called.key if called else None,
        "resolver": _resolver(found, called) if called else None,
        "filters": [
            {"step": each.name, "state": each.state, "left": each.left, "taken_out": each.taken, "why": each.why}
            for each in (called.steps if called else ())
        ],
        "policies": [
            {
                "policy": each.name,
                "state": each.state,
                "each_attempt": each.again,
                "words": each.words,
                "settings": [held.key for held in found.settings.of(*each.keys)],
            }
            for each in (called.policies if called else ())
        ],
        "picks": _picks(called.trial, called.balancer) if called else None,
        "circuit": {"policy": called.guard or None, "state": called.circuit or None} if called else None,
        "settings": [each.document for each in found.settings.every],
        "fresh": True,
        "error": None
        if called is None or called.complaint is None
        else {"kind": called.complaint.status.name.lower(), "message": called.complaint.what},
    }


def _variant(called: Called | None) -> dict[str, object] | None:
    if called is None or called.variant is None:
        return None
    variant = called.variant
    return {"name": variant.name or None, "service": variant.service, "rule": variant.rule, "why": variant.why}


def _resolver(found: Explanation, called: Called) -> dict[str, object]:
    snapshot = called.snapshot
    return {
        "state": snapshot.state,
        "source": snapshot.source,
        "version": snapshot.version,
        "age_seconds": called.age,
        "endpoints": len(snapshot.endpoints),
        "cause": cause(found.destination.service, snapshot) or None,
        "parts": [_part(found.destination.service, each) for each in called.parts],
    }


def _part(service: str, part: Part) -> dict[str, object]:
    snapshot = part.snapshot
    return {
        "source": snapshot.source,
        "state": snapshot.state,
        "version": snapshot.version,
        "age_seconds": part.age,
        "endpoints": len(snapshot.endpoints),
        "used": part.used,
        "from_disk": part.stored,
        "held": part.held,
        "cause": cause(service, snapshot) or None,
    }


def _picks(trial: Trial, balancer: str) -> dict[str, object]:
    return {
        "balancer": balancer,
        "count": trial.picks,
        "seed": trial.seed,
        "sticky": bool(trial.order),
        "order": list(trial.order),
        "panic": trial.rotation.panic,
        "endpoints": [
            {
                "url": share.status.endpoint.url,
                "id": share.status.endpoint.id or None,
                "zone": share.status.endpoint.zone or None,
                "priority": share.status.endpoint.priority,
                "weight": share.status.endpoint.weight,
                "health": str(share.status.endpoint.health),
                "state": share.status.state,
                "effective_weight": share.weight,
                "expected_share": share.expected,
                "picks": share.picks,
                "share": share.actual,
            }
            for share in trial.shares
        ],
    }
