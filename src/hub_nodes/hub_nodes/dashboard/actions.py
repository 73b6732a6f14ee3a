"""What a page asks of the home, carried into ROS: requests in the person's voice, and services of others."""
import asyncio
import math
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import TypeVar

from hearthgrid_msgs import msg, srv
from hearthgrid_ros.interfaces import (
    CAPTURE_WAVEFORM,
    CORRECT_IDENTITY,
    GET_COSTS,
    GET_HISTORY,
    REQUEST,
    RESET_TRIP,
    SCRIPT_OUTAGE,
    SET_PRIORITY,
    Service,
)
from hearthgrid_ros.time import to_msg
from hub_nodes.dashboard import values, words
from hub_nodes.dashboard.backend import Answer
from hub_nodes.dashboard.convert import history_of, value_of
from hub_nodes.dashboard.convert import words as enumeration
from hub_nodes.dashboard.model import HomeModel
from hub_nodes.dashboard.settings import DashboardSettings

SENDER = 'dashboard'
MEETING = 2.0  # for an outlet that is there to be found [s]
POLL = 0.05    # between looks whether it is [s]
POINTS = 500   # of a history chart
# least and most power [W], as Request.msg has them: anything above 0 at least is on, NaN asks nothing
BANDS = {'on': (1.0, math.inf), 'off': (0.0, 0.0), 'auto': (0.0, math.nan)}
PRIORITIES = {word: number for number, word in enumeration(msg.OutletState, 'CLASS_').items()}
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


class Actions:
    """The `Backend` of the pages on top of a ROS node."""

    def __init__(self, node, model: HomeModel, settings: DashboardSettings) -> None:
        self.model, self.page_rate = model, settings.page_rate
        self._node, self._settings = node, settings
        self._mailbox = Mailbox(node)
        self._publishers: dict[str, object] = {}
        self._clients: dict[tuple[str, str], object] = {}
        self._counter = 0
        self._simulated = False
        self._outage = SCRIPT_OUTAGE.client(node)
        self._clients[SCRIPT_OUTAGE.name, ''] = self._outage

    def now(self) -> float:
        return self._node.now()

    def simulated(self) -> bool:
        return self._simulated

    def look(self) -> None:
        """See who is there. Called in the node's thread."""
        self._simulated = self._outage.service_is_ready()

    def close(self) -> None:
        """Answer everything still asked with the end of the node."""
        self._mailbox.close()

    async def ask(self, outlet: str, wish: str) -> Answer:
        view = self.model.outlet(outlet, self.now())
        if view is None or wish not in BANDS:
            return Answer(False, f'No outlet is called {outlet}.' if view is None else f'{wish} is not a wish.')
        try:
            if not await self._met(outlet):
                return Answer(False, f'{view.title} does not listen. Nothing was changed.')
            asked = await self._in_ros(lambda: self._publish(outlet, wish))
        except (Ended, asyncio.TimeoutError):
            return Answer(False, 'The dashboard is ending, or has too much to do. Nothing was changed.')
        until = words.clock(asked.expiry, asked.stamp)
        return Answer(True, f'{view.title} is back to automatic.' if wish == 'auto' else
                      f'Asked {view.title} to be {wish} until {until}.')

    async def _in_ros(self, function: Callable[[], Result]) -> Result:
        return await asyncio.wait_for(asyncio.wrap_future(self._mailbox.post(function)), self._settings.service_timeout)

    async def _met(self, outlet: str) -> bool:
        """Wait until the outlet is found to listen: what is published before is lost."""
        for _ in range(round(MEETING / POLL)):
            if await self._in_ros(lambda: self._publisher(outlet).get_subscription_count() > 0):
                return True
            await asyncio.sleep(POLL)
        return False

    def _publisher(self, outlet: str):
        if outlet not in self._publishers:
            self._publishers[outlet] = REQUEST.publisher_to(self._node, outlet)
        return self._publishers[outlet]

    def _publish(self, outlet: str, wish: str) -> values.Request:
        now = self.now()
        # The wall clock in milliseconds: rises over restarts of this node without a file.
        self._counter = max(self._counter + 1, time.time_ns() // 1_000_000)
        low, high = BANDS[wish]
        asked = values.Request(outlet, wish, now, now + self._settings.request_lifetime)
        self._publisher(outlet).publish(msg.Request(
            stamp=to_msg(now), expiry=to_msg(asked.expiry), voice=msg.Request.VOICE_PERSON, epoch=0,
            counter=self._counter, power_min=low, power_max=high, sender=SENDER,
            reason='withdrawn on the page' if wish == 'auto' else f'switched {wish} on the page'))
        self.model.put(asked, now)
        return asked

    async def _call(self, row: Service, outlet: str, request, who: str):
        """Return the response of a service, or an Answer saying why there is none."""
        try:
            for _ in range(round(MEETING / POLL)):
                if await self._in_ros(lambda: self._client(row, outlet).service_is_ready()):
                    break
                await asyncio.sleep(POLL)
            else:
                return Answer(False, f'{who} is not there.')
            return await self._answer(row, outlet, request)
        except asyncio.TimeoutError:
            return Answer(False, f'{who} did not answer in {words.span(self._settings.service_timeout)}.')
        except Ended:
            return Answer(False, 'The dashboard is ending.')

    def _client(self, row: Service, outlet: str):
        key = (row.name, outlet)
        if key not in self._clients:
            self._clients[key] = row.client(self._node, outlet)
        return self._clients[key]

    async def _answer(self, row: Service, outlet: str, request):
        answer: Future = Future()

        def send():
            sent = self._client(row, outlet).call_async(request)
            sent.add_done_callback(done)
            return sent

        def done(future) -> None:
            if answer.set_running_or_notify_cancel():  # else the page gave up
                answer.set_result(future.result())

        sent = await self._in_ros(send)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(answer), self._settings.service_timeout)
        except asyncio.TimeoutError:
            self._mailbox.post(lambda: self._client(row, outlet).remove_pending_request(sent))
            raise

    def _title(self, outlet: str) -> str:
        view = self.model.outlet(outlet, self.now())
        return view.title if view else outlet

    async def _told(self, row: Service, outlet: str, request, who: str, done: str) -> Answer:
        response = await self._call(row, outlet, request, who)
        if isinstance(response, Answer):
            return response
        return Answer(True, done) if response.success else Answer(False, f'{who}: {response.message or "refused"}')

    async def correct(self, outlet: str, type: str, model: str, undo: bool = False) -> Answer:
        done = 'The last correction is taken back.' if undo else \
            f'{self._title(outlet)} is a {words.plain(type)}: learnt.' if type else 'The name is forgotten.'
        return await self._told(CORRECT_IDENTITY, '', srv.CorrectIdentity.Request(
            outlet=outlet, type=type, model=model, undo=undo), 'Identification', done)

    async def reset_trip(self, outlet: str) -> Answer:
        return await self._told(RESET_TRIP, outlet, srv.ResetTrip.Request(sender=SENDER), self._title(outlet),
                                'The trip is reset.')

    async def set_priority(self, outlet: str, priority: str, rank: int | None = None) -> Answer:
        if PRIORITIES.get(priority, 0) == 0:
            return Answer(False, f'{priority} is not a priority.')
        if rank is None:
            view = self.model.outlet(outlet, self.now())
            rank = view.state.rank if view and view.state else 0
        return await self._told(SET_PRIORITY, outlet, srv.SetPriority.Request(
            priority=PRIORITIES[priority], rank=rank), self._title(outlet), f'Priority: {words.PRIORITIES[priority]}.')

    async def capture(self, outlet: str) -> Answer:
        response = await self._call(CAPTURE_WAVEFORM, outlet, srv.CaptureWaveform.Request(), self._title(outlet))
        if isinstance(response, Answer):
            return response
        if not response.success:
            return Answer(False, f'{self._title(outlet)}: {response.message or "no window"}')
        try:
            self.model.put(value_of(response.waveform), self.now())
        except ValueError as error:
            return Answer(False, f'{self._title(outlet)} sent a window that cannot be shown: {error}')
        return Answer(True, 'A new window.')

    async def outage(self, duration: float) -> Answer:
        request = srv.ScriptOutage.Request(restore=duration == 0.0, duration=float(duration), residual=0.0,
                                           kind=srv.ScriptOutage.Request.KIND_BLACKOUT)
        return await self._told(SCRIPT_OUTAGE, '', request, 'The simulation', 'The grid is restored.' if request.restore
                                else f'The grid fails for {words.span(duration)}.')

    async def costs(self, start: float) -> values.Costs | Answer:
        response = await self._call(GET_COSTS, '', srv.GetCosts.Request(start=to_msg(start)), 'The store')
        if isinstance(response, Answer):
            return response
        if not response.success:
            return Answer(False, f'The store: {response.message or "no costs"}')
        return values.Costs(start, response.currency, tuple(
            values.Cost(one.outlet, one.energy_kwh, one.cost, one.priced) for one in response.outlets))

    async def history(self, outlet: str, quantity: str, span: float) -> values.History | Answer:
        now = self.now()
        response = await self._call(GET_HISTORY, '', srv.GetHistory.Request(
            outlet=outlet, quantity=quantity, start=to_msg(now - span), end=to_msg(now), step=span / POINTS),
            'The store')
        if isinstance(response, Answer):
            return response
        try:
            return history_of(outlet, quantity, response)
        except ValueError as error:
            return Answer(False, f'The store: {error}')
