"""What the kinds of activities say of themselves, and what a verdict may do to issues."""

import dataclasses

import pytest

from bot.github.event import Activity
from bot.judge.policy import OWN_NAMES
from bot.model import Verdict
from bot.stages.kinds import noted, only_the_baseline_is_missing
from tests.unit.judge.cases import verdict
from tests.unit.samples import check, observation, run

LOST = observation("baseline", kind="baseline", state="not measured", reason="it has expired", checks=())
HELD = observation("health", checks=(check(),))
UNDONE = observation("rollback", kind="rollback", checks=(check(),))
UNCALLED = observation("rollback", kind="rollback", state="not measured", reason="not called for", checks=())
UNSEEN = observation("health", state="not measured", reason="no answer", checks=())


@pytest.mark.parametrize(
    ("given", "alone"),
    [
        (verdict(run(LOST, HELD)), True),
        (verdict(run(LOST, HELD, UNCALLED)), True),
        (verdict(run(LOST, HELD, UNDONE)), False),
        (verdict(run(LOST, UNSEEN)), False),
        (verdict(run(LOST, observation("health", checks=(check(ok=False),)))), False),
        (verdict(run(UNSEEN)), False),
        (verdict(run(HELD)), False),
    ],
)
def test_it_is_the_baseline_alone_that_is_missing_only_where_the_rest_held_and_serves(
    given: Verdict, alone: bool
) -> None:
    assert "baseline" in OWN_NAMES
    assert only_the_baseline_is_missing(given) is alone


def test_a_verdict_says_over_what_an_older_commit_was_deployed() -> None:
    asked = Activity("a" * 40, "run again")
    assert noted("## Stable\nAll held.\n", asked) == "## Stable\nAll held.\n"
    said = noted("## Stable\nAll held.\n", dataclasses.replace(asked, over="b" * 40))
    assert said.startswith("## Stable\n\n**An older commit:** it comes before `bbbbbbbbbbbb`")
    assert said.endswith("\nAll held.\n")
