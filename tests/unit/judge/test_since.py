"""What is another since the last verdict: only what both verdicts measured is called fixed or new."""

from hypothesis import given
from hypothesis import strategies as st

from bot.judge import judge
from bot.judge.policy import Expected, Policy
from bot.model import Previous, Run, Since, Told, Verdict, Waiver
from tests.unit.samples import TIME, check, observation, run, subject

RULES = Policy(probes={name: Expected(kind="http", title=name, severity="critical") for name in ("a", "b")})
LAST = Told(verdict="unstable", revision="chat-1", commit="a" * 40, finished=TIME, workflow_run="https://ci.invalid/1")


def judged(previous: Previous | None, policy: Policy = RULES, **states: bool | None) -> Verdict:
    """A verdict on probes that hold, fail, or (None) were not measured."""
    seen = [
        observation(name, checks=(), state="not measured", reason="why")
        if good is None
        else observation(name, checks=(check(ok=good),))
        for name, good in states.items()
    ]
    return judge(run(*seen, previous=previous), run(subject=subject("chat-1")), policy, "sha256:0")


def since(bad: dict[str, str], policy: Policy = RULES, **states: bool | None) -> Since:
    found = judged(Previous.model_validate({"told": [LAST], "findings": bad}), policy, **states).since
    assert found is not None
    return found


def test_without_a_last_verdict_nothing_is_said_and_the_bytes_are_as_before() -> None:
    found = judged(None, a=True, b=True)
    assert found.since is None
    assert b"since" not in found.to_json()
    assert b"previous" not in run().to_json()
    assert b"closed" not in run().to_json()


def test_what_was_bad_and_holds_is_fixed_and_what_is_bad_and_was_not_is_new() -> None:
    found = since({"a/status": "broken"}, a=True, b=False)
    assert (found.fixed, found.new, found.still, found.lost) == (("a/status",), ("b/status",), (), ())
    assert found.last == LAST


def test_what_was_bad_and_is_not_measured_now_is_not_fixed() -> None:
    found = since({"a/status": "broken", "gone/status": "regressed"}, a=None, b=True)
    assert found.fixed == ()
    assert found.lost == ("a/status", "gone/status")


def test_what_was_not_measured_and_holds_was_never_bad_and_is_not_fixed() -> None:
    assert since({"a/status": "not measured"}, a=True, b=True).fixed == ()


def test_what_was_not_measured_and_is_bad_is_new() -> None:
    assert since({"a/status": "not measured"}, a=False, b=True).new == ("a/status",)


def test_a_finding_that_is_waived_is_neither_new_nor_still_bad() -> None:
    policy = RULES.model_copy(update={"waivers": (Waiver(finding="a/status", by="ana", reason="known"),)})
    found = since({"a/status": "broken"}, policy, a=False, b=True)
    assert (found.new, found.still, found.fixed) == ((), (), ())


def test_a_last_verdict_that_is_remembered_in_part_claims_nothing() -> None:
    previous = Previous(told=(LAST,), findings={"b/status": "broken"}, whole=False)
    found = judged(previous, a=False, b=True).since
    assert found is not None
    assert (found.compared, found.new, found.fixed) == (False, (), ())


def test_the_verdicts_before_the_last_are_newest_first() -> None:
    told = tuple(LAST.model_copy(update={"revision": f"chat-{n}"}) for n in range(4))
    found = judged(Previous(told=told), a=True, b=True).since
    assert found is not None
    assert (found.last.revision, [each.revision for each in found.earlier]) == (
        "chat-3",
        ["chat-2", "chat-1", "chat-0"],
    )


@given(
    st.dictionaries(
        st.sampled_from(["a/status", "b/status", "c/x"]), st.sampled_from(["broken", "regressed", "not measured"])
    ),
    st.fixed_dictionaries({"a": st.sampled_from([True, False, None]), "b": st.sampled_from([True, False, None])}),
)
def test_every_finding_is_in_one_list_at_most_and_a_run_that_was_read_again_is_judged_the_same(
    bad: dict[str, str], states: dict[str, bool | None]
) -> None:
    previous = Previous.model_validate({"told": [LAST], "findings": bad})
    seen = [observation(name, checks=(check(ok=good is not False),)) for name, good in states.items()]
    candidate = run(*seen, previous=previous)
    found = judge(candidate, None, RULES, "sha256:0")
    again = judge(Run.from_json(candidate.to_json()), None, RULES, "sha256:0")
    assert found.to_json() == again.to_json()
    assert found.since is not None
    names = [*found.since.fixed, *found.since.new, *found.since.still, *found.since.lost]
    assert len(names) == len(set(names))
    assert Verdict.from_json(found.to_json()) == found
