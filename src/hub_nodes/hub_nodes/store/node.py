"""The store: everything worth keeping, from the topics into the database, and history back out of it."""
from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import partial

from rclpy.lifecycle import TransitionCallbackReturn

from hearthgrid_core.settings import check_bounds, setting
from hearthgrid_msgs.msg import HistoryPoint, OutletCost, Reading
from hearthgrid_msgs.srv import GetCosts, GetHistory
from hearthgrid_ros.health import ERROR, OK, STALE, WARN
from hearthgrid_ros.interfaces import GET_COSTS, GET_HISTORY, READINGS
from hearthgrid_ros.node import ManagedNode, run
from hearthgrid_ros.params import keys_file, state_dir
from hearthgrid_ros.time import to_msg, to_seconds
from hub_nodes.store.backend import Retention, StoreError
from hub_nodes.store.convert import SOURCES, Recorder, Source, reading_values
from hub_nodes.store.costs import costs
from hub_nodes.store.history import view
from hub_nodes.store.model import KINDS
from hub_nodes.store.place import check_database, make_backend, needs_folder, remember
from hub_nodes.store.writer import Stats, Writer

POINTS_MAX = 2000   # of one answer
COSTS_MAX = 256     # outlets of one answer
OUTLETS_MAX = 4096  # ids a home may have; more is somebody playing
AHEAD_MAX = 60.0    # a stamp so far in the future is a clock gone wrong [s]
REMEMBER = 60.0     # how long a loss shows in the health [s]


@dataclass(frozen=True)
class StoreSettings:
    """How the store writes and how long it keeps."""

    state_dir: str = state_dir()
    keys_file: str = keys_file()
    database: str = setting('', '', None, None, 'Address of a database: postgresql://user@host/name (the password '
                            'there or in a password file), influxdb://user:password@host:8086/name or '
                            'victoriametrics://host:8428/name; empty: one file in the state folder.')
    flush_period: float = setting(0.5, 's', 0.05, 1.0, 'A reading waits at most this long before it is committed.')
    sync_period: float = setting(10.0, 's', 0.0, 600.0, 'A power cut costs at most the readings of this time; each '
                                 'time, the disk is waited for.')
    queue: int = setting(100_000, '1', 100, 5_000_000, 'Readings that wait while the database cannot be written; then '
                         'the oldest are dropped.')
    readings_days: float = setting(14.0, 'd', 0.05, 3650.0, 'How long every reading is kept.')
    minutes_days: float = setting(730.0, 'd', 1.0, 36_500.0, 'How long mean, minimum and maximum of each minute are '
                                  'kept.')
    events_days: float = setting(730.0, 'd', 1.0, 36_500.0, 'How long states, identities, labels, anomalies, outages, '
                                 'grid limits, prices, jobs and commands are kept.')
    plans_days: float = setting(90.0, 'd', 1.0, 36_500.0, 'How long plans are kept.')
    series_days: float = setting(30.0, 'd', 1.0, 36_500.0, 'How long forecasts, weather and signatures are '
                                 'kept.')
    size_max: float = setting(8000.0, 'MB', 10.0, 1e7, 'Size of the database from which readings go before their time, '
                              'the oldest first.')

    def __post_init__(self) -> None:
        check_bounds(self)
        check_database(self.database)
        if self.minutes_days < self.readings_days:
            raise ValueError('minutes_days must not be below readings_days: minutes outlive the readings they sum up')

    def retention(self) -> Retention:
        """Return how long each class is kept."""
        series = dict.fromkeys(('forecast', 'weather', 'signature'), self.series_days)
        days = {**dict.fromkeys(KINDS, self.events_days), 'plan': self.plans_days, **series}
        return Retention(self.readings_days, self.minutes_days, days, round(self.size_max * 1e6))


class StoreNode(ManagedNode):
    """Callbacks queue; the writer's thread writes. While inactive nothing is heard."""

    settings_class = StoreSettings

    def __init__(self, **options) -> None:
        super().__init__('store', **options)
        self._ends: list = []
        self._temporary: tempfile.TemporaryDirectory | None = None
        self._writer: Writer | None = None
        self._losses: dict[str, float] = {}
        self._seen = Stats()
        self.health.before_report(self._report)

    def on_configure(self, state) -> TransitionCallbackReturn:
        folder = self.settings.state_dir
        if not folder and needs_folder(self.settings.database):
            self._temporary = tempfile.TemporaryDirectory(prefix='hearthgrid-store-')
            folder = self._temporary.name
        self._backend = make_backend(self.settings.database, folder, self.settings.retention())
        try:
            if self.settings.state_dir:
                remember(folder, self.settings.database)
        except OSError as error:
            self.get_logger().warning(f'other programs will not find the database: {error.strerror}')
        self._history = self._backend.history()
        self._recorder = Recorder()
        self._outlets: set[str] = set()
        self._refused = 0
        self._writer = Writer(self._backend, self.settings.flush_period, self.settings.sync_period,
                              self.settings.queue, self.get_logger().warning, self.now)
        self._seen, self._seen_at = Stats(), self.now()
        return super().on_configure(state)

    def on_activate(self, state) -> TransitionCallbackReturn:
        self._ends = [READINGS.subscription(self, self._on_reading)]
        self._ends += [source.topic.subscription(self, partial(self._on_message, source)) for source in SOURCES]
        self._services = [GET_HISTORY.server(self, self._on_history), GET_COSTS.server(self, self._on_costs)]
        return super().on_activate(state)

    def on_deactivate(self, state) -> TransitionCallbackReturn:
        for subscription in self._ends:
            self.destroy_subscription(subscription)
        self._ends = []
        for service in self._services:
            self.destroy_service(service)
        self._writer.flush(2.0)
        return super().on_deactivate(state)

    def on_cleanup(self, state) -> TransitionCallbackReturn:
        self._close()
        return super().on_cleanup(state)

    def on_shutdown(self, state) -> TransitionCallbackReturn:
        self._close()
        return super().on_shutdown(state)

    def _close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None and not writer.close():
            self.get_logger().error(f'{writer.stats().queued} readings and records could not be written')
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    def _on_reading(self, message: Reading) -> None:
        stamp, now = to_seconds(message.stamp), self.now()
        outlet = message.outlet
        if not outlet or not now - self.settings.readings_days * 86_400.0 <= stamp <= now + AHEAD_MAX:
            self._refuse(f'a reading of {outlet!r} is stamped {stamp - now:+.0f} s from now' if outlet else
                         'a reading does not say of which outlet it is')
            return
        if outlet not in self._outlets:
            if len(self._outlets) >= OUTLETS_MAX:
                self._refuse(f'there are already {OUTLETS_MAX} outlets; {outlet!r} is not stored')
                return
            self._outlets.add(outlet)
        self._writer.put_reading(stamp, outlet, message.duration, message.supply, reading_values(message))

    def _on_message(self, source: Source, message) -> None:
        stamp, now = to_seconds(message.stamp), self.now()
        # What happened is kept even where its sender's clock is wrong; its own stamp stays in the data.
        record = self._recorder.record(source, message, stamp if 0.0 < stamp <= now + AHEAD_MAX else now)
        if record is not None:
            self._writer.put_record(record)

    def _refuse(self, reason: str) -> None:
        self._refused += 1
        self._losses['input'] = self.now()
        self._reason = reason

    def _on_history(self, request: GetHistory.Request, response: GetHistory.Response) -> GetHistory.Response:
        try:
            series = view(self._history, request.outlet, request.quantity, to_seconds(request.start),
                          to_seconds(request.end) or self.now(), request.step, POINTS_MAX)
        except (ValueError, StoreError) as error:
            response.message = str(error)[:200]
            return response
        response.success, response.unit = True, series.unit
        columns = (series.start, series.mean, series.minimum, series.maximum, series.count)
        response.points = [HistoryPoint(start=to_msg(start), mean=mean, minimum=low, maximum=high, count=count)
                           for start, mean, low, high, count in zip(*(c.tolist() for c in columns), strict=True)]
        return response

    def _on_costs(self, request: GetCosts.Request, response: GetCosts.Response) -> GetCosts.Response:
        try:
            made, response.currency = costs(self._history, to_seconds(request.start),
                                            to_seconds(request.end) or self.now())
        except (ValueError, StoreError) as error:
            response.message = str(error)[:200]
            return response
        response.success = True
        response.outlets = [OutletCost(outlet=outlet, energy_kwh=one.energy_kwh, cost=one.cost, priced=one.priced)
                            for outlet, one in list(made.items())[:COSTS_MAX]]
        return response

    def _report(self) -> None:
        if self._writer is None:
            self.health.check('database', WARN, 'not configured')
            return
        stats, now = self._writer.stats(), self.now()
        elapsed, before = max(now - self._seen_at, 1e-3), self._seen
        self._seen, self._seen_at = stats, now
        if stats.dropped > before.dropped:
            self._losses['queue'] = now
        lately = {name for name, at in self._losses.items() if now - at < REMEMBER}
        values = {'size [MB]': self._backend.size() / 1e6, 'file': self._backend.path}
        if stats.broken or stats.error:
            self.health.check('database', ERROR, stats.broken or stats.error, **values)
        elif not stats.opened:
            self.health.check('database', STALE, 'not opened yet', **values)
        elif self._temporary is not None:
            self.health.check('database', WARN, 'no state_dir is set: history ends with this process', **values)
        else:
            self.health.check('database', OK, 'written', **values)
        remark = self._backend.remark()
        self.health.check('server', *((WARN, remark) if remark else (OK, 'takes all')))
        self.health.check('queue', *((WARN, 'readings are dropped: the database cannot be written') if 'queue' in lately
                                     else (OK, 'nothing is lost')),
                          **{'readings [1/s]': (stats.written - before.written) / elapsed, 'waiting': stats.queued,
                             'dropped': stats.dropped, 'readings': stats.written, 'records': stats.records})
        self.health.check('input', *((WARN, self._reason) if 'input' in lately else (OK, 'all readings can be stored')),
                          refused=self._refused + stats.refused)


def main() -> int:
    """Run the node."""
    return run(StoreNode)


if __name__ == '__main__':
    raise SystemExit(main())
