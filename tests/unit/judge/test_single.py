"""A number that is had once a run, and the three rules that it can have."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.judge.policy import Policy, Single
from bot.model import Finding, Past, Series
from tests.unit.judge.cases import expected, finding, policy, stored, verdict
from tests.unit.judge.pasts import entry, later, runs
from tests.unit.samples import observation

NAME = "image/size"
EVEN = [100.0, 110.0, 95.0, 105.0, 90.0, 102.0]


def one(value: float | None, unit: str = "B", better: str = "lower") -> Series:
    """One number."""
    fields = {"id": "size", "unit": unit, "better": better, "samples": ((0, value, 0, value is not None),)}
    return Series.model_validate(fields)


def judged(
    now: float | None,
    then: float | None,
    rule: dict[str, object] | None = None,
    history: tuple[Past, ...] = (),
    unit: str = "B",
    better: str = "lower",
) -> Finding:
    """The finding on one number by a rule."""
    new = [observation("image", series=(one(now, unit, better),))]
    old = [observation("image", series=(one(then, unit, better),))]
    by = Policy.model_validate({"probes": expected("image"), "single": {NAME: rule} if rule else {}})
    return finding(verdict(*(later(new, old, history) if history else stored(new, old)), by), NAME)


@pytest.mark.parametrize(
    ("rule", "now", "status", "severity"),
    [
        (None, 149.0, "maintained", "info"),
        (None, 151.0, "changed", "minor"),
        ({"tolerance": "10%"}, 111.0, "changed", "minor"),
        ({"budget": "10%"}, 109.0, "maintained", "info"),
        ({"budget": "10%"}, 111.0, "regressed", "major"),
        ({"exact": True}, 100.0, "maintained", "info"),
        ({"exact": True}, 100.0000001, "regressed", "major"),
        ({"exact": True}, 99.0, "improved", "major"),
    ],
)
def test_each_rule_says_its_own(rule: dict[str, object] | None, now: float, status: str, severity: str) -> None:
    found = judged(now, 100.0, rule)
    assert (found.status, found.severity) == (status, severity)


def test_where_more_is_better_less_is_worse() -> None:
    assert judged(80.0, 100.0, {"budget": "10%"}, better="higher").status == "regressed"
    assert judged(130.0, 100.0, {"budget": "10%"}, better="higher").status == "maintained"
    assert judged(99.0, 100.0, {"exact": True}, better="higher").status == "regressed"
    assert judged(101.0, 100.0, {"exact": True}, better="higher").status == "improved"


@pytest.mark.parametrize(
    ("rule", "status"), [(None, "changed"), ({"budget": "10%"}, "regressed"), ({"exact": True}, "regressed")]
)
def test_what_grew_from_nothing_has_grown_beyond_every_budget(rule: dict[str, object] | None, status: str) -> None:
    assert judged(5.0, 0.0, rule).status == status
    assert judged(0.0, 0.0, rule).status == "maintained"


def test_a_number_that_was_not_had_is_not_measured_by_any_rule() -> None:
    for rule in (None, {"budget": "10%"}, {"exact": True}):
        assert judged(None, 100.0, rule).status == "not measured"
        assert judged(100.0, None, rule).status == "not measured"


def test_the_nearest_key_counts_and_the_old_one_is_the_default() -> None:
    by = Policy.model_validate(
        {"tolerance": "20%", "single": {"size": {"budget": "5%"}, "image/size": {"exact": True}}}
    )
    assert by.single_for("image", "size").exact
    assert by.single_for("layers", "size").budget == pytest.approx(0.05)
    assert by.single_for("deploy", "start-up").tolerance == pytest.approx(0.2)
    by = Policy.model_validate({"single": {"default": {"tolerance": "70%"}}})
    assert by.single_for("deploy", "start-up").tolerance == pytest.approx(0.7)
    assert Policy().single_for("deploy", "start-up").tolerance == pytest.approx(0.5)
    with pytest.raises(ValidationError, match="is about no probe"):
        policy("health", single={"other/size": {"exact": True}})


@pytest.mark.parametrize("rule", [{}, {"exact": False}, {"exact": True, "budget": 0.1}, {"more": 1}])
def test_a_number_has_just_one_rule(rule: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Single.model_validate(rule)


def test_a_time_that_varies_by_itself_is_held_against_how_much_it_does() -> None:
    history = runs(EVEN, NAME, samples=1)
    quiet = runs([100.0, 101.0, 99.0, 100.5, 99.5, 100.0], NAME, samples=1)
    budget = {"budget": "10%"}
    open_, shown, held = (
        judged(112.0, 100.0, budget, history, unit="ms"),
        judged(112.0, 100.0, budget, quiet, unit="ms"),
        judged(105.0, 100.0, budget, history, unit="ms"),
    )
    assert (open_.status, shown.status, held.status) == ("not measured", "regressed", "maintained")
    assert open_.remedy
    assert open_.comparison is not None
    assert (open_.comparison.runs, open_.comparison.pairs) == (6, 0)
    assert open_.comparison.low is not None
    assert open_.comparison.low < 1 < open_.comparison.high  # type: ignore[operator]
    assert judged(112.0, 100.0, budget, history[:4], unit="ms").status == "regressed"


def test_a_size_has_no_noise_and_no_interval() -> None:
    found = judged(112.0, 100.0, {"budget": "10%"}, runs(EVEN, NAME, samples=1, unit="B"))
    assert found.status == "regressed"
    assert found.comparison is not None
    assert found.comparison.low is None


@settings(deadline=None)
@given(st.floats(1, 1e6), st.floats(1, 1e6), st.sampled_from(["5%", "50%"]), st.booleans())
def test_a_budget_is_never_greener_than_a_tolerance_nor_exact_than_a_budget(
    now: float, then: float, share: str, known: bool
) -> None:
    history = tuple(
        each.model_copy(update={"series": {NAME: entry(value, samples=1)}})
        for each, value in zip(runs(EVEN, NAME), EVEN, strict=True)
    )
    past = history if known else ()
    loose, strict = (judged(now, then, {rule: share}, past, unit="ms").status for rule in ("tolerance", "budget"))
    exact = judged(now, then, {"exact": True}, past, unit="ms").status
    assert (loose == "maintained") == (strict == "maintained")
    assert strict in ("maintained", "regressed", "not measured")
    assert exact == ("maintained" if now == then else "regressed" if now > then else "improved")
