"""Following a redirect, as far as it stays where it began: what we were trusted with goes to no other origin."""

from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from bot.probes.request import Request

if TYPE_CHECKING:
    from bot.safety.http import Answer

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OF_A_BODY = frozenset({"content-type", "content-length", "content-encoding"})
_PORTS = {"http": 80, "https": 443}


class Elsewhere(Exception):
    """The redirect leads to another origin, or nowhere; the message says where to."""


def followed(request: Request, answer: "Answer") -> Request | None:
    """The request that a redirect asks for; None when the answer is none.

    Raises:
        Elsewhere: it may not be followed.
    """
    if answer.status not in REDIRECTS:
        return None
    location = answer.header("location")
    if not location:
        raise Elsewhere("a redirect to nowhere")
    try:
        url = urljoin(request.url, location).split("#")[0]
        same = _origin(url) == _origin(request.url)
    except ValueError:
        raise Elsewhere(f"a redirect to {location}, which is no URL") from None
    if not same:
        raise Elsewhere(f"a redirect to another origin, {location}")
    method = request.method
    if (answer.status == 303 and method != "HEAD") or (answer.status in {301, 302} and method == "POST"):
        # as browsers do, and RFC 9110, section 15.4, allows
        headers = tuple(pair for pair in request.headers if pair[0].lower() not in _OF_A_BODY)
        return Request("GET", url, headers, None, request.limit, request.http2)
    return Request(method, url, request.headers, request.content, request.limit, request.http2)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
