"""A process that has imported all the nodes and forks one of the home's processes whenever it is asked.

Forty processes that each import numpy, scipy and ROS 2 take a core minute and gigabytes; forked ones share it. It runs
no node, has no thread and no ROS context itself, so that a fork is safe. What it forks becomes a child of the
supervisor (the "subreaper"), which waits for it, signals it and reads its output as it does for any other.
"""

import array
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
PATIENCE = 60.0  # for an answer: at first it imports [s]
ADOPTION = 10.0  # for the supervisor to become the parent [s]
WORD = 65536  # longest request [B]


class Forked:
    """A forked process, with what the supervisor uses of `subprocess.Popen`."""

    def __init__(self, pid: int, stdout) -> None:
        self.pid, self.stdout = pid, stdout
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while it runs."""
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # it was never ours, and is gone
                pid, status = self.pid, 0
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. subprocess.TimeoutExpired after `timeout` [s]."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if deadline is not None and time.monotonic() >= deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(0.02)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Signal it, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


class Zygote:
    """The supervisor's side. OSError, also later, where the other side is gone."""

    def __init__(self, modules: Sequence[str], environment: dict[str, str]) -> None:
        """modules : to import before the first fork"""
        if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1):
            raise OSError('this system has no subreaper')
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, '-m', 'hearthgrid.zygote', str(theirs.fileno()), *modules],
                stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(),), start_new_session=True, env=environment)
        self._socket = ours
        self._socket.settimeout(PATIENCE)

    def start(self, arguments: Sequence[str]) -> Forked:
        """Fork a `hearthgrid.host` with these arguments."""
        read, write = os.pipe()
        try:
            word = json.dumps(list(arguments)).encode()
            self._socket.sendmsg([word], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [write]))])
            answer = self._socket.recv(64)
            if not answer:
                raise OSError('the process that forks has ended')
        except OSError:
            os.close(read)
            raise
        finally:
            os.close(write)
        return Forked(int(answer), os.fdopen(read, encoding='utf-8', errors='replace'))

    def close(self) -> None:
        """End it; what it forked goes on."""
        self._socket.close()
        try:
            self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def serve(link: socket.socket) -> None:
    """Fork until the supervisor closes the link. In a forked process: run the host, and never return."""
    supervisor = os.getppid()
    while True:
        if not select.select([link], [], [], 1.0)[0]:
            if os.getppid() != supervisor:
                return
            continue
        word, ancillary, _, _ = link.recvmsg(WORD, socket.CMSG_LEN(array.array('i').itemsize))
        if not word:
            return
        (output,) = array.array('i', ancillary[0][2])
        middle = os.fork()
        if not middle:
            _between(link, output, supervisor, json.loads(word))
        os.close(output)
        os.waitpid(middle, 0)  # it has answered


def _between(link: socket.socket, output: int, supervisor: int, arguments: list[str]) -> None:
    """Fork once more and end, so that the supervisor inherits the child."""
    child = os.fork()
    if child:
        link.send(str(child).encode())
        os._exit(0)
    link.close()
    os.setsid()
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    deadline = time.monotonic() + ADOPTION
    while os.getppid() != supervisor and time.monotonic() < deadline:
        time.sleep(0.001)
    code = 1
    try:
        from hearthgrid import host

        sys.argv = ['host', *arguments]
        code = host.main()
    except BaseException as error:
        print(f'hearthgrid: {error!r}', file=sys.stderr)
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> int:
    """Import what the arguments name after the number of the link, and serve."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    with socket.socket(fileno=int(sys.argv[1])) as link:
        for module in (*sys.argv[2:], 'hearthgrid.host'):
            importlib.import_module(module)
        gc.collect()
        gc.freeze()  # collections in the forked ones would otherwise copy every page
        serve(link)
    return 0


if __name__ == '__main__':
    sys.exit(main())
