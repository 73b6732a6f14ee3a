"""The habits of one device and what is unlike them, within a budget of false alarms.

Each day of use adds one value to every channel's reference. The evidence of all channels is one sum, R = Σ Rₖ over K
channels; an alarm needs R ≥ K·30.44 / `false_alarms`: the mean of K detectors is one, so the time between false alarms
is at least a month over the budget, where ordinary days are exchangeable (see `tail`). Days of power are not quite (a
new use lasts), so their evidence counts `SPENT` only. The channel that counts most names the alarm.
"""
import math
from collections.abc import Iterable, Mapping
from statistics import median

from .alarm import WELL, Finding, Kind
from .channels import CHANNELS, kind_of, quantity, words
from .course import Course
from .examples import DevicesError
from .past import Past, first_course, used
from .settings import AnomalySettings
from .tail import Tail, evidence, probability_of_fault
from .watch import Watch, nags, numbers

DAY, MONTH = 86400.0, 30.44     # [s], [d]
ALWAYS_ON = 1200.0      # of a device whose usual longest run is longer, runs say nothing [min]
HABITS_VERSION = 1
ENDLESS = 2.0           # times its longest run, from where what runs by itself no longer does
ENDLESS_LEAST = 240     # … and at least so long, a run is endless by itself: no evidence is waited for [min]
SLOW = 3                # days of use it takes to tell a fall: a day without the hot part of a programme is none
SPENT = 0.1             # of the budget channels of power may spend: the rest is for uses that changed
ODD = 3.0               # of more evidence than this a day is learnt only once an ordinary one follows
QUIET = 3.0             # below this sum of evidence nothing has begun


class Habits:
    """Takes whole minutes and what signatures tell; `finding(name)` says what is up. Plain values in `state`."""

    def __init__(self, settings: AnomalySettings) -> None:
        self._settings = settings
        self._watches = {name: Watch(settings.history_days) for name in CHANNELS}
        self._past = Past(settings.history_days)
        self._course: Course | None = None
        self._first: list[tuple[float, float]] = []
        self._day: int | None = None
        self._last = -math.inf
        self._judged: list[str] = []
        self._top = 0.0         # highest minute of today [W]
        self._spoilt = False    # this day's power is partly of a cause that is over: nothing is learnt from it
        self.cyclic = False

    @property
    def days(self) -> int:
        """Days of use that were learnt."""
        return len(self._past)

    @property
    def warm(self) -> bool:
        """Whether enough days of use were seen to judge."""
        return self.days >= self._settings.warm_days

    @property
    def mean(self) -> float:
        """Usual mean power over a day [W], NaN before one."""
        return self._past.mean

    @property
    def most(self) -> float:
        """Highest level of a minute learnt, or of today. [W]"""
        return max(self._top, self._past.most)

    @property
    def up(self) -> list[str]:
        """Channels that are unlike the device now."""
        return [name for name, watch in self._watches.items() if watch.up]

    @property
    def threshold(self) -> float:
        """Evidence that an alarm needs. [1]"""
        return len(self._judged) * MONTH / self._settings.false_alarms

    def _counts(self, names: Iterable[str]) -> float:
        """Return what the evidence of channels counts against `threshold`."""
        return sum(_stake(name) * self._watches[name].weight for name in names)

    def minute(self, end: float, power: float, spread: float = math.nan) -> None:
        """Take a whole minute that ended at `end` [s]: mean power and deviation of the readings within it. [W]"""
        day = int((end - 30.0) // DAY)
        if day != self._day:
            if self._day is not None:
                self._end_day(self._day)
            self._day, self._top = day, 0.0
        self._top = max(self._top, power)
        if self._course is None:
            self._first.append((power, spread))
        else:
            if end - self._last > 300.0:
                self._course.gap()
            self._course.minute(power, spread)
        self._last = end
        self._judge(end)

    def put(self, name: str, value: float) -> None:
        """Take what a channel that is not of power is now (a logarithm)."""
        if self._course is not None and math.isfinite(value):
            self._course.put(name, value)

    def finding(self, name: str) -> Finding:
        """Return what a channel shows."""
        watch = self._watches[name]
        if not watch.up or watch.tail is None:
            return WELL
        kind, run = watch.kind, self._watches['run']
        shown, seen = ('run', run) if kind is Kind.STUCK and run.tail is not None else (name, watch)
        values = [quantity(shown, v) for v in seen.tail.values]
        worst = max(seen.seen, seen.held[-1] if seen.held else -math.inf)
        value, usual = quantity(shown, worst if math.isfinite(worst) else seen.values[-1]), median(values)
        wastes = name in ('burst', 'energy', 'run')
        return Finding(CHANNELS[name].severity, value, usual,
                       words(shown, value, usual, values[0], kind in (Kind.STUCK, Kind.WASTE)), kind=kind,
                       since=watch.since, probability=probability_of_fault(
                           _stake(name) * max(watch.weight, watch.sum), self._settings.faults_a_year / 365.25),
                       base=self.mean if wastes else math.nan,
                       excess=max(0.0, value - usual) if name == 'standby' else math.nan)

    def _judge(self, end: float) -> None:
        if not self._judged:
            return
        course = self._course
        for name in self._judged:
            watch = self._watches[name]
            if watch.up:
                self._recover(name, watch, end)
                continue
            worst = course.worst.get(name, -math.inf)
            if worst > watch.seen:
                watch.seen = worst
                if worst > watch.tail.base and watch.is_news(worst):
                    watch.weight = (1 + watch.sum) * evidence(watch.tail.exceedance(worst))
        self._raise(end)

    def _raise(self, end: float) -> None:
        """Raise the channel of most evidence while the sum is too high."""
        if self._course.run >= ENDLESS_LEAST and self._beyond and not self._busy:
            run = self._watches['run']
            run.weight = max(run.weight, self.threshold / _stake('run'))
            self._tell('run', end)
        if self._counts(self._judged) < self.threshold:
            return      # as in most minutes, even with what is up and what is busy
        busy = self._busy
        open_ = {n: w for n in self._judged if not (w := self._watches[n]).up and not (busy and CHANNELS[n].power)}
        if not open_ or self._counts(open_) < self.threshold:
            return
        self._tell(max(open_, key=lambda n: _stake(n) * open_[n].weight), end)

    def _tell(self, name: str, end: float) -> None:
        watch = self._watches[name]
        watch.up, watch.well_since = True, math.nan
        began = {'run': end - 60.0 * self._course.run, 'burst': end - 3 * 3600.0, 'standby': end - 3600.0,
                 'energy': self._day * DAY, 'pause': end - 60.0 * self._course.pause}.get(name, end)
        watch.since = min(began, watch.since) if watch.sum > QUIET and watch.since == watch.since else began
        watch.kind = kind_of(name, self.cyclic)
        self._name_stuck(name, watch)

    def _name_stuck(self, name: str, watch: Watch) -> None:
        """What is told as WASTE is STUCK once the run is endless: more power is seen before the end is missed."""
        if name in ('burst', 'energy') and self._beyond:
            watch.kind = Kind.STUCK

    @property
    def _beyond(self) -> bool:
        """Whether what runs by itself runs for more than `ENDLESS` times the longest run learnt."""
        tail = self._watches['run'].tail
        return self.cyclic and tail is not None and self._course.run > ENDLESS * quantity('run', tail.values[0])

    def _recover(self, name: str, watch: Watch, end: float) -> None:
        """Clear a channel that has been ordinary for long enough."""
        self._name_stuck(name, watch)
        if CHANNELS[name].at_end or name == 'energy':
            return
        worst = self._course.worst.get(name, -math.inf)
        if worst > watch.seen:
            watch.seen = worst
            watch.weight = max(watch.weight, (1 + watch.sum) * evidence(watch.tail.exceedance(worst)))
        if self._course.now.get(name, math.inf) > watch.tail.values[0]:
            watch.well_since = math.nan
        elif watch.well_since != watch.well_since:
            watch.well_since = end
        elif end - watch.well_since >= self._settings.habit_clear * 3600.0:
            self._clear(name, watch)

    def _clear(self, name: str, watch: Watch) -> None:
        again = nags(name, watch.kind)
        watch.up, watch.kind = False, None
        for other, also in self._alike(name):
            worst = self._course.worst.pop(other, -math.inf)
            if again:
                also.hold(worst, self._day + self._settings.accept_days)
            also.forget()
        if CHANNELS[name].power:
            self._course.forget()
            self._spoilt = True

    def _alike(self, name: str) -> list[tuple[str, Watch]]:
        """Return the channels that one cause may show in: all of power, or this one."""
        return [(n, w) for n, w in self._watches.items() if n == name or CHANNELS[name].power and CHANNELS[n].power]

    @property
    def _busy(self) -> bool:
        return any(w.up and CHANNELS[n].power for n, w in self._watches.items())

    def _end_day(self, day: int) -> None:
        course, end = self._course, (day + 1) * DAY
        if course is None:      # the first day of use: only now its levels are known
            course = self._course = first_course(self._first)
            self._first = []
            if course is None:
                return
        if used(course.minutes):
            level = course.level()
            today = {**course.worst, 'level': level, 'loss': -level}
            for name in CHANNELS:
                self._learn(name, self._watches[name], today.get(name, math.nan), end)
            self._raise(end)
            self._past.add(course)
        self._begin_day()

    def _learn(self, name: str, watch: Watch, value: float, end: float) -> None:
        if value != value or (self._spoilt and CHANNELS[name].power):
            return
        if not watch.up and CHANNELS[name].power and self._busy:
            watch.held.append(value)    # the cause that is told already
            return
        if name not in self._judged:
            watch.values.append(value)
            return
        if not watch.up and watch.told > -math.inf and not watch.is_news(value):
            watch.learn(value, CHANNELS[name].at_end)   # told, over, and seen again: it becomes ordinary
            return
        before, bound = watch.sum, self.threshold / _stake(name)
        found = evidence(watch.tail.exceedance(value))
        most = bound ** (1 / SLOW) if name == 'loss' else math.inf
        odd, found = found > min(ODD, most), min(found, most)
        watch.sum = (1 + watch.sum) * found
        watch.weight, watch.seen = watch.sum, max(watch.seen, value)
        if not watch.up:
            if before <= QUIET < watch.sum:
                watch.since = end - DAY
            if watch.sum < bound:
                watch.take(value, found, odd, CHANNELS[name].at_end, self._settings.accept_days)
            return
        watch.held.append(value)
        day_only = CHANNELS[name].at_end or name == 'energy'
        if len(watch.held) >= self._settings.accept_days:
            for other, also in self._alike(name):
                if CHANNELS[other].at_end:
                    also.values.clear()
                also.values.extend(also.held)
            self._clear(name, watch)
        elif day_only and value <= watch.tail.values[0]:
            watch.values.append(value)
            self._clear(name, watch)

    def _begin_day(self) -> None:
        """Take the device's levels and every channel's tail for the coming day."""
        settings, old = self._settings, self._course
        if len(self._past) > 0:
            course = self._past.course()
            if old is not None:
                old.next_day()
                old.on_above, old.always = course.on_above, course.always
            else:
                self._course = course
            self.cyclic = self._past.cyclic
        self._judged = []
        for name, watch in self._watches.items():
            watch.tail = None
            if self._day is not None and self._day >= watch.until:
                watch.told = -math.inf
            if not (watch.up and CHANNELS[name].at_end):
                watch.seen = -math.inf
            if len(watch.values) >= settings.warm_days and self._tells(name, watch):
                watch.tail = Tail.of(watch.values, CHANNELS[name].prior)
                self._judged.append(name)
                watch.weight = max(watch.weight if watch.up else 0.0, 0.5 * (1 + watch.sum))
            elif watch.up:
                self._clear(name, watch)
        self._spoilt = False

    def _tells(self, name: str, watch: Watch) -> bool:
        if name == 'pause':
            return self.cyclic
        return name != 'run' or quantity('run', median(watch.values)) < ALWAYS_ON

    def state(self) -> dict:
        """Return what was learnt as plain values, for `from_state`."""
        course = self._course
        return {'version': HABITS_VERSION, 'day': self._day, 'last': self._last if self._day is not None else None,
                'facts': self._past.state(),
                'minutes': course.minutes[:] if course else [p for p, _ in self._first],
                'begun': [*course.begun[:2], *course.begun[2]] if course else [0, 0],
                'worst': dict(course.worst) if course else {},
                'channels': {name: watch.state() for name, watch in self._watches.items()}}

    @classmethod
    def from_state(cls, state: Mapping, settings: AnomalySettings) -> 'Habits':
        """Take over what `state` returned. DevicesError when it is foreign or damaged."""
        try:
            if state['version'] != HABITS_VERSION:
                raise DevicesError(f'the saved habits have version {state["version"]!r}; this is {HABITS_VERSION}')
            made = cls(settings)
            made._past.restore(state['facts'])
            for name, watch in made._watches.items():
                watch.restore(name, state['channels'][name])
            minutes = numbers(state['minutes'])
            if len(state['begun']) < 2:
                raise ValueError('no beginning of the day')
            made._day = None if state['day'] is None else int(state['day'])
            made._last = -math.inf if state['last'] is None else numbers([state['last']])[0]
            begun = numbers(state['begun'])
            worst = {n: numbers([v])[0] for n, v in state['worst'].items()}
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
            raise DevicesError(f'the saved habits are damaged: {error}') from None
        made._resume(minutes[-1440:], begun, worst)
        return made

    def _resume(self, minutes: list[float], begun: list[float], worst: dict[str, float]) -> None:
        """Live through the day so far again: what is told of it follows from its minutes."""
        self._begin_day()
        if self._course is None:
            self._first = [(power, math.nan) for power in minutes]
            return
        self._course.resume(int(begun[0]), int(begun[1]), begun[2:])
        for power in minutes:
            self._course.minute(power)
        for name, value in worst.items():
            if name in CHANNELS:
                self._course.worst[name] = max(value, self._course.worst.get(name, -math.inf))


def _stake(name: str) -> float:
    """Return what a channel's evidence counts. [1]"""
    return SPENT if CHANNELS[name].power else 1.0
