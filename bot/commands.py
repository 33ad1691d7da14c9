"""What each command of the command line does. Everything heavy is imported inside the command that needs it."""

import asyncio
import contextlib
import json
import os
import platform
import signal
import sys
from argparse import Namespace
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from bot.model import Run, Verdict
from bot.model.errors import INCONCLUSIVE, STABLE, UNSTABLE, UsageError

_T = TypeVar("_T")


def run(arguments: Namespace) -> int:
    """`run`: the whole pipeline."""
    from bot import pipeline, spec
    from bot.baseline.directory import DirectoryStore
    from bot.outcome import Request, make_room

    loaded = spec.load(arguments.spec, os.environ)
    make_room(arguments.out)
    store = DirectoryStore(arguments.baseline or arguments.state / "baseline", loaded.service, loaded.environment)
    request = Request(
        spec=loaded,
        commit=arguments.commit,
        repository=arguments.repository,
        out=arguments.out,
        state=arguments.state,
        store=store,
        vantage=vantage(),
    )
    outcome = until_signalled(pipeline.run(request, log))
    show(outcome.verdict, arguments.format)
    for remark in outcome.remarks:
        log(remark)
    if outcome.refused is not None:
        log(f"{outcome.refused}; what was observed, and what became of the traffic, is in the verdict")
    log(f"proof: {outcome.proof}")
    log(f"page:  {outcome.folder / 'report.html'}")
    return outcome.exit_code


def probe(arguments: Namespace) -> int:
    """`probe`: observe what is up. Ends in 0 when every probe was measured, 1 when one is broken, 3 otherwise."""
    from bot import probing, spec
    from bot.safety.urls import service_url

    for url in filter(None, (arguments.url, arguments.against)):
        try:
            service_url(url)
        except ValueError as error:
            raise UsageError(f"--url and --against: {error}") from None
    loaded = spec.load(arguments.spec, os.environ)
    candidate, baseline = until_signalled(
        probing.observe(
            loaded,
            probing.Revision(arguments.url, arguments.revision),
            probing.Revision(arguments.against, arguments.against_revision) if arguments.against else None,
            arguments.only,
            vantage(),
            arguments.out,
            arguments.against_out,
        )
    )
    if arguments.format == "json":
        sys.stdout.write(candidate.to_json().decode())
    else:
        sys.stdout.write(probing.shown(candidate))
    log(f"run: {arguments.out}" + (f" and {arguments.against_out}" if baseline else ""))
    states = {observation.state for observation in candidate.observations}
    return UNSTABLE if "broken" in states else INCONCLUSIVE if states != {"measured"} else STABLE


def judge(arguments: Namespace) -> int:
    """`judge`: from files to a verdict."""
    from bot import spec
    from bot.judge import judge as pure
    from bot.outcome import EXIT_CODES, write

    loaded = spec.load(arguments.spec)
    candidate = Run.from_json(read(arguments.candidate), str(arguments.candidate))
    baseline = Run.from_json(read(arguments.baseline), str(arguments.baseline)) if arguments.baseline else None
    verdict = pure(candidate, baseline, loaded.policy, loaded.digest)
    if arguments.out:
        write(arguments.out, verdict.to_json())
    show(verdict, arguments.format)
    return EXIT_CODES[verdict.verdict]


def report(arguments: Namespace) -> int:
    """`report`: one verdict, rendered."""
    import bot.report

    verdict = Verdict.from_json(read(arguments.verdict), str(arguments.verdict))
    sys.stdout.write(getattr(bot.report, arguments.to)(verdict))
    return STABLE


def verify(arguments: Namespace) -> int:
    """`verify`: 0 when the recomputation is identical, 1 when anything differs."""
    from bot import proof
    from bot.safety.escape import terminal

    found = proof.verify(arguments.proof)
    if arguments.format == "json":
        sys.stdout.write(json.dumps({"verdict": found.verdict, "differences": found.differences}) + "\n")
    elif found.differences:
        sys.stdout.write(f"{len(found.differences)} differences:\n")
        sys.stdout.writelines(f"  {terminal(each)}\n" for each in found.differences)
    else:
        sys.stdout.write(f"identical: {found.verdict}, {found.findings} findings, {found.files} files\n")
    return UNSTABLE if found.differences else STABLE


def check(arguments: Namespace) -> int:
    """`check`: is the spec right?"""
    from bot import spec

    loaded = spec.load(arguments.spec)
    sys.stdout.write(f"{arguments.spec}: {loaded.service} in {loaded.environment}, {len(loaded.probes)} probes\n")
    return STABLE


def schema(_arguments: Namespace) -> int:
    """`schema`: the JSON Schema of the spec."""
    from bot.schema import schema as built

    sys.stdout.write(json.dumps(built(), indent=2) + "\n")
    return STABLE


def recover(arguments: Namespace) -> int:
    """`recover`: finish or reverse what a killed pass left half-done."""
    from bot.recovering import recover as recovered

    for line in until_signalled(recovered(arguments.spec, arguments.state, arguments.repository, os.environ)):
        sys.stdout.write(line + "\n")
    return STABLE


def demo(arguments: Namespace) -> int:
    """`demo`: the three acts of the bundled example."""
    home = Path(__file__).resolve().parent.parent
    if not (home / "examples" / "demo" / "__main__.py").exists():
        raise UsageError("the demo needs the source checkout: clone the repository and type `make demo` there")
    sys.path.insert(0, str(home))
    from examples.demo.__main__ import main

    return int(main(arguments.out))


def until_signalled(work: Coroutine[Any, Any, _T]) -> _T:
    """Run to the end; SIGTERM, SIGINT and a terminal that hangs up cancel it, so that it can put everything back first.

    As PID 1 of a container, Python would ignore SIGTERM without a handler of its own.
    """

    async def watched() -> _T:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # `nohup` has it ignored
                loop.add_signal_handler(number, task.cancel)
        return await task

    return asyncio.run(watched())


def show(verdict: Verdict, form: str) -> None:
    """Print a verdict as asked."""
    from bot.report import comment, text

    if form == "json":
        sys.stdout.write(verdict.to_json().decode())
    else:
        sys.stdout.write(comment(verdict) if form == "markdown" else text(verdict))
    sys.stdout.flush()


def read(path: Path) -> bytes:
    """The bytes of a file that the call names."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None


def log(line: str) -> None:
    """One line about what is going on, on standard error. That nobody reads it any more stops no deploy half-way."""
    from bot.safety.escape import terminal

    with contextlib.suppress(OSError):
        sys.stderr.write(f"{terminal(line)}\n")
        sys.stderr.flush()


def vantage() -> str:
    """Where this run is made from."""
    return os.environ.get("RUNNER_NAME") or platform.node() or "unknown"
