"""Which revision a refresh measures: the one that users have, as far as is known, and not the newest commit."""

import dataclasses

from bot.baseline.shelf import FAILURES, in_words
from bot.deploy.url import UrlTarget
from bot.model.errors import GitHubError
from bot.stages.ground import FULL_SHA, Ground


def upon_what_serves(ground: Ground) -> Ground:
    """The ground of a refresh, moved from the newest commit to the one that was last shown to be good.

    The newest may have been rolled back, or never been deployed. What is measured of it says nothing of what users
    have, and must not become what later revisions are compared with. Behind an address that is simply up nothing can be
    deployed: what is measured there is whatever serves.

    Raises:
        GitHubError: what is kept cannot be read now. It might be a moment later, and then the newest commit would be
            kept as good.
        UsageError: as `Ground.store`.
    """
    if isinstance(ground.spec.target, UrlTarget) or ground.environment.inputs.get("commit"):
        return ground
    store = ground.store()
    try:
        good = store.good()
    except FAILURES as error:
        raise GitHubError(f"which revision serves cannot be seen: {in_words(error)}") from None
    commit = good.subject.commit if good else None
    if commit is None or commit == ground.commit or not FULL_SHA.fullmatch(commit):
        return ground
    reason = f"{ground.asked.reason}; {ground.commit[:12]} is newer and has no good run"
    asked = dataclasses.replace(ground.asked, commit=commit, reason=reason)
    return Ground(ground.environment, asked, commit, head=ground.commit)
