"""Forecasts: readings, weather and prices in; load, photovoltaic power, price and temperature ahead, with spread, out.

Callbacks store; a worker thread learns and forecasts from a snapshot, so that nothing waits for it. Once a day it
trains the learned models; each is used only while it beats the baselines, and the diagnostics say by how much.
"""
import math
from array import array
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from hearthgrid_core.forecast import (
    DAY,
    LEARNED,
    LOAD,
    PHOTOVOLTAIC,
    PRICE,
    TEMPERATURE,
    Forecast,
    Forecaster,
    ForecastSettings,
    HomePower,
    Recorder,
    Series,
    Verdict,
    photovoltaic,
)
from hearthgrid_core.settings import setting
from hearthgrid_msgs import msg, srv
from hearthgrid_ros import home
from hearthgrid_ros.health import OK, STALE, WARN
from hearthgrid_ros.interfaces import FORECASTS, GET_HISTORY, PRICES, READINGS, STATES, WEATHER
from hearthgrid_ros.node import HomeNode, run
from hearthgrid_ros.params import home_file, state_dir
from hearthgrid_ros.time import to_msg, to_seconds
from hub_nodes.state_file import StateFile

TICK = 1.0                          # of the timer that decides [s]
AHEAD_MAX, BEHIND_MAX = 5.0, 60.0   # how far a reading's stamp may be from now [s]
STEPS_MAX = 576                     # of a series in a message
HISTORY_STEP, HISTORY_LENGTH = 900.0, 20 * 86400.0  # asked of the store, within its 2 000 points [s]
TRAIN_AFTER = 20.0                  # the last answer of the store [s]
EARLY = 10.0                        # least time between forecasts in the first minutes [s]
ANSWER_WAIT, RETRY = 5.0, 2.0        # for the store; a first answer may be lost while ends still find each other [s]
PV_LEAST = 1000.0                   # rating assumed of panels that nobody described [W]
SAVE_PERIOD = 3600.0  # of the past of prices [s]
PRICE_MEMORY = 400 * DAY            # prices are few, and theirs is a yearly course [s]
FORESEEN = 0.6                      # of the past must be known of the weather for a model to be fitted with it [1]
LEVELS = {'load': msg.Forecast.QUANTITY_LOAD, 'pv': msg.Forecast.QUANTITY_PV,
          'price': msg.Forecast.QUANTITY_IMPORT_PRICE, 'temperature': msg.Forecast.QUANTITY_AIR_TEMPERATURE}


@dataclass(frozen=True)
class ForecastNodeSettings(ForecastSettings):
    """How forecasts are made, and how often."""

    home_file: str = home_file()
    state_dir: str = state_dir()
    period: float = setting(120.0, 's', 1.0, 3600.0, 'Time between two forecasts.')
    learn_period: float = setting(3600.0, 's', 10.0, 86400.0, 'Time between two competitions of the methods.')
    train_period: float = setting(86400.0, 's', 60.0, 30 * 86400.0, 'Time between two fittings of the learned models.')
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

    def foreseen(self, name: str, past: Series, count: int) -> np.ndarray | None:
        """Return (1, n + count) what the weather service said of each step of `past` and after; None = too little."""
        ahead, recorded = {'pv': (self.irradiance, self.irradiance_past), 'home': (
            self.temperature, self.temperature_past)}[name]
        if ahead is None or not len(past):
            return None
        made = [series.resampled(past.start, past.step, len(past) + count, 0.01).values for series in (ahead, recorded)]
        values = np.where(np.isnan(made[0]), made[1], made[0])
        return values[None] if np.isfinite(values[:len(past)]).mean() >= FORESEEN else None


class Forecasting:
    """The forecasters of a home; used by the worker thread alone."""

    def __init__(self, settings: ForecastSettings):
        self._settings = settings
        self._forecasters = {name: Forecaster(settings, prior) for name, prior in (
            ('home', LOAD), ('base', LOAD), ('pv', PHOTOVOLTAIC), ('price', PRICE), ('temperature', TEMPERATURE))}

    def make(self, snapshot: Snapshot) -> list[tuple[str, str, Forecast]]:
        """Return (quantity, target, forecast) of all that can be forecast."""
        count = self._settings.count
        out = [('load', name, self._own(name, past, snapshot.learn, snapshot.foreseen('home', past, count)))
               for name, past in (('home', snapshot.home), ('base', snapshot.base))]
        if snapshot.pv is not None:
            out.append(('pv', 'home', self._photovoltaic(snapshot)))
        for name, ahead in (('price', snapshot.price), ('temperature', snapshot.temperature)):
            if ahead is not None:
                out.append((name, 'home', self._continued(name, ahead, snapshot)))
        return out

    def train(self, snapshot: Snapshot) -> dict[str, Verdict | None]:
        """Fit the learned models, and return how each did against the baselines."""
        count = self._settings.count
        for name, past in (('home', snapshot.home), ('base', snapshot.base)):
            self._forecasters[name].train(past, snapshot.foreseen('home', past, count))
        if snapshot.pv is not None and len(snapshot.pv):
            rival = None if snapshot.irradiance is None else photovoltaic.forecast(
                self._lit(snapshot), self._coefficient(snapshot), snapshot.pv_rating).mean
            self._forecasters['pv'].train(snapshot.pv, snapshot.foreseen('pv', snapshot.pv, count), rival)
        for name, past in (('price', self._whole('price', snapshot)),
                           ('temperature', self._whole('temperature', snapshot))):
            if past is not None:
                self._forecasters[name].train(past)
        return {name: forecaster.verdict for name, forecaster in self._forecasters.items()}

    def _own(self, name: str, past: Series, learn: bool, outside: np.ndarray | None = None) -> Forecast:
        if learn:
            self._forecasters[name].learn(past)
        return self._forecasters[name].forecast(past, outside)

    def _photovoltaic(self, snapshot: Snapshot) -> Forecast:
        """As learned; else from the irradiance foreseen where it is, else from what the panels did before."""
        s = self._settings
        own = self._own('pv', snapshot.pv, snapshot.learn, snapshot.foreseen('pv', snapshot.pv, s.count))
        if snapshot.irradiance is None or own.method == LEARNED:
            return own
        sun = snapshot.irradiance.resampled(snapshot.now, s.step, s.count)
        made = photovoltaic.forecast(sun, self._coefficient(snapshot), snapshot.pv_rating)
        dark = np.isnan(made.mean)
        return replace(made, mean=np.where(dark, own.mean, made.mean), lower=np.where(dark, own.lower, made.lower),
                       upper=np.where(dark, own.upper, made.upper))

    def _coefficient(self, snapshot: Snapshot) -> photovoltaic.Coefficient:
        lit = self._lit(snapshot) if len(snapshot.pv) else snapshot.pv
        return photovoltaic.learn(snapshot.pv, lit, snapshot.pv_rating)

    def _lit(self, snapshot: Snapshot) -> Series:
        produced = snapshot.pv
        return snapshot.irradiance_past.resampled(produced.start, self._settings.step, len(produced))

    def _whole(self, name: str, snapshot: Snapshot) -> Series | None:
        """Return what was and what is announced, up to the first step that is not; None when nothing is."""
        ahead, past = {'price': (snapshot.price, snapshot.price_past),
                       'temperature': (snapshot.temperature, snapshot.temperature_past)}[name]
        if ahead is None:
            return None
        start = self._start(snapshot)
        known = ahead.resampled(start, self._settings.step, self._settings.count, 0.01).values
        beyond = int(np.flatnonzero(~np.isnan(known)).max(initial=-1)) + 1
        made = Series(start, self._settings.step, known[:beyond])
        return made.filled_from(past.until(start)) if len(past) else made

    def _start(self, snapshot: Snapshot) -> float:
        return math.floor(snapshot.now / self._settings.step) * self._settings.step

    def _continued(self, name: str, ahead: Series, snapshot: Snapshot) -> Forecast:
        """What was announced, and beyond its end what the past makes likely. What is announced has no spread."""
        step, count, start = self._settings.step, self._settings.count, self._start(snapshot)
        whole = self._whole(name, snapshot)
        beyond = max(0, round((whole.end - start) / step))
        known = ahead.resampled(start, step, count, 0.01).values
        guess = self._own(name, whole, snapshot.learn)

        def joined(values: np.ndarray) -> np.ndarray:
            out = np.concatenate((known[:beyond], values))[:count]
            return np.where(np.isnan(out), np.nanmean(out), out)

        method = 'announced' if beyond >= count else f'announced, then {guess.method}'
        return replace(guess, start=start, mean=joined(guess.mean), lower=joined(guess.lower),
                       upper=joined(guess.upper), median=None, method=method)


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


class PricePast:
    """The past of prices over a restart: nobody else keeps it, and a model of it needs weeks."""

    def __init__(self, node, past: Recorder, folder: str):
        self._node, self._past, self._file = node, past, StateFile(folder, 'prices')
        self.due = node.now() + SAVE_PERIOD     # when it is to be saved [s]
        try:
            kept = self._file.load()
            if kept:
                values = np.array([np.nan if value is None else float(value) for value in kept['values']])
                past.learn(Series(float(kept['start']), float(kept['step']), values))
            self._told(OK, f'{past.series().known.sum() * past.series().step / DAY:.1f} days' if self._file.keeps
                       else 'no state_dir is set: nothing outlives the process')
        except (ValueError, KeyError, TypeError) as error:
            self._told(WARN, f'begun anew: {error}; {self._file.put_aside(node.now())}')

    def save(self, now: float) -> None:
        """Keep what is known; a folder that cannot be written is told of, and tried again."""
        self.due = now + SAVE_PERIOD
        series = self._past.series()
        if not self._file.keeps or not len(series):
            return
        values = [None if math.isnan(value) else round(value, 6) for value in series.values.tolist()]
        try:
            self._file.save({'start': series.start, 'step': series.step, 'values': values})
        except OSError as error:
            self._told(WARN, f'not kept: {error.strerror}')
        else:
            self._told(OK, f'{series.known.sum() * series.step / DAY:.1f} days')

    def _told(self, level, text: str) -> None:
        self._node.health.check('price past', level, text)


class ForecastNode(HomeNode):
    """Forecasts of the home, every few minutes and soon after the start."""

    settings_class = ForecastNodeSettings

    def __init__(self, **options) -> None:
        super().__init__('forecast', **options)
        s = self.settings
        self._home = home.load(s.home_file) if s.home_file else None
        stores = tuple(self._home.stores) if self._home else ('battery',)
        self._power, self._forecasting = HomePower(s, batteries=stores), Forecasting(s)
        self._price = self._irradiance = self._temperature = None
        self._past = {name: Recorder(s.step, round(memory / s.step)) for name, memory in (
            ('price', max(s.memory, PRICE_MEMORY)), ('irradiance', s.memory), ('temperature', s.memory))}
        self._prices = PricePast(self, self._past['price'], s.state_dir)
        self._history = History(self, self._on_history)
        for source in self._power.meters:
            self._history.want(source)
        for outlet in self._home.outlets if self._home else ():
            if outlet.deferrable and self._power.watch(outlet.id):
                self._history.want(outlet.id)
        self._worker = ThreadPoolExecutor(1, 'forecast')
        self._future: Future | None = None
        self._training: Future | None = None
        self._due, self._learn_due, self._train_due, self._first = 0.0, 0.0, math.inf, None
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
        self._prices.save(self.now())

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
        self._train_due = self.now() + TRAIN_AFTER

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
        if now >= self._prices.due:
            self._prices.save(now)
        if self._future is not None:
            if not self._future.done():
                return
            self._take(self._future, now)
        if self._training is not None and self._training.done():
            self._told(self._training.result())
            self._training, self._due = None, 0.0
        if self._first is None or now < self._due or now - self._first < self.settings.warm_up:
            return
        learn, age = now >= self._learn_due, now - self._first
        if learn:  # often while there is little to learn from
            self._learn_due = now + min(self.settings.learn_period, max(60.0, age))
        self._due = now + min(self.settings.period, max(EARLY, age))
        snapshot = self._snapshot(now, learn)
        self._future = self._worker.submit(self._forecasting.make, snapshot)
        if math.isinf(self._train_due):  # the store told nothing
            self._train_due = self._first + self.settings.train_period
        if self._training is None and now >= self._train_due:  # after the forecast, which does not wait for it
            self._train_due = now + self.settings.train_period
            self._training = self._worker.submit(self._forecasting.train, snapshot)

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


    def _told(self, verdicts: dict[str, Verdict | None]) -> None:
        """Say in the diagnostics how the learned models did."""
        known = {name: verdict for name, verdict in verdicts.items() if verdict is not None}
        values = {f'{name}_{key}': value for name, v in known.items() for key, value in (
            ('used', v.better), ('error', v.error), ('baseline_error', v.baseline), ('pinball', v.pinball),
            ('coverage', v.coverage), ('trial_days', v.days))}
        words = ', '.join(f'{name}: {"used" if v.better else "not used"}, {100 * (1 - v.error / v.baseline):+.0f} %'
                          for name, v in known.items() if v.baseline > 0)
        self.health.check('learned', OK, words or 'too little past to learn from', **values)


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
