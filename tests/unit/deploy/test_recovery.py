"""Which revision has the public URL once nothing is under way: a pure decision, tried on every situation."""

from typing import get_args

from hypothesis import assume, given
from hypothesis import strategies as st

from bot.deploy.remembered import Act, heir
from bot.deploy.state import Memory, Slot


def slot(revision: str) -> Slot:
    return Slot(revision=revision, commit="c", repository="/r", tree=f"/trees/{revision}", port=1)


memories = st.builds(
    Memory,
    keep=st.booleans(),
    serving=st.sampled_from([None, slot("previous")]),
    candidate=st.sampled_from([None, slot("candidate")]),
    act=st.sampled_from([None, *get_args(Act)]),
)
ups = st.booleans()


def decide(memory: Memory, serving_up: bool, candidate_up: bool) -> str | None:
    assume(memory.serving is not None or not serving_up)
    assume(memory.candidate is not None or not candidate_up)
    chosen = heir(memory, serving_up=serving_up, candidate_up=candidate_up)
    return chosen.revision if chosen else None


@given(memories, ups, ups)
def test_nothing_is_kept_that_is_not_to_be_kept(memory: Memory, serving_up: bool, candidate_up: bool) -> None:
    if not memory.keep:
        assert decide(memory, serving_up, candidate_up) is None


@given(memories, ups, ups)
def test_only_what_is_up_gets_the_url(memory: Memory, serving_up: bool, candidate_up: bool) -> None:
    up = {"previous": serving_up, "candidate": candidate_up, None: True}

    assert up[decide(memory, serving_up, candidate_up)]


@given(memories, ups, ups)
def test_a_candidate_that_was_not_accepted_never_displaces_a_previous_one(
    memory: Memory, serving_up: bool, candidate_up: bool
) -> None:
    if memory.keep and serving_up and memory.act != "settle":
        assert decide(memory, serving_up, candidate_up) == "previous"


@given(memories, ups, ups)
def test_a_candidate_that_was_accepted_gets_the_url(memory: Memory, serving_up: bool, candidate_up: bool) -> None:
    if memory.keep and candidate_up and memory.act == "settle":
        assert decide(memory, serving_up, candidate_up) == "candidate"


@given(memories, ups, ups)
def test_a_candidate_that_never_was_ready_gets_nothing(memory: Memory, serving_up: bool, candidate_up: bool) -> None:
    if memory.act == "deploy":
        assert decide(memory, serving_up, candidate_up) != "candidate"


@given(memories, ups, ups)
def test_users_who_had_a_service_are_not_cut_off_where_one_is_up(
    memory: Memory, serving_up: bool, candidate_up: bool
) -> None:
    had_traffic = candidate_up and memory.act in ("switch", "rollback", "settle")
    if memory.keep and memory.serving is not None and (serving_up or had_traffic):
        assert decide(memory, serving_up, candidate_up) is not None


@given(memories, ups, ups)
def test_a_candidate_serves_only_once_it_is_accepted_or_where_it_alone_is_left(
    memory: Memory, serving_up: bool, candidate_up: bool
) -> None:
    if decide(memory, serving_up, candidate_up) == "candidate":
        # a first deploy that nobody accepted leaves what was there before: nothing
        alone = memory.serving is not None and not serving_up and memory.act in ("switch", "rollback")
        assert memory.act == "settle" or alone
