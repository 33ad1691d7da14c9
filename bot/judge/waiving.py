"""What a waiver covers: a finding as bad as it was when it was accepted, and nothing that is worse."""

from collections.abc import Iterator, Sequence

from bot.judge import rates
from bot.judge.basis import SEVERITIES
from bot.judge.policy import OWN_NAMES, Policy
from bot.model import Comparison, Extent, Finding, Run, Waiver, canonical, digest
from bot.model.value import six

BAD = frozenset({"broken", "regressed"})
STORED = "stored runs"
"""What a ratio is to, where no baseline was measured beside the candidate. A waived series is never among those runs."""
ERROR = 0.05
"""How sure the most is that a share of failures is taken for: one-sided 95 %."""


def refusal(finding: Finding) -> str | None:
    """Why a finding cannot be accepted; None where it can."""
    if finding.probe in OWN_NAMES:
        return "it is about the bot's own acts, which are not for accepting"
    if finding.status == "not measured":
        return "it was not measured: nobody can say what would be accepted"
    if finding.status not in BAD:
        return f"it is {finding.status}, and keeps nothing from being green"
    if finding.waiver is not None and finding.waiver.extent is None:
        return "it is waived by the policy"
    return None


def extent(finding: Finding, baseline: Run | None) -> Extent:
    """How bad a finding is, as a waiver remembers it.

    Raises:
        ValueError: it is one that cannot be accepted.
    """
    if finding.status not in ("broken", "regressed"):
        raise ValueError(refusal(finding))
    fields: dict[str, object] = {"status": finding.status, "severity": finding.severity}
    seen = finding.comparison
    if seen is not None and seen.ratio:
        fields |= {"unit": seen.unit, "better": seen.better, "worst": _worst(seen), "against": _against(seen, baseline)}
    else:
        fields["words"] = _words(finding)
        if finding.tries is not None:
            fields["share"] = six(rates.at_most(finding.failures or 0, finding.tries, ERROR))
    return Extent.model_validate(fields)


def covers(waiver: Waiver, finding: Finding, baseline: Run | None) -> bool:
    """Whether a waiver is for this finding, and the finding no worse than what was accepted.

    A waiver without an extent, as the policy may have them, covers its finding whatever it says.
    """
    known = waiver.extent
    if waiver.finding != finding.id or known is None:
        return waiver.finding == finding.id
    if finding.status not in BAD or SEVERITIES.index(finding.severity) < SEVERITIES.index(known.severity):
        return False
    if finding.status == "broken" and known.status == "regressed" and finding.before != finding.after:
        return (
            False  # where both sides show the same, "broken" says no more than that the baseline has it by now as well
        )
    seen = finding.comparison
    if known.worst is not None:
        return (
            seen is not None
            and seen.ratio is not None
            and (seen.unit, seen.better, _against(seen, baseline)) == (known.unit, known.better, known.against)
            and not is_beyond(known, seen.ratio)
        )
    if known.words != _words(finding):
        return False
    failed = 1.0 if finding.tries is None else (finding.failures or 0) / finding.tries
    return known.share is None or failed <= known.share


def is_beyond(known: Extent, ratio: float) -> bool:
    """Whether a ratio (after/before) is worse than all that the accepted interval held."""
    if known.worst is None:
        return True
    return ratio > known.worst if known.better == "lower" else ratio < known.worst


def by_date(waivers: Sequence[Waiver], today: str) -> tuple[tuple[Waiver, ...], tuple[Waiver, ...]]:
    """Those that hold on this day (`YYYY-MM-DD`), and those that have expired."""
    active = tuple(each for each in waivers if each.until is None or each.until >= today)
    return active, tuple(each for each in waivers if each not in active)


def with_accepted(policy: Policy, accepted: Sequence[Waiver], baseline: Run | None) -> Policy:
    """The policy by which timed series are weighed: with what was accepted of their ratio to this very baseline."""
    name = baseline.name if baseline else None
    here = [each for each in accepted if each.extent is None or each.extent.against in (None, name)]
    return policy.model_copy(update={"waivers": (*policy.waivers, *here)})


def waived(finding: Finding, waivers: Sequence[Waiver], baseline: Run | None) -> Finding:
    """The finding with its waiver. What the bot saw of its own acts is not for waiving, nor that it lost the baseline."""
    if finding.probe in OWN_NAMES and finding.status in (*BAD, "not measured"):
        return finding
    found = next((each for each in waivers if covers(each, finding, baseline)), None)
    return finding.model_copy(update={"waiver": found}) if found else finding


def remarks(findings: Sequence[Finding], waivers: Sequence[Waiver]) -> Iterator[str]:
    """What was accepted, and is worse by now, or not the same any more."""
    for each in findings:
        if each.status in BAD and each.waiver is None:
            known = [one for one in waivers if one.finding == each.id and one.extent is not None]
            if known and each.probe not in OWN_NAMES:
                yield f"what was accepted of {each.id} does not cover it: it is worse now, or another thing"


def _worst(seen: Comparison) -> float:
    assert seen.ratio is not None
    if seen.better == "lower":
        return max(seen.ratio, seen.high or 0.0)
    return min(seen.ratio, seen.low or seen.ratio)


def _against(seen: Comparison, baseline: Run | None) -> str | None:
    if seen.since is not None:
        return seen.since
    if seen.runs is not None:
        return STORED
    return baseline.name if baseline else None


def _words(finding: Finding) -> str:
    """The digest of what was expected and what was seen; of counts, which always differ, only of what was expected.

    Where a finding has no words for what was seen, no other one can be said to be the same: it is the observation's.
    """
    after = finding.after
    if after is not None and after == f"{finding.failures} of {finding.tries}":
        after = ""
    if after is None:
        after = finding.reason if finding.kind == "probe" else ""
        if not after:
            return digest(canonical(["observed", *finding.observed[:1]]))
    return digest(canonical([finding.expected, after]))
