"""Runs as the pipeline composes them: what the probes saw, with what deploying and moving traffic showed."""

import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue

from bot.deploy.target import Deployed
from bot.model import Evidence, Observation, Run, Subject
from bot.probes.session import Plan, open_loop
from bot.safety.redact import Redactor
from bot.spec import Spec


def with_deploy(run: Run, deployed: Deployed, folder: Path, started: str) -> Run:
    """The run with what the deploy showed; its evidence is written below `folder`."""
    evidence = write_evidence(folder, deployed.evidence)
    return run.model_copy(
        update={
            "started": min(run.started, started),
            "observations": (deployed.observation, *run.observations),
            "evidence": {**run.evidence, **evidence},
        }
    )


def with_more(run: Run, observations: Sequence[Observation], evidence: dict[str, Evidence]) -> Run:
    """The run with what was seen after the probes; whatever was seen of the same before is replaced."""
    names = {each.probe for each in observations}
    kept = tuple(each for each in run.observations if each.probe not in names)
    return run.model_copy(
        update={
            "observations": (*kept, *observations),
            "evidence": {**run.evidence, **evidence},
            "finished": now(),
        }
    )


def read_back(run: Run, described: Mapping[str, JsonValue], redactor: Redactor) -> Run:
    """The run with what the platform says of the candidate: its image, and whatever else is one value."""
    plain = {key: each for key, each in described.items() if isinstance(each, str | int | float | bool)}
    platform: dict[str, JsonValue] = {
        key: redactor.text(each) if isinstance(each, str) else each for key, each in sorted(plain.items())
    }
    if not platform:
        return run
    subject, image = run.subject, platform.get("image")
    changes: dict[str, object] = {"identity": {**subject.identity, "platform": platform}}
    if subject.image is None and isinstance(image, str):
        changes["image"] = image
    return run.model_copy(update={"subject": subject.model_copy(update=changes)})


def with_provenance(live: Run, stored: Run | None) -> Run:
    """A baseline that was measured just now, with what is remembered of it and of the good runs before."""
    if stored is None:
        return live
    # the good runs are remembered by the stored run, whichever revision happens to be up
    live = live.model_copy(update={"history": stored.history})
    if stored.subject.commit != live.subject.commit:
        return live
    return live.model_copy(update={"provenance": stored.provenance})


def with_refusals(candidate: Run, refused: Sequence[str], redactor: Redactor) -> Run:
    """Say in the run itself that there is a baseline which could not be had: this is no first run then."""
    lost = Observation(
        probe="baseline",
        kind="baseline",
        title="Baseline",
        state="not measured",
        reason=redactor.text("; ".join(refused)),
        remedy="see that the store can be read, and run it again; this run is kept to compare the next one with",
    )
    return candidate.model_copy(update={"observations": (lost, *candidate.observations)})


def repeatable(run: Run) -> Run:
    """The run with commands that repeat it when the process that was asked is gone."""
    words = ["stability-proof", "run", *(["--commit", run.subject.commit] if run.subject.commit else [])]
    again = {"reproduce": shlex.join(words)}
    return run.model_copy(
        update={
            "observations": tuple(
                each.model_copy(update=again) if each.reproduce else each for each in run.observations
            )
        }
    )


def plan(spec: Spec, vantage: str, redactor: Redactor) -> Plan:
    """What is asked of each revision."""
    return Plan(
        probes=spec.probes,
        logins=spec.logins,
        identity=spec.identity,
        redactor=redactor,
        spec=spec.digest,
        vantage=vantage,
        seed=int(spec.digest[-8:], 16),
        time=spec.policy.time,
        rounds=spec.policy.rounds,
        alone=spec.policy.rounds,  # the watch ends it sooner: when failures are shown to be rare
        open_loop=open_loop(spec.probes, spec.policy.tail_for),
    )


def unknown(spec: Spec, commit: str | None) -> Subject:
    """A candidate that there is nothing of yet but its commit."""
    return Subject(
        service=spec.service, environment=spec.environment, revision=commit or "unknown", commit=commit, url=""
    )


def unobserved(spec: Spec, subject: Subject, vantage: str, reason: str) -> Run:
    """A run in which every probe of the spec is `not measured`, for one reason."""
    redact = Redactor(spec.secrets).text
    return Run(
        subject=subject.model_copy(update={"url": redact(subject.url)}),
        started=now(),
        finished=now(),
        spec=spec.digest,
        vantage=vantage,
        observations=tuple(
            Observation(
                probe=name,
                kind=probe.kind,
                title=probe.shown_title(name),
                state="not measured",
                reason=reason,
                remedy="see the deploy row",
            )
            for name, probe in spec.probes.items()
        ),
    )


def write_evidence(folder: Path, evidence: dict[str, tuple[bytes, str]]) -> dict[str, Evidence]:
    """Write evidence by digest below `folder/evidence`, and say where it is."""
    found: dict[str, Evidence] = {}
    for name, (data, media_type) in evidence.items():
        path = f"evidence/{name.removeprefix('sha256:')}"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
        found[name] = Evidence(path=path, media_type=media_type, size=len(data))
    return found


def now() -> str:
    """The time as every run writes it: UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
