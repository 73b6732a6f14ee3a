"""A home without ROS behind the dashboard's site, for tests of who may do what: it notes every wish and does none."""
import math
import time

from argon2 import PasswordHasher

from hub_nodes.dashboard import values
from hub_nodes.dashboard.access import Access
from hub_nodes.dashboard.audit import AuditLog
from hub_nodes.dashboard.backend import Answer
from hub_nodes.dashboard.door import Door
from hub_nodes.dashboard.model import HomeModel
from hub_nodes.dashboard.routes import site
from hub_nodes.dashboard.server import Gate
from hub_nodes.dashboard.sessions import Sessions
from hub_nodes.dashboard.tokens import Tokens
from hub_nodes.dashboard.users import Users
from hub_nodes.dashboard.views import Place

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # the tests log in often
PASSWORD = 'correct horse battery'
WISHES = ('ask', 'correct', 'reset_trip', 'set_priority', 'set_schedule', 'run_job', 'cancel_job', 'move_job',
          'acknowledge', 'start_again', 'test_notification', 'outage', 'capture')


class FakeBackend:
    """A `Backend` of one kettle. `asked` lists the wishes; `answer` is what each one gets."""

    page_rate, facts = 10.0, (('Name', 'home'),)

    editor, restartable = None, False

    def __init__(self) -> None:
        self.model = HomeModel([Place('kettle', 'Kettle', 'Kitchen')], batteries={'battery': 10.0, 'garage': 5.0})
        self.asked: list[tuple] = []
        self.answer = Answer(True, 'Done.', id='made-1')
        now = self.now()
        for value in (
            values.Reading('kettle', now, 1234.0, 'grid', 1, voltage=230.0, energy_kwh=2.0),
            values.Reading('garage', now, -300.0, 'grid', 1), values.Battery(now, charge=0.5),
            values.State('kettle', now, relay='closed', power_max=math.inf),
            values.Identity('kettle', now, state='known', type='kettle', probability=0.9),
            values.Anomaly('a1', now, 'kettle', 'power', 'warning', 'raised'),
            values.Plan(now, now, 900.0, now + 900, 'optimal', devices=(values.DevicePlan('kettle', (1.0,), 'why'),)),
            values.Prices(now, now, 3600.0, 'EUR', (0.3,), (0.08,)),
            values.Weather(now, now, 3600.0, (9.0,)),
            values.Forecast('load', 'home', now, now, 900.0, 'fake', (1.0,), (0.5,), (2.0,)),
            values.Island('kettle', now, 'grid', members=('kettle',)),
            values.Job(now, 'kettle', 'job-1', 'waiting', 1.0, 0.0, 1000.0, now + 3600),
        ):
            self.model.put(value, now)

    def now(self) -> float:
        return time.time()

    def may(self, scope: str) -> bool:
        return True

    def simulated(self) -> bool:
        return True

    async def schedule(self, outlet):
        return values.Schedule(outlet, (values.ScheduleEntry(31, 60, 120, True),))

    async def report(self, month, kind):
        return f'{month} {kind}'.encode()

    async def what_if(self, change):
        self.asked.append(('what_if', change))
        both = [values.Outcome(cost, 9.0, 1.0, 3000.0, 24.0, 'optimal', ('why',)) for cost in (2.0, 1.5)]
        return values.Comparison('EUR', *both)

    async def costs(self, start, end=0.0):
        return values.Costs(start, 'EUR', (values.Cost('kettle', 1.0, 0.3, 1.0),))

    async def history(self, outlet, quantity, span):
        return await self.history_between(outlet, quantity, self.now() - span, self.now(), span / 100)

    async def history_between(self, outlet, quantity, start, end, step):
        self.asked.append(('history', outlet, quantity, start, end, step))
        first = math.floor(start / step)  # the store's steps begin at whole multiples
        at = tuple(i * step for i in range(first, math.ceil(end / step)))[:2000]
        return values.History(outlet, quantity, 'W', at, *(tuple(float(i) if i else math.nan for i in range(len(at)))
                                                           for _ in range(3)))


def _wish(name: str):
    async def wish(self, *given, **more) -> Answer:
        self.asked.append((name, *given, *more.values()))
        return self.answer
    return wish


for _name in WISHES:
    setattr(FakeBackend, _name, _wish(_name))


def access(folder, **more) -> Access:
    """Return who may come to a home whose state lies in `folder`."""
    folder = str(folder)
    return Access(Users(folder, CHEAP), Tokens(folder), Sessions(folder, 3600.0), AuditLog(folder), **more)


def application(backend: FakeBackend, who: Access):
    """Return what the web server serves: gate, door and site."""
    return Gate(Door(site(backend, who), who), who.remote)
