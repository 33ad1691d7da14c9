"""Everything that goes wrong on Cloud Run: others who deploy, an API that is busy or says no, revisions that never are."""

import json
import time
from typing import Any

import pytest

from bot.deploy.cloud_run.note import KEY
from bot.deploy.target import Deployed
from bot.model.errors import DeployError
from tests.cloud_run_stand_in.fixtures import COMMIT, PATH, Ground, ask, ground

__all__ = ["ground"]

REVISION = {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"}


async def deployed(ground: Ground, *steps: int, **keys: object) -> Deployed:
    """Deploy, go through the steps, and accept."""
    async with ground.target(**keys).open(ground.context()) as deployer:
        await deployer.previous(None)
        candidate = await deployer.deploy(COMMIT)
        for percent in steps:
            await deployer.promote(percent)
        await deployer.settle()
    return candidate


# ── others


async def test_a_change_of_somebody_else_at_the_same_moment_is_read_and_kept(ground: Ground) -> None:
    ground.stable()
    theirs = {"labels": {"team": "blue"}}
    ground.google.meanwhile("PATCH", "shop", lambda: ground.google.act("PATCH", f"{PATH}?updateMask=labels", theirs))

    candidate = await deployed(ground)

    assert ground.shares() == {candidate.subject.revision: 100}
    assert ground.service()["labels"] == {"team": "blue"}
    assert any("the service was changed at the same moment" in line for line in ground.logged)


async def test_a_revision_of_somebody_else_that_came_in_between_stops_it(ground: Ground) -> None:
    old = ground.stable()

    async def steps() -> None:
        async with ground.target().open(ground.context()) as deployer:
            await deployer.deploy(COMMIT)
            ground.others_deploy("shop-00009-theirs")
            await deployer.promote(10)

    with pytest.raises(DeployError, match=r"ana@example\.com deployed shop-00009-theirs while we were at shop-aaaaaaa"):
        await steps()
    assert ground.shares() == {old: 100}
    assert ground.service()["latestCreatedRevision"].endswith("shop-00009-theirs")
    assert KEY not in ground.marks()


async def test_a_revision_of_somebody_else_between_reading_and_deploying_stops_it(ground: Ground) -> None:
    ground.stable()
    ground.google.meanwhile("PATCH", "shop", lambda: ground.others_deploy("shop-00009-theirs"))

    with pytest.raises(DeployError, match="deployed shop-00009-theirs"):
        await deployed(ground)

    assert ground.shares() == {"shop-00009-theirs": 100}


async def test_traffic_that_somebody_else_moved_is_left_alone(ground: Ground) -> None:
    ground.stable()

    async def steps() -> None:
        async with ground.target().open(ground.context()) as deployer:
            new = (await deployer.deploy(COMMIT)).subject.revision
            share = REVISION | {"revision": new, "percent": 100}
            ground.google.act("PATCH", f"{PATH}?updateMask=traffic", {"traffic": [share]})
            await deployer.rollback()

    with pytest.raises(DeployError, match=r"ana@example\.com moved the traffic of shop while we deployed"):
        await steps()
    [name] = ground.shares()
    assert name.startswith("shop-aaaaaaa")


async def test_a_bot_that_was_taken_over_from_stops_and_touches_nothing(ground: Ground) -> None:
    old = ground.stable()

    async def steps() -> None:
        async with ground.target().open(ground.context("here")) as first:
            await first.deploy(COMMIT)
            async with ground.target().open(ground.context("there")) as second:
                new = (await second.deploy("b" * 40)).subject.revision
                await second.promote(50)
                with pytest.raises(DeployError, match="took shop over while we deployed"):
                    await first.promote(100)
                assert ground.shares() == {new: 50, old: 50}
                with pytest.raises(DeployError, match="took shop over"):
                    await first.rollback()
                await second.settle()
            raise KeyboardInterrupt(new)

    with pytest.raises((DeployError, KeyboardInterrupt)):
        await steps()
    [name] = ground.shares()
    assert name.startswith("shop-bbbbbbb")


async def test_a_bot_that_is_through_does_not_clean_up_after_the_next(ground: Ground) -> None:
    ground.stable()

    async with ground.target().open(ground.context("here")) as first:
        await first.deploy(COMMIT)
        await first.rollback()
        async with ground.target().open(ground.context("there")) as second:
            new = (await second.deploy("b" * 40)).subject.revision
            assert await first.cleanup() == []
            assert ground.tags()["sp-new"] == new
            await second.promote(10)
            await second.settle()


async def test_a_note_that_is_none_of_ours_is_not_guessed_at(ground: Ground) -> None:
    ground.stable()
    ground.google.act("PATCH", f"{PATH}?updateMask=annotations", {"annotations": {KEY: '{"act": "dance"}'}})

    with pytest.raises(DeployError, match=r"the annotation stability-proof\.dev/act: not a note"):
        await deployed(ground)


async def test_a_deploy_of_somebody_else_that_is_under_way_is_waited_for(ground: Ground) -> None:
    ground.stable()
    ground.google.troubles.slow = 0.3
    body = {"template": {"revision": "shop-00002-b", "containers": [{"image": "registry/shop:good"}]}}
    ground.google._done("PATCH", f"{PATH}?updateMask=template", json.dumps(body).encode())

    async with ground.target().open(ground.context()) as deployer:
        assert (await deployer.plan(COMMIT)).serving == "shop-00002-b"
    assert any("we wait until that is done" in line for line in ground.logged)


# ── an API that is busy, or down, or says no


async def test_a_busy_api_is_asked_no_sooner_than_it_says(ground: Ground) -> None:
    ground.stable()
    ground.google.fault("PATCH", "shop", status=429, retry_after=1)

    async with ground.target().open(ground.context()) as deployer:
        began = time.monotonic()
        await deployer.previous(None)
        assert time.monotonic() - began >= 1


async def test_a_busy_api_is_asked_again(ground: Ground) -> None:
    ground.stable()
    ground.google.fault("PATCH", "shop", status=429, times=2, retry_after=0)
    ground.google.fault("GET", "shop", status=503, times=3)
    ground.google.fault("GET", "operations", drop=True, status=None)

    assert (await deployed(ground, 50)).observation.state == "measured"
    assert any("Cloud Run answered 429 to PATCH; it is tried again" in line for line in ground.logged)


async def test_a_busy_api_is_not_asked_for_ever(ground: Ground) -> None:
    old = ground.stable()
    ground.google.fault(
        "PATCH", "shop", status=429, times=99, message="Quota exceeded for quota metric 'Write requests'"
    )

    began = time.monotonic()
    with pytest.raises(DeployError, match="a quota of the project is used up"):
        await deployed(ground)
    assert time.monotonic() - began < 30
    ground.google._faults.waiting.clear()
    assert ground.shares() == {old: 100}


@pytest.mark.parametrize("how", ["unavailable", "dropped"])
async def test_an_act_that_was_done_though_no_answer_came_is_not_done_twice(ground: Ground, how: str) -> None:
    ground.stable()
    lost = {"drop": True, "status": None} if how == "dropped" else {"status": 503}
    ground.google.fault("PATCH", "shop", after_effect=True, times=99, **lost)  # type: ignore[arg-type]

    candidate = await deployed(ground, 10)

    assert ground.shares() == {candidate.subject.revision: 100}
    patches = [path for method, path in ground.google.requests if method == "PATCH"]
    assert len([path for path in patches if "template" in path]) == 1


@pytest.mark.parametrize("status", [409, 503])
async def test_taking_the_tags_away_is_tried_until_it_is_done(ground: Ground, status: int) -> None:
    ground.stable()

    async with ground.target().open(ground.context()) as deployer:
        await deployer.deploy(COMMIT)
        await deployer.settle()
        ground.google.fault("PATCH", "shop", status=status)
        assert len(await deployer.cleanup()) == 2
        assert ground.tags() == {}


async def test_a_creation_whose_answer_was_lost_is_not_done_twice(ground: Ground) -> None:
    ground.google.fault("POST", "services", after_effect=True, status=503)

    candidate = await deployed(ground)

    assert ground.shares() == {candidate.subject.revision: 100}


async def test_a_service_that_somebody_else_created_meanwhile_is_theirs(ground: Ground) -> None:
    ground.google.meanwhile("POST", "services", ground.stable)

    with pytest.raises(DeployError, match="somebody else created shop while we were about to"):
        await deployed(ground)
    assert ground.shares() == {"shop-00001-old": 100}


async def test_an_api_that_is_down_is_said_to_be(ground: Ground) -> None:
    ground.stable()
    ground.google.fault("GET", "shop", status=503, times=999)

    with pytest.raises(DeployError, match=r"answered 503 UNAVAILABLE: injected; this is on Google's side"):
        await deployed(ground)


@pytest.mark.parametrize(
    ("message", "role"),
    [
        ("Permission 'run.services.update' denied on resource 'shop' (or it may not exist).", "roles/run.developer"),
        ("Permission 'iam.serviceaccounts.actAs' denied on service account x@y.", "roles/iam.serviceAccountUser"),
        (
            "Permission 'artifactregistry.repositories.downloadArtifacts' denied on resource 'shop'.",
            "roles/artifactregistry.reader",
        ),
    ],
)
async def test_a_missing_role_is_named(ground: Ground, message: str, role: str) -> None:
    old = ground.stable()
    ground.google.fault("PATCH", "shop", status=403, message=message, skip=1)

    with pytest.raises(DeployError, match=f"PERMISSION_DENIED: .*; grant {role}"):
        await deployed(ground)
    assert (ground.shares(), ground.tags(), ground.marks()) == ({old: 100}, {}, {})


async def test_operations_that_may_not_be_read_are_no_trouble(ground: Ground) -> None:
    ground.stable()
    ground.google.fault("GET", "operations", status=403, times=99, message="Permission 'run.operations.get' denied")
    ground.google.troubles.slow = 0.2

    candidate = await deployed(ground, 50)

    assert ground.shares() == {candidate.subject.revision: 100}


async def test_a_wrong_token_is_said_to_be(ground: Ground) -> None:
    with pytest.raises(DeployError, match=r"answered 401 .*; the access token is wrong or has expired") as failed:
        await deployed(ground, token="ya29.another")
    assert "ya29" not in str(failed.value)


@pytest.mark.parametrize(
    ("code", "message", "says"),
    [
        (8, "Quota exceeded for total allowable CPU per project per region.", "a quota of the project is used up"),
        (7, "Google Cloud Run Service Agent must have permission to read the image", "roles/artifactregistry.reader"),
        (14, "The service is currently unavailable.", "on Google's side"),
    ],
)
async def test_an_operation_that_the_platform_refuses_is_no_fault_of_the_service(
    ground: Ground, code: int, message: str, says: str
) -> None:
    old = ground.stable()
    ground.google.troubles.condition = ("CONTAINER_MISSING", message)
    ground.google.troubles.fails = [(code, message)]

    async def steps() -> None:
        async with ground.target().open(ground.context()) as deployer:
            await deployer.deploy(COMMIT)

    with pytest.raises(DeployError, match=f"was not deployed: .*{says}"):
        await steps()
    assert (ground.shares(), ground.tags()) == ({old: 100}, {})
    assert KEY not in ground.marks()


@pytest.mark.parametrize(
    ("reason", "says"),
    [
        ("CONTAINER_PERMISSION_DENIED", "grant roles/artifactregistry.reader"),
        ("SECRETS_ACCESS_CHECK_FAILED", "grant roles/secretmanager.secretAccessor"),
        ("ACTIVE_REVISION_LIMIT_REACHED", "a quota of the project"),
    ],
)
async def test_a_condition_that_speaks_of_the_platform_is_no_fault_of_the_service(
    ground: Ground, reason: str, says: str
) -> None:
    old = ground.stable()
    ground.google.troubles.condition = (reason, "It cannot be.")

    with pytest.raises(DeployError, match=f"was not deployed: .*{says}"):
        await deployed(ground)
    assert ground.shares() == {old: 100}


# ── revisions that never are


@pytest.mark.parametrize(
    ("image", "says"),
    [
        ("registry/shop:crashes", "failed to start and listen on the port"),
        ("registry/shop:nowhere", "Image 'registry/shop:nowhere' not found"),
    ],
)
async def test_a_revision_that_never_becomes_ready_is_broken_in_the_platforms_own_words(
    ground: Ground, image: str, says: str
) -> None:
    old = ground.stable()

    async with ground.target(image=image).open(ground.context()) as deployer:
        await deployer.previous(None)
        candidate = await deployer.deploy(COMMIT)
        assert [each.get("tag") for each in ground.service()["traffic"]] == [None, "sp-old"]
        assert ground.service()["conditions"][0]["state"] == "CONDITION_SUCCEEDED"  # the route's
        await deployer.settle()
        with pytest.raises(DeployError, match="no candidate is on trial"):
            await deployer.promote(10)
        restored = await deployer.rollback()
        assert b"hello" not in await deployer.logs(0)

    assert candidate.observation.state == "broken"
    assert says in str(candidate.observation.reason)
    assert str(candidate.observation.reason).startswith(f"{candidate.subject.revision} never became ready: ")
    assert {check.id for check in candidate.observation.checks if not check.ok} >= {"condition", "newest ready"}
    assert restored is not None
    assert restored.observation.state == "measured"
    assert (ground.shares(), ground.tags()) == ({old: 100}, {})
    assert ask(ground.service()["uri"]) == old


async def test_one_that_never_was_ready_can_be_tried_again_under_another_name(ground: Ground) -> None:
    ground.stable()
    ground.google.troubles.condition = ("CONTAINER_MISSING", "It cannot be.")

    async with ground.target().open(ground.context()) as deployer:
        failed = await deployer.deploy(COMMIT)
        await deployer.rollback()
        ground.google.troubles.condition = None
        candidate = await deployer.deploy(COMMIT)
        await deployer.settle()

    assert (failed.observation.state, candidate.observation.state) == ("broken", "measured")
    assert candidate.subject.revision != failed.subject.revision
    assert ground.shares() == {candidate.subject.revision: 100}


async def test_after_one_that_never_was_ready_the_next_is_deployed_as_ever(ground: Ground) -> None:
    ground.stable()
    async with ground.target(image="registry/shop:crashes").open(ground.context()) as deployer:
        await deployer.deploy(COMMIT)

    candidate = await deployed(ground, 50)

    assert ground.shares() == {candidate.subject.revision: 100}
    assert ground.service()["terminalCondition"]["state"] == "CONDITION_SUCCEEDED"


async def test_a_first_revision_that_never_becomes_ready_leaves_a_service_for_the_next(ground: Ground) -> None:
    async with ground.target(image="registry/shop:crashes").open(ground.context()) as deployer:
        assert (await deployer.deploy(COMMIT)).observation.state == "broken"
        assert await deployer.rollback() is None

    candidate = await deployed(ground)
    assert ground.shares() == {candidate.subject.revision: 100}


async def test_what_takes_too_long_is_broken_and_has_no_traffic(ground: Ground) -> None:
    old = ground.stable()
    async with ground.target(within="500ms").open(ground.context()) as deployer:
        ground.google.troubles.slow = 0.8
        candidate = await deployer.deploy(COMMIT)
        ground.google.troubles.slow = 0.0

    assert candidate.observation.state == "broken"
    assert "never became ready: not within 500 ms: it is still at it" in str(candidate.observation.reason)
    assert any("the traffic is given back (shop-00001-old 100 %)" in line for line in ground.logged)
    assert (ground.shares(), ground.tags()) == ({old: 100}, {})


async def test_a_step_that_takes_too_long_stops_it(ground: Ground) -> None:
    old = ground.stable()

    async def steps() -> None:
        async with ground.target(within="2s").open(ground.context()) as deployer:
            await deployer.deploy(COMMIT)
            ground.google.troubles.slow = 3.0
            try:
                await deployer.promote(10)
            finally:
                ground.google.troubles.slow = 0.0

    with pytest.raises(DeployError, match=r"the traffic of shop was not moved \(shop-aaaaaaa.* 10 %.*not within 2 s"):
        await steps()
    assert ground.shares() == {old: 100}


async def test_the_traffic_counts_once_the_statuses_say_so(ground: Ground) -> None:
    ground.stable()

    async with ground.target().open(ground.context()) as deployer:
        new = (await deployer.deploy(COMMIT)).subject.revision
        ground.google.troubles.slow = 0.4
        began = time.monotonic()
        await deployer.promote(30)
        assert time.monotonic() - began >= 0.4
        assert (await deployer.traffic())[new] == 30


async def test_words_of_the_platform_stay_words_on_one_line(ground: Ground) -> None:
    ground.stable()
    ground.google.troubles.condition = ("CONTAINER_MISSING", "a\n::error::b \x1b[31m password=hunter-two-hunter")

    async with ground.target().open(ground.context()) as deployer:
        reason = str((await deployer.deploy(COMMIT)).observation.reason)

    assert "\n" not in reason
    assert "\x1b" not in reason
    assert "hunter" not in reason


async def test_a_move_is_over_once_the_front_ends_have_followed(ground: Ground) -> None:
    old = ground.stable()
    ground.google.troubles.trails = 0.7
    async with ground.target(spread="800ms").open(ground.context()) as deployer:
        await deployer.previous(None)
        candidate = (await deployer.deploy(COMMIT)).subject
        assert ask(candidate.url) == candidate.revision, "its address is known"
        public = (await deployer.urls()).public
        await deployer.promote(100)
        assert ask(public) == candidate.revision
        assert await deployer.rollback() is not None
        assert ask(public) == old


# ── what others asked for, and the platform could not give


@pytest.mark.parametrize(
    ("rest", "says"),
    [
        (
            {"percent": 10},
            "its traffic was to be shop-00001-old 90 %, shop-00002-bad 10 %, which the platform could not give",
        ),
        ({"tag": "probe"}, "the tag probe is on shop-00002-bad, which the platform cannot serve: it is taken away"),
    ],
)
async def test_a_revision_of_others_that_never_was_ready_does_not_keep_the_next_from_being_deployed(
    ground: Ground, rest: dict[str, Any], says: str
) -> None:
    old = ground.stable()
    most = {**REVISION, "revision": old, "percent": 100 - rest.get("percent", 0)}
    template = {"revision": "shop-00002-bad", "containers": [{"image": "registry/shop:crashes"}]}
    body = {"template": template, "traffic": [most, {**REVISION, "revision": "shop-00002-bad", **rest}]}
    ground.google.act("PATCH", f"{PATH}?updateMask=template,traffic", body)
    assert ground.shares() == {old: 100}, "users never had it"

    async with ground.target().open(ground.context()) as deployer:
        assert says in " ".join((await deployer.plan(COMMIT)).lines)
        await deployer.previous(None)
        candidate = await deployer.deploy(COMMIT)
        assert candidate.observation.state == "measured"
        new = candidate.subject.revision
        await deployer.promote(50)
        assert await deployer.traffic() == {old: 50, new: 50}
        assert (await deployer.rollback()) is not None
        assert ground.shares() == {old: 100}
    assert ground.service()["traffic"] == [{**REVISION, "revision": old, "percent": 100}]


async def test_a_candidate_that_is_ready_is_not_blamed_for_a_route_that_is_not(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = ground.stable()
    world = ground.google.world
    route = world._route

    def failing(service: Any) -> str | None:
        new = any(each.get("tag") == "sp-new" for each in service.raw["traffic"])
        return "Revision 'another' is not ready." if new else route(service)

    monkeypatch.setattr(world, "_route", failing)
    with pytest.raises(DeployError, match="is ready, but the service is not as it was asked to be: Revision 'another'"):
        await deployed(ground)
    assert ground.shares() == {old: 100}
