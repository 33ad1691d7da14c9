"""What git says of a revision."""

from pathlib import Path

from bot.deploy import trees
from tests.integration.deploy import ground as lie
from tests.integration.deploy.ground import Ground, git


async def test_a_release_is_the_tag_that_is_on_just_this_commit(ground: Ground, tmp_path: Path) -> None:
    first = ground.commit(lie.SERVES)
    second = ground.commit(lie.CRASHES)
    assert await trees.release(ground.repository, first) is None
    git(ground.repository, "tag", "v1.4", first)
    assert await trees.release(ground.repository, first) == "v1.4"
    assert await trees.release(ground.repository, second) is None
    assert await trees.release(ground.repository, "no-such-name") is None
    assert await trees.release(ground.repository, "--all") is None
    assert await trees.release(tmp_path, first) is None
