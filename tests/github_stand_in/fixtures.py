"""The pytest fixture `github`."""

from collections.abc import Iterator

import pytest

from tests.github_stand_in.stand_in import StandIn


@pytest.fixture
def github() -> Iterator[StandIn]:
    """A fresh GitHub. The test fails if anything was not as GitHub describes it.

    A test that makes a violation on purpose clears `github.violations`.
    """
    with StandIn() as running:
        yield running
    if running.violations:
        pytest.fail("not as GitHub's API is described:\n" + "\n".join(running.violations), pytrace=False)
