"""The ground floor: plain, immutable values and their JSON formats. It imports nothing of ours."""

from bot.model.carried import Carried, Left, Odds
from bot.model.history import Past, PastSeries, control
from bot.model.mark import Mark
from bot.model.observation import Cell, Check, Evidence, Exercised, Fact, Observation, Series, Severity, State
from bot.model.previous import Closed, Lapse, Previous, Since, Told
from bot.model.progress import Progress, SeriesKey, Watch
from bot.model.run import Provenance, Reference, Run, Subject
from bot.model.value import Value, canonical, digest, finite, six, strict_json
from bot.model.verdict import Comparison, Coverage, Finding, Inputs, Readiness, Risk, Verdict
from bot.model.waiver import MOST_REASON, MOST_WAIVERS, Extent, Waiver
from bot.model.words import Status, Word

__all__ = [
    "MOST_REASON",
    "MOST_WAIVERS",
    "Carried",
    "Cell",
    "Check",
    "Closed",
    "Comparison",
    "Coverage",
    "Evidence",
    "Exercised",
    "Extent",
    "Fact",
    "Finding",
    "Inputs",
    "Lapse",
    "Left",
    "Mark",
    "Observation",
    "Odds",
    "Past",
    "PastSeries",
    "Previous",
    "Progress",
    "Provenance",
    "Readiness",
    "Reference",
    "Risk",
    "Run",
    "Series",
    "SeriesKey",
    "Severity",
    "Since",
    "State",
    "Status",
    "Subject",
    "Told",
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
