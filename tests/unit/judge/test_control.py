"""What the runner measures of itself is no word on the service."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.model import Run
from tests.unit.judge.cases import beside, latencies, policy, timed, verdict
from tests.unit.judge.pasts import runner


@settings(max_examples=10, deadline=None)
@given(st.floats(0.1, 100), st.floats(0.1, 100))
def test_a_control_makes_no_row_and_changes_no_word(now: float, then: float) -> None:
    new, old = beside([timed(latencies(1, 60))], [timed(latencies(2, 60))])
    by = policy(timed=True)
    bare = verdict(new, old, by)

    def controlled(run: Run, value: float) -> Run:
        return run.model_copy(update={"observations": (*run.observations, runner(value))})

    for found in (
        verdict(controlled(new, now), controlled(old, then), by),
        verdict(new, controlled(old, then), by),
        verdict(controlled(new, now), old, by),
    ):
        assert [each.to_json() for each in found.findings] == [each.to_json() for each in bare.findings]
        assert (found.verdict, found.rules) == (bare.verdict, bare.rules)


def test_a_probe_that_the_spec_asks_for_is_not_skipped_for_calling_itself_a_control() -> None:
    assert verdict(beside([runner(1.0)], [])[0], None, policy("runner-2", "health")).verdict == "inconclusive"
    named = runner(1.0).model_copy(update={"probe": "health", "series": ()})
    assert verdict(beside([named], [])[0], None, policy("health")).verdict == "inconclusive"
