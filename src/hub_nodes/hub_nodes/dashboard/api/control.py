"""Wishes: scope control."""
import math
import secrets
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path

from hub_nodes.dashboard import values
from hub_nodes.dashboard.api import schemas
from hub_nodes.dashboard.api.caller import done, errors, known, needs
from hub_nodes.dashboard.api.read import OutletId
from hub_nodes.dashboard.permitted import Permitted

JobId = Annotated[str, Path(min_length=1, max_length=48, pattern=r'^[A-Za-z0-9_.-]+$')]
AnomalyId = Annotated[str, Path(min_length=1, max_length=64, pattern=r'^[^/\x00-\x1f\x7f]+$')]


def router(home_for: Callable[..., Permitted]) -> APIRouter:
    """Return the routes."""
    made = APIRouter(tags=['control'])
    Home = needs('control', home_for)  # noqa: N806
    may_fail = errors(404, 409, 503)

    @made.put('/outlets/{outlet}/request', responses=may_fail)
    async def request(home: Home, outlet: OutletId, wish: schemas.Wish) -> schemas.Done:
        """Switch an outlet, cap its power, or take that back."""
        known(home, outlet)
        if wish.wish == 'limit' and wish.power_max is None:
            raise HTTPException(422, 'a limit needs power_max')
        if wish.wish in ('off', 'auto') and wish.power_max is not None:
            raise HTTPException(422, f'power_max means nothing with {wish.wish}')
        return done(await home.ask(outlet, wish.wish, math.inf if wish.power_max is None else wish.power_max,
                                   wish.lifetime or 0.0))

    @made.put('/outlets/{outlet}/schedule', responses=may_fail)
    async def schedule(home: Home, outlet: OutletId, wish: schemas.ScheduleWish) -> schemas.Done:
        """Replace the weekly schedule of an outlet."""
        known(home, outlet)
        return done(await home.set_schedule(outlet, tuple(values.ScheduleEntry(
            rule.days, rule.start_minute, rule.end_minute, rule.on,
            math.inf if rule.power_max is None else rule.power_max) for rule in wish.entries)))

    @made.put('/outlets/{outlet}/priority', responses=may_fail)
    async def priority(home: Home, outlet: OutletId, wish: schemas.PriorityWish) -> schemas.Done:
        """Set the shedding class and rank of an outlet."""
        known(home, outlet)
        return done(await home.set_priority(outlet, wish.priority, wish.rank))

    @made.put('/outlets/{outlet}/label', responses=may_fail)
    async def label(home: Home, outlet: OutletId, wish: schemas.Label) -> schemas.Done:
        """Say what is plugged in; identification learns it."""
        known(home, outlet)
        return done(await home.correct(outlet, wish.type.strip(), wish.model.strip()))

    @made.delete('/outlets/{outlet}/label', responses=may_fail)
    async def unlabel(home: Home, outlet: OutletId) -> schemas.Done:
        """Take the last label back."""
        known(home, outlet)
        return done(await home.correct(outlet, '', '', undo=True))

    @made.delete('/outlets/{outlet}/trip', responses=may_fail)
    async def reset(home: Home, outlet: OutletId) -> schemas.Done:
        """Unlatch a tripped outlet."""
        known(home, outlet)
        return done(await home.reset_trip(outlet))

    @made.post('/outlets/{outlet}/jobs', status_code=201, responses=may_fail)
    async def job(home: Home, outlet: OutletId, wish: schemas.JobWish) -> schemas.Done:
        """Give an outlet a deferrable job; `id` of the answer is the job's."""
        known(home, outlet)
        if wish.deadline <= home.now():
            raise HTTPException(422, 'the deadline has passed')
        return done(await home.run_job(outlet, values.JobWish(
            f'api-{secrets.token_hex(6)}', wish.energy_kwh, wish.deadline, wish.power, wish.interruptible)))

    @made.delete('/outlets/{outlet}/jobs/{id}', responses=may_fail)
    async def cancel(home: Home, outlet: OutletId, id: JobId) -> schemas.Done:
        """Take a job back that was given through the interface since the dashboard began."""
        known(home, outlet)
        return done(await home.cancel_job(outlet, id))

    @made.put('/outlets/{outlet}/jobs/{id}/deadline', responses=may_fail)
    async def move(home: Home, outlet: OutletId, id: JobId, wish: schemas.DeadlineWish) -> schemas.Done:
        """Give a job that is not finished another deadline."""
        known(home, outlet)
        if wish.deadline <= home.now():
            raise HTTPException(422, 'the deadline has passed')
        return done(await home.move_job(outlet, id, wish.deadline))

    @made.put('/anomalies/{id}/acknowledgement', responses=may_fail)
    async def acknowledge(home: Home, id: AnomalyId) -> schemas.Done:
        """Say that a person has seen an anomaly."""
        if id not in {one.id for one in home.model.anomalies()[0]}:
            raise HTTPException(404, 'no such anomaly is raised')
        return done(await home.acknowledge(id))

    @made.post('/simulation/outage', responses=may_fail)
    async def outage(home: Home, wish: schemas.OutageWish) -> schemas.Done:
        """Fail the utility of a simulated home, or restore it."""
        if not home.simulated():
            raise HTTPException(404, 'this home is not simulated')
        return done(await home.outage(wish.duration))

    return made
