"""The member: carries samples, the tie's word and ballots to one `Member`, and what that says to the home.

It reads its own outlet's samples rather than everybody's readings: half cycles show an outage within one block, and the
cost of a home grows with its outlets, not with their square. What only a leader needs, only a leader listens to.
"""

import time
from random import Random, SystemRandom

import numpy as np
from rclpy.clock import Clock, ClockType
from sensor_msgs.msg import BatteryState

from hearthgrid_core.island import (
    Ahead,
    Ask,
    Charge,
    Given,
    Member,
    Message,
    Metered,
    Mode,
    Persist,
    Persisted,
    Role,
    Share,
    Stated,
    Steer,
    Supply,
    Tie,
    View,
    half_cycle_rms,
)
from hearthgrid_core.island.signed import Seal, pack_ballot, pack_share
from hearthgrid_core.island.voter import QUESTIONS
from hearthgrid_core.waveform import WaveformError, fundamental_frequency
from hearthgrid_msgs import msg
from hearthgrid_ros import interfaces
from hearthgrid_ros.health import OK, STALE, WARN
from hearthgrid_ros.key_file import HOME
from hearthgrid_ros.node import HomeNode, run
from hearthgrid_ros.time import to_msg, to_seconds
from outlet_node import convert
from outlet_node.ballots import from_share, refuse, to_ballot, to_share, to_word
from outlet_node.memory import Memory
from outlet_node.settings import ConsensusSettings

IDLE = 3600.0  # period of the timer while nothing is due [s]
WORDS = {msg.Breaker.STATE_OPEN: False, msg.Breaker.STATE_CLOSED: True}
HALF_CYCLES = 100  # that stand for a reading of a meter
AHEAD = {msg.Forecast.QUANTITY_PV: 'pv', msg.Forecast.QUANTITY_LOAD: 'load'}


def steady() -> float:
    """Return a clock that nobody sets and that also counts while the machine sleeps, so that a lease ends then. [s]"""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class ConsensusNode(HomeNode):
    """One member: its view of the home, its part in the election, and its commands when it leads."""

    settings_class = ConsensusSettings

    def __init__(self, **options) -> None:
        super().__init__('consensus', **options)
        settings = self.settings
        self.id = settings.outlet or self.get_namespace().rstrip('/').rpartition('/')[2] or self.get_name()
        members = settings.members(self.id)
        self._memory = Memory(settings.state_dir, self.id, members, time.time_ns())
        if self._memory.trouble:
            self.get_logger().error(self._memory.trouble)
        self._seal = Seal(b'', settings.ballot_age_max)
        self._keys = self.keys
        simulated = self.get_parameter('use_sim_time').value  # then all time is the home's
        self.clock = self.now if simulated else steady
        self.member = Member(settings, self.id, Random(SystemRandom().getrandbits(64)), self.clock(),
                             self._memory.incarnation, self._memory.durable, members, self._memory.term,
                             self._memory.epoch)
        self._commissioned = frozenset(members)
        self._mode, self._counter = Mode.UNKNOWN, 0
        self._bad = {'samples': 0, 'ballots': 0, 'forged': 0, 'states': 0}
        self._level = STALE
        self._duty: list = []  # subscriptions of a leader
        self._asks: dict = {}  # outlet → publisher of requests to it
        self._island, self._ballots = interfaces.ISLAND.publisher(self), interfaces.BALLOTS.publisher(self)
        if self.member.regulation is not None:
            self._setpoints, self._shares = (row.publisher(self) for row in (interfaces.INVERTER_SETPOINT,
                                                                             interfaces.SHARES))
            if len(settings.inverters) > 1:
                interfaces.SHARES.subscription(self, self._on_share)
        if settings.meter:
            interfaces.READINGS.subscription(self, self._on_own_reading)
        else:
            interfaces.ADC.subscription(self, self._on_samples)
        interfaces.TIE.subscription(self, self._on_tie)
        interfaces.BALLOTS.subscription(self, self._on_ballot)
        self._due = float('inf')
        clock = self.get_clock() if simulated else Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = self.create_timer(IDLE, self._on_timer, clock=clock)
        if self._memory.durable is not None:
            self._persist(Persist(self._memory.durable, 0))  # the new incarnation
        self._step(None)

    # What comes in.

    def _on_samples(self, message: msg.Samples) -> None:
        try:
            supply = self._supply(message)
        except (ValueError, WaveformError) as error:
            self._drop('samples', f'a block of samples is dropped: {error}')
            return
        self._step(supply)

    def _supply(self, message: msg.Samples) -> Supply:
        """Return the supply a block shows. ValueError or WaveformError when it shows none."""
        if message.outlet != self.id:
            raise ValueError(f'it is of {message.outlet!r}, not of {self.id!r}')
        rate, nominal, scale = message.sampling_rate, message.nominal_frequency, message.voltage_scale
        if not (1e3 < rate < 1e6 and 45.0 <= nominal <= 65.0 and 0.0 < scale < np.inf):
            raise ValueError(f'sampling rate {rate}, nominal frequency {nominal} or voltage scale {scale} cannot be')
        voltage = np.frombuffer(message.voltage, np.int16) * scale
        return Supply(self._local(message.stamp), half_cycle_rms(voltage, rate, nominal),
                      fundamental_frequency(voltage, rate, nominal), nominal)

    def _on_own_reading(self, message: msg.Reading) -> None:
        if message.outlet != self.id:
            return
        nominal = self.settings.nominal_frequency
        if not (0.0 <= message.voltage < np.inf):
            self._drop('samples', f'a reading of {message.voltage} V is dropped')
            return
        rms = np.full(HALF_CYCLES, message.voltage)
        start = self._local(message.stamp) - HALF_CYCLES / (2.0 * nominal)
        self._step(Supply(start, rms, message.frequency, nominal))
        if self.member.regulation is not None:
            self._step(Given(-message.active_power, -message.reactive_power, message.voltage, message.frequency))

    def _on_tie(self, message: msg.Breaker) -> None:
        known = WORDS.get(message.state)
        self._step(Tie(self._local(message.stamp), known, None if known is None else message.grid_alive))

    def _on_ballot(self, ballot: msg.Ballot) -> None:
        passed_on = ballot.granted if ballot.kind in QUESTIONS else ballot.leader == ballot.receiver
        if ballot.receiver not in ('', self.id) and not passed_on:
            return
        if ballot.sender == self.id and ballot.incarnation == self._memory.incarnation:
            return  # its own echo
        try:
            known = self._commissioned.union(self.member.election.committee.members)
            word = to_word(ballot, self.id, known)
        except ValueError as error:
            self._drop('ballots', f'a ballot of {ballot.sender!r} is dropped: {error}')
            return
        reason = refuse(self._sealed(), self.now(), ballot.stamp, pack_ballot, word, ballot.mac)
        if reason:
            self._drop('forged', f'a ballot of {ballot.sender!r} is not heard: {reason}')
            return
        self._step(word)

    def _on_share(self, message: msg.Share) -> None:
        if message.inverter == self.id:
            return
        word = from_share(message)
        reason = refuse(self._sealed(), self.now(), message.stamp, pack_share, word, message.mac)
        if reason:
            self._drop('forged', f'a share of {message.inverter!r} is not heard: {reason}')
            return
        self._step(word)

    def _on_state(self, message: msg.OutletState) -> None:
        try:
            stated = Stated(convert.offer(message), convert.shed(message))
        except ValueError as error:
            self._drop('states', f'a state is dropped: {error}')
            return
        if message.outlet not in self._asks:
            self._asks[message.outlet] = interfaces.REQUEST.publisher_to(self, message.outlet)
        self._step(stated)

    def _on_reading(self, message: msg.Reading) -> None:
        if message.outlet in (*self.settings.inverters, 'pv'):
            self._step(Metered(message.outlet, message.active_power))

    def _on_battery(self, message: BatteryState) -> None:
        self._step(Charge(message.percentage, message.location))

    def _on_forecast(self, message: msg.Forecast) -> None:
        if message.target == 'home' and message.quantity in AHEAD:
            self._step(Ahead(AHEAD[message.quantity], self._local(message.start), message.step, tuple(message.mean)))

    def _on_timer(self) -> None:
        self._timer.cancel()
        self._due = float('inf')
        self._attend()
        self._step(None)

    def _local(self, stamp) -> float:
        """Return a stamp on the member's own clock. [s]"""
        return self.clock() - (self.now() - to_seconds(stamp))

    def _drop(self, what: str, words: str) -> None:
        """Count what is dropped, and say so once."""
        self._bad[what] += 1
        if self._bad[what] == 1:
            self.get_logger().warning(words)

    # What goes out.

    def _step(self, event) -> None:
        """Let the machine go on, do its actions in order, and be back when it wants to."""
        while True:
            written = None
            for action in self.member.step(self.clock(), event):
                if type(action) is Persist:
                    written = action.number if self._persist(action) else written
                else:
                    self._SAY[type(action)](self, action)
            if written is None:
                break
            event = Persisted(written)
        due = self.member.deadline
        if due < self._due - 1e-3:
            self._due = due
            self._timer.timer_period_ns = max(1_000_000, int(1e9 * (due - self.clock())))
            self._timer.reset()

    def _persist(self, action: Persist) -> bool:
        safe, trouble = self._memory.save(action.durable)
        words = 'kept' if self.settings.state_dir else 'nothing is kept: state_dir is empty'
        self.health.check('memory', WARN if trouble else OK,
                          f'{trouble}{"" if safe else "; it cannot vote"}' if trouble else words)
        return safe

    def _say(self, word: Message) -> None:
        self._ballots.publish(to_ballot(word, to_msg(self.now()), self._sealed()))

    def _tell(self, view: View) -> None:
        now, local = self.now(), self.clock()
        self._island.publish(convert.island(self.id, view, to_msg(now - (local - view.since))))
        words = f'{view.mode.name.lower()}, {view.evidence}'
        level = STALE if view.mode is Mode.UNKNOWN else OK if view.mode is Mode.GRID else WARN
        changed, self._mode = view.mode is not self._mode, view.mode
        if changed and level == self._level and self.member.leads:
            whose = 'provisional leader' if view.provisional else 'leader'
            self.get_logger().info(f'{whose} of term {view.term}: {words}')  # else the check says it
        self._level = level
        self.health.check('supply', level, words, leader=view.leader, term=view.term, epoch=view.epoch, **self._bad)

    def _ask(self, ask: Ask) -> None:
        now = self.now()
        self._asks[ask.outlet].publish(self._keys.sign(ask.outlet, msg.Request(
            stamp=to_msg(now), expiry=to_msg(now + ask.expiry - self.clock()), voice=msg.Request.VOICE_ISLAND,
            epoch=ask.fence.epoch, term=ask.fence.term, provisional=not ask.fence.full, counter=self._count(now),
            power_min=0.0, power_max=ask.power_max, reason=ask.reason, sender=self.id), now))

    def _steer(self, steer: Steer) -> None:
        now = self.now()
        self._setpoints.publish(self._keys.sign_setpoint(msg.InverterSetpoint(
            stamp=to_msg(now), expiry=to_msg(now + steer.expiry - self.clock()), inverter=steer.inverter,
            mode=msg.InverterSetpoint.MODE_FORM, counter=self._count(now), frequency=steer.frequency,
            voltage=steer.voltage, sender=self.id), now))

    def _share(self, share: Share) -> None:
        self._shares.publish(to_share(share, to_msg(self.now()), self._sealed()))

    def _sealed(self) -> Seal:
        """Return the seal with the home's key as it is now."""
        self._seal.ring = self._keys.ring(HOME)
        return self._seal

    def _count(self, now: float) -> int:
        """Return a number that rises, also over restarts."""
        self._counter = max(self._counter + 1, int(now * 1e9))
        return self._counter

    _SAY = {Message: _say, View: _tell, Ask: _ask, Steer: _steer, Share: _share}

    # What only a leader needs.

    def _attend(self) -> None:
        """Listen to states, meters, battery and forecasts while it leads."""
        self._keys.report(self.health, HOME)
        leads = self.member.election.role is Role.LEADER or (self.member.leads and self._mode > Mode.GRID)
        if leads and not self._duty:
            self._duty = [row.subscription(self, callback) for row, callback in (
                (interfaces.STATES, self._on_state), (interfaces.READINGS, self._on_reading),
                (interfaces.BATTERY, self._on_battery), (interfaces.FORECASTS, self._on_forecast))]
        elif self._duty and not leads:
            for subscription in self._duty:
                self.destroy_subscription(subscription)
            for publisher in self._asks.values():
                self.destroy_publisher(publisher)
            self._duty, self._asks = [], {}
            self.member.duties.forget()


def main() -> int:
    """Run a member until it is told to end."""
    return run(ConsensusNode)


if __name__ == '__main__':
    raise SystemExit(main())
