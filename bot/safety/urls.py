"""The address of a service, as it may be written into runs, reports and proofs."""

import ipaddress
import re
from urllib.parse import urlsplit

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


def deployed_url(text: str) -> str:
    """The address that somebody else says a revision was deployed at: what the spec signs in with is sent there.

    Raises:
        ValueError: it holds credentials, is no address, is not encrypted and not this machine's own, or link-local: that
            is where clouds hand their machines' credentials out.
    """
    parts = urlsplit(service_url(text))
    host = parts.hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        own, near = host == "localhost", False
    else:
        own, near = address.is_loopback, address.is_link_local
    if near or (parts.scheme.lower() != "https" and not own):
        raise ValueError(f"{text[:200]} is neither https nor this machine's own")
    return text
