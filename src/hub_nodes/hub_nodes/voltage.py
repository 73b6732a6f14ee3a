"""Voltage optimisation: readings and the regulator's state in, the tap (or an inverter's voltage) wanted out."""
import math
from dataclasses import dataclass, replace

from rclpy.duration import Duration
from rclpy.lifecycle import TransitionCallbackReturn

from hearthgrid_core.settings import check_bounds, setting
from hearthgrid_core.voltage import Cause, Measured, Setpoint, Snapshot, VoltageOptimiser, VoltageSettings
from hearthgrid_msgs import msg
from hearthgrid_ros import home
from hearthgrid_ros.health import OK, STALE, WARN
from hearthgrid_ros.interfaces import INVERTER_SETPOINT, READINGS, REGULATOR, REGULATOR_SETPOINT
from hearthgrid_ros.node import ManagedNode, run
from hearthgrid_ros.params import home_file, keys_file
from hearthgrid_ros.time import to_msg, to_seconds

LAST_WORD = Duration(seconds=0.2)  # for the last setpoint to arrive before the node is gone
SENDER = 'voltage'
METERS = ('grid', 'pv', 'battery')  # ids of readings that are no outlet's
PERIOD = 1.0            # of the decision [s]
WAITING = 4096          # readings between two decisions
SUSPENDED = (Cause.BLIND, Cause.RETREAT)
STEERED_MAX = 60.0      # believed of another's setpoint at most [s]
NAN = float('nan')


@dataclass(frozen=True)
class VoltageNodeSettings(VoltageSettings):
    """How low the voltage may be, and who sets it; the home file's nominal voltage goes before `nominal_voltage`."""

    home_file: str = home_file()
    keys_file: str = keys_file()
    actuator: str = setting('regulator', '', None, None, 'Who sets the voltage: the regulator at the head of the '
                            'feeder, or in an island the inverter that forms it.', ('regulator', 'inverter'))
    inverter: str = setting('battery', '', None, None, 'Which inverter.')
    refresh: float = setting(2.0, 's', 1.0, 60.0, 'Time between two setpoints where nothing changes.')
    life: float = setting(8.0, 's', 2.0, 300.0, 'How long a setpoint is obeyed if this node is gone.')

    def __post_init__(self) -> None:
        check_bounds(self)
        super().__post_init__()
        if self.life < 2 * self.refresh:
            raise ValueError('life must be at least twice refresh')


class VoltageNode(ManagedNode):
    """Callbacks store; one timer decides from a snapshot. Deactivated it gives the voltage back as supplied."""

    settings_class = VoltageNodeSettings

    def __init__(self, **options) -> None:
        super().__init__('voltage', **options)
        self._rules: VoltageSettings = self.settings
        self._meters = set(METERS)
        if self.settings.home_file:
            described = home.load(self.settings.home_file)
            self._rules = replace(self.settings, nominal_voltage=described.supply.voltage)
            self._meters.update(described.stores)
        self._inverts = self.settings.actuator == 'inverter'
        self._source = msg.Reading.SUPPLY_ISLAND if self._inverts else msg.Reading.SUPPLY_GRID
        self._epoch = self._counter = 0
        self._keys = self.keys
        self._optimiser: VoltageOptimiser | None = None
        self._ends: list = []
        self._publisher = self._timer = None

    # Lifecycle.

    def on_configure(self, state) -> TransitionCallbackReturn:
        self._epoch, self._counter = max(self._epoch + 1, int(self.now())), 0
        self._optimiser = VoltageOptimiser(self._rules)
        self._readings: dict[str, msg.Reading] = {}
        self._regulator: msg.Regulator | None = None
        self._said: Setpoint | None = None
        self._due, self._supply, self._refused = 0.0, (0, 0.0), 0
        self._steered, self._aside = ('', 0.0), False  # who else sets the inverter's voltage, until when [s]
        self._publisher = (INVERTER_SETPOINT if self._inverts else REGULATOR_SETPOINT).publisher(self)
        self._ends = [READINGS.subscription(self, self._on_reading), REGULATOR.subscription(self, self._on_regulator)]
        if self._inverts:
            self._ends.append(INVERTER_SETPOINT.subscription(self, self._on_setpoint))
        return super().on_configure(state)

    def on_activate(self, state) -> TransitionCallbackReturn:
        self._timer = self.create_timer(PERIOD, self._step)
        return super().on_activate(state)

    def on_deactivate(self, state) -> TransitionCallbackReturn:
        self.destroy_timer(self._timer)
        if self._said is not None:
            now, nominal = self.now(), self._rules.nominal_voltage
            self._publish(now, replace(self._said, tap=0, voltage=nominal, reason='the node ends: as supplied'))
            self._publisher.wait_for_all_acked(LAST_WORD)
            self._said = None
        self.health.check('voltage', STALE, 'not active')
        return super().on_deactivate(state)

    def on_cleanup(self, state) -> TransitionCallbackReturn:
        for end in self._ends:
            self.destroy_subscription(end)
        self.destroy_publisher(self._publisher)
        self._optimiser, self._ends, self._publisher = None, [], None
        return super().on_cleanup(state)

    # What comes in.

    def _on_reading(self, message: msg.Reading) -> None:
        if message.outlet in self._meters:
            return
        if message.outlet in self._readings or len(self._readings) < WAITING:
            self._readings[message.outlet] = message

    def _on_setpoint(self, message: msg.InverterSetpoint) -> None:
        """Hear who else sets the voltage of this inverter: in an island its own member does."""
        now, expiry = self.now(), to_seconds(message.expiry)
        if (message.inverter == self.settings.inverter and message.sender != SENDER
                and message.mode == msg.InverterSetpoint.MODE_FORM and not math.isnan(message.voltage)
                and abs(now - to_seconds(message.stamp)) <= self._rules.age_max and now < expiry
                and not self._keys.refuse_setpoint(message, now)):
            self._steered = message.sender, min(expiry, now + STEERED_MAX)

    def _on_regulator(self, message: msg.Regulator) -> None:
        age = self.now() - to_seconds(message.stamp)
        if abs(age) > self._rules.age_max:
            self.health.check('regulator', WARN, f'refused: its state is {age:.0f} s old')
            return
        if abs(message.step - self._rules.step) > 1e-6:
            try:
                self._rules = replace(self._rules, step=float(message.step))
            except ValueError as error:
                self.health.check('regulator', WARN, f'refused: {error}')
                return
            self._optimiser = VoltageOptimiser(self._rules)
        self._regulator = message
        self.health.check('regulator', OK, f'tap {message.tap}', operations=message.operations)

    # Once a second.

    def _step(self) -> None:
        now = self.now()
        readings, self._readings = list(self._readings.values()), {}
        for reading in readings:
            stamp = to_seconds(reading.stamp)
            if stamp >= self._supply[1]:
                self._supply = reading.supply, stamp
        if aside := now < self._steered[1]:
            self._said = None  # what it said is replaced
        if aside != self._aside:
            self._aside = aside
            self.get_logger().info(f'{self._steered[0]} sets the voltage of {self.settings.inverter}: steps aside'
                                   if aside else f'{self._steered[0]} is silent: sets the voltage again')
        fed = self._supply[0] == self._source and not aside
        if not self._inverts and self._regulator is None:
            self.health.check('voltage', STALE, 'no regulator has spoken')
            return
        try:
            wanted = self._optimiser.step(now, Snapshot(
                [Measured(r.outlet, to_seconds(r.stamp), r.voltage) for r in readings], self._tap(now), fed))
        except ValueError as error:     # the clock was set back
            self._optimiser = VoltageOptimiser(self._rules)
            self.health.check('voltage', WARN, f'begins anew: {error}')
            return
        self._report(wanted)
        if aside:
            self.health.check('voltage', WARN, f'stepped aside: {self._steered[0]} sets the voltage of '
                              f'{self.settings.inverter} in the island')
        if wanted is None or (self._inverts and not fed):
            return
        if self._said is None or wanted.tap != self._said.tap or now >= self._due:
            self._publish(now, wanted)

    def _tap(self, now: float) -> int | None:
        if self._inverts:
            return self._said.tap if self._said else 0
        silent = now - to_seconds(self._regulator.stamp) > self._rules.age_max
        return None if silent else self._regulator.tap

    def _publish(self, now: float, wanted: Setpoint) -> None:
        self._counter += 1
        common = dict(stamp=to_msg(now), expiry=to_msg(now + self.settings.life), epoch=self._epoch,
                      counter=self._counter, sender=SENDER)
        if self._inverts:
            said = msg.InverterSetpoint(
                **common, inverter=self.settings.inverter, mode=msg.InverterSetpoint.MODE_FORM, frequency=NAN,
                voltage=wanted.voltage)
        else:
            said = msg.RegulatorSetpoint(
                **common, regulator=self._regulator.regulator, tap=wanted.tap, reason=wanted.reason[:128])
        self._publisher.publish(self._keys.sign_setpoint(said, now))
        if self._said is None or wanted.tap != self._said.tap:
            self.get_logger().info(f'tap {wanted.tap}: {wanted.reason}')
        self._said, self._due = wanted, now + self.settings.refresh

    def _report(self, wanted: Setpoint | None) -> None:
        refused, self._refused = self._optimiser.refused - self._refused, self._optimiser.refused
        self.health.check('readings', *((WARN, 'some cannot be used') if refused else (OK, 'all can be used')),
                          refused=self._refused)
        if wanted is None:
            self.health.check('voltage', STALE, 'no outlet has spoken')
            return
        self.health.check('voltage', WARN if wanted.cause in SUSPENDED else OK, wanted.reason, tap=wanted.tap,
                          lowest=wanted.low, highest=wanted.high, margin=wanted.margin)


def main() -> int:
    """Run the node."""
    return run(VoltageNode)


if __name__ == '__main__':
    raise SystemExit(main())
