"""The market node: prices and weather of public services, fetched now and then; offline, the last good ones hold.

A worker thread fetches; the answers of the last round that could be read are kept on disk as they came.
"""
import asyncio
import math
from array import array
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from hearthgrid_core.settings import check_bounds, setting
from hearthgrid_msgs import msg
from hearthgrid_ros import home
from hearthgrid_ros.health import OK, WARN
from hearthgrid_ros.interfaces import PRICES, WEATHER
from hearthgrid_ros.node import HomeNode, run
from hearthgrid_ros.params import home_file, state_dir
from hearthgrid_ros.time import to_msg
from hub_nodes.adapters.series import FormatError, Prices, Weather
from hub_nodes.adapters.source import Source, price_source, weather_source
from hub_nodes.grid_service.wire import Http, LinkError, tls
from hub_nodes.state_file import StateFile

TICK = 1.0          # of the timer that looks [s]
STEPS_MAX = 576     # of a message


@dataclass(frozen=True)
class MarketSettings:
    """How often the services are asked; which ones is in the home file."""

    home_file: str = home_file()
    state_dir: str = state_dir()
    period: float = setting(1800.0, 's', 1.0, 86_400.0, 'Time between two requests that succeed.')
    retry: float = setting(60.0, 's', 0.1, 86_400.0, 'Wait after a failure; it doubles up to the period.')

    def __post_init__(self) -> None:
        check_bounds(self)


class _Feed:
    """One source: when it is due, what came, what is kept."""

    def __init__(self, what: str, source: Source, folder: str) -> None:
        self.what, self.source = what, source
        self._file = StateFile(folder, f'market_{what}')
        self.due, self.wait, self.future = 0.0, 0.0, None

    def keep(self, answers: list[bytes]) -> None:
        """Write the answers to disk. OSError."""
        self._file.save({'source': self.source.name, 'answers': [content.decode('latin-1') for content in answers]})

    def kept(self) -> Prices | Weather | None:
        """Return what was kept last, None where there is none or it is another source's. ValueError."""
        found = self._file.load()
        answers = found.get('answers')
        if found.get('source') != self.source.name or not isinstance(answers, list) or not answers:
            return None
        if not all(isinstance(one, str) for one in answers):
            return None
        return self.source.read([one.encode('latin-1') for one in answers])


class MarketNode(HomeNode):
    """Publishes prices and weather when they are new."""

    settings_class = MarketSettings

    def __init__(self, **options) -> None:
        super().__init__('market', **options)
        self._home = home.load(self.settings.home_file) if self.settings.home_file else None
        if self._home is None or self._home.market is None:
            raise ValueError('market: needs a home_file with a section `market`')
        self._outputs = {'prices': PRICES.publisher(self), 'weather': WEATHER.publisher(self)}
        sources = {'prices': price_source(self._home), 'weather': weather_source(self._home)}
        self._feeds = [_Feed(what, source, self.settings.state_dir) for what, source in sources.items() if source]
        self._worker = ThreadPoolExecutor(1, 'market')
        for feed in self._feeds:
            try:
                known = feed.kept()
            except ValueError as error:
                self.health.check(feed.what, WARN, f'what was kept cannot be used: {error}')
            else:
                if known is not None:
                    self._publish(feed, known, 'kept from before')
        self.create_timer(TICK, self._step)

    def make_safe(self) -> None:
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _step(self) -> None:
        now = self.now()
        for feed in self._feeds:
            if feed.future is None and now >= feed.due:
                feed.future = self._worker.submit(_fetch, feed.source, now)
            elif feed.future is not None and feed.future.done():
                done, feed.future = feed.future, None
                self._take(feed, done, now)

    def _take(self, feed: _Feed, done: Future, now: float) -> None:
        """Publish what came, or say why it cannot be used and try again later."""
        try:
            answers, known = done.result()
        except (LinkError, FormatError) as error:
            feed.wait = min(max(2 * feed.wait, self.settings.retry), self.settings.period)
            feed.due = now + feed.wait
            self.health.check(feed.what, WARN, f'{feed.source.name}: {error}')
            return
        feed.due, feed.wait = now + self.settings.period, 0.0
        self._publish(feed, known, 'fetched')
        try:
            feed.keep(answers)
        except OSError as error:
            self.health.check('cache', WARN, f'cannot be written: {error.strerror}')
        else:
            self.health.check('cache', OK, 'kept')

    def _publish(self, feed: _Feed, known: Prices | Weather, how: str) -> None:
        now, count = self.now(), len(known.import_price if isinstance(known, Prices) else _longest(known))
        first = max(0, math.floor((now - known.start) / known.step))
        if first >= count:
            self.health.check(feed.what, WARN, f'{feed.source.name}: what is known is over')
            return
        part = slice(first, min(count, first + STEPS_MAX))
        if isinstance(known, Prices):
            if known.currency != self._home.tariff.currency:
                self.health.check(feed.what, WARN, f'{feed.source.name}: in {known.currency}, the home counts in '
                                                   f'{self._home.tariff.currency}')
                return
            message = self._prices(known, part)
        else:
            message = msg.WeatherSeries(**{name: _floats(getattr(known, name)[part]) for name in (
                'air_temperature', 'irradiance', 'cloud_cover', 'wind_speed')})
        message.stamp, message.issuer, message.step = to_msg(now), feed.source.name, known.step
        message.start = to_msg(known.start + first * known.step)
        self._outputs[feed.what].publish(message)
        ahead = (known.start + count * known.step - now) / 3600
        self.health.check(feed.what, OK, f'{feed.source.name}: {how}, {ahead:.0f} h ahead')

    def _prices(self, known: Prices, part: slice) -> msg.PriceSeries:
        """Return prices as the home pays them: wholesale ones with the tariff's fees."""
        tariff = self._home.tariff
        bought = known.import_price[part] + (0.0 if known.retail else tariff.fees)
        sold = np.full(len(bought), tariff.sell) if known.export_price is None else known.export_price[part]
        return msg.PriceSeries(currency=known.currency, import_price=_floats(bought), export_price=_floats(sold),
                               carbon_intensity=_floats(known.carbon[part]))


def _fetch(source: Source, now: float) -> tuple[list[bytes], Prices | Weather]:
    """Return the answers and what they say. LinkError, FormatError."""
    async def fetch() -> list[bytes]:
        http, got = Http(tls('', '', '')), []
        try:
            for one in source.requests(now):
                try:
                    got.append(await http.request(one.method, one.url, params=one.query or None, headers=one.headers,
                                                  json=one.body))
                except LinkError:
                    if not one.optional:
                        raise
        finally:
            await http.close()
        return got

    answers = asyncio.run(fetch())
    return answers, source.read(answers)


def _longest(known: Weather) -> np.ndarray:
    return max((known.air_temperature, known.irradiance, known.cloud_cover, known.wind_speed), key=len)


def _floats(values: np.ndarray) -> array:
    return array('f', values.tolist())


def main() -> int:
    """Run the node."""
    return run(MarketNode)


if __name__ == '__main__':
    raise SystemExit(main())
