"""What a comment asks of the bot: lines that begin with `/stability`. Pure; any text gives commands or none.

Only what its author says, and a reader sees, is read: nothing in a fence, a quotation, code that runs over lines, HTML of
any kind, a link, a definition or a mail that is answered (CommonMark 0.31, sections 4.5 to 4.7, 5.1, 6.1, 6.3 to 6.6). In
doubt a line is not read.
"""

import difflib
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from bot.github import markup
from bot.model import MOST_REASON
from bot.safety.escape import terminal

Name = Literal["explain", "rerun", "accept", "pin", "unpin", "invalidate", "help"]
Level = Literal["none", "read", "write"]

CALL = "/stability"
MOST_COMMANDS = 5
MOST_NAME = 300
"""Characters of what a command names: a probe, a finding."""
MOST_BODY = 65_536


@dataclass(frozen=True)
class Usage:
    """How a command is written, who may give it, and what comes of it."""

    form: str
    level: Level
    does: str


COMMANDS: dict[Name, Usage] = {
    "explain": Usage("explain PROBE", "read", "shows all findings of a probe, with the evidence that they rest on"),
    "rerun": Usage("rerun", "write", "deploys this commit and proves it again"),
    "accept": Usage(
        "accept FINDING because REASON until YYYY-MM-DD",
        "write",
        "accepts a finding as bad as it is now, and judges again; `until …` may be left out",
    ),
    "pin": Usage("pin", "write", "keeps comparing with the last good run, whatever is deployed after it"),
    "unpin": Usage("unpin", "write", "compares with the newest good run again"),
    "invalidate": Usage(
        "invalidate COMMIT because REASON",
        "write",
        "never compares with this commit's runs again; `because …` may be left out",
    ),
    "help": Usage("help", "read", "shows these commands"),
}


@dataclass(frozen=True)
class Command:
    """One command. `about` is the probe, the finding or the commit that it names."""

    name: Name
    about: str = ""
    reason: str = ""
    until: str | None = None


@dataclass(frozen=True)
class Mistake:
    """A line that asks for something, and not for anything known. `why` and `form` are ours, `said` is a stranger's."""

    said: str
    why: str
    form: str


def commands(body: str) -> tuple[Command | Mistake, ...]:
    """What is asked for, in its order: at most `MOST_COMMANDS`, the rest is left unread."""
    found: list[Command | Mistake] = []
    for line in _said(body[:MOST_BODY]):
        called = re.fullmatch(rf"{CALL}(?:[ \t]+(.*))?", line)
        if called and len(found) < MOST_COMMANDS:
            found.append(_command(_one_line(called[1] or "", MOST_BODY)))
    return tuple(found)


def _command(text: str) -> Command | Mistake:
    word, _, rest = text.partition(" ")
    rest = rest.strip()
    name = next((each for each in COMMANDS if each == word.lower()), None)
    if not word:
        return Command("help")
    if name is None:
        near = difflib.get_close_matches(word.lower()[:40], COMMANDS, n=1, cutoff=0.5)
        known = COMMANDS[near[0]].form if near else COMMANDS["help"].form  # type: ignore[index]
        return Mistake(_one_line(text, 100), "there is no such command", known)
    why: str | None = None
    if name == "accept":
        made, why = _accept(rest)
    elif name == "invalidate":
        made, why = _invalidate(rest)
    elif name == "explain":
        made, why = Command(name, _named(rest)), None if rest else "it names no probe"
    else:
        made, why = Command(name), f"`{name}` takes nothing after it" if rest else None
    if why is None and len(made.about) > MOST_NAME:
        why = f"no name here is longer than {MOST_NAME} characters"
    if why is None and len(made.reason) > MOST_REASON:
        why = f"a reason has at most {MOST_REASON} characters, and this one {len(made.reason)}"
    return made if why is None else Mistake(_one_line(text, 100), why, COMMANDS[name].form)


def _accept(text: str) -> tuple[Command, str | None]:
    about, reason = _because(text)
    until: str | None = None
    why: str | None = None
    ending = re.search(r"(?:^|\s)until\s+(\S+)$", reason, re.IGNORECASE)
    if ending:
        reason, until = reason[: ending.start()].rstrip(" ,;"), ending[1]
        why = None if _is_day(until) else "the day after `until` is written as YYYY-MM-DD"
    if not about:
        why = "it names no finding"
    elif not reason:
        why = "it says no reason: write why after `because`"
    return Command("accept", about, reason, until), why


def _invalidate(text: str) -> tuple[Command, str | None]:
    about, reason = _because(text)
    fits = re.fullmatch(r"[0-9a-f]{7,64}", about.lower())
    why = None if fits else "a commit is written as 7 or more hexadecimal digits"
    return Command("invalidate", about.lower(), reason), why


def _because(text: str) -> tuple[str, str]:
    about, _, reason = _halves(text)
    return _named(about), reason


def _halves(text: str) -> tuple[str, str, str]:
    found = re.search(r"(?:^|\s)because(?:\s|$)", text, re.IGNORECASE)
    return (text[: found.start()], " ", text[found.end() :].strip()) if found else (text, "", "")


def _named(text: str) -> str:
    """A name as it is written, or in a code span, as one copies it from a report."""
    return text.strip().strip("`").strip()


def _is_day(text: str) -> bool:
    try:
        return re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII) is not None and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _one_line(text: str, limit: int) -> str:
    return terminal(text, limit)


_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")
_QUOTE = re.compile(r"(?:[ \t]|[-+*]|\d{1,9}[.)])*>")
_MAIL = re.compile(
    r".*\b(?:wrote|schrieb|écrit|escribió|scritto|schreef|escreveu)\b.*:|_{10,}"
    r"|-+ ?(?:Original Message|Forwarded message) ?-+|(?:From|Von|De|Da|Van): .+",
    re.IGNORECASE,
)
"""A line after which a mail says again what it answers."""


def _said(body: str) -> Iterator[str]:
    """The lines that are the author's own words, and that a reader of the comment sees."""
    fence = ""
    paragraph: list[str] = []
    for line in [*re.split(r"\r\n|\n|\r", body), ""]:
        if fence:
            if re.fullmatch(rf" {{0,3}}{re.escape(fence[0])}{{{len(fence)},}}[ \t]*", line):
                fence = ""
            continue
        opened = _FENCE.match(line)
        if opened and any(markup.begins_block(each) for each in paragraph):
            return  # within HTML it is no fence, and whether this is HTML is not for us to say
        if opened or not line.strip(" \t"):
            yield from _own(paragraph)
            paragraph = []
            fence = opened[1] if opened else ""
        elif _MAIL.fullmatch(line.replace("*", "").strip(" \t>")) or markup.leaves_open(_bare(line, paragraph)):
            return  # nor is the paragraph read: what began in it may end on this line
        else:
            paragraph.append(line)
    yield from _own(paragraph)


def _bare(line: str, before: list[str]) -> str:
    """The line without its code spans, where these are surely some: HTML in them is shown, and opens nothing.

    They are not sure after a backtick in the paragraph, in a row of a table, after HTML, and beside a backslash.
    """
    if any(each in line for each in "|\\") or line.find("<", 0, line.find("`") + 1) >= 0:
        return line
    if any("`" in each or markup.begins_block(each) for each in before):
        return line
    at, kept = 0, []
    for start, end in _code(line):
        kept.append(line[at:start])
        at = end
    return " ".join([*kept, line[at:]])


def _own(paragraph: list[str]) -> Iterator[str]:
    """The lines of a paragraph up to its first quoted one, or one that begins HTML, or leaves a link or a definition
    open; without those that begin within a code span.

    A line after a quoted one is quoted as well (a lazy continuation), up to the next empty line.
    """
    covered = deque(_code("\n".join(paragraph)))  # in their order, and none within another
    start = 0
    for line in paragraph:
        if _QUOTE.match(line) or markup.begins_block(line):
            return
        while covered and covered[0][1] <= start:
            covered.popleft()
        if not (covered and covered[0][0] < start):
            yield line
        if markup.leaves_link_open(line):
            return
        start += len(line) + 1


def _code(text: str) -> list[tuple[int, int]]:
    """Where the code spans of a paragraph are (CommonMark 0.31, section 6.1): runs of as many backticks close each other."""
    found: list[tuple[int, int]] = []
    runs = [(each.start(), each.end()) for each in re.finditer(r"`+", text)]
    ends: dict[int, list[int]] = {}
    for index in range(len(runs) - 1, -1, -1):
        ends.setdefault(runs[index][1] - runs[index][0], []).append(index)
    at = 0
    while at < len(runs):
        start, end = runs[at]
        slashes = len(text[:start]) - len(text[:start].rstrip("\\"))
        if slashes % 2:
            start += 1  # the first of them is escaped, and no part of the run
        later = ends.get(end - start, [])
        while later and later[-1] <= at:
            later.pop()
        if end > start and later:
            closed = later[-1]
            found.append((start, runs[closed][1]))
            at = closed
        at += 1
    return found
