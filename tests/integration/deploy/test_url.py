"""A URL that is up already: named, never touched, and nothing there to roll back."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from bot.deploy.registry import TARGETS
from bot.deploy.url import UrlTarget
from bot.model.errors import DeployError
from tests.integration.deploy import ground as lie
from tests.integration.deploy.ground import Ground, name


def url_target(**keys: object) -> UrlTarget:
    return UrlTarget.model_validate({"url": "https://shop.example", **keys})


async def test_what_is_up_is_the_candidate_and_its_commit_is_named_in_full(ground: Ground) -> None:
    commit = ground.commit(lie.SERVES)

    async with url_target().open(ground.context()) as deployer:
        assert await deployer.previous(commit) is None
        deployed = await deployer.deploy("HEAD")
        assert await deployer.rollback() is None
        await deployer.settle()

    assert (deployed.subject.revision, deployed.subject.commit) == (name(commit), commit)
    assert deployed.public_url == deployed.subject.url == "https://shop.example"
    assert deployed.observation.state == "measured"
    assert any("nothing here to roll back" in line for line in ground.logged)
    assert not ground.state.exists()


async def test_a_baseline_that_still_answers_is_the_previous_revision(ground: Ground) -> None:
    keys = {"revision": "shop-7", "baseline": "https://old.example", "baseline_revision": "shop-6"}

    async with url_target(**keys).open(ground.context()) as deployer:
        previous = await deployer.previous(None)
        deployed = await deployer.deploy(None)

    assert previous is not None
    assert (previous.subject.revision, previous.subject.url) == ("shop-6", "https://old.example")
    assert (deployed.subject.revision, deployed.subject.commit) == ("shop-7", None)


async def test_a_commit_that_nobody_here_knows_is_not_claimed(ground: Ground, tmp_path: Path) -> None:
    async with url_target().open(ground.context(repository=tmp_path)) as deployer:
        assert (await deployer.deploy("HEAD")).subject.commit is None
        assert (await deployer.deploy("a" * 40)).subject.commit == "a" * 40


@pytest.mark.parametrize("url", ["shop.example", "ftp://shop.example", "https://", "", "https://a b", "https://a?b=c"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        url_target(url=url)


@pytest.mark.parametrize(
    "host", ["*.com", "*", "https://a.example", "a.example/x", "a b.example", "", "a.*.example", "a@b"]
)
def test_what_is_no_host_of_somebodys_own_is_refused(host: str) -> None:
    with pytest.raises(ValidationError, match="not a host such as"):
        url_target(hosts=[host])


@pytest.mark.parametrize("key", ["url", "baseline"])
def test_an_address_that_holds_a_password_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(ValidationError, match="would be in every report") as refused:
        url_target(**{key: "https://ana:hunter2@shop.example"})

    assert "hunter2" not in refused.value.errors(include_input=False)[0]["msg"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:80", "https://[::1]:8000/", "https://shop.example/a/b@c"])
def test_an_address_may_have_a_port_and_a_path(url: str) -> None:
    assert url_target(url=url).url == url


def test_the_targets_are_known_by_their_keys() -> None:
    assert {key: target.kind for key, target in TARGETS.items()} == {key: key for key in TARGETS}
    assert {"process", "url"} <= set(TARGETS)


async def test_the_traffic_of_what_is_up_already_is_somebody_elses(ground: Ground) -> None:
    async with url_target(revision="shop-7", baseline="https://old.example").open(ground.context()) as deployer:
        await deployer.deploy(None)

        assert not deployer.abilities.shadow
        assert not deployer.abilities.splits
        assert await deployer.traffic() == {"shop-7": 100}
        assert (await deployer.urls()).previous == "https://old.example"
        await deployer.promote(100)
        with pytest.raises(DeployError, match="cannot be shared out"):
            await deployer.promote(10)
