"""How often the judge is right, and after how many requests; beside the rules that others decide by.

    python -m benchmarks.judge [--suites 60] [--seed 1]

Every suite has 20 timed series, which are decided by the very function that the judge and the watch ask.
"""

import argparse
import concurrent.futures
import json
import math
import os
import random
import sys
import time
import zlib
from collections.abc import Iterable, Sequence
from statistics import fmean, median
from typing import NamedTuple

from benchmarks import rivals
from benchmarks.latencies import SCENARIOS, Effect, sides
from bot.judge import sequential
from bot.judge.pairing import Pair, Rounds
from bot.judge.policy import Policy
from bot.judge.weighing import errors, look
from bot.model import Series

METRICS = 20
SAME, EDGE = Effect(), Effect(ratio=1.02)
SLOWER = {percent: Effect(ratio=1 + percent / 100) for percent in (5, 10, 20)}
TAIL = Effect(tail=0.05)
LATENCY = Series(id="latency", unit="ms", better="lower")


class Decided(NamedTuple):
    """One series: the word (`regressed`, `fine`, `improved`, `open`), and the rounds after which it was said."""

    word: str
    rounds: int


def decide(before: Sequence[float], after: Sequence[float], policy: Policy, until: str = "decided") -> Decided:
    """One series by the judge, which looks as often as it does in earnest; or only `until` it is "regressed"."""
    pairs = tuple(Pair(("", float(i)), b, a) for i, (b, a) in enumerate(zip(before, after, strict=True)))
    rounds = Rounds(pairs, (), 0, 0, len(pairs))
    error = errors(policy, METRICS)
    for index, reached in enumerate(sequential.looks(policy.rounds)):
        word = look(policy, "probe", LATENCY, rounds, error, index).word
        if word == "regressed" or (word != "open" and until == "decided"):
            return Decided(word, reached)
    return Decided("open", policy.rounds)


def suite(scenario: str, effects: Sequence[Effect], most: int, until: str, seed: int) -> list[Decided]:
    """One suite; each series has an effect of its own."""
    dice = random.Random(zlib.crc32(f"{scenario} {effects} {most} {seed}".encode()))
    policy = Policy(rounds=most, floor={"default": 0})
    return [decide(*sides(scenario, most, dice, effect), policy, until) for effect in effects]


def requests(series: Sequence[Decided]) -> int:
    """What the suite costs: both sides of every round until its series is decided, or until the first regression."""
    end = min((each.rounds for each in series if each.word == "regressed"), default=sys.maxsize)
    return sum(2 * min(each.rounds, end) for each in series)


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
    """Runs suites on all cores, and keeps every figure that it prints."""

    def __init__(self, pool: concurrent.futures.Executor, suites: int, seed: int) -> None:
        self.pool, self.suites, self.seed = pool, suites, seed
        self.figures: dict[str, float] = {}

    def run(
        self,
        scenario: str,
        effects: Sequence[Effect],
        most: int = 400,
        share: float = 1.0,
        until: str = "decided",
    ) -> list[list[Decided]]:
        """So many suites (or a share of them)."""
        count = max(2, round(self.suites * share))
        asked = [(scenario, effects, most, until, self.seed * 10_000 + index) for index in range(count)]
        return list(self.pool.map(suite, *zip(*asked, strict=True), chunksize=2))

    def say(self, name: str, value: float, bar: str) -> None:
        """Print one figure beside what it is to beat."""
        self.figures[name] = round(value, 4)
        print(f"{name:68} {value:10.4g}   {bar}", flush=True)


def false_alarms(bench: Bench) -> None:
    """Suites in which anything is called slower that is not, at no difference and at the edge of the margin."""
    for scenario in SCENARIOS:
        for name, effect in (("A/A", SAME), ("+2 %", EDGE)):
            found = bench.run(scenario, [effect] * METRICS)
            share = fmean(any(each.word == "regressed" for each in one) for one in found)
            bench.say(f"suite false alarms, {scenario}, {name}", share, "<= 0.05" if "-" not in scenario else "(shown)")


def power(bench: Bench) -> None:
    """How much is found, and how soon; a series that is shown to be fine is measured on here, to see if that changes."""
    for percent, bar in ((10, (">= 0.95", "< 200")), (20, ("1", "< 65"))):
        series = _flat(bench.run("cloud", [SLOWER[percent]] * METRICS, until="regressed"))
        bench.say(f"+{percent} %: found within 400 rounds", _share(series, "regressed"), bar[0])
        bench.say(f"+{percent} %: mean rounds to decision", fmean(each.rounds for each in series), bar[1])
    series = _flat(bench.run("cloud", [SAME] * METRICS))
    bench.say("A/A: certified better than +10 %", 1 - _share(series, "open", "regressed"), "1")
    bench.say("A/A: mean rounds to decision", fmean(each.rounds for each in series), "< 80")
    series = _flat(bench.run("cloud", [SLOWER[10]] * METRICS))
    bench.say("a true +10 % certified as fine", _share(series, "fine", "improved"), "<= 0.05")
    series = _flat(bench.run("cloud", [SLOWER[5]] * METRICS, 2000, 0.25, until="regressed"))
    bench.say("+5 %: found within 2,000 rounds", _share(series, "regressed"), ">= 0.85")
    bench.say("+5 %: median rounds to decision", median(each.rounds for each in series), "< 1150")
    series = _flat(bench.run("cloud", [TAIL] * METRICS, 2000, 0.25, until="regressed"))
    bench.say("5 % of requests x3: found within 2,000 rounds", _share(series, "regressed"), ">= 0.80")


def costs(bench: Bench) -> None:
    """Requests of a whole suite, and how often its word is right."""
    for name, effects, bar in (
        ("A/A passes", [SAME] * METRICS, "< 3409"),
        ("one endpoint +20 % fails", [SLOWER[20]] + [SAME] * (METRICS - 1), "< 2317"),
        ("all +5 % fail", [SLOWER[5]] * METRICS, "< 2873"),
    ):
        found = bench.run("cloud", effects)
        bench.say(f"requests of a suite: {name}", fmean(requests(one) for one in found), bar)
        fails = fmean(any(each.word == "regressed" for each in one) for one in found)
        bench.say(f"suites that fail: {name}", fails, "0" if "passes" in name else "1")


def beside(bench: Bench) -> None:
    """The rivals, each with 400 rounds (16,000 requests) of the same kind."""
    count = max(2, bench.suites // 4)
    print("\nafter 400 rounds: share of suites with an alarm (A/A, +2 %), and of series found (+5, +10, +20 %)")
    for name, shares in _rivals(bench, count).items():
        bench.figures |= {f"{name}: {what}": round(share, 4) for what, share in shares.items()}
        print(f"{name:44}" + "".join(f" {share:9.3f}" for share in shares.values()), flush=True)


def _rivals(bench: Bench, count: int) -> dict[str, dict[str, float]]:
    rows: dict[str, dict[str, float]] = {name: {} for name in rivals.RULES}
    for what, effect in (("A/A", SAME), ("+2 %", EDGE), *((f"+{p} %", e) for p, e in SLOWER.items())):
        asked = [("cloud", effect, bench.seed * 10_000 + index) for index in range(count)]
        found = list(bench.pool.map(others, *zip(*asked, strict=True)))
        for name, row in rows.items():
            counts = [one[name] for one in found]
            row[what] = fmean(map(bool, counts)) if effect in (SAME, EDGE) else fmean(counts) / METRICS
    return rows


def own_time(bench: Bench) -> None:
    """CPU seconds of the judge for 20 series of 400 rounds, with all looks, none of which decides."""
    policy = Policy(rounds=400, floor={"default": 0}, budget={"default": 0.0201}, margin=0.02)
    dice = random.Random(5)
    data = [sides("cloud", 400, dice, Effect(ratio=math.sqrt(1.02 * 1.0201))) for _ in range(METRICS)]
    began = time.process_time()
    looked = sum(len(sequential.looks(400)) for before, after in data if decide(before, after, policy).rounds == 400)
    bench.say("the judge's CPU seconds for 20 series x 400 rounds, all looks", time.process_time() - began, "< 1")
    bench.figures["looks"] = looked


def _flat(suites: Iterable[list[Decided]]) -> list[Decided]:
    return [each for one in suites for each in one]


def _share(series: Sequence[Decided], *words: str) -> float:
    return fmean(each.word in words for each in series)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suites", type=int, default=60, help="suites for each figure (60)")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rivals.check()
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool:
        bench = Bench(pool, arguments.suites, arguments.seed)
        for part in (own_time, power, costs, false_alarms, beside):
            part(bench)
    print(json.dumps({"figures": bench.figures}))


if __name__ == "__main__":
    main()
