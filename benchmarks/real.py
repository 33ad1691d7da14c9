"""How often the judge is right on real latencies: two processes on this machine, measured and judged as in earnest.

    python -m benchmarks.real [--suites 40]

Each suite has 20 endpoints that are the same on both sides, and two that are slower on one: by 10 and by 20 %. These
two cannot block, so that they do not end the suite. Both processes are new in each suite. About 15 s a suite.
"""

import argparse
import asyncio
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean, median
from typing import NamedTuple

from benchmarks.figures import Figures
from bot.judge import judge, watch
from bot.judge.policy import Expected, Policy
from bot.model import Finding, Subject
from bot.probes.http import HttpProbe
from bot.probes.session import Plan, Session
from bot.safety.redact import Redactor

ENDPOINTS = 20
SLOWER = {"slower10": 1.10, "slower20": 1.20}
ROUNDS = 200
SERVICE = Path(__file__).with_name("real_service.py")


class Ended(NamedTuple):
    """One suite: its findings by probe, and how many rounds were measured of each."""

    latency: dict[str, Finding]
    alarms: int
    requests: int
    seconds: float


@contextlib.contextmanager
def revision(seed: int, slower: dict[str, float]) -> Iterator[str]:
    """One process of the service, and its URL."""
    words = [sys.executable, str(SERVICE), str(seed), *(f"{name}={factor}" for name, factor in slower.items())]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


async def suite(seed: int, folder: Path) -> Ended:
    """One suite, from two new processes to a verdict."""
    names = [*(f"e{number}" for number in range(ENDPOINTS)), *SLOWER]
    probes = {name: HttpProbe.model_validate({"http": f"GET /{name}"}) for name in names}
    expected = {
        name: Expected(kind="http", title=name, severity="minor" if name in SLOWER else "major", timed=True)
        for name in names
    }
    policy = Policy.model_validate({"probes": expected, "rounds": ROUNDS, "floor": {"default": 0}})
    plan = Plan(probes, {}, None, Redactor(()), "sha256:0", "here", seed, time=300.0, rounds=ROUNDS)
    with revision(2 * seed, SLOWER) as new, revision(2 * seed + 1, {}) as old:
        sides = [
            Subject(service="real", environment="here", revision=name, url=url, session="one")
            for name, url in (("new", new), ("old", old))
        ]
        session = Session(plan, sides[0], sides[1], folder)
        began = asyncio.get_running_loop().time()
        await session.correctness()
        await session.measure(watch(policy))
        seconds = asyncio.get_running_loop().time() - began
    candidate, baseline = session.runs()
    verdict = judge(candidate, baseline, policy, "sha256:0")
    latency = {each.probe: each for each in verdict.findings if each.id == f"{each.probe}/latency"}
    bad = [each for each in verdict.findings if each.status in ("regressed", "broken") and each.probe not in SLOWER]
    for each in bad:
        print(f"suite {seed}: {each.id} {each.status}: {each.comparison}", flush=True)
    requests = sum(
        len(one.samples) for run in (candidate, baseline) if run for o in run.observations for one in o.series
    )
    return Ended(latency, len(bad), requests, seconds)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suites", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    ended: list[Ended] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(arguments.suites):
            ended.append(asyncio.run(suite(arguments.seed * 1000 + number, Path(folder) / str(number))))
            print(f"suite {number + 1}: {ended[-1].alarms} alarms, {ended[-1].requests} requests", flush=True)
    figures = Figures()
    figures.say("suites of 20 equal endpoints with an alarm", fmean(each.alarms > 0 for each in ended), "<= 0.05")
    for name, bar in (("slower10", ">= 0.6"), ("slower20", ">= 0.97")):
        found = [each.latency[name] for each in ended]
        share = fmean(each.status == "regressed" for each in found)
        figures.say(f"+{name[-2:]} % found within {ROUNDS} rounds", share, bar)
        pairs = [each.comparison.pairs for each in found if each.status == "regressed" and each.comparison]
        figures.say(f"+{name[-2:]} %: median rounds", median(pairs or [ROUNDS]))
    same = [each for one in ended for name, each in one.latency.items() if name not in SLOWER]
    fine = fmean(each.status in ("maintained", "improved") for each in same)
    figures.say("equal endpoints shown to be better than +10 %", fine)
    figures.say("seconds of a suite", fmean(each.seconds for each in ended))
    figures.say("requests of a suite", fmean(each.requests for each in ended))
    figures.end()


if __name__ == "__main__":
    main()
