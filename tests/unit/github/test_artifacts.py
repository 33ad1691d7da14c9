"""An artifact is trusted only when this repository's own workflow made it on its default branch."""

from typing import Any

import pytest

from bot.github.trust import LARGEST, TRUSTED_EVENTS, Home, refusal, unkept

HOME = Home(7, "main", ".github/workflows/stability.yml", "a" * 40)
ARTIFACT: dict[str, Any] = {
    "expired": False,
    "digest": "sha256:" + "0" * 64,
    "size_in_bytes": 100,
    "workflow_run": {"repository_id": 7, "head_repository_id": 7, "head_branch": "main", "head_sha": "b" * 40},
}
RUN: dict[str, Any] = {"event": "push", "head_branch": "main", "path": ".github/workflows/stability.yml"}


def where(**changes: Any) -> dict[str, Any]:
    return {"workflow_run": ARTIFACT["workflow_run"] | changes}


@pytest.mark.parametrize("event", sorted(TRUSTED_EVENTS))
def test_our_own_is_trusted(event: str) -> None:
    assert refusal(ARTIFACT, RUN | {"event": event}, HOME) is None
    assert refusal(ARTIFACT, RUN | {"event": event, "path": RUN["path"] + "@refs/heads/main"}, HOME) is None


@pytest.mark.parametrize("event", [*sorted(TRUSTED_EVENTS), "pull_request", "pull_request_target"])
@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/heads/topic", "refs/tags/main", ""])
def test_what_will_never_be_trusted_is_known_before_it_is_made(event: str, ref: str) -> None:
    trusted = event in TRUSTED_EVENTS and (event != "deployment_status" or ref == "refs/heads/main")
    assert (unkept(event, ref, "main") is None) is trusted


@pytest.mark.parametrize(
    ("artifact", "run", "words"),
    [
        ({"expired": True}, {}, "expired"),
        (where(head_repository_id=8), {}, "fork"),
        (where(repository_id=8, head_repository_id=8), {}, "fork"),
        (where(head_repository_id=None), {}, "fork"),
        ({"workflow_run": None}, {}, "fork"),
        ({}, {"event": "pull_request"}, "pull_request"),
        ({}, {"event": "pull_request_target"}, "pull_request_target"),
        ({}, {"event": "workflow_run"}, "workflow_run"),
        ({}, {"event": "merge_group"}, "merge_group"),
        ({}, {"event": None}, "None"),
        (where(head_branch="topic"), {}, "default branch"),
        ({}, {"head_branch": "topic"}, "default branch"),
        ({}, {"path": ".github/workflows/other.yml"}, "another workflow"),
        ({}, {"path": None}, "another workflow"),
        ({"digest": None}, {}, "no digest"),
        ({"digest": "sha256:" + "0" * 63}, {}, "no digest"),
        ({"digest": "sha256:" + "0" * 64 + "\n"}, {}, "no digest"),
        ({"size_in_bytes": LARGEST + 1}, {}, "too large"),
        ({"size_in_bytes": 0}, {}, "empty"),
        ({"size_in_bytes": None}, {}, "empty"),
    ],
)
def test_what_is_not_wholly_our_own_is_refused(artifact: dict[str, Any], run: dict[str, Any], words: str) -> None:
    why = refusal(ARTIFACT | artifact, RUN | run, HOME)
    assert why is not None
    assert words in why


@pytest.mark.parametrize(
    "home",
    [Home(0, "main", HOME.workflow_path, "a" * 40), Home(7, "", HOME.workflow_path, ""), Home(7, "main", "", "a" * 40)],
)
def test_where_it_is_not_known_what_we_are_nothing_is_trusted(home: Home) -> None:
    unknown = ARTIFACT | {"workflow_run": {"repository_id": 0, "head_repository_id": 0, "head_branch": ""}}
    for artifact in (ARTIFACT, unknown):
        assert refusal(artifact, RUN | {"head_branch": ""}, home) is not None
        assert refusal(artifact, RUN, home) is not None
