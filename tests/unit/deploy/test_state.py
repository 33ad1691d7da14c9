"""What is remembered comes back the same, and what cannot be understood is said."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.deploy import state
from bot.deploy.processes import Known
from bot.deploy.state import Front, Memory, Slot
from bot.model.errors import DeployError

knowns = st.builds(Known, pid=st.integers(1, 2**22), born=st.integers(0, 2**53), boot=st.text())
slots = st.builds(
    Slot,
    revision=st.text(),
    commit=st.text(),
    repository=st.text(),
    tree=st.text(),
    port=st.integers(1, 65535),
    process=st.none() | knowns,
)
memories = st.builds(
    Memory,
    keep=st.booleans(),
    front=st.none() | st.builds(Front, process=knowns, port=st.integers(1, 65535), mark=st.text()),
    serving=st.none() | slots,
    candidate=st.none() | slots,
    retired=st.lists(slots, max_size=2).map(tuple),
    act=st.sampled_from([None, "deploy", "switch", "rollback", "settle"]),
)


@given(memories)
def test_a_memory_comes_back_the_same(memory: Memory) -> None:
    assert Memory.from_json(memory.to_json()) == memory


def test_nothing_remembered_is_none(tmp_path: Path) -> None:
    assert state.read(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", '{"act": "dance"}', '{"unknown": 1}', "\xff"])
def test_a_memory_that_cannot_be_understood_names_the_file_and_what_to_do(tmp_path: Path, text: str) -> None:
    (tmp_path / state.FILE).write_bytes(text.encode("latin-1"))

    with pytest.raises(DeployError, match=r"process\.json.*remove .* once nothing of it runs any more"):
        state.read(tmp_path)


@given(st.tuples(*(st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,6}\Z") for _ in range(4))))
def test_no_two_services_share_a_folder(names: tuple[str, str, str, str]) -> None:
    one, other = (names[0], names[1]), (names[2], names[3])

    assert (state.home(Path("/s"), *one) == state.home(Path("/s"), *other)) == (one == other)
