"""What an earlier bot left half-done, on whatever machine it ran: finished or undone before anything else is."""

from bot.deploy.cloud_run import note as notes
from bot.deploy.cloud_run import sharing, traffic
from bot.deploy.cloud_run.acts import Acts
from bot.deploy.cloud_run.note import FOLLOWS, Note
from bot.deploy.cloud_run.service import Service
from bot.deploy.cloud_run.sharing import Sharing
from bot.deploy.cloud_run.traffic import Shares


async def make_good(acts: Acts, rules: Sharing) -> None:
    """Give the traffic back to whom it was taken from; an act of settling is finished instead.

    Raises:
        DeployError: the API refuses, or somebody's deploy does not end.
    """
    service = await acts.read()
    if service is None:
        notes.remember(acts.home, None)
        return
    service = await acts.calm(service)
    left = notes.on_platform(service.annotations)
    own = notes.remembered(acts.home)
    if left is None and own is not None and own.candidate in service.asked():
        left = own  # somebody's tool took the annotation away, and the candidate has traffic all the same
    if left is None:
        notes.remember(acts.home, None)
        return
    ours, acts.bot = acts.bot, left.bot
    acts.note = left
    acts.took_in(service)
    shares, marks, line = _after(rules, service, left)
    operation = await acts.change(None, lambda _service: rules.foreign(shares), annotations=marks, heed="traffic")
    await acts.moved(operation, traffic.percents(shares, service.latest_ready))
    acts.bot, acts.newest, acts.shares = ours, None, None
    acts.log(line)


def _after(rules: Sharing, service: Service, left: Note) -> tuple[Shares, dict[str, str | None], str]:
    """The traffic as it should be, the annotations to write, and what is to be said."""
    before = sharing.before(left)
    if left.candidate is None:
        return service.traffic, {}, "an earlier bot was killed before it deployed anything"
    if not set(service.asked()) <= {left.candidate, *before}:
        moved = "somebody has moved the traffic since, and it stays as it is"
        return service.traffic, {}, f"an earlier bot left {left.candidate} half-done; {moved}"
    if left.act == "settle":
        line = f"an earlier bot was killed as it accepted {left.candidate}: that is finished"
        return rules.accepted(service, left), {FOLLOWS: None}, line
    if not before:
        line = f"an earlier bot was killed at the first deploy, {left.candidate}: there is nothing to go back to"
        return service.traffic, {}, line
    shares = ", ".join(f"{name} {percent} %" for name, percent in before.items())
    line = f"an earlier bot was killed at `{left.act}` of {left.candidate}: the traffic is given back ({shares})"
    return rules.restored(service, left), {FOLLOWS: left.previous} if left.followed else {}, line
