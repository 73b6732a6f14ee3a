"""Who asks through the interface, what they may, how often; and errors as problem JSON."""
import math
from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import Response

from hub_nodes.dashboard.api.schemas import Done, Problem
from hub_nodes.dashboard.backend import Answer
from hub_nodes.dashboard.door import WHO, problem
from hub_nodes.dashboard.permitted import Permitted

TITLES = {400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found', 405: 'Method Not Allowed',
          409: 'Conflict', 413: 'Content Too Large', 422: 'Unprocessable Content', 429: 'Too Many Requests',
          503: 'Service Unavailable'}
STATUS = {'refused': 409, 'absent': 503, 'unknown': 404, 'forbidden': 403}
ERRORS_MAX = 10
bearer = HTTPBearer(auto_error=False, description='A token: `hearthgrid token add NAME --scope read|control|admin`')


def errors(*codes: int) -> dict:
    """Return the `responses` of a route that may answer these errors besides those every one may."""
    return {code: {'model': Problem, 'description': TITLES[code], 'content': {'application/problem+json': {
        'schema': {'$ref': '#/components/schemas/Problem'}}}} for code in sorted({400, 401, 403, 422, 429, *codes})}


def needs(scope: str, home_for: Callable[..., Permitted]) -> object:
    """Return the parameter annotation that gives a route the home as its caller may use it, who needs `scope`."""
    def caller(request: Request, _: Annotated[object, Security(bearer)] = None) -> Permitted:
        home = home_for(request.scope[WHO])  # the door lets nobody else as far as here
        wait = home.access.wait(home.who)
        if wait > 0:
            raise HTTPException(429, 'too many questions', {'retry-after': str(math.ceil(wait))})
        if not home.may(scope):
            home.note(f'{request.method} {request.url.path}'[:48], '', False, f'needs {scope}')
            raise HTTPException(403, f'this needs {scope}; {home.who.name} may {home.who.scope}')
        return home
    return Annotated[Permitted, Depends(caller)]


def only_known(request: Request) -> None:
    """Raise 422 for a query parameter the route does not know, or one given twice: it would mean nothing."""
    known = {param.alias for param in request.scope['route'].dependant.query_params}
    if more := sorted(set(request.query_params) - known):
        raise HTTPException(422, f'no query parameter is called {", ".join(map(repr, more))[:200]}')
    if len(request.query_params.multi_items()) > len(request.query_params):
        raise HTTPException(422, 'a query parameter is given twice')


def done(answer: Answer) -> Done:
    """Return what was done, or raise what an Answer says was not."""
    if not answer.ok:
        raise HTTPException(STATUS.get(answer.why, 409), answer.text)
    return Done(text=answer.text, id=answer.id)


def found(value):
    """Return a value of the home, or raise what an Answer in its place says."""
    if isinstance(value, Answer):
        raise HTTPException(STATUS.get(value.why, 409), value.text)
    return value


def known(home: Permitted, outlet: str):
    """Return the view of an outlet, or raise 404."""
    view = home.model.outlet(outlet, home.now())
    if view is None:
        raise HTTPException(404, f'no outlet is called {outlet}')
    return view


def add_problems(app: FastAPI) -> None:
    """Have every error of the interface be problem JSON; pages keep theirs."""
    @app.exception_handler(StarletteHTTPException)
    def _error(request: Request, error: StarletteHTTPException) -> Response:
        made = problem(error.status_code, TITLES.get(error.status_code, 'Error'), str(error.detail or ''))
        made.headers.update(error.headers or {})
        return made

    @app.exception_handler(RequestValidationError)
    def _invalid(request: Request, error: RequestValidationError) -> Response:
        said = [f'{".".join(map(str, one["loc"]))}: {one["msg"]}' for one in error.errors()[:ERRORS_MAX]]
        return problem(422, TITLES[422], '; '.join(said)[:1000])


