"""The only ways in which a service's text reaches Markdown, a terminal or a workflow log.

HTML is escaped by Jinja's autoescape. In Markdown an untrusted text stands inside a code span or a fence, where GitHub
sees no mention, no link, no reference, no HTML; both are closed by nothing that the text can hold.
"""

import re
import unicodedata

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_BACKTICKS = re.compile(r"`+")
_INVISIBLE = frozenset("\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u2060\ufeff") | {
    chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
}
MARK_OF_A_CUT = "…"


class Markdown(str):
    """Markdown that is safe to put into a document: made by this module or by a template."""

    __slots__ = ()


def terminal(text: str, limit: int = 2000) -> str:
    """One line for a terminal or a log: no escape sequences, control or invisible characters, no second line.

    >>> terminal("a\\x1b[31mb\\nc")
    'ab c'
    """
    plain = _ANSI.sub("", text)
    plain = "".join(" " if _is_control(each) else each for each in plain if each not in _INVISIBLE)
    return _cut(" ".join(plain.split()), limit)


def code_span(text: str, limit: int = 200) -> Markdown:
    """A code span that shows the text on one line, in a table cell too.

    GitHub Flavored Markdown, section 6.3 (code spans) and the tables extension: a pipe is escaped also inside a span.
    """
    line = terminal(text, limit)
    if not line:
        return Markdown("*(empty)*")
    ticks = "`" * (max((len(each) for each in _BACKTICKS.findall(line)), default=0) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return Markdown(f"{ticks}{pad}{line}{pad}{ticks}".replace("|", "\\|"))


def fence(text: str, info: str = "", limit: int = 4000) -> Markdown:
    """A fenced block that shows the text. `info` is ours, never the service's."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    plain = "\n".join(shown_line(line) for line in lines)
    plain = _cut(plain.strip("\n"), limit)
    ticks = "`" * max(3, max((len(each) for each in _BACKTICKS.findall(plain)), default=0) + 1)
    return Markdown(f"{ticks}{info}\n{plain}\n{ticks}")


def shown_line(line: str) -> str:
    """One line of a longer text, with its own spaces: no escape sequences, control or invisible characters."""
    plain = _ANSI.sub("", line)
    return "".join(" " if _is_control(each) and each != "\t" else each for each in plain if each not in _INVISIBLE)


def link(label: Markdown, url: str) -> Markdown:
    """A link to an http(s) URL, or the label alone where it is none."""
    if not re.fullmatch(r"https?://[^\s<>()\[\]\\\"'`|]+", url):
        return label
    return Markdown(f"[{label}]({url})")


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + MARK_OF_A_CUT


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}


_MARKUP = re.compile(r"([\\`*_\[\]<>#|~&!$])")
_BEGINS_A_BLOCK = re.compile(r"^(\d{0,9})(?=[.)](?:\s|$)|[-+=](?:\s|[-=]*$))")
"""What makes a list, a rule or a heading of the line that it begins (CommonMark 0.31, sections 4.1, 4.3 and 5.2)."""
_STARTS_A_REFERENCE = re.compile(
    r"(?<=[@#])|(?=://)|(?<=www)(?=\.)|(?<=\bGH)(?=-)|(?<=_GH)(?=-)|(?<=:)(?=[a-z0-9_+-]*[a-z+-][a-z0-9_+-]*(?::|$))",
    re.IGNORECASE,
)


def prose(text: str, limit: int = 600) -> Markdown:
    """A sentence of ours that may hold words of others: shown as it is, and nothing in it is Markdown.

    Every mark that can begin inline Markdown is escaped (CommonMark 0.31, section 2.4), and a word joiner keeps
    mentions, issue references, automatic links and the pictures that stand for `:words:` from forming.
    """
    line = _STARTS_A_REFERENCE.sub("\u2060", terminal(text, limit))
    return Markdown(_BEGINS_A_BLOCK.sub(r"\1\\", _MARKUP.sub(r"\\\1", line)))


def sentence(text: str, limit: int = 600) -> Markdown:
    """The same, with what stands between two backticks, such as a key of the spec, in a code span.

    >>> sentence("add `judge: budget`, *please*")
    'add `judge: budget`, \\\\*please\\\\*'
    """
    parts = terminal(text, limit).split("`")
    # an odd backtick, an empty pair, or two spans that touch: what belongs together is anybody's guess
    if len(parts) % 2 == 0 or not all(part.strip() for part in parts[1:-1]):
        return prose(text, limit)
    return Markdown(
        "".join(code_span(part) if number % 2 else _spaced(part, limit) for number, part in enumerate(parts))
    )


def _spaced(part: str, limit: int) -> str:
    """Prose with the spaces that it has to the code spans beside it."""
    return f"{' ' * part.startswith(' ')}{prose(part, limit)}{' ' * (part.endswith(' ') and part != ' ')}"
