"""Findings as annotations of a check: on the line of the spec that asked, or wherever in the source a finding stands."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from bot import yaml_places
from bot.model import Finding
from bot.model.errors import SpecError
from bot.safety.escape import terminal

MOST = 200
"""More than anybody reads; four requests."""
MESSAGE = 2_000
"""Characters; GitHub takes 64 KB, and a reader far less."""
Level = Literal["failure", "warning", "notice"]


class Place(NamedTuple):
    """Where in the repository: the path from its root with `/`, and lines and columns from 1."""

    path: str
    line: int
    column: int | None = None
    end_line: int | None = None


@dataclass(frozen=True)
class Annotation:
    """One remark on one place."""

    place: Place
    level: Level
    title: str
    message: str

    def fields(self) -> dict[str, Any]:
        """As the checks API takes it. Columns are for one line only (GitHub's OpenAPI, `checks/create`)."""
        last = self.place.end_line or self.place.line
        found: dict[str, Any] = {
            "path": self.place.path,
            "start_line": self.place.line,
            "end_line": last,
            "annotation_level": self.level,
            "title": self.title,
            "message": self.message,
        }
        if self.place.column is not None and last == self.place.line:
            found |= {"start_column": self.place.column, "end_column": self.place.column}
        return found


def of(findings: Iterable[Finding], place: Callable[[Finding], Place | None]) -> tuple[Annotation, ...]:
    """An annotation for each finding that is bad, or should have been measured and was not, and that has a place."""
    found = []
    for each in findings:
        bad = each.status in ("broken", "regressed")
        if each.waiver is not None or not (bad or (each.status == "not measured" and each.severity != "info")):
            continue
        where = place(each)
        if where is not None:
            level: Level = "failure" if bad and each.severity in ("critical", "major") else "warning"
            found.append(Annotation(where, level, terminal(f"{each.title}: {each.status}", 200), _message(each)))
    return tuple(found[:MOST])


def in_the_spec(text: bytes, path: str) -> Callable[[Finding], Place | None]:
    """Where each finding's probe stands in the spec. `path` is the spec's, from the repository's root."""
    try:
        document = yaml_places.read(text.decode("utf-8-sig"), "")
    except (SpecError, UnicodeDecodeError):
        return lambda _: None

    def place(finding: Finding) -> Place | None:
        where = document.keys.get(("probes", finding.probe))
        # what the bot observes of its own acts is asked for by `deploy:`
        where = where or document.keys.get(("deploy",) if finding.probe in ("deploy", "rollback") else ("probes",))
        if where is None:
            return None
        _, line, column = where.rsplit(":", 2)
        return Place(path, int(line), int(column))

    return place


def _message(finding: Finding) -> str:
    parts = [f"expected {finding.expected}"] if finding.expected else []
    parts += [f"got {finding.after}"] if finding.after else []
    parts += [each for each in (finding.reason, finding.remedy) if each]
    return terminal("; ".join(parts) or finding.status, MESSAGE)
