"""Cold starts: fresh instances of the candidate, and of the previous revision where that can be had, timed in turns."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median

from bot.deploy.target import Deployed, Deployer, StartsPrevious
from bot.model import Check, Series
from bot.model.errors import DeployError

COLD = "cold start"


async def started(
    deployer: Deployer, count: int, deployed: Deployed, previous: Deployed | None, log: Callable[[str], None]
) -> tuple[Deployed, Deployed | None]:
    """Both deploys with the series `cold start`: one number, the median of `count` starts, in milliseconds.

    A start that never gets ready is a check that does not hold. Where the target cannot start an instance, nothing is
    asked, and nothing is said; where the platform refuses one, what was timed until then counts.
    """
    if not count or not deployer.abilities.fresh:
        return deployed, previous
    own: list[float | None] = []
    before: list[float | None] = []
    try:
        for _ in range(count):
            own.append(await deployer.fresh_start())
            if previous is not None and isinstance(deployer, StartsPrevious):
                before.append(await deployer.fresh_start_of_previous())
    except DeployError as error:  # the platform has no room for one more: the verdict does not hang on it
        log(f"no further instance could be started to time it: {error}")
    return _with(deployed, own), previous and _with(previous, before)


def _with(deployed: Deployed, times: Sequence[float | None]) -> Deployed:
    if not times:
        return deployed
    good = sorted(each * 1000 for each in times if each is not None)
    ok = len(good) == len(times)
    check = Check(
        id="fresh instances",
        ok=ok,
        expected=f"{len(times)} of {len(times)} become ready",
        actual=f"{len(good)} of {len(times)} became ready",
        severity="major",
    )
    columns = ("round", "value", "order", "ok", "least", "most", "starts")
    rows = [(0, round(median(good), 1), 0, True, round(good[0], 1), round(good[-1], 1), len(times))] if good else []
    series = [Series(id=COLD, unit="ms", better="lower", columns=columns, samples=tuple(rows))] if rows else []
    seen = deployed.observation
    update = {
        "checks": (*seen.checks, check),
        "series": (*seen.series, *series),
        "state": seen.state if ok else "broken",
    }
    return replace(deployed, observation=seen.model_copy(update=update))
