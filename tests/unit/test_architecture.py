"""docs/architecture.md has an account of every part of the bot."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = re.sub(r"^```.*?^```$", "", (ROOT / "docs" / "architecture.md").read_text(), flags=re.DOTALL | re.MULTILINE)
SAID = [code or bold for code, bold in re.findall(r"`([^`]+)`|\*\*(\w+)\*\*", PAGE)]
NAMED = {name for each in SAID for name in re.findall(r"[a-z_]+", each)}
PARTS = sorted(
    {path.stem for path in (ROOT / "bot").glob("*.py")}
    | {path.parent.name for path in (ROOT / "bot").rglob("__init__.py")}
    | {path.stem for room in ("github", "stages") for path in (ROOT / "bot" / room).glob("*.py")}
)


@pytest.mark.parametrize("part", [each for each in PARTS if not each.startswith("__")])
def test_each_part_is_in_the_account(part: str) -> None:
    assert part in NAMED or part == "bot"
