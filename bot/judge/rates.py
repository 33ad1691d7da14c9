"""Failures that one side had and the other had not: exact tests."""

import math


def paired_p(worse: int, better: int) -> float:
    """One-sided exact p of "after fails more often": McNemar's test (1947) on the rounds in which the sides differ.

    `worse` rounds failed after and not before, `better` the other way round; under the null each is a fair coin.
    """
    rounds = worse + better
    return math.fsum(math.comb(rounds, k) for k in range(worse, rounds + 1)) / float(2**rounds)


def unpaired_p(failed_before: int, before: int, failed_after: int, after: int) -> float:
    """One-sided exact p of "after fails more often": Fisher's test (1935)."""
    failed = failed_before + failed_after
    most = min(failed, after)
    ways = math.comb(before + after, failed)
    tail = math.fsum(math.comb(after, k) * math.comb(before, failed - k) for k in range(failed_after, most + 1))
    return tail / ways if ways else 1.0
