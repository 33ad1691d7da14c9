"""What the comment says of the runs before: which findings changed, and the last few verdicts, folded."""

import re

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from hypothesis import given, settings

from bot.judge import judge
from bot.judge.policy import Expected, Policy
from bot.model import Previous, Told, Verdict
from bot.report import Links, comment, text
from bot.report.markdown import COMMENT_LIMIT
from tests.unit.safety.test_escape import TEXTS
from tests.unit.samples import check, observation, run, subject

RULES = Policy(probes={"health": Expected(kind="http", title="Health", severity="critical")})
RUN = "https://github.com/octo/chat/actions/runs/7"


def told(word: str = "unstable", day: int = 1, **changes: object) -> Told:
    fields = {"verdict": word, "revision": "chat-1", "finished": f"2026-01-0{day}T03:04:05.678Z", "workflow_run": RUN}
    return Told.model_validate(fields | changes)


def verdict(findings: dict[str, str], *ids: str, history: tuple[Told, ...] = (), **bad: bool) -> Verdict:
    seen = observation(checks=tuple(check(each, ok=not bad.get(each, False)) for each in (ids or ("status", "body"))))
    previous = Previous.model_validate({"told": (*history, told(day=3)), "findings": findings})
    return judge(run(seen, previous=previous), run(subject=subject("chat-1")), RULES, "sha256:0")


def line(markdown: str) -> str:
    (found,) = [each for each in markdown.splitlines() if each.startswith("**Since the last run**")]
    return found


def test_what_was_fixed_and_what_is_new_is_counted_and_named() -> None:
    bad = {"health/status": "broken", "health/gone": "broken"}
    said = line(comment(verdict(bad, "status", "body", body=True)))
    assert "1 fixed, 1 new, 1 bad then and not measured now" in said
    assert "Fixed: `health/status`." in said
    assert "New: `health/body`." in said
    assert "Not measured now: `health/gone`." in said
    assert f"[unstable at chat-1, 2026-01-03]({RUN})" in said


def test_where_nothing_changed_it_says_so_and_claims_no_more() -> None:
    assert "nothing was fixed, and nothing is newly bad." in line(comment(verdict({})))


def test_many_names_are_cut_and_counted() -> None:
    ids = tuple(f"c{number}" for number in range(20))
    said = line(comment(verdict({}, *ids, **dict.fromkeys(ids, True))))
    assert "20 new" in said
    assert "and 14 more" in said


def test_the_terminal_says_the_same() -> None:
    found = text(verdict({"health/status": "broken"}, "status", "body", body=True))
    assert "Since the last run (unstable at chat-1, 2026-01-03): 1 fixed, 1 new." in found
    assert "  Fixed: health/status" in found


def test_the_last_verdicts_are_folded_newest_first_with_links_to_their_runs() -> None:
    history = (told("first run", 1), told("stable", 2, commit="c" * 40, workflow_run=None))
    found = comment(verdict({}, history=history))
    fold = found[found.index("<summary>Earlier verdicts") :]
    assert re.findall(r"^\| \S+ (\w[\w ]*?) \| `(\S+)` \| (.*) \|$", fold, re.MULTILINE)[:3] == [
        ("unstable", "chat-1", f"[2026-01-03 03:04 UTC]({RUN})"),
        ("stable", "ccccccc", "2026-01-02 03:04 UTC"),
        ("first run", "chat-1", f"[2026-01-01 03:04 UTC]({RUN})"),
    ]


def test_without_a_last_verdict_there_is_no_line_and_no_fold() -> None:
    found = comment(judge(run(), None, RULES, "sha256:0"))
    assert "last run" not in found
    assert "Earlier" not in found


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_no_text_of_an_earlier_run_is_markup(said: str) -> None:
    name = said[:250]
    history = (told(revision=name, workflow_run=said[:400]), told(workflow_run=f"https://x.invalid/{said[:300]}"))
    found = comment(verdict({f"health/{name}": "broken"}, name or "x", history=history, **{name or "x": True}))
    html = cmarkgfm.github_flavored_markdown_to_html(found, Options.CMARK_OPT_UNSAFE)
    bare = re.sub(r"<(code|pre)[ >].*?</\1>", "", html, flags=re.DOTALL)
    assert set(re.findall(r"<h(\d)>", bare)) <= {"2", "3"}
    assert not re.search(r"@\w|<img|<script", re.sub(r'href="[^"]*"', "", bare))
    ours = ("https://x.invalid/", RUN, *([said] if said.startswith("http") else []))  # a run's own page is linked
    assert all(link.startswith(ours) for link in re.findall(r'href="([^"]*)"', bare))
    assert html.count("<details>") == html.count("</details>") == found.count("<details>")


@pytest.mark.parametrize(
    ("links", "shown"), [(Links(run=RUN), f"]({RUN})"), (Links(proof=RUN + "/p"), "/p)"), (None, "see the full report")]
)
def test_sections_are_dropped_from_the_bottom_with_a_link_to_all_of_it(links: Links | None, shown: str) -> None:
    checks = tuple(check(f"c{number}", ok=False, actual="x" * 150) for number in range(800))
    long = judge(run(observation(checks=checks)), None, RULES, "sha256:0")
    found = comment(long, links)
    assert len(found) <= COMMENT_LIMIT
    assert "Every finding" not in found
    assert found.startswith("## ")
    (said,) = [each for each in found.splitlines() if "left out for length" in each]
    assert shown in said
    assert said.startswith("*1 section was")


def test_the_alarm_of_a_rollback_is_nested_in_nothing() -> None:
    """Trap 13: GitHub shows an alert only at the top level, not inside details, lists or quotes."""
    rolled = observation("rollback", kind="rollback", checks=(check("previous revision serves", ok=False),))
    found = comment(
        judge(run(observation(), rolled), run(subject=subject("chat-1")), RULES, "sha256:0"), Links(run=RUN)
    )
    before = found[: found.index("> [!CAUTION]")]
    assert before.count("<details") == before.count("</details>")
    assert before.endswith("\n\n")
