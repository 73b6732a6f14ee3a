"""Deferrable jobs given from the page or the interface: goals of the outlets' action, and taking them back."""
import asyncio

from rclpy.action import ActionClient

from hearthgrid_ros.interfaces import RUN_JOB
from hearthgrid_ros.time import to_msg
from hub_nodes.dashboard import values
from hub_nodes.dashboard.backend import Answer
from hub_nodes.dashboard.mailbox import POLL, Caller, Ended

KEPT = 256  # goals that can be taken back
TRIES = 3   # of what was refused, in a home with keys: an action does not say why


class Jobs:
    """Goals of `run_job`. One client an outlet, made when its first job is given."""

    def __init__(self, node, caller: Caller) -> None:
        self._node, self._caller = node, caller
        self._clients: dict[str, ActionClient] = {}
        self._given: dict[tuple[str, str], object] = {}

    def _client(self, outlet: str) -> ActionClient:
        if outlet not in self._clients:
            self._clients[outlet] = ActionClient(self._node, RUN_JOB.type, RUN_JOB.of(self._node, outlet))
        return self._clients[outlet]

    async def run(self, outlet: str, title: str, job: values.JobWish) -> Answer:
        """Give a job; the answer's `id` is the job's."""
        goal = RUN_JOB.type.Goal(id=job.id, energy_kwh=job.energy_kwh, deadline=to_msg(job.deadline), power=job.power,
                                 interruptible=job.interruptible)
        try:
            if not await self._caller.found(lambda: self._client(outlet).server_is_ready()
                                            and self._caller.permits.heard(RUN_JOB, outlet)):
                return Answer(False, f'{title} takes no jobs, or is not there.', 'absent')
            for _ in range(TRIES if self._caller.permits.needed else 1):
                handle = await self._caller.result(lambda: self._send(outlet, goal))
                if handle.accepted:
                    break
                await asyncio.sleep(POLL)  # perhaps its permit came after it
        except (Ended, asyncio.TimeoutError):
            return Answer(False, f'{title} did not answer.', 'absent')
        if not handle.accepted:
            return Answer(False, f'{title} does not take this job.', 'refused')
        self._given[outlet, job.id] = handle
        while len(self._given) > KEPT:
            del self._given[next(iter(self._given))]
        return Answer(True, f'{title} holds the job; the plan chooses when.', id=job.id)

    def _send(self, outlet: str, goal):
        self._caller.permits.permit(RUN_JOB, goal, outlet)
        return self._client(outlet).send_goal_async(goal)

    def _cancel(self, outlet: str, handle):
        self._caller.permits.permit_cancel(RUN_JOB, handle.goal_id, outlet)
        return handle.cancel_goal_async()

    async def cancel(self, outlet: str, title: str, id: str) -> Answer:
        """Take a job back that was given here since this node began."""
        handle = self._given.get((outlet, id))
        if handle is None:
            return Answer(False, f'{title}: no job {id} was given from here since this page\'s node began.', 'unknown')
        try:
            for _ in range(TRIES if self._caller.permits.needed else 1):
                answer = await self._caller.result(lambda: self._cancel(outlet, handle))
                if answer.goals_canceling:
                    break
                await asyncio.sleep(POLL)
        except (Ended, asyncio.TimeoutError):
            return Answer(False, f'{title} did not answer.', 'absent')
        if not answer.goals_canceling:
            return Answer(False, f'{title}: the job is over already.', 'refused')
        self._given.pop((outlet, id), None)
        return Answer(True, 'The job is taken back.')
