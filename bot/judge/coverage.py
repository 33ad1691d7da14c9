"""Did we test anything? What the candidate's probes touched, of all that there was to touch."""

from collections.abc import Iterator

from bot.model import Coverage, Run

NO_TYPES = frozenset({"(binary)", "(text)", "(untyped)", "(more)"})
"""What a protocol fact calls events that have no type of their own."""


def of(candidate: Run, baseline: Run | None) -> Coverage | None:
    """The counts; None where no probe says what it touched."""
    told = [each.exercised for each in candidate.observations if each.exercised is not None]
    if not told:
        return None
    routes = {name for each in told for name in each.routes}
    seen = {*_events(candidate)}
    known = {name for each in told for name in each.events} | seen | {*(_events(baseline) if baseline else ())}
    operations = dict.fromkeys(name for each in told for name in each.operations)
    asked = {name for each in told for name in each.asked}
    others = asked - operations.keys()  # a request that is an operation's very name is no other one's
    return Coverage(
        routes=len(routes),
        accepted=len(routes & {name for each in told for name in each.accepted}),
        refused=len(routes & {name for each in told for name in each.refused}),
        known=len(known),
        unseen=tuple(sorted(known - seen)),
        operations=len(operations),
        untouched=tuple(
            name for name in operations if name not in asked and not any(_is(name, each) for each in others)
        ),
    )


def _is(operation: str, asked: str) -> bool:
    """Whether a request is one of this operation: what is in braces stands for anything, on either side."""
    method, _, path = operation.partition(" ")
    other, _, target = asked.partition(" ")
    parts, others = path.strip("/").split("/"), target.strip("/").split("/")
    return (
        method == other
        and len(parts) == len(others)
        and all(one == two or "{" in one or "{" in two for one, two in zip(parts, others, strict=True))
    )


def _events(run: Run) -> Iterator[str]:
    for observation in run.observations:
        for fact in observation.facts:
            events = fact.value.get("events") if fact.kind == "protocol" and isinstance(fact.value, dict) else None
            if isinstance(events, dict):
                yield from (name for name in events if name not in NO_TYPES)
