"""A bot that is killed before, or just after, any of its acts: the next one, on another machine, makes it good first."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import pytest

from bot.deploy import state
from bot.deploy.cloud_run.api import Api
from bot.deploy.cloud_run.deployer import CloudRun
from bot.deploy.cloud_run.note import FOLLOWS, KEY
from bot.deploy.cloud_run.tokens import Tokens
from bot.deploy.target import Deployer
from bot.safety.http import Answer
from tests.cloud_run_stand_in.fixtures import COMMIT, Ground, ask, ground
from tests.cloud_run_stand_in.stand_in import TOKEN

__all__ = ["ground"]

Script = Callable[[Deployer], Awaitable[object]]
ACTS = ("baseline", "deploy", "promote", "promote", "settle", "settled", "cleaned")
"""The changes of a pass that is accepted, in their order."""


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


async def accepted(deployer: Deployer) -> None:
    await deployer.previous(None)
    await deployer.deploy(COMMIT)
    await deployer.promote(10)
    await deployer.promote(100)
    await deployer.settle()
    await deployer.cleanup()


async def rolled_back(deployer: Deployer) -> None:
    await deployer.deploy(COMMIT)
    await deployer.promote(50)
    await deployer.rollback()
    await deployer.cleanup()


class Fragile(Api):
    """Dies at its n-th change: before it is sent, or once it was done."""

    left = 0
    after = False

    async def _once(self, method: str, path: str, query: Mapping[str, str] | None, body: object) -> Answer:
        if method == "GET":
            return await super()._once(method, path, query, body)
        self.left -= 1
        if self.left == 0 and not self.after:
            raise Killed
        answer = await super()._once(method, path, query, body)
        if self.left == 0:
            raise Killed
        return answer


async def killed(ground: Ground, script: Script, change: int, *, after: bool, machine: str) -> None:
    """A bot that is killed at this change; like one that is gone, it does not close anything."""
    target, context = ground.target(), ground.context(machine)
    home = state.home(context.state, context.service, context.environment)
    tokens = Tokens(TOKEN, context.redactor)
    with state.locked(home):
        async with Fragile(target.endpoint, tokens, context.log) as api:
            api.left, api.after = change, after
            deployer = CloudRun(target, context, home, api, api)
            await deployer.begin()
            with pytest.raises(Killed):
                await script(deployer)


POINTS = [
    pytest.param(change, after, "there", id=f"{'after' if after else 'before'}-{change}-{act}")
    for change, act in enumerate(ACTS, 1)
    for after in (False, True)
]
POINTS += [pytest.param(change, True, "here", id=f"after-{change}-on-the-same-machine") for change in (2, 5)]


@pytest.mark.parametrize(("change", "after", "machine"), POINTS)
async def test_whoever_comes_next_gives_back_or_finishes(
    ground: Ground, change: int, after: bool, machine: str
) -> None:
    old = ground.stable()

    await killed(ground, accepted, change, after=after, machine="here")
    async with ground.target().open(ground.context(machine)) as deployer:
        shares = await deployer.traffic()

    finished = (change, after) >= (5, True)
    [(serving, percent)] = shares.items()
    assert percent == 100
    assert (serving != old) == finished
    assert ask(ground.service()["uri"]) == serving
    assert (KEY in ground.marks(), ground.tags()) == (False, {})
    [share] = ground.service().get("traffic", [{}])
    follows = "revision" not in share
    assert follows == (finished or (change, after) < (2, True))
    assert (ground.marks().get(FOLLOWS) == old) == (not follows)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("change", range(1, 5), ids=["deploy", "promote", "rollback", "cleanup"])
async def test_a_rollback_that_was_interrupted_is_made(ground: Ground, change: int, after: bool) -> None:
    old = ground.stable()

    await killed(ground, rolled_back, change, after=after, machine="here")
    async with ground.target().open(ground.context("there")) as deployer:
        assert await deployer.traffic() == {old: 100}

    assert (ground.tags(), KEY in ground.marks()) == ({}, False)


@pytest.mark.parametrize("change", range(3), ids=["deploy", "promote", "settle"])
async def test_one_that_is_cancelled_while_a_change_is_under_way_gives_back_what_was_done(
    ground: Ground, change: int
) -> None:
    old = ground.stable()
    ground.google.fault("PATCH", "shop", after_effect=True, status=None, hang=30, skip=change)

    async def deploys() -> None:
        async with ground.target().open(ground.context()) as deployer:
            await deployer.deploy(COMMIT)
            await deployer.promote(40)
            await deployer.settle()

    task = asyncio.create_task(deploys())
    act = ("deploy", "promote", "settle")[change]
    while f'"act":"{act}"' not in ground.marks().get(KEY, ""):
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (ground.shares(), ground.tags(), KEY in ground.marks()) == ({old: 100}, {}, False)


async def test_one_that_was_killed_at_a_first_deploy_leaves_what_there_is(ground: Ground) -> None:
    await killed(ground, rolled_back, 1, after=True, machine="here")

    async with ground.target().open(ground.context("there")) as deployer:
        previous = await deployer.previous(None)
        assert previous is not None
        assert ask(previous.public_url) == previous.subject.revision

    assert any("killed at the first deploy" in line for line in ground.logged)


async def test_traffic_that_people_moved_since_is_theirs(ground: Ground) -> None:
    ground.stable()
    await killed(ground, rolled_back, 2, after=True, machine="here")
    latest = [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}]
    ground.others_deploy("shop-00009-theirs", "template,traffic", traffic=latest)

    async with ground.target().open(ground.context("there")) as deployer:
        assert await deployer.traffic() == {"shop-00009-theirs": 100}

    assert any("somebody has moved the traffic since" in line for line in ground.logged)
    assert KEY not in ground.marks()


async def test_a_note_that_some_tool_took_away_is_known_to_the_machine_that_wrote_it(ground: Ground) -> None:
    old = ground.stable()
    await killed(ground, rolled_back, 2, after=True, machine="here")
    path = "/v2/projects/proj-1/locations/europe-west1/services/shop?updateMask=annotations"
    ground.google.act("PATCH", path, {"annotations": {}})

    async with ground.target().open(ground.context("here")) as deployer:
        assert await deployer.traffic() == {old: 100}
