"""Artifacts go up in blocks and come down again whole, or are refused with the reason."""

import io
import zipfile

import pytest

from bot.github import artifacts as module
from bot.github import trust
from bot.github.artifacts import Artifacts
from bot.github.client import Client, Denied
from bot.github.trust import Home
from bot.github.uploads import BLOCK
from bot.model import digest
from bot.model.errors import GitHubError
from tests.github_stand_in import Limits, Repository, StandIn
from tests.github_stand_in.state import WorkflowRun
from tests.integration.servers import unused_url

NAME = "stability-baseline-chat-staging-last"
WORKFLOW = ".github/workflows/stability.yml"


@pytest.fixture
def home(github: StandIn) -> Repository:
    return github.repository("octo/chat")


@pytest.fixture
def masked() -> list[str]:
    return []


@pytest.fixture
def shelf(github: StandIn, home: Repository, masked: list[str]) -> Artifacts:
    return seen_from(github, home, home.workflow_run(), masked)


def seen_from(github: StandIn, home: Repository, run: WorkflowRun, masked: list[str] | None = None) -> Artifacts:
    client = Client(github.url, github.token(home.full_name), home.full_name, patience=5.0)
    place = Home(home.id, "main", WORKFLOW, home.branches["main"])
    mask = (masked if masked is not None else []).append
    return Artifacts(client, lambda: place, run.token, github.results_url, mask=mask)


def packed(content: bytes, entry: str = "run.json") -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(entry), content)
    return made.getvalue()


def test_more_than_a_block_goes_up_in_blocks_and_comes_down_the_same(github: StandIn, shelf: Artifacts) -> None:
    data = packed(b"x" * (BLOCK + 1000))
    shelf.upload(NAME, data)
    found, refused = shelf.newest_trusted(NAME)
    assert (found == data, refused) == (True, ())
    blocks = [each for each in github.requests if each.method == "PUT" and "comp=block&" in each.query]
    assert len(blocks) == 2


def test_the_newest_of_a_name_is_taken(github: StandIn, home: Repository) -> None:
    for word in (b"old", b"new"):
        seen_from(github, home, home.workflow_run()).upload(NAME, packed(word))
    found, _ = seen_from(github, home, home.workflow_run()).newest_trusted(NAME)
    assert found == packed(b"new")


def test_another_name_is_another_artifact(shelf: Artifacts) -> None:
    shelf.upload(NAME + "-good", packed(b"one"))
    assert shelf.newest_trusted(NAME) == (None, ())


def test_one_of_the_same_run_is_replaced(github: StandIn, home: Repository, shelf: Artifacts) -> None:
    for word in (b"one", b"two"):
        shelf.upload(NAME, packed(word))
    assert [each.deleted for each in home.artifacts.values()] == [True, False]
    assert [each.status for each in github.requests if each.path.endswith("CreateArtifact")] == [200, 409, 200]


def test_no_token_goes_to_the_blob_store_and_every_signature_is_masked(
    github: StandIn, shelf: Artifacts, masked: list[str]
) -> None:
    """Trap 11: an artifact is behind a redirect to another host, which is not to have the token."""
    shelf.upload(NAME, packed(b"one"))
    shelf.newest_trusted(NAME)
    blobs = [each for each in github.requests if each.path.startswith("/blobs/")]
    assert {each.method for each in blobs} == {"PUT", "GET"}
    assert not [each for each in blobs if "authorization" in each.headers]
    signatures = {part.removeprefix("sig=") for each in blobs for part in each.query.split("&") if part[:4] == "sig="}
    assert len(signatures) == 2
    assert signatures <= set(masked)


def test_one_that_has_expired_is_refused(github: StandIn, home: Repository, shelf: Artifacts) -> None:
    home.upload(home.workflow_run(), NAME, {"run.json": b"{}"}, days=-1)
    found, refused = shelf.newest_trusted(NAME)
    assert found is None
    assert "it has expired" in refused[0]
    assert github.count("GET", "/zip$") == 0


def test_bytes_that_are_not_those_that_github_knows_are_refused(
    github: StandIn, home: Repository, shelf: Artifacts
) -> None:
    made = home.upload(home.workflow_run(), NAME, {"run.json": b"{}"})
    github.world.blobs[made.blob].content = packed(b"tampered")
    found, refused = shelf.newest_trusted(NAME)
    assert found is None
    assert digest(packed(b"tampered")) in refused[0]


def test_an_older_one_is_taken_where_the_newer_ones_are_refused_and_it_says_which(
    github: StandIn, home: Repository, shelf: Artifacts
) -> None:
    shelf.upload(NAME, packed(b"ours"))
    github.repository("mallory/chat", fork_of="octo/chat")
    theirs = home.upload(
        home.workflow_run(event="pull_request", head_repository="mallory/chat"), NAME, {"run.json": b"{}"}
    )
    found, refused = shelf.newest_trusted(NAME)
    assert found == packed(b"ours")
    assert refused == (f"the artifact {NAME} #{theirs.id} was refused: it comes from a fork",)


def test_one_of_a_commit_that_was_pushed_away_is_refused(home: Repository, shelf: Artifacts) -> None:
    first = home.branches["main"]
    gone = home.commit("gone", branch="elsewhere", parents=[first])
    home.upload(home.workflow_run(head_sha=gone), NAME, {"run.json": b"{}"})
    home.commit("instead")
    found, refused = shelf.newest_trusted(NAME)
    assert found is None
    assert "no ancestor" in refused[0]


def test_one_of_a_commit_that_github_no_longer_has_is_refused_and_the_next_is_looked_at(
    github: StandIn, home: Repository, shelf: Artifacts
) -> None:
    shelf.upload(NAME, packed(b"ours"))
    home.upload(home.workflow_run(head_sha=home.commit("x")), NAME, {"run.json": b"{}"})
    github.fail("GET", "/compare/", status=404, body={"message": "Not Found", "documentation_url": "", "status": "404"})
    found, refused = shelf.newest_trusted(NAME)
    assert found == packed(b"ours")
    assert "not there any more" in refused[0]


def test_one_larger_than_a_baseline_can_be_is_not_loaded(
    monkeypatch: pytest.MonkeyPatch, home: Repository, shelf: Artifacts
) -> None:
    made = home.upload(home.workflow_run(), NAME, {"run.json": b"x" * 100})
    for each in (module, trust):
        monkeypatch.setattr(each, "LARGEST", made.size - 1)
    assert "too large" in shelf.newest_trusted(NAME)[1][0]
    made.size = 1  # what it says of itself is not what it is
    with pytest.raises(GitHubError, match="larger than"):
        shelf.newest_trusted(NAME)


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "CreateArtifact$"), ("POST", "FinalizeArtifact$"), ("PUT", "/blobs/")]
)
@pytest.mark.parametrize("drop", [True, False])
def test_an_upload_outlives_one_failure(github: StandIn, shelf: Artifacts, method: str, path: str, drop: bool) -> None:
    github.fail(method, path, status=None if drop else 503, drop=drop)
    shelf.upload(NAME, packed(b"one"))
    assert shelf.newest_trusted(NAME)[0] == packed(b"one")


def test_an_upload_whose_creation_was_done_though_it_failed_is_made_again(
    github: StandIn, home: Repository, shelf: Artifacts
) -> None:
    github.fail("POST", "CreateArtifact$", after_effect=True, status=503)
    shelf.upload(NAME, packed(b"one"))
    assert [each.final for each in home.artifacts.values() if not each.deleted] == [True]


def test_a_download_outlives_one_failure(github: StandIn, shelf: Artifacts) -> None:
    shelf.upload(NAME, packed(b"one"))
    github.fail("GET", "/zip$")
    github.fail("GET", "/blobs/", status=503)
    assert shelf.newest_trusted(NAME)[0] == packed(b"one")


def test_a_signature_that_ran_out_is_an_error() -> None:
    with StandIn(limits=Limits(blob_seconds=-1)) as github:
        home = github.repository("octo/chat")
        shelf = seen_from(github, home, home.workflow_run())
        shelf.upload(NAME, packed(b"one"))
        with pytest.raises(GitHubError, match="403"):
            shelf.newest_trusted(NAME)
        assert github.violations == []


def test_a_job_without_an_artifact_service_says_so(github: StandIn, home: Repository) -> None:
    client = Client(github.url, github.token(home.full_name), home.full_name)
    for token, url in ((None, github.results_url), ("a.b.c", None), ("a.b.c", github.results_url)):
        with pytest.raises(GitHubError, match=r"artifact service|names no place"):
            Artifacts(client, lambda: Home(1, "main", "", ""), token, url).upload(NAME, b"x")


def test_a_token_that_the_service_does_not_take_is_one_error(github: StandIn, home: Repository) -> None:
    run = home.workflow_run()
    shelf = seen_from(github, home, run)
    shelf.runtime_token = run.token + "x"
    with pytest.raises(GitHubError, match="401"):
        shelf.upload(NAME, packed(b"one"))


def test_a_service_that_cannot_be_reached_is_one_error_without_the_token(home: Repository, shelf: Artifacts) -> None:
    shelf.results_url = unused_url() + "/"
    with pytest.raises(GitHubError, match="cannot be reached") as caught:
        shelf.upload(NAME, packed(b"one"))
    assert (shelf.runtime_token or "-") not in str(caught.value)
    assert home.artifacts == {}


def test_an_answer_that_is_not_the_services_is_one_error(github: StandIn, shelf: Artifacts) -> None:
    github.fail("POST", "CreateArtifact$", status=200, body=["not", "an", "object"])
    with pytest.raises(GitHubError):
        shelf.upload(NAME, packed(b"one"))


@pytest.mark.parametrize(
    ("status", "words"), [(404, "it answers 404"), (501, "it answers 501"), (503, None), (200, None)]
)
def test_a_service_that_is_not_there_is_told_from_one_that_is_down(
    github: StandIn, shelf: Artifacts, status: int, words: str | None
) -> None:
    assert shelf.missing() is None
    github.fail("POST", "ListArtifacts$", status=status, body={"code": "bad_route"})
    assert shelf.missing() == words
    github.fail("POST", "ListArtifacts$", drop=True)
    assert shelf.missing() is None
    shelf.results_url = None
    assert "ACTIONS_RESULTS_URL" in (shelf.missing() or "")


def test_a_token_that_may_see_artifacts_and_fetch_none_is_told_the_permission(github: StandIn) -> None:
    """So it is in a public repository: any token lists them."""
    home = github.repository("octo/chat")
    home.upload(home.workflow_run(), "kept", {"run.json": b"{}"})
    client = Client(github.url, github.token(home.full_name, {"contents": "read"}), home.full_name)
    place = Home(home.id, "main", WORKFLOW, home.branches["main"])
    with pytest.raises(Denied, match="add `actions: read`"):
        Artifacts(client, lambda: place, None, None).newest_trusted("kept")
