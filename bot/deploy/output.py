"""What a revision printed: its end, without secrets."""

from pathlib import Path

from bot.deploy.target import Evidence
from bot.model import digest
from bot.safety.redact import Redactor

TAIL = 16_384
"""Bytes of a revision's output that are kept as evidence."""
LINE = 200
"""Characters of its last line that a check shows."""


def tail(file: Path, redactor: Redactor) -> bytes:
    """The last lines, redacted; empty when nothing was printed."""
    try:
        with file.open("rb") as opened:
            size = opened.seek(0, 2)
            opened.seek(max(0, size - 2 * TAIL))
            window = opened.read()
    except OSError:
        return b""
    if size > len(window):
        # a secret that the window's start tore in two is not recognised: begin with a whole line, or well after it
        window = window[window.find(b"\n", 0, TAIL) + 1 :]
    return redactor.data(window, cut=True)[-TAIL:]


def as_evidence(text: bytes) -> Evidence:
    """The text by its digest."""
    return {digest(text): (text, "text/plain")} if text else {}


def last_line(text: bytes) -> str:
    """The last line that says something, for a reader's first look."""
    lines = [line.strip() for line in text.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1][:LINE] if lines else ""
