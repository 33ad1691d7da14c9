"""Whatever GitHub does meanwhile, what was said to be kept is kept, and the branch is one line of commits."""

import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.github import client as client_module
from bot.github import data_branch
from bot.github.data_branch import DEFAULT
from bot.model.errors import WorkError
from tests.github_stand_in import StandIn
from tests.integration.github.test_data_branch import MARK, deployed, store

FAULTS = st.lists(
    st.tuples(
        st.sampled_from(["/git/ref/", "/git/refs", "/git/blobs", "/git/trees", "/git/commits", "/compare/"]),
        st.sampled_from(["502", "502 after", "reset", "reset after", "429"]),
        st.integers(0, 3),
    ),
    max_size=5,
)
ACTS = st.lists(st.sampled_from(["save", "invalidate"]), min_size=1, max_size=3)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FAULTS, ACTS, ACTS)
def test_what_two_jobs_keep_at_once_is_kept_or_refused_whole(
    monkeypatch: pytest.MonkeyPatch, faults: list[tuple[str, str, int]], one: list[str], other: list[str]
) -> None:
    monkeypatch.setattr(client_module, "PAUSES", (0.0, 0.0, 0.0))
    monkeypatch.setattr(data_branch, "TRIES", 30)
    with StandIn() as github:
        home = github.repository("octo/chat")
        for path, how, skip in faults:
            status = 429 if how == "429" else None if "reset" in how else 502
            github.fail(
                "*",
                path,
                status=status,
                drop="reset" in how,
                after_effect="after" in how,
                skip=skip,
                retry_after=0 if how == "429" else None,
            )
        kept: dict[str, list[str]] = {"one": [], "other": []}

        def job(service: str, acts: list[str]) -> None:
            for minute, act in enumerate(acts):
                try:
                    if act == "save":
                        store(github, home, service).save(
                            deployed(home.branches["main"], minute, service), "stable", Path()
                        )
                        kept[service].append(f"{minute}")
                    else:
                        store(github, home, service).invalidate(f"{minute:040}", MARK)
                        kept[service].append(f"-{minute:040}")
                except WorkError:
                    pass  # it was said not to be kept

        threads = [threading.Thread(target=job, args=each) for each in (("one", one), ("other", other))]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        github.heal()
        for service, acts in kept.items():
            made = store(github, home, service)
            saved = [int(each) for each in acts if not each.startswith("-")]
            found, _ = made.load()
            if saved:
                assert found is not None
                assert int(found.started[14:16]) >= max(saved)
            said = {each.commit for each in made.marks().invalid}
            assert {each[1:] for each in acts if each.startswith("-")} <= said
        if DEFAULT in home.branches:
            tip, line = home.branches[DEFAULT], []
            while tip:
                line.append(tip)
                parents = home.commits[tip].parents
                assert len(parents) <= 1
                tip = parents[0] if parents else ""
            assert len(line) >= sum(map(len, kept.values()))
        assert github.violations == []
