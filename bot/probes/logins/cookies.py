"""The cookies of one login: a jar of its own, which gives each address what was meant for it.

This module loads httpx; import it where it is used.
"""

from collections.abc import Sequence
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING
from urllib.request import Request as Plain

import httpx

from bot.safety.http import is_loopback

if TYPE_CHECKING:
    from bot.safety.http import Answer

SHORTEST_SECRET = 12


class _Policy(DefaultCookiePolicy):
    """As browsers have it: a cookie marked `Secure` is sent to this very machine without TLS too."""

    def return_ok_secure(self, cookie: Cookie, request: Plain) -> bool:
        return bool(super().return_ok_secure(cookie, request)) or is_loopback(request.get_full_url())


class Jar:
    """Cookies of one login."""

    def __init__(self) -> None:
        self._cookies = httpx.Cookies(CookieJar(_Policy()))

    def take(self, url: str, answer: "Answer") -> None:
        """Take what an answer sets."""
        raw = [(name.encode(), value.encode()) for name, value in answer.headers if name.lower() == "set-cookie"]
        self._cookies.extract_cookies(httpx.Response(answer.status, headers=raw, request=httpx.Request("GET", url)))

    def header(self, url: str) -> str | None:
        """The `Cookie` header for an address, if it has any."""
        request = httpx.Request("GET", url.replace("ws", "http", 1) if url.startswith("ws") else url)
        self._cookies.set_cookie_header(request)
        found: str | None = request.headers.get("cookie")
        return found

    def find(self, name: str | None) -> Cookie | None:
        """The cookie of that name, or the first one."""
        return next((each for each in self._cookies.jar if name is None or each.name == name), None)

    def secrets(self) -> Sequence[str]:
        """The values that may be secret: a word such as `light` or `en-US` is none, and occurs in any text."""
        return [each.value for each in self._cookies.jar if each.value and len(each.value) >= SHORTEST_SECRET]
