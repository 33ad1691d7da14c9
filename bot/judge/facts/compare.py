"""Facts of one probe to findings."""

from collections.abc import Callable, Iterator
from itertools import islice

from pydantic import JsonValue

from bot.judge.basis import Basis
from bot.judge.facts import json_shape, protocol, refusals
from bot.judge.facts.difference import Difference
from bot.judge.facts.rollout import findings as rollout
from bot.judge.facts.rollout.read_back import read_back
from bot.model import Fact, Finding, Observation

COMPARERS: dict[str, Callable[[JsonValue, JsonValue], Iterator[Difference]]] = {
    "json-shape": json_shape.compare,
    "protocol": protocol.compare,
    "closes": protocol.compare_closes,
    "refusals": refusals.compare,
}
ABSOLUTE: dict[str, Callable[[Basis, Fact], Iterator[Finding]]] = {
    "rollout": rollout.findings,
    "unseen": rollout.unseen,
    "read-back": read_back,
}
"""Kinds that are judged by themselves, whatever was before."""
MOST = 50
"""Differences of one fact that are listed one by one; a last row speaks for the rest."""


def compare(basis: Basis) -> Iterator[Finding]:
    """One finding for each difference, or one that says that there is none."""
    after, before = _by_id(basis.candidate), _by_id(basis.baseline)
    for name, fact in after.items():
        old = before.get(name)
        if fact.kind in ABSOLUTE:
            yield from ABSOLUTE[fact.kind](basis, fact)
        elif old is not None:
            yield from _both(basis, fact, old)
        elif basis.baseline_is_lost:
            yield basis.finding(
                name,
                "fact",
                "not measured",
                severity=basis.at_most("major"),
                evidence=_evidence(fact),
                **basis.lost_words,
            )
        else:
            yield basis.finding(name, "fact", "new", severity="info", evidence=_evidence(fact))
    for name, old in before.items():
        if name not in after:
            yield _missing(basis, name, old)


def _by_id(observation: Observation | None) -> dict[str, Fact]:
    """Two facts of one id are two facts: the second is called by its number."""
    found: dict[str, Fact] = {}
    for fact in observation.facts if observation else ():
        name, number = fact.id, 1
        while name in found:
            number += 1
            name = f"{fact.id} ({number})"
        found[name] = fact
    return found


def _missing(basis: Basis, name: str, old: Fact) -> Finding:
    if basis.no_longer_asked_for:
        reason = "the spec has changed, and no longer asks for it"
        return basis.finding(name, "fact", "gone", severity="info", reason=reason, evidence=_evidence(old))
    why = basis.candidate.reason if basis.candidate else None
    return basis.finding(
        name,
        "fact",
        "not measured",
        severity=basis.at_most("major"),
        reason=f"it was not reached: {why}" if why else "the baseline has it, and the candidate has not",
        remedy="mend what comes before it" if why else "run the probe again",
        evidence=_evidence(old),
    )


def _both(basis: Basis, new: Fact, old: Fact) -> Iterator[Finding]:
    if old.kind == new.kind and old.value == new.value:
        yield basis.finding(new.id, "fact", "maintained", severity=basis.at_most("major"), evidence=_evidence(new, old))
        return
    found = list(islice(_differences(new, old), MOST + 1))
    for each in found[:MOST]:
        yield basis.finding(
            f"{new.id} {each.place}".strip(),
            "fact",
            each.status,
            severity=basis.at_most(each.severity),
            before=each.before,
            after=each.after,
            reason=each.reason,
            remedy=each.remedy,
            evidence=_evidence(new, old),
        )
    if len(found) > MOST:
        reason = f"more than {MOST} differences; the others are not listed"
        yield basis.finding(f"{new.id} and more", "fact", "regressed", severity=basis.at_most("major"), reason=reason)
    if not found:
        yield basis.finding(new.id, "fact", "maintained", severity=basis.at_most("major"), evidence=_evidence(new, old))


def _differences(new: Fact, old: Fact) -> Iterator[Difference]:
    comparer = COMPARERS.get(new.kind)
    if old.kind != new.kind:
        yield Difference("", "changed", "minor", old.kind, new.kind, "it is of another kind than before")
    elif comparer is None:
        yield Difference("", "changed", "minor", "as it was", "another", f"this {new.kind} is another than before")
    else:
        yield from comparer(old.value, new.value)


def _evidence(*facts: Fact) -> tuple[str, ...]:
    return tuple(dict.fromkeys(fact.evidence for fact in facts if fact.evidence))
