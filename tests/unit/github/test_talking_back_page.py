"""The page on talking back names what the parser knows, and its examples are commands."""

import re
from pathlib import Path

from bot.github.chat import COMMANDS, MOST_COMMANDS, Command, commands
from bot.model import MOST_REASON

PAGE = (Path(__file__).parents[3] / "docs" / "github" / "talking-back.md").read_text()


def test_the_page_has_a_row_for_every_command_and_says_who_may() -> None:
    rows = dict(re.findall(r"^\| `/stability (\S+)[^|]*` \|[^|]*\| who may (\w+) \|$", PAGE, re.MULTILINE))
    assert rows == {name: usage.level for name, usage in COMMANDS.items()}


def test_the_page_writes_every_command_as_the_bot_does() -> None:
    for usage in COMMANDS.values():
        assert f"`/stability {usage.form}`" in PAGE


def test_the_example_is_two_commands() -> None:
    (example,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert [each.name for each in commands(example) if isinstance(each, Command)] == ["accept", "explain"]


def test_the_page_knows_the_bounds() -> None:
    assert MOST_COMMANDS == 5
    assert "The first five commands" in PAGE
    assert f"at most {MOST_REASON} characters" in PAGE
