"""Which images a Dockerfile starts from.

They are pulled before the build, because the engine has no credentials of ours while it builds, and BuildKit pulls nothing
at all for whoever opens no session of its own ("no active sessions"; moby/buildkit #6744). What is there already it takes.

Source: docs.docker.com, Dockerfile reference ("Parser directives", "FROM", "Understand how ARG and FROM interact").
"""

import re
import shlex

_DIRECTIVE = re.compile(r"#\s*(\w+)\s*=\s*(\S+)\s*$")
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::-([^}]*))?\}|(\w+))")
_HEREDOC = re.compile(r"<<-?[\"']?(\w+)[\"']?")
_CONTINUED = re.compile(r"\\[ \t]*\n")


def images(text: str) -> list[str]:
    """The images by their names: the frontend's (`# syntax=`), those of `FROM`, and those that files are taken from.

    What is not understood is left out: then the build itself says what is amiss.

    >>> images("ARG V=3.13\\nFROM python:${V} AS base\\nFROM base\\nCOPY --from=ghcr.io/astral-sh/uv:1 /uv /uv\\n")
    ['python:3.13', 'ghcr.io/astral-sh/uv:1']
    """
    found = dict.fromkeys(_frontend(text))
    known: dict[str, str] = {}
    stages: set[str] = {"scratch"}
    for words in _instructions(text):
        name, rest = words[0].upper(), words[1:]
        if name == "ARG" and len(stages) == 1:  # only those before the first stage are known to FROM
            known |= {key: value for key, _, value in (each.partition("=") for each in rest)}
        elif name == "FROM":
            image, called = _from(rest, known)
            if image and image.lower() not in stages:
                found[image] = None
            stages |= {called.lower(), ""}
        elif name in ("COPY", "ADD", "RUN"):
            found |= dict.fromkeys(each for each in _taken(rest) if not each.isdigit() and each.lower() not in stages)
    return list(found)


def _frontend(text: str) -> list[str]:
    for line in text.splitlines():
        directive = _DIRECTIVE.match(line)
        if directive is None:
            break
        if directive[1].lower() == "syntax":
            return [directive[2]]
    return []


def _instructions(text: str) -> list[list[str]]:
    """Each instruction in words, without comments and without the text of heredocs."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#")) + "\n"
    found, ends = [], list[str]()
    for line in _CONTINUED.sub(" ", lines).splitlines():
        if ends:
            if line.strip() == ends[0]:
                ends.pop(0)
            continue
        ends = _HEREDOC.findall(line)
        try:
            words = shlex.split(line)
        except ValueError:
            words = line.split()
        if words:
            found.append(words)
    return found


def _from(words: list[str], known: dict[str, str]) -> tuple[str, str]:
    """The image, filled in (empty where it cannot be), and what the stage is called."""
    words = [each for each in words if not each.startswith("--")]
    called = words[2] if len(words) == 3 and words[1].upper() == "AS" else ""
    values = {**known}
    image = (
        _VARIABLE.sub(lambda match: values.get(match[1] or match[3], "") or match[2] or "$", words[0]) if words else ""
    )
    return ("" if "$" in image else image), called


def _taken(words: list[str]) -> list[str]:
    """The images, or stages, that files are taken from."""
    flags = []
    for each in words:
        if not each.startswith("--"):
            break
        flags.append(each)
    options = [each.removeprefix("--mount=") for each in flags if each.startswith("--mount=")]
    sources = [part.removeprefix("from=") for each in options for part in each.split(",") if part.startswith("from=")]
    sources += [each.removeprefix("--from=") for each in flags if each.startswith("--from=")]
    return [each for each in sources if "$" not in each]
