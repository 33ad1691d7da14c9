"""Whatever text a service, a spec or a stranger puts anywhere into a verdict, it is text in the comment and in the log.

Each of 100 documents holds twenty such texts, in every place of the verdict that can hold one: 2,000 in all. GitHub's own
parser renders them; what GitHub does after that (mentions, references, emoji) is looked for in what is left as text.
"""

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any

import cmarkgfm
from cmarkgfm.cmark import Options
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.github import commands
from bot.github.comment import marker
from bot.github.environment import Environment
from bot.github.event import Activity
from bot.github.publisher import Publication
from bot.model import Comparison, Finding, Told, Verdict, Waiver
from bot.model.previous import Since
from bot.report import Links, check_title, comment, status_line, summary, text
from bot.stages.kinds import labelled, noted
from bot.stages.saying import left_out
from tests.github_stand_in.runner import COMMANDS, obeyed
from tests.unit.report.test_reports import verdict

PARTS = (
    *("@org/team", "@mallory", "fixes #1", "o/r#2", "GH-3", "![x](http://e.invalid/i.png)", "[x](http://e.invalid)"),
    *("<img src=x>", "<a href=http://e.invalid>", "</details>", "<details open>", "<!--", "-->", "<h1>", "# heading"),
    *("```", "````", "~~~", "`", "``", "|", "\\|", "\\", "\\`", "> [!CAUTION]", "- [ ] x", "1. x", "---", "===", "***"),
    *(marker("chat", "staging"), "<!--section-->", "<!-- stability-proof:v1 key=chat/staging -->", "&lt;", "&#64;x"),
    *(
        "https://e.invalid",
        "www.e.invalid",
        "a@e.invalid",
        "mailto:a@e.invalid",
        "xmpp:a@e.invalid",
        "<http://e.invalid>",
    ),
    *(
        "\u202e",
        "\u2066",
        "\u200b",
        "\x1b[31m",
        "\0",
        "\r",
        "\n",
        "\n\n",
        "\t",
        "    x",
        ":shipit:",
        "$x$",
        "[^1]",
        "{%",
    ),
    *("[x]: http://e.invalid", "~~x~~", "**x**", "_x_", "##[", *(f"::{name}::" for name in sorted(COMMANDS))),
)
TEXT = st.lists(st.sampled_from(PARTS) | st.text(max_size=6), min_size=1, max_size=6).map("".join)
TEXTS = st.lists(TEXT, min_size=20, max_size=20)
HEADINGS = re.compile(
    r"What got worse|Not measured|Changed, and does not block|Since.*|Waived|Better than before|Each probe"
)
LINKS = Links(run="https://git.invalid/run", proof="https://git.invalid/proof")
OURS = {
    *("h2", "h3", "p", "strong", "em", "blockquote", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "sub"),
    *("details", "summary", "pre", "code", "a", "br"),
}


class Page(HTMLParser):
    """What a document consists of: its elements, its headings, and the text outside of code."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: set[str] = set()
        self.comments: list[str] = []
        self.headings: list[str] = []
        self.outside = ""
        self.depth: dict[str, int] = {}
        self.feed(cmarkgfm.github_flavored_markdown_to_html(markdown, Options.CMARK_OPT_UNSAFE))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.depth[tag] = self.depth.get(tag, 0) + 1
        self.links |= {value or "" for name, value in attrs if name in ("href", "src")}
        if tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
            self.headings.append("")

    def handle_endtag(self, tag: str) -> None:
        self.depth[tag] = self.depth.get(tag, 0) - 1

    def handle_data(self, data: str) -> None:
        if not self.depth.get("code"):
            self.outside += data
        if self.headings and (self.depth.get("h2") or self.depth.get("h3")):
            self.headings[-1] += data

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def filled(texts: Sequence[str]) -> Verdict:
    """A verdict with a bit of everything, and these texts wherever one can be: also where no service can put one."""
    made = verdict(said=texts[0])
    number = 0

    def told() -> str:
        nonlocal number
        number += 1
        return texts[number % len(texts)]

    def finding(each: Finding, **changes: Any) -> Finding:
        fields = ("id", "probe", "item", "title", "expected", "before", "after", "reason", "remedy", "reproduce")
        return each.model_copy(update={name: told() for name in fields} | {"evidence": (told(), told())} | changes)

    seen = Comparison(unit=told(), better="lower", before=1.0, after=2.0, ratio=2.0, low=1.5, high=2.5, confidence=0.95)
    drift = seen.model_copy(update={"since": told(), "method": told(), "runs": 4})
    waiver = Waiver.model_construct(finding=told(), by=told(), reason=told(), until=None)
    one = made.findings[0]
    findings = [finding(each) for each in made.findings]
    findings += [finding(one, status=status, severity="minor") for status in ("changed", "gone", "improved", "new")]
    findings += [finding(one, status="not measured"), finding(one, status="regressed", waiver=waiver)]
    findings += [finding(one, kind="series", status="regressed", comparison=each) for each in (seen, drift)]
    named = {"revision": told(), "commit": told(), "url": told(), "identity": {"answered_by": {told(): 3, told(): 1}}}
    before = [
        Told.model_construct(
            verdict="unstable",
            revision=told(),
            commit=told(),
            finished="2026-01-02T03:04:05.000Z",
            workflow_run=LINKS.run,
        )
        for _ in range(2)
    ]
    kinds = {name: (told(), told()) for name in ("fixed", "new", "still", "lost")}
    since = Since.model_construct(last=before[0], compared=True, earlier=tuple(before[1:]), **kinds)
    return made.model_copy(
        update={
            "since": since,
            "findings": tuple(findings),
            "candidate": made.candidate.model_copy(update=named),
            "baseline": made.candidate.model_copy(update={**named, "revision": told()}),
            "rules": (told(), told()),
            "waivers": (waiver,),
        }
    )


def hold(markdown: str, *, links: set[str], titles: int) -> None:
    page = Page(markdown)
    assert page.tags <= OURS, page.tags - OURS
    assert page.links <= links
    assert page.comments == []
    assert len(page.headings) >= titles
    assert all(HEADINGS.fullmatch(each.strip()) for each in page.headings[titles:]), page.headings
    assert all(count == 0 for tag, count in page.depth.items() if tag != "br"), page.depth
    assert not re.search(
        r"@[\w-]|#\d|\bGH-\d|\bwww\.|[a-z]://|:[a-z0-9_+-]*[a-z+-][a-z0-9_+-]*:", page.outside, re.IGNORECASE
    )
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b\x00\x1b]", markdown)


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_no_text_in_a_verdict_is_markup_or_a_command(texts: list[str]) -> None:
    found = filled(texts)
    links = {"https://git.invalid/run", "https://git.invalid/proof"}
    asked = Activity(None, texts[0], kind="refresh")

    hold(noted(summary(found, LINKS), asked), links=links, titles=1)
    # the comment is made by the same template, with less room; a marker is one only at its very beginning
    assert comment(found, LINKS).startswith("## ")
    for line in (status_line(found), check_title(found)):
        assert labelled(line, asked).splitlines() == [labelled(line, asked)]
    said = "".join(commands.quoted(each) for each in (text(found), *texts)) + commands.error(texts[1])
    assert [each.split(" ")[0] for each in obeyed(said)] == ["error"]


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_no_text_in_what_was_left_out_is_markup(tmp_path_factory: Any, texts: list[str]) -> None:
    page = tmp_path_factory.mktemp("page") / "summary"
    given = {"GITHUB_EVENT_NAME": "push", "GITHUB_REPOSITORY": "o/r", "GITHUB_SHA": "a" * 40}
    environment = Environment.from_environ(given | {"GITHUB_STEP_SUMMARY": str(page)})

    left_out(environment, Publication(denied=[f"{each} was left out: add `issues: write`" for each in texts]))

    written = page.read_text()
    assert written.startswith("\n### Left out for want of a permission\n")
    rest = written.partition("permission\n")[2]
    hold(rest, links=set(), titles=0)
