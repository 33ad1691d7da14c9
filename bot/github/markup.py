"""Where a line of Markdown leaves something open in which the lines after it are not seen as they are written. Pure.

Stricter than CommonMark 0.31 (4.6, 4.7, 6.3, 6.6) and than a browser, which disagree about HTML that is not well-formed:
whatever is not closed on its own line, in the plainest form that there is, is open.
"""

import re

_NAME = r"[a-z][a-z0-9-]*+"
_VALUE = r"""(?:"[^"]*"|'[^']*'|[^\s"'=<>`]+)"""
_BEGUN = re.compile(r"<[a-z!/?]", re.IGNORECASE)
_ADDRESS = re.compile(r"<(?:(?:https?|mailto):[^\s<>]*|[a-z0-9.+_-]+@[a-z0-9.-]+)>", re.IGNORECASE)
_COMMENT = re.compile(r"<!--(?!-?>)(?:(?!--).)*-->")
_OPENING = re.compile(rf"<({_NAME})(?:\s+[a-z_:][a-z0-9_.:-]*+(?:\s*=\s*{_VALUE})?)*+\s*/?>", re.IGNORECASE)
_CLOSING = re.compile(rf"</({_NAME})\s*>", re.IGNORECASE)
_VOID = frozenset({"area", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})
_BLOCK = re.compile(rf" {{0,3}}(?:<\s*$|{_BEGUN.pattern})", re.IGNORECASE)
_LINK = re.compile(r"""\]\((?:<[^<>\\]*>|[^\s<>()"'\\]*)(?:[ \t]+(?:"[^"\\]*"|'[^'\\]*'))?[ \t]*\)""")


def leaves_open(line: str) -> bool:
    """Whether HTML begins on the line and does not end on it: an element, a tag, a comment, or what else there is; or
    a formula that is set apart."""
    if line.count("$$") % 2:
        return True
    at, within = 0, list[str]()
    while begun := _BEGUN.search(line, at):
        at = begun.start()
        if whole := _COMMENT.match(line, at) or _ADDRESS.match(line, at):
            at = whole.end()
        elif opening := _OPENING.match(line, at):
            if opening[1].lower() == "plaintext":  # nothing ends it
                return True
            if opening[1].lower() not in _VOID:
                within.append(opening[1].lower())
            at = opening.end()
        elif closing := _CLOSING.match(line, at):
            if within and within.pop() != closing[1].lower():
                return True
            at = closing.end()
        else:
            return True
    return bool(within)


def begins_block(line: str) -> bool:
    """Whether a block of HTML may begin with the line: what follows is HTML up to the next empty line. A comment that is
    alone on its line is over with it."""
    text = line.strip(" \t")
    return _BLOCK.match(line) is not None and not _COMMENT.fullmatch(text) and not _ADDRESS.match(text)


def leaves_link_open(line: str) -> bool:
    """Whether a link, an image or a definition begins on the line that may go on after it: in the next lines there could be
    a text, an address or a title that nobody sees."""
    depth = 0
    for each in re.findall(r"[\[\]]", line):
        depth = depth + 1 if each == "[" else max(0, depth - 1)
    return depth > 0 or "]:" in line or line.count("](") != len(_LINK.findall(line))
