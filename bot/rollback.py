"""Rolling back, and proving it: the probes that failed are run once more on what users reach."""

from collections.abc import Callable
from pathlib import Path

from bot.deploy.target import Deployed, Deployer
from bot.model import Check, Evidence, Observation, Run, Verdict
from bot.model.errors import DeployError
from bot.probes.session import Plan, Session

BAD = frozenset({"broken", "regressed"})
PROBE = "rollback"


async def prove(
    deployer: Deployer,
    verdict: Verdict,
    baseline: Run | None,
    plan: Plan,
    folder: Path,
    log: Callable[[str], None],
) -> tuple[Observation, dict[str, Evidence]]:
    """Roll back, probe again what failed, and give the observation `rollback` with its evidence.

    A probe that the previous revision failed as well proves nothing about the rollback, and is left out. Evidence is
    written below `folder/candidate/evidence`, beside the candidate's.
    """
    try:
        restored = await deployer.rollback()
    except DeployError as error:
        check = Check(id="previous revision serves", ok=False, expected="it serves again", actual=str(error))
        return _observation("broken", (check,), reason=f"the rollback failed: {error}"), {}
    if restored is None:
        reason = "there is no previous revision to roll back to; the candidate keeps serving"
        return _observation("not measured", (), reason=reason, remedy="deploy a revision that holds"), {}
    log(f"rolled back to {restored.subject.revision}")
    return await _probe_again(restored, _worth_repeating(verdict, baseline), plan, folder)


def _worth_repeating(verdict: Verdict, baseline: Run | None) -> list[str]:
    failed = {finding.probe for finding in verdict.findings if finding.status in BAD and finding.waiver is None}
    held = {
        each.probe
        for each in (baseline.observations if baseline else ())
        if each.state == "measured" and all(check.ok for check in each.checks)
    }
    return sorted(failed & held)


async def _probe_again(
    restored: Deployed, probes: list[str], plan: Plan, folder: Path
) -> tuple[Observation, dict[str, Evidence]]:
    subject = restored.subject.model_copy(update={"url": restored.public_url})
    session = Session(plan, subject, None, folder)
    wanted = [name for name in probes if name in plan.probes]
    await session.correctness(only=wanted)
    run, _ = session.runs()
    checks = [_serves(restored)]
    for name in wanted:
        observation = run.observation(name)
        checks.append(_holds_again(name, observation))
    broken = not all(check.ok for check in checks)
    reason = "not all that failed holds again" if broken else f"{subject.revision} serves again"
    return _observation("broken" if broken else "measured", tuple(checks), reason=reason), dict(run.evidence)


def _serves(restored: Deployed) -> Check:
    ok = restored.observation.state == "measured" and all(check.ok for check in restored.observation.checks)
    actual = restored.subject.revision if ok else (restored.observation.reason or "it is not ready")
    return Check(id="previous revision serves", ok=ok, expected=restored.subject.revision, actual=actual)


def _holds_again(name: str, observation: Observation | None) -> Check:
    if observation is None or observation.state == "not measured":
        actual = (observation.reason if observation else None) or "it was not observed"
        return Check(id=name, ok=False, expected="holds again", actual=f"not measured: {actual}")
    failed = next((check for check in observation.checks if not check.ok), None)
    ok = failed is None and observation.state == "measured"
    actual = "holds again" if ok else (f"{failed.id}: {failed.actual}" if failed else observation.reason or "broken")
    return Check(id=name, ok=ok, expected="holds again", actual=actual, evidence=failed.evidence if failed else None)


def _observation(
    state: str, checks: tuple[Check, ...], *, reason: str | None = None, remedy: str | None = None
) -> Observation:
    return Observation.model_validate(
        {
            "probe": PROBE,
            "kind": PROBE,
            "title": "Rollback",
            "state": state,
            "checks": checks,
            "reason": reason,
            "remedy": remedy,
        }
    )
