"""The command of curl that repeats a request."""

import shlex
from collections.abc import Mapping

from bot.probes.content import FilePart, Scalar, scalar_text
from bot.probes.request import Request
from bot.probes.templates import fill
from bot.safety.redact import Redactor


def curl(
    request: Request,
    redactor: Redactor,
    *,
    multipart: Mapping[str, Scalar | FilePart] | None = None,
    unique: Mapping[str, str],
    redirects: int = 0,
) -> str | None:
    """The command; None where none says it all, because there is a secret, a file, or what is no text in it."""
    head = request.method == "HEAD"
    words = ["curl", "-sS", "-i", *(["--head"] if head else ["-X", request.method])]
    if redirects:
        words += ["--location", "--max-redirs", str(redirects)]
    if request.http2:
        words.append("--http2" if request.url.startswith("https:") else "--http2-prior-knowledge")
    for name, value in request.headers:
        if multipart is None or name.lower() != "content-type":
            words += ["-H", f"{name}: {value}"]
    if multipart is not None:
        for name, part in multipart.items():
            if isinstance(part, FilePart):
                return None
            words += ["--form-string", f"{name}={fill(scalar_text(part), unique)}"]
    elif request.content is not None:
        try:
            words += ["--data-raw", request.content.decode()]
        except UnicodeDecodeError:
            return None
    command = shlex.join([*words, request.url])
    # a command with holes in it repeats nothing
    return command if redactor.text(command) == command and "\0" not in command else None


def again(name: str, url: str) -> str:
    """The command that repeats one probe; the spec has what is missing."""
    return shlex.join(["stability-proof", "probe", "--only", name, "--url", url])
