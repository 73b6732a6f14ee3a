"""What happens to a simulated home, whoever controls it: people's load, sun, prices, and jobs with deadlines."""

import math
import zlib
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from hearthgrid_core.forecast import DAY, Series
from hearthgrid_core.forecast.photovoltaic import STANDARD, YIELD
from hearthgrid_core.sim.market import Market
from hearthgrid_core.sim.settings import SiteSettings, TariffSettings
from hearthgrid_core.sim.weather import Weather
from hearthgrid_ros.home import Home, minutes

HOUR, MINUTE = 3600.0, 60.0
STEP = 60.0  # of every course [s]
QUARTER = 900.0  # of invented prices [s]
YEAR_KWH = 3500.0  # what people draw beside the jobs
# Mean power of each local hour over that of the day: asleep, breakfast, noon, the evening.
PEOPLE = np.array([.55, .48, .45, .44, .46, .58, .90, 1.15, 1.12, 1.02, 1.00, 1.08, 1.22, 1.12, .98, .95, 1.02, 1.25,
                   1.58, 1.72, 1.60, 1.38, 1.08, .76])  # fmt: skip


class CourseError(ValueError):
    """There is nothing to simulate; the message says why."""


@dataclass(frozen=True)
class Habit:
    """How an appliance is used. days : a week     earliest, latest : its start is asked for, local [h]
    due : local clock [h], the first one at least `spare` after     energy : least and most [kWh]     power : [W]
    timer : when a person without a plan sets its timer, local [h]"""

    days: float
    earliest: float
    latest: float
    due: float
    energy: tuple[float, float]
    power: float
    interruptible: bool
    timer: float
    spare: float = 1.5  # over the time it needs [1]


HABITS = {
    'dishwasher': Habit(5, 19.0, 21.5, 7.0, (0.9, 1.2), 550.0, False, 2.0),
    'washing_machine': Habit(3, 8.0, 16.0, 21.0, (0.7, 1.1), 600.0, False, 11.0),
    'dryer': Habit(2, 9.0, 16.0, 22.0, (1.6, 2.4), 1500.0, False, 13.0),
    'ev_charger': Habit(5, 17.0, 19.5, 6.5, (5.0, 20.0), 3600.0, True, 1.0),
    'water_heater': Habit(7, 5.0, 7.0, 19.0, (3.0, 5.0), 2000.0, True, 0.0),
}
OTHER = Habit(3, 8.0, 18.0, 22.0, (0.8, 1.5), 1000.0, False, 12.0)


@dataclass(frozen=True)
class Task:
    """Something an outlet is asked to do. asked, deadline, timer : [s]     energy : [kWh]     power : [W]"""

    outlet: str
    asked: float
    deadline: float
    energy: float
    power: float
    interruptible: bool
    timer: float


@dataclass(frozen=True, eq=False)
class Course:
    """A world in minutes; what lies before `begin` [s] is the past that a forecast may learn from.

    load, pv : (n,) [W], both ≥ 0     buy, sell : (n,) [currency/kWh]     carbon : (n,) [kg/kWh], None = not known
    sun_ahead : (n,) what the weather service says of the irradiance [W/m²], None = there is none
    """

    start: float
    begin: float
    load: np.ndarray
    pv: np.ndarray
    buy: np.ndarray
    sell: np.ndarray
    carbon: np.ndarray | None
    sun_ahead: np.ndarray | None
    tasks: tuple[Task, ...]

    def __len__(self) -> int:
        return len(self.load)

    @property
    def end(self) -> float:
        """[s]"""
        return self.start + STEP * len(self)

    @property
    def first(self) -> int:
        """Number of the step in which the simulation begins."""
        return round((self.begin - self.start) / STEP)

    def series(self, values: np.ndarray) -> Series:
        """Return one of its arrays as a series."""
        return Series(self.start, STEP, values)


def invent(home: Home, first_day: date, days: int, seed: int, history: int = 14) -> Course:
    """Return `days` of a home from midnight, and `history` days before them: the same for the same seed.

    Sun and prices are those of the simulated world (`hearthgrid_core.sim`); people's load is a daily course with an
    hour's, a day's and a weekend's own deviations and short heavy appliances; jobs follow HABITS.
    """
    zone = ZoneInfo(home.timezone)
    begin = _clock(zone, first_day, 0.0)
    start = begin - history * DAY
    count = round((_clock(zone, first_day + timedelta(days=days), 0.0) - start) / STEP)
    times = start + STEP * np.arange(count)
    site = SiteSettings(latitude=home.latitude, longitude=home.longitude, utc_offset=_offset(zone, begin))
    weather = Weather(site, seed)
    hours = count * STEP / HOUR
    tariff = home.tariff
    steps = tuple((MINUTE * minutes(s.start), s.price) for s in tariff.buy if tariff.kind == 'daily')
    market = Market(TariffSettings(currency=tariff.currency, fees=tariff.fees, sell=tariff.sell, buy=steps), site,
                    weather, seed).ahead(start, hours, QUARTER)  # fmt: skip
    ahead = np.repeat(weather.ahead(start, hours, QUARTER).irradiance, round(QUARTER / STEP))[:count]
    sun = np.array([weather.irradiance(t) for t in times.tolist()])
    pv = np.zeros(count) if home.pv is None else np.minimum(YIELD * sun / STANDARD, 1.0) * home.pv.power_max
    rng = np.random.default_rng([seed, 41])
    # A service is wrong by a fifth, for half a day at a time.
    wrong = np.exp(0.2 * _slow(rng, count, 12 * HOUR / STEP) - 0.02)
    price, sell, carbon = (
        np.repeat(v, round(QUARTER / STEP))[:count]
        for v in (market.import_price, market.export_price, market.carbon_intensity)
    )
    return Course(
        start, begin, _people(zone, times, rng), pv, price, sell, carbon, ahead * wrong,
        _tasks(home, zone, first_day - timedelta(days=1), days + 1, begin, start + STEP * count, seed),
    )  # fmt: skip


def read(path: Path, home: Home, days: int, seed: int, rated: float | None, history: int = 14) -> Course:
    """Return the course of a CSV or Parquet file, or of all such files of a folder together.

    Columns: a time (`time`, `timestamp`, … or the index; ISO 8601, or seconds of the UNIX epoch; UTC unless it says
    otherwise), `load` [W] or `load_kw`, `pv` [W] or `pv_kw`, `price` [currency/kWh] or `price_mwh`, `sell`, `carbon`
    [kg/kWh]. What is not there: no panels, the home's own prices. The first days, at most `history` and at most half,
    are the past.

    rated : panels that the file's `pv` is of; it is scaled to the home's. None = taken as it is [W]
    Raises CourseError.
    """
    columns = _columns(path)
    if 'load' not in columns or not columns['load'].known.any():
        raise CourseError(f'{path}: there is no column `load` [W] or `load_kw`')
    load = columns['load']
    known = load.times[load.known]
    start, end = float(known[0]), float(known[-1] + load.step)
    whole = math.floor((end - start) / DAY)
    if whole < 1:
        raise CourseError(f'{path}: less than a day of load')
    past, zone = min(history, whole // 2), ZoneInfo(home.timezone)
    begin = start + past * DAY
    end = min(end, begin + days * DAY)
    count = math.floor((end - start) / STEP)

    def column(name: str) -> np.ndarray | None:
        if name not in columns:
            return None
        values = columns[name].resampled(start, STEP, count, 0.01).values
        if not np.isfinite(values).any():
            raise CourseError(f'{path}: `{name}` has no value where `load` has some')
        return _filled(values)

    first = datetime.fromtimestamp(begin, zone).date()
    own = invent(home, first - timedelta(days=past + 1), math.ceil((end - start) / DAY) + 3, seed, 0)

    def invented(values: np.ndarray) -> np.ndarray:
        return _filled(own.series(values).resampled(start, STEP, count, 0.01).values)

    pv, buy, sell, carbon = (column(name) for name in ('pv', 'price', 'sell', 'carbon'))
    size = 1.0 if rated is None else 0.0 if home.pv is None else home.pv.power_max / rated
    pv = np.zeros(count) if pv is None else np.maximum(pv, 0.0) * size
    if sell is None:
        sell = invented(own.sell) if buy is None else np.full(count, home.tariff.sell)
    if buy is None:
        buy, carbon = invented(own.buy), invented(own.carbon) if carbon is None else carbon
    return Course(
        start, begin, np.maximum(column('load'), 0.0), pv, buy, sell, carbon, None,
        _tasks(home, zone, first - timedelta(days=1), days + 1, begin, end, seed),
    )  # fmt: skip


def flat(course: Course) -> Course:
    """Return it with one import price, the mean, and one export price."""
    rest = slice(course.first, None)
    return replace(course, buy=np.full(len(course), course.buy[rest].mean()),
                   sell=np.full(len(course), course.sell[rest].mean()))  # fmt: skip


def _clock(zone: ZoneInfo, day: date, hour: float) -> float:
    """Return a local clock time as seconds since the epoch: of the wall, also on the days clocks change."""
    whole, rest = divmod(round(hour * 60), 60)
    return datetime(day.year, day.month, day.day, whole, rest, tzinfo=zone).timestamp()


def _offset(zone: ZoneInfo, time: float) -> float:
    return datetime.fromtimestamp(time, zone).utcoffset().total_seconds()


def _slow(rng: np.random.Generator, count: int, length: float) -> np.ndarray:
    """Return (count,) a smooth standard normal movement that forgets itself in `length` steps."""
    knots = rng.standard_normal(math.ceil(count / length) + 2)
    return np.interp(np.arange(count) / length, np.arange(len(knots)), knots)


def _people(zone: ZoneInfo, times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return (n,) what people draw. [W]"""
    count = len(times)
    local = times + _offset(zone, float(times[len(times) // 2]))
    hour, day = local % DAY / HOUR, (local // DAY).astype(int)
    mean = YEAR_KWH * 1e3 / 8766.0
    shape = np.interp(hour, np.arange(25), np.append(PEOPLE, PEOPLE[0]))
    weekend = np.where((day + 3) % 7 >= 5, 1.12, 1.0)
    days = 1 + 0.15 * rng.standard_normal(day[-1] - day[0] + 1)[day - day[0]]
    hours = np.exp(0.25 * _slow(rng, count, HOUR / STEP))
    smooth = 0.7 * mean * shape * weekend * np.maximum(days, 0.5) * hours
    # Kettle, oven, iron: 2 kW for some minutes, seldom at night.
    heavy = np.zeros(count)
    length = 8 * MINUTE
    rate = 0.3 * mean * shape * weekend * STEP / (2000.0 * length)
    for at in np.flatnonzero(rng.uniform(size=count) < rate).tolist():
        heavy[at:at + round(rng.uniform(0.4, 1.6) * length / STEP)] += rng.uniform(1200.0, 2800.0)  # fmt: skip
    return smooth + heavy


def _tasks(home: Home, zone: ZoneInfo, first: date, days: int, begin: float, end: float,
           seed: int) -> tuple[Task, ...]:  # fmt: skip
    """Return all that is asked and due within begin … end, in order of time; one appliance, one task at a time."""
    out = []
    for outlet in home.outlets:
        if not outlet.deferrable:
            continue
        habit = HABITS.get(outlet.appliance, OTHER)
        rng = np.random.default_rng([seed, 42, zlib.crc32(outlet.id.encode())])
        free = -math.inf
        for day in (first + timedelta(days=k) for k in range(days)):
            wanted, at, share = rng.uniform(size=3).tolist()
            asked = _clock(zone, day, habit.earliest + at * (habit.latest - habit.earliest))
            asked = math.ceil(asked / QUARTER) * QUARTER
            energy = habit.energy[0] + share * (habit.energy[1] - habit.energy[0])
            needed = energy * 1e3 / habit.power * HOUR
            deadline = _next(zone, day, habit.due, asked + habit.spare * needed)
            if wanted < habit.days / 7 and asked >= max(free, begin) and deadline <= end:
                timer = _next(zone, day, habit.timer, asked)
                out.append(Task(outlet.id, asked, deadline, round(energy, 3), habit.power, habit.interruptible, timer))
                free = deadline
    return tuple(sorted(out, key=lambda task: (task.asked, task.outlet)))


def _next(zone: ZoneInfo, day: date, hour: float, after: float) -> float:
    """Return the first time that clocks show `hour` after a time [s]."""
    return next(t for k in range(4) if (t := _clock(zone, day + timedelta(days=k), hour)) >= after)


def _filled(values: np.ndarray) -> np.ndarray:
    known = np.flatnonzero(np.isfinite(values))
    return np.interp(np.arange(len(values)), known, values[known])


_NAMES = {
    'load': ('load', 1.0), 'load_w': ('load', 1.0), 'load_kw': ('load', 1e3),
    'pv': ('pv', 1.0), 'pv_w': ('pv', 1.0), 'pv_kw': ('pv', 1e3),
    'price': ('price', 1.0), 'buy': ('price', 1.0), 'price_mwh': ('price', 1e-3),
    'sell': ('sell', 1.0), 'sell_mwh': ('sell', 1e-3), 'carbon': ('carbon', 1.0),
}  # fmt: skip
_TIMES = ('time', 'timestamp', 'datetime', 'date', 't', 'epoch')


def _columns(path: Path) -> dict[str, Series]:
    """Return the columns of all tables of a path by name, in our units."""
    import pandas as pd

    files = sorted(p for p in path.iterdir() if p.suffix in ('.csv', '.parquet')) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise CourseError(f'{path}: no .csv or .parquet file')
    out: dict[str, Series] = {}
    for file in files:
        try:
            table = pd.read_parquet(file) if file.suffix == '.parquet' else pd.read_csv(file)
        except (OSError, ValueError) as error:
            raise CourseError(f'{file}: {error}') from None
        table.columns = [str(name).strip().lower() for name in table.columns]
        named = next((name for name in _TIMES if name in table.columns), None)
        when = table[named] if named else table.index.to_series()
        if not named and not isinstance(table.index, pd.DatetimeIndex):
            raise CourseError(f'{file}: no column of time ({", ".join(_TIMES)})')
        times = _floats(file, when) if pd.api.types.is_numeric_dtype(when) else _seconds(pd, file, when)
        steps = np.diff(times)
        if len(times) < 2 or not (steps > 0).all():
            raise CourseError(f'{file}: its times do not rise')
        step = float(np.median(steps))
        if not 1.0 <= step <= HOUR:
            raise CourseError(f'{file}: a step of {step:g} s; 1 s … 1 h is possible')
        place = np.round((times - times[0]) / step).astype(int)
        for name in table.columns:
            if name in _NAMES:
                known, factor = _NAMES[name]
                values = np.full(place[-1] + 1, np.nan)
                values[place] = _floats(file, table[name]) * factor
                out[known] = Series(float(times[0]), step, np.where(np.isfinite(values), values, np.nan))
    return out


def _floats(file: Path, column) -> np.ndarray:
    try:
        return column.to_numpy(float)
    except (OverflowError, TypeError, ValueError) as error:
        raise CourseError(f'{file}: {error}') from None


def _seconds(pd, file: Path, when) -> np.ndarray:
    try:
        stamps = pd.to_datetime(when, utc=True)
    except (OverflowError, TypeError, ValueError) as error:
        raise CourseError(f'{file}: {error}') from None
    return ((stamps - pd.Timestamp(0, tz='UTC')) / pd.Timedelta(seconds=1)).to_numpy(float)
