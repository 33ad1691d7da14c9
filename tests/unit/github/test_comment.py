"""A comment that GitHub would refuse is cut, with what it leaves open closed."""

from hypothesis import given
from hypothesis import strategies as st

from bot.github.comment import LIMIT, fitting, marker

line = st.sampled_from(["<details>", "</details>", "```", "````text", "| a | b |", "long", "umlauts", "", "word"])
LONG = {"long": "x" * 70_000, "umlauts": "ü" * 9_000}


def open_at_the_end(text: str) -> tuple[int, bool]:
    """How many details, and whether a fence, are open."""
    fence = ""
    for each in text.splitlines():
        ticks = len(each) - len(each.lstrip("`"))
        if not fence and ticks >= 3:
            fence = "`" * ticks
        elif fence and ticks >= len(fence) and each.strip("` ") == "":
            fence = ""
    return text.count("<details>") - text.count("</details>"), bool(fence)


def test_a_body_within_the_limit_is_left_as_it_is() -> None:
    assert fitting("x" * LIMIT) == "x" * LIMIT


@given(st.lists(line, max_size=30))
def test_a_body_over_the_limit_is_cut_to_it(lines: list[str]) -> None:
    text = "\n".join(LONG.get(each, each) for each in lines)
    found = fitting(text)
    assert len(found) <= LIMIT
    if len(text) > LIMIT:
        assert "was cut" in found


def test_a_body_of_one_endless_line_is_cut_too() -> None:
    found = fitting("x" * (LIMIT + 1))
    assert len(found) <= LIMIT
    assert found.startswith("xxxx")
    assert "was cut" in found


def test_what_the_cut_leaves_open_is_closed() -> None:
    for opening in ("<details><summary>s</summary>\n", "```\n", "````text\n", "<details>\n\n<details>\n\n```json\n"):
        found = fitting(f"key\n{opening}" + "row\n" * LIMIT)
        assert open_at_the_end(found) == (0, False), opening
        assert len(found) <= LIMIT


def test_the_marker_comes_first_whatever_is_cut() -> None:
    key = marker("chat", "production")
    assert fitting(f"{key}\n" + "x" * LIMIT).startswith(key)


def test_each_service_and_environment_has_a_marker_of_its_own() -> None:
    made = {marker(service, place) for service in ("chat", "shop") for place in ("production", "staging")}
    assert len(made) == 4
    assert not any(one != other and one.startswith(other) for one in made for other in made)


def test_what_a_fence_shows_opens_and_closes_nothing() -> None:
    for shown in ("</details>", "<details>"):
        found = fitting(f"key\n<details>\n\n```\n{shown}\n```\n" + "row\n" * LIMIT)
        outside = found.replace(f"```\n{shown}\n```", "")
        assert (outside.count("<details>"), outside.count("</details>")) == (1, 1), shown


def test_details_that_are_shown_open_are_closed_too() -> None:
    assert fitting("key\n<details open>\n" + "row\n" * LIMIT).count("</details>") == 1
