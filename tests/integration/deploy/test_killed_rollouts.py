"""A bot may be killed between any two acts of any strategy: afterwards one revision serves, and nobody noticed.

The acts are those of a real bot in a process of its own, killed by SIGKILL. One client keeps asking all the while.
"""

import asyncio
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from bot.deploy import launch, processes, state
from bot.deploy.recovery import recover
from tests.integration.deploy import ground as lie
from tests.integration.deploy.bots import STRATEGIES, Plan, accepting, killed
from tests.integration.deploy.ground import Ground, Stream, name, promoted, serves, target

ACTS = [(plan, number) for plan, acts in STRATEGIES.items() for number in range(len(acts) + 1)]
"""Every act of every strategy; 0 is what comes before the first."""
LAST = 14
"""Moments from the start of an act until most are through; a bot that ends before is one that was not killed."""


class Kills(RuleBasedStateMachine):
    """One service on one machine, and one bot after the other that deploys the revision that does not serve."""

    def __init__(self) -> None:
        super().__init__()
        self.ground = Ground(Path(tempfile.mkdtemp(prefix="killed-")) / "ground")
        self.serving, self.other = self.ground.commit(lie.SERVES), self.ground.commit(lie.SERVES)
        self.stream: Stream | None = None

    @initialize()
    def a_revision_serves(self) -> None:
        self.url = asyncio.run(self._served())
        self.stream = Stream(self.url, threads=1)
        self.stream.__enter__()

    @rule(act=st.sampled_from(ACTS), moment=st.integers(0, LAST))
    def a_bot_is_killed(self, act: tuple[Plan, int], moment: int) -> None:
        plan, since = act
        accepting(self.ground).unlink(missing_ok=True)
        was_killed = killed(self.ground, plan, moment, commit=self.other, keep=True, since=since)
        self.said = asyncio.run(recover(self.ground.state))
        accepted = accepting(self.ground).exists()
        now = serves(self.url)
        if not was_killed:
            assert now == name(self.other if accepted else self.serving)
        assert now == name(self.serving) or (accepted and now == name(self.other)), self.said
        if now == name(self.other):
            self.serving, self.other = self.other, self.serving

    @rule(act=st.sampled_from(ACTS), moment=st.integers(0, LAST), again=st.integers(0, 12))
    def the_recovery_is_killed_as_well(self, act: tuple[Plan, int], moment: int, again: int) -> None:
        plan, since = act
        accepting(self.ground).unlink(missing_ok=True)
        killed(self.ground, plan, moment, commit=self.other, keep=True, since=since)
        killed(self.ground, "recover", again, keep=True)
        asyncio.run(recover(self.ground.state))
        if serves(self.url) == name(self.other) and accepting(self.ground).exists():
            self.serving, self.other = self.other, self.serving

    @invariant()
    def one_revision_serves_and_nothing_else_is_left(self) -> None:
        if self.stream is None:
            return
        ground, serving = self.ground, name(self.serving)
        assert serves(self.url) == serving
        assert ground.revisions() == ground.trees() == [serving]
        assert len(ground.running()) == 2, "the revision and its front"
        memory = state.read(ground.home)
        assert memory is not None
        assert (memory.candidate, memory.act, memory.retired) == (None, None, ())
        assert len([*(ground.home / "trees").iterdir()]) == 2, "its work tree, and what it printed"
        assert self.stream.failed == []

    def teardown(self) -> None:
        if self.stream is not None:
            self.stream.__exit__()
        self.ground.close()
        assert not processes.marked(self.ground.home.resolve())
        shutil.rmtree(self.ground.folder.parent)
        if self.stream is not None:
            assert self.stream.failed == []
            assert sum(self.stream.answered.values()) > 0

    async def _served(self) -> str:
        async with target().open(self.ground.context()) as deployer:
            deployed = await promoted(deployer, self.serving)
            await deployer.settle()
        return deployed.public_url


def test_killed_between_any_two_acts_of_any_strategy() -> None:
    run_state_machine_as_test(
        Kills,
        settings=settings(
            max_examples=8,
            stateful_step_count=8,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],  # each step is a bot that is killed: to shrink takes minutes
            suppress_health_check=[*HealthCheck],
            print_blob=True,
        ),
    )


async def test_killed_while_a_fresh_instance_is_timed(ground: Ground) -> None:
    serving, other = ground.commit(lie.SERVES), ground.commit(lie.SERVES)
    async with target().open(ground.context()) as deployer:
        url = (await promoted(deployer, serving)).public_url
        await deployer.settle()

    left = []
    for moment in range(20, 60):
        assert killed(ground, "start", moment, commit=other, keep=True)
        left.append(any(launch.FRESH in mark for mark in ground.running()))
        await recover(ground.state)

        assert serves(url) == name(serving), f"at moment {moment}"
        assert ground.revisions() == ground.trees() == [name(serving)]
        assert len(ground.running()) == len([*(ground.home / "trees").iterdir()]) == 2
        if any(left) and not left[-1]:
            break  # it is over: what comes after is tried elsewhere
    assert any(left)
