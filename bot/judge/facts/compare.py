"""Facts of one probe to findings."""

from collections.abc import Callable, Iterator
from itertools import islice

from pydantic import JsonValue

from bot.judge.basis import SEVERITIES, Basis
from bot.judge.facts import json_shape, protocol
from bot.judge.facts.difference import Difference
from bot.model import Fact, Finding

COMPARERS: dict[str, Callable[[JsonValue, JsonValue], Iterator[Difference]]] = {
    "json-shape": json_shape.compare,
    "protocol": protocol.compare,
}
MOST = 50
"""Differences of one fact that are listed one by one; a last row counts the rest."""


def compare(basis: Basis) -> Iterator[Finding]:
    """One finding for each difference, or one that says that there is none."""
    after = {fact.id: fact for fact in (basis.candidate.facts if basis.candidate else ())}
    before = {fact.id: fact for fact in (basis.baseline.facts if basis.baseline else ())}
    for name, fact in after.items():
        old = before.get(name)
        if old is None:
            yield basis.finding(name, "fact", "new", severity="info", evidence=_evidence(fact))
        else:
            yield from _both(basis, fact, old)
    for name, old in before.items():
        if name not in after and basis.candidate is not None:
            why = basis.candidate.reason
            yield basis.finding(
                name,
                "fact",
                "not measured",
                severity=basis.at_most("major"),
                reason=f"it was not reached: {why}" if why else "the baseline has it, and the candidate has not",
                remedy="mend what comes before it" if why else "see whether the spec still asks for it",
                evidence=_evidence(old),
            )


def _both(basis: Basis, new: Fact, old: Fact) -> Iterator[Finding]:
    comparer = COMPARERS.get(new.kind)
    if old.value == new.value:
        found: list[Difference] = []
    elif comparer is None or old.kind != new.kind:
        found = [Difference("", "changed", "minor", "as it was", "another", f"this {new.kind} is another than before")]
    else:
        found = list(islice(comparer(old.value, new.value), MOST + 1))
    for each in found[:MOST]:
        severity = SEVERITIES[max(SEVERITIES.index(each.severity), SEVERITIES.index(basis.at_most("major")))]
        yield basis.finding(
            f"{new.id} {each.place}".strip(),
            "fact",
            each.status,
            severity=severity,
            before=each.before,
            after=each.after,
            reason=each.reason,
            evidence=_evidence(new, old),
        )
    if len(found) > MOST:
        yield basis.finding(
            f"{new.id} and more", "fact", "regressed", severity="major", reason=f"more than {MOST} differences"
        )
    if not found:
        yield basis.finding(new.id, "fact", "maintained", severity=basis.at_most("major"), evidence=_evidence(new, old))


def _evidence(*facts: Fact) -> tuple[str, ...]:
    return tuple(dict.fromkeys(fact.evidence for fact in facts if fact.evidence))
