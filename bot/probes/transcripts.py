"""What was said, as evidence: readable text, redacted, and bounded."""

from collections.abc import Iterable

from bot.safety.redact import Redactor

BODY_SHOWN = 64 * 1024


def request_text(
    redactor: Redactor, method: str, url: str, headers: Iterable[tuple[str, str]], content: bytes | None
) -> str:
    """A request, each line marked with `>`."""
    lines = [f"{method} {url}", *_headers(redactor, headers)]
    return _marked(">", lines) + _body(redactor, ">", content or b"", whole=True)


def answer_text(
    redactor: Redactor, status_line: str, headers: Iterable[tuple[str, str]], body: bytes, *, whole: bool
) -> str:
    """An answer, each line marked with `<`."""
    return _marked("<", [status_line, *_headers(redactor, headers)]) + _body(redactor, "<", body, whole=whole)


def _headers(redactor: Redactor, headers: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{name}: {redactor.field(name, value)}" for name, value in headers]


def _body(redactor: Redactor, mark: str, body: bytes, *, whole: bool) -> str:
    if not body:
        return ""
    # what is shown is redacted before its end is cut, so that the cut cannot tear a secret and leave half of it
    part = body[: 2 * BODY_SHOWN]
    text = redactor.text(part.decode("utf-8", "backslashreplace"), cut=not whole or len(part) < len(body))
    if len(text) > BODY_SHOWN or len(part) < len(body):
        text = text[:BODY_SHOWN] + f"… ({len(body):,} bytes in all)"
    return _marked(mark, ["", *text.splitlines()])


def _marked(mark: str, lines: Iterable[str]) -> str:
    return "".join(f"{mark} {line}".rstrip() + "\n" for line in lines)
