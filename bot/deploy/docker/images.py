"""The image of a revision: built from its commit, taken as it is, or pulled; and the digest that names it for good."""

import asyncio
import base64
import contextlib
import json
import os
from pathlib import Path, PurePosixPath

from bot.deploy import processes, trees
from bot.deploy.docker import dockerfile
from bot.deploy.docker.buildkit import Told
from bot.deploy.docker.engine import Engine, Gone, of
from bot.model.errors import DeployError

LABEL_COMMIT = "dev.stability-proof.commit"
TOLD = 65_536
"""Characters of what a build printed that are kept."""


class Unbuildable(Exception):
    """The commit's image cannot be built: that is a fault of the revision, and evidence. `told` is what the build said."""

    def __init__(self, reason: str, told: str) -> None:
        super().__init__(reason)
        self.told = told


async def build(
    engine: Engine, repository: Path, commit: str, *, context: str, named: str, tag: str, seconds: float
) -> str:
    """Build the image of a commit from what git has of it; the image's id.

    With BuildKit, where the engine has it: the whole context is sent with the request, and no session is opened.

    Raises:
        DeployError: git or the engine does not do its work.
        Unbuildable: the Dockerfile fails.
    """
    archive = await _archive(repository, commit, context)
    unpulled = await _bases(engine, repository, commit, str(PurePosixPath(context) / named), seconds)
    told: list[str] = []
    trace, made = Told(), ""
    query = {
        "t": tag,
        "dockerfile": named,
        "rm": "1",
        "forcerm": "1",
        "labels": json.dumps({LABEL_COMMIT: commit}),
        "version": "2" if engine.buildkit else "1",
    }
    async for line in engine.progress("/build", seconds=seconds, data=archive, query=query):
        if "error" in line:
            why = [str(line["error"]).strip(), *unpulled]
            raise Unbuildable("; ".join(why), "".join(told)[-TOLD:])
        aux = line.get("aux")
        if line.get("id") == "moby.buildkit.trace":
            told.append(trace.text(aux))
        elif isinstance(aux, dict) and isinstance(aux.get("ID"), str):
            made = aux["ID"]
        else:
            told.append(str(line.get("stream", line.get("status", ""))))
    if not made:
        raise DeployError("Docker Engine ended the build without an image, and without a word of why")
    return made


async def _bases(engine: Engine, repository: Path, commit: str, file: str, seconds: float) -> list[str]:
    """See that the images are there that a Dockerfile starts from; of those that cannot be had, why."""
    missed = []
    with contextlib.suppress(DeployError):  # the build itself says that there is no such file
        for image in dockerfile.images((await trees.file(repository, commit, file)).decode(errors="replace")):
            try:
                await have(engine, image, pull=False, seconds=seconds)
            except DeployError as error:
                missed.append(str(error))
    return missed


async def have(engine: Engine, image: str, *, pull: bool, seconds: float) -> None:
    """See that the engine has the image, pulling it where it may be pulled.

    Raises:
        DeployError: it is not there, and cannot be had.
    """
    if not pull:
        try:
            await engine.get(f"/images/{of(image)}/json")
        except Gone:
            pass
        else:
            return
    name, digest = image.partition("@")[::2]
    host, tag = (name, digest) if digest else _tagged(image)
    query = {"fromImage": host, "tag": tag}
    try:
        async for line in engine.progress("/images/create", seconds=seconds, headers=_credentials(image), query=query):
            if "error" in line:
                raise DeployError(str(line["error"]).strip()[:500])
    except DeployError as error:
        raise DeployError(f"the image {image} cannot be pulled: {error}") from None


async def digest(engine: Engine, image: str) -> tuple[str, str]:
    """The image's id, and what names it for good: its registry digest, or its id where no registry has seen it."""
    found = await engine.get(f"/images/{of(image)}/json")
    names = [each for each in found.get("RepoDigests") or () if isinstance(each, str)]
    return str(found["Id"]), names[0] if names else str(found["Id"])


async def forget(engine: Engine, image: str) -> None:
    """Take away an image that we built; one that is in use stays."""
    try:
        await engine.delete(f"/images/{of(image)}")
    except DeployError:
        return


async def _archive(repository: Path, commit: str, context: str) -> bytes:
    """The commit's files as a tar, of the folder that is the build's context."""
    environment = {key: value for key, value in processes.inherited().items() if not key.startswith("GIT_")}
    name = commit if context in (".", "") else f"{commit}:{context.strip('/')}"
    try:
        process = await asyncio.create_subprocess_exec(
            "git",
            "-C",
            str(repository),
            "archive",
            "--format=tar",
            name,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**environment, "LC_ALL": "C"},
        )
    except OSError as error:
        raise DeployError(f"git cannot be started: {error.strerror}; install git") from None
    try:
        out, err = await process.communicate()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise DeployError(f"git cannot give the files of {name}: {err.decode(errors='replace').strip()[:300]}")
    return out


def _tagged(image: str) -> tuple[str, str]:
    """Name and tag; a colon before the last slash is a port."""
    before, _, last = image.rpartition("/")
    name, _, tag = last.partition(":")
    return (f"{before}/{name}" if before else name), tag or "latest"


def _credentials(image: str) -> dict[str, str]:
    """What `docker login` left for the image's registry, as the API wants it; nothing where it left none."""
    first = image.partition("/")[0]
    registry = first if "/" in image and ("." in first or ":" in first or first == "localhost") else "index.docker.io"
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        known = json.loads((folder / "config.json").read_text()).get("auths") or {}
    except (OSError, ValueError, AttributeError):
        return {}
    registry = "index.docker.io" if registry == "docker.io" else registry
    entry = next((each for key, each in known.items() if _host(key) == registry and isinstance(each, dict)), {})
    try:
        user, _, password = base64.b64decode(str(entry["auth"])).decode().partition(":")
    except (KeyError, ValueError):
        return {}
    said = {"username": user, "password": password, "serveraddress": registry}
    return {"X-Registry-Auth": base64.urlsafe_b64encode(json.dumps(said).encode()).decode()}


def _host(key: str) -> str:
    """The registry that an entry of Docker's configuration is about: a host, or an address with a path.

    >>> _host("https://index.docker.io/v1/"), _host("ghcr.io"), _host("localhost:5000")
    ('index.docker.io', 'ghcr.io', 'localhost:5000')
    """
    return key.partition("://")[2].partition("/")[0] if "://" in key else key.partition("/")[0]
