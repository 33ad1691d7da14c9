"""From a request's bytes to an answer: who asks, is it within the limits, is it described, may they, what is said."""

import re
import traceback

from tests.github_stand_in.limits import Limits, Used
from tests.github_stand_in.routing import OPERATIONS, Answer, Refusal, Request, Site, not_accessible, not_found
from tests.github_stand_in.state import Token
from tests.github_stand_in.validation import Call, TooMuch, Violation, check_answer, read
from tests.github_stand_in.world import Repository, World

SECONDARY = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. "
    "If you reach out to GitHub Support for help, please include the request ID."
)

THREADS = "issues|pull_requests"
"""What either permission is enough for, but only on a pull request."""


def _is_pull(request: Request) -> bool:
    comment = request.repository.comments.get(request.path.get("comment_id", 0))
    number = comment.number if comment else request.path.get("issue_number")
    issue = request.repository.issues.get(number) if number else None
    return issue is not None and issue.pull is not None


class Gateway:
    """Answers requests of the API; what is not as GitHub describes it is in `violations`."""

    def __init__(self, world: World, limits: Limits) -> None:
        self.world, self.limits = world, limits
        self.used = Used(limits)
        self.violations: list[str] = []

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes, site: Site) -> Answer:
        """The answer to one request."""
        rates: dict[str, str] = {}
        try:
            token = self._token(headers)
            rates = self._count(token)
            if target.partition("?")[0] == "/graphql":
                answer = self._graphql(method, site, token, body)
            else:
                answer = self._rest(method, target, headers, token, body, site)
        except Refusal as refusal:
            answer = Answer(refusal.status, refusal.body(), refusal.headers)
        except Violation as violation:
            self.violations.append(str(violation))
            answer = Answer(500, {"message": f"The stand-in for GitHub: {violation}"})
        except Exception:  # noqa: BLE001 - a fault of the stand-in's own must fail the test that met it
            self.violations.append(f"the stand-in broke at {method} {target}:\n{traceback.format_exc()}")
            answer = Answer(500, {"message": "The stand-in for GitHub broke; github.violations has the traceback"})
        return Answer(answer.status, answer.body, rates | answer.headers)

    def _token(self, headers: dict[str, str]) -> Token | None:
        given = headers.get("authorization", "").partition(" ")[2].strip()
        if not headers.get("authorization"):
            return None
        token = self.world.tokens.get(given)
        if token is None:
            raise Refusal(401, "Bad credentials")
        return token

    def _count(self, token: Token | None) -> dict[str, str]:
        who = token.login if token else "nobody"
        allowed = 60 if token is None else self.limits.an_hour if token.kind == "installation" else 5000
        within, headers = self.used.request(who, allowed)
        if not within:
            message = f"API rate limit exceeded for {who}."
            raise Refusal(self.limits.status, message, **{key.replace("-", "_"): each for key, each in headers.items()})
        return headers

    def _graphql(self, method: str, site: Site, token: Token | None, body: bytes) -> Answer:
        if method != "POST":
            raise not_found()
        # only here: its library takes longer to load than all the rest together, and most tests ask nothing of it
        from tests.github_stand_in import graphql

        answer, violation = graphql.execute(site, token, body)
        if violation:
            self.violations.append(str(violation))
        return answer

    def _rest(
        self, method: str, target: str, headers: dict[str, str], token: Token | None, body: bytes, site: Site
    ) -> Answer:
        too_much = None
        try:
            call = read(method, target, body)
        except TooMuch as error:
            too_much, call = error, error.call
        known = OPERATIONS.get(call.operation.id)
        if known is None:
            raise Violation(f"{call.operation.id} is described, but the stand-in does not answer it yet")
        url = site.url + target.partition("?")[0]
        request = Request(site, call.path, call.query, call.body, token, headers, url)
        try:
            self._permit(request, call, known.permission)
            if known.creates_content and not self.used.content(request.login):
                raise Refusal(self.limits.status, SECONDARY, retry_after=str(self.limits.retry_after))
            if too_much:
                raise Refusal(422, str(too_much))
            answer = known.handler(request)
        except Refusal as refusal:
            answer = Answer(refusal.status, refusal.body(), refusal.headers)
        check_answer(call.operation, answer.status, answer.body)
        return answer

    def _permit(self, request: Request, call: Call, permission: str) -> None:
        token = request.token
        permission, _, level = permission.partition(":")
        level = level or ("read" if call.operation.method == "GET" else "write")
        writes = call.operation.method != "GET"
        if "owner" not in call.path:
            return
        repository = request.repository
        if permission == THREADS and not _is_pull(request):
            permission = "issues"
        if token is None:
            if repository.private:
                raise not_found()
            if writes:
                raise Refusal(401, "Requires authentication")
        elif token.kind == "personal":
            self._permit_person(token, repository, writes=writes, permission=permission)
        elif token.repository != repository.full_name:
            if repository.private:
                raise not_found()
            if writes:
                raise not_accessible()
        # what is public may be read with any token
        elif (writes or repository.private) and permission != "metadata" and not token.may(permission, level):
            raise not_accessible()

    def _permit_person(self, token: Token, repository: Repository, *, writes: bool, permission: str) -> None:
        role = repository.collaborators.get(token.login)
        if repository.private and role is None:
            raise not_found()
        # anybody may comment on what is public; checks say themselves that they are for apps
        if writes and role in (None, "read", "triage") and not re.search("issues|contents:read|checks", permission):
            raise Refusal(403, "Must have push access to repository")
