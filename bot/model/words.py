"""The words of a verdict and of its findings."""

from typing import Literal

Status = Literal["maintained", "improved", "regressed", "broken", "changed", "new", "gone", "not measured"]
Word = Literal["stable", "unstable", "inconclusive", "first run"]
