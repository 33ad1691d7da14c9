"""What BuildKit prints while it builds: the engine passes its status on as protobuf inside of a line of JSON.

Source: moby/buildkit, api/services/control/control.proto: `StatusResponse` has `vertexes` (1: digest 1, name 3) and `logs`
(3: msg 4). Of the wire format only what is used is read (protobuf.dev, "Encoding").
"""

import base64
import binascii
from collections.abc import Iterator

VERTEXES, LOGS = 1, 3
DIGEST, NAME, MESSAGE = 1, 3, 4
_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5


class Told:
    """The text of a build, piece by piece: the name of each step when it is first heard of, and what it printed."""

    def __init__(self) -> None:
        self._named: set[bytes] = set()

    def text(self, trace: object) -> str:
        """The text of one `moby.buildkit.trace`; empty where it says nothing, or cannot be understood."""
        try:
            raw = base64.b64decode(trace, validate=True) if isinstance(trace, str) else b""
            return b"".join(self._pieces(raw)).decode(errors="replace")
        except (ValueError, IndexError, binascii.Error):
            return ""

    def _pieces(self, raw: bytes) -> Iterator[bytes]:
        for number, value in _fields(raw):
            if number == VERTEXES:
                step = dict(_fields(value))
                if NAME in step and step.get(DIGEST, b"") not in self._named:
                    self._named.add(step.get(DIGEST, b""))
                    yield step[NAME] + b"\n"
            elif number == LOGS:
                yield dict(_fields(value)).get(MESSAGE, b"")


def _fields(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of a message that hold bytes: number and value.

    Raises:
        IndexError: it ends too soon.
        ValueError: it is none.
    """
    at = 0
    while at < len(raw):
        tag, at = _varint(raw, at)
        kind = tag & 7
        if kind == _VARINT:
            _, at = _varint(raw, at)
        elif kind in (_FIXED_64, _FIXED_32):
            at += 8 if kind == _FIXED_64 else 4
        elif kind == _BYTES:
            length, at = _varint(raw, at)
            if at + length > len(raw):
                raise IndexError(at + length)
            yield tag >> 3, raw[at : at + length]
            at += length
        else:
            raise ValueError(f"{kind} is no wire type")


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    found = 0
    for shift in range(0, 70, 7):
        found |= (raw[at] & 0x7F) << shift
        at += 1
        if raw[at - 1] < 0x80:
            return found, at
    raise ValueError("a number without an end")
