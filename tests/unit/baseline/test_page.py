"""The page on what is kept knows the bounds of what a kept run remembers."""

import re
from pathlib import Path

from bot.model import MOST_WAIVERS, Run
from bot.model.carried import MOST_LEFT
from bot.model.previous import MOST_FINDINGS, MOST_ISSUES, MOST_PROBES, MOST_VERDICTS

PAGE = (Path(__file__).parents[3] / "docs" / "baselines.md").read_text()


def test_what_a_kept_run_remembers_is_on_the_page_with_its_bounds() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| .+ \| (.+) \|$", PAGE, re.MULTILINE))
    remembered = {name: rows[name] for name in ("previous", "closed", "accepted", "left")}
    assert remembered.keys() <= Run.model_fields.keys()
    assert remembered == {
        "previous": f"{MOST_VERDICTS} verdicts, {MOST_FINDINGS} findings",
        "closed": f"{MOST_ISSUES} issues, {MOST_PROBES} probes each",
        "accepted": f"{MOST_WAIVERS} waivers",
        "left": f"{MOST_LEFT} sessions",
    }
