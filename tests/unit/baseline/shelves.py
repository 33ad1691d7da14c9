"""The ports of the stores, in memory: artifacts that are never changed, and a branch that moves only from its tip."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from bot.baseline.artifact import Offer
from bot.model import digest
from bot.model.errors import GitHubError


@dataclass(frozen=True)
class Made:
    """One artifact."""

    number: int
    created: str
    run: int
    data: bytes

    def read(self) -> tuple[bytes | None, str]:
        return self.data, ""


@dataclass
class Shelf:
    """Artifacts. `strangers` are commits that the deployed one does not stand on; `now` is GitHub's clock."""

    down: bool = False
    now: str = "2026-01-02T03:04:05Z"
    strangers: set[str] = field(default_factory=set)
    kept: dict[str, list[Made]] = field(default_factory=dict)
    read: int = 0

    def upload(self, name: str, data: bytes) -> int:
        self._up()
        number = 1 + sum(len(each) for each in self.kept.values())
        self.kept.setdefault(name, []).append(Made(number, self.now, 7, data))
        return number

    def offers(self, name: str, *, ancestors: bool = True) -> Iterator[Offer | str]:
        del ancestors
        self._up()
        for each in reversed(self.kept.get(name, [])):
            self.read += 1
            yield each

    def stranger(self, commit: str) -> str | None:
        return "its commit is no ancestor of this one" if commit in self.strangers else None

    def _up(self) -> None:
        if self.down:
            raise GitHubError("out of reach")


@dataclass(frozen=True)
class Content:
    """One file of the branch."""

    data: bytes

    @property
    def blob(self) -> str:
        return digest(self.data)

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self) -> bytes:
        return self.data


@dataclass
class Branch:
    """A branch of files. `meanwhile` is what somebody else does between the first reading and the writing."""

    strangers: set[str] = field(default_factory=set)
    tree: dict[str, bytes] = field(default_factory=dict)
    meanwhile: Callable[[], None] | None = None

    def files(self, folder: str) -> dict[str, Content]:
        start = f"{folder}/"
        return {path.removeprefix(start): Content(data) for path, data in self.tree.items() if path.startswith(start)}

    def write(
        self, folder: str, change: Callable[[Mapping[str, Content]], Mapping[str, bytes | None]], message: str
    ) -> None:
        assert message
        changes = change(self.files(folder))
        if self.meanwhile is not None:
            self.meanwhile, act = None, self.meanwhile
            act()
            changes = change(self.files(folder))
        for path, data in changes.items():
            if data is None:
                del self.tree[f"{folder}/{path}"]
            else:
                self.tree[f"{folder}/{path}"] = data

    def stranger(self, commit: str) -> str | None:
        return "its commit is no ancestor of this one" if commit in self.strangers else None

    def unmerged(self) -> str | None:
        return None
