"""The control of a run: how fast the runner itself was meanwhile, and what the engine says of itself."""

import hashlib
import time

from bot.model import Observation, Series
from bot.probes.lateness import SelfCheck

RUNNER = "runner"
AT_LEAST = 5
BUFFER = bytes(1024 * 1024)
"""What is hashed: about a millisecond's work."""


class Control:
    """Takes the same piece of work again and again; what it takes says how fast the machine is."""

    def __init__(self) -> None:
        self._samples: list[float] = []

    def take(self) -> None:
        """Take one sample."""
        began = time.perf_counter()
        hashlib.sha256(BUFFER).digest()
        self._samples.append((time.perf_counter() - began) * 1000)

    def complete(self) -> None:
        """Take what is missing for a series."""
        while len(self._samples) < AT_LEAST:
            self.take()

    def observation(self, check: SelfCheck) -> Observation:
        """What was seen of the runner; the same for both sides."""
        samples = tuple((number, round(value, 3)) for number, value in enumerate(self._samples))
        return Observation(
            probe=RUNNER,
            kind="control",
            title="The runner itself",
            state="measured",
            series=(Series(id="cpu", unit="ms", better="lower", columns=("round", "value"), samples=samples),),
            facts=(check.fact(),),
        )
