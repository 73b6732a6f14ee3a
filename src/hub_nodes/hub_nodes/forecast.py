"""Forecasts: readings, weather and prices in; load, photovoltaic power, price and temperature ahead, with spread, out.

Callbacks store; a worker thread learns and forecasts from a snapshot, so that nothing waits for it.
"""
import math
from array import array
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from hearthgrid_core.forecast import (
    LOAD,
    METERS,
    PHOTOVOLTAIC,
    PRICE,
    TEMPERATURE,
    Forecast,
    Forecaster,
    ForecastSettings,
    HomePower,
    Recorder,
    Series,
    photovoltaic,
)
from hearthgrid_core.settings import setting
from hearthgrid_msgs import msg, srv
from hearthgrid_ros import home
from hearthgrid_ros.health import OK, STALE, WARN
from hearthgrid_ros.interfaces import FORECASTS, GET_HISTORY, PRICES, READINGS, STATES, WEATHER
from hearthgrid_ros.node import HomeNode, run
from hearthgrid_ros.params import home_file
from hearthgrid_ros.time import to_msg, to_seconds

TICK = 1.0                          # of the timer that decides [s]
AHEAD_MAX, BEHIND_MAX = 5.0, 60.0   # how far a reading's stamp may be from now [s]
STEPS_MAX = 576                     # of a series in a message
HISTORY_STEP, HISTORY_LENGTH = 900.0, 20 * 86400.0  # asked of the store, within its 2 000 points [s]
EARLY = 10.0                        # least time between forecasts in the first minutes [s]
ANSWER_WAIT, RETRY = 5.0, 2.0        # for the store; a first answer may be lost while ends still find each other [s]
PV_LEAST = 1000.0                   # rating assumed of panels that nobody described [W]
LEVELS = {'load': msg.Forecast.QUANTITY_LOAD, 'pv': msg.Forecast.QUANTITY_PV,
          'price': msg.Forecast.QUANTITY_IMPORT_PRICE, 'temperature': msg.Forecast.QUANTITY_AIR_TEMPERATURE}


@dataclass(frozen=True)
class ForecastNodeSettings(ForecastSettings):
    """How forecasts are made, and how often."""

    home_file: str = home_file()
    period: float = setting(120.0, 's', 1.0, 3600.0, 'Time between two forecasts.')
    learn_period: float = setting(3600.0, 's', 10.0, 86400.0, 'Time between two competitions of the methods.')
    warm_up: float = setting(3.0, 's', 0.0, 600.0, 'How long the grid meter is listened to before the first forecast.')


def series_of(start, step: float, values, now: float, name: str) -> Series:
    """Return an array of a message as a series. ValueError when it is empty, not finite, or over already."""
    values = np.asarray(values, dtype=float)
    if not len(values):
        raise ValueError(f'{name} is empty')
    if not np.isfinite(values).all():
        raise ValueError(f'{name} is not a number everywhere')
    made = Series(to_seconds(start), step, values)
    if made.end <= now:
        raise ValueError(f'{name} ended {now - made.end:.0f} s ago')
    return made


def price_series(message: msg.PriceSeries, now: float) -> tuple[Series, Series]:
    """Return import and export prices [currency/kWh]. ValueError, saying why, when they cannot be used."""
    if len(message.export_price) != len(message.import_price):
        raise ValueError(f'{len(message.import_price)} import but {len(message.export_price)} export prices')
    return (series_of(message.start, message.step, message.import_price, now, 'import price'),
            series_of(message.start, message.step, message.export_price, now, 'export price'))


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What one round of forecasts rests on. None = not known."""

    now: float
    home: Series
    base: Series
    pv: Series | None
    pv_rating: float
    price: Series | None
    price_past: Series
    irradiance: Series | None
    irradiance_past: Series
    temperature: Series | None
    temperature_past: Series
    learn: bool


class Forecasting:
    """The forecasters of a home; used by the worker thread alone."""

    def __init__(self, settings: ForecastSettings):
        self._settings = settings
        self._forecasters = {name: Forecaster(settings, prior) for name, prior in (
            ('home', LOAD), ('base', LOAD), ('pv', PHOTOVOLTAIC), ('price', PRICE), ('temperature', TEMPERATURE))}

    def make(self, snapshot: Snapshot) -> list[tuple[str, str, Forecast]]:
        """Return (quantity, target, forecast) of all that can be forecast."""
        out = [('load', 'home', self._own('home', snapshot.home, snapshot.learn)),
               ('load', 'base', self._own('base', snapshot.base, snapshot.learn))]
        if snapshot.pv is not None:
            out.append(('pv', 'home', self._photovoltaic(snapshot)))
        for name, ahead, past in (('price', snapshot.price, snapshot.price_past),
                                  ('temperature', snapshot.temperature, snapshot.temperature_past)):
            if ahead is not None:
                out.append((name, 'home', self._continued(name, ahead, past, snapshot)))
        return out

    def _own(self, name: str, past: Series, learn: bool) -> Forecast:
        if learn:
            self._forecasters[name].learn(past)
        return self._forecasters[name].forecast(past)

    def _photovoltaic(self, snapshot: Snapshot) -> Forecast:
        """From the irradiance foreseen where it is, else from what the panels did before."""
        own = self._own('pv', snapshot.pv, snapshot.learn)
        if snapshot.irradiance is None:
            return own
        step, produced = self._settings.step, snapshot.pv
        lit = snapshot.irradiance_past.resampled(produced.start, step, len(produced)) if len(produced) else produced
        coefficient = photovoltaic.learn(produced, lit, snapshot.pv_rating)
        sun = snapshot.irradiance.resampled(snapshot.now, step, self._settings.count)
        made = photovoltaic.forecast(sun, coefficient, snapshot.pv_rating)
        dark = np.isnan(made.mean)
        return replace(made, mean=np.where(dark, own.mean, made.mean), lower=np.where(dark, own.lower, made.lower),
                       upper=np.where(dark, own.upper, made.upper))

    def _continued(self, name: str, ahead: Series, past: Series, snapshot: Snapshot) -> Forecast:
        """What was announced, and beyond its end what the past makes likely. What is announced has no spread."""
        step, count = self._settings.step, self._settings.count
        start = math.floor(snapshot.now / step) * step
        known = ahead.resampled(start, step, count, 0.01).values
        beyond = int(np.flatnonzero(~np.isnan(known)).max(initial=-1)) + 1
        whole = Series(start, step, known[:beyond]).filled_from(past.until(start)) if len(past) else \
            Series(start, step, known[:beyond])
        guess = self._own(name, whole, snapshot.learn)

        def joined(values: np.ndarray) -> np.ndarray:
            out = np.concatenate((known[:beyond], values))[:count]
            return np.where(np.isnan(out), np.nanmean(out), out)

        method = 'announced' if beyond >= count else f'announced, then {guess.method}'
        return replace(guess, start=start, mean=joined(guess.mean), lower=joined(guess.lower),
                       upper=joined(guess.upper), method=method)


class History:
    """Asks the store for the past, one source after another, as long as it takes for it to be there."""

    def __init__(self, node, learn):
        self._node, self._learn = node, learn
        self._client = GET_HISTORY.client(node)
        self._wanted: deque[str] = deque()
        self._future, self._asked, self._next = None, '', 0.0
        self._since = 0.0

    def want(self, source: str) -> None:
        """Ask for a source when the store is there."""
        self._wanted.append(source)

    @property
    def waiting(self) -> int:
        """Sources whose past is not here yet."""
        return len(self._wanted) + (self._future is not None)

    def step(self, now: float) -> None:
        """Go on; called from a timer."""
        if self._future is not None:
            if self._future.done():
                self._take(self._future)
            elif now - self._since > ANSWER_WAIT:
                self._client.remove_pending_request(self._future)
                self._wanted.append(self._asked)
                self._future, self._next = None, now + RETRY
            return
        if self._wanted and now >= self._next and self._client.service_is_ready():
            self._asked, self._since = self._wanted.popleft(), now
            self._future = self._client.call_async(srv.GetHistory.Request(
                outlet=self._asked, quantity='active_power', start=to_msg(now - HISTORY_LENGTH), end=to_msg(now),
                step=HISTORY_STEP))

    def _take(self, future) -> None:
        self._future = None
        answer = future.result()
        if answer is None or not answer.success or not answer.points:
            return  # nothing is stored of it yet
        starts = np.array([to_seconds(point.start) for point in answer.points])
        places = np.round((starts - starts[0]) / HISTORY_STEP).astype(int)
        if not 0 <= places.min() <= places.max() < 4096:
            return
        values = np.full(places.max() + 1, np.nan)
        means = np.array([point.mean for point in answer.points], dtype=float)
        values[places] = np.where(np.isfinite(means), means, np.nan)
        self._learn(self._asked, Series(float(starts[0]), HISTORY_STEP, values))


class ForecastNode(HomeNode):
    """Forecasts of the home, every few minutes and soon after the start."""

    settings_class = ForecastNodeSettings

    def __init__(self, **options) -> None:
        super().__init__('forecast', **options)
        s = self.settings
        self._home = home.load(s.home_file) if s.home_file else None
        self._power, self._forecasting = HomePower(s), Forecasting(s)
        self._price = self._irradiance = self._temperature = None
        length = round(s.memory / s.step)
        self._past = {name: Recorder(s.step, length) for name in ('price', 'irradiance', 'temperature')}
        self._history = History(self, self._on_history)
        for source in METERS:
            self._history.want(source)
        for outlet in self._home.outlets if self._home else ():
            if outlet.deferrable and self._power.watch(outlet.id):
                self._history.want(outlet.id)
        self._worker = ThreadPoolExecutor(1, 'forecast')
        self._future: Future | None = None
        self._due, self._learn_due, self._first = 0.0, 0.0, None
        self._publisher = FORECASTS.publisher(self)
        READINGS.subscription(self, self._on_reading)
        STATES.subscription(self, self._on_state)
        PRICES.subscription(self, self._on_prices)
        WEATHER.subscription(self, self._on_weather)
        self._timer = self.create_timer(TICK, self._step)
        self.health.check('forecast', STALE, 'waits for readings of the grid meter')

    def make_safe(self) -> None:
        self._timer.cancel()
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _on_reading(self, message: msg.Reading) -> None:
        end, now = to_seconds(message.stamp), self.now()
        if not -AHEAD_MAX <= now - end <= BEHIND_MAX:
            return
        if self._power.add(message.outlet, end, message.duration, message.active_power) and self._first is None \
                and message.outlet == 'grid':
            self._first = now

    def _on_history(self, source: str, past: Series) -> None:
        self._power.learn(source, past)
        self._learn_due = self._due = 0.0

    def _on_state(self, message: msg.OutletState) -> None:
        if message.deferrable and message.outlet:
            self._power.watch(message.outlet)

    def _on_prices(self, message: msg.PriceSeries) -> None:
        try:
            self._price, _ = price_series(message, self.now())
        except ValueError as error:
            self.health.check('prices', WARN, f'refused: {error}')
            return
        self._past['price'].learn(self._price.until(self.now()))
        self._due = 0.0
        self.health.check('prices', OK, f'known for {(self._price.end - self.now()) / 3600:.0f} h')

    def _on_weather(self, message: msg.WeatherSeries) -> None:
        now = self.now()
        try:
            irradiance, temperature = (
                series_of(message.start, message.step, values, now, name) if len(values) else None
                for name, values in (('irradiance', message.irradiance), ('air temperature', message.air_temperature)))
            if irradiance is None and temperature is None:
                raise ValueError('neither irradiance nor air temperature')
        except ValueError as error:
            self.health.check('weather', WARN, f'refused: {error}')
            return
        self._irradiance, self._temperature = irradiance or self._irradiance, temperature or self._temperature
        self._due = 0.0
        self.health.check('weather', OK, 'known')

    def _step(self) -> None:
        now = self.now()
        self._history.step(now)
        if self._future is not None:
            if not self._future.done():
                return
            self._take(self._future, now)
        if self._first is None or now < self._due or now - self._first < self.settings.warm_up:
            return
        learn, age = now >= self._learn_due, now - self._first
        if learn:  # often while there is little to learn from
            self._learn_due = now + min(self.settings.learn_period, max(60.0, age))
        self._due = now + min(self.settings.period, max(EARLY, age))
        self._future = self._worker.submit(self._forecasting.make, self._snapshot(now, learn))

    def _snapshot(self, now: float, learn: bool) -> Snapshot:
        """Return all that is known now; what was announced for times now past becomes part of the past."""
        for name, ahead in (('price', self._price), ('irradiance', self._irradiance),
                            ('temperature', self._temperature)):
            if ahead is not None:
                self._past[name].learn(ahead.until(now))
        described = self._home and self._home.pv
        produced = self._power.pv(now) if described or self._power.measured('pv') else None
        seen = float(np.nanmax(produced.values)) if produced is not None and produced.known.any() else 0.0
        rating = described.power_max if described else max(PV_LEAST, 1.2 * seen)
        past = {name: recorder.series() for name, recorder in self._past.items()}
        return Snapshot(now, self._power.home(now), self._power.base(now), produced, rating,
                        self._ahead(self._price, now), past['price'], self._ahead(self._irradiance, now),
                        past['irradiance'], self._ahead(self._temperature, now), past['temperature'], learn)

    @staticmethod
    def _ahead(series: Series | None, now: float) -> Series | None:
        return series if series is not None and series.end > now else None

    def _take(self, future: Future, now: float) -> None:
        """Publish what the worker made."""
        self._future = None
        made = future.result()
        for quantity, target, forecast in made:
            self._publisher.publish(_message(quantity, target, forecast, now))
        load = made[0][2]
        self.health.check('forecast', OK, f'load by {load.method}, from {load.history / 3600:.1f} h of history',
                          quantities=', '.join(f'{quantity} {target}' for quantity, target, _ in made),
                          history_h=load.history / 3600, awaited_from_store=self._history.waiting)


def _message(quantity: str, target: str, forecast: Forecast, now: float) -> msg.Forecast:
    mean, lower, upper = (array('f', values[:STEPS_MAX].tolist())
                          for values in (forecast.mean, forecast.lower, forecast.upper))
    return msg.Forecast(stamp=to_msg(now), quantity=LEVELS[quantity], target=target, method=forecast.method[:48],
                        history=forecast.history, start=to_msg(forecast.start), step=forecast.step, mean=mean,
                        lower=lower, upper=upper)


def main() -> int:
    """Run the node."""
    return run(ForecastNode)


if __name__ == '__main__':
    raise SystemExit(main())
