"""How far a series has moved since a pinned revision, however little each step was.

The ratio is the product of those that each good run had to the one before it. Every factor was measured side by side, so
that the machine of the day is in none of them; the errors of their logarithms add in squares, because no two of them
share a sample (the delta method for a product: Casella and Berger, 2002, section 5.5.4).
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from bot.judge.past import sign
from bot.judge.policy import Policy
from bot.judge.quantiles import normal
from bot.judge.weighing import POWER, SECONDS
from bot.model import Comparison, Finding, Past, Run, Status, six
from bot.model.duration import format_duration

METHOD = "product of the paired ratios of the runs since then; the errors of their logarithms add in squares"
SHORTEST_COMMIT = 4


class Link(NamedTuple):
    """One step: the logarithm of a paired ratio, and its standard error."""

    log: float
    error: float


class Chain(NamedTuple):
    """The steps of one series, newest first.

    `start` is the run from which they are counted; it is not the pinned one where `gap` says why. With no start there is
    nothing to count.
    """

    own: Finding
    links: tuple[Link, ...]
    start: Past | None
    runs: tuple[Past, ...]
    gap: str | None = None


def added(candidate: Run, baseline: Run | None, policy: Policy, findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings, and after them those on the drift of their series."""
    found = list(findings)
    yield from found
    yield from compare(candidate, baseline, policy, found)


def compare(candidate: Run, baseline: Run | None, policy: Policy, findings: Sequence[Finding]) -> Iterator[Finding]:
    """One finding for each series that was measured side by side, where there is a longer way to look back."""
    history = baseline.history if baseline else ()
    index = pinned(history, policy.pinned, candidate.release)
    if baseline is None or index is None:
        return
    names = {f"{each.probe}/{one.id}" for each in candidate.observations for one in each.series}
    chains = [
        _chain(each, baseline.name, history, index) for each in findings if each.id in names and _link(each) is not None
    ]
    counted = sum(1 for each in chains if each.start is not None)
    for chain in chains:
        if chain.start is not None:
            yield _settled(chain, chain.start, policy, counted)
        elif chain.gap is not None:
            yield _unknown(chain, history[index])


def remarks(baseline: Run | None, policy: Policy) -> Iterator[str]:
    """A pinned revision that nobody remembers."""
    if baseline is not None and policy.pinned is not None and pinned(baseline.history, policy.pinned, None) is None:
        yield (
            f"`judge: pinned` names {policy.pinned}, and none of the {len(baseline.history)} good runs that are"
            " remembered is of it: no drift was counted"
        )


def pinned(history: Sequence[Past], name: str | None, release: str | None) -> int | None:
    """Which run drift is counted from: the one that is named, or the last release before this one, or the oldest."""
    newest_first = range(len(history) - 1, -1, -1)
    if name is not None:
        return next((index for index in newest_first if _is(history[index], name)), None)
    released = (index for index in newest_first if history[index].release not in (None, release))
    return next(released, 0 if history else None)


def _is(past: Past, name: str) -> bool:
    is_commit = len(name) >= SHORTEST_COMMIT and past.commit is not None and past.commit.startswith(name)
    return past.release == name or is_commit


def _link(finding: Finding) -> Link | None:
    seen = finding.comparison
    if finding.kind != "series" or seen is None or not seen.pairs or seen.since is not None:
        return None
    return _logarithm(seen.ratio, seen.error)


def _logarithm(ratio: float | None, error: float | None) -> Link | None:
    return Link(math.log(ratio), error) if ratio is not None and ratio > 0 and error is not None else None


def _chain(own: Finding, before: str, history: Sequence[Past], index: int) -> Chain:
    """Walk back from this run's own ratio to the pinned run, as far as each step is known."""
    first, seen = _link(own), own.comparison
    assert first is not None
    assert seen is not None
    links, at, gap = [first], len(history) - 1, None
    if history[at].name != before:
        return Chain(own, (first,), None, (), "it was compared with another revision than the last good one")
    while at > index and gap is None:
        old = history[at].series.get(own.id)
        step = _logarithm(old.ratio, old.error) if old and (old.unit, old.better) == (seen.unit, seen.better) else None
        if step is None or history[at].against != history[at - 1].name:
            gap = f"{history[at].called} was not measured beside {history[at - 1].called}"
        else:
            links.append(step)
            at -= 1
    if len(links) == 1:  # what this run's own row says already
        return Chain(own, (first,), None, (), gap)
    return Chain(own, tuple(links), history[at], tuple(history[at:]), gap)


def _settled(chain: Chain, start: Past, policy: Policy, count: int) -> Finding:
    """Beyond the budget for drift, within it, or neither; the interval shares the error among all series."""
    seen = chain.own.comparison
    assert seen is not None
    log = math.fsum(each.log for each in chain.links)
    error = math.sqrt(math.fsum(each.error**2 for each in chain.links))
    share = (1 - policy.confidence) / count
    z = normal(1 - share / 2)
    way, limit = sign(seen.better), _limit(chain.own, policy, log)
    worst, best = way * log + z * error, way * log - z * error
    status: Status = "regressed" if best > limit else "maintained" if worst < limit else "changed"
    budget, name = f"{six(policy.drift * 100):g} %", start.called
    counted = f"counted from {name} on: {chain.gap}" if chain.gap else None
    if status == "maintained" and worst >= math.log1p(policy.drift):
        floor = format_duration(policy.floor_for(chain.own.probe, chain.own.item))
        counted = "; ".join(
            filter(None, (f"shown to be below {floor}, which does not matter (`judge: floor`)", counted))
        )
    elif status == "changed":
        counted = "; ".join(filter(None, (f"neither more nor less than {budget} is shown", counted)))
    elif status == "regressed":
        steps = f"its {len(chain.links)} steps together make more than {budget}"
        counted = "; ".join(filter(None, (steps, counted)))
    numbers = {
        "ratio": _ratio(log),
        "low": _ratio(log - z * error),
        "high": _ratio(log + z * error),
        "confidence": six(1 - share),
        "error": six(error),
        "runs": len(chain.links),
        "would_have_seen": _ratio(way * (limit + (z + POWER) * error)),
        "decided": status != "changed",
    }
    return _finding(chain, name, status, counted, numbers)


def _limit(own: Finding, policy: Policy, log: float) -> float:
    """The budget for drift; a difference in time below the floor does not matter, however many steps made it."""
    seen = own.comparison
    assert seen is not None
    unit = SECONDS.get(seen.unit)
    start = seen.after / math.exp(log) if seen.after is not None else 0.0
    floor = policy.floor_for(own.probe, own.item) / (unit * start) if unit and start > 0 else 0.0
    return math.log1p(max(policy.drift, floor))


def _unknown(chain: Chain, start: Past) -> Finding:
    return _finding(chain, start.called, "changed", f"it cannot be counted: {chain.gap}", {})


def _finding(
    chain: Chain, since: str, status: Status, reason: str | None, numbers: dict[str, float | int | bool | None]
) -> Finding:
    own, seen = chain.own, chain.own.comparison
    assert seen is not None
    shown = {"unit": seen.unit, "better": seen.better, "after": seen.after, "since": since, "method": METHOD}
    item = f"{own.item} since {since}"
    is_open = bool(numbers) and status != "maintained"
    return Finding(
        id=f"{own.probe}/{item}",
        probe=own.probe,
        item=item,
        kind="series",
        title=f"{own.title} since {since}",
        status=status,
        severity="info" if status == "changed" else "minor",
        comparison=Comparison.model_validate({**shown, **numbers}),
        reason=reason,
        remedy="look at the steps in between, or pin another revision (`judge: pinned`)" if is_open else None,
        observed=(*own.observed, *(each.digest for each in chain.runs)),
    )


def _ratio(log: float) -> float | None:
    return six(math.exp(log)) if abs(log) < 700 else None
