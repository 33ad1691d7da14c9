"""Which revision answered: what proves that it was the candidate that was observed, and not its neighbour."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Self

from pydantic import Field, JsonValue, model_validator

from bot.model import Subject
from bot.probes.paths import PathText, find
from bot.probes.probe import Settings
from bot.probes.request import RequestLine

if TYPE_CHECKING:
    from bot.safety.http import Answer

SHORTEST_ABBREVIATION = 7
FAILED = 500
"""From this status on an answer that names nobody says nothing of who answers otherwise."""


class Identity(Settings):
    """What proves which revision answered: a header of every answer, or a route that says it."""

    header: str | None = Field(None, pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")
    """The header that carries the revision, on every answer."""
    http: RequestLine | None = None
    """The request that asks for the revision, as `GET /version`; asked again after every probe."""
    path: PathText | None = Field(None, alias="json")
    """Where the answer has it, as `$.revision`; without it the whole body is the revision."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.header is None) == (self.http is None):
            raise ValueError("identity is either `header` or `http`, and one of them")
        if self.path is not None and self.http is None:
            raise ValueError("`json` belongs to `http`: the route whose answer holds the revision")
        return self

    def revision_of(self, answer: "Answer") -> str | None:
        """The revision that an answer of the route names."""
        from bot.model import strict_json
        from bot.model.errors import FormatError

        if not 200 <= answer.status < 300 or answer.incomplete:
            return None
        if self.path is None:
            return answer.body.decode("utf-8", "replace").strip()[:128] or None
        try:
            found = find(self.path, strict_json(answer.body))
        except FormatError:
            return None
        return str(found[0])[:128] if len(found) == 1 and isinstance(found[0], str | int) else None


class Witness:
    """Counts which revision answered each probe of one subject."""

    def __init__(self, identity: Identity | None, subject: Subject) -> None:
        self.identity = identity
        self._subject = subject
        self._answers: dict[str, Counter[str]] = {}
        self._silent: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()

    def answer(self, probe: str, answer: "Answer") -> None:
        """Take one answer over HTTP. A page of an error is often made by something else than the service's own code."""
        if self.identity is not None and self.identity.header is not None:
            name = answer.header(self.identity.header)
            self.named(probe, name, answered=name is not None or answer.status < FAILED)

    def handshake(self, probe: str, headers: Iterable[tuple[str, str]]) -> None:
        """Take the headers of one WebSocket handshake; a framework's middleware often leaves those alone."""
        if self.identity is None or self.identity.header is None:
            return
        wanted = self.identity.header.lower()
        value = next((value for name, value in headers if name.lower() == wanted), None)
        if value is not None:
            self.named(probe, value)

    def named(self, probe: str, revision: str | None, *, answered: bool = True) -> None:
        """Take one answer, and the revision that it names (None when it names none); or that there was no answer."""
        if not answered:
            self._failed[probe] += 1
        elif revision is None:
            self._silent[probe] += 1
        else:
            self._answers.setdefault(probe, Counter())[revision] += 1

    def stranger(self, probe: str) -> str | None:
        """Another revision that answered this probe, if one did."""
        return next((name for name in sorted(self._answers.get(probe, ())) if not self.is_ours(name)), None)

    def nameless(self, probe: str) -> str | None:
        """Why nobody knows who answered this probe, where its answers were to say so and some did not.

        One that does not say may be another revision's, behind an address that several share.
        """
        if self.identity is None:
            return None
        named, silent = self._answers.get(probe, Counter()).total(), self._silent[probe]
        if not silent and (named or not self._failed[probe]):
            return None
        where = f"has the header {self.identity.header}" if self.identity.header else f"came from {self.identity.http}"
        of = named + silent + self._failed[probe]
        return f"which revision answered is not known: of {of} answers {f'only {named}' if named else 'none'} {where}"

    def told(self) -> Mapping[str, JsonValue]:
        """The `identity` of the subject of a run."""
        if self.identity is None:
            return {"reason": "the spec has no `identity`"}
        total = sum(self._answers.values(), Counter[str]())
        if not total:
            where = f"the header {self.identity.header}" if self.identity.header else str(self.identity.http)
            return {"reason": f"no answer named its revision by {where}"}
        told: dict[str, JsonValue] = {"answered_by": dict(sorted(total.items()))}
        silent = self._silent.total() + self._failed.total()
        return told | ({"unnamed": silent} if silent else {})

    def is_ours(self, name: str) -> bool:
        """Whether a name is this revision's: its own, or its commit's."""
        ours = [each for each in (self._subject.revision, self._subject.commit) if each]
        return any(name == each or _abbreviates(name, each) or _abbreviates(each, name) for each in ours)


def _abbreviates(short: str, long: str) -> bool:
    return len(short) >= SHORTEST_ABBREVIATION and len(long) == 40 and long.startswith(short)
