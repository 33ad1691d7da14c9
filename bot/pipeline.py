"""The one place that strings the stages together: deploy, probe, judge, move traffic or roll back, keep."""

import asyncio
import contextlib
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from pydantic import JsonValue

from bot import composing, starting
from bot.baseline.resuming import carried_on
from bot.baseline.telling import told_by
from bot.deploy import trees
from bot.deploy.target import DeployContext, Deployed, Deployer, Intent
from bot.judge import by_date, judge, watch, with_accepted
from bot.model import Carried, Observation, Run, Subject, Verdict, Waiver
from bot.model.errors import DeployError, Interrupted, UsageError
from bot.outcome import Outcome, Request, keep, keep_partial
from bot.probes.session import Plan, Session
from bot.rollout import Rollout, follow
from bot.safety.redact import Redactor
from bot.strategy import course

Log = Callable[[str], None]


async def run(request: Request, log: Log = lambda _line: None) -> Outcome:
    """Deploy the candidate, probe it beside its baseline, judge, then roll back or settle; keep everything.

    A platform that refuses an act once the candidate is up leaves a verdict, which says so, and the exit code 4.

    Raises:
        DeployError: the platform refused or is down, and nothing was deployed. What was observed is saved.
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
        self.redactor = Redactor(request.spec.secrets, request.learned)
        self.started = composing.now()
        self.session: Session | None = None
        self.deployed: Deployed | None = None
        self.previous: Deployed | None = None
        self.release: str | None = None
        self.observed: tuple[Run, Run | None] | None = None
        self.rollout: Rollout | None = None
        self.stored: Run | None = None
        self.last: Run | None = None
        self.accepted: tuple[Waiver, ...] = ()
        self.remarks: tuple[str, ...] = ()
        self.refused: tuple[str, ...] = ()

    async def run(self) -> Outcome:
        assert self.spec.target is not None
        for side in ("candidate", "baseline"):
            shutil.rmtree(self.request.out / side, ignore_errors=True)  # what an earlier pass left there
        self.stored, self.remarks = await asyncio.to_thread(self.request.store.load)
        self.refused = self.remarks if self.stored is None else ()
        self.last, unread = await asyncio.to_thread(self.request.store.last)
        self.remarks += tuple(each for each in unread if each not in self.remarks)
        self._take_what_was_accepted()
        for remark in self.remarks:
            self.log(remark)
        refused: DeployError | None = None
        try:
            async with self.spec.target.open(self._context()) as deployer:
                refused = await self._prove(deployer)
        except DeployError as error:
            if self.rollout is None or self.rollout.deployed is None:
                raise
            self.rollout.miss("leaving", f"the target could not be left in order: {error}", "see what is left there")
            refused = refused or error
        candidate, baseline = self._so_far()
        verdict = self._judge(candidate, baseline)
        why = None if refused is None else str(refused)
        return await keep(self.request, verdict, candidate, baseline, self.remarks, refused=why)

    async def _prove(self, deployer: Deployer) -> DeployError | None:
        """Deploy, probe, judge, and do what follows; what the platform refused once there was a candidate."""
        intent = await deployer.plan(self.request.commit)
        self.previous = await self._previous(deployer)
        before = self.previous.subject if self.previous else await self._serving(deployer)
        self.rollout = self._rollout(deployer, before, intent)
        for line in (*intent.lines, *self.rollout.course.lines):
            self.log(line)
        self.log(f"deploying {self.request.commit or self.spec.service}")
        try:
            self.deployed = await self.rollout.deploy(self.request.commit, intent.candidate)
            self.release = await self._release(self.deployed)
            self.observed = await self._observe(deployer, self.deployed, self.rollout)
            candidate, baseline = self._so_far()
            verdict = self._judge(candidate, baseline)
            self.log(f"judged {verdict.verdict}")
            await self._act(self.rollout, self.deployed, verdict, baseline)
        except DeployError as error:
            if self.rollout.deployed is None:
                raise
            await self.rollout.refused(error)
            return error
        return None

    def _context(self) -> DeployContext:
        return DeployContext(
            service=self.spec.service,
            environment=self.spec.environment,
            repository=self.request.repository,
            state=self.request.state,
            redactor=self.redactor,
            log=self.log,
        )

    def _rollout(self, deployer: Deployer, before: Subject | None, intent: Intent) -> Rollout:
        strategy = self.spec.strategy
        if not self.request.hands_over:  # it is rehearsed: nobody is given a revision that goes away again
            strategy = strategy.model_copy(update={"shadow": True})
        ready = getattr(self.spec.target, "ready", None)
        if isinstance(ready, str) and strategy.watch.line(self.spec.probes, self.spec.identity) is None:
            asked = strategy.watch.model_copy(update={"http": f"GET {ready}"})
            strategy = strategy.model_copy(update={"watch": asked})
        way = course(
            strategy,
            deployer.abilities,
            previous=before is not None,
            called=intent.candidate if before is not None and before.revision == intent.candidate else None,
            identified=self.spec.identity is not None,
        )
        return Rollout(
            deployer,
            strategy,
            way,
            self._plan(),
            self.request.out,
            self.log,
            previous=before,
            judge=self._judged,
            baseline=lambda: self._so_far()[1],
        )

    def _take_what_was_accepted(self) -> None:
        """Take what maintainers have accepted on from the last run, as long as its days last."""
        self.accepted, over = by_date(self.last.accepted if self.last else (), self.started[:10])
        for each in over:
            self.remarks += (f"what {each.by} accepted of {each.finding} held until {each.until}, and is dropped",)

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

    async def _serving(self, deployer: Deployer) -> Subject | None:
        """Who has the users, where there is no address at which to measure it: they are to be protected all the same."""
        name = (await deployer.plan(self.request.commit)).serving
        if name is None:
            return None
        known = self.stored.subject if self.stored else None
        commit = known.commit if known is not None and known.revision == name else None
        service, environment = self.spec.service, self.spec.environment
        return Subject(service=service, environment=environment, revision=name, commit=commit, url="")

    async def _observe(self, deployer: Deployer, deployed: Deployed, rollout: Rollout) -> tuple[Run, Run | None]:
        """Both runs: the baseline measured beside the candidate where it is up, the stored one where not."""
        if deployed.observation.state != "measured":
            self.log("the candidate never became ready")
            return self._partly()
        if not rollout.course.shadow:
            await rollout.open(deployed)
            self.previous = await self._still_up(deployer, self.previous)
        session_id = uuid.uuid4().hex
        candidate = deployed.subject.model_copy(update={"session": session_id})
        previous = self.previous.subject.model_copy(update={"session": session_id}) if self.previous else None
        self.session = Session(self._plan(), candidate, previous, self.request.out)
        carried = await self._measure(self.session, candidate, previous)
        if all(each.state != "broken" for each in self.session.runs()[0].observations):
            count = self.spec.strategy.starts
            started = await starting.started(deployer, count, deployed, self.previous, self.log)
            self.deployed, self.previous = started
        run, baseline = self._partly()
        run = run.model_copy(update={"carried": carried})
        return composing.read_back(run, await self._described(deployer), self.redactor), baseline

    def _partly(self) -> tuple[Run, Run | None]:
        """Both runs, of what the probes and the deploy have shown by now."""
        deployed = self.deployed or (self.rollout.deployed if self.rollout else None)
        run, against = self.session.runs() if self.session else (self._unobserved(deployed), None)
        run = told_by(self.last, self._repeatable(run))
        run = run.model_copy(update={"release": self.release, "accepted": self.accepted})
        if deployed is None:
            return run, None
        run = self._with_deploy(run, deployed)
        if against is None or self.previous is None:
            return (run if self.stored else self._with_refusals(run)), self.stored
        baseline = self._with_deploy(against, self.previous, "baseline")
        return run, composing.with_provenance(baseline, self.stored)

    def _so_far(self) -> tuple[Run, Run | None]:
        """Both runs, with what the moving of traffic has shown as well."""
        candidate, baseline = self.observed or self._partly()
        if self.rollout is not None and self.rollout.observations:
            candidate = composing.with_more(candidate, self.rollout.observations, self.rollout.evidence)
        return candidate, baseline

    async def _still_up(self, deployer: Deployer, previous: Deployed | None) -> Deployed | None:
        """The revision before, if the platform keeps it up once the candidate has all the users."""
        if previous is None or (await deployer.urls()).previous is not None:
            return previous
        self.log(f"{previous.subject.revision} is not up any more, so it is not measured beside the candidate")
        return None

    async def _described(self, deployer: Deployer) -> dict[str, JsonValue]:
        try:
            return await deployer.describe()
        except DeployError as error:  # the verdict does not hang on it
            self.log(f"the platform does not say what it runs: {error}")
            return {}

    async def _measure(self, session: Session, candidate: Subject, baseline: Subject | None) -> Carried | None:
        """Both phases; what earlier sessions left to this one."""
        await session.correctness()
        observed, _ = session.runs()
        broken = [each.probe for each in observed.observations if each.state == "broken"]
        self.log(f"{len(observed.observations)} probes observed, {len(broken)} broken")
        carried = self._carried(candidate, baseline)
        if len(broken) < len(observed.observations):
            policy = with_accepted(self.spec.policy, self.accepted, session.runs()[1])
            await session.measure(watch(policy, carried, composing.now()[:10]))
        return carried

    def _carried(self, candidate: Subject, baseline: Subject | None) -> Carried | None:
        """What an inconclusive session of the same two revisions has left to this one."""
        if baseline is None:
            return None
        carried = carried_on(self.last, candidate.commit, baseline.commit or baseline.revision, self.spec.digest)
        if carried is not None:
            self.log(f"going on from {carried.sessions} sessions that were inconclusive")
        return carried

    async def _act(self, rollout: Rollout, deployed: Deployed, verdict: Verdict, baseline: Run | None) -> None:
        """Do what follows from the verdict."""
        if self.request.hands_over:
            await follow(rollout, deployed, verdict, baseline)
        elif verdict.verdict == "unstable" and rollout.protects:
            # a rehearsal hands nothing over, whatever `rollback` says: leaving the target unsettled gives the traffic back
            await rollout.back(deployed, verdict)
        with contextlib.suppress(DeployError):  # what is left over is found by the next pass
            for line in await rollout.deployer.cleanup():
                self.log(line)

    def _judged(self, observations: tuple[Observation, ...]) -> Verdict:
        """The verdict, with what moving traffic has shown until now."""
        candidate, baseline = self.observed or self._partly()
        return self._judge(composing.with_more(candidate, observations, {}), baseline)

    def _plan(self) -> Plan:
        return composing.plan(self.spec, self.request.vantage, self.redactor)

    def _judge(self, candidate: Run, baseline: Run | None) -> Verdict:
        return judge(candidate, baseline, self.spec.policy, self.spec.digest)

    def _repeatable(self, run: Run) -> Run:
        assert self.spec.target is not None
        return run if self.spec.target.lasts else composing.repeatable(run)

    def _with_refusals(self, candidate: Run) -> Run:
        return composing.with_refusals(candidate, self.refused, self.redactor) if self.refused else candidate

    def _with_deploy(self, run: Run, deployed: Deployed, side: str = "candidate") -> Run:
        return composing.with_deploy(run, deployed, self.request.out / side, self.started)

    def _unobserved(self, deployed: Deployed | None) -> Run:
        request, spec = self.request, self.spec
        if deployed is not None:
            up = deployed.observation.state == "measured"
            reason = "it could not be probed any more" if up else "the candidate never became ready"
            return composing.unobserved(spec, deployed.subject, request.vantage, reason)
        subject = composing.unknown(spec, request.commit)
        return composing.unobserved(spec, subject, request.vantage, "the candidate was not deployed")

    def save_partial(self) -> Path:
        """Save whatever was observed until now; where it is."""
        return keep_partial(self.request.out, *self._so_far())
