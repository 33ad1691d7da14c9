"""Verdicts as one self-contained HTML page: no script, nothing fetched, light and dark."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bot.model import Run, Series, Verdict
from bot.report import words
from bot.report.view import Links, View
from bot.safety.escape import shown_line, terminal

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATES = Path(__file__).parent / "templates"
WIDTH, HEIGHT, EDGE = 560, 90, 3


class Plot(NamedTuple):
    """Two series as points of a small drawing: (x, y) of the baseline's and of the candidate's samples."""

    title: str
    unit: str
    top: str
    before: tuple[tuple[float, float], ...]
    after: tuple[tuple[float, float], ...]


def html(verdict: Verdict, candidate: Run | None = None, baseline: Run | None = None) -> str:
    """The page. With the runs it shows each series sample by sample."""
    view = View(verdict, Links())
    return _template().render(
        view=view, v=verdict, words=words, clean=terminal, plain=shown_line, plots=_plots(candidate, baseline)
    )


def _plots(candidate: Run | None, baseline: Run | None) -> list[Plot]:
    found = []
    for observation in candidate.observations if candidate else ():
        old = baseline.observation(observation.probe) if baseline else None
        for series in observation.series:
            if len(series.samples) > 1:
                other = next((each for each in old.series if each.id == series.id), None) if old else None
                found.append(_plot(f"{observation.title}: {series.id}", series, other))
    return found


def _plot(title: str, series: Series, other: Series | None) -> Plot:
    after, before = _points(series), _points(other) if other else []
    rounds = max((x for x, _ in [*after, *before]), default=1.0) or 1.0
    ordered = sorted(y for _, y in [*after, *before])
    top = ordered[min(len(ordered) - 1, int(len(ordered) * 0.98))] if ordered else 1.0
    top = top * 1.1 or 1.0

    def placed(points: list[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
        inner = WIDTH - 2 * EDGE  # so that no dot of the first or the last round is cut
        return tuple(
            (round(EDGE + x / rounds * inner, 1), round(HEIGHT - min(y / top, 1.0) * HEIGHT, 1)) for x, y in points
        )

    return Plot(title, series.unit, words.quantity(top, series.unit), placed(before), placed(after))


def _points(series: Series) -> list[tuple[float, float]]:
    pairs = zip(series.column("round"), series.column("value"), strict=True)
    return [(float(x), float(y)) for x, y in pairs if isinstance(x, int | float) and isinstance(y, int | float)]


@lru_cache(maxsize=1)
def _template() -> "Template":
    from jinja2 import FileSystemLoader, StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    environment = SandboxedEnvironment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2")
