"""A network that loses, delays, doubles and reorders messages, and can be cut in one direction only."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from hearthgrid_core.settings import check_bounds, setting

UNKNOWN = (False, -math.inf)  # a link nobody has used yet


@dataclass(frozen=True)
class RadioSettings:
    """Loss is independent a message, or in bursts a link (Gilbert 1960, Elliott 1963) of the same mean."""

    loss: float = setting(0.2, '1', 0.0, 0.9, 'Mean share of messages lost on a link.')
    burst: float = setting(0.0, 's', 0.0, 10.0, 'Mean length of a burst in which all is lost; 0 = independent loss.')
    delay_min: float = setting(0.001, 's', 0.0, 1.0, 'Shortest delay.')
    delay_max: float = setting(0.015, 's', 0.0, 1.0, 'Longest delay; uniform, so messages overtake each other.')
    duplicates: float = setting(0.1, '1', 0.0, 1.0, 'Share of messages that arrive twice.')

    def __post_init__(self) -> None:
        check_bounds(self)
        if self.delay_max < self.delay_min:
            raise ValueError('delay_max must not be below delay_min')


class Radio:
    """Links between numbered stations. All chance comes from `rng`."""

    def __init__(self, settings: RadioSettings, rng: Random) -> None:
        self._s, self._random, self._exponential = settings, rng.random, rng.expovariate
        self._chances = (settings.delay_min, settings.delay_max - settings.delay_min, settings.loss,
                         bool(settings.burst and settings.loss), settings.duplicates)
        self._links: dict[tuple[int, int], tuple[bool, float]] = {}  # (in a burst, until [s])
        self.cut: set[tuple[int, int]] = set()  # (from, to): nothing passes
        self.silent = False  # the access point is dead

    def arrivals(self, now: float, sender: int, receiver: int) -> tuple[float, ...]:
        """Return when a message sent now arrives: never, once or twice. [s]"""
        return tuple(at for at, _ in self.broadcast(now, sender, (receiver,)))

    def broadcast(self, now: float, sender: int, receivers: Iterable[int]) -> list[tuple[float, int]]:
        """Return when a message sent now arrives [s], and where; nobody hears itself."""
        out: list[tuple[float, int]] = []
        if self.silent:
            return out
        random, links, cut = self._random, self._links, self.cut
        least, span, loss, bursts, duplicates = self._chances
        soonest = now + least
        for receiver in receivers:
            if receiver == sender or cut and (sender, receiver) in cut:
                continue
            if bursts:
                bad, until = links.get((sender, receiver), UNKNOWN)
                if self._in_burst(now, (sender, receiver)) if until <= now else bad:
                    continue
            elif random() < loss:
                continue
            out.append((soonest + span * random(), receiver))
            if random() < duplicates:
                out.append((soonest + span * random(), receiver))
        return out

    def _in_burst(self, now: float, link: tuple[int, int]) -> bool:
        s = self._s
        quiet = s.burst * (1.0 - s.loss) / s.loss
        if link not in self._links:
            bad = self._random() < s.loss
            self._links[link] = bad, now + self._exponential(1.0 / (s.burst if bad else quiet))
        bad, until = self._links[link]
        while until <= now:
            bad = not bad
            until += self._exponential(1.0 / (s.burst if bad else quiet))
        self._links[link] = bad, until
        return bad
