"""Maintainers talk to the bot by comment: each command from the event to the reply, over HTTP, and who may not."""

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bot import proof as proofs
from bot.baseline.artifact import ArtifactStore
from bot.github import client as clients
from bot.github.environment import Environment
from bot.github.event import Activity
from bot.github.said import Said
from bot.judge import judge
from bot.model import Check, Observation, Run, Verdict
from bot.stages.proving import prepared
from bot.stages.talking import talk
from tests import events
from tests.finding import pick
from tests.github_stand_in import Repository, StandIn
from tests.github_stand_in.runner import outputs, runner_environment
from tests.github_stand_in.state import Comment

ROOT = Path(__file__).parents[2]
SPEC = """version: 1
service: shop
environment: test
deploy: {{url: {{url: "{url}"}}}}
probes:
  health: {{http: GET /health, timed: false, expect: {{status: 200}}}}
  cart: {{http: GET /cart, timed: false, expect: {{status: 200, body: full}}}}
"""
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()


class Shop(ThreadingHTTPServer):
    answers: dict[str, tuple[int, bytes]]


class Counter(BaseHTTPRequestHandler):
    server: Shop

    def do_GET(self) -> None:
        status, body = self.server.answers.get(self.path, (200, b"full"))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        del format, args


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "PAUSES", (0.01, 0.01, 0.01))


@pytest.fixture(scope="module")
def open_shop() -> Iterator[Shop]:
    with Shop(("127.0.0.1", 0), Counter) as server:
        server.answers = {}
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def shop(open_shop: Shop) -> Shop:
    open_shop.answers = {}
    return open_shop


class Scene:
    """A repository whose default branch is proven, and where people write comments. Ana owns it."""

    def __init__(self, github: StandIn, shop: Shop, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.github, self.shop, self.folder, self.monkeypatch = github, shop, folder, monkeypatch
        self.home: Repository = github.repository("ana/shop")
        self.home.collaborators |= {"wim": "write", "mia": "maintain", "tom": "triage", "rea": "read"}
        self.jobs = 0
        self.environment: dict[str, str] = {}

    def merged(self, title: str = "Change it", body: str = "") -> int:
        """A pull request, merged: its number."""
        pull = self.home.open_pull(title, body, head=f"topic-{title}")
        self.home.merge(pull.number)
        return pull.number

    def job(self, event: events.Event, permissions: dict[str, str] | None = None, **inputs: str) -> Environment:
        """The runner's environment for an event, with the spec in the workspace, which is where we are then."""
        self.jobs += 1
        self.environment = runner_environment(
            self.github, event, self.folder / str(self.jobs), inputs=inputs, permissions=permissions
        )
        workspace = Path(self.environment["GITHUB_WORKSPACE"])
        host, port = self.shop.server_address[:2]
        (workspace / "stability.yml").write_text(SPEC.format(url=f"http://{host!s}:{port}"))
        self.monkeypatch.chdir(workspace)
        return Environment.from_environ(self.environment)

    def prove(self, **inputs: str) -> str:
        """What a push to the default branch does; the verdict's word."""
        environment = self.job(events.load("push", self.github, self.home), **inputs)
        sha = self.home.branches["main"]
        prepared(environment, Activity(sha, "pushed to main"), sha).run()
        return outputs(self.environment)["verdict"]

    def say(
        self,
        body: str,
        number: int,
        by: str = "wim",
        *,
        comment: Comment | None = None,
        permissions: dict[str, str] | None = None,
        sha: str | None = None,
        deleted: bool = False,
        **inputs: str,
    ) -> Comment:
        """Somebody comments, and the job that this starts runs; the comment. `sha` was the tip when it was written."""
        comment = comment or self.home.comment(number, body, login=by)
        name = "issue_comment_created_on_pull_request" if self.home.issues[number].pull else "issue_comment_created"
        event = events.load(name, self.github, self.home, number=number, comment=comment)
        said = Said(
            id=event.payload["comment"]["id"],
            body=event.payload["comment"]["body"],
            author=event.payload["comment"]["user"]["login"],
            association=event.payload["comment"]["author_association"],
            number=event.payload["issue"]["number"],
            on_pull_request="pull_request" in event.payload["issue"],
            url=event.payload["comment"]["html_url"],
            at=event.payload["comment"]["created_at"],
        )
        job = self.job(event, permissions, **inputs)
        if deleted:
            del self.home.comments[comment.id]
        self.code = talk(replace(job, sha=sha or job.sha), said)
        return comment

    def reply(self, comment: Comment, number: int = 1) -> str:
        """What the bot answered to a command; empty where it said nothing."""
        assert comment.number is not None
        marker = f"<!-- stability-proof:v1 reply={comment.id}/{number} -->"
        found = [each.body for each in self.home.comments_on(comment.number) if each.body.startswith(marker)]
        assert len(found) < 2, "one reply to each command"
        return found[0] if found else ""

    def verdict_comment(self, number: int) -> str:
        (found,) = [
            each.body for each in self.home.comments_on(number) if each.body.startswith("<!-- stability-proof:v1 key")
        ]
        return found

    def artifacts(self, name: str) -> list[bytes]:
        """The contents of artifacts of a name, oldest first."""
        found = sorted((each for each in self.home.artifacts.values() if each.name == name), key=lambda each: each.id)
        return [self.github.world.blobs[each.blob].content or b"" for each in found if each.final]

    def proof(self) -> tuple[Verdict, Run]:
        """The newest proof of the default branch's tip, which verifies."""
        path = self.folder / "newest.zip"
        path.write_bytes(self.artifacts(f"stability-proof-shop-test-{self.home.branches['main'][:12]}")[-1])
        assert proofs.verify(path).differences == ()
        contents = proofs.opened(path)
        return contents.verdict, contents.candidate

    def replace_proof(self, candidate: Run) -> None:
        """Put another candidate into the newest proof, judged as it would have been."""
        self.proof()
        old = proofs.opened(self.folder / "newest.zip")
        for name, data in old.evidence.items():
            (self.folder / "parts" / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / "parts" / name).write_bytes(data)
        proofs.write(
            self.folder / "newest.zip",
            spec=old.spec.text,
            verdict=judge(candidate, old.baseline, old.spec.policy, old.spec.digest),
            candidate=candidate,
            baseline=old.baseline,
            folders={side: self.folder / "parts" / side for side in ("candidate", "baseline")},
        )
        name = f"stability-proof-shop-test-{self.home.branches['main'][:12]}"
        artifact = max((each for each in self.home.artifacts.values() if each.name == name), key=lambda each: each.id)
        content = (self.folder / "newest.zip").read_bytes()
        self.github.world.blobs[artifact.blob].content = content
        artifact.digest, artifact.size = f"sha256:{hashlib.sha256(content).hexdigest()}", len(content)

    def baseline(self) -> Run:
        """The baseline in the newest proof."""
        self.proof()
        found = proofs.opened(self.folder / "newest.zip").baseline
        assert found is not None
        return found

    def kept(self, reference: str) -> Run:
        packed = self.artifacts(f"stability-baseline-shop-test-{reference}")[-1]
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            return Run.from_json(archive.read("run.json"))


def reactions(comment: Comment) -> list[str]:
    return [each.content for each in comment.reactions]


@pytest.fixture
def scene(github: StandIn, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(github, shop, tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def broken_world(open_shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A good run, and a pull request after it that empties the cart: unstable. Made once, for every test to start from."""
    open_shop.answers = {}
    with StandIn() as github, pytest.MonkeyPatch.context() as patch:
        made = Scene(github, open_shop, tmp_path_factory.mktemp("broken"), patch)
        made.merged("Good")
        assert made.prove() == "first run"
        made.merged("Empty")
        open_shop.answers["/cart"] = (200, b"empty")
        assert made.prove() == "unstable"
        assert github.violations == []
        return github.world.model_dump_json()


@pytest.fixture
def broken(
    broken_world: str, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Scene, int]]:
    (tmp_path / "world.json").write_text(broken_world)
    shop.answers["/cart"] = (200, b"empty")
    with StandIn(state=tmp_path / "world.json") as github:
        github.state = None
        yield Scene(github, shop, tmp_path, monkeypatch), max(github.repository("ana/shop").issues)
    assert github.violations == []


def test_help_names_every_command(scene: Scene) -> None:
    comment = scene.say("/stability help", scene.merged(), by="rea")

    said = scene.reply(comment)
    assert all(f"/stability {word}" in said for word in ("explain", "rerun", "accept", "pin", "unpin", "invalidate"))
    assert reactions(comment) == ["eyes", "rocket"]
    assert scene.code == 0


def test_a_probe_is_explained_from_the_stored_proof(broken: tuple[Scene, int]) -> None:
    scene, number = broken
    before = len(scene.home.artifacts)

    comment = scene.say("Why?\n/stability explain cart", number, by="tom")

    said = scene.reply(comment)
    verdict, _ = scene.proof()
    finding = pick(verdict.findings, lambda each: each.id == "cart/body")
    assert "**regressed** `cart/body`" in said
    assert all(digest in said for digest in finding.observed)
    assert "before `full`" in said or "`full`" in said
    assert "curl" in said
    assert f"stability-proof-shop-test-{scene.home.branches['main'][:12]}" in said
    assert "health" not in said
    assert len(scene.home.artifacts) == before, "nothing was probed again"


def test_the_example_of_the_page_on_talking_back_works(broken: tuple[Scene, int]) -> None:
    scene, number = broken
    page = (Path(__file__).parents[2] / "docs" / "github" / "talking-back.md").read_text()
    (example,) = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    comment = scene.say(example, number)
    assert "was **unstable** and is **stable**" in scene.reply(comment, 1)
    assert "accepted by `wim`: `an empty cart is what the new checkout shows`" in scene.reply(comment, 2)


def test_an_unknown_probe_gets_the_nearest(broken: tuple[Scene, int]) -> None:
    scene, number = broken
    comment = scene.say("/stability explain crt", number)
    assert "the nearest is cart" in scene.reply(comment)
    assert reactions(comment) == ["eyes", "-1"]


def test_what_is_accepted_is_judged_again_at_once_and_kept(
    broken: tuple[Scene, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, number = broken
    scene.shop.answers["/cart"] = (500, b"nobody may ask now")
    requests = len(scene.github.requests)

    comment = scene.say(f"/stability accept cart/body because the cart is @new until {TOMORROW}", number, by="mia")

    said = scene.reply(comment)
    assert "is accepted" in said, said
    assert "was **unstable** and is **stable**" in said
    assert reactions(comment) == ["eyes", "rocket"]
    verdict, run = scene.proof()
    (waiver,) = verdict.waivers
    assert (waiver.finding, waiver.by, waiver.reason, waiver.until) == (
        "cart/body",
        "mia",
        "the cart is @new",
        TOMORROW,
    )
    assert waiver.source is not None
    assert waiver.source.endswith(f"#issuecomment-{comment.id}")
    assert run.accepted == (waiver,)
    assert scene.kept("last-good").accepted == (waiver,)
    assert scene.kept("last").subject.commit == scene.home.branches["main"]
    assert scene.home.statuses[-1].state == "success"
    shown = scene.verdict_comment(number)
    assert "### Waived" in shown
    assert "`the cart is @new`" in shown
    assert waiver.source in shown
    assert outputs(scene.environment)["verdict"] == "stable"
    assert len(scene.github.requests) - requests < 60


def test_the_next_run_takes_it_on_and_a_larger_effect_is_not_hidden(broken: tuple[Scene, int]) -> None:
    scene, number = broken
    scene.say("/stability accept cart because it is meant", number)

    scene.merged("Same")
    assert scene.prove() == "stable"
    verdict, run = scene.proof()
    assert [each.finding for each in run.accepted] == ["cart/body"]
    assert "cart/body" in [each.id for each in verdict.findings if each.waiver]

    scene.merged("Worse")
    scene.shop.answers["/cart"] = (200, b"somebody else's")
    assert scene.prove() == "unstable"
    verdict, _ = scene.proof()
    assert any("what was accepted of cart/body does not cover it" in rule for rule in verdict.rules)


def test_what_has_expired_is_dropped_and_said(broken: tuple[Scene, int], capsys: pytest.CaptureFixture[str]) -> None:
    scene, number = broken
    today = datetime.now(UTC).date().isoformat()
    scene.say(f"/stability accept cart because it is meant until {today}", number)
    scene.monkeypatch.setattr("bot.composing.now", lambda: f"{TOMORROW}T12:00:00.000Z")
    scene.merged("Same")

    assert scene.prove() == "unstable"

    assert f"accepted of cart/body held until {today}, and is dropped" in capsys.readouterr().out
    assert scene.proof()[1].accepted == ()


@pytest.mark.parametrize(
    ("finding", "said"),
    [
        ("cart/bdy", "the nearest is cart/body"),
        ("health", "no finding of health is for accepting"),
        ("health/status", "keeps nothing from being green"),
        ("rollback/probe", "the bot's own acts"),
    ],
)
def test_not_everything_can_be_accepted(broken: tuple[Scene, int], finding: str, said: str) -> None:
    scene, number = broken
    comment = scene.say(f"/stability accept {finding} because why not", number)
    assert said in scene.reply(comment).replace("\u2060", "")
    assert reactions(comment) == ["eyes", "-1"]
    assert scene.home.statuses[-1].state == "failure"


def test_a_waiver_is_ended_by_accepting_again_until_a_near_day(broken: tuple[Scene, int]) -> None:
    scene, number = broken
    today = datetime.now(UTC).date().isoformat()
    scene.say("/stability accept cart because it is meant", number)
    comment = scene.say(f"/stability accept cart because it was a mistake until {today}", number)
    assert f"is accepted until {today}" in scene.reply(comment)
    (waiver,) = scene.proof()[1].accepted
    assert (waiver.until, waiver.reason) == (today, "it was a mistake")


def test_a_day_that_is_over_is_refused(broken: tuple[Scene, int]) -> None:
    scene, number = broken
    comment = scene.say("/stability accept cart because it was until 2020-01-01", number)
    assert "is over already" in scene.reply(comment)


def test_a_commit_that_is_not_the_newest_is_judged_again_and_not_kept(broken: tuple[Scene, int]) -> None:
    scene, number = broken
    first = scene.home.branches["main"]
    scene.merged("Later")
    assert scene.prove() == "unstable"
    later = scene.home.branches["main"]

    comment = scene.say("/stability accept cart because it is meant", number)

    assert "A newer run is kept by now" in scene.reply(comment)
    assert scene.home.statuses[-1].sha == first
    assert scene.home.statuses[-1].state == "success"
    assert scene.kept("last").subject.commit == later
    again = scene.say("/stability rerun", number)
    assert "is not the newest commit" in scene.reply(again)


def test_a_rerun_that_waited_in_line_deploys_nothing_over_a_newer_commit(scene: Scene) -> None:
    old = scene.merged("Old")
    assert scene.prove() == "first run"
    comment = scene.home.comment(old, "/stability rerun", login="wim")
    asked_at = scene.home.branches["main"]
    scene.merged("New")
    assert scene.prove() == "stable"
    records = len(scene.home.deployments)

    scene.say("", old, comment=comment, sha=asked_at)

    assert "is not the newest commit" in scene.reply(comment)
    assert len(scene.home.deployments) == records


def test_rerun_proves_the_merge_commit_again_and_takes_on_what_was_accepted(broken: tuple[Scene, int]) -> None:
    scene, number = broken
    scene.say("/stability accept cart because it is meant", number)
    head = scene.home.issues[number].pull
    assert head is not None

    comment = scene.say("/stability rerun", number)

    assert "was proven again: **stable**" in scene.reply(comment)
    verdict, run = scene.proof()
    assert run.subject.commit == head.merge_commit_sha != head.head_sha
    assert [each.finding for each in run.accepted] == ["cart/body"]
    assert verdict.verdict == "stable"
    assert scene.code == 0


def test_a_rerun_ends_in_its_verdicts_exit_code(broken: tuple[Scene, int]) -> None:
    scene, number = broken
    comment = scene.say("/stability rerun", number)
    assert "**unstable**" in scene.reply(comment)
    assert (scene.code, reactions(comment)) == (1, ["eyes", "rocket"])


def test_several_commands_are_carried_out_in_their_order(broken: tuple[Scene, int]) -> None:
    scene, number = broken
    comment = scene.say(
        "/stability accept cart because it is meant\nand then\n/stability explain cart\n/stability explian cart", number
    )
    assert "is accepted" in scene.reply(comment, 1)
    assert "accepted by `wim`" in scene.reply(comment, 2)
    assert "The nearest is `/stability explain PROBE`" in scene.reply(comment, 3)
    assert reactions(comment) == ["eyes", "-1", "rocket"]


def test_the_same_job_run_again_does_nothing_twice(broken: tuple[Scene, int]) -> None:
    scene, number = broken
    comment = scene.say("/stability accept cart because it is meant\n/stability explain cart", number)
    comments, artifacts, statuses = len(scene.home.comments), len(scene.home.artifacts), len(scene.home.statuses)

    scene.say("", number, comment=comment)

    assert (len(scene.home.comments), len(scene.home.artifacts)) == (comments, artifacts)
    assert len(scene.home.statuses) == statuses
    assert reactions(comment) == ["eyes", "rocket"]


def test_a_reply_whose_fate_is_unknown_is_not_sent_twice(broken: tuple[Scene, int]) -> None:
    scene, number = broken
    scene.github.fail("POST", rf"/issues/{number}/comments$", after_effect=True)
    comment = scene.say("/stability explain cart", number)
    assert "regressed" in scene.reply(comment)


@pytest.mark.parametrize(
    "body", ["/stability rerun", "/stability help", "/stability explain cart", "/stability nonsense"]
)
def test_an_outsider_gets_a_reaction_and_no_word(broken: tuple[Scene, int], body: str) -> None:
    scene, number = broken
    comments, requests = len(scene.home.comments), len(scene.github.requests)

    comment = scene.say(body, number, by="mallory")

    assert reactions(comment) == ["-1"]
    assert len(scene.home.comments) == comments + 1, "the outsider's own"
    assert len(scene.github.requests) == requests + 2
    assert scene.code == 0


@pytest.mark.parametrize("by", ["mallory", "wim"])
def test_a_comment_that_was_deleted_by_then_asks_nothing(broken: tuple[Scene, int], by: str) -> None:
    scene, number = broken
    comment = scene.home.comment(number, "/stability rerun", login=by)
    records, statuses = len(scene.home.deployments), len(scene.home.statuses)

    scene.say("", number, comment=comment, deleted=True)

    assert scene.code == 0
    assert outputs(scene.environment) == {"verdict": "", "exit-code": "0"}
    assert (len(scene.home.deployments), len(scene.home.statuses)) == (records, statuses)
    assert scene.reply(comment) == ""


@pytest.mark.parametrize("by", ["rea", "tom"])
@pytest.mark.parametrize("word", ["rerun", "accept cart because x", "pin", "unpin", "invalidate abcdef0"])
def test_who_may_only_read_may_change_nothing(scene: Scene, by: str, word: str) -> None:
    comment = scene.say(f"/stability {word}", scene.merged(), by=by)
    assert "is for those who may write" in scene.reply(comment)
    assert reactions(comment) == ["eyes", "-1"]
    assert scene.home.statuses == []


@pytest.mark.parametrize(
    ("by", "association", "reacted"),
    [("ana", "OWNER", "rocket"), ("wim", "COLLABORATOR", "rocket"), ("zoe", "CONTRIBUTOR", "-1")],
)
def test_where_github_does_not_say_who_may_only_the_owner_may_write(
    scene: Scene, by: str, association: str, reacted: str
) -> None:
    number = scene.merged()
    denied = {"message": "Resource not accessible by integration", "status": "403"}
    scene.github.fail("GET", "/collaborators/", status=403, body=denied, times=9)

    comment = scene.say("/stability help", number, by=by)
    assert reactions(comment)[-1] == reacted
    pinned = scene.say("/stability rerun", number, by=by)
    if association == "COLLABORATOR":
        assert "only the repository's owner is known to" in scene.reply(pinned)
    if association == "OWNER":
        assert "for those who may write" not in scene.reply(pinned)


def test_bots_are_not_heard(scene: Scene) -> None:
    number = scene.merged()
    scene.home.collaborators["helper[bot]"] = "admin"
    robot = scene.say("/stability help", number, by="helper[bot]")
    ours = scene.say("<!-- stability-proof:v1 key=shop/test -->\n\n/stability help", number, by="ana")
    assert reactions(robot) == reactions(ours) == []


def test_a_pull_request_that_is_not_merged_is_said_to_be(scene: Scene) -> None:
    pull = scene.home.open_pull("Not yet", "")
    comment = scene.say("/stability explain cart", pull.number)
    assert "is not merged" in scene.reply(comment)


def test_a_pull_request_into_another_branch_is_not_deployed_from_here(scene: Scene) -> None:
    scene.home.commit("a release", branch="release")
    pull = scene.home.open_pull("Backport", "", base="release")
    scene.home.merge(pull.number)
    comment = scene.say("/stability rerun", pull.number)
    assert "not into the default branch" in scene.reply(comment)


def test_on_an_issue_it_is_the_pull_request_that_closed_it(scene: Scene) -> None:
    issue = scene.home.open_issue("The cart is empty")
    scene.merged("Mend", f"Fixes #{issue.number}")
    scene.prove()
    closed_by = scene.home.branches["main"]
    scene.merged("Later")
    scene.prove()

    comment = scene.say("/stability explain cart", issue.number)

    assert closed_by[:12] in scene.reply(comment)


def test_on_any_other_issue_it_is_the_newest_kept_run(scene: Scene) -> None:
    scene.merged("Good")
    scene.prove()
    issue = scene.home.open_issue("Something else")
    comment = scene.say("/stability explain cart", issue.number)
    assert scene.home.branches["main"][:12] in scene.reply(comment)


def test_without_any_run_an_issue_is_about_no_commit(scene: Scene) -> None:
    issue = scene.home.open_issue("Something else")
    comment = scene.say("/stability explain cart", issue.number)
    assert "nothing has been proven here yet" in scene.reply(comment)


def test_where_what_is_kept_cannot_be_read_nobody_is_told_that_there_is_nothing(
    broken: tuple[Scene, int], tmp_path: Path
) -> None:
    """Nor is anything written over it: what was accepted would be kept in the place of a newer run."""
    scene, number = broken
    kept = tmp_path / "kept/shop/test/last/run.json"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"{}")
    issue = scene.home.open_issue("Something else")

    asked = scene.say("/stability explain cart", issue.number, baseline=str(tmp_path / "kept"))
    accepting = scene.say("/stability accept cart because it is meant", number, baseline=str(tmp_path / "kept"))

    assert "what is kept cannot be read: the baseline last was refused" in scene.reply(asked)
    assert "nothing has been proven" not in scene.reply(asked)
    assert "what is kept cannot be read: the baseline last was refused" in scene.reply(accepting)
    assert (reactions(accepting), scene.home.statuses[-1].state) == (["eyes", "-1"], "failure")
    assert kept.read_bytes() == b"{}"


def test_where_no_proof_is_stored_that_is_said(scene: Scene) -> None:
    comment = scene.say("/stability explain cart", scene.merged())
    assert "there is no proof of" in scene.reply(comment)
    assert reactions(comment) == ["eyes", "-1"]


@pytest.mark.parametrize("damage", ["bytes", "verdict", "digest"])
def test_a_damaged_proof_is_not_spoken_from(broken: tuple[Scene, int], damage: str) -> None:
    scene, number = broken
    name = f"stability-proof-shop-test-{scene.home.branches['main'][:12]}"
    (artifact,) = [each for each in scene.home.artifacts.values() if each.name == name]
    blob = scene.github.world.blobs[artifact.blob]
    assert blob.content is not None
    if damage == "verdict":
        blob.content = _with_another_verdict(blob.content)
    else:
        blob.content = blob.content[:-40]
    if damage != "digest":
        artifact.digest, artifact.size = f"sha256:{hashlib.sha256(blob.content).hexdigest()}", len(blob.content)

    comment = scene.say("/stability explain cart\n/stability accept cart because x", number)

    wanted = {"bytes": "damaged", "verdict": "does not verify", "digest": "GitHub says"}[damage]
    assert wanted in scene.reply(comment, 1)
    assert wanted in scene.reply(comment, 2)
    assert scene.home.statuses[-1].state == "failure"


def _with_another_verdict(packed: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed)) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, data.replace(b'"unstable"', b'"stable"') if name == "verdict.json" else data)
    return made.getvalue()


def test_without_the_permission_to_answer_it_is_done_and_said_in_the_summary(
    broken: tuple[Scene, int], capsys: pytest.CaptureFixture[str]
) -> None:
    scene, number = broken
    allowed = {
        "contents": "read",
        "actions": "read",
        "statuses": "write",
        "metadata": "read",
        "pull_requests": "read",
        "issues": "read",
    }

    comment = scene.say("/stability accept cart because it is meant", number, permissions=allowed)

    assert (reactions(comment), scene.reply(comment)) == ([], "")
    assert "add `issues: write` to the job's permissions" in capsys.readouterr().out
    assert "is accepted" in Path(scene.environment["GITHUB_STEP_SUMMARY"]).read_text()
    assert scene.proof()[0].verdict == "stable"
    assert scene.home.statuses[-1].state == "success"


def test_no_text_of_a_stranger_is_markup_in_a_reply(broken: tuple[Scene, int]) -> None:
    scene, number = broken
    comment = scene.say("/stability explain @team <img src=x> [a](http://x.invalid) #1 <!-- -->", number)
    said = scene.reply(comment)
    assert re.search(r"(?<![`\u2060\w])@\w", said) is None
    assert "<img" not in said.replace("\\<img", "")
    assert "](http" not in said.replace("\\](", "")


def test_the_fallen_permission_service_lets_nobody_do_anything(scene: Scene) -> None:
    number = scene.merged()
    scene.github.fail("GET", "/collaborators/", status=502, times=20)
    with pytest.raises(clients.GitHubError):
        scene.say("/stability rerun", number, by="ana")
    assert scene.home.statuses == []
    assert json.dumps([each.body for each in scene.home.comments.values()]).count("reply=") == 0


can_pin = pytest.mark.skipif(not hasattr(ArtifactStore, "pin"), reason="no store can be pinned yet")


@can_pin
def test_a_pinned_baseline_stays_until_it_is_unpinned(broken: tuple[Scene, int]) -> None:
    scene, number = broken
    good = scene.home.commits[scene.home.branches["main"]].parents[0]

    pinned = scene.say("/stability pin", number)
    assert scene.reply(pinned).split("\n", 2)[2].startswith(f"Pinned. From now on runs are compared with `{good}`")
    scene.shop.answers["/cart"] = (200, b"full")
    scene.merged("Mended")
    assert scene.prove() == "stable"
    scene.merged("Next")
    assert scene.prove() == "stable"
    assert str(scene.baseline().subject.commit) == good

    unpinned = scene.say("/stability unpin", number)
    assert f"From now on runs are compared with `{scene.home.branches['main']}`" in scene.reply(unpinned)
    again = scene.say("/stability unpin", number)
    assert reactions(again) == ["eyes", "-1"]


@can_pin
def test_an_invalidated_baseline_is_not_compared_with(broken: tuple[Scene, int]) -> None:
    scene, number = broken
    good = scene.home.commits[scene.home.branches["main"]].parents[0]

    comment = scene.say(f"/stability invalidate {good[:9]} because it lied", number)

    assert f"`{good[:12]}` is not compared with any more." in scene.reply(comment)
    assert f"compared with `{good}`" not in scene.reply(comment)
    assert reactions(comment) == ["eyes", "rocket"]


def test_a_commit_that_nobody_knows_is_not_invalidated(broken: tuple[Scene, int]) -> None:
    scene, number = broken
    comment = scene.say("/stability invalidate 0123456789", number)
    assert reactions(comment) == ["eyes", "-1"]


def test_what_was_rolled_back_is_accepted_and_said_not_to_serve(broken: tuple[Scene, int]) -> None:
    scene, number = broken
    _, run = scene.proof()
    serves = Check(id="previous revision serves", ok=True, expected="shop-1", actual="shop-1")
    rollback = Observation(probe="rollback", kind="rollback", title="Rollback", state="measured", checks=(serves,))
    seen = tuple(each for each in run.observations if each.probe != "rollback")
    scene.replace_proof(run.model_copy(update={"observations": (*seen, rollback)}))

    comment = scene.say("/stability accept cart because it is meant", number)

    said = scene.reply(comment)
    assert "is **inconclusive**" in said
    assert "This commit was rolled back, and does not serve: `/stability rerun` deploys it again" in said
    assert scene.home.statuses[-1].state == "error"
    assert "stable" not in [each.verdict for each in [scene.proof()[0]]]
    again = scene.say("/stability rerun", number)
    assert "was proven again: **stable**" in scene.reply(again)


@pytest.mark.skipif("said" not in Activity.__dataclass_fields__, reason="comments do not start the action yet")
def test_the_action_itself_hears_a_comment(broken: tuple[Scene, int]) -> None:
    scene, number = broken
    comment = scene.home.comment(number, "/stability accept cart because it is meant", login="wim")
    name = "issue_comment_created_on_pull_request"
    scene.job(events.load(name, scene.github, scene.home, number=number, comment=comment))
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("GITHUB_", "INPUT_", "ACTIONS_"))}

    ended = subprocess.run(
        [sys.executable, "-m", "bot.action"],
        env={**kept, **scene.environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )

    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout + ended.stderr
    assert "was **unstable** and is **stable**" in scene.reply(comment)
    assert outputs(scene.environment)["verdict"] == "stable"
