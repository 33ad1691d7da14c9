"""The targets, by the key that names them in the spec."""

from bot.deploy.cloud_run.target import CloudRunTarget
from bot.deploy.command import CommandTarget
from bot.deploy.docker.target import DockerTarget
from bot.deploy.kubernetes.target import KubernetesTarget
from bot.deploy.process import ProcessTarget
from bot.deploy.target import Target
from bot.deploy.url import UrlTarget

TARGETS: dict[str, type[Target]] = {
    "cloud_run": CloudRunTarget,
    "command": CommandTarget,
    "docker": DockerTarget,
    "kubernetes": KubernetesTarget,
    "process": ProcessTarget,
    "url": UrlTarget,
}
