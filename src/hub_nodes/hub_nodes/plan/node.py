"""The plan: forecasts, prices, jobs and limits in; the schedule, requests to outlets and battery setpoints out.

Callbacks store. A worker thread solves from a snapshot (the solver lets go of Python's lock). One timer, once a second,
takes what the worker made, asks the outlets, and lets the battery keep the planned grid power.
"""
import math
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from rclpy.lifecycle import TransitionCallbackReturn

from hearthgrid_core.plan import (
    Follower,
    HomeFacts,
    Kind,
    Moment,
    Planner,
    PlanResult,
    PlanSettings,
    Shedder,
    Situation,
    Status,
    battery_power,
    problem,
    split,
    waits_for,
)
from hearthgrid_ros import home
from hearthgrid_ros.health import ERROR, OK, STALE, WARN
from hearthgrid_ros.node import ManagedNode, run
from hub_nodes.plan.commands import WITHDRAW_LIFE, Commands, Made
from hub_nodes.plan.inputs import Inputs
from hub_nodes.plan.settings import PlanNodeSettings

TICK = 1.0              # of the inner loop [s]
PV, GRID = 'pv', 'grid'
LEVELS = {Status.OPTIMAL: OK, Status.RELAXED: WARN, Status.FAILED: ERROR}


class PlanNode(ManagedNode):
    """Plans the home while active; deactivated, it takes back what it asked."""

    settings_class = PlanNodeSettings

    def __init__(self, **options) -> None:
        super().__init__('plan', **options)
        self._home = home.load(self.settings.home_file) if self.settings.home_file else None
        self._inputs: Inputs | None = None
        self._commands: Commands | None = None
        self._worker: ThreadPoolExecutor | None = None
        self._planner: Planner | None = None
        self._shedder: Shedder | None = None
        self._follower: Follower | None = None
        self._future: Future | None = None
        self._made: Made | None = None
        self._due, self._news_at, self._timer, self._epoch = 0.0, math.inf, None, 0

    # Lifecycle.

    def on_configure(self, state) -> TransitionCallbackReturn:
        zone = ZoneInfo(self._home.timezone) if self._home else None  # None: the machine's own
        self._planner = Planner(self.settings, lambda time: datetime.fromtimestamp(time, zone).strftime('%H:%M'))
        self._worker = ThreadPoolExecutor(1, 'plan')
        self._epoch = max(self._epoch, int(self.now()) - 1)
        self._commands = Commands(self, self._epoch, self.settings.refresh, self.settings.request_life,
                                  self.settings.keys_file)
        self._inputs = Inputs(self, self._home, self.settings, self._news)
        self._shedder, self._follower = Shedder(self.settings), Follower(self.settings)
        return super().on_configure(state)

    def on_activate(self, state) -> TransitionCallbackReturn:
        self._due, self._news_at = 0.0, math.inf
        self._timer = self.create_timer(TICK, self._step)
        return super().on_activate(state)

    def on_deactivate(self, state) -> TransitionCallbackReturn:
        self.destroy_timer(self._timer)
        if not self._inputs.cut_off:
            # Zero, not idle: an idle inverter would not form the island if the grid failed just now.
            for name in self._inputs.stores(self.now()):
                self._commands.set_inverter(name, 0.0, self.now(), WITHDRAW_LIFE)
            self._commands.withdraw_all(self.now())
            self._commands.cap({}, self.now())
        self._made = None
        self.health.check('plan', STALE, 'not active')
        return super().on_deactivate(state)

    def on_cleanup(self, state) -> TransitionCallbackReturn:
        self._worker.shutdown(wait=True, cancel_futures=True)
        for subscription in self._inputs.subscriptions:
            self.destroy_subscription(subscription)
        for publisher in self._commands.publishers:
            self.destroy_publisher(publisher)
        self._epoch = self._commands.epoch
        self._inputs = self._commands = self._worker = self._planner = self._future = None
        return super().on_cleanup(state)

    def _news(self) -> None:
        """Have what changed planned soon."""
        self._news_at = min(self._news_at, self.now())

    # Once a second.

    def _step(self) -> None:
        now = self.now()
        if self._future is not None and self._future.done():
            self._take(self._future, now)
        if self._inputs.cut_off:
            self.health.check('plan', WARN, f'{self._inputs.cut_off}: the plan does not bind')
            return
        self._start(now)
        made = self._made if self._made and now < self._made.valid_until else None
        self._track(made.result if made else None, now)
        if made:
            jobs = self._inputs.jobs
            settable = {outlet for outlet, job in jobs.items() if job.interruptible and job.throttleable}
            self._commands.ask(made, {outlet: job.power for outlet, job in jobs.items()}, settable, now)

    def _start(self, now: float) -> None:
        """Hand the worker a snapshot when a plan is due."""
        if self._future is not None or (now < self._due and now - self._news_at < self.settings.settle):
            return
        situation = self._inputs.situation(now)
        waiting = waits_for(situation)
        if waiting:
            self.health.check('plan', WARN if self._made else STALE, f'waits for {" and ".join(waiting)}')
            return
        self._due, self._news_at = now + self.settings.period, math.inf
        last = self._made.result if self._made else None
        self._future = self._worker.submit(partial(_solve, self._planner, situation, self._inputs.facts(),
                                                   self.settings, last))

    def _take(self, future: Future, now: float) -> None:
        """Publish the plan the worker made and put it in force."""
        self._future = None
        try:
            result, without = future.result()
        except ValueError as error:
            self.health.check('plan', ERROR, f'no plan: {error}')
            return
        until = now + self.settings.validity
        if result.status is Status.FAILED:
            until = self._made.valid_until if self._made else now
        made = Made(result, self._commands.number(now), min(until, result.horizon.end), without)
        if result.status is not Status.FAILED:
            self._made = made
        self._commands.tell(made, self._inputs.facts().currency, now)
        self.health.check('plan', LEVELS[result.status], '; '.join((*result.reasons, *without))[:240],
                          solve_time=result.solve_time, gap=result.gap, devices=len(result.schedules))

    def _track(self, result: PlanResult | None, now: float) -> None:
        """Set the battery, shed what it cannot carry within the import limit, and curtail the sun as planned."""
        facts, inputs, fresh = self._inputs.facts(), self._inputs, self.settings.fresh
        step = result.at(now) if result else 0
        limit = inputs.limit(now)
        limit = limit if limit and limit.start <= now else None
        planned = result.power(Kind.BATTERY)[step] if result and result.of(Kind.BATTERY) else math.nan
        battery, low, high, hold, floor, ceiling = facts.battery, math.nan, math.nan, 0.0, 0.0, 1.0
        if battery and result and result.guide:
            held = result.guide
            low, high, hold = (float(row[step]) for row in (held.low, held.high, held.hold))
            floor, ceiling = (float(row[step]) / battery.capacity for row in (held.floor, held.ceiling))
        if limit and not math.isnan(limit.dispatch):
            low = high = limit.dispatch
        moment = Moment(
            low=low, high=high, hold=hold, planned=float(planned),
            grid=inputs.power(GRID, now, fresh), battery=inputs.battery_power(now, fresh),
            charge=inputs.charge(now), reserve=max(battery.reserve, floor) if battery else 0.0,
            charge_max=battery.power_max if battery else 0.0, discharge_max=battery.power_max if battery else 0.0,
            import_max=min(facts.import_max, limit.import_max if limit else math.inf),
            export_max=min(facts.export_max, limit.export_max if limit else math.inf),
            spared=sum(job.measured for job in inputs.jobs.values()
                       if job.throttleable and not job.from_battery and job.measured > 0),
            ceiling=ceiling, asked=limit.charge if limit else math.nan)
        power, why = battery_power(moment, self.settings)
        beyond = self._follower.excess(now, moment, power)
        if battery:
            stores = inputs.stores(now)
            for name, share in zip(stores, split(power, list(stores.values())), strict=True):
                self._commands.set_inverter(name, share, now)
            silent = ', '.join(inputs.silent(now))
            self.health.check('batteries', WARN if silent else OK, f'{silent}: no word of its charge, planned without'
                              if silent else f'{len(stores)} planned')
            follows = self._follower.follows
            self.health.check('battery', OK if follows else WARN, why if follows else 'gives less than it was told',
                              setpoint=power, low=low, high=high, grid=moment.grid)
        off = self._shedder.step(now, beyond, moment.import_max, inputs.loads(now, fresh))
        self._commands.cap(off, now)
        self.health.check('import limit', WARN if off else OK, f'{", ".join(off)} off' if off else 'kept')
        for panels in result.of(Kind.PHOTOVOLTAIC) if result else ():
            if panels.curtailed is not None and panels.curtailed[step] > 1.0:
                self._commands.set_inverter(PV, float(panels.power[step]), now)


def _solve(planner: Planner, situation: Situation, facts: HomeFacts, settings: PlanSettings,
           last: PlanResult | None) -> tuple[PlanResult, tuple[str, ...]]:
    made, without = problem(situation, facts, settings, last)
    return planner.plan(made), without


def main() -> int:
    """Run the node."""
    return run(PlanNode)


if __name__ == '__main__':
    raise SystemExit(main())
