"""Cloud Run from end to end: in shadow, in steps, back, and accepted; real processes behind a stand-in for Google's API."""

import asyncio
import json
import os
import shutil
import subprocess
from collections import Counter

import pytest

from bot.deploy.cloud_run.note import FOLLOWS, KEY
from bot.model.errors import DeployError
from tests.cloud_run_stand_in.fixtures import COMMIT, PATH, Ground, ask, ground
from tests.cloud_run_stand_in.stand_in import TOKEN

__all__ = ["ground"]


def served(url: str, times: int = 200) -> Counter[str]:
    return Counter(ask(url) for _ in range(times))


async def test_a_candidate_gets_an_address_and_no_traffic_and_so_does_the_one_before(ground: Ground) -> None:
    old = ground.stable()

    async with ground.target().open(ground.context()) as deployer:
        intent = await deployer.plan(COMMIT)
        previous = await deployer.previous(None)
        deployed = await deployer.deploy(COMMIT)
        urls = await deployer.urls()
        new = deployed.subject.revision

        assert (intent.candidate, intent.serving) == (new, old)
        assert previous is not None
        assert (previous.subject.revision, previous.subject.url) == (old, urls.previous)
        assert previous.observation.state == deployed.observation.state == "measured"
        assert (deployed.subject.commit, deployed.subject.url) == (COMMIT, urls.candidate)
        assert all(check.ok for check in deployed.observation.checks)
        assert [check.id for check in deployed.observation.checks] == [
            "reconciled",
            "observed",
            "condition",
            "newest ready",
            "traffic",
        ]
        assert urls.candidate is not None
        assert urls.previous is not None
        assert (ask(urls.candidate), ask(urls.previous)) == (new, old)
        assert served(urls.public, 40) == {old: 40}
        assert await deployer.traffic() == {old: 100}


async def test_steps_move_the_traffic_as_much_as_they_say_and_accepting_ends_as_it_was_found(ground: Ground) -> None:
    old = ground.stable()

    async with ground.target().open(ground.context()) as deployer:
        await deployer.previous(None)
        new = (await deployer.deploy(COMMIT)).subject.revision
        public = (await deployer.urls()).public

        await deployer.promote(10)
        assert await deployer.traffic() == {new: 10, old: 90}
        assert 4 <= served(public)[new] <= 40  # of 200 by chance; the odds against are one in thousands
        await deployer.promote(50)
        assert 70 <= served(public)[new] <= 130
        await deployer.promote(100)
        assert served(public, 40) == {new: 40}
        await deployer.settle()
        assert await deployer.cleanup() == [f"the tag sp-new of {new}", f"the tag sp-old of {old}"]

    service = ground.service()
    assert service["traffic"] == [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}]
    assert ground.shares() == {new: 100}
    assert ground.tags() == {}
    assert not set(ground.marks()) & {KEY, FOLLOWS}


async def test_a_rollback_gives_all_back_and_pins_it(ground: Ground) -> None:
    old = ground.stable()

    async with ground.target().open(ground.context()) as deployer:
        await deployer.previous(None)
        new = (await deployer.deploy(COMMIT)).subject.revision
        await deployer.promote(50)
        restored = await deployer.rollback()
        public = (await deployer.urls()).public

        assert restored is not None
        assert (restored.subject.revision, restored.observation.state) == (old, "measured")
        assert served(public, 30) == {old: 30}
        assert ground.tags() == {"sp-new": new, "sp-old": old}
        assert await deployer.cleanup()

    assert ground.shares() == {old: 100}
    assert ground.service()["latestCreatedRevision"].endswith(new)
    assert ground.marks() == {FOLLOWS: old}

    async with ground.target().open(ground.context()) as deployer:  # the next one that is accepted follows again
        await deployer.deploy("b" * 40)
        await deployer.settle()
    assert ground.service()["traffic"] == [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}]
    assert ground.marks() == {}


async def test_a_rehearsed_rollback_brings_the_same_revision_up_again(ground: Ground) -> None:
    old = ground.stable()

    async with ground.target().open(ground.context()) as deployer:
        await deployer.previous(None)
        new = (await deployer.deploy(COMMIT)).subject.revision
        await deployer.promote(100)
        await deployer.rollback()
        again = await deployer.deploy(COMMIT)

        assert (again.subject.revision, again.observation.state) == (new, "measured")
        assert await deployer.traffic() == {old: 100}
        await deployer.promote(100)
        await deployer.settle()

    assert ground.shares() == {new: 100}
    assert ground.service()["traffic"] == [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}]
    assert ground.marks() == {}


async def test_leaving_without_a_verdict_gives_all_back(ground: Ground) -> None:
    old = ground.stable()

    async def falls_over() -> None:
        async with ground.target().open(ground.context()) as deployer:
            await deployer.deploy(COMMIT)
            await deployer.promote(100)
            raise RuntimeError("the bot fell over")

    with pytest.raises(RuntimeError, match="the bot fell over"):
        await falls_over()

    assert ground.shares() == {old: 100}
    assert (ground.tags(), set(ground.marks())) == ({}, {FOLLOWS})


async def test_a_pinned_service_is_seen_and_its_new_revision_gets_the_traffic_all_the_same(ground: Ground) -> None:
    old = ground.stable()
    by_name = {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": old, "percent": 100}
    ground.others_deploy("shop-00002-lost", "template,traffic", traffic=[by_name])
    assert ground.shares() == {old: 100}  # the silent accident: healthy, and nobody is on the new one

    async with ground.target().open(ground.context()) as deployer:
        intent = await deployer.plan(COMMIT)
        assert intent.serving == old
        assert any("pinned to shop-00001-old" in line for line in intent.lines)
        new = (await deployer.deploy(COMMIT)).subject.revision
        await deployer.settle()
        assert await deployer.traffic() == {new: 100}

    [share] = ground.service()["traffic"]
    assert share == {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": new, "percent": 100}


async def test_shares_among_several_revisions_come_back_as_they_were(ground: Ground) -> None:
    first = ground.stable()
    parts = [(first, 70), ("shop-00002-two", 30)]
    kind = {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"}
    split = [kind | {"revision": name, "percent": percent} for name, percent in parts]
    theirs = kind | {"revision": first, "tag": "keep"}
    ground.others_deploy("shop-00002-two", "template,traffic", traffic=[*split, theirs])

    async with ground.target().open(ground.context()) as deployer:
        previous = await deployer.previous(None)
        assert previous is not None
        assert previous.subject.revision == first
        new = (await deployer.deploy(COMMIT)).subject.revision
        await deployer.promote(50)
        assert await deployer.traffic() == {new: 50, first: 35, "shop-00002-two": 15}
        await deployer.rollback()
        assert await deployer.traffic() == dict(parts)

    assert (ground.shares(), ground.tags()) == (dict(parts), {"keep": first})
    assert ground.marks() == {}


async def test_a_tag_left_from_before_is_said_and_moved(ground: Ground) -> None:
    old = ground.stable()
    kind = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
    left = [{"type": kind, "revision": old, "percent": 100}, {"type": kind, "revision": old, "tag": "sp-new"}]
    ground.others_deploy("shop-00002-x", "template,traffic", traffic=left)

    async with ground.target().open(ground.context()) as deployer:
        assert any("sp-new is left on shop-00001-old" in line for line in (await deployer.plan(COMMIT)).lines)
        new = (await deployer.deploy(COMMIT)).subject.revision
        url = (await deployer.urls()).candidate
        assert url is not None
        assert ask(url) == new


async def test_a_first_deploy_creates_the_service(ground: Ground) -> None:
    async with ground.target(env={"COLOUR": "{commit}"}).open(ground.context()) as deployer:
        intent = await deployer.plan(COMMIT)
        assert intent.serving is None
        assert any("created" in line for line in intent.lines)
        assert await deployer.previous(None) is None
        deployed = await deployer.deploy(COMMIT)
        assert deployed.observation.state == "measured"
        assert ask(deployed.public_url) == deployed.subject.revision
        assert await deployer.rollback() is None
        urls = await deployer.urls()
        assert urls.previous is None

    assert ground.shares() == {deployed.subject.revision: 100}
    assert (ground.tags(), ground.marks()) == ({}, {})
    [container] = ground.service()["template"]["containers"]
    assert container["env"] == [{"name": "COLOUR", "value": COMMIT}]


async def test_a_first_deploy_that_is_accepted_follows_the_latest_revision(ground: Ground) -> None:
    async with ground.target().open(ground.context()) as deployer:
        deployed = await deployer.deploy(COMMIT)
        await deployer.settle()

    assert ground.service()["traffic"] == [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}]
    assert ground.shares() == {deployed.subject.revision: 100}


async def test_a_revision_is_described_with_its_digest_and_limits(ground: Ground) -> None:
    ground.stable()
    keys = {"cpu": "2", "memory": "1Gi", "min_instances": 1, "max_instances": 9, "concurrency": 40, "timeout": "90s"}

    async with ground.target(**keys).open(ground.context()) as deployer:
        with pytest.raises(DeployError, match="nothing is deployed yet"):
            await deployer.describe()
        deployed = await deployer.deploy(COMMIT)
        said = await deployer.describe()

    wanted = {"revision": deployed.subject.revision, "image": "registry/shop:good", "cpu": "2", "memory": "1Gi"}
    wanted |= {"min_instances": 1, "max_instances": 9, "concurrency": 40, "timeout": "90s"}
    assert {key: said[key] for key in wanted} == wanted
    assert str(said["digest"]).startswith("sha256:")
    assert said["tags"] == {"sp-new": deployed.subject.revision, "sp-old": "shop-00001-old"}
    place, configuration = deployed.observation.facts
    where = {"project": "proj-1", "region": "europe-west1", "service": "shop"}
    assert place.value == where | {"kind": "cloud_run"}
    assert isinstance(configuration.value, dict)
    assert {key: configuration.value[key] for key in ("cpu", "memory", "timeout")} == {
        "cpu": "2",
        "memory": "1Gi",
        "timeout": "90s",
    }


async def test_the_facts_of_two_deploys_differ_in_what_was_changed_alone(ground: Ground) -> None:
    ground.stable()

    async def facts(**keys: object) -> tuple[object, ...]:
        async with ground.target(**keys).open(ground.context()) as deployer:
            found = (await deployer.deploy(COMMIT)).observation.facts
            await deployer.settle()
        return found

    first = await facts()
    assert await facts() == first  # another revision of the same commit
    assert await facts(memory="2Gi") != first


async def test_what_the_service_is_configured_with_is_kept_and_its_variables_are_no_evidence(ground: Ground) -> None:
    ground.stable()

    async with ground.target(env={"MORE": "1"}).open(ground.context()) as deployer:
        deployed = await deployer.deploy(COMMIT)

    [(data, kind)] = deployed.evidence.values()
    assert kind == "application/json"
    assert b"a-secret-of-the-service" not in data
    assert b"MODE" in data
    [container] = ground.service()["template"]["containers"]
    assert {each["name"]: each["value"] for each in container["env"]} == {
        "MODE": "a-secret-of-the-service",
        "MORE": "1",
    }


async def test_the_log_is_read_and_redacted(ground: Ground) -> None:
    ground.stable()

    async with ground.target().open(ground.context()) as deployer:
        assert await deployer.logs(0) == b""
        new = (await deployer.deploy(COMMIT)).subject.revision
        text = (await deployer.logs(0)).decode()
        ground.google.entries_readable = False
        refused = (await deployer.logs(0)).decode()

    assert f"hello from {new}" in text
    assert "hunter-two" not in text
    assert "shop-00001-old" not in text
    assert "roles/logging.viewer" in refused
    assert "https://console.cloud.google.com/logs/query" in refused


async def test_where_no_tag_has_an_address_nothing_is_taken_for_the_candidates_own(ground: Ground) -> None:
    old = ground.stable(defaultUriDisabled=True)

    async with ground.target(url=ground.public()).open(ground.context()) as deployer:
        plan = await deployer.plan(COMMIT)
        assert "its default URL is disabled" in " ".join(plan.lines)
        assert await deployer.previous(None) is not None
        assert deployer.abilities.shadow is False, "users' address is no place to probe a candidate without users"
        candidate = await deployer.deploy(COMMIT)
        urls = await deployer.urls()
        assert (urls.candidate, urls.previous, ask(urls.public)) == (None, None, old)
        await deployer.promote(100)
        assert ask(candidate.subject.url) == candidate.subject.revision
    assert ask(ground.public()) == old


async def test_a_candidate_whose_tag_turns_out_to_have_no_address_is_not_probed_at_users(ground: Ground) -> None:
    ground.stable()
    public = ground.public()

    async with ground.target(url=public).open(ground.context()) as deployer:
        await deployer.previous(None)
        ground.google.act("PATCH", f"{PATH}?updateMask=defaultUriDisabled", {"defaultUriDisabled": True})
        with pytest.raises(DeployError, match="has no address of its own, though it is at the tag sp-new"):
            await deployer.deploy(COMMIT)


async def test_a_second_candidate_waits_for_the_first(ground: Ground) -> None:
    ground.stable()

    async with ground.target().open(ground.context()) as deployer:
        with pytest.raises(DeployError, match="no candidate is on trial"):
            await deployer.promote(10)
        await deployer.deploy(COMMIT)
        with pytest.raises(DeployError, match="is on trial already"):
            await deployer.deploy(COMMIT)
        with pytest.raises(DeployError, match="no share of the traffic"):
            await deployer.promote(101)
        assert await deployer.fresh_start() is None
        assert not deployer.abilities.fresh


async def test_looking_at_the_previous_revision_alone_changes_nothing_for_good(ground: Ground) -> None:
    ground.stable()
    before = ground.service()["template"]

    async with ground.target().open(ground.context()) as deployer:
        await deployer.previous(None)
        await deployer.rollback()

    assert ground.service()["template"] == before
    assert ground.service()["traffic"] == [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}]
    assert (ground.tags(), ground.marks()) == ({}, {})


@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")
async def test_gcloud_understands_a_service_of_the_stand_in(ground: Ground) -> None:
    old = ground.stable()
    token = ground.folder / "token"
    token.write_text(TOKEN)
    # gcloud puts the region before the endpoint's host: the stand-in is reached as its proxy, whatever the host is called
    settings = {
        "CONFIG": ground.folder / "gcloud",
        "CORE_DISABLE_PROMPTS": "1",
        "CORE_DISABLE_USAGE_REPORTING": "true",
        "AUTH_ACCESS_TOKEN_FILE": token,
        "API_ENDPOINT_OVERRIDES_RUN": "http://run.stand-in.invalid/",
        "PROXY_TYPE": "http",
        "PROXY_ADDRESS": "127.0.0.1",
        "PROXY_PORT": ground.google.url.rpartition(":")[2],
    }
    words = ["gcloud", "run", "services", "describe", "shop", "--region=europe-west1", "--project=proj-1"]
    environment = os.environ | {f"CLOUDSDK_{key}": str(value) for key, value in settings.items()}

    async with ground.target().open(ground.context()) as deployer:
        new = (await deployer.deploy(COMMIT)).subject.revision
        await deployer.promote(10)
        urls = await deployer.urls()
        done = await asyncio.to_thread(
            subprocess.run, [*words, "--format=json"], env=environment, capture_output=True, text=True, check=False
        )

    assert done.returncode == 0, done.stderr
    status = json.loads(done.stdout)["status"]
    assert status["url"] == urls.public
    assert {each["revisionName"]: each["percent"] for each in status["traffic"] if "percent" in each} == {
        new: 10,
        old: 90,
    }
    assert {each["tag"]: each["url"] for each in status["traffic"] if "tag" in each} == {
        "sp-new": urls.candidate,
        "sp-old": urls.previous,
    }
