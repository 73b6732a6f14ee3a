"""Users, tokens, the audit log, test messages: scope admin."""
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Path, Query

from hub_nodes.dashboard.api import schemas
from hub_nodes.dashboard.api.caller import done, errors, needs
from hub_nodes.dashboard.people import People
from hub_nodes.dashboard.permitted import Permitted

RowName = Annotated[str, Path(min_length=1, max_length=32, pattern=r'^[A-Za-z0-9][A-Za-z0-9._@-]*$')]


def router(home_for: Callable[..., Permitted]) -> APIRouter:
    """Return the routes."""
    made = APIRouter(tags=['admin'])
    Home = needs('admin', home_for)  # noqa: N806
    may_fail = errors(404, 409, 503)

    @made.get('/users', responses=errors())
    def users(home: Home) -> list[schemas.UserRow]:
        """Who may log in at the page."""
        return [schemas.UserRow(name=user.name, role=user.role) for user in home.access.users.list()]

    @made.post('/users', status_code=201, responses=may_fail)
    async def add_user(home: Home, wish: schemas.UserWish) -> schemas.Done:
        """Add a user; the first has to be an admin."""
        return done(await People(home).add_user(wish.name, wish.password, wish.role))

    @made.put('/users/{name}/role', responses=may_fail)
    async def set_role(home: Home, name: RowName, wish: schemas.RoleWish) -> schemas.Done:
        """Change a user's role."""
        return done(await People(home).set_role(name, wish.role))

    @made.delete('/users/{name}', responses=may_fail)
    async def remove_user(home: Home, name: RowName) -> schemas.Done:
        """Remove a user."""
        return done(await People(home).remove_user(name))

    @made.get('/tokens', responses=errors())
    def tokens(home: Home) -> list[schemas.TokenRow]:
        """Which programs may use the interface."""
        return [schemas.TokenRow(name=one.name, scope=one.scope, made=one.made) for one in home.access.tokens.list()]

    @made.post('/tokens', status_code=201, responses=may_fail)
    async def add_token(home: Home, wish: schemas.TokenWish) -> schemas.Done:
        """Make a token; `id` of the answer is its secret, which is not kept."""
        return done(await People(home).add_token(wish.name, wish.scope))

    @made.delete('/tokens/{name}', responses=may_fail)
    async def remove_token(home: Home, name: RowName) -> schemas.Done:
        """Make a token worthless."""
        return done(await People(home).remove_token(name))

    @made.get('/audit', responses=errors())
    def log(home: Home, count: Annotated[int, Query(ge=1, le=500)] = 100) -> list[schemas.Entry]:
        """Who had the home do what, the newest first."""
        return [asdict(entry) for entry in home.access.audit.latest(count)]

    @made.post('/notifications/test', responses=may_fail)
    async def test_message(home: Home, wish: schemas.Channel) -> schemas.Done:
        """Send a test message to the user's channels."""
        return done(await home.test_notification(wish.channel))

    return made
