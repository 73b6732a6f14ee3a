"""A whole home on virtual time: what `hearthgrid up` runs, on a clock that waits for every process.

World with waveforms, outlets, inverter, the hub, plan and page run in processes of their own under the supervisor, with
real ROS 2 between them and `use_sim_time`. The clock goes on once every process has reported within LAG of it, so a
slow machine makes the run longer, never the home's time coarser. What lasts less than a step of the clock is set to
last longer in the home file below: blocks of samples, and the members' times, all four times what they are in life (a
leader's lease of one second would end at every step, and the home would do nothing but elect).
"""

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

HOME = '''
name: home
supply: {voltage: 230, frequency: 50, import_max: 17250}
tariff: {kind: dynamic}
pv: {power_max: 4000}
battery: {capacity_kwh: 13.5, power_max: 8000}
outlets:
  - {id: fridge, priority: refrigeration, always_on: true, appliance: refrigerator}
  - {id: kettle, priority: comfort, appliance: kettle}
nodes:
  world: {pace: 1.0, block_cycles: 32, backlog: 5.0}
  outlet: {silence_max: 10.0}
  consensus: {heartbeat: 1.0, timeout: 4.0, spread: 4.0, silence: 10.0, repeat: 0.4, canvass: 2.0, courtship: 1.0}
'''
TICK, FINE = 1.0, 0.1     # steps of the clock; while the grid is away [virtual s]
LAG = 1.5                 # of a process' last report behind the clock [virtual s]
STUCK = 3.0               # waited for one at most [s]
EVENT_EVERY = 30          # of an event whose fate is followed [virtual s]
PATIENCE = 90.0           # for processes and a database to come [s]
MINUTE = 60.0


@dataclass
class Course:
    """What happened."""

    heard: dict = field(default_factory=dict)     # ms of the kettle's readings while a store lived: when heard [s]
    events: list = field(default_factory=list)    # numbers of events that must not be lost
    lost: list = field(default_factory=list)      # readings lost at each kill of the hub [s]
    memory: dict = field(default_factory=dict)    # by process, of its present life: (virtual time [s], resident [MB])
    faults: dict = field(default_factory=dict)
    told: set = field(default_factory=set)        # lights that were not green
    islands: int = 0                              # times the tie opened


class Database:
    """A real influxd that can be killed and comes back with what it had."""

    def __init__(self, folder: Path, name: str = 'soak') -> None:
        from hearthgrid_ros.testing import free_ports

        self._address, backup = (f'127.0.0.1:{port}' for port in free_ports(2))
        self.url = f'influxdb://{self._address}/{name}'
        self._folder = folder / 'influx'
        self._folder.mkdir()
        (self._folder / 'conf').write_text('')
        own = {'META_DIR': 'meta', 'DATA_DIR': 'data', 'DATA_WAL_DIR': 'wal'}
        self._environment = {**os.environ, **{f'INFLUXDB_{k}': str(self._folder / v) for k, v in own.items()},
                             'INFLUXDB_HTTP_BIND_ADDRESS': self._address, 'INFLUXDB_BIND_ADDRESS': backup,
                             'INFLUXDB_REPORTING_DISABLED': 'true', 'INFLUXDB_MONITOR_STORE_ENABLED': 'false',
                             'INFLUXDB_HTTP_LOG_ENABLED': 'false'}
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(['influxd', 'run', '-config', self._folder / 'conf'], env=self._environment,
                                         cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


class VirtualHome:
    """The home, its clock, and what is heard of it."""

    def __init__(self, folder: Path, database: Database | None, speed: float, say: Callable[[str], None]) -> None:
        from rosgraph_msgs.msg import Clock

        from hearthgrid.bringup import Options, plan
        from hearthgrid.supervisor import Supervisor
        from hearthgrid_ros.home import load
        from hearthgrid_ros.interfaces import ANOMALIES, DIAGNOSTICS, READINGS, SCRIPT_OUTAGE, TIE
        from hearthgrid_ros.testing import Graph, free_port, own_domain

        own_domain()
        self._folder, self._database, self._speed, self._say = folder, database, speed, say
        (folder / 'home.yaml').write_text(HOME + (f'  store: {{database: "{database.url}"}}\n' if database else ''))
        processes = plan(load(folder / 'home.yaml'),
                         Options(str(folder / 'home.yaml'), str(folder), port=free_port()))
        processes = tuple(replace(one, nodes=tuple(replace(node, parameters={**node.parameters, 'use_sim_time': True})
                                                   for node in one.nodes)) for one in processes)
        self._process_of = {f'{node.namespace}/{node.name}'.strip('/').replace('/', '.'): one.name
                            for one in processes for node in one.nodes}
        self._reported = dict.fromkeys((one.name for one in processes), -np.inf)
        self._supervisor = Supervisor(processes, folder, lambda line: None)
        self._graph = Graph()
        peer = self._graph.peer()
        self._clock, self._stamp = peer.create_publisher(Clock, '/clock', 10), Clock()
        self._events, self._outage = ANOMALIES.publisher(peer), SCRIPT_OUTAGE.client(peer)
        DIAGNOSTICS.subscription(peer, self._hear)
        READINGS.subscription(peer, self._on_reading)
        TIE.subscription(peer, self._on_tie)
        self._island = False
        self.now, self._number, self._elapsed, self._quiet = float(round(time.time())), 0, 0.0, True
        self._store_well, self._probe, self._probed = False, 0, 0
        self._kettle_heard = False
        self.course = Course()

    def close(self) -> None:
        self._supervisor.stop()
        self._graph.close()

    def _child(self, name: str):
        return next(child for child in self._supervisor.children if child.process.name == name)

    # Time.

    def _pass(self, seconds: float, tick: float = TICK, but: tuple[str, ...] = ()) -> None:
        """Let virtual seconds pass, as fast as every process can follow. but : those that are not waited for"""
        from hearthgrid_ros.time import to_msg

        for _ in range(round(seconds / tick)):
            due = time.monotonic() + tick / self._speed
            self.now = round(self.now + tick, 3)
            self._elapsed += tick
            self._stamp.clock = to_msg(self.now)
            self._clock.publish(self._stamp)
            if self.now % EVENT_EVERY == 0.0 and not self._quiet:
                self._event()
            until = time.monotonic() + STUCK
            while (time.monotonic() < due or self._behind(but)) and time.monotonic() < until:
                self._graph.executor.spin_once(0.02 if self._behind(but) else max(0.0, due - time.monotonic()))
            if self._behind(but):
                self._supervisor.poll()  # one may have died
            if self._elapsed % MINUTE == 0.0:
                self._supervisor.poll()
                self._weigh()

    def _behind(self, but: tuple[str, ...]) -> bool:
        return any(self.now - at > LAG for name, at in self._reported.items() if name not in but)

    def _all_report(self) -> bool:
        return not self._behind(())

    def _until(self, condition: Callable[[], bool], patience: float) -> bool:
        """Let time go on until something is so, or for `patience` [s]."""
        until = time.monotonic() + patience
        while not condition() and time.monotonic() < until:
            self._supervisor.poll()
            self._pass(TICK, but=tuple(name for name, at in self._reported.items() if at < 0.0))
            self._graph.executor.spin_once(0.05)
        return condition()

    def _come_up(self) -> None:
        """Wait until all are there, readings are heard here, and the store hears events again."""
        self._quiet, self._probed, self._kettle_heard = True, self._probe, False
        if not self._until(lambda: self._all_report() and self._kettle_heard and self._store_well
                           and self._heard_by_store(), PATIENCE):
            logs = ''.join((self._folder / 'log' / f'{name}.log').read_text()[-1000:] for name in self._reported)
            raise RuntimeError(f'the home did not come up: {self._reported}, '
                               f'kettle {"" if self._kettle_heard else "not "}heard\n{logs}')
        self._quiet = False

    def _heard_by_store(self) -> bool:
        """Send an event, and return whether the store keeps one of this life of its."""
        from hearthgrid_msgs import msg
        from hub_nodes.store.backend import StoreError
        from hub_nodes.store.place import open_history

        self._probe += 1
        self._events.publish(msg.Anomaly(stamp=self._stamp.clock, outlet='probe', id=str(self._probe)))
        try:
            found = open_history(self._folder).records(('anomaly',), 'probe', limit=10, newest_first=True)
        except StoreError:
            return False
        return any(int(one.data['id']) > self._probed for one in found)

    def _weigh(self) -> None:
        for child in self._supervisor.children:
            if child.popen is not None and child.popen.poll() is None:
                self.course.memory.setdefault(child.process.name, []).append((self._elapsed, child.memory / 1e6))

    def _cpu(self) -> dict[str, float]:
        """Return what each process of the home, and this one, has used. [s]"""
        self._supervisor.poll()
        return {**{one.process.name: one.cpu_total for one in self._supervisor.children}, 'soak': time.process_time()}

    # What is heard and said.

    def _hear(self, message) -> None:
        from hearthgrid_ros.time import to_seconds

        for status in message.status:
            node, _, light = status.name.partition(': ')
            process = self._process_of.get(node.strip('/').replace('/', '.'))
            if process:
                self._reported[process] = to_seconds(message.header.stamp)
            if light == 'database':
                self._store_well = status.level == b'\0'
            if status.level not in (b'\0', b'\3'):
                self.course.told.add(f'{node.rsplit("/", 1)[-1]}: {light}')

    def _on_reading(self, message) -> None:
        if message.outlet != 'kettle':
            return
        self._kettle_heard = True
        if not self._quiet:
            self.course.heard[message.stamp.sec * 1000 + round(message.stamp.nanosec / 1e6)] = time.monotonic()

    def _on_tie(self, message) -> None:
        opened = message.state == message.STATE_OPEN
        self.course.islands += opened and not self._island
        self._island = opened

    def _event(self) -> None:
        from hearthgrid_msgs import msg

        id = str(self._number)
        self._events.publish(msg.Anomaly(stamp=self._stamp.clock, outlet='soak', id=id, text=id))
        self.course.events.append(self._number)
        self._number += 1
