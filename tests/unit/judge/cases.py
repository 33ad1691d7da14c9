"""What the tests of the judge share: runs side by side, and seeded latencies."""

import math
import random
from collections.abc import Sequence

from bot.judge import judge
from bot.judge.policy import Expected, Policy
from bot.model import Finding, Observation, Run, Verdict
from tests.unit.samples import observation, run, series, subject

FEW: dict[str, object] = {"failures": {"default": "20%"}}
"""What lets a short series be green: twenty rounds without a failure show no more than that."""
GREEN = frozenset({"stable", "first run"})


def expected(*names: str, timed: bool = False, severity: str = "major") -> dict[str, Expected]:
    """What a spec of these probes expects."""
    fields = {"kind": "http", "severity": severity, "timed": timed}
    return {name: Expected.model_validate({**fields, "title": name.title()}) for name in names}


def policy(*names: str, timed: bool = False, severity: str = "major", **changes: object) -> Policy:
    """A policy that expects these probes, or the one that `observation` makes."""
    probes = expected(*(names or ("health",)), timed=timed, severity=severity)
    return Policy.model_validate({"probes": probes, **changes})


def beside(candidate: Sequence[Observation], baseline: Sequence[Observation]) -> tuple[Run, Run]:
    """Two runs of one session."""
    return (
        run(*candidate, subject=subject("chat-2", session="one")),
        run(*baseline, subject=subject("chat-1", session="one")),
    )


def stored(
    candidate: Sequence[Observation], baseline: Sequence[Observation], spec: str = "sha256:0"
) -> tuple[Run, Run]:
    """Two runs of two sessions."""
    return run(*candidate, subject=subject("chat-2", session="two")), run(
        *baseline, subject=subject("chat-1", session="one"), spec=spec
    )


def timed(values: Sequence[float | None], probe: str = "health", **changes: object) -> Observation:
    """A timed probe that took this long, in milliseconds; None is a failed request."""
    return observation(probe, series=(series(list(values), **changes),))


def latencies(seed: int, count: int, *, ratio: float = 1.0, noise: float = 0.1, middle: float = 40.0) -> list[float]:
    """Log-normal latencies in milliseconds."""
    source = random.Random(seed)
    return [middle * ratio * math.exp(source.gauss(0, noise)) for _ in range(count)]


def verdict(candidate: Run, baseline: Run | None = None, by: Policy | None = None) -> Verdict:
    """The verdict by a policy, or by one that expects what `observation` makes."""
    return judge(candidate, baseline, by or policy(), "sha256:0")


def timing(candidate: Sequence[float | None], baseline: Sequence[float | None], **changes: object) -> Finding:
    """The finding on the latency of two series measured side by side."""
    runs = beside([timed(candidate)], [timed(baseline)])
    return finding(verdict(*runs, policy(timed=True, **changes)), "health/latency")


def finding(of: Verdict, name: str) -> Finding:
    """The finding with this id."""
    found = [each for each in of.findings if each.id == name]
    assert len(found) == 1, f"{name} is not one of {[each.id for each in of.findings]}"
    return found[0]
