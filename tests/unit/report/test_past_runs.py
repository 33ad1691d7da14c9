"""What rests on runs of another time is said to: stored runs, and the steps since a release."""

from typing import Any

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from hypothesis import given, settings

from bot.judge import judge
from bot.model import Comparison, Finding, Verdict
from bot.report import comment, html, text, words
from tests.unit.judge.cases import policy
from tests.unit.safety.test_escape import TEXTS
from tests.unit.samples import run


def row(item: str, status: str, **comparison: Any) -> Finding:
    """A finding on a series."""
    shown = {"unit": "ms", "better": "lower", "after": 40.0, "samples_after": 60, **comparison}
    severity = "info" if status == "changed" else "minor"
    fields = {"id": f"health/{item}", "probe": "health", "item": item, "title": f"Health: {item}", "kind": "series"}
    seen = Comparison.model_validate(shown)
    return Finding.model_validate({**fields, "status": status, "severity": severity, "comparison": seen})


def drifted(status: str = "regressed", since: str = "v1.4") -> Finding:
    """A drift since a release."""
    numbers = {"ratio": 1.26, "low": 1.22, "high": 1.3, "confidence": 0.95, "runs": 4}
    return row(f"latency since {since}", status, since=since, **numbers)


def verdict(*findings: Finding) -> Verdict:
    """A verdict of just these findings."""
    return judge(run(), None, policy(), "sha256:0").model_copy(update={"findings": findings})


def section(document: str, heading: str) -> str:
    """What stands below a heading, up to the next."""
    return document.partition(f"### {heading}\n")[2].partition("\n#")[0]


def test_drift_has_a_table_of_its_own() -> None:
    found = comment(verdict(drifted(), row("latency", "maintained", ratio=1.01, low=0.99, high=1.03, pairs=80)))
    below = section(found, "Since v1.4")
    assert "Health: latency since v1.4" in below
    assert "+26 %" in below
    assert "+22 % to +30 % (95 %, 4 steps)" in below
    assert "What got worse" not in found
    assert "since v1.4" not in found.partition("<summary>Timings</summary>")[2].partition("</details>")[0]
    for each in (text(verdict(drifted())), html(verdict(drifted()))):
        assert "Since v1.4" in each
        assert "What got worse" not in each


def test_without_drift_there_is_no_such_table() -> None:
    plain = verdict(row("latency", "maintained", ratio=1.01, low=0.99, high=1.03, pairs=80))
    for each in (comment(plain), text(plain), html(plain)):
        assert "Since" not in each


@pytest.mark.parametrize("status", ["changed", "maintained", "regressed"])
def test_each_word_on_drift_is_in_it(status: str) -> None:
    found = comment(verdict(drifted(status)))
    assert words.MARKS[status] in section(found, "Since v1.4")
    assert "Changed, and does not block" not in found


def test_the_table_is_short() -> None:
    many = [drifted().model_copy(update={"id": f"p{n}/latency since v1.4", "title": f"P{n}"}) for n in range(9)]
    below = section(comment(verdict(*many)), "Since v1.4")
    assert "3 more, in the full report" in below
    assert "P6" not in below


@settings(max_examples=30, deadline=None)
@given(TEXTS)
def test_no_name_of_a_release_is_markup(name: str) -> None:
    found = comment(verdict(drifted(since=name or "x")))
    page = cmarkgfm.github_flavored_markdown_to_html(found, Options.CMARK_OPT_UNSAFE)
    assert "<script" not in page
    assert "<img" not in page
    assert "<script" not in html(verdict(drifted(since=name or "x")))


def test_an_interval_says_what_it_rests_on() -> None:
    numbers = {"low": 0.9, "high": 1.2, "confidence": 0.905}
    assert words.sure(row("latency", "maintained", **numbers, runs=5)) == "−10 % to +20 % (90.5 %, 5 stored runs)"
    assert words.sure(row("latency", "maintained", **numbers, pairs=80)) == "−10 % to +20 % (90.5 %, 80 pairs)"
    assert words.sure(row("latency since v1", "changed", since="v1")) == "not known"
    tried = {"kind": "check", "comparison": None, "tries": 10}
    check = row("status", "regressed").model_copy(update={**tried, "failures": 2})
    assert words.sure(check) == "failed 2 of 10 tries"
    assert words.sure(check.model_copy(update={"failures": 0})) == "held 10 of 10 tries"
