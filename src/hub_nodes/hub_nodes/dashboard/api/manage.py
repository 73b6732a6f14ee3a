"""Users, tokens, the audit log, the home file, test messages: scope admin."""
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query

from hub_nodes.dashboard.api import schemas
from hub_nodes.dashboard.api.caller import done, errors, found, needs
from hub_nodes.dashboard.home_edit import mark_of
from hub_nodes.dashboard.home_fields import exists
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

    @made.get('/home', responses=may_fail)
    async def home_form(home: Home) -> schemas.HomeForm:
        """The home file as a form."""
        fields, text = found(await home.home_form())
        return schemas.HomeForm(fields=fields, mark=mark_of(text))

    @made.put('/home', responses=may_fail)
    async def change_home(home: Home, wish: schemas.HomeWish) -> schemas.HomeSaved:
        """Change the home file; 422 says what cannot be, by field, and then nothing was written."""
        fields, text = found(await home.home_form())
        if wish.mark != mark_of(text):
            raise HTTPException(409, 'the file was changed meanwhile by somebody else; read it again')
        if strange := [place for place in wish.fields if not exists(place)]:
            raise HTTPException(404, f'no field is called {strange[0][:64]!r}')
        saved = found(await home.save_home(fields | wish.fields, text))
        if saved.errors:
            raise HTTPException(422, '; '.join(f'{place or "home"}: {words}' for place, words in saved.errors.items()))
        return schemas.HomeSaved(changed=list(saved.changed), backup=saved.backup,
                                 mark=mark_of(found(await home.home_form())[1]))

    @made.post('/home/restart', responses=may_fail)
    async def restart(home: Home) -> schemas.Done:
        """Have the home end and start with its file as it is now; relays stay as they are."""
        return done(await home.start_again())

    return made
