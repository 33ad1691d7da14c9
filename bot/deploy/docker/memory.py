"""What is known of one service on one engine: written before and after each act, so that a killed bot can be made good."""

from bot.deploy.remembered import Placed, Remembered
from bot.model.errors import DeployError


class Slot(Placed):
    """One revision. `container` is its name, which it has from before it is made; `address` is `host:port`, once it is up.

    `name` is what Docker's DNS server calls it, which stays when its address does not.
    `image` is what it was made from, as the spec names it or as it was built; `digest` names that for good, and
    `image_id` on this engine.
    """

    container: str
    image: str
    digest: str | None = None
    image_id: str | None = None
    address: str | None = None
    name: str | None = None

    @property
    def was_up(self) -> bool:
        """As `Placed.was_up`."""
        return self.address is not None

    @property
    def digest_of_image(self) -> str:
        """What to make a container from: the very image, whatever its tag means by now."""
        return self.image_id or self.image


class Memory(Remembered[Slot]):
    """All that is known of one service on one engine."""

    keep: bool = True


def at(slot: Slot) -> str:
    """Where the front finds it, as `host:port`: by its name, which stays, or by its address where it has none.

    Raises:
        DeployError: it is not up.
    """
    if slot.address is None:
        raise DeployError(f"{slot.revision} has no address: it is not up")
    host, _, port = slot.address.rpartition(":")
    return f"{slot.name or host}:{port}"
