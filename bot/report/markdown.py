"""Verdicts as Markdown, through sandboxed templates in which a plain text can only ever become a code span."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.model import Finding, Verdict
from bot.report import words
from bot.report.view import Links, View
from bot.safety.escape import Markdown, code_span, fence, link, prose, sentence

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
COMMENT_LIMIT = 60_000
"""GitHub refuses a body of more than 65,536 characters."""
SUMMARY_LIMIT = 900_000
"""The runner drops a step summary of more than 1 MiB."""
SECTION = "<!--section-->\n"


def comment(verdict: Verdict, links: Links | None = None) -> str:
    """The comment for a pull request or an issue: at most `COMMENT_LIMIT` characters."""
    return _document(verdict, links or Links(), COMMENT_LIMIT)


def summary(verdict: Verdict, links: Links | None = None) -> str:
    """The step summary: the same, with more room."""
    return _document(verdict, links or Links(), SUMMARY_LIMIT)


def _document(verdict: Verdict, links: Links, limit: int) -> str:
    view = View(verdict, links)
    text = templates().get_template("comment.md.j2").render(view=view, v=verdict, links=links)
    sections = text.split(SECTION)
    last = sections.pop()
    dropped = 0
    while len(sections) > 1 and sum(map(len, sections)) + len(last) > limit - 800:
        dropped += bool(sections.pop().strip())
    where = link(Markdown("the full report"), links.proof or links.run or "")
    if dropped:
        what = words.count(dropped, "section was", "sections were")
        sections.append(f"*{what} left out for length: see {where}.*\n\n")
    whole = "".join([*sections, last])
    if len(whole) > limit:
        whole = f"{sections[0].split('###')[0]}*The rest was left out for its length: see {where}.*\n"
    return whole[:limit]


def _finalize(value: Any) -> Any:
    """What stands between braces: Markdown of ours as it is, anything else as a code span."""
    return value if isinstance(value, Markdown) else code_span(str(value))


def _mark(finding: Finding) -> Markdown:
    return Markdown("⚠️" if finding.waiver else words.MARKS[finding.status])


@lru_cache(maxsize=1)
def templates() -> "Environment":
    """The templates of this room. What stands between braces is a code span, unless it is Markdown of ours."""
    from jinja2 import FileSystemLoader, StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    environment = SandboxedEnvironment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        finalize=_finalize,
        autoescape=False,  # this is Markdown: _finalize does it
        keep_trailing_newline=True,
        trim_blocks=False,
    )
    environment.globals.update(
        words=words, prose=prose, sentence=sentence, code=code_span, fence=fence, link=link, safe=Markdown, mark=_mark
    )
    return environment
