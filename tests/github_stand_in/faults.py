"""Faults that a test asks for: a 502, one after the work was done, a hang, a connection that is reset."""

import re
from dataclasses import dataclass, field


@dataclass
class Fault:
    """What happens to the next `times` requests whose method and path (without the query) fit.

    Attributes:
        status: what is answered instead; None to answer truly (after a `hang`).
        after_effect: the work is done all the same, and only then `status` is answered: how a repeated POST
            comes to make two comments.
        retry_after: seconds, for the header Retry-After.
        hang: seconds before anything is answered.
        drop: the connection is reset instead of answered.
        body: a JSON body in place of GitHub's usual one.
    """

    method: str
    path: re.Pattern[str]
    times: int = 1
    status: int | None = 502
    after_effect: bool = False
    retry_after: int | None = None
    hang: float = 0.0
    drop: bool = False
    body: object = None
    skip: int = 0

    def fits(self, method: str, path: str) -> bool:
        """Whether this request is one of them."""
        return self.times > 0 and self.method in ("*", method) and self.path.search(path) is not None


@dataclass
class Faults:
    """All that are waiting."""

    waiting: list[Fault] = field(default_factory=list)

    def add(self, fault: Fault) -> None:
        """Let it happen."""
        self.waiting.append(fault)

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that happens to this request, counted down."""
        for fault in self.waiting:
            if fault.fits(method, path):
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                return fault
        return None
