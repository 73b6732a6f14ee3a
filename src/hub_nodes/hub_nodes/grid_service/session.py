"""The session with the server in a thread of its own: the node hands in answers and takes out news, and never waits."""
import asyncio
import logging
import queue
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from hearthgrid_core.grid_service import Answer
from hub_nodes.grid_service.wire import Heard, LinkError, Measured, Outcome

RETRY_FIRST, RETRY_MAX = 5.0, 300.0     # after a failure, doubling [s]
ANSWERS_MAX, OUTCOMES_MAX = 512, 64     # that wait for a server out of reach
ENDING = 3.0                            # longest wait for the thread [s]
SHORT = 0.2                             # between looks for something to send [s]
SETTLE = 1.5                            # of a new session before it counts as up: the node answers once a second [s]

logging.getLogger('asyncio').setLevel(logging.CRITICAL)     # a connection cut in its TLS handshake is no news


@dataclass(frozen=True)
class State:
    """Whether the server is heard. lasting : it will not come right by itself"""

    up: bool
    reason: str
    lasting: bool = False


class Session:
    """Runs links one after the other: `make` returns one, it is opened, polled until it fails, closed, made again."""

    def __init__(self, make: Callable[[], object], retry_first: float = RETRY_FIRST) -> None:
        self._make, self._retry_first = make, retry_first
        self._news: queue.SimpleQueue[Heard | State] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._answers: dict[str, Answer] = {}
        self._outcomes: list[Outcome] = []
        self._measured: Measured | None = None
        self._task: asyncio.Task | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._main, name='grid_service', daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> bool:
        """End it; return whether it ended in time."""
        self._stop.set()
        with self._lock:
            if self._task is not None:
                self._task.get_loop().call_soon_threadsafe(self._task.cancel)
        self._thread.join(ENDING)
        return not self._thread.is_alive()

    def news(self) -> list[Heard | State]:
        """Return what came since the last call."""
        out = []
        while True:
            try:
                out.append(self._news.get_nowait())
            except queue.Empty:
                return out

    def send(self, answers: list[Answer] = (), outcomes: list[Outcome] = (), measured: Measured | None = None) -> None:
        """Have the server told; the newest answer to an event counts, the newest measurement too."""
        with self._lock:
            for one in answers:
                if len(self._answers) < ANSWERS_MAX or one.event in self._answers:
                    self._answers[one.event] = one
            self._outcomes = [*self._outcomes, *outcomes][-OUTCOMES_MAX:]
            self._measured = measured or self._measured

    def _main(self) -> None:
        try:
            asyncio.run(self._run())
        except asyncio.CancelledError:
            pass    # `stop` cut a request short

    async def _run(self) -> None:
        with self._lock:
            self._task = asyncio.current_task()
        try:
            await self._links()
        finally:
            with self._lock:
                self._task = None

    async def _links(self) -> None:
        wait = self._retry_first
        while not self._stop.is_set():
            link = None
            try:
                link = self._make()
                await link.open()
                with self._lock:    # what the server still lists is answered anew; what it forgot it cannot take
                    self._answers.clear()
                async for _ in self._serve(link):
                    wait = self._retry_first
            except LinkError as error:
                self._news.put(State(False, str(error), error.lasting))
            except Exception as error:  # whatever a hostile server makes of a library must not end the session
                self._news.put(State(False, f'{type(error).__name__}: {str(error)[:160]}'))
            finally:
                if link is not None:
                    await link.close()
            await self._nap(wait)
            wait = min(2 * wait, RETRY_MAX)

    async def _serve(self, link) -> AsyncIterator[None]:
        """Poll and send until the link fails or the session ends; yield after each round in which all went well."""
        loop, due, up = asyncio.get_running_loop(), 0.0, False
        opened = loop.time()
        while not self._stop.is_set():
            if loop.time() >= due:
                heard = await link.poll()
                due = loop.time() + link.period
                if heard is not None:
                    self._news.put(heard)
            with self._lock:
                answers, outcomes, measured = list(self._answers.values()), self._outcomes, self._measured
            try:
                await link.answer(answers)
                await link.report(measured, outcomes)
            except LinkError as error:
                if not 402 <= error.status < 500:
                    raise
                self._news.put(Heard(refused=(f'the server refuses reports: {error}',)))     # events go on
            with self._lock:    # only what was sent: others may have come meanwhile
                self._answers = {id: one for id, one in self._answers.items() if one not in answers}
                self._outcomes = [one for one in self._outcomes if not any(one is sent for sent in outcomes)]
            # Up once the answers to the first news were taken too: a server that fails at them is not up by turns.
            if up:
                yield
            elif loop.time() >= opened + SETTLE:
                self._news.put(State(True, 'heard'))
                up = True
            await asyncio.sleep(SHORT)

    async def _nap(self, length: float) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + length
        while loop.time() < end and not self._stop.is_set():
            await asyncio.sleep(min(SHORT, length))
