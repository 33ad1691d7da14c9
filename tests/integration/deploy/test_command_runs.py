"""The whole pipeline with a team's own deploy tool: what users get where the tool can do less than our own targets."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot import pipeline, spec
from bot.baseline.directory import DirectoryStore
from bot.outcome import Outcome, Request
from tests.finding import pick
from tests.integration.deploy import deploy_tool

SPEC = """version: 1
service: shop
environment: test
deploy:
  command: COMMAND
  strategy: STRATEGY
identity: {header: x-revision}
probes:
  health: {http: GET /health, timed: false, expect: {status: 200}}
judge: {time: 2s}
"""
QUICK = "watch: {before: 300ms, after: 500ms, rate: 100}"


class Shop:
    """A service that the tool deploys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logged: list[str] = []

    async def prove(
        self, commit: str, strategy: str, more: dict[str, Any] | None = None, *, hands_over: bool = True
    ) -> Outcome:
        """Deploy a commit by the tool, and prove it; `more` are keys of the target, empty for one that it has not."""
        text = self.spec(strategy, more or {})
        request = Request(
            spec=spec.parse(text, "stability.yml", {}),
            commit=commit * 40,
            repository=self.folder,
            out=self.folder / "out" / commit,
            state=self.folder / "state",
            store=DirectoryStore(self.folder / "kept", "shop", "test"),
            vantage="here",
            hands_over=hands_over,
        )
        return await pipeline.run(request, self.logged.append)

    def spec(self, strategy: str, more: dict[str, Any]) -> bytes:
        tool = f"{sys.executable} {deploy_tool.__file__} {self.folder}"
        keys = {
            "deploy": f"{tool} deploy {{commit}} {{revision}}",
            "url": f"{tool} url",
            "describe": f"{tool} describe",
            "promote": f"{tool} promote {{revision}} {{percent}}",
            "rollback": f"{tool} rollback {{previous}}",
        }
        chosen = {key: value for key, value in {**keys, **more}.items() if value}
        return SPEC.replace("COMMAND", json.dumps(chosen)).replace("STRATEGY", strategy).encode()

    @property
    def done(self) -> list[list[str]]:
        """The tool's verbs, with their words, in order."""
        return list(json.loads((self.folder / "known.json").read_text())["done"])

    def serves(self) -> str:
        """The revision that users reach."""
        port = json.loads((self.folder / "known.json").read_text())["front"]["port"]
        return httpx.get(f"http://127.0.0.1:{port}/").headers["x-revision"]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    yield Shop(tmp_path)
    deploy_tool.end(tmp_path)


async def test_users_are_kept_away_where_the_previous_revision_has_no_address_of_its_own(shop: Shop) -> None:
    quiet = {"url": f"{sys.executable} {deploy_tool.__file__} {shop.folder} url_without_previous"}
    await shop.prove("a", f"{{{QUICK}}}", quiet)
    outcome = await shop.prove("b", f"{{{QUICK}}}", quiet)

    assert "the candidate is probed in shadow, without users; a stable verdict promotes it: 100 %" in shop.logged
    assert any(each.id == "rollout/promotion: requests" for each in outcome.verdict.findings)
    assert shop.serves() == "shop-bbbbbbb", [
        (each.id, each.status, each.after, each.reason) for each in outcome.verdict.findings
    ]


async def test_a_name_that_only_deploy_knows_is_the_one_that_is_watched_for(shop: Shop) -> None:
    own = {
        "promote": "",
        "deploy": f"{sys.executable} {deploy_tool.__file__} {shop.folder} deploy_under_a_name_of_its_own {{commit}}",
    }
    await shop.prove("a", f"{{{QUICK}}}", own)
    outcome = await shop.prove("b", f"{{{QUICK}}}", own)

    traffic = pick(outcome.verdict.findings, lambda each: each.id == "rollout/promotion: traffic at 100 %")
    assert traffic.status == "maintained", traffic
    assert shop.serves() == "own-bbbbbbb"


async def test_what_gives_the_traffic_back_has_the_variables_of_the_spec(shop: Shop) -> None:
    await shop.prove("a", f"{{{QUICK}}}")
    tool = f"{sys.executable} {deploy_tool.__file__} {shop.folder}"
    picky = {"environment": {"TOKEN": "for-the-tool"}, "rollback": f"{tool} rollback_with_token {{previous}}"}
    await shop.prove("b", f"{{{QUICK}}}", picky, hands_over=False)

    assert [each[0] for each in shop.done][-1] == "rollback_with_token"
    assert shop.serves() == "shop-aaaaaaa"


async def test_a_rehearsal_gives_nobody_a_revision_that_was_refused(shop: Shop) -> None:
    await shop.prove("a", f"{{{QUICK}}}")
    outcome = await shop.prove("f", f"{{shadow: false, rollback: never, {QUICK}}}", hands_over=False)

    assert outcome.verdict.verdict == "unstable"
    assert shop.serves() == "shop-aaaaaaa"
    assert "shop-fffffff" not in {
        words[1] for verb, *words in shop.done if verb == "promote" for words in [["", *words]]
    }


async def test_nothing_is_taken_away_before_users_are_given_back(shop: Shop) -> None:
    tool = f"{sys.executable} {deploy_tool.__file__} {shop.folder}"
    await shop.prove("a", f"{{{QUICK}}}")
    more = {"cleanup": f"{tool} cleanup"}
    await shop.prove("b", f"{{shadow: false, {QUICK}}}", more, hands_over=False)

    assert [each[0] for each in shop.done if each[0] in ("rollback", "cleanup")] == ["rollback", "cleanup"]
    await shop.prove("c", f"{{{QUICK}}}", more)
    assert shop.done[-1][0] == "cleanup"
    assert shop.serves() == "shop-ccccccc"
