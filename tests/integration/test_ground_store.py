"""Which store the input `baseline` means, on GitHub and where there is no artifact service."""

import dataclasses
from pathlib import Path

import pytest

from bot.baseline.artifact import ArtifactStore
from bot.baseline.branch import BranchStore
from bot.baseline.directory import DirectoryStore
from bot.github.environment import Environment
from bot.github.event import Activity
from bot.model.errors import GitHubError, UsageError
from bot.stages.ground import GITHUBS_OWN, Ground
from tests import events
from tests.github_stand_in import Repository, StandIn
from tests.github_stand_in.runner import runner_environment
from tests.integration.jobs import SPEC


@pytest.fixture
def home(github: StandIn) -> Repository:
    return github.repository("example/shop")


def ground(github: StandIn, home: Repository, folder: Path, variables: dict[str, str], **inputs: str) -> Ground:
    given = runner_environment(github, events.load("push", github, home), folder, inputs=inputs) | variables
    place = Path(given["GITHUB_WORKSPACE"])
    (place / "stability.yml").write_text(SPEC.format(url="http://127.0.0.1:9", status=200))
    environment = Environment.from_environ(given | {"INPUT_WORKING-DIRECTORY": str(place)})
    return Ground(environment, Activity(home.branches["main"], "pushed"), home.branches["main"])


@pytest.mark.parametrize(
    ("baseline", "kind"),
    [
        ("artifact", ArtifactStore),
        ("branch", BranchStore),
        ("branch:a/b", BranchStore),
        ("./branch", DirectoryStore),
        ("kept:here", DirectoryStore),
    ],
)
def test_what_the_input_means(
    github: StandIn, home: Repository, tmp_path: Path, baseline: str, kind: type[object]
) -> None:
    assert type(ground(github, home, tmp_path, {}, baseline=baseline).store()) is kind


def test_on_githubs_own_servers_the_service_is_not_asked_for(github: StandIn, home: Repository, tmp_path: Path) -> None:
    made = ground(github, home, tmp_path, {"GITHUB_SERVER_URL": "https://github.com"})
    assert type(made.store()) is ArtifactStore
    assert github.requests == []


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("https://github.com", True),
        ("https://octo.ghe.com", True),
        ("https://github.example.com", False),
        ("https://github.com.example.net", False),
        ("https://ghe.com.example.net", False),
        ("http://github.com", False),
    ],
)
def test_which_servers_are_githubs_own(url: str, own: bool) -> None:
    assert bool(GITHUBS_OWN.fullmatch(url)) is own


def test_where_the_service_is_missing_one_line_says_so(
    github: StandIn, home: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    github.fail("POST", "ListArtifacts$", status=404, body={})
    assert type(ground(github, home, tmp_path, {}).store()) is BranchStore
    said = capsys.readouterr().out
    assert said.count("There is no artifact service here (it answers 404)") == 1
    assert "`contents: write`" in said


@pytest.mark.parametrize("baseline", ["artifact", "branch"])
def test_without_a_token_there_is_none_in_github(
    github: StandIn, home: Repository, tmp_path: Path, baseline: str
) -> None:
    with pytest.raises(GitHubError, match="give `github-token`"):
        ground(github, home, tmp_path, {"INPUT_GITHUB-TOKEN": ""}, baseline=baseline).store()


@pytest.mark.parametrize("environment", ["../../etc", "a/b", "x" * 64])
def test_an_environment_that_is_no_name_leads_nowhere(
    github: StandIn, home: Repository, tmp_path: Path, environment: str
) -> None:
    with pytest.raises(UsageError, match="it is a name of letters"):
        ground(github, home, tmp_path, {}, environment=environment, baseline="kept").store()


def test_the_proofs_of_two_targets_whose_names_join_alike_have_two_names(
    github: StandIn, home: Repository, tmp_path: Path
) -> None:
    shop = ground(github, home, tmp_path / "1", {}, environment="a-test")
    made = {shop.proof_name()}
    shop.spec = dataclasses.replace(shop.spec, service="shop-a", environment="test")
    made.add(shop.proof_name())
    commit = home.branches["main"][:12]
    assert made == {f"stability-proof-shop@a-test-{commit}", f"stability-proof-shop-a@test-{commit}"}
