"""Who has the traffic on an engine once nothing is under way."""

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from bot.deploy.docker.memory import Act, Memory, Slot, heir

FIRST = Slot(revision="shop-1", container="one", image="shop:1", address="172.17.0.2:8080")
SECOND = Slot(revision="shop-2", container="two", image="shop:2", address="172.17.0.3:8080")


@given(
    st.sampled_from([None, FIRST]), st.sampled_from([None, *get_args(Act)]), st.booleans(), st.booleans(), st.booleans()
)
def test_a_candidate_serves_only_once_it_is_accepted_or_where_it_alone_is_left(
    serving: Slot | None, act: Act | None, serving_up: bool, candidate_up: bool, keep: bool
) -> None:
    memory = Memory(serving=serving, candidate=SECOND, act=act, keep=keep)
    serving_up = serving_up and serving is not None
    chosen = heir(memory, serving_up=serving_up, candidate_up=candidate_up)

    if chosen is SECOND:
        # a first deploy that nobody accepted leaves what was there before: nothing
        assert candidate_up
        assert act == "settle" or (serving is not None and not serving_up and act in ("switch", "rollback"))
    elif chosen is None:
        assert not keep or not serving_up
    else:
        assert serving_up
