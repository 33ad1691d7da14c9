"""What a stranger sees who types `make demo`."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bot import proof
from tests.end_to_end.shop import HOME

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the process target needs Linux"),
    pytest.mark.timeout(400),
    pytest.mark.alone,
]


def test_three_verdicts_the_comments_the_issue_and_the_proofs(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "bot", "demo", "--out", str(tmp_path)],
        cwd=HOME,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    told = re.findall(r"^Act \d: (.*)$", ended.stdout, re.MULTILINE)[-3:]
    assert told[:2] == ["unstable; issue #128 open", "stable; issue #128 closed (completed)"]
    assert told[2].startswith("unstable; issue #128 closed (completed); rolled back to chat-")
    assert re.search(r"hold again, restored in [\d.]+ m?s$", told[2])
    places = re.findall(r"^----- comment on (.*) -----$", ended.stdout, re.MULTILINE)
    assert places == ["#128", "#128 and on #129", "#131"]
    third = ended.stdout[ended.stdout.index("comment on #131") :]
    for story in (
        r"\| ❌ \| sign-in: latency \| .* \| [×+][\d.]+( %)? \| [×+][\d.]+( %)? to [×+][\d.]+",
        r"\\\$\.created\\_at \| `string` \| `gone`",
        r"after tool_executing came agent_completed, expected tool_completed",
    ):
        assert re.search(story, third), story
    for act in (1, 2, 3):
        assert f"{tmp_path}/act-{act}/report.html" in ended.stdout
        assert proof.verify(tmp_path / f"act-{act}" / "proof.zip").differences == ()
