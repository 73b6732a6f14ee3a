"""`hearthgrid up`: start a home, say what runs, and end it cleanly with a summary."""

import errno
import fcntl
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from hearthgrid import firmware
from hearthgrid.bringup import Options, key_names, plan
from hearthgrid.meeting import SERVER, SUPER, Meeting
from hearthgrid.replay import Replay
from hearthgrid.shm import remove_orphans
from hearthgrid.summary import home_line, outlet_table, process_table
from hearthgrid.supervisor import Supervisor
from hearthgrid.witness import Witness
from hearthgrid_ros import key_file
from hearthgrid_ros.home import Home

OFF = 'off'  # of `Options.keys_file`: no keys, though there may be a file
CROWD = 16  # processes a core that still start in seconds
NEWS_PERIOD = 10.0  # between lines where there is no terminal [s]
AGAIN = -1  # in place of an exit code: the page asked that the home starts again, with its file read anew
LOCK = 'up.lock'  # in the state folder: held by the home that runs from it
RESTART = 'restart'  # the file by which it asks, in the state folder


class HomeRuns(Exception):
    """A home already runs from the same state folder."""


@contextmanager
def alone(state: Path) -> Iterator[None]:
    """Let one home at a time run from a state folder, or raise HomeRuns: two would write each other's files."""
    state.mkdir(parents=True, exist_ok=True)
    with (state / LOCK).open('a+', encoding='ascii') as lock:
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # unlike flock's, not kept by forked children
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                raise
            lock.seek(0)
            raise HomeRuns(f'a home already runs from {state} (process {lock.read()}): end it, or choose another '
                           '--state-dir, and another --port and name for a second home') from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def run(home: Home, options: Options, duration: float, verbose: bool, console: Console, replay: Replay | None) -> int:
    """Run the home until the duration [s] (0: until Ctrl-C, the end of the recordings); return exit code or AGAIN."""
    state = Path(options.state_dir)
    (state / RESTART).unlink(missing_ok=True)
    home_file = state / 'home.yaml'
    home_file.write_text(home.dump(), encoding='utf-8')
    options = replace(options, home_file=str(home_file), keys_file=_keys(home, options, state))
    processes = plan(home, options)
    if options.firmware:
        with console.status('building the outlet in C …'):
            program = firmware.build()
        processes = firmware.processes(home, processes, firmware.chosen(home, options.firmware), program)

    stopping: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda n, _: stopping.append(n))

    supervisor = Supervisor(
        processes,
        state,
        lambda line: console.print(f'  {line}', markup=False, highlight=False, soft_wrap=True),
        verbose,
    )
    killed: list[str] = []
    with Meeting(len(processes)) as meeting:
        _introduce(console, home, options, processes, replay, meeting.address)
        with Witness(home.name) as witness:
            if replay:
                replay.listen(witness.node)
            supervisor.start()
            try:
                _watch(witness, supervisor, console, duration, stopping, replay, state / RESTART, meeting)
            finally:
                with console.status('ending …'):
                    killed = supervisor.stop()
    remove_orphans()  # again: the witness itself held some until now
    if not stopping and (state / RESTART).exists():
        console.print('  the page asked for it: starting again with the home file as it is now', highlight=False)
        return AGAIN
    _conclude(console, witness, supervisor, killed, replay, state)
    if not witness.seen.counts['readings']:
        console.print(
            f'No reading arrived. The logs in {state / "log"} say why; `hearthgrid doctor` looks at the machine.'
        )
        return 1
    return 0


def _keys(home: Home, options: Options, state: Path) -> str:
    """Return the file of the home's keys, made where it can be: with outlets of our own, which read the same file."""
    path = state / key_file.NAME
    if options.keys_file == OFF or not (options.outlets or path.exists()):
        return ''
    key_file.provision(path, key_names(home), time.time())
    return str(path)


def _introduce(console: Console, home: Home, options: Options, processes, replay, meeting: str) -> None:
    what = (
        f'replaying {replay.describe()}'
        if replay
        else f'simulated, seed {options.seed}'
        if options.simulation
        else 'real outlets'
    )
    nodes = sum(len(p.nodes) for p in processes)
    console.print(f'[bold]Hearthgrid[/] home “{home.name}”: {len(home.outlets)} outlets, {what}', highlight=False)
    console.print(
        f'  runs    {nodes} ROS 2 nodes in {len(processes)} processes: {", ".join(p.name for p in processes)}'
        if len(processes) < 12
        else f'  runs    {nodes} ROS 2 nodes in {len(processes)} processes',
        highlight=False,
    )
    cores = os.cpu_count() or 1
    if len(processes) > CROWD * cores and not meeting:
        console.print(f'  slow    so many processes on {cores} cores take a while to start', highlight=False)
    if any(node.name == 'dashboard' for p in processes for node in p.nodes):
        console.print(f'  page    http://127.0.0.1:{options.port}', highlight=False)
    console.print(f'  state   {options.state_dir}', highlight=False)
    if not options.keys_file:
        console.print('  keys    none: whoever speaks ROS 2 here is obeyed', highlight=False)
    console.print('  look    hearthgrid status · hearthgrid outage --for 20 · hearthgrid history', highlight=False)
    if meeting:
        console.print(f'  ros2    export {SERVER}={meeting} {SUPER}=TRUE', highlight=False)
    console.print('  stop    Ctrl-C', highlight=False)


def _watch(
    witness: Witness, supervisor: Supervisor, console: Console, duration: float, stopping: list, replay, restart: Path,
    meeting: Meeting,
) -> None:
    told, news = False, 0.0
    with console.status('starting …') as status:
        while not stopping:
            witness.spin(0.25)
            supervisor.poll()
            meeting.keep()
            seen, age = witness.seen, time.monotonic() - witness.started
            if seen.first_reading is not None and not told:
                told = True
                console.print(f'  first reading after {seen.first_reading:.1f} s', highlight=False)
            line = f'{age:4.0f} s · {home_line(seen)}' + (f' · {replay.progress()}' if replay else '')
            if console.is_terminal:
                status.update(line)
            elif told and age >= news:
                news = age + NEWS_PERIOD
                console.print(f'  {line}', highlight=False, soft_wrap=True)
            if restart.exists() or (duration and age >= duration) or (replay and replay.finished()):
                return


def _conclude(
    console: Console, witness: Witness, supervisor: Supervisor, killed: list[str], replay, state: Path
) -> None:
    seen, age = witness.seen, time.monotonic() - supervisor.started
    console.print(f'\n[bold]Summary[/] after {age:.0f} s', highlight=False)
    console.print(outlet_table(seen))
    console.print()
    console.print(process_table(supervisor.children))
    cpu = sum(child.cpu_total for child in supervisor.children)
    memory = sum(child.memory for child in supervisor.children) / 1e6
    console.print(
        f'\n{seen.counts["readings"]} readings, {seen.counts["plans"]} plans, {seen.counts["anomalies"]} anomalies; '
        f'{100 * cpu / age:.0f} % of one core, {memory:.0f} MB',
        highlight=False,
    )
    if seen.modes:
        console.print(f'supply: {" → ".join(seen.modes)}', highlight=False)
    if killed:
        console.print(f'had to be killed: {", ".join(killed)}', highlight=False)
    if replay:
        replay.conclude(console, state)


def fresh(folder: Path) -> Path:
    """Empty a folder that only Hearthgrid writes to, and return it."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return folder
