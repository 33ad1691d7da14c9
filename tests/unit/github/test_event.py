"""What an event asks for is decided from its payload alone, and a pull request's head is never deployed."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.github.event import NO_COMMIT, Activity, activity
from bot.model.errors import UsageError
from tests.events import load

SHA = "5" * 40
REF = "refs/heads/main"


def asked(name: str, inputs: dict[str, str] | None = None, **changes: Any) -> Activity:
    event = load(name, **changes)
    return activity(event.name, event.payload, SHA, REF, inputs or {})


def changed(name: str, *path: str, to: Any) -> Activity:
    """The payload with one field of another value."""
    event = load(name)
    payload = copy.deepcopy(event.payload)
    place = payload
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return activity(event.name, payload, SHA, REF, {})


def test_a_push_to_the_default_branch_is_deployed_as_what_was_pushed() -> None:
    payload = load("push").payload
    default = f"refs/heads/{payload['repository']['default_branch']}"
    found = asked("push", ref=default, after="a" * 40, deleted=False)
    assert found == Activity("a" * 40, f"pushed to {payload['repository']['default_branch']}")


@pytest.mark.parametrize("name", ["pull_request_merged", "pull_request_merged_from_fork"])
def test_a_merge_is_deployed_as_its_merge_commit_and_never_as_its_head(name: str) -> None:
    pull = load(name).payload["pull_request"]
    found = asked(name)
    assert found.commit == pull["merge_commit_sha"] != pull["head"]["sha"]
    assert found.pull_request == pull["number"]


def test_pull_request_target_is_read_as_pull_request() -> None:
    event = load("pull_request_merged_from_fork")
    found = activity("pull_request_target", event.payload, SHA, REF, {})
    assert found.commit == event.payload["pull_request"]["merge_commit_sha"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("push_tag", "is not the default branch"),
        ("push_tag_deleted", "was deleted"),
        ("pull_request_opened", "was opened, not closed"),
        ("pull_request_closed", "without being merged"),
        ("deployment_status", "asks for nothing here"),
        ("issue_comment_created", "asks for nothing here"),
        ("issue_comment_created_on_pull_request", "asks for nothing here"),
        ("issue_comment_edited", "asks for nothing here"),
        ("merge_group", "asks for nothing here"),
        ("schedule", "asks for nothing here"),
    ],
)
def test_every_other_event_has_nothing_to_do_and_says_why(name: str, words: str) -> None:
    found = asked(name)
    assert found.commit is None
    assert words in found.reason


def test_a_push_to_another_branch_has_nothing_to_do() -> None:
    found = asked("push", ref="refs/heads/topic", after="a" * 40)
    assert found.commit is None
    assert "refs/heads/topic" in found.reason


def test_a_push_that_leaves_no_commit_has_nothing_to_do() -> None:
    default = load("push").payload["repository"]["default_branch"]
    assert asked("push", ref=f"refs/heads/{default}", after=NO_COMMIT).commit is None


def test_a_merge_into_another_branch_has_nothing_to_do() -> None:
    found = changed("pull_request_merged", "pull_request", "base", "ref", to="release/1")
    assert found.commit is None
    assert "release/1" in found.reason


def test_a_merge_whose_commit_github_does_not_know_yet_has_nothing_to_do() -> None:
    found = changed("pull_request_merged", "pull_request", "merge_commit_sha", to=None)
    assert found.commit is None
    assert "run it again" in found.reason


def test_a_call_by_hand_deploys_the_commit_it_was_made_on_and_reports_on_its_issue() -> None:
    found = asked("workflow_dispatch")
    assert found.commit == SHA
    event = load("workflow_dispatch", inputs={"issue": "#7"})
    assert activity(event.name, event.payload, SHA, REF, {}).issue == 7
    assert activity(event.name, event.payload, SHA, REF, {"issue": "9"}).issue == 9


def test_the_input_commit_is_deployed_where_there_is_something_to_do_and_nowhere_else() -> None:
    assert asked("pull_request_merged", {"commit": "b" * 40}).commit == "b" * 40
    assert asked("pull_request_closed", {"commit": "b" * 40}).commit is None


@pytest.mark.parametrize("text", ["seven", "-1", "1.5", "²", "7 7", "#", "9" * 5000, "0"])
def test_an_issue_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="issue"):
        asked("push", {"issue": text})


def test_an_empty_issue_is_none() -> None:
    assert asked("push", {"issue": ""}).issue is None


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["ref", "base", "number"]), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = ["ref", "after", "repository", "pull_request", "action", "inputs", "deleted"]


@given(
    name=st.sampled_from(["push", "pull_request", "pull_request_target", "workflow_dispatch", "schedule"]),
    event=st.dictionaries(st.sampled_from(KEYS), _json),
)
def test_an_event_of_any_shape_is_an_activity_or_one_error_of_usage(name: str, event: dict[str, Any]) -> None:
    try:
        found = activity(name, event, SHA, REF, {})
    except UsageError:
        return
    assert found.commit is None or isinstance(found.commit, str)


@pytest.mark.parametrize("after", [5, "x", None, ["a"], "A" * 40, "a" * 39, "a" * 40 + "\n"])
def test_a_push_of_what_is_no_commit_is_refused_and_not_taken_for_nothing_to_do(after: Any) -> None:
    payload = load("push").payload
    default = payload["repository"]["default_branch"]
    changes = {"ref": f"refs/heads/{default}", "after": after, "deleted": False}
    with pytest.raises(UsageError, match="full SHA"):
        activity("push", payload | changes, SHA, REF, {})


def test_what_is_proven_of_another_commit_says_nothing_of_the_pull_request() -> None:
    merge = asked("pull_request_merged")
    assert asked("pull_request_merged", {"commit": "b" * 40}).pull_request is None
    assert asked("pull_request_merged", {"commit": merge.commit or ""}) == merge
