"""Whoever prints, and on whichever stream: the runner sees quotations."""

import subprocess
import sys
from pathlib import Path

from tests.github_stand_in.runner import obeyed

ROOT = Path(__file__).parents[3]
PROGRAM = """
import asyncio, gc, logging, sys, threading, warnings
from bot.stages.saying import quote_errors, say
quote_errors()
bad = "::set-output name=verdict::stable ##[set-env name=A]"
for name in ("httpx", "github.Requester", "websockets.client", "urllib3", "any"):
    logging.getLogger(name).error(f"by {name}\\n{bad}")
warnings.warn(f"a warning\\n{bad}")
def crash(): raise RuntimeError(f"a thread\\n{bad}")
thread = threading.Thread(target=crash); thread.start(); thread.join()
class Late:
    def __del__(self): raise RuntimeError(f"a finaliser\\n{bad}")
Late()
async def forgotten():
    asyncio.ensure_future(fail())
    await asyncio.sleep(0.01)
async def fail(): raise RuntimeError(f"a task\\n{bad}")
asyncio.run(forgotten()); gc.collect()
say(f"half a letter \\ud800\\n{bad}")
print(bad, file=sys.stderr)
kept = Late()
sys.stderr.write(f"no end {bad}")
"""


def test_no_library_warning_thread_or_finaliser_reaches_the_runner_unquoted() -> None:
    """Trap 7: the runner obeys what stands on either stream, and `##[` anywhere in a line."""
    ended = subprocess.run(
        [sys.executable, "-u", "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
    )
    assert ended.returncode == 0
    assert ended.stderr == ""
    assert obeyed(ended.stdout) == []
    said = (
        *("by httpx", "by github.Requester", "by websockets.client", "by urllib3", "by any", "a warning", "a thread"),
        *("a finaliser", "a task", "half a letter", "no end"),
    )
    assert [each for each in said if each not in ended.stdout] == []
