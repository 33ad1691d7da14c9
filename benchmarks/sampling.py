"""How true the reported latencies are: beside the server's own clock, beside other clients, and while a service stalls.

    python -m benchmarks.sampling [--seconds 2.5] [--runs 2] [--stalling 18]

The first part asks a server that answers after 20.0 ms, 100 times a second. Client and server share one core, and the
true time, which the server measures, is taken off. Each client has several short runs, taken in turn, and its best one
counts: what the machine did to the others meanwhile is no property of a client. The second part stalls the server for
300 ms every 3 s; the truth is what each request that was due would have waited.
"""

import argparse
import contextlib
import functools
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.figures import Figures
from benchmarks.late_clients import WARM_UP

HERE = Path(__file__).parent
BENCH = HERE.parent / ".venv" / "bench"
RATE = 100
DELAY = 0.020
STALL, EVERY = 0.3, 3.0
TALKING = ("ours-websocket", "websockets")
"""Those that talk over WebSockets, one message after the other; the server's own library is part of their excess."""
K6 = """
import exec from "k6/execution";
import http from "k6/http";
import { Trend } from "k6/metrics";
const excess = new Trend("excess", true);
export const options = {
  summaryTrendStats: ["p(50)", "p(95)", "p(99)"],
  scenarios: {run: {
    executor: "constant-arrival-rate", rate: RATE, timeUnit: "1s", duration: "SECONDSs", preAllocatedVUs: 20,
  }},
};
export default function () {
  const answer = http.get("http://127.0.0.1:PORT/");
  const above = answer.timings.duration - parseFloat(answer.headers["X-True-Ms"]);
  if (exec.scenario.iterationInTest >= WARM_UP) excess.add(above);
}
export function handleSummary(data) { return {stdout: JSON.stringify(data.metrics.excess.values) + "\\n"}; }
"""


class Excess(NamedTuple):
    """What a client reported above the truth, in milliseconds."""

    p50: float
    p95: float
    p99: float


class Run(NamedTuple):
    """One run: the excess, its p99 over the samples that the client vouches for, and the share of the others."""

    excess: Excess
    vouched_p99: float = math.nan
    not_vouched: float = 0.0


class Server:
    """The server, while it runs; `stalls` are its stalls, once it has ended."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self.process = process
        self.port = port
        self.stalls: list[tuple[float, float]] = []


@contextlib.contextmanager
def serving(core: int, *arguments: str) -> Iterator[Server]:
    """The server on one core."""
    command = [sys.executable, str(HERE / "late_server.py"), str(core), *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        server = Server(process, int(process.stdout.readline()))
        try:
            yield server
        finally:
            process.stdin.close()
            for line in process.stdout:
                began, ended = map(float, line.split())
                server.stalls.append((began, ended))


def started(python: Path | str, core: int, name: str, port: int, seconds: float) -> "subprocess.Popen[str]":
    """One of `late_clients.py`."""
    command = [str(python), str(HERE / "late_clients.py"), str(core), name, str(port), str(RATE), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def rows(process: "subprocess.Popen[str]") -> list[tuple[float, float, float, bool]]:
    """What it printed, once it is done."""
    out, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"a client failed: {process.args!r}")
    return [tuple(row) for row in json.loads(out.splitlines()[-1])]


def excess(name: str, core: int, seconds: float) -> Run:
    """One run of one client."""
    kind = ["websocket"] if name in TALKING else []
    with serving(core, str(DELAY), *kind) as server:
        if name == "k6":
            return Run(with_k6(core, server.port, seconds))
        python = BENCH / "bin" / "python" if name == "aiohttp" else sys.executable
        found = rows(started(python, core, name, server.port, seconds))
    above = [reported - true for _, reported, true, _ in found]
    sure = [reported - true for _, reported, true, vouched in found if vouched]
    return Run(
        Excess(*(quantile(above, share) for share in (0.5, 0.95, 0.99))),
        quantile(sure, 0.99),
        1 - len(sure) / len(found),
    )


def with_k6(core: int, port: int, seconds: float) -> Excess:
    """k6 says what it found by itself."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "run.js"
        holes = {"SECONDS": math.ceil(seconds + WARM_UP), "PORT": port, "RATE": RATE, "WARM_UP": int(RATE * WARM_UP)}
        script.write_text(functools.reduce(lambda text, hole: text.replace(hole, str(holes[hole])), holes, K6))
        command = [str(BENCH / "bin" / "k6"), "run", "--quiet", "--no-usage-report", str(script)]
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
    values = json.loads(done.stdout.strip().splitlines()[-1])
    return Excess(values["p(50)"], values["p(95)"], values["p(99)"])


def rival(package: str, proof: str) -> str | None:
    """Install a rival where nothing else sees it; why that cannot be, in words."""
    if (BENCH / proof).exists():
        return None
    try:
        if not (BENCH / "bin" / "python").exists():
            subprocess.run([sys.executable, "-m", "venv", str(BENCH)], check=True, capture_output=True)
        pip = [str(BENCH / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package]
        subprocess.run(pip, check=True, capture_output=True, timeout=120)
    except (subprocess.SubprocessError, OSError) as error:
        detail = (
            error.stderr.decode(errors="replace").strip() if isinstance(error, subprocess.CalledProcessError) else ""
        )
        return (detail or str(error)).splitlines()[-1]
    return None if (BENCH / proof).exists() else f"{package} has no {proof} on this machine"


def beside_the_truth(figures: Figures, core: int, runs: int, seconds: float) -> None:
    """The excess over a true 20.0 ms."""
    names = ["ours-open", "ours-closed", *TALKING, "httpx"]
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for package, proof in (("aiohttp", f"lib/{version}/site-packages/aiohttp"), ("k6", "bin/k6")):
        why = rival(package, proof)
        if why is None:
            names.append(package)
        else:
            print(f"skipped {package}: {why}")
    found: dict[str, list[Run]] = {name: [] for name in names}
    for _ in range(runs):
        for name in names:
            found[name].append(excess(name, core, seconds))
    print(f"\nexcess over a true 20.0 ms at {RATE} requests a second on one core, best of {runs} runs of {seconds:g} s")
    for name, each in found.items():
        best = min(each, key=lambda run: run.excess.p99)
        bars = ("<= 0.7", "", "<= 3") if name == "ours-open" else ("", "", "")
        for what, value, bar in zip(("p50", "p95", "p99"), best.excess, bars, strict=True):
            figures.say(f"{name}: excess {what}, ms", value, bar)
        if name.startswith("ours"):
            figures.say(f"{name}: excess p99 of the samples that it vouches for, ms", best.vouched_p99)
            figures.say(f"{name}: share of the others, over all runs", sum(run.not_vouched for run in each) / len(each))


def while_it_stalls(figures: Figures, core: int, seconds: float) -> None:
    """The tail of a service that stalls, in an open and in a closed loop, each against a server of its own."""
    stalling = ("0", str(STALL), str(EVERY))
    with serving(core, *stalling) as one, serving(core, *stalling) as other:
        opened = started(sys.executable, core, "ours-open", one.port, seconds)
        closed = started(sys.executable, core, "ours-closed", other.port, seconds)
        open_rows, closed_rows = rows(opened), rows(closed)
    truth = [waited(planned, one.stalls) for planned, *_ in open_rows]
    print(f"\np99 under stalls of {STALL * 1000:.0f} ms every {EVERY:g} s, {len(open_rows):,} requests")
    true, seen = quantile(truth, 0.99), quantile([row[1] for row in open_rows], 0.99)
    figures.say("true p99, ms", true)
    figures.say("open loop: p99, ms", seen)
    figures.say("open loop: p99 off the truth", abs(seen / true - 1), "<= 0.05")
    figures.say("closed loop: p99, ms", quantile([row[1] for row in closed_rows], 0.99))


def waited(planned: float, stalls: Sequence[tuple[float, float]]) -> float:
    """How long a request that was due at a time had to wait, in milliseconds."""
    return max((ended - planned for began, ended in stalls if began <= planned < ended), default=0.0) * 1000


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that so many are not above."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.5, help="of one run of one client (2.5)")
    parser.add_argument("--runs", type=int, default=2, help="of each client (2)")
    parser.add_argument("--stalling", type=float, default=18.0, help="seconds under stalls (18)")
    arguments = parser.parse_args()
    figures, core = Figures(), max(os.sched_getaffinity(0))
    beside_the_truth(figures, core, arguments.runs, arguments.seconds)
    while_it_stalls(figures, core, arguments.stalling)
    figures.end()


if __name__ == "__main__":
    main()
