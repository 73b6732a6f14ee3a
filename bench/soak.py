"""Soak: a day of a whole home on virtual time, with kills, clock steps, lost telemetry, outages and dead things.

What runs is what `hearthgrid up` runs: world with waveforms, outlets, inverter, the hub, plan and page, in processes of
their own under the supervisor, with real ROS 2 between them, on one simulated clock. The clock waits for the home: it
goes on once every process has reported within LAG of it, so a slow machine makes the soak longer, never the home's time
coarser. Where `influxd` is installed the store writes to it, so that the database can die. Two outlets; blocks of
samples last 0.64 s (in life 0.2 s), appliances run at life's pace. Nodes for other people's machines (gateway,
grid_service, market, notify) are not in it: a home file without their sections does not start them.

$HOURS : virtual (0.5; the day of the claim is 24). $SPEED : virtual seconds a second, at most (100).
"""
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from hearthgrid.benchmark import Result

NAME = 'soak'
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
'''
TICK, FINE = 1.0, 0.1     # steps of the clock; while the grid is away [virtual s]
LAG = 1.5                 # of a process' last report behind the clock [virtual s]
STUCK = 3.0               # waited for one at most [s]
EVENT_EVERY = 30          # of an event whose fate is followed [virtual s]
CALM = 0.5                # so long before a kill no event is sent whose loss would count [s]
OUTAGE = 60.0             # of the grid [virtual s]
PATIENCE = 90.0           # for processes and a database to come [s]
MINUTE = 60.0
CORES, GOAL = 2, 50.0     # times life, on so many cores that do nothing else
LOST, GROWTH, HEARD = 1.0, 10.0, 0.95  # goals: s of readings at a kill; MB a process, second half of its life; stored


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


def run(progress: Callable[[str], None]) -> list[Result]:
    """Soak for $HOURS."""
    hours, speed = float(os.environ.get('HOURS', '0.5')), float(os.environ.get('SPEED', '100'))
    folder = Path(tempfile.mkdtemp(prefix='hearthgrid-soak-'))
    database = Database(folder) if shutil.which('influxd') else None
    try:
        soak = Soak(folder, database, speed, progress)
        try:
            return soak.run(3600.0 * hours)
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


class Soak:
    """The home, its clock, and the one who breaks things."""

    def __init__(self, folder: Path, database: Database | None, speed: float, say: Callable[[str], None]) -> None:
        from rosgraph_msgs.msg import Clock

        from hearthgrid.bringup import Options, plan
        from hearthgrid.supervisor import Supervisor
        from hearthgrid_ros.home import load
        from hearthgrid_ros.interfaces import ANOMALIES, DIAGNOSTICS, READINGS, SCRIPT_OUTAGE, TIE
        from hearthgrid_ros.testing import Graph, own_domain

        own_domain()
        self._folder, self._database, self._speed, self._say = folder, database, speed, say
        (folder / 'home.yaml').write_text(HOME + (f'  store: {{database: "{database.url}"}}\n' if database else ''))
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            port = probe.getsockname()[1]
        processes = plan(load(folder / 'home.yaml'), Options(str(folder / 'home.yaml'), str(folder), port=port))
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
        self.course = Course()

    def close(self) -> None:
        self._supervisor.stop()
        self._graph.close()

    def run(self, duration: float) -> list[Result]:
        """Let `duration` [virtual s] pass."""
        self._supervisor.start()
        self._come_up()
        started, cpu, began = time.monotonic(), self._cpu(), self._elapsed
        plan = self._plan(duration)
        while self._elapsed - began < duration:
            while plan and plan[0][0] <= self._elapsed - began:
                _, name, act = plan.pop(0)
                speed = (self._elapsed - began) / (time.monotonic() - started)
                self._say(f'{(self._elapsed - began) / 3600:.2f} h, {speed:.0f} × life: {name}')
                self.course.faults[name] = self.course.faults.get(name, 0) + 1
                act()
            self._pass(30.0)
        took, cpu = time.monotonic() - started, {name: used - cpu[name] for name, used in self._cpu().items()}
        self._say('settling')
        well = self._until(lambda: self._store_well and not self._island and self._all_report(), PATIENCE)
        return self._conclude(self._elapsed - began, took, cpu, well)

    def _plan(self, duration: float) -> list[tuple[float, str, Callable[[], None]]]:
        """Return (when, what, how): the hub's kill early, so that a long life follows whose memory can be watched."""
        faults = [('grid outage', self._grid_outage), ('lost telemetry', self._lost_telemetry),
                  ('full disk', self._full_disk), ('clock an hour ahead', lambda: self._step(3600.0)),
                  ('clock 10 min back', lambda: self._step(-600.0))]
        if self._database:
            faults.append(('dead database', self._dead_database))
        first = [('kill -9 of the hub', self._kill_hub), ('kill -9 of the outlets', lambda: self._kill('outlets'))]
        if duration >= 3600.0:
            first += [(f'kill -9 of {name}', lambda name=name: self._kill(name)) for name in ('plan', 'world')]
            first.append(('restart of the hub', self._restart_hub))
        count = max(1, round(duration / 4 / 3600)) * len(faults)
        out = [((0.05 + 0.25 * k / len(first)) * duration, *one) for k, one in enumerate(first)]
        return out + [((0.35 + 0.5 * k / count) * duration, *faults[k % len(faults)]) for k in range(count)]

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
        """Wait until all are there, and the store hears events again."""
        self._quiet, self._probed = True, self._probe
        if not self._until(lambda: self._all_report() and self._store_well and self._heard_by_store(), PATIENCE):
            logs = ''.join((self._folder / 'log' / f'{name}.log').read_text()[-1000:] for name in self._reported)
            raise RuntimeError(f'the home did not come up: {self._reported}\n{logs}')
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
        if message.outlet == 'kettle' and not self._quiet:
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

    # What goes wrong.

    def _child(self, name: str):
        return next(child for child in self._supervisor.children if child.process.name == name)

    def _end(self, name: str, number: int) -> None:
        child = self._child(name)
        child.popen.send_signal(number)
        child.popen.wait()
        self.course.memory.pop(name, None)
        self._reported[name] = -np.inf

    def _kill(self, name: str) -> None:
        self._end(name, signal.SIGKILL)
        self._come_up()

    def _kill_hub(self) -> None:
        """Kill the hub in the middle of writing, see what is missing, start it again."""
        from hub_nodes.store.place import open_history

        self._quiet_events()
        self._end('hub', signal.SIGKILL)
        self._quiet, died = True, time.monotonic()
        newest = max(self.course.heard)
        found = open_history(self._folder).readings('kettle', newest / 1000 - 600.0, newest / 1000 + 1.0)['time']
        stored = int(found[-1]) if len(found) else newest - 600_000
        missing = [ms for ms in self.course.heard if ms > stored]
        self.course.lost.append(max((died - self.course.heard[ms] for ms in missing), default=0.0))
        for ms in missing:
            del self.course.heard[ms]
        self._store_well = False
        self._come_up()

    def _quiet_events(self) -> None:
        """Let readings go on without events: one sent right before a kill may not have been heard."""
        sent, until = len(self.course.events), time.monotonic() + CALM
        while time.monotonic() < until:
            self._pass(10.0)
        del self.course.events[sent:]

    def _restart_hub(self) -> None:
        self._quiet_events()
        self._quiet, self._store_well = True, False
        self._end('hub', signal.SIGINT)
        self._come_up()

    def _grid_outage(self) -> None:
        from hearthgrid_msgs import srv

        self._outage.call_async(srv.ScriptOutage.Request(kind=srv.ScriptOutage.Request.KIND_BLACKOUT, delay=1.0,
                                                         duration=OUTAGE))
        self._pass(OUTAGE + 30.0, tick=FINE)

    def _lost_telemetry(self) -> None:
        """The outlets' process stands still: nobody measures, nobody obeys."""
        outlets = self._child('outlets').popen
        outlets.send_signal(signal.SIGSTOP)
        self._pass(MINUTE, but=('outlets',))
        outlets.send_signal(signal.SIGCONT)
        self._reported['outlets'] = -np.inf

    def _full_disk(self) -> None:
        """A limit on the size of files stands for the full disk."""
        for limit in (4096, resource.RLIM_INFINITY):
            for child in self._supervisor.children:
                if child.popen is not None:
                    resource.prlimit(child.popen.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            self._pass(2 * MINUTE)

    def _step(self, seconds: float) -> None:
        self.now += seconds
        self._pass(5.0, but=tuple(self._reported))

    def _dead_database(self) -> None:
        self._database.kill()
        self._pass(2 * MINUTE)
        self._database.start()

    def _conclude(self, passed: float, took: float, cpu: dict[str, float], well: bool) -> list[Result]:
        from hub_nodes.store.place import open_history

        growth, worst, resident = -np.inf, '', 0.0
        for name, life in self.course.memory.items():
            second = np.array(life)[len(life) // 2:]
            grown = float(second[-3:, 1].mean() - second[:3, 1].mean())
            resident += float(second[-1, 1])
            growth, worst = max((growth, worst), (grown, name))
        self._supervisor.stop()
        history = open_history(self._folder)
        first, last = min(self.course.heard), max(self.course.heard)
        stored = set(history.readings('kettle', first / 1000, last / 1000 + 1.0)['time'].tolist())
        share = len(stored & self.course.heard.keys()) / len(self.course.heard)
        known = {one.data['text'] for one in history.records(('anomaly',), subject='soak', limit=10**6)}
        missing = [n for n in self.course.events if str(n) not in known]
        done = ', '.join(f'{count} × {name}' for name, count in self.course.faults.items())
        outages, told = self.course.faults.get('grid outage', 0), 'store: database' in ' '.join(self.course.told)
        spent = {name: 1000 * used / passed for name, used in sorted(cpu.items(), key=lambda one: -one[1])}
        where = ', '.join(f'{name} {used:.3g}' for name, used in spent.items())
        idle = 1000 * CORES / sum(spent.values())
        return [
            Result(f'a home of {len(self._reported)} processes, {passed / 3600:.2f} h with {done}: all well at the end',
                   float(well), '', limit=1.0, goal='ends well, faults told, an island an outage',
                   holds=well and told and self.course.islands >= outages),
            Result('speed here, with all else this machine did', passed / took, '× life'),
            Result(f'speed on {CORES} free cores; ms of CPU a virtual second: {where}', idle, '× life', limit=GOAL,
                   goal=f'≥ {GOAL:g} ×', holds=idle >= GOAL),
            Result('readings lost at a kill -9, worst', max(self.course.lost), 's', limit=LOST, goal=f'≤ {LOST:g} s',
                   holds=max(self.course.lost) <= LOST),
            Result(f'events lost of {len(self.course.events)}', len(missing), '', limit=0.0, goal='0',
                   holds=not missing),
            Result('readings stored, of those heard while the hub listened', share, '', limit=HEARD,
                   goal=f'≥ {HEARD:g}', holds=share >= HEARD),
            Result(f'memory grown in the second half of a life, worst process ({worst})', growth, 'MB',
                   baseline=resident, baseline_name='all resident', limit=GROWTH, goal=f'≤ {GROWTH:g} MB',
                   holds=growth <= GROWTH)]
