"""Reports: the verdict first, nothing unmeasured as passed, and no text of a service as anything but text."""

import json
import re
from xml.etree import ElementTree as ET

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.judge import judge
from bot.judge.policy import Expected, Policy
from bot.model import Observation, Verdict, Waiver
from bot.report import Links, comment, html, junit, sarif, status_line, summary, text, words
from tests.unit.safety.test_escape import HOSTILE, TEXTS
from tests.unit.samples import check, observation, run, series, subject

RULES = Policy(
    probes={
        name: Expected(kind="http", title=name.title(), severity="critical") for name in ("health", "sign-in", "lost")
    },
    waivers=(Waiver(finding="health/body", by="ana", reason="known | *bad*"),),
)


def verdict(*seen: Observation, said: str = "a body", baseline: bool = True) -> Verdict:
    """A verdict with a bit of everything; `said` is what the service said."""
    observations = seen or (
        observation(
            checks=(check(), check("body", ok=False, expected="x", actual=said), check("more", ok=False, actual=said)),
            state="broken",
            reason=said,
            reproduce=f"curl {said!r}",
        ),
        observation("sign-in", series=(series([10.0, 11.0]),)),
        observation("lost", state="not measured", reason=said or "why", remedy=said, checks=()),
        observation(
            "rollback", kind="rollback", checks=(check("previous revision serves", actual=said), check("health"))
        ),
    )
    about = subject(identity={"answered_by": {said or "x": 3}})
    return judge(
        run(*observations, subject=about), run(subject=subject("chat-1")) if baseline else None, RULES, "sha256:0"
    )


@settings(max_examples=40, deadline=None)
@given(TEXTS)
def test_no_text_of_a_service_is_markup_in_a_comment(said: str) -> None:
    found = cmarkgfm.github_flavored_markdown_to_html(comment(verdict(said=said)), Options.CMARK_OPT_UNSAFE)

    bare = re.sub(r"<(code|pre)[ >].*?</\1>", "", found, flags=re.DOTALL)
    assert set(re.findall(r"</?([a-z0-9]+)", bare)) <= {
        *(
            "h2",
            "h3",
            "p",
            "strong",
            "em",
            "blockquote",
            "table",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
            "ul",
            "li",
            "sub",
        ),
        *("details", "summary", "pre", "code", "a", "br"),
    }
    assert bare.count("<details>") == bare.count("</details>")
    assert not re.search(r"<!--|@[a-z]|href=\"(?!https://run\.invalid)", bare)


@pytest.mark.parametrize("said", HOSTILE)
def test_no_text_of_a_service_is_markup_in_the_page(said: str) -> None:
    page = html(verdict(said=said))

    assert "<script" not in page
    assert not re.search(r"(?:src|href)=\"(?!data:,)", page)
    assert "default-src 'none'" in page
    assert page.count("<details>") == page.count("</details>")
    assert "<!--" not in page


@pytest.mark.parametrize("render", [comment, summary, text, status_line])
def test_the_first_line_is_the_verdict(render: object) -> None:
    for each in (verdict(), verdict(observation(), observation("sign-in"), observation("lost"), baseline=False)):
        first = render(each).splitlines()[0].lower()  # type: ignore[operator]
        assert each.verdict in first


def test_what_was_not_measured_is_a_row_with_cause_and_remedy_and_passes_nowhere() -> None:
    found = verdict(said="no time was left")
    missing = [each for each in found.findings if each.status == "not measured"]
    assert missing

    for each in missing:
        assert each.title in comment(found)
        assert each.title in html(found)
    cases = {
        f"{case.get('classname')}/{case.get('name')}": case for case in ET.fromstring(junit(found)).iter("testcase")
    }
    assert all(cases[each.id].find("error") is not None for each in missing)
    kinds = {each["ruleId"]: each["kind"] for each in json.loads(sarif(found))["runs"][0]["results"]}
    assert {kinds[each.id] for each in missing} == {"open"}


def test_counts_are_those_of_the_findings() -> None:
    found = verdict()
    suite = ET.fromstring(junit(found))

    assert suite.get("tests") == str(len(found.findings))
    bad = [each for each in found.findings if each.status in ("broken", "regressed") and not each.waiver]
    assert suite.get("failures") == str(len(bad))
    assert f"{len(bad)} broken or worse" in comment(found)


def test_a_waived_finding_is_shown_with_who_and_why() -> None:
    assert "ana" in comment(verdict())
    assert "### Waived" in comment(verdict())


def test_a_rollback_is_said_near_the_top() -> None:
    top = comment(verdict(said="chat-1")).partition("### What got worse")[0]

    assert "> [!NOTE]" in top
    assert "Rolled back to chat-1" in top


def test_a_rollback_that_failed_is_an_alarm() -> None:
    failed = observation("rollback", kind="rollback", state="broken", checks=(check("health", ok=False),))
    top = comment(verdict(observation(checks=(check(ok=False),), state="broken"), failed)).partition(
        "### What got worse"
    )[0]

    assert "> [!CAUTION]" in top
    assert "The rollback failed" in top


def test_an_alert_stands_alone_for_github_shows_none_inside_of_anything() -> None:
    for line in comment(verdict(said="chat-1")).splitlines():
        assert "[!" not in line or re.fullmatch(r"> \[!(NOTE|CAUTION)\]", line)
    before = comment(verdict(said="chat-1")).partition("> [!")[0]
    assert before.count("<details") == before.count("</details>")


def test_a_long_verdict_is_cut_from_its_end_and_says_so() -> None:
    many = [observation(f"p{n}", checks=tuple(check(f"c{k}", actual="x" * 150) for k in range(20))) for n in range(40)]
    found = comment(verdict(*many), Links(run="https://run.invalid/1"))

    assert len(found) <= 60_000
    assert "left out for" in found
    assert found.startswith("## ")
    assert len(summary(verdict(*many))) > len(found)


def test_a_status_fits_its_field() -> None:
    assert len(status_line(verdict(said="x" * 500))) <= 140


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [(150 / 350, "−57 %"), (0.5, "−50 %"), (1.0, "±0 %"), (1.004, "+0.4 %"), (1.1, "+10 %"), (3.0, "×3"), (None, "–")],
)
def test_a_change_is_what_the_ratio_says(ratio: float | None, shown: str) -> None:
    assert words.change(ratio) == shown


@given(st.floats(1e-6, 1e9))
def test_a_number_is_shown_within_half_a_percent(number: float) -> None:
    assert float(words.number(number).replace(",", "")) == pytest.approx(number, rel=0.0051)


def test_sarif_is_as_the_standard_has_it() -> None:
    document = json.loads(sarif(verdict()))

    assert document["version"] == "2.1.0"
    for each in document["runs"][0]["results"]:
        assert each["kind"] in {"fail", "open", "informational"}
        assert (each["level"] == "none") == (each["kind"] != "fail")  # SARIF 2.1.0, section 3.27.10
