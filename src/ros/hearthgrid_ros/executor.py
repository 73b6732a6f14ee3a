"""A single-threaded executor whose cost does not grow with what is idle.

rclpy's own gathers every entity of every node, enters each handle, allocates a wait set and wraps each callback in a
task, at every wake-up: 24 outlets in one process cost most of a core that way (`hearthgrid bench executor`). This one
keeps the wait set and the handles until an entity is made or destroyed, calls plain callbacks directly, and takes all
that is queued on a ready subscription at once. Coroutines, actions and other waitables go through rclpy's own path.
"""

import inspect
from contextlib import ExitStack
from functools import lru_cache, partial

from rclpy.exceptions import InvalidHandle, TimerCancelledError
from rclpy.executors import (
    ConditionReachedException,
    Executor,
    ExternalShutdownException,
    ShutdownException,
    TimeoutException,
)
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.subscription import Subscription
from rclpy.task import Task
from rclpy.timer import TimerInfo
from rclpy.waitable import NumberOfEntities

BURST = 64  # messages taken from one subscription before others have their turn
POLL = 0.02  # between looks at a waiting coroutine [s]


@lru_cache(maxsize=4096)
def _timer_info_argument(callback) -> str | None:
    for parameter in inspect.signature(callback).parameters.values():
        if parameter.annotation is TimerInfo:
            return parameter.name
    return None


class LeanExecutor(Executor):
    """Runs callbacks in the thread that calls `spin`; see the module for how it differs from SingleThreadedExecutor."""

    def __init__(self, *, context=None) -> None:
        self._stale = True
        self._handles = ExitStack()
        super().__init__(context=context)

    def add_node(self, node) -> bool:
        self._stale = True
        return super().add_node(node)

    def remove_node(self, node) -> None:
        self._stale = True
        super().remove_node(node)

    def wake(self) -> None:
        self._stale = True  # nodes call this when an entity comes or goes
        super().wake()

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        self._release()
        return super().shutdown(timeout_sec)

    def spin_once(self, timeout_sec: float | None = None) -> None:
        self._spin_once_impl(timeout_sec)

    def _spin_once_until_future_complete(self, future, timeout_sec=None) -> None:
        self._spin_once_impl(timeout_sec, future.done)

    def spin_once_until_future_complete(self, future, timeout_sec=None) -> None:
        future.add_done_callback(lambda _: self.wake())
        self._spin_once_impl(timeout_sec, future.done)

    def _spin_once_impl(self, timeout_sec=None, wait_condition=lambda: False) -> None:
        try:
            self._turn(getattr(timeout_sec, 'timeout', timeout_sec), wait_condition)
        except (ShutdownException, TimeoutException, ConditionReachedException):
            pass

    def _release(self) -> None:
        self._handles.close()
        self._handles = ExitStack()
        self._rows: list[tuple] = []
        self._stale = True

    def _gather(self) -> None:
        """Collect what can be waited on, enter its handles, and size the wait set."""
        self._release()
        self._stale = False
        self._entities: dict[str, dict[int, tuple]] = {
            kind: {} for kind in ('timer', 'subscription', 'guard_condition', 'client', 'service')
        }
        self._waitables, count = [], NumberOfEntities(0, 0, 0, 0, 0)
        for node in self.get_nodes():
            for kind, entities, action in (
                ('timer', node.timers, self._timer),
                ('service', node.services, None),
                ('subscription', node.subscriptions, self._subscription),
                ('client', node.clients, None),
                ('guard_condition', node.guards, None),
            ):
                for entity in entities:
                    self._add(kind, entity, node, action)
            for waitable in node.waitables:
                try:
                    self._handles.enter_context(waitable)
                except InvalidHandle:
                    continue
                self._waitables.append((waitable, node))
                count += waitable.get_num_entities()
        for guard in filter(None, (self._guard, self._sigint_gc)):
            self._add('guard_condition', guard, None, None)
        self._handles.enter_context(self._context.handle)
        number = {kind: len(found) for kind, found in self._entities.items()}
        self._wait_set = _rclpy.WaitSet(
            number['subscription'] + count.num_subscriptions,
            number['guard_condition'] + count.num_guard_conditions,
            number['timer'] + count.num_timers,
            number['client'] + count.num_clients,
            number['service'] + count.num_services,
            count.num_events,
            self._context.handle,
        )
        add = {kind: getattr(self._wait_set, f'add_{kind}') for kind in number}
        self._rows = [(add[kind], entity.handle) for kind, found in self._entities.items()
                      for entity, _, _ in found.values()]

    def _add(self, kind, entity, node, action) -> None:
        try:
            self._handles.enter_context(entity.handle)
        except InvalidHandle:
            return
        plain = action is not None and entity.callback is not None and not inspect.iscoroutinefunction(entity.callback)
        call = partial(action, entity) if plain else None
        self._entities[kind][entity.handle.pointer] = (entity, node, call)

    def _fill(self) -> None:
        self._wait_set.clear_entities()
        for add, handle in self._rows:
            add(handle)
        for waitable, _ in self._waitables:
            waitable.add_to_wait_set(self._wait_set)

    def _turn(self, timeout, condition) -> None:
        """Wait once and run all that became ready."""
        if self._is_shutdown:
            raise ShutdownException()
        if not self._context.ok():
            raise ExternalShutdownException()
        if condition():
            raise ConditionReachedException()
        if self._run_tasks():  # rclpy's coroutines do not say what they wait for: look again soon
            timeout = POLL if timeout is None or timeout < 0 else min(timeout, POLL)
        if self._stale:
            self._gather()
        self._fill()
        self._wait_set.wait(-1 if timeout is None or timeout < 0 else int(timeout * 1e9))
        if self._is_shutdown:
            raise ShutdownException()
        if not self._context.ok():
            raise ExternalShutdownException()
        ready_waitables = [(w, n) for w, n in self._waitables if w.is_ready(self._wait_set)]
        for kind, found in self._entities.items():
            for pointer in self._wait_set.get_ready_entities(kind):
                row = found.get(pointer)
                if row is None or row[1] is None:
                    continue  # a waitable's own entity, or this executor's guards
                entity, node, call = row
                if call is not None:
                    call()
                else:
                    self._run(entity, node, getattr(self, f'_take_{kind}'))
                if self._is_shutdown:
                    raise ShutdownException()
        for waitable, node in ready_waitables:
            self._run(waitable, node, self._take_waitable)

    def _timer(self, timer) -> None:
        try:
            if not timer.handle.is_timer_ready():
                return
            info = timer.handle.call_timer_with_info()
        except (InvalidHandle, TimerCancelledError):
            return
        name = _timer_info_argument(timer.callback)
        if name is None:
            timer.callback()
        else:
            timer.callback(
                **{
                    name: TimerInfo(
                        expected_call_time=info['expected_call_time'],
                        actual_call_time=info['actual_call_time'],
                        clock_type=timer.clock.clock_type,
                    )
                }
            )

    def _subscription(self, subscription) -> None:
        only_message = subscription._callback_type is Subscription.CallbackType.MessageOnly
        for _ in range(BURST):
            try:
                taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
            except InvalidHandle:
                return
            if taken is None:
                return
            subscription.callback(*(taken[:1] if only_message else taken))

    def _run(self, entity, node, take) -> None:
        """Run one entity through rclpy's own handler, which knows coroutines and callback groups."""
        if not self.can_execute(entity) or not entity.callback_group.can_execute(entity):
            return
        if entity in getattr(node, 'guards', ()):
            entity._executor_triggered = True
        self._step(self._make_handler(entity, node, take))

    def _step(self, task: Task) -> None:
        task()
        if task.done() and task.exception() is not None:
            raise task.exception()

    def _run_tasks(self) -> bool:
        """Give every waiting coroutine a turn; return whether any is left."""
        with self._tasks_lock:
            tasks = list(self._tasks)
        for task, _, _ in tasks:
            if not task.executing() and not task.done():
                self._step(task)
        with self._tasks_lock:
            self._tasks = [row for row in self._tasks if not row[0].done() and not row[0].cancelled()]
            return bool(self._tasks)
