"""The command line: `stability-proof COMMAND`. Nothing heavy is imported before a command is known."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bot import __version__

REPORTS = ("comment", "summary", "html", "junit", "sarif", "text")
EXIT_CODES = """exit codes:
  0  stable, or first run (a baseline was recorded)
  1  unstable
  2  the spec or the call is wrong
  3  inconclusive: something was not measured
  4  the bot could not do its work; what was observed is saved
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; an error is one message on standard error."""
    arguments = _parser().parse_args(argv)
    # only now: `--help` has no need of the values' validation library
    from bot.model.errors import NO_WORK, StabilityProofError

    try:
        from bot import commands

        return int(getattr(commands, arguments.command)(arguments))
    except StabilityProofError as error:
        from bot.safety.escape import terminal

        sys.stderr.write(f"stability-proof: {terminal(str(error))}\n")
        return error.exit_code
    except BrokenPipeError:
        sys.stderr.close()
        return NO_WORK
    except KeyboardInterrupt:
        sys.stderr.write("stability-proof: stopped\n")
        return NO_WORK
    except Exception as error:  # noqa: BLE001 - Python's own exit code for it is 1, which says `unstable`
        from bot.safety.failures import in_words, trace

        sys.stderr.write(f"{trace(error)}stability-proof: {in_words(error)}\n")
        return NO_WORK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stability-proof",
        description="After a deploy, prove from measured evidence what the new revision kept and what it did not.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"stability-proof {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    run = _command(commands, "run", "deploy, probe, judge, and roll back what is unstable")
    _spec(run)
    run.add_argument("--commit", default="HEAD", help="what to deploy, as git names it (HEAD)")
    run.add_argument("--repository", type=Path, default=Path(), help="the git checkout it is in (.)")
    run.add_argument("--baseline", type=Path, help="the folder that keeps baselines (STATE/baseline)")
    run.add_argument("--out", type=Path, default=Path("out"), help="the folder for runs, reports and proof (out)")
    _state(run)

    probe = _command(commands, "probe", "observe one revision that is up, or two side by side")
    _spec(probe)
    probe.add_argument("--url", required=True, help="where the revision answers")
    probe.add_argument("--revision", default="candidate", help="what it calls itself (see `identity:`)")
    probe.add_argument("--against", help="where the revision to compare with answers")
    probe.add_argument("--against-revision", default="baseline", help="what that one calls itself")
    probe.add_argument("--out", type=Path, default=Path("run.json"), help="the run (run.json), evidence beside it")
    probe.add_argument("--against-out", type=Path, default=Path("baseline.json"), help="the second run (baseline.json)")
    probe.add_argument("--only", action="append", metavar="PROBE", help="only this probe; may be given again")

    judge = _command(commands, "judge", "judge a run, with a baseline or without; pure")
    judge.add_argument("candidate", type=Path, metavar="CANDIDATE.json")
    judge.add_argument("--baseline", type=Path, metavar="BASELINE.json")
    _spec(judge)
    judge.add_argument("--out", type=Path, metavar="VERDICT.json", help="write the verdict here as well")

    report = _command(commands, "report", "render a verdict; pure")
    report.add_argument("verdict", type=Path, metavar="VERDICT.json")
    report.add_argument("--to", choices=REPORTS, default="text")

    verify = _command(commands, "verify", "recompute a proof, and say what differs")
    verify.add_argument("proof", type=Path, metavar="PROOF.zip")

    _spec(_command(commands, "check", "say whether a spec is right; nothing is deployed or probed"))
    _command(commands, "schema", "print the JSON Schema of the spec")
    recover = _command(commands, "recover", "finish or reverse what an earlier, killed pass left half-done")
    _spec(recover)
    recover.add_argument("--repository", type=Path, default=Path(), help="the git checkout it is in (.)")
    _state(recover)
    demo = _command(commands, "demo", "the bundled example from end to end")
    demo.add_argument("--out", type=Path, help="the folder for what it leaves (a new temporary one)")
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, does: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name, help=does, description=does, epilog=EXIT_CODES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.add_argument("--format", choices=("text", "json", "markdown"), default="text", help="how to print (text)")
    return command


def _spec(command: argparse.ArgumentParser) -> None:
    command.add_argument("-f", "--spec", type=Path, default=Path("stability.yml"), help="the spec (stability.yml)")


def _state(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--state",
        type=Path,
        default=Path(".stability-proof"),
        help="what is remembered between passes (.stability-proof)",
    )
