"""The ground floor: one JSON form, read back the same, and nothing in it that is not a number."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.model import Check, Evidence, Fact, Observation, Run, Series, finite, six, strict_json
from bot.model.errors import FormatError
from tests.unit.samples import observation, run, series

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
VALUES = st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), max_size=6)


@given(JSON, VALUES, st.text(), st.booleans())
def test_a_run_is_read_back_as_it_was_written(value: object, values: list[float | None], text: str, ok: bool) -> None:
    before = run(
        observation(
            checks=(Check(id="a", ok=ok, expected=text, actual=text),),
            series=(series(values),),
            facts=(Fact(id="f", kind="k", value={"nothing": None, "value": value}),),
        )
    )

    after = Run.from_json(before.to_json())

    assert before == after
    assert before.to_json() == after.to_json()


def test_nulls_inside_a_fact_are_kept_and_absent_fields_are_not_written() -> None:
    written = run(observation(facts=(Fact(id="f", kind="k", value={"a": None}),))).to_json()

    assert b'{"a":null}' in written
    assert b"reason" not in written


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused(number: float) -> None:
    assert finite(number) is None
    with pytest.raises(ValidationError):
        series([number])


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_json_with_what_is_no_number_is_refused_by_name(word: str) -> None:
    with pytest.raises(FormatError, match=f"x.json: {word} is not a JSON number"):
        strict_json(f'{{"a": {word}}}', "x.json")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_six_significant_digits_are_kept(number: float) -> None:
    assert math.isclose(number, six(number), rel_tol=5.1e-6, abs_tol=1e-300)
    assert six(number) == six(six(number))


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "evidence/../../x", "a\\b"])
def test_evidence_stays_in_the_folder_of_its_run(path: str) -> None:
    with pytest.raises(ValidationError):
        Evidence(path=path, media_type="text/plain", size=1)


def test_not_measured_without_a_cause_cannot_be_said() -> None:
    with pytest.raises(ValidationError, match="says no reason"):
        Observation(probe="p", kind="k", title="t", state="not measured")


def test_a_row_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValidationError, match="does not fit"):
        Series(id="s", unit="ms", better="lower", samples=((0, 1.0),))
    with pytest.raises(ValidationError, match="lacks a column"):
        Series(id="s", unit="ms", better="lower", columns=("value",))


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"\xff", b'{"format": "stability-proof/run@2"}', b"[" * 100_000])
def test_what_is_not_a_run_is_refused_in_one_message(raw: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        Run.from_json(raw, "x.json")

    assert str(caught.value).startswith("x.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "counts",
    [
        {"tries": 3},
        {"failures": 0},
        {"tries": 0, "failures": 0},
        {"tries": 3, "failures": 4},
        {"tries": 3, "failures": -1},
        {"tries": 3, "failures": 1},
    ],
)
def test_the_counts_of_a_check_fit_each_other_and_its_word(counts: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Check(id="a", ok=True, expected="", actual="", **counts)
