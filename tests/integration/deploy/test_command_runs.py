"""The whole pipeline with a team's own deploy tool: what users get where the tool can do less than our own targets."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot import pipeline, proof, report, spec
from bot.baseline.directory import DirectoryStore
from bot.model import Finding
from bot.outcome import Outcome, Request
from tests.finding import pick
from tests.github_stand_in import StandIn
from tests.integration.deploy import deploy_tool
from tests.integration.jobs import Job

SPEC = """version: 1
service: shop
environment: test
deploy:
  command: COMMAND
  strategy: STRATEGY
IDENTITY
probes:
  health: {http: GET /health, timed: false, expect: {status: 200}}
judge: {time: 2s}
"""
NAMED = "identity: {header: x-revision}\n"
QUICK = "watch: {before: 300ms, after: 500ms, rate: 100}"
STEPS = f"{{promote: [10, 50, 100], pause: 1s, {QUICK}}}"


class Shop:
    """A service that the tool deploys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logged: list[str] = []

    async def prove(
        self,
        commit: str,
        strategy: str,
        more: dict[str, Any] | None = None,
        *,
        hands_over: bool = True,
        identity: str = NAMED,
    ) -> Outcome:
        """Deploy a commit by the tool, and prove it; `more` are keys of the target, empty for one that it has not."""
        text = self.spec(strategy, more or {}).replace(b"IDENTITY\n", identity.encode())
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
        outcome = await pipeline.run(request, self.logged.append)
        assert proof.verify(outcome.proof).differences == ()
        return outcome

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


def found(outcome: Outcome, item: str) -> Finding:
    """The finding of this id."""
    known = {each.id: each for each in outcome.verdict.findings}
    assert item in known, told(outcome)
    return known[item]


def told(outcome: Outcome) -> str:
    """What was found, for whoever reads a failed test."""
    lines = [f"{each.id}: {each.status}, {each.after}; {each.reason}" for each in outcome.verdict.findings]
    return "\n".join([*outcome.verdict.rules, *lines])


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


async def test_a_step_that_the_platform_refuses_leaves_a_verdict_and_the_proof_that_the_traffic_is_back(
    shop: Shop,
) -> None:
    await shop.prove("a", f"{{{QUICK}}}")
    (shop.folder / "trouble").write_text("promote shop-bbbbbbb 50")
    outcome = await shop.prove("b", STEPS)

    assert (outcome.exit_code, outcome.verdict.verdict) == (4, "inconclusive"), told(outcome)
    refused = found(outcome, "rollout/move to 50 %")
    assert (refused.status, refused.severity) == ("not measured", "critical")
    assert "the candidate could not be given 50 % of the traffic" in (refused.reason or "")
    assert "the platform refuses to promote" in (refused.reason or "")
    assert outcome.refused in (refused.reason or "")
    assert found(outcome, "rollout/promotion: traffic at 10 %").status == "maintained", told(outcome)
    assert found(outcome, "rollout/read-back at 10 %").after == "shop-aaaaaaa has 90 %, shop-bbbbbbb has 10 %"
    assert found(outcome, "rollout/promotion: traffic at rollback").status == "maintained", told(outcome)
    assert found(outcome, "rollout/read-back at rollback").after == "shop-aaaaaaa has 100 %"
    assert found(outcome, "rollback/health").after == "holds again"
    assert "Rolled back to shop-aaaaaaa" in report.text(outcome.verdict)
    assert shop.serves() == "shop-aaaaaaa"
    assert (outcome.folder / "verdict.json").exists()


async def test_a_platform_that_refuses_the_way_back_as_well_leaves_an_unstable_verdict(shop: Shop) -> None:
    await shop.prove("a", f"{{{QUICK}}}")
    (shop.folder / "trouble").write_text("promote shop-bbbbbbb 100\nrollback")
    outcome = await shop.prove("b", f"{{{QUICK}}}")

    assert (outcome.exit_code, outcome.verdict.verdict) == (4, "unstable"), told(outcome)
    assert outcome.verdict.rules[0] == "the rollback failed"
    assert outcome.verdict.findings[0].id == "rollback/previous revision serves"
    assert "could not be given 100 %" in (found(outcome, "rollout/move to 100 %").reason or "")
    assert "could not be left in order" in (found(outcome, "rollout/leaving").reason or "")


async def test_a_candidate_that_is_refused_its_users_before_it_is_probed_has_a_verdict(shop: Shop) -> None:
    await shop.prove("a", f"{{{QUICK}}}")
    (shop.folder / "trouble").write_text("promote shop-bbbbbbb 100")
    outcome = await shop.prove("b", f"{{shadow: false, {QUICK}}}")

    assert (outcome.exit_code, outcome.verdict.verdict) == (4, "inconclusive"), told(outcome)
    assert found(outcome, "health/probe").reason == "it could not be probed any more"
    assert found(outcome, "rollout/promotion: traffic at rollback").status == "maintained", told(outcome)
    assert found(outcome, "rollback/previous revision serves").after == "shop-aaaaaaa"
    assert shop.serves() == "shop-aaaaaaa"


async def test_a_platform_that_says_itself_that_nothing_moved_is_found_without_any_identity(shop: Shop) -> None:
    await shop.prove("a", f"{{{QUICK}}}", identity="")
    tool = f"{sys.executable} {deploy_tool.__file__} {shop.folder}"
    pinned = {"promote": f"{tool} promote_in_vain {{revision}} {{percent}}"}
    outcome = await shop.prove("b", STEPS, pinned, identity="")

    assert (outcome.exit_code, outcome.verdict.verdict) == (1, "unstable"), told(outcome)
    said = found(outcome, "rollout/read-back at 10 %")
    assert (said.status, said.expected, said.after) == ("broken", "10 % for shop-bbbbbbb", "shop-aaaaaaa has 100 %")
    assert not [each for each in outcome.verdict.findings if "50 %" in each.id]
    assert shop.serves() == "shop-aaaaaaa"


async def test_a_share_that_nobody_can_measure_goes_back_and_is_inconclusive(shop: Shop) -> None:
    await shop.prove("a", f"{{{QUICK}}}", identity="")
    outcome = await shop.prove("b", STEPS, identity="")

    assert (outcome.exit_code, outcome.verdict.verdict) == (3, "inconclusive"), told(outcome)
    assert any("the spec has no `identity`" in line for line in shop.logged)
    why = found(outcome, "rollout/at 10 %").reason or ""
    assert "no candidate keeps a share on trust" in why
    assert "rollout/promotion: traffic" in why
    assert found(outcome, "rollback/previous revision serves").after == "shop-aaaaaaa"
    assert found(outcome, "rollout/read-back at rollback").status == "maintained"
    assert not [each for each in outcome.verdict.findings if "50 %" in each.id]
    assert shop.serves() == "shop-aaaaaaa"


def test_the_action_publishes_what_is_known_where_the_platform_refuses_and_ends_in_4(
    shop: Shop, github: StandIn
) -> None:
    for words in (["deploy", "a" * 40, "shop-aaaaaaa"], ["promote", "shop-aaaaaaa", "100"]):
        subprocess.run([sys.executable, deploy_tool.__file__, shop.folder, *words], check=True, capture_output=True)
    home = github.repository("example/shop")
    sha = home.commit("the second")
    (shop.folder / "trouble").write_text(f"promote shop-{sha[:7]} 100")
    spec_of_it = shop.spec(f"{{{QUICK}}}", {}).decode().replace("IDENTITY\n", NAMED)
    job = Job(github, home, shop.folder / "job", spec_of_it)

    ended = job.run()

    assert ended.returncode == 4, ended.stdout + ended.stderr
    assert (job.said["verdict"], job.said["exit-code"]) == ("inconclusive", "4")
    assert "::error::`promote` ended with exit code 7: the platform refuses to promote" in ended.stdout
    assert home.statuses[-1].state != "success"
    (comment,) = home.comments.values()
    assert "move to 100 %" in comment.body
    assert (job.workspace / job.said["proof-path"]).exists()
    assert shop.serves() == "shop-aaaaaaa"
