"""What a finding is made from: one probe as the spec expects it, and what was observed of it on both sides."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from bot.judge.past import Memory
from bot.judge.policy import Expected
from bot.model import Finding, Observation, Severity, Status

SEVERITIES: tuple[Severity, ...] = ("critical", "major", "minor", "info")
BLOCKING: frozenset[Severity] = frozenset({"critical", "major"})


@dataclass(frozen=True)
class Basis:
    """One probe. `paired` says whether both runs were measured in the same session, `same_spec` whether by one spec.

    `memory` is what the good runs before say of the candidate's series.
    """

    name: str
    expected: Expected
    candidate: Observation | None
    baseline: Observation | None
    paired: bool = False
    compared: bool = False
    same_spec: bool = True
    memory: Memory | None = None

    @cached_property
    def observed(self) -> tuple[str, ...]:
        """The digests of the observations that findings on this probe rest on."""
        return tuple(each.fingerprint() for each in (self.candidate, self.baseline) if each is not None)

    @property
    def no_longer_asked_for(self) -> bool:
        """Whether what only the baseline has is gone because the spec has changed.

        A candidate that was measured to the end has everything that its spec asks for.
        """
        return not self.same_spec and self.candidate is not None and self.candidate.state == "measured"

    @property
    def baseline_is_lost(self) -> bool:
        """Whether there should be something to compare with, and is not.

        A baseline that was broken here, or that an earlier spec did not observe, has nothing; that is no loss.
        """
        if self.baseline is None:
            return self.compared and self.same_spec
        return self.baseline.state == "not measured" or (self.baseline.state == "measured" and self.same_spec)

    @property
    def lost_words(self) -> dict[str, str]:
        """The reason and the remedy of a comparison that cannot be made."""
        why = self.baseline.reason if self.baseline else None
        return {
            "reason": f"the baseline has nothing to compare with{f': {why}' if why else ''}",
            "remedy": "measure the baseline again",
        }

    def at_most(self, severity: Severity) -> Severity:
        """The probe's severity, but no worse than this."""
        return SEVERITIES[max(SEVERITIES.index(severity), SEVERITIES.index(self.expected.severity))]

    def finding(
        self,
        item: str,
        kind: Literal["check", "series", "fact", "probe"],
        status: Status,
        *,
        severity: Severity | None = None,
        **fields: Any,
    ) -> Finding:
        """A finding on one item of this probe."""
        title = self.expected.title if kind == "probe" else f"{self.expected.title}: {item}"
        return Finding(
            id=f"{self.name}/{item}",
            probe=self.name,
            item=item,
            kind=kind,
            title=title,
            status=status,
            severity=severity or self.expected.severity,
            observed=self.observed,
            reproduce=fields.pop("reproduce", self.candidate.reproduce if self.candidate else None),
            **fields,
        )
