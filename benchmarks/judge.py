"""How often the judge is right, and after how many requests; beside the rules that others decide by.

    python -m benchmarks.judge [--suites 60] [--seed 1]

Every suite has 20 timed series, which are decided by the very function that the judge and the watch ask.
"""

import argparse
import concurrent.futures
import math
import os
import random
import time
import zlib
from collections.abc import Callable, Sequence
from statistics import fmean, median
from typing import NamedTuple

from benchmarks import rivals, sparse
from benchmarks.figures import Figures
from benchmarks.latencies import SCENARIOS, Effect, sides
from bot.judge import judge, sequential, watch
from bot.judge.policy import Expected, Policy
from bot.judge.suite import Settled, Suite
from bot.judge.weighing import Weighed, errors
from bot.model import Series

METRICS = 20
SAME, EDGE = Effect(), Effect(ratio=1.02)
SLOWER = {percent: Effect(ratio=1 + percent / 100) for percent in (5, 10, 20)}
TAIL = Effect(tail=0.05)
ALARMS = 0.05
"""The share of suites that may be called worse and are not."""
KEYS = [(f"probe-{number}", "latency") for number in range(METRICS)]
EXPECTED = {name: Expected(kind="http", title=name, severity="major", timed=True) for name, _ in KEYS}


class Decided(NamedTuple):
    """One series: the word (`regressed`, `fine`, `improved`, `open`), and the rounds after which it was said."""

    word: str
    rounds: int


class Judged(NamedTuple):
    """One suite: each series, its slow requests, and after how many rounds all together were called slower (or never)."""

    middle: tuple[Decided, ...]
    tail: tuple[Decided, ...]
    together: int | None
    requests: int

    @property
    def fails(self) -> bool:
        """Whether anything is called worse."""
        return self.together is not None or any(each.word == "regressed" for each in (*self.middle, *self.tail))


def policy(most: int, **changes: object) -> Policy:
    """A policy for 20 series whose values have no floor."""
    return Policy.model_validate({"probes": EXPECTED, "rounds": most, "floor": {"default": 0}, **changes})


def simulated(scenario: str, effects: Sequence[Effect], most: int, seed: int) -> list[tuple[Series, Series]]:
    """The candidate's and the baseline's series of one suite; each has an effect of its own."""
    dice = random.Random(zlib.crc32(f"{scenario} {effects} {most} {seed}".encode()))
    return [tuple(map(_series, sides(scenario, most, dice, effect)))[::-1] for effect in effects]  # type: ignore[misc]


def _series(values: Sequence[float]) -> Series:
    rows = tuple((number, value, 0, True) for number, value in enumerate(values))
    return Series.model_construct(
        id="latency", unit="ms", better="lower", columns=("round", "value", "order", "ok"), samples=rows
    )


def whole(scenario: str, effects: Sequence[Effect], most: int, seed: int) -> Judged:
    """One suite of which every round is measured, whatever was decided before: a regression counts at any look."""
    by = policy(most)
    suite = Suite(by)
    for key, (new, old) in zip(KEYS, simulated(scenario, effects, most, seed), strict=True):
        suite.update(key, new, old)
    return _judged(suite.settle(errors(by, METRICS)), most, 2 * most * METRICS)


def session(scenario: str, effects: Sequence[Effect], most: int, seed: int) -> Judged:
    """One suite as it is measured in earnest: what is decided is not sampled on, and the first regression ends it."""
    by = policy(most)
    ask = watch(by)
    made = dict(zip(KEYS, simulated(scenario, effects, most, seed), strict=True))
    decided: dict[tuple[str, str], int] = {}
    reached = 0
    for reached in range(sequential.STEP, most + 1, sequential.STEP):
        cut = [{key: _until(pair[side], decided.get(key, reached)) for key, pair in made.items()} for side in (0, 1)]
        progress = ask(cut[0], cut[1])
        decided |= {key: reached for key in progress.decided if key not in decided}
        if progress.stop:
            break
    suite = Suite(by)
    for key, (new, old) in made.items():
        suite.update(key, _until(new, decided.get(key, reached)), _until(old, decided.get(key, reached)))
    cost = sum(2 * decided.get(key, reached) for key in KEYS)
    return _judged(suite.settle(errors(by, METRICS)), reached, cost)


def _until(series: Series, count: int) -> Series:
    return series.model_copy(update={"samples": series.samples[:count]})


def _judged(settled: Settled, most: int, requests: int) -> Judged:
    together = None if settled.together is None else len(settled.together.measure or ())
    middle, tail = (
        tuple(_decided(weighed, most) for weighed in each.values()) for each in (settled.middle, settled.tail)
    )
    return Judged(middle, tail, together, requests)


def _decided(weighed: Weighed, most: int) -> Decided:
    known = weighed.word != "open" and weighed.measure is not None
    return Decided(weighed.word, len(weighed.measure) if known and weighed.measure else most)


def others(scenario: str, effect: Effect, seed: int) -> dict[str, int]:
    """How many of a suite's series each rival calls regressed after 400 rounds."""
    dice = random.Random(zlib.crc32(f"{scenario} {effect} {seed}".encode()))
    found = dict.fromkeys(rivals.RULES, 0)
    for _ in range(METRICS):
        before, after = sides(scenario, 400, dice, effect)
        for name, rule in rivals.RULES.items():
            found[name] += rule(before, after, METRICS)
    return found


class Bench:
    """Runs suites on all cores, and keeps every figure."""

    def __init__(self, pool: concurrent.futures.Executor, figures: Figures, suites: int, seed: int) -> None:
        self.pool, self.figures, self.suites, self.seed = pool, figures, suites, seed

    def run(
        self,
        kind: Callable[[str, Sequence[Effect], int, int], Judged],
        scenario: str,
        effects: Sequence[Effect],
        most: int = 400,
        share: float = 1.0,
    ) -> list[Judged]:
        """So many suites (or a share of them)."""
        count = max(2, round(self.suites * share))
        asked = [(scenario, effects, most, self.seed * 10_000 + index) for index in range(count)]
        return list(self.pool.map(kind, *zip(*asked, strict=True), chunksize=2))


def false_alarms(bench: Bench) -> None:
    """Suites in which anything is called worse that is not, at no difference and at the edge of the margin."""
    for scenario in SCENARIOS:
        for name, effect in (("A/A", SAME), ("+2 %", EDGE)):
            found = bench.run(session, scenario, [effect] * METRICS, share=4)
            bar = "<= 0.05" if scenario != "cloud-instances" else ""
            bench.figures.say(f"suite false alarms, {scenario}, {name}", fmean(each.fails for each in found), bar)


def power(bench: Bench) -> None:
    """How much is found of each series by itself, and how soon."""
    for percent, bar in ((10, (">= 0.95", "< 200")), (20, (">= 1", "< 65"))):
        series = [each for one in bench.run(whole, "cloud", [SLOWER[percent]] * METRICS) for each in one.middle]
        bench.figures.say(f"+{percent} %: found within 400 rounds", _found(series), bar[0])
        bench.figures.say(f"+{percent} %: mean rounds to decision", fmean(_rounds(series, 400)), bar[1])
    alone = bench.run(whole, "cloud", [SLOWER[10]] + [SAME] * (METRICS - 1), share=2)
    bench.figures.say("+10 % on one of 20: found within 400 rounds", _found([each.middle[0] for each in alone]), "")
    fine = bench.run(session, "cloud", [SAME] * METRICS)
    series = [each for one in fine for each in one.middle]
    bench.figures.say("A/A: certified better than +10 %", 1 - _share(series, "open", "regressed"), ">= 1")
    bench.figures.say("A/A: mean rounds to decision", fmean(each.rounds for each in series), "< 80")
    series = [each for one in bench.run(whole, "cloud", [SLOWER[10]] * METRICS) for each in one.middle]
    bench.figures.say("a true +10 % ends as fine", _share(series, "fine", "improved"), "<= 0.05")
    series = [each for one in bench.run(whole, "cloud", [SLOWER[5]] * METRICS, 2000, 0.25) for each in one.middle]
    bench.figures.say("+5 %: found within 2,000 rounds", _found(series), ">= 0.85")
    bench.figures.say("+5 %: median rounds to decision", median(_rounds(series, 2000)), "< 1150")
    series = [each for one in bench.run(whole, "cloud", [TAIL] * METRICS, 2000, 0.25) for each in one.tail]
    bench.figures.say("5 % of requests x3: found within 2,000 rounds", _found(series), ">= 0.80")
    bench.figures.say("5 % of requests x3: median rounds to decision", median(_rounds(series, 2000)), "< 1300")


def costs(bench: Bench) -> None:
    """Requests of a whole suite, and how often its word is right."""
    for name, effects, bar in (
        ("A/A passes", [SAME] * METRICS, "< 3409"),
        ("one endpoint +20 % fails", [SLOWER[20]] + [SAME] * (METRICS - 1), "< 2317"),
        ("all +5 % fail", [SLOWER[5]] * METRICS, "< 2873"),
    ):
        found = bench.run(session, "cloud", effects)
        bench.figures.say(f"requests of a suite: {name}", fmean(each.requests for each in found), bar)
        right = fmean(each.fails != ("passes" in name) for each in found)
        bench.figures.say(f"suites whose word is right: {name}", right, ">= 0.95")


def failures(bench: Bench) -> None:
    """Quick and steady suites of which requests fail: how many end green; and where both sides fail alike, as worse."""
    for name, probes, failing, share, bar in (
        ("one probe, 5 % fail", 1, 1, 0.05, "<= 0.05"),
        ("one probe, 10 % fail", 1, 1, 0.10, "<= 0.05"),
        ("one of 20 probes, 10 % fail", METRICS, 1, 0.10, "<= 0.05"),
        ("one of 20 probes, 5 % fail", METRICS, 1, 0.05, ""),
        ("20 probes, 5 % fail", METRICS, METRICS, 0.05, "<= 0.05"),
    ):
        found = _sparse(bench, probes, failing, share)
        bench.figures.say(f"suites that end green: {name}", fmean(each.green for each in found), bar)
    found = _sparse(bench, 5, 0, 0.0, before=0.05, most=100)
    bench.figures.say("false alarms: 5 % fail on both sides", fmean(each.failing for each in found), "<= 0.05")


def _sparse(
    bench: Bench, probes: int, failing: int, share: float, *, before: float = 0.0, most: int = 400
) -> list[sparse.Ended]:
    asked = [(probes, failing, share, before, most, bench.seed * 10_000 + index) for index in range(2 * bench.suites)]
    return list(bench.pool.map(sparse.session, *zip(*asked, strict=True), chunksize=2))


def beside(bench: Bench) -> None:
    """The rivals, each with 400 rounds (16,000 requests) of the same kind."""
    count = max(2, bench.suites // 4)
    print("\nafter 400 rounds: share of suites with an alarm (A/A, +2 %), and of series found (+5, +10, +20 %)")
    rows = _rivals(bench, count)
    for name, shares in rows.items():
        for what, share in shares.items():
            bench.figures.keep(f"{name}: {what}", share)
        print(f"{name:44}" + "".join(f" {share:9.3f}" for share in shares.values()), flush=True)
    ours = rows.pop("this judge")
    kept = [row["+10 %"] for row in rows.values() if max(row["A/A"], row["+2 %"]) <= ALARMS]
    ahead = ours["+10 %"] - max(kept, default=0.0)
    bench.figures.say("+10 % found, ahead of the best rival with as few alarms", ahead, ">= 0")


def _rivals(bench: Bench, count: int) -> dict[str, dict[str, float]]:
    rows: dict[str, dict[str, float]] = {name: {} for name in ("this judge", *rivals.RULES)}
    for what, effect in (("A/A", SAME), ("+2 %", EDGE), *((f"+{p} %", e) for p, e in SLOWER.items())):
        asked = [("cloud", effect, bench.seed * 10_000 + index) for index in range(count)]
        found = list(bench.pool.map(others, *zip(*asked, strict=True)))
        for name in rivals.RULES:
            counts = [one[name] for one in found]
            rows[name][what] = fmean(map(bool, counts)) if effect in (SAME, EDGE) else fmean(counts) / METRICS
        ours = bench.run(whole, "cloud", [effect] * METRICS, share=0.25)
        alarms = fmean(each.fails for each in ours)
        rows["this judge"][what] = alarms if effect in (SAME, EDGE) else fmean(_found(each.middle) for each in ours)
    return rows


def own_time(bench: Bench) -> None:
    """CPU seconds for 20 series of 400 rounds, with all looks, none of which decides.

    The bar is for what decides: pairing the samples and weighing the suite (`Suite.update` and `settle`). The second figure
    is the whole of `judge`, which also writes the findings.
    """
    by = policy(400, budget={"default": 0.0201}, margin=0.02)
    dice = random.Random(5)
    effect = Effect(ratio=math.sqrt(1.02 * 1.0201))
    data = [tuple(map(_series, sides("lognormal", 400, dice, effect))) for _ in KEYS]
    began = time.process_time()
    suite = Suite(by)
    for key, (old, new) in zip(KEYS, data, strict=True):
        suite.update(key, new, old)
    settled = suite.settle(errors(by, METRICS))
    bench.figures.say(
        "CPU seconds, pairing and weighing 20 series x 400 rounds, all looks", time.process_time() - began, "< 1"
    )
    old_run, new_run = (
        sparse.run(name, [sparse.observed(key[0], pair[side]) for key, pair in zip(KEYS, data, strict=True)])
        for side, name in enumerate(("old", "new"))
    )
    began = time.process_time()
    judge(new_run, old_run, by, "sha256:0")
    bench.figures.say("CPU seconds, the whole of `judge` on the same data", time.process_time() - began, "")
    bench.figures.keep("series that were open to the end", sum(each.word == "open" for each in settled.middle.values()))


def _rounds(series: Sequence[Decided], most: int) -> list[int]:
    return [each.rounds if each.word == "regressed" else most for each in series]


def _found(series: Sequence[Decided]) -> float:
    return _share(series, "regressed")


def _share(series: Sequence[Decided], *words: str) -> float:
    return fmean(each.word in words for each in series)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suites", type=int, default=20, help="suites for each figure (20)")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rivals.check()
    figures = Figures()
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool:
        bench = Bench(pool, figures, arguments.suites, arguments.seed)
        for part in (own_time, power, costs, false_alarms, failures, beside):
            part(bench)
    figures.end()


if __name__ == "__main__":
    main()
