"""Sequence numbers: whether each came once, in order, and none was left out."""

from itertools import pairwise

from pydantic import JsonValue

MOST = 100_000
SHOWN = 5


class Numbering:
    """Takes the numbers of messages in, over all sockets of a step, for each stream by itself."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.count = 0
        self.strange = 0
        self.late = 0
        self.twice: list[int] = []
        self._seen: dict[str, set[int]] = {}
        self._last: dict[str, int] = {}

    def add(self, number: JsonValue, stream: str = "") -> None:
        """Take the next number."""
        if isinstance(number, bool) or not isinstance(number, int):
            self.strange += 1
            return
        self.count += 1
        seen = self._seen.setdefault(stream, set())
        if number in seen:
            self.twice.append(number)
        elif number < self._last.get(stream, number):
            self.late += 1
        if self.count <= MOST:
            seen.add(number)
        self._last[stream] = max(number, self._last.get(stream, number))

    def missing(self) -> tuple[int, list[int]]:
        """How many were left out, and the first of them."""
        number, first = 0, list[int]()
        for seen in self._seen.values():
            ordered = sorted(seen)
            for before, after in pairwise(ordered):
                number += after - before - 1
                first += range(before + 1, min(after, before + 1 + SHOWN))
        return number, first[:SHOWN]

    @property
    def ok(self) -> bool:
        """Each came once, in order, and none was left out."""
        return self.count > 0 and not (self.twice or self.late or self.strange or self.missing()[0])

    def words(self) -> str:
        """What came."""
        if not self.count:
            return f"no message has a number at {self.path}"
        number, first = self.missing()
        found = [f"{number:,} left out ({_few(first, number)})"] if number else []
        if self.twice:
            found.append(f"{len(self.twice):,} came again ({_few(self.twice[:SHOWN], len(self.twice))})")
        if self.late:
            found.append(f"{self.late:,} out of order")
        if self.strange:
            found.append(f"{self.strange:,} that are no whole numbers")
        return f"of {self.count:,} numbers " + "; ".join(found) if found else f"{self.count:,} numbers, each once"

    def value(self) -> JsonValue:
        """For the fact."""
        return {"path": self.path, "numbers": self.count, "left_out": self.missing()[0], "again": len(self.twice)}


def _few(numbers: list[int], of: int) -> str:
    return ", ".join(map(str, numbers)) + (" …" if of > len(numbers) else "")
