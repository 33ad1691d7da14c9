"""A bot in a process of its own, so that a test can kill it: deploy, promote, then `settle` or `rollback`."""

import asyncio
import sys
from pathlib import Path

from bot.deploy.kubernetes.target import KubernetesTarget
from bot.deploy.target import DeployContext
from bot.safety.redact import Redactor


async def main(image: str, commit: str, end: str) -> None:
    """Do it."""
    target = KubernetesTarget.model_validate({"deployment": "chat", "image": image, "within": 20, "patience": 2})
    here = Path()
    context = DeployContext("chat", "production", here, here, Redactor(), print)
    async with target.open(context) as deployer:
        await deployer.deploy(commit)
        await deployer.promote(100)
        if end == "settle":
            await deployer.settle()
        else:
            await deployer.rollback()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
