"""Moving users' traffic to the candidate and back, watched, judged at each step, and never left half-way."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from bot import among, rollback
from bot.deploy.target import Deployed, Deployer
from bot.judge.facts.rollout.traffic import answers_needed
from bot.model import Check, Evidence, Fact, Observation, Run, Subject, Verdict
from bot.model.errors import DeployError
from bot.probes.rollout.watch import FEWEST, PROBE, RolloutWatch
from bot.probes.session import Plan
from bot.strategy import Course, Strategy, by_hand, decide

DRILL = "drill"
Judge = Callable[[tuple[Observation, ...]], Verdict]
"""Judges the candidate's run with these observations in it."""


class Rollout:
    """One candidate's way to the users. `observations` and `evidence` are what was seen on it.

    Where the platform refuses an act, `DeployError` goes through; `refused` says which, and takes back what was given.
    """

    def __init__(
        self,
        deployer: Deployer,
        strategy: Strategy,
        course: Course,
        plan: Plan,
        folder: Path,
        log: Callable[[str], None],
        *,
        previous: Subject | None,
        judge: Judge,
        baseline: Callable[[], Run | None],
    ) -> None:
        self.deployer, self.strategy, self.course = deployer, strategy, course
        self.share = 0
        self.deployed: Deployed | None = None
        self._previous = previous if course.moves else None  # where nobody is served, nothing could be lost
        self.evidence: dict[str, Evidence] = {}
        self._plan, self._folder, self._log = plan, folder, log
        self._judge, self._baseline = judge, baseline
        self._checks: list[Check] = []
        self._facts: list[Fact] = []
        self._watched: list[Observation] = []
        self._proofs: dict[str, Observation] = {}
        self._watch: RolloutWatch | None = None
        self._act = ("deploy", "the candidate could not be deployed")
        self._has_users = False
        self._refused = False

    @property
    def protects(self) -> bool:
        """Whether there is a revision before, whose users could lose something."""
        return self._previous is not None

    @property
    def observations(self) -> tuple[Observation, ...]:
        """What was seen until now."""
        facts = (*(fact for each in self._watched for fact in each.facts), *self._facts)
        if self._watch is not None:
            facts += self._watch.seen().facts
        own = rollback.observation(PROBE, "measured", tuple(self._checks)).model_copy(update={"facts": facts})
        return (*((own,) if facts or self._checks else ()), *self._proofs.values())

    async def deploy(self, commit: str | None, candidate: str) -> Deployed:
        """Deploy; where the target gives a candidate (by this name) its users at once, that is watched as a move."""
        if self._previous is None or self.deployer.abilities.shadow:
            return await self._deploy(commit)
        subject = self._previous.model_copy(update={"revision": candidate, "commit": None})
        async with self._watching("promotion", subject):
            async with self._moving("100 %", 100):
                deployed = await self._deploy(commit)
                if deployed.observation.state == "measured":
                    if self._watch is not None:
                        self._watch.meet(deployed.subject)  # only the platform knows what it is called
                    await self._promote(100)
                self.share = 100
            if self._has_users:
                await self._read_back("100 %", 100)
        return deployed

    async def _deploy(self, commit: str | None) -> Deployed:
        self.deployed = await self.deployer.deploy(commit)
        self._act = ("probing", "the candidate could not be probed")
        return self.deployed

    async def open(self, deployed: Deployed) -> None:
        """Give a candidate that is not probed in shadow all the users, as soon as it is ready."""
        if self.share == 100:
            return
        async with self._watching("promotion", deployed.subject):
            await self._give(100)

    async def settle(self, deployed: Deployed) -> None:
        """Accept a candidate that has all the users."""
        async with self._watching("settling", deployed.subject):
            await self._settle()

    async def promote(self, deployed: Deployed) -> bool:
        """Give a candidate that held in shadow its users, step by step; whether it has them all in the end.

        The first step that does not hold takes it all back, and proves that.
        """
        async with self._watching("promotion", deployed.subject):
            if self.strategy.rollback == DRILL:
                again = await self._rehearse(deployed)
                if again is None:
                    return False
                deployed = again
            return await self._by_steps(deployed)

    async def _by_steps(self, deployed: Deployed) -> bool:
        for step in self.course.steps:
            await self._give(step)
            await self._dwell(step)
            await self._look(deployed, step)
            verdict, baseline = self._judge(self.observations), self._baseline()
            act, reason = decide(self.strategy, verdict, step)
            if act == "roll back":
                self._log(f"at {step} % it does not hold: {verdict.rules[0]}")
                if reason:
                    self.miss(f"at {step} %", f"{reason}: {verdict.rules[0]}")
                await self._back(verdict)
                return False
            if reason:  # it keeps what it has, and gets the rest: two revisions are not left side by side
                self.say(rollback.PROBE, reason, by_hand(deployed.subject, baseline.subject if baseline else None))
        await self._settle()
        return True

    async def back(self, deployed: Deployed, verdict: Verdict) -> None:
        """Take back what the candidate has of the users, and prove it."""
        async with self._watching(rollback.PROBE, deployed.subject):
            await self._back(verdict)

    async def refused(self, error: DeployError) -> None:
        """Have the verdict say which act the platform refused; what the candidate may have of the users goes back."""
        if self._refused:
            return
        self._refused = True
        self.miss(self._act[0], f"{self._act[1]}: {error}", "see what the platform says, then run it again")
        if self._has_users and self.protects:
            await self._back(self._judge(self.observations))

    def miss(self, name: str, reason: str, remedy: str | None = None) -> None:
        """Have the verdict say what was not seen, so that it is no green one."""
        self._log(f"{name}: {reason}")
        withheld = self._proofs.pop(PROBE, None)  # there is one observation of each name
        if withheld is not None:
            self._facts.append(among.unseen("users", withheld.reason or "", self._plan, withheld.remedy))
        self._facts.append(among.unseen(name, reason, self._plan, remedy))

    def say(self, name: str, reason: str, remedy: str | None = None) -> None:
        """Have the verdict say why something was not done."""
        self._log(reason)
        self._proofs[name] = rollback.observation(name, "not measured", reason=reason, remedy=remedy)

    async def _back(self, verdict: Verdict) -> None:
        # what was lost while traffic moved is no probe: then the critical ones stand for it, or all where none is critical
        baseline = self._baseline()
        holding = rollback.holding(baseline)
        critical = [name for name in self._critical() if name in holding]
        probes = (
            rollback.worth_repeating(verdict, baseline) or critical or [n for n in holding if n in self._plan.probes]
        )
        await self._prove(rollback.PROBE, probes)

    def _critical(self) -> list[str]:
        return [name for name, each in self._plan.probes.items() if each.shown_severity() == "critical"]

    async def _prove(self, name: str, probes: list[str]) -> Observation:
        moving = self._moving(name, 0)
        proof = await rollback.prove(self.deployer, probes, self._plan, self._folder, self._log, moving, name)
        self.share = 0
        self._proofs[name] = proof.observation
        self.evidence |= proof.evidence
        if proof.observation.series:  # it is back, by the target's own word
            self._has_users = False
            await self._read_back(name, 0)
        return proof.observation

    async def _rehearse(self, deployed: Deployed) -> Deployed | None:
        """Roll a candidate that held back once, and bring it up again; None where either did not succeed."""
        self._log("rehearsing a rollback")
        await self._give(100, f"{DRILL} 100 %")
        await self._dwell(100)
        shown = await self._prove(DRILL, rollback.holding(self._baseline()))
        if shown.state != "measured":
            return None
        await self._dwell(0)  # its users are seen there as well, and not only its probes
        self._act = (DRILL, "the candidate could not be brought up again")
        again = await self.deployer.deploy(deployed.subject.commit)
        ok = again.observation.state == "measured"
        actual = again.subject.revision if ok else again.observation.reason or "it is not ready"
        check = Check(id="candidate comes up again", ok=ok, expected=deployed.subject.revision, actual=actual)
        update = {"checks": (*shown.checks, check), "state": "measured" if ok else "broken"}
        self._proofs[DRILL] = shown.model_copy(update=update)
        self.deployed = again
        return again if ok else None

    async def _give(self, share: int, name: str | None = None) -> None:
        if self.course.moves:
            self._log(f"promoting to {share} %")
        name = name or f"{share} %"
        async with self._moving(name, share):
            await self._promote(share)
        self.share = share
        await self._read_back(name, share)

    async def _promote(self, share: int) -> None:
        self._act = (f"move to {share} %", f"the candidate could not be given {share} % of the traffic")
        self._has_users = True  # one that was refused half-way may have some
        await self.deployer.promote(share)

    async def _settle(self) -> None:
        self._act = ("acceptance", "the candidate could not be accepted")
        async with self._moving("settled", 100):
            await self.deployer.settle()

    async def _read_back(self, name: str, share: int) -> None:
        """What the platform itself says of the shares now. Of two revisions of one name it can say nothing."""
        if self._previous is None or self.deployed is None or self._previous.revision == self.deployed.subject.revision:
            return
        name, severity = f"read-back at {name}", self.strategy.watch.severity
        fact = await among.read_back(self.deployer, self.deployed.subject, share, name, self._plan, severity)
        self._facts += [fact] if fact else []

    async def _dwell(self, share: int) -> None:
        """Let users be on what they have now for as long as is asked for, and until enough have been seen there."""
        between = 0 < share < 100
        seconds = self.strategy.pause if between else self.strategy.watch.after
        if self._watch is None:
            await asyncio.sleep(seconds)
        else:
            await self._watch.dwell(seconds, answers_needed(share) if between else FEWEST)

    async def _look(self, deployed: Deployed, step: int) -> None:
        """Run the critical probes once more on the candidate, now that it has users."""
        self._act = (f"at {step} %", f"the critical probes could not be run among users at {step} %")
        critical, urls = self._critical(), await self.deployer.urls()
        url = urls.public if step == 100 else urls.candidate
        if not critical or url is None:
            return
        # what is right beside users may be wrong among them
        subject = deployed.subject.model_copy(update={"url": url})
        seen = await among.look(subject, critical, self._plan, self._folder, step)
        self.evidence |= seen.evidence
        self._checks += seen.checks
        for name, reason in seen.unseen.items():
            self.miss(name, reason)

    @asynccontextmanager
    async def _watching(self, name: str, candidate: Subject) -> AsyncIterator[None]:
        """Watch what users get, from before until after what is done inside."""
        if self._previous is None:
            yield
            return
        public = (await self.deployer.urls()).public
        watch = RolloutWatch(self.strategy.watch, self._plan, public, candidate, self._previous, self._folder, name)
        seen: Observation | None = None
        try:
            await watch.start(self.share)
            self._watch = watch
            try:
                yield
            except DeployError as error:
                await self.refused(error)  # at once, and while it is watched
                seen = await watch.stop()
                raise
            seen = await watch.stop()
        finally:
            self._watch = None
            self._watched.append(seen or watch.seen())  # what was seen until it was stopped is not lost
            self.evidence |= watch.evidence
            await watch.close()

    @asynccontextmanager
    async def _moving(self, name: str, share: int) -> AsyncIterator[None]:
        async with self._watch.move(name, share) if self._watch else _nothing():
            yield


async def follow(rollout: Rollout, deployed: Deployed, verdict: Verdict, baseline: Run | None) -> None:
    """Do what follows from the verdict on a candidate that was probed."""
    act, reason = decide(rollout.strategy, verdict, rollout.share)
    if act == "promote":
        await rollout.promote(deployed)
    elif act == "roll back":
        await rollout.back(deployed, verdict)
    elif act == "withhold":
        rollout.say(PROBE, f"the candidate got no users: {reason}", "see what was not measured")
    else:
        if reason:
            serving = baseline.subject if baseline else None
            rollout.say(rollback.PROBE, reason, by_hand(deployed.subject, serving))
        if rollout.share:
            await rollout.settle(deployed)


@asynccontextmanager
async def _nothing() -> AsyncIterator[None]:
    yield
