"""What a verdict was compared with, in words: also who pinned it."""

from bot.baseline.store import pinned_copy, with_provenance
from bot.judge import judge
from bot.model.mark import Mark
from bot.report import comment, text
from tests.unit.judge.cases import policy
from tests.unit.samples import run


def test_a_pinned_baseline_is_said_to_be_so_and_by_whom_and_the_name_commands_nothing() -> None:
    mark = Mark(by="@ana <b>", reason="x", at="2026-02-02T03:04:05.000Z", source="x")
    baseline = pinned_copy(with_provenance(run(), "last-good", "stable"), mark)
    verdict = judge(run(), baseline, policy(), "sha256:0")
    assert "(kept as pinned by @ana <b> since 2026-02-02, judged stable on 2026-01-02)" in text(verdict)
    assert "@ana" not in comment(verdict)
    assert "<b>" not in comment(verdict)
