"""The one value that every template is given."""

from dataclasses import dataclass
from itertools import groupby

from bot.model import Finding, Told, Verdict, Waiver
from bot.report import words


@dataclass(frozen=True)
class Links:
    """Where more is to be found; None where there is nothing to link to."""

    run: str | None = None
    proof: str | None = None
    page: str | None = None


@dataclass(frozen=True)
class Group:
    """All findings of one probe, and the worst word among them."""

    probe: str
    title: str
    findings: tuple[Finding, ...]
    mark: str
    status: str


@dataclass(frozen=True)
class View:
    """A verdict, arranged for a reader: worst first."""

    verdict: Verdict
    links: Links

    @property
    def mark(self) -> str:
        """The verdict's own mark."""
        return words.VERDICT_MARKS[self.verdict.verdict]

    @property
    def worse(self) -> tuple[Finding, ...]:
        """What is broken or worse than the revision before, and not waived."""
        return tuple(
            each
            for each in self.verdict.findings
            if each.status in words.BAD and each.waiver is None and not _is_drift(each)
        )

    @property
    def drift(self) -> tuple[Finding, ...]:
        """How far series have moved since a pinned revision."""
        return tuple(each for each in self.verdict.findings if _is_drift(each) and each.waiver is None)

    @property
    def missing(self) -> tuple[Finding, ...]:
        """What was not measured."""
        return tuple(each for each in self.verdict.findings if each.status == "not measured")

    @property
    def changed(self) -> tuple[Finding, ...]:
        """What is another than before, does not block, and is worth a look."""
        return tuple(each for each in self._other if each.severity != "info")

    @property
    def additions(self) -> tuple[Finding, ...]:
        """What is another than before in a way that nobody has to look at."""
        return tuple(each for each in self._other if each.severity == "info")

    @property
    def _other(self) -> tuple[Finding, ...]:
        return tuple(
            each
            for each in self.verdict.findings
            if each.status in ("changed", "gone") and not each.waiver and not _is_drift(each)
        )

    @property
    def long(self) -> tuple[Finding, ...]:
        """What got worse and has more to show than one line."""
        return tuple(each for each in self.worse if "\n" in (each.after or "").strip())

    @property
    def better(self) -> tuple[Finding, ...]:
        """What is better than before."""
        return tuple(each for each in self.verdict.findings if each.status == "improved")

    @property
    def waived(self) -> tuple[Finding, ...]:
        """What was accepted by someone."""
        return tuple(each for each in self.verdict.findings if each.waiver is not None)

    @property
    def waivers(self) -> tuple[tuple[Waiver, bool], ...]:
        """Every waiver that holds on this day, and whether it covers anything now: shown until it expires."""
        used = {each.waiver for each in self.waived}
        return tuple((each, each in used) for each in dict.fromkeys((*self.verdict.waivers, *used)) if each is not None)

    @property
    def timed(self) -> tuple[Finding, ...]:
        """Series that were compared with the revision before."""
        return tuple(each for each in self.verdict.findings if each.comparison is not None and not _is_drift(each))

    @property
    def told(self) -> tuple[Told, ...]:
        """The verdicts before this one, newest first."""
        since = self.verdict.since
        return (since.last, *since.earlier) if since else ()

    @property
    def groups(self) -> tuple[Group, ...]:
        """Findings by probe, in the order of each probe's worst finding."""
        order = list(dict.fromkeys(each.probe for each in self.verdict.findings))
        found = []
        by_probe = sorted(self.verdict.findings, key=lambda each: order.index(each.probe))
        for probe, members in groupby(by_probe, key=lambda each: each.probe):
            findings = tuple(members)
            title = findings[0].title.removesuffix(f": {findings[0].item}")
            found.append(Group(probe, title, findings, words.MARKS[findings[0].status], findings[0].status))
        return tuple(found)

    @property
    def commands(self) -> tuple[str, ...]:
        """What repeats the failures, each once; what was not measured, where nothing failed."""
        wanted = [each.reproduce for each in self.worse or self.missing if each.reproduce]
        return tuple(dict.fromkeys(wanted))[:5]


def _is_drift(finding: Finding) -> bool:
    return finding.comparison is not None and finding.comparison.since is not None
