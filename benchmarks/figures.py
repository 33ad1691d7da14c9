"""What every benchmark ends in: its figures, each beside what it is to beat, and one JSON object as the last line."""

import json
import operator

_COMPARES = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt}


def holds(value: float, bar: str) -> bool:
    """Whether a value is as its bar asks; an empty bar asks for nothing.

    >>> holds(1.2, "<= 1.3"), holds(200, "< 200"), holds(7, "")
    (True, False, True)
    """
    if not bar:
        return True
    sign, number = bar.split()
    return bool(_COMPARES[sign](value, float(number)))


class Figures:
    """Figures by name."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, object]] = {}

    def keep(self, name: str, value: float, bar: str = "") -> None:
        """Keep a figure for the last line; `bar` is `< 200`, `<= 0.05`, or nothing where it is only shown."""
        value = round(value, 4)
        self._known[name] = {"value": value, "bar": bar, "holds": holds(value, bar)}

    def say(self, name: str, value: float, bar: str = "") -> None:
        """Print a figure beside its bar, and keep it."""
        self.keep(name, value, bar)
        missed = "" if holds(round(value, 4), bar) else "   missed"
        print(f"{name:68} {value:10.4g}   {bar}{missed}", flush=True)

    def end(self) -> None:
        """Print the last line."""
        print(json.dumps({"figures": self._known}))
