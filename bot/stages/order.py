"""Whether a commit comes before one that was deployed already: proving it would deploy the older one over the newer."""

import dataclasses

from bot.baseline.shelf import FAILURES
from bot.github import deployments
from bot.github.client import MISREAD, Denied, Missing
from bot.github.kin import Kin
from bot.github.tip import tip
from bot.model.errors import GitHubError, UsageError
from bot.stages.ground import Ground
from bot.stages.saying import say

UNASKED = frozenset({"push", "pull_request", "pull_request_target"})
"""Events that nobody means as a rollback, unless their job is run again."""


def in_order(ground: Ground) -> Ground:
    """The ground, told of the newer commit that is deployed already, if there is one.

    A job that waited long must not undo what was deployed meanwhile. Who runs it again, or names the commit by hand, may
    mean that: it is done, and the verdict says so.

    Raises:
        UsageError: nobody asked for the older commit now.
    """
    newer = None if ground.client is None else _newer(ground)
    if newer is None:
        return ground
    environment = ground.environment
    if environment.event_name in UNASKED and environment.attempt == 1:
        raise UsageError(
            f"{ground.commit[:12]} comes before {newer[:12]}, which was deployed already: proving it would deploy the older"
            " one over that; run this job again if it is meant"
        )
    ground.asked = dataclasses.replace(ground.asked, over=newer)
    return ground


def _newer(ground: Ground) -> str | None:
    """The commit of the last good deployment, where it stands on this one."""
    client = ground.client
    assert client is not None
    default = str((ground.environment.event.get("repository") or {}).get("default_branch") or "")
    try:
        newest = tip(client, default)
        if newest == ground.commit:
            return None
        last = _deployed(ground) or _kept(ground, newest)
        if last in (None, ground.commit) or Kin(client, lambda: str(last)).stranger(ground.commit) is not None:
            return None
    except (Denied, Missing):
        return None  # then neither can be seen what to compare with, and that is said
    except (GitHubError, *FAILURES, *MISREAD) as error:
        say(f"Whether a newer commit was deployed already cannot be seen: {error}.")
        return None
    return last


def _deployed(ground: Ground) -> str | None:
    """By its record, where there is one."""
    assert ground.client is not None
    try:
        last = deployments.last_successful(ground.client, ground.spec.environment, ground.spec.service)
    except (Denied, Missing):
        return None
    return last["baseline"]["commit"] if last else None


def _kept(ground: Ground, newest: str) -> str | None:
    """By the run that was kept. A store shows only what the newest commit stands on, so that one is asked for it."""
    store = Ground(ground.environment, ground.asked, ground.commit, newest).store()
    good = store.good()
    return good.subject.commit if good else None
