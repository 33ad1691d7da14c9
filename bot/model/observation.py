"""What one probe saw: checks, series, facts, and the evidence behind them."""

from typing import Literal, Self

from pydantic import Field, JsonValue, model_validator

from bot.model.value import Value

State = Literal["measured", "not measured", "broken"]
Severity = Literal["critical", "major", "minor", "info"]
Cell = bool | int | float | str | None


class Check(Value):
    """An expectation that held or did not.

    `id` is stable between revisions (`status`, `step 2: body.$.id`): it is what pairs a check with the baseline's.
    `tries` says in how many observations of its probe it was made, `failures` in how many of them it did not hold;
    absent, it was made once. `ok` is that it held every time; `actual` and `evidence` are those of a failure then.
    `severity` is how bad a failure is where that is not the same for all checks of the probe.
    """

    id: str
    ok: bool
    expected: str
    actual: str
    evidence: str | None = None
    severity: Severity | None = None
    tries: int | None = Field(default=None, ge=1, le=1000)
    failures: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _counts_fit(self) -> Self:
        if (self.tries is None) != (self.failures is None):
            raise ValueError(f"check {self.id!r} has only one of 'tries' and 'failures'")
        if self.tries is not None and self.failures is not None:
            if self.failures > self.tries:
                raise ValueError(f"check {self.id!r} failed {self.failures} of {self.tries} times")
            if self.ok != (self.failures == 0):
                raise ValueError(f"check {self.id!r} failed {self.failures} times, and 'ok' says {self.ok}")
        return self


class Series(Value):
    """Numbers with a unit and a better direction; one row a sample.

    The columns `round` and `value` are always there. A failed request is a row with its `ok` false and, where no
    number could be had, its `value` null: never a row left out.
    """

    id: str
    unit: str
    better: Literal["lower", "higher"]
    columns: tuple[str, ...] = ("round", "value", "order", "ok")
    samples: tuple[tuple[Cell, ...], ...] = ()

    @model_validator(mode="after")
    def _rows_fit_the_columns(self) -> Self:
        if not {"round", "value"} <= set(self.columns):
            raise ValueError(f"series {self.id!r} lacks a column 'round' or 'value'")
        if any(len(row) != len(self.columns) for row in self.samples):
            raise ValueError(f"series {self.id!r} has a row that does not fit its columns")
        return self

    def column(self, name: str) -> list[Cell]:
        """The cells of one column, in the order of the samples."""
        index = self.columns.index(name)
        return [row[index] for row in self.samples]


class Fact(Value):
    """A structured snapshot: an event protocol, a schema, an image."""

    id: str
    kind: str
    value: JsonValue = None
    evidence: str | None = None


class Exercised(Value):
    """What a probe touched: did it test anything?

    `routes` are those that it goes to with a credential, `accepted` those of them that took it; `refused` are those that
    said no to whoever had none. `events` are the event types that the spec knows. `asked` are the requests that were
    answered as they should be, `operations` what an OpenAPI document says that there is (both as `GET /threads/{id}`).
    """

    routes: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()


class Observation(Value):
    """What one probe saw of one revision.

    `state` is `broken` when the probe ran and the service failed it, and `not measured` (then with `reason`) when
    nothing can be said of the service. `remedy` is the one thing to do about `reason`; `reproduce` is one command
    that repeats the probe, with secrets as `$NAMES`; `notes` are evidence that belongs to no single check.
    """

    probe: str
    kind: str
    title: str
    state: State
    reason: str | None = None
    remedy: str | None = None
    reproduce: str | None = None
    checks: tuple[Check, ...] = ()
    series: tuple[Series, ...] = ()
    facts: tuple[Fact, ...] = ()
    notes: tuple[str, ...] = ()
    exercised: Exercised | None = None

    @model_validator(mode="after")
    def _not_measured_has_a_cause(self) -> Self:
        if self.state == "not measured" and not self.reason:
            raise ValueError(f"probe {self.probe!r} is not measured, but says no reason")
        return self


class Evidence(Value):
    """Where the raw, redacted bytes behind an observation are, relative to the run's file."""

    path: str
    media_type: str
    size: int = Field(alias="bytes", ge=0)

    def model_post_init(self, _context: object) -> None:
        """Refuse a path that leaves the run's folder."""
        parts = self.path.split("/")
        if self.path.startswith("/") or "\\" in self.path or ".." in parts:
            raise ValueError(f"evidence path {self.path!r} leaves the run's folder")
