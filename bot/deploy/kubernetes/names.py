"""Which image a commit has, and what a revision goes by."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from bot.deploy import trees
from bot.model.errors import DeployError

if TYPE_CHECKING:
    from bot.deploy.kubernetes.target import KubernetesTarget


class Names:
    """By the spec's own pattern for images, which is read in both directions."""

    def __init__(self, target: "KubernetesTarget", service: str, repository: Path) -> None:
        self.target = target
        self.service = service
        self.repository = repository

    async def wanted(self, commit: str | None) -> tuple[str, str | None]:
        """The image to deploy, and the commit's SHA.

        Raises:
            DeployError: the image needs a commit, and there is none.
        """
        full = commit
        if commit is not None and not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", commit):
            full = await trees.resolve(self.repository, commit)
        image = self.target.image_of(full)
        if image is None:
            raise DeployError(
                f"the image {self.target.image} needs a commit, and none is known; name one with `--commit`"
            )
        return image, full

    def revision(self, image: str, commit: str | None) -> str:
        """What a revision goes by: its commit, else the end of its image's name."""
        commit = commit or self.target.commit_in(image)
        if commit is not None:
            return f"{self.service}-{commit[:7]}"
        return f"{self.service}@{image.rpartition('/')[2]}"
