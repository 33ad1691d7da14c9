"""The judge's word: findings, and the verdict that they add up to."""

from typing import Literal

from pydantic import Field

from bot.model.carried import Odds
from bot.model.history import TIME
from bot.model.observation import Severity
from bot.model.previous import Since
from bot.model.run import Provenance, Subject
from bot.model.value import Value
from bot.model.waiver import Waiver
from bot.model.words import Status, Word

Risk = Literal["minimal", "low", "medium", "high", "critical"]
Readiness = Literal["approved", "approved with warnings", "rejected", "needs evidence"]


class Comparison(Value):
    """Two series of one thing, compared. Every number has six significant digits.

    `before` and `after` are the locations (medians) in `unit`. `ratio` is after/before, `low` and `high` its interval
    at `confidence` (both absent where none can be had: unpaired samples, too few). `pairs` are the rounds in which both
    sides answered. `would_have_seen` is the smallest slowdown, as a ratio, that this many pairs would have shown.
    `more_pairs` is how many more would decide, when it is open. `decided` is false while the interval settles nothing.
    `error` is the standard error of the logarithm of `ratio`. `runs` are the stored runs that it rests on; `since` names
    the revision that `ratio` is to, where that is not the baseline. `odds` are what all `sessions` of the same two
    revisions won by betting on either word.
    """

    unit: str
    better: Literal["lower", "higher"]
    before: float | None = None
    after: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    confidence: float | None = None
    error: float | None = None
    pairs: int = 0
    runs: int | None = None
    since: str | None = None
    odds: Odds | None = None
    sessions: int | None = None
    samples_before: int = 0
    samples_after: int = 0
    failed_before: int = 0
    failed_after: int = 0
    would_have_seen: float | None = None
    more_pairs: int | None = None
    decided: bool = False
    method: str = ""


class Finding(Value):
    """The judge's word on one check, series or fact.

    `id` is `probe/item` and stable between verdicts. `observed` are the digests of the observations that it rests on
    (candidate's first, then the baseline's); `evidence` those of the raw bytes. `reason` says why in one sentence where
    the status alone does not; `remedy` is the one thing to do. `would_have_seen` is the smallest change that would not have
    passed for fine, in words, where it is no ratio of `comparison`.
    """

    id: str
    probe: str
    item: str
    kind: Literal["check", "series", "fact", "probe"]
    title: str
    status: Status
    severity: Severity
    expected: str | None = None
    before: str | None = None
    after: str | None = None
    comparison: Comparison | None = None
    tries: int | None = None
    failures: int | None = None
    reason: str | None = None
    remedy: str | None = None
    would_have_seen: str | None = None
    reproduce: str | None = None
    observed: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    waiver: Waiver | None = None


class Inputs(Value):
    """Digests of all that the judge was given."""

    candidate: str
    baseline: str | None = None
    spec: str


class Coverage(Value):
    """What was exercised: how many protected routes, how many of them took a credential, and refused whoever had none.

    `known` are the event types that the spec names or the baseline saw, `unseen` those of them that did not come.
    `operations` is how many operations the service's OpenAPI document has, `untouched` those that nothing asked for.
    """

    routes: int = 0
    accepted: int = 0
    refused: int = 0
    known: int = 0
    unseen: tuple[str, ...] = ()
    operations: int = 0
    untouched: tuple[str, ...] = ()


class Verdict(Value):
    """One verdict on one candidate. Findings are in the order in which a reader needs them: worst first.

    `side_by_side` says whether the baseline was measured in the same session. `rules` are the policy's rules that
    fired, in words, the deciding one first. `since` says what is another than in the verdict before.
    """

    format: Literal["stability-proof/verdict@1"] = "stability-proof/verdict@1"
    verdict: Word
    risk: Risk
    readiness: Readiness
    rules: tuple[str, ...]
    candidate: Subject
    baseline: Subject | None = None
    provenance: Provenance | None = None
    side_by_side: bool = False
    started: str = Field(pattern=TIME)
    finished: str = Field(pattern=TIME)
    findings: tuple[Finding, ...]
    waivers: tuple[Waiver, ...] = ()
    exercised: Coverage | None = None
    since: Since | None = None
    inputs: Inputs
    seed: int
