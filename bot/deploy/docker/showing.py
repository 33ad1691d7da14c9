"""What bringing a container up, or asking one that was up, showed: the observation `deploy`."""

from dataclasses import dataclass

from bot.deploy.docker.memory import Slot
from bot.deploy.docker.target import DockerTarget
from bot.deploy.output import TAIL, as_evidence, last_line
from bot.deploy.target import Evidence
from bot.model import Check, Fact, Observation, Series
from bot.model.duration import format_duration


@dataclass(frozen=True)
class Started:
    """What became of it: `took` are the milliseconds from its start until it was ready, None when it never was."""

    slot: Slot
    took: float | None
    reason: str | None
    printed: bytes


def started(target: DockerTarget, found: Started) -> tuple[Observation, Evidence]:
    """What starting a revision showed, and what it printed."""
    evidence = as_evidence(found.printed[-TAIL:])
    why = found.reason
    if why is not None and (last := last_line(found.printed)):
        why = f"{why}: {last}"
    check = _ready(target, why or "ready", ok=why is None, evidence=evidence)
    start_up = Series(id="start-up", unit="ms", better="lower", samples=((0, found.took, 0, True),))
    observation = Observation(
        probe="deploy",
        kind="deploy",
        title="Deploy",
        state="measured" if why is None else "broken",
        reason=None if why is None else f"{found.slot.revision} is not up: {why}",
        checks=(check,),
        series=(start_up,) if found.took is not None else (),
        facts=(Fact(id="target", kind="target", value={"kind": "docker", "image": found.slot.digest}),),
        notes=tuple(evidence),
    )
    return observation, evidence


def asked(target: DockerTarget, revision: str, seen: str, *, ok: bool) -> Observation:
    """What asking a revision that was up already showed."""
    return Observation(
        probe="deploy",
        kind="deploy",
        title="Deploy",
        state="measured" if ok else "broken",
        reason=None if ok else f"{revision} is not ready: {seen}",
        checks=(_ready(target, seen, ok=ok, evidence={}),),
    )


def _ready(target: DockerTarget, seen: str, *, ok: bool, evidence: Evidence) -> Check:
    expected = f"2xx from {target.ready}, and healthy, within {format_duration(target.within)}"
    return Check(id="ready", ok=ok, expected=expected, actual=seen, evidence=next(iter(evidence), None))
