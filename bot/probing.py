"""Observing what is already up: the `probe` command."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from bot.judge import watch
from bot.model import Run, Subject
from bot.model.errors import UsageError
from bot.outcome import write
from bot.probes.session import Plan, Session, open_loop
from bot.safety.escape import terminal
from bot.safety.redact import Redactor
from bot.spec import Spec


class Revision(NamedTuple):
    """Where a revision answers, and what it calls itself."""

    url: str
    name: str


async def observe(
    spec: Spec,
    candidate: Revision,
    baseline: Revision | None,
    only: Sequence[str] | None,
    vantage: str,
    out: Path,
    against_out: Path,
) -> tuple[Run, Run | None]:
    """Observe one revision, or two side by side, and write the runs, whatever ends it."""
    for name in only or ():
        if name not in spec.probes:
            raise UsageError(f"--only {name}: the spec has no such probe; it has {', '.join(spec.probes)}")
    plan = Plan(
        probes={name: probe for name, probe in spec.probes.items() if not only or name in only},
        logins=spec.logins,
        identity=spec.identity,
        redactor=Redactor(spec.secrets),
        spec=spec.digest,
        vantage=vantage,
        seed=int(spec.digest[-8:], 16),
        time=spec.policy.time,
        rounds=spec.policy.rounds,
        alone=spec.policy.rounds,
        open_loop=open_loop(spec.probes, spec.policy.tail_for),
    )
    together = uuid.uuid4().hex
    session = Session(
        plan, _subject(spec, candidate, together), baseline and _subject(spec, baseline, together), out.parent
    )
    try:
        await session.correctness()
        if baseline is not None:
            await session.measure(watch(spec.policy, today=datetime.now(UTC).date().isoformat()))
    finally:
        run, against = session.runs()
        write(out, _beside(run, "candidate").to_json())
        if against is not None:
            write(against_out, _beside(against, "baseline").to_json())
    return run, against


def _subject(spec: Spec, revision: Revision, session: str) -> Subject:
    return Subject(
        service=spec.service, environment=spec.environment, revision=revision.name, url=revision.url, session=session
    )


def _beside(run: Run, side: str) -> Run:
    """The run with evidence paths as seen from the folder above its side's."""
    evidence = {name: each.model_copy(update={"path": f"{side}/{each.path}"}) for name, each in run.evidence.items()}
    return run.model_copy(update={"evidence": evidence})


def shown(run: Run) -> str:
    """One line a probe, for a terminal."""
    lines = []
    for observation in run.observations:
        failed = [
            f"{check.id}: expected {check.expected}, got {check.actual}" for check in observation.checks if not check.ok
        ]
        why = "; ".join(failed) or observation.reason or f"{len(observation.checks)} checks hold"
        lines.append(f"{observation.state:<13} {observation.probe}: {why}")
        if observation.state != "measured" and observation.reproduce:
            lines.append(f"{'':<13} repeat: {observation.reproduce}")
    return "".join(f"{terminal(line)}\n" for line in lines)
