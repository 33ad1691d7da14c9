"""A candidate in shadow has no users; it is given shares of them, and they go back."""

import time
from collections import Counter

import pytest

from bot.deploy.target import StartsPrevious
from bot.model.errors import DeployError
from tests.integration.deploy import ground as lie
from tests.integration.deploy.ground import Ground, Stream, ask, name, promoted, serves, target


async def served(ground: Ground, commit: str) -> str:
    """A revision that serves; the public URL."""
    async with target().open(ground.context()) as deployer:
        deployed = await promoted(deployer, commit)
        await deployer.settle()
    return deployed.public_url


async def test_in_shadow_a_candidate_answers_alone_and_has_no_users(ground: Ground) -> None:
    first, second = ground.commit(lie.SERVES), ground.commit(lie.SERVES)
    url = await served(ground, first)

    with Stream(url) as stream:
        async with target().open(ground.context()) as deployer:
            intent = await deployer.plan(second)
            await deployer.previous(None)
            deployed = await deployer.deploy(second)
            urls = await deployer.urls()
            assert serves(deployed.subject.url) == name(second)
            assert urls.candidate == deployed.subject.url
            assert urls.previous is not None
            assert serves(urls.previous) == serves(urls.public) == name(first)
            assert await deployer.traffic() == {name(first): 100}
            assert (await deployer.describe())["revision"] == name(second)
            await deployer.settle()  # accepting what has no traffic gives it none

    assert (intent.candidate, intent.serving) == (name(second), name(first))
    assert stream.failed == []
    assert set(stream.answered) == {name(first)}
    assert ground.trees() == ground.revisions() == [name(first)]


async def test_shares_are_kept_exactly_and_go_back_without_a_lost_request(ground: Ground) -> None:
    first, second = ground.commit(lie.SERVES), ground.commit(lie.SERVES)
    url = await served(ground, first)

    async with target().open(ground.context()) as deployer:
        await deployer.previous(None)
        await deployer.deploy(second)
        for percent in (10, 50, 0, 100):
            await deployer.promote(percent)
            wanted = {name(second): percent, name(first): 100 - percent}
            assert await deployer.traffic() == {key: share for key, share in wanted.items() if share}
            assert Counter(ask(url) for _ in range(100)) == Counter(
                {key: share for key, share in wanted.items() if share}
            )
        with Stream(url) as stream:
            restored = await deployer.rollback()

    assert restored is not None
    assert stream.failed == []
    assert serves(url) == name(first)
    assert ground.trees() == ground.revisions() == [name(first)]


async def test_a_bot_that_leaves_at_a_share_gives_it_back(ground: Ground) -> None:
    first, second = ground.commit(lie.SERVES), ground.commit(lie.SERVES)
    url = await served(ground, first)

    async with target().open(ground.context()) as deployer:
        await deployer.previous(None)
        await deployer.deploy(second)
        await deployer.promote(50)

    assert {ask(url) for _ in range(20)} == {name(first)}
    assert ground.revisions() == [name(first)]


async def test_there_is_nobody_to_share_a_first_deploy_with(ground: Ground) -> None:
    commit = ground.commit(lie.SERVES)

    async with target().open(ground.context()) as deployer:
        with pytest.raises(DeployError, match="no candidate on trial"):
            await deployer.promote(100)
        deployed = await deployer.deploy(commit)
        assert serves(deployed.public_url) is None
        with pytest.raises(DeployError, match="no revision is up to have the other 90 %"):
            await deployer.promote(10)
        await deployer.promote(100)
        assert serves(deployed.public_url) == name(commit)


async def test_fresh_instances_are_timed_and_leave_nothing(ground: Ground) -> None:
    notes = ground.folder / "started"
    tells = f"import os, time\nprint(os.environ['REVISION'], file=open({str(notes)!r}, 'a'))\n"
    first, second = ground.commit(tells + lie.SERVES), ground.commit(f"{tells}time.sleep(0.4)\n{lie.SERVES}")
    await served(ground, first)

    async with target().open(ground.context()) as deployer:
        assert isinstance(deployer, StartsPrevious)
        await deployer.previous(None)
        await deployer.deploy(second)
        before = ground.running()
        files = sorted((ground.home / "trees").iterdir())
        notes.unlink()
        slow, quick = await deployer.fresh_start(), await deployer.fresh_start_of_previous()

        assert slow is not None
        assert quick is not None
        assert slow > 0.4
        assert quick > 0.01
        assert notes.read_text().split() == [name(second), name(first)]
        assert ground.running() == before
        assert sorted((ground.home / "trees").iterdir()) == files


async def test_what_a_candidate_printed_can_be_read_without_secrets(ground: Ground) -> None:
    async with target().open(ground.context()) as deployer:
        assert await deployer.logs(0) == b""
        await deployer.deploy(ground.commit(lie.SERVES))
        assert await deployer.logs(0) == b"password=[redacted]\n"
        assert await deployer.logs(time.time() + 60) == b""
        assert await deployer.cleanup() == []
