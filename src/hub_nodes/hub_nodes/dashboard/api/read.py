"""Questions: scope read."""
import math
from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path, Query

from hub_nodes.dashboard import status, values, when
from hub_nodes.dashboard.api import schemas
from hub_nodes.dashboard.api.caller import errors, found, known, needs
from hub_nodes.dashboard.permitted import Permitted

OutletId = Annotated[str, Path(min_length=1, max_length=32, pattern=r'^[A-Za-z0-9_]+$', description='of an outlet')]
SourceId = Annotated[str, Path(min_length=1, max_length=32, pattern=r'^[A-Za-z0-9_]+$',
                               description='of an outlet, or grid, pv, battery, or the name of a further battery')]
Quantity = Literal['active_power', 'reactive_power', 'apparent_power', 'power_factor', 'voltage', 'current',
                   'frequency', 'energy_kwh', 'voltage_thd', 'current_thd', 'temperature']
TIME_MAX = 4e9  # [s]
Time = Annotated[float | None, Query(ge=0, le=TIME_MAX, allow_inf_nan=False)]
Step = Annotated[float | None, Query(ge=1, le=2_678_400, allow_inf_nan=False)]
POINTS_MAX, POINTS = 2000, 500
DAY = 86_400.0


def router(home_for: Callable[..., Permitted]) -> APIRouter:
    """Return the routes."""
    made = APIRouter(tags=['read'])
    Home = needs('read', home_for)  # noqa: N806

    @made.get('/me', responses=errors())
    def me(home: Home) -> schemas.Me:
        """Who asks, and what they may."""
        return schemas.Me(name=home.who.name, scope=home.who.scope)

    @made.get('/status', responses=errors())
    def whole(home: Home) -> schemas.Status:
        """Everything the overview shows."""
        return status.status(home.model, home.now())

    @made.get('/outlets', responses=errors())
    def outlets(home: Home) -> list[schemas.Outlet]:
        """All outlets: state, reading, identity, what was asked."""
        return [status.outlet(view) for view in home.model.outlets(home.now())]

    @made.get('/outlets/{outlet}', responses=errors(404))
    def outlet(home: Home, outlet: OutletId) -> schemas.Outlet:
        """One outlet."""
        return status.outlet(known(home, outlet))

    @made.get('/outlets/{outlet}/schedule', responses=errors(404, 409, 503))
    async def schedule(home: Home, outlet: OutletId) -> schemas.Schedule:
        """The weekly schedule the outlet keeps."""
        known(home, outlet)
        return _plain(found(await home.schedule(outlet)))

    @made.get('/history/{source}', responses=errors(404, 409, 503))
    async def history(home: Home, source: SourceId, quantity: Quantity = 'active_power', start: Time = None,
                      end: Time = None, step: Step = None) -> schemas.History:
        """A quantity over time: mean, least and most of each step. Default: the last day in 500 steps."""
        start, end, step = span(home, source, start, end, step, POINTS_MAX)
        return _plain(found(await home.history_between(source, quantity, start, end, step)))

    @made.get('/jobs', responses=errors())
    def jobs(home: Home) -> list[schemas.Job]:
        """Deferrable jobs the outlets hold or held, the next deadline first."""
        return [_plain(job) for job in home.model.jobs()]

    @made.get('/plan', responses=errors(404))
    def plan(home: Home) -> schemas.Plan:
        """The schedule of the home; 404 while there is none."""
        return _latest(home, values.Plan, 'plan')

    @made.post('/plan/what-if', responses=errors(409, 503))
    async def what_if(home: Home, wish: schemas.ChangeWish) -> schemas.Comparison:
        """What the plan comes to, as things are and changed. One question at a time; nothing is switched."""
        return _plain(found(await home.what_if(values.Change(**wish.model_dump()))))

    @made.get('/prices', responses=errors(404))
    def prices(home: Home) -> schemas.Prices:
        """Energy prices ahead; 404 while none are known."""
        return _latest(home, values.Prices, 'prices')

    @made.get('/weather', responses=errors(404))
    def weather(home: Home) -> schemas.Weather:
        """Weather ahead; 404 while none is known."""
        return _latest(home, values.Weather, 'weather')

    @made.get('/forecasts', responses=errors())
    def forecasts(home: Home) -> list[schemas.Forecast]:
        """What is expected, with its spread."""
        return [_plain(forecast) for forecast in home.model.forecasts()]

    @made.get('/anomalies', responses=errors())
    def anomalies(home: Home) -> schemas.Notices:
        """What a person should know."""
        raised, cleared = home.model.anomalies()
        return {'raised': [_plain(one) for one in raised], 'cleared': [_plain(one) for one in cleared]}

    @made.get('/island', responses=errors())
    def island(home: Home) -> schemas.Standing:
        """Where the home stands, and what each member of the micro-grid says."""
        return {'home': _plain(home.model.home_state(home.now())),
                'members': [_plain(one) for one in home.model.members()]}

    @made.get('/costs', responses=errors(409, 503))
    async def costs(home: Home, start: Time = None, end: Time = None) -> schemas.Costs:
        """What each outlet used and cost from `start` to `end` (0: now). Default: since the month began."""
        start = when.month_start(home.now()) if start is None else start
        return _plain(found(await home.costs(start, end or 0.0)))

    return made


def span(home: Permitted, source: str, start: float | None, end: float | None, step: float | None,
         points_max: int) -> tuple[float, float, float]:
    """Return start, end and step [s] of a question about the past, or raise 404 or 422."""
    if source not in home.model.sources:
        known(home, source)
    end = home.now() if end is None else end
    start = max(0.0, end - DAY) if start is None else start
    if not start < end:
        raise HTTPException(422, f'start {start:.0f} s is not before end {end:.0f} s')
    step = max(1.0, (end - start) / POINTS) if step is None else step
    if (end - start) / step > points_max:
        raise HTTPException(422, f'{math.ceil((end - start) / step)} steps are more than {points_max}')
    return start, end, step


def _latest(home: Permitted, kind: type, what: str) -> dict:
    value = home.model.latest(kind)
    if value is None:
        raise HTTPException(404, f'no {what} yet')
    return _plain(value)


def _plain(value) -> dict:
    return status.as_plain(value)
