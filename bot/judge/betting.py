"""Evidence that adds up over sessions: an e-value for each, which may be multiplied as often as anybody likes.

Under the null hypothesis the sign of each pair's score is a fair coin. Who stakes a share tanh(b |d|) of the capital on
"worse" for a score of size |d| has, after the pair, 1 + tanh(b d) times as much, and one time as much on average: the
capital is a nonnegative martingale, and exceeds 1/a with a probability of at most a (Ville, 1939), however often one looks
and whenever one stops. Sessions multiply. The bets b are a grid, whose capitals are averaged (Shafer, 2021, J. R. Stat.
Soc. A 184, 407; Ramdas and others, 2023, Stat. Sci. 38, 576). The boundaries of group-sequential looks have no such
property: to begin again with them after an inconclusive session would be to try until it passes.
"""

import math
from collections.abc import Sequence

BETS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""For effects from a tenth of a standard deviation of the score to several of them."""


def log_capital(scores: Sequence[float], lost: int = 0, most: float = 0.0) -> float:
    """The natural logarithm of what is left of one unit, staked on "the scores are more than nothing".

    Each of `lost` rounds is one that went against the bet as far as a round can.
    """
    logs = [
        math.fsum(math.log1p(math.tanh(bet * each)) for each in scores) + lost * math.log1p(-math.tanh(bet * most))
        for bet in BETS
    ]
    top = max(logs)
    return top + math.log(math.fsum(math.exp(each - top) for each in logs) / len(logs))
