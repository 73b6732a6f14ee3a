"""Carries samples, the tie's word and a leader's to the outlet's own shedding in an island."""
from hearthgrid_core.island.local_shedding import LocalSettings, LocalShedding
from hearthgrid_core.outlet import Block, OutletController


class Droop:
    """What an outlet sheds by its own eyes."""

    def __init__(self, settings: LocalSettings, outlet: str, controller: OutletController) -> None:
        self._shedding, self._controller = LocalShedding(settings, outlet), controller
        self.tie = self._shedding.tie

    def look(self, now: float, block: Block) -> None:
        """Take in a block that has passed for one."""
        self._shedding.step(now, block.stamp, block.voltage * block.voltage_scale, block.sampling_rate,
                            block.nominal_frequency, self._controller.priority, self._controller.rank)

    def word(self, now: float) -> str:
        """Return why the outlet is to be off, '' = it may be on."""
        c = self._controller
        led = c.requests.gate.cap(now) > 0.0 if c.requests.governed(now) else None
        return self._shedding.held(now, led, c.demand, c.priority, c.rank)
