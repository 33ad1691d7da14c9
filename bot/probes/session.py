"""Observing one revision, or two side by side: first whether it is right, then how fast it is."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bot.model import Observation, Run, Subject, Watch
from bot.probes.confirming import Confirming
from bot.probes.engine import Engine
from bot.probes.identity import Identity
from bot.probes.login import Login
from bot.probes.measuring import Measuring
from bot.probes.probe import OUR_FAULT, Probe, Unmeasurable
from bot.probes.side import Side
from bot.safety.redact import Redactor

AT_ONCE = 16
"""Probes under way at the same time, on both sides together."""
WAITING_AT_ONCE = 128
"""The same for probes that mostly wait, as journeys do: a suite takes little longer than its longest one."""
GRACE = 10.0
"""Seconds beyond its own timeout after which a probe is given up; its own deadlines should have ended it before."""
NEVER_OBSERVED = "interrupted before it was observed"


@dataclass(frozen=True)
class Plan:
    """What is observed, and how.

    Attributes:
        spec: the digest of the spec.
        seed: of the order in which samples are taken.
        time: the most that measuring may take, in seconds.
        rounds: the most rounds in which a probe is measured on both sides.
        alone: the most rounds for a probe that there is nothing to compare with.
        open_loop: the probes that are sampled at planned times, because their slowest answers are judged.
    """

    probes: Mapping[str, Probe]
    logins: Mapping[str, Login]
    identity: Identity | None
    redactor: Redactor
    spec: str
    vantage: str
    seed: int
    time: float
    rounds: int = 400
    alone: int = 60
    open_loop: frozenset[str] = frozenset()


class Session:
    """Observes one revision, or two side by side. `runs()` is valid at any moment, whatever interrupted the rest."""

    def __init__(self, plan: Plan, candidate: Subject, baseline: Subject | None, folder: Path) -> None:
        self.plan = plan
        self._started = _now()
        self._engine = Engine()
        self._measuring: Measuring | None = None
        self._sides = [self._side("candidate", candidate, folder)]
        if baseline is not None:
            self._sides.append(self._side("baseline", baseline, folder))

    async def correctness(self, only: Collection[str] | None = None) -> None:
        """Every probe (or `only` some) once, on both sides, all at the same time, as far as the limits go.

        What the candidate fails is observed again at once, on both sides; not so with `only`.
        """
        names = [name for name in self.plan.probes if only is None or name in only]
        limits = {False: asyncio.Semaphore(AT_ONCE), True: asyncio.Semaphore(WAITING_AT_ONCE)}
        try:
            async with asyncio.TaskGroup() as group:
                for name in names:
                    limit = limits[self.plan.probes[name].mostly_waits]
                    group.create_task(self._both(name, limit, confirm=only is None))
        finally:
            await self._release()

    async def measure(self, watch: Watch) -> None:
        """Sample the timed probes in rounds until `watch` says that all is decided, or `plan.time` is over.

        Only what the candidate did right is timed.
        """
        plan = self.plan
        self._measuring = Measuring(
            plan.probes,
            self._sides,
            seed=plan.seed,
            time=plan.time,
            rounds=plan.rounds,
            alone=plan.alone,
            open_loop=plan.open_loop,
        )
        try:
            await self._measuring.run(watch)
        finally:
            await self._release()

    def runs(self) -> tuple[Run, Run | None]:
        """The candidate's run and the baseline's, with what is known by now; the rest is `not measured`."""
        made = [self._run(side) for side in self._sides]
        return made[0], made[1] if len(made) > 1 else None

    def _side(self, name: str, subject: Subject, folder: Path) -> Side:
        plan = self.plan
        return Side(name, subject, folder / name, plan.redactor, plan.logins, plan.identity, self._engine)

    async def _both(self, name: str, limit: asyncio.Semaphore, *, confirm: bool) -> None:
        tries = [Confirming(side, name) for side in self._sides]

        async def once(each: Confirming) -> None:
            async with limit:
                began = time.perf_counter()
                each.add(await self._observe(each.side, name), time.perf_counter() - began)

        async with asyncio.TaskGroup() as group:
            for each in tries:
                group.create_task(once(each))
        while confirm and tries[0].failed and (left := [each for each in tries if each.worth_another(tries)]):
            async with asyncio.TaskGroup() as group:
                for each in left:
                    group.create_task(once(each))

    async def _observe(self, side: Side, name: str) -> Observation:
        probe = self.plan.probes[name]
        try:
            async with asyncio.timeout(probe.timeout + GRACE):
                observed = await probe.observe(name, side.context)
                await side.identify(name)
                return observed
        except Unmeasurable as cause:
            return unmeasured(name, probe, str(cause), cause.remedy)
        except TimeoutError:
            reason = f"the probe had not ended {GRACE:g} s after its own timeout"
            return unmeasured(name, probe, reason, OUR_FAULT)
        except Exception as error:  # noqa: BLE001 - one probe's fault must not take the others' observations away
            reason = f"the probe itself failed: {type(error).__name__}: {error}"
            return unmeasured(name, probe, reason, OUR_FAULT)

    def _run(self, side: Side) -> Run:
        observations = []
        for name, probe in self.plan.probes.items():
            known = side.observed.get(name)
            if known is None:
                known = unmeasured(name, probe, NEVER_OBSERVED, "run it again")
            observations.append(side.finished(name, probe, known))
        if self._measuring is not None and self._measuring.began:
            observations.append(self._measuring.control.observation(self._measuring.self_check))
        text = self.plan.redactor.text
        told = {"identity": dict(side.witness.told()), "url": text(side.subject.url)}
        return Run(
            subject=side.subject.model_copy(update=told),
            started=self._started,
            finished=_now(),
            spec=self.plan.spec,
            vantage=self.plan.vantage,
            observations=tuple(observations),
            evidence=dict(side.context.evidence),
        )

    async def _release(self) -> None:
        for side in self._sides:
            await side.context.release()
        await self._engine.close()


def open_loop(probes: Mapping[str, Probe], tail_for: Callable[[str, str], float | None]) -> frozenset[str]:
    """The probes with a series whose tail is judged: `tail_for` gives None where it is not."""
    return frozenset(
        name for name, probe in probes.items() if any(tail_for(name, each) is not None for each in probe.series())
    )


def unmeasured(name: str, probe: Probe, reason: str, remedy: str) -> Observation:
    """A probe that says nothing of the service."""
    return Observation(
        probe=name,
        kind=probe.kind,
        title=probe.shown_title(name),
        state="not measured",
        reason=reason,
        remedy=remedy,
        exercised=probe.exercises(),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
