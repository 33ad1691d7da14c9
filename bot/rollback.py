"""Rolling back, and proving it: probes are run once more on what users reach."""

import time
from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import NamedTuple

from bot.deploy.target import Deployed, Deployer
from bot.model import Check, Evidence, Observation, Run, Series, Subject, Verdict
from bot.model.errors import DeployError
from bot.probes.session import Plan, Session

BAD = frozenset({"broken", "regressed"})
PROBE = "rollback"
SERVES = "previous revision serves"


class Proof(NamedTuple):
    """What a rollback showed, with its evidence, which is written below `folder/candidate/evidence`."""

    observation: Observation
    evidence: dict[str, Evidence]


async def prove(
    deployer: Deployer,
    probes: Collection[str],
    plan: Plan,
    folder: Path,
    log: Callable[[str], None],
    moving: AbstractAsyncContextManager[None],
    name: str = PROBE,
) -> Proof:
    """Roll back inside `moving`, run the probes on what users reach then, and give the observation `name`.

    Its series `restored` is the time from the start of the rollback until the last probe was through, in milliseconds.
    """
    began = time.perf_counter()
    try:
        async with moving:
            restored = await deployer.rollback()
    except DeployError as error:
        check = Check(id=SERVES, ok=False, expected="it serves again", actual=str(error))
        return Proof(observation(name, "broken", (check,), reason=f"the rollback failed: {error}"), {})
    if restored is None:
        reason = "there is no previous revision to roll back to; the candidate keeps serving"
        return Proof(observation(name, "not measured", reason=reason, remedy="deploy a revision that holds"), {})
    log(f"rolled back to {restored.subject.revision}")
    run = await again(restored.subject.model_copy(update={"url": restored.public_url}), probes, plan, folder)
    checks = (_serves(restored), *(held(each, run.observation(each)) for each in probes if each in plan.probes))
    took = (time.perf_counter() - began) * 1000
    broken = not all(check.ok for check in checks)
    reason = "not all that is to hold again does" if broken else f"{restored.subject.revision} serves again"
    shown = observation(name, "broken" if broken else "measured", checks, reason=reason)
    series = Series(id="restored", unit="ms", better="lower", samples=((0, round(took, 1), 0, not broken),))
    return Proof(shown.model_copy(update={"series": (series,)}), dict(run.evidence))


async def again(subject: Subject, probes: Collection[str], plan: Plan, folder: Path) -> Run:
    """Run some probes once more on a revision, or on what users reach."""
    session = Session(plan, subject, None, folder)
    await session.correctness(only=[name for name in probes if name in plan.probes])
    return session.runs()[0]


def worth_repeating(verdict: Verdict, baseline: Run | None) -> list[str]:
    """The probes that failed. One that the previous revision failed as well proves nothing about a rollback."""
    failed = {finding.probe for finding in verdict.findings if finding.status in BAD and finding.waiver is None}
    return sorted(failed & {*holding(baseline)})


def holding(baseline: Run | None) -> list[str]:
    """The probes that the previous revision was right in."""
    return [
        each.probe
        for each in (baseline.observations if baseline else ())
        if each.state == "measured" and all(check.ok for check in each.checks)
    ]


def held(name: str, seen: Observation | None, called: str | None = None) -> Check:
    """Whether a probe that was run once more held."""
    called = called or name
    if seen is None or seen.state == "not measured":
        actual = (seen.reason if seen else None) or "it was not observed"
        return Check(id=called, ok=False, expected="holds again", actual=f"not measured: {actual}")
    failed = next((check for check in seen.checks if not check.ok), None)
    ok = failed is None and seen.state == "measured"
    actual = "holds again" if ok else (f"{failed.id}: {failed.actual}" if failed else seen.reason or "broken")
    evidence = failed.evidence if failed else None
    return Check(id=called, ok=ok, expected="holds again", actual=actual, evidence=evidence)


def observation(
    name: str,
    state: str,
    checks: tuple[Check, ...] = (),
    *,
    reason: str | None = None,
    remedy: str | None = None,
) -> Observation:
    """What was seen of one of the bot's own acts."""
    return Observation.model_validate(
        {
            "probe": name,
            "kind": name,
            "title": name.capitalize(),
            "state": state,
            "checks": checks,
            "reason": reason,
            "remedy": remedy,
        }
    )


def _serves(restored: Deployed) -> Check:
    ok = restored.observation.state == "measured" and all(check.ok for check in restored.observation.checks)
    actual = restored.subject.revision if ok else (restored.observation.reason or "it is not ready")
    return Check(id=SERVES, ok=ok, expected=restored.subject.revision, actual=actual)
