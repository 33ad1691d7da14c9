"""A probe explained, and waivers shown: all that is known of them, and no text of others as anything but text."""

import re

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.model import Waiver
from bot.report import comment, explanation, html, text
from tests.unit.judge.cases import beside, latencies, policy, timed
from tests.unit.judge.cases import verdict as judged
from tests.unit.report.test_reports import verdict
from tests.unit.safety.test_escape import HOSTILE, TEXTS

TAGS = {"h2", "h3", "p", "strong", "em", "blockquote", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "sub"}
OURS = "https://example.invalid/shop/pull/2#issuecomment-1"


def markup(document: str) -> str:
    """What is left of a document, as GitHub renders it, outside of code."""
    page = cmarkgfm.github_flavored_markdown_to_html(document, Options.CMARK_OPT_UNSAFE)
    return re.sub(r"<(code|pre)[ >].*?</\1>", "", page, flags=re.DOTALL)


def waiver(said: str) -> Waiver:
    return Waiver(finding=f"health/{said}"[:500], by=said[:500], reason=said[:500], source=OURS, until="2026-12-31")


@settings(max_examples=60, deadline=None)
@given(TEXTS | st.sampled_from(HOSTILE))
def test_no_text_of_a_service_or_a_stranger_is_markup(said: str) -> None:
    found = verdict(said=said).model_copy(update={"waivers": (waiver(said),)})
    for document in (explanation(found, "health", "stability-proof-x", "sha256:0"), comment(found)):
        bare = markup(document)
        assert set(re.findall(r"</?([a-z0-9]+)", bare)) <= TAGS | {"details", "summary", "pre", "code", "a", "br"}
        assert not re.search(rf"<!--|@[a-z]|href=\"(?!{re.escape(OURS)})", bare)
    assert "<script" not in html(found)


def test_a_timing_is_explained_with_its_interval_and_what_would_have_been_caught() -> None:
    runs = beside([timed(latencies(1, 100, ratio=1.3))], [timed(latencies(2, 100))])
    found = judged(*runs, policy(timed=True))
    (seen,) = [each for each in found.findings if each.id == "health/latency"]

    said = explanation(found, "health", "stability-proof-shop", "sha256:abc")

    assert "**regressed** `health/latency`" in said
    assert re.search(r"change \+\d+ %, between \+\d+ % to \+\d+ %", said)
    assert re.search(r"how sure: \+\d+ % to \+\d+ % \([\d.]+ %, \d+ pairs\)", said)
    assert re.search(r"would have been caught, four times in five: \+[\d.]+ %", said)
    assert all(name in said for name in seen.observed)
    assert "`stability-proof-shop`, `sha256:abc`" in said


def test_a_probe_that_nobody_knows_is_no_explanation() -> None:
    with pytest.raises(KeyError):
        explanation(verdict(), "nobody", "x", "y")


def test_a_waiver_is_shown_until_its_day_is_over_also_where_it_covers_nothing() -> None:
    found = verdict().model_copy(update={"waivers": (waiver("gone"),), "findings": ()})
    for shown in (comment(found), html(found), text(found)):
        assert "nothing to waive now" in shown
        assert "2026-12-31" in shown
    assert f"[said here]({OURS})" in comment(found)
    assert OURS in html(found)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://x.invalid/ a", "https://x.invalid/)[a](b", ""])
def test_a_waiver_has_no_source_but_an_address(url: str) -> None:
    with pytest.raises(ValueError, match="source"):
        Waiver(finding="a/b", by="ana", reason="x", source=url)
