"""The action `run_job`: goals in, feedback and results out. Nothing waits: each cycle looks at the goals."""
from collections.abc import Callable
from functools import partial

from rclpy.action import ActionServer, CancelResponse, GoalResponse

from hearthgrid_core.outlet import Job, JobBook, Status
from hearthgrid_msgs.action import RunJob
from hearthgrid_ros.calls import CANCEL, body
from hearthgrid_ros.interfaces import RUN_JOB
from hearthgrid_ros.time import to_msg, to_seconds

FEEDBACK_PERIOD = 2.0   # [s]
RESULT_KEPT = 900       # after the end [s]


class JobServer:
    """Gives goals to a JobBook and tells their askers how they fare."""

    def __init__(self, node, book: JobBook, outlet: str, accepts: Callable[[], str], added: Callable[[], None]) -> None:
        """accepts : returns why no goal is taken now, '' = goals are.     added : called when the book has changed."""
        self._node, self._book, self._outlet, self._accepts, self._added = node, book, outlet, accepts, added
        self._goals: list = []
        self._feedback_at = 0.0
        self._server = ActionServer(
            node, RUN_JOB.type, RUN_JOB.resolve(node), self._never, goal_callback=self._goal,
            handle_accepted_callback=self._goals.append, cancel_callback=self._cancel, result_timeout=RESULT_KEPT)

    def follow(self, now: float, job: Job | None, reason: str = '') -> None:
        """Tell all askers where the job stands, and why the outlet is on or off (`reason`, as on the wire)."""
        if not self._goals or job is None:
            return
        if job.status.ended:
            goals, self._goals[:] = list(self._goals), []
            for goal in goals:
                goal.execute(partial(self._finish, job, now))
        elif not 0.0 <= now - self._feedback_at < FEEDBACK_PERIOD:
            self._feedback_at = now
            begins = now if job.status is Status.RUNNING else max(now, self._book.latest_start())
            feedback = RunJob.Feedback(status=job.status, delivered_kwh=job.delivered_kwh, progress=job.progress,
                                       expected_finish=to_msg(begins + job.remaining_time), reason=reason)
            for goal in self._goals:
                goal.publish_feedback(feedback)

    def destroy(self) -> None:
        """Take the action away; the job stays in the book."""
        self._server.destroy()

    def _goal(self, asked: RunJob.Goal) -> GoalResponse:
        now = self._node.now()
        if refusal := self._node.calls.refuse(RUN_JOB.resolve(self._node), body(asked)):
            self._node.get_logger().warning(f'job {asked.id} is refused: {refusal}')
            return GoalResponse.REJECT
        id = asked.id or f'{self._outlet[:30]}-{now:.0f}'
        held = self._book.job
        if held is not None and held.id == asked.id and (not held.status.ended or _done(held, asked)):
            return self._again(now, held, to_seconds(asked.deadline))
        self.follow(now, held)  # before another job takes its place, the askers of one that ended hear of it
        try:
            if refusal := self._accepts():
                raise ValueError(refusal)
            self._book.add(now, Job(id, asked.energy_kwh, to_seconds(asked.deadline), asked.power, asked.interruptible))
        except ValueError as error:
            self._node.get_logger().warning(f'job {id} is refused: {error}')
            return GoalResponse.REJECT
        self._added()
        return GoalResponse.ACCEPT

    def _again(self, now: float, held: Job, deadline: float) -> GoalResponse:
        """Take a job that is held already, asked perhaps after a restart; another deadline moves it."""
        if not held.status.ended and abs(held.deadline - deadline) >= 1e-3:
            try:
                self._book.move(now, deadline)
            except ValueError as error:
                self._node.get_logger().warning(f'job {held.id} keeps its deadline: {error}')
                return GoalResponse.REJECT
            self._added()
        return GoalResponse.ACCEPT

    def _cancel(self, goal) -> CancelResponse:
        if refusal := self._node.calls.refuse(RUN_JOB.resolve(self._node) + CANCEL, bytes(goal.goal_id.uuid)):
            self._node.get_logger().warning(f'a job is not cancelled: {refusal}')
            return CancelResponse.REJECT
        if self._book.cancel() is None:
            return CancelResponse.REJECT
        self._added()
        return CancelResponse.ACCEPT

    def _finish(self, job: Job, now: float, goal) -> RunJob.Result:
        words = {Status.DONE: 'done', Status.CANCELLED: 'cancelled',
                 Status.MISSED: f'the deadline passed at {job.progress:.0%}'}[job.status]
        if goal.is_cancel_requested:
            goal.canceled()
        elif job.status is Status.DONE:
            goal.succeed()
        else:
            goal.abort()
        return RunJob.Result(status=job.status, delivered_kwh=job.delivered_kwh, finished=to_msg(now), message=words)

    @staticmethod
    def _never(goal):
        raise AssertionError('goals are ended by follow()')


def _done(job: Job, asked: RunJob.Goal) -> bool:
    """Return whether a job is what is asked for and done already: whoever asks again must not have it done twice."""
    return (job.status is Status.DONE and job.energy_kwh == asked.energy_kwh
            and abs(job.deadline - to_seconds(asked.deadline)) < 1e-3)
