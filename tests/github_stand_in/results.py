"""What listens at ACTIONS_RESULTS_URL: the artifact service, and the blob store that its addresses lead to."""

import traceback

from tests.github_stand_in import artifacts, blobs
from tests.github_stand_in.routing import Answer, Site
from tests.github_stand_in.validation import Violation


def respond(
    site: Site, violations: list[str], method: str, target: str, headers: dict[str, str], body: bytes
) -> Answer:
    """The answer to one request; what is not as it should be goes to `violations`."""
    try:
        if target.startswith("/blobs/"):
            return blobs.respond(site.world, method, target, headers, body)
        return artifacts.respond(site, method, target, headers, body)
    except Violation as violation:
        violations.append(str(violation))
        return Answer(500, {"code": "internal", "msg": f"The stand-in for GitHub: {violation}"})
    except Exception:  # noqa: BLE001 - a fault of the stand-in's own must fail the test that met it
        violations.append(f"the stand-in broke at {method} {target}:\n{traceback.format_exc()}")
        return Answer(500, {"code": "internal", "msg": "The stand-in for GitHub broke; see github.violations"})
