"""What feeds the home now: grid, sun and each battery, as facts of a card."""
import math

from hub_nodes.dashboard import words
from hub_nodes.dashboard.backend import Backend
from hub_nodes.dashboard.values import GRID, SOLAR
from hub_nodes.dashboard.views import Totals
from hub_nodes.dashboard.widgets import Fact


def flow(value: float | None, gives: str, takes: str, idle: str = 'idle') -> str:
    """Return a signed power as words: '620 W bought'. Positive is `takes`."""
    if value is None or math.isnan(value):
        return words.DASH
    return idle if abs(value) < 0.5 else f'{words.power(abs(value))} {takes if value > 0 else gives}'


def stored(power: float | None, charge: float | None) -> str:
    """Return what a battery does and how full it is: '800 W charging · 64 %'."""
    full = '' if charge is None or math.isnan(charge) else words.percent(charge)
    does = flow(power, 'given', 'charging')
    return f'{does} · {full}' if full and does != words.DASH else full or does


class Sources:
    """Facts of the grid, the sun and the battery; of several batteries all together and each."""

    def __init__(self, backend: Backend) -> None:
        batteries = [name for name in backend.model.sources if name not in (GRID, SOLAR)]
        self._grid, self._solar = Fact(words.source(GRID)), Fact(words.source(SOLAR))
        self._together = Fact('Battery' if len(batteries) == 1 else 'All batteries') if batteries else None
        self._each = {name: Fact(words.source(name)) for name in batteries} if len(batteries) > 1 else {}

    def refresh(self, totals: Totals) -> None:
        """Show how things are."""
        self._grid.say(flow(totals.grid, 'sold', 'bought'))
        self._solar.say(words.power(totals.solar))
        if self._together:
            self._together.say(stored(totals.battery, totals.charge))
        for store in totals.batteries:
            if store.name in self._each:
                self._each[store.name].say(stored(store.power, store.charge))
