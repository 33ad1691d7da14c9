"""What `traffic` should be at each act: shares by the revisions' names, others' tags untouched, two tags of ours."""

from dataclasses import dataclass

from bot.deploy.cloud_run import traffic
from bot.deploy.cloud_run.note import Note
from bot.deploy.cloud_run.service import Service
from bot.deploy.cloud_run.traffic import Share, Shares


@dataclass(frozen=True)
class Sharing:
    """The two tags that are ours: the candidate's and that of the revision before."""

    new: str
    old: str

    def foreign(self, shares: Shares) -> Shares:
        """The traffic without our tags."""
        bare = (each.model_copy(update={"tag": None}) if each.tag in (self.new, self.old) else each for each in shares)
        return tuple(each for each in bare if each.percent or each.tag)

    def tags(self, note: Note) -> Shares:
        """Our tags, without traffic."""
        pairs = ((note.candidate, self.new), (note.previous, self.old))
        return tuple(Share(revision=name, tag=tag) for name, tag in pairs if name)

    def found(self, service: Service, bot: str, pin: str | None) -> Note:
        """What is to be remembered of a service before anything is done to it.

        `pin` is the revision on which an earlier rollback left a service that had followed the latest revision. What
        was asked for and could not be given (`Service.stuck`) is not what users had: that is what it goes back to.
        """
        shares = service.percents()
        before = shares if service.stuck() else service.asked() if shares else {}
        return Note(
            bot=bot,
            act="baseline",
            previous=traffic.largest(shares),
            before=tuple(Share(revision=name, percent=percent) for name, percent in before.items()),
            followed=service.follows_latest() or (pin is not None and service.asked() == {pin: 100}),
        )

    def looked_at(self, service: Service, note: Note) -> Shares:
        """Nothing moves; the revision before gets its tag."""
        if service.stuck() or service.unserved():
            return self.restored(service, note)
        return (*self.foreign(service.traffic), *self.tags(note))

    def promoted(self, service: Service, note: Note, percent: int) -> Shares:
        """The candidate has this percentage, and those before share the rest."""
        parts = (Share(revision=name, percent=each) for name, each in wanted(note, percent).items())
        return (*parts, *self._others(service), *self.tags(note))

    def restored(self, service: Service, note: Note) -> Shares:
        """The traffic is as it was found."""
        return (*note.before, *self._others(service), *self.tags(note))

    def accepted(self, service: Service, note: Note) -> Shares:
        """The candidate has it all: as the latest revision, where the traffic followed that; our tags stay."""
        newest = service.latest_created == service.latest_ready == note.candidate
        share = Share(revision=None if note.followed and newest else note.candidate, percent=100)
        return (share, *self._others(service), *self.tags(note))

    def _others(self, service: Service) -> Shares:
        lost = {each.tag for each in service.unserved()}
        return tuple(each for each in traffic.tags(self.foreign(service.traffic)) if each.tag not in lost)


def wanted(note: Note, percent: int) -> dict[str, int]:
    """The percentages at this one of the candidate."""
    assert note.candidate is not None
    return traffic.split(before(note), note.candidate, percent)


def before(note: Note) -> dict[str, int]:
    """The percentages as they were found."""
    return traffic.percents(note.before, None)
