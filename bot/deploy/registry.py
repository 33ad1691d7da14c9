"""The targets, by the key that names them in the spec."""

from bot.deploy.command import CommandTarget
from bot.deploy.docker.target import DockerTarget
from bot.deploy.process import ProcessTarget
from bot.deploy.target import Target
from bot.deploy.url import UrlTarget

TARGETS: dict[str, type[Target]] = {
    "command": CommandTarget,
    "docker": DockerTarget,
    "process": ProcessTarget,
    "url": UrlTarget,
}
