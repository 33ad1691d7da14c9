"""What a finding is made from: one probe as the spec expects it, and what was observed of it on both sides."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from bot.judge.policy import Expected
from bot.model import Finding, Observation, Severity, Status

NOT_MEASURED: Status = "not measured"
SEVERITIES: tuple[Severity, ...] = ("critical", "major", "minor", "info")


@dataclass(frozen=True)
class Basis:
    """One probe. `paired` says whether both sides were measured in the same session."""

    name: str
    expected: Expected
    candidate: Observation | None
    baseline: Observation | None
    paired: bool

    @cached_property
    def observed(self) -> tuple[str, ...]:
        """The digests of the observations that findings on this probe rest on."""
        return tuple(each.fingerprint() for each in (self.candidate, self.baseline) if each is not None)

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
