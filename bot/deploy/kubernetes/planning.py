"""What is odd about the Deployment as it was found, in words. Pure."""

from bot.deploy.kubernetes.objects import Object


def stable_lines(stable: Object, image: str, now: str) -> list[str]:
    """What somebody who reads a plan ought to know."""
    lines = []
    if (stable["spec"].get("strategy") or {}).get("type") == "Recreate":
        lines.append("its strategy is Recreate: users are cut off while it is promoted")
    pod = stable["spec"]["template"]["spec"]
    volumes = [each.get("persistentVolumeClaim") for each in pod.get("volumes") or ()]
    claims = [each["claimName"] for each in volumes if each]
    if claims:
        lines.append(f"the candidate mounts {', '.join(claims)} as well, beside the pods that serve: both write there")
    if any(port.get("hostPort") for each in pod["containers"] for port in each.get("ports") or ()):
        lines.append("its pods take a port of their node: the candidate needs a node on which none of them runs")
    if image == now:
        lines.append("that image is what it has: promoting will change nothing")
    return lines
