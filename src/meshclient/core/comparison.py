"""Whether one endpoint does worse than the others, told from few samples.

An endpoint is compared with all others together, itself left out. Comparing it with a mean that it is part of, in
units of a deviation that it has itself widened, can never find one bad endpoint of four, nor two of nine (Envoy's and
gRPC's success-rate rule: with one outlier among n its distance is sqrt(n - 1) deviations, and 1.9 are asked for).
Where all fail alike nobody is worse: then it is the service, and not the endpoint.
"""

from __future__ import annotations

from math import sqrt

# A streak of failures is blamed on the endpoint if peers as bad as they are would produce it this rarely.
RARE = 0.0001
# Failure ratios count as different from this many standard errors on (one-sided 0.05 %; every failure is another look,
# so that the usual 1.64 or 2.33 would condemn equals within minutes) ...
DEVIATIONS = 3.3
# ... and from this difference on, however many samples make a smaller one significant.
MARGIN = 0.15


def streak_is_its_own(failures: int, peers_good: int, peers_bad: int) -> bool:
    """Whether `failures` in a row are more than bad luck at the rate at which the others failed in the same time.

    The others' failure rate is taken as ``(bad + 1) / (good + bad + 1)``, which is 1 while they have only failed: then
    nobody is to blame.
    """
    rate = (peers_bad + 1) / (peers_good + peers_bad + 1)
    # The exponent is bounded so that a float can hold the result.
    return rate ** min(failures, 1000) <= RARE


def ratio_is_worse(bad: int, total: int, peers_bad: int, peers_total: int) -> bool:
    """Whether the failure ratio ``bad / total`` is worse than the others', by a one-sided test of two proportions.

    With a pooled variance, as in D. C. Montgomery, "Introduction to Statistical Quality Control", section 4.4; False
    where either side has no sample.
    """
    if not total or not peers_total:
        return False
    difference = bad / total - peers_bad / peers_total
    if difference < MARGIN:
        return False
    pooled = (bad + peers_bad) / (total + peers_total)
    error = sqrt(pooled * (1 - pooled) * (1 / total + 1 / peers_total))
    return difference >= DEVIATIONS * error
