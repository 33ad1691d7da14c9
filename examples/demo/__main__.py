"""The demo: a real service, deployed three times by the action's own entry point, against a stand-in for GitHub.

Act 1 measures what is deployed today, by hand, for issue #128. Act 2 is the fix, merged as pull request #129. Act 3 is a
later pull request, #131, that looks harmless.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from examples.chat import history
from examples.demo.acts import ACTS, ISSUE, Act, Stage

HOME = Path(__file__).resolve().parents[2]
SETTINGS = {
    "CHAT_PASSWORD": "demo-password-of-ana",  # the seeded user of a service on loopback
    "CHAT_SECRET": "demo-secret-of-every-revision",  # so that a user stays signed in while they change
}


def main(out: Path | None = None) -> int:
    """Play the three acts; 0 when each ended as the story says."""
    folder = (out or Path(tempfile.mkdtemp(prefix="stability-proof-demo-"))).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    print(f"Building the service's git history in {folder / 'chat'} …")
    built = history.build(folder / "chat")
    with Stage(folder, built) as stage:
        print(f"GitHub is a stand-in at {stage.github.url}: the links in its comments end with the demo.")
        ended = [_play(stage, number, act) for number, act in enumerate(ACTS, start=1)]
    print(f"\n{'=' * 100}\nThree acts in {time.monotonic() - began:.0f} s. Everything is in {folder}\n{'=' * 100}")
    for number, (_, line) in enumerate(ended, start=1):
        print(f"Act {number}: {line}")
    return 0 if all(as_told for as_told, _ in ended) else 1


def _play(stage: Stage, number: int, act: Act) -> tuple[bool, str]:
    """Whether it ended as the story says, and how it did, in a line."""
    print(f"\n{'=' * 100}\nAct {number}: {act.title}\n{'=' * 100}")
    before = stage.issue()
    out = stage.folder / f"act-{number}"
    ended = subprocess.run(
        [sys.executable, "-m", "bot.action"],
        cwd=stage.repository,
        env={
            **_quiet_environment(),
            "PYTHONPATH": str(HOME),
            **stage.environment(act, out),
            **SETTINGS,
        },
        stdout=subprocess.PIPE,
        stderr=None,
        text=True,
        check=False,
        timeout=120,
    )
    verdict = stage.outputs().get("verdict", "none")
    for body, places in stage.new_comments().items():
        where = " and on ".join(places)
        print(f"\n----- comment on {where} -----\n{re.sub(r'<!--.*?-->', '', body, flags=re.DOTALL).strip()}\n-----")
    print(f"\nVerdict:    {verdict} (exit code {ended.returncode}; {act.expected} was expected)")
    print(f"Issue #{ISSUE}: {before} before, {stage.issue()} after")
    print(f"Page:       {out / 'report.html'}\nProof:      {out / 'proof.zip'}")
    if verdict != act.expected:
        print(ended.stdout)
    return verdict == act.expected, f"{verdict}; issue #{ISSUE} {stage.issue()}{_users(out)}"


def _users(out: Path) -> str:
    """What the report says of a rollback, and of what users got meanwhile, where there was any."""
    report = out / "report.txt"
    lines = report.read_text().splitlines() if report.exists() else []
    return "".join(f"; {line[:1].lower()}{line[1:]}" for line in lines if line.startswith(("Rolled back", "While")))


def _quiet_environment() -> dict[str, str]:
    """This machine's environment without what a real runner may have put there."""
    return {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("GITHUB_", "INPUT_", "ACTIONS_", "RUNNER_"))
    }


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else None))
