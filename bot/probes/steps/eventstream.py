"""Reading a stream of server-sent events (HTML Living Standard, section 9.2.6), as it comes in."""

import codecs
import re
from typing import NamedTuple

_END_OF_LINE = re.compile(r"\r\n|\r|\n")
_FIELD = re.compile(r"[A-Za-z][\w-]*")
SHOWN = 80


class ServerEvent(NamedTuple):
    """One event: its `event` field, all lines of its `data`, and the last `id` by then."""

    name: str
    data: str
    id: str


class EventStream:
    """Fed with bytes; gives events. `malformed` says in words what is no event stream, once something is not."""

    def __init__(self) -> None:
        self.malformed: str | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._parts: list[str] = []
        self._after_cr = False
        self._lines = 0
        self._name = self._id = ""
        self._data: list[str] = []

    def feed(self, data: bytes) -> list[ServerEvent]:
        """The events that are whole by now. After something malformed, none."""
        if self.malformed is not None:
            return []
        try:
            text = self._decoder.decode(data)
        except UnicodeDecodeError:
            self.malformed = f"it is no UTF-8, after line {self._lines}"
            return []
        if self._after_cr and text:
            text = text.removeprefix("\n")
            self._after_cr = False
        if not text:
            return []
        # a CR ends its line at once: the LF that may belong to it can be long in coming
        self._after_cr = text.endswith("\r")
        first, *lines = _END_OF_LINE.split(text)
        self._parts.append(first)
        found = []
        for rest in lines:
            event = self._line("".join(self._parts))
            self._parts = [rest]
            if event is not None:
                found.append(event)
        return found

    def end(self) -> None:
        """The stream is over; what is not whole by now is lost."""
        if self.malformed is None and (self._data or any(self._parts)):
            self.malformed = "it ended in the middle of an event, without the empty line that ends one"

    def _line(self, line: str) -> ServerEvent | None:
        self._lines += 1
        if not line:
            return self._whole()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._name = value
        elif name == "id":
            self._id = value if "\0" not in value else self._id
        elif name and not _FIELD.fullmatch(name) and self.malformed is None:
            # a browser would skip it, and with it what somebody meant to say; only a field of another name is no fault
            shown = line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"
            self.malformed = f"line {self._lines} is no field of an event: {shown}"
        return None

    def _whole(self) -> ServerEvent | None:
        name, data, self._name, self._data = self._name, self._data, "", []
        if not data or self.malformed is not None:
            return None
        return ServerEvent(name or "message", "\n".join(data), self._id)
