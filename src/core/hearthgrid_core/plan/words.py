"""Why the plan is as it is, in words: read from what a further kWh costs in each step (the duals)."""
import numpy as np

from .device import KILO, Context
from .grid import Grid

NOTICED = 0.02      # difference of price that is worth a word, of the mean import price
LIKELY = 0.03       # of the bill: what a longer search might save, before it is said


def explain(grid: Grid, power: np.ndarray, price: np.ndarray, context: Context) -> list[str]:
    """Return what shapes the plan. power : (n,) net import [W]     price : (n,) of a further kWh [currency/kWh]"""
    horizon, say, currency = context.horizon, context.say_time, context.currency
    worth_a_word = NOTICED * max(float(np.abs(grid.import_price).mean()), 1e-6)
    words = []
    low, high = int(np.argmin(price)), int(np.argmax(price))
    if price[high] - price[low] > worth_a_word:
        words.append(f'a further kWh costs least about {say(horizon.edges[low])} ({price[low]:.3f} {currency}) and '
                     f'most about {say(horizon.edges[high])} ({price[high]:.3f})')
    for name, bound, gain in (('import', power >= grid.import_max - 1.0, price - grid.import_price),
                              ('export', -power >= grid.export_max - 1.0, grid.export_price - price)):
        at = np.flatnonzero(bound & (gain > worth_a_word))
        if len(at):
            limit = (grid.import_max if name == 'import' else grid.export_max)[at[0]]
            words.append(f'the {name} limit of {limit / KILO:.1f} kW shapes the plan between '
                         f'{say(horizon.edges[at[0]])} and {say(horizon.edges[at[-1] + 1])}: '
                         f'a kWh more there would be worth {float(gain[at].max()):.3f} {currency}')
    tariff, peak = grid.tariff, float(power.max())
    if tariff.peak_price > 0 and peak > 1.0:
        saves = 'costs nothing more than before' if peak <= tariff.peak_before + 1.0 else \
            f'a kW less would save {tariff.peak_price:.2f} {currency}'
        words.append(f'the highest import is {peak / KILO:.1f} kW, about {say(horizon.edges[int(np.argmax(power))])}: '
                     f'{saves}')
    paid = np.flatnonzero(price < -worth_a_word)
    if len(paid):
        words.append(f'using energy is paid for from {say(horizon.edges[paid[0]])} '
                     f'({float(price[paid].min()):.3f} {currency}/kWh at best)')
    return words
