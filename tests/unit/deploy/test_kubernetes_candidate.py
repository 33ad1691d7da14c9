"""What the candidate's Deployment is made of, and what the spec's image says."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.deploy.kubernetes import candidate, objects, pods
from bot.deploy.kubernetes.target import KubernetesTarget

LABELS = st.dictionaries(st.sampled_from(["app", "tier", "team"]), st.sampled_from(["chat", "web", "a"]))


@given(LABELS, LABELS, st.lists(LABELS, max_size=3))
def test_neither_the_deployment_nor_any_service_selects_a_candidates_pods(
    theirs: dict[str, str], matched: dict[str, str], selectors: list[dict[str, str]]
) -> None:
    stable = {"spec": {"selector": {"matchLabels": matched}}}
    kept = candidate.unselected(theirs, stable, [{"spec": {"selector": each}} for each in selectors])
    assert kept.items() <= theirs.items()
    assert not set(kept) & set(matched)
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
    ],
)
def test_a_wrong_key_is_said(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        target(**keys)
