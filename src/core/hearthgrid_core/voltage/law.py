"""The law of conservation voltage reduction, for any number of feeders at once: the node's is an array of one.

Everything is told in voltages as they would be at the neutral tap, so that a tap on its way does not confuse it. Two
uncertainties are learned from what the voltage did. *Fast*: the most it changed, either way, within the reaction time,
remembered with a slow fade and multiplied by a caution; the lowest outlet is kept that far above its limit and the
highest that far below, and a little more for what was never seen. Where both cannot be had, both get the same share.
*Slow*: the change over a dwell that is exceeded in one dwell of ten (stochastic quantile); only
moves that save energy keep this room too, so that the tap seldom has to go back.

Blind: the tap stays for a moment, then goes to the middle of what the days before brought at this hour and the two
around it. Neutral would be no safer: as supplied may be what is out of limits. Nor would staying:
what served at noon does not serve in the evening.

Tap wear: a bucket of tap steps that a day's allowance refills. A saving move pays for its way back as well; raising a
low voltage is never refused.
"""
import math
from enum import IntEnum

import numpy as np

from .settings import DAY, LawSettings

RATE = 0.0005           # of the quantile's learning, over nominal
SAVE_MAX = 2            # taps of one saving move
CALMER = 0.5            # the highest outlet's first day over the lowest's: what switches on pulls down farther than up
STAY = 0.9              # of the best share of the margins: where both limits are near, a move also costs one side
RELAX = 0.001           # by which an hour's remembered extreme is forgotten in a day, over nominal


class Cause(IntEnum):
    """Why the tap is where it is wanted."""

    HOLD = 0        # nothing to gain
    LOWER = 1       # saves energy
    RAISE = 2       # the lowest outlet is near its limit
    CUT = 3         # the highest outlet is near its limit
    SPREAD = 4      # no tap keeps both margins: midway
    WORN = 5        # the allowance of tap steps is used up
    DWELL = 6       # the last move was a moment ago
    BLIND = 7       # telemetry is lost: the tap stays
    RETREAT = 8     # telemetry is lost for longer: the tap that served this hour of the days before


class Window:
    """Extremes over the last one to two spans, of arrays, in constant memory."""

    def __init__(self, count: int, span: float) -> None:
        self._span = span
        self._begun = -math.inf
        self._last, self._this = np.full(count, -np.inf), np.full(count, -np.inf)

    def push(self, now: float, value: np.ndarray) -> tuple[np.ndarray, bool]:
        """Take values (count,) in and return the largest, before these too; and whether a span ended."""
        ended = now - self._begun >= self._span - 1e-6
        if ended:
            self._begun, self._last = now, self._this
            self._this = value.copy()
        else:
            self._this = np.maximum(self._this, value)
        return np.maximum(self._last, self._this), ended

    def clear(self, where: np.ndarray) -> None:
        """Forget some."""
        self._last[where] = self._this[where] = -np.inf


class _Side:
    """What was learned of one extreme: how far it falls. The highest is looked at upside down."""

    def __init__(self, settings: LawSettings, count: int, first: float) -> None:
        """first : margin of the first day, over nominal."""
        self._s, self._first = settings, first
        self.fast, self._known = np.zeros(count), np.zeros(count)  # [1], and for how long it was looked at [s]
        self.slow = np.full(count, settings.step)
        self._recent, self._dwell = Window(count, settings.reaction), Window(count, settings.dwell)
        self._hours = np.full((count, 24), np.inf)      # the least of each hour of the day
        self._began = np.full(count, np.nan)    # of the dwell under way
        self._least = np.full(count, np.inf)

    def learn(self, now: float, elapsed: float, level: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """Take levels (count,) in; return the least of the last dwells."""
        s = self._s
        for window in (self._recent, self._dwell):
            window.clear(~valid)
        self._began[~valid] = np.nan
        seen = np.where(valid, level, -np.inf)
        highest, _ = self._recent.push(now, seen)
        fall = np.where(valid, highest - level, 0.0)
        fade = math.exp(-elapsed / (s.memory * DAY))
        self.fast = np.maximum(self.fast * fade, fall)
        self._known += np.where(valid, elapsed, 0.0)
        hour = self._hours[:, int(now % DAY // 3600)]
        hour[:] = np.where(valid, np.minimum(hour + RELAX * 24 * elapsed / DAY, level), hour)
        least, ended = self._dwell.push(now, np.where(valid, -level, -np.inf))
        self._least = np.minimum(self._least, np.where(valid, level, np.inf))
        if ended:
            known = np.isfinite(self._began) & valid
            beyond = self._began - self._least > self.slow
            change = RATE * np.where(beyond, s.quantile, s.quantile - 1)
            self.slow = np.where(known, np.maximum(0.0, self.slow + change), self.slow)
            self._began, self._least = np.where(valid, level, np.nan), np.where(valid, level, np.inf)
        return -least

    @property
    def margin(self) -> np.ndarray:
        """To the limit, (count,) over nominal."""
        s = self._s
        left = np.clip((s.novice * DAY - self._known) / ((s.novice - 1) * DAY), 0.0, 1.0)
        return s.accuracy + np.maximum(s.margin_min + s.caution * self.fast, self._first * left)

    def about(self, now: float) -> np.ndarray:
        """Return the least of this hour and the two around it on the days before, else of the last one seen; (count,).

        On a first evening noon is no guide: its sun would have the tap far too low.
        """
        hour = int(now % DAY // 3600)
        near = self._hours[:, [(hour - 1) % 24, hour, (hour + 1) % 24]].min(axis=1)
        for back in range(2, 23):
            near = np.where(np.isfinite(near), near, self._hours[:, (hour - back) % 24])
        return near


class Law:
    """Decides the taps of `count` feeders. Time [s] is an argument and runs forward."""

    def __init__(self, settings: LawSettings, count: int = 1) -> None:
        s = self.settings = settings
        self._now = math.nan
        self._low = _Side(s, count, s.margin_first)
        self._high = _Side(s, count, s.margin_first * CALMER)
        self._moved = np.full(count, -np.inf)
        self._whole_since = np.full(count, np.inf)
        self._seen = np.full(count, -np.inf)
        self.allowance = np.full(count, s.operations_max / 2)
        self.target = np.zeros(count, dtype=int)
        self._last_tap: np.ndarray | None = None

    @property
    def margins(self) -> tuple[np.ndarray, np.ndarray]:
        """How far the lowest and the highest outlet are kept from their limits, (count,) each. [1]"""
        return self._low.margin, self._high.margin

    def step(self, now: float, low: np.ndarray, high: np.ndarray, tap: np.ndarray,
             valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the taps wanted and their `Cause`, (count,) each.

        low, high : (count,) of the lowest and the highest outlet over nominal [1]     tap : where each regulator is
        valid : (count,) whether low and high tell of all outlets, now. ValueError where time runs backward.
        """
        s = self.settings
        elapsed = 0.0 if math.isnan(self._now) else now - self._now
        if not elapsed >= 0:
            raise ValueError(f'time ran from {self._now} to {now} s')
        self._now = now
        if self._last_tap is None:
            self.target = np.array(tap)     # whoever set it before had reasons
        self._account(elapsed, tap)
        bare_low, bare_high = (np.where(valid, v, 1.0) - tap * s.step for v in (low, high))    # at the neutral tap
        recent_low = self._low.learn(now, elapsed, bare_low, valid)
        self._high.learn(now, elapsed, -bare_high, valid)
        floor, ceiling = s.voltage_min + self._low.margin, s.voltage_max - self._high.margin
        least = np.ceil((floor - bare_low) / s.step - 1e-9)             # taps that serve now
        most = np.floor((ceiling - bare_high) / s.step + 1e-9)
        target, cause = self.target.astype(float), np.full(np.shape(tap), Cause.HOLD)
        room = (recent_low + target * s.step - floor - self._low.slow) / s.step - s.hysteresis
        lower = np.clip(np.floor(room / s.sensitivity), 0, SAVE_MAX)
        wish = lower > 0
        paid = np.minimum(lower, np.floor(np.maximum(self.allowance, 0.0) / 2))
        ready = (now - self._moved >= s.dwell - 1e-6) & (now - self._whole_since >= s.settle - 1e-6)
        go = wish & ready & (paid > 0)
        cause = np.select([go, wish & ~ready, wish], [Cause.LOWER, Cause.DWELL, Cause.WORN], cause)
        target = np.where(go, target - paid, target)
        best = self._between(bare_low, bare_high)
        spread = np.where(self._share(bare_low, bare_high, self.target)
                          < STAY * self._share(bare_low, bare_high, best), best, self.target)
        for rows, to, why in ((target < least, least, Cause.RAISE), (target > most, most, Cause.CUT),
                              (least > most, spread, Cause.SPREAD)):
            target, cause = np.where(rows, to, target), np.where(rows, why, cause)
        target = np.where(valid, np.clip(target, s.tap_min, s.tap_max), self.target)
        cause = np.where(valid, cause, Cause.BLIND)
        lost = ~valid & (now - self._seen > s.patience)
        target = np.where(lost, self._retreat(now), target)
        cause = np.where(lost, Cause.RETREAT, cause)
        self._seen = np.where(valid, now, np.where(np.isinf(self._seen), now, self._seen))
        self._whole_since = np.where(valid, np.minimum(self._whole_since, now), np.inf)
        target = target.astype(int)
        self._moved = np.where(target != self.target, now, self._moved)
        self.target = target
        return target, cause.astype(int)

    def _retreat(self, now: float) -> np.ndarray:
        """Return the taps (count,) farthest from what this hour brought before; neutral where nothing is known."""
        s = self.settings
        low, high = self._low.about(now), -self._high.about(now)
        known = np.isfinite(low)
        tap = self._between(np.where(known, low, 1.0), np.where(known, high, 1.0))
        return np.where(known, np.clip(tap, s.tap_min, s.tap_max), 0)

    def _between(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Return the taps (count,) that leave both sides the same share of their margins."""
        s = self.settings
        below, above = self.margins
        least, most = s.voltage_min - low, s.voltage_max - high
        lower = np.floor((least + (most - least) * below / (below + above)) / s.step)
        return np.where(self._share(low, high, lower) >= self._share(low, high, lower + 1), lower, lower + 1)

    def _share(self, low: np.ndarray, high: np.ndarray, tap: np.ndarray) -> np.ndarray:
        """Return the lesser of what a tap leaves of the two margins, (count,) [1]."""
        s, (below, above) = self.settings, self.margins
        return np.minimum((low + tap * s.step - s.voltage_min) / below, (s.voltage_max - high - tap * s.step) / above)

    def _account(self, elapsed: float, tap: np.ndarray) -> None:
        """Refill the allowance and take off the steps the regulator made."""
        s = self.settings
        made = np.abs(tap - self._last_tap) if self._last_tap is not None else 0
        self.allowance = np.clip(self.allowance + elapsed / DAY * s.operations_max - made, -s.operations_max,
                                 s.operations_max)
        self._last_tap = np.array(tap)
