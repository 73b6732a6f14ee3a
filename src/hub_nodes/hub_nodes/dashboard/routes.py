"""Routes: the pages, `/api/status` and `/api/health`.

NiceGUI knows one site a process, so the home behind it is swapped in.
"""
import zlib
from importlib import resources

from fastapi import FastAPI, HTTPException
from fastapi.staticfiles import StaticFiles
from nicegui import ui

from hub_nodes.dashboard import devices, frame, microgrid, outlet, overview, plan, status
from hub_nodes.dashboard.backend import Backend

ICON = frame.LOGO.replace('<svg ', '<svg xmlns="http://www.w3.org/2000/svg" color="#a8480f" ')
STATIC = '/hearthgrid'

_site: FastAPI | None = None
_backend: Backend | None = None


def site(backend: Backend) -> FastAPI:
    """Return the application that shows `backend`. A later call shows another home at the same application."""
    global _site, _backend
    _backend = backend
    if _site is None:
        _site = _make()
    return _site


def _home() -> Backend:
    assert _backend is not None
    return _backend


def _make() -> FastAPI:
    app = FastAPI(title='Hearthgrid', docs_url=None, redoc_url=None, openapi_url='/api/openapi.json')
    app.mount(STATIC, StaticFiles(packages=[(__package__, 'static')]), name='hearthgrid')

    @app.get('/api/status', summary='Everything the overview shows')
    def _status() -> dict:
        return status.status(_home().model, _home().now())

    @app.get('/api/health', summary='Whether the page is alive and the home is heard')
    def _health() -> dict:
        return status.health(_home().model, _home().now())

    @app.get('/api/{rest:path}', include_in_schema=False)
    def _nothing(rest: str) -> dict:
        raise HTTPException(404, f'/api/{rest} does not exist')

    _pages()
    ui.run_with(app, root=lambda: frame.missing(_home(), 'No such page'), title='Hearthgrid', favicon=ICON, dark=None,
                language='en-US', tailwind=False, binding_refresh_interval=None, show_welcome_message=False,
                reconnect_timeout=10.0, gzip_middleware_factory=None)
    return app


def _pages() -> None:
    static = resources.files(__package__).joinpath('static')
    marks = {name: zlib.crc32(static.joinpath(name).read_bytes()) for name in ('style.css', 'page.js')}
    ui.add_head_html(f'<link rel="stylesheet" href="{STATIC}/style.css?{marks["style.css"]}">'
                     f'<script src="{STATIC}/page.js?{marks["page.js"]}"></script>', shared=True)

    @ui.page('/')
    def _overview() -> None:
        with frame.page(_home(), 'Overview', '/') as clockwork:
            overview.build(_home(), clockwork)

    @ui.page('/plan')
    def _plan() -> None:
        with frame.page(_home(), 'Plan', '/plan') as clockwork:
            plan.build(_home(), clockwork)

    @ui.page('/devices')
    def _devices() -> None:
        with frame.page(_home(), 'Devices', '/devices') as clockwork:
            devices.build(_home(), clockwork)

    @ui.page('/microgrid')
    def _microgrid() -> None:
        with frame.page(_home(), 'Micro-grid', '/microgrid') as clockwork:
            microgrid.build(_home(), clockwork)

    @ui.page('/outlet/{name}')
    def _outlet(name: str) -> None:
        home = _home()
        view = home.model.outlet(name, home.now())
        if view is None:
            frame.missing(home, 'No such outlet')
            return
        with frame.page(home, view.title, '') as clockwork:
            outlet.build(home, clockwork, name)
