"""What an event asks for is decided from its payload alone, and a pull request's head is never deployed."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.github.event import NO_COMMIT, OURS, Activity, Facts, activity, in_question
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
        ("deployment_status_in_progress", "is in_progress; what is probed is a success"),
        ("deployment_status", "is not on the default branch"),
        ("issue_comment_created", "asks nothing of the bot"),
        ("issue_comment_created_on_pull_request", "asks nothing of the bot"),
        ("issue_comment_edited", "only a new one is heard"),
        ("issue_comment_deleted", "only a new one is heard"),
    ],
)
def test_every_other_event_has_nothing_to_do_and_says_why(name: str, words: str) -> None:
    found = asked(name)
    assert (found.kind, found.commit) == ("nothing", None)
    assert not any((found.comments, found.writes_issues, found.keeps_baseline, found.hands_over))
    assert words in found.reason


def test_an_event_that_is_not_known_has_nothing_to_do() -> None:
    assert activity("watch", {}, SHA, REF, {}).kind == "nothing"


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
KEYS = [
    *("ref", "after", "repository", "pull_request", "action", "inputs", "deleted", "merge_group", "deployment"),
    *("deployment_status", "comment", "issue", "client_payload"),
]
NAMES = [
    *("push", "pull_request", "pull_request_target", "workflow_dispatch", "schedule", "merge_group", "issue_comment"),
    *("deployment_status", "repository_dispatch"),
]


@given(
    name=st.sampled_from(NAMES),
    event=st.dictionaries(st.sampled_from(KEYS), _json),
)
def test_an_event_of_any_shape_is_an_activity_or_one_error_of_usage(name: str, event: dict[str, Any]) -> None:
    try:
        in_question(name, event)
        found = activity(name, event, SHA, REF, {}, Facts(on_default_branch=True))
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


PAYLOADS = [
    *("push", "push_tag", "pull_request_merged", "pull_request_merged_from_fork", "pull_request_opened"),
    *("merge_group", "schedule", "workflow_dispatch", "deployment_status_with_address", "repository_dispatch"),
    *("issue_comment_created", "issue_comment_created_on_pull_request"),
]


@pytest.mark.parametrize("payload", PAYLOADS)
@given(data=st.data())
def test_a_payload_with_any_field_of_another_value_is_an_activity_or_one_error_of_usage(
    payload: str, data: st.DataObject
) -> None:
    event = load(payload)
    body = copy.deepcopy(event.payload)
    place, path = body, []
    while isinstance(place, dict) and place and (not path or data.draw(st.booleans())):
        path.append(data.draw(st.sampled_from(sorted(place))))
        holder, place = place, place[path[-1]]
    holder[path[-1]] = data.draw(_json)
    try:
        found = activity(event.name, body, SHA, REF, {}, Facts(on_default_branch=True))
    except UsageError:
        return
    assert found.commit is None or len(found.commit) == 40
    heads = {event.payload.get("pull_request", {}).get("head", {}).get("sha")} - {None}
    assert found.commit not in heads


def test_a_merge_from_a_fork_says_why_its_token_only_reads_and_only_where_it_does() -> None:
    event = load("pull_request_merged_from_fork")
    assert "use the event push instead" in activity("pull_request", event.payload, SHA, REF, {}).reason
    assert "fork" not in activity("pull_request_target", event.payload, SHA, REF, {}).reason
    assert "fork" not in asked("pull_request_merged").reason
    assert "fork" in changed("pull_request_merged", "pull_request", "head", "repo", to=None).reason


def test_a_merge_group_is_rehearsed_as_its_own_commit_and_settles_nothing() -> None:
    group = load("merge_group").payload["merge_group"]
    found = asked("merge_group")
    assert (found.kind, found.commit) == ("rehearse", group["head_sha"])
    assert not any((found.comments, found.writes_issues, found.keeps_baseline, found.hands_over))
    assert asked("merge_group", action="destroyed").kind == "nothing"
    assert changed("merge_group", "merge_group", "base_ref", to="refs/heads/other").kind == "nothing"


def test_a_schedule_refreshes_the_baseline_and_hands_nothing_over() -> None:
    found = asked("schedule")
    assert (found.kind, found.commit, found.keeps_baseline) == ("refresh", SHA, True)
    assert not any((found.comments, found.writes_issues, found.hands_over))


def deployed(facts: Facts | None = None, **changes: Any) -> Activity:
    event = load("deployment_status_with_address")
    for key, value in changes.items():
        event.payload["deployment" if key in ("task", "payload", "sha") else "deployment_status"][key] = value
    return activity(event.name, event.payload, SHA, REF, {}, facts or Facts(on_default_branch=True))


def test_what_somebody_else_deployed_is_probed_where_it_answers() -> None:
    found = deployed()
    assert (found.kind, found.url) == ("probe", "https://staging.example.invalid")
    assert found.commit == load("deployment_status").payload["deployment"]["sha"]
    assert (found.comments, found.keeps_baseline, found.hands_over) == (True, True, False)


@pytest.mark.parametrize("contained", [False, None])
def test_nothing_signs_in_to_a_deployment_of_what_is_not_on_the_default_branch(contained: bool | None) -> None:
    assert deployed(Facts(on_default_branch=contained)).kind == "nothing"


def test_a_deployment_to_another_environment_has_nothing_to_do() -> None:
    assert "the spec is about staging" in deployed(Facts(on_default_branch=True, environment="staging")).reason
    assert deployed(Facts(on_default_branch=True, environment="Production")).kind == "probe"


def test_a_deployment_of_the_bots_own_starts_no_other() -> None:
    """Trap 19: an app's token starts workflows, where a job's does not: one verdict must not ask for the next."""
    assert "the bot's own" in deployed(payload={"format": f"{OURS}deployment@1", "service": "chat"}).reason
    assert deployed(payload={"format": "theirs"}).kind == deployed(payload="text").kind == "probe"


@pytest.mark.parametrize("state", ["error", "failure", "inactive", "in_progress", "queued", "pending"])
def test_a_deployment_that_is_no_success_has_nothing_to_do(state: str) -> None:
    assert deployed(state=state).kind == "nothing"


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"environment_url": "", "target_url": "https://old.example", "log_url": ""}, "https://old.example"),
        ({"environment_url": None, "target_url": "https://old.example", "log_url": None}, "https://old.example"),
        ({"environment_url": "http://127.0.0.1:80"}, "http://127.0.0.1:80"),
        ({"environment_url": "http://localhost:80"}, "http://localhost:80"),
        ({"environment_url": "http://[::1]:80"}, "http://[::1]:80"),
    ],
)
def test_the_address_is_the_environments_or_what_older_tools_call_the_target(said: dict[str, Any], found: str) -> None:
    assert deployed(**said).url == found


@pytest.mark.parametrize(
    "url",
    [
        "http://staging.example",
        "https://user:pass@staging.example",
        "https://169.254.169.254/latest",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "https://[::1",
        "https://a.example/?token=1",
        "javascript:alert(1)",
        "http://127.0.0.1.example",
        "http://localhost@evil.example",
    ],
)
def test_an_address_that_is_not_encrypted_or_holds_credentials_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="address is refused"):
        deployed(environment_url=url)


def test_a_log_is_not_probed() -> None:
    facts = Facts(on_default_branch=True, server_url="https://git.example")
    page = {"environment_url": "", "log_url": "", "target_url": "https://git.example/o/r/runs/1"}
    for said in ({"environment_url": ""}, page):
        with pytest.raises(UsageError, match="names no address"):
            deployed(facts, **said)
    assert deployed(Facts(on_default_branch=True, url="https://spec.example"), **page).url == "https://spec.example"


def said(body: str, **user: Any) -> Activity:
    event = load("issue_comment_created_on_pull_request")
    event.payload["comment"] |= {"body": body, "author_association": "MEMBER"}
    event.payload["comment"]["user"] |= user
    return activity(event.name, event.payload, SHA, REF, {})


def test_a_command_is_talked_about_with_all_that_the_event_says_of_it() -> None:
    found = said("Thanks!\n  /stability help")
    comment = load("issue_comment_created").payload["comment"]
    assert found.kind == "talk"
    assert found.commit is None
    assert found.said is not None
    assert (found.said.id, found.said.author) == (comment["id"], comment["user"]["login"])
    assert (found.said.association, found.said.on_pull_request) == ("MEMBER", True)
    assert found.said.body == "Thanks!\n  /stability help"


@pytest.mark.parametrize("body", ["", "see /stability help", "/stabilityx", "> /stability help", "`/stability`"])
def test_a_comment_in_which_no_line_begins_with_the_command_asks_nothing(body: str) -> None:
    assert said(body).kind == "nothing"


def test_what_a_bot_says_is_not_heard() -> None:
    """Trap 19: an app's own comments start workflows."""
    assert said("/stability help", type="Bot").kind == "nothing"


def test_nor_what_nobody_says() -> None:
    event = load("issue_comment_created")
    event.payload["comment"] |= {"body": "/stability help", "user": None}
    assert activity(event.name, event.payload, SHA, REF, {}).kind == "nothing"


def dispatched(payload: Any, *, contained: bool | None = True) -> Activity:
    event = load("repository_dispatch", client_payload=payload)
    return activity(event.name, event.payload, SHA, REF, {}, Facts(on_default_branch=contained))


def test_a_dispatch_names_a_commit_an_environment_and_an_issue() -> None:
    found = dispatched({"commit": "a" * 40, "environment": "staging", "issue": 7})
    assert (found.kind, found.commit, found.environment, found.issue) == ("prove", "a" * 40, "staging", 7)
    assert dispatched({}).commit == dispatched(None).commit == SHA


@pytest.mark.parametrize(
    "payload",
    [
        {"commit": "main"},
        {"commit": "a" * 39},
        {"commit": 5},
        {"environment": "../../etc"},
        {"environment": "a b"},
        {"environment": ["x"]},
        {"issue": "x"},
        {"issue": -1},
        "text",
        ["x"],
    ],
)
def test_a_dispatch_of_anything_else_is_refused(payload: Any) -> None:
    with pytest.raises(UsageError):
        dispatched(payload)


@pytest.mark.parametrize("contained", [False, None])
def test_a_dispatch_deploys_only_what_is_on_the_default_branch(contained: bool | None) -> None:
    with pytest.raises(UsageError, match="not on the default branch"):
        dispatched({"commit": "a" * 40}, contained=contained)


def test_the_commit_that_has_to_be_asked_about_is_that_of_a_success_or_of_a_dispatch() -> None:
    assert in_question("deployment_status", load("deployment_status").payload)
    assert in_question("deployment_status", load("deployment_status_in_progress").payload) is None
    assert in_question("repository_dispatch", {"client_payload": {"commit": "a" * 40}}) == "a" * 40
    assert in_question("repository_dispatch", load("repository_dispatch").payload) is None
    assert in_question("push", load("push").payload) is None
