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
    assert told[0] == "unstable; issue #128 open"
    none_lost = r"0 of [\d,]+ requests failed; longest gap 0 ms"
    no_loss = rf"while traffic moved: {none_lost}; 20 of 20 sockets .*; all .* from chat-\w+\."
    assert re.fullmatch(rf"stable; issue #128 closed \(completed\); {no_loss}", told[1])
    # a fourth where the list of threads had some in it when it was asked: then its lost field is seen as well
    back = r"rolled back to chat-\w+: ([34]) of \1 probes that failed hold again, restored in [\d.]+ m?s"
    assert re.fullmatch(rf"unstable; issue #128 open \(reopened\); {back}; {no_loss}", told[2])
    assert "20 of 20 sockets stayed open" in told[2], "in shadow no user ever was on the candidate"
    places = re.findall(r"^----- comment on (.*) -----$", ended.stdout, re.MULTILINE)
    assert places == ["#128", "#128 and on #129", "#128", "#131"]
    assert "**No longer proven:** this was settled by what" in ended.stdout
    third = ended.stdout[ended.stdout.index("comment on #131") :]
    for story in (
        r"\| ❌ \| sign-in: latency \| .* \| [×+][\d.]+( %)? \| [×+][\d.]+( %)? to [×+][\d.]+",
        r"\\\$\.created\\_at \| `string` \| `gone`",
        r"While traffic moved: 0 of [\d,]+ requests failed; longest gap 0 ms; 20 of 20 sockets stayed open; all ",
        r"after tool_executing came agent_completed, expected tool_completed",
    ):
        assert re.search(story, third), story
    for act in (1, 2, 3):
        assert f"{tmp_path}/act-{act}/report.html" in ended.stdout
        assert proof.verify(tmp_path / f"act-{act}" / "proof.zip").differences == ()
