"""The targets, by the key that names them in the spec."""

from bot.deploy.kubernetes.target import KubernetesTarget
from bot.deploy.process import ProcessTarget
from bot.deploy.target import Target
from bot.deploy.url import UrlTarget

TARGETS: dict[str, type[Target]] = {"kubernetes": KubernetesTarget, "process": ProcessTarget, "url": UrlTarget}
