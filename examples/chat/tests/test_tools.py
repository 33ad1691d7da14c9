"""The calculator and the word counter."""

import pytest

from chat.tools import ToolError, calculate, count_words


@pytest.mark.parametrize(
    ("expression", "value"), [("2 + 3 * 4", "14"), ("(2 + 3) * 4", "20"), ("-7 / 2", "-3.5"), (" 0.5 ", "0.5")]
)
def test_sums_are_calculated(expression: str, value: str) -> None:
    assert calculate(expression) == value


@pytest.mark.parametrize(
    "expression", ["1 / 0", "2 **", "2 ** 9", "name", "print(1)", "", "1+" * 5000 + "1", "9" * 400]
)
def test_what_is_no_sum_has_no_result(expression: str) -> None:
    with pytest.raises(ToolError):
        calculate(expression)


def test_words_are_counted() -> None:
    assert count_words("one  two\nthree") == "3"
