"""The grid service: the utility's events in; limits, prices and the state of each event out.

A thread of its own holds the session with the utility's server. One timer, once a second, takes what it heard, steps
the programme by the home's clock, and tells the home and the server what changed.
"""
import math
import random
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from rclpy.lifecycle import TransitionCallbackReturn
from sensor_msgs.msg import BatteryState

from hearthgrid_core.grid_service import (
    Answer,
    Ask,
    Baseline,
    Entry,
    Facts,
    Kind,
    Opt,
    PowerLog,
    Prices,
    Programme,
    Status,
    ask_at,
    baseline,
    charge_power,
    delivered,
    overlay,
)
from hearthgrid_core.grid_service.baseline import STEP
from hearthgrid_core.grid_service.event import OPEN, TARIFF
from hearthgrid_msgs import msg, srv
from hearthgrid_ros import home
from hearthgrid_ros.health import ERROR, OK, STALE, WARN
from hearthgrid_ros.interfaces import BATTERY, GRID_EVENTS, GRID_LIMIT, PRICES, READINGS, SET_OPT
from hearthgrid_ros.node import ManagedNode, run
from hub_nodes.grid_service import convert, openadr2, openadr2_read, openadr3
from hub_nodes.grid_service.memory import Memory
from hub_nodes.grid_service.session import Session, State
from hub_nodes.grid_service.settings import GridServiceSettings
from hub_nodes.grid_service.wire import Heard, Measured, Outcome, lifetime

TICK = 1.0                  # of the timer that decides [s]
CHARGE_FRESH = 120.0        # how long the battery's word of its charge is believed [s]
POWER_FRESH = 10.0          # and the meter's [s]
SAVE_PERIOD = 900.0         # [s]
REFRESH_PERIOD = 900.0      # of prices: an event without an end moves their horizon on [s]
CERTIFICATE_PERIOD, CERTIFICATE_WARN = 3600.0, 14 * 86_400.0    # [s]
CHARGE_STEP = 0.02          # of the battery's power: smaller changes of the power asked are not told


class GridServiceNode(ManagedNode):
    """Speaks with the utility while active; deactivated, it withdraws what it asked of the home."""

    settings_class = GridServiceSettings

    def __init__(self, **options) -> None:
        super().__init__('grid_service', **options)
        if not self.settings.home_file:
            raise ValueError('grid_service: needs a home_file')
        self._home = home.load(self.settings.home_file)
        if self._home.grid_service is None:
            raise ValueError(f'grid_service: {self.settings.home_file} has no section `grid_service`')
        self._zone = ZoneInfo(self._home.timezone)
        battery = self._home.battery
        self._facts = Facts(self.settings, battery.capacity_kwh if battery else 0.0,
                            battery.power_max if battery else 0.0)
        self._session: Session | None = None
        self._ends: list = []
        self._outputs: list = []

    # Lifecycle.

    def on_configure(self, state) -> TransitionCallbackReturn:
        self._programme = Programme(self.settings, self._zone, random.Random().random)
        self._log, self._memory, self._days = PowerLog(), Memory(self.settings.state_dir), set()
        try:
            self._days = self._memory.load(self.now(), self._programme, self._log)
        except ValueError as error:
            self.health.check('memory', WARN, str(error))
        self._charge, self._charge_at, self._power, self._power_at = math.nan, -math.inf, math.nan, -math.inf
        self._base: msg.PriceSeries | None = None
        self._said: Ask | None = None
        self._overlaid, self._prices_due, self._refresh_at = False, True, 0.0
        self._baselines: dict[str, Baseline] = {}
        self._save_at, self._certificate_at, self._news = 0.0, -math.inf, False
        self._outputs = [row.publisher(self) for row in (GRID_LIMIT, GRID_EVENTS, PRICES)]
        self._limit, self._events, self._prices = self._outputs
        self._ends = [row.subscription(self, callback) for row, callback in (
            (READINGS, self._on_reading), (BATTERY, self._on_battery), (PRICES, self._on_prices))]
        self._service = SET_OPT.server(self, self._on_opt, self.calls)
        return super().on_configure(state)

    def on_activate(self, state) -> TransitionCallbackReturn:
        self._session = Session(self._link, self.settings.retry)
        self._session.start()
        self._timer = self.create_timer(TICK, self._step)
        return super().on_activate(state)

    def on_deactivate(self, state) -> TransitionCallbackReturn:
        self.destroy_timer(self._timer)
        if not self._session.stop():
            self.get_logger().warning('the session with the utility did not end in time')
        self._session = None
        now = self.now()
        self._tell_limit(Ask('', now, OPEN), now)
        if self._overlaid and self._base is not None:
            self._prices.publish(self._base)
        self._save(now)
        self.health.check('server', STALE, 'not active')
        return super().on_deactivate(state)

    def on_cleanup(self, state) -> TransitionCallbackReturn:
        for end in self._ends:
            self.destroy_subscription(end)
        for publisher in self._outputs:
            self.destroy_publisher(publisher)
        self.destroy_service(self._service)
        self._ends, self._outputs = [], []
        return super().on_cleanup(state)

    def _link(self):
        facts, battery = self._home.grid_service, self._home.battery
        measures = openadr2_read.Home(self._home.supply.import_max, battery.capacity_kwh if battery else 0.0,
                                      self._home.tariff.currency)
        if facts.protocol == 'openadr2b':
            return openadr2.Ven(facts, measures, self.settings.report_least)
        return openadr3.Client(facts, measures)

    # What comes in.

    def _on_reading(self, message: msg.Reading) -> None:
        if message.outlet == 'grid' and math.isfinite(message.active_power):
            self._power, self._power_at = float(message.active_power), self.now()
            self._log.add(self._power_at, self._power)

    def _on_battery(self, message: BatteryState) -> None:
        if message.location in ('', 'battery') and 0.0 <= message.percentage <= 1.0:
            self._charge, self._charge_at = float(message.percentage), self.now()

    def _on_prices(self, message: msg.PriceSeries) -> None:
        if message.issuer == convert.ISSUER:
            return
        try:
            convert.base(message)
        except ValueError as error:
            self.health.check('prices', WARN, f'refused: {error}')
            return
        self.health.check('prices', OK, f'from {message.issuer}')
        # Its own word again is no news: this node published it when an event ended.
        if self._base is None or message != self._base:
            self._base, self._prices_due = message, True

    def _on_opt(self, request: srv.SetOpt.Request, response: srv.SetOpt.Response) -> srv.SetOpt.Response:
        why = self._programme.say(self.now(), request.id, request.opt_in)
        response.success, response.message = not why, (why or 'taken')[:200]
        return response

    # Once a second.

    def _step(self) -> None:
        now = self.now()
        self._hear(now)
        charge = self._charge if now - self._charge_at < CHARGE_FRESH else math.nan
        answers, outcomes = [], []
        for told in self._programme.step(now, charge):
            self._news = True
            if isinstance(told, Answer):
                answers.append(told)
                continue
            self._prices_due = True
            outcomes += self._moved(told.entry, now, charge)
        measured = self._measured(now)
        self._session.send(answers, outcomes, measured)
        self._tell_limit(ask_at(self._programme, now, self._facts, charge), now)
        self._tell_prices(now)
        if self._news or now > self._save_at:
            self._save(now)
        self._check_certificate(now)

    def _hear(self, now: float) -> None:
        for news in self._session.news():
            if isinstance(news, State):
                level = OK if news.up else ERROR if news.lasting else WARN
                self.health.check('server', level, news.reason, url=self._home.grid_service.url)
            elif isinstance(news, Heard):
                refused = [*news.refused, *self._programme.hear(now, news.events, news.listed)]
                self.health.check('events', WARN if refused else OK, '; '.join(refused)[:240] or 'all can be used',
                                  known=len(self._programme.entries))

    def _moved(self, entry: Entry, now: float, charge: float) -> list[Outcome]:
        """Tell the home of an event that changed; return what it brought when it is over."""
        power, signal = math.nan, entry.event.signal(Kind.CHARGE)
        interval = signal.at(now) if signal else None
        if interval and entry.opt is Opt.IN:
            power = charge_power(interval.value, charge, interval.end - now, self._facts)
        for message in convert.events(entry, now, power):
            self._events.publish(message)
        id, asks = entry.event.id, not entry.event.kinds <= TARIFF
        if entry.status is Status.ACTIVE and entry.opt is Opt.IN and asks and id not in self._baselines:
            self._days.add(str(datetime.fromtimestamp(now, self._zone).date()))
            self._baselines[id] = baseline(
                self._log, entry.event.start, entry.event.end,
                {datetime.fromisoformat(day).date() for day in self._days}, self.settings, self._zone)
        known = self._baselines.pop(id, None) if entry.status in (Status.COMPLETED, Status.CANCELLED) else None
        if known is None:
            return []
        count = max(1, math.ceil((min(now, entry.event.end) - known.start) / STEP - 1e-9))
        known = replace(known, power=known.power[:count])
        measured = tuple(self._log.means.get(int(known.start // STEP) + k, math.nan) for k in range(len(known.power)))
        less = [value for value in delivered(self._log, known) if not math.isnan(value)]
        self.health.check('delivered', OK, f'{id}: {sum(less) / len(less):.0f} W less than the baseline' if less else
                          f'{id}: not known', factor=known.factor, days=known.days)
        return [Outcome(id, known.start, measured, known.power)]

    def _measured(self, now: float) -> Measured | None:
        if now - self._power_at > POWER_FRESH:
            return None
        held = [base.power[k] for base in self._baselines.values()
                if 0 <= (k := int((now - base.start) // STEP)) < len(base.power)]
        why = next((base.reason for base in self._baselines.values() if base.reason), '')
        if self._baselines:
            self.health.check('baseline', WARN if why else OK, why or 'known')
        return Measured(now, self._power, held[0] if held else math.nan)

    # What goes out.

    def _tell_limit(self, ask: Ask, now: float) -> None:
        if self._said is not None and self._same(ask, self._said, now):
            return
        self._said = ask
        self._limit.publish(convert.limit(ask, now))

    def _same(self, ask: Ask, said: Ask, now: float) -> bool:
        """Return whether an ask is what was said: it may have begun since, and its charge move a little."""
        if max(ask.start, now) != max(said.start, now):
            return False
        near = abs(ask.charge - said.charge) <= CHARGE_STEP * self._facts.battery_power \
            if not math.isnan(ask.charge + said.charge) else math.isnan(ask.charge) and math.isnan(said.charge)
        dispatch = ask.dispatch == said.dispatch or math.isnan(ask.dispatch) and math.isnan(said.dispatch)
        return near and dispatch and (ask.event, ask.end, ask.level, ask.import_max, ask.export_max) == (
            said.event, said.end, said.level, said.import_max, said.export_max)

    def _tell_prices(self, now: float) -> None:
        """Publish prices with the utility's in their place when either changed; the others' own again at the end."""
        if not self._prices_due and not (self._overlaid and now > self._refresh_at):
            return
        self._prices_due, self._refresh_at = False, now + REFRESH_PERIOD
        tariff = self._home.tariff
        known: Prices | None = convert.base(self._base) if self._base is not None else None
        made = overlay(self._programme, known, now, tariff.currency, tariff.sell)
        if made is not None:
            self._prices.publish(convert.prices(made, now))
        elif self._overlaid and self._base is not None:
            self._prices.publish(self._base)
        self._overlaid = made is not None

    def _save(self, now: float) -> None:
        self._save_at, self._news = now + SAVE_PERIOD, False
        try:
            self._memory.save(self._programme, self._log, self._days)
        except OSError as error:
            self.health.check('memory', WARN, f'cannot be written: {error.strerror}')
        else:
            self.health.check('memory', OK, 'kept')

    def _check_certificate(self, now: float) -> None:
        certificate = self._home.grid_service.certificate
        if not certificate or now - self._certificate_at < CERTIFICATE_PERIOD:
            return
        self._certificate_at = now
        try:
            left = lifetime(certificate)
        except (OSError, ValueError) as error:
            self.health.check('certificate', ERROR, f'cannot be read: {error}')
            return
        level = ERROR if left <= 0 else WARN if left < CERTIFICATE_WARN else OK
        self.health.check('certificate', level, 'has expired' if left <= 0 else f'valid for {left / 86_400:.0f} days')


def main() -> int:
    """Run the node."""
    return run(GridServiceNode)


if __name__ == '__main__':
    raise SystemExit(main())
