"""The load side of the home: appliances behind relays, their programmes, and their starts."""
import math
import zlib
from dataclasses import dataclass

import numpy as np

from .appliances import appliance
from .loads import LoadBank, Start
from .programme import Programme
from .settings import WorldConfig

WANDER_TIME = 15.0  # of the loads' own slow movement [s]


@dataclass(frozen=True)
class Starting:
    """A load that was switched on: index, sample and phase of that moment, and its start."""

    load: int
    sample: int
    phase: float
    start: Start


class House:
    """Appliances, relays and caps of all outlets.

    level : (loads,) how much of each runs now, 0 without supply. [1]
    starting : loads whose start can still be seen.
    A seed and an outlet's id decide its appliance's specimen and programme, whatever else is in the home.
    """

    def __init__(self, config: WorldConfig, seed: int, now: float):
        self._config, self._seed = config, seed
        self.ids = [outlet.id for outlet in config.outlets]
        count = len(self.ids)
        self.relay = np.ones(count, dtype=bool)     # latching relays, left closed
        self.cap = np.full(count, math.inf)         # [W]
        self.switch = np.ones(count, dtype=bool)    # the appliance's own knob
        self._generators = [np.random.default_rng([seed, 100, zlib.crc32(id.encode())]) for id in self.ids]
        self._wandering = np.random.default_rng([seed, 101])
        self._loads: list[tuple] = [()] * count
        self._programmes: list[Programme | None] = [None] * count
        self.next_change = np.full(count, math.inf)
        self.starting: list[Starting] = []
        for outlet, settings in enumerate(config.outlets):
            self._equip(outlet, settings.appliance, now)
        self._rebuild(None)
        self.refresh(0, 0.0, 1.0)
        self.starting.clear()  # the home has been running for long

    def plug(self, outlet: int, kind: str, now: float) -> None:
        """Put another appliance behind an outlet, '' for none. ValueError where the library has none of that kind."""
        appliance(kind)
        kept = [self.level[self.bank.outlet == k] for k in range(len(self.ids))]
        kept[outlet] = None
        self._equip(outlet, kind, now)
        self._rebuild(kept)

    def advance(self, now: float, until: float) -> None:
        """Put every programme that changes before `until` into its next phase."""
        for outlet in np.flatnonzero(self.next_change < until).tolist():
            programme = self._programmes[outlet]
            programme.advance(now)
            self.next_change[outlet] = programme.next_change

    def pause(self, alive: bool, duration: float) -> None:
        """Tell programmes without supply that `duration` [s] went by."""
        for outlet in np.flatnonzero(~(self.relay & self.switch & alive)).tolist():
            if self._programmes[outlet] is not None:
                self._programmes[outlet].unpowered(duration)
                self.next_change[outlet] = self._programmes[outlet].next_change

    def wander(self, duration: float) -> None:
        """Let the loads' own movement go on for `duration` [s]."""
        keep = math.exp(-duration / WANDER_TIME)
        self._drift *= keep
        self._drift += math.sqrt(1 - keep * keep) * self._wandering.standard_normal(self.bank.count)

    def power_cycle(self) -> None:
        """Note that the supply was away long enough for every load to start again."""
        self.level[:] = 0.0
        self.starting.clear()

    def refresh(self, sample: int, phase: float, frequency: float) -> None:
        """Bring levels up to relays, knobs, programmes, caps and frequency (over nominal); note what starts."""
        bank = self.bank
        programmed = np.array([level for programme, of in zip(self._programmes, bank.loads, strict=True)
                               for level in (programme.levels if programme else (0.0,) * len(of))])
        level = np.where((self.relay & self.switch)[bank.outlet], programmed, 0.0)
        level *= 1 + np.clip(bank.wander * self._drift, -0.5, 0.5)
        level *= self._throttle(level)
        level *= 1 + bank.damping * (frequency - 1)
        fresh = (level > 0) & (self.level <= 0) & (bank.start_duration > 0)
        if self.starting:
            self.starting = [s for s in self.starting if level[s.load] > 0]
        for load in np.flatnonzero(fresh).tolist():
            self.starting.append(Starting(load, sample, phase, bank.starts[load]))
        self.level = level

    def forget_starts(self, sample: int, sampling_rate: float) -> None:
        """Drop the starts that are over."""
        self.starting = [s for s in self.starting
                         if (sample - s.sample) / sampling_rate < self.bank.start_duration[s.load]]

    def _throttle(self, level: np.ndarray) -> np.ndarray:
        """Return the share each load may run at under its outlet's cap; 0 where it would have to go below its least."""
        capped = np.isfinite(self.cap)
        if not capped.any():
            return np.ones(len(level))
        bank = self.bank
        can = ~np.isnan(bank.throttle_min)
        power = level * bank.power
        fixed, flexible = (bank.per_outlet(np.where(which, power, 0.0)) for which in (~can, can))
        share = np.clip((self.cap - fixed) / np.maximum(flexible, 1e-9), 0.0, 1.0)[bank.outlet]
        share = np.where(share < np.nan_to_num(bank.throttle_min), 0.0, share)
        return np.where(can & capped[bank.outlet], share, 1.0)

    def _equip(self, outlet: int, kind: str, now: float) -> None:
        chosen, generator = appliance(kind), self._generators[outlet]
        if chosen is None:
            self._loads[outlet], self._programmes[outlet] = (), None
            self.next_change[outlet] = math.inf
            return
        specimen = chosen.fitted(self._config.supply.voltage).unit(generator)
        self._loads[outlet] = specimen.loads
        programme = Programme(specimen, generator, now, self._config.pace)
        self._programmes[outlet], self.next_change[outlet] = programme, programme.next_change

    def _rebuild(self, kept: list[np.ndarray | None] | None) -> None:
        """Make the bank anew; `kept` levels of each outlet say which loads go on running without a start."""
        self.bank = LoadBank(self._loads, self._config.supply.voltage)
        self._drift = self._wandering.standard_normal(self.bank.count)
        self.level = np.zeros(self.bank.count)
        self.starting.clear()
        for outlet, level in enumerate(kept or ()):
            if level is not None:
                self.level[self.bank.outlet == outlet] = level
