"""The simulated house: publishes every outlet's converter samples, obeys relays and setpoints, and fails on request."""

import math

import numpy as np

from hearthgrid_core.sim import StartReplay, SwitchRelay
from hearthgrid_core.sim.gate import Gate
from hearthgrid_msgs.msg import RelayCommand, Samples
from hearthgrid_ros.health import OK, WARN
from hearthgrid_ros.interfaces import (
    ADC,
    BATTERY,
    INVERTER_SETPOINT,
    LABELS,
    PLUG_APPLIANCE,
    PRICES,
    READINGS,
    REGULATOR,
    REGULATOR_SETPOINT,
    RELAYS,
    SCRIPT_OUTAGE,
    TIE,
    TRUTH,
    WEATHER,
)
from hearthgrid_ros.node import HomeNode, run
from hearthgrid_ros.time import to_msg
from sim_nodes import build, convert
from sim_nodes.resident import Resident

LEAD = 0.02  # by which the world runs ahead of the timer, so that a block is whole when it is looked at [s]
STATE_PERIOD = 1.0  # between words about tie and battery where nothing changes [s]


class WorldNode(HomeNode):
    """Keeps the world at the wall clock's pace, and carries."""

    settings_class = build.WorldSettings

    def __init__(self, **options) -> None:
        super().__init__('world', **options)
        self._world, self._home = build.world(self.settings, self.now() - LEAD, self.get_logger().warning)
        self._gate, self._regulator_gate, self._relay_gate, self._strangers = Gate(), Gate(), Gate(), set()
        self._sequence: dict[str, int] = {}
        self._state_due, self._ahead_due, self._tie = 0.0, 0.0, None
        self._tap: int | None = None
        self._kinds = {outlet.id: outlet.appliance for outlet in self._world.config.outlets}
        resident = self.settings.resident_patience > 0 and not self.settings.replay
        self._resident = Resident(self.settings.resident_patience) if resident else None
        self._replaying, self._replay_since = not self.settings.replay, self.now()
        self._left = self._world.replay_left
        self._adc = []
        for outlet in self._world.config.outlets:
            self._adc.append((ADC.publisher_to(self, outlet.id), self._samples(outlet.id)))
        self._readings, self._tie_state = READINGS.publisher(self), TIE.publisher(self)
        self._battery, self._prices, self._weather = (row.publisher(self) for row in (BATTERY, PRICES, WEATHER))
        self._labels, self._truth = LABELS.publisher(self), TRUTH.publisher(self)
        self._regulator = REGULATOR.publisher(self)
        RELAYS.subscription(self, self._on_relay)
        INVERTER_SETPOINT.subscription(self, self._on_setpoint)
        REGULATOR_SETPOINT.subscription(self, self._on_regulator)
        SCRIPT_OUTAGE.server(self, self._on_outage, self.calls)
        PLUG_APPLIANCE.server(self, self._on_plug, self.calls)
        self.create_timer(self._world.block_duration, self._advance)

    def _samples(self, outlet: str) -> Samples:
        """Return the message an outlet's blocks are sent in, with what never changes."""
        world = self._world
        return Samples(
            outlet=outlet,
            sampling_rate=world.rate,
            nominal_frequency=world.config.supply.frequency,
            voltage_scale=world.converter.voltage_scale,
            current_scale=world.converter.current_scale,
        )

    # Time.

    def _advance(self) -> None:
        now = self.now()
        self._keep_pace(now)
        if not self._replaying:
            self._start_replay(now)
        output = self._world.step(now)
        for block in output.blocks:
            stamp = to_msg(block.start)
            for row, (publisher, message) in enumerate(self._adc):
                message.stamp, message.sequence = stamp, block.sequence
                message.temperature = float(block.temperature[row])
                message.voltage = convert.counts(block.voltage[row])
                message.current = convert.counts(block.current[row])
                publisher.publish(message)
        if self._resident and output.blocks and self._labels.get_subscription_count():
            self._name_devices(now, output.blocks[-1].current)
        for reading in output.readings:
            number = self._sequence[reading.name] = self._sequence.get(reading.name, -1) + 1
            self._readings.publish(convert.reading(reading, number))
        for played in output.played:
            (self._labels if played.training else self._truth).publish(convert.label(played, now))
        if self._left and not self._world.replay_left:
            self.get_logger().info('all recordings were played')
        self._left = self._world.replay_left
        self._publish_state(output)
        if now >= self._ahead_due:
            self._publish_ahead(now)

    def _name_devices(self, now: float, current) -> None:
        """Have the resident say what runs. current : (outlets, samples) counts"""
        rms = np.sqrt(np.mean(np.square(current, dtype=np.float64), axis=1)) * self._world.converter.current_scale
        for outlet, kind, since in self._resident.look(now, self._kinds, rms):
            self._labels.publish(convert.naming(outlet, kind, since, now))
            self.get_logger().info(f'the resident names {outlet}: {kind}')

    def _keep_pace(self, now: float) -> None:
        """Give up what cannot be caught up with after a stall or a change of the clock."""
        behind = now - self._world.now
        if -self.settings.backlog <= behind <= self.settings.backlog:
            self.health.check('pace', OK, 'in step with the clock', behind=behind)
            return
        lost = self._world.skip(now)
        self._state_due = self._ahead_due = 0.0
        self.health.check('pace', WARN, f'the clock ran {behind:.1f} s away; {lost} blocks are given up', behind=behind)

    def _publish_state(self, output) -> None:
        tap = output.regulator.tap if output.regulator else None
        if output.regulator and (tap != self._tap or output.time >= self._state_due):
            self._tap = tap
            self._regulator.publish(convert.regulator(output.regulator, output.time))
        key = (output.tie.closed, output.tie.grid_alive, output.tie.reason)
        if key == self._tie and output.time < self._state_due:
            return
        if self._tie is not None and key != self._tie:
            state = 'closed' if output.tie.closed else 'open'
            grid = 'alive' if output.tie.grid_alive else 'dead'
            self.get_logger().info(f'tie {state} ({output.tie.reason}), grid {grid}, home on {output.source.value}')
        self._tie, self._state_due = key, output.time + STATE_PERIOD
        self._tie_state.publish(convert.breaker(output.tie, output.time))
        for battery in (*((output.battery,) if output.battery else ()), *output.further):
            self._battery.publish(convert.battery(battery, output.time))

    def _publish_ahead(self, now: float) -> None:
        """Tell prices and weather, at the start of every step of theirs."""
        hours, step = self.settings.ahead_hours, self.settings.ahead_step
        world = self._world
        self._prices.publish(convert.prices(world.market.ahead(now, hours, step), world.config.tariff.currency, now))
        self._weather.publish(convert.weather(world.weather.ahead(now, hours, step), now))
        self._ahead_due = (math.floor(now / step) + 1) * step

    def _start_replay(self, now: float) -> None:
        """Begin once somebody can hear the labels and the samples, or when nobody came."""
        heard = self._labels.get_subscription_count() > 0 and all(p.get_subscription_count() for p, _ in self._adc)
        waited = now - self._replay_since
        if not heard and waited < self.settings.replay_wait:
            return
        if not heard:
            self.get_logger().warning(f'nobody reads labels and samples after {waited:.0f} s; the replay begins')
        self._replaying = True
        self._world.apply(StartReplay())
        self.get_logger().info(f'replaying {self._left} recordings')

    # Commands.

    def _on_relay(self, message: RelayCommand) -> None:
        now = self.now()
        try:
            command = SwitchRelay(message.outlet, message.closed, message.power_max)
            self._world.check(command)
            if self.keys.required:
                reason = self.keys.refuse_setpoint(message, now) or self._relay_gate.refuse(now, convert.relay(message))
                if reason:
                    raise ValueError(f'{message.outlet!r}: {reason}')
            self._world.apply(command, now)
        except ValueError as error:
            if message.outlet not in self._strangers:
                self._strangers.add(message.outlet)
                self.get_logger().warning(f'a relay command is refused: {error}')

    def _on_setpoint(self, message) -> None:
        self._obey('setpoints', self._gate, convert.setpoint, message)

    def _on_regulator(self, message) -> None:
        self._obey('regulator', self._regulator_gate, convert.set_regulator, message)

    def _obey(self, name: str, gate: Gate, command_of, message) -> None:
        """Apply a command with a ticket, or say why it is refused."""
        now = self.now()
        try:
            command = command_of(message)
            self._world.check(command)
            reason = self.keys.refuse_setpoint(message, now) or gate.refuse(now, convert.ticket(message))
            if reason:
                raise ValueError(reason)
        except ValueError as error:
            self.health.check(name, WARN, f'one from {message.sender!r} is refused: {error}')
            return
        self._world.apply(command, now)
        self.health.check(name, OK, 'obeyed')

    def _on_outage(self, request, response):
        now = self.now()
        try:
            self._world.apply(convert.outage(request, now), now)
        except ValueError as error:
            response.success, response.message = False, str(error)
            return response
        response.success, response.message = True, 'restored' if request.restore else 'scripted'
        return response

    def _on_plug(self, request, response):
        try:
            self._world.apply(convert.plug(request), self.now())
        except ValueError as error:
            response.success, response.message = False, str(error)[:200]
            return response
        if request.appliance:
            self._kinds[request.outlet] = '' if request.appliance == 'nothing' else request.appliance
        response.success = True
        response.message = f'{request.appliance or "what is plugged in"} is {"on" if request.on else "off"}'
        return response


def main() -> int:
    """Run the node."""
    return run(WorldNode)


if __name__ == '__main__':
    raise SystemExit(main())
