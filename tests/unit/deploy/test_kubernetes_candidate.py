"""What the candidate's Deployment is made of, and what the spec's image says."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.deploy.kubernetes import candidate, described, objects, pods
from bot.deploy.kubernetes.target import KubernetesTarget
from bot.safety.redact import Redactor
from tests.kubernetes_stand_in import selecting

LABELS = st.dictionaries(st.sampled_from(["app", "tier", "team"]), st.sampled_from(["chat", "web", "a"]))


@given(LABELS, LABELS, LABELS, st.lists(LABELS, max_size=3))
def test_neither_the_deployment_nor_any_service_selects_a_candidates_pods(
    theirs: dict[str, str], matched: dict[str, str], among: dict[str, str], selectors: list[dict[str, str]]
) -> None:
    words = [{"key": key, "operator": "In", "values": [value, "b"]} for key, value in among.items()]
    words.append({"key": "canary", "operator": "DoesNotExist"})
    stable = {"spec": {"selector": {"matchLabels": matched, "matchExpressions": words}}}
    kept = candidate.unselected(theirs, stable, [{"spec": {"selector": each}} for each in selectors])
    assert kept.items() <= theirs.items()
    assert not set(kept) & {*matched, *among}
    assert not any(objects.selects(each, kept) for each in selectors)


@given(st.integers(0, 240), st.sampled_from("a-."), st.text("abc", min_size=1, max_size=3))
def test_a_mark_is_a_label_and_each_deployments_own(length: int, letter: str, more: str) -> None:
    name = f"a{letter * length}b"
    mark = candidate.mark(name)
    assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", mark)
    assert candidate.mark(name + more) != mark


@given(st.dictionaries(st.text("abc", min_size=1), st.integers(0, 20)))
def test_shares_add_up(counts: dict[str, int]) -> None:
    made = pods.shares(counts)
    assert sum(made.values()) == (100 if any(counts.values()) else 0)
    assert all(abs(share - 100 * counts[name] / sum(counts.values())) < 1 for name, share in made.items())


def target(**keys: Any) -> KubernetesTarget:
    return KubernetesTarget.model_validate({"deployment": "chat", "image": "r/chat:{commit}", **keys})


def test_an_image_is_filled_in_and_read_back() -> None:
    sha = "0123456789" * 4
    assert target().image_of(sha) == f"r/chat:{sha}"
    assert target().commit_in(f"r/chat:{sha}") == sha
    assert target().commit_in("r/chat:latest") is None
    assert target().image_of(None) is None
    assert target(image="r/chat:{short}").image_of(sha) == "r/chat:0123456"
    assert target(image="r/chat:{short}").commit_in("r/chat:0123456") is None
    assert target(image="r/chat@sha256:1").image_of(None) == "r/chat@sha256:1"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"image": "r/chat:{comit}"}, "nothing is known to fill {comit} with"),
        ({"image": "r/chat latest"}, "no image such as"),
        ({"deployment": "Chat"}, "String should match pattern"),
        ({"url": "https://user:password@chat.example.com"}, "user or a password"),
        ({"port": 0}, "greater than or equal to 1"),
        ({"replica": 2}, "Extra inputs"),
        ({"server": "https://203.0.113.7"}, "`server` and `token` go together"),
        ({"authority": "-----BEGIN"}, "`authority` goes with `server`"),
        ({"server": "http://203.0.113.7", "token": "t"}, "begins with https://"),
        ({"server": "https://203.0.113.7", "token": "t", "context": "shop"}, "either `server`, or"),
    ],
)
def test_a_wrong_key_is_said(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        target(**keys)


def test_a_token_is_in_no_message() -> None:
    assert "tell-nobody" not in repr(target(server="https://203.0.113.7", token="tell-nobody"))


def test_a_selector_is_asked_for_as_kubernetes_writes_it() -> None:
    expressions = [
        {"key": "tier", "operator": "In", "values": ["web", "api"]},
        {"key": "old", "operator": "NotIn", "values": ["yes"]},
        {"key": "team", "operator": "Exists"},
        {"key": "canary", "operator": "DoesNotExist"},
    ]
    selector = {"matchLabels": {"b": "2", "a": "1"}, "matchExpressions": expressions}
    wanted = "a=1,b=2,tier in (web,api),old notin (yes),team,!canary"
    assert objects.selector({"spec": {"selector": selector}}) == wanted
    things = [
        {"metadata": {"labels": {"a": "1", "b": "2", "tier": "api", "team": "x"}}},
        {"metadata": {"labels": {"a": "1", "b": "2", "tier": "api", "team": "x", "canary": ""}}},
    ]
    assert selecting.labelled(things, wanted) == things[:1]


def test_facts_hold_no_secret_wherever_it_stands() -> None:
    value = {"image": "r/hunter-two:1", "limits": {"memory": "1Gi"}, "pods": ["chat-hunter-two"], "ready": 1}
    made = described.redacted(value, Redactor(["hunter-two"]))
    assert made == {"image": "r/[redacted]:1", "limits": {"memory": "1Gi"}, "pods": ["chat-[redacted]"], "ready": 1}
