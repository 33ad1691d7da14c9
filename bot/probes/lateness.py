"""What we can vouch for: how late we were ourselves, and how busy."""

import gc
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil

from pydantic import JsonValue

from bot.model import Fact

LATE = 1.0
"""Milliseconds by which we may be late with a short value."""
LATE_SHARE = 0.05
"""The same for a long value, as a share of it."""
SWITCH = 0.0001
"""Seconds for which one thread may keep the interpreter's lock while another waits for it (Python's own: 5 ms)."""


def vouched(late: float, value: float | None) -> bool:
    """Can we vouch for a value that we took so late (both in milliseconds)?

    `late` says what of the value may be our own: by how much we sent after the planned time, or by how much the look
    that found the answer was later than it was meant to be. Up to 1 ms is what a healthy machine does. More is fine
    where the value is so long that it makes no difference to a comparison: 5 % of it, half of the usual budget. Without
    the second rule a revision that keeps the machine busy would have its own slow answers struck off. The rule knows
    nothing of the side, and is the same for both.
    """
    return late <= max(LATE, LATE_SHARE * (value or 0.0))


class SelfCheck:
    """How late we were over all samples of all sides, and what share of one core we took."""

    def __init__(self) -> None:
        self._lags: list[float] = []
        self._not_vouched = 0
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        self._ended: tuple[float, float] | None = None

    def add(self, late: float, *, vouched: bool) -> None:
        """Take one sample: how late we were, in milliseconds."""
        self._lags.append(late)
        self._not_vouched += not vouched

    def finish(self) -> None:
        """No more will come."""
        self._ended = time.perf_counter(), time.process_time()

    def fact(self) -> Fact:
        """What it comes to by now."""
        ended, used = self._ended or (time.perf_counter(), time.process_time())
        wall, cpu = ended - self._wall, used - self._cpu
        lags = sorted(self._lags)
        value: dict[str, JsonValue] = {
            "lag_p99_ms": round(lags[ceil(0.99 * len(lags)) - 1], 3) if lags else None,
            "cpu_share": round(cpu / wall, 4) if wall > 0 else None,
            "samples": len(lags),
            "not_vouched": self._not_vouched,
        }
        return Fact(id="self-check", kind="self-check", value=value)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep the interpreter from holding up the thread that takes the time: short turns, and little to collect."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH)
    gc.collect()
    gc.freeze()  # what is there by now need not be looked through again and again
    try:
        yield
    finally:
        gc.unfreeze()
        sys.setswitchinterval(before)
