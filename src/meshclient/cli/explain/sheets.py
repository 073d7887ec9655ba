"""An explanation as tables, in the order in which a call meets what they tell of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.cli.explain.settings import sources
from meshclient.cli.listing import age_text, cause
from meshclient.cli.plot import ink_for
from meshclient.cli.render import Cell, Column, Sheet
from meshclient.model.duration import format_duration

if TYPE_CHECKING:
    from typing import TextIO

    from meshclient.cli.explain.explanation import Called, Explanation, Part
    from meshclient.cli.explain.trial import Share

_STYLES = {"on": "green", "shadow": "yellow", "off": "dim", "idle": "dim"}
_STATES = {"in_rotation": "green", "excluded": "red", "standby": "dim", "avoided": "yellow"}
_BAR = 10
# HTML makes nothing of other blanks in front.
_NO_BREAK = "\N{NO-BREAK SPACE}" * 3


def sheets(found: Explanation, stream: TextIO | None = None, *, wide: bool) -> list[Sheet]:
    """All tables; with `wide` every setting, else those that somebody gave; with bars as `stream` can show them."""
    called = found.called
    if called is None:
        return [_destination(found, None), _settings(found, wide=wide)]
    return [
        _destination(found, called),
        Sheet(_resolver_caption(found, called), _PARTS, [_part(found, called, p) for p in called.parts]),
        *([_filters(called)] if called.snapshot.endpoints else []),
        _policies(found, called, "  " if stream else _NO_BREAK),
        *([_picks(called, stream)] if called.trial.shares else []),
        *([_order(called)] if called.trial.order else []),
        _fresh(called),
        _settings(found, wide=wide),
    ]


_PARTS = (
    Column("REGISTRY"),
    Column("STATE"),
    Column("ENDPOINTS", right=True),
    Column("VERSION", right=True),
    Column("AGE", right=True),
    Column("USED"),
    Column("CAUSE"),
)


def _destination(found: Explanation, called: Called | None) -> Sheet:
    to = found.destination
    zone = next(each for each in found.settings.whole if each.key == "zone")
    columns = (Column("WHAT"), Column("IS"), Column("WHY"))
    if called is None:
        caption = f"{found.method} {found.url}: passes straight through, as with httpx alone; nothing was sent"
        rows = [("service", "none", to.why), *([("to call one", "", to.fix)] if to.fix else [])]
        return Sheet(caption, columns, rows)
    rows = [("service", to.service, to.why), ("route", called.route or "none", called.route_why)]
    if called.variant is not None:
        rows.append(("variant", called.variant.name or "the rest", called.variant.why))
    rows.append(("zone", str(zone.setting.value or "not known"), f"zone ({zone.source})"))
    rows.append(("hash key", called.key or "none", _key_why(called)))
    count = len(called.snapshot.endpoints)
    many = f"{count} endpoint{'' if count == 1 else 's'}"
    rows.append(("list", called.snapshot.state, f"{many}, version {called.snapshot.version}, {age_text(called.age)}"))
    return Sheet(f"{found.method} {found.url}: what would become of it; nothing was sent", columns, rows)


def _key_why(called: Called) -> str:
    if called.key is None:
        return f"{called.balancer} spreads such calls by weight" if called.trial.keyed else "the balancer needs none"
    return "from the request" if called.trial.keyed else f"means nothing to {called.balancer}"


def _resolver_caption(found: Explanation, called: Called) -> str:
    resolver = next(each for each in found.settings.whole if each.key == "resolver")
    if called.parts and called.parts[0].snapshot.source == "configuration":
        return f"Resolver: the endpoints in [services.{found.destination.service}]"
    how = {"|": "the first that answers", "+": "all together"}
    told = [words for sign, words in how.items() if f" {sign} " in resolver.text]
    return f"Resolver: {resolver.text.strip(chr(34))}{f', {told[0]}' if told else ''} ({resolver.source})"


def _part(found: Explanation, called: Called, part: Part) -> tuple[str | Cell, ...]:
    snapshot = part.snapshot
    silent = "has not answered" if called.snapshot.state == "pending" else "not waited for"
    style = {"ready": "green", "failed": "red", "empty": "yellow" if part.used else "dim"}.get(snapshot.state, "dim")
    words = [silent if snapshot.state == "pending" else cause(found.destination.service, snapshot)]
    words += ["read from disk"] if part.stored else []
    words += [f"{part.held} removed are held"] if part.held else []
    return (
        snapshot.source,
        Cell(snapshot.state, style),
        str(len(snapshot.endpoints)),
        str(snapshot.version),
        "" if part.age is None else format_duration(part.age),
        "yes" if part.used else "no",
        "; ".join(word for word in words if word),
    )


def _filters(called: Called) -> Sheet:
    columns = (Column("FILTER"), Column("STATE"), Column("OUT", right=True), Column("LEFT", right=True), Column("WHY"))
    listed = called.steps[0].left + called.steps[0].taken
    rows: list[tuple[str | Cell, ...]] = [("listed", "", "", str(listed), "what the resolver says")]
    rows += [
        (each.name, Cell(each.state, _STYLES.get(each.state, "")), str(each.taken), str(each.left), each.why)
        for each in called.steps
    ]
    return Sheet("From the list to the endpoints that are drawn", columns, rows)


def _policies(found: Explanation, called: Called, indent: str) -> Sheet:
    columns = (Column("POLICY"), Column("STATE"), Column("SETTING"), Column("FROM"))
    rows = [
        (
            f"{indent}{each.name}" if each.again else each.name,
            Cell(each.state, _STYLES.get(each.state, "")),
            each.words,
            Cell(sources(found.settings.of(*each.keys)) or "default", "dim"),
        )
        for each in called.policies
    ]
    return Sheet("Policies, from the outermost inwards; each attempt passes those that are indented", columns, rows)


def picks_caption(called: Called) -> str:
    """What the picks are."""
    trial = called.trial
    how = f"always the same one for the key {trial.key!r}" if trial.order else "beside what is due by weight"
    panic = "; PANIC: too few are usable, so all are used" if trial.rotation.panic else ""
    return f"{trial.picks:,} picks by {called.balancer}, {how} (seed {trial.seed}){panic}"


def _picks(called: Called, stream: TextIO | None) -> Sheet:
    trial = called.trial
    full = ink_for(stream).parts[-1] if stream else ""
    columns = (
        Column("ENDPOINT"),
        Column("ZONE"),
        Column("WEIGHT", right=True),
        Column("STATE"),
        Column("PICKS", wide=True, right=True),
        Column("DUE", right=True),
        Column("PICKED"),
    )
    rows = [
        (
            share.status.endpoint.url,
            share.status.endpoint.zone,
            f"{share.status.endpoint.weight:g}",
            Cell(_state(share), _STATES.get(share.status.state, "")),
            f"{share.picks:,}",
            "" if trial.order else f"{share.expected:.1%}",
            f"{share.actual:6.1%} {full * round(share.actual * _BAR)}".rstrip(),
        )
        for share in trial.shares
    ]
    return Sheet(picks_caption(called), columns, rows)


def _state(share: Share) -> str:
    state = share.status.state
    return f"{state} (panic)" if share.turns and state == "excluded" else state


def _order(called: Called) -> Sheet:
    names = ("first", "then", *["then"] * len(called.trial.order))
    rows = list(zip(names, called.trial.order, strict=False))
    return Sheet(
        f"Where the key {called.trial.key!r} goes while endpoints fail", (Column(""), Column("ENDPOINT")), rows
    )


def _fresh(called: Called) -> Sheet:
    guard = called.guard or "throttle"
    state = called.circuit or "off"
    shown = {"closed": "refuses nothing"}.get(state, state)
    rows = [
        (guard, f"{state}: {shown}" if guard == "circuit" else shown, "meshclient circuits --admin ADDRESS"),
        ("ejections", "none", "meshclient endpoints --admin ADDRESS"),
    ]
    columns = (Column("WHAT"), Column("HERE"), Column("IN A RUNNING PROCESS"))
    return Sheet("This process is new and has called nobody; one that runs knows more", columns, rows)


def _settings(found: Explanation, *, wide: bool) -> Sheet:
    every = found.settings.every
    shown = [each for each in every if wide or each.said]
    columns = (Column("SETTING"), Column("VALUE"), Column("FROM"))
    rows = [(each.key, each.text, each.source) for each in shown]
    hidden = len(every) - len(shown)
    caption = "Settings" if not hidden else f"Settings that somebody gave; {hidden} more are defaults (-o wide)"
    return Sheet(caption, columns, rows)
