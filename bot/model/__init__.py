"""The ground floor: plain, immutable values and their JSON formats. It imports nothing of ours."""

from bot.model.carried import Carried, Left, Odds
from bot.model.history import Past, PastSeries, control
from bot.model.observation import Cell, Check, Evidence, Exercised, Fact, Observation, Series, Severity, State
from bot.model.progress import Progress, SeriesKey, Watch
from bot.model.run import Provenance, Reference, Run, Subject
from bot.model.value import Value, canonical, digest, finite, six, strict_json
from bot.model.verdict import (
    Comparison,
    Coverage,
    Finding,
    Inputs,
    Readiness,
    Risk,
    Status,
    Verdict,
    Waiver,
    Word,
)

__all__ = [
    "Carried",
    "Cell",
    "Check",
    "Comparison",
    "Coverage",
    "Evidence",
    "Exercised",
    "Fact",
    "Finding",
    "Inputs",
    "Left",
    "Observation",
    "Odds",
    "Past",
    "PastSeries",
    "Progress",
    "Provenance",
    "Readiness",
    "Reference",
    "Risk",
    "Run",
    "Series",
    "SeriesKey",
    "Severity",
    "State",
    "Status",
    "Subject",
    "Value",
    "Verdict",
    "Waiver",
    "Watch",
    "Word",
    "canonical",
    "control",
    "digest",
    "finite",
    "six",
    "strict_json",
]
