"""What BuildKit prints while it builds, from what an engine sent."""

import base64

from hypothesis import given
from hypothesis import strategies as st

from bot.deploy.docker.buildkit import Told

STEP = (
    "CqMBCkdzaGEyNTY6ZjE0OWRlZjg0OWRkZGZmYjg4N2M4OGU5ZWEzZTkwYjM2ZjY0YTBjNGQ4NGVkYTU1OGI2NzRhZTU5YWQ1YjQ4"
    "YRJHc2hhMjU2Ojk4NDgwMTAwYjcwNDY3OThhZDQyYzI5YzJkMGUwYmViNzk5YzZiNzRlMDQxYzdjMTJiNzhlNDI3ZGE2ZTU3MDUa"
    "D2NvcHkgL2NvbnRleHQgLw=="
)
HELLO = (
    "GmEKR3NoYTI1NjowNTIwNmMwZDBkZGEzYzM1NjhhMzZkZjVmZGZiNWJmNThjY2JhMTgxOGEzMjZhYzMxYmJlOGVkMmQ2NmI3ZjJj"
    "EgwI+86f2AYQ4b+PkAIYASIGaGVsbG8K"
)
TWO = (
    "Gl4KR3NoYTI1NjphZmIxOWUxYTFkMzE1ZmZhY2FlYTgyMWQ0MTVjZmU3YTBjMzdkMGRiOWVhZTI4ZjZhOTQ2ZTRlODk4MWEyZTMw"
    "EgsI/M6f2AYQv4r2dRgBIgR0d28K"
)
SENT = [STEP, HELLO, TWO]
"""From Docker Engine 20.10.24: a step is named; two print a word each."""


def test_steps_and_what_they_printed_are_read() -> None:
    told = Told()

    assert "".join(told.text(each) for each in SENT) == "copy /context /\nhello\ntwo\n"
    assert told.text(SENT[0]) == ""  # a step is named once


@given(
    st.binary(max_size=60) | st.sampled_from([base64.b64decode(each)[:cut] for each in SENT for cut in range(1, 60)])
)
def test_what_cannot_be_understood_says_nothing_and_is_no_error(raw: bytes) -> None:
    assert isinstance(Told().text(base64.b64encode(raw).decode()), str)


def test_what_is_no_base64_says_nothing() -> None:
    assert [Told().text(each) for each in (None, 3, "no base64!", {})] == [""] * 4
