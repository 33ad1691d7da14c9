"""Our comments in many threads at once: a few questions for all of them, where a list for each would take one for every
hundred comments of every thread."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from bot.github.client import Client, Denied, Missing
from bot.github.graphql import query
from bot.model.errors import GitHubError

PAGE = 100
AT_ONCE = 25
"""Threads in one question: each is a page of comments, and GitHub gives up on what takes it longer than ten seconds."""
PART = """
  n{number}: {kind}(number: {number}) {{
    comments(last: {page}{before}) {{
      nodes {{ url body author {{ __typename login }} }}
      pageInfo {{ hasPreviousPage startCursor }}
    }}
  }}
"""
NEEDS = {"issue": "issues: read", "pullRequest": "pull-requests: read"}
ID = re.compile(r"#issuecomment-([0-9]{1,19})$")
"""The number of a comment, which GraphQL's `databaseId` is too short for."""
CURSOR = re.compile(r"[A-Za-z0-9+/=_:-]{1,200}")


def found(client: Client, kinds: dict[int, str], is_ours: Callable[[str, str], bool]) -> dict[int, tuple[int, ...]]:
    """The ids of our comments in each thread that could be seen whole. `kinds` says of each number whether it is an
    `issue` or a `pullRequest`; `is_ours` is asked with an author's login, as REST has it, and a body.

    Never an error: what is not here is to be looked for in its own list.
    """
    numbers = list(kinds)
    seen: dict[int, tuple[int, ...]] = {}
    for start in range(0, len(numbers), AT_ONCE):
        some = {number: kinds[number] for number in numbers[start : start + AT_ONCE]}
        try:
            seen |= _whole(client, some, is_ours)
        except (Denied, Missing):
            continue
        except GitHubError:
            break
    return seen


def _whole(client: Client, kinds: dict[int, str], is_ours: Callable[[str, str], bool]) -> dict[int, tuple[int, ...]]:
    owner, _, name = client.name.partition("/")
    mine: dict[int, list[int]] = {number: [] for number in kinds}
    cursors: dict[int, str] = dict.fromkeys(kinds, "")
    done: dict[int, tuple[int, ...]] = {}
    while cursors:
        parts = "".join(
            PART.format(number=number, kind=kinds[number], page=PAGE, before=f', before: "{at}"' if at else "")
            for number, at in cursors.items()
        )
        text = f"query ($owner: String!, $name: String!) {{ repository(owner: $owner, name: $name) {{{parts}}} }}"

        def read(data: Any, numbers: Iterable[int] = tuple(cursors)) -> dict[int, Any]:
            pages = {number: data["repository"][f"n{number}"] for number in numbers}
            return {number: each["comments"] for number, each in pages.items() if each}

        pages = query(client, NEEDS, text, {"owner": owner, "name": name}, read, repeatable=False)
        cursors = {}
        for number, page in pages.items():
            mine[number] += _ids(page["nodes"], is_ours)
            before = page["pageInfo"]["startCursor"] if page["pageInfo"]["hasPreviousPage"] else None
            if before is None:
                done[number] = tuple(sorted(mine[number]))
            elif CURSOR.fullmatch(before):
                cursors[number] = before
    return done


def _ids(nodes: Iterable[Any], is_ours: Callable[[str, str], bool]) -> Iterable[int]:
    for each in nodes:
        author = (each or {}).get("author") or {}
        # REST says github-actions[bot] of what GraphQL may call github-actions
        suffix = "[bot]" if author.get("__typename") == "Bot" else ""
        login = str(author.get("login") or "").removesuffix("[bot]") + suffix
        number = ID.search(str((each or {}).get("url")))
        if number and is_ours(login, str(each.get("body") or "")):
            yield int(number[1])
