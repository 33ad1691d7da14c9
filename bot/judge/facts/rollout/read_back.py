"""What the platform itself says of the shares after each move, against what was asked of it.

A health check that passes on the revision before, while the new one has 0 % of the traffic, is found by this also where
nobody knows who answers.
"""

from collections.abc import Iterator

from pydantic import ValidationError

from bot.judge.basis import Basis
from bot.judge.facts.rollout.form import ReadBack
from bot.model import Fact, Finding, Severity, Status


def read_back(basis: Basis, fact: Fact) -> Iterator[Finding]:
    """`read-back`: broken by the rule of the measured shares; a platform that shares out by instances is not blamed."""
    try:
        said = ReadBack.model_validate(fact.value)
    except ValidationError:
        reason, remedy = "it is not in the form that this version reads", "watch with this version"
        yield basis.finding(fact.id, "fact", "not measured", severity="major", reason=reason, remedy=remedy)
        return
    has = said.shares.get(said.candidate, 0)
    half_gone = 2 * has < said.share or 2 * (100 - has) < 100 - said.share
    off = has != said.share if said.share in (0, 100) else half_gone
    status: Status = "broken" if off else "maintained" if has == said.share else "changed"
    severity: Severity = "minor" if status == "changed" else basis.at_most(said.severity)
    yield basis.finding(
        fact.id,
        "fact",
        status,
        severity=severity,
        expected=f"{said.share} % for {said.candidate}",
        after=", ".join(f"{name} has {share} %" for name, share in sorted(said.shares.items()) if share) or None,
        reason=None if status == "maintained" else "the platform says so itself",
    )
