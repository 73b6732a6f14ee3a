"""All of the interface, put into the application of the page."""
import re
from collections.abc import Callable

from fastapi import Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from hub_nodes.dashboard import status
from hub_nodes.dashboard.api import control, export, manage, read, reference
from hub_nodes.dashboard.api.caller import add_problems, errors, needs, only_known
from hub_nodes.dashboard.api.metrics import add_metrics
from hub_nodes.dashboard.api.schemas import Health, Status
from hub_nodes.dashboard.api.stream import add_stream
from hub_nodes.dashboard.backend import Backend
from hub_nodes.dashboard.door import problem
from hub_nodes.dashboard.permitted import Permitted

ROOT = '/api/v1'
ABOUT = ('What the pages of a Hearthgrid home show and do. SI units, energy in kWh, times in seconds since the epoch; '
         'null is not known (or, of a cap, none). Errors are problem JSON (RFC 9457). Say who you are with a token: '
         'Authorization: Bearer hg_…; scopes are read, control, admin. A WebSocket at /api/v1/stream tells changes; '
         '/metrics is for Prometheus.')


def add_api(app: FastAPI, home_for: Callable[..., Permitted], home: Callable[[], Backend]) -> None:
    """Add everything under /api and /metrics."""
    Home = needs('read', home_for)  # noqa: N806
    strict = [Depends(only_known)]
    for part in (read, export, control, manage):
        app.include_router(part.router(home_for), prefix=ROOT, dependencies=strict)
    add_stream(app, home_for, f'{ROOT}/stream')
    add_metrics(app, home_for)
    add_problems(app)

    @app.get('/api/status', tags=['read'], responses=errors(), dependencies=strict)
    def _status(home: Home) -> Status:
        """Everything the overview shows, as /api/v1/status."""
        return status.status(home.model, home.now())

    @app.get('/api/health', tags=['read'], responses=errors(), dependencies=strict)
    def _health() -> Health:
        """Whether the page is alive and the home is heard; needs no login."""
        return status.health(home().model, home().now())

    @app.get('/api/docs', include_in_schema=False)
    def _docs() -> HTMLResponse:
        return HTMLResponse(reference.page(app.openapi()))

    app.router.routes.append(Route('/api/{rest:path}', Nothing(app)))

    def described() -> dict:
        if app.openapi_schema is None:
            app.openapi_schema = get_openapi(title='Hearthgrid', version='1', description=ABOUT, routes=app.routes)
            _own_errors(app.openapi_schema)
        return app.openapi_schema
    app.openapi = described


class Nothing:
    """Answers, to any method, what no route of the interface takes."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope['path']
        allowed = ', '.join(_methods(self._app.openapi(), path))
        made = problem(405, 'Method Not Allowed', f'{path} takes {allowed}', allow=allowed) if allowed else \
            problem(404, 'Not Found', f'{path} does not exist')
        await made(scope, receive, send)


def _methods(schema: dict, path: str) -> list[str]:
    """Return the methods the description knows of a path."""
    return sorted({method.upper() for known, methods in schema['paths'].items() for method in methods
                   if re.fullmatch(re.sub(r'\\{[^}]*\\}', '[^/]+', re.escape(known)), path)})


def _own_errors(schema: dict) -> None:
    """Leave only problem JSON as what errors are, in place of the framework's own form of them."""
    for methods in schema['paths'].values():
        for about in methods.values():
            for code, answer in about['responses'].items():
                if not code.startswith('2'):
                    answer['content'] = {'application/problem+json': {'schema': {
                        '$ref': '#/components/schemas/Problem'}}}
    for name in ('HTTPValidationError', 'ValidationError'):
        schema['components']['schemas'].pop(name, None)
