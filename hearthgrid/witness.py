"""A node that looks on: what a running home says, gathered for `status`, `up`'s progress and its summary."""

import time
from collections import Counter
from dataclasses import dataclass, field

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from hearthgrid.bringup import enclave_arguments
from hearthgrid_msgs.msg import Anomaly, IslandMode
from hearthgrid_ros import interfaces as rows
from hearthgrid_ros.executor import LeanExecutor

QUIET = 1.0  # without a new outlet, all are there [s]
METERS = ('grid', 'pv', 'battery')


@dataclass
class Seen:
    """What was heard so far."""

    readings: dict = field(default_factory=dict)  # latest by outlet
    states: dict = field(default_factory=dict)
    identities: dict = field(default_factory=dict)
    islands: dict = field(default_factory=dict)  # latest by member
    anomalies: dict = field(default_factory=dict)  # raised and not cleared, by id
    counts: Counter = field(default_factory=Counter)  # messages by topic
    first_energy: dict = field(default_factory=dict)  # counter when first heard, by outlet [kWh]
    plan: object = None
    tie: object = None
    batteries: dict = field(default_factory=dict)  # latest by name
    modes: list = field(default_factory=list)  # sequence of the home's modes, as first said by any member
    first_reading: float | None = None  # after the start [s]


class Witness:
    """Listens to a home in a ROS context of its own; `spin` gives it a turn."""

    def __init__(self, home: str) -> None:
        self.seen, self.started = Seen(), time.monotonic()
        self._context = rclpy.Context()
        identity = enclave_arguments(f'/{home}/tools')
        rclpy.init(args=identity, context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self.node = Node(
            'witness',
            namespace=f'/{home}',
            context=self._context,
            start_parameter_services=False,
            enable_rosout=False,
            use_global_arguments=False,
        )
        for topic, callback in (
            (rows.READINGS, self._reading),
            (rows.STATES, self._state),
            (rows.TIE, self._tie),
            (rows.IDENTITIES, self._identity),
            (rows.ANOMALIES, self._anomaly),
            (rows.ISLAND, self._island),
            (rows.PLAN, self._plan),
            (rows.BATTERY, self._battery),
        ):
            topic.subscription(self.node, callback)
        self.executor = LeanExecutor(context=self._context)
        self.executor.add_node(self.node)

    def spin(self, seconds: float) -> None:
        """Take what arrives within `seconds` [s]."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.executor.spin_once(left)

    def settle(self, seconds: float) -> None:
        """Listen until every outlet that told its state has told a reading and nobody new came for a while.

        seconds : the longest it takes [s]
        """
        deadline, known, quiet = time.monotonic() + seconds, -1, time.monotonic()
        while time.monotonic() < deadline:
            self.spin(0.1)
            if len(self.seen.states) != known:
                known, quiet = len(self.seen.states), time.monotonic()
            if known > 0 and time.monotonic() - quiet > QUIET and set(self.seen.states) <= set(self.seen.readings):
                return

    def close(self) -> None:
        """Leave the graph."""
        self.executor.shutdown(timeout_sec=1.0)
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)

    def __enter__(self) -> 'Witness':
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _reading(self, m) -> None:
        self.seen.counts['readings'] += 1
        if m.outlet not in METERS and self.seen.first_reading is None:
            self.seen.first_reading = time.monotonic() - self.started
        self.seen.first_energy.setdefault(m.outlet, m.energy_kwh)
        self.seen.readings[m.outlet] = m

    def _state(self, m) -> None:
        self.seen.states[m.outlet] = m

    def _identity(self, m) -> None:
        self.seen.counts['identities'] += 1
        self.seen.identities[m.outlet] = m

    def _anomaly(self, m) -> None:
        if m.status == Anomaly.STATUS_RAISED:
            self.seen.counts['anomalies'] += m.id not in self.seen.anomalies
            self.seen.anomalies[m.id] = m
        else:
            self.seen.anomalies.pop(m.id, None)

    def _island(self, m) -> None:
        self.seen.islands[m.member] = m
        names = mode_names()
        mode = names.get(m.mode, 'unknown')
        if mode != 'unknown' and (not self.seen.modes or self.seen.modes[-1] != mode):
            common = Counter(x.mode for x in self.seen.islands.values()).most_common(1)[0][0]
            if names.get(common) == mode:
                self.seen.modes.append(mode)

    def _plan(self, m) -> None:
        self.seen.counts['plans'] += 1
        self.seen.plan = m

    def _tie(self, m) -> None:
        self.seen.tie = m

    def _battery(self, m) -> None:
        self.seen.batteries[m.location or 'battery'] = m


def mode_names() -> dict[int, str]:
    """Return IslandMode's modes by number, in lower case."""
    return {
        getattr(IslandMode, name): name.removeprefix('MODE_').lower()
        for name in dir(IslandMode)
        if name.startswith('MODE_')
    }
