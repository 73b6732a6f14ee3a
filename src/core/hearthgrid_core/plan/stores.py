"""Several batteries at one board: planned as one, because only what they do together crosses the meter."""
import math

import numpy as np

from .situation import BatteryFacts

FULL, UNKNOWN = 1.0, 0.5
ENDS = 1e-3     # so near to empty or full, as a share, it is [1]


def together(stores: list[tuple[BatteryFacts, float]]) -> tuple[BatteryFacts | None, float]:
    """Return the battery that `stores` (each with its charge, 0 … 1) make together, and its charge.

    NaN = not known, of all where of one.     Efficiency and wear are means by capacity. Without any: None, NaN.
    """
    if not stores:
        return None, math.nan
    size = np.array([facts.capacity for facts, _ in stores])
    charge = np.clip([charge for _, charge in stores], 0.0, FULL)

    def mean(name: str) -> float:
        return float(size @ [getattr(facts, name) for facts, _ in stores] / size.sum())

    made = BatteryFacts(float(size.sum()), sum(facts.power_max for facts, _ in stores), mean('efficiency'),
                        mean('reserve'), mean('wear_price'))
    return made, float(size @ charge / size.sum())


def split(power: float, stores: list[tuple[BatteryFacts, float]]) -> list[float]:
    """Return what each of `stores` does of `power`, positive when charging [W].

    By what each has above its reserve, or room for, so that they come to their ends at the same time; what is beyond
    one's power the others take. Below their reserves they give by what is in them at all. Where even all together
    cannot, each does what it can. One whose charge is not known (NaN) counts as half full.
    """
    size = np.array([facts.capacity for facts, _ in stores])
    charge = np.clip(np.nan_to_num([charge for _, charge in stores], nan=UNKNOWN), 0.0, FULL)
    most = np.array([facts.power_max for facts, _ in stores])
    if power > 0:
        tiers = [FULL - charge]
    else:
        reserve = np.minimum([facts.reserve for facts, _ in stores], charge)
        tiers = [charge - reserve, reserve]
    out, left = np.zeros(len(stores)), abs(power)
    for share in tiers:
        weight = np.where(share > ENDS, size * share, 0.0)
        while left > 1e-6 and weight.sum() > 0:
            given = np.minimum(left * weight / weight.sum(), most - out)
            out, left = out + given, left - given.sum()
            weight = np.where(most - out > 1e-6, weight, 0.0)
    return [float(math.copysign(each, power)) for each in out]
