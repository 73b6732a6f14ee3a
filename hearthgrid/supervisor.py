"""Starts the processes of a plan, restarts what dies, ends them all, and leaves nothing behind."""

import json
import math
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from hearthgrid.bringup import Process
from hearthgrid.shm import deaf, remove_orphans
from hearthgrid.zygote import Forked, Zygote

RESTART_DELAYS = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)  # before the first, second, … restart in a row [s]
STEADY = 60.0  # running so long, a process starts with a clean record [s]
MOMENT = 3.0  # in which nodes that say the same speak of the same [s]
LOG_LINE = re.compile(r'\[(\w+)\] \[[\d.]+\] \[([\w./]+)\]: (.*)')  # rclpy's console format
STAMPED = re.compile(r'\[(\w+)\] \[([\d.]+)\] \[([\w./]+)\]: (.*)')  # the same, with its time
LISTENING = 5.0  # between two looks at who can still be reached [s]
PATIENCE = 8.0  # for a process that was asked to end [s]
MANY = 12  # processes: from so many on they are forked from one that has imported everything
PATIENCE_EACH = 0.5  # more, for each process beyond `MANY` [s]


@dataclass
class Child:
    """A process, its restarts and what it costs."""

    process: Process
    spec: Path
    popen: subprocess.Popen | Forked | None = None
    started: float = 0.0
    restarts: int = 0
    in_a_row: int = 0
    due: float = 0.0
    cpu_before: float = 0.0  # of earlier lives [s]
    cpu: float = 0.0  # of this life, last seen [s]
    memory: int = 0  # resident, last seen [B]
    deaf: int = 0  # looks in a row at which nobody could reach it
    reader: threading.Thread | None = field(default=None, repr=False)

    @property
    def cpu_total(self) -> float:
        """CPU seconds of all its lives. [s]"""
        return self.cpu_before + self.cpu


def structured(process: str, line: str) -> str:
    """Return a line of output as one line of JSON: time [s, of its writing where it says none], level, node, text."""
    found = STAMPED.match(line.rstrip('\n'))
    level, stamp, node, text = found.groups() if found else ('', time.time(), '', line.rstrip('\n'))
    told = {'time': float(stamp), 'level': level.lower(), 'process': process, 'node': node, 'text': text}
    return json.dumps(told, ensure_ascii=False) + '\n'


class News:
    """Log lines for a person: what many nodes say at once is said once, with their number.

    say : called with a line.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._lock = say, threading.Lock()
        self._recent: dict[str, tuple[float, int]] = {}

    def tell(self, line: str) -> None:
        """Take a line as rclpy writes it, or any other."""
        found = LOG_LINE.match(line)
        level, node, text = found.groups() if found else ('', '', line)
        key = re.sub(r'\d+(\.\d+)*', '…', f'{level} {node.split(".")[-1]} {text}')  # measured values differ
        with self._lock:
            since, more = self._recent.get(key, (0.0, -1))
            self._recent[key] = (since or time.monotonic(), more + 1)
        if more < 0:
            self._say(f'{node}: {text}' if node else text)

    def poll(self, now: float) -> None:
        """Say how many spoke alike, once the moment is over."""
        with self._lock:
            over = {key: more for key, (since, more) in self._recent.items() if now - since > MOMENT}
            for key in over:
                del self._recent[key]
        for key, more in over.items():
            if more:
                self._say(f'({more} more said so: {key.strip()})')


class Supervisor:
    """Runs the processes of a plan. `poll` restarts what died; `stop` ends everything.

    say : called with one line of news for a person.
    verbose : pass every log line on to the terminal, not only warnings and errors.
    """

    def __init__(
        self, processes: tuple[Process, ...], state_dir: Path, say: Callable[[str], None], verbose: bool = False
    ) -> None:
        self._say, self._verbose, self._json = say, verbose, os.environ.get('HEARTHGRID_LOG') == 'json'
        self._logs = state_dir / 'log'
        self._logs.mkdir(parents=True, exist_ok=True)
        self.children = [Child(process, process.write(state_dir / 'run')) for process in processes]
        self._news = News(say)
        self._zygote: Zygote | None = None
        self.started = self._listened = time.monotonic()

    def start(self) -> None:
        """Start all processes."""
        remove_orphans()
        if len(self.children) >= MANY:
            modules = {node.target.split(':')[0] for child in self.children for node in child.process.nodes}
            try:
                self._zygote = Zygote(sorted(modules), self._environment())
            except OSError as error:
                self._say(f'every process imports for itself: {error}')
        for child in self.children:
            self._launch(child)

    def poll(self) -> None:
        """Note what each process uses, and restart those that ended."""
        now = time.monotonic()
        self._news.poll(now)
        listen = now - self._listened >= LISTENING
        self._listened = now if listen else self._listened
        for child in self.children:
            if child.popen is not None and child.popen.poll() is None:
                self._measure(child)
                if listen:
                    self._listen(child)
            elif child.popen is not None:
                self._ended(child, now)
            elif now >= child.due:
                child.restarts += 1
                self._launch(child)

    def _measure(self, child: Child) -> None:
        try:
            process = psutil.Process(child.popen.pid)
            times = process.cpu_times()
            child.cpu, child.memory = times.user + times.system, process.memory_info().rss
        except psutil.Error:
            pass  # it ended meanwhile: the next poll sees it

    def _listen(self, child: Child) -> None:
        """End a process that nobody can reach any more: it comes back."""
        child.deaf = child.deaf + 1 if deaf(child.popen.pid) else 0
        if child.deaf == 2:  # not once: a port that is being made anew looks the same for a moment
            name = child.process.name
            self._say(f'{name}: nobody reaches it, its port of shared memory was taken from it; ending it')
            child.popen.send_signal(signal.SIGINT)
        elif child.deaf > 3:
            child.popen.kill()

    def _ended(self, child: Child, now: float) -> None:
        code, child.popen, child.deaf = child.popen.returncode, None, 0
        child.cpu_before, child.cpu, child.memory = child.cpu_total, 0.0, 0
        child.in_a_row = 0 if now - child.started > STEADY else child.in_a_row + 1
        delay = RESTART_DELAYS[min(child.in_a_row, len(RESTART_DELAYS) - 1)]
        child.due = now + delay
        how = f'signal {signal.Signals(-code).name}' if code < 0 else f'exit code {code}'
        self._say(
            f'{child.process.name} ended ({how}); starting it again'
            + (f' in {delay:g} s; see {self._logs / child.process.name}.log' if delay else '')
        )
        remove_orphans()

    def _launch(self, child: Child) -> None:
        child.started = time.monotonic()
        child.popen = self._forked(child) or subprocess.Popen(
            child.process.command(child.spec),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors='replace',
            start_new_session=True,  # Ctrl-C is for the supervisor, which ends the others in order
            env=self._environment(),
        )
        child.reader = threading.Thread(target=self._relay, args=(child, child.popen.stdout), daemon=True)
        child.reader.start()

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            'PYTHONUNBUFFERED': '1',
            'OMP_NUM_THREADS': '1',
            'OPENBLAS_NUM_THREADS': '1',
            'RCUTILS_COLORIZED_OUTPUT': '0',
            'HEARTHGRID_SUPERVISOR': str(os.getpid()),
        }

    def _forked(self, child: Child) -> Forked | None:
        """Return a process forked for it; None where it has a command of its own, or nobody forks."""
        if self._zygote is None or type(child.process) is not Process:
            return None
        try:
            return self._zygote.start(child.process.command(child.spec)[3:])
        except OSError as error:
            self._say(f'from now on every process imports for itself: {error}')
            self._zygote.close()
            self._zygote = None
            return None

    def _relay(self, child: Child, lines) -> None:
        """Copy a process' output to its log, and what a person should see to the terminal."""
        path, told = self._logs / f'{child.process.name}.log', False
        try:
            log = path.open('a', buffering=1)
        except OSError as error:
            self._say(f'cannot write {path}: {error.strerror}')
            log = None
        with lines:
            for line in lines:
                try:
                    if log:
                        log.write(structured(child.process.name, line) if self._json else line)
                except OSError as error:
                    if not told:
                        self._say(f'cannot write {path}: {error.strerror}')
                    told = True
                if self._verbose:
                    self._say(f'{child.process.name}: {line.rstrip()}')
                elif line.startswith(('[WARN]', '[ERROR]', '[FATAL]', 'hearthgrid:')):
                    self._news.tell(line.rstrip())
        if log:
            log.close()

    def stop(self) -> list[str]:
        """End every process, politely first; return the names of those that had to be killed."""
        alive = [child for child in self.children if child.popen is not None and child.popen.poll() is None]
        for child in alive:
            self._measure(child)
            child.popen.send_signal(signal.SIGINT)
        deadline = time.monotonic() + PATIENCE + PATIENCE_EACH * max(0, len(alive) - MANY)
        killed = []
        for child in alive:
            try:
                child.popen.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.popen.kill()
                child.popen.wait()
                killed.append(child.process.name)
        for child in self.children:
            if child.reader is not None:
                child.reader.join(2.0)
        if self._zygote is not None:
            self._zygote.close()
            self._zygote = None
        self._news.poll(math.inf)
        remove_orphans()
        return killed
