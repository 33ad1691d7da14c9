"""Who gets how much of the users' traffic: the arithmetic, without a network.

A list of shares is what the API calls `traffic`: each entry names a revision, or none for whichever is the latest that
is ready, has a percentage, and may have a tag, which gives that revision a URL of its own. The percentages add up to 100.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field

from bot.model import Value

LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
REVISION = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"


class Share(Value):
    """One entry. `revision` is None for the latest one that is ready, whichever that is."""

    revision: str | None = None
    percent: int = Field(0, ge=0, le=100)
    tag: str | None = None


Shares = tuple[Share, ...]


def read(entries: Iterable[Mapping[str, Any]]) -> Shares:
    """The API's `traffic`; none at all means 100 % for the latest revision that is ready."""
    found = tuple(
        Share(
            revision=None if each.get("type") == LATEST else last(each.get("revision")),
            percent=each.get("percent", 0),  # a zero is left out of the JSON form of a protocol buffer
            tag=each.get("tag") or None,
        )
        for each in entries
    )
    return found or (Share(percent=100),)


def written(shares: Shares) -> list[dict[str, Any]]:
    """The same, as the API takes it."""
    made: list[dict[str, Any]] = []
    for each in shares:
        entry: dict[str, Any] = {"type": LATEST} if each.revision is None else {"type": REVISION}
        if each.revision is not None:
            entry["revision"] = each.revision
        if each.percent:
            entry["percent"] = each.percent
        if each.tag:
            entry["tag"] = each.tag
        made.append(entry)
    return made


def last(name: str | None) -> str | None:
    """A revision's own name, out of the whole path that the API often gives."""
    return name.rpartition("/")[2] if name else None


def percents(shares: Shares, latest: str | None) -> dict[str, int]:
    """The percentage of each revision that has one; `latest` is the one that is ready and the newest."""
    found: dict[str, int] = {}
    for each in shares:
        name = each.revision or latest
        if each.percent and name:
            found[name] = found.get(name, 0) + each.percent
    return found


def tags(shares: Shares) -> Shares:
    """The tags alone, each with no share of the traffic; one that follows the latest revision goes on doing so."""
    return tuple(Share(revision=each.revision, tag=each.tag) for each in shares if each.tag)


def split(before: Mapping[str, int], candidate: str, percent: int) -> dict[str, int]:
    """The candidate gets `percent`, and those before share the rest as they shared all of it.

    Whole percentages by the largest remainder (Hamilton's method), so that whoever has the most never goes without as
    long as there is a rest. Nobody before: the candidate has it all.

    >>> split({"a": 90, "b": 10}, "c", 50)
    {'c': 50, 'a': 45, 'b': 5}
    >>> split({"a": 60, "b": 40}, "c", 99)
    {'c': 99, 'a': 1}
    """
    others = {name: share for name, share in before.items() if share and name != candidate}
    whole = sum(others.values())
    if not whole:
        return {candidate: 100}
    rest = 100 - percent
    ranked = sorted(others, key=lambda name: (-others[name], name))
    given = {name: rest * others[name] // whole for name in ranked}
    left = rest - sum(given.values())
    for name in sorted(ranked, key=lambda name: -(rest * others[name] % whole))[:left]:
        given[name] += 1
    return {name: share for name, share in {candidate: percent, **given}.items() if share}


def largest(shares: Mapping[str, int]) -> str | None:
    """The revision with the most traffic, by name among equals."""
    return min(shares, key=lambda name: (-shares[name], name), default=None)
