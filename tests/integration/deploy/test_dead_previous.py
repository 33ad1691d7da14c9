"""The revision before may end by itself while a candidate is in shadow: users are not left with nobody."""

import asyncio
import http.client
from contextlib import suppress

import pytest

from bot.deploy.target import Deployer
from tests.integration.deploy import ground as lie
from tests.integration.deploy.ground import Ground, ask, name, promoted, serves, target
from tests.integration.deploy.test_rollouts import Shop, found, service, told

ONCE = """
if os.path.exists(LOST):
    raise SystemExit("the disk is full")
"""
"""A previous revision that does not come up again once it was lost."""
KILLS = """
import os, pathlib, signal
started, lost, pid = (pathlib.Path(FOLDER, name) for name in ("started", "lost", "pid"))
if started.exists():
    lost.touch()
    os.kill(int(pid.read_text()), signal.SIGKILL)
started.touch()
"""
"""A candidate whose second instance, the one that is timed after all probes, ends the revision before."""
PID = 'import os, pathlib; pathlib.Path(FOLDER, "pid").write_text(str(os.getpid()))\n'


async def crash(ground: Ground, deployer: Deployer, revision: str) -> None:
    """Have the revision before end by itself."""
    url = (await deployer.urls()).previous
    assert url is not None
    with suppress(OSError, http.client.HTTPException):
        ask(url, "/crash")
    while revision in ground.revisions():
        await asyncio.sleep(0.02)


async def served(ground: Ground, commit: str) -> str:
    """A revision that serves; the public URL."""
    async with target().open(ground.context()) as deployer:
        deployed = await promoted(deployer, commit)
        await deployer.settle()
    return deployed.public_url


async def test_whoever_leaves_brings_a_previous_revision_up_again_that_has_ended(ground: Ground) -> None:
    first, second = ground.commit(lie.SERVES), ground.commit(lie.SERVES)
    url = await served(ground, first)

    async with target().open(ground.context()) as deployer:
        await deployer.deploy(second)
        await crash(ground, deployer, name(first))

    assert serves(url) == name(first)
    assert ground.trees() == ground.revisions() == [name(first)]


async def test_one_that_does_not_come_up_again_is_said_to_be_gone(ground: Ground) -> None:
    lost = f"LOST = {str(ground.folder / 'lost')!r}\n"
    first = ground.commit(lie.HEALTHY + lost + ONCE + "serve()\n")
    second = ground.commit(lie.SERVES)
    url = await served(ground, first)

    async with target().open(ground.context()) as deployer:
        await deployer.deploy(second)
        (ground.folder / "lost").touch()
        await crash(ground, deployer, name(first))

    assert serves(url) is None
    assert ground.trees() == ground.revisions() == []
    said = [line for line in ground.logged if "does not come up again" in line]
    assert said
    assert "the disk is full" in said[0]
    assert "nothing serves" in said[0]


async def test_what_is_not_to_be_kept_is_not_brought_up_again(ground: Ground) -> None:
    first, second = ground.commit(lie.SERVES), ground.commit(lie.SERVES)

    async with target(keep=False).open(ground.context()) as deployer:
        await deployer.previous(first)
        await deployer.deploy(second)
        await crash(ground, deployer, name(first))

    assert ground.running() == {}
    assert not [line for line in ground.logged if "brought up again" in line]


@pytest.mark.parametrize("comes_back", [True, False])
async def test_a_verdict_says_that_the_previous_revision_had_ended_and_what_became_of_it(
    ground: Ground, comes_back: bool
) -> None:
    shop, folder = Shop(ground), f"FOLDER = {str(ground.folder)!r}\n"
    once = "" if comes_back else f"import os; LOST = {str(ground.folder / 'lost')!r}\n{ONCE}"
    first, _ = await shop.prove(folder + once + PID + service(), "{starts: 0}")
    _, outcome = await shop.prove(folder + KILLS + service(header="pass"), "{starts: 1}")

    said = [each.reason or "" for each in outcome.verdict.findings if each.probe == "rollout"]
    assert any(f"{name(first)} had ended by itself" in each for each in said), told(outcome)
    back = found(outcome, "rollback/previous revision serves")
    if comes_back:
        assert outcome.verdict.verdict == "inconclusive"
        assert (back.status, back.after) == ("new", name(first))
        assert found(outcome, "rollback/socket").after == "holds again"
        shop.assert_alone(first)
    else:
        assert (outcome.verdict.verdict, outcome.verdict.risk) == ("unstable", "critical")
        assert (back.status, back.severity) == ("broken", "critical")
        assert "the disk is full" in (back.after or "")
        assert outcome.verdict.rules[0] == "the rollback failed"
        assert ground.running() == {}
