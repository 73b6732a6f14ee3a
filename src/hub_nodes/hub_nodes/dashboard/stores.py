"""The batteries of a home: what each told of its charge, and all together."""
import math
from collections.abc import Callable, Mapping

from hub_nodes.dashboard import values
from hub_nodes.dashboard.values import NAN
from hub_nodes.dashboard.views import Store
from hub_nodes.dashboard.words import source


class Stores:
    """Batteries by name. `sizes` : what each holds [kWh]. Not safe between threads."""

    def __init__(self, sizes: Mapping[str, float]) -> None:
        self._sizes = dict(sizes)
        self._told: dict[str, float] = {}

    def __iter__(self):
        return iter(self._sizes)

    def put(self, value: values.Battery) -> None:
        """Take in what a battery tells. ValueError for one the home has not."""
        if value.name not in self._sizes:
            raise ValueError(f'the home has no battery {value.name}')
        self._told[value.name] = value.charge

    def charges(self) -> dict[str, float]:
        """Return the charge of each battery that knows it, 0 … 1."""
        return {name: charge for name, charge in self._told.items() if math.isfinite(charge)}

    def charge(self) -> float | None:
        """Return the charge of those that know it, together, by what they hold. None: none spoke. NaN: none knows."""
        if not self._told:
            return None
        known = self.charges()
        size = math.fsum(self._sizes[name] for name in known)
        return math.fsum(self._sizes[name] * charge for name, charge in known.items()) / size if size else NAN

    def now(self, power: Callable[[str], float | None]) -> tuple[Store, ...]:
        """Return each battery that was ever heard of. power : of one by name [W], None = never heard of"""
        charges, drawn = self.charges(), {name: power(name) for name in self._sizes}
        return tuple(Store(name, source(name), NAN if watts is None else watts, charges.get(name, NAN))
                     for name, watts in drawn.items() if watts is not None or name in self._told)
