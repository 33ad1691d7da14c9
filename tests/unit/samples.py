"""Small, valid values for tests: each test states only what differs."""

from typing import Any

from bot.model import Check, Observation, Run, Series, Subject

TIME = "2026-01-02T03:04:05.678Z"


def check(name: str = "status", *, ok: bool = True, **changes: Any) -> Check:
    """A check that holds, or not."""
    return Check.model_validate({"id": name, "ok": ok, "expected": "200", "actual": "200" if ok else "500", **changes})


def series(values: list[float | None], **changes: Any) -> Series:
    """A latency series, one round a value; None is a failed request."""
    rows = tuple((index, value, 0, value is not None) for index, value in enumerate(values))
    return Series.model_validate({"id": "latency", "unit": "ms", "better": "lower", "samples": rows, **changes})


def observation(probe: str = "health", **changes: Any) -> Observation:
    """A measured probe with one check that holds."""
    fields = {"probe": probe, "kind": "http", "title": probe.title(), "state": "measured", "checks": (check(),)}
    return Observation.model_validate({**fields, **changes})


def subject(revision: str = "chat-2", **changes: Any) -> Subject:
    """A revision."""
    fields = {"service": "chat", "environment": "staging", "revision": revision, "url": "http://127.0.0.1:1"}
    return Subject.model_validate({**fields, **changes})


def run(*observations: Observation, **changes: Any) -> Run:
    """A run of one healthy probe, unless other observations are given."""
    fields = {
        "subject": subject(),
        "started": TIME,
        "finished": TIME,
        "spec": "sha256:0",
        "vantage": "here",
        "observations": observations or (observation(),),
    }
    return Run.model_validate({**fields, **changes})
