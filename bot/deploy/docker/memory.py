"""What is known of one service on one engine: written before and after each act, so that a killed bot can be made good."""

from typing import Literal

from bot.model import Value
from bot.model.errors import DeployError

Act = Literal["deploy", "switch", "rollback", "settle"]


class Slot(Value):
    """One revision. `container` is its name, which it has from before it is made; `address` is `host:port`, once it is up.

    `name` is what Docker's DNS server calls it, which stays when its address does not.
    `image` is what it was made from, as the spec names it or as it was built; `digest` names that for good, and
    `image_id` on this engine.
    """

    revision: str
    container: str
    image: str
    commit: str | None = None
    digest: str | None = None
    image_id: str | None = None
    address: str | None = None
    name: str | None = None

    @property
    def digest_of_image(self) -> str:
        """What to make a container from: the very image, whatever its tag means by now."""
        return self.image_id or self.image


class Memory(Value):
    """All that is known of one service.

    `act` is what was begun and is not ended: `deploy` (the candidate is being started and has no traffic), `switch`
    (it has some or all of the traffic, on trial), `rollback` (the traffic goes back) or `settle` (it is accepted).
    `retired` are revisions that are being removed. `keep` says whether anything outlives the bot.
    """

    keep: bool = True
    serving: Slot | None = None
    candidate: Slot | None = None
    retired: tuple[Slot, ...] = ()
    act: Act | None = None


def at(slot: Slot) -> str:
    """Where the front finds it, as `host:port`: by its name, which stays, or by its address where it has none.

    Raises:
        DeployError: it is not up.
    """
    if slot.address is None:
        raise DeployError(f"{slot.revision} has no address: it is not up")
    host, _, port = slot.address.rpartition(":")
    return f"{slot.name or host}:{port}"


def heir(memory: Memory, *, serving_up: bool, candidate_up: bool) -> Slot | None:
    """Which revision has the traffic once nothing is under way.

    The one before, unless the candidate was accepted. Nobody is cut off to give the traffic to a revision that is not up:
    where the one before has ended and the candidate had traffic, the candidate keeps it.
    """
    if not memory.keep:
        return None
    last_resort = memory.serving is not None and not serving_up and memory.act in ("switch", "rollback")
    if candidate_up and (memory.act == "settle" or last_resort):
        return memory.candidate
    return memory.serving if serving_up else None
