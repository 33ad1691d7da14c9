"""`recover` looks where a target remembers its acts: in the state folder, and on the platform of the spec's target."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from bot.deploy.intent import Written
from bot.deploy.registry import TARGETS
from bot.deploy.target import DeployContext, Deployer, Target
from bot.recovering import NOTHING, recover
from tests.integration.deploy import ground as lie
from tests.integration.deploy.bots import killed
from tests.integration.deploy.ground import Ground

PROBES = "probes: {health: {http: GET /health}}\n"


class Platform(Target):
    """A platform that remembers what was begun there, and makes it good whenever it is opened."""

    kind: ClassVar[str] = "platform"

    note: str
    """The file in which it remembers."""

    @asynccontextmanager
    async def open(self, context: DeployContext) -> AsyncIterator[Deployer]:
        note = Path(self.note)
        if note.exists():
            context.log(f"{context.service} in {context.environment}: {note.read_text()} is reversed")
            note.unlink()
        yield None  # type: ignore[misc]


async def test_what_a_platform_remembers_is_made_good(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TARGETS, "platform", Platform)
    note, file = ground.folder / "note", ground.folder / "stability.yml"
    file.write_text(f"version: 1\nservice: shop\ndeploy: {{platform: {{note: {note}}}}}\n{PROBES}")
    note.write_text("a promotion to 10 %")

    said = await recover(file, ground.state, ground.repository, {}, "staging")

    assert said == ["shop in staging: a promotion to 10 % is reversed"]
    assert await recover(file, ground.state, ground.repository, {}) == [NOTHING]


async def test_what_is_remembered_here_is_made_good_without_a_spec(ground: Ground) -> None:
    commit = ground.commit(lie.SERVES)
    assert killed(ground, "accept", 12, commit=commit, keep=True)
    assert ground.running()

    assert await recover(ground.folder / "none.yml", ground.state, ground.repository, {}) != [NOTHING]

    assert ground.running() == {}


async def test_a_spec_that_cannot_be_read_is_said(ground: Ground) -> None:
    file = ground.folder / "stability.yml"
    file.write_text("version: 2\n")

    said = await recover(file, ground.state, ground.repository, {})

    assert said[0] == NOTHING
    assert "only what is remembered in" in said[1]


@pytest.mark.parametrize(
    "text", [None, "version: 1\nservice: shop\ndeploy: {url: {url: http://127.0.0.1:9}}\n" + PROBES]
)
async def test_what_a_deploy_tool_began_is_given_back_without_its_spec(ground: Ground, text: str | None) -> None:
    file, home, back = ground.folder / "stability.yml", ground.state / "shop@test", ground.folder / "back"
    home.mkdir(parents=True)
    if text is not None:
        file.write_text(text)
    Written(
        act="promote",
        candidate="shop-2",
        serving="shop-1",
        back=("touch", str(back)),
        folder=str(ground.repository),
        within=5.0,
    ).write(home)

    said = await recover(file, ground.state, ground.repository, {})

    assert said == ["shop-2 was never accepted: `rollback` has run; shop-1 serves again"]
    assert back.exists()
    assert await recover(file, ground.state, ground.repository, {}) == [NOTHING]


async def test_what_only_a_spec_can_make_good_is_said(ground: Ground) -> None:
    (ground.state / "shop@test").mkdir(parents=True)
    (ground.state / "shop@test" / "cloud_run.json").write_text("{}")

    said = await recover(ground.folder / "none.yml", ground.state, ground.repository, {})

    assert "only what is remembered in" in said[-1]
