"""The address of a service, as it may be written into runs, reports and proofs."""

import re

_PLAIN = re.compile(r"https?://[^\s/?#@\\]+(?:/[^\s?#\\]*)?", re.IGNORECASE)
_USERINFO = re.compile(r"https?://[^\s/?#]*@", re.IGNORECASE)


def service_url(text: str) -> str:
    """The address, if it is one that holds no credentials: it stands in every report.

    Raises:
        ValueError: it is none, or it holds some.
    """
    if _USERINFO.match(text):
        raise ValueError(
            "an address with a user or a password in it would be in every report; send them with `login:` or `headers`"
        )
    if not _PLAIN.fullmatch(text):
        raise ValueError("not an address such as https://host or https://host/path, without ? and #")
    return text
