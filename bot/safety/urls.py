"""The address of a service, as it may be written into runs, reports and proofs."""

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

_PLAIN = re.compile(r"https?://[^\s/?#@\\]+(?:/[^\s?#\\]*)?", re.IGNORECASE)
_LABEL = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_HOST = re.compile(
    rf"(?P<name>\*\.(?P<below>{_LABEL}(?:\.{_LABEL})+)|{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:]+\])(?::(?P<port>[0-9]{{1,5}}))?",
    re.IGNORECASE,
)
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


def host_pattern(text: str) -> str:
    """The host that a spec names as one that may be talked to: `HOST`, `HOST:PORT`, or `*.DOMAIN` for all below it.

    Raises:
        ValueError: it is none, or all below what is nobody's own, such as `*.com`.
    """
    if not _HOST.fullmatch(text):
        raise ValueError("not a host such as shop.example.com, shop.example.com:8443 or *.shop.example.com")
    return text.lower()


def is_at(text: str, hosts: Iterable[str]) -> bool:
    """Whether an address is at one of these hosts (`host_pattern`). One without a port is meant at the scheme's own."""
    parts = urlsplit(text)
    name, own = parts.netloc.lower(), {"http": 80, "https": 443}.get(parts.scheme.lower())
    try:
        name = name.removesuffix(f":{parts.port}") if parts.port is not None else name.removesuffix(":")
        port = own if parts.port is None else parts.port
    except ValueError:
        return False
    for each in hosts:
        found = _HOST.fullmatch(each.lower())
        if found is None or port != (int(found["port"]) if found["port"] else own):
            continue
        if name == found["name"] or (
            found["below"] and re.fullmatch(rf"(?:{_LABEL}\.)+{re.escape(found['below'])}", name)
        ):
            return True
    return False


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
