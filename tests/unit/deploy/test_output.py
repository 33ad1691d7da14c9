"""What is kept of a revision's output holds no secret, also where it was cut."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bot.deploy import output
from bot.safety.redact import Redactor

SECRET = "correct-horse-battery-staple"


def tail_of(data: bytes) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "log"
        file.write_bytes(data)
        return output.tail(file, Redactor([SECRET]))


@given(before=st.integers(0, 3 * output.TAIL), after=st.integers(0, 3 * output.TAIL), line=st.integers(20, 400))
def test_no_part_of_a_secret_is_kept_wherever_the_window_begins(before: int, after: int, line: int) -> None:
    filler = (b"." * line + b"\n") * (1 + max(before, after) // (line + 1))
    kept = tail_of(filler[:before] + SECRET.encode() + filler[:after])

    assert len(kept) <= output.TAIL
    assert not any(SECRET[at : at + 8].encode() in kept for at in range(len(SECRET) - 7))


@given(st.integers(1, len(SECRET)))
def test_a_secret_that_was_cut_off_in_the_middle_is_not_kept(length: int) -> None:
    kept = tail_of(b"the key is " + SECRET[:length].encode())

    assert length < 4 or SECRET[:4].encode() not in kept


def test_the_end_is_what_is_kept() -> None:
    lines = b"".join(b"line %d\n" % number for number in range(10_000))

    kept = tail_of(lines)

    assert lines.endswith(kept)
    assert len(kept) > output.TAIL - 20


def test_nothing_printed_is_no_evidence(tmp_path: Path) -> None:
    assert output.tail(tmp_path / "none", Redactor()) == b""
    assert output.as_evidence(b"") == {}
    assert output.last_line(b"") == ""


def test_the_last_line_is_the_last_that_says_something() -> None:
    assert output.last_line(b"Traceback\n  File x\nKeyError: 'a'\n\n  \n") == "KeyError: 'a'"
    assert len(output.last_line(b"x" * 5000)) == output.LINE
