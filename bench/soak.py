"""Soak: a day of a home's hub at 50 times life, with kills, clock steps, network loss, a full disk and a dead database.

What runs is the hub's own nodes in two processes (`hearthgrid.host`: the store; anomaly, forecast and identify, whose
fits would hold up readings that come at 50 times the pace), on a simulated clock of 50 s a second, and real ROS 2
between them and a stand-in for the home's outlets that publishes their readings, events and the clock. Where `influxd`
is installed the store writes to it, so that the database can die. The outlets themselves and the waveforms are not
soaked: 24 outlets at 50 times life would be a dozen cores.

$HOURS : virtual (1; the day of the claim is 24). $SPEED : virtual seconds a second (50).
"""
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from hearthgrid.benchmark import Result

NAME = 'soak'
OUTLETS = ('fridge', 'kettle', 'heater', 'lamp', 'desk', 'freezer', 'car', 'grid')
NODES = (('store', 'hub_nodes.store.node:StoreNode'), ('anomaly', 'hub_nodes.anomaly:AnomalyNode'),
         ('forecast', 'hub_nodes.forecast:ForecastNode'), ('identify', 'hub_nodes.identify:IdentifyNode'))
EVENT_EVERY = 60          # of an event whose fate is followed [virtual s]
QUIET = 3.0               # length of a fault [s]
CALM = 2.0                # so long before a kill no event is sent whose loss would count [s]
PATIENCE = 90.0           # for a process or a database to come [s]
LOST, GROWTH, HEARD = 1.0, 10.0, 0.95  # goals: s of readings at a kill; MB in the second half of a life; share stored
FREE = resource.RLIM_INFINITY


@dataclass
class Course:
    """What happened."""

    heard: set = field(default_factory=set)       # seconds whose readings were published while the hub listened
    events: list = field(default_factory=list)    # numbers of events that must not be lost
    lost: list = field(default_factory=list)      # readings lost at each kill [s]
    memory: list = field(default_factory=list)    # of the present life: (virtual time [s], resident [MB])
    faults: dict = field(default_factory=dict)
    told: set = field(default_factory=set)        # health texts of the store that were not OK


def run(progress: Callable[[str], None]) -> list[Result]:
    """Soak for $HOURS; about 75 s of wall time each at the default speed."""
    hours, speed = float(os.environ.get('HOURS', '1')), float(os.environ.get('SPEED', '50'))
    folder = Path(tempfile.mkdtemp(prefix='hearthgrid-soak-'))
    database = Database(folder) if shutil.which('influxd') else None
    try:
        soak = Soak(folder, database, speed)
        try:
            return soak.run(3600.0 * hours, progress)
        finally:
            soak.close()
    finally:
        if database:
            database.kill()
        shutil.rmtree(folder, ignore_errors=True)


class Database:
    """A real influxd that can be killed and comes back with what it had."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as one, socket.socket() as two:
            one.bind(('127.0.0.1', 0))
            two.bind(('127.0.0.1', 0))
            self._address, backup = (f'127.0.0.1:{probe.getsockname()[1]}' for probe in (one, two))
        self.url = f'influxdb://{self._address}/soak'
        (folder / 'influx').mkdir()
        (folder / 'influx' / 'conf').write_text('')
        self._folder = folder / 'influx'
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


class Soak:
    """The stand-in for the home, and the one who breaks things."""

    def __init__(self, folder: Path, database: Database | None, speed: float) -> None:
        from rosgraph_msgs.msg import Clock

        from hearthgrid.bringup import NodeSpec, Process
        from hearthgrid_ros.interfaces import ANOMALIES, DIAGNOSTICS, READINGS
        from hearthgrid_ros.testing import Graph, own_domain

        own_domain()
        self._folder, self._database, self._speed = folder, database, speed
        own = {'store': {'database': database.url if database else '', 'readings_days': 14.0}}
        common = {'use_sim_time': True}
        kept = {'store', 'anomaly', 'identify'}
        specs = tuple(NodeSpec('hub_nodes', name, target, name, '/home', {
            **common, **({'state_dir': str(folder)} if name in kept else {}), **own.get(name, {})})
            for name, target in NODES)
        (folder / 'log').touch()
        self._specs = [Process(f'part{k}', part).write(folder / 'run') for k, part in enumerate((specs[:1], specs[1:]))]
        self._graph = Graph()
        peer = self._graph.peer()
        self._clock = peer.create_publisher(Clock, '/clock', 10)
        self._readings, self._events = READINGS.publisher(peer), ANOMALIES.publisher(peer)
        DIAGNOSTICS.subscription(peer, self._hear)
        self._chance = np.random.default_rng(1)
        self._energy, self._level = np.zeros(len(OUTLETS)), np.full(len(OUTLETS), 60.0)
        self.now = float(round(time.time()))
        self._number, self._hub, self._store_well, self._elapsed = 0, [], False, 0.0
        self.course = Course()

    def close(self) -> None:
        self._end_hub()
        self._graph.close()

    def run(self, duration: float, progress: Callable[[str], None]) -> list[Result]:
        """Let `duration` [virtual s] pass."""
        self._start_hub()
        began, started, cpu = self.now, time.monotonic(), time.process_time()
        plan = self._plan(duration)
        self._elapsed = 0.0
        while self._elapsed < duration:
            while plan and plan[0][0] <= self._elapsed:
                _, name, act = plan.pop(0)
                progress(f'{self._elapsed / 3600:.1f} h: {name}')
                self.course.faults[name] = self.course.faults.get(name, 0) + 1
                act()
            self._pass(60.0)
        took = time.monotonic() - started
        progress('settling')
        well = self._until(lambda: self._store_well, 20.0)
        return self._conclude(duration / took, took, time.process_time() - cpu, well, began)

    def _plan(self, duration: float) -> list[tuple[float, str, Callable[[], None]]]:
        """Return (when, what, how): kills early, so that a long life follows whose memory can be watched."""
        faults = [('network loss', lambda: self._pass(QUIET * self._speed, silent=True)),
                  ('full disk', self._full_disk), ('clock an hour ahead', lambda: self._step(3600.0)),
                  ('clock 10 min back', lambda: self._step(-600.0))]
        if self._database:
            faults.append(('dead database', self._dead_database))
        rounds = max(1, round(duration / 4 / 3600))
        count = rounds * len(faults)
        out = [(share * duration, 'kill -9', self._kill) for share in (0.1, 0.25)]
        return out + [((0.35 + 0.5 * k / count) * duration, *faults[k % len(faults)]) for k in range(count)]

    def _pass(self, seconds: float, silent: bool = False, counted: bool = True) -> None:
        """Let virtual seconds pass, at the chosen pace or as fast as this machine can."""
        from rosgraph_msgs.msg import Clock

        from hearthgrid_ros.time import to_msg

        for _ in range(round(seconds)):
            due = time.monotonic() + 1.0 / self._speed
            self.now += 1.0
            self._elapsed += 1.0
            self._clock.publish(Clock(clock=to_msg(self.now)))
            if not silent:
                self._speak(counted)
            left = due - time.monotonic()
            self._graph.executor.spin_once(0.0)
            if left > 0:
                time.sleep(max(0.0, due - time.monotonic()))
            if self._elapsed % 60.0 == 0.0 and self._hub and all(one.poll() is None for one in self._hub):
                resident = sum(psutil.Process(one.pid).memory_info().rss for one in self._hub)
                self.course.memory.append((self._elapsed, resident / 1e6))

    def _speak(self, counted: bool) -> None:
        """Publish a second of the home."""
        from hearthgrid_msgs import msg
        from hearthgrid_ros.time import to_msg

        switched = self._chance.random(len(OUTLETS)) < 0.003
        self._level[switched] = self._chance.choice([2.0, 60.0, 400.0, 2000.0], int(switched.sum()))
        power = self._level * self._chance.normal(1.0, 0.01, len(OUTLETS))
        power[-1] = power[:-1].sum()
        self._energy += power / 3.6e6
        stamp = to_msg(self.now)
        for k, outlet in enumerate(OUTLETS):
            self._readings.publish(msg.Reading(
                stamp=stamp, outlet=outlet, duration=1.0, supply=1, voltage=230.0, frequency=50.0,
                current=power[k] / 230.0, active_power=power[k], apparent_power=power[k], power_factor=1.0,
                energy_kwh=self._energy[k], temperature=25.0))
        if counted:
            self.course.heard.add(round(self.now))
        if round(self.now) % EVENT_EVERY == 0 and counted:
            id = str(self._number)
            self._events.publish(msg.Anomaly(stamp=stamp, outlet='soak', id=id, text=id))
            self.course.events.append(self._number)
            self._number += 1

    def _start_hub(self) -> None:
        with (self._folder / 'log').open('a') as log:
            self._hub = [subprocess.Popen([sys.executable, '-m', 'hearthgrid.host', str(spec)], stdout=log,
                                          stderr=subprocess.STDOUT) for spec in self._specs]
        self.course.memory.clear()
        listening = lambda: (self._readings.get_subscription_count() >= len(NODES) - 1  # noqa: E731
                             and self._events.get_subscription_count() >= 1 and self._store_well)
        self._store_well = False
        if not self._until(listening, PATIENCE):
            raise RuntimeError(f'the hub did not come up: {(self._folder / "log").read_text()[-2000:]}')

    def _until(self, condition: Callable[[], bool], patience: float) -> bool:
        """Let the clock go on, without readings, until something is so."""
        until = time.monotonic() + patience
        while not condition() and time.monotonic() < until:
            assert all(one.poll() is None for one in self._hub), (self._folder / 'log').read_text()[-2000:]
            self._pass(5.0, silent=True)
        return condition()

    def _end_hub(self) -> None:
        hub, self._hub = self._hub, []
        for one in hub:
            one.terminate()
        for one in hub:
            try:
                one.wait(20.0)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()

    def _hear(self, message) -> None:
        for status in message.status:
            if 'store' in status.name and status.name.endswith(': database'):
                self._store_well = status.level == b'\0'
            if 'store' in status.name and status.level != b'\0':
                self.course.told.add(f'{status.name.rsplit(": ", 1)[-1]}: {status.message}'[:120])

    def _kill(self) -> None:
        """Kill the hub in the middle of writing, see what is missing, start it again."""
        from hub_nodes.store.place import open_history

        sent = list(self.course.events)
        self._pass(CALM * self._speed, counted=True)
        self.course.events[:] = [*sent, *self.course.events[len(sent):-1]]  # the very last may not have been heard
        for one in self._hub:
            one.send_signal(signal.SIGKILL)
        for one in self._hub:
            one.wait()
        found = open_history(self._folder).readings('kettle', self.now - 600.0, self.now + 1.0)
        newest = found['time'][-1] / 1000 if len(found) else self.now - 600.0
        self.course.lost.append(float(max(0.0, self.now - newest) / self._speed))
        self.course.heard -= set(range(round(newest) + 1, round(self.now) + 1))
        self._start_hub()

    def _full_disk(self) -> None:
        """A limit on the size of files stands for the full disk."""
        for limit in (4096, FREE):
            for one in self._hub:
                resource.prlimit(one.pid, resource.RLIMIT_FSIZE, (limit, FREE))
            self._pass(QUIET * self._speed * (limit != FREE))

    def _step(self, seconds: float) -> None:
        self.now += seconds

    def _dead_database(self) -> None:
        self._database.kill()
        self._pass(QUIET * self._speed)
        self._database.start()

    def _conclude(self, speed: float, took: float, cpu: float, well: bool, began: float) -> list[Result]:
        from hub_nodes.store.place import open_history

        life = np.array(self.course.memory)
        second = life[len(life) // 2:]
        slope = float(np.polyfit(second[:, 0] / 3600.0, second[:, 1], 1)[0])
        growth = float(second[-5:, 1].mean() - second[:5, 1].mean())
        self._end_hub()
        history = open_history(self._folder)
        stored = {round(one) for one in history.readings('kettle', began - 7200.0, self.now + 86_400.0)['time'] / 1000}
        share = len(stored & self.course.heard) / len(self.course.heard)
        known = {one.data['text'] for one in history.records(('anomaly',), subject='soak', limit=10**6)}
        missing = [n for n in self.course.events if str(n) not in known]
        done = ', '.join(f'{count} × {name}' for name, count in self.course.faults.items())
        told = any(text.startswith('database') for text in self.course.told)
        return [
            Result(f'a hub of {len(NODES)} nodes, {self._elapsed / 3600:.1f} h with {done}', speed, '× life', limit=0.0,
                   goal='ends well, every fault told', holds=well and told),
            Result('readings lost at a kill -9, worst', max(self.course.lost), 's', limit=LOST, goal=f'≤ {LOST:g} s',
                   holds=max(self.course.lost) <= LOST),
            Result(f'events lost of {len(self.course.events)}', len(missing), '', limit=0.0, goal='0',
                   holds=not missing),
            Result('readings stored, of those sent while the hub listened', share, '', limit=HEARD,
                   goal=f'≥ {HEARD:g}', holds=share >= HEARD),
            Result(f'memory grown in the second half of the last life ({slope:+.2f} MB per virtual hour)', growth, 'MB',
                   baseline=float(second[0, 1]), baseline_name='resident', limit=GROWTH, goal=f'≤ {GROWTH:g} MB',
                   holds=growth <= GROWTH),
            Result('CPU of the stand-in', cpu / took * 100.0, '% of a core')]
