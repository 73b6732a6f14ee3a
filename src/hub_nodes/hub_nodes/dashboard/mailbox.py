"""From the web server's thread to the thread that spins the node: functions, and calls of services."""
import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import TypeVar

from hearthgrid_core.outlet.permit import NO_PERMIT
from hearthgrid_ros.calls import Permits
from hearthgrid_ros.interfaces import Service
from hub_nodes.dashboard import words
from hub_nodes.dashboard.backend import Answer

MEETING = 2.0  # for a server or an outlet that is there to be found [s]
POLL = 0.05    # between looks whether it is [s]
TRIES = 10     # of a call whose permit came after it
Result = TypeVar('Result')


class Ended(Exception):
    """The node ends; nothing more can be asked."""


class Mailbox:
    """Hands functions from other threads to the thread that spins the node, which alone touches ROS."""

    def __init__(self, node) -> None:
        self._queue: SimpleQueue = SimpleQueue()
        self._open = True
        self._guard = node.create_guard_condition(self._deliver)

    def post(self, function: Callable[[], Result]) -> 'Future[Result]':
        """Have `function` called by the node's executor; return the future of its result."""
        future: Future = Future()
        if not self._open:
            future.set_exception(Ended())
            return future
        self._queue.put((function, future))
        self._guard.trigger()
        return future

    def _deliver(self) -> None:
        while True:
            try:
                function, future = self._queue.get_nowait()
            except Empty:
                return
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function())
                except Exception as error:
                    future.set_exception(error)

    def close(self) -> None:
        """Refuse what is asked from now on, and what still waits."""
        self._open = False
        while not self._queue.empty():
            _, future = self._queue.get_nowait()
            if future.set_running_or_notify_cancel():
                future.set_exception(Ended())


class Caller:
    """Calls services of the home from any thread. What the world does wrong is an `Answer`."""

    def __init__(self, node, timeout: float, permits: Permits) -> None:
        self._node, self._timeout, self.permits = node, timeout, permits
        self._mailbox = Mailbox(node)
        self._clients: dict[tuple[str, str], object] = {}

    def close(self) -> None:
        """Answer everything still asked with the end of the node."""
        self._mailbox.close()

    def post(self, function: Callable[[], object]) -> None:
        """Have `function` called in the node's thread, soon; not at all when the node ends."""
        self._mailbox.post(function)

    async def in_ros(self, function: Callable[[], Result]) -> Result:
        """Return what `function` returns in the node's thread. Ended; asyncio.TimeoutError."""
        return await asyncio.wait_for(asyncio.wrap_future(self._mailbox.post(function)), self._timeout)

    async def found(self, there: Callable[[], bool]) -> bool:
        """Wait until `there()` holds in the node's thread; return whether it did in time."""
        for _ in range(round(MEETING / POLL)):
            if await self.in_ros(there):
                return True
            await asyncio.sleep(POLL)
        return False

    async def result(self, begin: Callable[[], object], give_up: Callable[[object], object] = lambda sent: None):
        """Return what the rclpy future of `begin()` ends with. asyncio.TimeoutError after `give_up(future)`."""
        answer: Future = Future()

        def send():
            sent = begin()
            sent.add_done_callback(done)
            return sent

        def done(future) -> None:
            if answer.set_running_or_notify_cancel():  # else the page gave up
                answer.set_result(future.result())

        sent = await self.in_ros(send)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(answer), self._timeout)
        except asyncio.TimeoutError:
            self._mailbox.post(lambda: give_up(sent))
            raise

    async def call(self, row: Service, outlet: str, request, who: str):
        """Return the response of a service of `who`, or an Answer saying why there is none."""
        try:
            if not await self.found(lambda: self.client(row, outlet).service_is_ready()
                                    and self.permits.heard(row, outlet)):
                return Answer(False, f'{who} is not there.', 'absent')
            for _ in range(TRIES):
                response = await self.result(lambda: self._permitted(row, outlet, request),
                                             lambda sent: self.client(row, outlet).remove_pending_request(sent))
                if getattr(response, 'success', True) or response.message != NO_PERMIT:
                    break
                await asyncio.sleep(POLL)
            return response
        except asyncio.TimeoutError:
            return Answer(False, f'{who} did not answer in {words.span(self._timeout)}.', 'absent')
        except Ended:
            return Answer(False, 'The dashboard is ending.', 'absent')

    def _permitted(self, row: Service, outlet: str, request):
        self.permits.permit(row, request, outlet)
        return self.client(row, outlet).call_async(request)

    def client(self, row: Service, outlet: str = ''):
        """Return the client of a service. In the node's thread only."""
        key = (row.name, outlet)
        if key not in self._clients:
            self._clients[key] = row.client(self._node, outlet)
        return self._clients[key]

    async def told(self, row: Service, outlet: str, request, who: str, done: str) -> Answer:
        """Call a service that says `success` and `message`, and put that in words."""
        response = await self.call(row, outlet, request, who)
        if isinstance(response, Answer):
            return response
        return Answer(True, done) if response.success else Answer(
            False, f'{who}: {response.message or "refused"}', 'refused')
