"""The kinds of probe, by the YAML key that names each."""

from bot.probes.http import HttpProbe
from bot.probes.journey import JourneyProbe
from bot.probes.probe import Probe
from bot.probes.refuses import RefusesProbe

PROBES: dict[str, type[Probe]] = {
    "http": HttpProbe,
    "journey": JourneyProbe,
    "refuses": RefusesProbe,
}
