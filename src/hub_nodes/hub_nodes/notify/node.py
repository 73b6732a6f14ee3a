"""The notify node: callbacks store what happened; one timer decides, hands over, and keeps."""
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone, tzinfo
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from rclpy.task import Future as Answer

from hearthgrid_core.notify import ChannelRules, Entry, News, Notifier, Severity
from hearthgrid_core.settings import check_bounds, setting
from hearthgrid_msgs import msg, srv
from hearthgrid_ros import home
from hearthgrid_ros.health import ERROR, OK, WARN
from hearthgrid_ros.interfaces import ACKNOWLEDGE, ANOMALIES, GRID_LIMIT, ISLAND, JOBS, TEST_NOTIFICATION
from hearthgrid_ros.node import HomeNode, run
from hearthgrid_ros.params import home_file, keys_file, state_dir
from hub_nodes.notify import events, words
from hub_nodes.notify.mailbox import Attempt, Mailbox
from hub_nodes.notify.post import FILE, Addresses
from hub_nodes.state_file import StateFile

PERIOD = 0.25  # of the timer [s]
SAVE_PERIOD = 1.0  # between writes at least [s]
NEWS = 1024  # between two looks
HANGS = 30.0  # an attempt under way for longer is worth a word [s]
TEST_WAIT = 20.0  # for the outcome of a test [s]
WORDS = 200  # of an answer [byte]


@dataclass(frozen=True)
class NotifySettings:
    """How messages are delivered; channels and their rules are in the home file."""

    home_file: str = home_file()
    state_dir: str = state_dir()
    keys_file: str = keys_file()
    retry_first: float = setting(5.0, 's', 0.01, 3600.0, 'Wait after a delivery that failed; doubled each time.')
    retry_max: float = setting(900.0, 's', 0.01, 86400.0, 'Longest wait between two tries.')
    pending_max: int = setting(200, '', 1, 1000, 'Undelivered entries kept for a channel, over restarts too.')
    outage_severity: str = setting('critical', '', None, None, 'How much an outage of the grid matters.',
                                   ('info', 'warning', 'critical'))

    def __post_init__(self) -> None:
        check_bounds(self)
        if self.retry_max < self.retry_first:
            raise ValueError('retry_max must not lie below retry_first')


class _Test:
    """One message of trial a channel, asked by a person who waits for the answer."""

    def __init__(self, now: float, attempts: dict[str, Attempt | str], answer: Answer) -> None:
        self._started, self._attempts, self.answer = now, attempts, answer

    def settle(self, now: float) -> bool:
        """Answer when all is known or it takes too long; return whether it is answered."""
        late = not 0.0 <= now - self._started < TEST_WAIT
        outcome = {}
        for name, attempt in self._attempts.items():
            if isinstance(attempt, str):
                outcome[name] = attempt
            elif attempt.done:
                outcome[name] = attempt.trouble
            elif late:
                outcome[name] = f'no answer within {TEST_WAIT:.0f} s'
        if len(outcome) < len(self._attempts):
            return False
        self.answer.set_result(outcome)
        return True


class NotifyNode(HomeNode):
    """Anomalies, outages, limits and ended jobs in; messages to the channels of people out."""

    settings_class = NotifySettings

    def __init__(self, **options) -> None:
        super().__init__('notify', **options)
        settings = self.settings
        described = home.load(settings.home_file) if settings.home_file else None
        section = described.notify if described else None
        self._zone: tzinfo = ZoneInfo(described.timezone) if described else timezone.utc
        self._titles = {outlet.id: outlet.title for outlet in described.outlets} if described else {}
        rules = [_rules(channel) for channel in section.channels] if section else []
        self._addresses = Addresses(_address_file(settings, section))
        self._notifier = Notifier(rules)
        self._boxes = {rule.name: Mailbox(rule.name, settings.retry_first, settings.retry_max, settings.pending_max)
                       for rule in rules}
        self._news: OrderedDict[tuple[str, bool], News] = OrderedDict()
        self._grid, self._limit = events.GridWatch(Severity[settings.outage_severity.upper()]), events.LimitWatch()
        self._tests: list[_Test] = []
        self._refused, self._reason, self._lost = 0, '', 0
        self._file = StateFile(settings.state_dir, 'notify')
        self._writer = ThreadPoolExecutor(1, thread_name_prefix='notify-write')
        self._writing: Future | None = None
        self._changed, self._saved_at = False, self.now()
        self._remember()
        ANOMALIES.subscription(self, self._on_anomaly)
        ISLAND.subscription(self, self._on_island)
        GRID_LIMIT.subscription(self, self._limit.receive)
        JOBS.subscription(self, self._on_job)
        ACKNOWLEDGE.server(self, self._on_acknowledge, self.calls)
        TEST_NOTIFICATION.server(self, self._on_test, self.calls)
        self._timer = self.create_timer(PERIOD, self._step)
        self.health.before_report(self._report)
        self._report()

    def make_safe(self) -> None:
        self._timer.cancel()
        self._step()
        self._settle_write(wait=True)
        self._save()
        self._writer.shutdown(wait=True)
        self._settle_write(wait=True)

    def _remember(self) -> None:
        try:
            kept = self._file.load()
            if kept:
                self._notifier.restore(kept.get('notifier', {}))
                for name, box in self._boxes.items():
                    box.restore(kept.get('pending', {}).get(name, []))
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            reason = words.plain(str(error))
            self.get_logger().error(f'{reason}; {self._file.put_aside(self.now())}; what stands may be told again')
        self._limit.resume(self._notifier.standing)
        if self._file.keeps or not self.settings.state_dir:
            self.health.check('state', OK, 'kept' if self._file.keeps else 'no state_dir: nothing outlives the process')
        else:
            self.health.check('state', WARN, 'nothing is kept: a file that cannot be used is in the way')

    # What comes in.

    def _on_anomaly(self, message: msg.Anomaly) -> None:
        try:
            self._put(events.anomaly(message, self.now(), self._titles))
        except ValueError as error:
            self._refused, self._reason = self._refused + 1, words.plain(str(error))

    def _on_island(self, message: msg.IslandMode) -> None:
        self._put(self._grid.step(message, self.now()))

    def _on_job(self, message: msg.Job) -> None:
        self._put(events.job(message, self.now(), self._titles))

    def _put(self, news: News | None) -> None:
        if news is None:
            return
        self._news.pop((news.id, news.over), None)
        self._news[news.id, news.over] = news
        while len(self._news) > NEWS:
            least = min(self._news, key=lambda key: self._news[key].severity)
            del self._news[least]
            self._lost += 1

    def _on_acknowledge(self, request: srv.Acknowledge.Request, response: srv.Acknowledge.Response):
        self._decide(self.now())  # what it is about may have come this moment
        response.success = self._notifier.acknowledge(request.id)
        who, what = words.plain(request.sender) or 'somebody', words.plain(request.id)
        if response.success:
            for box in self._boxes.values():
                box.withdraw(request.id)
            self._changed = True
            self.get_logger().info(f'{what} is acknowledged by {who}')
        response.message = _short('nobody will be told again' if response.success else f'nothing called {what} stands')
        return response

    async def _on_test(self, request: srv.TestNotification.Request, response: srv.TestNotification.Response):
        chosen = [name for name in self._boxes if request.channel in ('', name)]
        if not chosen or self._tests:
            known = ', '.join(self._boxes) or 'none'
            response.message = _short('a test is under way' if chosen else f'no such channel; there are: {known}')
            return response
        entry = Entry('test', Severity.INFO, 'Test', 'this channel works', self.now())
        calls = {name: self._call(name, (entry,)) for name in chosen}
        test = _Test(self.now(), {name: call if isinstance(call, str) else Attempt(name, call)
                                  for name, call in calls.items()}, Answer())
        self._tests.append(test)
        outcome = await test.answer
        response.success = not any(outcome.values())
        response.message = _short('; '.join(f'{name}: {trouble or "delivered"}' for name, trouble in outcome.items()))
        return response

    # What goes out.

    def _step(self) -> None:
        now = self.now()
        for one in self._limit.step(now):
            self._put(one)
        self._decide(now)
        for name, box in self._boxes.items():
            self._changed |= box.step(now, partial(self._call, name))
        self._tests = [test for test in self._tests if not test.settle(now)]
        self._settle_write()
        if self._changed and self._writing is None and not 0.0 <= now - self._saved_at < SAVE_PERIOD:
            self._save()

    def _decide(self, now: float) -> None:
        news, self._news = list(self._news.values()), OrderedDict()
        local = datetime.fromtimestamp(now, self._zone)
        messages = self._notifier.step(now, 60 * local.hour + local.minute, news)
        for message in messages:
            self._boxes[message.channel].add(message.entries)
        self._changed |= bool(news or messages)

    def _call(self, name: str, entries: tuple[Entry, ...]):
        """Return the call that delivers entries on a channel, or why there is none."""
        address = self._addresses.of(name)
        if isinstance(address, str):
            return address
        return partial(address.post, words.title(entries), words.body(entries, self._zone), words.severity(entries))

    def _save(self) -> None:
        self._saved_at, self._changed = self.now(), False
        if self._file.keeps:
            state = {'notifier': self._notifier.state(),
                     'pending': {name: box.state() for name, box in self._boxes.items()}}
            self._writing = self._writer.submit(self._file.save, state)

    def _settle_write(self, wait: bool = False) -> None:
        if self._writing is None or not (wait or self._writing.done()):
            return
        writing, self._writing = self._writing, None
        try:
            writing.result()
            self.health.check('state', OK, 'kept')
        except OSError as error:
            self._changed = True
            self.health.check('state', WARN, f'cannot be written: {error.strerror}')

    def _report(self) -> None:
        now = self.now()
        self._addresses.refresh()
        standing = self._notifier.standing
        self.health.check('input', *((WARN, self._reason) if self._refused else (OK, 'all can be used')),
                          refused=self._refused, lost=self._lost)
        self.health.check('channels', *self._channels_health(), standing=len(standing),
                          acknowledged=sum(standing.values()), given_up=self._notifier.given_up)
        for name, box in self._boxes.items():
            address = self._addresses.of(name)
            if isinstance(address, str):
                level, text = ERROR, address
            elif box.sending(now) > HANGS:
                level, text = WARN, f'a delivery is under way for {box.sending(now):.0f} s'
            elif box.failures:
                level, text = WARN, f'{box.trouble}; tried {box.failures} times'
            else:
                level, text = OK, 'works' if box.sent else 'nothing to tell yet'
            self.health.check(f'channel {name}', level, text, sent=box.sent, waiting=len(box), given_up=box.given_up)

    def _channels_health(self) -> tuple[bytes, str]:
        if not self._boxes:
            return WARN, 'nobody is told of anything: the home file has no section `notify`'
        if self._addresses.trouble:
            return WARN, self._addresses.trouble
        return OK, f'{len(self._boxes)} channels'


def _rules(channel: home.NotifyChannel) -> ChannelRules:
    quiet = (home.minutes(channel.quiet.start), home.minutes(channel.quiet.end)) if channel.quiet else (0, 0)
    return ChannelRules(channel.name, Severity[channel.severity.upper()], *quiet, channel.group_time,
                        channel.repeat_time, channel.hourly, channel.burst)


def _address_file(settings: NotifySettings, section: home.Notify | None) -> Path | None:
    if section is not None and section.addresses:
        return Path(settings.home_file).parent / section.addresses
    return Path(settings.state_dir) / FILE if settings.state_dir else None


def _short(text: str) -> str:
    return text.encode()[:WORDS].decode(errors='ignore')


def main() -> int:
    """Run the node."""
    return run(NotifyNode)


if __name__ == '__main__':
    raise SystemExit(main())
