"""A bot may be killed at any moment: afterwards the previous or the new revision serves alone, and nothing is left."""

from collections.abc import Iterator

import pytest

from bot.deploy.recovery import recover
from tests.integration.deploy import ground as lie
from tests.integration.deploy.bots import Plan, accepting, killed
from tests.integration.deploy.ground import Ground, Stream, name, promoted, serves, target

PARTS = 6
"""The moments are shared out over so many tests, so that each is short."""


def moments(ground: Ground, part: int) -> Iterator[int]:
    """This part's moments; each begins with nothing accepted."""
    for moment in range(part, 1000, PARTS):
        accepting(ground).unlink(missing_ok=True)
        yield moment


async def served(ground: Ground, commit: str) -> str:
    """A revision that serves; the public URL."""
    async with target().open(ground.context()) as deployer:
        deployed = await promoted(deployer, commit)
        await deployer.settle()
    return deployed.public_url


def assert_alone(ground: Ground, commit: str) -> None:
    """This revision runs, with one front, and nothing else; and there is no other work tree."""
    assert ground.revisions() == ground.trees() == [name(commit)]
    assert len(ground.running()) == 2


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("plan", ["accept", "roll back"])
async def test_killed_with_a_previous_revision(ground: Ground, plan: Plan, part: int) -> None:
    serving, other = ground.commit(lie.SERVES), ground.commit(lie.SERVES)
    url = await served(ground, serving)

    with Stream(url, threads=1) as stream:
        for moment in moments(ground, part):
            was_killed = killed(ground, plan, moment, commit=other, keep=True)
            await recover(ground.state)

            now = serves(url)
            allowed = {name(serving), name(other)} if accepting(ground).exists() else {name(serving)}
            assert now in allowed, f"at moment {moment}"
            if now == name(other):
                serving, other = other, serving
            assert_alone(ground, serving)
            if not was_killed:
                break
    assert moment > 10
    assert stream.failed == []


@pytest.mark.parametrize("part", range(PARTS))
async def test_killed_on_the_first_deploy(ground: Ground, part: int) -> None:
    commit = ground.commit(lie.SERVES)

    for moment in moments(ground, part):
        was_killed = killed(ground, "accept", moment, commit=commit, keep=True)
        await recover(ground.state)

        if accepting(ground).exists() and ground.revisions():
            assert_alone(ground, commit)
            async with target(keep=False).open(ground.context()):
                pass
        assert ground.running() == {}, f"at moment {moment}"
        assert ground.trees() == []
        if not was_killed:
            break
    assert moment > 10


@pytest.mark.parametrize("part", range(PARTS))
async def test_killed_where_nothing_is_to_be_kept(ground: Ground, part: int) -> None:
    first, second = ground.commit(lie.SERVES), ground.commit(lie.SERVES)

    for moment in moments(ground, part):
        was_killed = killed(ground, "accept", moment, commit=second, previous=first, keep=False)
        await recover(ground.state)

        assert ground.running() == {}, f"at moment {moment}"
        assert ground.trees() == []
        if not was_killed:
            break
    assert moment > 20


@pytest.mark.parametrize("part", range(PARTS))
async def test_recovering_may_be_killed_as_well(ground: Ground, part: int) -> None:
    serving, other = ground.commit(lie.SERVES), ground.commit(lie.SERVES)
    url = await served(ground, serving)

    for moment in moments(ground, part):
        assert await on_trial(ground, url, other)
        was_killed = killed(ground, "recover", moment, keep=True)
        said = await recover(ground.state)

        assert serves(url) == name(serving), said
        assert_alone(ground, serving)
        if not was_killed:
            break
    assert moment >= 8


async def on_trial(ground: Ground, url: str, commit: str) -> bool:
    """Leave a candidate on trial by a bot that was killed just when it had the public URL."""
    for moment in range(24, 60):
        assert killed(ground, "roll back", moment, commit=commit, keep=True)
        if serves(url) == name(commit):
            return True
        await recover(ground.state)
    return False


async def test_the_next_bot_makes_good_what_the_last_one_left(ground: Ground) -> None:
    serving, other = ground.commit(lie.SERVES), ground.commit(lie.SERVES)
    url = await served(ground, serving)
    assert await on_trial(ground, url, other)

    async with target().open(ground.context()):
        assert serves(url) == name(serving)

    assert any("was never accepted" in line for line in ground.logged)
    assert_alone(ground, serving)


async def test_recovering_where_nothing_is_half_done_changes_nothing(ground: Ground) -> None:
    assert await recover(ground.state) == ["nothing was left half-done"]
    commit = ground.commit(lie.SERVES)
    url = await served(ground, commit)
    before = ground.running()

    assert await recover(ground.state) == ["nothing was left half-done"]

    assert ground.running() == before
    assert serves(url) == name(commit)
