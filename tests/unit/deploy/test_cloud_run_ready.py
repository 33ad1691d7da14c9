"""When a revision of Cloud Run is READY: what the platform does counts, not what it was asked for."""

from typing import Any

import pytest

from bot.deploy.cloud_run.service import Service, ready_checks
from bot.deploy.cloud_run.sharing import Sharing


def service(statuses: dict[str, int], tag: str | None = "new", **changed: Any) -> Service:
    """A service that is done, with these shares; the newest revision has the tag."""
    given = [{"revision": name, "percent": percent} for name, percent in statuses.items() if percent]
    given += [{"revision": "new", "tag": tag}] if tag else []
    raw = {
        "generation": "3",
        "observedGeneration": "3",
        "terminalCondition": {"type": "Ready", "state": "CONDITION_SUCCEEDED"},
        "latestReadyRevision": "projects/p/locations/l/services/s/revisions/new",
        "trafficStatuses": given,
    }
    return Service({**raw, **changed})


@pytest.mark.parametrize(
    ("statuses", "percent", "ok"),
    [
        ({"old": 100}, 0, True),
        ({"old": 100}, 100, False),  # healthy, and nobody reaches it: the most repeated accident
        ({"new": 100}, 100, True),
        ({"new": 100}, 0, False),  # in shadow it must not have a user
        ({"old": 90, "new": 10}, 0, False),
    ],
)
def test_a_revision_is_ready_with_the_share_that_it_should_have(
    statuses: dict[str, int], percent: int, ok: bool
) -> None:
    checks = {each.id: each.ok for each in ready_checks(service(statuses), "new", percent, "new")}

    assert checks == {"reconciled": True, "observed": True, "condition": True, "newest ready": True, "traffic": ok}


@pytest.mark.parametrize(
    ("changed", "failed"),
    [
        ({"reconciling": True}, "reconciled"),
        ({"observedGeneration": "2"}, "observed"),
        ({"terminalCondition": {"type": "Ready", "state": "CONDITION_FAILED"}}, "condition"),
        ({"latestReadyRevision": "projects/p/locations/l/services/s/revisions/old"}, "newest ready"),
    ],
)
def test_each_of_the_other_conditions_alone_keeps_it_from_being_ready(changed: dict[str, Any], failed: str) -> None:
    checks = ready_checks(service({"old": 100}, **changed), "new", 0, "new")

    assert [each.id for each in checks if not each.ok] == [failed]


def test_a_tag_that_is_on_nobody_or_another_is_not_ready() -> None:
    for tag in (None, "other"):
        checks = ready_checks(service({"old": 100}, tag), "new", 0, "new")
        assert [each.id for each in checks if not each.ok] == ["traffic"]


@pytest.mark.parametrize(
    ("changed", "stuck"),
    [
        ({}, True),
        ({"reconciling": True}, False),  # it is being done
        ({"conditions": [{"type": "RoutesReady", "state": "CONDITION_SUCCEEDED"}]}, False),  # it was asked for just now
        ({"trafficStatuses": [{"revision": "shop-1", "percent": 90}, {"revision": "shop-2", "percent": 10}]}, False),
        ({"trafficStatuses": []}, False),  # nobody had any
    ],
)
def test_shares_that_were_asked_for_and_given_up_are_not_taken_for_those_of_users(
    changed: dict[str, Any], stuck: bool
) -> None:
    kind = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
    asked = [{"type": kind, "revision": "shop-1", "percent": 90}, {"type": kind, "revision": "shop-2", "percent": 10}]
    failed = [{"type": "RoutesReady", "state": "CONDITION_FAILED", "message": "shop-2 is not ready"}]
    given = [{"revision": "shop-1", "percent": 100}]
    found = Service({"traffic": asked, "trafficStatuses": given, "conditions": failed, **changed})

    assert found.stuck() is stuck
    before = {each.revision: each.percent for each in Sharing("sp-new", "sp-old").found(found, "bot", None).before}
    assert before == ({"shop-1": 100} if stuck else {"shop-1": 90, "shop-2": 10} if found.percents() else {})
