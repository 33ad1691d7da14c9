"""What is looked at once the candidate has users: its critical probes, and what the platform says of the shares."""

from pathlib import Path
from typing import NamedTuple

from pydantic import JsonValue

from bot import rollback
from bot.deploy.target import Deployer
from bot.model import Check, Evidence, Fact, Severity, Subject
from bot.model.errors import DeployError
from bot.probes.session import Plan


class Looked(NamedTuple):
    """What the probes showed: `unseen` says of those that could not be run why not."""

    checks: tuple[Check, ...]
    unseen: dict[str, str]
    evidence: dict[str, Evidence]


async def look(candidate: Subject, probes: list[str], plan: Plan, folder: Path, step: int) -> Looked:
    """Run probes once more on a candidate that has `step` % of the users. One that fails is tried again at once."""
    left, checks = [*probes], list[Check]()
    missed, evidence = dict[str, str](), dict[str, Evidence]()
    for final in (False, True):  # once more before anybody loses a revision for it
        run = await rollback.again(candidate, left, plan, folder)
        evidence |= run.evidence
        for name in [*left]:
            seen = run.observation(name)
            if seen is None or seen.state == "not measured":
                missed[f"at {step} %: {name}"] = (seen.reason if seen else None) or "it was not observed"
                left.remove(name)
                continue
            check = rollback.held(name, seen, f"at {step} %: {name}")
            if check.ok or final:
                checks.append(check)
                left.remove(name)
        if not left:
            break
    return Looked(tuple(checks), missed, evidence)


async def read_back(
    deployer: Deployer, candidate: Subject, share: int, name: str, plan: Plan, severity: Severity
) -> Fact | None:
    """What the platform itself says of the shares, as a fact; None where it is one that does not say it."""
    try:
        shares = await deployer.traffic()
    except DeployError as error:
        return unseen(name, f"the platform does not say who has the traffic: {error}", plan)
    if not shares:
        return None
    redact = plan.redactor.text
    value: dict[str, JsonValue] = {
        "candidate": redact(candidate.revision),
        "share": share,
        "shares": {redact(who): has for who, has in sorted(shares.items())},
        "severity": severity,
    }
    return Fact(id=name, kind="read-back", value=value)


def unseen(name: str, reason: str, plan: Plan, remedy: str | None = None) -> Fact:
    """What was to be seen and was not: the judge makes no green of it."""
    words: dict[str, JsonValue] = {"reason": plan.redactor.text(reason)}
    return Fact(id=name, kind="unseen", value=words | ({"remedy": remedy} if remedy else {}))
