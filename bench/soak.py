"""Soak: a day of a whole home on virtual time, with kills, clock steps, lost telemetry, outages and dead things.

What runs is what `hearthgrid up` runs: world with waveforms, outlets, inverter, the hub, plan and page, in processes of
their own under the supervisor, with real ROS 2 between them, on one simulated clock. The clock waits for the home: it
goes on once every process has reported within LAG of it, so a slow machine makes the soak longer, never the home's time
coarser. Where `influxd` is installed the store writes to it, so that the database can die. Two outlets; blocks of
samples last 0.64 s (in life 0.2 s), the members of the micro-grid wait four times as long as in life, because their
clock goes in steps of a second; appliances run at life's pace. Nodes for other people's machines (gateway,
grid_service, market, notify) are not in it: a home file without their sections does not start them.

$HOURS : virtual (0.5; the day of the claim is 24). $SPEED : virtual seconds a second, at most (100).
"""
import os
import resource
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hearthgrid.benchmark import Result
from hearthgrid.virtual_home import FINE, MINUTE, PATIENCE, Database, VirtualHome

NAME = 'soak'
CALM = 0.5                # so long before a kill no event is sent whose loss would count [s]
OUTAGE = 60.0             # of the grid [virtual s]
CORES, GOAL = 2, 50.0     # times life, on so many cores that do nothing else
LOST, GROWTH, HEARD = 1.0, 10.0, 0.95  # goals: s of readings at a kill; MB a process, second half of its life; stored


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


class Soak(VirtualHome):
    """The home, and the one who breaks things."""

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

    # What goes wrong.

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
