"""Taking secrets out of text and bytes before anything is kept, logged or published.

Two nets: the secrets that we know (and the forms in which they usually travel), and shapes that are secret whoever
they belong to: credentials in headers, tokens, URL userinfo, fields called `password`.
"""

import base64
import html
import json
import re
from collections.abc import Callable, Iterable
from urllib.parse import quote, quote_plus

SHORTEST = 4
"""A shorter secret is not learned: taking it out would shred every text, and it protects nothing."""
SHORTEST_FORM = 8
"""A part of an encoding is looked for only from this length on; shorter ones occur by chance."""
MASKS = ("[redacted]", "[removed]", "[***]", "[]")
JWT_MASK = "[redacted jwt]"

_SECRETIVE = (
    r"[\w-]{0,64}(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|private[_-]?key|access[_-]?key|"
    r"signature|authorization|cookie|credentials?|jwt)"
)
_SECRETIVE_NAME = re.compile(rf"(?:{_SECRETIVE})", re.IGNORECASE)
_HEADER = re.compile(
    r"(?P<keep>\b(?:proxy-)?(?:authorization|set-cookie|cookie|x-api-key|x-auth-token|x-csrf-token)\b\s*:\s*)"
    r"(?P<value>[^\s\"'][^\r\n\"']*)",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"(?P<keep>\b(?:bearer|basic)\s+)(?P<value>(?=[\w.~+/-]*[\d=._])[\w.~+/=-]{12,})", re.IGNORECASE)
_USERINFO = re.compile(r"(?P<keep>://)(?P<value>[^/\s@\"'<>?#]+)(?=@)")
_PARAMETER = re.compile(
    rf"(?P<keep>(?:^|[?&;\s\"'])(?:{_SECRETIVE}|[\w-]{{0,64}}[_-]sig|sig|key|code)=)(?P<value>[^&\s\"'#<>]+)",
    re.IGNORECASE | re.MULTILINE,
)
_FIELD = re.compile(
    rf"(?P<keep>(?P<quote>[\"'])(?:{_SECRETIVE})(?P=quote)\s*:\s*)"
    r"(?P<value>\"(?:[^\"\\]|\\.)*(?:\"|\\?\Z)|'(?:[^'\\]|\\.)*(?:'|\\?\Z)|-?\d[\d.eE+-]*)",
    re.IGNORECASE | re.DOTALL,
)
_FIELD_WITHIN_A_STRING = re.compile(
    rf"(?P<keep>(?P<quote>\\+\")(?:{_SECRETIVE})(?P=quote)\s*:\s*)"
    # it ends at a quote that is escaped as its first one is: one that is escaped once more is a part of the value
    r"(?P<value>(?P=quote)(?:(?!(?<!\\)(?P=quote)).)*(?:(?P=quote)|\Z)|-?\d[\d.eE+-]*)",
    re.IGNORECASE | re.DOTALL,
)
_TOKEN_RUN = re.compile(r"[\w.-]{20,}+")


class Redactor:
    """Knows the secrets of this pass, and takes them out of whatever it is given.

    A secret is learned as it is, and as it travels: percent-encoded, JSON-escaped once and twice, HTML-escaped, in
    base64 at every alignment (as in `Authorization: Basic`), and line by line when it has several.
    """

    def __init__(self, secrets: Iterable[str] = (), learned: Callable[[str], None] | None = None) -> None:
        """`learned` is told each secret when it is first learned."""
        self._learned = learned
        self._masks: set[str] = set()
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._mask = MASKS[0]
        for secret in secrets:
            self.learn(secret)

    def learn(self, secret: str | None) -> None:
        """Take this out from now on. What is absent, blank or shorter than `SHORTEST` is ignored."""
        if secret is None:
            return
        lines = [line.strip() for line in secret.splitlines()]
        worth = {each for each in (secret, secret.strip(), *lines) if len(each.strip()) >= SHORTEST}
        if worth <= self._masks:
            return
        if self._learned is not None:
            for each in sorted(worth - self._masks):
                self._learned(each)
        self._masks |= worth
        for each in worth:
            self._forms |= _forms(each)
        longest_first = sorted(self._forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(re.escape(form) for form in longest_first))
        self._mask = next(mask for mask in MASKS if not self._pattern.search(mask))

    def text(self, text: str, *, cut: bool = False) -> str:
        """The text without secrets. `cut` says that its end was cut off, perhaps in the middle of a secret."""
        if cut:
            text = self._without_torn_secret(text)
        return self._shapes(self._known(text))

    def data(self, data: bytes, *, cut: bool = False) -> bytes:
        """The bytes without secrets; bytes that are no UTF-8 stay as they are."""
        return self.text(data.decode("utf-8", "surrogateescape"), cut=cut).encode("utf-8", "surrogateescape")

    def field(self, name: str, text: str) -> str:
        """What may be shown of a field's value: nothing, when the field's name says that it is secret."""
        return self._mask if secretive(name) else self.text(text)

    def masks(self) -> tuple[str, ...]:
        """Every learned secret, longest first: what a workflow is told to mask in its log."""
        return tuple(sorted(self._masks, key=lambda mask: (-len(mask), mask)))

    def _known(self, text: str) -> str:
        if self._pattern is None:
            return text
        for _ in range(8):
            if not self._pattern.search(text):
                return text
            # a secret may also be made of what stood on both sides of another, hence more than one pass
            text = self._pattern.sub(lambda _match: self._mask, text)
        return self._mask

    def _shapes(self, text: str) -> str:
        text = _TOKEN_RUN.sub(_without_jwt, text)
        for shape in (_HEADER, _SCHEME, _USERINFO, _PARAMETER, _FIELD_WITHIN_A_STRING, _FIELD):
            text = shape.sub(self._masked, text)
        return text

    def _masked(self, match: re.Match[str]) -> str:
        value = match["value"]
        if value.strip("\"'\\").startswith("[redacted"):
            return match[0]
        quoted = re.match(r"(\\*[\"']).*?(\\*[\"'])?\Z", value, re.DOTALL)
        return f"{match['keep']}{quoted[1]}{self._mask}{quoted[1]}" if quoted else f"{match['keep']}{self._mask}"

    def _without_torn_secret(self, text: str) -> str:
        for form in self._forms:
            for length in range(min(len(form) - 1, len(text)), SHORTEST - 1, -1):
                if text.endswith(form[:length]):
                    return text[:-length] + self._mask
        return text


def secretive(name: str) -> bool:
    """Does a field, header or parameter of this name hold a secret?

    >>> [secretive(name) for name in ("password", "accessToken", "token_type", "max_tokens")]
    [True, True, False, False]
    """
    return _SECRETIVE_NAME.fullmatch(name) is not None


def _without_jwt(match: re.Match[str]) -> str:
    # a header `{"` is `eyJ` in base64url (RFC 7519, section 3.1); runs are looked at whole, so that this stays linear
    run = match[0]
    start = run.find("eyJ")
    parts = run[start:].split(".") if start >= 0 else []
    return run[:start] + JWT_MASK if len(parts) >= 3 and len(parts[0]) >= 8 and parts[1] else run


def _forms(secret: str) -> set[str]:
    escaped = {html.escape(secret)}
    for ascii_only in (True, False):
        once = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        escaped |= {once, json.dumps(once, ensure_ascii=ascii_only)[1:-1]}  # twice: in JSON that JSON quotes
    escaped |= {form.replace("/", "\\/") for form in escaped}
    encodable = secret.encode("utf-8", "surrogatepass")
    percent = {quote(encodable, safe=""), quote(encodable), quote_plus(encodable)}
    percent |= {re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), form) for form in percent}
    return {secret} | escaped | percent | _base64_forms(encodable)


def _base64_forms(secret: bytes) -> set[str]:
    """Base64 of the secret alone, and the characters that it decides wherever it stands in something encoded."""
    found = set()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(secret).decode("ascii")
        found |= {whole, whole.rstrip("=")}
        for offset in range(3):
            shifted = encode(b"\0" * offset + secret).decode("ascii")
            found.add(shifted[(0, 2, 3)[offset] : (offset + len(secret)) * 8 // 6])
    return {form for form in found if len(form) >= SHORTEST_FORM}
