"""Rolling back, and proving it: probes are run once more on what users reach."""

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import NamedTuple

from pydantic import JsonValue

from bot.deploy.target import Deployed, Deployer
from bot.model import Check, Evidence, Fact, Observation, Run, Series, Subject, Verdict
from bot.model.errors import DeployError
from bot.probes.session import Plan, Session

BAD = frozenset({"broken", "regressed"})
PROBE = "rollback"
SERVES = "previous revision serves"


class Proof(NamedTuple):
    """What a rollback showed, with its evidence, which is written below `folder/candidate/evidence`."""

    observation: Observation
    evidence: dict[str, Evidence]


class Again(NamedTuple):
    """The probes that are run once more: those that are to hold, and those of which nobody knows whether they ever did."""

    sure: Sequence[str]
    unsure: Sequence[str] = ()


async def prove(
    deployer: Deployer,
    probes: Again,
    plan: Plan,
    folder: Path,
    log: Callable[[str], None],
    moving: AbstractAsyncContextManager[None],
    name: str = PROBE,
) -> Proof:
    """Roll back inside `moving`, run the probes on what users reach then, and give the observation `name`.

    One that may never have held there, and does not, is a fact `unseen`: it shows neither that it is back nor that it is
    not. Its series `restored` is the time from the start of the rollback until the last probe was through, in milliseconds.
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
    users = restored.subject.model_copy(update={"url": restored.public_url})
    run = await again(users, [*probes.sure, *probes.unsure], plan, folder)
    unsure = [held(each, run.observation(each), expected="holds") for each in probes.unsure]
    checks = (
        _serves(restored),
        *(held(each, run.observation(each)) for each in probes.sure),
        *(check for check in unsure if check.ok),
    )
    facts = tuple(
        unseen(each.id, f"{each.actual}; no run of the revision before says that it held there", plan)
        for each in unsure
        if not each.ok
    )
    took = (time.perf_counter() - began) * 1000
    broken = not all(check.ok for check in checks)
    reason = "not all that is to hold again does" if broken else f"{restored.subject.revision} serves again"
    shown = observation(name, "broken" if broken else "measured", checks, reason=reason)
    series = Series(id="restored", unit="ms", better="lower", samples=((0, round(took, 1), 0, not broken),))
    return Proof(shown.model_copy(update={"series": (series,), "facts": facts}), dict(run.evidence))


async def again(subject: Subject, probes: Collection[str], plan: Plan, folder: Path) -> Run:
    """Run some probes once more on a revision, or on what users reach."""
    session = Session(plan, subject, None, folder)
    await session.correctness(only=[name for name in probes if name in plan.probes])
    return session.runs()[0]


def repeated(verdict: Verdict | None, baseline: Run | None, plan: Plan) -> Again:
    """What is run once more on the revision before, after this verdict; without one, all that can be.

    That is what failed, if it was right in it before: else it proves nothing about a rollback. Where nothing of that
    failed, the critical probes stand for it, or all where none is critical. Where no run says what it was right in, what
    failed is what was to be mended, and the others may hold.
    """
    critical = [name for name, each in plan.probes.items() if each.shown_severity() == "critical"]
    failed = [] if verdict is None else [name for name in plan.probes if name in _failed(verdict)]
    known = [name for name in holding(baseline) if name in plan.probes]
    if known:
        if verdict is None:
            return Again(known)
        return Again([n for n in failed if n in known] or [n for n in critical if n in known] or known)
    sure = failed if baseline is None else []
    return Again(sure, [name for name in critical or plan.probes if name not in sure])


def _failed(verdict: Verdict) -> set[str]:
    return {each.probe for each in verdict.findings if each.status in BAD and each.waiver is None}


def holding(baseline: Run | None) -> list[str]:
    """The probes that the previous revision was right in."""
    return [
        each.probe
        for each in (baseline.observations if baseline else ())
        if each.state == "measured" and all(check.ok for check in each.checks)
    ]


def held(name: str, seen: Observation | None, called: str | None = None, expected: str = "holds again") -> Check:
    """Whether a probe that was run once more held."""
    called = called or name
    if seen is None or seen.state == "not measured":
        actual = (seen.reason if seen else None) or "it was not observed"
        return Check(id=called, ok=False, expected=expected, actual=f"not measured: {actual}")
    failed = next((check for check in seen.checks if not check.ok), None)
    ok = failed is None and seen.state == "measured"
    actual = expected if ok else (f"{failed.id}: {failed.actual}" if failed else seen.reason or "broken")
    evidence = failed.evidence if failed else None
    return Check(id=called, ok=ok, expected=expected, actual=actual, evidence=evidence)


def unseen(name: str, reason: str, plan: Plan, remedy: str | None = None) -> Fact:
    """What was to be seen and was not: the judge makes no green of it."""
    words: dict[str, JsonValue] = {"reason": plan.redactor.text(reason)}
    return Fact(id=name, kind="unseen", value=words | ({"remedy": remedy} if remedy else {}))


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
