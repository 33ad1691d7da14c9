"""A candidate that ends after it was found ready: nobody is given to it, and it takes nobody's revision away."""

import asyncio
import http.client
from contextlib import suppress

import pytest

from bot.deploy import processes
from bot.model.errors import DeployError
from tests.integration.deploy import ground as lie
from tests.integration.deploy.ground import Ground, ask, name, promoted, serves, target


async def crash(ground: Ground, url: str | None, commit: str) -> None:
    """Have a revision end by itself, and wait until it has."""
    assert url is not None
    (pids,) = (pids for mark, pids in ground.running().items() if mark.startswith(f"{name(commit)}-"))
    with suppress(OSError, http.client.HTTPException):
        ask(url, "/crash")
    while any(processes._look(pid) for pid in pids):
        await asyncio.sleep(0.02)


async def test_a_candidate_that_has_ended_gets_no_users(ground: Ground) -> None:
    first = ground.commit(lie.SERVES)
    async with target().open(ground.context()) as deployer:
        await promoted(deployer, first)
        await deployer.settle()
    async with target().open(ground.context()) as deployer:
        second = ground.commit(lie.SERVES + "# 2\n")
        await deployer.deploy(second)
        urls = await deployer.urls()
        public = urls.public
        await crash(ground, urls.candidate, second)
        with pytest.raises(DeployError, match="has ended"):
            await deployer.promote(100)
        assert serves(public) == name(first)
    assert serves(public) == name(first)
    assert ground.revisions() == ground.trees() == [name(first)]


async def test_a_candidate_that_has_ended_is_not_accepted(ground: Ground) -> None:
    first = ground.commit(lie.SERVES)
    async with target().open(ground.context()) as deployer:
        await promoted(deployer, first)
        await deployer.settle()
    async with target().open(ground.context()) as deployer:
        second = ground.commit(lie.SERVES + "# 2\n")
        await promoted(deployer, second)
        urls = await deployer.urls()
        public = urls.public
        await crash(ground, urls.candidate, second)
        with pytest.raises(DeployError, match="has ended"):
            await deployer.settle()
    assert serves(public) == name(first)
    assert ground.revisions() == ground.trees() == [name(first)]


async def test_a_share_is_given_beside_a_previous_revision_that_had_ended(ground: Ground) -> None:
    first, second = ground.commit(lie.SERVES), ground.commit(lie.SERVES + "# 2\n")
    async with target().open(ground.context()) as deployer:
        await promoted(deployer, first)
        await deployer.settle()
    async with target().open(ground.context()) as deployer:
        await deployer.previous(None)
        await deployer.deploy(second)
        urls = await deployer.urls()
        await crash(ground, urls.previous, first)
        await deployer.promote(50)
        assert {serves(urls.public) for _ in range(6)} == {name(first), name(second)}
    assert serves(urls.public) == name(first)
    assert ground.revisions() == ground.trees() == [name(first)]
