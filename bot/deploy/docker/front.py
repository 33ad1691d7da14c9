"""The public address of a service on an engine: a container of ours that forwards, and that remembers what was done.

It is there before the first revision and outlives the bot. The memory is inside of it, because the bot's own disk does not
outlast the job.
"""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from pathlib import Path

from bot.deploy.docker import containers, network
from bot.deploy.docker.containers import OWNER, ROLE, name_of
from bot.deploy.docker.engine import Engine, Taken, of
from bot.deploy.docker.memory import Memory
from bot.model.errors import DeployError, FormatError

FOLDER = "/stability-proof"
LISTENS = 8080
"""The port that it listens on inside its container."""
PATIENCE = 15.0
"""Seconds that it may take to listen."""
PROGRAM = Path(__file__).parents[1] / "front.py"
MEMORY, FRESH, BACKEND = "memory.json", "memory.new", "backend"


class Front:
    """The front of one service. `port` is the one of this machine that it is published on; 0 publishes none.

    `names` is the network on which it finds the revisions by name.
    """

    def __init__(self, engine: Engine, owner: str, network_name: str, image: str | None, port: int) -> None:
        self.engine = engine
        self.owner = owner
        self.network = network_name
        self.image = image
        self.port = port
        self.name = name_of(owner, "front")
        self.names = network.naming(network_name, owner)
        self._address = ""

    @property
    def url(self) -> str:
        """Where users go: this machine's port where one is published, its own address otherwise."""
        return f"http://{self._address}:{LISTENS}"

    async def ensure(self) -> None:
        """See that it is there and runs.

        Raises:
            DeployError: its image cannot be had, or its port is taken.
        """
        if await containers.look(self.engine, self.name) is None:
            await self._create()
        await network.made(self.engine, self.names, self.owner)
        # before it starts, so that its first look at a name finds somebody to ask
        await network.connected(self.engine, self.name, self.names)
        await containers.start(self.engine, self.name)
        self._address = await network.joined(self.engine, self.name, self.network)
        await self._listens()

    async def memory(self) -> Memory:
        """What is remembered; nothing where it is new.

        Raises:
            DeployError: it cannot be understood.
        """
        raw = await containers.read(self.engine, self.name, f"{FOLDER}/{MEMORY}")
        if raw is None:
            raw = await containers.read(self.engine, self.name, f"{FOLDER}/{FRESH}")
        try:
            return Memory() if raw is None else Memory.from_json(raw, f"{self.name}:{MEMORY}")
        except FormatError as error:
            raise DeployError(f"{error}; look which container serves, then remove {self.name}") from None

    async def remember(self, memory: Memory) -> None:
        """Remember, whole or not at all.

        The engine unpacks one file after the other, taking an old one away first: one of the two is always whole.
        """
        data = memory.to_json()
        packed = containers.archive({FRESH: data, MEMORY: data})
        await self.engine.put(f"/containers/{of(self.name)}/archive", packed, path=FOLDER)

    async def share(self, shares: Mapping[str, int]) -> None:
        """Share new connections out among the revisions there (`host:port`), in percent, from the next one on."""
        text = "\n".join(f"{address} {percent}" for address, percent in shares.items() if percent)
        await containers.write(self.engine, self.name, FOLDER, BACKEND, text.encode())

    async def shares(self) -> dict[str, int]:
        """The share of new connections in percent that each address has; none where nobody serves."""
        raw = await containers.read(self.engine, self.name, f"{FOLDER}/{BACKEND}") or b""
        found: dict[str, int] = {}
        for line in raw.decode(errors="replace").splitlines():
            address, _, share = line.partition(" ")
            if share.isdigit():
                found[address] = int(share)
        return found

    async def remove(self) -> None:
        """Take it away, with what it remembers."""
        await containers.remove(self.engine, self.name, grace=1)
        await network.forget(self.engine, self.owner)

    async def _create(self) -> None:
        if self.image is None:
            raise DeployError(
                "the bot runs in no container here, so there is no image for the front that forwards users' requests;"
                " name one with Python 3.11+ in it: `front: python:3.13-slim`"
            )
        bindings = {f"{LISTENS}/tcp": [{"HostPort": str(self.port)}]} if self.port else {}
        body = {
            "Image": self.image,
            "Entrypoint": ["python3", "-I", "-S", f"{FOLDER}/front.py", f"{FOLDER}/{BACKEND}", str(LISTENS), "0.0.0.0"],  # noqa: S104
            "Cmd": [],
            "Labels": {OWNER: self.owner, ROLE: "front"},
            "ExposedPorts": {f"{LISTENS}/tcp": {}},
            "HostConfig": {
                "NetworkMode": self.network,
                "PortBindings": bindings,
                "RestartPolicy": {"Name": "unless-stopped"},
                "Init": True,
            },
        }
        with contextlib.suppress(Taken):  # another bot made it just now
            await self.engine.post("/containers/create", body, name=self.name)
        files = {"front.py": PROGRAM.read_bytes(), BACKEND: b""}
        packed = containers.archive({f"{FOLDER.lstrip('/')}/{name}": data for name, data in files.items()})
        await self.engine.put(f"/containers/{of(self.name)}/archive", packed, path="/")

    async def _listens(self) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(self._address, LISTENS)
                writer.close()
                return
            if not await containers.runs(self.engine, self.name):
                break
            await asyncio.sleep(0.02)
        said = (await containers.printed(self.engine, self.name, tail=5)).decode(errors="replace").strip()
        raise DeployError(
            f"the front {self.name} does not listen on {self._address}:{LISTENS}: {said[-300:] or 'no word'}"
        )
