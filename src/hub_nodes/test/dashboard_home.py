"""A home that only pretends, for the dashboard's tests and for looking at its pages without the rest.

`python dashboard_home.py --outlets 16` publishes what outlets and the hub would, once a second, and answers the
services the pages call. No electricity is computed: the numbers are plausible, nothing more.
"""
import argparse
import math

import numpy as np
from rclpy.action import ActionServer, GoalResponse
from sensor_msgs.msg import BatteryState

from hearthgrid_msgs import msg
from hearthgrid_ros import interfaces as io
from hearthgrid_ros.node import HomeNode, options, run
from hearthgrid_ros.time import to_msg, to_seconds

# title, type, model, power [W], harmonics over the fundamental, lag [rad], on, voice, reason, class
APPLIANCES = (
    ('Refrigerator', 'refrigerator', 'Liebherr CN 4313', 92, (0.08, 0.03), 0.62, True, 0, 'nobody asked', 2),
    ('Kettle', 'kettle', 'Bosch TWK 7101', 2050, (0.01, 0.01), 0.0, True, 0, 'nobody asked', 6),
    ('Washing machine', 'washing_machine', '', 412, (0.42, 0.20), 0.4, True, 1, 'energy is cheapest until 14:00', 5),
    ('Dishwasher', 'dishwasher', 'Miele G 5222', 1.4, (0.6, 0.3), 0.2, False, 1, 'waits for the sun at 12:30', 5),
    ('Television', 'television', 'LG 55UP75', 118, (0.82, 0.6, 0.38, 0.2), -0.1, True, 0, 'nobody asked', 6),
    ('Router', 'router', '', 9.3, (0.85, 0.7, 0.5, 0.3), -0.2, True, 0, 'nobody asked', 3),
    ('Desk lamp', 'lamp', '', 8.6, (0.75, 0.5, 0.3), -0.3, True, 2, 'switched on on the page', 6),
    ('Heater', 'heater', '', 0.0, (0.01,), 0.0, False, 4, 'fits the load to the battery', 6),
    ('Microwave', 'microwave', '', 2.1, (0.4, 0.2, 0.1), 0.3, True, 0, 'nobody asked', 6),
    ('Car charger', 'ev_charger', 'go-e Gemini', 3680, (0.03, 0.02), 0.02, True, 1, 'charges from the sun', 5),
    ('Freezer', 'freezer', '', 74, (0.1, 0.04), 0.6, True, 0, 'nobody asked', 2),
    ('Coffee machine', 'coffee_machine', '', 1.1, (0.2,), 0.0, True, 0, 'nobody asked', 6),
    ('Oxygen concentrator', 'medical_device', '', 305, (0.2, 0.1), 0.5, True, 0, 'nobody asked', 1),
    ('Laptop', 'laptop', 'ThinkPad X1', 44, (0.8, 0.65, 0.4, 0.2), -0.1, True, 0, 'nobody asked', 6),
    ('Hair dryer', '', '', 1180, (0.15, 0.05), 0.1, False, 5, 'over-current: 23.4 A for 4 s', 6),
    ('Heat pump', 'heat_pump', 'Vaillant aroTHERM', 640, (0.12, 0.07), 0.35, True, 1, 'heats before the peak', 5),
)
ROOMS = ('Kitchen', 'Kitchen', 'Laundry', 'Kitchen', 'Living room', 'Hall', 'Study', 'Bathroom', 'Kitchen', 'Garage',
         'Cellar', 'Kitchen', 'Bedroom', 'Study', 'Bathroom', 'Cellar')
RATE, CYCLES, MAINS = 6400.0, 10, 50.0
GARAGE = 200.0  # the second battery gives [W]


def outlet_id(number: int) -> str:
    """Return the id of the n-th outlet."""
    name = APPLIANCES[number % len(APPLIANCES)][0].lower().replace(' ', '_')
    return name if number < len(APPLIANCES) else f'{name}_{number // len(APPLIANCES) + 1}'


def home_yaml(count: int = 16) -> str:
    """Return a home file of these outlets."""
    rows = [f'  - {{id: {outlet_id(i)}, title: "{APPLIANCES[i % 16][0]}", room: "{ROOMS[i % 16]}"}}'
            for i in range(count)]
    return 'batteries:\n  garage: {capacity_kwh: 5}\noutlets:\n' + '\n'.join(rows) + '\n'


class FakeOutlet:
    """What one outlet says; it obeys requests at once."""

    def __init__(self, node: 'FakeHome', number: int) -> None:
        self.node, self.id = node, outlet_id(number)
        (self.title, self.type, self.model, self.watts, self.harmonics, self.lag, self.on, self.voice, self.reason,
         self.priority) = APPLIANCES[number % len(APPLIANCES)]
        self.trip = msg.OutletState.TRIP_OVERCURRENT if self.voice == msg.Request.VOICE_PROTECTION else 0
        self.before = (self.on, self.voice, self.reason)
        self.first = (self.type, self.model, False)
        self.sequence, self.energy, self.named, self.rank = 0, 3.0 + number, False, number
        self.requests: list[msg.Request] = []
        self.rules = [msg.ScheduleEntry(days=31, start_minute=60, end_minute=330, on=False, power_max=math.inf)]
        io.REQUEST.subscription_to(node, self.id, self._request)
        for row, answer in ((io.CAPTURE_WAVEFORM, self._capture), (io.RESET_TRIP, self._reset),
                            (io.SET_PRIORITY, self._set_priority), (io.GET_SCHEDULE, self._get_schedule),
                            (io.SET_SCHEDULE, self._set_schedule)):
            node.create_service(row.type, row.of(node, self.id), answer)

    def _request(self, message: msg.Request) -> None:
        self.requests.append(message)
        if math.isnan(message.power_max):
            self.on, self.voice, self.reason = self.before
        else:
            self.on, self.voice, self.reason = message.power_max > 0, message.voice, message.reason
        self.node.states.publish(self.state())

    def _capture(self, request, response):
        response.success, response.waveform = True, self.waveform()
        return response

    def _reset(self, request, response):
        self.trip, self.on, self.voice, self.reason = 0, True, 0, 'nobody asked'
        self.node.states.publish(self.state())
        response.success = True
        return response

    def _set_priority(self, request, response):
        self.priority, self.rank, response.success = request.priority, request.rank, True
        self.node.states.publish(self.state())
        return response

    def _get_schedule(self, request, response):
        response.success, response.entries = True, self.rules
        return response

    def _set_schedule(self, request, response):
        self.rules, response.success = list(request.entries), True
        return response

    def power(self, now: float) -> float:
        if not self.on or self.trip:
            return 0.0
        if self.node.steady:
            return self.watts
        return self.watts * (1 + 0.04 * math.sin(now / 9.0 + len(self.id)) + 0.01 * self.node.dice.standard_normal())

    def reading(self, now: float) -> msg.Reading:
        power = self.power(now)
        share = (1.0, *self.harmonics)
        fundamental = power / 230.0 / math.cos(self.lag)
        rms = fundamental * math.hypot(*share)
        self.sequence, self.energy = self.sequence + 1, self.energy + power / 3.6e6
        odd = [fundamental * share[i // 2] if i % 2 == 0 and i // 2 < len(share) else 0.0 for i in range(21)]
        return msg.Reading(
            stamp=to_msg(now), outlet=self.id, sequence=self.sequence, duration=1.0, supply=self.node.supply(),
            voltage=230.4, current=rms, active_power=power, reactive_power=power * math.tan(self.lag),
            apparent_power=230.4 * rms, power_factor=power / (230.4 * rms) if rms else math.nan, frequency=49.99,
            energy_kwh=self.energy, voltage_thd=0.021, current_thd=math.hypot(*self.harmonics), harmonics=odd,
            temperature=31.0 + power / 400)

    def state(self) -> msg.OutletState:
        return msg.OutletState(
            stamp=to_msg(self.node.now()), outlet=self.id, relay=2 if self.on and not self.trip else 1, trip=self.trip,
            voice=self.voice, power_min=0.0, power_max=math.inf if self.on else 0.0, reason=self.reason,
            priority=self.priority, rank=self.rank, thermal_load=0.12, title=self.title, deferrable=self.priority == 5)

    def identity(self) -> msg.Identity:
        quiet = self.power(0.0) < 3.0 and not self.named
        state = (msg.Identity.STATE_NAMED if self.named else msg.Identity.STATE_UNKNOWN if not self.type else
                 msg.Identity.STATE_OFF if quiet else msg.Identity.STATE_KNOWN)
        others = [row[1] for row in APPLIANCES if row[1] and row[1] != self.type][len(self.id) % 5:][:3]
        return msg.Identity(
            stamp=to_msg(self.node.now()), outlet=self.id, state=state, type='' if quiet else self.type,
            model='' if quiet else self.model, probability=0.94, model_probability=0.8,
            candidates=[self.type or 'hair_dryer', *others], candidate_probabilities=[0.94, 0.03, 0.02, 0.01],
            recipe='fake 1', novelty=0.9 if state == msg.Identity.STATE_UNKNOWN else 0.1, rated_power=2200.0 if
            self.type == 'kettle' else math.nan, note='known to waste energy' if self.type == 'refrigerator' else '')

    def waveform(self) -> msg.Waveform:
        at = 2 * np.pi * MAINS * np.arange(round(CYCLES * RATE / MAINS)) / RATE
        peak = self.power(self.node.now()) / 230.0 / math.cos(self.lag) * math.sqrt(2)
        voltage = 325.0 * np.sin(at) + 5.0 * np.sin(5 * at)
        current = peak * np.sin(at - self.lag)
        for i, share in enumerate(self.harmonics):
            order = 2 * i + 3
            current = current + peak * share * np.sin(order * at - self.lag * order + (i % 2 == 0) * np.pi)
        current = current + 0.004 * self.node.dice.standard_normal(at.size)
        return msg.Waveform(stamp=to_msg(self.node.now() - 0.2), outlet=self.id, reason=2, cycles=CYCLES,
                            sampling_rate=RATE, frequency=MAINS, voltage_scale=0.02, current_scale=0.001,
                            voltage=np.round(voltage / 0.02).astype(np.int16).tolist(),
                            current=np.clip(np.round(current / 0.001), -32767, 32767).astype(np.int16).tolist())


class FakeHome(HomeNode):
    """All of it in one node."""

    def __init__(self, count: int = 16, steady: bool = False, **given) -> None:
        super().__init__('fake_home', **given)
        self.steady = steady  # without noise
        self.silent = False   # as if all readings were lost
        self.corrections: list = []
        self.acknowledged: list = []
        self.tested: list[str] = []
        self.histories: list[tuple[float, float, str]] = []  # start, end [s], outlet
        self.costs_asked: list[tuple[float, float]] = []  # start, end [s]
        self.dice = np.random.default_rng(5)
        self.out_until = 0.0
        self.readings = io.READINGS.publisher(self)
        self.identities, self.anomalies = io.IDENTITIES.publisher(self), io.ANOMALIES.publisher(self)
        self.tie, self.battery = io.TIE.publisher(self), io.BATTERY.publisher(self)
        # one node speaks for many members here, so it keeps as many last words as a set
        self.states = self.create_publisher(msg.OutletState, io.STATES.resolve(self), io.STATE_SET.profile(256))
        self.island = io.ISLAND.publisher(self)
        self.outlets = [FakeOutlet(self, i) for i in range(count)]
        for row, answer in ((io.CORRECT_IDENTITY, self._correct), (io.GET_HISTORY, self._history),
                            (io.SCRIPT_OUTAGE, self._outage), (io.GET_COSTS, self._costs),
                            (io.ACKNOWLEDGE, self._acknowledge), (io.TEST_NOTIFICATION, self._test)):
            row.server(self, answer)
        self._slow = [row.publisher(self) for row in (io.PRICES, io.WEATHER, io.PLAN)]
        self._forecasts = io.FORECASTS.publisher(self)
        self.jobs = io.JOBS.publisher(self)
        self.deadline, self.goals = math.floor(self.now() / 3600) * 3600.0 + 6 * 3600.0, []
        self._work = [ActionServer(self, io.RUN_JOB.type, io.RUN_JOB.of(self, outlet.id), self._never,
                                   goal_callback=self._job, handle_accepted_callback=lambda goal: None)
                      for outlet in self.outlets if outlet.id == 'washing_machine']
        self._say_all()
        self._say_job()
        self.create_timer(1.0, self._second)
        self._say_anomalies()

    def supply(self) -> int:
        return msg.Reading.SUPPLY_ISLAND if self.now() < self.out_until else msg.Reading.SUPPLY_GRID

    def _say_all(self) -> None:
        for outlet in self.outlets:
            self.states.publish(outlet.state())
            self.identities.publish(outlet.identity())
        self._say_grid()
        now = math.floor(self.now() / 3600) * 3600.0
        hours = np.arange(0, 24, 0.25) + (now / 3600 % 24)
        sun = np.maximum(0.0, np.sin((hours % 24 - 6) / 12 * np.pi)) * 3600
        price = 0.28 + 0.09 * np.sin((hours - 14) / 24 * 4 * np.pi) + 0.02 * np.cos(hours)
        load = 420 + 500 * np.exp(-((hours % 24 - 19) / 2.5) ** 2) + 300 * np.exp(-((hours % 24 - 8) / 1.5) ** 2)
        battery = np.where(price < 0.24, 1500.0, np.where(price > 0.34, -1200.0, 0.0))
        energy = np.clip(5.0 + np.cumsum(battery) * 0.25e-3, 1.0, 10.0)
        common = dict(stamp=to_msg(self.now()), start=to_msg(now), step=900.0)
        washing = np.where((hours % 24 > 12) & (hours % 24 < 14), 2000.0, 0.0)
        car = np.where((hours % 24 > 1) & (hours % 24 < 5), 3680.0, 0.0)
        self._slow[0].publish(msg.PriceSeries(**common, issuer='fake', currency='EUR', import_price=price.tolist(),
                                              export_price=[0.08] * 96))
        self._slow[1].publish(msg.WeatherSeries(**common, issuer='fake', air_temperature=(9 + sun / 600).tolist(),
                                                irradiance=(sun / 4).tolist()))
        self._slow[2].publish(msg.Plan(
            **common, epoch=7, status=1, valid_until=to_msg(now + 86400), cost=2.14, cost_unmanaged=3.02,
            currency='EUR', solve_time=0.12, grid_power=(load + battery + washing + car - sun).tolist(),
            battery_power=battery.tolist(), battery_energy_kwh=energy.tolist(), pv_power=sun.tolist(),
            base_load=load.tolist(), reasons=['the battery fills before the evening peak'],
            devices=[msg.DevicePlan(outlet=name, power=power.tolist(), reason=reason) for name, power, reason in (
                ('washing_machine', washing, 'sun at noon, and a low price'),
                ('car_charger', car, 'cheapest hours before 07:00'),
                ('heat_pump', np.where(price < 0.3, 640.0, 0.0), 'heats while it is cheap'))]))
        for quantity, mean, spread in ((1, load, 0.25), (2, sun, 0.3)):
            self._forecasts.publish(msg.Forecast(
                **common, quantity=quantity, target='home', method='same_time_last_week', mean=mean.tolist(),
                lower=(mean * (1 - spread)).tolist(), upper=(mean * (1 + spread)).tolist()))

    def _say_job(self) -> None:
        if self._work:
            self.jobs.publish(msg.Job(
                stamp=to_msg(self.now()), outlet='washing_machine', id='wash', status=msg.Job.STATUS_WAITING,
                energy_kwh=1.0, power=2000.0, deadline=to_msg(self.deadline)))

    def _job(self, goal) -> GoalResponse:
        self.goals.append(goal)
        self.deadline = to_seconds(goal.deadline)
        self._say_job()
        return GoalResponse.ACCEPT

    @staticmethod
    def _never(goal):
        raise AssertionError('the pretended job does not end')

    def _say_anomalies(self) -> None:
        raised = dict(stamp=to_msg(self.now() - 240), status=1)
        self.anomalies.publish(msg.Anomaly(**raised, id='a1', outlet='hair_dryer', kind=1, severity=3, value=23.4,
                                           text='drew 23.4 A for 4 s and was switched off'))
        self.anomalies.publish(msg.Anomaly(**raised, id='a2', outlet='television', kind=7, severity=1, value=118.0,
                                           text='stands by at 12 W for 9 h',
                                           since=to_msg(self.now() - 32_400), probability=0.97, wasted_energy_kwh=0.11,
                                           wasted_money=0.034, currency='EUR'))

    def _say_grid(self) -> None:
        out = self.now() < self.out_until
        self.tie.publish(msg.Breaker(stamp=to_msg(self.now()), state=1 if out else 2, grid_alive=not out,
                                     grid_voltage=0.0 if out else 230.4, grid_frequency=math.nan if out else 49.99))
        names = [outlet.id for outlet in self.outlets]
        self.island.publish(msg.IslandMode(
            stamp=to_msg(self.now()), member='battery', mode=7 if out else 1, epoch=1, term=4, leader='battery',
            authority=True, committee=['battery', *names[:4]], members=names[:100], shed=names[1:2] if out else [],
            voltage=230.4, frequency=49.9))

    def _second(self) -> None:
        now = self.now()
        if self.out_until and now >= self.out_until:
            self.out_until = 0.0
            self._say_grid()
        if self.silent:
            return
        total = 0.0
        for outlet in self.outlets:
            reading = outlet.reading(now)
            total += reading.active_power
            self.readings.publish(reading)
        sun, base = 2600 + 60 * math.sin(now / 20), 240.0
        battery = -(total + base - sun) + GARAGE if self.out_until else 800.0 + 30 * math.sin(now / 13)
        grid = 0.0 if self.out_until else total + base - sun + battery
        grid = 0.0 if self.out_until else grid - GARAGE
        for name, watts in (('grid', grid), ('pv', -sun), ('battery', battery), ('garage', -GARAGE)):
            self.readings.publish(msg.Reading(stamp=to_msg(now), outlet=name, duration=1.0, supply=self.supply(),
                                              voltage=230.4, frequency=49.99, active_power=watts))
        for name, charge in (('battery', 0.64), ('garage', 0.3)):
            state = BatteryState(location=name, percentage=charge, temperature=24.0)
            state.header.stamp = to_msg(now)
            self.battery.publish(state)

    def _correct(self, request, response):
        self.corrections.append(request)
        outlet = next((o for o in self.outlets if o.id == request.outlet), None)
        if outlet is None:
            response.message = f'no outlet is called {request.outlet}'
            return response
        if request.undo:
            outlet.type, outlet.model, outlet.named = outlet.first
        else:
            outlet.type, outlet.model, outlet.named = request.type, request.model, bool(request.type)
        self.identities.publish(outlet.identity())
        response.success, response.examples = True, 3
        return response

    def _history(self, request, response):
        start, end, step = to_seconds(request.start), to_seconds(request.end), max(request.step, 1.0)
        self.histories.append((start, end, request.outlet))
        outlet = next((o for o in self.outlets if o.id == request.outlet), None)
        response.success, response.unit = True, 'W'
        response.points = [
            msg.HistoryPoint(start=to_msg(at), mean=mean, minimum=0.6 * mean, maximum=1.3 * mean, count=int(step))
            for at in np.arange(start, end, step)
            for mean in [float((outlet.watts if outlet else 10) * (0.6 + 0.4 * math.sin(at / 700)))]]
        return response

    def _costs(self, request, response):
        start, end = to_seconds(request.start), to_seconds(request.end)
        self.costs_asked.append((start, end))
        response.success, response.currency = True, 'EUR'
        used = {o.id: 1.0 if end else o.energy for o in self.outlets}
        response.outlets = [msg.OutletCost(outlet=id, energy_kwh=kwh, cost=0.31 * kwh, priced=1.0)
                            for id, kwh in used.items()]
        return response

    def _acknowledge(self, request, response):
        self.acknowledged.append(request)
        response.success = True
        return response

    def _test(self, request, response):
        self.tested.append(request.channel)
        response.success, response.message = request.channel != 'pager', 'no channel is called pager'
        return response

    def _outage(self, request, response):
        self.out_until = 0.0 if request.restore else self.now() + (request.duration or 1e9)
        self._say_grid()
        response.success = True
        return response


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--outlets', type=int, default=16)
    parser.add_argument('--home-file', help='write a home file of these outlets here, for the dashboard')
    given = parser.parse_args()
    if given.home_file:
        with open(given.home_file, 'w', encoding='utf-8') as file:
            file.write(home_yaml(given.outlets))
    return run(lambda: FakeHome(given.outlets, **options('/home')), args=[])


if __name__ == '__main__':
    raise SystemExit(main())
