"""What a deploy would do, in words, and what is odd about the service as it was found."""

from collections.abc import Mapping

from bot.deploy.cloud_run import template, traffic
from bot.deploy.cloud_run.service import Service
from bot.deploy.cloud_run.target import CloudRunTarget
from bot.deploy.target import Intent


def intent(target: CloudRunTarget, service: Service | None, name: str, commit: str | None) -> Intent:
    """The plan for a candidate of this name; `service` is None where there is none yet.

    Raises:
        DeployError: it could not be done, whatever the platform says.
    """
    lines = [f"{target.service} in {target.project}, {target.region}", f"image {template.filled(target.image, commit)}"]
    if service is None:
        lines.append("it is not there yet: it is created, and this first revision has all of its traffic")
        return Intent(name, None, tuple(lines))
    template.made(service.template, target, name, commit)
    serving = traffic.largest(service.percents())
    if serving and not service.follows_latest():
        lines.append(
            f"its traffic is pinned to {serving}: whoever deploys and only waits for the service to be healthy "
            "leaves the new revision with 0 %"
        )
    if service.stuck():
        asked, given = _words(service.asked()), _words(service.percents())
        lines.append(
            f"its traffic was to be {asked}, which the platform could not give: users are at {given}, and stay"
        )
    lines += [
        f"the tag {each.tag} is left on {each.revision or 'the latest revision'} from before, and is moved"
        for each in service.traffic
        if each.tag in (target.new_tag, target.old_tag)
    ]
    lines += [
        f"the tag {each.tag} is on {each.revision}, which the platform cannot serve: it is taken away, since it keeps the "
        "traffic from being changed at all"
        for each in service.unserved()
        if each.tag not in (target.new_tag, target.old_tag)
    ]
    if service.raw.get("defaultUriDisabled"):
        lines.append(
            "its default URL is disabled, and those of its tags with it: no revision has an address of its own"
        )
    if "INTERNAL" in service.ingress:
        lines.append(f"its ingress is {service.ingress}: it cannot be reached from outside of its network")
    return Intent(name, serving, tuple(lines))


def _words(shares: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {percent} %" for name, percent in shares.items())
