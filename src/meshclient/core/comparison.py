"""Whether one endpoint does worse than the others, told from few samples.

An endpoint is compared with all others together, itself left out. Comparing it with a mean that it is part of, in
units of a deviation that it has itself widened, can never find one bad endpoint of four, nor two of nine (Envoy's and
gRPC's success-rate rule: with one outlier among n its distance is sqrt(n - 1) deviations, and 1.9 are asked for).
Where all fail alike nobody is worse: then it is the service, and not the endpoint.
"""

from __future__ import annotations

from math import log

# An endpoint is blamed if peers as bad as they are would fail so often as rarely as this. Every failure is another look
# at the numbers, so that the usual one in twenty or a hundred would condemn equals within minutes.
RARE = 1e-5
# And only from this difference of the failure ratios on, however many samples make a smaller one significant.
MARGIN = 0.15
_SURPRISE = -log(RARE)


def is_worse(bad: int, total: int, peers_bad: int, peers_total: int) -> bool:
    """Whether `bad` failures of `total` attempts are more than bad luck at the rate at which the others failed.

    By the Chernoff bound (H. Chernoff, Annals of Mathematical Statistics 23, 1952): at a rate p at least k of n fail
    with a probability of at most ``exp(-n * D)``, where D is the divergence of k / n from p. It holds for any n, unlike
    a test by standard errors, which takes four failures of five for one in a million at a rate of a tenth. For a streak
    of k failures it is ``p ** k``.

    The others' rate is taken as ``(bad + 1) / (total + 1)``, which is 1 while they have only failed, or were not tried:
    then nobody is to blame.
    """
    if not bad:
        return False
    own, peers = bad / total, (peers_bad + 1) / (peers_total + 1)
    if own - peers < MARGIN:
        return False
    surprise = bad * log(own / peers)
    if bad < total:
        surprise += (total - bad) * log((1 - own) / (1 - peers))
    return surprise >= _SURPRISE
