"""A stateful stand-in for GitHub: REST, GraphQL, artifacts and their blobs, with the limits that GitHub really has.

What it takes and answers is held to GitHub's own descriptions (`openapi/`).
"""

from tests.github_stand_in.limits import Limits
from tests.github_stand_in.stand_in import Recorded, StandIn
from tests.github_stand_in.state import ROBOT, Issue
from tests.github_stand_in.world import Repository, World

__all__ = ["ROBOT", "Issue", "Limits", "Recorded", "Repository", "StandIn", "World"]
