"""The idea's first rule, kept as a baseline: every outlet, with some probability, leads and tells the others."""

from random import Random


def leaders(rng: Random, outlets: int, loss: float, probability: float | None = None) -> int:
    """Return how many leaders an outage ends with.

    In every slot, longer than any delay, each outlet without a leader becomes one with `probability` (1/outlets unless
    given) and tells all others once; each hears it unless lost. Whoever leads does not listen any more.
    """
    p = 1.0 / outlets if probability is None else probability
    undecided, lead = outlets, 0
    while undecided:
        new = sum(rng.random() < p for _ in range(undecided))
        lead += new
        undecided -= new
        if new:  # to stay undecided, an outlet must lose every one of them
            undecided = sum(rng.random() < loss**new for _ in range(undecided))
    return lead
