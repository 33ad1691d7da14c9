"""The target `command`: a team's own deploy tool, really started, with revisions that really answer."""

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.deploy.command import CommandTarget
from bot.deploy.target import DeployContext
from bot.model.errors import DeployError
from bot.safety.redact import Redactor
from tests.integration.deploy import deploy_tool

COMMIT = "c" * 40


def revision_at(url: str) -> str:
    return httpx.get(url).headers["x-revision"]


class Shop:
    """A service that the tool deploys, and what the bot does to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[str] = []

    def target(self, **changed: Any) -> CommandTarget:
        tool = f"{sys.executable} {deploy_tool.__file__} {self.folder}"
        keys = {
            "deploy": f"{tool} deploy {{commit}} {{revision}}",
            "url": f"{tool} url",
            "describe": f"{tool} describe",
            "promote": f"{tool} promote {{revision}} {{percent}}",
            "rollback": f"{tool} rollback {{previous}}",
        }
        return CommandTarget.model_validate({**keys, **changed})

    @property
    def context(self) -> DeployContext:
        return DeployContext(
            "shop", "test", self.folder, self.folder / "state", Redactor(("s3cret-word",)), self.lines.append
        )

    def known(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "known.json").read_text()))

    def serves(self) -> str:
        return revision_at(f"http://127.0.0.1:{self.known()['front']['port']}/")

    async def accepted(self, commit: str) -> None:
        async with self.target().open(self.context) as deployer:
            await deployer.deploy(commit)
            await deployer.promote(100)
            await deployer.settle()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    yield Shop(tmp_path)
    deploy_tool.end(tmp_path)


async def test_a_candidate_is_beside_the_revision_that_serves_until_it_is_promoted(shop: Shop) -> None:
    await shop.accepted("a" * 40)
    async with shop.target().open(shop.context) as deployer:
        assert deployer.abilities.shadow
        assert deployer.abilities.splits
        plan = await deployer.plan(COMMIT)
        assert (plan.candidate, plan.serving) == ("shop-ccccccc", "shop-aaaaaaa")
        previous = await deployer.previous(None)
        assert previous is not None
        assert previous.subject.commit == "a" * 40
        deployed = await deployer.deploy(COMMIT)
        assert deployed.observation.state == "measured"
        assert deployed.subject.image == f"registry.test/shop@sha256:{'0' * 64}"
        assert revision_at(deployed.subject.url) == "shop-ccccccc"
        assert revision_at(previous.subject.url) == "shop-aaaaaaa"
        assert revision_at(deployed.public_url) == "shop-aaaaaaa"
        await deployer.promote(10)
        assert await deployer.traffic() == {"shop-ccccccc": 10, "shop-aaaaaaa": 90}
        await deployer.promote(100)
        assert shop.serves() == "shop-ccccccc"
        await deployer.settle()
    assert shop.serves() == "shop-ccccccc"


async def test_whoever_leaves_before_it_is_accepted_gives_the_traffic_back(shop: Shop) -> None:
    await shop.accepted("a" * 40)
    async with shop.target().open(shop.context) as deployer:
        await deployer.deploy(COMMIT)
        await deployer.promote(100)
        assert shop.serves() == "shop-ccccccc"
    assert shop.serves() == "shop-aaaaaaa"
    assert shop.lines[-1] == "shop-ccccccc was never accepted: `rollback` has run; shop-aaaaaaa serves again"


async def test_what_a_killed_bot_left_is_made_good_by_the_next(shop: Shop) -> None:
    await shop.accepted("a" * 40)
    killed = shop.target().open(shop.context)
    deployer = await killed.__aenter__()
    await deployer.deploy(COMMIT)
    await deployer.promote(100)
    kept = (shop.folder / "state" / "shop@test" / "command.json").read_bytes()
    await killed.__aexit__(None, None, None)
    # as if it had been killed before it could: the traffic is the candidate's, and the act is written down
    deploy_tool.main(shop.folder, "promote", "shop-ccccccc", "100")
    (shop.folder / "state" / "shop@test" / "command.json").write_bytes(kept)
    async with shop.target().open(shop.context):
        assert shop.serves() == "shop-aaaaaaa"


async def test_a_candidate_that_the_tool_calls_unfit_is_evidence(shop: Shop) -> None:
    await shop.accepted("a" * 40)
    async with shop.target().open(shop.context) as deployer:
        deployed = await deployer.deploy("bad" + "c" * 37)
        assert deployed.observation.state == "broken"
        assert deployed.observation.reason == "it crashed while it started"
    assert shop.serves() == "shop-aaaaaaa"


@pytest.mark.parametrize("verb", ["deploy", "url", "describe", "promote", "rollback"])
async def test_a_tool_that_fails_is_a_platform_that_refuses(shop: Shop, verb: str) -> None:
    await shop.accepted("a" * 40)
    (shop.folder / "trouble").write_text(verb)
    with pytest.raises(DeployError, match=f"`{verb}` ended with exit code 7: the platform refuses to {verb}"):
        await _rolled_back(shop)
    (shop.folder / "trouble").unlink()
    await _opened(shop)
    assert shop.serves() == "shop-aaaaaaa"


async def _rolled_back(shop: Shop) -> None:
    async with shop.target().open(shop.context) as deployer:
        await deployer.previous(None)
        await deployer.deploy(COMMIT)
        await deployer.promote(100)
        await deployer.rollback()


async def _opened(shop: Shop) -> None:
    async with shop.target().open(shop.context):
        pass


def _printing(text: str) -> str:
    return shlex.join(["echo", text])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"url": _printing("nothing")}, "`url` did not print the `public` address as JSON"),
        ({"url": _printing('{"public": 1')}, "`url` printed what looks like JSON and is none"),
        (
            {"url": _printing('{"public": "https://ana:x@shop.test"}')},
            "`url` printed a `public` that cannot be used",
        ),
        ({"deploy": "/no/such/tool {commit}"}, "`deploy` cannot be started: No such file or directory: /no/such/tool"),
        ({"deploy": "sleep 60", "within": "2s"}, "`deploy` took longer than 2 s, and was stopped"),
        ({"describe": "echo {percent}"}, "`describe` asks for {percent}, and that is not known here"),
    ],
)
async def test_each_slip_is_one_message(shop: Shop, changed: dict[str, str], said: str) -> None:
    with pytest.raises(DeployError) as caught:
        async with shop.target(**changed).open(shop.context) as deployer:
            await deployer.deploy(COMMIT)
    assert said in str(caught.value)


async def test_what_a_tool_prints_is_kept_without_secrets(shop: Shop) -> None:
    tool = f"{sys.executable} {deploy_tool.__file__} {shop.folder}"
    loud = f"sh -c 'echo s3cret-word; {tool} deploy $0 $1' {{commit}} {{revision}}"
    async with shop.target(deploy=loud).open(shop.context) as deployer:
        deployed = await deployer.deploy(COMMIT)
        await deployer.settle()
        printed = next(iter(deployed.evidence.values()))[0]
    assert b"s3cret" not in printed
    assert b"the tool says other things as well" in printed


async def test_a_value_never_becomes_more_than_one_word(shop: Shop) -> None:
    async with shop.target(deploy="echo {commit}").open(shop.context) as deployer:
        plan = await deployer.plan("a b; rm -rf /")
        assert plan.lines == ("deploy: echo a b; rm -rf /",)
        assert deployer._words("deploy", "echo {commit}", "a b; rm -rf /") == ["echo", "a b; rm -rf /"]  # type: ignore[attr-defined]


async def test_a_reason_is_kept_without_secrets(shop: Shop) -> None:
    said = '{"ready": false, "reason": "the password s3cret-word was refused"}'
    async with shop.target(deploy=shlex.join(["echo", said])).open(shop.context) as deployer:
        deployed = await deployer.deploy(COMMIT)
    assert deployed.observation.state == "broken"
    assert "was refused" in (deployed.observation.reason or "")
    assert "s3cret" not in deployed.observation.to_json().decode()
