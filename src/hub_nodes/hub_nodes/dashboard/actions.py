"""What a page asks of the home, carried into ROS: requests in the person's voice, and services of others."""
import asyncio
import math
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hearthgrid_msgs import msg, srv
from hearthgrid_ros.calls import Permits
from hearthgrid_ros.counter import Counter
from hearthgrid_ros.interfaces import (
    ACKNOWLEDGE,
    CAPTURE_WAVEFORM,
    CORRECT_IDENTITY,
    GET_COSTS,
    GET_HISTORY,
    GET_SCHEDULE,
    REQUEST,
    RESET_TRIP,
    SCRIPT_OUTAGE,
    SET_PRIORITY,
    SET_SCHEDULE,
    TEST_NOTIFICATION,
)
from hearthgrid_ros.time import to_msg
from hub_nodes.dashboard import values, words
from hub_nodes.dashboard.backend import Answer
from hub_nodes.dashboard.convert import history_of, schedule_of, value_of
from hub_nodes.dashboard.convert import words as enumeration
from hub_nodes.dashboard.home_addresses import AddressBook
from hub_nodes.dashboard.home_edit import HomeEditor
from hub_nodes.dashboard.jobs import Jobs
from hub_nodes.dashboard.mailbox import Caller, Ended
from hub_nodes.dashboard.model import HomeModel
from hub_nodes.dashboard.reports import Reports
from hub_nodes.dashboard.settings import DashboardSettings
from hub_nodes.dashboard.what_if import Asker

SENDER = 'dashboard'
RESTART = 'restart'  # a file in the state folder: whoever supervises starts the home again
POINTS = 500   # of a history chart
# least and most power [W], as Request.msg has them: anything above 0 at least is on, NaN asks nothing
BANDS = {'on': (1.0, math.inf), 'off': (0.0, 0.0), 'auto': (0.0, math.nan), 'limit': (0.0, math.inf)}
PRIORITIES = {word: number for number, word in enumeration(msg.OutletState, 'CLASS_').items()}
ENDING = 'The dashboard is ending, or has too much to do. Nothing was changed.'


class Actions:
    """The `Backend` on top of a ROS node. It may all; `permitted.Permitted` says who may what of it."""

    def __init__(self, node, model: HomeModel, settings: DashboardSettings,
                 facts: tuple[tuple[str, str], ...] = ()) -> None:
        self.model, self.page_rate, self.facts = model, settings.page_rate, facts
        self._node, self._settings = node, settings
        self._counter = Counter(settings.state_dir, 'dashboard')
        self._keys = node.keys
        self._caller = Caller(node, settings.service_timeout, Permits(node, self._keys, SENDER, self._counter.next,
                                                                     node.now))
        self._jobs = Jobs(node, self._caller)
        source = settings.home_source or settings.home_file
        addresses = AddressBook(settings.state_dir, settings.home_file)
        self.editor = HomeEditor(source, settings.home_file, addresses=addresses) if source else None
        self.restartable = bool(os.environ.get('HEARTHGRID_SUPERVISOR') and settings.state_dir)
        self._reports = Reports(settings.state_dir, settings.home_file)
        self._what_if = Asker(model, settings.home_file, self.now)
        self._publishers: dict[str, object] = {}
        self._simulated = False

    def now(self) -> float:
        return self._node.now()

    def may(self, scope: str) -> bool:
        return True

    def simulated(self) -> bool:
        return self._simulated

    def look(self) -> None:
        """See who is there. Called in the node's thread."""
        self._simulated = self._caller.client(SCRIPT_OUTAGE).service_is_ready()

    def post(self, function: Callable[[], None]) -> None:
        """Have `function` called in the node's thread, soon."""
        self._caller.post(function)

    def close(self) -> None:
        """Answer everything still asked with the end of the node."""
        self._caller.close()
        if self.editor is not None:
            self.editor.catalogue.close()

    async def ask(self, outlet: str, wish: str, power_max: float = math.inf, lifetime: float = 0.0) -> Answer:
        view = self.model.outlet(outlet, self.now())
        if view is None or wish not in BANDS:
            return Answer(False, f'No outlet is called {outlet}.' if view is None else f'{wish} is not a wish.',
                          'unknown')
        try:
            if not await self._caller.found(lambda: self._publisher(outlet).get_subscription_count() > 0):
                return Answer(False, f'{view.title} does not listen. Nothing was changed.', 'absent')
            asked = await self._caller.in_ros(lambda: self._publish(outlet, wish, power_max, lifetime))
        except (Ended, asyncio.TimeoutError):
            return Answer(False, ENDING, 'absent')
        if wish == 'auto':
            return Answer(True, f'{view.title} is back to automatic.')
        most = f', at most {words.power(power_max)},' if power_max < math.inf and wish != 'off' else ''
        do = 'be on' if wish == 'on' else 'be off' if wish == 'off' else 'keep its limit'
        return Answer(True, f'Asked {view.title} to {do}{most} until {words.clock(asked.expiry, asked.stamp)}.')

    def _publisher(self, outlet: str):
        if outlet not in self._publishers:
            self._publishers[outlet] = REQUEST.publisher_to(self._node, outlet)
        return self._publishers[outlet]

    def _publish(self, outlet: str, wish: str, power_max: float, lifetime: float) -> values.Request:
        now = self.now()
        low, high = BANDS[wish]
        high = high if wish in ('off', 'auto') else power_max
        asked = values.Request(outlet, wish, now, now + (lifetime or self._settings.request_lifetime))
        self._publisher(outlet).publish(self._keys.sign(outlet, msg.Request(
            stamp=to_msg(now), expiry=to_msg(asked.expiry), voice=msg.Request.VOICE_PERSON, epoch=0,
            counter=self._counter.next(), power_min=min(low, high) if high == high else low, power_max=high,
            sender=SENDER, reason='withdrawn on the page' if wish == 'auto' else
            'limited on the page' if wish == 'limit' else f'switched {wish} on the page'), now))
        self.model.put(asked, now)
        return asked

    def _title(self, outlet: str) -> str:
        view = self.model.outlet(outlet, self.now())
        return view.title if view else outlet

    async def correct(self, outlet: str, type: str, model: str, undo: bool = False) -> Answer:
        done = 'The last correction is taken back.' if undo else \
            f'{self._title(outlet)} is a {words.plain(type)}: learnt.' if type else 'The name is forgotten.'
        return await self._caller.told(CORRECT_IDENTITY, '', srv.CorrectIdentity.Request(
            outlet=outlet, type=type, model=model, undo=undo), 'Identification', done)

    async def reset_trip(self, outlet: str) -> Answer:
        return await self._caller.told(RESET_TRIP, outlet, srv.ResetTrip.Request(sender=SENDER), self._title(outlet),
                                       'The trip is reset.')

    async def set_priority(self, outlet: str, priority: str, rank: int | None = None) -> Answer:
        if PRIORITIES.get(priority, 0) == 0:
            return Answer(False, f'{priority} is not a priority.', 'unknown')
        if rank is None:
            view = self.model.outlet(outlet, self.now())
            rank = view.state.rank if view and view.state else 0
        return await self._caller.told(SET_PRIORITY, outlet, srv.SetPriority.Request(
            priority=PRIORITIES[priority], rank=rank), self._title(outlet), f'Priority: {words.PRIORITIES[priority]}.')

    async def schedule(self, outlet: str) -> values.Schedule | Answer:
        response = await self._caller.call(GET_SCHEDULE, outlet, srv.GetSchedule.Request(), self._title(outlet))
        if isinstance(response, Answer):
            return response
        if not response.success:
            return Answer(False, f'{self._title(outlet)}: {response.message or "no schedule"}', 'refused')
        return schedule_of(outlet, response)

    async def set_schedule(self, outlet: str, entries: tuple[values.ScheduleEntry, ...]) -> Answer:
        rows = [msg.ScheduleEntry(days=one.days, start_minute=one.start_minute, end_minute=one.end_minute, on=one.on,
                                  power_max=one.power_max) for one in entries]
        return await self._caller.told(SET_SCHEDULE, outlet, srv.SetSchedule.Request(entries=rows),
                                       self._title(outlet), 'The schedule is kept.')

    async def run_job(self, outlet: str, job: values.JobWish) -> Answer:
        return await self._jobs.run(outlet, self._title(outlet), job)

    async def cancel_job(self, outlet: str, id: str) -> Answer:
        return await self._jobs.cancel(outlet, self._title(outlet), id)

    async def move_job(self, outlet: str, id: str, deadline: float) -> Answer:
        held = next((job for job in self.model.jobs() if (job.outlet, job.id) == (outlet, id)), None)
        if held is None or held.status not in values.PENDING:
            return Answer(False, f'{self._title(outlet)} holds no such job any more.', 'unknown')
        if deadline <= self.now():
            return Answer(False, 'That deadline has passed.', 'refused')
        answer = await self._jobs.run(outlet, self._title(outlet), values.JobWish(
            id, held.energy_kwh, deadline, held.power, held.interruptible))
        return replace(answer, text=f'{self._title(outlet)}: done by {words.clock(deadline, self.now())}.') \
            if answer.ok else answer

    async def what_if(self, change: values.Change) -> values.Comparison | Answer:
        return await self._what_if.ask(change)

    async def start_again(self) -> Answer:
        if not self.restartable:
            return Answer(False, 'Nothing here can start the home again; restart its service.', 'absent')
        try:
            (Path(self._settings.state_dir) / RESTART).touch()
        except OSError as error:
            return Answer(False, f'The state folder cannot be written: {error.strerror}', 'absent')
        return Answer(True, 'The home starts again. This page comes back by itself.')

    async def report(self, month: str, kind: str) -> bytes | Answer:
        return await self._reports.make(month, kind)

    async def acknowledge(self, id: str, sender: str = SENDER) -> Answer:
        answer = await self._caller.told(ACKNOWLEDGE, '', srv.Acknowledge.Request(id=id, sender=sender),
                                         'Notification', 'Seen: nobody is told of it again.')
        if answer.ok:
            self.model.see(id, sender)
        return answer

    async def test_notification(self, channel: str = '') -> Answer:
        return await self._caller.told(TEST_NOTIFICATION, '', srv.TestNotification.Request(channel=channel),
                                       'Notification', 'The test message is sent.')

    async def capture(self, outlet: str) -> Answer:
        response = await self._caller.call(CAPTURE_WAVEFORM, outlet, srv.CaptureWaveform.Request(),
                                           self._title(outlet))
        if isinstance(response, Answer):
            return response
        if not response.success:
            return Answer(False, f'{self._title(outlet)}: {response.message or "no window"}', 'refused')
        try:
            self.model.put(value_of(response.waveform), self.now())
        except ValueError as error:
            return Answer(False, f'{self._title(outlet)} sent a window that cannot be shown: {error}', 'refused')
        return Answer(True, 'A new window.')

    async def outage(self, duration: float) -> Answer:
        request = srv.ScriptOutage.Request(restore=duration == 0.0, duration=float(duration), residual=0.0,
                                           kind=srv.ScriptOutage.Request.KIND_BLACKOUT)
        return await self._caller.told(
            SCRIPT_OUTAGE, '', request, 'The simulation',
            'The grid is restored.' if request.restore else f'The grid fails for {words.span(duration)}.')

    async def costs(self, start: float, end: float = 0.0) -> values.Costs | Answer:
        response = await self._caller.call(GET_COSTS, '', srv.GetCosts.Request(
            start=to_msg(start), end=to_msg(end)), 'The store')
        if isinstance(response, Answer):
            return response
        if not response.success:
            return Answer(False, f'The store: {response.message or "no costs"}', 'refused')
        return values.Costs(start, response.currency, tuple(
            values.Cost(one.outlet, one.energy_kwh, one.cost, one.priced) for one in response.outlets))

    async def history(self, outlet: str, quantity: str, span: float) -> values.History | Answer:
        now = self.now()
        return await self.history_between(outlet, quantity, now - span, now, span / POINTS)

    async def history_between(self, outlet: str, quantity: str, start: float, end: float,
                              step: float) -> values.History | Answer:
        response = await self._caller.call(GET_HISTORY, '', srv.GetHistory.Request(
            outlet=outlet, quantity=quantity, start=to_msg(start), end=to_msg(end), step=step), 'The store')
        if isinstance(response, Answer):
            return response
        try:
            return history_of(outlet, quantity, response)
        except ValueError as error:
            return Answer(False, f'The store: {error}', 'refused')
