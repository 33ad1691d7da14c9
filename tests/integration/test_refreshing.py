"""Which revision a refresh measures: the one that users have, as far as is known, and not the newest."""

from pathlib import Path

import pytest

from bot.baseline.shelf import Shelf
from bot.baseline.store import Store
from bot.github.environment import Environment
from bot.github.event import Activity
from bot.model.errors import GitHubError
from bot.model.mark import Mark
from bot.stages.ground import Ground
from bot.stages.kinds import keeping
from bot.stages.refreshing import upon_what_serves
from tests import events
from tests.github_stand_in import Repository, StandIn
from tests.github_stand_in.runner import runner_environment
from tests.integration.jobs import SPEC
from tests.unit.samples import run, subject

DEPLOYS = SPEC.replace('{{url: {{url: "{url}"}}}}', '{{process: {{command: "serve {{port}}"}}}}')
MARK = Mark(by="ana", reason="slow", at="2026-02-02T03:04:05.000Z", source="https://example.invalid/1")


@pytest.fixture
def home(github: StandIn) -> Repository:
    made = github.repository("example/shop")
    made.commit("the first")
    return made


class Night:
    """What is kept by the time of the appointed hour, and the job that begins then."""

    def __init__(self, github: StandIn, home: Repository, folder: Path, baseline: str | None = None) -> None:
        self.github, self.home, self.folder = github, home, folder
        self.baseline = baseline or str(folder / "kept")
        self.jobs = 0
        self.store: Shelf
        self.first = self.tip = home.branches["main"]

    def falls(self) -> "Night":
        """The first commit was deployed and is good, and there is a second."""
        self.keep(self.first, "stable", 1)
        self.tip = self.home.commit("the second")
        return self

    def ground(self, spec: str = DEPLOYS, **inputs: str) -> Ground:
        """The surroundings of a refresh of the default branch's newest commit."""
        self.jobs += 1
        event = events.load("schedule", self.github, self.home)
        given = runner_environment(
            self.github, event, self.folder / str(self.jobs), inputs={"baseline": self.baseline, **inputs}
        )
        place = Path(given["GITHUB_WORKSPACE"])
        (place / "stability.yml").write_text(spec.format(url="http://127.0.0.1:9", status=200))
        environment = Environment.from_environ(given | {"INPUT_WORKING-DIRECTORY": str(place)})
        tip = self.home.branches["main"]
        return Ground(environment, Activity(tip, "at the appointed time", kind="refresh"), tip)

    def keep(self, commit: str, verdict: str, minute: int, store: Store | None = None) -> None:
        self.store = self.ground().store()  # a deploy is a job of its own, and so are its artifacts
        at = f"2026-01-02T03:{minute:02}:00.000Z"
        of = subject(commit[:7], commit=commit, service="shop", environment="test")
        (store or self.store).save(run(subject=of, started=at, finished=at), verdict, Path())

    def measured(self, spec: str = DEPLOYS, **inputs: str) -> str:
        return upon_what_serves(self.ground(spec, **inputs)).commit


@pytest.fixture
def night(github: StandIn, home: Repository, tmp_path: Path) -> Night:
    return Night(github, home, tmp_path).falls()


@pytest.mark.parametrize(("verdict", "baseline"), [("unstable", "artifact"), ("inconclusive", "branch")])
def test_a_commit_that_was_rolled_back_or_got_no_users_is_not_measured_into_a_baseline(
    github: StandIn, home: Repository, tmp_path: Path, verdict: str, baseline: str
) -> None:
    night = Night(github, home, tmp_path, baseline).falls()
    night.keep(night.tip, verdict, 2)
    made = upon_what_serves(night.ground())
    assert (made.commit, made.asked.commit, made.asked.kind) == (night.first, night.first, "refresh")
    assert made.head == night.tip, "what is trusted comes from the default branch as it is now"
    assert f"{night.tip[:12]} is newer and has no good run" in made.asked.reason


def test_night_after_night_it_is_the_same_commit(night: Night) -> None:
    night.keep(night.tip, "unstable", 2)
    for number in range(8):
        night.keep(night.measured(), "stable", 3 + number)
    assert night.measured() == night.first


@pytest.mark.parametrize("verdict", ["stable", "unstable"])
def test_the_last_deploy_stays_the_last_though_an_older_commit_is_measured_again(night: Night, verdict: str) -> None:
    """What maintainers accept of it the day after is kept, and the next verdict says what it has mended."""
    night.keep(night.tip, "unstable", 2)
    store = keeping(night.ground().store(), Activity(night.first, "at the appointed time", kind="refresh"))
    night.keep(night.first, verdict, 3, store)
    last, _ = night.store.last()
    good = night.store.good()
    assert last is not None
    assert good is not None
    assert last.subject.commit == night.tip
    assert (good.subject.commit, good.started[14:16]) == (night.first, "03" if verdict == "stable" else "01")


@pytest.mark.parametrize("verdict", ["stable", "unstable"])
def test_where_it_is_of_the_last_deploy_it_is_the_last_run(night: Night, verdict: str) -> None:
    store = keeping(night.ground().store(), Activity(night.first, "at the appointed time", kind="refresh"))
    night.keep(night.first, verdict, 3, store)
    last, _ = night.store.last()
    assert last is not None
    assert last.started[14:16] == "03"


def test_a_commit_that_was_never_deployed_is_not_what_users_have(night: Night) -> None:
    assert night.measured() == night.first


def test_the_newest_commit_is_measured_where_it_is_the_good_one(night: Night) -> None:
    night.keep(night.tip, "stable", 2)
    ground = night.ground()
    assert upon_what_serves(ground) is ground


def test_what_is_pinned_is_compared_with_and_is_not_what_serves(night: Night) -> None:
    night.store.pin(MARK)
    night.keep(night.tip, "stable", 2)
    night.home.commit("the third")
    assert night.measured() == night.tip


def test_what_was_invalidated_is_refreshed_no_more(night: Night) -> None:
    night.keep(night.tip, "stable", 2)
    night.ground().store().invalidate(night.tip, MARK)
    assert night.measured() == night.first


def test_behind_an_address_it_is_whatever_is_up(night: Night) -> None:
    """Nothing is deployed there, so that nothing else could be measured: whoever deploys it may have moved on."""
    assert night.measured(SPEC) == night.tip


def test_what_the_workflow_names_is_measured(night: Night) -> None:
    assert night.measured(commit=night.tip) == night.tip


def test_where_nothing_good_is_kept_the_newest_commit_is_measured(
    github: StandIn, home: Repository, tmp_path: Path
) -> None:
    ground = Night(github, home, tmp_path).ground()
    assert upon_what_serves(ground) is ground


@pytest.mark.parametrize("which", ["marks", "runs"])
def test_where_it_cannot_be_seen_nothing_is_measured(night: Night, monkeypatch: pytest.MonkeyPatch, which: str) -> None:
    """What can be read a moment later would make the newest commit a baseline that nobody has."""
    night.keep(night.tip, "unstable", 2)

    def unreachable(*_given: object, **_named: object) -> object:
        raise GitHubError("out of reach")

    ground = night.ground()
    store: Shelf = ground.store()
    monkeypatch.setattr(store, which, unreachable)
    monkeypatch.setattr(ground, "store", lambda: store)
    with pytest.raises(GitHubError, match="which revision serves cannot be seen: out of reach"):
        upon_what_serves(ground)


def test_a_run_that_names_no_full_commit_leads_nowhere(night: Night) -> None:
    night.keep("main", "stable", 3)
    assert night.measured() == night.tip
