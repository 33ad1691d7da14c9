"""The one place that strings the stages together: deploy, probe, judge, roll back or settle, keep."""

import asyncio
import contextlib
import shlex
import shutil
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bot import rollback
from bot.baseline.resuming import carried_on
from bot.deploy import trees
from bot.deploy.target import DeployContext, Deployed, Deployer
from bot.judge import judge, watch
from bot.model import Carried, Evidence, Observation, Run, Subject, Verdict
from bot.model.errors import DeployError, Interrupted, UsageError
from bot.outcome import Outcome, Request, keep, keep_partial
from bot.probes.session import Plan, Session, open_loop
from bot.safety.redact import Redactor
from bot.spec import Spec

Log = Callable[[str], None]


async def run(request: Request, log: Log = lambda _line: None) -> Outcome:
    """Deploy the candidate, probe it beside its baseline, judge, then roll back or settle; keep everything.

    Raises:
        DeployError: the platform refused or is down. What was observed is saved.
        Interrupted: the task was cancelled. What was observed is saved, and the previous revision serves.
    """
    if request.spec.target is None:
        raise UsageError("the spec has no `deploy:` section; add one, or use `probe --url URL` on what is up already")
    work = _Pass(request, log)
    try:
        return await work.run()
    except asyncio.CancelledError:
        raise Interrupted(
            f"stopped before there was a verdict; what was observed is in {work.save_partial()}"
        ) from None
    except DeployError as error:
        raise DeployError(f"{error}; what was observed is in {work.save_partial()}") from error
    except Exception:
        with contextlib.suppress(OSError):  # it may be the disk that is full
            log(f"what was observed is in {work.save_partial()}")
        raise


class _Pass:
    """One pass: what it has seen so far is always ready to be saved."""

    def __init__(self, request: Request, log: Log) -> None:
        self.request = request
        self.spec = request.spec
        self.log = log
        self.redactor = Redactor(request.spec.secrets)
        self.started = now()
        self.session: Session | None = None
        self.deployed: Deployed | None = None
        self.stored: Run | None = None
        self.remarks: tuple[str, ...] = ()
        self.refused: tuple[str, ...] = ()
        self.release: str | None = None

    async def run(self) -> Outcome:
        assert self.spec.target is not None
        for side in ("candidate", "baseline"):
            shutil.rmtree(self.request.out / side, ignore_errors=True)  # what an earlier pass left there
        self.stored, self.remarks = await asyncio.to_thread(self.request.store.load)
        for remark in self.remarks:
            self.log(remark)
        self.refused = self.remarks if self.stored is None else ()
        context = DeployContext(
            service=self.spec.service,
            environment=self.spec.environment,
            repository=self.request.repository,
            state=self.request.state,
            redactor=self.redactor,
            log=self.log,
        )
        async with self.spec.target.open(context) as deployer:
            previous = await self._previous(deployer)
            self.log(f"deploying {self.request.commit or self.spec.service}")
            self.deployed = await deployer.deploy(self.request.commit)
            if self.deployed.observation.state == "measured":
                await deployer.promote(100)
            self.release = await self._release(self.deployed)
            candidate, baseline = await self._observe(self.deployed, previous)
            candidate = self._with_refusals(candidate, baseline).model_copy(update={"release": self.release})
            verdict = self._judge(candidate, baseline)
            candidate, verdict = await self._act(deployer, verdict, candidate, baseline)
        return await keep(self.request, verdict, candidate, baseline, self.remarks)

    async def _release(self, deployed: Deployed) -> str | None:
        commit = deployed.subject.commit or self.request.commit
        return await trees.release(self.request.repository, commit) if commit else None

    async def _previous(self, deployer: Deployer) -> Deployed | None:
        commit = self.stored.subject.commit if self.stored else None
        previous = await deployer.previous(commit)
        if previous is not None and previous.observation.state != "measured":
            self.remarks += (f"the previous revision {previous.subject.revision} could not be brought up again",)
            self.log(self.remarks[-1])
            return None
        return previous

    async def _observe(self, deployed: Deployed, previous: Deployed | None) -> tuple[Run, Run | None]:
        """Both runs: the baseline measured beside the candidate where it is up, the stored one where not."""
        if deployed.observation.state != "measured":
            self.log("the candidate never became ready")
            return self._with_deploy(self._unobserved(deployed), deployed), self.stored
        session_id = uuid.uuid4().hex
        candidate = deployed.subject.model_copy(update={"session": session_id})
        baseline = previous.subject.model_copy(update={"session": session_id}) if previous else None
        self.session = Session(self._plan(), candidate, baseline, self.request.out)
        await self.session.correctness()
        observed, _ = self.session.runs()
        broken = [each.probe for each in observed.observations if each.state == "broken"]
        self.log(f"{len(observed.observations)} probes observed, {len(broken)} broken")
        carried = await self._carried(candidate, baseline)
        if len(broken) < len(observed.observations):
            await self.session.measure(watch(self.spec.policy, carried))
        candidate_run, baseline_run = self.session.runs()
        candidate_run = self._repeatable(candidate_run).model_copy(update={"carried": carried})
        return self._with_deploy(candidate_run, deployed), self._with_provenance(baseline_run, previous)

    def _repeatable(self, run: Run) -> Run:
        """The run with commands that repeat it when the process that was asked is gone."""
        assert self.spec.target is not None
        if self.spec.target.lasts:
            return run
        words = ["stability-proof", "run", *(["--commit", run.subject.commit] if run.subject.commit else [])]
        again = {"reproduce": shlex.join(words)}
        return run.model_copy(
            update={
                "observations": tuple(
                    each.model_copy(update=again) if each.reproduce else each for each in run.observations
                )
            }
        )

    async def _carried(self, candidate: Subject, baseline: Subject | None) -> Carried | None:
        """What an inconclusive session of the same two revisions has left to this one."""
        if baseline is None:
            return None
        last = await asyncio.to_thread(self.request.store.last)
        carried = carried_on(last, candidate.commit, baseline.commit or baseline.revision, self.spec.digest)
        if carried is not None:
            self.log(f"going on from {carried.sessions} sessions that were inconclusive")
        return carried

    def _with_provenance(self, live: Run | None, previous: Deployed | None) -> Run | None:
        if live is None or previous is None:
            return self.stored
        live = self._with_deploy(live, previous, side="baseline")
        if self.stored is None:
            return live
        # the good runs are remembered by the stored run, whichever revision happens to be up
        live = live.model_copy(update={"history": self.stored.history})
        if self.stored.subject.commit != live.subject.commit:
            return live
        return live.model_copy(update={"provenance": self.stored.provenance})

    def _with_refusals(self, candidate: Run, baseline: Run | None) -> Run:
        """Say in the run itself that there is a baseline which could not be had: this is no first run then."""
        if baseline is not None or not self.refused:
            return candidate
        lost = Observation(
            probe="baseline",
            kind="baseline",
            title="Baseline",
            state="not measured",
            reason=self.redactor.text("; ".join(self.refused)),
            remedy="see that the store can be read, and run it again; this run is kept to compare the next one with",
        )
        return candidate.model_copy(update={"observations": (lost, *candidate.observations)})

    def _plan(self) -> Plan:
        return Plan(
            probes=self.spec.probes,
            logins=self.spec.logins,
            identity=self.spec.identity,
            redactor=self.redactor,
            spec=self.spec.digest,
            vantage=self.request.vantage,
            seed=int(self.spec.digest[-8:], 16),
            time=self.spec.policy.time,
            rounds=self.spec.policy.rounds,
            open_loop=open_loop(self.spec.probes, self.spec.policy.tail_for),
        )

    def _judge(self, candidate: Run, baseline: Run | None) -> Verdict:
        return judge(candidate, baseline, self.spec.policy, self.spec.digest)

    async def _act(
        self, deployer: Deployer, verdict: Verdict, candidate: Run, baseline: Run | None
    ) -> tuple[Run, Verdict]:
        """Roll back what is unstable, and settle what is not; what a rollback showed is judged too."""
        self.log(f"judged {verdict.verdict}")
        if verdict.verdict != "unstable" or self.spec.strategy.rollback == "never":
            await deployer.settle()
            return candidate, verdict
        shown, evidence = await rollback.prove(deployer, verdict, baseline, self._plan(), self.request.out, self.log)
        candidate = candidate.model_copy(
            update={
                "observations": (*candidate.observations, shown),
                "evidence": {**candidate.evidence, **evidence},
                "finished": now(),
            }
        )
        return candidate, self._judge(candidate, baseline)

    def _with_deploy(self, run: Run, deployed: Deployed, side: str = "candidate") -> Run:
        evidence = write_evidence(self.request.out / side, deployed.evidence)
        return run.model_copy(
            update={
                "started": min(run.started, self.started),
                "observations": (deployed.observation, *run.observations),
                "evidence": {**run.evidence, **evidence},
            }
        )

    def _unobserved(self, deployed: Deployed) -> Run:
        return unobserved(self.spec, deployed.subject, self.request.vantage, "the candidate never became ready")

    def save_partial(self) -> Path:
        """Save whatever was observed until now; where it is."""
        if self.session is not None:
            candidate, baseline = self.session.runs()
            if self.deployed is not None:
                candidate = self._with_deploy(candidate, self.deployed)
        else:
            subject = Subject(
                service=self.spec.service,
                environment=self.spec.environment,
                revision=self.request.commit or "unknown",
                commit=self.request.commit,
                url="",
            )
            candidate = unobserved(self.spec, subject, self.request.vantage, "the candidate was not deployed")
            baseline = None
            if self.deployed is not None:
                candidate = self._with_deploy(self._unobserved(self.deployed), self.deployed)
        return keep_partial(self.request.out, candidate, baseline)


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
